"""All small worlds of an allele, what is published of each, and what somebody learns from it.

A world says of each leaf (a stratum of a cohort, or a cohort without strata) how many of its
people are heterozygous and homozygous. All worlds are protected at once, each as an allele
of its own position. One who knows the rule and sees what is published of an allele knows that
it is one of the worlds of which the same is published. What is the same in all of these, he
knows: `learnt` gives the small numbers among them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.tables.schema import FREQUENCIES, TOTALS, Table
from varhouse.tables.statistics import counts_of, made_of, unknown_of
from varhouse.tables.totals import with_greatest

Ints = npt.NDArray[np.int64]
Sizes = dict[str, dict[str, int]]
"""Cohort to stratum (`all`: no strata) to people."""

Rows = tuple[pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True)
class Worlds:
    """Worlds: of each leaf an array of what its people are, one value a world."""

    sizes: Sizes
    het: dict[tuple[str, str], Ints]
    hom: dict[tuple[str, str], Ints]
    haploid: str = ""
    """Stratum of people with one copy (`*`: everybody): of these `het` are hemizygous."""

    @property
    def n(self) -> int:
        return next(iter(self.het.values())).size

    def groups(self) -> Iterator[tuple[str | None, str, list[tuple[str, str]]]]:
        """Give the groups that rows are about: cohort (None: totals), stratum, leaves."""
        leaves = list(self.het)
        yield None, "all", leaves
        for cohort, strata in self.sizes.items():
            own = [leaf for leaf in leaves if leaf[0] == cohort]
            yield cohort, "all", own
            for stratum in strata:
                if stratum != "all":
                    yield cohort, stratum, [(cohort, stratum)]
        for stratum in sorted({s for _, s in leaves} - {"all"}):
            yield None, stratum, [leaf for leaf in leaves if leaf[1] == stratum]

    def people(self, leaves: Sequence[tuple[str, str]]) -> int:
        return sum(self.sizes[c][s] for c, s in leaves)

    def has_one_copy(self, leaf: tuple[str, str]) -> bool:
        return self.haploid in (leaf[1], "*")

    def single(self, leaves: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """List leaves of people with one copy."""
        return [leaf for leaf in leaves if self.has_one_copy(leaf)]

    def sums(self, leaves: Sequence[tuple[str, str]]) -> tuple[Ints, Ints, Ints]:
        """Add up heterozygotes, homozygotes and the hemizygous."""
        none = np.zeros(self.n, np.int64)
        own = [self.het[leaf] for leaf in leaves if not self.has_one_copy(leaf)]
        hemi = [self.het[leaf] for leaf in leaves if self.has_one_copy(leaf)]
        hom = [self.hom[leaf] for leaf in leaves]
        return sum(own, none), sum(hom, none), sum(hemi, none)


def all_worlds(sizes: Sizes, haploid: str = "") -> Worlds:
    """Make all worlds of leaves of these sizes; `m 1` is a part of the stratum `m`."""
    leaves = [(c, s) for c, strata in sizes.items() for s in strata]
    options = []
    for cohort, stratum in leaves:
        n = sizes[cohort][stratum]
        most = 0 if haploid in (stratum.split()[0], "*") else n
        options.append([(a, b) for b in range(most + 1) for a in range(n - b + 1)])
    grid = np.indices([len(o) for o in options]).reshape(len(options), -1)
    het, hom = {}, {}
    for leaf, option, chosen in zip(leaves, options, grid, strict=True):
        values = np.array(option)[chosen]
        het[leaf], hom[leaf] = values[:, 0], values[:, 1]
    return Worlds(sizes, het, hom, haploid)


def rows_of(worlds: Worlds, alt: str = "C", *, strata: bool = True) -> Rows:
    """Make rows of frequencies and totals of all worlds; `pos` is the world.

    A cohort has rows of an allele only if somebody of it carries it, as files of called
    variants do: so that it has says something. `strata`: rows of these, too.
    """
    frames: dict[bool, list[pl.DataFrame]] = {True: [], False: []}
    counts = counts_of("totals")
    for cohort, stratum, leaves in worlds.groups():
        if stratum != "all" and not strata:
            continue
        het, hom, hemi = worlds.sums(leaves)
        n = np.full(worlds.n, worlds.people(leaves))
        single = np.full(worlds.n, worlds.people(worlds.single(leaves)))
        values = dict.fromkeys(counts, np.zeros(worlds.n, np.int64)) | {
            "ac": het + 2 * hom + hemi, "an": 2 * n - single, "an_written": 2 * n - single,
            "n_het": het, "n_hom_alt": hom, "n_hemi": hemi, "n_not_diploid": single,
            "n_samples": n, "n_cohorts": np.full(worlds.n, 1),
        }  # fmt: skip
        frame = pl.DataFrame(
            {
                "pos": np.arange(1, worlds.n + 1),
                **values,
                "stratum": [stratum] * worlds.n,
                "stratum_by": ["all" if stratum == "all" else "sex"] * worlds.n,
                "cohort": pl.Series([cohort] * worlds.n, dtype=pl.String),
            }
        )
        if cohort is not None:
            carry = sum(worlds.sums([leaf for leaf in worlds.het if leaf[0] == cohort]))
            frame = frame.filter(pl.Series(carry > 0))
        frames[cohort is None].append(frame)
    own, totals = (pl.concat(frames[k]) for k in (False, True))
    return finished(own, FREQUENCIES, alt), finished(totals, TOTALS, alt)


def rows_of_areas(worlds: Worlds, area: dict[str, str], kind: str = "area") -> Rows:
    """Make rows of all worlds with a second kind of strata: areas that strata lie in."""
    sizes: Sizes = {}
    het: dict[tuple[str, str], Ints] = {}
    hom: dict[tuple[str, str], Ints] = {}
    for (cohort, stratum), values in worlds.het.items():
        leaf = (cohort, area[stratum])
        own = sizes.setdefault(cohort, {})
        own[leaf[1]] = own.get(leaf[1], 0) + worlds.sizes[cohort][stratum]
        het[leaf] = het.get(leaf, 0) + values
        hom[leaf] = hom.get(leaf, 0) + worlds.hom[cohort, stratum]
    fine = [r.with_columns(_called("sex", "city")) for r in rows_of(worlds)]
    coarse = [
        r.filter(pl.col("stratum_by") == "sex").with_columns(_called("sex", kind))
        for r in rows_of(Worlds(sizes, het, hom))
    ]
    own, totals = (pl.concat(pair) for pair in zip(fine, coarse, strict=True))
    return own, totals


def _called(was: str, name: str) -> pl.Expr:
    return pl.col("stratum_by").replace({was: name})


def rows_with_quality(worlds: Worlds, good: Worlds) -> Rows:
    """Make rows with counts of high quality, which are those of other worlds.

    Who does not carry the allele is of high quality.
    """
    plain, of_good = rows_of(worlds), rows_of(good)
    key = ["pos", "stratum_by", "stratum"]
    out = []
    for rows, better, names in zip(plain, of_good, (["cohort", *key], key), strict=True):
        counts = ("ac", "n_het", "n_hom_alt", "n_hemi")
        adj = better.select(*names, *(pl.col(n).alias(f"{n}_adj") for n in counts))
        joined = rows.drop(f"{n}_adj" for n in counts).join(adj, on=names, how="left")
        joined = joined.with_columns(pl.col(f"{n}_adj").fill_null(0) for n in counts)
        low = sum(pl.col(n) - pl.col(f"{n}_adj") for n in counts[1:])
        joined = joined.with_columns(
            n_samples_adj="n_samples", n_missing_adj=low, an_adj=pl.col("an") - 2 * low
        )
        table = TOTALS if names is key else FREQUENCIES
        filled = joined.with_columns(pl.lit("all").alias("cohort")) if names is key else joined
        out.append(finished(filled.with_columns(n_cohorts=1), table))
    return out[0], out[1]


def finished(rows: pl.DataFrame, table: Table, alt: str = "C") -> pl.DataFrame:
    """Make rows of a table of counts: the key, and what follows from the counts."""
    counts = [pl.col(n).cast(pl.Int32) for n in ("pos", *counts_of("totals"))]
    key = {"contig": "1", "ref": "A", "alt": alt, "extent": "", "part": "1"}
    out = rows.with_columns(*counts, **{n: pl.lit(v) for n, v in key.items()})
    out = out.with_columns(**unknown_of(table.name)).with_columns(**made_of(table.name))
    if table is TOTALS:
        out = with_greatest(out)
    return out.select(table.names)


def signatures(published: Rows, n: int) -> Ints:
    """Give a number for what is published of each world: the same for the same."""
    rows = pl.concat(published, how="diagonal_relaxed")
    # Rows have names in them, so their sum (of 64 bits, modulo) stands for the set of them.
    hashed = rows.select("pos", row=rows.drop("pos").hash_rows(seed=1))
    per = hashed.group_by("pos").agg(pl.col("row").sum())
    out = np.zeros(n, np.uint64)
    out[per["pos"].to_numpy() - 1] = per["row"].to_numpy()
    return out.astype(np.int64)


def numbers_of(worlds: Worlds) -> Iterator[tuple[str, Ints]]:
    """Give what somebody may want to know: of each group, and of two cohorts together."""
    found = {(c or "totals", s): leaves for c, s, leaves in worlds.groups()}
    cohorts = list(worlds.sizes)
    for size in range(2, len(cohorts)):
        for some in combinations(cohorts, size):
            leaves = [leaf for leaf in worlds.het if leaf[0] in some]
            found["+".join(some), "all"] = leaves
    for (name, stratum), leaves in found.items():
        het, hom, hemi = worlds.sums(leaves)
        n = worlds.people(leaves)
        an = 2 * n - worlds.people(worlds.single(leaves))
        carriers, copies = het + hom + hemi, het + 2 * hom + hemi
        for what, values in (
            ("carriers", carriers), ("het", het), ("hom", hom), ("hemi", hemi),
            ("copies", copies), ("others", n - carriers), ("other copies", an - copies),
        ):  # fmt: skip
            yield f"{name}/{stratum} {what}", values


def learnt(numbers: Iterable[tuple[str, Ints]], seen: Ints, k: int) -> dict[str, int]:
    """Count the worlds in which somebody knows a small number: by what is known.

    `numbers` are what he may want to know, with a value for each world; `seen` is a number
    for each world, the same where he sees the same.
    """
    order = np.argsort(seen, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(seen[order]) != 0])
    out = {}
    for name, values in numbers:
        ordered = values[order]
        low = np.minimum.reduceat(ordered, starts)
        high = np.maximum.reduceat(ordered, starts)
        worlds_each = np.diff(np.r_[starts, ordered.size])
        known = (low == high) & (low > 0) & (low < k)
        if known.any():
            out[name] = int(worlds_each[known].sum())
    return out
