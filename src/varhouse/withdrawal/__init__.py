"""People who leave: files without them, and the store as it would be had they never come."""
