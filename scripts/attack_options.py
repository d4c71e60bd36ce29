#!/usr/bin/env python3
"""Measure what settings do to the power of an attack on membership, and what they cost.

usage: scripts/attack_options.py [STORE] [--people N] [--alleles N,...]

Drawn cohorts: of alleles with the frequencies of a population of constant size (above 0.001),
the power at 0.05 of false positives by what a release shows of them, for numbers of
independent alleles; the share of alleles that is shown; and the greatest error of a shown
frequency. Then parents and children of members, and alleles that are inherited together:
people are drawn whole, and what the attack reckons is set beside what it finds. Of STORE, a
governed store or any other with cohorts, the tables are protected by each setting, and the
attack reads what is left; cohorts that a view leaves out for their size are left out.
Prints Markdown.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from attackworlds import Frames  # noqa: E402

from varhouse.attack.assumed import Assumed  # noqa: E402
from varhouse.attack.chances import Floats, Ints  # noqa: E402
from varhouse.attack.membership import (  # noqa: E402
    Told,
    expected,
    power_of,
    scores,
    simulate,
)
from varhouse.attack.scopes import membership_by_scope, told_of  # noqa: E402
from varhouse.disclosure.policy import MASK, ROUND, SmallCounts  # noqa: E402
from varhouse.disclosure.protect import protect_tables  # noqa: E402
from varhouse.disclosure.rounding import rounded  # noqa: E402
from varhouse.store.reader import open_store  # noqa: E402
from varhouse.tables.totals import sum_cohorts  # noqa: E402

K = 5
BASES = (5, 20, 50, 100, 200)
"""Of rounding, for a store of some hundred people."""
DRAWN = 20_000
"""Alleles that are drawn one by one; of more the power is reckoned from these."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("--people", default="1000,10000,100000")
    parser.add_argument("--alleles", default="1000,10000,100000")
    args = parser.parse_args()
    alleles = [int(n) for n in args.alleles.split(",")]
    for people in map(int, args.people.split(",")):
        settings(people, alleles)
    relatives()
    together()
    if args.store:
        of_store(args.store)
    return 0


