"""Lift packed alleles: blocks, strand, REF on both sides; compiled passes over columns.

The rule for one allele, REF covering the source bases [p, p + n):

1. All n bases, the anchor base of an indel included, lie in one block of the best chain;
   no other block of the same score is above them.
2. Where a source reference is given, REF is what it has there.
3. The block's image of [p, p + n) lies in the target. On the minus strand REF and ALT
   are reverse-complemented. REF is what the target has there: plain; or ALT has the
   length of REF and is what the target has: REF and ALT are swapped.
4. The caller left-aligns the result in the target, which gives an indel of the minus
   strand its new anchor base.
5. `gaps.check_indels`: a pure indel, in all the places where it can be written in the target,
   keeps one base between itself and the edges of its block. At an edge the assemblies
   may differ in the number of units of the repeat, and the same deletion then makes
   another sequence. Where the aligner put a gap in a repeat is a choice of its own: the
   gap may slide as long as the bases that come to lie on each other are equal, and the
   edge is where it comes to lie farthest inside the block (`gaps.py`).

Letters are compared in upper case; an ambiguity code in a reference stands for the first
of its bases in the alphabet, as in normalisation (VCF 4.3, section 1.6.1).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.genome.reference import COMPLEMENT, CONCRETE
from varhouse.liftover.chain import (
    BLOCK,
    END,
    PLACE,
    SIGN,
    START,
    TARGET,
    TIED,
    Flags,
    Ints,
    Longs,
)
from varhouse.liftover.positions import find_segment
from varhouse.liftover.reasons import Reason

Bytes = npt.NDArray[np.uint8]

_LIFTED = int(Reason.LIFTED)
_CONTIG_NOT_IN_CHAIN = int(Reason.CONTIG_NOT_IN_CHAIN)
_NO_CHAIN = int(Reason.NO_CHAIN)
_AMBIGUOUS = int(Reason.AMBIGUOUS)
_STRAND_MIXED = int(Reason.STRAND_MIXED)
_SPANS_GAP = int(Reason.SPANS_GAP)
_CONTIG_MISSING = int(Reason.CONTIG_MISSING)
_TARGET_OUTSIDE = int(Reason.TARGET_OUTSIDE)
_SOURCE_REF_MISMATCH = int(Reason.SOURCE_REF_MISMATCH)
_REF_NOT_FOUND = int(Reason.REF_NOT_FOUND)
_INDEL_AT_GAP = int(Reason.INDEL_AT_GAP)
_SYMBOLIC = int(Reason.SYMBOLIC)
_ALLELE_INVALID = int(Reason.ALLELE_INVALID)
_SWAP_OFF = int(Reason.SWAP_OFF)

UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
IS_BASE = np.zeros(256, np.bool_)
IS_BASE[np.frombuffer(b"ACGTNacgtn", np.uint8)] = True
COMPLEMENT_OF = COMPLEMENT.copy()
Raw = tuple[npt.NDArray[np.int8], Ints, Longs, Longs, Flags, Flags, Bytes, Longs, Bytes, Longs]
_SEQUENCE, _NO_SEQUENCE, _SYMBOL, _BAD = range(4)


class Held(NamedTuple):
    """Bases of some contigs: uint8, end to end, with int64 first base and number of each."""

    seq: Bytes
    starts: Longs
    lengths: Longs


class Texts(NamedTuple):
    """REF and ALT of n alleles: uint8 buffers with int64[n + 1] offsets."""

    ref: Bytes
    ref_at: Longs
    alt: Bytes
    alt_at: Longs


class Blocks(NamedTuple):
    """The blocks of a chain, a value each: see `Chain`."""

    target: Ints
    start: Longs
    end: Longs
    target_start: Longs
    reverse: Flags
    source: Ints
    number: Longs


@njit(cache=True, nogil=True)
def _alt_kind(buf: Bytes, a: int, b: int) -> int:
    """Tell a sequence, `*` or `.`, a symbolic allele or breakend, and anything else apart."""
    n = b - a
    if n == 0:
        return _BAD
    first, last = buf[a], buf[b - 1]
    if n == 1 and (first == 42 or first == 46):
        return _NO_SEQUENCE
    good = True
    for j in range(a, b):
        c = buf[j]
        if c == 60 or c == 91 or c == 93:
            return _SYMBOL
        good &= IS_BASE[c]
    if good:
        return _SEQUENCE
    return _SYMBOL if first == 46 or last == 46 else _BAD


@njit(cache=True, nogil=True)
def _is_there(  # type: ignore[no-untyped-def]
    seq, at, buf, a, b, reverse
):
    """Tell whether the letters [a, b), or their reverse complement, stand at `at`."""
    for j in range(b - a):
        c = UPPER[buf[a + j]]
        here = CONCRETE[seq[at + (b - a - 1 - j)]] if reverse else CONCRETE[seq[at + j]]
        if here != (COMPLEMENT_OF[c] if reverse else c):
            return False
    return True


@njit(cache=True, nogil=True)
def _allele_fault(ref, r0, r1, alt, a0, a1):  # type: ignore[no-untyped-def]
    """Give the kind of ALT and a reason, LIFTED if the letters are good."""
    if r1 == r0:
        return _BAD, _ALLELE_INVALID
    for j in range(r0, r1):
        if not IS_BASE[ref[j]]:
            return _BAD, _ALLELE_INVALID
    kind = _alt_kind(alt, a0, a1)
    if kind == _SYMBOL:
        return kind, _SYMBOLIC
    if kind == _BAD:
        return kind, _ALLELE_INVALID
    if kind == _SEQUENCE and r1 - r0 == a1 - a0:
        for j in range(r1 - r0):
            if UPPER[ref[r0 + j]] != UPPER[alt[a0 + j]]:
                return kind, _LIFTED
        return kind, _ALLELE_INVALID
    return kind, _LIFTED


@njit(cache=True, nogil=True)
def _block_of(first, table, shift, bucket_first, bucket, c, p, n):  # type: ignore[no-untyped-def]
    """Find the one block that holds [p, p + n): (reason, a row of the table)."""
    row = find_segment(first, table, shift, bucket_first, bucket, c, p)
    if row >= 0 and p + n <= table[row, END]:
        return _AMBIGUOUS if table[row, TIED] else _LIFTED, row
    last = find_segment(first, table, shift, bucket_first, bucket, c, p + n - 1)
    if row < 0 or last < 0:
        return _NO_CHAIN if row == last else _SPANS_GAP, row
    if table[row, TIED]:
        return _AMBIGUOUS, row
    if table[last, TIED]:
        return _AMBIGUOUS, row
    if table[last, SIGN] != table[row, SIGN]:
        return _STRAND_MIXED, row
    for i in range(row + 1, last + 1):
        if table[i, BLOCK] != table[row, BLOCK] or table[i, START] != table[i - 1, END]:
            return _SPANS_GAP, row
        if table[i, TIED]:
            return _AMBIGUOUS, row
    return _LIFTED, row


@njit(cache=True, nogil=True)
def _write(source, a, b, reverse, out, w):  # type: ignore[no-untyped-def]
    for j in range(b - a):
        c = UPPER[source[b - 1 - j] if reverse else source[a + j]]
        out[w + j] = COMPLEMENT_OF[c] if reverse else c
    return w + b - a


@njit(cache=True, nogil=True)
def lift_packed(  # type: ignore[no-untyped-def]
    segments, target, source, contig, pos, alleles, swap
) -> Raw:
    """Lift n alleles that lie end to end in two buffers.

    Parameters
    ----------
    segments
        `Chain.forward`.
    target, source
        `Held` of the contigs of the chain's targets and of its sources; a target of
        length 0 is not in the FASTA, in a source of length 0 REF is not checked.
    contig
        int32[n]: source contigs of the chain; -1: not in the chain.
    pos
        int64[n], 0-based.
    alleles
        `Texts` of n alleles.
    swap
        Whether REF and ALT may be swapped.

    Returns
    -------
    tuple
        reason int8[n]; target contig int32[n] and 0-based start int64[n] of the image of
        REF; block int64[n]; reverse and swapped bool[n]; REF and ALT as buffers with
        offsets, as they are in the target before left-aligning. Rows that are not
        lifted have empty alleles, and -1 for the place if they have none.
    """
    first, table, shift, bucket_first, bucket = segments
    seq, starts, lengths = target
    source_seq, source_starts, source_lengths = source
    ref, ref_at, alt, alt_at = alleles
    n = pos.size
    reason = np.empty(n, np.int8)
    out_contig, place = np.full(n, -1, np.int32), np.full(n, -1, np.int64)
    block = np.full(n, -1, np.int64)
    reverse, swapped = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    out_ref, out_alt = (
        np.empty(ref.size + alt.size, np.uint8),
        np.empty(ref.size + alt.size, np.uint8),
    )
    out_ref_at, out_alt_at = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    wr, wa = 0, 0
    for k in range(n):
        out_ref_at[k], out_alt_at[k] = wr, wa
        r0, r1, a0, a1 = ref_at[k], ref_at[k + 1], alt_at[k], alt_at[k + 1]
        c, p, m = np.int64(contig[k]), pos[k], r1 - r0
        kind, why = _allele_fault(ref, r0, r1, alt, a0, a1)
        reason[k] = why
        if why != _LIFTED:
            continue
        if c < 0:
            reason[k] = _CONTIG_NOT_IN_CHAIN
            continue
        if p < 0:
            reason[k] = _NO_CHAIN
            continue
        if p + m <= source_lengths[c] and not _is_there(
            source_seq, source_starts[c] + p, ref, r0, r1, False
        ):
            reason[k] = _SOURCE_REF_MISMATCH
            continue
        why, row = _block_of(first, table, shift, bucket_first, bucket, c, p, m)
        reason[k] = why
        if why != _LIFTED:
            continue
        back = table[row, SIGN] < 0
        t = table[row, TARGET]
        # On the minus strand the image begins with the image of the last base.
        q = table[row, PLACE] + (-(p + m - 1) if back else p)
        out_contig[k], place[k], block[k], reverse[k] = t, q, table[row, BLOCK], back
        if lengths[t] == 0:
            reason[k] = _CONTIG_MISSING
            continue
        if q + m > lengths[t]:
            reason[k] = _TARGET_OUTSIDE
            continue
        if not _is_there(seq, starts[t] + q, ref, r0, r1, back):
            if (
                kind != _SEQUENCE
                or a1 - a0 != m
                or not _is_there(seq, starts[t] + q, alt, a0, a1, back)
            ):
                reason[k] = _REF_NOT_FOUND
                continue
            if not swap:
                reason[k] = _SWAP_OFF
                continue
            swapped[k] = True
        if swapped[k]:
            wr = _write(alt, a0, a1, back, out_ref, wr)
            wa = _write(ref, r0, r1, back, out_alt, wa)
        else:
            wr = _write(ref, r0, r1, back, out_ref, wr)
            wa = _write(alt, a0, a1, back, out_alt, wa)
    out_ref_at[n], out_alt_at[n] = wr, wa
    return (
        reason,
        out_contig,
        place,
        block,
        reverse,
        swapped,
        out_ref[:wr],
        out_ref_at,
        out_alt[:wa],
        out_alt_at,
    )
