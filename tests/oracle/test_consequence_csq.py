"""Consequences of every SNV around the CDS of six genes against `bcftools csq --local-csq`.

csq takes no GTF, so the test writes the GFF3 it needs. What csq cannot say is taken out of
our terms by named rules; nothing is tolerated beyond them.
"""

import gzip
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import GeneModel

FOLDER = "reference/GRCh37-chr20-first-252kb"
CSQ_NAMES = {
    "missense": "missense_variant",
    "synonymous": "synonymous_variant",
    "stop_gained": "stop_gained",
    "stop_lost": "stop_lost",
    "stop_retained": "stop_retained_variant",
    "start_lost": "start_lost",
    "splice_donor": "splice_donor_variant",
    "splice_acceptor": "splice_acceptor_variant",
    "splice_region": "splice_region_variant",
    "5_prime_utr": "5_prime_UTR_variant",
    "3_prime_utr": "3_prime_UTR_variant",
    "intron": "intron_variant",
    "non_coding": "non_coding",
}
# csq has one name for the whole splice region, and none for these.
RULE_ONE_SPLICE_REGION = {
    "splice_donor_region_variant": "splice_region_variant",
    "splice_donor_5th_base_variant": "splice_region_variant",
}
RULE_NOT_IN_CSQ = {
    "splice_polypyrimidine_tract_variant",
    "upstream_gene_variant",
    "downstream_gene_variant",
}

Pair = tuple[int, str, str]


def _attribute(text: str, key: str) -> str:
    match = re.search(rf'{key} "([^"]*)"', text)
    return match[1] if match else ""


def _rows(gtf: Path) -> list[list[str]]:
    lines = gtf.read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def _write_gff3(rows: list[list[str]], out: Path) -> None:
    """Ensembl-style GFF3: stop codons in the CDS, UTR rows by side."""
    lines = ["##gff-version 3"]
    parts: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    strand: dict[str, str] = {}
    phases: dict[tuple[str, int, int], str] = {}
    for f in rows:
        gene, tx = _attribute(f[8], "gene_id"), _attribute(f[8], "transcript_id")
        head = ["20", f[1]]
        if f[2] == "gene":
            biotype, name = _attribute(f[8], "gene_type"), _attribute(f[8], "gene_name")
            text = f"ID=gene:{gene};biotype={biotype};Name={name}"
            lines.append("\t".join([*head, "gene", *f[3:8], text]))
        elif f[2] == "transcript":
            biotype = _attribute(f[8], "transcript_type")
            kind = "mRNA" if biotype == "protein_coding" else "transcript"
            text = f"ID=transcript:{tx};Parent=gene:{gene};biotype={biotype}"
            lines.append("\t".join([*head, kind, *f[3:8], text]))
            strand[tx] = f[6]
        elif f[2] in ("exon", "CDS", "stop_codon"):
            parts[tx][f[2]].append((int(f[3]), int(f[4])))
            phases[tx, int(f[3]), int(f[4])] = f[7]
    for tx, kinds in parts.items():
        cds = []
        for a, b in kinds["CDS"]:
            phase = phases[tx, a, b]
            for c, d in kinds["stop_codon"]:
                a, b = (min(a, c), b) if d + 1 == a else (a, max(b, d) if c == b + 1 else b)
            cds.append((a, b, phase))
        rest = [(a, b, "exon", ".") for a, b in kinds["exon"]]
        rest += [(a, b, "CDS", p) for a, b, p in cds]
        if cds:
            low, high = min(c[0] for c in cds), max(c[1] for c in cds)
            sides = ("five_prime_UTR", "three_prime_UTR")
            left, right = sides if strand[tx] == "+" else sides[::-1]
            rest += [(a, min(b, low - 1), left, ".") for a, b in kinds["exon"] if a < low]
            rest += [(max(a, high + 1), b, right, ".") for a, b in kinds["exon"] if b > high]
        for a, b, kind, phase in rest:
            fields = ["20", "x", kind, str(a), str(b), ".", strand[tx], phase]
            lines.append("\t".join([*fields, f"Parent=transcript:{tx}"]))
    out.write_text("\n".join(lines) + "\n")


def _csq(folder: Path) -> list[tuple[int, str, str, set[str]]]:
    """Run csq in a process of its own: it keeps static state."""
    call = (
        "import pysam, pysam.bcftools;"
        "pysam.faidx('r.fa');"
        "pysam.bcftools.csq('-l','-f','r.fa','-g','g.gff3','-Ov','-o','out.vcf','in.vcf',"
        "catch_stdout=False)"
    )
    subprocess.run(
        [sys.executable, "-c", call], check=True, cwd=folder, capture_output=True, text=True
    )
    found = []
    for line in (folder / "out.vcf").read_text().splitlines():
        f = line.split("\t")
        if line.startswith("#") or "BCSQ=" not in f[7]:
            continue
        for entry in f[7].split("BCSQ=")[1].split(";")[0].split(","):
            y = entry.split("|")
            found.append((int(f[1]), f[4], y[2], {CSQ_NAMES[t] for t in y[0].split("&")}))
    return found


