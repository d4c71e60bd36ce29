"""`varhouse init` on files of reads: lanes by their names, a configuration that is read."""

import gzip
from pathlib import Path

import pysam
import pytest
import yaml

from varhouse.cli import main
from varhouse.errors import ConfigError
from varhouse.ingest.setup.draftreads import draft_of_reads
from varhouse.reads.draft import ReadsDraft, draft_lanes
from varhouse.reads.sheet import read_reads

ILLUMINA = "@A00:7:HXYZ:1:1101:{n}:1000 {mate}:N:0:ACGT\nACGT\n+\nIIII\n"
MGI = "@V350012345L1C001R001{n:07}/{mate}\nACGT\n+\nIIII\n"


def fastq(path: Path, text: str = ILLUMINA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mate = 2 if "2." in path.name or "R2" in path.name else 1
    path.write_bytes(gzip.compress(text.format(n=len(str(path)), mate=mate).encode()))
    return path


def bam(path: Path, samples: list[str]) -> Path:
    groups = [{"ID": str(n), "SM": s} for n, s in enumerate(samples)]
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "1", "LN": 9}], "RG": groups}
    with pysam.AlignmentFile(str(path), "wb", header=header):
        return path


def rows(draft: ReadsDraft) -> list[tuple[str, ...]]:
    return [
        (lane.sample, lane.lane, lane.platform, *(Path(f).name for f in lane.files.values()))
        for lane in draft.lanes
    ]


def draft(folder: Path, names: list[str], text: str = ILLUMINA) -> ReadsDraft:
    found = draft_lanes([fastq(folder / name, text) for name in names])
    assert found.problems == []
    return found


def test_illumina(tmp_path: Path) -> None:
    names = [
        f"{s}_S{n}_L00{k}_{r}_001.fastq.gz"
        for n, s in enumerate(("P1", "P_2"), 1)
        for k in (1, 2)
        for r in ("I1", "R1", "R2")
    ]
    found = draft(tmp_path, names)
    assert rows(found) == [
        (s, f"L00{k}", "ILLUMINA", *(f"{s}_S{n}_L00{k}_R{m}_001.fastq.gz" for m in (1, 2)))
        for n, s in enumerate(("P1", "P_2"), 1)
        for k in (1, 2)
    ]
    assert sum("index reads" in n for n in found.notes) == 4


def test_mates_are_found_whatever_the_order(tmp_path: Path) -> None:
    found = draft(tmp_path, ["b.R2.fq.gz", "a_1.fq.gz", "b.R1.fq.gz", "a_2.fq.gz", "c.fq.gz"])
    assert rows(found) == [
        ("b", "", "ILLUMINA", "b.R1.fq.gz", "b.R2.fq.gz"),
        ("a", "", "ILLUMINA", "a_1.fq.gz", "a_2.fq.gz"),
        ("c", "", "ILLUMINA", "c.fq.gz"),
    ]


def test_a_umi_between_the_mates(tmp_path: Path) -> None:
    found = draft(tmp_path, [f"P_S1_L001_R{n}_001.fastq.gz" for n in (1, 2, 3)])
    assert rows(found)[0][3:] == ("P_S1_L001_R1_001.fastq.gz", "P_S1_L001_R3_001.fastq.gz")
    assert "R2 is an index or UMI" in found.notes[0]


def test_mgi_by_barcode_or_by_folder(tmp_path: Path) -> None:
    flat = [
        f"V350012345_L0{k}_{b}_{m}.fq.gz" for b in (12, 13) for k in (1, 2) for m in (1, 2)
    ]
    found = draft(tmp_path, flat, MGI)
    assert [r[:3] for r in rows(found)] == [
        (f"V350012345_{b}", f"L0{k}", "DNBSEQ") for b in (12, 13) for k in (1, 2)
    ]
    assert "put the people's names" in found.notes[0]
    own = [
        f"{s}/{name}" for name in flat for s in ("P1", "P2") if (s == "P1") == ("_12_" in name)
    ]
    found = draft(tmp_path / "d", own, MGI)
    assert [r[:2] for r in rows(found)] == [
        (s, f"V350012345.L0{k}") for s in ("P1", "P2") for k in (1, 2)
    ]
    assert "is a folder a person?" in found.notes[0]


def test_two_runs_of_a_sample_are_lanes_of_their_own(tmp_path: Path) -> None:
    names = [f"{run}/P1_S1_L001_R{m}_001.fastq.gz" for run in ("r1", "r2") for m in (1, 2)]
    names += [f"r1/P1_S1_L001_R{m}_002.fastq.gz" for m in (1, 2)]
    found = draft(tmp_path, names)
    assert [r[1] for r in rows(found)] == ["L001", "L001_2", "L001.002"]
    assert "stands in several folders" in found.notes[0]


def test_names_that_files_cannot_have(tmp_path: Path) -> None:
    found = draft(tmp_path, ["P 1+2_1.fq.gz", "P 1+2_2.fq.gz"])
    assert rows(found)[0][0] == "P_1_2"
    assert "is called P_1_2" in found.notes[0]


def test_alignments_go_by_their_read_groups(tmp_path: Path) -> None:
    found = draft_lanes([bam(tmp_path / "x.bam", ["P1"]), bam(tmp_path / "P2.bam", [])])
    assert rows(found) == [("P1", "", "", "x.bam"), ("P2", "", "", "P2.bam")]
    found = draft_lanes([bam(tmp_path / "y.bam", ["P1", "P2"])])
    assert "reads of 2 samples" in found.problems[0]


def test_what_cannot_be_drafted_is_said(tmp_path: Path) -> None:
    (tmp_path / "e_1.fq.gz").write_bytes(b"")
    paths = [tmp_path / "e_1.fq.gz", fastq(tmp_path / "x_2.fq.gz")]
    told = draft_lanes(paths).problems
    assert len(told) == 2
    assert "is empty" in told[0]
    assert "R2 without its R1" in told[1]


def test_a_draft_is_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ref.fa").write_text(">c1\nACGT\n")
    for s in ("P1", "P2"):
        for m in (1, 2):
            fastq(tmp_path / f"in/{s}_S1_L001_R{m}_001.fastq.gz")
    assert main(["init", "my study", "in/*.fastq.gz", "--reference", "ref.fa"]) == 0
    out = capsys.readouterr().out
    assert "sample     P1    1 lane(s)\n" in out
    assert "next       varhouse call --config 'my study/config.yaml'" in out
    config = yaml.safe_load((tmp_path / "my study/config.yaml").read_text())
    assert config == {
        "assembly": "ref",
        "reference": "../ref.fa",
        "reads": "reads.tsv",
        "calling": {"cohort": "my_study"},
    }
    sheet = read_reads(tmp_path / "my study/reads.tsv", cohort="my_study")
    assert sheet.problems == []
    assert [(p.name, p.sex, len(p.lanes), p.lanes[0].lane) for p in sheet.people] == [
        ("P1", "unknown", 1, "L001"), ("P2", "unknown", 1, "L001"),
    ]  # fmt: skip
    assert main(["init", "my study", "in/*.fastq.gz"]) == 2, "nothing is overwritten"
    with pytest.raises(ConfigError, match="no file matches"):
        draft_of_reads(tmp_path / "z", ["none/*.fq.gz"])
