"""`varhouse store verify`: a second reading of a store, which shares no code with the first.

Whatever reads or writes a store for other purposes may be wrong in the same way in both
directions. So this room imports nothing of the package but its errors: it goes by documents
(docs/store-format.md, docs/call-blocks.md, docs/numbers.md, docs/decisions), reads the
Delta log as JSON, tables with pyarrow, and sources with cyvcf2 (decision 0061).
"""
