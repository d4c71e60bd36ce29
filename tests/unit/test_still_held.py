"""A cohort that is held back and is not in the store stops no later ingest of the others."""

import json
from pathlib import Path

import pytest
from builders import make_fasta
from inprocess import ingest_here

from varhouse.cli import main
from varhouse.ingest.driver import Options, ingest
from varhouse.store.reader import open_store

HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)


def write(folder: Path, cohorts: dict[str, int]) -> Path:
    """Write a configuration; the file of a cohort with 0 records is no VCF."""
    make_fasta(folder / "r.fa", {"1": "ACGT" * 9})
    sheet = ["cohort\tfiles"]
    for name, n in cohorts.items():
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS" + name
        rows = [f"1\t{4 * i + 1}\t.\tA\tC\t.\t.\t.\tGT\t0/1" for i in range(n)]
        text = HEAD + "\n".join([columns, *rows, ""]) if n else "no VCF\n"
        (folder / f"{name}.vcf").write_text(text)
        sheet.append(f"{name}\t{name}.vcf")
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    config = {"assembly": {"name": "toy", "reference": "r.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


def test_it_is_named_again_and_another_one_is_held_back(tmp_path: Path) -> None:
    store = tmp_path / "store"
    told = []
    for cohorts in (
        {"a": 1, "bad": 0},
        {"a": 2, "bad": 0},
        {"a": 2, "b": 1, "bad": 0, "worse": 0},
    ):
        account = ingest_here(store, write(tmp_path, cohorts))
        came = [c["cohort"] for c in account["cohorts"]]
        held = {h["cohort"]: bool(h.get("before")) for h in account["held_back"]}
        assert not any(h.get("stays") for h in account["held_back"])
        told.append((came, held))
    assert told == [
        (["a"], {"bad": False}),
        (["a"], {"bad": True}),
        (["b"], {"bad": True, "worse": False}),
    ]


def test_a_file_taken_out_again_is_no_longer_held_back(tmp_path: Path) -> None:
    """The newest release tells of no fault that is gone, and nothing else changes."""
    store = tmp_path / "store"
    config = write(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\nc\t*.vcf\n")
    ingest_here(store, config)
    digest = open_store(store).digest()
    (tmp_path / "bad.vcf").write_text("no VCF\n")
    account = ingest_here(store, config)
    assert account["held_back"][0]["stays"] == 2
    assert open_store(store).scan("held_back").collect().height == 1
    (tmp_path / "bad.vcf").unlink()
    code, foreseen = ingest(store, config, Options(dry_run=True))
    assert (code, foreseen["settled"]) == (0, ["c"])
    account = ingest_here(store, config)
    assert (account["settled"], account["held_back"], account["release"]) == (["c"], [], None)
    after = open_store(store)
    assert account["recorded_in"] == after.release == 4
    assert after.scan("held_back").collect().is_empty()
    assert after.digest() == digest
    assert ingest_here(store, config)["up_to_date"]


def test_a_cohort_that_is_held_back_and_no_longer_named_is_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "store"
    ingest_here(store, write(tmp_path, {"a": 1, "bad": 0}))
    config = write(tmp_path, {"a": 1})
    assert ingest(store, config, Options(dry_run=True))[1]["up_to_date"]
    assert (
        "cohort 'bad' is held back in the store, and not in this configuration" in caplog.text
    )
    assert main(["store", "drop", str(store), "--cohort", "bad"]) == 0
    caplog.clear()
    ingest(store, config, Options(dry_run=True))
    assert "held back in the store" not in caplog.text
