"""The panel of sites for contamination, from every form that a centre has."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.panel import SPACING, read_panel
from varhouse.reads.panelfile import SCHEMA
from varhouse.textfile import line_blocks

CONTIGS = Contigs([Contig("chr1", ["1"]), Contig("chr2", ["2"]), Contig("chrX", ["X"])])
HAPLOID = HaploidRegions(CONTIGS, None)
HEAD = """##fileformat=VCFv4.2
##contig=<ID=1>
##contig=<ID=2>
##contig=<ID=X>
##contig=<ID=GL1>
##INFO=<ID=AF,Number=A,Type=Float,Description="f">
##INFO=<ID=AF_eas,Number=1,Type=Float,Description="f">
##INFO=<ID=MAF,Number=1,Type=Float,Description="f">
##INFO=<ID=DB,Number=0,Type=Flag,Description="f">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
RECORDS = """1\t1000\t.\tA\tG\t.\t.\tMAF=0.9;AF=0.3;AF_eas=0.5;DB
1\t3000\t.\tC\tT\t.\t.\tAF=0.01;AF_eas=0.5
1\t5000\t.\tC\tT,G\t.\t.\tAF=0.3,0.2
1\t7000\t.\tCA\tC\t.\t.\tAF=0.3
1\t9000\t.\tG\tT\t.\t.\tAF=0.94
1\t11000\t.\tG\tT\t.\t.\tAF=0.3
1\t11000\t.\tG\tC\t.\t.\tAF=0.4
2\t1000\t.\tT\tC\t.\t.\tAF=0.97
2\t2000\t.\tT\tC\t.\t.\t.
2\t3000\t.\tT\tC\t.\t.\tAF=0.05
X\t1000\t.\tT\tC\t.\t.\tAF=0.5
GL1\t1000\t.\tT\tC\t.\t.\tAF=0.5
"""
KEPT = [
    ("chr1", 1000, "A", "G", 0.3),
    ("chr1", 9000, "G", "T", 0.94),
    ("chr2", 3000, "T", "C", 0.05),
]


def write_vcf(path: Path, records: str = RECORDS) -> Path:
    path.write_text(HEAD + records)
    return path


def rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    assert dict(frame.schema) == SCHEMA
    return [(*row[:4], round(row[4], 6)) for row in frame.rows()]


def test_vcf(tmp_path: Path) -> None:
    notes: list[str] = []
    found = read_panel(
        write_vcf(tmp_path / "p.vcf"), "AF", CONTIGS, haploid=HAPLOID, notes=notes
    )
    assert rows(found) == KEPT
    assert any("GL1" in note for note in notes)
    assert any("3 sites of 5" in note for note in notes)
    other = read_panel(tmp_path / "p.vcf", "AF_eas", CONTIGS, haploid=HAPLOID)
    assert [row[:2] for row in other.rows()] == [("chr1", 1000), ("chr1", 3000)]


def test_other_forms_of_a_vcf_say_the_same(tmp_path: Path) -> None:
    plain = write_vcf(tmp_path / "p.vcf")
    (tmp_path / "p.vcf.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with (
        pysam.VariantFile(str(plain)) as file,
        pysam.VariantFile(str(tmp_path / "p.bcf"), "wb", header=file.header) as out,
    ):
        for record in file:
            out.write(record)
    for name in ("p.vcf.gz", "p.bcf"):
        assert rows(read_panel(tmp_path / name, "AF", CONTIGS, haploid=HAPLOID)) == KEPT


@pytest.mark.parametrize("header", ["contig\tpos\tref\talt\taf", "#CHROM\tPOS\tREF\tALT\tAF"])
@pytest.mark.parametrize("separator", ["\t", ","])
def test_sheets(tmp_path: Path, header: str, separator: str) -> None:
    lines = [header, "1\t1000\ta\tg\t0.3", "chr1\t9000\tG\tT\t0.94", "2\t3000\tT\tC\t0.05"]
    lines += ["2\t5000\tT\tC\t", "2\t7000\tT\tTA\t0.4"]
    path = tmp_path / "panel.tsv"
    path.write_text("\n".join(lines).replace("\t", separator) + "\n")
    assert rows(read_panel(path, "AF", CONTIGS, haploid=HAPLOID)) == KEPT


