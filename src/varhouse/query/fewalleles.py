"""The overview of few alleles, put together without a plan.

A question about a gene or some thousand bases is about some hundred alleles. Planning joins of
seven tables takes polars longer than that, and each step that it is asked for half a
millisecond: here rows are read from pages that are open (`placed`), and found in each other by
the allele key. The answer is that of `Overview.frame`, which does all else.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import polars as pl

from varhouse.query.cohortcounts import EVERYBODY, CohortCounts
from varhouse.query.expression import Condition
from varhouse.query.select import Piece, read_piece
from varhouse.query.warm import placed_rows
from varhouse.store.reader import Store
from varhouse.tables.schema import FREQUENCIES, VARIANTS, WITHIN
from varhouse.tables.statistics import PolarsType, counts_at_site, made_of, unknown_of

MOST = 2_000
"""Alleles beyond which a plan pays."""

_GROUP = ("stratum_by", "stratum")
_IS_EVERYBODY = [pl.col(n) == v for n, v in zip(_GROUP, EVERYBODY, strict=True)]

Key = tuple[Any, ...]
Places = dict[Key, int]
"""Of each allele (WITHIN) its place among those of the question."""


class Sides(Protocol):
    """What an overview says of its columns, and makes of its tables (`Overview`)."""

    store: Store
    counts: CohortCounts
    schema: dict[str, PolarsType]

    def source_of(self, name: str) -> str:
        """Name the table or group that a column comes from."""
        ...

    def side(self, source: str, piece: Piece, names: list[str]) -> pl.LazyFrame:
        """Make columns of a source, a row an allele."""
        ...


def make_overview(
    overview: Sides, piece: Piece, columns: Sequence[str], where: Sequence[Condition]
) -> pl.DataFrame | None:
    """Make what `Overview.frame` makes; None: that has to.

    Parameters
    ----------
    columns
        Names of its schema, in order.
    """
    store = overview.store
    placed = placed_rows(store)
    if placed is None:
        return None
    needed = list(dict.fromkeys([*columns, *(n for test in where for n in test.columns)]))
    by_source: dict[str, list[str]] = {}
    for name in needed:
        by_source.setdefault(overview.source_of(name), []).append(name)
    of_variants = by_source.pop("variants", [])
    own = list(dict.fromkeys([*WITHIN, *of_variants]))
    base = read_piece(store, VARIANTS.name, piece, own)
    if base is None or base.height > MOST:
        return None
    if not base.height:
        return pl.DataFrame(schema={n: overview.schema[n] for n in columns})
    keys = _keys(base)
    if any(a > b for a, b in pairwise(keys)):
        base = base.sort(WITHIN)
        keys = _keys(base)
    places = {key: i for i, key in enumerate(keys)}
    # What belongs to none of these alleles is left out by key.
    near = Piece(piece.contig, piece.start, piece.end)
    frames = [base]
    for source, names in by_source.items():
        side = _side(overview, source, (piece, near), names, places)
        if side is None:
            return None
        frames.append(side)
    found = {s.name: s for frame in frames for s in frame.get_columns()}
    rows = pl.DataFrame([found[n] for n in needed])
    if where:
        rows = rows.filter(*(test.expression for test in where))
    return _columns(rows, columns)


def _keys(frame: pl.DataFrame) -> list[Key]:
    return list(zip(*(frame[n].to_list() for n in WITHIN), strict=True))


def _side(
    overview: Sides, source: str, pieces: tuple[Piece, Piece], names: list[str], places: Places
) -> pl.DataFrame | None:
    """Give columns of a source, a row an allele of the question.

    `pieces` are the piece that is asked for, and all of its place.
    """
    narrow, piece = pieces
    if source == "totals":
        return _totals(overview, piece, names, places)
    if source == "consequences":
        return _consequences(overview, piece, names, places)
    if source == "ids":
        return _ids(overview, piece, names, places)
    if source.startswith("cohort:"):
        found = _cohort(overview, piece, source.removeprefix("cohort:"), names, places)
        if found is not None:
            return found
    frame = overview.side(source, narrow, names).collect()
    return _taken(frame, _find(frame, places), names)


def _columns(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Choose columns; `select` would make a plan of it."""
    if frame.columns == list(names):
        return frame
    return pl.DataFrame([frame.get_column(n) for n in names])


