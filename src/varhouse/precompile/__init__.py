"""All compiled code made at once, in one process: a small ingest and the work on one file."""

from varhouse.precompile.run import precompile

__all__ = ["precompile"]
