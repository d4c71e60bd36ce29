"""People: what stored calls say of who they are of, and of how good they are.

From the calls of a store, with no second reading of files: figures of each sample
(`qc`), who is related to whom (`kinship`), ancestry (`ancestry`), and who stands in several
cohorts or centres (`sketch`, `same`). `update` makes the tables of a cohort.
"""
