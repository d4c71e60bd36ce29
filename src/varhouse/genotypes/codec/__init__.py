"""FORMAT fields as small blocks of bytes: `writer` makes rows, `blocks` reads them.

A block is some records x up to 1,024 people; a row of the table `fields` is a block of one
field, or of the four that depend on each other (AD, DP, GQ, PL). `docs/call-blocks.md` says
what the bytes are.
"""
