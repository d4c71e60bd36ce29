"""Real reads aligned by pybwa's library and by Debian's bwa mem: the same records."""

import shutil
import subprocess
from pathlib import Path

import pysam
import pytest
from isal import igzip

from varhouse.reads.align import AlignSettings, align_lane
from varhouse.reads.index import make_index
from varhouse.reads.model import Lane, LaneFacts
from varhouse.reads.pipeline import Samtools, run_pipeline

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("bwa") is None, reason="needs bwa"),
]

TAGS = ("NM", "MD", "AS", "XS", "SA", "XA", "MC")


def records(lines: list[str]) -> list[list[str]]:
    """Give the eleven fields and bwa 0.7.17's tags of records, sorted."""
    split = [line.split("\t") for line in lines if line[0] != "@"]
    return sorted(f[:11] + sorted(t for t in f[11:] if t[:2] in TAGS) for f in split)


def compare(tmp_path: Path, reference: Path, files: list[Path]) -> int:
    """Align with both and compare; gives the number of records."""
    index = make_index(reference, tmp_path / "index")
    lane = Lane("c", "s", "L1", "lib", "ILLUMINA", "pairs", [str(f) for f in files])
    settings = AlignSettings(trim="none")
    align_lane(lane, LaneFacts("pairs"), index, tmp_path / "o.bam", settings=settings)
    with pysam.AlignmentFile(str(tmp_path / "o.bam")) as file:
        own = records([record.to_string() for record in file.fetch(until_eof=True)])
    argv = ["bwa", "mem", "-v", "1", "-Y", "-K", "10000000", index.prefix, *files]
    sam = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert own == records(sam.splitlines())
    return len(own)


@pytest.mark.parametrize("lane", ["L001", "L002"])
def test_reads_of_sarek(tmp_path: Path, data_dir: Path, lane: str) -> None:
    """FASTQ as the sequencer gave them, on the small GRCh37 that belongs to them."""
    packed = data_dir / "annotation/sarek-small-b37/human_g1k_v37_decoy.small.fasta.gz"
    reference = tmp_path / "ref.fasta"
    with igzip.open(packed) as file:
        reference.write_bytes(file.read())
    folder = data_dir / "reads/sarek-tiny/tiny/normal"
    files = [folder / f"tiny_n_{lane}_R{k}_xxx.fastq.gz" for k in (1, 2)]
    assert compare(tmp_path, reference, files) > 1100


def test_reads_of_na12878(tmp_path: Path, data_dir: Path) -> None:
    """Those of a BAM of freebayes, made into FASTQ: pairs that do not fit among them."""
    folder = data_dir / "reads/freebayes-tiny/tiny"
    files = [tmp_path / f"{k}.fq" for k in (1, 2)]
    bam = str(folder / "NA12878.chr22.tiny.bam")
    collate = ["collate", "-u", "-O", "-T", str(tmp_path / "t"), bam]
    split = ["-1", str(files[0]), "-2", str(files[1]), "-0", "/dev/null"]
    fastq = ["fastq", "-n", *split, "-s", str(tmp_path / "singles.fq"), "-"]
    run_pipeline([Samtools(collate), Samtools(fastq)])
    assert compare(tmp_path, folder / "q.fa", files) > 3000
