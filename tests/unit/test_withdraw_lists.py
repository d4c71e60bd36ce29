"""Wrong lists of people are refused whole; dry run, receipt, ledger, accounts."""

import io
import json
import stat
import sys
from pathlib import Path

import polars as pl
import pytest
from withdrawing import Cohorts, copy_store, random_lines, vcf

import varhouse
from varhouse.cli import main
from varhouse.errors import ConfigError, InputError, StoreError, UsageError
from varhouse.store.ledger import Ledger, ledger_folder
from varhouse.store.releases import list_releases
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.receipt import read_receipt
from varhouse.withdrawal.run import foresee, withdraw
from varhouse.withdrawal.select import read_people

THREE = ["NA001", "NA002", "NA003"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store of two cohorts that have somebody in common."""
    folder = tmp_path_factory.mktemp("lists")
    made = Cohorts(folder / "in")
    made.add("c", {"NA001_all.vcf": vcf(THREE, random_lines(THREE, 5, ["c1"]))},
             {n: {} for n in THREE})  # fmt: skip
    others = ["NA003", "HB9"]
    made.add("d", {"d.vcf": vcf(others, random_lines(others, 6, ["c1"]))},
             {n: {} for n in others})  # fmt: skip
    made.ingest(folder / "s")
    return folder / "s"


def tree(store: Path) -> dict[str, bytes]:
    """Give all files of a store but what is compiled."""
    files = (f for f in store.rglob("*") if f.is_file() and "_cache" not in f.parts)
    return {str(f.relative_to(store)): f.read_bytes() for f in files if f.name != "lock.guard"}


@pytest.mark.parametrize(
    ("people", "told"),
    [
        (["NA001", "NA001"], "named twice"),
        (["NA01"], "not in cohort 'c'; nearest: NA0"),
        (["NA001", "NA01"], "sample 'NA01' is not in cohort 'c'"),
        (["HB9"], "not in cohort 'c', but in 'd'"),
        (THREE, "all 3 people"),
        ([], "1 mistake"),
    ],
)
def test_a_wrong_list_is_refused_whole(whole: Path, people: list[str], told: str) -> None:
    before = tree(whole)
    if not people:
        with pytest.raises(UsageError, match="--sample"):
            read_people(people, None)
        return
    for what in (withdraw, foresee):
        with pytest.raises(ConfigError, match="nothing was changed") as error:
            what(whole, Asked("c", people))
        assert told in str(error.value)
    assert tree(whole) == before


def test_other_mistakes(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no cohort 'cc'.*nearest: c"):
        withdraw(whole, Asked("cc", ["NA001"]))
    with pytest.raises(StoreError, match="--reason names somebody"):
        withdraw(whole, Asked("c", ["NA001"], "letter of NA001"))
    with pytest.raises(InputError, match=r"(?i)no such file"):
        read_people([], tmp_path / "none")
    (tmp_path / "empty").write_text("\n \n")
    with pytest.raises(InputError, match="empty"):
        read_people([], tmp_path / "empty")
    with pytest.raises(UsageError, match="--samples"):
        read_people(["NA001"], tmp_path / "empty")


def test_a_list_is_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = "\ufeffNA001\r\n\r\n NA002 \r\n".encode()
    (tmp_path / "list").write_bytes(data)
    assert read_people([], tmp_path / "list") == ["NA001", "NA002"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read_people([], Path("-")) == ["NA001", "NA002"]


def test_a_dry_run_changes_nothing_and_says_what_would_be(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(whole)
    said = ["store", "withdraw", str(whole), "--cohort", "c", "--sample", "NA003", "--dry-run"]
    assert main(said) == 0
    out = capsys.readouterr().out
    assert "NA003 in cohort d" in out
    assert "NA001_all.vcf: as it lies there" in out
    newest = list_releases(whole)[-1]
    assert f"still in   releases {newest}, until purged" in out
    assert main([*said, "--purge"]) == 0
    assert f"seals at least releases {newest}\n" in capsys.readouterr().out
    foresee(whole, Asked("c", ["NA003"]))
    assert tree(whole) == before
    # What only they are called with is what goes with them.
    after = withdraw(copy_store(whole, "dry"), Asked("c", ["NA001", "NA002"]))
    assert foresee(whole, Asked("c", ["NA001", "NA002"])).private == after.alleles_gone > 0


def test_receipt_ledger_and_accounts(whole: Path) -> None:
    store = copy_store(whole, "receipts")
    asked = Asked("c", ["NA001"], "letter of 1 May")
    receipt = withdraw(store, asked)
    number = list_releases(store)[-1]
    release = varhouse.open(store)
    assert release.record.operation == "withdraw"
    assert receipt.release == number
    assert receipt.digest == release.digest()
    before = varhouse.open(store, number - 1)
    assert receipt.digest_before == before.digest()
    for table, (was, now) in receipt.rows.items():
        assert was == before.record.tables[table].rows
        assert now == release.record.tables[table].rows
    assert (
        receipt.rows["variants"][0] - receipt.rows["variants"][1] == receipt.alleles_gone > 0
    )
    assert receipt.holds.releases == [number - 1]
    assert [Path(f).name for f in receipt.holds.files] == ["NA001_all.vcf"]
    assert receipt.holds.names == ["NA001_all.vcf"]
    # In the store nobody is named, but by the name of a file that others stand in, too.
    kept = read_receipt(store, number)
    assert kept is not None
    assert kept.n_people == 1
    folder = ledger_folder(store)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    said = [*folder.glob("*.json"), *(store / "_store" / "receipts").iterdir()]
    assert len(said) == 2
    assert all("NA001" not in f.read_text() for f in said)
    for table in ("ingests", "accounts", "samples", "rejects"):
        frame = release.scan(table).collect()
        text = json.dumps(frame.to_dicts(), default=str).replace("NA001_all", "")
        assert "NA001" not in text, table
    ledger = Ledger.open(store)
    assert ledger.refuses("c", THREE) == ["NA001"]
    assert not ledger.refuses("d", THREE)
    row = release.scan("files", cohort="c").collect().row(0, named=True)
    assert row["without"] == ledger.hash("NA001")
    source = before.scan("files", cohort="c").collect().row(0, named=True)
    assert {k: row[k] for k in ("sha256", "md5", "bytes", "path")} == {
        k: source[k] for k in ("sha256", "md5", "bytes", "path")
    }
    with pytest.raises(ConfigError, match=f"already.*release {number}"):
        withdraw(store, asked)
    with pytest.raises(ConfigError, match="already"):
        withdraw(store, Asked("c", ["NA002", "NA001"]))


def test_the_key_decides_the_hashes(whole: Path) -> None:
    one, other = copy_store(whole, "key1"), copy_store(whole, "key2")
    hashes = [withdraw(s, Asked("c", ["NA001"])).people for s in (one, other)]
    assert hashes[0] != hashes[1]
    (ledger_folder(one) / "key").unlink()
    with pytest.raises(StoreError, match="key"):
        Ledger.open(one)


def test_json_and_purge(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = copy_store(whole, "purged")
    said = ["store", "withdraw", str(store), "--cohort", "c", "--sample", "NA002", "--json"]
    assert main([*said, "--purge"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["purged"]["files"] > 0
    assert told["holds"]["releases"] == []
    newest = varhouse.open(store)
    assert newest.release == told["release"]
    for file in store.rglob("*"):
        if file.is_file() and "_cache" not in file.parts:
            assert b"NA002" not in file.read_bytes(), file
    rows = newest.scan("samples", cohort="c").select("sample").collect()
    assert sorted(rows["sample"]) == ["NA001", "NA003"]
    assert newest.scan("samples", cohort="d").select(pl.len()).collect().item() == 2
