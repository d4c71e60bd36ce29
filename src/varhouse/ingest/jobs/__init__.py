"""The jobs of an ingest: one module for each, which reads files and writes files."""
