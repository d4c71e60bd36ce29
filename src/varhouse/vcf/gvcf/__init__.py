"""gVCF: whether a file is one, how it is written, what is wrong with its blocks."""
