"""INFO/END of VCF 4.5 is computed from REF, SVLEN and LEN, filled in, and checked."""

import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from varhouse import read_vcf
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.check.scan import scan_file

HEADER = """##fileformat=VCFv4.{version}
##contig=<ID=1,length=100000>
##INFO=<ID=END,Number=1,Type=Integer,Description="d">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="d">
##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="d">
##FORMAT=<ID=GT,Number=1,Type=String,Description="d">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="d">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp\tq
"""
OPEN = "no END to compute"

# REF, ALT, INFO, FORMAT and samples; the END of section 1.6.1 for POS 100; what a wrong
# END (END=500) is called.
RECORDS = [
    ("ACG C . GT 0/1 0/1", 102, "error"),
    ("A <DEL> SVLEN=30;SVCLAIM=D GT 0/1 0/1", 130, "error"),
    ("A <DEL:ME>,<DUP:TANDEM> SVLEN=-30,12;SVCLAIM=D,D GT 0/1 0/1", 130, "error"),
    ("A C,<INV>,<CNV> SVLEN=.,7,9 GT 0/1 0/1", 109, "error"),
    ("ACGTACGTAC <DEL> SVLEN=3;SVCLAIM=D GT 0/1 0/1", 109, "error"),
    ("A <INS> SVLEN=300 GT 0/1 0/1", 100, "error"),
    ("A A]1:5] . GT 0/1 0/1", 100, "error"),
    ("G <*> . GT:DP:LEN 0/0:3:14 0/0:3:9", 113, "error"),
    ("G <NON_REF> . LEN:DP 14:3 .", 113, "error"),
    ("G <X> . LEN 14 9", 113, "error"),
    ("G <*> . GT:DP:LEN . 0/0:3:40", 139, "error"),
    ("T TC,<*> . GT:DP:LEN 0/1:2 0/1", 100, None),
    ("T <*> . GT 0/0 0/0", 100, None),
    ("T <*>,<DEL> SVLEN=.,50;SVCLAIM=.,D GT:LEN 0/0:70 0/1", 169, "error"),
    ("A <DEL> SVLEN=.;SVCLAIM=D GT 0/1 0/1", OPEN, None),
    ("A <DEL>,<DUP> SVLEN=9;SVCLAIM=D,D GT 0/1 0/1", OPEN, None),
    ("A <DELX> SVLEN=9 GT 0/1 0/1", OPEN, None),
]


def _write(path: Path, rows: list[str], version: int = 5) -> Path:
    lines = []
    for row in rows:
        ref, alt, info, *rest = row.split()
        lines.append("\t".join(["1", "100", ".", ref, alt, ".", ".", info, *rest]))
    path.write_text(HEADER.format(version=version) + "\n".join(lines) + "\n")
    return path


def _with_end(row: str, end: int) -> str:
    ref, alt, info, *rest = row.split()
    info = f"END={end}" if info == "." else f"{info};END={end}"
    return " ".join([ref, alt, info, *rest])


def _ends(path: Path, **options: object) -> list[int | None]:
    return read_vcf(path, **options).read()["INFO/END"].to_list()  # type: ignore[arg-type]


def _problems(path: Path) -> list[str]:
    account = scan_file(path, AnyContigs(), None, hashes=False).account
    return [p.severity for p in account.first.get("VH-V-013", [])]


def test_a_missing_end_is_computed(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.vcf", [row for row, _, _ in RECORDS])
    wanted = [None if end == OPEN else end for _, end, _ in RECORDS]
    assert _ends(path) == wanted
    assert _ends(path, info=["END"]) == wanted
    assert _ends(path, lists=True) == [None if e is None else [e] for e in wanted]
    checked = read_vcf(path, check=True)
    assert pl.concat(checked)["INFO/END"].to_list() == wanted
    assert "INFO/END" not in read_vcf(path, info=["SVLEN"]).read().columns


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_other_versions_read_what_is_stated(tmp_path: Path, version: int) -> None:
    rows = [row for row, _, _ in RECORDS]
    assert set(_ends(_write(tmp_path / "a.vcf", rows, version))) == {None}
    stated = _write(tmp_path / "b.vcf", [_with_end(row, 500) for row in rows], version)
    assert set(_ends(stated)) == {500}
    assert _problems(stated) == []


@pytest.mark.parametrize(("row", "end", "severity"), RECORDS)
def test_a_stated_end_stays_and_is_checked(
    tmp_path: Path, row: str, end: int | str, severity: str | None
) -> None:
    wrong = _write(tmp_path / "a.vcf", [_with_end(row, 500)])
    assert _ends(wrong) == [500]
    assert _problems(wrong) == ([severity] if severity else [])
    if end != OPEN:
        right = _write(tmp_path / "b.vcf", [_with_end(row, int(end))])
        assert _problems(right) == []
    before = _write(tmp_path / "c.vcf", [_with_end(row, 99)])
    assert _problems(before) == ["error" if severity else "warning"]


def test_the_blocks_of_the_example_in_section_5_5_are_no_errors(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.vcf", ["C <*> END=104 GT:LEN 0/0:4 0/0:4"])
    assert _problems(path) == ["warning"]


def test_many_wrong_ends_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    rows = ["A C END=100 GT 0/1 0/1", "A C END=101 GT 0/1 0/1"] * 500
    account = scan_file(_write(tmp_path / "a.vcf", rows), AnyContigs(), None).account
    assert account.counts["VH-V-013"] == account.errors_by_code["VH-V-013"] == 500
    assert [p.line for p in account.first["VH-V-013"]] == [
        11 + 2 * k for k in range(len(account.first["VH-V-013"]))
    ]


def test_ends_are_those_of_htslib(tmp_path: Path) -> None:
    """Its record's length (BCF rlen) is the same computed field, where END is left out."""
    rng = random.Random(11)
    rows = []
    for _ in range(400):
        alts = rng.choices(["C", "<DEL>", "<DUP:TANDEM>", "<INS>", "<INV>", "<CNV>", "<*>"],
                           k=rng.randint(1, 3))  # fmt: skip
        lengths = [str(rng.randint(1, 900)) if a[1:2] in tuple("DIC") else "." for a in alts]
        info = "SVLEN=" + ",".join(lengths)
        cells = [f"0/0:{rng.choice(['.', 3, 40, 2000])}:3", f"0/0:{rng.randint(1, 90)}"]
        ref = rng.choice(["A", "ACGT", "ACGTACGTACGT"])
        rows.append(" ".join([ref, ",".join(alts), info, "GT:LEN:DP", *cells]))
    path = _write(tmp_path / "a.vcf", rows)
    code = "import pysam, sys\nfor r in pysam.VariantFile(sys.argv[1]): print(r.stop)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert _ends(path) == [int(n) for n in done.stdout.split()]
