"""What is wrong with a file: the rules, and an account of what broke them."""
