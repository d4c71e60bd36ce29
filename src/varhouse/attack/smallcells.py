"""Small counts that a release shows, or that follow from what it shows.

The attacker wants a count of people, or of copies, from 1 to k - 1. He has rows of the tables
`frequencies` and `totals`, where null means masked, and reckons:

- what a row shows: counts, `an - ac`, carriers as the sum of genotype counts, raw less adj;
- what a row lets him work out: ac from af and an, from faf, from genotype counts, genotype
  counts from the tests of Hardy-Weinberg proportions;
- what rows give together. The strata of a column add up to `all`, those of crossed columns to
  those of one, cohorts to totals. Each equation in which only some counts are unknown tells
  the sum of these, and all equations of an allele together may tell more: they are solved for
  each pattern of what is known (Gauss and Jordan), and each count or sum of counts that comes
  out is looked at.

Nothing here comes from the room `disclosure`, whose work it checks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.attack.chances import Floats, Ints
from varhouse.attack.inversion import from_statistics
from varhouse.tables.schema import KEY

TOTAL = ""
"""Scope of rows of `totals`; any other scope is a cohort's name."""

ALL = "all"
COUNTS = ("ac", "n_het", "n_hom_alt", "n_hemi", "ac_adj", "n_het_adj", "n_hom_alt_adj",
          "n_hemi_adj")  # fmt: skip
"""Counts of people or copies; `an` and what is about the base alone are no secret."""

Bools = npt.NDArray[np.bool_]

CELL = ("scope", "stratum_by", "stratum")
FOUND = {
    **dict.fromkeys(KEY, pl.String), "pos": pl.Int32, "scope": pl.String,
    "stratum_by": pl.String, "stratum": pl.String, "count": pl.String, "value": pl.Int64,
    "how": pl.String,
}  # fmt: skip
"""Columns of what is found: of a sum of several cells `stratum` is `*`."""

ALLELES_AT_ONCE = 50_000


