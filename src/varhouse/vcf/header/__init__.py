"""The header: declared and reserved keys, meta lines, and what these must look like."""
