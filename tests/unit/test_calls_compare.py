"""The comparison that accuracy is measured with agrees with known answers."""

from pathlib import Path

import numpy as np
import pytest
from calls_compare import Reference, compare, load, read_bed
from simreads import Variant, bases, make_genome, make_truth, write_fasta, write_truth

LINES = "##fileformat=VCFv4.2\n##contig=<ID=1,length={length}>\n" + (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
)


def write(path: Path, length: int, *records: str) -> Path:
    """Write records given as `POS REF ALT GT`."""
    text = LINES.format(length=length)
    for record in records:
        pos, ref, alt, genotype = record.split()
        text += f"1\t{pos}\t.\t{ref}\t{alt}\t50\tPASS\t.\tGT\t{genotype}\n"
    path.write_text(text)
    return path


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    text = "GATTACCAGT" * 5 + "CTCTCTCTCT" + "GGCATTGACA" + "AAAAAAAA" + "GTCCATGCAA" * 6
    return write_fasta(tmp_path / "ref.fa", {"1": bases(text)})


@pytest.mark.parametrize(
    ("truth", "calls"),
    [
        # an indel anywhere in a repeat
        (["50 TCT T 0/1"], ["56 TCT T 0/1"]),
        # two deletions on one haplotype, or one twice as long
        (["50 TCT T 0|1", "52 TCT T 0|1"], ["50 TCTCT T 0/1"]),
        # a complex change, or its parts
        (["64 ATTG C 0/1"], ["63 CATT C 0/1", "67 G C 0/1"]),
        # an MNV, or two SNVs
        (["64 AT CG 1/1"], ["64 A C 1/1", "65 T G 1/1"]),
        # two alleles of a line, or of two lines
        (["70 AA A,AAA 1/2"], ["70 AA A 0/1", "70 A AA 0/1"]),
        # one copy
        (["64 A C 1"], ["64 A C 1/1"]),
    ],
)
def test_other_ways_to_write_the_same(fasta, tmp_path, truth, calls):
    result = compare(
        fasta, write(tmp_path / "t.vcf", 138, *truth), write(tmp_path / "c.vcf", 138, *calls)
    )
    for score in (result.snv, result.indel):
        assert not score.missed
        assert not score.extra
        assert score.right == score.found
    assert result.snv.truth + result.indel.truth > 0


def test_what_differs_is_counted(fasta, tmp_path):
    truth = write(tmp_path / "t.vcf", 138, "5 A C 0/1", "50 TCT T 0/1", "64 A C 1/1")
    calls = write(tmp_path / "c.vcf", 138, "50 TCTCT T 0/1", "64 A C 0/1", "120 C G 0/1")
    result = compare(fasta, truth, calls)
    assert [k[1] for k in result.snv.missed] == [4]
    assert [k[1] for k in result.snv.extra] == [119]
    assert [k[1] for k in result.snv.wrong_genotype] == [63]
    assert (result.snv.found, result.snv.right) == (1, 0)
    assert (len(result.indel.missed), len(result.indel.extra)) == (1, 1)
    assert result.snv.f1 == pytest.approx(0.5)
    inside = compare(fasta, truth, calls, confident=[("1", 0, 70)])
    assert not inside.snv.extra
    # A phase that the truth has is kept: on one haplotype these two are a longer deletion.
    cis = write(tmp_path / "cis.vcf", 138, "50 TCT T 0|1", "52 TCT T 1|0")
    assert compare(fasta, cis, write(tmp_path / "l.vcf", 138, "50 TCTCT T 0/1")).indel.missed


def test_haplotypes_written_anew_are_all_found(tmp_path):
    """Neighbours joined to one record, indels moved to the right: the answer is the same."""
    genome = make_genome(11, {"1": 80_000})
    fasta = write_fasta(tmp_path / "g.fa", genome)
    truth = make_truth(
        np.random.default_rng(3), genome, snvs=1 / 150, indels=1 / 300, near=0.3
    )
    text = genome["1"].tobytes().decode()
    other: list[Variant] = []
    for v in truth:
        last = other[-1] if other else None
        same = last is not None and {last.genotype, v.genotype} == {v.genotype}
        if same and last and v.start - last.end < 8 and len(v.alts) == len(last.alts) == 1:
            middle = text[last.end : v.start]
            joined = last.alts[0] + middle + v.alts[0]
            other[-1] = Variant(
                "1", last.start, last.ref + middle + v.ref, (joined,), v.genotype
            )
        else:
            other.append(v)
    assert len(other) < len(truth) - 10
    calls = write_truth(tmp_path / "c.vcf.gz", other, genome)
    result = compare(fasta, write_truth(tmp_path / "t.vcf.gz", truth, genome), calls)
    # Two indels in one repeat have the same key.
    assert result.snv.truth + result.indel.truth >= sum(len(v.alts) for v in truth) - 3
    assert not result.snv.missed + result.indel.missed + result.snv.extra + result.indel.extra


@pytest.mark.real
def test_as_happy_judges(oracles_dir):
    """hap.py: 13 and 10 records of indels, all of them right, at other places of repeats."""
    folder = oracles_dir / "reads-truth" / "happy" / "src" / "data" / "leftshifting_example"
    result = compare(folder / "ref.fa", folder / "truth.vcf", folder / "query.vcf")
    assert not result.indel.missed + result.indel.extra + result.snv.missed
    assert result.indel.found >= 10
    folder = folder.parent / "numeric_chrs"
    for prefix in ("", "chr"):
        confident = read_bed(folder / f"{prefix}fp.bed")
        files = [folder / f"{prefix}{n}" for n in ("test.fa", "truth.vcf", "query.vcf")]
        # expected.summary.csv: TRUTH.TP 2, QUERY.FP 1, and one outside the confident regions
        score = compare(*files, confident=confident).snv
        assert (score.found, len(score.missed), len(score.extra)) == (2, 0, 1)
        assert len(compare(*files).snv.extra) == 2


@pytest.mark.real
def test_haploid_as_happy_has_it(oracles_dir):
    folder = oracles_dir / "reads-truth" / "happy" / "example" / "haploid"
    files = [folder / n for n in ("test.fa", "truth.vcf", "query.vcf")]
    score = compare(*files).snv
    assert (score.found, score.right, score.extra) == (1, 1, [])
    assert [r.copies for r in load(Reference(files[0]), files[1])] == [1]
