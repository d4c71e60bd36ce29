"""How many alleles of a store only some people of a cohort are called with."""

from collections.abc import Collection

import polars as pl

from varhouse.query.groups import GroupCounter
from varhouse.query.people import People
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY


def count_private(store: Store, cohort: str, people: Collection[str]) -> int:
    """Count the alleles that only these people are called with, by copies that are counted.

    Copies that lie outside of a person's capture kit are in no count, and not here.

    Parameters
    ----------
    people
        Sample ids of the cohort.
    """
    if "totals" not in store.tables:
        return 0
    rows = store.scan("samples", cohort=cohort).filter(pl.col("sample").is_in(list(people)))
    rows = rows.select("cohort", "ordinal", "sample", "sex").sort("ordinal")
    counter = GroupCounter(store, People(rows.collect()), ["ac"])
    found = 0
    for piece in counter.frames(Selection()):
        mine = piece.filter(pl.col("ac") > 0).select(*KEY, "ac")
        if mine.is_empty():
            continue
        low, high = mine["pos"].min(), mine["pos"].max()
        contig = str(mine["contig"][0])
        all_of = store.scan("totals", contig=contig, start=low, end=high)
        all_of = all_of.filter(pl.col("stratum_by") == "all").select(*KEY, all_ac="ac")
        both = mine.lazy().join(all_of, on=KEY, how="left").collect(engine="streaming")
        found += both.filter(pl.col("ac") == pl.col("all_ac")).height
    return found
