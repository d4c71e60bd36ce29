"""Per-sample ratios and who stands out (individual level: never in an open report)."""

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.spread import distance
from varhouse.tables.statistics import PERSON_COUNTS

MEASURES = {
    "ts_tv": ("n_ti", "n_tv", "Ts/Tv"),
    "het_hom": ("n_het", "n_hom_alt", "het/hom-alt"),
}
"""Ratio to its numerator, its denominator and its name for people."""

COUNTS = tuple(c.name for c in PERSON_COUNTS)

LIMIT = 4.0
"""Distances from the cohort's median beyond which a sample is named.

Four median absolute deviations are the default of gnomAD's sample QC
(gnomad_methods, `compute_stratified_metrics_filter`).
"""


def read_people(store: Store, cohorts: list[str]) -> pl.DataFrame:
    """Read the counts of every sample, with ratios and the distance from the cohort.

    A distance is that of `tables.spread`, from the cohort's median.

    Returns
    -------
    pl.DataFrame
        `cohort, sample, ordinal, sex`, the counts, `ts_tv` and `het_hom` (null where
        the denominator is 0), `ts_tv_far` and `het_hom_far` (null in small cohorts).
    """
    frame = (
        store.scan("samples")
        .filter(pl.col("cohort").is_in(cohorts))
        .select("cohort", "sample", "ordinal", "sex", *COUNTS)
        .collect()
        .sort("cohort", "ordinal")
    )
    for name, (above, below, _) in MEASURES.items():
        a, b = pl.col(above), pl.col(below)
        frame = frame.with_columns(
            pl.when(b > 0).then(a / b).alias(name),
            distance(above, below, ["cohort"]).alias(f"{name}_far"),
        )
    return frame


def outliers(people: pl.DataFrame) -> pl.DataFrame:
    """List who stands out: `cohort, sample, measure, value, median, distance`."""
    found = []
    for name, (_, _, label) in MEASURES.items():
        found.append(
            people.with_columns(median=pl.col(name).median().over("cohort"))
            .filter(pl.col(f"{name}_far").abs() > LIMIT)
            .select(
                "cohort",
                "sample",
                measure=pl.lit(label),
                value=pl.col(name).cast(pl.Float64),
                median=pl.col("median"),
                distance=pl.col(f"{name}_far"),
            )
        )
    return pl.concat(found).sort(
        pl.col("distance").abs(), "cohort", "sample", descending=[True, False, False]
    )


def count_summary(people: pl.DataFrame) -> pl.DataFrame:
    """Give least, 5 %, median, 95 % and most of every count: one row a cohort and count."""
    long = people.unpivot(COUNTS, index="cohort", variable_name="count", value_name="v")
    rank = {c: i for i, c in enumerate(COUNTS)}
    return (
        long.group_by("cohort", "count")
        .agg(
            least=pl.col("v").min(),
            p5=pl.col("v").quantile(0.05, "nearest").cast(pl.Int64),
            median=pl.col("v").quantile(0.5, "nearest").cast(pl.Int64),
            p95=pl.col("v").quantile(0.95, "nearest").cast(pl.Int64),
            most=pl.col("v").max(),
        )
        .sort("cohort", pl.col("count").replace_strict(rank))
    )
