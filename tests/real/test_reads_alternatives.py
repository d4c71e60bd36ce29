"""Debian's bwa, minimap2 and fastp in the place of the packages, on reads of NA12878."""

import subprocess
from pathlib import Path

import pysam
import pytest
from otherprograms import GROUP, align, core, make_reads, needs, records

from varhouse.reads import othertools, tools
from varhouse.reads.align import AlignSettings, Other, align_lane, read_group
from varhouse.reads.index import make_index
from varhouse.reads.model import Lane, LaneFacts
from varhouse.reads.pipeline import Command, run_pipeline

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def fx_reads(oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with r1.fq, r2.fq, both.fq (mates in turn), ref.fa."""
    return make_reads(oracles_dir, tmp_path_factory.mktemp("reads"))


def test_bwa_from_a_pipe_is_bwa_on_two_files(fx_reads: Path) -> None:
    needs("bwa")
    piped = core(align("bwa", fx_reads, "pipe.sam"))
    assert core(align("bwa", fx_reads, "two.sam", threads=2)) == piped
    with (fx_reads / "files.sam").open("wb") as out:
        subprocess.run(
            ["bwa", "mem", "-Y", "-K", str(othertools.BATCH), "ref.fa", "r1.fq", "r2.fq"],
            cwd=fx_reads,
            stdout=out,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    assert piped == core(fx_reads / "files.sam")
    assert len(piped) > 21_000
    with pysam.AlignmentFile(str(fx_reads / "pipe.sam")) as file:
        header = file.header.to_dict()
    assert header["RG"] == [GROUP]


def test_minimap2_takes_neighbours_for_mates(fx_reads: Path) -> None:
    needs("minimap2")
    path = align("minimap2", fx_reads, "mm.sam")
    flags = [int(str(record[1])) for record in core(path)]
    assert all(flag & 1 and bool(flag & 0x40) != bool(flag & 0x80) for flag in flags)
    proper = sum(flag & 2 > 0 for flag in flags) / len(flags)
    assert proper > 0.97
    cigars = [record[5] for record in core(path)]
    assert not any("H" in str(cigar) for cigar in cigars)
    assert core(align("minimap2", fx_reads, "mm2.sam", threads=2)) == core(path)


def test_single_reads_are_no_pairs(fx_reads: Path) -> None:
    needs("minimap2")
    # Also where neighbours have one name.
    path = align("minimap2", fx_reads, "single.sam", paired=False)
    assert not any(int(str(record[1])) & 1 for record in core(path))


@pytest.mark.parametrize("form", ["pairs", "interleaved"])
def test_fastp_cuts_adapters_and_counts(form: str, fx_reads: Path, tmp_path: Path) -> None:
    needs("fastp")
    program = tools.resolve("fastp")
    # One fragment of 60 bases in ten: the adapters follow in both reads.
    adapters = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
    turn = bytes.maketrans(b"ACGT", b"TGCA")
    mates = [[r.split(b"\n")[:4] for r in records(fx_reads / f"r{i}.fq")] for i in (1, 2)]
    cut = 0
    for i, (first, second) in enumerate(zip(*mates, strict=True)):
        # fastp is to hand on such names as they are.
        first[0], second[0] = b"@SRR1.%d.1 x" % i, b"@SRR1.%d.2 x" % i
        if i % 10 == 0 and len(first[1]) == len(second[1]) == 148:
            piece = first[1][:60]
            first[1] = (piece + adapters[0].encode() * 4)[:148]
            second[1] = (piece.translate(turn)[::-1] + adapters[1].encode() * 4)[:148]
            cut += 2
    files = []
    if form == "pairs":
        for i, reads in enumerate(mates):
            files.append(tmp_path / f"{i}.fq")
            files[i].write_bytes(b"\n".join(x for r in reads for x in r) + b"\n")
    else:
        files = [tmp_path / "i.fq"]
        both = (r for pair in zip(*mates, strict=True) for r in pair)
        files[0].write_bytes(b"\n".join(x for r in both for x in r) + b"\n")
    report = tmp_path / "fastp.json"
    command = othertools.trim_command(program, [str(f) for f in files], form, report)
    run_pipeline([command], out=tmp_path / "out.fq")
    figures = othertools.trim_figures(report)
    kept = list(records(tmp_path / "out.fq"))
    names = [r.split(b"\n")[0] for r in kept]
    assert names[:2] == [b"@SRR1.0.1 x", b"@SRR1.0.2 x"]
    numbers = [int(name.split(b".")[1]) for name in names]
    # In order, mates in turn.
    assert numbers[::2] == numbers[1::2] == sorted(set(numbers))
    assert len(kept) == figures["reads_out"]
    assert figures["reads_in"] == 2 * len(mates[0])
    dropped = figures["reads_in"] - figures["reads_out"]
    assert figures["reads_dropped"] == {"short": dropped, "quality": 0, "n": 0}
    short = sum(len(r.split(b"\n")[1]) == 60 for r in kept)
    assert cut > 1500
    assert short >= 0.99 * cut
    assert figures["reads_trimmed"] >= short
    if form == "pairs":
        assert sum(figures["adapters"].values()) >= short


@pytest.mark.parametrize(
    ("aligner", "trim", "names"),
    [
        ("bwa", "fastp", "sra"),
        ("bwa", "none", "plain"),
        ("minimap2", "cutadapt", "sra"),
        ("minimap2", "fastp", "plain"),
    ],
)
def test_a_lane_is_aligned_by_other_programs(
    aligner: str, trim: str, names: str, fx_reads: Path, tmp_path: Path
) -> None:
    """As the workflow does it; against the default way."""
    needs(aligner)
    files = [fx_reads / f"r{i}.fq" for i in (1, 2)]
    if names == "sra":
        for i in (1, 2):
            reads = [r.split(b"\n", 1)[1] for r in records(files[i - 1])]
            files[i - 1] = tmp_path / f"x{i}.fq"
            text = b"".join(b"@SRR1.%d.%d %d\n%b" % (k, i, k, r) for k, r in enumerate(reads))
            files[i - 1].write_bytes(text)
    lane = Lane("c", "NA12878", "L1", "lib", "ILLUMINA", "pairs", [str(f) for f in files])
    facts = LaneFacts("pairs", 21_270)
    program = tools.resolve(aligner)
    index = make_index(
        fx_reads / "ref.fa",
        tmp_path / "index",
        aligner=aligner,
        build=lambda fasta: Command(othertools.index_argv(program, fasta)),
        suffixes=othertools.INDEXES[aligner].suffixes,
    )
    stage = othertools.align_command(program, index.fasta, read_group(lane), 2)
    own = Other(
        stage,
        othertools.tool_of(program, "align", othertools.align_options(program, paired=True)),
    )
    trimmer = None
    if trim == "fastp":
        needs("fastp")
        program, report = tools.resolve("fastp"), tmp_path / "fastp.json"
        trimmer = Other(
            othertools.trim_command(program, lane.files, "pairs", report),
            othertools.tool_of(program, "trim", []),
            lambda: othertools.trim_figures(report),
        )
    settings = AlignSettings(trim="none" if trim == "none" else "cutadapt")
    told = align_lane(
        *(lane, facts, index, tmp_path / "a.bam"),
        settings=settings,
        threads=2,
        aligner=own,
        trimmer=trimmer,
    )
    found = core(tmp_path / "a.bam")
    primary = [r for r in found if not int(str(r[1])) & 0x900]
    assert len(primary) == told["reads_out"]
    proper = sum(int(str(r[1])) & 2 > 0 for r in primary) / len(primary)
    assert proper > 0.95
    with pysam.AlignmentFile(str(tmp_path / "a.bam")) as file:
        assert file.header.to_dict()["RG"][0]["LB"] == "lib"
        assert all(r.has_tag("MC") for r in file if not r.mate_is_unmapped)
    steps = [(tool["step"], tool["name"]) for tool in told["tools"]]
    assert steps == [("trim", trim), ("align", aligner)][trim == "none" :]


def test_fastp_turns_old_qualities(fx_reads: Path, tmp_path: Path) -> None:
    needs("fastp")
    old = tmp_path / "old.fq"
    up = bytes(min(126, c + 31) for c in range(256))
    reads = list(records(fx_reads / "r1.fq"))[:500]
    lines = [r.split(b"\n") for r in reads]
    old.write_bytes(b"".join(b"\n".join([*x[:3], x[3].translate(up), b""]) for x in lines))
    command = othertools.trim_command(
        tools.resolve("fastp"), [str(old)], "single", tmp_path / "j", quality_base=64
    )
    run_pipeline([command], out=tmp_path / "new.fq")
    assert list(records(tmp_path / "new.fq")) == reads
