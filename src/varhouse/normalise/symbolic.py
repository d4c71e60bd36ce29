"""Left-align symbolic deletions and duplications, as `bcftools norm` 1.24 does.

`<DEL>` and `<DUP>` (and `<DEL:...>`) stand for as many bases behind POS as their extent says
(`varhouse.alleles.extent`). They move left as a written deletion of these bases would, and
REF becomes the one base at POS. A `<DEL>` at odds with the END of its record reaches to END
or as far as SVLEN says, whichever is further; such a `<DUP>` has the size in SVLEN.

Differences, so that one event is one allele however it is written: END is one value for
all ALTs of a record, and says nothing of one with an SVLEN of its own (bcftools takes the
greater); a `<DUP>` with END alone moves as one with SVLEN does (it stays in bcftools). A
`<DEL>` or `<DUP>` of unknown length, and a `<DUP>` whose REF has more than one base, stay;
bcftools puts them at the start of the contig. Of a list that is not declared with Number=A
bcftools takes the first value for every `<DEL>` and none for a `<DUP>`; here each ALT has
its own, and a list of another length says nothing.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.alleles.extent import Measure
from varhouse.genome.reference import CONCRETE, Reference

Bytes = npt.NDArray[np.uint8]


def covered(alt: str, extent: Measure, ref_size: int) -> int | None:
    """Give the bases behind POS that move a symbolic ALT, 0 for an unknown number.

    None: the allele stays as it is. That is any other than `<DEL>` and `<DUP>`, and a
    duplication of unknown length or whose REF has more than a base.
    """
    length, span = extent.length or 0, extent.span or 0
    if alt.startswith("<DEL"):
        return max(length, span, ref_size - 1)
    if alt.startswith("<DUP") and length and ref_size == 1:
        return length
    return None


@njit(cache=True, nogil=True)
def shift_span(bases: Bytes, pos: int, size: int) -> int:
    """Give the new POS (1-based) of the deletion of `size` bases behind POS.

    `bases` are those held of the contig; what reaches beyond them stays where it is.
    """
    q = pos
    if size < 1 or q < 1 or q + size > bases.size:
        return pos
    while q > 1 and CONCRETE[bases[q - 1]] == CONCRETE[bases[q + size - 1]]:
        q -= 1
    return q


class Moved(NamedTuple):
    """Where a symbolic allele went: POS (1-based) and the one base of REF."""

    pos: int
    base: str


def move_span(
    reference: Reference, contig: str, pos: int, ref_size: int, alt: str, extent: Measure
) -> Moved | None:
    """Move one `<DEL>` or `<DUP>` left; None: the allele stays as it is.

    `contig` is the canonical name.
    """
    size = covered(alt, extent, ref_size)
    if size is None:
        return None
    bases = np.asarray(reference.sequence(contig))
    q = shift_span(bases, pos, size)
    return Moved(q, chr(CONCRETE[bases[q - 1]]))
