"""The list of tables that `store verify` has of its own is that of the declarations."""

import polars as pl

from varhouse.tables.schema import FORMAT_VERSION, KEY, TABLES, Table, annotation_table
from varhouse.tables.statistics import STATISTICS, AtSite
from varhouse.verify import figures, words


def type_of(dtype: object) -> str:
    return f"list<{type_of(dtype.inner)}>" if isinstance(dtype, pl.List) else str(dtype)


def declared(table: Table) -> words.Table:
    columns = tuple(
        words.Column(
            c.name, type_of(c.dtype), c.nullable, c.content, c.name in table.bounded,
            c.label[:1].upper(),
        )
        for c in table.columns
    )  # fmt: skip
    known = words.TABLES.get(table.name)
    unique = known.unique if known else ()
    return words.Table(
        table.name, table.root, table.content, table.partition, table.sort, unique, columns
    )


def test_tables_are_those_of_the_declarations() -> None:
    assert words.FORMAT_VERSION == FORMAT_VERSION
    assert words.KEY == KEY
    assert {name: declared(t) for name, t in TABLES.items()} == words.TABLES


def test_what_a_view_may_mask_is_what_the_declarations_say() -> None:
    assert {name: declared(t.masked) for name, t in TABLES.items()} == {
        name: words.of_view(t) for name, t in words.TABLES.items()
    }


def test_tables_of_sources() -> None:
    table = annotation_table("demo", {"score": pl.Float64, "words": pl.List(pl.String)})
    columns = {c.name: type_of(c.dtype) for c in table.columns}
    assert words.table_of(table.name, columns) == declared(table)
    assert words.table_of("other", columns) is None


def test_counts_are_those_of_the_registry() -> None:
    known = {
        AtSite.MOST: figures.MOST,
        AtSite.LEAST: figures.LEAST,
        AtSite.NONE: figures.ALONE,
    }
    for kind, names in known.items():
        own = {s.name for s in STATISTICS if s.at_site is kind and "frequencies" in s.tables}
        assert own == set(names)
    assert {s.name for s in STATISTICS if s.about} == set(figures.ADJ)
