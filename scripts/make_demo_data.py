#!/usr/bin/env python3
"""Make the demo data: a small genome with genes, and four cohorts, one of them damaged.

    python scripts/make_demo_data.py demo/data

Everything is synthetic and follows from the seed: the same files, byte for byte, on
every run. The genome has isochores, repeats and gaps; the coding sequences are written
into it. Allele frequencies are neutral (density 1/x) in an ancestral population and
drift apart in each province (Balding-Nichols). Beijing is one BGZF file with GT:DP:GQ;
Zhejiang is four plain gzip files with phased GT and some refused records; the file of
Guangdong is cut off inside a block. Hebei is a gVCF a person (`demo_gvcf.py`), in `hebei/`;
one more person of it waits in `newcomer/`, with a row of the sample sheet. No person, permit
or project in it is real.
"""

import argparse
import gzip
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pysam
from demo_gvcf import Called, Sequence, write_gvcf

from varhouse.genome.reference import refget_digest

Array = npt.NDArray[np.uint8]
Rng = np.random.Generator
Interval = tuple[int, int]
"""0-based, half-open."""

ACGT = np.frombuffer(b"ACGT", np.uint8)
TRANSITION = {65: 71, 71: 65, 67: 84, 84: 67}
NO_CALL, NO_ALLELE = -1, -2
"""`.`, and the second allele of a haploid call."""


# ---------------------------------------------------------------------------- genome


@dataclass
class Contig:
    """One sequence; `code` is 0-3 for ACGT, `gaps` become N, `soft` lower case."""

    name: str
    alias: str
    accession: str
    length: int
    sites: int
    gaps: tuple[Interval, ...] = ()
    par: tuple[Interval, ...] = ()
    code: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    soft: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    cds: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    tracts: list[tuple[int, int, int]] = field(default_factory=list)

    def bases(self) -> Array:
        """Give the upper-case sequence, N in the gaps."""
        bases = ACGT[self.code]
        for start, end in self.gaps:
            bases[start:end] = ord("N")
        return bases


def make_contigs() -> list[Contig]:
    return [
        Contig("chr1", "1", "DEMO_000001.1", 120_000, 4_970, ((0, 400), (66_500, 66_800))),
        Contig("chr2", "2", "DEMO_000002.1", 80_000, 3_300, ((0, 300),)),
        Contig(
            "chrX", "X", "DEMO_000003.1", 60_000, 2_340, (), ((0, 8_000), (56_000, 60_000))
        ),
        Contig("chrM", "MT", "DEMO_000004.1", 16_500, 250),
    ]


