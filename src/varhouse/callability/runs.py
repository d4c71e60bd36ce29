"""Runs of states as rows of the table `runs`, and back.

A row holds the runs of a person that begin in one window of `WINDOW` bases, one behind the
other: lengths and codes, a code of 0 for bases between them that nothing covers. So a run
takes less than a byte (a length is most of it), a row says by itself where its runs lie, and
rows follow from the runs alone, not from how a file was read.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.callability.codes import unpack
from varhouse.callability.lay import Int32

WINDOW_BITS = 16
WINDOW = 1 << WINDOW_BITS
"""Bases of a window; the first begins at position 0."""


def run_rows(
    contig: str, sample: Int32, start: Int32, end: Int32, code: Int32
) -> pl.DataFrame:
    """Put runs of people on one contig into rows of the table `runs`, without cohort and part.

    Parameters
    ----------
    sample
        int32[n], ascending: ordinal of the person.
    start, end, code
        int32[n]: the runs (`varhouse.callability.lay.Runs`), ascending in a person. A window
        of a person that they begin has to be there whole.
    """
    n = start.size
    new = np.ones(n, np.bool_)
    new[1:] = (sample[1:] != sample[:-1]) | (
        (start[1:] - 1) >> WINDOW_BITS != (start[:-1] - 1) >> WINDOW_BITS
    )
    gap = np.zeros(n, np.int32)
    gap[1:] = np.where(new[1:], 0, start[1:] - end[:-1] - 1)
    # Where each run stands once gaps stand before those that have one.
    place = np.arange(n) + np.cumsum(gap > 0)
    size = int(place[-1]) + 1 if n else 0
    lengths, states = np.zeros(size, np.int32), np.zeros(size, np.int32)
    lengths[place], states[place] = end - start + 1, code
    lengths[place[gap > 0] - 1] = gap[gap > 0]
    first = np.flatnonzero(new)
    offsets = np.append(place[first], size).astype(np.int64)
    closing = np.append(first[1:] - 1, n - 1) if n else first

    def lists(values: Int32) -> pl.Series:
        made = pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values))
        assert isinstance(made, pl.Series)
        return made

    return pl.DataFrame(
        {
            "contig": pl.repeat(contig, first.size, dtype=pl.String, eager=True),
            "sample": sample[first],
            "start": start[first],
            "end": end[closing],
            "lengths": lists(lengths),
            "states": lists(states),
        }
    )


class RunArrays(NamedTuple):
    """Runs of rows of the table `runs`, as arrays of the same length.

    Attributes
    ----------
    row
        int64[n]: the row of the table that each run comes from.
    start, end, code
        int32[n]: see `varhouse.callability.lay.Runs`.
    """

    row: npt.NDArray[np.int64]
    start: Int32
    end: Int32
    code: Int32


def take_apart(rows: pl.DataFrame) -> RunArrays:
    """Take rows of the table `runs` apart into runs; columns start, lengths, states."""
    sizes = rows["lengths"].list.len().to_numpy().astype(np.int64)
    length = rows["lengths"].explode(empty_as_null=False).to_numpy().astype(np.int64)
    code = rows["states"].explode(empty_as_null=False).to_numpy()
    row = np.repeat(np.arange(rows.height), sizes)
    before = np.cumsum(length) - length
    first = np.cumsum(sizes) - sizes
    start = rows["start"].to_numpy().astype(np.int64)[row] + before - before[first][row]
    kept = code != 0
    end = (start + length - 1)[kept].astype(np.int32)
    return RunArrays(row[kept], start[kept].astype(np.int32), end, code[kept].astype(np.int32))


def absolute(rows: pl.DataFrame) -> pl.DataFrame:
    """Take rows of the table `runs` apart into a row a run.

    Parameters
    ----------
    rows
        Columns contig, sample, start, lengths, states; cohort and part stay where they are.

    Returns
    -------
    pl.DataFrame
        Columns (cohort, part,) contig, sample, start, end (Int32, 1-based, closed), level,
        alleles, ploidy (Int8), is_span, is_unknown (Boolean), gq_band, dp_band (Int16, null
        where there is no band), in the order of the rows. Bases that no run covers are not
        assessed.
    """
    runs = take_apart(rows)
    state = unpack(runs.code)
    names = [c for c in ("cohort", "part") if c in rows.columns]
    bands = {"gq_band": state.gq_band, "dp_band": state.dp_band}
    people: pl.DataFrame = rows.select(*names, "contig", "sample")[runs.row]
    return people.with_columns(
        pl.Series("start", runs.start),
        pl.Series("end", runs.end),
        *(
            pl.Series(name, getattr(state, name))
            for name in ("level", "alleles", "ploidy", "is_span", "is_unknown")
        ),
        *(pl.Series(name, values) for name, values in bands.items()),
    ).with_columns(pl.when(pl.col(name) > 0).then(name).alias(name) for name in bands)
