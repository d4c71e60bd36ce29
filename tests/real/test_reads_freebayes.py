"""Debian's freebayes in place of `bcftools call`, on reads of NA12878."""

import gzip
from itertools import pairwise
from pathlib import Path

import pysam
import pytest
from otherprograms import align, make_reads, needs

from varhouse.reads import tools
from varhouse.reads.callregion import CallSettings
from varhouse.reads.gvcf import join_regions
from varhouse.reads.model import Copies, Filters, Span
from varhouse.reads.othercallers import call_region_with
from varhouse.reads.pipeline import Bcftools, Command, Function, Samtools, run_pipeline

pytestmark = pytest.mark.real

BASES = 105_830
"""Of the contig."""


@pytest.fixture(scope="module")
def fx_reads(oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with r1.fq, r2.fq, both.fq (mates in turn), ref.fa."""
    return make_reads(oracles_dir, tmp_path_factory.mktemp("reads"))


@pytest.fixture(scope="module")
def fx_bam(fx_reads: Path) -> Path:
    """Give the reads as bwa aligns them, sorted and with an index."""
    needs("bwa")
    sam, bam = align("bwa", fx_reads, "calls.sam"), fx_reads / "calls.bam"
    run_pipeline([Samtools(["sort", "-o", str(bam), str(sam)])])
    run_pipeline([Samtools(["index", str(bam)])])
    pysam.faidx(str(fx_reads / "ref.fa"))
    return bam


def call(bam: Path, out: Path, cuts: list[int], copies: Copies) -> list[list[str]]:
    """Call with freebayes in spans between cuts; give the lines of the gVCF."""
    fasta, parts = bam.parent / "ref.fa", []
    with pysam.FastaFile(str(fasta)) as file:
        (contig,) = file.references
        assert file.lengths == [BASES]
    edges = [0, *cuts, BASES]
    for i, (start, end) in enumerate(pairwise(edges)):
        parts.append(out / str(i))
        call_region_with(
            *(tools.resolve("freebayes"), bam, fasta, Span(contig, start, end), parts[-1]),
            sample="NA12878",
            copies=copies,
            settings=CallSettings(),
        )
    gvcf = out / "x.g.vcf.gz"
    join_regions(parts, gvcf, fasta=fasta, sample="NA12878", header=[], filters=Filters())
    text = gzip.decompress(gvcf.read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines() if line[0] != "#"]


def calls(lines: list[list[str]]) -> list[tuple[str, ...]]:
    return [(*x[1:5], x[9].split(":")[0]) for x in lines if x[4] != "<*>"]


@pytest.fixture(scope="module")
def fx_whole(fx_bam: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    needs("freebayes")
    return call(fx_bam, tmp_path_factory.mktemp("whole"), [], [])


def test_calls_of_freebayes_are_all_there(
    fx_bam: Path, fx_whole: list[list[str]], tmp_path: Path
) -> None:
    """Against freebayes on its own; bcftools splits records of one ALT, and normalises."""
    fasta, raw = fx_bam.parent / "ref.fa", tmp_path / "raw.vcf"
    run_pipeline([Command(["freebayes", "-f", str(fasta), str(fx_bam)])], out=raw)
    lines = raw.read_text().splitlines(keepends=True)
    want = []
    for options in (["--atomize"], []):
        several = not options
        own = [x for x in lines if x[0] == "#" or ("," in x.split("\t")[4]) == several]
        text, out = "".join(own).encode(), tmp_path / "norm.vcf"
        norm = Bcftools(["norm", *options, "-f", str(fasta), "-o", str(out), "-"])
        run_pipeline([Function(lambda _, sink, text=text: sink.write(text)), norm])
        rows = [x.split("\t") for x in out.read_text().splitlines() if x[0] != "#"]
        rows = [x for x in rows if float(x[5]) > 3.0103 and not x[9].startswith("0/0")]
        want += [(*x[1:5], x[9].split(":")[0]) for x in rows]
    want.sort(key=lambda call: int(call[0]))
    assert len(want) > 25
    assert calls(fx_whole) == want


def test_no_block_lies_over_a_call_or_where_there_are_no_reads(
    fx_bam: Path, fx_whole: list[list[str]]
) -> None:
    last = 0
    with pysam.AlignmentFile(str(fx_bam)) as file:
        contig = file.references[0]
        counts = file.count_coverage(contig, quality_threshold=0)
    depths = [sum(bases) for bases in zip(*counts, strict=True)]
    for line in fx_whole:
        pos = int(line[1])
        is_block = line[4] == "<*>"
        end = int(line[7].removeprefix("END=")) if is_block else pos + len(line[3]) - 1
        if is_block:
            assert pos > last
            assert min(depths[pos - 1 : end]) > 0
        last = max(last, end)
    assert sum(x[4] == "<*>" for x in fx_whole) > 100


@pytest.mark.parametrize("name", ["at calls", "before calls", "each 20 kb"])
def test_cuts_lose_and_double_no_call(
    name: str, fx_bam: Path, fx_whole: list[list[str]], tmp_path: Path
) -> None:
    places = sorted({int(x[1]) for x in fx_whole if x[4] != "<*>"})[::8]
    cuts = {
        "at calls": places,
        "before calls": [p - 1 for p in places],
        "each 20 kb": list(range(20_000, BASES, 20_000)),
    }[name]
    found = call(fx_bam, tmp_path, cuts, [])
    assert calls(found) == calls(fx_whole)
    # QUAL of a call depends on where freebayes starts; blocks do not.
    assert [x for x in found if x[4] == "<*>"] == [x for x in fx_whole if x[4] == "<*>"]


def test_one_copy_is_called_as_one(
    fx_bam: Path, fx_whole: list[list[str]], tmp_path: Path
) -> None:
    first, last = 30_000, 60_000
    found = call(fx_bam, tmp_path, [20_000, 45_000], [(first, last, 1), (90_000, BASES, 0)])
    for line in found:
        alleles = line[9].split(":")[0].split("/")
        pos = int(line[1])
        assert len(alleles) == (1 if first < pos <= last else 2)
        assert pos <= 90_000
    inside = [x for x in calls(found) if first < int(x[0]) <= last]
    hom = [x for x in calls(fx_whole) if first < int(x[0]) <= last and x[4] == "1/1"]
    assert {x[:4] for x in hom} <= {x[:4] for x in inside}
    assert all(x[4] == "1" for x in inside)
