"""Which sex chromosomes a sample has, by its calls on X and Y.

One X shows as hardly any heterozygote. How many to expect depends on which variants a cohort
has, on ancestry and on relatedness of the parents; a sample's own autosomes have all of that
in them. So `x_f` is 1 - (share of heterozygotes among non-reference SNVs of X outside of the
PAR / that among the non-reference genotypes of the autosomes): about 0 with two X, 1 with one.
It is what F of `plink --check-sex` measures, but needs no frequencies, and so serves one
person, and files that list only variants, as well. In the cohort `uwgac` (1,126 people, some
60 non-reference SNVs of X each) F of two X is .12 in the mean and varies with the population
up to .58; x_f is -.02, and up to .19 but of two women whose cells seem to have lost X.

Thresholds (`Limits`): gnomAD parts XX from XY at F .5 (`f_stat_cutoff` of gnomad_qc v3
`sample_qc.py`), plink 1.9 takes less than .2 for female and more than .8 for male. Here less
than .5 is two X, more than .7 one. Y is there if at least half of its sites are called.
"""

import polars as pl

from varhouse.people.settings import Limits

LEAST_X = 10
"""Heterozygotes to be expected on X with two of it; of fewer nothing is said."""

LEAST_Y = 10
"""Sites of Y that a file must have to ask whether they are called."""

_SOME = 5
"""Samples by which it is judged whether Y tells anything in a cohort."""

XX, XY, OTHER = "XX", "XY", "other"


def x_figures() -> tuple[pl.Expr, pl.Expr]:
    """Make `x_f` and the heterozygotes on X to be expected with two of it.

    Of the columns n_het, n_hom_alt (autosomes), n_x_het, n_x_nonref.
    """
    share = pl.col("n_het") / (pl.col("n_het") + pl.col("n_hom_alt"))
    expected = pl.col("n_x_nonref") * share.fill_nan(None)
    return (
        pl.when(expected >= LEAST_X).then(1 - pl.col("n_x_het") / expected).alias("x_f"),
        expected,
    )


def call_sex(samples: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Call the sex chromosomes of the samples of a cohort.

    Parameters
    ----------
    samples
        n_het, n_hom_alt, n_x_het, n_x_nonref, n_y, n_y_called, and `is_full`: the sample's
        files tell of sites at which it has no variant.

    Returns
    -------
    pl.DataFrame
        The same with `x_f` and `sex_by_calls`: XX, XY, other (one X and no Y, two X and Y,
        or something between); null: too few calls on X. Y is not asked where a file lists only
        variants or has too few of it; nor in a cohort in which most samples with two X are
        called there, or most with one are not: then its calls do not tell.
    """
    rows = samples.with_columns(x_figures()[0]).with_columns(
        _two=pl.col("x_f") < limits.two_x,
        _one=pl.col("x_f") > limits.one_x,
        _y=pl.when(pl.col("is_full") & (pl.col("n_y") >= LEAST_Y)).then(
            pl.col("n_y_called") >= limits.y_called * pl.col("n_y")
        ),
    )
    is_mute = rows.select(
        _is_odd(pl.col("_two"), is_y=True) | _is_odd(pl.col("_one"), is_y=False)
    ).item()
    if is_mute:
        rows = rows.with_columns(_y=pl.lit(None, pl.Boolean))
    has_y, lacks_y = pl.col("_y").fill_null(value=True), ~pl.col("_y").fill_null(value=False)
    call = (
        pl.when(pl.col("_two") & lacks_y)
        .then(pl.lit(XX))
        .when(pl.col("_one") & has_y)
        .then(pl.lit(XY))
        .when(pl.col("x_f").is_not_null())
        .then(pl.lit(OTHER))
    )
    return rows.with_columns(sex_by_calls=call).drop("_two", "_one", "_y")


def _is_odd(group: pl.Expr, *, is_y: bool) -> pl.Expr:
    """Tell whether most of a group have what they should not have of Y."""
    asked = pl.col("_y").filter(group).drop_nulls()
    wrong = asked if is_y else ~asked
    return (asked.len() >= _SOME) & (wrong.sum() * 2 > asked.len())
