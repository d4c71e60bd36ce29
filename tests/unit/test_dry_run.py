"""A dry run finds what the ingest would hold back by headers, and writes nothing."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from builders import make_fasta
from inprocess import ingest_here
from pysam import tabix_compress

from varhouse.cli import main
from varhouse.errors import ConfigError, StoreError
from varhouse.ingest.driver import Options, _exit_code, ingest

HEAD = (
    '##fileformat=VCFv4.3\n{}##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{}\n"
)
CONTIG = "##contig=<ID=1,length=36>\n"


def vcf(*names: str, contigs: str = CONTIG) -> str:
    record = "1\t1\t.\tA\tC\t.\t.\t.\tGT" + "\t0/1" * len(names) + "\n"
    return HEAD.format(contigs, "\t".join(names)) + record


FILES: dict[str, bytes] = {
    "good.vcf": vcf("G1", "G2").encode(),
    "unlisted.vcf": vcf("U1", "U2").encode(),
    "reads.vcf": b"@r1\nACGT\n+\nIIII\n" * 9,
    "packed.vcf.gz": gzip.compress(b">1\nACGT\n"),
    "empty.vcf": b"",
    "headless.vcf": vcf("H1").replace("#CHROM", "#CROM").encode(),
    "twice.vcf": vcf("T1", "T1").encode(),
    "other.vcf": vcf("O1", contigs="##contig=<ID=1,length=99>\n").encode(),
    "meta.vcf": b"##fileformat=VCFv4.3\n##contig=<ID=1>\n",
    "zeros.vcf": b"\0" * 100,
    "overlap1.vcf": vcf("A1", "A2").encode(),
    "overlap2.vcf": vcf("A2", "A3").encode(),
}
LISTED = {"good": "G1 G2", "unlisted": "U1", "headless": "H1", "twice": "T1", "other": "O1",
          "overlap": "A1 A2 A3", "cut": "C1"}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a cohort a fault, and a good one."""
    make_fasta(tmp_path / "r.fa", {"1": "ACGT" * 9})
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.vcf").mkdir()
    (tmp_path / "cut.vcf").write_text(vcf("C1"))
    tabix_compress(str(tmp_path / "cut.vcf"), str(tmp_path / "cut.vcf.gz"))
    (tmp_path / "cut.vcf.gz").write_bytes((tmp_path / "cut.vcf.gz").read_bytes()[:-28])
    files = {n.partition(".")[0]: n for n in [*FILES, "folder.vcf", "cut.vcf.gz"]}
    files = {n: f for n, f in files.items() if not n.startswith("overlap")}
    files["overlap"] = "overlap1.vcf,overlap2.vcf"
    rows = [f"{n}\t{f}\n" for n, f in sorted(files.items())]
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\n" + "".join(rows))
    people = [f"{c}\t{s}\n" for c, names in LISTED.items() for s in names.split()]
    (tmp_path / "samples.tsv").write_text("cohort\tsample\n" + "".join(people))
    said = {"assembly": {"name": "toy", "reference": "r.fa"}, "cohorts": "cohorts.tsv",
            "samples": "samples.tsv"}  # fmt: skip
    (tmp_path / "config.yaml").write_text(json.dumps(said))
    return tmp_path / "config.yaml"


def dry(config: Path) -> tuple[int, dict[str, Any]]:
    return ingest(config.parent / "store", config, Options(dry_run=True))


def reasons(account: dict[str, Any]) -> dict[str, list[str]]:
    return {h["cohort"]: h["reasons"] for h in account["held_back"]}


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(p.relative_to(folder)): (
            p.stat().st_mtime_ns,
            p.read_bytes() if p.is_file() else None,
        )
        for p in folder.rglob("*")
    }


def test_a_dry_run_says_what_the_ingest_says(config: Path) -> None:
    before = tree(config.parent)
    code, foreseen = dry(config)
    assert tree(config.parent) == before
    real = ingest_here(config.parent / "store", config)
    found, wanted = reasons(foreseen), reasons(real)
    assert len(wanted) == 11
    # That the last line has no end, only its end shows.
    assert "VH-F-005" in wanted["zeros"].pop(0)
    assert found == wanted
    assert [c["cohort"] for c in foreseen["cohorts"]] == ["good", "other"]
    notes = {c["cohort"]: c["notes"] for c in real["cohorts"]}
    assert {c["cohort"]: c["notes"] for c in foreseen["cohorts"]} == notes
    # One contig with another length than the reference's: the records decide.
    assert any("VH-H-005" in n for n in notes["other"])
    assert code == _exit_code(real) == 3
    # Once they are known they are held back as before, and nothing is to be done.
    before = tree(config.parent)
    again, foreseen = dry(config)
    assert tree(config.parent) == before
    assert again == 3
    assert all(h["before"] for h in foreseen["held_back"])
    assert foreseen["unchanged"] == ["good", "other"]


def test_beside_what_is_in_and_without_anything_that_comes_in(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = config.parent / "cohorts.tsv"
    sheet.write_text("cohort\tfiles\nunlisted\tunlisted.vcf\n")
    assert (
        main(["ingest", str(config.parent / "store"), "--config", str(config), "--dry-run"])
        == 1
    )
    out = capsys.readouterr().out
    assert "held back  unlisted  1 sample(s) have no row in the sample sheet (U2)" in out
    assert out.splitlines()[-1].startswith("dry run    nothing was written")
    sheet.write_text("cohort\tfiles\ngood\tgood.vcf\n")
    ingest_here(config.parent / "store", config)
    # The cohort that is in would be replaced by a file that cannot go in: it stays.
    (config.parent / "good.vcf").write_text(vcf("G1", "G2", "G3"))
    before = tree(config.parent)
    words = [
        "ingest",
        str(config.parent / "store"),
        "--config",
        str(config),
        "--dry-run",
        "--json",
    ]
    assert main(words) == 3
    account = json.loads(capsys.readouterr().out)
    assert account["held_back"][0]["stays"] == 1
    assert account["dry_run"]
    assert tree(config.parent) == before


def test_what_stops_an_ingest_stops_a_dry_run(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = config.parent / "cohorts.tsv"
    sheet.write_text("cohort\tfiles\ngood\tgone.vcf\nlifted\tgood.vcf\n")
    with pytest.raises(ConfigError, match=r"no such file: .*gone\.vcf"):
        dry(config)
    sheet.write_text("cohort\tfiles\ngood\tgood.vcf\n")
    free = shutil.disk_usage(config.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(StoreError, match="GiB needed"):
        dry(config)


def test_a_dry_run_names_the_store_that_it_is_of(config: Path) -> None:
    (config.parent / "cohorts.tsv").write_text("cohort\tfiles\ngood\tgood.vcf\n")
    ingest_here(config.parent / "store", config)
    config.write_text(config.read_text().replace("toy", "other"))
    with pytest.raises(ConfigError) as caught:
        dry(config)
    assert f"{config.parent}/store: the store is of assembly toy" in str(caught.value)
