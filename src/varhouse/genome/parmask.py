"""Whether a reference has the pseudo-autosomal regions once, on X, or twice, on X and on Y."""

import numpy as np

from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference

_MASKED = 0.9
"""Share of N from which a region is taken for masked: its own gaps are a tenth at most."""


def unmasked_par(
    reference: Reference, haploid: HaploidRegions
) -> list[tuple[str, int, int, float]]:
    """Find pseudo-autosomal regions of Y that hold bases.

    Parameters
    ----------
    reference
        With the names of contigs that `haploid` has.
    haploid
        X, Y and the pseudo-autosomal regions.

    Returns
    -------
    list of (contig, start, end, share of N)
        0-based, half-open; regions that are masked are left out. Empty where X has none of
        them: then Y is the only place for their reads.
    """
    there = {c.name for c in reference.contigs.contigs}
    on_x = (haploid.contigs - haploid.on_y) & there
    if not any(haploid.par.get(contig) for contig in on_x):
        return []
    found = []
    for contig in sorted(haploid.on_y & there):
        bases = reference.sequence(contig)
        for start, end in sorted(haploid.par.get(contig, [])):
            region = bases[start:end]
            if not len(region):
                continue
            share = float(np.count_nonzero(region == ord("N")) / len(region))
            if share < _MASKED:
                found.append((contig, start, end, share))
    return found


def par_note(reference: Reference, haploid: HaploidRegions) -> str:
    """Say that nothing will be called in the pseudo-autosomal regions, and the fix.

    A read of them fits X and Y alike: its mapping quality is 0, as that of any read with two
    places, and no caller counts it.

    Returns
    -------
    str
        Empty where the reference is masked, or has no such regions.
    """
    found = unmasked_par(reference, haploid)
    if not found:
        return ""
    places = ", ".join(f"{c}:{start + 1}-{end}" for c, start, end, _ in found)
    lines = "\\n".join(f"{c}\\t{start}\\t{end}" for c, start, end, _ in found)
    return (
        f"the pseudo-autosomal regions stand in the reference twice, on X and on Y ({places} "
        "are no N): reads of them have mapping quality 0, and nothing is called there; fix: "
        "a reference with these regions of Y masked, as analysis sets have it, and reads "
        f"aligned to it: printf '{lines}\\n' > par.bed; bedtools maskfasta -fi REF.fa -bed "
        "par.bed -fo MASKED.fa"
    )
