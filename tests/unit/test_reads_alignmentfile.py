"""BAM, CRAM and gVCF before any job: whose they are, whether whole, aligned to what."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pysam
import pytest

from varhouse.reads.alignmentfile import check_alignment, check_calls
from varhouse.reads.cramcheck import cram_problem
from varhouse.reads.fastq import same_reads
from varhouse.reads.model import Lane, LaneFacts

CONTIGS = {"chr1": 5000, "chrM": 300}
M5 = {"chr1": "0123456789abcdef0123456789abcdef"}
GROUP = {"ID": "a", "SM": "P1", "LB": "lib", "PL": "ILLUMINA"}


def write(
    path: Path,
    *,
    groups: list[dict[str, str]] | None = None,
    contigs: dict[str, int] | None = None,
    aligned: bool = True,
    flags: int = 0,
    length: int = 50,
    qualities: bool = True,
    header: dict[str, Any] | None = None,
    reads: int = 20,
    change: Callable[[int, pysam.AlignedSegment], object] | None = None,
    mode: str = "wb",
    options: Sequence[str] = (),
) -> Path:
    """Write pairs on chr1, at 100."""
    contigs = CONTIGS if contigs is None else contigs
    text = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": n, "LN": size} for n, size in contigs.items()],
        "RG": [GROUP] if groups is None else groups,
        **(header or {}),
    }
    reference = path.with_name("ref.fa")
    if mode == "wc":
        letters = "".join(f">{n}\n{'A' * size}\n" for n, size in contigs.items())
        reference.write_text(letters)
    with pysam.AlignmentFile(
        str(path),
        mode,
        header=text,
        reference_filename=str(reference) if mode == "wc" else None,
        format_options=list(options),
    ) as out:
        for n in range(reads):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"r{n}"
            read.query_sequence = "A" * length
            if qualities:
                read.query_qualities = pysam.qualitystring_to_array("I" * length)
            read.flag = flags | 1 | (64 if n % 2 else 128)
            if aligned:
                read.reference_id, read.reference_start = 0, 100
                read.cigartuples = [(0, length)]
                read.mapping_quality = 60
            else:
                read.flag |= 4 | 8
            if change is not None:
                change(n, read)
            out.write(read)
    if mode == "wc":
        # The check does without.
        reference.unlink()
        reference.with_name("ref.fa.fai").unlink()
    return path


def check(path: Path, sample: str = "P1", **more: Any) -> LaneFacts:
    return check_alignment(
        path, **{"form": "bam", "sample": sample, "contigs": CONTIGS, "digests": M5, **more}
    )


def problem(facts: LaneFacts) -> str:
    assert len(facts.problems) == 1, facts.problems
    assert "; fix: " in facts.problems[0]
    return facts.problems[0]


def test_a_good_file_is_described(tmp_path: Path) -> None:
    facts = check(write(tmp_path / "a.bam"))
    assert (facts.problems, facts.notes) == ([], [])
    assert (facts.n_reads, facts.n_bases, facts.longest) == (20, 1000, 50)
    file = facts.files[0]
    assert (file["aligned"], file["paired"], file["marked"]) == (True, True, False)
    assert (file["sorted"], file["samples"], file["platform"]) == (
        "coordinate",
        ["P1"],
        "ILLUMINA",
    )
    assert file["missing"] == []


@pytest.mark.parametrize(
    ("more", "marked"),
    [
        ({"flags": 1024}, True),
        ({"header": {"PG": [{"ID": "MarkDuplicates", "PN": "MarkDuplicates"}]}}, True),
        (
            {"header": {"PG": [{"ID": "x", "PN": "samtools", "CL": "samtools markdup a b"}]}},
            True,
        ),
        ({"header": {"PG": [{"ID": "bwa", "PN": "bwa", "CL": "bwa mem"}]}}, False),
    ],
)
def test_marked_duplicates_are_seen(
    tmp_path: Path, more: dict[str, Any], marked: bool
) -> None:
    assert check(write(tmp_path / "a.bam", **more)).files[0]["marked"] == marked


@pytest.mark.parametrize("contigs", [{}, CONTIGS])
def test_an_unmapped_bam_is_to_be_aligned(tmp_path: Path, contigs: dict[str, int]) -> None:
    facts = check(write(tmp_path / "u.bam", aligned=False, contigs=contigs))
    assert facts.problems == []
    assert not facts.files[0]["aligned"]
    assert "goes through the aligner" in facts.notes[0]


PROBLEMS = {
    "other names": ({"contigs": {"1": 5000, "MT": 300}}, "aligned to contigs (1, MT) that"),
    "other lengths": ({"contigs": {"chr1": 5001, "chrM": 300}}, "chr1 has 5,001 bases there"),
    "other bases": (
        {"header": {"SQ": [{"SN": "chr1", "LN": 5000, "M5": "f" * 32}]}},
        "the bases of chr1 are not those",
    ),
    "two samples": (
        {"groups": [GROUP, {**GROUP, "ID": "b", "SM": "P2"}]},
        "2 samples (P1, P2)",
    ),
    "long reads": ({"length": 2000}, "long reads"),
    "PacBio": ({"groups": [{**GROUP, "PL": "PACBIO"}]}, "long reads (PACBIO)"),
    "no qualities": ({"qualities": False}, "without qualities"),
    "no reads": ({"reads": 0}, "holds no read"),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_cannot_be_called_is_refused(tmp_path: Path, what: str) -> None:
    more, told = PROBLEMS[what]
    path = write(tmp_path / "a.bam", **more)
    assert told in problem(check(path))
    assert str(path) in check(path).problems[0]
    assert not any("aligner" in n for n in check(path).notes)


def test_the_same_bases_in_other_letters(tmp_path: Path) -> None:
    listed = [{"SN": "chr1", "LN": 5000, "M5": M5["chr1"].upper()}, {"SN": "chrM", "LN": 300}]
    assert check(write(tmp_path / "a.bam", header={"SQ": listed})).problems == []


def test_the_sample_of_the_sheet_is_taken_and_said(tmp_path: Path) -> None:
    facts = check(write(tmp_path / "a.bam"), "P9")
    assert "say sample 'P1'; 'P9' of the sheet is taken" in facts.notes[0]
    facts = check(write(tmp_path / "a.bam", groups=[]))
    assert "no sample in its read groups" in facts.notes[0]


def test_a_file_under_another_name_of_the_sheet_is_a_swap(tmp_path: Path) -> None:
    lanes, facts = [], []
    for sample, said in (("P1", "P2"), ("P2", "P2"), ("P3", "x")):
        path = write(
            tmp_path / f"{sample}.bam", groups=[{**GROUP, "SM": said}], length=len(lanes) + 50
        )
        lanes.append(
            Lane("c", sample, "1", sample, "ILLUMINA", "bam", [str(path)], len(lanes) + 2)
        )
        facts.append(check(path, sample))
    told = same_reads(lanes, facts)
    assert len(told) == 1
    assert "line 2: P1.bam stands under P1, and its read groups say P2" in told[0]


def test_contigs_beside_those_of_the_reference(tmp_path: Path) -> None:
    facts = check(write(tmp_path / "a.bam", contigs={"chr1": 5000, "decoy": 9}))
    assert facts.problems == []
    assert facts.files[0]["missing"] == ["chrM"]
    assert "1 contigs that the reference has not (decoy)" in facts.notes[0]
    assert "not aligned to chrM" in facts.notes[1]


@pytest.mark.parametrize("cut", [28, 60])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "a.bam", reads=2000)
    path.write_bytes(path.read_bytes()[:-cut])
    assert "cut off" in problem(check(path))


@pytest.mark.parametrize("part", [0.02, 0.5, 0.98])
def test_a_damaged_block_is_found(tmp_path: Path, part: float) -> None:
    path = write(tmp_path / "a.bam", reads=50_000)
    raw = bytearray(path.read_bytes())
    at = int(len(raw) * part)
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    begin, end = 0, 0
    while end <= at:
        begin, end = end, end + int.from_bytes(raw[end + 16 : end + 18], "little") + 1
    assert f"damaged (BGZF block at byte {begin:,}: " in problem(check(path))


def place(n: int, read: pysam.AlignedSegment) -> None:
    """Reads without a place come last; two of each place."""
    read.reference_start = 100 + n // 2
    if n >= 18:
        read.reference_id = read.reference_start = -1
        read.cigartuples = None
        read.flag |= 4


def pairs_in_turn(n: int, read: pysam.AlignedSegment) -> None:
    read.query_name = f"r{n // 2}"


def test_an_order_that_the_header_says_and_records_have_not(tmp_path: Path) -> None:
    def swapped(n: int, read: pysam.AlignedSegment) -> None:
        place(20 - n if n == 15 else n, read)

    def late(n: int, read: pysam.AlignedSegment) -> None:
        place(18 if n == 7 else n, read)

    path = tmp_path / "a.bam"
    assert check(write(path, change=place)).problems == []
    told = problem(check(write(path, change=swapped)))
    assert "sorted by coordinate, and record 16 stands behind one of a later place" in told
    assert "record 9 stands" in problem(check(write(path, change=late)))
    for order in ("unsorted", "unknown", "queryname"):
        header = {"HD": {"VN": "1.6", "SO": order}}
        assert check(write(path, change=swapped, header=header)).problems == []
    assert check(write(path, aligned=False)).problems == []


@pytest.mark.parametrize("head", [{"SO": "queryname"}, {"SO": "unsorted", "GO": "query"}])
def test_mates_that_the_header_says_are_together(tmp_path: Path, head: dict[str, str]) -> None:
    def apart(n: int, read: pysam.AlignedSegment) -> None:
        read.query_name = f"r{n % 10}"
        read.flag = 1 | (64 if n < 10 else 128)

    def repeated(n: int, read: pysam.AlignedSegment) -> None:
        """A supplementary record, and mates that were left out."""
        read.query_name = f"r{n // 3}"
        read.flag |= 0x800 if n % 3 == 1 else 0

    header = {"HD": {"VN": "1.6", **head}}
    path = tmp_path / "a.bam"
    for change in (pairs_in_turn, repeated, None):
        assert check(write(path, change=change, header=header)).problems == []
    told = problem(check(write(path, change=apart, header=header)))
    assert "mates are apart" in told
    assert check(write(path, change=apart)).problems == []


def test_qualities_that_were_taken_from_the_wrong_base(tmp_path: Path) -> None:
    def high(n: int, read: pysam.AlignedSegment) -> None:
        read.query_qualities = pysam.qualitystring_to_array("B" * 20 + "h" * 30)

    def mixed(n: int, read: pysam.AlignedSegment) -> None:
        (high if n else place)(n, read)
        read.query_qualities = pysam.qualitystring_to_array("#" * 20 + "h" * 30)

    path = tmp_path / "a.bam"
    assert "qualities of 33 to 71: they count from 64" in problem(
        check(write(path, change=high))
    )
    assert check(write(path, change=mixed)).problems == []


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
def test_a_cram_is_read_without_its_reference(tmp_path: Path, version: str) -> None:
    options = [f"version={version}"]
    path = write(tmp_path / "a.cram", mode="wc", options=options, change=place)
    facts = check(path, form="cram", digests=None)
    assert facts.problems == []
    assert (facts.n_reads, facts.longest, facts.files[0]["paired"]) == (20, 50, True)
    assert abs(facts.n_bases - 1000) < 5
    path = write(path, mode="wc", options=options, change=lambda n, read: place(20 - n, read))
    assert "record 4 stands behind" in problem(check(path, form="cram", digests=None))


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
def test_a_cram_that_was_cut_anywhere(tmp_path: Path, version: str) -> None:
    path = write(tmp_path / "a.cram", mode="wc", options=[f"version={version}"])
    raw = path.read_bytes()
    last = 30 if version == "2.1" else 38
    for size in range(26, len(raw), 1 if len(raw) < 3000 else 7):
        path.write_bytes(raw[:size])
        assert "cut off" in cram_problem(path)
    path.write_bytes(raw[:-last])
    assert "no container that ends it: cut off" in problem(check(path, form="cram"))
    path.write_bytes(raw + raw)
    assert "goes on behind its end" in problem(check(path, form="cram"))


@pytest.mark.parametrize("version", ["3.0", "3.1"])
def test_a_cram_with_any_bit_changed(tmp_path: Path, version: str) -> None:
    path = write(tmp_path / "a.cram", mode="wc", options=[f"version={version}"])
    raw = path.read_bytes()
    assert cram_problem(path) == ""
    # Behind the identifier, which nothing holds.
    for at in range(26, len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
        assert str(path) in cram_problem(path), at


def test_a_cram_of_version_2_with_packed_bytes_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cram", mode="wc", options=["version=2.1"], reads=3000)
    raw = path.read_bytes()
    packed = raw.rindex(b"\x1f\x8b\x08")
    path.write_bytes(raw[: packed + 15] + bytes([raw[packed + 15] ^ 4]) + raw[packed + 16 :])
    assert "damaged in the container at byte " in problem(check(path, form="cram"))
    path.write_bytes(raw[:4] + bytes([4, 0]) + raw[6:])
    assert "CRAM 4.0: 2.1, 3.0 and 3.1 are read" in problem(check(path, form="cram"))


def test_what_stands_in_the_wrong_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bam")
    assert "in the column bam" in problem(check(path, form="cram"))
    (tmp_path / "b.bam").write_bytes(gzip.compress(b"@r\nACGT\n+\nIIII\n"))
    assert "in the column fastq_1" in problem(check(tmp_path / "b.bam"))
    (tmp_path / "c.bam").write_bytes(b"")
    assert "is empty" in problem(check(tmp_path / "c.bam"))


CALLS = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT{}\n"


def test_a_gvcf_is_of_the_person_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.g.vcf.gz"
    path.write_bytes(gzip.compress(CALLS.format("\tP1").encode()))
    facts = check_calls(path, "P1")
    assert facts.problems == []
    assert len(facts.files[0]["sha256"]) == 64
    assert "holds P1, the sheet says P2" in problem(check_calls(path, "P2"))
    path.write_bytes(gzip.compress(CALLS.format("\tP1\tP2").encode()))
    assert "holds P1, P2" in problem(check_calls(path, "P1"))
    path.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n1\t5\n"))
    assert "no line #CHROM" in problem(check_calls(path, "P1"))
