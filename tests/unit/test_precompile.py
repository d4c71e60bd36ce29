"""All code is compiled once, by one process, and again where its sources changed."""

import logging
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from varhouse import compiled
from varhouse.files import read_json
from varhouse.precompile import run


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
    monkeypatch.setattr(run, "_do_all", do_all)
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
    assert run._do_all()[1] == []


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
