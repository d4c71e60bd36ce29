"""The assembly: contig names, bases of the reference, and which assembly a file is of."""
