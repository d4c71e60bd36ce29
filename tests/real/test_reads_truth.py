"""Reads of NA12878 become the calls that Genome in a Bottle has of her."""

from pathlib import Path

import pysam
import pytest
from calls_compare import Comparison, Reference, compare, load
from reads_path import Called, Way, lanes_of
from simreads import bam_to_fastq

pytestmark = pytest.mark.real

CHR1_START = 10_106_631
"""Of the stretch of chromosome 1 (GRCh37), 0-based."""


def call_bam(fasta: Path, bam: Path, folder: Path) -> Called:
    """Make FASTQ of a BAM, those without a mate too, and call the person."""
    way = Way(fasta, folder)
    lanes = lanes_of("hiseq", *bam_to_fastq(bam, folder / "fastq"))
    return way.gvcf("NA12878", way.bam("NA12878", lanes))


def shifted(source: Path, target: Path, contig: str, length: int) -> Path:
    """Write the records of a VCF with places on the stretch of the reference."""
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID={contig},length={length}>"]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA12878")
    with pysam.VariantFile(str(source)) as vcf:
        for r in vcf:
            call = r.samples[0]
            genotype = ("|" if call.phased else "/").join(map(str, call["GT"]))
            pos = r.pos - CHR1_START
            lines.append(
                f"{contig}\t{pos}\t.\t{r.ref}\t{','.join(r.alts)}\t50\tPASS\t.\tGT\t{genotype}"
            )
    target.write_text("\n".join(lines) + "\n")
    return target


@pytest.fixture(scope="module")
def chr1(oracles_dir: Path, tmp_path_factory) -> tuple[Called, Comparison]:
    """106 kb of chromosome 1 at 30x: 16 SNVs and 8 indels are known."""
    folder = tmp_path_factory.mktemp("chr1")
    source = oracles_dir / "reads-truth" / "variantworks"
    with pysam.FastaFile(str(source / "GRCh37.1.10106632-10212461.from-MD.fa")) as own:
        text = own.fetch(own.references[0])
    fasta = folder / "ref.fa"
    fasta.write_text(f">1\n{text}\n")
    pysam.faidx(str(fasta))
    data = source / "tests" / "data"
    called = call_bam(fasta, data / "some_indels.bam", folder)
    truth = shifted(data / "some_indels.vcf.gz", folder / "truth.vcf", "1", len(text))
    return called, compare(fasta, truth, called.gvcf)


def test_snvs_of_chromosome_1(chr1):
    score = chr1[1].snv
    assert (score.truth, score.found, score.right) == (16, 16, 16), score.missed


def test_indels_of_chromosome_1(chr1):
    """The eighth is half of a change that Genome in a Bottle writes in two records."""
    score = chr1[1].indel
    assert score.truth == 8
    assert score.found >= 7, score.missed


def test_a_stretch_of_chromosome_22(data_dir: Path, tmp_path):
    """12 kb at 40x, all 14 SNVs heterozygous; without anything that is no variant."""
    folder = data_dir / "reads" / "freebayes-tiny" / "tiny"
    fasta = tmp_path / "q.fa"
    fasta.write_text((folder / "q.fa").read_text())
    pysam.faidx(str(fasta))
    called = call_bam(fasta, folder / "NA12878.chr22.tiny.bam", tmp_path)
    score = compare(fasta, folder / "NA12878.chr22.tiny.giab.vcf", called.gvcf).snv
    assert (score.truth, score.found, score.right) == (14, 14, 14), score.missed
    assert not score.extra


def test_nothing_is_called_where_nothing_can_be(chr1):
    """No block has no reads, and none lies over what is called deleted."""
    called, _ = chr1
    fasta = called.bam.parent / "ref.fa"
    gone = {
        at
        for record in load(Reference(fasta), called.gvcf, passing=False)
        for start, old, new in record.changes.values()
        if len(old) > len(new)
        for at in range(start + len(new), start + len(old))
    }
    assert gone
    end = -1
    with pysam.VariantFile(str(called.gvcf)) as calls:
        for record in calls:
            if set(record.alts or ()) <= {"<*>"}:
                assert record.start > end - 1
                end = record.stop
                assert record.samples[0]["MIN_DP"] > 0
                assert not gone & set(range(record.start, record.stop))
