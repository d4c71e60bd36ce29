"""Made genomes, and people on them whose variants are known.

A genome is a mapping of contig to its bases (`Sequences`: arrays of ASCII codes, upper case).
A person is a list of `Variant` with a phase, and the copies of each stretch of each contig
(`CopiesOf`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

Sequences = dict[str, np.ndarray]
CopiesOf = Mapping[str, Sequence[tuple[int, int, int]]]
"""Of a contig: (start, end, copies), 0-based, half-open; elsewhere two, as `model.Copies`."""
_ACGT = np.frombuffer(b"ACGT", np.uint8)


@dataclass(frozen=True)
class Variant:
    """A place where a person differs; `genotype` has an allele for each copy, in phase.

    `start` is 0-based. Alleles are upper case; an indel has the base before it.
    """

    contig: str
    start: int
    ref: str
    alts: tuple[str, ...]
    genotype: tuple[int, ...]

    @property
    def end(self) -> int:
        """End of REF, 0-based, exclusive."""
        return self.start + len(self.ref)

    @property
    def alleles(self) -> tuple[str, ...]:
        return (self.ref, *self.alts)


def bases(text: str | bytes) -> np.ndarray:
    """Give a sequence as an array of ASCII codes."""
    return np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8).copy()


def read_fasta(path: Path, regions: Mapping[str, tuple[int, int]] | None = None) -> Sequences:
    """Read contigs, or stretches of them (0-based, half-open), of a FASTA with .fai."""
    with pysam.FastaFile(str(path)) as fasta:
        wanted = regions or {
            n: (0, m) for n, m in zip(fasta.references, fasta.lengths, strict=True)
        }
        return {c: bases(fasta.fetch(c, s, e).upper()) for c, (s, e) in wanted.items()}


def write_fasta(path: Path, genome: Sequences, width: int = 60) -> Path:
    """Write a FASTA and its index."""
    with path.open("wb") as out:
        for name, codes in genome.items():
            out.write(b">%s\n" % name.encode())
            full = len(codes) // width * width
            if full:
                lines = np.full((full // width, width + 1), 10, np.uint8)
                lines[:, :width] = codes[:full].reshape(-1, width)
                out.write(lines.tobytes())
            if full < len(codes):
                out.write(codes[full:].tobytes() + b"\n")
    pysam.faidx(str(path))
    return path


def make_genome(
    seed: int,
    contigs: Mapping[str, int],
    *,
    repeats: float = 0.15,
    tandem: float = 0.03,
    par: int = 0,
) -> Sequences:
    """Make a genome with what makes calling hard.

    GC changes every few kb; a share `repeats` of the bases are copies of elements of 300 to
    3,000 bases that differ by 2 to 20 %; a share `tandem` are homopolymers and repeats of
    units of 1 to 6 bases. The first `par` bases of chrY (Y) become N: they are sequenced as
    those of chrX, as the analysis sets of GRCh38 have it.
    """
    rng = np.random.default_rng(seed)
    genome = {}
    elements = [rng.integers(0, 4, rng.integers(300, 3_000)) for _ in range(12)]
    for name, length in contigs.items():
        gc = np.repeat(rng.uniform(0.32, 0.6, length // 2_000 + 1), 2_000)[:length]
        strong = rng.random(length) < gc
        codes = _ACGT[
            np.where(strong, rng.integers(1, 3, length), rng.integers(0, 2, length) * 3)
        ]
        done = 0
        while done < repeats * length:
            element = elements[rng.integers(len(elements))].copy()
            changed = rng.random(len(element)) < rng.uniform(0.02, 0.2)
            element[changed] = rng.integers(0, 4, changed.sum())
            done += _put(rng, codes, _ACGT[element])
        done = 0
        while done < tandem * length:
            unit = _ACGT[
                rng.integers(0, 4, rng.choice(6, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]) + 1)
            ]
            most = 18 if len(unit) == 1 else 60
            done += _put(rng, codes, np.resize(unit, 6 + int(rng.exponential(7)) % most))
        if name.removeprefix("chr") == "Y":
            codes[:par] = ord("N")
        genome[name] = codes
    return genome


def _put(rng: np.random.Generator, codes: np.ndarray, what: np.ndarray) -> int:
    if len(what) >= len(codes):
        return len(codes)
    at = rng.integers(len(codes) - len(what))
    codes[at : at + len(what)] = what
    return len(what)


def copies_at(copies: CopiesOf, contig: str, pos: int) -> int:
    """Copies of a base (0-based)."""
    return next((n for s, e, n in copies.get(contig, ()) if s <= pos < e), 2)


def male(genome: Sequences, par: int = 0) -> dict[str, list[tuple[int, int, int]]]:
    """Copies of a male whose pseudo-autosomal region is the first `par` bases of X."""
    return _copies(genome, {"X": [(par, 1)], "Y": [(0, 0), (par, 1)], "M": [(0, 1)]})


def female(genome: Sequences) -> dict[str, list[tuple[int, int, int]]]:
    """Copies of a female."""
    return _copies(genome, {"Y": [(0, 0)], "M": [(0, 1)]})


def _copies(
    genome: Sequences, kinds: Mapping[str, list[tuple[int, int]]]
) -> dict[str, list[tuple[int, int, int]]]:
    out = {}
    for name, codes in genome.items():
        kind = name.removeprefix("chr").replace("MT", "M")
        starts = kinds.get(kind, [])
        ends = [s for s, _ in starts[1:]] + [len(codes)]
        rows = [(s, e, n) for (s, n), e in zip(starts, ends, strict=False) if e > s]
        if rows:
            out[name] = rows
    return out


def make_truth(
    rng: np.random.Generator,
    genome: Sequences,
    *,
    copies: CopiesOf | None = None,
    snvs: float = 1 / 1_000,
    indels: float = 1 / 5_000,
    longest: int = 30,
    near: float = 0.1,
    multiallelic: float = 0.03,
    margin: int = 200,
) -> list[Variant]:
    """Make somebody: SNVs and indels of 1 to `longest` bases, `snvs` and `indels` a base.

    Half of the indels are units of a tandem repeat more or less, mostly one or two. A share
    `near` lies within 15 bases of the variant before, a share `multiallelic` has two ALT.
    Two thirds are heterozygous where there are two copies. The first and last `margin` bases
    of a contig stay as they are: depth falls there.
    """
    copies = copies or {}
    out = []
    for name, codes in genome.items():
        text = codes.tobytes().decode()
        repeats = np.concatenate([s for s, _, _ in tandem_runs(codes)] or [np.zeros(0, int)])
        at, free = margin, margin
        rate = snvs + indels
        while True:
            close = rng.random() < near
            at += int(rng.integers(1, 15)) if close else 1 + int(rng.exponential(1 / rate))
            if at >= len(codes) - margin:
                break
            is_indel = rng.random() < indels / rate
            if is_indel and len(repeats) and rng.random() < 0.5:
                nearest = int(repeats[np.searchsorted(repeats, at) % len(repeats)]) - 1
                at = nearest if at <= nearest < at + 2_000 else at
            count = copies_at(copies, name, at)
            variant = _variant(rng, text, name, at, count, is_indel, longest, multiallelic)
            if at < free or variant is None or variant.end >= len(codes) - margin:
                continue
            if any(copies_at(copies, name, p) != count for p in (variant.start, variant.end)):
                continue
            out.append(variant)
            at = free = variant.end
    return out


def _variant(
    rng: np.random.Generator,
    text: str,
    contig: str,
    at: int,
    copies: int,
    is_indel: bool,
    longest: int,
    multiallelic: float,
) -> Variant | None:
    """Make a variant at a 0-based place, or None where nobody has one."""
    alleles = [_allele(rng, text, at, is_indel, longest)]
    if copies == 0 or "N" in text[at : at + longest + 2]:
        return None
    two = copies == 2 and rng.random() < multiallelic
    if two:
        alleles.append(_allele(rng, text, at, is_indel, longest))
    ref = max((r for r, _ in alleles), key=len)
    alts = [a + ref[len(r) :] for r, a in alleles]
    if len(set(alts)) != len(alts) or any(a == ref for a in alts):
        return None
    genotype = (1,) * copies
    if two:
        genotype = (1, 2) if rng.random() < 0.5 else (2, 1)
    elif copies == 2 and rng.random() < 2 / 3:
        genotype = (0, 1) if rng.random() < 0.5 else (1, 0)
    return Variant(contig, at, ref, tuple(alts), genotype)


def _allele(
    rng: np.random.Generator, text: str, at: int, is_indel: bool, longest: int
) -> tuple[str, str]:
    """Give REF and ALT of a change at a place."""
    base = text[at]
    if not is_indel:
        return base, str(rng.choice([b for b in "ACGT" if b != base]))
    lengths = [1, 2, 3, rng.integers(4, 11), rng.integers(11, 31)]
    length = min(longest, int(rng.choice(lengths, p=[0.42, 0.18, 0.1, 0.2, 0.1])))
    unit = next((u for u in (1, 2, 3, 4, 5, 6) if _is_repeat(text, at + 1, u)), 0)
    if unit:
        length = unit * min(int(rng.geometric(0.6)), longest // unit)
    if rng.random() < 0.5:
        return text[at : at + 1 + length], base
    new = (
        (text[at + 1 : at + 1 + unit] * length)[:length]
        if unit
        else "".join(rng.choice(list("ACGT"), length))
    )
    return base, base + new


def _is_repeat(text: str, at: int, unit: int) -> bool:
    reach = max(5, 3 * unit)
    return text[at : at + reach] == (text[at : at + unit] * reach)[:reach]


def tandem_runs(codes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Find runs with a period of 1 to 4 bases: (starts, lengths, unit), 0-based."""
    out = []
    for unit, least in ((1, 6), (2, 8), (3, 12), (4, 16)):
        same = np.zeros(len(codes) + 1, np.int8)
        same[unit : len(codes)] = (codes[unit:] == codes[:-unit]) & (codes[unit:] != 78)
        edge = np.diff(same, prepend=np.int8(0))
        starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
        long = ends - starts + unit >= least
        out.append((starts[long] - unit, (ends - starts)[long] + unit, unit))
    return out


