"""All code is compiled once, and again where its sources changed."""

import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from numba import njit

from varhouse import compiled
from varhouse.files import read_json
from varhouse.precompile import run, turns, work
from varhouse.precompile.calls import list_calls


@pytest.fixture
def fx_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A record elsewhere, and nothing real that is compiled or removed."""
    seen = SimpleNamespace(record=tmp_path / "r.json", done=0, forgotten=[], before=None)

    def do_all() -> tuple[int, list[str]]:
        time.sleep(0.2)
        if seen.before is not None:
            seen.before()
        seen.done += 1
        return 7, []

    monkeypatch.setattr(run, "record_file", lambda: seen.record)
    monkeypatch.setattr(run, "do_all", do_all)
    monkeypatch.setattr(run, "_forget", lambda _, changed: seen.forgotten.append(changed))
    monkeypatch.setattr(run.compileall, "compile_dir", lambda *_, **__: True)
    return seen


def test_of_two_processes_one_compiles_and_the_other_waits(fx_record) -> None:
    counts: list[int] = []
    both = [threading.Thread(target=lambda: counts.append(run.precompile())) for _ in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(counts) == [0, 7]
    assert fx_record.done == 1


def test_what_a_killed_process_compiled_is_kept(fx_record) -> None:
    def kill() -> None:
        raise KeyboardInterrupt

    fx_record.before = kill
    with pytest.raises(KeyboardInterrupt):
        run.precompile()
    assert not fx_record.record.exists()
    fx_record.before = None
    assert run.precompile() == 7
    assert len(fx_record.forgotten) == 1
    assert read_json(fx_record.record) == {"failed": []}


def test_a_change_forgets_those_who_import_it(fx_record, monkeypatch) -> None:
    run.precompile()
    digest = run._digest
    monkeypatch.setattr(
        run, "_digest", lambda p: "new" if p.match("text/simd.py") else digest(p)
    )
    assert run.precompile() == 7
    affected = fx_record.forgotten[-1]
    # It imports it by way of another module.
    assert {"varhouse.vcf.text.simd", "varhouse.vcf.samples.gt"} <= affected
    assert "varhouse.hgvs.text" not in affected
    assert run.precompile() == 0


def test_every_kind_of_work_can_be_done() -> None:
    """What was done when all of these sources were compiled is not done again."""
    record = compiled.record_file()
    sums = {name: run._digest(path) for name, path in run._modules().items()}
    is_done = record.exists() and run._read(record.with_suffix(".sources.json")) == sums
    failed = run._read(record)["failed"] if is_done else work.do_all()[1]
    assert failed == []


def test_two_processes_share_all_kinds_of_work(tmp_path: Path) -> None:
    names = {
        p: [name for name, _ in list_calls(tmp_path, p)] for p in ("all", "calls", "files")
    }
    assert names["all"] == names["calls"] + names["files"]
    assert len(set(names["all"])) == len(names["all"])


def test_the_part_of_a_stopped_process_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []

    def submit(_pool: object, _call: object, folder: Path, part: str) -> Future[work.Done]:
        # It had begun.
        (folder / part).mkdir()
        stopped: Future[work.Done] = Future()
        stopped.set_exception(BrokenProcessPool())
        return stopped

    def do_part(folder: Path, part: str) -> work.Done:
        (folder / part).mkdir()
        parts.append(part)
        return work.Done()

    monkeypatch.setattr(work.ProcessPoolExecutor, "submit", submit)
    monkeypatch.setattr(work, "do_part", do_part)
    assert work._in_two(tmp_path) == [work.Done(), work.Done()]
    assert parts == ["calls", "files"]


TOY = """
from numba import njit

@njit(cache=True)
def inner(x):
    return x + 1

@njit(cache=True)
def outer(x):
    return inner(x) * 2
"""


def test_what_another_process_compiled_meanwhile_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function whose lock is held waits, and then finds the code of the holder."""
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    script = (
        "import importlib.util as u, sys\n"
        "spec = u.spec_from_file_location('varhouse.toy', sys.argv[1])\n"
        "toy = u.module_from_spec(spec); sys.modules[spec.name] = toy\n"
        "spec.loader.exec_module(toy)\n"
    )
    monkeypatch.setattr("sys.argv", ["", str(path)])
    monkeypatch.setitem(sys.modules, "varhouse.toy", ModuleType("forgotten afterwards"))
    names: dict[str, Any] = {}
    exec(script, names)
    outer, told = names["toy"].outer, []
    with (
        turns.compile_in_turns(tmp_path / "turns"),
        turns._turn(tmp_path / "turns", outer.py_func),
    ):
        waiting = threading.Thread(target=lambda: told.append(outer(4)))
        waiting.start()
        # This process takes no turns: it is the one that holds the lock.
        subprocess.run([sys.executable, "-c", f"{script}toy.outer(3)", path], check=True)
        assert told == []
    waiting.join()
    assert told == [10]
    assert outer.stats.cache_hits
    assert not outer.stats.cache_misses


def test_a_function_that_is_compiled_for_its_own_sake_waits_for_nobody(tmp_path: Path) -> None:
    with turns.compile_in_turns(tmp_path):
        function = njit(lambda x: x)
        assert function(3) == 3
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("switch", "there", "checkout", "started"),
    [
        (None, False, False, 1),
        ("no", False, False, 0),
        (None, True, False, 0),
        (None, False, True, 0),
    ],
)
def test_the_first_use_compiles_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    switch: str | None,
    there: bool,
    checkout: bool,
    started: int,
) -> None:
    calls = []
    if checkout:
        (tmp_path / ".git").mkdir()
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "src" / "varhouse" / "c.py"))
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    if switch is not None:
        monkeypatch.setenv(compiled.SWITCH, switch)
    record = tmp_path / "r.json"
    if there:
        record.touch()
    monkeypatch.setattr(compiled, "record_file", lambda: record)
    monkeypatch.setattr(compiled, "_SAID", set())
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: calls.append((a, k)))
    compiled.compile_at_first_use(logging.getLogger("varhouse"))
    assert len(calls) == started
    for arguments, settings in calls:
        assert arguments[0][-1] == "precompile"
        # Or it would start another one.
        assert settings["env"][compiled.SWITCH] == "no"
