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
    p = np.where(is_rare, np.exp(rng.uniform(np.log(0.5 / n), np.log(0.5 / n) + 3, alleles)),
                 rng.uniform(0.05, 0.98, alleles))  # fmt: skip
    genotypes = rng.binomial(2, p, (n, alleles)).astype(np.int64)
    genotypes[rng.random((n, alleles)) < 0.01] = -1
    return pl.DataFrame(rows), genotypes, p


def count(people: pl.DataFrame, genotypes: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count frequencies and totals by sex, province and both, as an ingest does."""
    groups: list[tuple[dict[str, str], np.ndarray]] = []
    cohorts = people["cohort"].to_numpy()
    kinds = [(), *((c,) for c in COLUMNS), *combinations(COLUMNS, 2)]
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
    rows = [row for cell, mine in groups for row in _rows(cell, genotypes[mine])]
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
        made = {n: e for n, e in made_of(name).items() if "adj" not in n}
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


def attacked(frequencies: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Lay what is shown under one another, as an attacker reads it."""
    return with_scope(frequencies, totals)


__all__ = ["COLUMNS", "KEY", "attacked", "count", "make_people"]
