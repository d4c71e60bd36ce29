"""What an ingest is asked to do: configuration, sheets, files that are known already."""
