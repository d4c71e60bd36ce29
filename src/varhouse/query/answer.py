"""A question to a store and its answer, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from varhouse.errors import UsageError, nearest, one_of
from varhouse.query.bystrata import ByStrata
from varhouse.query.expression import find_column, parse_where
from varhouse.query.overview import Overview
from varhouse.query.select import Piece, find_pieces, scan_piece
from varhouse.query.selection import Selection, find_genes
from varhouse.query.warm import WarmStore
from varhouse.store.reader import Store
from varhouse.tables.schema import SPELT, WITHIN, PolarsType

_AS_WRITTEN = ("rejects", "held_back", "lifted")
"""Tables that name contigs and cohorts that did not go in."""

_AS_IN_FILE = ("sites", "genotypes")


@dataclass(frozen=True)
class Question:
    """What is asked of a store.

    Attributes
    ----------
    selection
        Regions, genes and ids.
    where
        Conditions that must all hold.
    columns
        Columns to give, in order; empty: the default ones.
    table
        A table of the store; None: the overview of the alleles.
    limit
        Rows at most; None: all.
    by
        Kinds of groups, of which each allele has a row (`bystrata`); empty: a row an allele.
    cohorts
        With `by`: the cohorts to count, each for itself; empty: all together.
    """

    selection: Selection = field(default_factory=Selection)
    where: Sequence[str] = ()
    columns: Sequence[str] = ()
    table: str | None = None
    limit: int | None = None
    by: Sequence[str] = ()
    cohorts: Sequence[str] = ()


class Answer:
    """The answer to a question: its columns are known before any data is read.

    Attributes
    ----------
    columns
        The columns of each frame.
    schema
        The same with their polars types.
    overview
        The overview that the rows come from; None for a table.
    cut
        True, after all frames were given, if `limit` has left out rows.
    several
        After all frames were given, of each source the alleles that it has several records
        of, where a cell shows the number of the first; empty for those without such.

    Raises
    ------
    VarhouseError
        If the question names a table, column, gene or contig that does not exist, or
        selects by what the table does not have.
    """

    def __init__(self, store: Store, question: Question) -> None:
        self.store = store
        self.question = question
        self.cut = False
        self.several: dict[str, int] = {}
        self.overview = _overview(store, question)
        if question.table is None:
            assert self.overview is not None
            known, default = self.overview.schema, self.overview.default
        else:
            declared = store.declaration(question.table)
            known = {n: t for n, t in declared.polars_schema.items() if n != "part"}
            if question.table == "contigs":
                known = declared.polars_schema
            default = list(known)
            _check_selection(question.table, declared.names, question.selection)
        lists = f"`varhouse describe STORE {question.table or 'query'}` lists them"
        asked = [find_column(c, known, lists) for c in question.columns]
        self.columns: list[str] = list(dict.fromkeys(asked or default))
        self.schema: dict[str, PolarsType] = {n: known[n] for n in self.columns}
        self._known = known
        several = self.overview.several if self.overview is not None else {}
        self._where = [
            parse_where(w, known, several, self._check_word) for w in question.where
        ]
        self._own: pl.Series | None = None
        self._pieces: Iterator[Piece] | None = None
        self._prepare()

    def _check_word(self, column: str, word: str) -> None:
        """Check that there is such a contig, cohort or stratum, as a slip finds nothing."""
        store, table = self.store, self.question.table
        if table in _AS_WRITTEN:
            return
        if column == "contig":
            own = store.assembly_contigs.canonical(word)
            if own is None:
                raise UsageError(
                    store.assembly_contigs.unknown(word),
                    one_of(store.assembly_contigs.names),
                )
            if own != word:
                raise UsageError(f"contig {word!r} is called {own!r} in this store")
        known: list[str] | None
        if isinstance(self.overview, ByStrata):
            known = self.overview.values(column, word)
            if known is None:
                return
        elif column == "cohort" and table is not None:
            known = store.values("cohorts", "cohort", word)
        elif column in ("stratum_by", "stratum") and table in ("frequencies", "totals"):
            known = store.values(table, column, word)
        else:
            return
        if word not in known:
            raise UsageError(
                f"no {column} {word!r} in this release{nearest(word, known)}", one_of(known)
            )

    def _prepare(self) -> None:
        """Resolve regions, genes and ids, so that mistakes show before any output."""
        store, selection, table = self.store, self.question.selection, self.question.table
        if table is None or _has_place(store.declaration(table).names):
            by = self.overview.table if isinstance(self.overview, ByStrata) else "variants"
            self._pieces = find_pieces(store, selection, table or by)
        if table == "consequences" and selection.genes:
            # The gene's own transcripts, not those of its neighbours.
            self._own = find_genes(store, selection.genes)["gene_id"]
        if table == "genes":
            self._genes = _gene_rows(store, selection)

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Give the rows in order of the allele key (or as the table is sorted).

        They are given once.

        Parameters
        ----------
        columns
            Other columns than `self.columns`; for writers that need more.
        """
        wanted = list(columns or self.columns)
        counts = self.overview.counts_of(wanted) if self.overview is not None else {}
        left = self.question.limit
        for frame in self._lazy_frames(list(dict.fromkeys([*wanted, *counts.values()]))):
            # One row more than wanted tells that there is more.
            some = frame if left is None else frame.head(left + 1)
            rows = some.collect() if isinstance(some, pl.LazyFrame) else some
            if left is not None:
                if rows.height > left:
                    self.cut = True
                    rows = rows.head(left)
                left -= rows.height
            for source, name in counts.items():
                if number := int((rows[name] > 1).sum()):
                    self.several[source] = self.several.get(source, 0) + number
            if rows.height:
                yield rows if rows.columns == wanted else rows.select(wanted)
            if self.cut:
                return

    def _lazy_frames(self, wanted: list[str]) -> Iterator[pl.LazyFrame | pl.DataFrame]:
        if self.overview is not None:
            for piece in self._pieces or ():
                few = self.overview.read(piece, wanted, self._where)
                if few is None:
                    yield self.overview.frame(piece, wanted, self._where)
                else:
                    yield few
            return
        table = self.question.table
        assert table is not None
        declared = self.store.declaration(table)
        if self._pieces is None:
            frame = self._genes if table == "genes" else self.store.scan(table)
            yield self._finish(frame, [*declared.partition, *declared.sort], wanted)
            return
        key = [c for c in WITHIN if c in declared.names]
        order = [*key, *declared.partition, *declared.sort]
        for piece in self._pieces:
            frame = scan_piece(self.store, table, piece)
            if self._own is not None:
                frame = frame.filter(pl.col("gene_id").is_in(self._own.implode()))
            yield self._finish(frame, order, wanted)

    def _finish(
        self, frame: pl.LazyFrame, order: list[str], wanted: list[str]
    ) -> pl.LazyFrame:
        if self._where:
            frame = frame.filter(*(test.expression for test in self._where))
        by = [n for n in dict.fromkeys(order) if n != "part"]
        return (frame.sort(by) if by else frame).select(wanted)


