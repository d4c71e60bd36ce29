"""What a table of the store is, and how its rows are written and hashed."""
