"""What changed from one release to another, allele by allele.

Tables are compared by partition, and in one by windows of positions, so that memory does
not grow with the store. A file that both releases pin says the same in both: only the
others are read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from varhouse.errors import UsageError, nearest
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA, Table, annotation_table
from varhouse.tables.windows import cut_windows

WINDOW_ROWS = 100_000
"""Rows of both releases that are compared at once."""

ADDED, GONE, MOST_SEVERE = "added", "gone", "most_severe"
"""Kinds of changes; that of a source's field is `SOURCE.FIELD`."""

SCHEMA = {
    **KEY_SCHEMA, "change": pl.String, "old": pl.String, "new": pl.String,
}  # fmt: skip
"""Columns of a diff: the allele, what changed, its values before and after."""

CLASS_FIELD = "CLNSIG"
"""The field that is compared if none is named: ClinVar's class of an allele."""

_PREFIX = "annotations_"
_FIXED = set(annotation_table("x", {}).names)


@dataclass(frozen=True)
class _Value:
    """A value of each allele that is compared: of which table, under which name."""

    name: str
    table: str
    column: str


def compare_releases(
    old: Store, new: Store, tables: Sequence[str] = (), fields: Sequence[str] = ()
) -> Iterator[pl.DataFrame]:
    """Find the alleles that were added or went, and those of which something else is said.

    Parameters
    ----------
    old, new
        The same store at two releases.
    tables
        Only these: `variants` (alleles added and gone), `consequences` (the most severe
        term), `annotations_SOURCE` (each of its fields). None: the first two, and
        `CLNSIG` of each source that has it.
    fields
        Fields of sources, `SOURCE.FIELD`, compared as well; without `tables`, in place
        of `CLNSIG`.

    Returns
    -------
    Iterator
        Frames with the columns `SCHEMA`, in the order of the assembly's partitions. An
        allele that was added or went has no other row. A null is no consequence, or
        nothing said by the source; several values of an allele are sorted, joined by `;`.

    Raises
    ------
    UsageError
        If a table cannot be compared, or a field is in neither release.
    """
    values = _choose(old, new, tables, fields)
    with_alleles = not tables or "variants" in tables
    return _by_part(old, new, values, with_alleles=with_alleles)


def _by_part(
    old: Store, new: Store, values: list[_Value], *, with_alleles: bool
) -> Iterator[pl.DataFrame]:
    by_table: dict[str, list[_Value]] = {}
    for value in values:
        by_table.setdefault(value.table, []).append(value)
    contigs = new.assembly_contigs
    order = {part: i for i, part in enumerate(contigs.part(c) for c in contigs.names)}
    touched = {t: differing_parts(old, new, t) for t in ("variants", *by_table)}
    parts = {p for found in touched.values() for p in found}
    for part in sorted(parts, key=lambda p: order[p]):
        alleles = Pair(old, new, "variants", part)
        if with_alleles and part in touched["variants"]:
            for window in alleles.windows():
                yield _moves(alleles, window)
        for table, wanted in by_table.items():
            if part not in touched[table]:
                continue
            pair = Pair(old, new, table, part)
            for window in pair.windows():
                moved = None
                if part in touched["variants"]:
                    moved = _moves(alleles, window).select(KEY)
                for value in wanted:
                    found = _changes(pair, value, window)
                    yield found if moved is None else found.join(moved, on=KEY, how="anti")


def _choose(
    old: Store, new: Store, tables: Sequence[str], fields: Sequence[str]
) -> list[_Value]:
    known = {t for s in (old, new) for t in s.tables}
    sources = sorted(t for t in known if t.startswith(_PREFIX))
    columns = {
        t: sorted({c for s in (old, new) if t in s.tables for c in s.declaration(t).names})
        for t in sources
    }
    allowed = ["variants", "consequences", *sources]
    for table in tables:
        if table not in allowed:
            raise UsageError(
                f"table {table!r} cannot be compared{nearest(table, allowed)}",
                f"one of {', '.join(allowed)}",
            )
    out = []
    if not tables or "consequences" in tables:
        out.append(_Value(MOST_SEVERE, "consequences", "consequence"))
    names = [f"{t}.{c}" for t in sources if t in tables for c in columns[t] if c not in _FIXED]
    if not tables and not fields:
        names = [f"{t}.{CLASS_FIELD}" for t in sources if CLASS_FIELD in columns[t]]
    for name in dict.fromkeys([*names, *fields]):
        source, _, column = name.removeprefix(_PREFIX).partition(".")
        table = f"{_PREFIX}{source}"
        if column not in columns.get(table, ()):
            all_names = [
                f"{t.removeprefix(_PREFIX)}.{c}"
                for t in sources
                for c in columns[t]
                if c not in _FIXED
            ]
            raise UsageError(
                f"no field {name!r} in either release{nearest(name, all_names)}",
                "name it SOURCE.FIELD",
            )
        out.append(_Value(f"{source}.{column}", table, column))
    return out


