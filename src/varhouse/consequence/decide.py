"""Terms and texts of edits whose codons can be read, an edit at a time.

`windows.py` cuts and translates the codons; the same rules on text are in `rules.py`.
"""

import numpy as np
import polars as pl
from numba import njit

from varhouse.consequence import terms as so
from varhouse.consequence.windows import Peptides, Windows
from varhouse.tables.textcolumn import strings
from varhouse.transcripts.genemodel import Bool, Int64
from varhouse.transcripts.geneticcode import LETTERS, STOP

_FRAMESHIFT, _STOP_GAINED, _DELETION, _INSERTION, _SYNONYMOUS, _MISSENSE, _ALTERING = (
    so.FRAMESHIFT, so.STOP_GAINED, so.INFRAME_DELETION, so.INFRAME_INSERTION, so.SYNONYMOUS,
    so.MISSENSE, so.PROTEIN_ALTERING,
)  # fmt: skip
_SLASH, _MINUS = ord("/"), ord("-")


def decide(
    windows: Windows, ref: Peptides, alt: Peptides, as_vep: bool = False
) -> tuple[Int64, Bool]:
    """Give the terms of edits, and whether these can be told from the codons alone.

    With `as_vep` an insertion that leaves its residue and brings a stop codon is left to
    `vep115.py`.

    Returns
    -------
    terms, plain
        int64[n]: masks. bool[n]: false where REF has a stop codon or either an unknown
        base; the terms are 0 there.
    """
    terms, plain = np.zeros(len(ref.length), np.int64), np.zeros(len(ref.length), np.bool_)
    _decide(
        windows.ref,
        windows.alt,
        windows.ref_length,
        windows.alt_length,
        ref.letters,
        ref.length,
        alt.letters,
        alt.length,
        as_vep,
        terms,
        plain,
    )
    return terms, plain


def codon_text(windows: Windows) -> pl.Series:
    """Write `gaACtc/gatc`: changed bases in capitals, `-` for no codon."""
    longest = windows.ref_length + windows.alt_length + 3
    text, offsets = (
        np.empty(int(longest.sum()), np.uint8),
        np.zeros(len(longest) + 1, np.int64),
    )
    _write_codons(
        windows.ref,
        windows.alt,
        windows.ref_length,
        windows.alt_length,
        windows.at,
        windows.removed,
        windows.inserted,
        LETTERS,
        text,
        offsets,
    )
    return strings(text, offsets)


def peptide_text(ref: Peptides, alt: Peptides) -> pl.Series:
    """Write `DF/DX`, `D` where nothing changes, `-` for no residue."""
    longest = ref.length + alt.length + 3
    text, offsets = (
        np.empty(int(longest.sum()), np.uint8),
        np.zeros(len(longest) + 1, np.int64),
    )
    _write_residues(ref.letters, ref.length, alt.letters, alt.length, text, offsets)
    return strings(text, offsets)


@njit(cache=True, nogil=True)
def _holds(letters, length, letter):  # type: ignore[no-untyped-def]
    """Give the place of a letter; -1 if it is not there."""
    for i in range(length):
        if letters[i] == letter:
            return i
    return -1


@njit(cache=True, nogil=True)
def _alike(one, first, two, count):  # type: ignore[no-untyped-def]
    """Whether `one` from `first` on has the first `count` letters of `two`."""
    i = 0
    while i < count and one[first + i] == two[i]:
        i += 1
    return i >= count


@njit(cache=True, nogil=True)
def _is_inner_deletion(ref, ref_length, alt, alt_length):  # type: ignore[no-untyped-def]
    """Whether ALT's codons are REF's without some inner bases (VEP compares codons)."""
    front = 0
    while front < alt_length and ref[front] == alt[front]:
        front += 1
    back, shorter = 0, min(ref_length, alt_length)
    while back < shorter and ref[ref_length - 1 - back] == alt[alt_length - 1 - back]:
        back += 1
    return front + back >= alt_length


@njit(cache=True, nogil=True)
def _decide(  # type: ignore[no-untyped-def]
    ref,
    alt,
    ref_length,
    alt_length,
    ref_residue,
    n_ref,
    alt_residue,
    n_alt,
    as_vep,
    terms,
    plain,
):
    for k in range(n_ref.size):
        old, new, m, n = ref_residue[k], alt_residue[k], n_ref[k], n_alt[k]
        stop = _holds(new, n, STOP)
        if _holds(ref[k], ref_length[k], 4) >= 0 or _holds(alt[k], alt_length[k], 4) >= 0:
            continue
        stays = as_vep and m == 1 and old[0] == new[0] and stop >= 0
        if _holds(old, m, STOP) >= 0 or stays or m + n == 0:
            continue
        plain[k] = True
        gain = alt_length[k] - ref_length[k]
        if gain % 3:
            terms[k] = _FRAMESHIFT | (_STOP_GAINED if stop >= 0 else 0)
            continue
        found = _STOP_GAINED if stop >= 0 else 0
        starts = n >= m and _alike(new, 0, old, m)
        deletion = gain < 0 and _is_inner_deletion(
            ref[k], ref_length[k], alt[k], alt_length[k]
        )
        if deletion:
            found |= _DELETION
        if gain > 0:
            # What stands behind a new stop codon is not read.
            cut = stop + 1 if stop >= 0 else n
            if cut >= m and (starts or _alike(new, cut - m, old, m)):
                found |= _INSERTION
        elif gain == 0 and m == n and starts:
            found |= _SYNONYMOUS
        elif gain == 0 and stop < 0:
            found |= _MISSENSE
        ends = n >= m and _alike(new, n - m, old, m)
        if m != n and m and n and new[0] != STOP and not (starts or ends or deletion):
            found |= _ALTERING
        terms[k] = found


@njit(cache=True, nogil=True)
def _write_codons(  # type: ignore[no-untyped-def]
    ref, alt, ref_length, alt_length, at, removed, inserted, letters, out, offsets
):
    w = 0
    for k in range(at.size):
        for side in range(2):
            bases = ref[k] if side == 0 else alt[k]
            length = ref_length[k] if side == 0 else alt_length[k]
            changed = at[k] + (removed[k] if side == 0 else inserted[k])
            for i in range(length):
                capital = at[k] <= i < changed
                out[w] = letters[bases[i]] + (0 if capital else 32)
                w += 1
            if length == 0:
                out[w] = _MINUS
                w += 1
            if side == 0:
                out[w] = _SLASH
                w += 1
        offsets[k + 1] = w


@njit(cache=True, nogil=True)
def _write_residues(ref, n_ref, alt, n_alt, out, offsets):  # type: ignore[no-untyped-def]
    w = 0
    for k in range(n_ref.size):
        same = n_ref[k] == n_alt[k] and _alike(ref[k], 0, alt[k], n_ref[k])
        for side in range(1 if same else 2):
            residues = ref[k] if side == 0 else alt[k]
            length = n_ref[k] if side == 0 else n_alt[k]
            for i in range(length):
                out[w] = residues[i]
                w += 1
            if length == 0:
                out[w] = _MINUS
                w += 1
            if side == 0 and not same:
                out[w] = _SLASH
                w += 1
        offsets[k + 1] = w
