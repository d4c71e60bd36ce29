"""The reader behind `varhouse.read_vcf`: batches of lines become typed tables."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.vcf.account.faults import Faults
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.findings import Findings
from varhouse.vcf.fields.ends import fill_ends
from varhouse.vcf.fields.info import InfoReader
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.cells import SampleColumns
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.columns import double_column, number_column, text_array
from varhouse.vcf.text.decimals import (
    BAD,
    INT_MISSING,
    NEAR,
    ROOM,
    exact_floats,
    parse_float,
    quick_float,
)
from varhouse.vcf.text.lines import COLUMNS, RecordBatch, SampleValues, read_batch

Ints = npt.NDArray[np.int64]
_COMPUTED = 5
"""Version (the x of 4.x) whose END is a computed field."""

FIXED = ("chrom", "pos", "id", "ref", "alt", "qual", "filter")


@nb.njit(cache=True, nogil=True)
def spans(start, end, column):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give start and bytes of a column's text."""
    n = end.size
    at, size = np.empty(n, np.int64), np.empty(n, np.int32)
    for k in range(n):
        at[k] = start[k, column]
        size[k] = max(min(start[k, column + 1] - 1, end[k]) - at[k], 0)
    return at, size


@nb.njit(cache=True, nogil=True)
def _null_dots(text, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give bytes of -1 to the spans that are a dot or empty."""
    for k in range(at.size):
        if size[k] == 0 or (size[k] == 1 and text[at[k]] == 46):
            size[k] = -1


@nb.njit(cache=True, nogil=True)
def _quals(text, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read numbers: (values, NaN where there is none; state of each as `parse_float`)."""
    n = at.size
    base = text.ctypes.data
    value, state = np.full(n, np.nan), np.zeros(n, np.int8)
    for k in range(n):
        if size[k] <= 0:
            continue
        b = at[k] + size[k]
        if at[k] + ROOM <= text.size:
            j, found = quick_float(base, at[k], b)
            if j == b:
                value[k] = found
                state[k] = 1
                continue
        state[k], found = parse_float(text, at[k], b)
        if state[k] != BAD:
            value[k] = found
    return value, state


@dataclass
class Converted:
    """What a batch gave."""

    batch: RecordBatch
    table: pa.RecordBatch
    faults: Faults
    fallback: int


class VcfReader:
    """Reads a file as tables; made by `read_vcf`.

    Iterate over it for polars data frames, or over `arrow()` for pyarrow record batches.

    Attributes
    ----------
    header
        The parsed header.
    account
        Problems of INFO and of the samples' fields found so far: code, count, first lines.
    n_records
        Records that were read so far.
    fallback
        Values so far that compiled code did not convert exactly, and that took the slow
        way. Zero in most files.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        tables: tuple[KeyTable, KeyTable],
        info: InfoReader,
        formats: SampleReader | None,
        samples: Ints,
        source: Callable[[], Iterator["Task"]],
        threads: int,
    ) -> None:
        self.path, self.header = path, header
        self.account = Account(path.name)
        self.n_records = self.fallback = 0
        self._info, self.formats, self._samples = info, formats, samples
        self._source, self._threads = source, threads
        self.batch_bytes = 0
        self._findings = Findings(self.account, header, *tables)
        self._fill = self._computed_end(tables[0])

    def _computed_end(self, table: KeyTable) -> int | None:
        """Give the place of INFO/END if it is one to compute: only VCF 4.5 defines how."""
        if self.header.version != _COMPUTED or "END" not in self._info.names:
            return None
        if table.arrays.kind[table.number_of("END")] != Kind.INTEGER:
            return None
        return len(FIXED) + self._info.names.index("END")

    @property
    def computes_end(self) -> bool:
        """Whether INFO/END is computed, for which the samples' text is looked at."""
        return self._fill is not None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for table in self.arrow():
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            yield frame

    def arrow(self) -> Iterator[pa.RecordBatch]:
        """Yield the records as pyarrow record batches, in the order of the file."""
        for result in _in_order(self._jobs(), self._threads):
            self._findings.take(result.batch, result.faults)
            self.n_records += result.batch.size
            self.fallback += result.fallback
            yield result.table

    def read(self) -> pl.DataFrame:
        """Read everything into one data frame."""
        frames = list(self)
        if not frames:
            empty = read_batch(b"", 0, 0)
            frame = pl.from_arrow(self.convert(empty, Faults.empty()).table)
            assert isinstance(frame, pl.DataFrame)
            return frame
        return pl.concat(frames)

    def _jobs(self) -> Iterator[Callable[[], list[Converted]]]:
        for task in self._source():
            yield lambda task=task: [self.convert(b, Faults.empty()) for b in task()]  # type: ignore[misc]

    def convert(self, batch: RecordBatch, faults: Faults) -> Converted:
        """Make the table of a batch of lines, and note its faults."""
        names, columns, fallback = _fixed_columns(batch)
        info = self._info.read(batch, faults)
        names += [f"INFO/{name}" for name in info.names]
        columns += info.columns
        if self._fill is not None:
            columns[self._fill] = fill_ends(batch, columns[self._fill])
        fallback += info.fallback
        if self.formats is not None:
            parts: list[SampleValues | SampleColumns] = (
                [] if batch.samples is None else [batch.samples]
            )
            if batch.samples is None or batch.samples.others.size:
                parts.append(self.formats.read(batch, faults))
            for name in self.formats.names:
                found = [p.genotypes() if name == "GT" else p.arrow(name) for p in parts]
                names.append(f"FORMAT/{name}")
                columns.append(_spread(found, batch.size, self._samples))
            fallback += sum(part.fallback for part in parts)
        table = pa.RecordBatch.from_arrays(columns, names=names)
        return Converted(batch, table, faults, fallback)


def _spread(found: list[tuple[Ints, pa.Array]], n: int, samples: Ints) -> pa.Array:
    """Put the cells of some records beside all `n`, and keep the samples asked for."""
    cells = [_chosen(part, samples) for _, part in found]
    rows = np.concatenate([rows for rows, _ in found])
    joined = cells[0] if len(cells) == 1 else pa.concat_arrays(cells)
    if rows.size == n and len(cells) == 1:
        return joined
    places = np.full(n, INT_MISSING, np.int32)
    places[rows] = np.arange(rows.size)
    return joined.take(number_column(places, real=False))


def _chosen(cells: pa.Array, samples: Ints) -> pa.Array:
    """Keep the samples asked for."""
    width = cells.type.list_size
    if samples.size == width:
        return cells
    places = (np.arange(len(cells))[:, None] * width + samples).astype(np.int32)
    values = cells.values.take(number_column(places.reshape(-1), real=False))
    return pa.FixedSizeListArray.from_arrays(values, samples.size)


Task = Callable[[], Iterable[RecordBatch]]


def _in_order(
    jobs: Iterator[Callable[[], list[Converted]]], threads: int
) -> Iterator[Converted]:
    if threads <= 1:
        for job in jobs:
            yield from job()
        return
    pool = ThreadPoolExecutor(threads)
    try:
        ahead: deque[Future[list[Converted]]] = deque()
        for job in jobs:
            ahead.append(pool.submit(job))
            if len(ahead) > threads:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        # Of who leaves off early the generator may be cleared away by one of these threads,
        # which cannot wait for itself.
        pool.shutdown(wait=False, cancel_futures=True)


def _fixed_columns(batch: RecordBatch) -> tuple[list[str], list[pa.Array], int]:
    """Make the columns CHROM to FILTER, and count numbers that took the slow way."""
    columns, slow = [], 0
    for name in FIXED:
        if name == "pos":
            pos = np.where(batch.pos < 0, INT_MISSING, batch.pos).astype(np.int32)
            columns.append(number_column(pos, real=False))
            continue
        at, size = spans(batch.start, batch.end, COLUMNS.index(name))
        _null_dots(batch.text, at, size)
        if name == "qual":
            value, state = _quals(batch.text, at, size)
            near = np.flatnonzero(state == NEAR)
            slow = near.size
            if slow:
                value[near] = exact_floats(batch.text, at[near], at[near] + size[near])
            columns.append(double_column(value, state != BAD))
            continue
        separator = {"alt": ",", "filter": ";"}.get(name)
        columns.append(text_array(batch.text, at, size, split=separator))
    return list(FIXED), columns, slow
