"""Sex by coverage: reads a base on X and Y over those on autosomes.

X and Y count outside their pseudo-autosomal regions, of which everybody has two copies.
Thresholds are those by which DRAGEN's ploidy estimator tells karyotypes (its user guide,
v4.6): n copies of a chromosome are expected at a ratio of n / 2, and a ratio belongs to the
nearest one. Nothing is told near the middle between two numbers: so with one X and a Y of 0.2
to 0.3, who may be X0 or a male who has lost Y in part of his blood.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pysam

from varhouse.errors import InputError
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.model import Sex

ByReads = Literal["male", "female", "unclear"]

HALF_COPY = 0.25
"""Half of the ratio of one copy: a ratio belongs to the number of copies within this."""

GREY = 0.05
"""A ratio within this of the middle between two numbers of copies is told to be unclear: one
standard error at `ENOUGH_READS`, and what mosaics have."""

MOST_COPIES = 5

ENOUGH_READS = 100
"""Reads to be expected of one copy of X, and of Y: the ratio is then known to a tenth (1
standard error), 2.5 of which are half of what one copy more or less would change."""

_PIECE = 16 << 20
"""Bases of a reference that are in memory at once."""


@dataclass(frozen=True)
class SexByReads:
    """What the coverage of X and Y says.

    Attributes
    ----------
    sex
        `unclear` for every karyotype but XX and XY, and for ratios between them. None: not
        to be known; `why` says why.
    karyotype
        The nearest one (XX, XY, X0, XXY, ...), `unclear` between two; None with `sex`.
    x_ratio, y_ratio, mt_ratio
        Reads a base over those of autosomes; None: the assembly has no such contig, or too
        few reads were seen.
    why
        In words with the numbers.
    """

    sex: ByReads | None
    karyotype: str | None
    x_ratio: float | None
    y_ratio: float | None
    mt_ratio: float | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """Give the fields as `json` takes them."""
        return asdict(self)


def sex_by_reads(
    reads: Mapping[str, int],
    bases: Mapping[str, int],
    haploid: HaploidRegions,
    *,
    autosomes: Iterable[str] | None = None,
) -> SexByReads:
    """Tell sex by the reads on X, Y and autosomes.

    Parameters
    ----------
    reads
        Mapped reads of each contig, those in pseudo-autosomal regions left out
        (`reads_outside_par`).
    bases
        Bases of each contig that are not N, the same left out (`bases_outside_par`). Contigs
        that are missing here do not count.
    haploid
        Which contigs are X, Y and MT.
    autosomes
        Contigs to compare with; None: all of `bases` but X, Y and MT.

    Returns
    -------
    SexByReads
        `sex` is None without X, without autosomes, and where so few reads are to be
        expected of a copy of X or Y (`ENOUGH_READS`) that chance decides.
    """
    names = set(bases) - haploid.contigs - haploid.on_mt
    if autosomes is not None:
        names &= set(autosomes)
    rate = _median_rate([(reads.get(c, 0), bases[c]) for c in sorted(names) if bases[c] > 0])
    if not rate:
        return SexByReads(None, None, None, None, None, "no reads on half of the autosomes")

    def ratio(contigs: Iterable[str]) -> tuple[float | None, int]:
        own = [c for c in contigs if c in bases]
        n = sum(bases[c] for c in own)
        return (sum(reads.get(c, 0) for c in own) / n / rate if n else None), n

    mt, _ = ratio(haploid.on_mt)
    (x, x_bases), (y, y_bases) = ratio(haploid.contigs - haploid.on_y), ratio(haploid.on_y)
    if x is None:
        return SexByReads(None, None, None, None, mt, "no contig X with bases")
    pairs = (("X", x_bases), ("Y", y_bases))
    few = [name for name, n in pairs if n and n * rate / 2 < ENOUGH_READS]
    if few:
        where = " and of ".join(few)
        why = f"fewer than {ENOUGH_READS} reads are to be expected of a copy of {where}"
        return SexByReads(None, None, None, None, mt, why)
    return _told(x, y, mt)


def _told(x: float, y: float | None, mt: float | None) -> SexByReads:
    shown = f"X {x:.2f}" + (f", Y {y:.2f}" if y is not None else "") + " of autosomes"
    n_x = _copies(x)
    if n_x == 0:
        # Nobody has no X: reads of chosen regions, or of a part of the genome, lack it.
        return SexByReads(None, None, x, y, mt, f"{shown}: X is hardly covered")
    sex: ByReads = "unclear"
    if y is None:
        # A reference without Y, as some make for females: its reads are lost, or on X.
        if not _between(x):
            sex = {1: "male", 2: "female"}.get(n_x, "unclear")  # type: ignore[assignment]
        return SexByReads(sex, None, x, None, mt, f"{shown}; the reference has no Y")
    n_y = _copies(y)
    if n_x == 1 and abs(y - HALF_COPY) < GREY:
        why = f"{shown}: X0, or XY with Y lost in part of the cells"
        return SexByReads("unclear", "unclear", x, y, mt, why)
    if n_x > MOST_COPIES or n_y > MOST_COPIES or _between(x) or _between(y):
        why = f"{shown}: no karyotype fits; a mixture of cells or people, or chosen regions?"
        return SexByReads("unclear", "unclear", x, y, mt, why)
    name = "X" * n_x + ("Y" * n_y or ("0" if n_x == 1 else ""))
    sex = {"XX": "female", "XY": "male"}.get(name, "unclear")  # type: ignore[assignment]
    return SexByReads(sex, name, x, y, mt, f"{shown}: {name}")


def _between(ratio: float) -> bool:
    """Tell whether a ratio is as near to one number of copies as to another."""
    return ratio > HALF_COPY - GREY and abs(2 * ratio % 1 - 0.5) < 2 * GREY


def _copies(ratio: float) -> int:
    return int(2 * ratio + 0.5)


def _median_rate(contigs: list[tuple[int, int]]) -> float:
    """Give the median of reads a base, of (reads, bases), weighted by bases; 0 without any.

    A trisomy, or short contigs that attract or lack reads, do not move it.
    """
    ranked = sorted(contigs, key=lambda c: c[0] / c[1])
    half, seen = sum(n for _, n in ranked) / 2, 0
    for reads, n in ranked:
        seen += n
        if seen >= half:
            return reads / n
    return 0.0


def bases_outside_par(
    fasta: Path, haploid: HaploidRegions, contigs: Iterable[str]
) -> dict[str, int]:
    """Count the bases of contigs that are not N and outside pseudo-autosomal regions.

    Parameters
    ----------
    fasta
        With its `.fai` beside it.
    contigs
        As the FASTA names them; those that it lacks are left out.
    """
    out = {}
    with pysam.FastaFile(str(fasta)) as file:
        there = set(file.references)
        for name in contigs:
            if name in there:
                spans = _merged(haploid.par.get(name, []))
                length = file.get_reference_length(name)
                par = sum(_known(file, name, a, b) for a, b in spans)
                out[name] = _known(file, name, 0, length) - par
    return out


def _known(file: pysam.FastaFile, name: str, start: int, end: int) -> int:
    n = 0
    for at in range(start, end, _PIECE):
        piece = file.fetch(name, at, min(at + _PIECE, end))
        n += len(piece) - piece.count("N") - piece.count("n")
    return n


def reads_outside_par(
    alignments: Path,
    haploid: HaploidRegions,
    *,
    fasta: Path | None = None,
    reads: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Count the mapped reads of each contig, those that touch its PAR left out.

    Parameters
    ----------
    alignments
        A sorted BAM or CRAM with its index. Only the pseudo-autosomal regions are read, about
        6 of 3,100 million bases.
    fasta
        For a CRAM.
    reads
        Mapped records of each contig, if known already. None: from the index of a BAM.

    Raises
    ------
    InputError
        For a CRAM without `reads`: its index has no counts; or without an index.
    """
    reference = str(fasta) if fasta is not None else None
    with pysam.AlignmentFile(str(alignments), reference_filename=reference) as file:
        if not file.has_index():
            raise InputError(f"{alignments}: no index beside it", "samtools index")
        if reads is None:
            if file.is_cram:
                raise InputError(
                    f"{alignments}: the index of a CRAM has no counts of reads",
                    "give the counts (`reads`)",
                )
            reads = {s.contig: s.mapped for s in file.get_index_statistics()}
        out = dict(reads)
        for name in haploid.contigs & set(file.references) & set(out):
            length = file.get_reference_length(name)
            for start, end in _merged(haploid.par.get(name, [])):
                if start < length:
                    out[name] -= file.count(name, start, min(end, length))
    return {name: max(n, 0) for name, n in out.items()}


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def sex_to_call(sheet: Sex, found: SexByReads | None) -> Sex:
    """Choose the sex that decides how many copies are called: the sheet's, if it has one.

    Else what the reads say, where they are clear; else `unknown`.
    """
    if sheet != "unknown" or found is None or found.sex in (None, "unclear"):
        return sheet
    return "male" if found.sex == "male" else "female"


def sex_flag(sheet: Sex, found: SexByReads | None) -> dict[str, str] | None:
    """Say whether sheet and reads disagree, or a karyotype is unusual: `code` and `words`."""
    if found is None or found.sex is None:
        return None
    if found.sex == "unclear":
        words = (
            f"{found.why}: neither clearly male nor female; calls follow the sheet ({sheet})"
        )
        return {"code": "sex_unclear", "words": words}
    if sheet in ("unknown", found.sex):
        return None
    words = (
        f"the sheet says {sheet}, the reads {found.sex} ({found.why}); calls follow the "
        "sheet: look for a swap of samples or a mistake in the sheet"
    )
    return {"code": "sex_disagrees", "words": words}
