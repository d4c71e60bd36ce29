"""Attacks on what is released, with the power that they have."""
