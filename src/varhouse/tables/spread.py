"""How far a figure of a sample lies from what is usual in its group.

Figures are counts, or ratios of two counts. They are compared on the log scale, in units of
the spread of the group (1.4826 x median absolute deviation, which is the standard deviation
where figures are normal) or of the sample's own counting error, whichever is larger: someone
with six alleles is not strange. The counting error is that of Poisson counts,
sqrt(1 / a + 1 / b).
"""

from collections.abc import Sequence

import polars as pl

LEAST = 10
"""A group of fewer samples has no usual value."""

DEVIATION = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""


def distance(above: str, below: str | None, by: Sequence[str], least: int = LEAST) -> pl.Expr:
    """Make the distance of `above / below`, or of the count `above`, from its group.

    Parameters
    ----------
    above, below
        Columns of counts, at least 0. A sample of which all are 0 has no distance.
    by
        Columns that say who is of one group.
    least
        Samples with a distance that a group needs.

    Returns
    -------
    pl.Expr
        Float64, below the median negative; null where a group is too small.
    """
    a = pl.col(above)
    log, error = (a + 0.5).log(), 1 / (a + 0.5)
    is_there = a.is_not_null() if below is None else a + pl.col(below) > 0
    if below is not None:
        b = pl.col(below)
        log, error = log - (b + 0.5).log(), error + 1 / (b + 0.5)
    own = pl.when(is_there).then(log)
    off = own - own.median().over(by)
    spread = DEVIATION * off.abs().median().over(by)
    enough = own.count().over(by) >= least
    return pl.when(enough).then(off / pl.max_horizontal(spread, error.sqrt()))
