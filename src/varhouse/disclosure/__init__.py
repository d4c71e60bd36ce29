"""Small counts: which numbers of a table of counts may be shown, so that none tells of few.

Arrays and frames in, frames out: this room knows no store.
"""
