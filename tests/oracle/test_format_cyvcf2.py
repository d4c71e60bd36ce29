"""Every sample value of real files against cyvcf2, which reads them in its own process.

All readable files, and 200 million values of generated ones, by hand:
`scripts/format_oracle.py $(find $VARHOUSE_DATA -name '*.vcf*' -o -name '*.bcf')` and
`scripts/format_oracle.py f2.nygc.vcf.gz` (of the bench data).
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "format_oracle.py"


@pytest.mark.real
def test_every_value_equals_cyvcf2(data_dir):
    names = [
        "cohorts/uwgac-1kg-genomewide/1KG_phase3_subset_chrX.vcf.gz",
        "cohorts/gatk-1kg-10samples/joint_calling.chr1_1M.1kg_samples.10samples.noINFO.vcf",
        "trio/slivar/ashk-trio.vcf.gz",
    ]
    done = subprocess.run(
        [sys.executable, SCRIPT, "--records", "500", *[data_dir / n for n in names]],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["differ"] for r in rows] == [0] * 4, done.stdout
    assert rows[-1]["values"] > 100_000
