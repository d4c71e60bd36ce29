"""The reads sheet in the forms that people have it in; every mistake by its line, at once."""

import gzip
import os
from pathlib import Path

import openpyxl
import pytest

from varhouse.reads.lanefiles import FileName, parse_name
from varhouse.reads.model import Lane
from varhouse.reads.platforms import platform_named
from varhouse.reads.sheet import ReadsSheet, read_reads

FASTQ = b"@A00:7:HXYZ:1:1101:5:1000 %d:N:0:ACGT\nACGT\n+\nIIII\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Give a folder with files of every form."""
    for name in ("a", "b", "c", "d"):
        for mate in (1, 2):
            text = FASTQ.replace(b":5:", b":%d:" % ord(name)) % mate
            (tmp_path / f"{name}_{mate}.fq.gz").write_bytes(gzip.compress(text))
    (tmp_path / "i.fq").write_bytes(b"@V300012345L1C001R0010000001/1\nACGT\n+\nIIII\n")
    (tmp_path / "p.fq").write_bytes(b"@read1\nACGT\n+\nIIII\n")
    (tmp_path / "x.bam").write_bytes(gzip.compress(b"BAM\x01"))
    (tmp_path / "y.bam").write_bytes(gzip.compress(b"BAM\x01."))
    (tmp_path / "x.cram").write_bytes(b"CRAM\x03")
    (tmp_path / "x.g.vcf.gz").write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n"))
    (tmp_path / "folder").mkdir()
    return tmp_path


def read(folder: Path, text: str, cohort: str | None = None) -> ReadsSheet:
    rows = [",".join(line.split()) if "," not in line else line for line in text.splitlines()]
    path = folder / "reads.csv"
    path.write_text("\n".join(r for r in rows if r) + "\n")
    return read_reads(path, cohort=cohort)


def lanes(sheet: ReadsSheet) -> list[Lane]:
    assert sheet.problems == []
    return [lane for person in sheet.people for lane in person.lanes]


ROWS = [
    ("cohort", "sample", "sex", "lane", "library", "platform",
     "fastq_1", "fastq_2", "bam", "gvcf"),
    ("bj", "P1", "男", "L1", "lib1", "MGI", "a_1.fq.gz", "a_2.fq.gz", "", ""),
    ("bj", "P1", "", "", "", "", "b_1.fq.gz", "b_2.fq.gz", "", ""),
    ("bj", "P2", "女", "", "", "", "i.fq", "", "", ""),
    ("zj", "P1", "F", "", "", "", "", "", "x.bam", ""),
    ("zj", "P3", "", "", "", "", "", "", "", "x.g.vcf.gz"),
]  # fmt: skip
FORMS = {
    "reads.tsv": lambda: "".join("\t".join(r) + "\n" for r in ROWS).encode(),
    "reads.csv": lambda: "".join(",".join(r) + "\r\n" for r in ROWS).encode("utf-8-sig"),
    "gbk.csv": lambda: "".join(",".join(r) + "\r\n" for r in ROWS).encode("gbk"),
    "reads.xlsx": None,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_is_the_same_in_every_form(here: Path, form: str) -> None:
    path = here / form
    make = FORMS[form]
    if make is None:
        book = openpyxl.Workbook()
        for row in ROWS:
            book.active.append(row)  # type: ignore[union-attr]
        book.save(path)
    else:
        path.write_bytes(make())
    sheet = read_reads(path, cohort=None)
    found = lanes(sheet)
    assert [(p.cohort, p.name, p.sex) for p in sheet.people] == [
        ("bj", "P1", "male"), ("bj", "P2", "female"), ("zj", "P1", "female"),
        ("zj", "P3", "unknown"),
    ]  # fmt: skip
    assert [(x.lane, x.library, x.platform, x.form) for x in found] == [
        ("L1", "lib1", "DNBSEQ", "pairs"), ("1", "P1", "ILLUMINA", "pairs"),
        ("1", "P2", "DNBSEQ", "single"), ("1", "P1", "ILLUMINA", "bam"),
        ("1", "P3", "ILLUMINA", "gvcf"),
    ]  # fmt: skip
    assert found[0].files == [str(here / "a_1.fq.gz"), str(here / "a_2.fq.gz")]
    assert [x.line for x in found] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("lib 1", True), ("a/b:c#2 (v2)", True), ("x" * 100, True), ("x" * 101, False),
     ("a\\tb", False), ("文库", False)],
)  # fmt: skip
def test_libraries_only_stand_in_headers(here: Path, name: str, is_taken: bool) -> None:
    path = here / "reads.tsv"
    path.write_text(f"sample\tlibrary\tbam\nP1\t{name}\tx.bam\n")
    sheet = read_reads(path, cohort="c")
    if is_taken:
        assert [x.library for x in lanes(sheet)] == [name]
    else:
        assert "as it stands in headers; fix: rename it" in sheet.problems[0]


