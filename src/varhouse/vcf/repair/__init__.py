"""A repaired copy of a file, and a table of every change."""
