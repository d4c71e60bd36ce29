"""The overview: a row an allele with its ids, worst consequence and frequencies.

Only the tables that hold a wanted column are read and joined: first those that the
condition needs, so that the rest meets few rows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from varhouse.query.cohortcounts import CohortCounts
from varhouse.query.expression import Condition, join_conditions
from varhouse.query.fewalleles import make_overview
from varhouse.query.select import Piece, scan_piece
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, VARIANTS, WITHIN, PolarsType
from varhouse.tables.statistics import (
    FREQUENCIES,
    TOTALS,
    greatest_of,
    statistics_of,
)

DEFAULT = (
    *KEY, "id", "type", "gene", "consequence", "impact", "hgvs_g",
    "ac", "an", "af",
)  # fmt: skip
"""Columns that are shown unless others are asked for; `af_<cohort>` of each follow."""

_HELD = "[]"
"""Ends the names of hidden columns: what a cell stands for, as a list."""

GROUPS = "groups"
"""Where columns come from of which an allele has a row a group (`bystrata`)."""

_RECORDS = "n_records"
_RECORDS_MEANING = "records of the source that are of the allele"
"""Column of a source that counts, unless a field of it has that name."""


@dataclass(frozen=True)
class OverviewColumn:
    """A column of the overview: the table or group it comes from, its type, its meaning."""

    source: str
    dtype: PolarsType
    meaning: str


class Overview:
    """The overview of a store: its columns, and how to make it.

    Attributes
    ----------
    cohorts
        Names of the cohorts, sorted.
    default
        Names of the columns that are shown unless others are asked for.
    schema
        Every column that may be asked for: name to polars type.
    order
        Columns by which the rows of a contig are sorted.
    several
        Columns that stand for several values, to those that hold these as lists: a condition
        on `gene` is about every gene on which the allele has a consequence, one on a field
        of a source about every record of the allele.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cohorts: list[str] = sorted(
            store.scan("cohorts").select("cohort").collect()["cohort"].to_list()
        )
        self.order: list[str] = list(WITHIN)
        self.default = [*DEFAULT, *(f"af_{c}" for c in self.cohorts)]
        self._columns = self._declare()
        self.counts = CohortCounts(store)
        self.schema: dict[str, PolarsType] = {
            n: c.dtype for n, c in self._columns.items() if not n.endswith(_HELD)
        }
        self.several = {"gene": "genes"} | {
            n.removesuffix(_HELD): n for n in self._columns if n.endswith(_HELD)
        }

    def _declare(self) -> dict[str, OverviewColumn]:
        columns: dict[str, OverviewColumn] = {}

        def add(name: str, source: str, dtype: PolarsType, meaning: str) -> None:
            columns.setdefault(name, OverviewColumn(source, dtype, meaning))

        for c in self.store.declaration("variants").columns:
            if c.name != "part":
                add(c.name, "variants", c.dtype, c.meaning)
        add("id", "ids", pl.String, "rs ids, joined by ;")
        add("id" + _HELD, "ids", pl.List(pl.String), "rs ids")
        add("gene", "consequences", pl.String, "genes of the most severe consequences, by ;")
        add(
            "genes",
            "consequences",
            pl.List(pl.String),
            "all genes with a consequence, the most severe first",
        )
        for c in self.store.declaration("consequences").columns:
            if c.name != "part":
                add(c.name, "consequences", c.dtype, f"worst transcript: {c.meaning}")
        for c in self.store.declaration("totals").columns:
            # The overview is of everybody: no group is the greatest of them.
            if c.name not in ("part", "stratum_by", "stratum", *greatest_of(TOTALS)):
                add(c.name, "totals", c.dtype, f"all cohorts: {c.meaning}")
        for cohort in self.cohorts:
            for s in statistics_of(FREQUENCIES):
                name = f"{s.name}_{cohort}"
                add(name, f"cohort:{cohort}", s.dtype, f"{s.name} in {cohort}")
        for table in self.store.tables:
            if table.startswith("annotations_"):
                source = table.removeprefix("annotations_")
                for c in self.store.declaration(table).columns:
                    if c.name not in (*KEY, "part"):
                        name = f"{source}.{c.name}"
                        add(name, table, c.dtype, c.meaning)
                        many = c.dtype if isinstance(c.dtype, pl.List) else pl.List(c.dtype)
                        add(name + _HELD, table, many, "")
                add(f"{source}.{_RECORDS}", table, pl.UInt32, _RECORDS_MEANING)
        return columns

    def frame(
        self, piece: Piece, columns: Iterable[str], where: Sequence[Condition] = ()
    ) -> pl.LazyFrame:
        """Make the overview of a piece, sorted by the allele key.

        Parameters
        ----------
        piece
            What to answer for.
        columns
            Names of `schema`, in order.
        where
            Conditions that rows to keep fit.

        Returns
        -------
        pl.LazyFrame
            These columns. A null frequency with a null count was not assessed; with
            an allele number of 0, nobody was called.
        """
        wanted = list(columns)
        tested = {n for test in where for n in test.columns}
        needed = {*wanted, *tested, *self.order}
        own = [n for n in VARIANTS.names if n in needed and self.source_of(n) == "variants"]
        frame = scan_piece(self.store, "variants", piece).select(own)
        joined = {"variants"}
        for test in self._in_turn(where):
            sources = {self.source_of(n) for n in test.columns} - joined
            frame = self._join(frame, piece, sources, needed).filter(test.expression)
            joined |= sources
        rest = {self.source_of(n) for n in (*wanted, *self.order)} - joined
        frame = self._join(frame, piece, rest, needed)
        return frame.sort(self.order).select(wanted)

    def read(
        self, piece: Piece, columns: Sequence[str], where: Sequence[Condition] = ()
    ) -> pl.DataFrame | None:
        """Make what `frame` makes at once, for few alleles.

        None: they are many, or files are not open; `frame` has to.
        """
        return make_overview(self, piece, columns, where)

    def _in_turn(self, where: Sequence[Condition]) -> Sequence[Condition]:
        """Give the conditions in the order in which rows are put to them."""
        return [both] if (both := join_conditions(where)) else []

    def counts_of(self, columns: Iterable[str]) -> dict[str, str]:
        """Give the sources of cells that show one number of possibly several records.

        Returns
        -------
        dict
            Source to the column that counts its records.
        """
        sources = {
            self.source_of(n).removeprefix("annotations_")
            for n in columns
            if self.source_of(n).startswith("annotations_") and self.schema[n].is_numeric()
        }
        return {s: f"{s}.{_RECORDS}" for s in sorted(sources)}

    def is_count_of_records(self, column: str) -> bool:
        """Whether a column counts the records of a source."""
        return self._columns[column].meaning == _RECORDS_MEANING

    def meaning(self, column: str) -> str:
        """Say what a column means."""
        return self._columns[column].meaning

    def origin(self, column: str) -> tuple[str, str]:
        """Give where a column comes from, and its name there.

        Returns
        -------
        tuple
            A table, `cohort` for the frequencies of one, or `annotations` for a source.
        """
        source = self.source_of(column)
        if source.startswith("cohort:"):
            return "cohort", column.removesuffix(f"_{source.removeprefix('cohort:')}")
        if source.startswith("annotations_"):
            return "annotations", column.partition(".")[2]
        return source, column

    def source_text(self, source: str) -> str:
        """Name a source with its version, and say if its frequencies lack counts."""
        table = f"annotations_{source}"
        version = self.store.constants(table).get("source_version")
        no_counts = "af_only" in self.store.declaration(table).names
        return (
            source
            + (f" ({version})" if version else "")
            + (", frequencies without counts" if no_counts else "")
        )

    def greatest(self, column: str) -> int:
        """Find the greatest absolute value of an integer column of a table."""
        table = self.source_of(column)
        if not table.startswith("annotations_"):
            # Only `terms`, a mask of more bits than 32, is as wide elsewhere.
            return 2**63 - 1
        value = pl.col(column.partition(".")[2]).cast(pl.Int64).abs().max()
        return int(self.store.scan(table).select(value).collect().item() or 0)

    def source_of(self, name: str) -> str:
        """Name the table or group that a column comes from."""
        return self._columns[name].source

    def _join(
        self, frame: pl.LazyFrame, piece: Piece, sources: Collection[str], needed: set[str]
    ) -> pl.LazyFrame:
        for source in sorted(sources):
            names = sorted(n for n in needed if self.source_of(n) == source)
            side = self.side(source, piece, names)
            # Whoever asks for groups gets rows of groups.
            how: Literal["inner", "left"] = "inner" if source == GROUPS else "left"
            frame = frame.join(side, on=WITHIN, how=how)
        return frame

    def side(self, source: str, piece: Piece, names: list[str]) -> pl.LazyFrame:
        """Make a frame with the key and `names`, one row an allele."""
        if source.startswith("cohort:"):
            return self._cohort(piece, source.removeprefix("cohort:"), names)
        if source.startswith("annotations_"):
            return self._annotations(piece, source, names)
        makers: Mapping[str, Callable[[Piece, list[str]], pl.LazyFrame]] = {
            "ids": self._ids,
            "consequences": self._consequences,
            "totals": self._totals,
        }
        return makers[source](piece, names)

    def _ids(self, piece: Piece, _names: list[str]) -> pl.LazyFrame:
        # The range lets files of other kinds be left out by their first and last id.
        is_rs = (pl.col("kind") == "rs") & pl.col("id").is_between(pl.lit("rs"), pl.lit("rs:"))
        # Ids that were merged into others find the allele, but are not its ids of today.
        is_rs &= ~pl.col("source").str.starts_with("merged:")
        rows = scan_piece(self.store, "ids", piece).filter(is_rs)
        number = pl.col("id").str.slice(2).cast(pl.Int64, strict=False)
        return (
            rows.select(*WITHIN, "id")
            .unique()
            .sort(number, "id")
            .group_by(WITHIN, maintain_order=True)
            .agg(pl.col("id").alias("id" + _HELD))
            .with_columns(id=pl.col("id" + _HELD).list.join(";"))
        )

    def _consequences(self, piece: Piece, names: list[str]) -> pl.LazyFrame:
        own = [n for n in names if n not in ("gene", "genes")]
        symbol = pl.coalesce("gene_name", "gene_id").alias("gene")
        worst = (
            scan_piece(self.store, "consequences", piece)
            .filter("most_severe")
            .with_columns(symbol)
            .sort(*WITHIN, ~pl.col("canonical"), "transcript_id")
        )
        first = worst.unique(WITHIN, keep="first", maintain_order=True).select(*WITHIN, *own)
        if "genes" in names:
            first = self._genes(piece, symbol).join(
                first, on=WITHIN, how="full", coalesce=True
            )
        if "gene" not in names:
            return first
        genes = (
            worst.select(*WITHIN, "gene")
            .drop_nulls("gene")
            .unique(maintain_order=True)
            .group_by(WITHIN, maintain_order=True)
            .agg("gene")
            .with_columns(pl.col("gene").list.join(";"))
        )
        return first.join(genes, on=WITHIN, how="left")

    def _genes(self, piece: Piece, symbol: pl.Expr) -> pl.LazyFrame:
        """Give every gene of an allele, by the rank of its worst consequence there."""
        rank = (pl.col("terms") & -pl.col("terms")).alias("rank")
        return (
            scan_piece(self.store, "consequences", piece)
            .select(*WITHIN, symbol, rank)
            .drop_nulls("gene")
            .group_by([*WITHIN, "gene"])
            .agg(pl.col("rank").min())
            .sort(*WITHIN, "rank", "gene")
            .group_by(WITHIN, maintain_order=True)
            .agg(genes="gene")
        )

    def _totals(self, piece: Piece, names: list[str]) -> pl.LazyFrame:
        rows = scan_piece(self.store, "totals", piece)
        return rows.filter(pl.col("stratum_by") == "all").select(*WITHIN, *names)

    def _cohort(self, piece: Piece, cohort: str, names: list[str]) -> pl.LazyFrame:
        """Give what a cohort counted of each allele of the piece; null: not assessed."""
        end = len(cohort) + 1
        counted = self.counts.of_group(piece, cohort)
        return counted.select(*WITHIN, *(pl.col(n[:-end]).alias(n) for n in names))

    def _annotations(self, piece: Piece, table: str, names: list[str]) -> pl.LazyFrame:
        """Give what all records of an allele say, see `_cell`; lists hold every record."""
        start = len(table) - len("annotations_") + 1
        cells = [n for n in names if not n.endswith(_HELD) and n[start:] != _RECORDS]
        told = [_cell(pl.col(n[start:]), self.schema[n]).alias(n) for n in cells]
        for n in names:
            if n.endswith(_HELD):
                every = pl.col(n[start:].removesuffix(_HELD))
                is_list = isinstance(self.schema[n.removesuffix(_HELD)], pl.List)
                told.append((_joined(every) if is_list else every).alias(n))
        counts = [pl.len().alias(n) for n in names if n not in cells and n[start:] == _RECORDS]
        known = [
            pl.when(pl.col(n).list.drop_nulls().list.len() > 0).then(pl.col(n)).alias(n)
            for n in names
            if n.endswith(_HELD)
        ]
        texts = [
            pl.when(pl.col(n).list.len() > 0).then(pl.col(n).list.join(";")).alias(n)
            for n in cells
            if self.schema[n] == pl.String
        ]
        lists = [
            pl.when(pl.col(n).list.len() > 0).then(pl.col(n)).alias(n)
            for n in cells
            if isinstance(self.schema[n], pl.List)
        ]
        rows = scan_piece(self.store, table, piece)
        grouped = rows.group_by(WITHIN, maintain_order=True).agg(*told, *counts)
        return grouped.with_columns(*known, *texts, *lists)


def _joined(lists: pl.Expr) -> pl.Expr:
    return lists.explode(empty_as_null=False, keep_nulls=False)


def _cell(field: pl.Expr, dtype: PolarsType) -> pl.Expr:
    """Give one cell for the records of an allele: a flag that some has, the first number.

    Different texts are joined by `;` afterwards; lists are put behind each other.
    """
    if dtype == pl.String:
        return field.drop_nulls().unique(maintain_order=True)
    if dtype == pl.Boolean:
        return field.max()
    if isinstance(dtype, pl.List):
        return _joined(field)
    return field.drop_nulls().first()