def _overview(store: Store, question: Question) -> Overview | None:
    """Make the overview that a question is about; None: it is about a table.

    Raises
    ------
    UsageError
        If what it asks for does not go together.
    """
    if question.by and question.table is not None:
        raise UsageError(
            f"--by counts alleles by group: it does not go with --table {question.table}",
            "leave out one of both",
        )
    if question.cohorts and not question.by:
        raise UsageError("cohorts are chosen for groups", "--by cohort, or --by province")
    if question.table is not None:
        return None
    if question.by:
        return ByStrata(store, question.by, question.cohorts)
    if isinstance(store, WarmStore) and store.is_warm:
        return store.kept(Overview)
    return Overview(store)


def _has_place(names: Sequence[str]) -> bool:
    return set(SPELT) <= set(names)


def _check_selection(table: str, names: Sequence[str], selection: Selection) -> None:
    if table == "genes":
        asked = [("--id", selection.ids)]
    elif _has_place(names):
        asked = [("--id", selection.ids)] if table in _AS_IN_FILE else []
    else:
        asked = [
            ("--region", selection.regions),
            ("--gene", selection.genes),
            ("--id", selection.ids),
        ]
    wrong = [option for option, values in asked if values]
    if wrong:
        what = (
            "holds records as they stood in the files, not normalised alleles"
            if table in _AS_IN_FILE
            else "has no allele key"
        )
        raise UsageError(
            f"table {table} {what}: {', '.join(wrong)} cannot choose from it",
            "choose by --region" if table in _AS_IN_FILE else "choose by --where",
        )


def _gene_rows(store: Store, selection: Selection) -> pl.LazyFrame:
    """Rows of the table genes that overlap the regions and have the names."""
    frame = store.scan("genes")
    if selection.genes:
        frame = find_genes(store, selection.genes).lazy()
    if selection.regions:
        inside = [
            (pl.col("contig") == p.contig)
            & (pl.col("end") >= (p.start or 1))
            & (pl.lit(p.end is None) | (pl.col("start") <= (p.end or 0)))
            for p in find_pieces(store, Selection(regions=selection.regions), "ids")
        ]
        frame = frame.filter(pl.any_horizontal(*inside))
    return frame
