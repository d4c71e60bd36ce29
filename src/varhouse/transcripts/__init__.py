"""What a transcript is: the compiled gene model, genetic codes, ribosomal slippage."""
