"""Figures of samples against their limits: flags, which drop nobody.

A flag is a code; its details are the value and the threshold, of an outlier also the median of
its group and the distance from it (`tables.spread`). Groups are the samples of a cohort that
have the same population and assay by the sheet.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from varhouse.people.settings import Limits
from varhouse.tables.spread import distance

LEAST_SINGLETON = 100
"""A cohort of fewer people is not asked for too many singletons: in a small one most of the
rare alleles of everybody stand alone."""

_SEXES = {"XX": "female", "XY": "male"}


@dataclass(frozen=True)
class Outlier:
    """A figure that is compared within its group.

    Attributes
    ----------
    name
        Its column; the flag is `outlier_NAME`.
    above, below
        The counts that it is a ratio of; `below` None: the count itself.
    low
        Too small a figure stands out as well.
    times
        The limit, in `Limits.mad`.
    """

    name: str
    above: str
    below: str | None
    low: bool
    times: int = 1


OUTLIERS: Sequence[Outlier] = (
    Outlier("het_hom", "n_het", "n_hom_alt", low=False),
    Outlier("ti_tv", "n_ti", "n_tv", low=True),
    Outlier("ins_del", "n_insertion", "n_deletion", low=True),
    Outlier("singleton_ti_tv", "n_singleton_ti", "n_singleton_tv", low=False),
    Outlier("n_singleton", "n_singleton", None, low=False, times=2),
)
"""gnomAD's figures and sides (gnomad_qc v4 `outlier_filtering.py`): 4 deviations, of
singletons 8; of het/hom-alt, singletons and their Ti/Tv only too much is wrong."""


def flag(samples: pl.DataFrame, sheet: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Flag samples by limits, and where they stand out of their group.

    Parameters
    ----------
    samples
        Columns of the table sample_qc, a row a sample of one cohort.
    sheet
        `ordinal`, `sex`, `population` and `assay` of them.

    Returns
    -------
    pl.DataFrame
        `samples` with `flags`, codes joined by commas in the order of the rules, and
        `flag_details`, JSON of {code: {"value", "threshold"}}, of outliers also "median" and
        "distance"; of sex "sheet" in place of the threshold.
    """
    kept = samples.drop("flags", "flag_details", strict=False)
    rows = kept.join(
        sheet.select("ordinal", "sex", "population", "assay"),
        on="ordinal",
        how="left",
        maintain_order="left",
    )
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for code, frame in [*_beyond(rows, limits), *_outliers(rows, limits)]:
        for ordinal, *values in frame.rows():
            own = dict(zip(frame.columns[1:], values, strict=True))
            found.setdefault(ordinal, {})[code] = own
    told = [found.get(o, {}) for o in kept["ordinal"].to_list()]
    return kept.with_columns(
        flags=pl.Series([",".join(t) for t in told], dtype=pl.String),
        flag_details=pl.Series([json.dumps(t) for t in told], dtype=pl.String),
    )


def _beyond(rows: pl.DataFrame, limits: Limits) -> list[tuple[str, pl.DataFrame]]:
    """Find who is beyond a limit: code, and (ordinal, value, threshold)."""
    few = rows.height < LEAST_SINGLETON
    asked = [
        ("low_call_rate", "call_rate", limits.call_rate, False),
        ("high_het_hom", "het_hom", limits.het_hom, True),
        ("many_singletons", "n_singleton", None if few else limits.n_singleton, True),
        ("contaminated", "contamination", limits.contamination, True),
    ]
    found = []
    for code, name, limit, is_most in asked:
        if limit is not None:
            value = pl.col(name)
            mine = rows.filter(value > limit if is_most else value < limit)
            found.append((code, mine.select("ordinal", value=value, threshold=pl.lit(limit))))
    sex = pl.col("sex_by_calls")
    said = sex.replace_strict(_SEXES, default=None, return_dtype=pl.String)
    other = rows.filter(sex == "other")
    wrong = rows.filter(pl.col("sex").is_in(["male", "female"]) & (said != pl.col("sex")))
    columns = ("ordinal", sex.alias("value"), pl.col("sex").alias("sheet"))
    return [
        *found,
        ("sex_mismatch", wrong.select(columns)),
        ("sex_unclear", other.select(columns)),
    ]


def _outliers(rows: pl.DataFrame, limits: Limits) -> list[tuple[str, pl.DataFrame]]:
    """Find who stands out: code, and (ordinal, value, threshold, median, distance)."""
    if limits.mad is None:
        return []
    by = ("population", "assay")
    found = []
    for figure in OUTLIERS:
        limit = figure.times * limits.mad
        far = pl.col("_far") if not figure.low else pl.col("_far").abs()
        mine = rows.with_columns(
            _far=distance(figure.above, figure.below, by),
            _median=pl.col(figure.name).cast(pl.Float64).median().over(by),
        ).filter(far > limit)
        found.append(
            (
                f"outlier_{figure.name}",
                mine.select(
                    "ordinal",
                    value=pl.col(figure.name),
                    threshold=pl.lit(limit),
                    median=pl.col("_median"),
                    distance=pl.col("_far").round(2),
                ),
            )
        )
    return found
