"""A file of a cohort as the store holds it, for when the file itself is gone.

What comes back is what an ingest made of the file: its header, its records in their order
(tables sites, genotypes, fields and blocks), and the lines of records of which anything was
rejected, as they were. So an ingest of it gives the rows that the store has. Elsewhere QUAL is
another spelling of the same number, lines end with LF, and FORMAT fields that were not kept
are missing in all cells.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.callability.states import STATE_FIELDS
from varhouse.errors import StoreError
from varhouse.export.lines import iter_lines
from varhouse.export.records import Layout, iter_windows
from varhouse.genotypes.codec.blocks import stored_names
from varhouse.genotypes.fields import field_names
from varhouse.store.reader import Store
from varhouse.tables.statistics import ADJ_FIELDS
from varhouse.vcf.header.header import read_sample_names
from varhouse.withdrawal.cut import open_text
from varhouse.withdrawal.cutjudge import Bytes, Longs

_TEXT_CODES = {
    "VH-F-007": "a byte order mark",
    "VH-F-008": "carriage returns that are no line ends of all lines",
    "VH-F-009": "bytes that are no UTF-8",
}
"""Problems of a file that its records do not show any more."""

_NEWLINE = 10
_LINES = 4096
"""Rejected lines read at once: of a file of thousands of people 100 MB."""


def can_restore(store: Store, cohort: str, file: int) -> str | None:
    """Say why what `write_stored_file` writes is not as good as the file; None: it is.

    An ingest of it then gives the same rows; only notes on faults of FORMAT fields that were
    not kept (`problems` of the table files) cannot be found again.

    Raises
    ------
    StoreError
        If the store has no such file.
    """
    row = _file_row(store, cohort, file)
    of_file = pl.col("file") == file
    if not store.scan("lifted", cohort=cohort).filter(of_file).head(1).collect().is_empty():
        return "it was lifted over from another assembly, and the store holds it as lifted"
    for code in json.loads(row["problems"]).get("counts", {}):
        if code in _TEXT_CODES:
            return f"it had {_TEXT_CODES[code]} ({code}), which the store does not hold"
    parts = [_rows(store, cohort, file, table) for table in ("sites", "blocks")]
    parts.append(_rejected(store, cohort, file).filter("whole"))
    held = sum(part.select(pl.len()).collect().item() for part in parts)
    if held != row["n_records"]:
        return f"the store holds {held:,} of its {row['n_records']:,} records"
    lacks = _lacking_fields(store, cohort, file)
    if lacks:
        return f"FORMAT fields that count calls were not kept: {', '.join(lacks)}"
    return None


def write_stored_file(store: Store, cohort: str, file: int, out: Path) -> None:
    """Write a file of a cohort as the store holds it.

    Parameters
    ----------
    file
        Its number (table files).
    out
        The file to write, see `cut.open_text`.

    Raises
    ------
    StoreError
        If the store has no such file, or its tables contradict each other.
    """
    row = _file_row(store, cohort, file)
    layout = _layout(store, cohort, file, row)
    rejected = _Rejected(store, cohort, file)
    with open_text(out) as write:
        write(f"{row['header']}\n".encode())
        for contig in _contigs(store, cohort, file):
            for window in iter_windows(store, cohort, contig, layout):
                numbers = window.sites["record"].to_numpy()
                done = 0
                for lines, n in iter_lines(window, layout):
                    for piece in rejected.among(lines, numbers[done : done + n]):
                        write(piece)
                    done += n
        for line in rejected.rest():
            write(line)


def _file_row(store: Store, cohort: str, file: int) -> dict[str, Any]:
    rows = store.scan("files", cohort=cohort).filter(pl.col("file") == file).collect()
    if rows.is_empty():
        raise StoreError(f"{store.name}: cohort {cohort!r} has no file {file}")
    return rows.row(0, named=True)


def _layout(store: Store, cohort: str, file: int, row: dict[str, Any]) -> Layout:
    """Lay out the columns: those of the file, in its order, and none of others."""
    files = store.scan("files", cohort=cohort).select("file", "n_samples").collect()
    sizes = dict(files.rows())
    at = np.zeros(max(sizes) + 2, np.int64)
    at[1:] = np.cumsum([sizes.get(k, 0) for k in range(max(sizes) + 1)])
    columns = np.full(at[-1], -1, np.int32)
    columns[at[file] : at[file + 1]] = np.arange(row["n_samples"])
    return Layout(
        read_sample_names(row["header"].split("\n")),
        at,
        columns,
        merged=False,
        has_fields=_has(store, cohort, "fields"),
        has_blocks=_has(store, cohort, "blocks"),
        as_filed=True,
    )


def _has(store: Store, cohort: str, table: str) -> bool:
    return store.file_frame(table, cohort=cohort).height > 0


def _rows(store: Store, cohort: str, file: int, table: str) -> pl.LazyFrame:
    return store.scan(table, cohort=cohort).filter(pl.col("file") == file)


def _contigs(store: Store, cohort: str, file: int) -> list[str]:
    """Give the contigs with records of a file, in its order."""
    rows = [
        _rows(store, cohort, file, table)
        .group_by("contig")
        .agg(pl.col("record").min())
        .collect(engine="streaming")
        for table in ("sites", "blocks")
    ]
    first = pl.concat(rows).group_by("contig").agg(pl.col("record").min())
    return first.sort("record")["contig"].to_list()


def _rejected(store: Store, cohort: str, file: int) -> pl.LazyFrame:
    """Give the records of a file of which anything was rejected.

    `record`, `text`, and `whole`: the record is in no other table.
    """
    whole = pl.col("alt_index").is_null().any().alias("whole")
    rows = _rows(store, cohort, file, "rejects").group_by("record")
    return rows.agg(pl.col("text").first(), whole)


class _Rejected:
    """The lines of records of which anything was rejected, in their order."""

    def __init__(self, store: Store, cohort: str, file: int) -> None:
        self._rows = _rejected(store, cohort, file)
        numbers = self._rows.select("record").collect(engine="streaming")["record"]
        self._numbers = numbers.sort().to_numpy()
        self._done = 0

    def among(self, lines: Bytes, numbers: Longs) -> Iterator[bytes | memoryview]:
        """Give lines of records, with those of rejects in their place or among them.

        Parameters
        ----------
        lines, numbers
            uint8, int64[lines]: whole lines, and the ordinal in the file of each.
        """
        end = int(np.searchsorted(self._numbers, numbers[-1], "right"))
        wanted = self._numbers[self._done : end]
        place = np.searchsorted(numbers, wanted)
        is_same = numbers[place] == wanted
        ends = np.flatnonzero(lines == _NEWLINE) if wanted.size else np.zeros(0, np.int64)
        starts = np.append(0, ends + 1).tolist()
        at = 0
        texts = self._take(end)
        for k, same, line in zip(place.tolist(), is_same.tolist(), texts, strict=True):
            yield lines[at : starts[k]].data
            yield line
            at = starts[k + same]
        yield lines[at:].data

    def rest(self) -> Iterator[bytes]:
        """Give the lines behind all others."""
        while self._done < self._numbers.size:
            yield from self._take(min(self._done + _LINES, self._numbers.size))

    def _take(self, end: int) -> list[bytes]:
        """Read the next lines, up to the one of that place."""
        if end == self._done:
            return []
        first, last = self._numbers[self._done], self._numbers[end - 1]
        self._done = end
        rows = self._rows.filter(pl.col("record").is_between(first, last))
        texts = rows.sort("record").collect()["text"]
        return [f"{text}\n".encode() for text in texts]


def _lacking_fields(store: Store, cohort: str, file: int) -> list[str]:
    """Name the FORMAT fields of a file that count calls and were not kept."""
    has_blocks = not _rows(store, cohort, file, "blocks").head(1).collect().is_empty()
    counted: set[str] = {*ADJ_FIELDS, *(STATE_FIELDS if has_blocks else ())}
    formats = [
        _rows(store, cohort, file, table).select("format").drop_nulls().unique()
        for table in ("sites", "blocks")
    ]
    texts = pl.concat(formats).collect(engine="streaming")["format"].to_list()
    named = {name for text in texts for name in field_names(text)}
    blocks = _rows(store, cohort, file, "fields").select("names", "coding").unique()
    return sorted((counted & named) - set(stored_names(blocks.collect())))
