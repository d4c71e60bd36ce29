"""Under what permits data may be used: the ledger, dated rules, facts, decisions.

This room decides and knows no data: it reads the ledger and rules, is told facts (how many
people, to whom, what), and says what follows. Rooms that join others (`sharing`, `ingest`,
`submission`) gather the facts from a store and carry out what was decided.

Decision support, not legal advice.
"""
