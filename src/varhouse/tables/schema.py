"""Every table of the store: columns, types, units, meaning, nullability.

Writers, readers, the documentation and the tests use these declarations; nothing else
says what a table holds. What a declaration consists of: `declaration.py`. The tables stand
in `alleletables.py`, `counttables.py`, `recordtables.py`, `cohorttables.py` and
`peopletables.py`, and are imported from here.
"""

from varhouse.tables.alleletables import (
    CONSEQUENCES,
    CONTIGS,
    GENES,
    IDS,
    TRANSCRIPTS,
    VARIANTS,
    annotation_table,
)
from varhouse.tables.cohorttables import ACCOUNTS, COHORTS, FILES, HELD_BACK, INGESTS, SAMPLES
from varhouse.tables.counttables import (
    CALLABLE,
    CALLABLE_ONCE,
    FREQUENCIES,
    FREQUENCIES_ONCE,
    KITS,
    TOTALS,
)
from varhouse.tables.declaration import (
    BOUNDED,
    KEY,
    KEY_SCHEMA,
    PART,
    SPELT,
    WITHIN,
    Column,
    Encoding,
    Table,
    check_table,
)
from varhouse.tables.peopletables import PEOPLE_TABLES
from varhouse.tables.recordtables import (
    BLOCKS,
    CARRIED,
    FIELDS,
    GENOTYPES,
    LIFTED,
    REJECTS,
    RUNS,
    SITES,
)
from varhouse.tables.statistics import PolarsType

__all__ = [
    "ACCOUNTS",
    "BLOCKS",
    "BOUNDED",
    "CALLABLE",
    "CALLABLE_ONCE",
    "CARRIED",
    "COHORTS",
    "CONSEQUENCES",
    "CONTIGS",
    "FIELDS",
    "FILES",
    "FORMAT_VERSION",
    "FREQUENCIES",
    "FREQUENCIES_ONCE",
    "GENES",
    "GENOTYPES",
    "HELD_BACK",
    "IDS",
    "INGESTS",
    "KEY",
    "KEY_SCHEMA",
    "KITS",
    "LIFTED",
    "PART",
    "PEOPLE_TABLES",
    "REJECTS",
    "RUNS",
    "SAMPLES",
    "SITES",
    "SPELT",
    "TABLES",
    "TOTALS",
    "TRANSCRIPTS",
    "VARIANTS",
    "WITHIN",
    "Column",
    "Encoding",
    "PolarsType",
    "Table",
    "annotation_table",
    "check_table",
]

FORMAT_VERSION = 5
"""Raised when a store written before can no longer be read as it is."""

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        VARIANTS, IDS, GENES, TRANSCRIPTS, CONTIGS, CONSEQUENCES, FREQUENCIES, TOTALS,
        CALLABLE, SITES, BLOCKS, LIFTED, GENOTYPES, FIELDS, RUNS, CARRIED, KITS, COHORTS,
        SAMPLES, FILES, HELD_BACK, REJECTS, INGESTS, ACCOUNTS, *PEOPLE_TABLES,
        FREQUENCIES_ONCE, CALLABLE_ONCE,
    )
}  # fmt: skip
