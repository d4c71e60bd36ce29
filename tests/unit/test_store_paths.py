"""Stores in folders with odd names: every way in and out works, or one line says no."""

from pathlib import Path
from unittest import mock

import pytest
from builders import make_small_inputs
from kills import run_steps

from varhouse.cli import main
from varhouse.ingest import driver

# Patterns of polars, DuckDB and Python; what is set off in URLs, shells and Snakemake.
GOOD = ["%", "%zz", "[a]", "[!a]*?", "#", " ", "{x}", "a=b", "'\"", ";$HOME~:"]
BAD = ["\n", "\x07", "\\", "%20"]


@pytest.fixture(params=GOOD)
def fx_odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder whose name and whose store's name hold something odd, and a twin of it."""
    folder = tmp_path / f"d{request.param}d"
    for place in (folder, tmp_path / "dad"):
        place.mkdir()
        make_small_inputs(place)
    return folder


def test_every_way_in_and_out(fx_odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(fx_odd / f"s{fx_odd.name}")

    def run(*words: str) -> str:
        code = main(list(words))
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    (fx_odd / "cohorts.tsv").write_text("cohort\tfiles\na\t[a].vcf\nb\tb.vcf\n")
    with mock.patch.object(driver, "run_snakemake", run_steps):
        run("ingest", store, "--config", str(fx_odd / "config.json"))
    rows = run("query", store, "--region", "c1:1-900", "--format", "tsv").splitlines()
    assert len(rows) == 21
    query = "select count(*) from genotypes where cohort = 'a'"
    assert run("sql", store, query, "--format", "tsv").split()[-1] == "40"
    assert run("store", "verify", store) == ""
    run("export", store, "--cohort", "a", "-o", str(fx_odd / "o.vcf"))
    lines = (fx_odd / "o.vcf").read_text().splitlines()
    assert sum(not line.startswith("#") for line in lines) == 40
    run("report", store, "--ingest", "latest", "-o", str(fx_odd / "r.html"))
    run("store", "drop", store, "--cohort", "b")
    assert run("store", "verify", store) == ""
    run("store", "diff", store)
    assert run("store", "gc", store) == ""
    made = str(fx_odd / f"i{fx_odd.name}")
    run("store", "init", made, "--assembly", "x", "--reference", str(fx_odd / "ref.fa"))
    assert run("store", "verify", made) == ""


@pytest.mark.parametrize("odd", BAD)
def test_what_delta_takes_for_another_name_is_refused(
    tmp_path: Path, odd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_small_inputs(tmp_path)
    store = tmp_path / f"s{odd}s"
    for words in (
        ["ingest", str(store), "--config", str(tmp_path / "config.json")],
        [
            "store",
            "init",
            str(store),
            "--assembly",
            "x",
            "--reference",
            str(tmp_path / "ref.fa"),
        ],
        ["query", str(store), "--gene", "N1"],
        ["sql", str(store), "select 1"],
        ["store", "verify", str(store)],
        ["store", "drop", str(store), "--cohort", "a"],
        ["store", "gc", str(store)],
        ["store", "show", str(store)],
        ["export", str(store), "--cohort", "a", "-o", str(tmp_path / "o.vcf")],
        ["report", str(store), "-o", str(tmp_path / "r.html")],
    ):
        assert main(words) == 2, words
        error = capsys.readouterr().err
        assert "in the path of a store" in error
        assert error.count("\n") == 2
        assert not store.exists()
