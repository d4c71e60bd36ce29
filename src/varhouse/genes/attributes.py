r"""Read the ninth column: `key "value";` of GTF and `key=value;` of GFF3.

GTF 2.2: a text value stands in quotes, and a semicolon inside them ends nothing. What would
be taken for the end of a value is masked once, byte for byte (`mask_gtf`), so that plain
patterns find attributes afterwards; `gtf_value` takes the masks off what it gives. GFF3 has
no quotes: reserved letters are percent-encoded, and `gff3_value` decodes them.
"""

from collections.abc import Callable, Iterable
from urllib.parse import unquote

import polars as pl
from numba import njit

from varhouse.tables.textcolumn import pack, strings

_QUOTE, _SEMICOLON, _BACKSLASH, _HASH = ord('"'), ord(";"), ord("\\"), ord("#")
_BLANKS = (ord(" "), ord("\t"))
_MASK_SEMICOLON, _MASK_QUOTE, _MASK_NOTHING = 0x1C, 0x1D, 0x1E
_MASKS = [chr(_MASK_SEMICOLON), chr(_MASK_QUOTE), chr(_MASK_NOTHING)]

GENE_SYMBOLS = ("gene_name", "gene", "gene_symbol", "ref_gene_name", "symbol")
"""Attributes that name a gene: Ensembl and GENCODE, RefSeq, FlyBase, StringTie, TAIR."""

GENE_BIOTYPES = ("gene_biotype", "gene_type")
"""Attributes for the biotype of a gene: Ensembl's GTF and RefSeq, GENCODE."""

TRANSCRIPT_BIOTYPES = ("transcript_biotype", "transcript_type")
"""Attributes for the biotype of a transcript: Ensembl's GTF and RefSeq, GENCODE."""


def gff3_text(name: str) -> pl.Expr:
    """Value of a GFF3 attribute as it is written; null when it is absent or empty."""
    return _filled(pl.col("attr").str.extract(rf"(?:^|;)\s*{name}=([^;]+)"))


def gff3_value(name: str) -> pl.Expr:
    """Value of a GFF3 attribute, decoded; null when it is absent or empty."""
    return decoded(gff3_text(name))


def decoded(column: pl.Expr) -> pl.Expr:
    """Undo the percent-encoding of GFF3 (two hexadecimal digits, UTF-8)."""
    # Few values hold an escape: the others are not touched one by one.
    return column.map_batches(_unquote, return_dtype=pl.String)


def _unquote(column: pl.Series) -> pl.Series:
    if not column.str.contains("%", literal=True).any():
        return column
    some = column.filter(column.str.contains(r"%[0-9A-Fa-f]{2}")).drop_nulls().unique()
    if not some.len():
        return column
    plain = pl.Series([unquote(text, errors="replace") for text in some], dtype=pl.String)
    return column.replace(some, plain)


def gtf_value(name: str) -> pl.Expr:
    """Value of a masked GTF attribute, quoted or not; null when it is absent or empty."""
    found = pl.col("attr").str.extract(rf'(?:^|;)\s*{name} +"?\s*([^"; ][^";]*)')
    return unmasked(_filled(found))


def unmasked(column: pl.Expr) -> pl.Expr:
    """Give the letters that `mask_gtf` has masked."""
    return column.str.replace_many(_MASKS, [";", '"', ""])


def first_of(value: Callable[[str], pl.Expr], names: Iterable[str]) -> pl.Expr:
    """First of some attributes that a row has."""
    return pl.coalesce(*(value(n) for n in names))


def _filled(column: pl.Expr) -> pl.Expr:
    text = column.str.strip_chars(" ")
    return pl.when(text != "").then(text)


def mask_gtf(attributes: pl.Series) -> tuple[pl.Series, int]:
    r"""Mask semicolons and quotes inside the quoted values of GTF attributes.

    A quote opens a value behind a blank, and closes it before a semicolon, a comment or the
    end of the row. `\"` and a quote in the middle of a value are letters of it.

    Parameters
    ----------
    attributes
        The ninth column.

    Returns
    -------
    masked, odd
        The column, each row as long as before; the number of rows with a quote inside a
        value that is not escaped, or with one that does not close (from the last such on
        they are taken as they are written).
    """
    text, offsets = pack(attributes)
    out = text.copy()
    odd = _mask(text, offsets, out)
    if (out == text).all():
        return attributes, odd
    return strings(out, offsets, name=attributes.name), odd


@njit(cache=True, nogil=True)
def _closes(text, at, end):  # type: ignore[no-untyped-def]
    """Whether nothing but blanks stands before `;`, `#` or the end."""
    while at < end and text[at] in _BLANKS:
        at += 1
    return at == end or text[at] == _SEMICOLON or text[at] == _HASH


@njit(cache=True, nogil=True)
def _mask(text, offsets, out):  # type: ignore[no-untyped-def]
    rows = 0
    for row in range(offsets.size - 1):
        i, end, opened, odd = offsets[row], offsets[row + 1], -1, False
        while i < end:
            letter = text[i]
            if opened < 0:
                if letter == _QUOTE and i > offsets[row] and text[i - 1] in _BLANKS:
                    opened = i
            elif letter == _BACKSLASH and i + 1 < end and text[i + 1] == _QUOTE:
                out[i], out[i + 1] = _MASK_NOTHING, _MASK_QUOTE
                i += 1
            elif letter == _SEMICOLON:
                out[i] = _MASK_SEMICOLON
            elif letter == _QUOTE:
                if _closes(text, i + 1, end):
                    opened = -1
                else:
                    out[i] = _MASK_QUOTE
                    odd = True
            i += 1
        if opened >= 0:
            out[opened:end] = text[opened:end]
        rows += odd or opened >= 0
    return rows
