"""Counts worked out from statistics that were left beside a masked count.

A share or a probability with all its digits tells the count that it is made of: each small
count is put in, and the one that gives the number is it. Formulas are written anew here, from
their sources, and not taken from `tables.formulas`.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from varhouse.tables.schema import KEY

ROWS = 20_000
"""Rows that are looked at by enumeration: where statistics are masked with their counts there
is none, and where they are not the first thousands show it."""

CLOSE = 1e-9


def from_statistics(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    """Find counts from 1 to k - 1 that statistics of rows with a masked count tell."""
    found: list[dict[str, Any]] = []
    for end in ("", "_adj"):
        ac, an = f"ac{end}", f"an{end}"
        if ac not in rows.columns:
            continue
        told = [
            (s, _copies(s))
            for s in (f"af{end}", f"faf95{end}", f"faf99{end}")
            if s in rows.columns
        ]
        for name, invert in told:
            asked = rows.filter(
                pl.col(ac).is_null() & pl.col(name).is_not_null() & pl.col(an).is_not_null()
            ).head(ROWS)
            for row in asked.iter_rows(named=True):
                copies = invert(row[name], row[an], k)
                if copies is not None:
                    found.append(_row(row, ac, copies, name))
    found += _genotypes(rows, k)
    return pl.DataFrame(
        found,
        schema={
            **dict.fromkeys(KEY, pl.String), "pos": pl.Int32, "scope": pl.String,
            "stratum_by": pl.String, "stratum": pl.String, "count": pl.String,
            "value": pl.Int64, "how": pl.String,
        },
    )  # fmt: skip


def _row(row: dict[str, Any], count: str, value: int, name: str) -> dict[str, Any]:
    cell = {n: row[n] for n in (*KEY, "scope", "stratum_by", "stratum")}
    return {**cell, "count": count, "value": value, "how": f"from {name}"}


def _copies(name: str) -> Callable[[float, int, int], int | None]:
    if name.startswith("af"):
        return lambda value, an, k: copies_of_share(value, an, k)
    level = 0.95 if name.startswith("faf95") else 0.99
    return lambda value, an, k: copies_of_faf(value, an, k, level)


def copies_of_share(af: float, an: int, k: int) -> int | None:
    """Give ac from ac / an, if it is from 1 to k - 1."""
    copies = round(af * an)
    return copies if 1 <= copies < k else None


def copies_of_faf(faf: float, an: int, k: int, level: float) -> int | None:
    """Give ac from a filtering allele frequency, if it is from 2 to k - 1.

    Whiffin et al. 2017: faf * an is the mean of a Poisson law under which fewer than ac
    copies have the chance `level`. One copy and none give 0 alike.
    """
    mean = faf * an
    if mean <= 0:
        return None
    term, below = math.exp(-mean), 0.0
    for copies in range(1, k):
        below += term
        term *= mean / copies
        if copies > 1 and abs(below - level) < 1e-4:
            return copies
    return None


def inbreeding(het: int, hom: int, people: int) -> float | None:
    """Give 1 - het / (2 p q n)."""
    copies = 2 * hom + het
    expected = copies * (2 * people - copies) / (2 * people) if people else 0.0
    return 1 - het / expected if expected else None


def hwe(het: int, hom: int, people: int, *, mid: bool) -> float:
    """Give the p-value of the exact test (Wigginton et al. 2005), by its definition."""
    copies = min(2 * hom + het, 2 * people - 2 * hom - het)
    logs: dict[int, float] = {}
    for h in range(copies % 2, copies + 1, 2):
        a = (copies - h) // 2
        b = people - h - a
        logs[h] = h * math.log(2) - sum(math.lgamma(n + 1) for n in (a, h, b))
    top = max(logs.values())
    weights = {h: math.exp(v - top) for h, v in logs.items()}
    own, total = weights[het], sum(weights.values())
    same = sum(w for w in weights.values() if abs(w - own) <= own * 1e-9)
    less = sum(w for w in weights.values() if w < own * (1 - 1e-9))
    return min(1.0, (less + (same / 2 if mid else same)) / total)


def _pairs(k: int) -> Iterator[tuple[int, int]]:
    return ((het, hom) for het in range(k) for hom in range(k) if het or hom)


def _genotypes(rows: pl.DataFrame, k: int) -> list[dict[str, Any]]:
    """Find genotype counts that the tests of Hardy-Weinberg proportions tell."""
    needed = {"n_het", "n_hom_alt", "n_samples", "n_missing", "n_not_diploid"}
    tests = [t for t in ("inbreeding", "hwe_p", "hwe_midp") if t in rows.columns]
    if not tests or not needed.issubset(rows.columns):
        return []
    asked = rows.filter(
        pl.col("n_het").is_null()
        & pl.any_horizontal(pl.col(t).is_not_null() & (pl.col(t) != 1) for t in tests)
    ).head(ROWS)
    found = []
    for row in asked.iter_rows(named=True):
        if any(row[n] is None for n in ("n_samples", "n_missing", "n_not_diploid")):
            continue
        people = row["n_samples"] - row["n_missing"] - row["n_not_diploid"]
        fits = [
            (het, hom)
            for het, hom in _pairs(k)
            if het + hom <= people and all(_agrees(row, t, het, hom, people) for t in tests)
        ]
        if len(fits) == 1:
            for count, value in zip(("n_het", "n_hom_alt"), fits[0], strict=True):
                if value:
                    found.append(_row(row, count, value, "+".join(tests)))
    return found


def _agrees(row: dict[str, Any], test: str, het: int, hom: int, people: int) -> bool:
    told = row[test]
    if told is None:
        return True
    if test == "inbreeding":
        value = inbreeding(het, hom, people)
        return value is not None and abs(value - told) < CLOSE
    return bool(abs(hwe(het, hom, people, mid=test == "hwe_midp") - told) < 1e-7)
