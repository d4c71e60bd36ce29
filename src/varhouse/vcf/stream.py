"""The records of a whole file in batches, for commands that work on one file."""

from collections.abc import Callable, Iterator
from pathlib import Path

from varhouse.errors import InputError
from varhouse.vcf.account.problems import Account
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.bgzf import iter_range
from varhouse.vcf.text.index import (
    Region,
    check_index,
    find_index,
    read_index,
    region_ranges,
)
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.lines import RecordBatch, read_batch
from varhouse.vcf.text.otherformats import vcf_kind


def open_records(
    path: Path, limits: Limits = DEFAULTS
) -> tuple[Header, Iterator[RecordBatch]]:
    """Read the header of a VCF or BCF, and give its records in batches.

    Raises
    ------
    InputError
        If the file has no #CHROM line or cannot be read.
    """
    kind = vcf_kind(path)
    header = read_header(peek_header(path, limits), Account(path.name))
    if not header.complete:
        raise InputError(f"{path}: no #CHROM line: not VCF", "varhouse validate tells more")
    return header, _batches(path, kind, header.n_lines, limits)


def why_no_index(path: Path) -> str | None:
    """Say why the records of a region cannot be looked up in the file's index; None: they can.

    The index is a .csi or .tbi beside a BGZF VCF that is not older than the file.
    """
    kind = vcf_kind(path)
    if kind != "bgzf":
        return f"{path.name} is {_KINDS[kind]}, only a BGZF VCF is read by its index"
    if find_index(path) is None:
        return f"{path.name} has no index beside it (tabix -p vcf {path.name} makes one)"
    return check_index(path)


_KINDS = {"bcf": "BCF", "text": "not packed", "gzip": "plain gzip", "bzip2": "bzip2"}


def region_records(
    path: Path, is_contig: Callable[[str], bool], low: int, high: int | None
) -> Iterator[RecordBatch]:
    """Give the records of a region, found by the index, in batches.

    Their lines and ordinals are not known: both count from 0 in each batch. There may be
    records that do not overlap the region.

    Parameters
    ----------
    is_contig
        Tells which contig names of the file are meant.
    low, high
        First and last position (1-based); None: to the end of the contig.

    Raises
    ------
    InputError
        If the file or its index cannot be read (see `why_no_index`).
    """
    place = find_index(path)
    if place is None:
        raise InputError(f"{path}: no index (.csi or .tbi) beside it")
    index = read_index(place)
    last = Region("").high if high is None else high
    regions = [Region(name, low, last) for name in index.names if is_contig(name)]
    for begin, end in region_ranges(index, regions):
        for data in iter_range(path, begin, end):
            yield read_batch(data, 0, 0)


def _batches(path: Path, kind: str, n_header: int, limits: Limits) -> Iterator[RecordBatch]:
    line, record = n_header + 1, 0
    left = n_header
    for block in iter_text(path, kind, limits=limits):
        data = block.data
        at = 0
        while left and at < len(data):
            at = data.index(b"\n", at) + 1
            left -= 1
        if at < len(data):
            batch = read_batch(data[at:] if at else data, record, line)
            yield batch
            line += batch.size
            record += batch.size
