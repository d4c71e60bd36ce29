"""Repairs and indexes of the shared files: what was spoilt comes back."""

import gzip
import random
import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.errors import VarhouseError
from varhouse.onefile.validate import AnyContigs, check_file, open_assembly
from varhouse.vcf.repair.run import repair_file

pytestmark = pytest.mark.real

COHORTS = (
    "trio/slivar/ashk-trio.vcf.gz",
    "cohorts/opencga-1000g/1k.chr1.phase3_shapeit2_mvncall_integrated_v5.20130502."
    "genotypes.vcf.gz",
    "cohorts/snpeff/examples/1kg.head_chr1.vcf.gz",
    "cohorts/eva-pipeline/vcf/genotyped.vcf.gz",
)
CHR1 = "reference/GRCh37-chr1-first-9.88Mb/chr1_10MB.fasta.gz"

EMPTY = {"chr1.vcf.bgz", "chr2.vcf.bgz"}
"""Files of the shared data whose index has no bytes."""


def _view(path: Path) -> list[str]:
    code = (
        "import sys, pysam.bcftools as b\n"
        "sys.stdout.write(b.view('-H', '--no-version', sys.argv[1]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("name", COHORTS, ids=[Path(c).name[:12] for c in COHORTS])
def test_a_shuffled_cohort_comes_back(name, data_dir, tmp_path):
    lines = gzip.decompress((data_dir / name).read_bytes()).decode().splitlines()
    head = [x for x in lines if x.startswith("#")]
    body = [x for x in lines if not x.startswith("#")]
    random.Random(1).shuffle(body)
    bad = tmp_path / "bad.vcf"
    bad.write_bytes("\r\n".join([*head, *body, *body[:20]]).encode() + b"\r\n")
    done = repair_file(bad, tmp_path / "out.vcf.gz", AnyContigs())
    got = _view(tmp_path / "out.vcf.gz")
    # Records of one position stand in the order of the input.
    assert sorted(got) == sorted(_view(data_dir / name))
    assert done.changes["VH-D-001"] == 20
    found = check_file(tmp_path / "out.vcf.gz", AnyContigs(), None, None).account
    assert not {"VH-B-002", "VH-B-003", "VH-F-008", "VH-F-021"} & set(found.counts)


def test_the_indexes_fit_their_files(data_dir):
    seen = 0
    for index in sorted(data_dir.rglob("*.[tc][bs]i")):
        path = index.with_suffix("")
        if not path.exists() or not path.name.endswith((".vcf.gz", ".vcf.bgz", ".bcf")):
            continue
        seen += 1
        counts = check_file(path, AnyContigs(), None, None).account.counts
        assert ("VH-F-021" in counts) is (path.name in EMPTY), path
    assert seen > 50


def test_a_cohort_on_another_reference_is_told(data_dir):
    path = data_dir / "cohorts/eva-pipeline/vcf/small_genotyped.vcf.gz"
    with open_assembly(data_dir / CHR1, None) as (contigs, reference):
        found = check_file(path, contigs, reference, None).account
    assert found.counts["VH-R-002"] == 14
    assert "66.67%" in found.first["VH-R-005"][0].message
    # No pattern: these are neither swapped nor flipped alleles.
    assert not {"VH-R-006", "VH-R-007", "VH-R-008"} & set(found.counts)


def test_no_file_of_the_corpus_is_made_worse(data_dir, tmp_path):
    seen = 0
    for path in sorted((data_dir / "validity").rglob("*.vcf*")):
        if path.suffix in (".tbi", ".csi") or not path.is_file():
            continue
        before = check_file(path, AnyContigs(), None, None).account
        try:
            repair_file(path, tmp_path / "a.vcf.gz", AnyContigs())
        except VarhouseError:
            assert before.verdict == "invalid", path
            continue
        seen += 1
        after = check_file(tmp_path / "a.vcf.gz", AnyContigs(), None, None).account
        assert before.verdict == "invalid" or after.verdict == "valid", path
        again = repair_file(tmp_path / "a.vcf.gz", tmp_path / "b.vcf.gz", AnyContigs())
        assert again.changes == {}, path
        assert (tmp_path / "a.vcf.gz").read_bytes() == (tmp_path / "b.vcf.gz").read_bytes()
    assert seen > 500
