"""The same gene in the words of many annotations gives the same model."""

import io
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from gene_builders import (
    alleles,
    build,
    gff3_text,
    reverse_complement,
    terms,
    transcript_rows,
    write_fasta,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.consequence import consequences
from varhouse.genes import genes_frame
from varhouse.ingest.account import print_account
from varhouse.query import Answer, Question, Selection
from varhouse.transcripts.genemodel import ARRAYS, GeneModel

Part = tuple[int, int]
BASES = "ACGTTGCAAGCTTAGGCCATAT"
SEQUENCE = "".join(BASES[(i * i + 3 * i) % len(BASES)] for i in range(400))


class Gene:
    """One coding transcript: exons and CDS (with its stop codon) as 1-based parts."""

    def __init__(self, exons: list[Part], cds: list[Part], strand: str) -> None:
        self.exons, self.cds, self.strand = exons, cds, strand
        self.span = exons[0][0], exons[-1][1]

    @property
    def phases(self) -> list[int]:
        order = self.cds if self.strand == "+" else self.cds[::-1]
        done, out = 0, []
        for a, b in order:
            out.append(-done % 3)
            done += b - a + 1
        return out if self.strand == "+" else out[::-1]

    def cut(self, first: int, last: int) -> list[Part]:
        """Bases first..last of the CDS, counted in its sense, as genomic parts."""
        places = [p for a, b in self.cds for p in range(a, b + 1)]
        if self.strand == "-":
            places = places[::-1]
        return joined(sorted(places[first:last]))

    @property
    def stop(self) -> list[Part]:
        n = sum(b - a + 1 for a, b in self.cds)
        return self.cut(n - 3, n)

    @property
    def without_stop(self) -> list[Part]:
        return self.cut(0, sum(b - a + 1 for a, b in self.cds) - 3)

    @property
    def utrs(self) -> list[tuple[str, int, int]]:
        low, high = self.cds[0][0], self.cds[-1][1]
        left = [(a, min(b, low - 1)) for a, b in self.exons if a < low]
        right = [(max(a, high + 1), b) for a, b in self.exons if b > high]
        five, three = (left, right) if self.strand == "+" else (right, left)
        return [("five_prime_UTR", a, b) for a, b in five] + [
            ("three_prime_UTR", a, b) for a, b in three
        ]


def joined(places: list[int]) -> list[Part]:
    parts: list[list[int]] = []
    for p in places:
        if parts and parts[-1][1] == p - 1:
            parts[-1][1] = p
        else:
            parts.append([p, p])
    return [(a, b) for a, b in parts]


def phases(gene: Gene, parts: list[Part]) -> list[int]:
    return Gene(gene.exons, parts, gene.strand).phases


def gtf(gene: Gene, of: dict[str, str], *, exons: bool = True, source: str = "x") -> str:
    """Lines of a GTF: attributes by type of row, an empty text leaves the type out."""
    rows: list[tuple[str, int, int, str]] = []
    for kind in ("gene", "transcript", "mRNA"):
        rows.append((kind, *gene.span, "."))
    if exons:
        rows += [("exon", a, b, ".") for a, b in gene.exons]
    coding = gene.without_stop
    rows += [
        ("CDS", a, b, str(f)) for (a, b), f in zip(coding, phases(gene, coding), strict=True)
    ]
    rows += [("start_codon", a, b, "0") for a, b in gene.cut(0, 3)]
    rows += [("stop_codon", a, b, "0") for a, b in gene.stop]
    line = "c\t{}\t{}\t{}\t{}\t.\t{}\t{}\t{}\n"
    return "".join(
        line.format(source, kind, a, b, gene.strand, phase, of.get(kind, of["part"]))
        for kind, a, b, phase in rows
        if of.get(kind, "-" if kind in ("gene", "transcript", "mRNA") else "yes") != "-"
    )


def gff3(gene: Gene, of: dict[str, str], types: dict[str, str] | None = None) -> str:
    """Lines of a GFF3: attributes by type of row; types without any are left out."""
    names = {"gene": "gene", "mRNA": "mRNA", **(types or {})}
    rows = [(k, *gene.span, ".") for k in ("gene", "mRNA")]
    rows += [("exon", a, b, ".") for a, b in gene.exons]
    rows += [("CDS", a, b, str(f)) for (a, b), f in zip(gene.cds, gene.phases, strict=True)]
    rows += [(k, a, b, ".") for k, a, b in gene.utrs]
    return "##gff-version 3\n" + "".join(
        f"c\tx\t{names.get(k, k)}\t{a}\t{b}\t.\t{gene.strand}\t{f}\t{of[k]}\n"
        for k, a, b, f in rows
        if k in of
    )


def ensembl_gff3(gene: Gene) -> str:
    return gff3(gene, {
        "gene": "ID=gene:G;Name=S;biotype=protein_coding;gene_id=G;version=3",
        "mRNA": "ID=transcript:T;Parent=gene:G;Name=S-201;biotype=protein_coding",
        "exon": "Parent=transcript:T;Name=E",
        "CDS": "ID=CDS:P;Parent=transcript:T;protein_id=P",
        "five_prime_UTR": "Parent=transcript:T", "three_prime_UTR": "Parent=transcript:T",
    })  # fmt: skip


def gencode_gff3(gene: Gene) -> str:
    more = (
        "gene_id=G;transcript_id=T;gene_type=protein_coding;gene_name=S;"
        "transcript_type=protein_coding;transcript_name=S-201"
    )
    return gff3(gene, {
        "gene": "ID=G;gene_id=G;gene_type=protein_coding;gene_name=S",
        "mRNA": f"ID=T;Parent=G;{more}", "exon": f"ID=exon:T:1;Parent=T;{more}",
        "CDS": f"ID=CDS:T;Parent=T;{more};protein_id=P",
        "five_prime_UTR": f"ID=UTR5:T;Parent=T;{more}",
    }, {"mRNA": "transcript"})  # fmt: skip


def refseq_gff3(gene: Gene) -> str:
    return gff3(gene, {
        "gene": "ID=gene-G;Dbxref=GeneID:7,HGNC:HGNC:5;Name=S;gbkey=Gene;gene=S;"
                "gene_biotype=protein_coding",
        "mRNA": "ID=rna-T;Parent=gene-G;Dbxref=GeneID:7;Name=T;gene=S;transcript_id=T",
        "exon": "ID=exon-T-1;Parent=rna-T;gbkey=mRNA;gene=S;transcript_id=T",
        "CDS": "ID=cds-P;Parent=rna-T;Name=P;gbkey=CDS;gene=S;protein_id=P",
    })  # fmt: skip


def flybase_gff3(gene: Gene) -> str:
    return gff3(gene, {
        "gene": "ID=G;Name=S;fullname=a%2C%20b;Alias=x,y",
        "mRNA": "ID=T;Name=S-RA;Parent=G", "exon": "ID=e;Name=S:1;Parent=T",
        "CDS": "ID=P;Name=S-cds;Parent=T;protein_id=P",
        "five_prime_UTR": "ID=u;Parent=T", "three_prime_UTR": "ID=v;Parent=T",
    })  # fmt: skip


def cds_and_utr_gff3(gene: Gene) -> str:
    text = ensembl_gff3(gene).splitlines(keepends=True)
    return "".join(line for line in text if "\texon\t" not in line)


def shuffled_gff3(gene: Gene) -> str:
    lines = ensembl_gff3(gene).splitlines(keepends=True)
    return "".join(lines[:1] + lines[:0:-1])


def ensembl_gtf(gene: Gene) -> str:
    one = 'gene_id "G"; gene_version "3"; gene_name "S"; gene_source "e"; '
    one += 'gene_biotype "protein_coding";'
    tx = (
        one
        + ' transcript_id "T"; transcript_name "S-201"; transcript_biotype "protein_coding";'
    )
    return gtf(
        gene, {"gene": one, "transcript": tx, "part": tx, "CDS": f'{tx} protein_id "P";'}
    )


def gencode_gtf(gene: Gene) -> str:
    one = 'gene_id "G"; gene_type "protein_coding"; gene_name "S"; level 2;'
    tx = 'gene_id "G"; transcript_id "T"; gene_type "protein_coding"; gene_name "S"; '
    tx += 'transcript_type "protein_coding"; level 2; protein_id "P"; tag "basic_x";'
    return gtf(gene, {"gene": one, "transcript": tx, "part": tx})


def refseq_gtf(gene: Gene) -> str:
    one = (
        'gene_id "G"; transcript_id ""; db_xref "GeneID:7"; db_xref "HGNC:HGNC:5"; '
        'description "a; b"; gbkey "Gene"; gene "S"; gene_biotype "protein_coding"; '
    )
    tx = (
        'gene_id "G"; transcript_id "T"; db_xref "GeneID:7"; gbkey "mRNA"; gene "S"; '
        'product "x; transcript_id bad"; transcript_biotype "mRNA"; '
    )
    cds = 'gene_id "G"; transcript_id "T"; gbkey "CDS"; gene "S"; protein_id "P"; '
    return gtf(gene, {"gene": one, "transcript": tx, "exon": tx, "part": cds})


def flybase_gtf(gene: Gene) -> str:
    tx = 'gene_id "G"; gene_symbol "S"; transcript_id "T"; transcript_symbol "S-RA";'
    cds = f'{tx} protein_id "P";'
    return gtf(
        gene, {"gene": 'gene_id "G"; gene_symbol "S";', "mRNA": tx, "CDS": cds, "part": tx}
    )


def ucsc_gtf(gene: Gene) -> str:
    tx = 'gene_id "G"; transcript_id "T"; exon_number "1"; exon_id "T.1"; gene_name "S";'
    return gtf(gene, {"transcript": tx, "part": tx, "CDS": f'{tx} protein_id "P";'})


def chess_gtf(gene: Gene) -> str:
    tx = 'transcript_id "T"; gene_id "G"; gene_name "S"; gene_type "protein_coding"; '
    tx += 'db_xref "RefSeq:NM_1.1";'
    return gtf(gene, {"transcript": tx, "part": tx, "CDS": f'{tx} protein_id "P";'})


def stringtie_gtf(gene: Gene) -> str:
    tx = 'gene_id "G"; transcript_id "T"; cov "1.5"; ref_gene_name "S";'
    return gtf(gene, {"transcript": tx, "part": tx, "CDS": f'{tx} protein_id "P";'})


def without_exons_gtf(gene: Gene) -> str:
    """CDS, UTR and stop codons only, as some converters write them."""
    tx = 'gene_id "G"; transcript_id "T"; gene_name "S"; protein_id "P";'
    names = {"five_prime_UTR": "5UTR", "three_prime_UTR": "3UTR"}
    lines = [
        f"c\tx\t{names[k]}\t{a}\t{b}\t.\t{gene.strand}\t.\t{tx}\n" for k, a, b in gene.utrs
    ]
    return "".join(lines) + gtf(gene, {"part": tx}, exons=False)


WRITERS: list[Callable[[Gene], str]] = [
    gencode_gff3, refseq_gff3, flybase_gff3, cds_and_utr_gff3, shuffled_gff3, ensembl_gtf,
    gencode_gtf, refseq_gtf, flybase_gtf, ucsc_gtf, chess_gtf, stringtie_gtf,
    without_exons_gtf,
]  # fmt: skip


@st.composite
def genes(draw: st.DrawFn) -> Gene:
    """A gene of 1 to 4 exons with a UTR at both ends and 9 coding bases at least."""
    n = draw(st.integers(1, 4))
    exons, at = [], draw(st.integers(2, 40))
    for _ in range(n):
        size = draw(st.integers(6, 40))
        exons.append((at, at + size - 1))
        at += size + draw(st.integers(14, 40))
    places = [p for a, b in exons for p in range(a, b + 1)]
    first = draw(st.integers(0, max(0, len(places) - 12)))
    room = len(places) - first
    size = draw(st.integers(min(9, room), room))
    if room - size in (1, 2):
        size = room
    return Gene(
        exons, by_exons(places[first : first + size], exons), draw(st.sampled_from("+-"))
    )


def by_exons(places: list[int], exons: list[Part]) -> list[Part]:
    """Coding bases as parts of the exons."""
    inside = [[p for p in places if a <= p <= b] for a, b in exons]
    return [(x[0], x[-1]) for x in inside if x]


def assert_same(one: GeneModel, two: GeneModel, what: str) -> None:
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(two, name)), (what, name)
    same = ["transcript_id", "gene_id", "gene_name", "biotype", "contig", "protein_id"]
    assert one.transcripts.select(same).rows() == two.transcripts.select(same).rows(), what
    table = ["gene_id", "gene_name", "contig", "start", "end", "strand", "n_transcripts"]
    assert genes_frame(one).select(table).rows() == genes_frame(two).select(table).rows(), what


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(gene=genes())
def test_dialects_make_the_same_model(tmp_path: Path, gene: Gene) -> None:
    expected = build(tmp_path / "m", SEQUENCE, ensembl_gff3(gene))
    assert expected.coding.all()
    assert expected.transcripts.row(0, named=True)["gene_name"] == "S"
    for writer in WRITERS:
        model = build(tmp_path / "m", SEQUENCE, writer(gene))
        assert_same(expected, model, writer.__name__)


