"""gVCFs among the files of others: which are some, of which tool, and which are held back."""

from pathlib import Path

import pytest

from varhouse.genome.contigs import AnyContigs
from varhouse.onefile.validate import Validation, validate
from varhouse.vcf.check.scan import FileScan, scan_file

pytestmark = pytest.mark.real

GVCFS = (
    "gvcf/hail-1kg-chr22/1kg_chr22/*.g.vcf.gz", "gvcf/bio2zarr/*g*.vcf.?gz",
    "gvcf/bio2zarr/NA12878*.g.vcf.gz", "gvcf/genomicsdb/inputs/vcfs/*.vcf.gz",
    "gvcf/genomicsdb/golden_outputs/t*", "normalise/pharmcat/test.g.vcf.bgz",
    "normalise/pharmcat/test_gvcf*.vcf", "reads/freebayes-tiny/regression_baseline/*gvcf*.vcf",
)  # fmt: skip
OTHERS = (
    "cohorts/**/*.vcf*", "validity/**/*.vcf", "normalise/bcftools/*.vcf",
    "normalise/pharmcat/test_not_gvcf_block.vcf", "annotation/**/*.vcf.gz",
    "liftover/picard/**/*.vcf", "gvcf/bio2zarr/ch*.vcf.gz",
)  # fmt: skip
OF_ORACLES = (
    "gvcf-joining/gatk/CombineGVCFs/*.vcf", "gvcf-joining/gatk/GnarlyGenotyper/*.g.vcf",
    "gvcf-joining/glnexus/data/s*.gvcf", "gvcf-joining/glnexus/data/cli/*.gvcf.gz",
    "gvcf-joining/bcftools-merge/merge.gvcf.[1-9]?.vcf", "reads-truth/happy/example/hc.vcf.gz",
    "gvcf-joining/bcftools-merge/merge.gvcf.[7-8].?.vcf", "relatedness/somalier/**/*.gvcf.gz",
    "gvcf-joining/bcftools-merge/consensus.gvcf-missing.1.vcf",
)  # fmt: skip
OTHER_ORACLES = (
    # Genotyped from gVCFs, with their header lines, some with all sites.
    "gvcf-joining/gatk/GenotypeGVCFs/expected/*.vcf",
    "gvcf-joining/gatk/GnarlyGenotyper/*expected*.vcf", "frequencies/*/**/*.vcf.gz",
    "gvcf-joining/bcftools-merge/merge.[2-9].*.vcf",
)  # fmt: skip


def _scan(path: Path) -> FileScan:
    return scan_file(path, AnyContigs(), None, hashes=False)


def _files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    files = {p for pattern in patterns for p in root.glob(pattern) if p.suffix != ".tbi"}
    assert all(any(root.glob(pattern)) for pattern in patterns)
    return sorted(p for p in files if p.is_file() and p.suffix not in (".csi", ".bcf"))


def test_files_of_callers_are_gvcfs(data_dir, oracles_dir):
    files = _files(data_dir, GVCFS) + _files(oracles_dir, OF_ORACLES)
    missed = [f.name for f in files if not _scan(f).gvcf]
    assert len(files) > 120
    assert missed == []


def test_files_that_were_genotyped_are_none(data_dir, oracles_dir):
    files = _files(data_dir, OTHERS) + _files(oracles_dir, OTHER_ORACLES)
    taken = [f.name for f in files if f.stat().st_size < 5_000_000 and _scan(f).gvcf]
    assert len(files) > 400
    assert taken == []


def test_their_tools_are_told(data_dir, oracles_dir):
    root = oracles_dir / "gvcf-joining"
    tools = {
        root / "gatk/GnarlyGenotyper/NA12891.chrX.haploid.rb.g.vcf": "GATK ReblockGVCF",
        root / "gatk/GenotypeGVCFs/combined.MT.g.vcf": "GATK CombineGVCFs",
        root / "glnexus/data/sampleset_rnd1.gvcf": "GATK HaplotypeCaller",
        oracles_dir / "reads-truth/happy/example/hc.vcf.gz": "Isaac",
        data_dir / "normalise/pharmcat/test.g.vcf.bgz": "DeepVariant",
    }
    for path, tool in tools.items():
        dialect = _scan(path).dialect
        assert dialect is not None
        assert (dialect.tool, dialect.extent) == (tool, "END")


def _held(path: Path) -> tuple[Validation, set[str]]:
    found = validate(path)
    effects = found.account.effects
    return found, {c for c in found.counts if effects[c] in ("refuse", "reject")}


BROKEN = {
    # REF of K, ALT with a blank in front: the record is rejected, by name.
    "bad_dna.gvcf": {"VH-B-006", "VH-B-007"}, "bad_dna3.gvcf": {"VH-B-007"},
    "bad_dna4.gvcf": {"VH-B-007"}, "bad_nsample.gvcf": {"VH-B-007"},
    "bad_sample.gvcf": {"VH-B-007"}, "bad_dna2.gvcf": {"VH-B-006", "VH-H-002"},
    "NA12878D_HiSeqX.21.10009462-10009469.bogus.gvcf": {"VH-B-006", "VH-B-007"},
    "bogus_END.gvcf": {"VH-F-033"},
}  # fmt: skip


def test_broken_files_of_glnexus_are_refused(oracles_dir):
    """GLnexus refuses each of them; the name of a sample `bogus%` is legal in VCF."""
    for name, codes in BROKEN.items():
        found, held = _held(oracles_dir / "gvcf-joining/glnexus/data" / name)
        assert held == codes, name
        assert found.is_valid == (name == "bogus_END.gvcf")


def test_blocks_of_another_assembly_are_held_back(oracles_dir):
    """bcftools takes them (bug 1910): their header says B37, their positions are of GRCh38."""
    for name in "abc":
        path = oracles_dir / f"gvcf-joining/bcftools-merge/merge.gvcf.11.{name}.vcf"
        assert _held(path)[1] == {"VH-F-034"}


def test_segments_of_a_copy_number_are_no_blocks(oracles_dir):
    """merge.broken-gvcf goes in: each record has CN, so two over one base are two calls."""
    for name in "ab":
        path = oracles_dir / f"gvcf-joining/bcftools-merge/merge.broken-gvcf.{name}.vcf"
        found, held = _held(path)
        assert not held
        assert not found.is_gvcf


def _is_taken_away(text: str) -> bool:
    """Tell whether variants have PL and none has a called GT, record by record."""
    with_pl, called = 0, 0
    for line in text.splitlines():
        cells = line.split("\t")
        if line.startswith("#") or cells[4] in ("<NON_REF>", "<*>", ".") or len(cells) < 10:
            continue
        rows = [dict(zip(cells[8].split(":"), c.split(":"), strict=False)) for c in cells[9:]]
        called += any(any(map(str.isdigit, r.get("GT", ""))) for r in rows)
        with_pl += any(r.get("PL", ".") != "." for r in rows)
    return with_pl > 0 and not called


def test_gt_taken_away_is_held_back(data_dir, oracles_dir):
    files = [
        *(data_dir / "gvcf/genomicsdb/golden_outputs").glob("t*"),
        *(oracles_dir / "gvcf-joining/gatk/CombineGVCFs").glob("*.vcf"),
    ]
    wrong = [
        f.name for f in files if _is_taken_away(f.read_text()) != ("VH-F-032" in _held(f)[1])
    ]
    assert len(files) > 40
    assert wrong == []
