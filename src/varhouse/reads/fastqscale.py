"""From which byte the qualities of a lane count."""

from collections.abc import Sequence

from varhouse.reads import fastqscan as fq
from varhouse.reads.fastqfile import FastqFile

SOLEXA = "qualities on Solexa's scale (before 2009)"


def mixed_scales(files: Sequence[FastqFile]) -> str:
    """Find reads whose qualities count from 33 beside reads where they count from 64.

    Files are judged together: each may be of one scale. Reads that have both low and very
    high ones show that it is one scale, Phred+33 of consensus reads.
    """
    if any(file.counts[fq.N_WIDE] for file in files):
        return ""
    first: dict[int, str] = {}
    for file in files:
        for base, place in ((33, fq.FIRST_33), (64, fq.FIRST_64)):
            if number := int(file.counts[place]):
                first.setdefault(base, f"read {number:,} of {file.path} from {base}")
    if len(first) < 2:
        return ""
    return (
        f"{files[0].path}: qualities count from 33 and from 64 within a lane: "
        f"{' and '.join(first.values())}; fix: make all count from 33: seqtk seq -Q64 -V OLD "
        "> NEW, for what counts from 64"
    )


def quality_base(low: int, high: int) -> tuple[int, str]:
    """Tell which byte stands for quality 0, by the lowest and the highest that were seen.

    Below 59 (`;`) only Phred+33 goes. Phred+64 (Illumina 1.3 to 1.7) begins at 64, with 66
    (`B`) for a bad end, and Solexa's scale at 59; both reach `fastqscan.ABOVE_33` in any run.
    Ranges: Cock et al. 2010, Nucleic Acids Research 38:1767.

    Returns
    -------
    tuple
        33 or 64, and a note for people; "": there is nothing to say.
    """
    if low > high:
        return 33, ""
    if low < fq.BELOW_64:
        return 33, ""
    if high >= fq.ABOVE_33:
        if low < 64:
            return 64, f"{SOLEXA}, which are no Phred qualities"
        return 64, "qualities count from 64 (Illumina 1.3 to 1.7)"
    return 33, (
        f"qualities between {chr(low)!r} and {chr(high)!r} may count from 33 or 64; read as 33"
    )
