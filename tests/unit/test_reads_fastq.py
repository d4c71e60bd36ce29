"""FASTQ as people have it: counted and summed as it is, or refused by file, read and fix."""

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from varhouse.bgzf import BgzfStream
from varhouse.reads import fastqfile
from varhouse.reads.fastq import check_lane, check_lane_once, facts_file, same_reads
from varhouse.reads.fastqcheck import check_fastq
from varhouse.reads.fastqscale import quality_base
from varhouse.reads.fastqtext import FastqText, classify, match_files
from varhouse.reads.model import Lane, LaneFacts

Read = tuple[str, str, str]
ILLUMINA = "A00:7:HXYZ:{lane}:1101:{n}:1000 {mate}:N:0:ACGT"
LETTERS = np.frombuffer(b"ACGT", np.uint8)


def make(
    count: int, mate: int, name: str = ILLUMINA, size: int = 100, base: int = 33, lane: int = 1
) -> list[Read]:
    """Make reads whose lengths and qualities differ."""
    rng = np.random.default_rng(mate)
    reads = []
    for n in range(1, count + 1):
        length = size - n % 7
        bases = rng.choice(LETTERS, length).tobytes().decode()
        qualities = (rng.integers(2, 41, length) + base).astype(np.uint8).tobytes().decode()
        reads.append((name.format(n=n, mate=mate, lane=lane), bases, qualities))
    return reads


def text_of(reads: list[Read], end: str = "\n") -> bytes:
    return "".join(f"@{n}{end}{b}{end}+{end}{q}{end}" for n, b, q in reads).encode()


def write(path: Path, data: bytes | list[Read]) -> Path:
    raw = data if isinstance(data, bytes) else text_of(data)
    path.write_bytes(gzip.compress(raw, 1) if path.suffix == ".gz" else raw)
    return path


def pair(tmp_path: Path, one: list[Read], two: list[Read]) -> list[Path]:
    return [write(tmp_path / "r1.fq.gz", one), write(tmp_path / "r2.fq.gz", two)]


def lane(*files: Path, form: str = "pairs", name: str = "L1") -> Lane:
    return Lane("c", "s", name, "s", "ILLUMINA", form, [str(f) for f in files], 2)  # type: ignore[arg-type]


def problem(facts: LaneFacts) -> str:
    assert len(facts.problems) == 1, facts.problems
    assert "; fix: " in facts.problems[0]
    return facts.problems[0]


