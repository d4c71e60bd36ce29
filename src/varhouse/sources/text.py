"""VCF text in blocks of whole lines, from plain, gzip and BGZF files.

A block becomes columns with polars; no object is made per record.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.textfile import BLOCK, line_blocks

FIXED = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info")
"""The eight fixed columns; what stands behind them is `rest`, null for sites-only."""

# A byte that no VCF should hold (it becomes `?`): polars then reads each line as one string.
_NO_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class VcfText:
    """Header lines (without line ends; the last is `#CHROM...`) and blocks of the rest."""

    header: list[str]
    blocks: Iterator[bytes]


def open_vcf_text(path: Path, block: int = BLOCK) -> VcfText:
    """Read the header of a VCF (plain or gzip) and hand out its lines in blocks.

    Raises
    ------
    InputError
        If the file has no `#CHROM` line, is cut off or damaged (also while reading).
    """
    return read_vcf_text(path, line_blocks(path, block))


def read_vcf_text(path: Path, pieces: Iterator[bytes]) -> VcfText:
    """Read the header from pieces of text that end with a line end; see `open_vcf_text`."""
    header: list[str] = []
    for piece in pieces:
        at = 0
        while at < len(piece):
            end = piece.find(b"\n", at)
            end = len(piece) if end < 0 else end
            if piece[at : at + 1] != b"#":
                raise InputError(
                    f"{path}: line {len(header) + 1}: no #CHROM line before the first record",
                    "give a VCF file with its header",
                )
            header.append(piece[at:end].decode("utf-8", "replace").rstrip("\r"))
            at = end + 1
            if header[-1].startswith("#CHROM"):
                return VcfText(header, _chain(piece[at:], pieces))
    raise InputError(f"{path}: no #CHROM line in it", "give a VCF file with its header")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def split_lines(block: bytes) -> pl.DataFrame:
    """Split the lines of a block into the eight fixed columns and `rest`, all String."""
    empty = pl.DataFrame(schema=dict.fromkeys((*FIXED, "rest"), pl.String))
    if not block.strip():
        return empty
    frame = pl.read_csv(
        block.replace(_NO_SEPARATOR.encode(), b"?"),
        has_header=False,
        new_columns=["line"],
        separator=_NO_SEPARATOR,
        quote_char=None,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )
    names = [*FIXED, "rest"]
    return (
        frame.filter(pl.col("line").str.strip_chars().str.len_bytes() > 0)
        .select(pl.col("line").str.strip_suffix("\r").str.splitn("\t", len(names)).alias("f"))
        .select(pl.col("f").struct.rename_fields(names).struct.unnest())
    )
