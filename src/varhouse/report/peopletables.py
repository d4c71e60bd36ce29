"""The tables of people of an ingest's cohorts, as their plots and lists need them.

Individual level: nothing of this is read for an open report.
"""

import json
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from varhouse.errors import UsageError, nearest
from varhouse.report import plots
from varhouse.store.reader import Store
from varhouse.tables.declaration import Table
from varhouse.tables.peopletables import (
    ANCESTRY,
    ANCESTRY_AXES,
    RELATED,
    SAME_PEOPLE,
    SAMPLE_CONTIGS,
    SAMPLE_QC,
    TRIOS,
)

OTHER = "others"
UNKNOWN = "not in the sheet"
CLASSES = 5
"""Classes of a column of numbers."""

_FLAGGED = {
    "low_call_rate": "call_rate",
    "high_het_hom": "het_hom",
    "many_singletons": "n_singleton",
    "contaminated": "contamination",
    "sex_mismatch": "sex_by_calls",
    "sex_unclear": "sex_by_calls",
}


@dataclass(frozen=True)
class People:
    """Rows of the tables of people, of some cohorts.

    Attributes
    ----------
    samples
        `sample_qc` with `sex` and `population` of the sheet and `group` (see
        `colour_groups`), by cohort and ordinal; empty: the store has none.
    contigs, related, trios, ancestry, axes, same
        The tables of these names (`ancestry_axes`, `same_people`); `ancestry` with `group`.
    colour_by
        The column of the sheet that `group` is of.
    """

    samples: pl.DataFrame
    contigs: pl.DataFrame
    related: pl.DataFrame
    trios: pl.DataFrame
    ancestry: pl.DataFrame
    axes: pl.DataFrame
    same: pl.DataFrame
    colour_by: str

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is known of anybody."""
        frames = (self.samples, self.related, self.ancestry, self.same)
        return all(f.is_empty() for f in frames)


def read_people_tables(store: Store, cohorts: list[str], colour_by: str | None) -> People:
    """Read what the tables of people say of some cohorts.

    Parameters
    ----------
    store
        The store at the release to read.
    cohorts
        Names of the cohorts.
    colour_by
        A column of the sample sheet to colour people by; None: `population` where somebody
        has one, else `sex`.

    Raises
    ------
    UsageError
        If no sample of these cohorts has the column.
    """
    sheet = _sheet(store, cohorts, colour_by)
    column = colour_by or (
        "population" if sheet["population"].null_count() < sheet.height else "sex"
    )
    sheet = sheet.with_columns(group=colour_groups(sheet[column]))
    qc = _read(store, SAMPLE_QC, cohorts)
    own = sheet.select("cohort", "ordinal", "sex", "population", "group")
    ancestry = _read(store, ANCESTRY, cohorts)
    by = ["cohort", "ordinal"]
    return People(
        qc.join(own, on=by, how="left").sort(by),
        _read(store, SAMPLE_CONTIGS, cohorts),
        _read(store, RELATED, cohorts).sort("cohort", "ordinal_1", "ordinal_2"),
        _read(store, TRIOS, cohorts).sort("cohort", "ordinal"),
        ancestry.join(own.select(*by, "group"), on=by, how="left").sort(by),
        _read(store, ANCESTRY_AXES, cohorts).sort("cohort", "axis"),
        _read(store, SAME_PEOPLE, cohorts).sort(by),
        column,
    )


def _read(store: Store, table: Table, cohorts: list[str]) -> pl.DataFrame:
    if table.name not in store.tables:
        return pl.DataFrame(schema=table.polars_schema)
    return store.scan(table.name).filter(pl.col("cohort").is_in(cohorts)).collect()


def _sheet(store: Store, cohorts: list[str], colour_by: str | None) -> pl.DataFrame:
    frame = (
        store.scan("samples")
        .filter(pl.col("cohort").is_in(cohorts))
        .select("cohort", "ordinal", "sample", "sex", "population", "attributes")
        .collect()
    )
    if colour_by is None or colour_by in ("cohort", "sex", "population"):
        return frame
    told = [json.loads(text or "{}") for text in frame["attributes"]]
    if not any(colour_by in t for t in told):
        names = sorted({"cohort", "sex", "population", *(n for t in told for n in t)})
        near = nearest(colour_by, names)
        raise UsageError(
            f"no sample has a column {colour_by!r}{near}", f"one of {', '.join(names)}"
        )
    values = [str(t[colour_by]) if t.get(colour_by) not in (None, "") else None for t in told]
    return frame.with_columns(pl.Series(colour_by, values, pl.String))


def colour_groups(values: pl.Series) -> pl.Series:
    """Give the group of each value by which people are coloured.

    A column with more than CLASSES different numbers is cut into classes of about as many
    people; of any other the values are the groups, and those beyond what can be told apart
    are `OTHER`, the rarest first. Who has no value is in `UNKNOWN`.
    """
    texts = values.cast(pl.String)
    numbers = texts.cast(pl.Float64, strict=False)
    known = texts.drop_nulls()
    if numbers.drop_nulls().len() == known.len() and known.n_unique() > CLASSES:
        return _classes(numbers)
    often = known.value_counts(sort=False, name="n").sort(
        "n", known.name, descending=[True, False]
    )
    kept = often[known.name].head(plots.GROUPS - 2).to_list()
    return pl.select(
        pl.when(texts.is_null()).then(pl.lit(UNKNOWN))
        .when(texts.is_in(kept)).then(texts)
        .otherwise(pl.lit(OTHER)).alias("group")
    ).to_series()  # fmt: skip


def _classes(numbers: pl.Series) -> pl.Series:
    cuts = sorted(
        {float(numbers.quantile(i / CLASSES) or 0) for i in range(1, CLASSES)}
    )  # fmt: skip
    least, most = float(numbers.min() or 0), float(numbers.max() or 0)  # type: ignore[arg-type]
    edges = [least, *cuts, most]
    names = [f"{a:g} to {b:g}" for a, b in pairwise(edges)]
    frame = pl.DataFrame({"v": numbers}).select(
        place=pl.sum_horizontal((pl.col("v") > c).cast(pl.Int32) for c in cuts),
        known=pl.col("v").is_not_null(),
    )
    named = pl.col("place").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    return frame.select(
        group=pl.when("known").then(named).otherwise(pl.lit(UNKNOWN))
    ).to_series()


def group_styles(groups: pl.Series) -> dict[str, int]:
    """Give each group its style, in the order of their names; two that are none are grey."""
    found = set(groups.drop_nulls())
    names = sorted(found - {OTHER, UNKNOWN}, key=_natural)
    grey = {n: i for n, i in ((OTHER, -1), (UNKNOWN, -2)) if n in found}
    return {n: i for i, n in enumerate(names)} | grey


def _natural(name: str) -> tuple[float, str]:
    try:
        return float(name.split(" ")[0]), name
    except ValueError:
        return float("inf"), name


def concerned(code: str) -> str:
    """Give the column of `sample_qc` that a flag is about; else an empty string."""
    column = code.removeprefix("outlier_")
    if column != code:
        return column if column in SAMPLE_QC.names else ""
    return _FLAGGED.get(code, "")


def codes(flags: str) -> list[str]:
    """Split the flags of a sample."""
    return [c for c in flags.split(",") if c]


def thresholds(samples: pl.DataFrame, column: str) -> list[float]:
    """List the thresholds of a column that samples passed, by their details."""
    found = set()
    for text in samples.filter(pl.col("flags") != "")["flag_details"]:
        for code, told in json.loads(text or "{}").items():
            if concerned(code) == column and not code.startswith("outlier_"):
                value = told.get("threshold") if isinstance(told, dict) else None
                if isinstance(value, int | float):
                    found.add(float(value))
    return sorted(found)


def is_flagged(samples: pl.DataFrame, column: str) -> pl.Series:
    """Tell of each sample whether a flag is about a column."""
    return pl.Series(
        [any(concerned(c) == column for c in codes(f)) for f in samples["flags"]],
        dtype=pl.Boolean,
    )
