"""Reads of made people become the calls that these people have."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest
from calls_compare import Comparison, Reference, compare
from reads_path import Called, Way, lanes_of
from simreads import (
    CONTEXT,
    CopiesOf,
    Errors,
    Sequences,
    Variant,
    female,
    make_genome,
    make_truth,
    male,
    read_fasta,
    simulate,
    write_fasta,
    write_truth,
)

PAR = 15_000


def call_person(
    folder: Path,
    genome: Sequences,
    truth: list[Variant],
    *,
    platform: str = "hiseq",
    copies: CopiesOf | None = None,
    span: int = 5_000_000,
    **how: object,
) -> tuple[Called, Comparison]:
    """Take a person from reads to calls, and compare these with what is true."""
    fasta = write_fasta(folder / "ref.fa", genome)
    names = {"mgi": "mgi", "element": "element"}.get(platform, "illumina")
    reads = simulate(
        genome, truth, folder, platform=platform, names=names, copies=copies, **how
    )
    way = Way(fasta, folder, span=span)
    called = way.gvcf("S1", way.bam("S1", lanes_of(platform, reads)), copies)
    known = write_truth(folder / "truth.vcf.gz", truth, genome)
    return called, compare(fasta, known, called.gvcf)


def dense_truth(seed: int, genome: Sequences, copies: CopiesOf | None = None) -> list[Variant]:
    """Make somebody with twice as many variants as people have, so that reads are few."""
    rng = np.random.default_rng(seed)
    return make_truth(rng, genome, copies=copies, snvs=1 / 500, indels=1 / 1_500)


def stretch(data_dir: Path) -> Sequences:
    """Give 450 kb of chromosome 17 (GRCh37)."""
    path = data_dir / "reference" / "GRCh37-chr17-first-1Mb" / "human_g1k_v37.chr17_1Mb.fasta"
    with pysam.FastaFile(str(path)) as fasta:
        name = fasta.references[0]
    return {"17": read_fasta(path, {name: (300_000, 750_000)})[name]}


def made(_: Path) -> Sequences:
    return make_genome(31, {"chr1": 250_000, "chr2": 150_000})


Genome = Callable[[Path], Sequences]


def check_goals(score: Comparison) -> None:
    assert score.snv.truth + score.indel.truth >= 800
    assert score.snv.f1 >= 0.998, score.snv
    assert score.indel.f1 >= 0.99, score.indel
    assert score.indel.genotypes >= 0.97, score.indel
    assert score.snv.genotypes >= 0.998, score.snv


@pytest.mark.slow
@pytest.mark.parametrize(
    ("platform", "genome", "seed"), [("hiseq", made, 41), ("mgi", stretch, 42)]
)
def test_thirty_fold(platform: str, genome: Genome, seed: int, tmp_path, data_dir):
    sequences = genome(data_dir)
    truth = dense_truth(seed, sequences)
    _, score = call_person(
        tmp_path, sequences, truth, platform=platform, depth=30, seed=seed, adapters=0.02
    )
    check_goals(score)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "snv", "indel"), [(15, 0.98, 0.96), (60, 0.998, 0.99)])
def test_other_depths(depth: int, snv: float, indel: float, tmp_path, data_dir):
    """At 15x some alleles have no more than two reads: nobody finds these.

    The stretch begins behind the N of the reference, beside which no read lies.
    """
    bases_17 = stretch(data_dir)["17"]
    first = int(np.flatnonzero(bases_17 == ord("N"))[-1]) + 1
    genome = {"17": bases_17[first : first + 250_000]}
    truth = dense_truth(43, genome)
    _, score = call_person(tmp_path, genome, truth, depth=depth, platform="mgi", seed=43)
    assert score.snv.f1 >= snv, score.snv
    assert score.indel.f1 >= indel, score.indel


@pytest.mark.slow
def test_errors_that_come_back(tmp_path, data_dir):
    """Errors behind certain bases, on one strand, and slips in repeats.

    Where a quarter of the reads slips, in repeats of one base that are as long as these, an
    extra indel cannot be told from a variant; elsewhere there are hardly any.
    """
    genome = stretch(data_dir)
    truth = dense_truth(44, genome)
    _, score = call_person(tmp_path, genome, truth, depth=30, seed=44, errors=CONTEXT)
    assert len(score.snv.extra) <= 3, score.snv.extra
    assert score.snv.f1 >= 0.996, score.snv
    assert score.indel.recall >= 0.98, score.indel
    text = genome["17"].tobytes().decode()
    long_runs = [k for k in score.indel.extra if len(set(text[k[1] + 2 : k[1] + 16])) == 1]
    assert len(score.indel.extra) - len(long_runs) <= 4, score.indel.extra


@pytest.fixture(scope="module")
def sexes() -> Sequences:
    return make_genome(
        5, {"chr1": 20_000, "chrX": 60_000, "chrY": 40_000, "chrM": 16_569}, par=PAR
    )


@pytest.mark.parametrize("sex", ["male", "female"])
def test_copies_of_x_y_and_mt(sex: str, sexes: Sequences, tmp_path):
    copies = male(sexes, PAR) if sex == "male" else female(sexes)
    truth = dense_truth(8, sexes, copies)
    called, score = call_person(
        tmp_path, sexes, truth, copies=copies, depth=40, depth_of={"chrM": 1_000}, seed=9,
        fragment=(350, 40),
    )  # fmt: skip
    assert score.snv.f1 >= 0.99, score.snv
    assert score.indel.f1 >= 0.98, score.indel
    assert score.snv.right == score.snv.found
    missed = [k for k in (*score.snv.missed, *score.indel.missed) if k[0] == "chrM"]
    assert not missed  # of a thousand reads no indel is left out
    seen = {}
    with pysam.VariantFile(str(called.gvcf)) as calls:
        for record in calls:
            where = record.contig
            if where == "chrX":
                where += (
                    " PAR" if record.stop <= PAR else "" if record.start >= PAR else " both"
                )
            seen.setdefault(where, set()).add(len(record.samples[0]["GT"]))
    expected = {"chr1": {2}, "chrX PAR": {2}, "chrX": {2}, "chrM": {1}}
    if sex == "male":
        expected |= {"chrX": {1}, "chrY": {1}}
    assert {k: v for k, v in seen.items() if k != "chrX both"} == expected
    if sex == "male":
        assert "chrX both" not in seen  # a block ends where the copies change


def test_blocks_say_no_more_than_reads(tmp_path):
    """Each base of a block has the reads it says; a weak ALT lowers its quality."""
    genome = make_genome(6, {"chr1": 60_000})
    rng = np.random.default_rng(1)
    truth = make_truth(rng, genome, snvs=1 / 2_000, indels=1 / 500)
    other = make_truth(rng, genome, snvs=1 / 300, indels=0)
    called, _ = call_person(
        tmp_path, genome, truth, depth=30, seed=3, span=20_000, contaminant=(other, 0.12)
    )
    depth = np.zeros((4, 60_000), int)
    with pysam.AlignmentFile(str(called.bam)) as bam:
        counts = bam.count_coverage(
            "chr1",
            quality_threshold=0,
            read_callback=lambda r: not (r.flag & 1796) and r.mapq > 0,
        )
        depth[:] = counts
    code = np.array(
        ["ACGT".index(b) if b in "ACGT" else 0 for b in genome["chr1"].tobytes().decode()]
    )
    reference = depth[code, np.arange(60_000)]
    least = np.full(60_000, -1)
    deleted = np.zeros(60_000, bool)
    with pysam.VariantFile(str(called.gvcf)) as calls:
        for record in calls:
            call = record.samples[0]
            if any(call["GT"]) and len(record.ref) > 1:
                deleted[record.start + 1 : record.stop] = True
            if set(record.alts or ()) <= {"<*>"} and call["GT"] == (0, 0):
                here = slice(record.start, record.stop)
                assert (least[here] == -1).all(), f"{record.pos}: two blocks"
                least[here] = call["GQ"]
                assert (depth.sum(axis=0)[here] >= call["MIN_DP"]).all()
                assert call["MIN_DP"] > 0
    blocks = least >= 0
    assert blocks.sum() > 50_000
    assert not (blocks & deleted).any()
    # Each read of the reference base adds log10(2) to the odds against a heterozygote.
    assert (least[blocks] <= np.minimum(99, 3.02 * reference[blocks] + 1)).all()
    # Where a fifth of the reads has another base nobody is sure of the reference.
    others = depth.sum(axis=0) - reference
    weak = [v.start for v in other if others[v.start] >= max(4, 0.2 * reference[v.start])]
    assert len(weak) > 10
    assert max(least[weak]) < 20


def test_the_same_calls_wherever_regions_are_cut(tmp_path):
    genome = make_genome(7, {"chr1": 30_000})
    truth = dense_truth(2, genome)
    called, score = call_person(tmp_path, genome, truth, depth=20, seed=4)
    assert score.snv.found > 30
    way = Way(tmp_path / "ref.fa", tmp_path, span=3_001)
    cut = way.gvcf("S1", called.bam, stem="cut")
    texts = [pysam.BGZFile(str(c.gvcf)).read() for c in (called, cut)]
    assert texts[0] == texts[1]


def test_two_lanes_are_one_person(tmp_path):
    """Half of the reads in each of two lanes, of different machines: no less is found."""
    genome = make_genome(12, {"chr1": 40_000})
    truth = dense_truth(13, genome)
    fasta = write_fasta(tmp_path / "ref.fa", genome)
    lanes = []
    for number, platform in ((1, "hiseq"), (2, "mgi")):
        reads = simulate(
            genome, truth, tmp_path / platform, depth=15, platform=platform, seed=number,
            names="mgi" if platform == "mgi" else "illumina", lane=number,
            interleaved=platform == "mgi", errors=Errors(),
        )  # fmt: skip
        lanes += lanes_of(platform, reads)
    way = Way(fasta, tmp_path)
    called = way.gvcf("S1", way.bam("S1", lanes))
    score = compare(
        Reference(fasta), write_truth(tmp_path / "t.vcf.gz", truth, genome), called.gvcf
    )
    assert score.snv.recall >= 0.98, score.snv
    assert score.indel.recall >= 0.95, score.indel