def differing_parts(old: Store, new: Store, table: str, cohort: str | None = None) -> set[str]:
    """Name the partitions of which two releases pin different files; of a cohort alone."""
    pins = [s.record.tables.get(table) for s in (old, new)]
    if pins[0] and pins[1] and (pins[0].rows, pins[0].sums) == (pins[1].rows, pins[1].sums):
        # The same content, however it is cut into files.
        return set()
    held = [_files(s, table, cohort) for s in (old, new)]
    one_sided = pl.concat(a.join(b, on="path", how="anti") for a, b in (held, held[::-1]))
    return set(one_sided["part"])


def _files(store: Store, table: str, cohort: str | None = None) -> pl.DataFrame:
    """List path (relative) and part of a table's files; none if the release has no table."""
    empty = pl.DataFrame(schema={"path": pl.String, "part": pl.String})
    if table not in store.tables:
        return empty
    files = store.file_frame(table)
    if cohort is not None and files.height:
        files = files.filter(pl.col("partition.cohort") == cohort)
    return files.select("path", part="partition.part") if files.height else empty


class Pair:
    """A partition of a table in both releases: files of one only, and of both.

    `old` and `new` scan the former, `both` the latter (None: there are none). Of a table with
    a partition for each cohort, one cohort is chosen.
    """

    def __init__(
        self, old: Store, new: Store, table: str, part: str, cohort: str | None = None
    ) -> None:
        listed = [
            _files(s, table, cohort).filter(pl.col("part") == part)["path"].to_list()
            for s in (old, new)
        ]
        both = set(listed[0]) & set(listed[1])
        self.old, self.new = (
            _scan(s, table, [p for p in paths if p not in both])
            for s, paths in zip((old, new), listed, strict=True)
        )
        self.both = _scan(new, table, sorted(both)) if both else None

    def windows(self) -> Iterable[pl.Expr]:
        """Cut the rows that may differ into windows."""
        rows = pl.concat([self.old.select(KEY), self.new.select(KEY)])
        return [window.rows() for window in cut_windows(rows, WINDOW_ROWS)]


def _scan(store: Store, table: str, paths: list[str]) -> pl.LazyFrame:
    if not paths:
        return pl.LazyFrame(schema=KEY_SCHEMA)
    declared: Table = store.declaration(table)
    folder = table_folder(store.path, declared)
    return pl.scan_parquet(
        [f"{folder}/{p}" for p in paths],
        glob=False,
        schema=declared.file_schema,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )


def _moves(alleles: Pair, window: pl.Expr) -> pl.DataFrame:
    """Alleles of a window that one release has and the other has not."""
    old, new = (f.filter(window).select(KEY).collect() for f in (alleles.old, alleles.new))
    found = [
        new.join(old, on=KEY, how="anti").with_columns(change=pl.lit(ADDED)),
        old.join(new, on=KEY, how="anti").with_columns(change=pl.lit(GONE)),
    ]
    null = pl.lit(None, pl.String)
    return pl.concat(found).with_columns(old=null, new=null).select(list(SCHEMA)).sort(KEY)


def _changes(pair: Pair, value: _Value, window: pl.Expr) -> pl.DataFrame:
    """Alleles of a window whose value differs."""
    rows = [_rows(f, value).filter(window).collect() for f in (pair.old, pair.new)]
    # Most rows stand in both: values are put together for the others' alleles only.
    one_sided = pl.concat(
        a.join(b, on=[*KEY, "value"], how="anti").select(KEY) for a, b in (rows, rows[::-1])
    )
    rows = [r.join(one_sided, on=KEY, how="semi") for r in rows]
    found = _differ(rows[0], rows[1], value)
    if pair.both is None or not found.height:
        return found
    # Should rows of such an allele stand in a file of both releases too, they count.
    more = _rows(pair.both, value).filter(window).join(found.lazy(), on=KEY, how="semi")
    shared = more.collect()
    if not shared.height:
        return found
    mine = [r.join(found, on=KEY, how="semi") for r in rows]
    return _differ(pl.concat([mine[0], shared]), pl.concat([mine[1], shared]), value)


def _rows(frame: pl.LazyFrame, value: _Value) -> pl.LazyFrame:
    """Give the key and the value of rows that have one; a column that is missing has none."""
    names = frame.collect_schema().names()
    if value.column not in names:
        return frame.select(*KEY, value=pl.lit(None, pl.String)).filter(pl.lit(value=False))
    if value.name == MOST_SEVERE:
        # Terms stand most severe first.
        first = pl.col(value.column).str.split("&").list.first()
        return frame.filter("most_severe").select(*KEY, value=first)
    text = pl.col(value.column).cast(pl.String)
    return frame.select(*KEY, value=text).filter(pl.col("value").is_not_null())


def _differ(old: pl.DataFrame, new: pl.DataFrame, value: _Value) -> pl.DataFrame:
    sides = [
        rows.unique().group_by(KEY).agg(pl.col("value").sort().str.join(";"))
        for rows in (old, new)
    ]
    return (
        sides[0]
        .join(sides[1], on=KEY, how="full", coalesce=True, suffix="_new")
        .filter(pl.col("value").ne_missing(pl.col("value_new")))
        .select(*KEY, change=pl.lit(value.name), old="value", new="value_new")
        .sort(KEY)
    )