def with_scope(frequencies: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Lay rows of both tables under one another, with a column `scope`."""
    named = frequencies.rename({"cohort": "scope"})
    whole = totals.with_columns(scope=pl.lit(TOTAL))
    return pl.concat([named, whole], how="diagonal_relaxed")


def find_small(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    """Find small counts in rows of `with_scope`.

    Parameters
    ----------
    k
        The least count that may be known; 1 or less: any may be.

    Returns
    -------
    pl.DataFrame
        Columns `FOUND`; a count of a cell once, however many ways lead to it.
    """
    if k <= 1 or rows.is_empty():
        return pl.DataFrame(schema=FOUND)
    found = [_in_rows(rows, k), from_statistics(rows, k)]
    shown = [c for c in COUNTS if c in rows.columns]
    for piece in _pieces(rows):
        known = [c for c in shown if piece[c].null_count() < piece.height]
        found += [_by_sums(piece, count, k) for count in known]
    together = pl.concat(
        [f.select(list(FOUND)) for f in found if f.height] or [pl.DataFrame(schema=FOUND)]
    )
    cell = [*KEY, *CELL, "count", "value"]
    return together.unique(cell, keep="first", maintain_order=True)


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    alleles = rows.select(list(KEY)).unique(maintain_order=True).with_row_index("_allele")
    numbered = rows.join(alleles, on=list(KEY), how="left")
    for i in range(0, alleles.height, ALLELES_AT_ONCE):
        yield numbered.filter(pl.col("_allele").is_between(i, i + ALLELES_AT_ONCE - 1))


def _in_rows(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    """Find what single rows show."""
    has = set(rows.columns)
    ways: list[tuple[str, pl.Expr, str]] = [
        (c, pl.col(c), "shown") for c in COUNTS if c in has
    ]
    for end in ("", "_adj"):
        genotypes = [f"{c}{end}" for c in ("n_het", "n_hom_alt", "n_hemi")]
        if has.issuperset(genotypes):
            carriers = pl.sum_horizontal(genotypes, ignore_nulls=False)
            ways.append((f"carriers{end}", carriers, "sum of genotype counts"))
        if has.issuperset((f"ac{end}", f"an{end}")):
            rest = pl.col(f"an{end}") - pl.col(f"ac{end}")
            ways.append((f"an{end} - ac{end}", rest, "an less ac"))
    for count in ("ac", "n_het", "n_hom_alt", "n_hemi"):
        if has.issuperset((count, f"{count}_adj")):
            rest = pl.col(count) - pl.col(f"{count}_adj")
            ways.append((f"{count} - {count}_adj", rest, "raw less adj"))
    return pl.concat(
        [
            rows.with_columns(value=value.cast(pl.Int64), count=pl.lit(name), how=pl.lit(how))
            .filter(pl.col("value").is_between(1, k - 1))
            .select(list(FOUND))
            for name, value, how in ways
        ]
        or [pl.DataFrame(schema=FOUND)]
    )


@dataclass(frozen=True)
class Equations:
    """What adds up to what: equations x cells of -1 (the whole), 1 (its parts) and 0."""

    cells: list[tuple[str, str, str]]
    matrix: Floats


def equations_of(cells: Iterable[tuple[str, str, str]]) -> Equations:
    """List what adds up among cells (scope, stratum_by, stratum)."""
    order = sorted(cells)
    place = {c: i for i, c in enumerate(order)}
    lines: dict[tuple[tuple[str, str, str], object], list[int]] = {}
    for cell in order:
        scope, by, stratum = cell
        if scope != TOTAL:
            lines.setdefault(((TOTAL, by, stratum), "cohorts"), []).append(place[cell])
        if by == ALL:
            continue
        columns, values = by.split("+"), stratum.split("+")
        lines.setdefault(((scope, ALL, ALL), by), []).append(place[cell])
        if len(columns) > 1 and len(values) == len(columns):
            for drop in range(len(columns)):
                keep = [i for i in range(len(columns)) if i != drop]
                whole = (
                    scope, "+".join(columns[i] for i in keep),
                    "+".join(values[i] for i in keep),
                )  # fmt: skip
                lines.setdefault((whole, by), []).append(place[cell])
    known = [(place[whole], parts) for (whole, _), parts in lines.items() if whole in place]
    matrix = np.zeros((len(known), len(order)))
    for i, (at, parts) in enumerate(known):
        matrix[i, parts] = 1.0
        matrix[i, at] = -1.0
    return Equations(order, matrix)


def solve(matrix: Floats, unknown: Ints, is_open: Bools) -> Floats:
    """Give combinations of equations, each of which tells a sum of unknown counts.

    The equations as they are, and those of the reduced row echelon form of their unknown
    columns; of all only those in which every unknown has a factor of one sign, as only they
    bound a count of people. An equation is open if the release hides some of its parts: then
    it tells a sum with these, and is put together with no other.
    """
    size = matrix.shape[0]
    work = np.hstack([matrix[:, unknown], np.eye(size)])
    work[is_open] = 0.0
    row = 0
    for column in range(unknown.size):
        best = row + int(np.argmax(np.abs(work[row:, column]))) if row < size else size
        if best >= size or abs(work[best, column]) < 1e-9:
            continue
        work[[row, best]] = work[[best, row]]
        work[row] /= work[row, column]
        others = np.arange(size) != row
        work[others] -= np.outer(work[others, column], work[row])
        row += 1
    combined = np.vstack([np.eye(size), work[:row, unknown.size :]])
    factors = np.round(combined @ matrix[:, unknown], 9)
    told = (factors != 0).any(axis=1)
    one_sign = (factors >= 0).all(axis=1) | (factors <= 0).all(axis=1)
    return np.asarray(combined[told & one_sign], dtype=np.float64)


def _by_sums(rows: pl.DataFrame, count: str, k: int) -> pl.DataFrame:
    """Find what equations between the rows of an allele tell of one count."""
    cells = rows.select(list(CELL)).unique().sort(CELL)
    equations = equations_of(cells.rows())
    if not len(equations.matrix):
        return pl.DataFrame(schema=FOUND)
    numbered = pl.DataFrame(equations.cells, schema=list(CELL), orient="row")
    at = rows.join(numbered.with_row_index("_cell"), on=list(CELL), how="left")
    alleles = rows.select("_allele", *KEY).unique("_allele").sort("_allele")
    found: list[pl.DataFrame] = []
    table = _table(at, count, equations, alleles.height)
    masked = np.isnan(table)
    rest, lacks = _rest(table, equations)
    is_open = ((rest != 0) & ~lacks).any(axis=0)
    if "n_samples" in at.columns:
        # Whether all parts are there is seen from the people, where they are shown.
        people, unseen = _rest(_table(at, "n_samples", equations, alleles.height), equations)
        is_open |= ~((people == 0) & ~unseen).any(axis=0)
    found += [_hidden(rest, lacks, equations, k)]
    # Few patterns of what is masked are shared by many alleles; as bits they sort fast.
    bits = np.packbits(masked, axis=1)
    names, at_first, of = np.unique(
        np.ascontiguousarray(bits).view(f"S{bits.shape[1]}").ravel(),
        return_index=True, return_inverse=True,
    )  # fmt: skip
    for number in range(names.size):
        pattern = masked[at_first[number]]
        if not pattern.any():
            continue
        chosen = np.flatnonzero(of == number)
        unknown = np.flatnonzero(pattern)
        ways = solve(equations.matrix, unknown, is_open)
        if len(ways):
            found.append(_told(table, chosen, equations, ways, unknown, k))
    if not (found := [f for f in found if f.height]):
        return pl.DataFrame(schema=FOUND)
    told = pl.concat(found).with_columns(count=pl.lit(count))
    keys = alleles.with_columns(_row=pl.int_range(alleles.height))
    return told.join(keys, on="_row", how="left").select(list(FOUND))


def _table(at: pl.DataFrame, count: str, equations: Equations, alleles: int) -> Floats:
    """Give a count as alleles x cells; NaN: masked, or taken out.

    Where a scope has no row at all of an allele, nobody of it was assessed, and it adds
    nothing; where it has, a cell without a row is one that the release does not show.
    """
    row = at["_allele"].to_numpy().astype(np.int64)
    row -= row.min()
    scopes = sorted({c[0] for c in equations.cells})
    of = np.array([scopes.index(c[0]) for c in equations.cells])
    cell = at["_cell"].to_numpy()
    there = np.zeros((alleles, len(scopes)), dtype=bool)
    there[row, of[cell]] = True
    table = np.where(there[:, of], np.nan, 0.0)
    table[row, cell] = at[count].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return table


def _rest(table: Floats, equations: Equations) -> tuple[Floats, Bools]:
    """Give wholes less their parts, and where that is not known."""
    rest = np.rint(-np.nan_to_num(table) @ equations.matrix.T)
    unknown = np.isnan(table).astype(np.float32)
    lacks = unknown @ (equations.matrix != 0).T.astype(np.float32) > 0
    return rest, lacks


_TOLD = {"_row": pl.Int64, **{n: FOUND[n] for n in (*CELL, "value", "how")}}


def _hidden(rest: Floats, lacks: Bools, equations: Equations, k: int) -> pl.DataFrame:
    """Find wholes that are more than their parts by fewer than k, nothing being masked."""
    row, line = np.nonzero((rest >= 1) & (rest < k) & ~lacks)
    wholes = [equations.cells[int(np.argmin(m))] for m in equations.matrix]
    return pl.DataFrame(
        {
            "_row": row,
            **{n: [wholes[i][at] for i in line] for at, n in enumerate(CELL)},
            "value": rest[row, line].astype(np.int64),
            "how": "whole less its parts",
        },
        schema=_TOLD,
    )


def _told(
    table: Floats,
    chosen: Ints,
    equations: Equations,
    ways: Floats,
    unknown: Ints,
    k: int,
) -> pl.DataFrame:
    """Say what combined equations give for the alleles of one pattern."""
    whole = ways @ equations.matrix
    known = np.setdiff1d(np.arange(table.shape[1]), unknown)
    # Sum of unknown parts = - sum of known ones.
    sums = -table[np.ix_(chosen, known)] @ whole[:, known].T
    out = []
    for way in range(len(ways)):
        factors = whole[way, unknown]
        values = sums[:, way] * np.sign(factors[factors != 0][0])
        least = np.abs(factors[factors != 0]).min()
        values = np.rint(values / least).astype(np.int64)
        small = np.flatnonzero((values >= 1) & (values < k))
        if not small.size:
            continue
        held = [equations.cells[c] for c in unknown[factors != 0]]
        scopes, by, strata = (sorted({c[i] for c in held}) for i in range(3))
        one = len(held) == 1
        out.append(
            pl.DataFrame(
                {
                    "_row": chosen[small],
                    "scope": ",".join(scopes),
                    "stratum_by": ",".join(by),
                    "stratum": strata[0] if one or len(strata) == 1 else "*",
                    "value": values[small],
                    "how": "one by difference" if one else f"sum of {len(held)} masked",
                }
            )
        )
    return pl.concat(out) if out else pl.DataFrame(schema=_TOLD)
