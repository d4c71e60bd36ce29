"""Rooms do not know each other; what a room may import is checked on the syntax tree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "varhouse"
JOINING = {"cli", "ingest"}
ROOMS = {p.parent.name for p in SRC.glob("*/*.py")} - JOINING
READERS = {"query", "report", "export"}
"""Rooms that are no stage of an ingest and may read through the `store` room."""

FILES = sorted(p for p in SRC.rglob("*.py") if "data" not in p.relative_to(SRC).parts)
IDS = [str(p.relative_to(SRC)) for p in FILES]


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Give the full dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += [node.module] if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)


def broken_rules(path: Path, text: str) -> list[str]:
    """Say which rules a module breaks; `path` is relative to src/varhouse."""
    own = path.parts[0] if len(path.parts) > 1 else ""
    problems = []
    for name in imported(ast.parse(text), ("varhouse", *path.parts[:-1])):
        parts = name.split(".")
        if parts[0] in ("pandas", "snakemake"):
            problems.append(f"imports {parts[0]}")
        if parts[0] == "cyvcf2" and own != "source":
            problems.append("imports cyvcf2 outside the source room")
        if parts[0] != "varhouse" or len(parts) < 2 or own in JOINING:
            if own == "ingest" and parts[:2] == ["varhouse", "cli"]:
                problems.append("imports cli")
            continue
        target = parts[1]
        if target in JOINING and path.name != "__main__.py":
            problems.append(f"imports {target}")
        # `varhouse.open` is the one way from outside into a room.
        allowed = target == own or (own in READERS and target == "store")
        if target in ROOMS and not allowed and str(path) != "__init__.py":
            problems.append(f"imports the room {target}")
    return problems


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_module_keeps_to_its_room(path: Path) -> None:
    assert broken_rules(path.relative_to(SRC), path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_module_has_a_telling_name(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common"}


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("normalise/a.py", "from varhouse.source.scan import x", "imports the room source"),
        ("normalise/a.py", "from varhouse import source", "imports the room source"),
        ("normalise/a.py", "from ..source import x", "imports the room source"),
        ("normalise/a.py", "def f():\n    import varhouse.cli.log", "imports cli"),
        ("store/a.py", "from varhouse.query import x", "imports the room query"),
        ("query/a.py", "from varhouse.source import x", "imports the room source"),
        ("schema.py", "from varhouse.store import x", "imports the room store"),
        ("ingest/a.py", "from varhouse.cli import main", "imports cli"),
        ("ingest/a.py", "import snakemake.api", "imports snakemake"),
        ("store/a.py", "import pandas as pd", "imports pandas"),
        ("genotypes/a.py", "from cyvcf2 import VCF", "imports cyvcf2 outside the source room"),
    ],
)
def test_a_breach_is_found(path: str, text: str, problem: str) -> None:
    assert broken_rules(Path(path), text) == [problem]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("normalise/a.py", "from varhouse.schema import KEY\nfrom .kernel import x"),
        ("source/a.py", "from cyvcf2 import VCF"),
        ("ingest/a.py", "from varhouse.source import x"),
        ("query/a.py", "from varhouse.store.reader import Store"),
        ("__main__.py", "from varhouse.cli import main"),
    ],
)
def test_what_is_allowed_is_not_a_breach(path: str, text: str) -> None:
    assert broken_rules(Path(path), text) == []


def test_there_are_rooms() -> None:
    assert {"source", "normalise", "store"} <= ROOMS


def loose_ends(text: str) -> list[str]:
    r"""List regular expressions whose `$` lets a line feed through at the end.

    `$` of Python's `re` matches before a last `\n` too, so a name with one would pass:
    `\Z`, or fullmatch, means the end. With MULTILINE it means the end of a line.
    """
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if not isinstance(owner, ast.Name) or owner.id != "re" or not node.args:
            continue
        if "MULTILINE" in ast.dump(node):
            continue
        for piece in ast.walk(node.args[0]):
            if isinstance(piece, ast.Constant) and isinstance(piece.value, str | bytes):
                value = piece.value if isinstance(piece.value, str) else piece.value.decode()
                if "$" in re.sub(r"\\.|\[\^?\]?[^\]]*\]", "", value):
                    found.append(value)
    return found


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_names_are_matched_to_their_end(path: Path) -> None:
    assert loose_ends(path.read_text()) == []


@pytest.mark.parametrize("text", ['re.compile(r"^a$")', 're.match(rb"a|$", x)'])
def test_a_loose_end_is_found(text: str) -> None:
    assert loose_ends(text)
    assert not loose_ends(text.replace("$", r"\\Z"))
    assert not loose_ends(text.replace("$", "[$]"))