BACTERIAL = Gene([(101, 190)], [(101, 190)], "-")


def ncbi_bacterial_gff3(gene: Gene) -> str:
    return gff3(gene, {
        "gene": "ID=gene-b1;Name=S;gbkey=Gene;gene=S;gene_biotype=protein_coding;locus_tag=b1",
        "CDS": "ID=cds-P;Parent=gene-b1;Name=P;gbkey=CDS;gene=S;locus_tag=b1;product=a%3B b;"
               "protein_id=P;transl_table=11",
    })  # fmt: skip


def ncbi_bacterial_gtf(gene: Gene) -> str:
    one = 'gene_id "b1"; transcript_id ""; gbkey "Gene"; gene "S"; gene_biotype '
    one += '"protein_coding"; locus_tag "b1"; '
    cds = 'gene_id "b1"; transcript_id "unassigned_transcript_1"; gbkey "CDS"; gene "S"; '
    cds += 'locus_tag "b1"; product "a; b"; protein_id "P"; transl_table "11"; '
    return gtf(gene, {"gene": one, "part": cds}, exons=False)


def bakta_gff3(gene: Gene) -> str:
    attributes = "ID=P;Name=x;locus_tag=b1;product=x;gene=S;protein_id=P;transl_table=11"
    return gff3(gene, {"CDS": attributes})


