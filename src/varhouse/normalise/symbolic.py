"""Left-align symbolic deletions and duplications, as `bcftools norm` 1.24 does.

`<DEL>` and `<DUP>` (and `<DEL:...>`) stand for as many bases behind POS as SVLEN says of
that ALT, or for those up to END. They move left as a written deletion of these bases would,
and REF becomes the one base at POS. A `<DEL>` reaches to END or as far as SVLEN says,
whichever is further; a `<DUP>` has the size in SVLEN, and END counts where that is missing
or negative. END is one value for all ALTs.

Two kinds stay as they are, which bcftools puts at the start of the contig: a `<DEL>` or
`<DUP>` of unknown length, and a `<DUP>` whose REF has more than one base. Of a list that is
not declared with Number=A bcftools takes the first value for every `<DEL>` and none for a
`<DUP>`; here each ALT has its own, and a list of another length says nothing.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.reference import CONCRETE, Reference

Bytes = npt.NDArray[np.uint8]

_END = re.compile(rb"(?:^|;)END=(\d+)(?:;|$)")
_LENGTHS = re.compile(rb"(?:^|;)SVLEN=([^;]*)")
_LENGTH = re.compile(rb"[+-]?\d{1,10}")


class Alt(NamedTuple):
    """Which ALT of its record an allele is, and how its SVLEN is to be read.

    Attributes
    ----------
    number
        1-based number of the ALT.
    of
        ALTs of the record.
    own
        Whether SVLEN is declared with Number=A: one value is then not of all ALTs.
    """

    number: int
    of: int
    own: bool


class Span(NamedTuple):
    """Bases behind POS: those that move the allele, and those up to its END."""

    size: int
    end: int


def own_length(info: bytes, alt: Alt) -> tuple[bool, int | None]:
    """Give whether SVLEN has a value for the ALT, and which; None: a missing one."""
    found = _LENGTHS.search(info)
    if found is None:
        return False, None
    values = found[1].split(b",")
    if len(values) == alt.of:
        text = values[alt.number - 1]
    elif len(values) == 1 and (not alt.own or values[0] == b"."):
        text = values[0]
    else:
        # A split record has no such list any more, or the whole one: of no known ALT.
        return False, None
    return True, int(text) if _LENGTH.fullmatch(text) else None


def covered(alt: bytes, info: bytes, pos: int, ref_size: int, which: Alt) -> Span | None:
    """Give the bases behind POS (1-based) that a symbolic ALT covers.

    None: the allele stays as it is. That is any other than `<DEL>` and `<DUP>`, a
    duplication without SVLEN (as in bcftools), and one whose REF has more than a base.
    """
    is_dup = alt.startswith(b"<DUP")
    if not is_dup and not alt.startswith(b"<DEL"):
        return None
    said, length = own_length(info, which)
    if is_dup and (not said or ref_size > 1):
        return None
    end = _END.search(info)
    size = max(int(end[1]) - pos if end else 0, abs(length or 0), ref_size - 1)
    if is_dup and length is not None and length >= 0:
        return Span(length, size)
    return Span(size, size)


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
    """Where a symbolic allele went: POS (1-based), the one base of REF, and its END."""

    pos: int
    base: str
    end: int


def move_span(
    reference: Reference, contig: str, pos: int, ref_size: int, alt: bytes, info: bytes,
    which: Alt,
) -> Moved | None:  # fmt: skip
    """Move one `<DEL>` or `<DUP>` left; None: the allele stays as it is.

    `contig` is the canonical name, `info` the text of INFO as the record has it.
    """
    span = covered(alt, info, pos, ref_size, which)
    if span is None:
        return None
    bases = np.asarray(reference.sequence(contig))
    q = shift_span(bases, pos, span.size)
    return Moved(q, chr(CONCRETE[bases[q - 1]]), q + span.end)