def _find(
    frame: pl.DataFrame, places: Places, is_asked: Sequence[bool] | None = None
) -> list[int | None]:
    """Give of each allele of the question the number of its row; None: it has none."""
    found: list[int | None] = [None] * len(places)
    for row, key in enumerate(_keys(frame)):
        at = places.get(key)
        if at is not None and (is_asked is None or is_asked[row]):
            found[at] = row
    return found


def _taken(
    frame: pl.DataFrame, rows: Sequence[int | None], names: Sequence[str]
) -> pl.DataFrame:
    """Take rows by number; nulls where there is none."""
    if frame.height == len(rows) and all(r == i for i, r in enumerate(rows)):
        return _columns(frame, names)
    columns = []
    for name in names:
        series = frame.get_column(name)
        values = series.to_list()
        taken = [None if r is None else values[r] for r in rows]
        columns.append(pl.Series(name, taken, series.dtype))
    return pl.DataFrame(columns)


def _totals(
    overview: Sides, piece: Piece, names: list[str], places: Places
) -> pl.DataFrame | None:
    asked = list(dict.fromkeys([*WITHIN, "stratum_by", *names]))
    rows = read_piece(overview.store, "totals", piece, asked)
    if rows is None:
        return None
    is_asked = [by == "all" for by in rows["stratum_by"].to_list()]
    return _taken(rows, _find(rows, places, is_asked), names)


def _consequences(
    overview: Sides, piece: Piece, names: list[str], places: Places
) -> pl.DataFrame | None:
    own = [n for n in names if n not in ("gene", "genes")]
    lists = {"gene", "genes"} & set(names)
    asked = [*WITHIN, *own, "most_severe", "canonical", "transcript_id"]
    asked += ["gene_name", "gene_id"] if lists else []
    asked += ["terms"] if "genes" in lists else []
    rows = read_piece(overview.store, "consequences", piece, list(dict.fromkeys(asked)))
    if rows is None:
        return None
    order = ("most_severe", "canonical", "transcript_id")
    severe, canonical, transcript = (rows[n].to_list() for n in order)
    at = [places.get(key) for key in _keys(rows)]
    # The worst first, of equals the canonical transcript, then by name.
    turn = sorted(
        (not canonical[i], transcript[i], i, p)
        for i, p in enumerate(at)
        if p is not None and severe[i]
    )
    first: list[int | None] = [None] * len(places)
    for _, _, i, p in turn:
        if first[p] is None:
            first[p] = i
    out = _taken(rows, first, own)
    if not lists:
        return out
    pairs = zip(rows["gene_name"].to_list(), rows["gene_id"].to_list(), strict=True)
    symbol = [name if name is not None else id_ for name, id_ in pairs]
    more = []
    if "gene" in lists:
        more.append(_joined("gene", ((p, symbol[i]) for _, _, i, p in turn), len(places)))
    if "genes" in lists:
        ranked: dict[tuple[int, str], int] = {}
        for i, mask in enumerate(rows["terms"].to_list()):
            place = at[i]
            if place is not None and symbol[i] is not None:
                pair = (place, symbol[i])
                ranked[pair] = min(ranked.get(pair, 1 << 62), mask & -mask)
        every: list[list[str] | None] = [None] * len(places)
        for (p, name), _ in sorted(ranked.items(), key=lambda r: (r[0][0], r[1], r[0][1])):
            every[p] = [*(every[p] or []), name]
        more.append(pl.Series("genes", every, pl.List(pl.String)))
    out = pl.DataFrame([*out.get_columns(), *more])
    return _columns(out, names)


def _joined(name: str, pairs: Iterable[tuple[int, str | None]], n: int) -> pl.Series:
    """Join the texts of each place by `;`, each once; null where there is none."""
    found: list[dict[str, None] | None] = [None] * n
    for place, text in pairs:
        if text is not None:
            found[place] = {**(found[place] or {}), text: None}
    return pl.Series(name, [";".join(f) if f else None for f in found], pl.String)


