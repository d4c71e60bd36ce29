"""What documents say of tests and files is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = {p.stem: p.read_text() for p in (ROOT / "tests").rglob("*.py")}
TRUST = (ROOT / "docs" / "trust.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\btest_\w+", TRUST))))
def test_every_named_test_is_there(name: str) -> None:
    """Names may be cut short."""
    assert name in TESTS or any(f"def {name}" in text for text in TESTS.values())


def test_rows_of_the_page_have_four_cells() -> None:
    rows = [line for line in TRUST.splitlines() if line.startswith("|")]
    assert len(rows) > 100
    assert [r for r in rows if len(re.findall(r"(?<!\\)\|", r)) != 5] == []


def test_links_between_documents_lead_somewhere() -> None:
    gone = []
    for page in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("config/*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                gone.append(f"{page.name}: {target}")
    assert gone == []


def test_extras_are_installed_from_the_clone_in_one_form() -> None:
    """No package index has varhouse; an extra that is not declared installs nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {*project["optional-dependencies"], "{name}"}
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("config/*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "workflow").rglob("*.yaml"),
    ]
    said = [
        (file.name, name)
        for file in files
        for name in re.findall(r"pip install\s+(?:-\S+ \S+ )*'(.*?)'", file.read_text())
    ]
    assert len(said) > 5
    assert [s for s in said if s[1].strip(".[]") not in known or s[1][:2] != ".["] == []
