"""Reads of NA12878 for tests of other programs, and what these are called with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from varhouse.reads import othertools, tools
from varhouse.reads.pipeline import Command, Function, Samtools, run_pipeline

GROUP = {"ID": "g", "SM": "NA12878", "LB": "l", "PL": "ILLUMINA"}


def needs(name: str) -> None:
    if shutil.which(tools.ALTERNATIVES[name].program) is None:
        pytest.skip(f"needs {name}")


def make_reads(oracles_dir: Path, folder: Path) -> Path:
    """Make r1.fq, r2.fq, both.fq (mates in turn) and ref.fa in a folder; gives it."""
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
