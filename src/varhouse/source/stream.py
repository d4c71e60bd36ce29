"""The records of a whole file in batches, for commands that work on one file."""

from collections.abc import Iterator
from pathlib import Path

from varhouse.errors import InputError
from varhouse.source.bcf import copy_bcf
from varhouse.source.bgzf import file_kind, iter_text
from varhouse.source.header import Header, read_header
from varhouse.source.limits import DEFAULTS, Limits
from varhouse.source.lines import RecordBatch, read_batch
from varhouse.source.peek import peek_header
from varhouse.source.problems import Account


def open_records(
    path: Path, folder: Path, limits: Limits = DEFAULTS
) -> tuple[Header, Iterator[RecordBatch]]:
    """Read the header of a VCF or BCF, and give its records in batches.

    Parameters
    ----------
    folder
        Where a BCF is copied to as text.

    Raises
    ------
    InputError
        If the file has no #CHROM line or cannot be read.
    """
    kind = file_kind(path)
    if kind == "bcf":
        path, kind = copy_bcf(path, folder / "in.vcf.gz"), "bgzf"
    header = read_header(peek_header(path, limits), Account(path.name))
    if not header.complete:
        raise InputError(f"{path}: no #CHROM line: not VCF", "varhouse validate tells more")
    return header, _batches(path, kind, header.n_lines, limits)


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
