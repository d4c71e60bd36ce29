"""Packs for archives and surveys, made from the ledger and a store."""