def prokka_gff3(gene: Gene) -> str:
    """With --addgenes and --addmrna a CDS has the gene and the transcript as parents."""
    return gff3(gene, {
        "gene": "ID=b1;gene=S;locus_tag=b1", "mRNA": "ID=P;Parent=b1;gene=S;locus_tag=b1",
        "CDS": "ID=b1_cds;Parent=b1,P;gene=S;locus_tag=b1;protein_id=P;transl_table=11",
    })  # fmt: skip


@pytest.mark.parametrize("strand", ["+", "-"])
def test_bacterial_dialects_make_the_same_model(tmp_path: Path, strand: str) -> None:
    gene = Gene(BACTERIAL.exons, BACTERIAL.cds, strand)
    expected = build(tmp_path / "m", SEQUENCE, ncbi_bacterial_gff3(gene))
    assert expected.transcripts.row(0, named=True)["gene_id"] == "b1"
    assert expected.code.tolist() == [11]
    for writer in (ncbi_bacterial_gtf, bakta_gff3, prokka_gff3):
        model = build(tmp_path / "m", SEQUENCE, writer(gene))
        assert_same(expected, model, writer.__name__)


def test_symbols_cross_references_and_locus_tags(tmp_path: Path) -> None:
    gene = Gene([(11, 60), (91, 150)], [(21, 60), (91, 120)], "+")
    for writer in (refseq_gff3, refseq_gtf):
        rows = genes_frame(build(tmp_path / "m", SEQUENCE, writer(gene)))
        assert rows["xrefs"].to_list() == [["GeneID:7", "HGNC:5"]]
    hgnc = ensembl_gtf(gene).replace('gene_name "S"', 'gene_name "S"; hgnc_id "HGNC:5"')
    rows = genes_frame(build(tmp_path / "m", SEQUENCE, hgnc))
    assert rows["xrefs"].to_list() == [["HGNC:5"]]
    tag = ncbi_bacterial_gtf(BACTERIAL).replace('gene "S"; ', "")
    named = genes_frame(build(tmp_path / "m", SEQUENCE, tag))
    assert named["gene_name"].to_list() == ["b1"]


