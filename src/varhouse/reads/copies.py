"""How many copies of a chromosome somebody has along a contig: the ploidy of the calls."""

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.model import Copies, Sex

Uint8 = npt.NDArray[np.uint8]

MOST_COPIES = 2
"""Likelihoods of `bcftools mpileup` are of genotypes of one or two alleles."""


def copies_of_person(
    sex: Sex, haploid: HaploidRegions, contig: str, length: int
) -> list[tuple[int, int, int]]:
    """Give the stretches of a contig where somebody has another number of copies than two.

    Males have one copy of X and of Y, and two of the pseudo-autosomal regions. These stand on
    X and on Y in the reference but are called once, on X: on Y there is nothing to call.
    Females have no Y. Of somebody of unknown sex X is called as a woman's and Y not at all: a
    wrong heterozygote on a man's X can be seen, one that was never looked for cannot.
    Everybody has one MT, though not all copies of it need be the same.

    Parameters
    ----------
    sex
        By the sheet, or by coverage.
    haploid
        X, Y, MT and the pseudo-autosomal regions of the assembly.
    contig
        Its canonical name.
    length
        Bases of the contig.

    Returns
    -------
    list of (start, end, copies)
        0-based, half-open, ascending, within the contig; elsewhere two copies. 0: nothing is
        called.
    """
    if contig in haploid.on_mt:
        return [(0, length, 1)] if length else []
    if contig not in haploid.contigs:
        return []
    on_y = contig in haploid.on_y
    if sex != "male":
        return [(0, length, 0)] if on_y and length else []
    in_par, outside = (0 if on_y else 2), 1
    out: list[tuple[int, int, int]] = []
    at = 0
    for start, end in sorted(haploid.par.get(contig, [])):
        start, end = max(start, at), min(end, length)
        if start >= end:
            continue
        out += [(at, start, outside), (start, end, in_par)]
        at = end
    out.append((at, length, outside))
    return [(a, b, n) for a, b, n in out if a < b and n != MOST_COPIES]


def copies_at(copies: Copies, start: int, end: int) -> Uint8:
    """Give the copies at each base from `start` to before `end` (0-based): uint8[end - start].

    Raises
    ------
    InputError
        If there are more than two somewhere.
    """
    out = np.full(end - start, MOST_COPIES, np.uint8)
    for first, last, n in copies:
        if not 0 <= n <= MOST_COPIES:
            raise InputError(
                f"{n} copies at bases {first + 1:,}-{last:,}: calls are of none, one or two",
                "call it with a program for other ploidies and bring its gVCF",
            )
        out[max(0, first - start) : max(0, last - start)] = n
    return out
