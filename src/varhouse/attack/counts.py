"""Small counts and differences of all tables of a release, region by region."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from varhouse.attack.assumed import Assumed
from varhouse.attack.differencing import difference, rest_of
from varhouse.attack.planned import Readable
from varhouse.attack.smallcells import find_small, with_scope
from varhouse.tables.schema import TABLES

BETWEEN = 50_000
"""Rows of `totals` that are looked at together, cut between alleles."""


def _pieces(store: Readable) -> list[dict[str, Any]]:
    """Cut the store into regions of so many rows of `totals`, between positions."""
    places = store.scan("totals").select("contig", "pos").collect().sort("contig", "pos")
    out = []
    for name, of in places.partition_by("contig", as_dict=True, maintain_order=True).items():
        pos = of["pos"].to_numpy()
        first = 0
        while first < pos.size:
            last = min(first + BETWEEN, pos.size) - 1
            end = int(pos[last])
            out.append({"contig": name[0], "first": int(pos[first]), "last": end})
            first = int(np.searchsorted(pos, end, side="right"))
    return out


def rows_of(store: Readable, region: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Read rows of both tables of counts: all, or of alleles that begin in a region."""
    frames = []
    for table in ("frequencies", "totals"):
        if table not in store.tables:
            frames.append(pl.DataFrame(schema=TABLES[table].polars_schema))
            continue
        if region is None:
            frames.append(store.scan(table).collect())
            continue
        scanned = store.scan(
            table, contig=region["contig"], start=region["first"], end=region["last"]
        )
        inside = pl.col("pos").is_between(region["first"], region["last"])
        frames.append(scanned.filter(inside).collect())
    return with_scope(frames[0], frames[1])


def small_counts(
    store: Readable, assumed: Assumed
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Find small counts, region by region: their number by the way, and examples."""
    k = assumed.k
    if k <= 1 or "totals" not in store.tables:
        return {}, []
    cells: dict[str, int] = {}
    examples: list[dict[str, Any]] = []
    for region in _pieces(store):
        found = find_small(rows_of(store, region), k)
        if assumed.rounding > 1:
            # What is rounded adds up to nothing that is exact.
            found = found.filter(pl.col("how") == "shown")
        for how, n in found.group_by("how").len().rows():
            cells[how] = cells.get(how, 0) + n
        examples += found.head(20).to_dicts()
    return dict(sorted(cells.items())), examples


def changed_counts(
    store: Readable,
    before: Sequence[Readable],
    more_open: Sequence[Readable],
    assumed: Assumed,
) -> dict[str, int]:
    """Difference a release against earlier ones, and against what more open roles see."""
    cells = genotypes = 0
    k = assumed.k if assumed.rounding <= 1 else 0
    if k > 1 and "totals" in store.tables:
        for region in _pieces(store):
            own = rows_of(store, region)
            for other in before:
                found = difference(rows_of(other, region), own, k)
                cells, genotypes = cells + found.cells, genotypes + found.genotypes
            for other in more_open:
                if "totals" in other.tables:
                    rest = rest_of(own, rows_of(other, region))
                    cells += find_small(rest, k).filter(pl.col("how") == "shown").height
    return {"differences": cells, "genotypes": genotypes}
