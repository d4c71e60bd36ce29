"""REF alleles of records compared with the bases of the reference."""

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.reference import CONCRETE, Bases

REF_AGREES, REF_DIFFERS, REF_OUTSIDE, REF_INVALID = range(4)

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
