"""Normalise packed alleles: REF check, trim, left-align; one compiled pass over a column.

The rule (Tan, Abecasis, Kang 2015, doi:10.1093/bioinformatics/btv112, as `bcftools norm`
1.24 has it): compare REF with the reference; strip the common last bases; if one allele
is empty then, it is a pure insertion or deletion and moves left while the base before it
equals its own last base; give it the base before as anchor (at the start of a contig the
base after); otherwise strip the common first bases but one. Letters are compared in upper
case. N is a letter like the others. An ambiguity code in the reference stands for the
first of its bases in the alphabet (VCF 4.3 section 1.6.1: R is A), one in REF is a
mismatch.

An output allele is never longer than it came in: a pure indel has lost at least the one
base that the anchor adds.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.genome.reference import CONCRETE
from varhouse.normalise.status import Status

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.integer]
Packed = tuple[
    npt.NDArray[np.int32],
    Bytes,
    npt.NDArray[np.int64],
    Bytes,
    npt.NDArray[np.int64],
    npt.NDArray[np.int8],
]

_UNCHANGED = int(Status.UNCHANGED)
_CHANGED = int(Status.CHANGED)
_KEPT = int(Status.KEPT)
_REF_UNCHECKED = int(Status.REF_UNCHECKED)
_REF_MISMATCH = int(Status.REF_MISMATCH)
_REF_INVALID = int(Status.REF_INVALID)
_ALT_INVALID = int(Status.ALT_INVALID)
_ALT_EQUALS_REF = int(Status.ALT_EQUALS_REF)

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
# 0: no base, 1: A C G T N, 2: another IUPAC code.
_KIND = np.zeros(256, np.uint8)
_KIND[np.frombuffer(b"RYSWKMBDHV", np.uint8)] = 2
_KIND[np.frombuffer(b"ACGTN", np.uint8)] = 1

_N = 78
_LT, _GT, _STAR, _DOT, _OPEN, _CLOSE = 60, 62, 42, 46, 91, 93


@njit(cache=True, nogil=True)
def _inside(buf: Bytes, start: int, n: int) -> bool:
    return 0 <= n <= buf.size and 0 <= start <= buf.size - n


@njit(cache=True, nogil=True)
def _alt_kind(buf: Bytes, a0: int, na: int) -> int:
    """Give 0 for a sequence of A C G T N, 1 for another VCF notation, 2 for neither."""
    if na == 0:
        return 2
    first, last = buf[a0], buf[a0 + na - 1]
    if na == 1 and first in (_STAR, _DOT):
        return 1
    bad = 0
    for j in range(a0, a0 + na):
        c = buf[j]
        if c in (_OPEN, _CLOSE):
            return 1
        if _KIND[_UPPER[c]] != 1:
            bad += 1
    if bad == 0:
        return 0
    if last == _GT:
        # `<DEL>`, and `C<ctg1>`: an insertion of a named sequence.
        for j in range(a0, a0 + na):
            if buf[j] == _LT:
                return 1
    # A single breakend: `.A` or `A.`
    if bad == 1 and na > 1 and (first == _DOT or last == _DOT):
        return 1
    return 2


@njit(cache=True, nogil=True)
def _judge(
    seq: Bytes,
    first: int,
    held: int,
    p: int,
    rb: Bytes,
    r0: int,
    nr: int,
    ab: Bytes,
    a0: int,
    na: int,
) -> int:
    """Give the status of an allele as it came in; UNCHANGED: it may be normalised."""
    if nr == 0:
        return _REF_INVALID
    checked = p >= 0 and p + nr <= held
    mismatch = False
    unknown = True
    for j in range(nr):
        c = _UPPER[rb[r0 + j]]
        unknown = unknown and c == _N
        if _KIND[c] == 0:
            return _REF_INVALID
        q = p + j
        if 0 <= q < held and CONCRETE[seq[first + q]] != c:
            mismatch = True
    kind = _alt_kind(ab, a0, na)
    if mismatch and unknown and kind == 1:
        # REF N of a symbolic allele or a breakend says nothing (see `refcompare.open_refs`).
        return _REF_UNCHECKED
    if mismatch:
        return _REF_MISMATCH
    if kind == 2:
        return _ALT_INVALID
    if kind == 0 and nr == na:
        same = True
        for j in range(nr):
            if _UPPER[rb[r0 + j]] != _UPPER[ab[a0 + j]]:
                same = False
                break
        if same:
            return _ALT_EQUALS_REF
    if not checked:
        return _REF_UNCHECKED
    return _KEPT if kind == 1 else _UNCHANGED


@njit(cache=True, nogil=True)
def _trim(
    rb: Bytes, r0: int, nr: int, ab: Bytes, a0: int, na: int, keep: int
) -> tuple[int, int, int]:
    """Strip common last, then common first bases: (first bases off, REF, ALT length).

    `keep` bases of the shorter allele stay when stripping from the right.
    """
    while nr > keep and na > keep and _UPPER[rb[r0 + nr - 1]] == _UPPER[ab[a0 + na - 1]]:
        nr -= 1
        na -= 1
    t = 0
    while nr - t > 1 and na - t > 1 and _UPPER[rb[r0 + t]] == _UPPER[ab[a0 + t]]:
        t += 1
    return t, nr - t, na - t


@njit(cache=True, nogil=True)
def _copy(source: Bytes, start: int, n: int, out: Bytes, w: int) -> int:
    for j in range(n):
        out[w + j] = _UPPER[source[start + j]]
    return w + n


@njit(cache=True, nogil=True)
def _copy_reference(seq: Bytes, start: int, n: int, out: Bytes, w: int) -> int:
    for j in range(n):
        out[w + j] = CONCRETE[seq[start + j]]
    return w + n


@njit(cache=True, nogil=True)
def _write_deletion(
    seq: Bytes,
    first: int,
    held: int,
    q: int,
    n: int,
    out_ref: Bytes,
    wr: int,
    out_alt: Bytes,
    wa: int,
) -> tuple[int, int, int]:
    """Shift and write the deletion of `n` bases at `q`: (anchor's place, ends written)."""
    while q > 0 and CONCRETE[seq[first + q - 1]] == CONCRETE[seq[first + q + n - 1]]:
        q -= 1
    if q > 0:
        wr = _copy_reference(seq, first + q - 1, n + 1, out_ref, wr)
        return q - 1, wr, _copy_reference(seq, first + q - 1, 1, out_alt, wa)
    # The deleted bases came with one more base in REF, so position n is held.
    wr = _copy_reference(seq, first, n + 1, out_ref, wr)
    return 0, wr, _copy_reference(seq, first + n, 1, out_alt, wa)


@njit(cache=True, nogil=True)
def _write_insertion(
    seq: Bytes,
    first: int,
    q: int,
    buf: Bytes,
    a0: int,
    n: int,
    out_ref: Bytes,
    wr: int,
    out_alt: Bytes,
    wa: int,
) -> tuple[int, int, int]:
    """Shift and write the insertion of `n` bases before `q`: as `_write_deletion`."""
    turn = 0
    while q > 0 and CONCRETE[seq[first + q - 1]] == _UPPER[buf[a0 + n - 1 - turn]]:
        q -= 1
        turn = turn + 1 if turn + 1 < n else 0
    if q > 0:
        wr = _copy_reference(seq, first + q - 1, 1, out_ref, wr)
        wa = _copy_reference(seq, first + q - 1, 1, out_alt, wa)
    # Moved by `turn` bases (modulo n), the inserted bases begin with their last ones.
    wa = _copy(buf, a0 + n - turn, turn, out_alt, wa)
    wa = _copy(buf, a0, n - turn, out_alt, wa)
    if q > 0:
        return q - 1, wr, wa
    wr = _copy_reference(seq, first, 1, out_ref, wr)
    return 0, wr, _copy_reference(seq, first, 1, out_alt, wa)


@njit(cache=True, nogil=True)
def _place(
    seq: Bytes,
    first: int,
    held: int,
    p: int,
    rb: Bytes,
    r0: int,
    nr: int,
    ab: Bytes,
    a0: int,
    na: int,
    out_ref: Bytes,
    wr: int,
    out_alt: Bytes,
    wa: int,
) -> tuple[int, int, int]:
    """Trim, left-align and write one checked allele: (0-based place, ends written)."""
    t, mr, ma = _trim(rb, r0, nr, ab, a0, na, 0)
    if mr == 0:
        return _write_insertion(seq, first, p, ab, a0, ma, out_ref, wr, out_alt, wa)
    if ma == 0:
        return _write_deletion(seq, first, held, p, mr, out_ref, wr, out_alt, wa)
    # One base may be left that is common: the anchor of a pure indel. Its last bases
    # differ, so it cannot move.
    wr = _copy(rb, r0 + t, mr, out_ref, wr)
    return p + t, wr, _copy(ab, a0 + t, ma, out_alt, wa)


@njit(cache=True, nogil=True)
def _normalise(
    seq: Bytes,
    starts: Ints,
    lengths: Ints,
    contig: Ints,
    pos: Ints,
    rb: Bytes,
    ref_off: Ints,
    ref_len: Ints,
    ab: Bytes,
    alt_off: Ints,
    alt_len: Ints,
) -> Packed:
    n = pos.size
    total_r, total_a = 0, 0
    for k in range(n):
        if _inside(rb, ref_off[k], ref_len[k]) and _inside(ab, alt_off[k], alt_len[k]):
            total_r += ref_len[k]
            total_a += alt_len[k]
    status = np.empty(n, np.int8)
    new_pos = np.empty(n, np.int32)
    out_ref, out_alt = np.empty(total_r, np.uint8), np.empty(total_a, np.uint8)
    ref_at, alt_at = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
    wr, wa = 0, 0
    for k in range(n):
        ref_at[k], alt_at[k] = wr, wa
        r0, nr, a0, na = ref_off[k], ref_len[k], alt_off[k], alt_len[k]
        p = int(pos[k]) - 1
        new_pos[k] = pos[k]
        c = contig[k]
        first, held = 0, 0
        if 0 <= c < starts.size:
            first, held = starts[c], lengths[c]
        # Offsets come from files: nothing outside the buffers is read.
        if not (_inside(rb, r0, nr) and _inside(ab, a0, na)):
            status[k] = _REF_INVALID
            continue
        if nr == 1 and na == 1 and 0 <= p < held:
            r, a = _UPPER[rb[r0]], _UPPER[ab[a0]]
            if r != a and _KIND[a] == 1 and CONCRETE[seq[first + p]] == r:
                out_ref[wr], out_alt[wa] = r, a
                wr, wa = wr + 1, wa + 1
                status[k] = _UNCHANGED
                continue
        st = _judge(seq, first, held, p, rb, r0, nr, ab, a0, na)
        if st == _UNCHANGED:
            q, er, ea = _place(
                seq, first, held, p, rb, r0, nr, ab, a0, na, out_ref, wr, out_alt, wa
            )
            if q != p or er - wr != nr or ea - wa != na:
                st = _CHANGED
            new_pos[k] = q + 1
            wr, wa = er, ea
        elif st == _REF_UNCHECKED and _alt_kind(ab, a0, na) == 0:
            t, mr, ma = _trim(rb, r0, nr, ab, a0, na, 1)
            new_pos[k] = pos[k] + t
            wr = _copy(rb, r0 + t, mr, out_ref, wr)
            wa = _copy(ab, a0 + t, ma, out_alt, wa)
        else:
            wr = _copy(rb, r0, nr, out_ref, wr)
            if _alt_kind(ab, a0, na) == 0:
                wa = _copy(ab, a0, na, out_alt, wa)
            else:
                # Names in symbolic alleles keep their case.
                for j in range(na):
                    out_alt[wa + j] = ab[a0 + j]
                wa += na
        status[k] = st
    ref_at[n], alt_at[n] = wr, wa
    return new_pos, out_ref[:wr], ref_at, out_alt[:wa], alt_at, status


def normalise_packed(
    seq: Bytes,
    starts: Ints,
    lengths: Ints,
    contig: Ints,
    pos: Ints,
    ref_buf: Bytes,
    ref_off: Ints,
    ref_len: Ints,
    alt_buf: Bytes,
    alt_off: Ints,
    alt_len: Ints,
) -> Packed:
    """Normalise n alleles that lie as byte spans in a buffer (a block of VCF text, say).

    Nothing outside the buffers is read, whatever the offsets and positions say.

    Parameters
    ----------
    seq, starts, lengths
        Upper-case bases of all contigs end to end, uint8; first base (0-based) and
        number of bases held of each contig (`Reference.packed`).
    contig
        Index into `starts` for each allele, int32[n]; any other value: contig not held.
    pos
        1-based POS, int32[n].
    ref_buf, ref_off, ref_len
        REF k is `ref_buf[ref_off[k] : ref_off[k] + ref_len[k]]`; offsets int64[n],
        lengths int32[n] or int64[n].
    alt_buf, alt_off, alt_len
        The one ALT of each allele, in the same way; may be the same buffer.

    Returns
    -------
    tuple
        `(pos int32[n], ref uint8[], ref_offsets int64[n+1], alt uint8[],
        alt_offsets int64[n+1], status int8[n])`. REF and ALT lie end to end as in an
        Arrow large string; letters are upper case, but for ALTs that are no sequence.
        Rows keep their order; `status` holds values of `Status`. Symbolic ALTs
        are carried as they are (`symbolic.py` moves those of a known length).
    """
    starts, lengths = np.asarray(starts, np.int64), np.asarray(lengths, np.int64)
    if starts.size != lengths.size or (
        starts.size
        and (starts.min() < 0 or lengths.min() < 0 or (starts + lengths).max() > seq.size)
    ):
        raise ValueError("contigs reach beyond the bases given")
    n = pos.size
    if any(a.size != n for a in (contig, ref_off, ref_len, alt_off, alt_len)):
        raise ValueError("columns of different lengths")
    # One type of each argument, so that one compiled version serves all callers.
    packed: Packed = _normalise(
        _frozen(seq, np.uint8),
        starts,
        lengths,
        _frozen(contig, np.int32),
        _frozen(pos, np.int32),
        _frozen(ref_buf, np.uint8),
        _frozen(ref_off, np.int64),
        _frozen(ref_len, np.int64),
        _frozen(alt_buf, np.uint8),
        _frozen(alt_off, np.int64),
        _frozen(alt_len, np.int64),
    )
    return packed


def _frozen(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """View an array as read-only, contiguous and of the type; copy only if it must."""
    view = np.ascontiguousarray(array, dtype).view(np.ndarray)
    if view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view