def draw_sequence(rng: Rng, contig: Contig, families: list[Array]) -> None:
    """Fill a contig: isochores, few CpG, interspersed and tandem repeats."""
    length = contig.length
    gc = np.repeat(rng.choice([0.37, 0.41, 0.46, 0.52], length // 20_000 + 1), 20_000)[:length]
    u = rng.random(length)
    strong = rng.random(length) < gc
    code = np.where(strong, np.where(u < 0.5, 1, 2), np.where(u < 0.5, 0, 3)).astype(np.uint8)
    cpg = np.flatnonzero((code[:-1] == 1) & (code[1:] == 2))
    cpg = cpg[rng.random(cpg.size) < 0.7]
    to_tg = rng.random(cpg.size) < 0.5
    code[cpg[to_tg]] = 3
    code[cpg[~to_tg] + 1] = 0
    contig.code, contig.soft = code, np.zeros(length, np.bool_)
    contig.cds = np.zeros(length, np.bool_)
    if contig.name == "chrM":
        return
    filled = 0
    while filled < 0.2 * length:
        copy = families[rng.integers(len(families))][int(rng.integers(0, 100)) :].copy()
        old = rng.random(copy.size) < rng.uniform(0.05, 0.2)
        copy[old] = rng.integers(0, 4, int(old.sum()))
        if rng.random() < 0.5:
            copy = 3 - copy[::-1]
        start = int(rng.integers(0, length - copy.size))
        code[start : start + copy.size] = copy
        contig.soft[start : start + copy.size] = True
        filled += copy.size
    for period in rng.choice(
        [1, 2, 3, 4, 5, 6], length // 700, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05]
    ):
        size = int(8 + 2 * period + rng.exponential(12))
        motif = rng.integers(0, 4, period).astype(np.uint8)
        if period > 1 and (motif == motif[0]).all():
            motif[0] = (motif[0] + 1) % 4
        start = int(rng.integers(1_000, length - 1_000))
        code[start : start + size] = np.resize(motif, size)
        contig.soft[start : start + size] = True
        contig.tracts.append((start, size, int(period)))


# ----------------------------------------------------------------------------- genes


class GenePlan(NamedTuple):
    """What a gene shall be; `start` is 0-based, `more` its further transcripts."""

    contig: str
    start: int
    strand: str
    n_exons: int
    more: tuple[str, ...] = ()
    biotype: str = "protein_coding"


PLANS = (
    GenePlan("chr1", 4_000, "+", 6, ("skip",)),
    GenePlan("chr1", 20_000, "-", 4),
    GenePlan("chr1", 36_000, "+", 7, ("skip", "short_utr")),
    GenePlan("chr1", 52_000, "-", 2, (), "lncRNA"),
    GenePlan("chr1", 69_000, "+", 6, ("nmd",)),
    GenePlan("chr1", 84_000, "-", 5, ("skip",)),
    GenePlan("chr1", 100_000, "-", 8, ("short_utr",)),
    GenePlan("chr2", 5_000, "+", 3),
    GenePlan("chr2", 24_000, "-", 6, ("skip", "retained")),
    GenePlan("chr2", 43_000, "+", 1),
    GenePlan("chr2", 62_000, "-", 5, ("retained",)),
    GenePlan("chrX", 1_500, "+", 4),
    GenePlan("chrX", 26_000, "-", 6, ("skip",)),
    GenePlan("chrM", 3_300, "+", 1),
)
"""DEMO1 to DEMO14."""

STOPS = {1: {"TAA", "TAG", "TGA"}, 2: {"TAA", "TAG", "AGA", "AGG"}}
"""Stop codons of the genetic codes 1 (standard) and 2 (vertebrate mitochondrial)."""


class Transcript(NamedTuple):
    """Exons in the order of transcription, in gene-local coordinates (0-based, half-open)."""

    exons: list[Interval]
    cds: Interval | None
    biotype: str


class Gene(NamedTuple):
    """A gene that stands in the genome; the first transcript is the canonical one."""

    name: str
    number: int
    plan: GenePlan
    span: int
    transcripts: list[Transcript]

    def locate(self, start: int, end: int) -> Interval:
        """Turn gene-local coordinates into genomic ones (0-based, half-open)."""
        first = self.plan.start
        if self.plan.strand == "+":
            return first + start, first + end
        return first + self.span - end, first + self.span - start


def _text(code: Array) -> str:
    return ACGT[code].tobytes().decode()


def _coding(seq: Array, exons: list[Interval], cds: Interval) -> npt.NDArray[np.int64]:
    index = np.concatenate([np.arange(s, e) for s, e in exons])
    return index[(index >= cds[0]) & (index < cds[1])]


def _stop_at(text: str, stops: set[str]) -> int:
    """Find the first stop in frame: offset of its end, -1 without one."""
    for i in range(0, len(text) - 2, 3):
        if text[i : i + 3] in stops:
            return i + 3
    return -1


def _skipping(seq: Array, main: Transcript, kind: str) -> Transcript | None:
    """Leave out one inner exon: in frame (`skip`), or with an early stop (`nmd`)."""
    assert main.cds is not None
    for j in range(2, len(main.exons) - 2):
        exons = main.exons[:j] + main.exons[j + 1 :]
        index = _coding(seq, exons, main.cds)
        stop = _stop_at(_text(seq[index]), STOPS[1])
        if kind == "skip" and stop == index.size:
            return Transcript(exons, main.cds, "protein_coding")
        # Nonsense-mediated decay: the stop lies more than 50 bases before the last junction.
        if kind == "nmd" and stop > 0 and index[stop - 1] < exons[-2][1] - 50:
            cds = (main.cds[0], int(index[stop - 1]) + 1)
            return Transcript(exons, cds, "nonsense_mediated_decay")
    return None


def write_gene(rng: Rng, number: int, plan: GenePlan, contig: Contig) -> Gene:
    """Draw a gene model and write its coding sequence and splice sites into the contig."""
    mito = contig.name == "chrM"
    coding = plan.biotype == "protein_coding"
    sizes = np.clip(rng.lognormal(4.9, 0.4, plan.n_exons), 60, 300).astype(int)
    sizes -= sizes % 3
    if "nmd" in plan.more:
        sizes[2] += 1
    sizes[0] += 150
    sizes[-1] += 957 - int(sizes.sum()) if plan.n_exons == 1 else 240
    introns = np.clip(rng.lognormal(6.2, 0.6, plan.n_exons - 1), 120, 900).astype(int)
    starts = np.concatenate([[0], np.cumsum(sizes[:-1] + introns)]).astype(int)
    exons = [(int(s), int(s + n)) for s, n in zip(starts, sizes, strict=True)]
    span = exons[-1][1]
    place = slice(plan.start, plan.start + span)
    seq = contig.code[place].copy()
    if plan.strand == "-":
        seq = 3 - seq[::-1]
    for (_, end), (start, _) in itertools.pairwise(exons):
        seq[end : end + 2] = 2, 3
        seq[start - 2 : start] = 0, 2
    main = Transcript(exons, None, plan.biotype)
    if coding:
        index = np.concatenate([np.arange(s, e) for s, e in exons])
        if not mito:
            index = index[90 : index.size - 150]
        index = index[: index.size - index.size % 3]
        stops = STOPS[2 if mito else 1]
        codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
        codons = [c for c in codons if c not in stops]
        body = "".join(rng.choice(codons, index.size // 3 - 2))
        letters = np.frombuffer(f"ATG{body}{rng.choice(sorted(stops))}".encode(), np.uint8)
        seq[index] = np.searchsorted(ACGT, letters)
        main = main._replace(cds=(int(index[0]), int(index[-1]) + 1))
    contig.code[place] = seq if plan.strand == "+" else 3 - seq[::-1]
    transcripts = [main]
    for kind in plan.more:
        extra = None
        if kind in ("skip", "nmd"):
            extra = _skipping(seq, main, kind)
        elif kind == "short_utr":
            extra = main._replace(exons=[(40, exons[0][1]), *exons[1:]])
        elif kind == "retained":
            extra = Transcript([exons[0], (exons[1][0], exons[2][1])], None, "retained_intron")
        if extra is not None:
            transcripts.append(extra)
    gene = Gene(f"DEMO{number}", number, plan, span, transcripts)
    if main.cds is not None:
        for s, e in exons:
            low, high = gene.locate(max(s, main.cds[0]), max(min(e, main.cds[1]), main.cds[0]))
            contig.cds[low:high] = True
    return gene


def gff_lines(gene: Gene, alias: str) -> Iterator[str]:
    """Give the GFF3 rows of a gene as Ensembl writes them (contig names without `chr`)."""
    strand = gene.plan.strand

    def row(kind: str, start: int, end: int, phase: str, attributes: str) -> str:
        low, high = gene.locate(start, end)
        return f"{alias}\tdemo\t{kind}\t{low + 1}\t{high}\t.\t{strand}\t{phase}\t{attributes}"

    gid = f"DEMG{gene.number:011d}"
    kind = "gene" if gene.plan.biotype == "protein_coding" else "ncRNA_gene"
    biotype = gene.plan.biotype
    names = f"ID=gene:{gid};Name={gene.name};biotype={biotype};gene_id={gid};version=1"
    yield row(kind, 0, gene.span, ".", names)
    types = {
        "protein_coding": "mRNA",
        "nonsense_mediated_decay": "NMD_transcript_variant",
        "lncRNA": "lnc_RNA",
        "retained_intron": "transcript",
    }
    for n, t in enumerate(gene.transcripts):
        tid = f"DEMT{gene.number * 10 + n:011d}"
        tag = "tag=basic,Ensembl_canonical;" if n == 0 else ""
        names = f"ID=transcript:{tid};Parent=gene:{gid};Name={gene.name}-{201 + n};"
        names += f"biotype={t.biotype};{tag}transcript_id={tid};version=1"
        yield row(types[t.biotype], t.exons[0][0], t.exons[-1][1], ".", names)
        parent, phase = f"Parent=transcript:{tid}", 0
        for rank, (s, e) in enumerate(t.exons, 1):
            eid = f"DEME{(gene.number * 10 + n) * 100 + rank:011d}"
            yield row("exon", s, e, ".", f"{parent};Name={eid};exon_id={eid};rank={rank}")
            if t.cds is None:
                continue
            first, last = max(s, t.cds[0]), min(e, t.cds[1])
            if s < t.cds[0]:
                yield row("five_prime_UTR", s, min(e, t.cds[0]), ".", parent)
            if first < last:
                pid = f"DEMP{gene.number * 10 + n:011d}"
                names = f"ID=CDS:{pid};{parent};protein_id={pid}"
                yield row("CDS", first, last, str(phase), names)
                phase = (phase - (last - first)) % 3
            if e > t.cds[1]:
                yield row("three_prime_UTR", max(s, t.cds[1]), e, ".", parent)
    yield "###"


# ----------------------------------------------------------------------------- sites


class Site(NamedTuple):
    """One true site: 0-based position, left-aligned alleles, ancestral frequencies."""

    pos: int
    ref: bytes
    alts: tuple[bytes, ...]
    freqs: tuple[float, ...]
    rs: int
    effect: str = ""


def slide(
    bases: Array, pos: int, ref: bytes, alt: bytes, step: int
) -> tuple[int, bytes, bytes]:
    """Move a pure insertion or deletion as far as it goes: step -1 left, 1 right."""
    deletion = len(ref) > len(alt)
    piece = (ref if deletion else alt)[1:]
    while 1 < pos < bases.size - len(ref) - 1:
        if step < 0:
            if bases[pos] != piece[-1]:
                break
            piece = piece[-1:] + piece[:-1]
        else:
            after = bases[pos + len(ref)]
            if after != piece[0]:
                break
            piece = piece[1:] + bytes([after])
        pos += step
    anchor = bytes([bases[pos]])
    return (pos, anchor + piece, anchor) if deletion else (pos, anchor, anchor + piece)


def _draw_alleles(
    rng: Rng, contig: Contig, bases: Array, pos: int
) -> tuple[int, bytes, tuple[bytes, ...]] | None:
    """Draw REF and ALT at a position: 84 % SNV, 13 % indel, 3 % several ALT."""
    kind, u = rng.random(2)
    base = int(bases[pos])
    if base == ord("N"):
        return None
    others = [b for b in b"ACGT" if b not in (base, TRANSITION[base])]
    if kind < 0.84:
        alt = TRANSITION[base] if u < 0.67 else others[int(u * 1000) & 1]
        return pos, bytes([base]), (bytes([alt]),)
    if kind < 0.85:
        pair = bases[pos : pos + 2].tobytes()
        return pos, pair, (bytes([TRANSITION[base], TRANSITION.get(pair[1], 78)]),)
    if kind > 0.985:
        return pos, bytes([base]), (bytes([TRANSITION[base]]), bytes([others[0]]))
    size = int(min(rng.geometric(0.45), 25))
    if u < 0.6 and contig.tracts:
        start, length, period = contig.tracts[rng.integers(len(contig.tracts))]
        tract = bases[start : start + length]
        if not (tract[:-period] == tract[period:]).all():
            return None
        pos, size = start - 1, period * int(min(rng.geometric(0.7), 2))
    anchor = bases[pos : pos + 1].tobytes()
    piece = bases[pos + 1 : pos + 1 + size].tobytes()
    if b"N" in anchor + piece or len(piece) < size:
        return None
    if kind > 0.97:
        return pos, anchor + piece, (anchor, anchor + piece + piece)
    if rng.random() < 0.55:
        ref, alt_text = anchor + piece, anchor
    else:
        new = piece if u < 0.6 else ACGT[rng.integers(0, 4, size)].tobytes()
        ref, alt_text = anchor, anchor + new
    pos, ref, alt_text = slide(bases, pos, ref, alt_text, -1)
    return pos, ref, (alt_text,)


def draw_sites(rng: Rng, contig: Contig, bases: Array, planted: list[Site]) -> list[Site]:
    """Draw the sites of a contig; no two of them can become the same allele."""
    taken = bases == ord("N")
    sites: list[Site] = []
    # Planted sites come first, so that nothing takes their place.
    queue: list[Site | int] = [*planted]
    queue += rng.integers(3, contig.length - 60, 2 * contig.sites).tolist()
    for item in queue:
        if len(sites) == contig.sites:
            break
        if isinstance(item, Site):
            pos, ref, alts, freqs, effect = (
                item.pos,
                item.ref,
                item.alts,
                item.freqs,
                item.effect,
            )
        else:
            drawn = _draw_alleles(rng, contig, bases, item)
            if drawn is None:
                continue
            pos, ref, alts = drawn
            # Density 1/x: uniform in the logarithm.
            total = float(np.exp(rng.uniform(np.log(2.5e-4), np.log(0.95))))
            indel = max(map(len, alts)) != len(ref)
            if contig.cds[pos]:
                total *= 0.02 if indel else 0.1
            freqs = (total,) if len(alts) == 1 else (total * 0.7, total * 0.3)
            effect = "coding" if contig.cds[pos] else ""
        low, high = pos, pos + len(ref)
        if {len(ref), *map(len, alts)} != {1}:
            right = high
            for alt in alts:
                if len(ref) != len(alt) and 1 in (len(ref), len(alt)):
                    right = max(right, slide(bases, pos, ref, alt, 1)[0] + len(ref))
            low, high = pos - 2, right + 12
        if low < 1 or high >= contig.length or taken[low:high].any():
            continue
        taken[low:high] = True
        rs = int(rng.integers(90_000_000, 99_999_999)) if rng.random() < 0.6 else 0
        sites.append(Site(pos, ref, alts, freqs, rs, effect))
    return sorted(sites)


def plant(rng: Rng, gene: Gene, bases: Array) -> list[Site]:
    """Plant a stop, a frameshift and a lost splice donor, all rare, into a coding gene."""
    main = gene.transcripts[0]
    if main.cds is None or gene.plan.contig == "chrM":
        return []
    plus = gene.plan.strand == "+"
    index = _coding(bases, main.exons, main.cds)
    where = np.array([gene.locate(int(i), int(i) + 1)[0] for i in index])
    flip = bytes.maketrans(b"ACGT", b"TGCA")
    strand = bases[where].tobytes() if plus else bases[where].tobytes().translate(flip)

    def genomic(at: int, ref: bytes, alt: bytes, freq: float, effect: str) -> Site:
        if not plus:
            ref, alt = ref.translate(flip), alt.translate(flip)
        return Site(at, ref, (alt,), (freq,), 0, effect)

    sites = []
    codons = rng.permutation(np.arange(index.size // 15, index.size // 3 - 5))
    for k in codons:
        codon = strand[3 * k : 3 * k + 3]
        hit = [
            (j, b)
            for j in range(3)
            for b in b"ACGT"
            if (codon[:j] + bytes([b]) + codon[j + 1 :]).decode() in STOPS[1]
        ]
        if hit:
            j, b = hit[0]
            at = int(where[3 * k + j])
            freq = float(rng.uniform(0.001, 0.003))
            sites.append(genomic(at, codon[j : j + 1], bytes([b]), freq, "stop"))
            break
    at = int(where[int(index.size * 0.6)])
    pos, ref, alt = slide(
        bases, at - 1, bases[at - 1 : at + 1].tobytes(), bases[at - 1 : at].tobytes(), -1
    )
    sites.append(Site(pos, ref, (alt,), (float(rng.uniform(0.0008, 0.002)),), 0, "frameshift"))
    if len(main.exons) > 2:
        end = main.exons[1][1]
        at = gene.locate(end, end + 1)[0]
        sites.append(genomic(at, b"G", b"A", float(rng.uniform(0.0008, 0.002)), "donor"))
    return sites


# --------------------------------------------------------------------------- cohorts


class Style(NamedTuple):
    """How a cohort writes its files."""

    name: str
    people: int
    province: str
    neighbours: tuple[str, ...]
    population: str
    peoples: tuple[str, ...]
    aliased: bool
    fields: str
    phased: bool
    male_x: str
    has_ids: bool
    missing: float
    messy: float
    drift: float


STYLES = (
    Style(
        "beijing",
        420,
        "110000",
        ("120000", "130000"),
        "CHN-north",
        ("11", "03"),
        False,
        "GT:DP:GQ",
        False,
        "haploid",
        True,
        0.004,
        0.15,
        0.003,
    ),
    Style(
        "zhejiang",
        420,
        "330000",
        ("320000", "340000"),
        "CHN-east",
        ("22",),
        False,
        "GT",
        True,
        "half",
        False,
        0.0,
        0.6,
        0.002,
    ),
    Style(
        "guangdong",
        400,
        "440000",
        ("450000", "460000"),
        "CHN-south",
        ("08", "13"),
        True,
        "GT",
        False,
        "double",
        True,
        0.01,
        0.3,
        0.004,
    ),
)
"""Province: GB/T 2260. Ethnic group: GB/T 3304 (01 Han, 03 Hui, 08 Zhuang, 11 Manchu,
13 Yao, 22 She). `male_x` is how a male is written outside the PAR: `1`, `1/.` or `1/1`."""
GVCF_STYLE = Style(
    "hebei",
    7,
    "130000",
    ("110000", "140000"),
    "CHN-north",
    ("11", "03"),
    False,
    "GT:AD:DP:GQ:PL",
    False,
    "haploid",
    False,
    0.0,
    0.0,
    0.003,
)
"""A gVCF a person; the last of the people comes later."""
FILES = {"zhejiang": "zhejiang.*.vcf.gz", "hebei": "hebei/*.g.vcf.gz"}
"""What the cohort sheet names, if it is not NAME.vcf.gz."""


class People(NamedTuple):
    """The people of a cohort, one row each of samples.tsv, and who is male."""

    names: list[str]
    rows: list[str]
    male: npt.NDArray[np.bool_]


class Record(NamedTuple):
    """One line of a VCF; `pos` is 1-based, `cells` start with a tab."""

    pos: int
    id: str
    ref: bytes
    alts: tuple[bytes, ...]
    rest: str
    cells: bytes

    def line(self, chrom: str) -> bytes:
        """Give the line with its line end."""
        head = f"{chrom}\t{self.pos}\t{self.id}\t{self.ref.decode()}\t"
        return (
            f"{head}{b','.join(self.alts).decode()}\t{self.rest}".encode() + self.cells + b"\n"
        )


def draw_people(rng: Rng, style: Style, first: int) -> People:
    """Draw sex, province and ethnic group; some are unknown."""
    n = style.people
    names = [f"SAMC{first + i:06d}" for i in range(n)]
    sex = rng.choice(["male", "female", "unknown"], n, p=[0.49, 0.505, 0.005])
    home = rng.choice([style.province, *style.neighbours], n, p=[0.86, 0.08, 0.06])
    weight = 0.12 / len(style.peoples)
    ethnic = rng.choice(["01", *style.peoples], n, p=[0.88] + [weight] * len(style.peoples))
    known = rng.random(n) < 0.99
    rows = [
        "\t".join(
            (
                style.name,
                names[i],
                sex[i],
                style.population if known[i] else "",
                home[i],
                ethnic[i],
            )
        )
        for i in range(n)
    ]
    return People(names, rows, sex == "male")


def _tables() -> tuple[Array, Array]:
    """Make the texts of genotypes (phase, a + 1, b + 2) and of numbers 0-99, NUL padded."""
    gt = np.zeros((2, 6, 7, 4), np.uint8)
    for phase, sep in enumerate("/|"):
        for a in range(-1, 5):
            for b in range(-2, 5):
                text = "." if a < 0 else str(a)
                if b != NO_ALLELE:
                    text += sep + ("." if b < 0 else str(b))
                gt[phase, a + 1, b + 2, : len(text) + 1] = list(f"\t{text}".encode())
    number = np.zeros((101, 3), np.uint8)
    for i in range(101):
        text = ":." if i == 100 else f":{i}"
        number[i, : len(text)] = list(text.encode())
    return gt, number


GT_TEXT, NUMBER_TEXT = _tables()


def draw_calls(
    rng: Rng, style: Style, male: npt.NDArray[np.bool_], freqs: list[float], ploidy: str
) -> npt.NDArray[np.int8]:
    """Draw the calls of a site: (people, 2) allele numbers, NO_CALL or NO_ALLELE."""
    bounds = np.cumsum(freqs)
    calls = (
        np.searchsorted(bounds, rng.random((male.size, 2)), side="right").astype(np.int8) + 1
    )
    calls[calls > len(freqs)] = 0
    lost = rng.random(male.size) < style.missing
    calls[lost] = NO_CALL
    if style.missing and rng.random() < 0.05:
        calls[int(rng.integers(male.size)), 1] = NO_CALL
    if ploidy == "mito":
        calls[:, 1] = NO_ALLELE
    elif ploidy == "x":
        if style.male_x == "double":
            calls[male, 1] = calls[male, 0]
        else:
            calls[male, 1] = NO_ALLELE if style.male_x == "haploid" else NO_CALL
    return calls


def write_cells(rng: Rng, style: Style, calls: npt.NDArray[np.int8], phased: bool) -> bytes:
    """Turn calls into the sample columns of a line."""
    text = GT_TEXT[int(phased), calls[:, 0] + 1, calls[:, 1] + 2]
    if style.fields == "GT:DP:GQ":
        depth = np.clip(rng.poisson(32, calls.shape[0]), 6, 99)
        quality = np.clip(depth * 2 + rng.integers(-10, 30, depth.size), 10, 99)
        lost = calls[:, 0] == NO_CALL
        depth[lost] = quality[lost] = 100
        text = np.concatenate([text, NUMBER_TEXT[depth], NUMBER_TEXT[quality]], axis=1)
    flat = text.ravel()
    filled: bytes = flat[flat != 0].tobytes()
    return filled


def disguise(
    rng: Rng, bases: Array, pos: int, ref: bytes, alt: bytes
) -> tuple[int, bytes, bytes]:
    """Write an allele as careless callers do: shifted right, with surplus bases."""
    if len(ref) != len(alt) and 1 in (len(ref), len(alt)):
        pos, ref, alt = slide(bases, pos, ref, alt, 1)
    if rng.random() < 0.3:
        more = bases[pos + len(ref) : pos + len(ref) + 2].tobytes()
        ref, alt = ref + more, alt + more
    if rng.random() < 0.15:
        before = bases[pos - 1 : pos].tobytes()
        pos, ref, alt = pos - 1, before + ref, before + alt
    return pos, ref, alt


def drift(rng: Rng, sites: list[Site], fst: float) -> list[list[float]]:
    """Draw the frequencies of one province from the ancestral ones.

    Source: Balding and Nichols (1995). Planted sites keep theirs.
    """
    flat = np.array([f for s in sites for f in s.freqs])
    planted = np.array([s.effect not in ("", "coding") for s in sites for _ in s.freqs])
    scale = (1 - fst) / fst
    drawn = np.where(planted, flat, rng.beta(flat * scale, (1 - flat) * scale))
    values, at = drawn.tolist(), 0
    out = []
    for site in sites:
        mine = values[at : at + len(site.freqs)]
        at += len(site.freqs)
        top = sum(mine)
        out.append([f * 0.99 / top for f in mine] if top > 0.99 else mine)
    return out


def ploidy_at(contig: Contig, pos: int) -> str:
    """Say where copies are other than two: `mito`, `x` (of males) or ''; 0-based `pos`."""
    if contig.name == "chrM":
        return "mito"
    return "x" if contig.name == "chrX" and not _within(contig.par, pos) else ""


def _within(spans: tuple[Interval, ...], pos: int) -> bool:
    return any(s <= pos < e for s, e in spans)


def make_records(
    rng: Rng, style: Style, people: People, contig: Contig, bases: Array, sites: list[Site]
) -> list[Record]:
    """Write the records of one cohort on one contig, sorted by position."""
    records = []
    for site, freqs in zip(sites, drift(rng, sites, style.drift), strict=True):
        ploidy = ploidy_at(contig, site.pos)
        calls = draw_calls(rng, style, people.male, freqs, ploidy)
        counts = np.bincount(calls[calls >= 0], minlength=len(freqs) + 1)
        kept = [i for i in range(1, len(counts)) if counts[i]]
        if not kept:
            continue
        if len(kept) < len(freqs):
            calls[calls > 0] = 1
        pos, ref, alts = site.pos, site.ref, tuple(site.alts[i - 1] for i in kept)
        indel = len(ref) != len(alts[0])
        if len(alts) == 1 and rng.random() < (style.messy if indel else 0.004):
            pos, ref, alt = disguise(rng, bases, pos, ref, alts[0])
            alts = (alt,)
        an = int(counts.sum())
        ac = ",".join(str(counts[i]) for i in kept)
        af = ",".join(f"{counts[i] / an:.6g}" for i in kept)
        qual, good = rng.uniform(30, 3000), rng.random() < 0.97
        verdict = "PASS" if good else "LowQual"
        rest = f"{qual:.1f}\t{verdict}\tAC={ac};AN={an};AF={af}\t{style.fields}"
        name = f"rs{site.rs}" if site.rs and style.has_ids else "."
        cells = write_cells(rng, style, calls, style.phased and ploidy != "x")
        records.append(Record(pos + 1, name, ref, alts, rest, cells))
    return sorted(records, key=lambda r: r.pos)


def spoil(records: list[Record], contig: Contig, bases: Array) -> list[Record]:
    """Add the records that an ingest refuses, few enough that the file still goes in."""
    snvs = [r for r in records if len(r.ref) == 1 and len(r.alts[0]) == 1 and len(r.alts) == 1]
    taken = {p for r in records for p in range(r.pos - 1, r.pos + len(r.ref) + 30)}
    free = [
        p for p in range(5_000, contig.length - 5_000) if p not in taken and bases[p - 1] != 78
    ]

    def moved(number: int, ref: bytes | None = None, alt: bytes | None = None) -> Record:
        """Take the calls of an SNV to a free place."""
        pos = free[(number + 1) * len(free) // 10]
        base = bytes([bases[pos - 1]])
        return snvs[number]._replace(pos=pos, ref=ref or base, alts=(alt or base,))

    # With a record past the end, still less than policy.max_ref_mismatch_rate (0.001).
    bad = []
    for n in range(int(len(records) * 0.0006)):
        base = int(bases[free[(n + 1) * len(free) // 10] - 1])
        ref, alt = (bytes([b]) for b in b"ACGT" if b not in (base, TRANSITION[base]))
        bad.append(moved(n, ref, alt))
    bad.append(snvs[len(snvs) // 3])
    if contig.name == "chr1":
        bad.append(moved(7))
    else:
        bad += [moved(7, b"J", b"A"), snvs[8]._replace(pos=contig.length + 500)]
    return sorted(records + bad, key=lambda r: r.pos)


# ----------------------------------------------------------------------------- files


def vcf_header(style: Style, contigs: list[Contig], names: list[str]) -> bytes:
    """Write the header of a cohort's file (VCF 4.3)."""
    lines = [
        "##fileformat=VCFv4.3",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FILTER=<ID=LowQual,Description="Low quality">',
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count in genotypes">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles called in genotypes">',
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    if style.fields == "GT:DP:GQ":
        lines.append('##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Read depth">')
        lines.append('##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">')
    for c in contigs:
        lines.append(f"##contig=<ID={c.alias if style.aliased else c.name},length={c.length}>")
    lines.append("\t".join(["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT", *names]))
    return ("\n".join(lines) + "\n").encode()


def write_bgzf(path: Path, text: bytes) -> None:
    with pysam.BGZFile(str(path), "wb", None) as out:
        out.write(text)


def write_gzip(path: Path, text: bytes) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
        out.write(text)


def cut_inside_block(path: Path, share: float) -> int:
    """Cut a BGZF file inside the block that holds the given share of its bytes.

    Returns
    -------
    int
        Bytes of text in the whole blocks that are left.
    """
    raw, at, text = path.read_bytes(), 0, 0
    # BSIZE (total block size - 1) is at byte 16, ISIZE the last four bytes: SAM spec 4.1.
    while True:
        size = int.from_bytes(raw[at + 16 : at + 18], "little") + 1
        if at + size > share * len(raw):
            break
        text += int.from_bytes(raw[at + size - 4 : at + size], "little")
        at += size
    path.write_bytes(raw[: at + size * 3 // 5])
    return text


def write_cohort(
    out: Path,
    style: Style,
    contigs: list[Contig],
    people: People,
    records: dict[str, list[Record]],
) -> int:
    """Write a cohort's files and count the records that can be read from them."""
    name = {c.name: c.alias if style.aliased else c.name for c in contigs}
    body = {c: b"".join(r.line(name[c]) for r in rows) for c, rows in records.items()}
    if style.name == "zhejiang":
        for c, text in body.items():
            header = vcf_header(style, contigs, people.names)
            write_gzip(out / f"{style.name}.{c}.vcf.gz", header + text)
        return sum(map(len, records.values()))
    text = vcf_header(style, contigs, people.names) + b"".join(body.values())
    path = out / f"{style.name}.vcf.gz"
    write_bgzf(path, text)
    if style.name == "guangdong":
        text = text[: cut_inside_block(path, 0.9)]
    else:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return sum(line[:1] != b"#" for line in text.split(b"\n")[:-1])


def write_gvcfs(
    rng: Rng,
    out: Path,
    contigs: list[Contig],
    people: People,
    sites: dict[str, list[Site]],
) -> int:
    """Write a gVCF of each person, the last one's to `newcomer/`, and count the records."""
    genomes: list[list[tuple[Sequence, list[Called]]]] = [[] for _ in people.names]
    for c in contigs:
        called: list[list[Called]] = [[] for _ in people.names]
        freqs = drift(rng, sites[c.name], GVCF_STYLE.drift)
        for site, f in zip(sites[c.name], freqs, strict=True):
            ploidy = ploidy_at(c, site.pos)
            calls = draw_calls(rng, GVCF_STYLE, people.male, f, ploidy)
            for person in np.flatnonzero((calls > 0).any(axis=1)).tolist():
                called[person].append(call_of(site, calls[person].tolist()))
        ends = (0, *(b for span in c.par for b in span), c.length)
        outside = tuple(zip(ends[::2], ends[1::2], strict=True))
        for person, male in enumerate(people.male):
            one_copy: tuple[Interval, ...] = ()
            if c.name == "chrM":
                one_copy = ((0, c.length),)
            elif c.name == "chrX" and male:
                one_copy = outside
            seq = Sequence(c.name, c.bases(), c.gaps, one_copy)
            genomes[person].append((seq, called[person]))
    total = 0
    for name, genome in zip(people.names, genomes, strict=True):
        folder = "newcomer" if name == people.names[-1] else GVCF_STYLE.name
        total += write_gvcf(rng, out / folder / f"{name}.g.vcf.gz", name, genome)
    return total


def call_of(site: Site, copies: list[int]) -> Called:
    """Give a person's call with the ALTs that the person has."""
    own = sorted({a for a in copies if a > 0})
    number = {0: 0, NO_ALLELE: -1} | {a: i for i, a in enumerate(own, 1)}
    first, second = (number[a] for a in copies)
    if second >= 0:
        first, second = sorted((first, second))
    alts = tuple(site.alts[a - 1].decode() for a in own)
    return Called(site.pos, site.ref.decode(), alts, (first, second))


def write_source(
    rng: Rng, out: Path, contigs: list[Contig], sites: dict[str, list[Site]]
) -> int:
    """Write an allele source in the form of ClinVar: alleles of the cohorts and others."""
    lines = [
        "##fileformat=VCFv4.1",
        "##fileDate=2026-11-01",
        "##source=synthetic, in the form of ClinVar",
        '##INFO=<ID=ALLELEID,Number=1,Type=Integer,Description="Allele identifier">',
        '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Clinical significance">',
        '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="Review status">',
        '##INFO=<ID=RS,Number=.,Type=String,Description="dbSNP number">',
        *(f"##contig=<ID={c.alias}>" for c in contigs),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    mild = ["Uncertain_significance", "Likely_benign", "Benign", "Benign/Likely_benign",
            "Conflicting_classifications_of_pathogenicity"]  # fmt: skip
    number = 0
    for c in contigs:
        bases = c.bases()
        listed = [
            s
            for s in sites[c.name]
            if s.effect and (s.effect != "coding" or rng.random() < 0.6)
        ]
        known = {s.pos for s in sites[c.name]}
        for pos in rng.choice(
            np.flatnonzero(c.cds), c.length // 1_500, replace=False
        ).tolist():
            if pos not in known:
                base = int(bases[pos])
                listed.append(
                    Site(pos, bytes([base]), (bytes([TRANSITION[base]]),), (0.0,), 0, "coding")
                )
        for s in sorted(listed):
            number += 1
            grave = s.effect in ("stop", "frameshift", "donor")
            meaning = ["Pathogenic", "Likely_pathogenic"] if grave else mild
            info = f"ALLELEID={600_000 + number};CLNSIG={rng.choice(meaning)}"
            info += ";CLNREVSTAT=criteria_provided,_single_submitter"
            info += f";RS={s.rs}" if s.rs else ""
            ref, alt = s.ref.decode(), s.alts[0].decode()
            lines.append(
                f"{c.alias}\t{s.pos + 1}\t{300_000 + number}\t{ref}\t{alt}\t.\t.\t{info}"
            )
    path = out / "demo_clinvar.vcf.gz"
    write_bgzf(path, ("\n".join(lines) + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return number


CONFIG = """\
# Configuration of the demo; config/README.md explains every key.
assembly:
  name: DEMO1
  reference: demo.fa
  par: par.bed
  aliases: aliases.tsv
genes: demo.gff3
cohorts: cohorts.tsv
samples: samples.tsv
strata: [sex, province, population+sex]
sources:
  - name: demo_clinvar
    path: demo_clinvar.vcf.gz
    kind: allele
    fields: [CLNSIG, CLNREVSTAT, RS]
    version: "2026-11-01"
    licence: CC0-1.0
policy:
  max_ref_mismatch_rate: 0.001
  sample_flags: note                       # quality, sex, kin and ancestry of each sample
"""

COHORT_COLUMNS = (
    "cohort\tfiles\tproject\tprovince\tethics_approval\tconsent_scope\tpermit_kind"
    "\tpermit_number\tpermit_valid_until\tdata_tier\tassay\tplatform\tcaller"
)


LEDGER_COLUMNS = (
    "cohort\ttitle\taccessions\tholder\tholder_name\tprovinces\tethnic_groups\tis_pedigree"
    "\tis_specific_region\tus_people\tforeign_share\tpeople.WGS\tpeople_total\ttier\tconsent_version\tconsent_scope"
    "\tduo\tethics_approval\tethics_committee\tethics_valid_until\tpermit_kind"
    "\tpermit_number\tpermit_issuer\tpermit_valid_from\tpermit_valid_until\tpermit_people"
)
HOLDER = "123300000000000009"
"""A unified social credit code that is none of anybody's: its organisation is all zeros."""

LEDGER = {
    "papers.tsv": (
        "kind\tnumber\tissuer\tcohorts\tvalid_from\trecipients\n"
        "report\tDEMO-R-2026-01\tNHC\tbeijing,zhejiang\t2026-01-01\topen\n"
        "backup\tDEMO-B-2026-01\tNHC\tbeijing,zhejiang\t2026-01-01\topen\n"
    ),
    "recipients.tsv": (
        "recipient\tkind\tcountry\tforeign_share\n"
        "Demo University\tdomestic\tCN\t0\n"
        "Example Institute\tforeign\tUS\t100%\n"
        "registered\tdomestic\tCN\t0\n"
    ),
    "submission.yaml": (
        "submitter: {name: Demo Submitter, last_name: Submitter, first_name: Demo,\n"
        "  email: data@example.org, telephone: '+86 10 0000 0000', centre: Demo Hospital,\n"
        "  laboratory: Demo Laboratory, address: 1 Demo Road}\n"
        "project: {description: Synthetic people., release_date: 2027-01-01,\n"
        "  publications: []}\n"
        "sample: {type: Normal population, tissue: Whole blood}\n"
        "analysis: {title: Calls, description: Synthetic calls., reference: GCA_000000001.1,\n"
        "  platform: simulated, software: [demo], experiment_type: Whole genome sequencing}\n"
    ),
}
"""Sheets of the ledger, by which frequencies of two cohorts may be opened, and what an archive
asks for beside it."""


def write_assembly(out: Path, contigs: list[Contig], genes: list[Gene]) -> None:
    """Write demo.fa, demo.gff3, aliases.tsv and par.bed."""
    fasta, aliases = [], ["contig\talias\taccession\tlength\trefget"]
    for c in contigs:
        bases = c.bases()
        digest = refget_digest(bases)
        aliases.append(f"{c.name}\t{c.alias}\t{c.accession}\t{c.length}\t{digest}")
        text = (
            np.where(c.soft & (bases != ord("N")), bases | 32, bases)
            .astype(np.uint8)
            .tobytes()
        )
        fasta.append(b">" + f"{c.name} {c.accession}".encode())
        fasta += [text[i : i + 60] for i in range(0, len(text), 60)]
    (out / "demo.fa").write_bytes(b"\n".join(fasta) + b"\n")
    alias = {c.name: c.alias for c in contigs}
    gff = ["##gff-version 3", *(f"##sequence-region {c.alias} 1 {c.length}" for c in contigs)]
    for gene in genes:
        gff += gff_lines(gene, alias[gene.plan.contig])
    par = [f"{c.name}\t{s}\t{e}" for c in contigs for s, e in c.par]
    for name, lines in (("demo.gff3", gff), ("aliases.tsv", aliases), ("par.bed", par)):
        (out / name).write_bytes(("\n".join(lines) + "\n").encode())


def _tier(style: Style) -> str:
    """Give the tier of a cohort: what few people share is not opened."""
    return "T1" if style is GVCF_STYLE else "T0"


def write_sheets(out: Path, people: dict[str, People]) -> None:
    """Write cohorts.tsv, samples.tsv and config.yaml; the newcomer has a sheet of its own."""
    rows = [COHORT_COLUMNS]
    for n, style in enumerate((*STYLES, GVCF_STYLE), 1):
        files = FILES.get(style.name, f"{style.name}.vcf.gz")
        row = [style.name, files, f"PRJCA00000{n}", style.province, f"DEMO-EC-2026-{n:02d}"]
        row += ["general research use", "collection", f"DEMO-{n:04d}", "2029-12-31"]
        row += [_tier(style), "WGS", "simulated", "make_demo_data.py"]
        rows.append("\t".join(row))
    columns = "cohort\tsample\tsex\tpopulation\tprovince\tethnic_group"
    sheet = [columns, *(row for p in people.values() for row in p.rows)]
    newcomer = [columns, sheet.pop()]
    (out / "cohorts.tsv").write_bytes(("\n".join(rows) + "\n").encode())
    (out / "samples.tsv").write_bytes(("\n".join(sheet) + "\n").encode())
    (out / "newcomer/samples.tsv").write_bytes(("\n".join(newcomer) + "\n").encode())
    (out / "config.yaml").write_bytes(CONFIG.encode())


def write_ledger(out: Path, people: dict[str, People]) -> None:
    """Write ledger/: what a ledger of permits says of the demo; nobody in it is real."""
    (out / "ledger").mkdir(exist_ok=True)
    rows = [LEDGER_COLUMNS]
    for n, style in enumerate((*STYLES, GVCF_STYLE), 1):
        row = [style.name, f"Demo cohort of {style.name}", f"PRJCA00000{n}", HOLDER]
        n_people = str(len(people[style.name].rows))
        row += ["Demo Hospital", style.province, "01", "no", "no", "0", "0"]
        row += [n_people, n_people]
        row += [_tier(style), "v2", "general research use", "GRU"]
        row += [f"DEMO-EC-2026-{n:02d}", "Demo Hospital", "2029-12-31"]
        row += ["collection", f"DEMO-{n:04d}", "NHC", "2026-01-01", "2029-12-31", "3000"]
        rows.append("\t".join(row))
    (out / "ledger/cohorts.tsv").write_bytes(("\n".join(rows) + "\n").encode())
    for name, text in LEDGER.items():
        (out / "ledger" / name).write_bytes(text.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "out", type=Path, help="folder to write to; files of the same names are replaced"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed, other data (default 1)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="share of the records (default 1); below 0.4 zhejiang is held back too",
    )
    args = parser.parse_args()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(args.seed))
    contigs = make_contigs()
    families = [rng.integers(0, 4, n).astype(np.uint8) for n in (300, 300, 300, 900, 1_500)]
    for c in contigs:
        c.sites = int(c.sites * args.scale)
        draw_sequence(rng, c, families)
    by_name = {c.name: c for c in contigs}
    genes = [write_gene(rng, n, p, by_name[p.contig]) for n, p in enumerate(PLANS, 1)]
    bases = {c.name: c.bases() for c in contigs}
    planted: dict[str, list[Site]] = {c.name: [] for c in contigs}
    for gene in genes:
        planted[gene.plan.contig] += plant(rng, gene, bases[gene.plan.contig])
    sites = {c.name: draw_sites(rng, c, bases[c.name], planted[c.name]) for c in contigs}
    write_assembly(out, contigs, genes)
    people, n_records = {}, 0
    for number, style in enumerate(STYLES):
        people[style.name] = draw_people(rng, style, 1 + 1_000 * number)
        records = {}
        for c in contigs:
            args_of = (style, people[style.name], c, bases[c.name], sites[c.name])
            records[c.name] = make_records(rng, *args_of)
            if style.name == "zhejiang" and c.name in ("chr1", "chr2"):
                records[c.name] = spoil(records[c.name], c, bases[c.name])
        n_records += write_cohort(out, style, contigs, people[style.name], records)
    write_source(rng, out, contigs, sites)
    # Random numbers of its own: a change here leaves the other files as they are.
    rng = np.random.Generator(np.random.PCG64([args.seed, 1]))
    people[GVCF_STYLE.name] = draw_people(rng, GVCF_STYLE, 1 + 1_000 * len(STYLES))
    n_records += write_gvcfs(rng, out, contigs, people[GVCF_STYLE.name], sites)
    write_sheets(out, people)
    write_ledger(out, people)
    n_people = sum(len(p.names) for p in people.values())
    print(
        f"{len(people)} cohorts, {n_people:,} people, {n_records:,} records,"
        f" {len(contigs)} contigs, one dirty file"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
