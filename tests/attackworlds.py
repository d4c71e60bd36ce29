"""People with genotypes, and rows of counts of them, for attacks on what is shown."""

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from varhouse.attack.smallcells import with_scope
from varhouse.tables.schema import KEY, TABLES
from varhouse.tables.statistics import made_of

COLUMNS = ("sex", "province")


def make_people(
    rng: np.random.Generator, sizes: dict[str, int], alleles: int, rare: float = 0.5
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Draw people (cohort, sex, province), genotypes (people x alleles, -1 missing), and p."""
    rows = [
        {
            "cohort": cohort, "sex": str(rng.choice(["female", "male"])),
            "province": str(rng.choice(["11", "33", "44"], p=[0.5, 0.4, 0.1])),
        }
        for cohort, n in sizes.items()
        for _ in range(n)
    ]  # fmt: skip
    n = len(rows)
    is_rare = rng.random(alleles) < rare
    p = np.where(is_rare, np.exp(rng.uniform(np.log(0.5 / n), np.log(0.5 / n) + 2.5, alleles)),
                 rng.uniform(0.05, 0.98, alleles))  # fmt: skip
    p = np.minimum(p, 0.98)
    genotypes = rng.binomial(2, p, (n, alleles)).astype(np.int64)
    genotypes[rng.random((n, alleles)) < 0.01] = -1
    return pl.DataFrame(rows), genotypes, p


def count(
    people: pl.DataFrame,
    genotypes: np.ndarray,
    good: np.ndarray | None = None,
    columns: tuple[str, ...] = COLUMNS,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count frequencies and totals by columns and by all of them, as an ingest does.

    `good` says which calls are of high quality; None: there are no fields that say so.
    """
    groups: list[tuple[dict[str, str], np.ndarray]] = []
    cohorts = people["cohort"].to_numpy()
    kinds = [(), *((c,) for c in columns), *combinations(columns, 2)]
    for kind in kinds:
        by = "+".join(kind) or "all"
        values = (
            people.select(pl.concat_str(kind, separator="+")).to_series().to_numpy()
            if kind
            else np.full(people.height, "all")
        )
        for value in np.unique(values):
            cell = {"stratum_by": by, "stratum": str(value)}
            groups.append((cell, values == value))
            for cohort in np.unique(cohorts):
                mine = (values == value) & (cohorts == cohort)
                if mine.any():
                    groups.append(({**cell, "cohort": str(cohort)}, mine))
    rows = []
    for cell, mine in groups:
        own = _rows(cell, genotypes[mine])
        if good is not None:
            calls = np.where(good[mine], genotypes[mine], -1)
            own = [a | _adj(b) for a, b in zip(own, _rows(cell, calls), strict=True)]
        rows += own
    frame = pl.DataFrame(rows, infer_schema_length=None)
    out = []
    for name in ("frequencies", "totals"):
        table = TABLES[name]
        own = frame.filter(pl.col("cohort").is_null() == (name == "totals"))
        base = own.with_columns(part=pl.lit("p")).with_columns(
            pl.lit(None).cast(t).alias(n)
            for n, t in table.polars_schema.items()
            if n not in own.columns and n != "part"
        )
        typed = base.select(pl.col(n).cast(t) for n, t in table.polars_schema.items())
        made = {n: e for n, e in made_of(name).items() if good is not None or "adj" not in n}
        out.append(typed.with_columns(**made))
    return out[0], out[1]


def _rows(cell: dict[str, str], calls: np.ndarray) -> list[dict[str, Any]]:
    called = calls >= 0
    n = calls.shape[0]
    table = {
        "ac": np.where(called, calls, 0).sum(axis=0), "an": 2 * called.sum(axis=0),
        "an_written": 2 * called.sum(axis=0), "n_het": (calls == 1).sum(axis=0),
        "n_hom_alt": (calls == 2).sum(axis=0), "n_missing": (~called).sum(axis=0),
    }  # fmt: skip
    zero = dict.fromkeys(
        ("n_hemi", "n_not_diploid", "n_het_not_diploid", "n_hom_alt_not_diploid"), 0
    )
    return [
        {
            "contig": "chr1", "pos": 100 * i + 100, "ref": "A", "alt": "T", "extent": "",
            "cohort": None, **cell, **{c: int(v[i]) for c, v in table.items()}, **zero,
            "n_samples": n, "n_cohorts": 1 if "cohort" not in cell else None,
        }
        for i in range(calls.shape[1])
    ]  # fmt: skip


def _adj(row: dict[str, Any]) -> dict[str, Any]:
    names = ("ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples")
    return {f"{n}_adj": row[n] for n in names}


class Frames:
    """Tables of counts in memory, read as a release is."""

    def __init__(self, frequencies: pl.DataFrame, totals: pl.DataFrame) -> None:
        self._tables = {"frequencies": frequencies, "totals": totals}

    @property
    def tables(self) -> list[str]:
        return sorted(n for n, t in self._tables.items() if t.height)

    def scan(self, table: str, **filters: Any) -> pl.LazyFrame:
        rows = self._tables[table].lazy()
        if "contig" in filters:
            inside = pl.col("pos").is_between(filters["start"], filters["end"])
            rows = rows.filter(pl.col("contig") == filters["contig"]).filter(inside)
        return rows


def attacked(frequencies: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Lay what is shown under one another, as an attacker reads it."""
    return with_scope(frequencies, totals)


__all__ = ["COLUMNS", "KEY", "attacked", "count", "make_people"]
