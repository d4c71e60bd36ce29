"""Counts of records as planes give them, found by file and record, and joined.

The numbers of a record in its file and of the file make one key, so that counts of many files
are sorted and looked up as arrays.
"""

from dataclasses import fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.count import Counts
from varhouse.tables.statistics import of_records

COUNTS = tuple(field.name for field in fields(Counts))
"""Counts that planes give, of a record or of an ALT."""

RECORD_BITS = 40
"""Of the number of a record in a file, behind that of the file."""


class Counted(NamedTuple):
    """Counts of n records: their keys (ascending once joined), `first_row` int64[n + 1]."""

    keys: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    counts: dict[str, npt.NDArray[np.int32]]


def record_keys(alleles: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Give the keys of the records of alleles, of columns `file` and `record`: int64."""
    file = alleles["file"].to_numpy().astype(np.int64)
    keys: npt.NDArray[np.int64] = (file << RECORD_BITS) + alleles["record"].to_numpy()
    return keys


def join_counted(pieces: list[Counted]) -> Counted:
    """Join counts; those of blocks of people of one record are added up."""
    keys = np.concatenate([np.zeros(0, np.int64), *(c.keys for c in pieces)])
    n_alt = np.concatenate([np.zeros(0, np.int64), *(np.diff(c.first_row) for c in pieces)])
    none = np.zeros(0, np.int32)
    counts = {n: np.concatenate([none, *(c.counts[n] for c in pieces)]) for n in COUNTS}
    if (np.diff(keys) > 0).all():
        return Counted(keys, _sums(n_alt), counts)
    order = np.argsort(keys, kind="stable")
    begin = _sums(n_alt)[:-1]
    alts = np.repeat(begin[order] - _sums(n_alt[order])[:-1], n_alt[order]) + np.arange(
        n_alt.sum()
    )
    new = np.append(True, np.diff(keys[order]) != 0)
    # Blocks of one record have the same ALTs: ALT j of each stands at the same distance.
    record = np.cumsum(new) - 1
    kept = n_alt[order][new]
    first_row = _sums(kept)
    inside = np.arange(alts.size) - np.repeat(_sums(n_alt[order])[:-1], n_alt[order])
    row = first_row[np.repeat(record, n_alt[order])] + inside
    out = {}
    for name, values in counts.items():
        of_record = name in of_records()
        to, source = (record, values[order]) if of_record else (row, values[alts])
        total = np.zeros(kept.size if of_record else int(first_row[-1]), np.int32)
        np.add.at(total, to, source)
        out[name] = total
    return Counted(keys[order][new], first_row, out)


def _sums(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    out: npt.NDArray[np.int64] = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return out
