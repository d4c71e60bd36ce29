"""docs/where-is-what.md against the code: every path and name in it is there."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "where-is-what.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
WORDS = {"public", "own", "refuse", "reject", "af", "sources", "cli", "onefile"}
"""What stands in code letters and is neither a path nor a name of the package."""

QUESTIONS = (
    "cohort is held back", "FORMAT field", "statistic", "reader of another format", "gate",
    "rule", "source kind", "step", "table", "command",
)  # fmt: skip


def lost(text: str) -> list[str]:
    """List what a text names and is not there."""
    return [x for x in re.findall(r"`([^`]+)`", text) if x not in WORDS and not is_there(x)]


def is_there(what: str) -> bool:
    if "/" in what:
        return (ROOT / what).exists() or (ROOT / "src/varhouse" / what).exists()
    parts = ["varhouse", *what.removeprefix("varhouse.").split(".")]
    found = None
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for name in parts[n:]:
            found = getattr(found, name, None)
        return found is not None and (len(parts) > 1)
    return False


@pytest.mark.parametrize("row", ROWS, ids=[r.split("|")[1].strip()[:40] for r in ROWS])
def test_what_an_answer_names_is_there(row: str) -> None:
    assert lost(row) == []
    assert re.search(r"`[^`]*[./][^`]*`", row), "an answer names a place"


def test_the_questions_have_an_answer_each() -> None:
    asked = "\n".join(row.split("|")[1] for row in ROWS)
    assert [q for q in QUESTIONS if q not in asked] == []
    assert lost(PAGE.split("| who decides")[0]) == []


def test_what_is_not_there_is_found() -> None:
    text = "`view.Views` `vcf/reader2.py` `nowhere.function` `tables.schema.KEY` `docs/x.md`"
    assert lost(text) == ["view.Views", "vcf/reader2.py", "nowhere.function", "docs/x.md"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_the_page_is_found(page: str) -> None:
    assert "where-is-what.md" in (ROOT / page).read_text()


def bounds(page: str) -> list[tuple[str, str]]:
    """List the constants that the page says bound memory, with the files it names."""
    table = page.split("## What bounds memory")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return [(name, row[1]) for row in rows for name in re.findall(r"`(\w+)`", row[0])]


@pytest.mark.parametrize(
    ("name", "files"), bounds((ROOT / "docs" / "architecture.md").read_text())
)
def test_what_bounds_memory_stands_where_the_page_says(name: str, files: str) -> None:
    texts = [(ROOT / "src/varhouse" / f).read_text() for f in files.split(", ")]
    assert any(re.search(rf"^(class )?{name}\b", text, re.M) for text in texts)
