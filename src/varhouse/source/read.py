"""A VCF or BCF as typed columns: `varhouse.read_vcf`.

The text is inflated, cut at line ends and walked once; what is wrong in INFO is counted
on the way. With several threads the batches are read ahead: compiled code and inflating
leave the interpreter to others.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import InputError
from varhouse.source.bcf import copy_bcf
from varhouse.source.bgzf import BATCH_BYTES, file_kind, iter_range, iter_text
from varhouse.source.columns import double_column, genotype_texts, number_column, text_array
from varhouse.source.decimals import (
    BAD,
    INT_MISSING,
    NEAR,
    ROOM,
    exact_floats,
    parse_float,
    quick_float,
)
from varhouse.source.faults import Faults
from varhouse.source.findings import Findings
from varhouse.source.header import Header, read_header
from varhouse.source.index import (
    Region,
    find_index,
    parse_region,
    read_index,
    record_ends,
    region_ranges,
)
from varhouse.source.info import InfoReader
from varhouse.source.keys import KeyTable, key_table
from varhouse.source.lines import COLUMNS, RecordBatch, read_batch
from varhouse.source.peek import peek_header
from varhouse.source.problems import Account
from varhouse.source.samples import SampleReader

Ints = npt.NDArray[np.int64]
FIXED = ("chrom", "pos", "id", "ref", "alt", "qual", "filter")
_SMALL = 4 << 20
"""Compressed bytes of a range that one thread reads as a whole."""


@nb.njit(cache=True, nogil=True)
def _spans(start, end, column):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
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
class _Result:
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
        self, path: Path, header: Header, tables: tuple[KeyTable, KeyTable],
        info: InfoReader, formats: SampleReader | None, samples: Ints,
        source: Callable[[], Iterator["_Task"]], threads: int,
    ) -> None:  # fmt: skip
        self.path, self.header = path, header
        self.account = Account(path.name)
        self.n_records = self.fallback = 0
        self._info, self._formats, self._samples = info, formats, samples
        self._source, self._threads = source, threads
        self._findings = Findings(self.account, header, *tables)

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
            frame = pl.from_arrow(self._convert(empty).table)
            assert isinstance(frame, pl.DataFrame)
            return frame
        return pl.concat(frames)

    def _jobs(self) -> Iterator[Callable[[], list[_Result]]]:
        for task in self._source():
            yield lambda task=task: [self._convert(b) for b in task()]  # type: ignore[misc]

    def _convert(self, batch: RecordBatch) -> _Result:
        faults = Faults.empty()
        names, columns, fallback = _fixed_columns(batch)
        info = self._info.read(batch, faults)
        names += [f"INFO/{name}" for name in info.names]
        columns += info.columns
        fallback += info.fallback
        if self._formats is not None:
            found = self._formats.read(batch, faults)
            fallback += found.tape.fallback
            for name in self._formats.names:
                rows, cells = found.arrow(name)
                if name == "GT":
                    width = cells.type.list_size
                    cells = pa.FixedSizeListArray.from_arrays(
                        genotype_texts(cells.values), width
                    )
                names.append(f"FORMAT/{name}")
                columns.append(_spread(cells, rows, batch.size, self._samples))
        table = pa.RecordBatch.from_arrays(columns, names=names)
        return _Result(batch, table, faults, fallback)


def _spread(cells: pa.Array, rows: Ints, n: int, samples: Ints) -> pa.Array:
    """Put the cells of some records beside all `n`, and keep the samples asked for."""
    width = cells.type.list_size
    if samples.size != width:
        places = (np.arange(rows.size)[:, None] * width + samples).astype(np.int32)
        values = cells.values.take(number_column(places.reshape(-1), real=False))
        cells = pa.FixedSizeListArray.from_arrays(values, samples.size)
    if rows.size == n:
        return cells
    places = np.full(n, INT_MISSING, np.int32)
    places[rows] = np.arange(rows.size)
    return cells.take(number_column(places, real=False))


_Task = Callable[[], Iterable[RecordBatch]]


def _in_order(jobs: Iterator[Callable[[], list[_Result]]], threads: int) -> Iterator[_Result]:
    if threads <= 1:
        for job in jobs:
            yield from job()
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[list[_Result]]] = deque()
        for job in jobs:
            ahead.append(pool.submit(job))
            if len(ahead) > threads:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _fixed_columns(batch: RecordBatch) -> tuple[list[str], list[pa.Array], int]:
    """Make the columns CHROM to FILTER, and count numbers that took the slow way."""
    columns, slow = [], 0
    for name in FIXED:
        if name == "pos":
            pos = np.where(batch.pos < 0, INT_MISSING, batch.pos).astype(np.int32)
            columns.append(number_column(pos, real=False))
            continue
        at, size = _spans(batch.start, batch.end, COLUMNS.index(name))
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


def read_vcf(
    path: str | Path,
    *,
    info: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    batch_bytes: int = BATCH_BYTES,
    lists: bool = False,
    threads: int = 1,
) -> VcfReader:
    """Read a VCF or BCF as typed tables.

    Parameters
    ----------
    path
        Text, gzip, BGZF, bzip2 or BCF.
    info
        INFO keys to give columns `INFO/<key>` for; None gives all that the header
        declares. A key that it does not declare is given as a list of strings. The other
        keys are checked all the same.
    formats
        FORMAT keys to give columns `FORMAT/<key>` for: one array per record with a cell
        for each sample. None leaves the sample columns alone: they are not checked either.
    samples
        Names of samples to give cells for, in this order; None gives all.
    region
        One or several `CONTIG`, `CONTIG:POS` or `CONTIG:LOW-HIGH` (1-based, inclusive):
        only records that overlap one of them (by REF, END, SVLEN and LEN, as in `bcftools
        view -r`), each once. The file must be BGZF and have a .tbi or .csi index.
    batch_bytes
        Text of one batch; memory grows with it and with `threads`.
    lists
        Give lists also for numbers of keys with one value (Number=1). Without, such a
        key is null where a record has several values for it.
    threads
        Threads that read ahead. The result is the same for any number.

    Returns
    -------
    VcfReader
        Iterate over it for data frames with the columns chrom (string), pos (int32,
        1-based), id, ref (string), alt (list of string), qual (float64), filter (list of
        string) and the INFO columns: bool for flags, int32, float32 or string for one
        value, lists for more; then the FORMAT columns (GT as text). What is missing is
        null, in lists too. Floats are the float32 nearest to the double nearest to the
        text, as in htslib.

    Raises
    ------
    InputError
        If the file or its index cannot be read, or a region is none.

    Examples
    --------
    >>> reader = varhouse.read_vcf("cohort.vcf.gz", info=["AF", "DP"])  # doctest: +SKIP
    >>> rare = pl.concat(f.filter(pl.col("INFO/DP") > 10) for f in reader)  # doctest: +SKIP
    """
    path = Path(path)
    kind = file_kind(path)
    header = read_header(peek_header(path), Account(path.name))
    if not header.complete:
        raise InputError(f"{path}: no #CHROM line: not VCF", "varhouse validate tells more")
    table = key_table(header, "INFO", info or ())
    names = table.names[: table.n_declared] if info is None else list(info)
    format_table = key_table(header, "FORMAT", formats or ())
    unknown = [name for name in samples or () if name not in header.samples]
    if unknown:
        raise InputError(f"{path}: no sample {unknown[0]!r}", "see the #CHROM line")
    place = {name: k for k, name in enumerate(header.samples)}
    chosen = np.array(
        [place[name] for name in (header.samples if samples is None else samples)], np.int64
    )
    reader = SampleReader(format_table, len(header.samples), list(formats or ()))

    def source() -> Iterator[_Task]:
        if region is not None:
            return _region_tasks(path, kind, region, batch_bytes)
        return _file_tasks(path, kind, header.n_lines, batch_bytes)

    return VcfReader(
        path, header, (table, format_table), InfoReader(table, names, lists=lists),
        reader if formats and header.samples else None, chosen, source, threads,
    )  # fmt: skip


def _file_tasks(path: Path, kind: str, n_header: int, batch_bytes: int) -> Iterator[_Task]:
    with tempfile.TemporaryDirectory(prefix="varhouse-") as folder:
        if kind == "bcf":
            path, kind = copy_bcf(path, Path(folder) / "in.vcf.gz"), "bgzf"
            n_header = len(peek_header(path))
        line, record, left = n_header + 1, 0, n_header
        for block in iter_text(path, kind, batch_bytes):
            data, at = block.data, 0
            while left and at < len(data):
                at = data.index(b"\n", at) + 1
                left -= 1
            data = data[at:] if at else data
            if data:
                batch = read_batch(data, record, line)
                line, record = line + batch.size, record + batch.size
                yield _one_batch(_without_blanks(batch))


def _one_batch(batch: RecordBatch) -> _Task:
    return lambda: [batch]


def _without_blanks(batch: RecordBatch) -> RecordBatch:
    """Leave out blank lines."""
    blank = batch.end == batch.start[:, 0]
    return _take(batch, ~blank) if blank.any() else batch


def _take(batch: RecordBatch, keep: npt.NDArray[np.bool_]) -> RecordBatch:
    return replace(
        batch, start=np.ascontiguousarray(batch.start[keep]), end=batch.end[keep],
        tabs=batch.tabs[keep], pos=batch.pos[keep],
    )  # fmt: skip


def _region_tasks(
    path: Path, kind: str, region: str | Sequence[str], batch_bytes: int
) -> Iterator[_Task]:
    place = find_index(path) if kind == "bgzf" else None
    if place is None:
        raise InputError(
            f"{path}: no index (.csi or .tbi) beside it: a region needs one",
            f"bgzip the file if it is not, then tabix -p vcf {path.name}",
        )
    index = read_index(place)
    texts = [region] if isinstance(region, str) else list(region)
    wanted: dict[str, list[Region]] = {}
    for text in texts:
        parsed = parse_region(text, index.names)
        wanted.setdefault(parsed.contig, []).append(parsed)
    for regions in wanted.values():
        for begin, end in region_ranges(index, regions):
            if (end >> 16) - (begin >> 16) <= _SMALL:
                yield _range_task(path, begin, end, regions, batch_bytes)
                continue
            for data in iter_range(path, begin, end, batch_bytes):
                yield lambda data=data, regions=regions: [  # type: ignore[misc]
                    _inside(read_batch(data, 0, 0), regions)
                ]


def _range_task(
    path: Path, begin: int, end: int, regions: list[Region], batch_bytes: int
) -> _Task:
    def read() -> Iterator[RecordBatch]:
        try:
            for data in iter_range(path, begin, end, batch_bytes):
                yield _inside(read_batch(data, 0, 0), regions)
        except InputError as error:
            raise InputError(
                error.message, "the index may be of another file: tabix -f -p vcf FILE"
            ) from error

    return read


def _inside(batch: RecordBatch, regions: list[Region]) -> RecordBatch:
    """Keep the records that overlap one of some regions of a contig."""
    last = record_ends(batch)
    at, size = _spans(batch.start, batch.end, 0)
    name = np.frombuffer(regions[0].contig.encode(), np.uint8)
    keep = np.zeros(batch.size, np.bool_)
    for r in regions:
        keep |= (batch.pos <= r.high) & (last >= r.low) & (batch.pos >= 0)
    keep &= _same_text(batch.text, at, size, name)
    return batch if keep.all() else _take(batch, keep)


@nb.njit(cache=True, nogil=True)
def _same_text(text, at, size, name):  # type: ignore[no-untyped-def]  # pragma: no cover
    same = np.zeros(at.size, np.bool_)
    for k in range(at.size):
        same[k] = size[k] == name.size
        for j in range(name.size):
            if not same[k]:
                break
            same[k] = text[at[k] + j] == name[j]
    return same
