"""The pass over a file: every rule, one record at a time and across records."""
