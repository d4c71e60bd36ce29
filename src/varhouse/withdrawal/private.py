"""How many alleles a store has of some people of a cohort alone."""

from collections.abc import Collection

import polars as pl

from varhouse.query.groups import GroupCounter
from varhouse.query.people import People
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY


def count_private(store: Store, cohort: str, people: Collection[str]) -> int:
    """Count the alleles that the store would not have without them, by the copies it counts.

    Copies that lie outside of a person's capture kit are in no count, and not here.

    Parameters
    ----------
    people
        Sample ids of the cohort.
    """
    if "frequencies" not in store.tables:
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
        # An allele that another cohort has stays, be it that nobody there is called with it.
        all_of = store.scan("frequencies", contig=contig, start=low, end=high)
        all_of = all_of.filter(pl.col("stratum_by") == "all").join(
            mine.lazy().select(KEY), on=KEY, how="semi"
        )
        held = all_of.group_by(KEY).agg(all_ac=pl.col("ac").sum(), cohorts=pl.len())
        both = mine.join(held.collect(engine="streaming"), on=KEY)
        alone = (pl.col("ac") == pl.col("all_ac")) & (pl.col("cohorts") == 1)
        found += both.filter(alone).height
    return found
