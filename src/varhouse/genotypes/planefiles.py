"""Listed genotypes of records of several files, whose columns are different people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.planerows import COLUMNS, PlaneRows
from varhouse.tables.schema import GENOTYPES

RECORD = ("file", "record")
"""What names a record of a cohort."""

NEEDED = (*RECORD, *COLUMNS)
"""Columns of the table `genotypes` that `list_files` reads."""

NO_ROWS = pl.DataFrame(schema={n: GENOTYPES.polars_schema[n] for n in NEEDED})


@dataclass(frozen=True)
class FileCalls:
    """Genotypes of n records, each listed as in `Genotypes`.

    Attributes
    ----------
    texts
        The distinct GT texts.
    default
        int32[n]: text of everybody of the record's file who is not listed.
    begin, end
        int64[n]: people listed for record k are `who[begin[k]:end[k]]`.
    who, what
        int32[m]: place of a person, and text.
    """

    texts: list[str]
    default: Int32
    begin: Int64
    end: Int64
    who: Int32
    what: Int32


def _by_file(
    pieces: Iterable[pl.DataFrame],
) -> Iterator[tuple[tuple[object, ...], pl.DataFrame]]:
    for rows in pieces:
        yield from rows.sort(*RECORD, "first").group_by("file", maintain_order=True)


def list_files(
    pieces: Iterable[pl.DataFrame],
    wanted: pl.DataFrame,
    places: Mapping[int, Int32],
    unknown: str,
) -> FileCalls:
    """List the genotypes of some records of the files of a cohort.

    Parameters
    ----------
    pieces
        Rows of the table `genotypes`, NEEDED at least, in any order; all rows of a record
        in one piece. The next one is taken when the last one is no longer held.
    wanted
        The records (RECORD), in the order wanted; one may stand several times.
    places
        For each file int32[columns]: the place of each sample column.
    unknown
        Text of everybody in a record that `rows` lacks.
    """
    texts = [unknown]
    default, begin, end = [], [], []
    who, what = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    names: list[pl.DataFrame] = []
    listed = 0
    for (file,), mine in _by_file(pieces):
        assert isinstance(file, int)
        calls = PlaneRows.of(mine).genotypes()
        names.append(mine.select(RECORD).unique(maintain_order=True))
        default.append(calls.default + np.int32(len(texts)))
        begin.append(calls.pointer[:-1] + listed)
        end.append(calls.pointer[1:] + listed)
        who.append(places[file][calls.who])
        what.append(calls.what + np.int32(len(texts)))
        texts += calls.texts
        listed += calls.who.size
    schema = wanted.select(RECORD).schema
    known = pl.concat([pl.DataFrame(schema=schema), *names]).with_row_index("row")
    at = wanted.select(RECORD).join(known, on=RECORD, how="left", maintain_order="left")
    # The last one stands for what is not there.
    row = at["row"].fill_null(known.height).to_numpy().astype(np.int64)
    return FileCalls(
        texts,
        np.concatenate([*default, np.zeros(1, np.int32)])[row],
        np.concatenate([*begin, np.zeros(1, np.int64)])[row],
        np.concatenate([*end, np.zeros(1, np.int64)])[row],
        np.concatenate(who),
        np.concatenate(what),
    )