GTF = "c\tx\t{}\t{}\t{}\t.\t+\t{}\t{}\n"


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        (
            'gene_id "G"; note "a; gene_name bad; b"; transcript_id "T"; gene_name "A;B";',
            "A;B",
        ),
        (r'gene_id "G"; note "say \"no; transcript_id x\""; transcript_id "T";', None),
        (
            'gene_id "G"; note "5" end; transcript_id y"; transcript_id "T"; gene_name "S";',
            "S",
        ),
        ('transcript_id "T"; gene_id "G"; gene_name "" ; gene "S"; tag "a"; tag "b";', "S"),
        ('gene_name "S"; gene_name "second"; gene_id G; transcript_id T', "S"),
        (
            'gene_id "G" ; gene_name "x=1, 50% #2" ; transcript_id "T" # a comment',
            "x=1, 50% #2",
        ),
        ('gene_id "G"; gene_name "Ünal; é"; transcript_id "T";', "Ünal; é"),
        (r'gene_id "G"; gene_name "say \"S\""; transcript_id "T";', 'say "S"'),
    ],
)
def test_quoted_values_of_gtf(tmp_path: Path, attributes: str, name: str | None) -> None:
    text = GTF.format("exon", 11, 40, ".", attributes)
    text += GTF.format("exon", 61, 90, ".", 'gene_id "G"; transcript_id "T";')
    model = build(tmp_path / "m", SEQUENCE, text)
    assert model.transcripts.select("transcript_id", "gene_id", "gene_name").rows() == [
        ("T", "G", name)
    ]
    assert model.n_exon.tolist() == [2]
    assert model.meta["counts"]["rows_with_odd_quotes"] == int("end" in attributes)


