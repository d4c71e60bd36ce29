"""What a table is declared with: columns, encoding, who may see it, the allele key.

Types are those that Delta Lake knows: signed integers only, no Categorical. Partition
columns are part of a table's rows but live in the path, not in the file.
"""

from dataclasses import dataclass, field, replace

import polars as pl

from varhouse.errors import SchemaError
from varhouse.governed import CONTROLLED, ROLES
from varhouse.tables.labels import FILE
from varhouse.tables.statistics import PolarsType

KEY_SCHEMA: dict[str, PolarsType] = {
    "contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String,
    "extent": pl.String,
}  # fmt: skip
"""Columns of the allele key and their types."""

KEY = tuple(KEY_SCHEMA)
"""The allele key: canonical contig, 1-based position, normalised biallelic REF and ALT, and
the extent of a symbolic ALT (`varhouse.alleles.extent`)."""

SPELT = KEY[:4]
"""What CHROM, POS, REF and ALT of a line spell: all there is where ALT is written out."""

WITHIN = KEY[1:]
"""What tells the alleles of one contig apart, in sort order."""

BOUNDED = frozenset({"contig", "pos", "extent", "start", "end", "id", "ac", "an", "record"})
"""Columns whose least and greatest value the Delta log has, where they are never null."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `content` is False for what depends on when or how data came in (ingest ids, times,
    paths), or follows from other columns up to rounding: such columns are not covered by
    the content digest. `label` says that the numbers are those of files or samples of the
    cohort, which depend on the order of arrival: the digest covers what they stand for
    (`varhouse.tables.labels`).
    """

    name: str
    dtype: PolarsType
    meaning: str
    nullable: bool = False
    content: bool = True
    label: str = ""
    maskable: bool = False
    is_masked: bool = False


@dataclass(frozen=True)
class Encoding:
    """How the files of a table are written.

    Attributes
    ----------
    level
        zstd 1 takes a sixth less time to write than 3; ids, variants and frequencies are
        smaller, sites 2 to 5 % larger (decision 0023).
    row_group
        Rows of a row group: 10 kb regions of a row an allele are read in 1.1 ms with
        32,768, 16k-64k all fine (store notes).
    group_bytes
        Bytes of a row group about, however few rows that are.
    page
        Bytes of a page about, which is what a reader of some rows has to unpack; with an
        index of the pages it need not look at the others. None: by `page_rows`.
    page_rows
        Rows of a page, where bytes do not decide: all columns are cut at the same rows, so
        that some rows are read without the others (`query.pagefile`). With 4,096 files are 4
        to 6 % larger than without a cut; with 2,048 those of variants 1 %, others 8 to 15 %.
    plain
        Columns without a dictionary, which would only blow them up.
    packed
        Columns that are packed already, and not compressed again.
    steps
        Columns of ascending numbers, which are written as steps from one to the next.
    split
        Columns of numbers of which all first bytes stand together, then all second ones.
    """

    level: int = 1
    row_group: int = 32_768
    group_bytes: int = 1 << 28
    page: int | None = None
    page_rows: int = 4_096
    plain: frozenset[str] = frozenset()
    packed: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    split: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Table:
    """One table of the store.

    `root` is `open` (aggregates) or `controlled` (anything about single people).
    `content` is False for tables that the content digest leaves out.
    `public`, `registered`, `inside` and `controlled` name the columns of an open table, each
    at the least role that sees it (see `view`): a column in none of them is shown to
    `controlled` alone, and a test fails. A controlled table names none: all its columns are
    for `controlled`. `encoding` says how its files are written.
    """

    name: str
    root: str
    row: str
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    content: bool = True
    public: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    controlled: tuple[str, ...] = ()
    encoding: Encoding = Encoding()
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(c.name for c in self.columns))

    @property
    def polars_schema(self) -> dict[str, PolarsType]:
        """Column name to polars type, partition columns included."""
        return {c.name: c.dtype for c in self.columns}

    def role_of(self, column: str) -> str:
        """Give the least role that sees a column: what nothing allows is `controlled`."""
        if self.root != "open":
            # Not even a wrong declaration opens what is controlled.
            return CONTROLLED
        return next((role for role in ROLES if column in getattr(self, role)), CONTROLLED)

    def shown_to(self, role: str) -> tuple[str, ...]:
        """Name the columns that a role sees, in order; none: it does not get the table."""
        rank = ROLES.index(role)
        return tuple(n for n in self.names if ROLES.index(self.role_of(n)) <= rank)

    @property
    def bounded(self) -> tuple[str, ...]:
        """Columns with statistics in the Delta log, for every file of the table.

        A column has them in all files or in none, and the table says in which: delta-rs
        makes `column >= null` of a bound that is not there, so that a filter finds nothing
        (`to_pyarrow_dataset`). Hence no column that can be null, in some file altogether;
        no boolean or list, which have no bounds; no fraction, which may be no number.
        A change of this set needs a new FORMAT_VERSION: files in place lack the bounds.
        A column that is masked in views keeps its bounds: those of the values that are there.
        """
        own = (c for c in self.columns if not c.nullable or c.maskable)
        return tuple(c.name for c in own if c.name in BOUNDED and c.name not in self.partition)

    @property
    def masked(self) -> "Table":
        """The table as the store of a view has it: what may tell of few people may be null."""
        if not any(c.maskable for c in self.columns):
            return self
        columns = (
            replace(c, nullable=True, is_masked=True) if c.maskable else c
            for c in self.columns
        )
        return replace(self, columns=tuple(columns))

    @property
    def labelled(self) -> tuple[Column, ...]:
        """Columns that the content digest covers by what their numbers stand for."""
        return tuple(c for c in self.columns if c.label and self.content and c.content)

    @property
    def file_schema(self) -> dict[str, PolarsType]:
        """Column name to polars type of what stands in the files."""
        return {c.name: c.dtype for c in self.columns if c.name not in self.partition}