@pytest.fixture(scope="module")
def model(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    folder = data_dir / FOLDER
    names = ["20", "gi|224384749|gb|CM000682.1|"]
    contigs = Contigs([Contig("chr20", names, "NC_000020.10", 63_025_520)])
    with OpenedReference(folder / "chr20.250k.fa.gz", contigs) as reference:
        gtf = folder / "gencode.v19.annotation.chr20.250k.gtf"
        return load_genes(compile_genes(gtf, reference, tmp_path_factory.mktemp("g") / "m"))


@pytest.fixture(scope="module")
def alleles(data_dir: Path) -> pl.DataFrame:
    """Every SNV of the 12 CDS and of ten bases beside each."""
    folder = data_dir / FOLDER
    with gzip.open(folder / "chr20.250k.fa.gz", "rt") as f:
        sequence = "".join(line.strip() for line in f if line[0] != ">").upper()
    rows = _rows(folder / "gencode.v19.annotation.chr20.250k.gtf")
    cds = [(int(f[3]), int(f[4])) for f in rows if f[2] == "CDS"]
    assert len(cds) == 12
    places = sorted({p for a, b in cds for p in range(a - 10, b + 11)})
    snvs = [(p, sequence[p - 1], b) for p in places for b in "ACGT" if b != sequence[p - 1]]
    frame = pl.DataFrame(
        snvs, schema={"pos": pl.Int32, "ref": pl.String, "alt": pl.String}, orient="row"
    )
    return frame.select(pl.lit("chr20").alias("contig"), "pos", "ref", "alt")


@pytest.fixture(scope="module")
def theirs(
    data_dir: Path, alleles: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[int, str, str, set[str]]]:
    folder, out = data_dir / FOLDER, tmp_path_factory.mktemp("csq")
    _write_gff3(_rows(folder / "gencode.v19.annotation.chr20.250k.gtf"), out / "g.gff3")
    with gzip.open(folder / "chr20.250k.fa.gz", "rt") as f:
        body = "".join(line for line in f if line[0] != ">")
    (out / "r.fa").write_text(">20\n" + body)
    head = "##fileformat=VCFv4.2\n##contig=<ID=20,length=63025520>\n"
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    rows = alleles.select("pos", "ref", "alt").rows()
    (out / "in.vcf").write_text(
        head + "".join(f"20\t{p}\t.\t{r}\t{a}\t.\t.\t.\n" for p, r, a in rows)
    )
    return _csq(out)


def _reduced(terms: set[str]) -> set[str]:
    """Our terms as csq would say them."""
    out = {RULE_ONE_SPLICE_REGION.get(t, t) for t in terms} - RULE_NOT_IN_CSQ
    # csq's splice region is what is left of the donor and acceptor.
    if out & {"splice_donor_variant", "splice_acceptor_variant"}:
        out -= {"splice_region_variant"}
    # First hit per class: the intron is named only when nothing else was found.
    if out - {"intron_variant"}:
        out -= {"intron_variant"}
    return out


def test_every_snv_of_the_coding_genes_equals_csq(
    model: GeneModel, alleles: pl.DataFrame, theirs: list[tuple[int, str, str, set[str]]]
) -> None:
    assert alleles.height == 7353
    rows = consequences(model, alleles)
    coding = model.transcripts["transcript_id"].gather(pl.Series(model.coding).arg_true())
    assert len(coding) == 6
    ours: dict[Pair, set[str]] = {}
    by_allele: dict[tuple[int, str], set[str]] = defaultdict(set)
    for p, a, t, c in rows.select("pos", "alt", "transcript_id", "consequence").iter_rows():
        reduced = _reduced(set(c.split("&")))
        if t not in set(coding):
            # csq gives transcripts without CDS no name and one word, `non_coding`.
            if reduced & {
                "non_coding_transcript_exon_variant",
                "non_coding_transcript_variant",
            }:
                by_allele[p, a].add("non_coding")
        elif reduced == {"intron_variant"}:
            # csq names no transcript for introns.
            by_allele[p, a].add("intron_variant")
        elif reduced:
            ours[p, a, t] = reduced
    named: dict[Pair, set[str]] = defaultdict(set)
    unnamed: dict[tuple[int, str], set[str]] = defaultdict(set)
    for p, a, t, terms in theirs:
        if t:
            named[p, a, t] |= terms
        else:
            unnamed[p, a] |= terms
    different = {k: (ours.get(k), named.get(k)) for k in ours.keys() | named.keys()}
    different = {k: v for k, v in different.items() if v[0] != v[1]}
    assert different == {}
    assert sum("missense_variant" in v for v in ours.values()) == 4814
    # First hit: alleles with a named consequence get no unnamed entry from csq.
    touched = {(p, a) for p, a, _ in ours}
    # csq looks up exons with one base beside them: the base before a transcript's first
    # (or behind its last) hits that exon, says nothing, and hides the unnamed entry.
    ends = zip(model.start, model.end, model.coding, strict=True)
    shift = int(model.contig_start[0])
    beside = {p - shift for a, b, c in ends if c for p in (int(a), int(b) + 1)}
    touched |= {(p, a) for p, a in by_allele if p in beside}
    expected = {k: v for k, v in by_allele.items() if k not in touched}
    found = {k: v for k, v in unnamed.items() if k not in touched}
    assert found == expected


def test_the_two_coding_variants_of_defb125(model: GeneModel) -> None:
    rows = consequences(
        model,
        pl.DataFrame(
            {
                "contig": ["chr20", "chr20"],
                "pos": pl.Series([68363, 68396], dtype=pl.Int32),
                "ref": ["A", "C"],
                "alt": ["T", "T"],
            }
        ),
    ).filter(pl.col("transcript_id") == "ENST00000382410.2")
    assert rows["consequence"].to_list() == ["missense_variant"] * 2
    assert rows["protein_start"].to_list() == [5, 16]
    assert rows["amino_acids"].to_list() == ["M/L", "R/W"]
    assert rows["gene_name"].to_list() == ["DEFB125"] * 2
