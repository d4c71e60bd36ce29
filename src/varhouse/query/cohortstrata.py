"""Which strata a cohort has, and how many people stand in each.

A cohort's people are in its sheet; by what they were put into strata, the account of its
ingest tells. Where one of both is not shown, as in a public view, its rows tell the strata,
and the size of `all` alone is known.
"""

import json

import polars as pl

from varhouse.errors import UsageError, nearest, one_of
from varhouse.frequencies.strata import ALL, make_strata
from varhouse.query.callablerows import STRATUM
from varhouse.query.people import sheet_rows
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType

SCHEMA: dict[str, PolarsType] = {
    "cohort": pl.String, "stratum_by": pl.String, "stratum": pl.String, "n_people": pl.Int32,
}  # fmt: skip


def read_strata(store: Store) -> pl.DataFrame:
    """List the strata of all cohorts.

    Returns
    -------
    pl.DataFrame
        Columns of SCHEMA: a row a cohort and stratum, cohorts by name, `all` first.
        `n_people` is null where it is not known.
    """
    cohorts = store.scan("cohorts").select("cohort", "n_samples", "ingest_id").collect()
    told = _told(store)
    frames = [pl.DataFrame(schema=SCHEMA)]
    for cohort, n_samples, ingest in cohorts.sort("cohort").rows():
        by = told.get(ingest)
        mine = sheet_rows(store, cohort) if store.view.shows_people(cohort) else None
        named = {c for stratum in by or () for c in stratum.split("+")}
        if by is not None and mine is not None and named <= set(mine.columns):
            frames.append(_of_sheet(cohort, mine, by))
        else:
            frames.append(_of_rows(store, cohort, n_samples))
    return pl.concat(frames)


def _told(store: Store) -> dict[str, list[str]]:
    """Give by ingest the strata of its configuration."""
    rows = store.scan("accounts").select("ingest_id", "account").collect().rows()
    read = ((ingest, json.loads(account)) for ingest, account in rows)
    return {ingest: list(account["strata"]) for ingest, account in read if "strata" in account}


def _of_sheet(cohort: str, people: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    strata = make_strata(people, by)
    return pl.DataFrame(
        {
            "cohort": [cohort] * len(strata.by),
            "stratum_by": strata.by,
            "stratum": strata.value,
            "n_people": strata.n_samples,
        },
        schema_overrides=SCHEMA,
    )


def _of_rows(store: Store, cohort: str, n_samples: int) -> pl.DataFrame:
    """List the strata that rows of a cohort have; all of them are read."""
    rows = [
        store.scan(table, cohort=cohort).select(STRATUM).unique()
        for table in ("callable", "frequencies")
    ]
    is_all = pl.col("stratum_by") == ALL
    known = pl.DataFrame([(ALL, ALL)], schema=STRATUM, orient="row")
    found = pl.concat([known.lazy(), *rows]).unique().collect()
    return (
        found.sort(~is_all, *STRATUM)
        .with_columns(
            cohort=pl.lit(cohort), n_people=pl.when(is_all).then(n_samples).cast(pl.Int32)
        )
        .select(list(SCHEMA))
    )


def choose_strata(
    strata: pl.DataFrame, cohorts: list[str], stratum_by: str | None, total: str
) -> pl.DataFrame:
    """Choose strata of cohorts, and add those of all cohorts together.

    Parameters
    ----------
    strata
        Of `read_strata`.
    cohorts
        Names; `total` for all cohorts together. Empty: each, and where there are several
        all together.
    stratum_by
        One kind of stratum; None: all.
    total
        Name of all cohorts together.

    Returns
    -------
    pl.DataFrame
        Columns of SCHEMA.

    Raises
    ------
    UsageError
        If there is no such cohort or kind of stratum.
    """
    names = strata["cohort"].unique().sort().to_list()
    for name in cohorts:
        if name not in (*names, total):
            raise UsageError(
                f"no cohort {name!r} in this release{nearest(name, names)}",
                one_of((*names, total)),
            )
    kinds = strata["stratum_by"].unique().sort().to_list()
    if stratum_by is not None and stratum_by not in kinds:
        raise UsageError(
            f"no strata by {stratum_by!r}{nearest(stratum_by, kinds)}", one_of(kinds)
        )
    wanted = cohorts or [*names, *([total] if len(names) > 1 else [])]
    kind = pl.lit(value=True) if stratum_by is None else pl.col("stratum_by") == stratum_by
    rows = strata.filter(kind)
    together = (
        rows.group_by(STRATUM, maintain_order=True)
        .agg(
            # Unknown of one cohort is unknown of all.
            n_people=pl.when(pl.col("n_people").has_nulls().not_())
            .then(pl.col("n_people").sum())
            .cast(pl.Int32)
        )
        .sort(pl.col("stratum_by") != ALL, *STRATUM)
        .with_columns(cohort=pl.lit(total))
        .select(list(SCHEMA))
    )
    return pl.concat([rows, together]).filter(pl.col("cohort").is_in(wanted))