def words(text: str) -> tuple[str, ...]:
    """List names that stand in a text, by blanks."""
    return tuple(text.split())


CONTIG = Column("contig", pl.String, "canonical contig name")


def key_columns() -> tuple[Column, ...]:
    """Declare the columns of the allele key, in its order."""
    return (
        CONTIG,
        Column("pos", pl.Int32, "1-based position of the first base of ref, normalised"),
        Column("ref", pl.String, "reference allele, normalised"),
        Column(
            "alt", pl.String,
            "alternate allele, normalised; of a breakend with the canonical name of the mate",
        ),
        Column(
            "extent", pl.String,
            "of a symbolic allele its length in bases (`.`: unknown), then what else tells it"
            " apart as /KEY=value; empty for any other",
        ),
    )  # fmt: skip


PART = Column(
    "part",
    pl.String,
    "partition: the contig, or `other` for the short contigs of an assembly with many",
    content=False,
)
COHORT = Column("cohort", pl.String, "data set ingested together")
FILE_NUMBER = Column("file", pl.Int32, "0-based number of the file in the cohort", label=FILE)


def check_table(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Check a frame against its declaration and put the columns in order.

    Returns
    -------
    pl.DataFrame
        The same rows, columns in the declared order.

    Raises
    ------
    SchemaError
        If a column is missing, unknown, of another type, or null where it must not be.
    """
    wanted = table.polars_schema
    # Small files are many: what polars is asked for counts more than rows.
    held = {series.name: series for series in frame.get_columns()}
    missing = [n for n in wanted if n not in held]
    extra = [n for n in held if n not in wanted]
    if missing or extra:
        raise SchemaError(f"table {table.name}: missing columns {missing}, unknown {extra}")
    for column in table.columns:
        found = held[column.name].dtype
        if found != column.dtype:
            raise SchemaError(
                f"table {table.name}: column {column.name} is {found}, not {column.dtype}"
            )
        if not column.nullable and held[column.name].null_count():
            raise SchemaError(f"table {table.name}: null in column {column.name}")
    return frame[list(table.names)]
