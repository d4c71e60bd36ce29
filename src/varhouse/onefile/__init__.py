"""Work on one file without a store: what stands behind the commands of one file."""
