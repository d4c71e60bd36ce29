"""Verdicts on the files that others sorted into valid and invalid ones.

The invalid files say in a line `##CauseOfFailure=` what is wrong: it is taken out before
they are read. `docs/disputed-verdicts.md` lists the files whose verdict differs, and why.
"""

import re
from pathlib import Path

import pytest

from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.scan import scan_file

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
ORDER = {"failed_meta_alt_004", "failed_meta_format_003", "failed_meta_info_003",
         "failed_meta_meta_003"}  # fmt: skip
"""Files about the order of the keys in a header line, which the specification leaves free."""

SHARE = 0.97


def _scan(path: Path) -> Account:
    return scan_file(path, AnyContigs(), None, hashes=False).account


def _stripped(path: Path, folder: Path) -> Path:
    lines = path.read_bytes().splitlines(keepends=True)
    out = folder / path.name
    out.write_bytes(b"".join(ln for ln in lines if not ln.startswith(b"##CauseOfFailure")))
    return out


def _failed(data_dir: Path) -> list[Path]:
    root = data_dir / "validity"
    files = [*root.glob("hts-specs/4.*/failed/*.vcf"), *root.glob("eva/v4.4/failed/*.vcf")]
    assert len(files) == 369 + 153
    return sorted(f for f in files if f.stem not in ORDER)


def _disputed() -> set[str]:
    page = (ROOT / "docs" / "disputed-verdicts.md").read_text(encoding="utf-8")
    return set(re.findall(r"`((?:hts-specs|eva)/\S+\.vcf)`", page))


def test_invalid_files_are_found_invalid(data_dir, tmp_path):
    files = _failed(data_dir)
    missed = set()
    for path in files:
        account = _scan(_stripped(path, tmp_path))
        assert _scan(path).verdict == account.verdict, f"{path}: the cause line decided"
        if account.verdict == "valid":
            missed.add(str(path.relative_to(data_dir / "validity")))
    assert 1 - len(missed) / len(files) >= SHARE, sorted(missed)
    assert missed <= _disputed(), "write down why"


def test_files_about_the_order_of_keys_are_warned_about(data_dir):
    root = data_dir / "validity"
    found = [p for p in root.rglob("failed_*.vcf") if p.stem in ORDER]
    assert len(found) == 14
    for path in found:
        assert "VH-H-016" in _scan(path).counts, path


def test_valid_files_are_found_valid(data_dir):
    root = data_dir / "validity"
    files = [
        *root.glob("hts-specs/4.*/passed/*.vcf"), *root.glob("eva/v4.4/passed/*.vcf"),
        *root.glob("eva/v4.4/compressed_files/readable/passed/*"),
        *root.glob("eva/v4.4/evidence/passed/*.vcf"),
        *root.glob("eva/v4.4/assembly_checker/compressed/*/*.vcf*"),
    ]  # fmt: skip
    assert len(files) >= 27 + 15 + 3 + 3
    refused = {str(p): list(map(str, a.problems())) for p in files if (a := _scan(p)).errors}
    assert refused == {}


def test_files_that_are_packed_otherwise(data_dir):
    root = data_dir / "validity" / "eva" / "v4.4" / "compressed_files"
    for path in root.glob("readable/failed/*"):
        assert _scan(path).verdict == "invalid", path
    for path in root.glob("non_readable/*"):
        account = _scan(path)
        assert set(account.counts) == {"VH-F-001"}, path
        assert "is not read" in account.first["VH-F-001"][0].message


def test_odd_files_get_a_verdict_and_no_traceback(data_dir):
    root = data_dir / "validity"
    names = ("cyvcf2", "scikit-allel", "bio2zarr")
    files = [
        p
        for n in names
        for p in sorted((root / n).rglob("*"))
        if re.search(r"\.(vcf|bcf)(\.gz)?$", p.name)
    ]
    assert len(files) >= 70
    for path in files:
        account = _scan(path)
        assert account.verdict in ("valid", "invalid")
        assert all(p.message and p.fix for p in account.problems())
