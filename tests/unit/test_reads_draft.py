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
    assert "stands in 2 folders: runs of one person, or several people" in found.notes[0]
    assert "stands in several folders; the next is called L001_2" in found.notes[-1]


def test_names_that_files_cannot_have(tmp_path: Path) -> None:
    found = draft(tmp_path, ["P 1+2_1.fq.gz", "P 1+2_2.fq.gz"])
    assert rows(found)[0][0] == "P_1_2"
    assert "is called P_1_2" in found.notes[0]


def test_nobody_is_joined_for_a_name_that_cannot_be_kept(tmp_path: Path) -> None:
    """Names without ASCII letters, of marks alone, or too long."""
    long = "x" * 110
    people = ["样本一", "样本二", "A B", "A_B", "A+B", "sample", f"{long}1", f"{long}2"]
    found = draft(tmp_path, [f"{s}_{m}.fq.gz" for s in people for m in (1, 2)])
    assert [len(lane.files) for lane in found.lanes] == [2] * 8
    assert len(found.samples) == 8
    assert {"A_B", "A_B_2", "A_B_3", "sample", "sample_2", "sample_3"} <= set(found.samples)
    assert rows(found)[5][:1] == ("sample",), "who has a name that files can have keeps it"
    assert all(len(name) <= 100 for name in found.samples)
    assert sum("is called" in note for note in found.notes) == 6


@pytest.mark.parametrize(
    ("one", "two", "sample"),
    [
        ("P1_1.clean.fq.gz", "P1_2.clean.fq.gz", "P1"),
        ("P1_R1_trimmed.fq.gz", "P1_R2_trimmed.fq.gz", "P1"),
        ("P1_raw_1.fq.gz", "P1_raw_2.fq.gz", "P1_raw"),
        ("P1_R1.filtered.fastq", "P1_R2.filtered.fastq", "P1"),
        ("P1.R1.clean.fastp.fq.gz", "P1.R2.clean.fastp.fq.gz", "P1"),
        ("P1_1P.fq.gz", "P1_2P.fq.gz", "P1"),
        ("P1_fwd.fq.gz", "P1_rev.fq.gz", "P1"),
        ("P1.forward.fq", "P1.reverse.fq", "P1"),
        ("P1_F.fq.gz", "P1_R.fq.gz", "P1"),
        ("P1.F.trimmed.fq.gz", "P1.R.trimmed.fq.gz", "P1"),
        ("P1.1.fq.gz", "P1.2.fq.gz", "P1"),
        ("P1_read_1.fq", "P1_read_2.fq", "P1"),
        ("P1_mate1.fq", "P1_mate2.fq", "P1"),
        ("R1_P1.fq.gz", "R2_P1.fq.gz", "P1"),
        ("fam/P1/R1.fq.gz", "fam/P1/R2.fq.gz", "P1"),
        ("P1/1.fq.gz", "P1/2.fq.gz", "P1"),
        ("P1/reads_1.fq.gz", "P1/reads_2.fq.gz", "reads"),
        ("HRR000123_f1.fq.gz", "HRR000123_r2.fq.gz", "HRR000123"),
    ],
)
def test_ways_to_name_mates(tmp_path: Path, one: str, two: str, sample: str) -> None:
    """Of Novogene, BGI, SOAPnuke, fastp, Trim Galore, Trimmomatic, SRA, GSA, and by hand."""
    for names in ([one, two], [two, one]):
        found = draft(tmp_path, names)
        assert [r[0] for r in rows(found)] == [sample]
        assert rows(found)[0][-2:] == (Path(one).name, Path(two).name)


def test_what_has_no_mate_is_noted(tmp_path: Path) -> None:
    """A letter alone is no mate; what trimmers left over is a lane of its own."""
    names = ["a_F.fq.gz", "b_1.fq.gz", "c.fq.gz", "d_1.fq.gz", "d_2.fq.gz", "d.fq.gz"]
    names += ["e_1P.fq.gz", "e_2P.fq.gz", "e_1U.fq.gz", "e_2U.fq.gz", "f_R1_unpaired.fq.gz"]
    found = draft(tmp_path, names)
    assert [(r[0], r[1], len(r) - 3) for r in rows(found)] == [
        ("a_F", "", 1), ("b", "", 1), ("c", "", 1), ("d", "", 2), ("d", "", 1), ("e", "", 2),
        ("e", "unpaired1", 1), ("e", "unpaired2", 1), ("f", "unpaired1", 1),
    ]  # fmt: skip
    told = [
        n.split(":")[0].rpartition("/")[2] for n in found.notes if "no file of mates 2" in n
    ]
    assert told == [row[3] for row in rows(found) if len(row) == 4]


def test_reads_that_stand_twice_or_are_nobodys(tmp_path: Path) -> None:
    both = ["a_1.fq.gz", "a_2.fq.gz", "a_1.clean.fq.gz", "a_2.clean.fq.gz"]
    told = draft_lanes([fastq(tmp_path / name) for name in both]).problems
    assert len(told) == 2
    assert "the same reads as a_1.fq.gz, by the names" in told[0]
    folders = [f"{f}/{name}" for f in ("raw", "clean") for name in both[:2]]
    assert "before and after trimming?" in draft(tmp_path, folders).notes[0]
    found = draft(tmp_path, [f"Undetermined_S0_L001_R{m}_001.fastq.gz" for m in (1, 2)])
    assert (found.lanes, len(found.notes)) == ([], 2)


def test_names_alike_of_two_people(tmp_path: Path) -> None:
    """Names that look like those of mates; their reads are none."""
    one, two = fastq(tmp_path / "P_1.fq.gz"), fastq(tmp_path / "P_2.fq.gz")
    assert draft_lanes([one, two]).notes == []
    two.write_bytes(gzip.compress(ILLUMINA.format(n=77, mate=1).encode()))
    assert (
        "mates by their names, but not by their first reads"
        in draft_lanes([one, two]).notes[0]
    )


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
