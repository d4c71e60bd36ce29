"""The recipes of docs/calls-without-varhouse.md run, and find what varhouse finds."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from calls_store import make_calls_store

import varhouse
from varhouse.query.sqlcalls import VIEW

pytest.importorskip("duckdb")
DOCUMENT = Path(__file__).parents[2] / "docs" / "calls-without-varhouse.md"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all Python of the document one after another, as a reader would."""
    store = make_calls_store(tmp_path_factory.mktemp("recipes"))
    names: dict[str, Any] = {"store": store}
    for code in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        exec(compile(code, str(DOCUMENT), "exec"), names)
    return names


def test_counts_of_a_group(found: dict[str, Any]) -> None:
    calls = varhouse.open(found["store"])
    people = calls.scan("samples").select("cohort", "sample", "sex").collect()
    women = set(people.filter(pl.col("sex") == "female")["sample"])
    expected = {}
    for row in calls.calls().collect().iter_rows(named=True):
        if row["gt"] is None or row["sample"] not in women:
            continue
        copies = [c for c in re.split(r"[/|]", row["gt"].strip("/|"))]
        for i in range(1, row["alt"].count(",") + 2):
            name = (row["cohort"], row["contig"], row["pos"], row["file"], row["record"], i)
            ac, an = expected.get(name, (0, 0))
            called = sum(c != "." for c in copies)
            expected[name] = ac + copies.count(str(i)), an + called
    got = {
        (cohort, contig, pos, file, record, i): (ac, an)
        for cohort, contig, pos, file, record, i, ac, an in found["counts"]
        if an or ac
    }
    assert got == {k: v for k, v in expected.items() if any(v)}


def test_carriers(found: dict[str, Any]) -> None:
    own = varhouse.open(found["store"]).carriers("chr1:10")
    assert found["carriers"] == own.select("sample", "copies").rows()


def test_one_record_and_one_person(found: dict[str, Any]) -> None:
    store = varhouse.open(found["store"])
    ten = store.dosage("chr1:10", cohort="a")
    # A call that is missing has no copy of the ALT.
    assert found["dosage"].tolist() == ten.dosage[:, 0].clip(0).tolist()
    calls = store.calls(cohort="a", samples="s1").collect()
    diploid = found["chosen"].select("record").collect()["record"].to_list()
    texts = dict(calls.select("record", "gt").rows())
    order = found["chosen"].sort("contig", "pos", "record").collect()["record"]
    expected = [re.split(r"[/|]", texts[r].strip("/|")).count("1") for r in order]
    assert sorted(diploid) == sorted(order)
    assert found["second"].tolist() == expected


def test_the_view_is_plain_duckdb(found: dict[str, Any]) -> None:
    rows = found["db"].sql(f"SELECT sample, gt FROM ({VIEW}) ORDER BY ALL").fetchall()
    own = varhouse.open(found["store"]).calls().select("sample", "gt").collect()
    assert sorted(rows, key=str) == sorted(own.rows(), key=str)
