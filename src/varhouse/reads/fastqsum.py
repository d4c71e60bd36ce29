"""What reads a FASTQ holds, as one number: the same in any order, packing and naming.

Each read's bases become a number of 64 bits, and those of all reads are added up. Names and
qualities are left out: they are what a copy is given anew (archives rename reads and bin
qualities), whereas two people, or two runs, never have the bases of all reads in common.
"""

import numpy as np
from numba import njit

from varhouse.reads import fastqscan as fq

_MOST = 1024
"""Bases of a read that count: more than a short read has."""

_WEIGHTS = np.random.default_rng(14).integers(0, 1 << 32, _MOST, np.uint32) | np.uint32(1)
_UPPER = np.uint8(0xDF)


@njit(cache=True, nogil=True)
def add_reads(buf: fq.Bytes, spans: fq.Ints, total: np.uint64) -> np.uint64:
    """Add reads to the sum of those before.

    Parameters
    ----------
    spans
        As `fastqscan.scan` fills them.

    Returns
    -------
    numpy.uint64
        Modulo 2^64.
    """
    added = total
    for k in range(spans.shape[0]):
        begin = spans[k, fq.BASES]
        size = min(spans[k, fq.LENGTH], _MOST)
        bases = buf[begin : begin + size]
        word = np.uint64(0)
        for i in range(size):
            word += np.uint64(bases[i] & _UPPER) * np.uint64(_WEIGHTS[i])
        # Finaliser of splitmix64 (Steele et al. 2014): without it sums of reads would be
        # equal wherever the bases of each cycle are.
        x = word + np.uint64(spans[k, fq.LENGTH]) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        added += x ^ (x >> np.uint64(31))
    return added
