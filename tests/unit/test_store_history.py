"""What a release changed, by cohort, and what is said of a release afterwards."""

import json
import shutil
from pathlib import Path

import pytest
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, new_store
from store_words import run

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError, UsageError
from varhouse.store import errata, sizes
from varhouse.store.drop import drop_cohort
from varhouse.store.history import changes_of
from varhouse.store.lifecycle import withdraw_release
from varhouse.store.releases import read_all_releases, read_release
from varhouse.store.sizes import what_came


@pytest.fixture(scope="module")
def fx_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comes, b comes, b is replaced by one allele less, a is dropped."""
    path = new_store(tmp_path_factory.mktemp("history") / "s")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    add_cohort(path, "b", COHORT_C, "ingest-b2")
    drop_cohort(path, "a")
    return path


@pytest.fixture
def path(fx_store: Path, tmp_path: Path) -> Path:
    return shutil.copytree(fx_store, tmp_path / "s")


def forget(path: Path, number: int) -> None:
    """Take out of a record what a commit of today writes, as one of before had it."""
    file = path / "_store" / "releases" / f"{number:08d}.json"
    data = json.loads(file.read_text())
    for key in ("changed", "brought"):
        del data["meta"]["event"][key]
    file.write_text(json.dumps(data))


def test_what_is_recorded_is_what_the_tables_say(path: Path) -> None:
    recorded = [changes_of(path, n) for n in range(1, 6)]
    for number in range(1, 6):
        forget(path, number)
    assert [changes_of(path, n) for n in range(1, 6)] == recorded
    came, replaced, went = recorded[1], recorded[3], recorded[4]
    assert came["cohorts"]["a"]["alleles"] == [0, 3]
    assert (came["cohorts"]["a"]["came"], came["cohorts"]["a"]["left"]) == (4, 0)
    assert replaced["cohorts"]["b"]["alleles"] == [3, 2]
    # Its people are the same four.
    assert (replaced["cohorts"]["b"]["came"], replaced["cohorts"]["b"]["left"]) == (0, 0)
    assert (went["cohorts"]["a"]["came"], went["cohorts"]["a"]["left"]) == (0, 4)
    assert set(went["cohorts"]) == {"a"}
    assert went["tables"]["cohorts"] == [2, 1]


def test_what_came_is_what_the_catalogues_say(path: Path) -> None:
    releases = read_all_releases(path)
    told = what_came(path, releases)
    assert told == [sizes._what_came(path, r) for r in releases]
    assert sum(b.bytes for b in told) == sum(
        p.stat().st_size for root in ("open", "controlled")
        for p in (path / root).rglob("*.parquet") if "_delta_log" not in p.parts
    )  # fmt: skip
    forget(path, 3)
    assert what_came(path, read_all_releases(path)) == told
    # Once something is sealed, and files go, only catalogues know what is left.
    (path / "_store" / "files" / "ingest-a.json").unlink()
    with pytest.raises(StoreError, match="missing"):
        what_came(path, releases)
    errata.add_erratum(path, 2, errata.Erratum(errata.SEALED, "over", "2026-12-01"))
    assert what_came(path, releases)[1].bytes == 0


def test_an_event_is_of_one_release(path: Path) -> None:
    assert "changed" not in {
        k for k in read_release(path, 5).meta if k != "event"
    }  # fmt: skip
    assert set(read_release(path, 3).meta["event"]["changed"]) == {"b"}


def test_of_a_sealed_release_the_record_tells(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = changes_of(path, 3)
    errata.add_erratum(
        path, 3, errata.Erratum(errata.SEALED, "its time is over", "2026-12-01")
    )
    shutil.rmtree(path / "open" / "cohorts")
    assert changes_of(path, 3) == told
    assert run("show", path, "--release", "3") == 0
    text = capsys.readouterr().out
    assert "its time is over" in text
    assert "b came" in text
    forget(path, 3)
    assert changes_of(path, 3)["cohorts"] is None
    assert run("show", path, "--release", "3") == 0
    assert "not known" in capsys.readouterr().out
    run("show", path, "--release", "3", "--json")
    assert json.loads(capsys.readouterr().out)["cohorts"] is None


def test_log_tells_each_release_in_a_line(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mark", path, "2", "--withdrawn", "--reason", "sexes\x1b[31m swapped") == 0
    capsys.readouterr()
    run("log", path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "a came" in lines[1]
    assert "WITHDRAWN" in lines[1]
    assert "swapped" in lines[1]
    assert "\x1b" not in lines[1]
    assert "alleles 3 -> 2" in lines[3]
    assert "a went" in lines[4]
    # Another program may have written more than mark takes.
    errata.add_erratum(path, 2, errata.Erratum(errata.WITHDRAWN, "one\ntwo", "2026-12-01"))
    run("log", path)
    assert len(capsys.readouterr().out.splitlines()) == 5
    run("show", path, "--release", "2")
    assert "one␣two" in capsys.readouterr().out
    run("log", path, "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(r["errata"]) for r in rows] == [0, 2, 0, 0, 0]


def test_a_marked_release_opens_with_its_reason(
    path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, newest = varhouse.open(path, 2).digest(), varhouse.open(path).release
    record = (path / "_store" / "releases" / "00000002.json").read_bytes()
    assert withdraw_release(path, 2, "counts of X") == (2, False)
    assert not caplog.messages
    assert varhouse.open(path, 2).digest() == digest
    assert "release 2 was withdrawn: counts of X" in caplog.messages
    assert varhouse.open(path).release == newest
    assert (path / "_store" / "releases" / "00000002.json").read_bytes() == record
    # Said again it is not said twice; another reason stands beside it.
    withdraw_release(path, "2", "counts of X")
    withdraw_release(path, 2, "and of Y")
    assert [e.reason for e in errata.read_errata(path, 2)] == ["counts of X", "and of Y"]
    caplog.clear()
    assert run("mark", path, "latest", "--withdrawn", "--reason", "x") == 0
    assert any("is the newest" in m for m in caplog.messages)
    assert capsys.readouterr().out == f"{newest}\n"


def test_what_cannot_be_marked(path: Path) -> None:
    with pytest.raises(StoreError, match="no release 9"):
        withdraw_release(path, 9, "x")
    with pytest.raises(UsageError, match="the reason is empty"):
        run("mark", path, "2", "--withdrawn", "--reason", "  ")
    for end in ("\n", "\r", "\u2028", "\x85"):
        with pytest.raises(UsageError, match="more than one line"):
            withdraw_release(path, 2, f"counts of X{end}and of Y")
    assert not errata.read_errata(path, 2)
    errata.add_erratum(path, 2, errata.Erratum(errata.SEALED, "over", "2026-12-01"))
    with pytest.raises(StoreError, match="was sealed"):
        withdraw_release(path, 2, "x")
    with pytest.raises(SystemExit):
        run("mark", path, "2", "--reason", "x")


def test_what_is_made_of_a_marked_release_says_so(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errata.add_erratum(path, 3, errata.Erratum(errata.WITHDRAWN, "counts\nof X", "2026-12-01"))
    said = "release 3 was withdrawn on "
    folder = tmp_path / "out"
    assert main(["publish", str(path), str(folder), "--release", "3"]) == 0
    (line,) = json.loads((folder / "manifest.json").read_text())["errata"]
    assert line.startswith(said)
    assert line in (folder / "README.md").read_text()
    assert "\n" not in line
    words = ["--region", "1:1-100", "--format", "vcf", "--release", "3"]
    assert main(["query", str(path), *words]) == 0
    assert f"##varhouse_erratum={line}\n" in capsys.readouterr().out
    # Of another release nothing is said.
    assert main(["publish", str(path), str(tmp_path / "other"), "--release", "2"]) == 0
    assert json.loads((tmp_path / "other" / "manifest.json").read_text())["errata"] == []
    assert "withdrawn" not in (tmp_path / "other" / "README.md").read_text()
