"""Tags of transcripts as typed columns, and which row VEP would pick by them."""

from pathlib import Path

import polars as pl
import pytest
from gene_builders import Row, alleles, build, gff3_text
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.csq import CSQ_FIELDS, csq_entries
from varhouse.genes.gff3 import read_gff3
from varhouse.genes.gtf import read_gtf
from varhouse.genes.rows import read_rows
from varhouse.genome.contigs import Contig, Contigs
from varhouse.transcripts.genemodel import GeneModel

GENE = "T" * 10 + "CCACCC" + "ATG" + "GCT" * 19 + "TAA" + "GGCCTTGG" + "A" * 30
CDS = [(17, 79)]
TAGS = ["canonical", "mane_select", "mane_plus_clinical", "gencode_basic", "tsl", "appris"]


def several(*extras: str, **more: str) -> list[Row]:
    """Transcripts T0, T1, ... of one gene, alike but for their attributes."""
    out: list[Row] = []
    for i, extra in enumerate(extras):
        one = rows([(11, 87)], CDS, name=f"T{i}", extra=extra, **more)
        out += one if i == 0 else one[1:]
    return out


def picked(model: GeneModel, column: str = "pick", pos: int = 21, alt: str = "A") -> list[str]:
    found = consequences(model, alleles((pos, GENE[pos - 1], alt)))
    return found.filter(column)["transcript_id"].to_list()


NONE = (False, False, False, False, None, None)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", NONE),
        (";tag=basic,Ensembl_canonical,MANE_Select", (True, True, False, True, None, None)),
        (";tag=MANE_Plus_Clinical,basic", (False, False, True, True, None, None)),
        (";tag=MANE Select", (True, True, False, False, None, None)),
        (";tag=RefSeq%20Select", (True, False, False, False, None, None)),
        (";tag=MANE%20Plus%20Clinical", (False, False, True, False, None, None)),
        (";tag=GENCODE_basic;transcript_support_level=1 (assigned to previous version 3)",
         (False, False, False, True, 1, None)),
        (";transcript_support_level=NA;tag=appris_principal_2,CCDS",
         (False, False, False, False, None, "P2")),
        (";transcript_support_level=5;tag=appris_alternative_1",
         (False, False, False, False, 5, "A1")),
        (";tag=appris_principal", (False, False, False, False, None, "P")),
        (";tag=not_basic,MANE_Selected", NONE),
    ],
)  # fmt: skip
def test_tags_of_gff3(tmp_path: Path, extra: str, expected: tuple[object, ...]) -> None:
    model = build(tmp_path / "m", GENE, several(extra))
    assert model.transcripts.select(TAGS).row(0) == expected
    found = consequences(model, alleles((21, "C", "A")))
    assert found.select(TAGS).row(0) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", NONE),
        (' tag "basic"; tag "Ensembl_canonical"; tag "MANE_Select";'
         ' tag "appris_principal_1"; transcript_support_level "2";',
         (True, True, False, True, 2, "P1")),
        (' transcript_support_level "1 (assigned to previous version 2)"; tag "CCDS";',
         (False, False, False, False, 1, None)),
        (' tag "MANE Select"; tag "RefSeq Select";', (True, True, False, False, None, None)),
        (" tag basic; tag MANE_Plus_Clinical;", (False, False, True, True, None, None)),
    ],
)  # fmt: skip
def test_tags_of_gtf(tmp_path: Path, extra: str, expected: tuple[object, ...]) -> None:
    common = f'gene_id "G"; transcript_id "T"; gene_type "protein_coding";{extra}'
    text = "".join(
        "\t".join(["c", "t", kind, str(a), str(b), ".", "+", "0", common]) + "\n"
        for kind, a, b in (("transcript", 11, 87), ("exon", 11, 87), ("CDS", 17, 79))
    )
    model = build(tmp_path / "m", GENE, text)
    assert model.transcripts.select(TAGS).row(0) == expected


@pytest.mark.parametrize(
    "order",
    [
        # Each line beats the lines behind it, whatever those have.
        (
            ";tag=MANE_Select",
            ";tag=MANE_Plus_Clinical,Ensembl_canonical,appris_principal_1",
            ";tag=Ensembl_canonical,appris_alternative_2",
            ";tag=appris_principal_1;transcript_support_level=5",
            ";tag=appris_principal_3",
            ";tag=appris_alternative_1;transcript_support_level=1",
            ";transcript_support_level=1",
            ";transcript_support_level=5;ccdsid=CCDS1",
            ";ccdsid=CCDS1.1",
            "",
        )
    ],
)
def test_order_before_the_consequence(tmp_path: Path, order: tuple[str, ...]) -> None:
    for first in range(len(order)):
        held = order[first:][::-1]
        model = build(tmp_path / str(first), GENE, several(*held))
        assert picked(model) == [f"T{len(held) - 1}"], held[-1]


