"""Whether bits of genotypes say one thing of each copy (docs/calls-without-varhouse.md).

A copy is an ALT, missing, absent, or, in no plane, REF. What is set behind the last person, or
a plane that holds nothing, would be counted or stored for nothing.
"""

from collections.abc import Iterator
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.verify.filescan import Rows
from varhouse.verify.rowhash import bytes_of, ends_of, numbers_of

PEOPLE = 8_192
"""Sample columns of a row."""

FAULTS = (
    "a copy is set in two planes",
    "a bit is set behind the last person",
    "missing, absent or flipped is neither null nor has a bit set",
    "a person has a copy behind one that is absent",
    "not a plane for each ALT",
    "people are not those of a block of the file",
    "a plane has not the bytes of its people",
    "odd and odd_text are not columns of the row, in order",
)


@nb.njit(cache=True, nogil=True)
def _behind(bits, at, slots):  # type: ignore[no-untyped-def]  # pragma: no cover
    return slots & 7 and bits[at + (slots >> 3)] & (0xFF >> (slots & 7)) != 0


@nb.njit(cache=True, nogil=True)
def _look(people, ploidy, n_alt, plane, at, bits, masks, mask_bits, faults):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look at rows; `plane` cuts planes to rows, `at` cuts bytes to planes.

    `masks` int64[3, rows + 1] cut the bytes of missing, absent and flipped in `mask_bits`.
    """
    for r in range(people.size):
        slots = np.int64(people[r]) * max(ploidy[r], 0)
        size = (slots + 7) >> 3
        begin, end = plane[r], plane[r + 1]
        faults[4, r] = end - begin != (0 if ploidy[r] < 0 else n_alt[r])
        for p in range(begin, end):
            if at[p + 1] - at[p] != size:
                faults[6, r] = True
            elif _behind(bits, at[p], slots):
                faults[1, r] = True
        for m in range(3):
            held = masks[m, r + 1] - masks[m, r]
            many = slots if m < 2 else np.int64(people[r])
            if held == 0:
                continue
            if held != (many + 7) >> 3:
                faults[6, r] = True
                continue
            where = mask_bits[m]
            faults[1, r] |= _behind(where, masks[m, r], many)
            faults[2, r] |= not where[masks[m, r] : masks[m, r + 1]].any()
        if faults[6, r]:
            continue
        planes = end - begin
        for m in range(2):
            planes += masks[m, r + 1] > masks[m, r]
        for i in range(size if planes > 1 else 0):
            seen = np.uint8(0)
            twice = np.uint8(0)
            for p in range(begin, end):
                byte = bits[at[p] + i]
                twice |= seen & byte
                seen |= byte
            for m in range(2):
                if masks[m, r + 1] > masks[m, r]:
                    byte = mask_bits[m][masks[m, r] + i]
                    twice |= seen & byte
                    seen |= byte
            faults[0, r] |= twice != 0
        if masks[1, r + 1] > masks[1, r]:
            absent, a = mask_bits[1], masks[1, r]
            for q in range(slots - 1):
                if (
                    (q + 1) % ploidy[r]
                    and absent[a + (q >> 3)] >> (7 - (q & 7)) & 1
                    and not absent[a + ((q + 1) >> 3)] >> (7 - ((q + 1) & 7)) & 1
                ):
                    faults[3, r] = True


def n_alts(texts: Any) -> npt.NDArray[np.int64]:
    """Count the alleles of ALT texts; none of `.`."""
    coded = pa.types.is_dictionary(texts.type)
    known = (texts.dictionary if coded else texts).to_pylist()
    counts = np.array([0 if t == "." else t.count(",") + 1 for t in known], np.int64)
    return counts[numbers_of(texts.indices)] if coded else counts


def plane_faults(rows: Rows) -> Iterator[str]:
    """Say what is wrong with rows of the table genotypes, each thing once."""
    batch = rows.batch
    people, first = rows.numbers("people"), rows.numbers("first")
    ploidy = np.asarray(batch.column("ploidy").fill_null(-1)).astype(np.int64)
    planes = batch.column("planes")
    cut = ends_of(planes)
    bits = planes.values
    masks = [batch.column(n) for n in ("missing", "absent", "flipped")]
    faults = np.zeros((len(FAULTS), len(rows)), np.bool_)
    _look(
        people.astype(np.int64), ploidy, n_alts(batch.column("alt")), cut, ends_of(bits),
        bytes_of(bits), np.stack([ends_of(m) for m in masks]),
        tuple(bytes_of(m) for m in masks), faults,
    )  # fmt: skip
    for m in masks:
        # Neither null nor a bit: an empty value.
        size = np.diff(ends_of(m))
        faults[2] |= (size == 0) & ~np.asarray(m.is_null())
    faults[5] = (first % PEOPLE != 0) | (people < 1) | (people > PEOPLE)
    _look_at_odd(batch, people, faults)
    for text, found in zip(FAULTS, faults, strict=True):
        if found.any():
            yield f"{text} ({int(found.sum()):,} rows)"


def _look_at_odd(batch: Any, people: Any, faults: npt.NDArray[np.bool_]) -> None:
    odd, text = batch.column("odd"), batch.column("odd_text")
    sizes = np.diff(ends_of(odd))
    faults[7] |= sizes != np.diff(ends_of(text))
    if not sizes.any():
        return
    ends = ends_of(odd)
    values = numbers_of(odd.values)[ends[0] : ends[-1]]
    row = np.repeat(np.arange(sizes.size), sizes)
    bad = (values < 0) | (values >= people[row])
    bad[1:] |= (row[1:] == row[:-1]) & (values[1:] <= values[:-1])
    faults[7][row[bad]] = True
