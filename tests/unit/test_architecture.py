"""Rooms do not know each other; what a room may import is checked on the syntax tree."""

import ast
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "varhouse"
GROUND = {"genome", "alleles", "genotypes", "tables", "transcripts"}
"""Shared vocabulary: what every room may import, and what imports no room."""

JOINING = {
    "attack",
    "calling",
    "cli",
    "ingest",
    "nightly",
    "onefile",
    "people",
    "precompile",
    "sharing",
    "status",
    "submission",
    "withdrawal",
}
ROOMS = {p.parent.name for p in SRC.glob("*/*.py")} - JOINING - GROUND
SECOND = "verify"
"""The room that reads a store a second time: it imports errors alone (decision 0061)."""

LARGEST_ROOM = 2500
"""Lines of a room of the room `vcf`: more than that nobody reads in an afternoon."""

READERS = {"query", "report", "export", "publish"}
READABLE = {"store", "frequencies", "callability"}
"""Rooms that are no stage of an ingest may read through the `store` room, and count calls and
called bases as an ingest does."""

FILES = sorted(p for p in SRC.rglob("*.py") if "data" not in p.relative_to(SRC).parts)


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Parse a file; several tests ask for each."""
    return ast.parse(path.read_bytes())


def broken_by_file(find: Callable[[Path], list[str]]) -> dict[str, list[str]]:
    """Say what is found in each file in which something is.

    One test for all files, not one for each: a test costs more than the look at a file.
    """
    return {str(p.relative_to(SRC)): found for p in FILES if (found := find(p))}


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Give the full dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += [node.module] if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)


def broken_rules(path: Path, tree: ast.Module) -> list[str]:
    """Say which rules a module breaks; `path` is relative to src/varhouse."""
    own = path.parts[0] if len(path.parts) > 1 else ""
    problems = []
    for name in imported(tree, ("varhouse", *path.parts[:-1])):
        parts = name.split(".")
        if parts[0] in ("pandas", "snakemake") or (parts[0] == "cyvcf2" and own != SECOND):
            problems.append(f"imports {parts[0]}")
        if (own == SECOND) != (name.startswith(f"varhouse.{SECOND}")):
            # A second reading shares no code with the first, in either direction.
            if own == SECOND and parts[0] == "varhouse" and parts[1:2] != ["errors"]:
                problems.append(f"imports {name}, and is the room {SECOND}")
            elif own != SECOND and own not in {"cli", "nightly", "precompile"}:
                problems.append(f"imports the room {SECOND}")
        if parts[0] != "varhouse" or len(parts) < 2 or own in JOINING:
            upward = {
                "attack": {"calling", "cli", "ingest", "nightly", "sharing", "submission"},
                "calling": {"cli", "nightly"},
                "ingest": {"calling", "cli", "nightly"},
                "nightly": {"cli"},
                "onefile": {"cli"},
                "people": {"calling", "cli", "ingest", "nightly", "sharing", "status"},
                "sharing": {"calling", "cli", "ingest", "nightly", "submission"},
                "status": {"cli"},
                "submission": {"calling", "cli", "ingest", "nightly"},
                "withdrawal": {"calling", "cli", "nightly"},
            }.get(own, set())
            if parts[0] == "varhouse" and len(parts) > 1 and parts[1] in upward:
                problems.append(f"imports {parts[1]}")
            continue
        target = parts[1]
        if own in GROUND and target not in GROUND and target in ROOMS | JOINING:
            problems.append(f"imports {target}, and is ground")
            continue
        # What the package itself gives away: the command, and the functions on one file.
        front = {"__main__.py": "cli", "__init__.py": "onefile"}.get(str(path))
        if target in JOINING and target != front:
            problems.append(f"imports {target}")
        # `varhouse.open` is the one way from outside into a room.
        allowed = target == own or (own in READERS and target in READABLE)
        if target in ROOMS and not allowed and str(path) != "__init__.py":
            problems.append(f"imports the room {target}")
    return problems


def test_modules_keep_to_their_rooms() -> None:
    assert broken_by_file(lambda p: broken_rules(p.relative_to(SRC), tree_of(p))) == {}


def test_modules_have_telling_names() -> None:
    mute = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [p for p in FILES if p.stem in mute] == []


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("normalise/a.py", "from varhouse.vcf.check.scan import x", "imports the room vcf"),
        ("normalise/a.py", "from varhouse import vcf", "imports the room vcf"),
        ("normalise/a.py", "from ..vcf import x", "imports the room vcf"),
        ("normalise/a.py", "def f():\n    import varhouse.cli.log", "imports cli"),
        ("store/a.py", "from varhouse.query import x", "imports the room query"),
        ("query/a.py", "from varhouse.vcf import x", "imports the room vcf"),
        ("tables/schema.py", "from varhouse.store import x", "imports store, and is ground"),
        ("view.py", "from varhouse.store import x", "imports the room store"),
        ("onefile/a.py", "from varhouse.cli import x", "imports cli"),
        ("__init__.py", "from varhouse.cli import x", "imports cli"),
        ("ingest/a.py", "from varhouse.cli import main", "imports cli"),
        ("ingest/a.py", "import snakemake.api", "imports snakemake"),
        ("store/a.py", "import pandas as pd", "imports pandas"),
        ("genotypes/a.py", "from cyvcf2 import VCF", "imports cyvcf2"),
        (
            "verify/a.py",
            "from varhouse.tables.schema import TABLES",
            "imports varhouse.tables.schema.TABLES, and is the room verify",
        ),
        ("ingest/a.py", "from varhouse.verify.whole import x", "imports the room verify"),
    ],
)
def test_a_breach_is_found(path: str, text: str, problem: str) -> None:
    assert broken_rules(Path(path), ast.parse(text)) == [problem]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("normalise/a.py", "from varhouse.tables.schema import KEY\nfrom .kernel import x"),
        ("ingest/a.py", "from varhouse.vcf import x"),
        ("verify/a.py", "from cyvcf2 import VCF\nfrom varhouse.errors import StoreError"),
        ("query/a.py", "from varhouse.store.reader import Store"),
        ("export/a.py", "from varhouse.frequencies.planecount import count_planes"),
        ("__main__.py", "from varhouse.cli import main"),
        ("__init__.py", "from varhouse.onefile.validate import validate"),
    ],
)
def test_what_is_allowed_is_not_a_breach(path: str, text: str) -> None:
    assert broken_rules(Path(path), ast.parse(text)) == []


def module_of(path: Path) -> str:
    """Give the dotted name of a file below src."""
    parts = ("varhouse", *path.relative_to(SRC).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(rooms: bool) -> dict[str, set[str]]:
    """List who imports whom: modules, or the folders that they lie in.

    What is imported inside a function counts too: it is needed all the same.
    """
    modules = {module_of(path) for path in FILES}
    found: dict[str, set[str]] = {}
    for path in FILES:
        own = module_of(path)
        package = ("varhouse", *path.relative_to(SRC).parts[:-1])
        for name in imported(tree_of(path), package):
            while name not in modules and "." in name:
                name = name.rpartition(".")[0]
            if name not in modules or name == "varhouse" or own == "varhouse":
                continue
            ends = [n.rpartition(".")[0] for n in (own, name)] if rooms else [own, name]
            if ends[0] != ends[1]:
                found.setdefault(ends[0], set()).add(ends[1])
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Find names of which each imports the next and the last the first; none if so."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for target in sorted(graph.get(name, set())):
            if found := walk(target, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(arrows(rooms=False)) == []


def test_no_inner_room_imports_itself_by_way_of_others() -> None:
    # What lies in the room itself joins its inner rooms, and some of it is ground to them.
    outer = {"varhouse", "varhouse.vcf"}
    inner = {
        name: {t for t in targets if t not in outer}
        for name, targets in arrows(rooms=True).items()
        if name not in outer
    }
    assert circle(inner) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


@pytest.mark.parametrize("room", sorted(p.name for p in (SRC / "vcf").iterdir() if p.is_dir()))
def test_rooms_of_the_front_door_are_small(room: str) -> None:
    lines = sum(len(p.read_text().splitlines()) for p in (SRC / "vcf" / room).glob("*.py"))
    assert lines <= LARGEST_ROOM


def test_there_are_rooms() -> None:
    assert {"vcf", "normalise", "store"} <= ROOMS


def loose_ends(tree: ast.Module) -> list[str]:
    r"""List regular expressions whose `$` lets a line feed through at the end.

    `$` of Python's `re` matches before a last `\n` too, so a name with one would pass:
    `\Z`, or fullmatch, means the end. With MULTILINE it means the end of a line.
    """
    found = []
    for node in ast.walk(tree):
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


def test_names_are_matched_to_their_end() -> None:
    assert broken_by_file(lambda p: loose_ends(tree_of(p))) == {}


@pytest.mark.parametrize("text", ['re.compile(r"^a$")', 're.match(rb"a|$", x)'])
def test_a_loose_end_is_found(text: str) -> None:
    assert loose_ends(ast.parse(text))
    assert not loose_ends(ast.parse(text.replace("$", r"\\Z")))
    assert not loose_ends(ast.parse(text.replace("$", "[$]")))