def test_open_quotes_are_counted_and_hide_nothing(tmp_path: Path) -> None:
    bad = 'gene_id "G"; note "never closed; transcript_id T; gene_name S'
    model = build(tmp_path / "m", SEQUENCE, GTF.format("exon", 11, 40, ".", bad))
    assert model.meta["counts"]["rows_with_odd_quotes"] == 1
    assert model.transcripts.select("transcript_id", "gene_name").rows() == [("T", "S")]


def test_escapes_of_gff3(tmp_path: Path) -> None:
    """Ids are compared decoded; a comma sets parents apart only where it is not encoded."""
    text = "\n".join(
        "\t".join(["c", "x", kind, str(a), str(b), ".", "+", phase, attributes])
        for kind, a, b, phase, attributes in [
            ("mRNA", 11, 90, ".", "ID=t%2C1;Parent=g%3a1"),
            ("mRNA", 11, 90, ".", "ID=u ;Parent=g:1"),
            ("exon", 11, 90, ".", "Parent=t%2c1,u"),
            ("gene", 11, 90, ".", "ID=g:1;Name=a%3Bb%09c%253B%C3%A9"),
        ]
    )
    model = build(tmp_path / "m", SEQUENCE, f"##gff-version 3\n{text}\n")
    assert model.transcripts.select("transcript_id", "gene_name").rows() == [
        ("t,1", "a;b\tc%3Bé"), ("u", "a;b\tc%3Bé"),
    ]  # fmt: skip


