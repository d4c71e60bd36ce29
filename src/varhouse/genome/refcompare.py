"""REF alleles of records compared with the bases of the reference."""

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genome.reference import CONCRETE, Bases

REF_AGREES, REF_DIFFERS, REF_OUTSIDE, REF_INVALID, REF_OPEN = range(5)

_UPPER: Bases = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_IS_BASE = np.zeros(256, np.bool_)
_IS_BASE[np.frombuffer(b"ACGTNRYSWKMBDHVacgtnryswkmbdhv", np.uint8)] = True


@nb.njit(cache=True, nogil=True)
def _compare(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    sequence, pos, text, start, end, is_base, upper, concrete
):
    out = np.empty(pos.size, np.int8)
    for k in range(pos.size):
        p = pos[k] - 1
        n = end[k] - start[k]
        state = REF_AGREES
        if p < 0 or p + n > sequence.size:
            state = REF_OUTSIDE
        for j in range(n):
            c = text[start[k] + j]
            if not is_base[c]:
                state = REF_INVALID
                break
            if 0 <= p + j < sequence.size and concrete[sequence[p + j]] != upper[c]:
                state = REF_DIFFERS
        if n <= 0:
            state = REF_INVALID
        out[k] = state
    return out


def compare_ref(
    sequence: Bases,
    pos: npt.NDArray[np.int64],
    text: Bases,
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
) -> npt.NDArray[np.int8]:
    """Compare REF alleles, spans of `text`, with the reference.

    Letters are compared without case, as `varhouse.normalise` compares them: N is a
    letter like the others, an ambiguity code in REF never agrees.

    Parameters
    ----------
    sequence
        uint8: bases of the contig that the reference holds.
    pos
        int64[n], 1-based.
    text, start, end
        uint8 text and int64[n] spans.

    Returns
    -------
    npt.NDArray[np.int8]
        REF_AGREES, REF_DIFFERS, REF_OUTSIDE (past the bases held) or REF_INVALID.
    """
    out: npt.NDArray[np.int8] = _compare(
        sequence, pos, text, start, end, _IS_BASE, _UPPER, CONCRETE
    )
    return out


@nb.njit(cache=True, nogil=True)
def says_no_sequence(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether no ALT allele of text[a:b] is a sequence of bases.

    Such are `<DEL>`, breakends, `*` and `.`: they hold a bracket, a star or a dot.
    """
    marked = False
    for j in range(a, b + 1):
        if j == b or text[j] == 44:
            if not marked:
                return False
            marked = False
        elif text[j] == 60 or text[j] == 42 or text[j] == 46 or text[j] == 91 or text[j] == 93:
            marked = True
    return True


@nb.njit(cache=True, nogil=True)
def _open_refs(text, state, pos, start, end, alt_end, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(state.size):
        if state[k] != REF_DIFFERS and state[k] != REF_OUTSIDE:
            continue
        if pos[k] > size + 1:
            continue
        unknown = end[k] > start[k]
        for j in range(start[k], end[k]):
            unknown = unknown and (text[j] == 78 or text[j] == 110)
        if unknown and says_no_sequence(text, end[k] + 1, alt_end[k]):
            state[k] = REF_OPEN


def open_refs(
    text: Bases,
    state: npt.NDArray[np.int8],
    pos: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    alt_end: npt.NDArray[np.int64],
    size: int,
) -> None:
    """Mark, among what `compare_ref` found, records whose REF says nothing (REF_OPEN).

    REF of nothing but N is legal, and tools that call symbolic alleles and breakends
    write it wherever they do not look the base up; so does the specification at the
    telomeres, POS 0 and N + 1 (VCF 4.5 sections 1.6.1 and 5.4.6). Such a record neither
    agrees with the reference nor speaks against it.

    Parameters
    ----------
    state
        int8[n] from `compare_ref`, changed in place.
    pos, start, end, alt_end
        int64[n]: POS (1-based), span of REF in `text`, end of ALT, which follows it.
    size
        Bases of the contig.
    """
    _open_refs(text, state, pos, start, end, alt_end, size)
