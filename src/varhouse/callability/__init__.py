"""What a gVCF says of every base: states of people, their runs, and counts of them."""
