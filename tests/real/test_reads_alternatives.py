"""Debian's bwa, minimap2 and fastp in the place of the packages, on reads of NA12878."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from varhouse.reads import othertools, tools
from varhouse.reads.pipeline import Command, Function, Samtools, run_pipeline

pytestmark = pytest.mark.real

GROUP = {"ID": "g", "SM": "NA12878", "LB": "l", "PL": "ILLUMINA"}


def needs(name: str) -> None:
    if shutil.which(tools.ALTERNATIVES[name].program) is None:
        pytest.skip(f"needs {name}")


@pytest.fixture(scope="module")
def fx_reads(oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with r1.fq, r2.fq, both.fq (mates in turn), ref.fa."""
    folder = tmp_path_factory.mktemp("reads")
    source = oracles_dir / "reads-truth/variantworks/tests/data"
    bam = source / "some_indels.bam"
    rest = ["-n", "-0", "/dev/null", "-s", "/dev/null", "-"]
    run_pipeline(
        [
            Samtools(["collate", "-O", "-u", str(bam), str(folder / "collate")]),
            Samtools(
                ["fastq", "-1", str(folder / "r1.fq"), "-2", str(folder / "r2.fq"), *rest]
            ),
        ]
    )
    fasta = next((oracles_dir / "reads-truth/variantworks").rglob("*.from-MD.fa"))
    shutil.copy(fasta, folder / "ref.fa")
    mates = [records(folder / f"r{i}.fq") for i in (1, 2)]
    with (folder / "both.fq").open("wb") as both:
        for first, second in zip(*mates, strict=True):
            both.write(first + second)
    return folder


def records(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.readline():
            yield head + file.readline() + file.readline() + file.readline()


def core(path: Path) -> list[tuple[object, ...]]:
    """List what an aligner says of each read: flags, place, quality, CIGAR, mate, bases."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return [tuple(record.to_string().split("\t")[:11]) for record in file]


def align(name: str, folder: Path, out: str, threads: int = 1, paired: bool = True) -> Path:
    program = tools.resolve(name)
    if not othertools.index_target(name, folder / "ref.fa").exists() or name != "minimap2":
        run_pipeline([Command(othertools.index_argv(program, folder / "ref.fa"))])
    ends = othertools.INDEXES[name].suffixes
    assert all(Path(f"{folder / 'ref.fa'}{end}").exists() for end in ends)
    stage = othertools.align_command(program, folder / "ref.fa", GROUP, threads, paired=paired)
    reads = (folder / "both.fq").read_bytes()
    run_pipeline([Function(lambda _, sink: sink.write(reads)), stage], out=folder / out)
    return folder / out


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
    assert figures["reads_in"] - figures["reads_out"] == figures["dropped_short"]
    assert figures["dropped_quality"] == figures["dropped_n"] == 0
    short = sum(len(r.split(b"\n")[1]) == 60 for r in kept)
    assert cut > 1500
    assert short >= 0.99 * cut
    assert figures["reads_with_adapter"] >= short


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
