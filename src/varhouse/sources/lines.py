"""What reads the lines of a VCF for the room: handed in, as rooms do not import each other.

`varhouse.vcf.fields.info_spans.InfoSpans` is one. A source of which nobody hands one in is
read with polars' text functions, which gives the same rows in eight times the time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
States = npt.NDArray[np.int8]


class Batch(Protocol):
    """Whole lines, cut into columns."""

    @property
    def text(self) -> Bytes:
        """uint8[bytes]: the lines."""

    @property
    def start(self) -> Longs:
        """int64[n, 10]: where CHROM to INFO and what follows start, one tab apart."""

    @property
    def end(self) -> Longs:
        """int64[n]: where each line ends."""

    @property
    def tabs(self) -> Sizes:
        """int32[n]: tabs of each line."""

    @property
    def pos(self) -> Longs:
        """int64[n]: POS, -1 where it is no number of 31 bits."""


class Cut(Protocol):
    """The lines of a block with the places of some values in INFO."""

    @property
    def batch(self) -> Batch:
        """The lines."""

    @property
    def at(self) -> Longs:
        """int64[texts, n]: start of the value of each key that is no flag."""

    @property
    def size(self) -> Sizes:
        """int32[texts, n]: bytes of it, -1 where it is missing or `.`."""

    @property
    def flags(self) -> npt.NDArray[np.bool_]:
        """bool[flags, n]."""

    @property
    def plain(self) -> bool:
        """Whether each key stands at most once in a record, with a value if it has one."""


class LineReader(Protocol):
    """Cuts blocks of lines, and reads numbers in them (int8[n]: 1 read, 0 none, -1 odd)."""

    def __call__(self, block: bytes) -> Cut:
        """Cut a block of whole lines."""

    def reals(
        self, text: Bytes, at: Longs, size: Sizes
    ) -> tuple[npt.NDArray[np.float64], States]:
        """Read spans as the nearest doubles."""

    def wholes(self, text: Bytes, at: Longs, size: Sizes) -> tuple[Longs, States]:
        """Read spans as whole numbers."""


ReadLines = Callable[[Mapping[str, bool], Sequence[str]], LineReader]
"""Takes the keys that INFO may have (and whether each is a flag) and the wanted ones."""
