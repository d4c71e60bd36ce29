"""Splice sites of introns: which bases they begin and end with."""

from numba import njit

from varhouse.transcripts.genemodel import SITE_AG, SITE_GC, SITE_GT, SITE_NAGNAG, SITE_UNKNOWN

_AG, _GC, _GT = 2, 9, 11
"""Two bases as 4 * first + second."""


@njit(cache=True, nogil=True)
def _two(bases, code, place, reverse):  # type: ignore[no-untyped-def]
    """Give two bases in the sense of the strand as 4 * first + second; -1 if unknown."""
    if place < 0 or place + 2 > bases.size:
        return -1
    one, two = code[bases[place]], code[bases[place + 1]]
    if one > 3 or two > 3:
        return -1
    return 4 * (3 - two) + 3 - one if reverse else 4 * one + two


@njit(cache=True, nogil=True)
def read_sites(  # type: ignore[no-untyped-def]
    sites, rows, bases, code, start, end, reverse
):
    """Write the bits of introns [start, end): how they begin and end."""
    for i in range(rows.size):
        turned = reverse[i]
        donor = _two(bases, code, end[i] - 2 if turned else start[i], turned)
        at = start[i] if turned else end[i] - 2
        acceptor = _two(bases, code, at, turned)
        site = SITE_UNKNOWN if donor < 0 or acceptor < 0 else 0
        if donor == _GT:
            site |= SITE_GT
        elif donor == _GC:
            site |= SITE_GC
        if acceptor == _AG:
            site |= SITE_AG
            if (
                _two(bases, code, at - 3, turned) == _AG
                or _two(bases, code, at + 3, turned) == _AG
            ):
                site |= SITE_NAGNAG
        sites[rows[i]] = site