def test_rna_rows_without_parts_are_their_own_exon(tmp_path: Path) -> None:
    text = gff3_text([
        ("tRNA", 11, 80, "-", ".", "ID=b7;locus_tag=b7;product=tRNA-Ala;gene=alaT"),
        ("mRNA", 101, 180, "-", ".", "ID=b8;locus_tag=b8"),
    ])  # fmt: skip
    model = build(tmp_path / "m", SEQUENCE, text)
    assert model.transcripts.select(
        "transcript_id", "gene_id", "gene_name", "biotype"
    ).rows() == [("b7", "b7", "alaT", "tRNA")]
    assert terms(model, 20, SEQUENCE[19], "N", "b7") == "non_coding_transcript_exon_variant"
    assert model.meta["counts"]["transcripts_without_parts"] == 1
    assert model.meta["features_not_used"] == {"mRNA": 1}


def test_pseudogenes_of_bacteria_are_not_protein_coding(tmp_path: Path) -> None:
    text = ncbi_bacterial_gff3(BACTERIAL).replace(
        "biotype=protein_coding", "biotype=pseudogene"
    )
    model = build(tmp_path / "m", SEQUENCE, text)
    assert model.transcripts["biotype"].to_list() == ["pseudogene"]
    assert not model.protein_coding.any()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_protein_coding_without_cds_always_has_a_term(tmp_path: Path, strand: str) -> None:
    """Every allele that touches an exon of it: SO has no allele without a term."""
    exons = [(21, 60), (71, 80), (101, 140)]
    rows = transcript_rows(exons, strand=strand)
    broken = transcript_rows([(151, 180), (211, 240)], [(153, 158), (213, 218)], name="B",
                             gene="H", strand=strand)  # fmt: skip
    model = build(tmp_path / "m", SEQUENCE, rows + broken)
    assert not model.coding.any()
    assert model.protein_coding.all()
    assert model.meta["counts"]["protein_coding_transcripts_without_cds"] == 2
    asked = []
    for pos in range(1, 260):
        base = SEQUENCE[pos - 1]
        asked += [(pos, base, "ACGT".replace(base, "")[0]), (pos, base, base + "AT")]
        for size in (2, 7, 30, 130):
            old = SEQUENCE[pos - 1 : pos - 1 + size]
            asked += [(pos, old, base), (pos, old, "ACGT".replace(base, "")[:2] + old[-1])]
    found = consequences(model, alleles(*asked))
    assert found.filter(pl.col("consequence") == "").is_empty()
    assert found["lof"].null_count() == found.height
    for a, b in exons:
        for pos in range(a, b + 1):
            own = found.filter(pl.col("pos") == pos, pl.col("transcript_id") == "T",
                               pl.col("ref").str.len_bytes() == 1,
                               pl.col("alt").str.len_bytes() == 1)  # fmt: skip
            assert "non_coding_transcript_exon_variant" in own["consequence"].item()


# --- circular contigs -----------------------------------------------------------------

