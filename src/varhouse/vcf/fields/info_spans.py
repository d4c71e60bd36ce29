"""Where the values of INFO keys stand in a block of lines: for readers that type them.

A reader of annotations types values its own way (64 bits wide, text as it stands), so it
asks for the places of values only. They come out of the walk that `InfoReader` uses: there
is one reader of INFO. `InfoSpans` is handed to the room `sources` by those who join rooms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.faults import Fault, Faults
from varhouse.vcf.fields.info import InfoReader
from varhouse.vcf.header.keys import text_table
from varhouse.vcf.text.decimals import EXACT, parse_float
from varhouse.vcf.text.lines import RecordBatch, read_batch

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
States = npt.NDArray[np.int8]

_UNSURE = [Fault.INFO_TWICE, Fault.INFO_NO_VALUE, Fault.INFO_FLAG_VALUE, Fault.INFO_FLAG_DIGIT]
_MOST_DIGITS = 18


@dataclass(frozen=True)
class Spans:
    """The lines of a block, and where the values of the keys that were asked for stand.

    Attributes
    ----------
    batch
        The lines, cut into columns.
    at, size
        int64[texts, n], int32[texts, n]: start in `batch.text` and bytes of the value of
        each key that is no flag; -1 bytes where it is missing or `.`.
    flags
        bool[flags, n].
    plain
        False where a key stands twice in a record, lacks its value or has one it may not
        have: what that means is not said here.
    """

    batch: RecordBatch
    at: Ints
    size: Sizes
    flags: npt.NDArray[np.bool_]
    plain: bool


class InfoSpans:
    """Finds the values of some INFO keys in blocks of lines.

    Parameters
    ----------
    keys
        Keys that may stand in INFO, and whether each is a flag; others are passed over,
        and cost more time.
    wanted
        Those to find, each of them in `keys`.
    """

    def __init__(self, keys: Mapping[str, bool], wanted: Sequence[str]) -> None:
        self._reader = InfoReader(text_table(keys), wanted)

    def __call__(self, block: bytes) -> Spans:
        """Walk over a block of whole lines."""
        batch = read_batch(block, 0, 0)
        faults = Faults.empty()
        at, size, flags = self._reader.spans(batch, faults)
        return Spans(batch, at, size, flags, not faults.count[_UNSURE].any())

    @staticmethod
    def reals(text: Bytes, at: Ints, size: Sizes) -> tuple[npt.NDArray[np.float64], States]:
        """Read spans of a text as float64[n]; the int8[n] says which ones that read.

        It is 1 for the double that is nearest to the text, 0 for no span (-1 bytes), -1
        for what is no plain decimal: somebody else has to read it.
        """
        return _reals(text, at, size)  # type: ignore[no-any-return]

    @staticmethod
    def wholes(text: Bytes, at: Ints, size: Sizes) -> tuple[Ints, States]:
        """Read spans of a text as int64[n]; as `reals`, for at most 18 digits."""
        return _wholes(text, at, size)  # type: ignore[no-any-return]


@nb.njit(cache=True, nogil=True)
def _reals(text, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    values, states = np.zeros(at.size, np.float64), np.zeros(at.size, np.int8)
    for k in range(at.size):
        if size[k] < 0:
            continue
        a, b = at[k], at[k] + size[k]
        first = a + 1 if size[k] and text[a] == 45 else a
        states[k] = -1
        # Digits before and behind a point: what else strtod takes others may not.
        if first < b and 48 <= text[first] <= 57 and text[b - 1] != 46:
            state, value = parse_float(text, a, b)
            if state == EXACT:
                values[k], states[k] = value, 1
    return values, states


@nb.njit(cache=True, nogil=True)
def _wholes(text, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    values, states = np.zeros(at.size, np.int64), np.zeros(at.size, np.int8)
    for k in range(at.size):
        if size[k] < 0:
            continue
        a, b = at[k], at[k] + size[k]
        negative = size[k] > 0 and text[a] == 45
        a += negative
        good = 0 < b - a <= _MOST_DIGITS
        value = np.int64(0)
        if good:
            for j in range(a, b):
                digit = np.int64(text[j]) - 48
                good = good and 0 <= digit <= 9
                value = value * 10 + digit
        states[k] = 1 if good else -1
        if good:
            values[k] = -value if negative else value
    return values, states
