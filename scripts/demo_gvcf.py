"""Write gVCFs of one person each, as GATK HaplotypeCaller does: part of the demo data.

Between the variants of a person lie reference blocks (`<NON_REF>`, INFO/END) of one band of
GQ. Three kinds of bases are not called, and each says so in its own way:

- gaps, where no record lies: bases that nobody looked at. N of the reference, `NOBODY` in all
  files, and two or three stretches a contig of each person's own;
- blocks with DP 0: `0/0` is written, but there was no read. `NO_READ` in all files;
- blocks of low GQ: called, but not of high quality.

A male has one copy of X outside the PAR, everybody one of the mitochondrion: GT is haploid.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pysam

Rng = np.random.Generator
Interval = tuple[int, int]
"""0-based, half-open."""

NOBODY = {"chr1": ((58_000, 58_400),)}
"""Where no gVCF has a record."""
NO_READ = {"chr1": ((60_000, 60_300),)}
"""Where every gVCF has a block 0/0 with DP 0."""
BANDS = (0, 1, 10, 20, 30, 40, 60, 99, 100)
"""Bounds of the bands of GQ within which a block lies."""


class Called(NamedTuple):
    """A site of a person: 0-based position, REF, ALTs, and two allele numbers.

    The second allele is negative if there is one copy only.
    """

    pos: int
    ref: str
    alts: tuple[str, ...]
    copies: tuple[int, int]


class Sequence(NamedTuple):
    """A contig as a person has it: bases, gaps of the reference, stretches of one copy."""

    name: str
    bases: npt.NDArray[np.uint8]
    gaps: tuple[Interval, ...]
    one_copy: tuple[Interval, ...]


def _header(contigs: list[tuple[str, int]], sample: str) -> str:
    lines = [
        "##fileformat=VCFv4.2",
        '##ALT=<ID=NON_REF,Description="Represents any possible alternative allele at this'
        ' location">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Read depth">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least DP of the block">',
        '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled likelihoods">',
    ]
    for low, high in itertools.pairwise(BANDS):
        lines.append(f"##GVCFBlock{low}-{high}=minGQ={low}(inclusive),maxGQ={high}(exclusive)")
    lines += [
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Read depth">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the block">',
        *(f"##contig=<ID={name},length={length}>" for name, length in contigs),
        "##source=HaplotypeCaller (synthetic, in its form)",
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}",
    ]
    return "\n".join(lines) + "\n"


def _likelihoods(copies: tuple[int, int], alleles: int, quality: int) -> str:
    """Write PL: 0 for the genotype called, GQ for the next, far more for the others.

    Order of genotypes: VCF 4.2, FORMAT/GL.
    """
    if copies[1] < 0:
        genotypes = [(b, -1) for b in range(alleles)]
    else:
        genotypes = [(a, b) for b in range(alleles) for a in range(b + 1)]
    called = tuple(sorted(copies)) if copies[1] >= 0 else copies
    others = [g for g in genotypes if g != called]
    rank = {g: quality if i == 0 else 3 * quality + 30 * i for i, g in enumerate(others)}
    return ",".join(str(rank.get(g, 0)) for g in genotypes)


def _variant(rng: Rng, chrom: str, site: Called) -> str:
    """Write a record of a variant."""
    alleles, haploid = len(site.alts) + 2, site.copies[1] < 0
    depth = int(np.clip(rng.poisson(16 if haploid else 32), 3, 98))
    quality = min(99, 3 * depth)
    reads = [0] * alleles
    if haploid or site.copies[0] == site.copies[1]:
        reads[site.copies[0]] = depth
    else:
        reads[site.copies[0]] = int(rng.binomial(depth, 0.48))
        reads[site.copies[1]] = depth - reads[site.copies[0]]
    gt = str(site.copies[0]) if haploid else f"{site.copies[0]}/{site.copies[1]}"
    cell = f"{gt}:{','.join(map(str, reads))}:{depth}:{quality}"
    cell += f":{_likelihoods(site.copies, alleles, quality)}"
    alts = ",".join((*site.alts, "<NON_REF>"))
    qual = f"{30.64 * depth / (2 - haploid):.2f}"
    fixed = f"{chrom}\t{site.pos + 1}\t.\t{site.ref}\t{alts}\t{qual}\t.\tDP={depth}"
    return f"{fixed}\tGT:AD:DP:GQ:PL\t{cell}\n"


def _block(rng: Rng, seq: Sequence, start: int, end: int, depth: int, haploid: bool) -> str:
    """Write a block over the bases start to end (0-based, half-open)."""
    least = max(depth - int(rng.integers(0, 5)), min(depth, 1))
    quality = min(99, 3 * least)
    gt, copies = ("0", (0, -1)) if haploid else ("0/0", (0, 0))
    likelihoods = _likelihoods(copies, 2, quality) if depth else "0,0" if haploid else "0,0,0"
    return (
        f"{seq.name}\t{start + 1}\t.\t{chr(seq.bases[start])}\t<NON_REF>\t.\t.\tEND={end}"
        f"\tGT:DP:GQ:MIN_DP:PL\t{gt}:{depth}:{quality}:{least}:{likelihoods}\n"
    )


def _blocks(rng: Rng, seq: Sequence, start: int, end: int, haploid: bool) -> Iterator[str]:
    """Cover a stretch with blocks of some hundred bases; one of thirty is of low depth."""
    while start < end:
        stop = min(end, start + 1 + int(rng.geometric(1 / 500)))
        poor = rng.random() < 1 / 30
        depth = int(rng.integers(1, 7)) if poor else max(12, int(rng.poisson(32)))
        yield _block(rng, seq, start, stop, depth // 2 + 1 if haploid else depth, haploid)
        start = stop


def _holds(spans: list[Interval], start: int, end: int) -> bool:
    return any(s < end and start < e for s, e in spans)


def _records(rng: Rng, seq: Sequence, sites: list[Called]) -> Iterator[str]:
    """Give the records of one person and contig, sorted by position."""
    length = seq.bases.size
    gaps = [*seq.gaps, *NOBODY.get(seq.name, ())]
    for start in rng.integers(0, length, int(rng.integers(2, 4))).tolist():
        gaps.append((start, min(length, start + int(rng.integers(100, 1_500)))))
    no_read = list(NO_READ.get(seq.name, ()))
    sites = [s for s in sites if not _holds(gaps + no_read, s.pos, s.pos + len(s.ref))]
    # What a base is changes at these bounds only.
    bounds = {0, length}
    for spans in (gaps, no_read, seq.one_copy, [(s.pos, s.pos + len(s.ref)) for s in sites]):
        bounds |= {b for span in spans for b in span}
    site_at = {s.pos: s for s in sites}
    covered = 0
    for start, end in itertools.pairwise(sorted(bounds)):
        if start in site_at:
            yield _variant(rng, seq.name, site_at[start])
            covered = start + len(site_at[start].ref)
        if start < covered or _holds(gaps, start, end):
            continue
        haploid = _holds(list(seq.one_copy), start, end)
        if _holds(no_read, start, end):
            yield _block(rng, seq, start, end, 0, haploid)
        else:
            yield from _blocks(rng, seq, start, end, haploid)


def write_gvcf(
    rng: Rng, path: Path, sample: str, genome: list[tuple[Sequence, list[Called]]]
) -> int:
    """Write the gVCF of a person with its index.

    Returns
    -------
    int
        Records written.
    """
    head = _header([(seq.name, seq.bases.size) for seq, _ in genome], sample)
    lines = [line for seq, sites in genome for line in _records(rng, seq, sites)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with pysam.BGZFile(str(path), "wb", None) as out:
        out.write((head + "".join(lines)).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return len(lines)
