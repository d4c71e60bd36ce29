"""What there is in a store to ask for: tables, their columns, cohorts and strata.

Everything comes from the declarations (`tables.dictionary`) and from what a release holds, as
the view of the store shows it.
"""

import polars as pl

from varhouse.query.expression import find_column
from varhouse.query.overview import Overview
from varhouse.query.sqllineage import LINEAGE, SOURCE, UNITS
from varhouse.store.reader import Store
from varhouse.tables import dictionary

QUERY = "query"
"""Stands for what `varhouse query` answers with, which is no table of the store."""

QUERY_ROW = "an allele, as `varhouse query` answers: `--columns` takes each of these names"
_LACKING = {
    "ids": "it has none",
    "consequences": "near no transcript",
    "totals": "nobody was assessed",
    "cohort": "nobody of the cohort was assessed",
    "annotations": "the source does not have the allele, or does not say",
}
"""What the null of a column of the overview stands for, by where it comes from."""

_DECLARED = {
    "variants": "variants", "consequences": "consequences", "totals": "totals",
    "cohort": "frequencies",
}  # fmt: skip
"""The tables that declare these columns."""


def describe(store: Store, what: str | None = None) -> pl.DataFrame:
    """Describe a store, a table or a column.

    Parameters
    ----------
    what
        None: the tables. The name of a table, `query` for the columns of `varhouse query`, or
        `lineage` for those of that view: its columns. `TABLE.COLUMN`: one column.

    Returns
    -------
    pl.DataFrame
        Of a store a row a table: table, rows (null where the view hides some), root (`open`
        or `controlled`) and row (what a row is). Else a row a column: column, type, unit,
        null_means, meaning.

    Raises
    ------
    VarhouseError
        If there is no such table or column, or the view does not show it; the nearest is
        named.
    """
    if what is None:
        return describe_tables(store)
    if what in (QUERY, LINEAGE.name) or what in store.tables:
        return _columns(store, what)
    table, dot, column = what.partition(".")
    if not dot:
        return _columns(store, what)
    rows = _columns(store, table)
    return rows.filter(
        column=find_column(
            column, rows["column"], f"`varhouse describe STORE {table}` lists them"
        )
    )


def describe_tables(store: Store) -> pl.DataFrame:
    """List the tables of a release: table, rows, root and row (what a row is).

    `rows` is null where a view hides some: nobody has counted the others. The view `lineage`,
    which is made of the headers in the table `files`, stands last.
    """
    is_there = "variants" in store.tables
    alleles = store.known_rows("variants") if is_there else 0
    rows = [(QUERY, alleles, "open", QUERY_ROW)]
    for name in store.tables:
        declared = store.declaration(name)
        rows.append((name, store.known_rows(name), declared.root, declared.row))
    if SOURCE in store.tables:
        # Nobody has counted its rows: they are read out of headers when they are asked for.
        rows.append((LINEAGE.name, None, LINEAGE.root, LINEAGE.row))
    schema = {"table": pl.String, "rows": pl.Int64, "root": pl.String, "row": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def row_of(store: Store, table: str) -> str:
    """Say what a row is: of a table, of `query`, or of the view `lineage`."""
    own = {QUERY: QUERY_ROW, LINEAGE.name: LINEAGE.row}
    return own[table] if table in own else store.declaration(table).row


def describe_cohorts(store: Store) -> pl.DataFrame:
    """List the cohorts: name, people, alleles, province, assay and platform."""
    shown = store.declaration("cohorts").names
    names = [n for n in ("cohort", "n_samples", "n_alleles", "province", "assay", "platform")
             if n in shown]  # fmt: skip
    return store.scan("cohorts").select(names).sort("cohort").collect()


def describe_strata(store: Store) -> pl.DataFrame:
    """List what people are counted by: stratum_by, stratum, n_people, n_cohorts.

    `n_people` is null where a view does not show it. `all`, everybody, is the first.
    """
    known = pl.when(pl.col("n_people").has_nulls().not_()).then(pl.col("n_people").sum())
    # It loads numpy and pyarrow, and a query by the kinds of strata does without.
    from varhouse.query.cohortstrata import read_strata  # noqa: PLC0415

    return (
        read_strata(store)
        .group_by("stratum_by", "stratum")
        .agg(n_people=known.cast(pl.Int64), n_cohorts=pl.len().cast(pl.Int64))
        .sort(pl.col("stratum_by") != "all", "stratum_by", "stratum")
    )


def kinds_of_strata(store: Store) -> list[str]:
    """List the names by which people are counted, `all` first."""
    return describe_strata(store)["stratum_by"].unique(maintain_order=True).to_list()


def _columns(store: Store, table: str) -> pl.DataFrame:
    if table == LINEAGE.name:
        store.declaration(SOURCE)  # Refused where the table is not shown.
        known = dictionary.describe_table(LINEAGE)
        said = pl.when(pl.col("null_means") == dictionary.NEVER).then("null_means")
        return known.with_columns(
            # A name that is a number in tables of the store.
            unit=pl.col("column").replace_strict(UNITS, default=pl.col("unit")),
            null_means=said.otherwise(pl.lit("the header does not say")),
        )
    if table != QUERY:
        return dictionary.describe_table(store.declaration(table))
    overview = Overview(store)
    declared = {
        source: {c.name: c for c in store.declaration(name).columns}
        for source, name in _DECLARED.items()
    }
    rows = []
    for name, dtype in overview.schema.items():
        source, plain = overview.origin(name)
        column = declared.get(source, {}).get(plain)
        nulls = [_LACKING.get(source), dictionary.NULLS.get(plain)]
        if column is None or not column.nullable:
            nulls.pop()
        null = "; else ".join(text for text in nulls if text) or dictionary.NEVER
        unit = "" if source == "annotations" else dictionary.UNITS.get(plain, "")
        rows.append((name, str(dtype), unit, null, overview.meaning(name)))
    return pl.DataFrame(rows, dictionary.SCHEMA, orient="row")
