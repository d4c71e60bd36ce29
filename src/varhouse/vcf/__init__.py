"""Reading VCF: blocks of text, records as columns, genotypes, and what is wrong."""
