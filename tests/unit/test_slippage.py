"""Ribosomal slippage: a base read twice or jumped over, on both strands.

The oracle edits the genome base by base, reads the two parts of the CDS out of the edited
genome, and asks whether carrying out our name on the spliced sequence gives the same.
"""

import random
from pathlib import Path

import polars as pl
import pytest
from gene_builders import Row, alleles, build, reverse_complement
from hgvs_reading import Transcript, apply_to_genome, check_protein, protein

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer
from varhouse.transcripts.genemodel import GeneModel

Change = tuple[int, int, str]
"""First and last base replaced (last = first - 1 inserts), and what replaces them."""

LENGTH = 90
UTR = 6
"""Bases of the exon on both sides of the CDS."""


def genome_of(seed: int) -> str:
    draw = random.Random(seed)
    pieces = ["A", "C", "G", "T", "AC", "GGG", "TT"]
    return "".join(draw.choice(pieces) for _ in range(120))[:LENGTH]


def open_genome(seed: int, parts: list[tuple[int, int]], strand: str) -> str:
    """Find a genome whose CDS has no stop codon inside."""
    for number in range(1000 * seed, 1000 * seed + 1000):
        genome = genome_of(number)
        residues = protein(read_parts(genome, parts, strand, (1, 0, "")), UTR)
        if "*" not in residues[:19]:
            return genome
    raise AssertionError(seed)


def parts_of(step: int) -> list[tuple[int, int]]:
    """CDS rows: `step` -1 and -2 read bases twice, 1 and 2 jump over them."""
    return [(13, 42), (43 + step, 69 + step)]


def annotation(parts: list[tuple[int, int]], strand: str) -> list[Row]:
    low, high = parts[0][0] - UTR, parts[-1][1] + UTR
    tags = "ID=transcript:T;Parent=gene:G;biotype=protein_coding"
    rows: list[Row] = [
        ("gene", low, high, strand, ".", "ID=gene:G"),
        ("transcript", low, high, strand, ".", tags),
        ("exon", low, high, strand, ".", "Parent=transcript:T"),
    ]
    return rows + [
        ("CDS", a, b, strand, "0", "ID=CDS:P;Parent=transcript:T") for a, b in parts
    ]


def read_parts(genome: str, parts: list[tuple[int, int]], strand: str, edit: Change) -> str:
    """Spliced sequence of the edited genome; bases keep the place that they had."""
    first, last, new = edit
    placed = [(p, b) for p, b in enumerate(genome, 1) if p < first or p > last]
    size = last - first + 1
    placed += [
        (first + i if i < size else last + 0.5 + i / 1000, b) for i, b in enumerate(new)
    ]
    placed.sort(key=lambda pair: pair[0])
    (a, b), (c, d) = parts
    spans = [(a - UTR, b), (c, d + UTR)]
    text = "".join(base for low, high in spans for p, base in placed if low <= p <= high)
    return text if strand == "+" else reverse_complement(text)