def test_a_sheet_of_sarek_is_read(here: Path) -> None:
    sheet = read(here, "patient sex status sample lane fastq_1 fastq_2\n"
                 "I1 XX 0 P1 lane_1 a_1.fq.gz a_2.fq.gz\n"
                 "I1 XX 0 P1 lane_2 b_1.fq.gz b_2.fq.gz\n", "wards")  # fmt: skip
    assert [(x.sample, x.lane, x.cohort) for x in lanes(sheet)] == [
        ("P1", "lane_1", "wards"), ("P1", "lane_2", "wards"),
    ]  # fmt: skip
    assert sheet.people[0].sex == "female"
    assert sheet.notes == ["reads.csv: columns set off by commas"]
    sheet = read(here, "patient sample cram crai\nI1 P1 x.cram x.crai\n", "wards")
    assert lanes(sheet)[0].form == "cram"
    sheet = read(
        here, "patient sample variantcaller vcf\nI1 P1 haplotypecaller x.g.vcf.gz\n", "w"
    )
    assert lanes(sheet)[0].form == "gvcf"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("R1", "R2"),
        ("read1", "read2"),
        ("fq1", "fq2"),
        ("FASTQ R1", "FASTQ R2"),
        ("reads", ""),
    ],
)
def test_names_of_columns_that_are_understood(here: Path, one: str, two: str) -> None:
    files = "a_1.fq.gz,a_2.fq.gz" if two else "a_1.fq.gz"
    sheet = read(
        here, f"样本,性别,泳道,{one}{',' if two else ''}{two}\nP1,男,3,{files}\n", "c"
    )
    assert [(x.lane, len(x.files)) for x in lanes(sheet)] == [("3", 2 if two else 1)]
    assert f"column {one!r} is read as fastq_1" in "; ".join(sheet.notes)


def test_lanes_without_a_name_are_numbered(here: Path) -> None:
    sheet = read(here, "sample lane fastq_1\nP1 NA a_1.fq.gz\nP1 1 b_1.fq.gz\n"
                 "P2 NA c_1.fq.gz\nP1 NA d_1.fq.gz\n", "c")  # fmt: skip
    assert [(x.sample, x.lane) for x in lanes(sheet)] == [
        ("P1", "2"), ("P1", "1"), ("P1", "3"), ("P2", "1"),
    ]  # fmt: skip


def test_what_reads_do_not_tell_is_noted(here: Path) -> None:
    sheet = read(here, "sample fastq_1 ward\nP1 p.fq 7\n", "c")
    assert lanes(sheet)[0].platform == "ILLUMINA"
    assert "do not tell the platform" in "; ".join(sheet.notes)
    assert "into the sample sheet as they are: ward" in "; ".join(sheet.notes)


