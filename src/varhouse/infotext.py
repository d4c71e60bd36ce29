"""Free text in a value of INFO: percent-encoded on the way out, decoded on the way in.

VCF 4.3, section 1.2: letters that mean something in a record (`; = , %` and line ends and
tabs) are written `%3B %3D %2C %25 ...`. Blanks and other control characters are encoded
too, because older readers split at them. All VCF that varhouse writes uses `encoded`;
earlier versions of the format know no encoding, so `decoded` is for files of 4.3 or later.
"""

import re

import polars as pl

_CONTROLS = [chr(i) for i in (*range(0x21), 0x7F)]
"""Control characters and the blank."""

_ENCODED = {c: f"%{ord(c):02X}" for c in (*_CONTROLS, *"%;=,")}
_IN_CSQ = _ENCODED | {"|": "%7C"}

_ASCII = {f"%{i:02X}": chr(i) for i in range(0x80)}
_DECODED = {spelt: c for code, c in _ASCII.items() for spelt in (code, code.lower())}
# Commas set values apart: text that keeps some keeps the escapes of others, and of `%`.
_IN_LISTS = {spelt: c for spelt, c in _DECODED.items() if c not in ",%"}

_VERSION = re.compile(r"^##fileformat=VCFv(\d+)\.(\d+)")


def encoded(text: pl.Expr) -> pl.Expr:
    """Encode text that becomes one value of INFO."""
    return text.str.replace_many(_ENCODED)


def encoded_csq(text: pl.Expr) -> pl.Expr:
    """Encode text that becomes a field of an entry of CSQ, where `|` parts fields."""
    return text.str.replace_many(_IN_CSQ)


def decoded(text: pl.Expr, *, whole: bool = True) -> pl.Expr:
    """Decode a value of INFO, in one pass: `%253B` is the text `%3B`.

    Parameters
    ----------
    whole
        False for several values that stay one text: escapes of `,` and `%` stay, so that
        the commas between values can be told from those in them.
    """
    return text.str.replace_many(_DECODED if whole else _IN_LISTS)


def is_encoded(header: list[str]) -> bool:
    """Whether text of a VCF with this header is percent-encoded: version 4.3 or later."""
    match = _VERSION.match(header[0]) if header else None
    return match is not None and (int(match[1]), int(match[2])) >= (4, 3)
