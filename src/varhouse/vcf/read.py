"""A VCF or BCF as typed columns: `varhouse.read_vcf`.

The text is inflated, cut at line ends and walked once; what is wrong in INFO is counted
on the way. With several threads the batches are read ahead: compiled code and inflating
leave the interpreter to others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError, UsageError
from varhouse.vcf.account.problems import Account
from varhouse.vcf.bcf.reader import PlainSamples
from varhouse.vcf.blocks import iter_text, read_block
from varhouse.vcf.checked import CheckedVcfReader
from varhouse.vcf.fields.ends import record_ends
from varhouse.vcf.fields.info import InfoReader
from varhouse.vcf.header.header import read_header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.peek import peek_header
from varhouse.vcf.reader import Task, VcfReader, spans
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.bgzf import BATCH_BYTES, iter_range
from varhouse.vcf.text.index import (
    Region,
    find_index,
    parse_region,
    read_index,
    region_ranges,
)
from varhouse.vcf.text.lines import RecordBatch, read_batch
from varhouse.vcf.text.otherformats import vcf_kind

_SMALL = 4 << 20
"""Compressed bytes of a range that one thread reads as a whole."""


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
    check: bool = False,
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
    check
        Apply all rules of header and records on the way, at little cost: the reader's
        `account` then holds what `varhouse validate` says of them. One thread, the whole
        file.

    Returns
    -------
    VcfReader
        Iterate over it for data frames with the columns chrom (string), pos (int32,
        1-based), id, ref (string), alt (list of string), qual (float64), filter (list of
        string) and the INFO columns: bool for flags, int32, float32 or string for one
        value, lists for more; then the FORMAT columns (GT as text). What is missing is
        null, in lists too. Floats are the float32 nearest to the double nearest to the
        text, as in htslib. In a VCF 4.5 file INFO/END, if it is declared or asked for,
        is computed where a record leaves it out (`ends.compute_ends`); what is stated
        stays, and `varhouse validate` tells where it is another.

    Raises
    ------
    InputError
        If the file or its index cannot be read, or a region is none.
    UsageError
        If `check` is asked for with a region or several threads.

    Examples
    --------
    >>> reader = varhouse.read_vcf("cohort.vcf.gz", info=["AF", "DP"])  # doctest: +SKIP
    >>> rare = pl.concat(f.filter(pl.col("INFO/DP") > 10) for f in reader)  # doctest: +SKIP
    """
    path = Path(path)
    if check and (region is not None or threads > 1):
        raise UsageError(
            "check reads the whole file in its order", "leave out region and threads"
        )
    kind = vcf_kind(path)
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

    def source() -> Iterator[Task]:
        if region is not None:
            return _region_tasks(path, kind, region, batch_bytes)
        # Of text beyond ASCII, or of any length, only a check has something to say.
        plain = PlainSamples(
            format_table,
            list(formats or ()),
            ascii_only=False,
            text_keys=frozenset({"LEN"} if made.computes_end else ()),
            looked_at=bool(formats and header.samples) or made.computes_end,
        )
        return _file_tasks(path, kind, header.n_lines, batch_bytes, plain)

    made: VcfReader = (CheckedVcfReader if check else VcfReader)(
        path,
        header,
        (table, format_table),
        InfoReader(table, names, lists=lists),
        reader if formats and header.samples else None,
        chosen,
        source,
        threads,
    )
    made.batch_bytes = batch_bytes
    return made


def _file_tasks(
    path: Path, kind: str, n_header: int, batch_bytes: int, plain: PlainSamples
) -> Iterator[Task]:
    line, record, left = n_header + 1, 0, n_header
    for block in iter_text(path, kind, batch_bytes, plain=lambda: plain):
        data, at = block.data, 0
        while left and at < len(data):
            at = data.index(b"\n", at) + 1
            left -= 1
        data = data[at:] if at else data
        if data:
            batch = read_block(block, data, record, line)
            line, record = line + batch.size, record + batch.size
            yield _one_batch(_without_blanks(batch))


def _one_batch(batch: RecordBatch) -> Task:
    return lambda: [batch]


def _without_blanks(batch: RecordBatch) -> RecordBatch:
    """Leave out blank lines."""
    blank = batch.end == batch.start[:, 0]
    return _take(batch, ~blank) if blank.any() else batch


def _take(batch: RecordBatch, keep: npt.NDArray[np.bool_]) -> RecordBatch:
    return replace(
        batch,
        start=np.ascontiguousarray(batch.start[keep]),
        end=batch.end[keep],
        tabs=batch.tabs[keep],
        pos=batch.pos[keep],
    )


def _region_tasks(
    path: Path, kind: str, region: str | Sequence[str], batch_bytes: int
) -> Iterator[Task]:
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
) -> Task:
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
    at, size = spans(batch.start, batch.end, 0)
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
