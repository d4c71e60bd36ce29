"""The counterparts of MANE transcripts: of the annotation itself, or of NCBI's table."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from gene_builders import Row, alleles, gff3_text, write_fasta
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.csq import CSQ_FIELDS, csq_entries
from varhouse.errors import InputError
from varhouse.genes import compile_genes
from varhouse.genes.gff3 import read_gff3
from varhouse.genes.rows import read_rows
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import GeneModel, load_genes

GENE = "T" * 10 + "CCACCC" + "ATG" + "GCT" * 19 + "TAA" + "GGCCTTGG" + "A" * 30
SELECT = ";tag=MANE Select"
HEADER = "#NCBI_GeneID\tEnsembl_Gene\tRefSeq_nuc\tRefSeq_prot\tEnsembl_nuc\tMANE_status\n"


def model(folder: Path, annotation: str, mane: str | None = None) -> GeneModel:
    folder.mkdir(exist_ok=True)
    (folder / "genes").write_text(annotation)
    table = None
    if mane is not None:
        table = folder / "mane.txt.gz"
        table.write_bytes(gzip.compress((HEADER + mane).encode()))
    with OpenedReference(write_fasta(folder / "r.fa", {"c": GENE})) as reference:
        return load_genes(compile_genes(folder / "genes", reference, folder / "m", table))


def one(extra: str, name: str = "T") -> list[Row]:
    return rows([(11, 87)], [(17, 79)], name=name, extra=extra)


def pair(refseq: str, ensembl: str, status: str = "MANE Select") -> str:
    return f"GeneID:1\tENSG1.1\t{refseq}\tNP_1.1\t{ensembl}\t{status}\n"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (f";Dbxref=GeneID:7157,Ensembl:ENST00000269305.9,HGNC:HGNC:11998{SELECT}",
         "ENST00000269305.9"),
        (f";Dbxref=Ensembl:ENST00000269305{SELECT}", "ENST00000269305"),
        (";tag=MANE%20Plus%20Clinical;Dbxref=Ensembl:ENST00000269305.9", "ENST00000269305.9"),
        (";tag=MANE_Select,basic;Dbxref=RefSeq:NM_000546.6", "NM_000546.6"),
        # Without the tag it is a cross-reference only; a gene's is no transcript's.
        (";Dbxref=Ensembl:ENST00000269305.9;tag=RefSeq Select", None),
        (f";Dbxref=Ensembl:ENSG00000141510.9{SELECT}", None),
        (f";note=Ensembl:ENST00000269305.9{SELECT}", None),
        (SELECT, None),
    ],
)  # fmt: skip
def test_cross_references_of_gff3(tmp_path: Path, extra: str, expected: str | None) -> None:
    found = model(tmp_path, gff3_text(one(extra)))
    assert found.transcripts["mane_id"].to_list() == [expected]


def test_cross_references_of_gtf(tmp_path: Path) -> None:
    common = (
        'gene_id "G"; transcript_id "NM_1.1"; db_xref "GeneID:1"; tag "MANE Select"; '
        'db_xref "Ensembl:ENST00000269305.9";'
    )
    text = "".join(
        "\t".join(["c", "t", kind, str(a), str(b), ".", "+", "0", common]) + "\n"
        for kind, a, b in (("transcript", 11, 87), ("exon", 11, 87), ("CDS", 17, 79))
    )
    assert model(tmp_path, text).transcripts["mane_id"].to_list() == ["ENST00000269305.9"]


def test_csq_has_the_id_where_it_is_known(tmp_path: Path) -> None:
    extra = ";tag=MANE_Plus_Clinical;Dbxref=RefSeq:NM_000546.6"
    two = [*one(extra, "A"), *one(";tag=MANE_Select", "B")[1:], *one("", "C")[1:]]
    found = consequences(model(tmp_path, gff3_text(two)), alleles((20, "G", "T")))
    assert found["mane_id"].to_list() == ["NM_000546.6", None, None]
    entries = [
        dict(zip(CSQ_FIELDS, ["-", *e.split("|")], strict=True)) for e in csq_entries(found)
    ]
    assert [e["MANE_SELECT"] for e in entries] == ["", "YES", ""]
    assert [e["MANE_PLUS_CLINICAL"] for e in entries] == ["NM_000546.6", "", ""]


@pytest.mark.parametrize(
    ("name", "extra", "expected"),
    [
        # The version in the id (GENCODE, RefSeq), in a column (Ensembl), or nowhere.
        ("ENST01.2", ";tag=MANE_Select", ("NM_1.3", True, False)),
        ("ENST01", ";version=2;tag=MANE_Select", ("NM_1.3", True, False)),
        ("ENST01", "", ("NM_1.3", True, False)),
        ("NM_1.3", "", ("ENST01.2", True, False)),
        ("ENST02.1", "", ("NM_2.1", False, True)),
        # Another version is another sequence; the annotation's own word stays.
        ("ENST01.1", "", (None, False, False)),
        ("ENST01.1", ";tag=MANE_Select", (None, True, False)),
        ("ENST01", ";version=3", (None, False, False)),
        ("ENST03.1", ";tag=MANE_Select", (None, True, False)),
    ],
)
def test_table_of_pairs(
    tmp_path: Path, name: str, extra: str, expected: tuple[str | None, bool, bool]
) -> None:
    table = pair("NM_1.3", "ENST01.2") + pair("NM_2.1", "ENST02.1", "MANE Plus Clinical")
    found = model(tmp_path, gff3_text(one(extra, name)), table)
    columns = ("mane_id", "mane_select", "mane_plus_clinical")
    assert found.transcripts.select(columns).row(0) == expected
    assert found.transcripts["transcript_id"].to_list() == [name]
    here = name.partition(".")[0] in ("ENST01", "ENST02", "NM_1")
    counts = found.meta["counts"]
    taken = counts["transcripts_in_the_mane_table"]
    assert taken + counts["transcripts_of_another_version_than_mane"] == here
    assert taken == (expected[0] is not None)


def test_another_table_compiles_the_model_anew(tmp_path: Path) -> None:
    text = gff3_text(one(";tag=MANE_Select", "ENST01.2"))
    first = model(tmp_path, text)
    again = model(tmp_path, text, pair("NM_1.3", "ENST01.2"))
    assert again.digest != first.digest
    assert again.meta["contig_digests"] != first.meta["contig_digests"]
    assert model(tmp_path, text, pair("NM_1.3", "ENST01.2")).digest == again.digest


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"a\tb\n1\t2\n", "no column RefSeq_nuc, Ensembl_nuc, MANE_status"),
        (b"", "cannot be read as a table"),
        (gzip.compress(HEADER.encode(), mtime=0)[:-4], "cut off or damaged"),
    ],
    ids=["columns", "empty", "cut"],
)
def test_damaged_tables(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "genes").write_text(gff3_text(one("")))
    (tmp_path / "mane").write_bytes(data)
    with OpenedReference(write_fasta(tmp_path / "r.fa", {"c": GENE})) as reference:
        with pytest.raises(InputError, match=what):
            compile_genes(tmp_path / "genes", reference, tmp_path / "m", tmp_path / "mane")
        with pytest.raises(InputError, match="no such file"):
            compile_genes(tmp_path / "genes", reference, tmp_path / "m", tmp_path / "none")


def test_cross_references_of_a_real_file(data_dir: Path) -> None:
    name = "refseq_test.GRCh38.p14_genomic.RS_2023_03.gff"
    path = data_dir / "hgvs" / "cdot" / name
    lines = [x.split("\t") for x in path.read_text().splitlines() if x[0] != "#"]
    contigs = Contigs([Contig(n, []) for n in dict.fromkeys(x[0] for x in lines)])
    found = read_gff3(read_rows(path, contigs)).transcripts.filter("mane_select")
    assert found.select("transcript_id", "mane_id").rows() == [
        ("NM_007294.4", "ENST00000357654.9")
    ]
    assert found.schema["mane_id"] == pl.String