CIRCLE = SEQUENCE[:140]
REGION = ("region", 1, 140, "+", ".", "ID=c;Is_circular=true")
NAME = "ID=gene-x;Name=x;gene_biotype=protein_coding"
CDS = "ID=cds-x;Parent=gene-x;protein_id=x.1;transl_table=11"
OTHER = [
    ("gene", 61, 96, "+", ".", "ID=gene-y;Name=y;gene_biotype=protein_coding"),
    ("CDS", 61, 96, "+", "0", "ID=cds-y;Parent=gene-y;protein_id=y.1;transl_table=11"),
]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ([("gene", 121, 186, NAME), ("CDS", 121, 186, CDS)], 1),
        ([("gene", 121, 46, NAME), ("CDS", 121, 46, CDS)], 1),
        (
            [
                *[("gene", 121, 140, NAME), ("gene", 1, 46, NAME)],
                *[("CDS", 121, 140, CDS), ("CDS", 1, 46, CDS)],
            ],
            2,
        ),
        ([("CDS", 1, 46, CDS), ("CDS", 121, 140, CDS), ("gene", 121, 186, NAME)], 1),
        (
            [
                ("gene", 121, 186, NAME),
                ("mRNA", 121, 140, "ID=x.1;Parent=gene-x"),
                ("mRNA", 1, 46, "ID=x.1;Parent=gene-x"),
                ("exon", 121, 130, "Parent=x.1"),
                ("exon", 20, 46, "Parent=x.1"),
            ],
            1,
        ),
    ],
)
def test_transcripts_over_the_origin_are_refused_by_name(
    tmp_path: Path,
    rows: list[tuple[str, int, int, str]],
    at: int,
    strand: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = [(k, a, b, strand, "0" if k == "CDS" else ".", t) for k, a, b, t in rows]
    with caplog.at_level(logging.WARNING, "varhouse.genes"):
        model = build(
            tmp_path / "m", CIRCLE, "# by hand\n" + gff3_text([REGION, *own, *OTHER])
        )
    assert model.transcripts["transcript_id"].to_list() == ["y.1"]
    assert model.meta["counts"]["transcripts_over_the_origin"] == 1
    refused = [r.getMessage() for r in caplog.records if "x.1" in r.getMessage()]
    assert len(refused) == 1
    # Two comments and the region stand before.
    assert f"line {4 + at}: transcript x.1 " in refused[0]
    found = consequences(model, alleles((5, CIRCLE[4], "N"), (128, CIRCLE[127], "N")))
    assert "x.1" not in found["transcript_id"].to_list()
    # The gene is listed on both sides of the origin, so that its alleles are found.
    listed = genes_frame(model).filter(gene_name="x").select("start", "end").sort("start")
    assert listed.rows() == [(1, 46), (121, 140)]


def test_the_rest_of_a_circular_contig_is_read(tmp_path: Path) -> None:
    whole = ("CDS", 2, 139, "+", "0", "ID=cds-z;Parent=gene-z;protein_id=z.1")
    gene = ("gene", 1, 140, "+", ".", "ID=gene-z;Name=z")
    model = build(tmp_path / "m", CIRCLE, [REGION, gene, whole, *OTHER])
    assert sorted(model.transcripts["transcript_id"]) == ["y.1", "z.1"]
    assert model.meta["counts"]["transcripts_over_the_origin"] == 0


def test_an_ingest_tells_of_refused_transcripts(tmp_path: Path) -> None:
    own = [("gene", 121, 186, NAME), ("CDS", 121, 186, CDS)]
    rows = [(k, a, b, "+", "0" if k == "CDS" else ".", t) for k, a, b, t in own]
    (tmp_path / "g.gff3").write_text(gff3_text([REGION, *rows, *OTHER]))
    write_fasta(tmp_path / "r.fa", {"c": CIRCLE})
    records = [(5, CIRCLE[4]), (100, CIRCLE[99]), (128, CIRCLE[127])]
    text = "##fileformat=VCFv4.2\n##contig=<ID=c,length=140>\n"
    text += '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    for pos, base in records:
        text += f"c\t{pos}\t.\t{base}\t{'C' if base != 'C' else 'T'}\t.\t.\t.\tGT\t0/1\n"
    (tmp_path / "a.vcf").write_text(text)
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\nA\ta.vcf\n")
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\nA\tS1\tmale\n")
    (tmp_path / "config.yaml").write_text(
        "assembly: {name: X, reference: r.fa}\ngenes: g.gff3\ncohorts: cohorts.tsv\n"
        "samples: samples.tsv\n"
    )
    account = ingest_here(tmp_path / "s", tmp_path / "config.yaml")
    (line,) = account["genes_refused"]
    assert line.startswith("g.gff3: line 4: transcript x.1 runs over the origin")
    out = io.StringIO()
    print_account({**account, "seconds": 1}, tmp_path / "s", out)
    assert f"note       {line}" in out.getvalue()
    store = varhouse.open(tmp_path / "s")
    # The alleles of the gene are found on both sides of the origin.
    found = Answer(store, Question(Selection(genes=["x"]), columns=["pos", "gene"]))
    assert [r for f in found.frames() for r in f.rows()] == [(5, "y"), (128, "y")]
    assert verify(store) == []


PSEUDO = "ATGGCTAAAGGTCTGTGTGACCATTGGTAA"


def _pseudogene(style: str, strand: str) -> str:
    """Bases 11 to 40 as NCBI writes a pseudogene: PGAP, a curated one, or GTF."""
    said = {
        "pgap": [
            ("pseudogene", "ID=gene-p;Name=p;gene_biotype=pseudogene;pseudo=true"),
            ("CDS", "ID=cds-p;Parent=gene-p;gene=p;product=x;pseudo=true;transl_table=11"),
        ],
        "coding gene": [
            ("gene", "ID=gene-p;Name=p;gene_biotype=protein_coding"),
            ("CDS", "ID=cds-p;Parent=gene-p;gene=p;pseudo=true"),
        ],
        "gene says it": [
            ("gene", "ID=gene-p;Name=p;gene_biotype=protein_coding;pseudo=true"),
            ("mRNA", "ID=rna-p;Parent=gene-p"),
            ("exon", "ID=e;Parent=rna-p"),
            ("CDS", "ID=cds-p;Parent=rna-p;gene=p"),
        ],
        "no parent": [("CDS", "ID=cds-p;locus_tag=p;pseudogene=unknown")],
        "gtf": [
            ("gene", 'gene_id "p"; transcript_id ""; gene_type "pseudogene"; pseudo "true";'),
            ("CDS", 'gene_id "p"; transcript_id "t"; gene "p"; pseudo "true";'),
        ],
        "gtf, gene": [
            ("gene", 'gene_id "p"; gene_biotype "protein_coding"; pseudo "true"; '),
            ("transcript", 'gene_id "p"; transcript_id "t"; transcript_biotype "mRNA";'),
            ("exon", 'gene_id "p"; transcript_id "t";'),
            ("CDS", 'gene_id "p"; transcript_id "t";'),
        ],
    }[style]  # fmt: skip
    return gff3_text([(k, 11, 40, strand, "0" if k == "CDS" else ".", t) for k, t in said])


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    "style", ["pgap", "coding gene", "gene says it", "no parent", "gtf", "gtf, gene"]
)
def test_pseudogenes_with_a_cds_have_no_protein(
    tmp_path: Path, style: str, strand: str
) -> None:
    held = PSEUDO if strand == "+" else reverse_complement(PSEUDO)
    model = build(
        tmp_path / "m", "CATGCATTAC" + held + "GACTTGACCA", _pseudogene(style, strand)
    )
    assert model.n_transcripts == 1
    assert not model.coding.any()
    assert model.transcripts["biotype"].to_list() == ["pseudogene"]
    assert model.meta["counts"]["pseudogenes_with_cds_not_translated"] == 1
    rows = alleles((20, held[9], "ACGT"[("ACGT".index(held[9]) + 1) % 4]), (22, held[11], "N"))
    found = consequences(model, rows)
    assert set(found["consequence"]) == {"non_coding_transcript_exon_variant"}
    assert set(found["impact"]) == {"MODIFIER"}


def test_a_frameshifted_pseudogene_has_no_intron(tmp_path: Path) -> None:
    text = "ID=cds-p;Parent=gene-p;pseudo=true"
    rows = [
        ("pseudogene", 11, 40, "+", ".", "ID=gene-p;gene_biotype=pseudogene;pseudo=true"),
        ("CDS", 11, 24, "+", "0", text),
        ("CDS", 26, 40, "+", "1", text),
    ]
    model = build(tmp_path / "m", "CATGCATTAC" + PSEUDO + "GACTTGACCA", rows)
    found = consequences(model, alleles((25, PSEUDO[14], "N"), (24, PSEUDO[13], "N")))
    assert set(found["consequence"]) == {"non_coding_transcript_exon_variant"}


def test_a_gene_that_is_not_pseudo_stays_coding(tmp_path: Path) -> None:
    text = _pseudogene("gene says it", "+").replace("pseudo=true", "pseudo=false")
    model = build(tmp_path / "m", "CATGCATTAC" + PSEUDO + "GACTTGACCA", text)
    assert model.coding.all()
    assert model.transcripts["biotype"].to_list() == ["protein_coding"]
