"""What an allele is: its key, how far it reaches, what becomes of fields when it changes."""
