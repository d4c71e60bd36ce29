"""BCF as text: what is written here, and from where that ends what htslib writes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from varhouse.vcf.account.problems import Account
from varhouse.vcf.bcf.htslib import bcf_header, check_end, htslib_pieces
from varhouse.vcf.bcf.reader import BcfBatch, BcfReader, PlainSamples
from varhouse.vcf.header.header import read_header
from varhouse.vcf.text.bgzf import BgzfWriter
from varhouse.vcf.text.limits import DEFAULTS, Limits

_BATCH_BYTES = 2 << 20
"""Binary records whose text is made at once: five times as many letters at most."""


def bcf_batches(
    path: Path,
    batch_bytes: int = _BATCH_BYTES,
    plain: Callable[[], PlainSamples | None] | None = None,
    limits: Limits = DEFAULTS,
) -> Iterator[bytes | BcfBatch]:
    """Yield the text of a BCF: its header, its records, and what htslib makes of others.

    Parameters
    ----------
    batch_bytes
        Binary records of a batch.
    plain
        Says, when the header was yielded, which sample values are left out of the text;
        None: none.
    limits
        A record whose line may be too long is written, so that its length is looked at.

    Returns
    -------
    iterator
        The header (bytes), then batches, then bytes that may end inside a line.

    Raises
    ------
    InputError
        If the file cannot be read to its end: after what can be read of it.
    """
    lines = bcf_header(path)
    check_end(path)
    yield ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
    header = read_header(lines, Account(path.name))
    left_out = plain() if plain is not None else None
    if left_out is not None:
        left_out = replace(left_out, line_bytes=limits.line_bytes)
    reader = BcfReader(path, len(header.samples), header.version, left_out)
    yield from reader.batches(batch_bytes)
    if not reader.whole:
        yield from _without_lines(htslib_pieces(path), reader.n_records)


def bcf_pieces(path: Path) -> Iterator[bytes]:
    """Yield the text of a BCF in pieces: its header as it stands, and the records.

    Raises
    ------
    InputError
        If the file cannot be read to its end: after what can be read of it.
    """
    for piece in bcf_batches(path):
        yield piece.text if isinstance(piece, BcfBatch) else piece


def copy_bcf(path: Path, target: Path) -> Path:
    """Write a BCF file as BGZF VCF, for what has to read it more than once.

    Raises
    ------
    InputError
        If the file cannot be read to its end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(BgzfWriter(target)) as writer:
        for piece in bcf_pieces(path):
            writer.write(piece)
    return target


def _without_lines(pieces: Iterator[bytes], n: int) -> Iterator[bytes]:
    """Leave out the first `n` lines of a text."""
    with closing(pieces):  # type: ignore[type-var]
        for piece in pieces:
            found = piece.count(b"\n") if n else 0
            if found < n:
                n -= found
                continue
            at = 0
            for _ in range(n):
                at = piece.index(b"\n", at) + 1
            n = 0
            if at < len(piece):
                yield piece[at:]
