"""Annotations of every dialect become the same gene model, and nothing is lost in silence."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from gene_builders import alleles, build, call, gff3_text, write_fasta
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.errors import InputError
from varhouse.genes import compile_genes, genes_frame
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.tables.schema import GENES, check_table
from varhouse.transcripts.genemodel import ARRAYS, GeneModel, load_genes, ranges
from varhouse.transcripts.modeldigest import contig_digests

SEQUENCE = "CC" + "ATGGCTAAAGGTTAA" + "C" * 40
EXONS, CDS = [(1, 8), (10, 30)], [(3, 8), (10, 17)]


def cdna(model: GeneModel, t: int = 0) -> str:
    at = int(model.cdna_ptr[t])
    codes = model.cdna[at : at + int(model.cdna_length[t])]
    return "".join("ACGTN"[c] for c in codes)


def test_gzip_and_line_order_give_the_same_model(tmp_path: Path) -> None:
    text = gff3_text(rows(EXONS, CDS))
    lines = text.splitlines()
    plain = build(tmp_path / "a", SEQUENCE, text)
    turned = build(tmp_path / "b", SEQUENCE, "\n".join([lines[0], *lines[:0:-1]]) + "\n")
    for name in ARRAYS:
        assert np.array_equal(getattr(plain, name), getattr(turned, name)), name
    assert plain.digest != turned.digest
    packed = tmp_path / "genes.gff3.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    with OpenedReference(write_fasta(tmp_path / "r.fa", {"c": SEQUENCE})) as reference:
        again = load_genes(compile_genes(packed, reference, tmp_path / "c"))
    assert again.digest == plain.digest


def test_digest_changes_with_the_reference(tmp_path: Path) -> None:
    text = gff3_text(rows(EXONS, CDS))
    one = build(tmp_path / "a", SEQUENCE, text)
    two = build(tmp_path / "b", SEQUENCE + "A", text)
    assert one.digest != two.digest


def test_a_finished_model_is_kept_and_a_half_one_is_not(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "r.fa", {"c": SEQUENCE})
    gff = tmp_path / "g.gff3"
    gff.write_text(gff3_text(rows(EXONS, CDS)))
    with OpenedReference(fasta) as reference:
        out = compile_genes(gff, reference, tmp_path / "m")
        stamp = (out / "cdna.npy").stat().st_mtime_ns
        compile_genes(gff, reference, out)
        assert (out / "cdna.npy").stat().st_mtime_ns == stamp
        (out / "meta.json").unlink()
        with pytest.raises(InputError, match="no compiled gene model"):
            load_genes(out)
        compile_genes(gff, reference, out)
        assert (out / "cdna.npy").stat().st_mtime_ns != stamp


def test_another_format_is_refused(tmp_path: Path) -> None:
    build(tmp_path / "a", SEQUENCE, rows(EXONS, CDS))
    index = tmp_path / "a" / "model" / "meta.json"
    meta = json.loads(index.read_text())
    index.write_text(json.dumps({**meta, "format": 999}))
    with pytest.raises(InputError, match="format 999"):
        load_genes(tmp_path / "a" / "model")


def test_gencode_gtf_gets_its_stop_codon(tmp_path: Path) -> None:
    text = (
        'gene_id "ENSG01.5"; transcript_id "ENST01.2"; gene_type "protein_coding"; '
        'gene_name "ABC"; transcript_type "protein_coding"; tag "basic"; '
        'tag "Ensembl_canonical";'
    )
    kinds = [
        ("gene", 1, 30, "."), ("transcript", 1, 30, "."), ("exon", 1, 8, "."),
        ("exon", 10, 30, "."), ("CDS", 3, 8, "0"), ("CDS", 10, 14, "0"),
        ("stop_codon", 15, 17, "0"),
    ]  # fmt: skip
    lines = [f"c\tHAVANA\t{k}\t{a}\t{b}\t.\t+\t{p}\t{text}" for k, a, b, p in kinds]
    model = build(tmp_path / "m", SEQUENCE, "\n".join(lines) + "\n")
    assert model.meta["dialect"] == "GTF"
    assert (int(model.cds_start[0]), int(model.cds_end[0])) == (
        int(model.contig_start[0]) + 2,
        int(model.contig_start[0]) + 17,
    )
    row = model.transcripts.row(0, named=True)
    assert (row["transcript_id"], row["gene_id"], row["gene_name"]) == (
        "ENST01.2",
        "ENSG01",
        "ABC",
    )
    assert row["canonical"]
    # A stop codon somewhere else is not taken, and is counted.
    lines[-1] = lines[-1].replace("\t15\t17\t", "\t20\t22\t")
    other = build(tmp_path / "n", SEQUENCE, "\n".join(lines) + "\n")
    assert int(other.cds_length[0]) == 11
    assert other.meta["counts"]["stop_codons_not_adjacent"] == 1


@pytest.mark.parametrize("strand", ["+", "-"])
def test_stop_codon_split_over_two_exons(tmp_path: Path, strand: str) -> None:
    text = 'gene_id "G"; transcript_id "T";'
    kinds = [("exon", 1, 20), ("exon", 31, 60)]
    if strand == "+":
        kinds += [("CDS", 3, 19), ("stop_codon", 20, 20), ("stop_codon", 31, 32)]
    else:
        kinds += [("CDS", 32, 50), ("stop_codon", 31, 31), ("stop_codon", 19, 20)]
    lines = [f"c\tx\t{k}\t{a}\t{b}\t.\t{strand}\t0\t{text}" for k, a, b in kinds]
    model = build(tmp_path / "m", "ACGT" * 20, "\n".join(lines) + "\n")
    assert int(model.cds_length[0]) == (20 if strand == "+" else 22)
    assert model.meta["counts"]["stop_codons_not_adjacent"] == 0


def test_refseq_and_parent_lists(tmp_path: Path) -> None:
    text = "\n".join(
        "\t".join(["c", "BestRefSeq", kind, str(a), str(b), ".", "+", phase, attributes])
        for kind, a, b, phase, attributes in [
            ("region", 1, 57, ".", "ID=c:1..57;genome=chromosome"),
            ("gene", 1, 30, ".", "ID=gene-ABC;Name=ABC;gene=ABC;gene_biotype=protein_coding"),
            ("mRNA", 1, 30, ".",
             "ID=rna-NM_1.2;Parent=gene-ABC;Name=NM_1.2;gene=ABC;transcript_id=NM_1.2"),
            ("mRNA", 1, 30, ".",
             "ID=rna-NM_2.1;Parent=gene-ABC;Name=NM_2.1;gene=ABC;transcript_id=NM_2.1"),
            ("exon", 1, 30, ".", "ID=e1;Parent=rna-NM_1.2,rna-NM_2.1;gene=ABC"),
            ("CDS", 3, 17, "0", "ID=cds-NP_1.1;Parent=rna-NM_1.2;protein_id=NP_1.1"),
        ]
    )  # fmt: skip
    model = build(tmp_path / "m", SEQUENCE, text + "\n")
    names = model.transcripts.sort("transcript_id")
    assert names["transcript_id"].to_list() == ["NM_1.2", "NM_2.1"]
    assert names["gene_id"].to_list() == ["ABC", "ABC"]
    assert names["biotype"].to_list() == ["protein_coding", "mRNA"]
    assert model.meta["features_not_used"] == {"region": 1}


def test_ids_may_repeat_on_another_contig(tmp_path: Path) -> None:
    text = gff3_text(rows(EXONS, CDS), "c") + gff3_text(rows(EXONS, CDS), "d")
    model = build(tmp_path / "m", {"c": SEQUENCE, "d": SEQUENCE}, text)
    assert model.transcripts["contig"].to_list() == ["c", "d"]
    assert genes_frame(model).height == 2


def test_contig_names_go_through_the_aliases(tmp_path: Path) -> None:
    contigs = Contigs([Contig("chr1", ["c", "1"])])
    model = build(tmp_path / "m", SEQUENCE, gff3_text(rows(EXONS, CDS), "1"), contigs)
    assert model.contigs == ["chr1"]
    mixed = gff3_text(rows(EXONS, CDS), "1") + gff3_text(rows(EXONS, CDS), "HSCHR9")
    partly = build(tmp_path / "n", SEQUENCE, mixed, contigs)
    assert partly.meta["unknown_contigs"] == ["HSCHR9"]
    assert partly.meta["counts"]["lines_on_unknown_contigs"] == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of GFF3 or GTF"),
        ("#gff\n", "no line of GFF3 or GTF"),
        ("a,b,c\n", "9"),
        (gff3_text(rows(EXONS, CDS), "chrZ"), "none of its contigs"),
        ("c\tx\tregion\t1\t5\t.\t+\t.\tID=a\n", "no gene and no transcript"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(tmp_path / "m", SEQUENCE, text)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.gff3.gz"
    path.write_bytes(gzip.compress(gff3_text(rows(EXONS, CDS)).encode())[:-12])
    with (
        OpenedReference(write_fasta(tmp_path / "r.fa", {"c": SEQUENCE})) as reference,
        pytest.raises(InputError, match="cut off or damaged"),
    ):
        compile_genes(path, reference, tmp_path / "m")


def test_transcript_past_the_end_of_a_partial_reference(tmp_path: Path) -> None:
    contigs = Contigs([Contig("c", [], None, 1000), Contig("e", [], None, 500)])
    text = gff3_text(rows([(1, 30), (50, 70)], [(3, 17)])) + gff3_text(
        rows([(1, 9)], name="U", gene="H"), "e"
    )
    model = build(tmp_path / "m", SEQUENCE, text, contigs)
    assert cdna(model).endswith("N" * 13)
    assert model.meta["counts"]["transcripts_past_the_end_of_the_sequence"] == 1
    assert model.meta["counts"]["transcripts_on_contigs_without_sequence"] == 1
    assert call(model, 6, "G", "C")["consequence"] == "missense_variant"
    far = consequences(model, alleles((990, "A", "C")))
    assert far["consequence"].to_list() == ["downstream_gene_variant"]


def test_slippage_reads_a_base_twice(tmp_path: Path) -> None:
    # ATG GCT AA|A| AGG ...: base 10 ends one frame and begins the next.
    sequence = "C" + "ATGGCTAAAGGTTAATGA" + "C" * 20
    parts = [
        ("gene", 2, 19, "+", ".", "ID=gene-V;Name=V;gene_biotype=protein_coding"),
        ("CDS", 2, 10, "+", "0", "ID=cds-P;Parent=gene-V;exception=ribosomal slippage"),
        ("CDS", 10, 18, "+", "0", "ID=cds-P;Parent=gene-V;exception=ribosomal slippage"),
    ]
    model = build(tmp_path / "m", sequence, parts)
    assert cdna(model) == "ATGGCTAAAAGGTTAATG"
    assert model.meta["counts"]["transcripts_with_slippage"] == 1
    rows_of_10 = consequences(model, alleles((10, "A", "C"), (12, "G", "GT"), (9, "AA", "A")))
    assert rows_of_10["pos"].to_list() == [9, 10, 12]
    assert rows_of_10["consequence"][1] == "missense_variant"


def test_slippage_inside_one_exon(tmp_path: Path) -> None:
    """A +1 frameshift (a base jumped over) cuts the exon; its number stays."""
    both = rows([(1, 40)], [(3, 8), (10, 18)])
    model = build(tmp_path / "m", SEQUENCE, both)
    assert model.meta["counts"]["transcripts_with_slippage"] == 1
    assert cdna(model).startswith(SEQUENCE[:8] + SEQUENCE[9:20])
    assert int(model.n_exon[0]) == 1
    assert call(model, 12, SEQUENCE[11], "C")["exon"] == "1/1"


def test_cds_outside_exons_and_broken_cds_are_counted(tmp_path: Path) -> None:
    outside = build(tmp_path / "a", SEQUENCE, rows([(1, 8)], [(3, 17)]))
    assert outside.meta["counts"]["transcripts_with_cds_outside_exons"] == 1
    assert cdna(outside) == SEQUENCE[:17]
    broken = build(tmp_path / "b", SEQUENCE, rows([(1, 20), (30, 50)], [(3, 8), (33, 38)]))
    assert broken.meta["counts"]["transcripts_with_broken_cds"] == 1
    assert not broken.coding[0]


def test_exons_on_both_strands_are_counted(tmp_path: Path) -> None:
    lines = rows([(1, 8), (20, 30)]) + rows([(1, 9)], name="U", gene="H")
    mixed = [(*r[:3], "-", *r[4:]) if r[:2] == ("exon", 20) else r for r in lines]
    model = build(tmp_path / "m", SEQUENCE, mixed)
    assert model.meta["counts"]["transcripts_on_both_strands"] == 1
    assert model.transcripts["transcript_id"].to_list() == ["U"]


def test_genes_fit_the_table(tmp_path: Path) -> None:
    text = gff3_text(rows(EXONS, CDS, extra=";tag=basic") + rows([(5, 9)], name="U", gene="H"))
    lonely = "c\tx\tgene\t40\t44\t.\t-\t.\tID=gene:L;biotype=lncRNA\n"
    model = build(tmp_path / "m", SEQUENCE, text + lonely)
    table = check_table(genes_frame(model), GENES)
    assert table.select("gene_id", "start", "end", "strand", "n_transcripts").rows() == [
        ("G", 1, 30, 1, 1),
        ("H", 5, 9, 1, 1),
        ("L", 40, 44, -1, 0),
    ]
    assert table["genes_digest"].unique().to_list() == [contig_digests(model)["c"]]
    assert table["gene_name"].to_list() == ["NG", "NH", None]


def test_real_annotations_lose_nothing(data_dir: Path, tmp_path: Path) -> None:
    """Ensembl GFF3 of chr21: 2,414 transcripts, as its rows say (no sequence here)."""
    path = data_dir / "reference" / "GRCh38-chr21-Ensembl-GFF3" / "test.gff.gz"
    with OpenedReference(
        write_fasta(tmp_path / "r.fa", {"x": "ACGT"}), Contigs([Contig("x"), Contig("21")])
    ) as reference:
        model = load_genes(compile_genes(path, reference, tmp_path / "m"))
    with gzip.open(path, "rt") as f:
        lines = [line.split("\t") for line in f if line[0] != "#"]
    named = {
        line[8].split("ID=")[1].split(";")[0] for line in lines if "ID=transcript:" in line[8]
    }
    assert {f"transcript:{t}" for t in model.transcripts["transcript_id"]} == named
    # Eight exon rows have two parents.
    exons = sum(line[8].count("transcript:") for line in lines if line[2] == "exon")
    assert exons == 13_966 + 8
    assert int(model.n_exon.sum()) == exons
    assert model.genes.height == sum(line[8].startswith("ID=gene:") for line in lines)
    assert int((model.seg_kind == 2).sum()) == exons
    spans = pl.DataFrame({"a": model.start, "b": model.end})
    assert spans["a"].is_sorted()


@pytest.mark.parametrize("where", ["extra", "cds_extra"])
@pytest.mark.parametrize(("strand", "start"), [("+", False), ("-", True)])
def test_open_end_of_refseq_is_genomic(
    tmp_path: Path, where: str, strand: str, start: bool
) -> None:
    more = {where: ";partial=true;end_range=70,."}
    one = rows([(11, 100)], [(11, 70)], strand=strand, **more)
    model = build(tmp_path / "m", "ACGT" * 60, one)
    assert (model.start_unknown[0], model.end_unknown[0]) == (start, not start)


def test_ranges() -> None:
    low, count = np.array([5, 1, 9]), np.array([2, 0, 3])
    assert ranges(low, count).tolist() == [5, 6, 9, 10, 11]