def _ids(
    overview: Sides, piece: Piece, names: list[str], places: Places
) -> pl.DataFrame | None:
    placed = placed_rows(overview.store)
    assert placed is not None
    at = [key[0] for key in places]
    numbers = placed.ids.rs_numbers(piece.contig, min(at), max(at))
    if numbers is None:
        frame = overview.side("ids", piece, names).collect()
        return _taken(frame, _find(frame, places), names)
    held: list[list[int] | None] = [None] * len(places)
    for key, number in numbers:
        place = places.get(key)
        if place is not None:
            held[place] = [*(held[place] or []), number]
    texts = [None if h is None else [f"rs{n}" for n in sorted(set(h))] for h in held]
    columns = []
    for name in names:
        if name == "id":
            joined = [None if t is None else ";".join(t) for t in texts]
            columns.append(pl.Series(name, joined, pl.String))
        else:
            columns.append(pl.Series(name, texts, pl.List(pl.String)))
    return pl.DataFrame(columns)


def _cohort(
    overview: Sides, piece: Piece, cohort: str, names: list[str], places: Places
) -> pl.DataFrame | None:
    """Give what a cohort counted; see `CohortCounts.of_group`, which does those with gVCFs."""
    if overview.counts.has_bases(cohort):
        return None
    end = len(cohort) + 1
    own = [n[:-end] for n in names]
    asked = [*WITHIN, "stratum_by", "stratum", *_made_of(tuple(own))]
    low, high = (f([key[0] for key in places]) for f in (min, max))
    # All alleles of the sites, not only those that were asked for.
    near = Piece(piece.contig, low, high)
    own_rows = list(dict.fromkeys(asked))
    rows = read_piece(overview.store, FREQUENCIES.name, near, own_rows, cohort)
    if rows is None:
        return None
    is_asked = [g == EVERYBODY for g in zip(*(rows[n].to_list() for n in _GROUP), strict=True)]
    found = _find(rows, places, is_asked)
    held = {p for p, a in zip(rows["pos"].to_list(), is_asked, strict=True) if a}
    # Who holds only other alleles of a site was assessed there.
    lacking = {k[0] for k, r in zip(places, found, strict=True) if r is None and k[0] in held}
    if lacking:
        sites = _at_sites(rows, lacking, own, asked)
        at = {pos: rows.height + i for i, pos in enumerate(sites["pos"].to_list())}
        found = [at.get(k[0]) if r is None else r for k, r in zip(places, found, strict=True)]
        rows = _columns(rows, own).vstack(_columns(sites, own))
    out = _taken(rows, found, own)
    out.columns = names
    return out


def _at_sites(
    rows: pl.DataFrame, positions: set[int], names: Sequence[str], asked: Sequence[str]
) -> pl.DataFrame:
    """Give what a cohort was counted at sites, of whom it has other alleles there."""
    counts, unknown, made = _expressions(tuple(names), tuple(asked))
    return (
        rows.lazy()
        .filter(pl.col("pos").is_in(list(positions)), *_IS_EVERYBODY)
        .group_by("pos")
        .agg(*counts)
        .with_columns(*unknown)
        .with_columns(*made)
        .select("pos", *names)
        .collect()
    )


@lru_cache(maxsize=64)
def _expressions(
    names: tuple[str, ...], asked: tuple[str, ...]
) -> tuple[list[pl.Expr], list[pl.Expr], list[pl.Expr]]:
    """Say how counts at a site follow from its alleles, what is unknown, what is made."""
    table = FREQUENCIES.name
    kinds = ((counts_at_site, asked), (unknown_of, asked), (made_of, names))
    counts, unknown, made = (
        [e.alias(n) for n, e in kind(table).items() if n in wanted] for kind, wanted in kinds
    )
    return counts, unknown, made


@lru_cache(maxsize=64)
def _made_of(names: tuple[str, ...]) -> list[str]:
    """Give the columns of `frequencies` that some of its statistics are made of."""
    made, about = made_of(FREQUENCIES.name), unknown_of(FREQUENCIES.name)
    found = dict.fromkeys(names)
    for expression in [made[n] for n in names if n in made]:
        found |= dict.fromkeys(expression.meta.root_names())
    for name in [n for n in found if n in about]:
        found |= dict.fromkeys(about[name].meta.root_names())
    return list(found)