def changes(draw: random.Random) -> Change:
    size = draw.choice([0, 1, 1, 2, 3, 4])
    first = draw.randint(36, 49)
    # Of another length than what it replaces, nobody can say which part gets which base.
    length = draw.randint(1, 4) if size == 0 else draw.choice([0, size])
    new = "".join(draw.choice("ACGT") for _ in range(length))
    return first, first + size - 1, new


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("step", [-1, -2, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_name_does_what_the_allele_does(
    tmp_path: Path, strand: str, step: int, seed: int
) -> None:
    parts = parts_of(step)
    genome = open_genome(seed, parts, strand)
    model = build(tmp_path / "m", genome, annotation(parts, strand))
    assert model.meta["counts"]["transcripts_with_slippage"] == 1
    spliced = read_parts(genome, parts, strand, (1, 0, ""))
    one = Transcript([(1, len(spliced))], [(UTR + 1, len(spliced) - UTR)], "+")
    draw = random.Random(100 * seed + step)
    with OpenedReference(tmp_path / "m" / "r.fa") as reference:
        describe = Describer(model, reference)
    checked = 0
    for _ in range(60):
        first, last, new = changes(draw)
        old = genome[first - 1 : last]
        # An allele of what is jumped over has no place in what is read.
        of_jump = first >= 43 and last < 43 + step
        if old == new or of_jump:
            continue
        expected = read_parts(genome, parts, strand, (first, last, new))
        anchor = "" if old and new else genome[first - 2]
        frame = alleles((first - len(anchor), anchor + old, anchor + new))
        row = consequences(model, frame, describe=describe).row(0, named=True)
        assert row["exon"] in ("1/1", None)
        assert "splice" not in row["consequence"]
        if row["hgvsc"] is None or "+" in row["hgvsc"] or _touches_gap(row["hgvsc"]):
            continue
        name = row["hgvsc"].split(".", 1)[1]
        assert apply_to_genome(name, one, spliced) == expected, (first, last, new, name)
        lost = "frameshift_variant" in row["consequence"]
        gain = len(expected) - len(spliced)
        assert lost == (gain % 3 != 0) or "stop_retained" in row["consequence"]
        before, after = protein(spliced, UTR), protein(expected, UTR)
        if row["hgvsp"] and "?" not in row["hgvsp"] and before != after:
            check_protein(row["hgvsp"].split(".", 1)[1], before, after)
        checked += 1
    assert checked > 20


def _touches_gap(name: str) -> bool:
    """Whether a position counts into the bases that are jumped over."""
    return "-" in name.split("c.", 1)[1].lstrip("-")


SPLICED = "species/sars-cov-2-gofasta/sarscov2-reduced.gff"
GENOME = "species/sars-cov-2/sars-cov-2/wuhan-hu-1/proteins/reference.fasta"


@pytest.fixture(scope="module")
def orf1ab(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[GeneModel, Describer]:
    folder = tmp_path_factory.mktemp("v")
    with OpenedReference(data_dir / GENOME) as reference:
        model = load_genes(compile_genes(data_dir / SPLICED, reference, folder / "m"))
        return model, Describer(model, reference)


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "term", "codons", "hgvsc", "hgvsp"),
    [
        # bcftools csq names the first two separately: 2N>2K and 3R>3G.
        (13468, "C", "G", "missense_variant", "aaCCgg/aaGGgg", "13203_13204inv",
         "Asn4401_Arg4402delinsLysGly"),
        (13468, "C", "T", "missense_variant", "aaCCgg/aaTTgg", "13203_13204delinsTT",
         "Arg4402Trp"),
        (13467, "AC", "A", "frameshift_variant", "aaCCgg/aagg", "13203_13204del",
         "Asn4401LysfsTer18"),
        (13467, "A", "AG", "frameshift_variant", "aac/aaGc", "13202_13203insG",
         "Asn4401LysfsTer19"),
        (13468, "C", "CAC", "frameshift_variant", "-/AC", "13204_13205insAC",
         "Arg4402HisfsTer6"),
        (13469, "G", "T", "missense_variant", "cGg/cTg", "13205G>T", "Arg4402Leu"),
        (13467, "A", "C", "missense_variant", "aAc/aCc", "13202A>C", "Asn4401Thr"),
        (14408, "C", "T", "missense_variant", "cCt/cTt", "14144C>T", "Pro4715Leu"),
    ],
)  # fmt: skip
def test_26_orf1ab(
    orf1ab: tuple[GeneModel, Describer],
    pos: int,
    ref: str,
    alt: str,
    term: str,
    codons: str,
    hgvsc: str,
    hgvsp: str,
) -> None:
    """C13468 is the last base of codon 4401 and the first of 4402 (P4715L: RdRp P323L)."""
    model, describe = orf1ab
    frame = alleles((pos, ref, alt), contig=model.contigs[0])
    found = consequences(model, frame, describe=describe)
    row = found.filter(pl.col("transcript_id") == "CDS-pp1ab").row(0, named=True)
    assert (row["consequence"], row["exon"]) == (term, "1/1")
    assert row["hgvsc"].split("c.")[1] == hgvsc
    assert row["hgvsp"].split("p.")[1] == hgvsp
    if codons != "-/AC":
        assert row["codons"] == codons
    assert row["cds_end"] - row["cds_start"] >= 0


def test_26_all_of_orf1ab_is_read(orf1ab: tuple[GeneModel, Describer]) -> None:
    """One stop codon, 7,096 residues: the protein YP_009724389.1."""
    model, _ = orf1ab
    t = model.transcripts["transcript_id"].to_list().index("CDS-pp1ab")
    at, n = int(model.cdna_ptr[t]), int(model.cdna_length[t])
    bases = "".join("ACGTN"[b] for b in model.cdna[at : at + n])
    residues = protein(bases, int(model.cds_offset[t]))
    assert (len(residues), n) == (7097, 3 * 7097)


@pytest.mark.parametrize(("gap", "rank"), [(1, "1/1"), (2, "1/1"), (3, "1/2")])
def test_26_cds_rows_without_exons(tmp_path: Path, gap: int, rank: str) -> None:
    """Bacterial prfB: `join(1..75,77..)` jumps over one base of one exon."""
    rows: list[Row] = [
        ("gene", 2, 60, "+", ".", "ID=gene-B;gene_biotype=protein_coding"),
        ("CDS", 2, 22, "+", "0", "ID=cds-P;Parent=gene-B"),
        ("CDS", 23 + gap, 60, "+", "0", "ID=cds-P;Parent=gene-B"),
    ]
    model = build(tmp_path / "m", genome_of(5), rows)
    frame = alleles((20, genome_of(5)[19], "ACGT".replace(genome_of(5)[19], "")[0]))
    assert consequences(model, frame)["exon"].to_list() == [rank]