NAMES = {
    "illumina": (ILLUMINA, "illumina"),
    "umi": ("A00:7:HXYZ:1:1101:{n}:1000:ACGT+GGTT {mate}:N:0:ACGT", "illumina"),
    "old": ("HWUSI-EAS100R:6:73:941:{n}#0/{mate}", "illumina-old"),
    "mgi": ("V300012345L1C001R001{n:07}/{mate}", "mgi"),
    "element": ("AV223003:FFS-18:2140948523:1:10102:0293:{n:04} {mate}:N:0:ACGT", "element"),
    "sra": ("SRR0000001.{n} {n} length=100", "archive"),
    "sra -I": ("SRR0000001.{n}.{mate} {n} length=100", "archive"),
    "ena": ("ERR194146.{n} HSQ1008:141:D0CC8ACXX:7:1101:1204:{n}/{mate}", "archive"),
    "dot": ("frag-{n}.{mate}", ""),
    "joined": ("A00:7:HXYZ:1:1101:{n}:1000_{mate}:N:0:ACGT+GGTT", "illumina"),
    "colon": ("frag-{n}:{mate} x", ""),
    "underscore": ("frag-{n}_{mate}", ""),
    "R": ("frag-{n}R{mate}", ""),
    "_R": ("frag-{n}_R{mate} x", ""),
    ".R": ("frag-{n}.R{mate}", ""),
    "plain": ("{n}", ""),
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("form", ["pairs", "interleaved"])
def test_mates_of_every_kind_of_names_are_pairs(tmp_path: Path, kind: str, form: str) -> None:
    name, key = NAMES[kind]
    one, two = make(300, 1, name), make(300, 2, name)
    if form == "pairs":
        facts = check_fastq(pair(tmp_path, one, two))
    else:
        turns = [r for both in zip(one, two, strict=True) for r in both]
        facts = check_fastq([write(tmp_path / "i.fq", turns)])
    assert facts.problems == []
    assert (facts.form, facts.names) == (form, key)
    assert facts.n_reads == 600
    assert facts.n_bases == sum(len(b) for _, b, _ in one + two)
    assert facts.longest == 100


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("second", [2, 3])
def test_what_is_taken_is_a_pair_to_the_aligner(
    tmp_path: Path, kind: str, second: int
) -> None:
    """Where an index was read between them, mates are 1 and 3."""
    name, _ = NAMES[kind]
    one, two = make(30, 1, name), make(30, second, name)
    assert check_fastq(pair(tmp_path, one, two)).problems == []
    turns = [r for both in zip(one, two, strict=True) for r in both]
    for reads in ((one, two), (turns,)):
        texts = [FastqText(io.BytesIO(text_of(r)).read, "x", 33) for r in reads]
        for text in texts:
            text.more(1 << 30)
        if len(texts) == 2:
            assert match_files(*texts, 1 << 30) == 30
        else:
            pairs, singles, _ = classify(texts[0], 1 << 30)
            assert (len(pairs), len(singles)) == (30, 0)
        stems = [name.split("{mate}")[0].split()[0].rstrip("R/._:") for _ in reads]
        expected = [s.format(n=n, lane=1) for n in range(1, 31) for s in stems]
        if len(texts) == 1:
            expected = [x for x in expected for _ in range(2)]
        found = [names_of(t) for t in texts]
        assert [x for both in zip(*found, strict=True) for x in both] == expected


def names_of(text: FastqText) -> list[str]:
    return [text.text[r[0] : r[0] + r[1]].tobytes().decode() for r in text.rows]


def test_running_numbers_of_reads_without_mates_make_no_pairs() -> None:
    reads = make(2, 1, "SRR1.{n}") + make(1, 1, "x/{mate}") + make(1, 2, "x/{mate}")
    text = FastqText(io.BytesIO(text_of(reads)).read, "x", 33)
    text.more(1 << 30)
    pairs, singles, _ = classify(text, 1 << 30, marked=False)
    assert (list(pairs), list(singles)) == ([2], [0, 1])


@pytest.mark.parametrize("kind", NAMES)
def test_wrong_mates_are_found_by_their_names(tmp_path: Path, kind: str) -> None:
    name, _ = NAMES[kind]
    one, two = make(300, 1, name), make(300, 2, name)
    two[200], two[201] = two[201], two[200]
    told = problem(check_fastq(pair(tmp_path, one, two)))
    assert "read 201: " in told
    assert "no mates" in told
    turns = [r for both in zip(one, two, strict=True) for r in both]
    told = problem(check_fastq([write(tmp_path / "i.fq", turns)]))
    assert "until read 401," in told


@pytest.mark.parametrize("kind", sorted(set(NAMES) - {"sra", "ena", "plain"}))
def test_mates_in_the_wrong_files(tmp_path: Path, kind: str) -> None:
    name, _ = NAMES[kind]
    one, two = make(30, 1, name), make(30, 2, name)
    told = problem(check_fastq(pair(tmp_path, two, one)))
    assert "exchange fastq_1 and fastq_2" in told
    again = [(n, b[1:], q[1:]) for n, b, q in one]
    assert "same reads twice; fix" in "".join(check_fastq(pair(tmp_path, one, again)).problems)
    turned = [(n, b[::-1], q) for n, b, q in one]
    told = "".join(check_fastq(pair(tmp_path, one, turned)).problems)
    sure = ("illumina", "umi", "element", "old", "mgi", "joined", "sra -I")
    assert ("both hold mates 1" in told) == (kind in sure)


@pytest.mark.parametrize("kind", ["illumina", "sra", "plain"])
def test_reads_without_mates_are_told_from_mates_in_turn(tmp_path: Path, kind: str) -> None:
    name, _ = NAMES[kind]
    facts = check_fastq([write(tmp_path / "s.fq", make(99, 1, name))])
    assert (facts.form, facts.problems) == ("single", [])
    assert any("without mates" in n for n in facts.notes)


@pytest.mark.parametrize("kind", ["illumina", "old", "joined", "sra -I", "_R"])
@pytest.mark.parametrize("before", [3, 4])
def test_mates_in_turn_behind_reads_without_mates(
    tmp_path: Path, kind: str, before: int
) -> None:
    name, _ = NAMES[kind]
    one, two = make(90, 1, name), make(90, 2, name)
    turns = [r for both in zip(one, two, strict=True) for r in both]
    alone = [(f"alone{n}", b, q) for n, b, q in make(before, 1, "{n}")]
    told = problem(check_fastq([write(tmp_path / "a.fq", alone + turns)]))
    assert "reads without mates, and from about read" in told


def test_a_file_of_mates_alone_asks_for_the_other(tmp_path: Path) -> None:
    for name, kind, asked in (
        ("a.fq", "illumina", True), ("a.fq", "old", True), ("a.fq", "sra", False),
        ("a_R1.fq", "sra", True), ("a_1.fq.gz", "plain", True),
    ):  # fmt: skip
        facts = check_fastq([write(tmp_path / name, make(99, 1, NAMES[kind][0]))])
        assert (facts.form, facts.problems) == ("single", [])
        assert any("is there a second file of mates?" in n for n in facts.notes) == asked


def test_the_same_reads_as_both_mates(tmp_path: Path) -> None:
    one = make(30, 1, "SRR1.{n} {n}")
    told = problem(check_fastq(pair(tmp_path, one, one)))
    assert "same file twice" in told
    packed = write(tmp_path / "r2.fq", one)
    told = problem(check_fastq([tmp_path / "r1.fq.gz", packed]))
    assert "same reads twice" in told


@pytest.mark.parametrize("end", ["_ACGTACGT-1", ":1", "_1", ".1", "R1", "_2", " 1", "-R1"])
@pytest.mark.parametrize("said", ["", " {mate}:N:0:ACGT"])
def test_names_that_all_end_in_one_number(tmp_path: Path, end: str, said: str) -> None:
    name = "A00:7:HXYZ:1:1101:{n}:1000" + end + said
    assert check_fastq(pair(tmp_path, make(90, 1, name), make(90, 2, name))).problems == []


def test_unequal_numbers_of_reads(tmp_path: Path) -> None:
    told = problem(check_fastq(pair(tmp_path, make(300, 1), make(290, 2))))
    assert "300 and 290 reads" in told
    told = problem(
        check_fastq(
            [
                write(
                    tmp_path / "i.fq",
                    make(2, 1, "x/1")[:1] + make(1, 2, "x/2") + make(1, 1, "y/1"),
                )
            ]
        )
    )
    assert "last read has none" in told


def test_a_lane_mixed_with_another(tmp_path: Path) -> None:
    one = make(30, 1) + make(30, 1, lane=10)
    two = make(30, 2) + make(30, 2, lane=10)
    facts = check_fastq(pair(tmp_path, one, two))
    assert facts.problems == []
    assert "reads of 2 lanes or runs (A00:7:HXYZ:1, A00:7:HXYZ:10)" in facts.notes[0]
    two = make(60, 2)
    two = [(n.replace(":1:1101", ":2:1101"), b, q) for n, b, q in two]
    told = problem(check_fastq(pair(tmp_path, make(60, 1), two)))
    assert "of A00:7:HXYZ:1 and A00:7:HXYZ:2" in told


GOOD = make(50, 1)
TEXT = text_of(GOOD)
LINES = TEXT.split(b"\n")


def with_line(number: int, line: bytes) -> bytes:
    """Change a line, 1-based."""
    return b"\n".join([*LINES[: number - 1], line, *LINES[number:]])


FAULTS = {
    "cut in qualities": (TEXT[:-20], "in the middle of read 50 (line 197"),
    "cut in bases": (b"\n".join(LINES[:37]) + b"\nACG", "in the middle of read 10 (line 37"),
    "cut behind +": (b"\n".join(LINES[:39]) + b"\n", "in the middle of read 10 (line 37"),
    "no +": (with_line(43, b"ACGT"), "read 11 (line 43): 'ACGT' where + must stand"),
    "short qualities": (with_line(44, LINES[43][1:]), "read 11 (line 44): as many qualities"),
    "long qualities": (with_line(44, LINES[43] + b"I"), "(line 44): as many qualities"),
    "no base": (with_line(42, b"?" + LINES[41][1:]), "read 11 (line 42): '?' is no base"),
    "colours": (with_line(2, b"T0120.3"), "read 1 (line 2): colours of SOLiD"),
    "protein": (with_line(2, b"MEEPQSDPSV"), "a letter of proteins"),
    "RNA": (with_line(2, b"ACGU"), "write T for U"),
    "control byte": (with_line(44, b"\x07" + LINES[43][1:]), "byte 7 is no quality"),
    "high byte": (with_line(44, b"\xff" + LINES[43][1:]), "byte 255 is no quality"),
    "no @": (with_line(41, b"x"), "read 11 (line 41): 'x' where a name after @"),
    "no name": (with_line(41, b"@"), "read 11 (line 41): a read without a name"),
    "another name": (with_line(43, b"+x"), "read 11 (line 43): '+x' is not the read's name"),
    "a name of bytes": (with_line(41, b"@a\xff b"), "read 11 (line 41): a name that SAM"),
    "a long name": (with_line(41, b"@" + b"a" * 255), "a name that SAM cannot have"),
    "a line lost": (b"\n".join(LINES[:42] + LINES[43:]), "where + must stand"),
    "blank lines": (TEXT + b"\n\n", "read 51 (line 201): a blank line"),
    "FASTA": (b">x\nACGT\n", "is a FASTA"),
    "SAM": (b"@HD\tVN:1.6\n@SQ\tSN:1\tLN:5\n", "is SAM text"),
    "VCF": (b"##fileformat=VCFv4.2\n", "in the column gvcf"),
    "BAM": (b"BAM\x01", "in the column bam"),
    "CRAM": (b"CRAM\x03", "in the column cram"),
    "text": (b"sample\tfile\n", "is no FASTQ"),
    "web page": (b"<!doctype html><html>", "the download failed"),
    "zeros": (b"\0" * 5000, "zero bytes"),
    "index reads": (text_of(make(50, 1, size=10)), "no read has 30 bases"),
    "long reads": (text_of(make(50, 1, size=3000)), "a read of 3,000 bases"),
    "PacBio": (text_of(make(5, 1, "m64136_200621_234916/{n}/ccs")), "PacBio: long reads"),
    "Nanopore": (
        text_of(make(5, 1, "SRR1.{n} bd8655fb-383c-45cc-bff3-eb1dc86533e0 runid=1")),
        "Oxford Nanopore: long reads",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("ending", [".fq", ".fq.gz"])
def test_a_fault_is_named_with_its_place(tmp_path: Path, fault: str, ending: str) -> None:
    data, told = FAULTS[fault]
    if fault == "CRAM" and ending == ".fq.gz":
        told = "is no FASTQ"
    path = write(tmp_path / f"a{ending}", data)
    facts = check_fastq([path])
    assert problem(facts).startswith(str(path))
    assert told in facts.problems[0]


@pytest.mark.parametrize("fault", ["no base", "short qualities", "cut in qualities"])
def test_both_files_are_told_of(tmp_path: Path, fault: str) -> None:
    text = FAULTS[fault][0]
    other = text.replace(b" 1:N", b" 2:N").translate(bytes.maketrans(b"CG", b"GC"))
    paths = [write(tmp_path / "1.fq.gz", text), write(tmp_path / "2.fq.gz", other)]
    facts = check_fastq(paths)
    assert [p.startswith(str(f)) for p, f in zip(facts.problems, paths, strict=True)]


PACKED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "bzip2": ("a.fq.bz2", bz2.compress, "bzip2 -dc a.fq.bz2 | gzip > a.fq.gz"),
    "xz": ("a.fq.xz", lzma.compress, "xz -dc a.fq.xz | gzip > a.fq.gz"),
    "bzip2 as gz": ("a.fq.gz", bz2.compress, "packed by bzip2"),
    "plain as gz": ("a.fq.gz", bytes, "name it a.fq"),
    "empty": ("a.fq.gz", lambda _: b"", "is empty"),
    "gzip of nothing": ("a.fq.gz", lambda _: gzip.compress(b""), "holds no read"),
    "cut gzip": ("a.fq.gz", lambda t: gzip.compress(t)[:-900], "the gzip is cut off"),
    "cut behind a header": ("a.fq.gz", lambda t: gzip.compress(t)[:12], "damaged gzip"),
    "damaged gzip": (
        "a.fq.gz",
        lambda t: gzip.compress(t)[:-8] + b"\0\0\0\0" + gzip.compress(t)[-4:],
        "the gzip is damaged",
    ),
    "BGZF without end": ("a.fq.gz", lambda t: bgzf(t)[:-28], "without its end block"),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("pack", [gzip.compress, lambda text: bgzf(text)])
def test_damage_that_shows_in_a_record_first(
    tmp_path: Path, threads: int, pack: Callable[[bytes], bytes]
) -> None:
    """What is unpacked comes before its checksum: the record is not to blame."""
    path = tmp_path / "a.fq.gz"
    reads = make(3000, 1)
    good = pack(text_of(reads))
    found = []
    for part in range(1, 20):
        raw = bytearray(good)
        raw[len(raw) * part // 20] ^= 0x10
        path.write_bytes(raw)
        found.append(problem(check_fastq([path], threads=threads)))
    assert all("the gzip is damaged behind read " in told for told in found), found
    reads[7] = ("x", "ACGT?", "IIIII")
    path.write_bytes(pack(text_of(reads)))
    assert "'?' is no base" in problem(check_fastq([path], threads=threads))


def bgzf(text: bytes) -> bytes:
    out = io.BytesIO()
    stream = BgzfStream(out)
    stream.write(text)
    stream.finish()
    return out.getvalue()


@pytest.mark.parametrize("how", PACKED)
def test_packings_that_are_refused(tmp_path: Path, how: str) -> None:
    name, pack, told = PACKED[how]
    path = tmp_path / name
    path.write_bytes(pack(text_of(make(2000, 1))))
    facts = check_fastq([path])
    assert told in problem(facts)
    assert str(path) in facts.problems[0]


@pytest.mark.parametrize(
    "how", ["gzip", "members", "bgzf", "plain", "no last line end", "crlf"]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_forms_that_are_read(tmp_path: Path, how: str, threads: int) -> None:
    reads = make(3000, 1)
    text = text_of(reads, "\r\n" if how == "crlf" else "\n")
    data = {
        "gzip": lambda: gzip.compress(text),
        "members": lambda: gzip.compress(b"") + b"".join(
            gzip.compress(text[k : k + 5000]) for k in range(0, len(text), 5000)
        ),
        "bgzf": lambda: bgzf(text),
        "no last line end": lambda: text[:-1],
    }.get(how, lambda: text)()  # fmt: skip
    path = tmp_path / "a.fastq"
    path.write_bytes(data)
    facts = check_fastq([path], threads=threads)
    assert facts.problems == []
    assert facts.n_reads == 3000
    assert facts.n_bases == sum(len(b) for _, b, _ in reads)
    assert facts.files[0]["md5"] == hashlib.md5(data).hexdigest()
    assert facts.files[0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert facts.files[0]["bytes"] == len(data)
    assert any("Windows" in n for n in facts.notes) == (how == "crlf")


@pytest.mark.parametrize("block", [700, 1024, 4096])
def test_blocks_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    one, two = make(200, 1), make(200, 2)
    two = [(n, b[:50], q[:50]) for n, b, q in two]
    turns = [r for both in zip(one, two, strict=True) for r in both]
    files = pair(tmp_path, one, two)
    mixed = write(tmp_path / "i.fq.gz", turns)
    monkeypatch.setattr(fastqfile, "BLOCK", block)
    facts = check_fastq(files)
    assert (facts.problems, facts.n_reads) == ([], 400)
    facts = check_fastq([mixed])
    assert (facts.problems, facts.n_reads, facts.form) == ([], 400, "interleaved")
    two[150] = ("other", *two[150][1:])
    told = problem(check_fastq(pair(tmp_path, one, two)))
    assert "read 151:" in told
    turns[301] = two[150]
    told = problem(check_fastq([write(mixed, turns)]))
    assert "until read 301," in told


def test_a_line_without_end_is_no_short_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastqfile, "BLOCK", 4096)
    path = write(tmp_path / "a.fq", b"@x\n" + b"A" * 100_000)
    assert "no short reads" in problem(check_fastq([path]))


@pytest.mark.parametrize(
    ("low", "high", "base", "told"),
    [
        (35, 73, 33, ""), (33, 75, 33, ""), (58, 104, 33, ""), (66, 104, 64, "1.3"),
        (64, 104, 64, "1.3"), (59, 104, 64, "Solexa"), (73, 73, 33, "33 or 64"),
        (64, 90, 33, "33 or 64"), (255, 0, 33, ""), (126, 126, 64, "1.3"),
    ],
)  # fmt: skip
def test_where_qualities_count_from(low: int, high: int, base: int, told: str) -> None:
    found, note = quality_base(low, high)
    assert found == base
    assert (told in note) if told else not note


def test_qualities_of_both_files_count(tmp_path: Path) -> None:
    name = "HWUSI:6:73:941:{n}#0/{mate}"
    facts = check_fastq(pair(tmp_path, make(50, 1, name, base=64), make(50, 2, name, base=64)))
    assert (facts.quality_base, facts.problems) == (64, [])
    solexa = [(n, b, ";" + q[1:]) for n, b, q in make(50, 1, name, base=64)]
    told = problem(check_fastq(pair(tmp_path, solexa, make(50, 2, name, base=64))))
    assert "Solexa's scale" in told


@pytest.mark.parametrize("bases", [(64, 33), (33, 64)])
def test_a_lane_of_two_scales_of_qualities(tmp_path: Path, bases: tuple[int, int]) -> None:
    files = pair(tmp_path, make(50, 1, base=bases[0]), make(50, 2, base=bases[1]))
    told = problem(check_fastq(files))
    for file, base in zip(files, bases, strict=True):
        assert f"read 1 of {file} from {base}" in told
    half = make(40, 1, base=bases[0]) + make(10, 1, base=bases[1])
    for reads in (half, [half[0], half[-1]] * 2):
        path = write(tmp_path / "a.fq", reads)
        told = problem(check_fastq([path]))
        second = 41 if len(reads) == 50 else 2
        assert f"read 1 of {path} from {bases[0]}" in told
        assert f"read {second} of {path} from {bases[1]}" in told


def test_a_file_without_a_sign_of_its_scale_goes_with_its_mates(tmp_path: Path) -> None:
    for base in (33, 64):
        flat = [(n, b, "F" * len(b)) for n, b, _ in make(50, 2)]
        facts = check_fastq(pair(tmp_path, make(50, 1, base=base), flat))
        assert (facts.quality_base, facts.problems) == (base, [])


def test_very_high_qualities_of_consensus_reads(tmp_path: Path) -> None:
    high = [(n, b, "~" * len(b)) for n, b, _ in make(20, 1)]
    both = [(n, b, "#" + "~" * (len(b) - 1)) for n, b, _ in make(20, 1)]
    facts = check_fastq([write(tmp_path / "a.fq", high + make(20, 1) + both)])
    assert (facts.quality_base, facts.problems) == (33, [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("kind", ["illumina", "plain", "old"])
def test_names_may_stand_behind_the_plus(
    tmp_path: Path, end: str, is_whole: bool, kind: str
) -> None:
    reads = make(50, 1, NAMES[kind][0])
    plus = [n if is_whole else n.split()[0] for n, _, _ in reads]
    lines = [
        f"@{n}{end}{b}{end}+{p}{end}{q}{end}" for (n, b, q), p in zip(reads, plus, strict=True)
    ]
    facts = check_fastq([write(tmp_path / "a.fq", "".join(lines).encode())])
    assert (facts.problems, facts.n_reads) == ([], 50)
    for other in (plus[8] + "x", plus[8][:-1] + "_", plus[8] + " x", "x"):
        lines[8] = lines[8].replace(f"+{plus[8]}", f"+{other}")
        told = problem(check_fastq([write(tmp_path / "a.fq", "".join(lines).encode())]))
        assert "read 9 (line 35)" in told
        lines[8] = lines[8].replace(f"+{other}", f"+{plus[8]}")


def test_letters_that_stand_for_n_and_reads_without_bases(tmp_path: Path) -> None:
    reads = make(50, 1, "x{n}")
    reads[3] = ("a", "ACGTN.RYacgtn" + "A" * 30, "I" * 43)
    reads[4] = ("b", "", "")
    facts = check_fastq([write(tmp_path / "a.fq", reads)])
    assert facts.problems == []
    assert any("3 IUPAC codes or dots" in n for n in facts.notes)
    assert any("1 reads without bases" in n for n in facts.notes)


def test_a_tar_of_reads_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.fq", GOOD)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "a.fq", "a.fq")
    assert "tar archive" in problem(check_fastq([tmp_path / "a.tar.gz"]))


def test_what_was_found_is_kept_until_a_file_changes(tmp_path: Path) -> None:
    files = pair(tmp_path, make(30, 1), make(30, 2))
    asked, kept = lane(*files), tmp_path / "checked"
    facts = check_lane_once(asked, kept)
    assert facts == check_lane(asked)
    path = facts_file(asked, kept)
    told = path.read_text().replace('"n_reads": 60', '"n_reads": 61')
    path.write_text(told)
    assert check_lane_once(asked, kept).n_reads == 61, "what is kept is read"
    write(files[0], make(31, 1))
    assert "31 and 30" in problem(check_lane_once(asked, kept))
    write(files[1], make(31, 2))
    assert check_lane_once(asked, kept).n_reads == 62
    path.write_text("{")
    assert check_lane_once(asked, kept).n_reads == 62
    other = lane(*files, name="L2")
    assert facts_file(other, kept) != path


def test_a_file_that_cannot_be_read_is_a_problem_of_its_lane(tmp_path: Path) -> None:
    facts = check_lane(lane(tmp_path / "no.fq", form="single"))
    assert "No such file" in problem(facts)


def lanes_of(folder: Path, *, gz: bool = False, **files: list[Read]) -> Lane:
    ending = ".fq.gz" if gz else ".fq"
    paths = [write(folder / f"{name}{ending}", reads) for name, reads in files.items()]
    return lane(*paths, form="pairs" if len(paths) == 2 else "single", name="L2")


def test_the_same_reads_are_found_by_their_bases(tmp_path: Path) -> None:
    """In another packing, renamed, in another order, with mates alone or in turn."""
    one, two = make(30, 1), make(30, 2)
    first = lane(*pair(tmp_path, one, two))
    renamed = [
        [(f"SRR1.{n} {m}/{m}", b, "F" * len(b)) for n, (_, b, _) in enumerate(reads, 1)]
        for m, reads in enumerate((one, two), 1)
    ]
    turns = [read for both in zip(one, two, strict=True) for read in both]
    again = {
        "a1": lanes_of(tmp_path, a1=one, a2=two),
        "b1": lanes_of(tmp_path, b1=renamed[0], b2=renamed[1]),
        "c1": lanes_of(tmp_path, c1=one[::-1], c2=two[::-1]),
        "d1": lanes_of(tmp_path, d1=two, d2=make(30, 3)),
        "e1": lanes_of(tmp_path, e1=turns),
        "f1": lanes_of(tmp_path, gz=True, f1=one),
    }
    for name, second in again.items():
        facts = [check_lane(first), check_lane(second)]
        if name != "d1":
            assert [f.problems for f in facts] == [[], []]
        told = same_reads([first, second], facts)
        assert len(told) == 1, name
        assert f"lane L2: {name}.fq" in told[0]
        assert "the same reads as r" in told[0]


def test_reads_of_the_same_names_are_not_the_same(tmp_path: Path) -> None:
    """Names that count, or begin anew in each run, are those of other people's reads, too."""
    for name in (ILLUMINA, "{n}", "SRR1.{n}"):
        both = [
            lanes_of(
                tmp_path, **{f"x{k}": [(x, b[k:] + b[:k], q) for x, b, q in make(30, 1, name)]}
            )
            for k in (0, 1)
        ]
        facts = [check_lane(x) for x in both]
        assert facts[0].files[0]["first"] == facts[1].files[0]["first"]
        assert same_reads(both, facts) == []


def test_a_base_makes_other_reads(tmp_path: Path) -> None:
    """Of any cycle; a base that goes from one read to another, too."""
    one = make(30, 1)
    found = {check_fastq([write(tmp_path / "x.fq", one)]).files[0]["content"]}
    (a, bases, q), (c, others, r), *rest = one
    for k in (0, 1, 50, len(others) - 1):
        changed = [
            bases[:k] + others[k] + bases[k + 1 :],
            others[:k] + bases[k] + others[k + 1 :],
        ]
        if bases[k] == others[k]:
            continue
        for new in (changed, [changed[0], others]):
            reads = [(a, new[0], q), (c, new[1], r), *rest]
            found.add(check_fastq([write(tmp_path / "x.fq", reads)]).files[0]["content"])
    assert len(found) >= 5
    lower = [(x, b.lower(), y) for x, b, y in one]
    assert check_fastq([write(tmp_path / "x.fq", lower)]).files[0]["content"] in found


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_gzip_is_named_before_the_text_that_it_gives(
    tmp_path: Path, threads: int
) -> None:
    """Its checksum stands at its end; wrong text in a whole gzip is the text's fault."""
    reads = make(40_000, 1)
    good = text_of(reads)
    at = good.index(b"\n+\n", len(good) // 2) - 3
    wrong = good[:at] + b"F" + good[at + 1 :]
    packed = gzip.compress(wrong, 1)
    path = tmp_path / "x.fq.gz"
    path.write_bytes(packed)
    assert "'F' is no base" in problem(check_fastq([path], threads=threads))
    # The checksum of what was packed: as if the F had come by a flipped bit.
    path.write_bytes(packed[:-8] + gzip.compress(good, 1)[-8:])
    told = problem(check_fastq([path], threads=threads))
    assert "the gzip is damaged" in told
    assert "gives wrong text from read 20," in told
    path.write_bytes(packed[:-9])
    assert "the gzip is damaged" in problem(check_fastq([path], threads=threads))
    first = gzip.compress(b"@r\nFFFF\n+\nIIII\n" + good, 1)
    path.write_bytes(first[:-9])
    assert "'F' is no base" in problem(check_fastq([path], threads=threads))
