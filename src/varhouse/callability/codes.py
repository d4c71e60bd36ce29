"""The state of a person at a base, packed into 31 bits.

From the highest bits down: level, alleles, ploidy, unknown, span, band of GQ, band of DP. The
order is such that of two states the weaker one is the smaller number (rules R8 and R12 of
decision 0034). 0 is no state: nothing covers the base.

========  ====  =====================================================================
field     bits  what
========  ====  =====================================================================
level        3  `NOT_CALLED` .. `ADJ`; 0: not assessed
alleles      3  called alleles, of 7 and more 7
ploidy       3  alleles of the genotype, of 7 and more 7
unknown      1  FORMAT has no field that tells the quality: whether adj is not known
span         1  only the rest of an own variant record's REF covers the base
GQ, DP    7, 13  lower bound of the band that the value lies in; 0: none, or below the first
========  ====  =====================================================================
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

NOT_CALLED, EMPTY, LOW, ADJ = 1, 2, 3, 4
"""Levels: GT missing; 0/0 at DP 0 or GQ 0; called, not adj; called, adj (high quality)."""

MOST_ALLELES = 7
"""Alleles and ploidy that are told apart."""

MOST_GQ, MOST_DP = 127, 8191
"""Greatest lower bound of a band."""

_LEVEL, _ALLELES, _PLOIDY, _UNKNOWN, _SPAN, _GQ = 28, 25, 22, 21, 20, 13
SPAN_BIT = 1 << _SPAN
_COUNTS = MOST_ALLELES << _ALLELES | MOST_ALLELES << _PLOIDY


@nb.njit(cache=True, nogil=True)
def pack(level, alleles, ploidy, unknown, gq_band, dp_band):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Pack a state; numbers beyond what a field holds become the greatest that it does."""
    return (
        np.int64(level) << _LEVEL
        | np.int64(min(alleles, MOST_ALLELES)) << _ALLELES
        | np.int64(min(ploidy, MOST_ALLELES)) << _PLOIDY
        | np.int64(unknown) << _UNKNOWN
        | np.int64(min(gq_band, MOST_GQ)) << _GQ
        | np.int64(min(dp_band, MOST_DP))
    )


@nb.njit(cache=True, nogil=True)
def level_of(code):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the level of a code."""
    return code >> _LEVEL


@nb.njit(cache=True, nogil=True)
def alleles_of(code):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the called alleles of a code."""
    return code >> _ALLELES & MOST_ALLELES


@nb.njit(cache=True, nogil=True)
def ploidy_of(code):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the ploidy of a code."""
    return code >> _PLOIDY & MOST_ALLELES


@nb.njit(cache=True, nogil=True)
def with_alleles(code, alleles, ploidy):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the same state with other numbers of called alleles and ploidy, at most 7."""
    return code & ~np.int64(_COUNTS) | alleles << _ALLELES | ploidy << _PLOIDY


def not_called(codes: Codes) -> Codes:
    """Give the states of people with the same genotypes who are not called."""
    kept = MOST_ALLELES << _PLOIDY | 1 << _UNKNOWN
    return (codes & kept | NOT_CALLED << _LEVEL).astype(np.int32)


class StateColumns(NamedTuple):
    """Codes taken apart: int8, int8, int8, bool, bool, int16, int16 (0: no band), [n] each."""

    level: npt.NDArray[np.int8]
    alleles: npt.NDArray[np.int8]
    ploidy: npt.NDArray[np.int8]
    is_span: Bools
    is_unknown: Bools
    gq_band: npt.NDArray[np.int16]
    dp_band: npt.NDArray[np.int16]


def unpack(codes: Codes) -> StateColumns:
    """Take codes apart (int32[n])."""
    return StateColumns(
        (codes >> _LEVEL).astype(np.int8),
        (codes >> _ALLELES & MOST_ALLELES).astype(np.int8),
        (codes >> _PLOIDY & MOST_ALLELES).astype(np.int8),
        (codes >> _SPAN & 1).astype(np.bool_),
        (codes >> _UNKNOWN & 1).astype(np.bool_),
        (codes >> _GQ & MOST_GQ).astype(np.int16),
        (codes & MOST_DP).astype(np.int16),
    )


def pack_columns(state: StateColumns) -> Codes:
    """Pack columns of states, the reverse of `unpack`: int32[n]."""
    level, alleles, ploidy, is_span, is_unknown, gq_band, dp_band = (
        np.asarray(column, np.int32) for column in state
    )
    codes: Codes = (
        level << _LEVEL
        | alleles << _ALLELES
        | ploidy << _PLOIDY
        | is_unknown << _UNKNOWN
        | is_span << _SPAN
        | gq_band << _GQ
        | dp_band
    )
    return codes
