"""A copy that is made while somebody writes, as docs/operations.md has it, at any moment."""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pages import commands_of, find_blocks, run_blocks
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, new_store
from verifying import verify

from varhouse.store import commit as commit_module
from varhouse.store.leftovers import find_leftovers, remove_leftovers
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
LINES = next(
    b.text for b in find_blocks(PAGE) if b.language == "sh" and "--files-from" in b.text
).splitlines()
NEEDS = pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with cohort a, release 2."""
    path = new_store(tmp_path_factory.mktemp("before") / "demo" / "store")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    return path


@pytest.fixture(scope="module")
def digests(before: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The content of releases 2 to 4: with a, b and c."""
    path = shutil.copytree(before, tmp_path_factory.mktemp("after") / "s")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    add_cohort(path, "c", COHORT_C, "ingest-c")
    return {n: open_store(path, n).digest() for n in (2, 3, 4)}


def work_in(folder: Path, before: Path) -> Path:
    shutil.copytree(before, folder / "demo" / "store")
    return folder


def run_line(line: str, folder: Path) -> None:
    subprocess.run(["bash", "-euc", line], cwd=folder, check=True, capture_output=True)


def check(
    backup: Path, digests: dict[int, str], releases: set[int], go_on: bool = False
) -> int:
    """Check that a copy is a whole store; with `go_on` also that it can be written to."""
    store = open_store(backup)
    assert store.release in releases
    assert store.digest() == digests[store.release]
    # It reads all rows, and works the digest out again.
    assert verify(store) == []
    if go_on:
        other = shutil.copytree(backup, backup.parent / f"{backup.name}-goes-on")
        remove_leftovers(other, find_leftovers(other, thorough=True))
        for cohort, alleles in (("b", COHORT_B), ("c", COHORT_C))[store.release - 2 :]:
            add_cohort(other, cohort, alleles, f"again-{cohort}")
        assert open_store(other).digest() == digests[4]
        assert verify(open_store(other)) == []
        shutil.rmtree(other)
    return store.release


@NEEDS
def test_a_copy_at_any_step_of_a_commit(
    before: Path, digests: dict[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = work_in(tmp_path, before)
    found = []

    def copy(_: str) -> None:
        shutil.rmtree(folder / "backup", ignore_errors=True)
        for line in LINES[:-1]:
            run_line(line, folder)
        found.append(check(folder / "backup", digests, {2, 3}, go_on=len(found) == 2))

    monkeypatch.setattr(commit_module, "_reached", _now_and_then(copy))
    add_cohort(folder / "demo" / "store", "b", COHORT_B, "ingest-b")
    assert set(found) == {2, 3}
    assert found == sorted(found)


def _now_and_then(copy: Callable[[str], None]) -> Callable[[str], None]:
    """Call `copy` at every eighth point, and not at points of what it does itself."""
    state = {"inside": False, "n": 0}

    def reached(point: str) -> None:
        if state["inside"]:
            return
        state["n"] += 1
        if state["n"] % 8 == 1 or point == "released":
            state["inside"] = True
            copy(point)
            state["inside"] = False

    return reached


@NEEDS
@pytest.mark.parametrize("at", range(1, len(LINES) - 1))
def test_a_commit_between_the_steps_of_a_copy(
    before: Path, digests: dict[int, str], tmp_path: Path, at: int
) -> None:
    folder = work_in(tmp_path, before)
    for i, line in enumerate(LINES[:-1]):
        if i == at:
            add_cohort(folder / "demo" / "store", "b", COHORT_B, "ingest-b")
        run_line(line, folder)
    check(folder / "backup", digests, {2}, go_on=at == 1)
    if at > 1:
        return
    # The next night only what is new is copied.
    for line in LINES[:-1]:
        run_line(line, folder)
    check(folder / "backup", digests, {3})


def copy_slowly(
    store: Path, backup: Path, seed: int, commits: list[Callable[[], None]]
) -> None:
    """Copy as the page says, file by file in any order, with commits between two files."""
    rng = random.Random(seed)
    records = list((store / "_store" / "releases").iterdir())
    listed = [
        p for p in store.rglob("*")
        if p.is_file() and p.parent.name != "releases" and p.name != "_last_checkpoint"
        and "_staging" not in p.parts and p.name != "lock.json"
    ]  # fmt: skip
    rng.shuffle(listed)
    at = sorted(rng.sample(range(len(listed)), len(commits)))
    for i, file in enumerate(listed):
        if at and i == at[0]:
            at.pop(0)
            commits.pop(0)()
            # What came meanwhile may be listed by who walks slowly, or not.
            new = [p for p in store.rglob("*.parquet") if p not in set(listed)]
            listed += rng.sample(new, len(new) // 2)
        target = backup / file.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    for record in records:
        target = backup / record.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(record, target)


@pytest.mark.parametrize("seed", range(2))
def test_a_slow_copy_with_commits_on_the_way(
    before: Path, digests: dict[int, str], tmp_path: Path, seed: int
) -> None:
    store = work_in(tmp_path, before) / "demo" / "store"
    commits = [
        lambda: add_cohort(store, "b", COHORT_B, "ingest-b"),
        lambda: add_cohort(store, "c", COHORT_C, "ingest-c"),
    ]
    copy_slowly(store, tmp_path / "backup", seed, commits)
    check(tmp_path / "backup", digests, {2}, go_on=seed == 0)


def test_a_copy_in_one_go_is_mended_by_the_list(
    before: Path, digests: dict[int, str], tmp_path: Path
) -> None:
    """Without the list, the newest record of a copy may pin what was not copied."""
    store = work_in(tmp_path, before) / "demo" / "store"
    backup = tmp_path / "backup"
    listed = {p.name for p in (store / "_store" / "releases").iterdir()}
    for root in ("open", "controlled"):
        shutil.copytree(store / root, backup / root)
    add_cohort(store, "b", COHORT_B, "ingest-b")
    shutil.copytree(store / "_store", backup / "_store")
    assert list_releases(backup)[-1] == 3
    assert len(verify(open_store(backup))) > 5
    for record in (backup / "_store" / "releases").iterdir():
        if record.name not in listed:
            record.unlink()
    check(backup, digests, {2}, go_on=True)


@NEEDS
def test_the_page_runs(before: Path, digests: dict[int, str], tmp_path: Path) -> None:
    folder = work_in(tmp_path, before)
    with commands_of(folder):
        assert run_blocks(PAGE, folder) == 2
    check(folder / "restored", digests, {2})


def test_tables_are_read_without_the_hint_of_a_checkpoint(
    before: Path, tmp_path: Path
) -> None:
    store = work_in(tmp_path, before) / "demo" / "store"
    for table in ("variants", "frequencies"):
        DeltaTable(str(store / "open" / table)).create_checkpoint()
        (store / "open" / table / "_delta_log" / "_last_checkpoint").unlink()
    assert verify(open_store(store)) == []
    add_cohort(store, "b", COHORT_B, "ingest-b")
    assert verify(open_store(store)) == []