HEAD = "sample sex lane platform fastq_1 fastq_2 bam gvcf\n"
MISTAKES = {
    "no file": ("P1 . . . . . . .", "reads.csv:2: names no file"),
    "not there": ("P1 . . . zz.fq . . .", "reads.csv:2: no such file: "),
    "folder": ("P1 . . . folder . . .", "is no file"),
    "address": ("P1 . . . s3://b/a_1.fq.gz . . .", "is an address"),
    "R1 twice": ("P1 . . . a_1.fq.gz a_1.fq.gz . .", "in fastq_1 and in fastq_2"),
    "the same file again": (
        "P1 . . . a_1.fq.gz . . .\nP2 . . . ./a_1.fq.gz . . .",
        "reads.csv:3: ./a_1.fq.gz already stands on line 2 (as a_1.fq.gz)",
    ),
    "the same file by a link": (
        "P1 . . . a_1.fq.gz . . .\nP2 . . . link.fq.gz . . .", "already stands on line 2",
    ),
    "the same file by a hard link": (
        "P1 . . . a_1.fq.gz . . .\nP2 . . . hard.fq.gz . . .", "already stands on line 2",
    ),
    "the same lane": (
        "P1 . 1 . a_1.fq.gz . . .\nP1 . 1 . b_1.fq.gz . . .",
        "reads.csv:3: lane 1 of sample P1 already stands on line 2",
    ),
    "the same read group": (
        "P . a.1 . a_1.fq.gz . . .\nP.a . 1 . b_1.fq.gz . . .", "make P.a.1, as on line 2",
    ),
    "two sexes": (
        "P1 M . . a_1.fq.gz . . .\nP1 F . . b_1.fq.gz . . .",
        "reads.csv:3: sample P1: female here and male on line 2",
    ),
    "no sex": ("P1 both . . a_1.fq.gz . . .", "sex 'both' is not"),
    "two starts in a row": ("P1 . . . a_1.fq.gz . x.bam .", "begins at fastq_1 and at bam"),
    "a gVCF beside reads": (
        "P1 . . . a_1.fq.gz . . .\nP1 . . . . . . x.g.vcf.gz", "the gVCF alone, or the reads",
    ),
    "R2 alone": ("P1 . . . . a_2.fq.gz . .", "fastq_2 without fastq_1"),
    "R2 and R1": ("P1 . . . a_2.fq.gz a_1.fq.gz . .", "exchange fastq_1 and fastq_2"),
    "a BAM as FASTQ": ("P1 . . . x.bam . . .", "is a BAM; fix: name it in the column bam"),
    "FASTQ as BAM": ("P1 . . . . . a_1.fq.gz .", "in the column fastq_1"),
    "unknown platform": ("P1 . . abacus a_1.fq.gz . . .", "unknown platform 'abacus'"),
    "long reads": ("P1 . . PacBio a_1.fq.gz . . .", "long reads are not aligned"),
    "no sample": (". . . . a_1.fq.gz . . .", "no sample"),
    "a name that is a path": ("../P1 . . . a_1.fq.gz . . .", "sample '../P1' is not of"),
    "a hidden name": (".P1 . . . a_1.fq.gz . . .", "sample '.P1' is not"),
    "a lane that is a path": ("P1 . a/b . a_1.fq.gz . . .", "lane 'a/b' is not"),
    "a long name": (f"{'P' * 101} . . . a_1.fq.gz . . .", "(100 at most)"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_its_line(here: Path, mistake: str) -> None:
    (here / "link.fq.gz").symlink_to(here / "a_1.fq.gz")
    os.link(here / "a_1.fq.gz", here / "hard.fq.gz")
    rows, told = MISTAKES[mistake]
    sheet = read(here, HEAD + rows, "c")
    assert len(sheet.problems) == 1, sheet.problems
    assert told in sheet.problems[0]
    assert sheet.people == []


def test_all_mistakes_are_told_at_once_and_many_of_a_kind_counted(here: Path) -> None:
    rows = [f"P{n} . . . z{n}.fq . . ." for n in range(30)]
    rows += [
        "Q . . abacus b_1.fq.gz . . .",
        "R M 1 . c_1.fq.gz . . .",
        "R F 1 . d_1.fq.gz . . .",
    ]
    sheet = read(here, HEAD + "\n".join(rows), "c")
    assert len(sheet.problems) == 10 + 1 + 1 + 1 + 1
    assert "... and 20 more like it" in "\n".join(sheet.problems)


def test_columns_that_are_not_there_or_misspelt(here: Path) -> None:
    assert "no column 'sample'" in read(here, "fastq_1 lane\na_1.fq.gz 1\n").problems[0]
    assert "no column of files" in read(here, "sample lane\nP1 1\n").problems[0]
    told = read(here, "sample platfrom fastq_1\nP1 MGI a_1.fq.gz\n").problems
    assert told == ["reads.csv: unknown column 'platfrom'; fix: platform?"]
    told = read(here, "sample fastq_1\nP1 a_1.fq.gz\n").problems
    assert "cohort: NAME below calling:" in told[0]
    told = read(here, "sample status fastq_1\nP1 1 a_1.fq.gz\n", "c").problems
    assert "status '1': a tumour" in told[0]
    told = read(here, 'sample,fastq_1\nP1,"a_1.fq.gz,b_1.fq.gz"\n', "c").problems
    assert "several files in a cell" in told[0]


def test_paths_are_told_without_detours(here: Path) -> None:
    sheet = read(here, "sample fastq_1\nP1 folder/../a_1.fq.gz\n", "c")
    assert lanes(sheet)[0].files == [str(here / "a_1.fq.gz")]
    (here / "far/away").mkdir(parents=True)
    (here / "near").symlink_to(here / "far/away")
    (here / "far/a_1.fq.gz").write_bytes((here / "b_1.fq.gz").read_bytes())
    sheet = read(here, "sample fastq_1\nP1 near/../a_1.fq.gz\n", "c")
    assert Path(lanes(sheet)[0].files[0]).samefile(here / "far/a_1.fq.gz")


def test_a_row_may_name_its_cohort_and_another_take_the_default(here: Path) -> None:
    sheet = read(here, "cohort sample fastq_1\nx P1 a_1.fq.gz\nNA P1 b_1.fq.gz\n", "y")
    assert [x.cohort for x in lanes(sheet)] == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Illumina", "ILLUMINA"), ("NovaSeq X Plus", "ILLUMINA"), ("hi-seq 4", "ILLUMINA"),
        ("MGISEQ-2000", "DNBSEQ"), ("DNBSEQ-T7", "DNBSEQ"),
        ("BGISEQ-500", "DNBSEQ"),
        ("华大智造", "DNBSEQ"), ("AVITI", "ELEMENT"), ("Element", "ELEMENT"),
        ("Ion Torrent", "IONTORRENT"), ("UG 100", "ULTIMA"), ("", ""), ("ONT", ""),
        ("SOLiD", ""),
    ],
)  # fmt: skip
def test_platforms(text: str, name: str) -> None:
    found, problem = platform_named(text)
    assert found == name
    assert bool(problem) == (not name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("P1_S3_L001_R1_001.fastq.gz", FileName("P1", "L001", 1)),
        ("P1_S3_L002_R2_002.fastq.gz", FileName("P1", "L002", 2, "002")),
        ("my_P_1_S3_R2_001.fastq.gz", FileName("my_P_1", "", 2)),
        ("P1_S3_L001_I1_001.fastq.gz", FileName("P1", "L001", 1, is_index=True)),
        ("V350012345_L01_12_1.fq.gz", FileName("V350012345_12", "L01", 1)),
        ("E100012345_L02_UDB-401_2.fq.gz", FileName("E100012345_UDB-401", "L02", 2)),
        ("SRR1234567_1.fastq.gz", FileName("SRR1234567", "", 1)),
        ("SRR1234567.fastq.gz", FileName("SRR1234567")),
        ("CRR123456_f1.fq.gz", FileName("CRR123456", "", 1)),
        ("CRR123456_r2.fq.gz", FileName("CRR123456", "", 2)),
        ("x.R2.fastq", FileName("x", "", 2)),
        ("x-read1.fq.gz", FileName("x", "", 1)),
        ("x.L003.R1.fq.gz", FileName("x", "L003", 1)),
        ("P1.lane2_2.fq", FileName("P1", "L2", 2)),
        ("P1.fq.gz", FileName("P1")),
        ("tiny_n_L001_R2_xxx.fastq.gz", FileName("tiny_n", "L001", 2)),
        ("P1_R1_val_1.fq.gz", FileName("P1", "", 1)),
        ("P1_2_val_2.fq.gz", FileName("P1", "", 2)),
        ("P1_S1_L002_R1_001.trimmed.fastq.gz", FileName("P1", "L002", 1)),
        ("P1.R2.paired.clean.fq.gz", FileName("P1", "", 2)),
        ("P1_1.bam", FileName("P1_1")),
        ("P1.g.vcf.gz", FileName("P1")),
    ],
)
def test_names_of_files(name: str, told: FileName) -> None:
    assert parse_name(name) == told
