"""SPDI and HGVS g. names of many alleles, written in one compiled pass."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from varhouse.identify.kernel import (
    DELETION,
    DELINS,
    EQUAL,
    INSERTION,
    MNV,
    SNV,
    Justified,
)
from varhouse.tables.textcolumn import strings

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]


def _text(text: str) -> Bytes:
    return np.frombuffer(text.encode(), np.uint8)


_DEL, _DUP, _INS, _DELINS = (_text(t) for t in ("del", "dup", "ins", "delins"))
_COLON, _DOT, _LINE, _MORE = (ord(c) for c in ":._>")
_ROOM = 64
"""Bytes of a name without the sequence's name and the bases, at most."""


class Sequences(NamedTuple):
    """What names say of the contigs that alleles lie on.

    Attributes
    ----------
    accession, accession_at
        Their names in SPDI and HGVS, uint8 end to end, with n + 1 offsets.
    letter
        uint8[n]: `g` or `m`.
    held
        int64[n]: bases that the reference holds.
    """

    accession: Bytes
    accession_at: Longs
    letter: Bytes
    held: Longs


@njit(cache=True, nogil=True)
def put(source: Bytes, start: int, end: int, out: Bytes, w: int) -> int:
    """Copy bytes of a text to `out[w]` and give where they end."""
    for j in range(start, end):
        out[w + j - start] = source[j]
    return w + end - start


@njit(cache=True, nogil=True)
def put_number(value: int, out: Bytes, w: int) -> int:
    """Write a number to `out[w]` and give where it ends."""
    if value < 0:
        out[w] = 45
        w, value = w + 1, -value
    digits, rest = 1, value // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for j in range(digits - 1, -1, -1):
        out[w + j] = 48 + value % 10
        value //= 10
    return w + digits


@njit(cache=True, nogil=True)
def _put_byte(byte: int, out: Bytes, w: int) -> int:
    out[w] = byte
    return w + 1


@njit(cache=True, nogil=True)
def _put_place(first: int, last: int, out: Bytes, w: int) -> int:
    w = put_number(first, out, w)
    if first != last:
        w = put_number(last, out, _put_byte(_LINE, out, w))
    return w


@njit(cache=True, nogil=True)
def _write_spdi(sequences, contig, found, has, out, at):  # type: ignore[no-untyped-def]
    names, name_at, _, _ = sequences
    for k in range(contig.size):
        w = at[k]
        if has[k]:
            c = contig[k]
            w = put(names, name_at[c], name_at[c + 1], out, w)
            w = put_number(found.start[k], out, _put_byte(_COLON, out, w))
            w = _put_byte(_COLON, out, w)
            w = put(found.deleted, found.deleted_at[k], found.deleted_at[k + 1], out, w)
            w = _put_byte(_COLON, out, w)
            w = put(found.inserted, found.inserted_at[k], found.inserted_at[k + 1], out, w)
        at[k + 1] = w


@njit(cache=True, nogil=True)
def _write_hgvs(sequences, contig, found, has, out, at):  # type: ignore[no-untyped-def]
    names, name_at, letters, _ = sequences
    for k in range(contig.size):
        w = at[k]
        if has[k]:
            c, kind, last = contig[k], found.kind[k], found.end[k]
            span, size = last - found.start[k], found.size[k]
            # 1-based first base of what is deleted, duplicated or replaced.
            first = last - size + 1 if size > 0 else found.start[k] + 1
            i0, i1 = found.inserted_at[k], found.inserted_at[k + 1]
            w = put(names, name_at[c], name_at[c + 1], out, w)
            w = _put_byte(letters[c], out, _put_byte(_COLON, out, w))
            w = _put_byte(_DOT, out, w)
            if kind == SNV:
                w = put_number(last, out, w)
                w = put(found.deleted, found.deleted_at[k], found.deleted_at[k + 1], out, w)
                w = put(found.inserted, i0, i1, out, _put_byte(_MORE, out, w))
            elif kind == DELETION:
                w = put(_DEL, 0, _DEL.size, out, _put_place(first, last, out, w))
            elif kind == INSERTION and span >= size:
                w = put(_DUP, 0, _DUP.size, out, _put_place(first, last, out, w))
            elif kind == INSERTION:
                w = put(_INS, 0, _INS.size, out, _put_place(last, last + 1, out, w))
                w = put(found.inserted, i0 + span, i1, out, w)
            else:
                w = put(_DELINS, 0, _DELINS.size, out, _put_place(first, last, out, w))
                w = put(found.inserted, i0, i1, out, w)
        at[k + 1] = w


def spdi(found: Justified, contig: npt.NDArray[np.int32], sequences: Sequences) -> pl.Series:
    """Write SPDI over the fully-justified interval; null where it is not written out."""
    # An allele with a REF that equals its ALT changes nothing: no name.
    has = found.written & (found.kind != EQUAL)
    return _column(_write_spdi, found, contig, sequences, has, "spdi")


def hgvs(found: Justified, contig: npt.NDArray[np.int32], sequences: Sequences) -> pl.Series:
    """Write HGVS g.: the most 3' place, `dup` before `ins`, `delins` for the rest."""
    last = found.end
    held = np.append(sequences.held, 0)[contig]
    span = last - found.start
    # An insertion before the first or after the last base has no name.
    insertion = (found.kind == INSERTION) & (
        (span >= found.size) | ((last > 0) & (last < held))
    )
    named = np.isin(found.kind, (SNV, DELETION, MNV, DELINS)) | insertion
    return _column(_write_hgvs, found, contig, sequences, found.known & named, "hgvs_g")


def _column(
    write: Any,
    found: Justified,
    contig: npt.NDArray[np.int32],
    sequences: Sequences,
    has: npt.NDArray[np.bool_],
    name: str,
) -> pl.Series:
    n = contig.size
    longest = int(np.diff(sequences.accession_at).max(initial=0))
    most = n * (longest + _ROOM) + found.deleted.size + found.inserted.size
    out, at = np.empty(most, np.uint8), np.zeros(n + 1, np.int64)
    write(sequences, contig, found, has, out, at)
    return strings(out, at, has, name=name)
