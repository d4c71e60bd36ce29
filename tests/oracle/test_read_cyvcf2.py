"""Every value that `read_vcf` gives is cyvcf2's, over the readable files of the data.

The script compares any other file: `python tests/oracle/cyvcf2_info.py FILE`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("cyvcf2_info.py")
ENDINGS = (".vcf", ".vcf.gz", ".bcf", ".vcf.bgz", ".vcf.bz2")

BCF_QUAL = "test.snpeff.bcf"
"""Holds a QUAL of more than six digits, and BCF is read through htslib's text of it."""


def compare(files: list[Path]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.real
@pytest.mark.slow
def test_all_files_of_the_data(data_dir: Path) -> None:
    files = sorted(
        p for p in data_dir.rglob("*") if p.name.endswith(ENDINGS) and p.stat().st_size < 20e6
    )
    rows = compare(files)
    assert len(rows) == len(files)
    skipped = [r for r in rows if "skipped" in r]
    assert len(skipped) < 0.1 * len(rows)
    assert all(r["skipped"] for r in skipped)
    different = [r for r in rows if r.get("n_different") and BCF_QUAL not in r["file"]]
    assert different == []
    assert sum(r.get("values", 0) for r in rows) > 10_000_000


def test_values_that_htslib_changes_are_told_apart(tmp_path: Path) -> None:
    """The comparison can fail: a wrong value is not among the excuses."""
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=1>\n"
        "##INFO=<ID=I,Number=.,Type=Integer,Description=d>\n"
        "##INFO=<ID=F,Number=.,Type=Float,Description=d>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    infos = [
        "I=1,.,2;F=.", "I=.;F=0.1,.", "I=1.5", "F=1d", "I=2147483648", "I=-2147483640",
        "F=nan",
        "F=-Inf,1e400,1e-46", "F=0.30000001192092896,16777217,1.17549429e-38", "I=+5;F=.5,5.",
        "F=0.1000000000000000055511151231257827;I=00012", "I=1;I=2", "I;F=1", ".",
    ]  # fmt: skip
    path = tmp_path / "a.vcf"
    lines = [f"1\t{k + 1}\t.\tA\tC\t.\t.\t{i}\n" for k, i in enumerate(infos)]
    path.write_text(header + "".join(lines))
    (row,) = compare([path])
    assert row["records"] == len(infos)
    assert row["altered"] == 3
    assert row["n_different"] == 0