def test_biotype_then_rank_then_length_then_name(tmp_path: Path) -> None:
    decay = ";biotype=nonsense_mediated_decay"
    text = gff3_text(several("", "")).replace(
        "ID=transcript:T0;Parent=gene:G;biotype=protein_coding",
        f"ID=transcript:T0;Parent=gene:G{decay}",
    )
    assert picked(build(tmp_path / "a", GENE, text)) == ["T1"]
    # Base 21 lies in the 5' UTR of T0, in a codon of T1.
    both = several("", "")
    lesser = [("CDS", 50, 79, *r[3:]) if r[0] == "CDS" and "PT0" in r[5] else r for r in both]
    assert picked(build(tmp_path / "b", GENE, lesser)) == ["T1"]
    # Both change the same codon; T1's CDS is longer.
    longer = [("CDS", 20, 79, *r[3:]) if r[0] == "CDS" and "PT0" in r[5] else r for r in both]
    model = build(tmp_path / "c", GENE, longer)
    assert picked(model, pos=30, alt="A") == ["T1"]
    assert picked(build(tmp_path / "d", GENE, both)) == ["T0"]


def test_one_row_an_allele_and_one_a_gene(tmp_path: Path) -> None:
    other = rows([(11, 87)], CDS, name="U", gene="H", extra=";tag=MANE_Select")
    model = build(tmp_path / "m", GENE, [*several("", ";tag=Ensembl_canonical"), *other])
    frame = alleles((21, "C", "A"), (21, "C", "T"), (30, "T", "A"), (5, "T", "A"))
    found = consequences(model, frame)
    by_allele = found.group_by("pos", "alt").agg(pl.col("pick").sum())
    assert by_allele["pick"].to_list() == [1] * 4
    by_gene = found.group_by("pos", "alt", "gene_id").agg(pl.col("pick_gene").sum())
    assert by_gene["pick_gene"].to_list() == [1] * 8
    assert found.filter("pick")["transcript_id"].unique().to_list() == ["U"]
    assert found.filter("pick_gene")["transcript_id"].unique().sort().to_list() == ["T1", "U"]
    # A row that is picked of all is picked of its gene, and the most severe one stays.
    assert found.filter(pl.col("pick") & ~pl.col("pick_gene")).is_empty()
    assert found.group_by("pos", "alt").agg(pl.col("most_severe").any())["most_severe"].all()


def test_picks_do_not_depend_on_the_chunks(tmp_path: Path) -> None:
    model = build(tmp_path / "m", GENE, several("", ";tag=Ensembl_canonical", ""))
    frame = alleles(
        *((p, GENE[p - 1], "ACGT".replace(GENE[p - 1], "")[0]) for p in range(1, 99))
    )
    assert consequences(model, frame, chunk=7).equals(consequences(model, frame))


def test_fields_of_csq(tmp_path: Path) -> None:
    tags = ";tag=basic,Ensembl_canonical,MANE_Select,appris_principal_1,cds_end_NF"
    model = build(tmp_path / "m", GENE, several(f"{tags};transcript_support_level=1", ""))
    found = consequences(model, alleles((20, "G", "T")))
    entry = dict(zip(CSQ_FIELDS, ["-", *csq_entries(found)[0].split("|")], strict=True))
    names = [
        "FLAGS",
        "PICK",
        "CANONICAL",
        "MANE_SELECT",
        "MANE_PLUS_CLINICAL",
        "TSL",
        "APPRIS",
    ]
    assert [entry[n] for n in names] == ["cds_end_NF", "1", "YES", "YES", "", "1", "P1"]
    other = dict(zip(CSQ_FIELDS, ["-", *csq_entries(found)[1].split("|")], strict=True))
    assert [other[n] for n in names] == [""] * 7
    stop = consequences(model, alleles((21, "CT", "C"))).sort("transcript_id")
    entry = dict(zip(CSQ_FIELDS, ["-", *csq_entries(stop)[0].split("|")], strict=True))
    assert [entry[n] for n in ("LoF", "LoF_filter", "LoF_flags")] == [
        "LC",
        "INCOMPLETE_CDS",
        "SINGLE_EXON",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ensembl_test.GRCh38.111.gtf", (2, 1, 0, 2)),
        ("refseq_test.GRCh38.p14_genomic.RS_2023_03.gff", (1, 1, 0, 0)),
    ],
)
def test_tags_of_real_files(
    data_dir: Path, name: str, expected: tuple[int, int, int, int]
) -> None:
    path = data_dir / "hgvs" / "cdot" / name
    lines = [x.split("\t") for x in path.read_text().splitlines() if x[0] != "#"]
    contigs = Contigs([Contig(n, []) for n in dict.fromkeys(x[0] for x in lines)])
    rows_of = read_rows(path, contigs)
    found = (read_gtf if rows_of.is_gtf else read_gff3)(rows_of).transcripts
    assert found.select(pl.col(TAGS[:4]).sum()).row(0) == expected