def line(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def header(*cells: str) -> None:
    print()
    line(*cells)
    line(*["---"] * len(cells))


# --- drawn cohorts ---


def settings(people: int, alleles: list[int]) -> None:
    """Draw alleles of a cohort, and attack them as each setting shows them."""
    rng = np.random.default_rng(people)
    p = np.exp(np.log(1e-3) * rng.random(DRAWN)) * 0.98
    an = 2 * people
    ac = rng.binomial(an, p)
    header(f"{people:,} people: shown", "alleles left", "error of af",
           *(f"{n:,} alleles" for n in alleles))  # fmt: skip
    shown = {
        f"counts from {K} people on": (2 * K - 1, 0),
        "counts from 21 people on": (41, 0),
        "counts from 100 people on": (199, 0),
        "frequencies from 0.05 on": (an // 20, 0),
        **{f"rounded to {b:,}": (2 * K - 1, b) for b in bases(an)},
    }
    for name, (fewest, base) in shown.items():
        kept = ac >= fewest
        told = of_counts(ac[kept], an, p[kept], base, rng)
        row = [attack(told, n * kept.mean(), rng) for n in alleles]
        error = f"{base / 2 / an:.1g}" if base else "0"
        line(name, f"{kept.mean():.2f}", error, *row)
    whole = rng.binomial(10 * an, p)
    kept = whole >= 2 * K - 1
    told = of_counts(whole[kept], 10 * an, p[kept], 0, rng)
    row = [attack(told, n * kept.mean(), rng) for n in alleles]
    line("the sum of ten such cohorts alone", f"{kept.mean():.2f}", "0", *row)


def bases(an: int) -> list[int]:
    """Give bases of rounding: about a half to eight standard deviations of a count."""
    return [int(float(f"{s * np.sqrt(an) / 2:.1g}")) for s in (0.5, 2, 4, 8)]


def of_counts(ac: Ints, an: int, p: Floats, base: int, rng: np.random.Generator) -> Told:
    rows = pl.DataFrame({"ac": ac, "an": np.full(ac.size, an), "p": p})
    if base:
        rows = rows.with_columns(rounded("ac", base, K))
    return told_of(rows, Assumed(k=K, rounding=base), rng)


def attack(told: Told, alleles: float, rng: np.random.Generator) -> str:
    """Give the power for so many alleles of the kinds that are told of."""
    if alleles <= len(told):
        some = rng.choice(len(told), int(alleles), replace=False)
        return f"{simulate(told.some(np.sort(some)), rng).power[0.05]:.2f}"
    return f"{expected(told, times=alleles / len(told)).power[0.05]:.2f}"


# --- whole people ---


def relatives() -> None:
    """Draw a cohort, its members' children, and others; look for each by their genotypes."""
    rng = np.random.default_rng(5)
    header("1,000 people", "members", "children of members, by the test for members",
           "reckoned for children")  # fmt: skip
    for alleles in (1_000, 4_000, 16_000):
        p = rng.uniform(0.05, 0.95, alleles)
        people = rng.binomial(2, p, (1000, alleles))
        told = Told(*[people.sum(axis=0)] * 2, np.full(alleles, 2000), p)
        children = rng.binomial(1, people / 2) + rng.binomial(1, p, people.shape)
        others = scores(told, rng.binomial(2, p, (2000, alleles)))
        found = [power_of(scores(told, who), others, 0.05) for who in (people, children)]
        reckoned = expected(told, relatives=True).power[0.05]
        line(f"{alleles:,} alleles", *(f"{f:.2f}" for f in (*found, reckoned)))


def together() -> None:
    """Draw people whose alleles lie in blocks, and attack with all, and with one of each."""
    rng = np.random.default_rng(6)
    people, blocks = 1000, 1000
    header("alleles of a block", "reckoned, all", "found, all", "found, one a block")
    for size in (1, 5, 20):
        p = np.repeat(rng.uniform(0.05, 0.95, blocks), size)
        drawn = [blockwise(n, p, size, rng) for n in (people, 2000)]
        told = Told(*[drawn[0].sum(axis=0)] * 2, np.full(p.size, 2 * people), p)
        one = np.arange(0, p.size, size)
        found = [
            power_of(*(scores(told.some(at), d[:, at]) for d in drawn), 0.05)
            for at in (np.arange(p.size), one)
        ]
        line(size, f"{expected(told).power[0.05]:.2f}", *(f"{f:.2f}" for f in found))


def blockwise(people: int, p: Floats, size: int, rng: np.random.Generator) -> Ints:
    """Draw copies: of a block 9 of 10 alleles of a chromosome are as its first would say."""
    copies = np.zeros((people, p.size), dtype=np.int64)
    for _ in range(2):
        shared = np.repeat(rng.random((people, p.size // size)), size, axis=1)
        own = rng.random(copies.shape)
        copies += np.where(rng.random(copies.shape) < 0.9, shared, own) < p
    return copies


# --- a store ---


def of_store(path: Path) -> None:
    """Protect the tables of a store by each setting; attack what is left."""
    rows = open_store(path).scan("frequencies").filter(pl.col("stratum_by") == "all").collect()
    size = pl.col("n_samples").max().over("cohort")
    rows = rows.filter(size >= SmallCounts(k=K).fewest)
    tables = [rows, sum_cohorts(rows).with_columns(part=pl.lit(""))]
    header("of the store: shown", "counts of cohorts shown", "power, total", "power, cohorts",
           "power of relatives")  # fmt: skip
    for k, base in [*((k, 0) for k in (1, 5, 21, 100)), *((K, b) for b in BASES)]:
        policy = SmallCounts(k=k, masking=ROUND if base else MASK, base=base or 1)
        kept = protect_tables(tables[0], tables[1], policy)
        frames = [kept.frequencies, kept.totals]
        report(f"k = {k}" + f", rounded to {base}" * bool(base), frames, tables[0].height,
               Assumed(k=k, rounding=base))  # fmt: skip
        if (k, base) == (5, 0):
            report("k = 5, the total alone", [frames[0].clear(), frames[1]], 1, Assumed(k=k))


def report(name: str, frames: list[pl.DataFrame], rows: int, assumed: Assumed) -> None:
    found = membership_by_scope(Frames(*frames), assumed, None, np.random.default_rng(1))
    shown = frames[0]["ac"].drop_nulls().len() / rows
    total = found.get("", {}).get("power", {}).get("0.05", 0.0)
    cohorts = [m["power"]["0.05"] for c, m in found.items() if c]
    near = max(m["relatives"]["0.05"] for m in found.values())
    line(name, f"{shown:.2f}", f"{total:.2f}",
         " ".join(f"{c:.2f}" for c in cohorts) or "-", f"{near:.2f}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
