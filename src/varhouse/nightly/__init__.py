"""Nights: deliveries of an inbox are checked, taken in by one ingest, and accounted for."""