def write_truth(
    path: Path, truth: Iterable[Variant], genome: Sequences, sample: str = "S1"
) -> Path:
    """Write the variants as a phased VCF with an index; `path` ends in .vcf.gz."""
    order = {name: i for i, name in enumerate(genome)}
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={n},length={len(c)}>" for n, c in genome.items()]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + sample)
    for v in sorted(truth, key=lambda v: (order[v.contig], v.start)):
        genotype = "|".join(map(str, v.genotype))
        alleles = f"{v.ref}\t{','.join(v.alts)}"
        lines.append(f"{v.contig}\t{v.start + 1}\t.\t{alleles}\t.\tPASS\t.\tGT\t{genotype}")
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(("\n".join(lines) + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


def read_truth(
    path: Path,
    rng: np.random.Generator,
    *,
    regions: Mapping[str, tuple[int, int]] | None = None,
) -> list[Variant]:
    """Read the variants of a VCF's first sample; what has no phase gets a random one.

    With `regions`, those wholly in a stretch, with places from its start. What overlaps a
    variant before it is left out: a haplotype cannot have both.
    """
    out: list[Variant] = []
    with pysam.VariantFile(str(path)) as vcf:
        for record in vcf:
            low, high = (regions or {}).get(record.contig, (0, 1 << 40))
            genotype = record.samples[0]["GT"]
            plain = all(set(a) <= set("ACGT") for a in record.alleles or ())
            if not plain or None in genotype or not any(genotype):
                continue
            if regions and (
                record.contig not in regions or record.start < low or record.stop > high
            ):
                continue
            before = out[-1] if out and out[-1].contig == record.contig else None
            if before is not None and record.start - low < before.end:
                continue
            if not record.samples[0].phased:
                genotype = tuple(int(g) for g in rng.permutation(genotype))
            out.append(
                Variant(
                    record.contig, record.start - low, record.ref, tuple(record.alts), genotype
                )
            )
    return out


def haplotype(codes: np.ndarray, variants: Sequence[Variant], copy: int) -> np.ndarray:
    """Give a contig as one copy (0 or 1) of somebody has it."""
    pieces, last = [], 0
    for v in variants:
        allele = v.genotype[copy] if copy < len(v.genotype) else 0
        if allele:
            pieces += [codes[last : v.start], bases(v.alleles[allele])]
            last = v.end
    return np.concatenate([*pieces, codes[last:]])
