"""The sample columns: FORMAT, typed values, genotypes."""