def test_a_release_that_a_centre_has_published(tmp_path: Path) -> None:
    columns = ["contig", "pos", "ref", "alt", "stratum_by", "ac", "an", "af"]
    data = [
        ("chr1", 1000, "A", "G", "all", 30, 100, 0.3),
        ("chr1", 1000, "A", "G", "sex", 30, 50, 0.6),
        ("chr1", 9000, "G", "T", "all", 94, 100, 0.94),
        ("chr2", 3000, "T", "C", "all", 5, 100, 0.05),
        ("chr2", 5000, "T", "C", "all", 0, 0, None),
    ]
    frame = pl.DataFrame(data, schema=columns, orient="row")
    for table in ("totals", "alleles"):
        (tmp_path / table / "part=chr1").mkdir(parents=True)
    frame[:3].write_parquet(tmp_path / "totals/part=chr1/a.parquet")
    (tmp_path / "totals/part=chr2").mkdir()
    frame[3:].write_parquet(tmp_path / "totals/part=chr2/b.parquet")
    frame.select("contig", "pos").write_parquet(tmp_path / "alleles/part=chr1/c.parquet")
    assert rows(read_panel(tmp_path, "AF", CONTIGS, haploid=HAPLOID)) == KEPT
    # Cohorts of one allele are one population.
    two = pl.concat(
        [frame[:1], frame[:1].with_columns(ac=0 * pl.col("ac"), an=2 * pl.col("an"), af=0.0)]
    )
    two.write_parquet(tmp_path / "two.parquet")
    assert rows(read_panel(tmp_path / "two.parquet", "af", CONTIGS)) == [
        ("chr1", 1000, "A", "G", 0.1)
    ]


def test_sites_are_thinned(tmp_path: Path) -> None:
    lines = ["contig\tpos\tref\talt\taf"]
    lines += [f"chr{c}\t{p}\tA\tG\t0.5" for c in (2, 1) for p in range(100_000, 0, -300)]
    path = tmp_path / "panel.tsv"
    path.write_text("\n".join(lines))
    found = read_panel(path, "af", CONTIGS)
    for contig in ("chr1", "chr2"):
        gaps = np.diff(found.filter(pl.col("contig") == contig)["pos"].to_numpy())
        assert gaps.min() >= SPACING
        assert gaps.max() < 2 * SPACING
    assert found["contig"].unique(maintain_order=True).to_list() == ["chr1", "chr2"]
    few = read_panel(path, "af", CONTIGS, most=10)
    assert few.height == 10
    assert few["contig"].value_counts()["count"].to_list() == [5, 5]


def write_fasta(path: Path, base: str) -> Path:
    path.write_text(f">1\n{'N' * 50}{base * 20_000}\n>X\nACGT\n")
    pysam.faidx(str(path))
    return path


def test_ref_is_compared_and_contigs_are_named_as_the_reference_does(tmp_path: Path) -> None:
    path = tmp_path / "panel.tsv"
    lines = [f"chr1\t{p}\tA\tG\t0.5" for p in range(1000, 21_000, 1000)]
    wrong = ["chr1\t20\tA\tG\t0.5", "chr2\t20\tA\tG\t0.5"]
    path.write_text("\n".join(["contig\tpos\tref\talt\taf", *wrong, *lines]))
    notes: list[str] = []
    found = read_panel(
        path, "af", CONTIGS, fasta=write_fasta(tmp_path / "a.fa", "a"), notes=notes
    )
    assert found.height == 20
    assert set(found["contig"]) == {"1"}
    assert any("1 sites left out" in note for note in notes)
    with pytest.raises(InputError, match=r"20 of 21|21 of 21") as caught:
        read_panel(path, "af", CONTIGS, fasta=write_fasta(tmp_path / "c.fa", "C"))
    assert "chr1:" in str(caught.value)


