"""Strata: the groups of people that frequencies are given for.

People are first sorted into *cells*, the finest groups that the strata, the sex and the
capture kit tell apart; the hot loop counts per cell, and a stratum is a sum of cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import ConfigError, nearest

ALL = "all"
UNKNOWN = "unknown"
_KIT = "kit of the person"
"""No name of a column: cells have it beside those."""
TAKEN = (
    "strata: `all` is the name of everybody together; rename the column of the sample sheet"
)


@dataclass
class Strata:
    """Groups of the people of a file.

    Attributes
    ----------
    cell
        int32[people]: cell of each sample column.
    size
        int64[cells]: people in each cell.
    male
        bool[cells].
    by, value
        Name and value of each group; the first is `all`, `all`.
    member
        float64[cells, groups]: 1 where a cell belongs to a group.
    n_samples
        int64[groups]: people of each group.
    female
        bool[cells].
    kit
        int32[cells]: number of the kit (`varhouse.frequencies.kits.Kits`); -1: none.
    """

    cell: npt.NDArray[np.int32]
    size: npt.NDArray[np.int64]
    male: npt.NDArray[np.bool_]
    by: list[str]
    value: list[str]
    member: npt.NDArray[np.float64]
    n_samples: npt.NDArray[np.int64]
    female: npt.NDArray[np.bool_]
    kit: npt.NDArray[np.int32]

    def sums(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Add counts per cell, int32[rows, cells], up to int32[rows, groups]."""
        # float64 is exact up to 2**53, and a matrix product of it is fast.
        out: npt.NDArray[np.int32] = (counts @ self.member).astype(np.int32)
        return out


def _joined(columns: list[str]) -> pl.Expr:
    """Give the value of a stratum: that of its column, or those of several joined by `+`."""
    if len(columns) == 1:
        return pl.col(columns[0])
    escaped = (
        pl.col(c)
        .str.replace_all("%", "%25", literal=True)
        .str.replace_all("+", "%2B", literal=True)
        for c in columns
    )
    return pl.concat_str(*escaped, separator="+")


def make_strata(
    samples: pl.DataFrame, strata: Sequence[str], kit: pl.Series | None = None
) -> Strata:
    """Sort people into groups.

    Parameters
    ----------
    samples
        One row per sample column, in the order of the file; column `sex` (male, female
        or unknown) and every column that `strata` names.
    strata
        Column names, or columns joined by `+`. A null value counts under `unknown`. In the
        value of a combination `+` and `%` of the values are `%2B` and `%25`, so that no two
        tuples of values have one text.
    kit
        Int32: the number of each person's kit, -1 for none; None: nobody has one.

    Raises
    ------
    ConfigError
        If a stratum names a column that the sheet lacks, or is `all`.
    """
    names = sorted({c for s in strata for c in s.split("+")} | {"sex"})
    missing = [n for n in names if n not in samples.columns]
    if missing:
        known = [n for n in samples.columns if n != "sample"]
        raise ConfigError(
            [
                f"strata: the sample sheet has no column {m!r}{nearest(m, known)}"
                for m in missing
            ]
        )
    if ALL in strata:
        raise ConfigError([TAKEN])
    keys = samples.select(
        *(pl.col(n).cast(pl.String).replace("", None).fill_null(UNKNOWN) for n in names),
        (pl.lit(-1, pl.Int32) if kit is None else kit).alias(_KIT),
    )
    names.append(_KIT)
    cells = keys.unique().sort(names).with_row_index("cell")
    cell = keys.join(cells, on=names, how="left", maintain_order="left")["cell"]
    n_cells = cells.height
    by, value, member = [ALL], [ALL], [np.ones(n_cells)]
    for stratum in dict.fromkeys(strata):
        label = cells.select(_joined(stratum.split("+"))).to_series()
        for one in sorted(label.unique()):
            by.append(stratum)
            value.append(one)
            member.append((label == one).to_numpy().astype(np.float64))
    index = cell.to_numpy().astype(np.int32)
    size = np.bincount(index, minlength=n_cells).astype(np.int64)
    matrix = np.stack(member, axis=1) if n_cells else np.zeros((0, len(by)))
    return Strata(
        cell=index,
        size=size,
        male=(cells["sex"] == "male").to_numpy().astype(np.bool_),
        by=by,
        value=value,
        member=matrix,
        n_samples=(size @ matrix).astype(np.int64),
        female=(cells["sex"] == "female").to_numpy().astype(np.bool_),
        kit=cells[_KIT].to_numpy().astype(np.int32),
    )
