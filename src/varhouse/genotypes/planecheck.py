"""What can be wrong with rows of the table `genotypes`, beyond what their types say.

A copy is one thing: an ALT, missing, absent or, in no plane, REF. What is behind the last
person, or in a plane that holds nothing, would be counted or stored for nothing, and one
genotype could then be written in two ways.
"""

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import StoreError
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import NO_PLOIDY, PEOPLE

_TWICE, _BEHIND, _EMPTY, _GAP, _ALTS, _BLOCK = range(6)
_FAULTS = (
    "a copy is set in two planes",
    "a bit is set behind the last person",
    "missing, absent or flipped is neither null nor has a bit set",
    "a person has a copy behind one that is absent",
    "not a plane for each ALT",
    "people are not those of a block of the file",
)


@nb.njit(cache=True, nogil=True)
def _behind(bits, at, slots):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether a bit is set behind the last slot."""
    return slots & 7 and bits[at + (slots >> 3)] & (0xFF >> (slots & 7)) != 0


@nb.njit(cache=True, nogil=True)
def _is_empty(bits, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return not bits[at : at + size].any()


@nb.njit(cache=True, nogil=True)
def _find(planes, n_alt, faults):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark in bool[faults, rows] what is wrong with each row."""
    for r in range(n_alt.size):
        people, ploidy = np.int64(planes.people[r]), np.int64(planes.ploidy[r])
        begin, end = planes.plane[r], planes.plane[r + 1]
        faults[_ALTS, r] = end - begin != (0 if ploidy == NO_PLOIDY else n_alt[r])
        flipped = planes.flipped[r]
        if flipped >= 0:
            faults[_EMPTY, r] |= _is_empty(planes.bits, flipped, (people + 7) >> 3)
            faults[_BEHIND, r] |= _behind(planes.bits, flipped, people)
        slots = np.int64(0) if ploidy == NO_PLOIDY else people * ploidy
        size = (slots + 7) >> 3
        missing, absent = planes.missing[r], planes.absent[r]
        for at in (missing, absent):
            if at >= 0:
                faults[_EMPTY, r] |= _is_empty(planes.bits, at, size)
                faults[_BEHIND, r] |= _behind(planes.bits, at, slots)
        for p in range(begin, end):
            faults[_BEHIND, r] |= _behind(planes.bits, planes.at[p], slots)
        for i in range(size):
            seen = np.uint8(0)
            twice = np.uint8(0)
            for p in range(begin, end):
                byte = planes.bits[planes.at[p] + i]
                twice |= seen & byte
                seen |= byte
            for at in (missing, absent):
                if at >= 0:
                    byte = planes.bits[at + i]
                    twice |= seen & byte
                    seen |= byte
            if twice:
                faults[_TWICE, r] = True
        if absent < 0:
            continue
        for q in range(slots):
            if (
                planes.bits[absent + (q >> 3)] & (128 >> (q & 7))
                and (q + 1) % ploidy
                and not planes.bits[absent + ((q + 1) >> 3)] & (128 >> ((q + 1) & 7))
            ):
                faults[_GAP, r] = True


def find_faults(frame: pl.DataFrame) -> list[str]:
    """Say what is wrong with rows of the table, each thing once; nothing: an empty list."""
    try:
        rows = PlaneRows.of(frame)
    except StoreError as error:
        return [error.message]
    alt = pl.col("alt")
    n_alt = frame.select(
        pl.when(alt == ".").then(0).otherwise(alt.str.count_matches(",", literal=True) + 1)
    ).to_series()
    faults = np.zeros((len(_FAULTS), frame.height), np.bool_)
    _find(rows.planes, n_alt.to_numpy().astype(np.int64), faults)
    first, people = rows.planes.first, rows.planes.people
    faults[_BLOCK] = (first % PEOPLE != 0) | (people < 1) | (people > PEOPLE)
    return [
        _tell(text, found) for text, found in zip(_FAULTS, faults, strict=True) if found.any()
    ]


def _tell(text: str, found: npt.NDArray[np.bool_]) -> str:
    return f"{text} ({int(found.sum()):,} rows)"