def test_mistakes_name_the_place_and_the_fix(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "p.vcf")
    with pytest.raises(InputError, match=r"no INFO field 'AF_EAS'.*AF_eas"):
        read_panel(vcf, "AF_EAS", CONTIGS)
    with pytest.raises(InputError, match="is a flag"):
        read_panel(vcf, "DB", CONTIGS)
    with pytest.raises(InputError, match=r"none of its 10 rows"):
        read_panel(vcf, "AF", Contigs([Contig("scaffold1")]))
    bad = write_vcf(tmp_path / "bad.vcf", RECORDS + "X\t2000\t.\tT\tC\t.\t.\tAF=1.5\n")
    with pytest.raises(InputError, match=r"bad\.vcf:23: AF is '1\.5'"):
        read_panel(bad, "AF", CONTIGS)
    with pytest.raises(InputError, match="no such file"):
        read_panel(tmp_path / "none.vcf", "AF", CONTIGS)
    sheet = tmp_path / "panel.tsv"
    sheet.write_text("contig\tpos\tref\talt\taf\n1\t10\tA\tG\t30%\n")
    with pytest.raises(InputError, match=r"panel\.tsv:2: af is '30%'"):
        read_panel(sheet, "af", CONTIGS)
    sheet.write_text("contig\tpos\tref\talt\taf\n1\t1e5\tA\tG\t0.3\n")
    with pytest.raises(InputError, match=r"panel\.tsv:2: position '1e5'"):
        read_panel(sheet, "af", CONTIGS)
    with pytest.raises(InputError, match="no column maf"):
        read_panel(sheet, "maf", CONTIGS)
    short = write_vcf(tmp_path / "short.vcf", RECORDS + "X\tten\t.\tT\tC\t.\t.\tAF=0.5\n")
    with pytest.raises(InputError, match=r"short\.vcf:23: POS is no number"):
        read_panel(short, "AF", CONTIGS)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read as a panel"):
        read_panel(tmp_path / "x.parquet", "af", CONTIGS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no Parquet file"):
        read_panel(tmp_path / "empty", "af", CONTIGS)


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    records = "".join(
        f"1\t{p}\t.\tA\tG\t.\t.\tAF={rng.random():.6f}\n" for p in range(1, 30_000)
    )
    vcf = write_vcf(tmp_path / "p.vcf", records)
    packed = tmp_path / "p.vcf.gz"
    pysam.tabix_compress(str(vcf), str(packed))
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"p\.vcf\.gz: cut off or damaged"):
        read_panel(packed, "AF", CONTIGS)
    bcf = tmp_path / "p.bcf"
    with (
        pysam.VariantFile(str(vcf)) as file,
        pysam.VariantFile(str(bcf), "wb", header=file.header) as out,
    ):
        for record in file:
            out.write(record)
    data = bcf.read_bytes()
    bcf.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cut off"):
        read_panel(bcf, "AF", CONTIGS)


def test_blocks_of_lines_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vcf = write_vcf(tmp_path / "p.vcf")
    whole = read_panel(vcf, "AF", CONTIGS)

    def small(path: Path) -> Iterator[bytes]:
        return line_blocks(path, 60)

    monkeypatch.setattr("varhouse.reads.panelfile.line_blocks", small)
    assert read_panel(vcf, "AF", CONTIGS).equals(whole)
    bad = write_vcf(tmp_path / "bad.vcf", RECORDS + "X\t2000\t.\tT\tC\t.\t.\tAF=1.5\n")
    with pytest.raises(InputError, match=r"bad\.vcf:23: AF is"):
        read_panel(bad, "AF", CONTIGS)
