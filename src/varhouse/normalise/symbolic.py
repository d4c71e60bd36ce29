"""Left-align symbolic deletions and duplications, as `bcftools norm` 1.24 does.

`<DEL>` and `<DUP>` (and `<DEL:...>`) stand for the bases behind POS up to END, or as many
as SVLEN says. They move left as a written deletion of these bases would, and REF becomes
the one base at POS. Two kinds stay as they are, which bcftools puts at the start of the
contig: a `<DEL>` of unknown length, and a `<DUP>` whose REF has more than one base.
"""

import re

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]

_CONCRETE = np.frombuffer(
    bytes(range(256)).translate(bytes.maketrans(b"RYSWKMBDHV", b"ACCAGACAAA")), np.uint8
)
_END = re.compile(rb"(?:^|;)END=(\d+)(?:;|$)")
_LENGTH = re.compile(rb"(?:^|;)SVLEN=-?(\d+)(?:[,;]|$)")


def covered(alt: bytes, info: bytes, pos: int, ref_size: int) -> int | None:
    """Give the number of bases behind POS (1-based) that a symbolic ALT covers.

    None: the allele stays as it is. That is any other than `<DEL>` and `<DUP>`, a
    duplication without SVLEN (as in bcftools), and one whose REF has more than a base.
    """
    length = _LENGTH.search(info)
    if alt.startswith(b"<DUP"):
        return int(length[1]) if length and ref_size == 1 else None
    if not alt.startswith(b"<DEL"):
        return None
    if found := _END.search(info):
        return int(found[1]) - pos
    return int(length[1]) if length else ref_size - 1


@njit(cache=True, nogil=True)
def shift_span(bases: Bytes, pos: int, size: int) -> int:
    """Give the new POS (1-based) of the deletion of `size` bases behind POS.

    `bases` are those held of the contig; what reaches beyond them stays where it is.
    """
    q = pos
    if size < 1 or q < 1 or q + size > bases.size:
        return pos
    while q > 1 and _CONCRETE[bases[q - 1]] == _CONCRETE[bases[q + size - 1]]:
        q -= 1
    return q


def concrete(bases: Bytes, pos: int) -> str:
    """Give the base at POS (1-based) as REF has it: one of A C G T N."""
    return chr(_CONCRETE[bases[pos - 1]])
