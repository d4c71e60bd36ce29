"""Compiled code is kept also where neither the package nor a home can be written to."""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from varhouse import compiled
from varhouse.ingest import workflow


@pytest.fixture
def fx_locked(monkeypatch, tmp_path):
    """The package's folder cannot be written to."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    package = Path(compiled.__file__).parent
    access = os.access
    monkeypatch.setattr(os, "access", lambda p, m: Path(p) != package and access(p, m))
    return tmp_path


def test_numba_needs_no_help_where_it_can_write(monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(os, "access", lambda _p, _m: True)
    assert compiled.find_cache() is None


def test_the_users_cache_is_enough(fx_locked, monkeypatch):
    monkeypatch.setenv("HOME", str(fx_locked / "home"))
    assert compiled.find_cache() is None


def test_without_a_home_a_folder_of_ones_own(fx_locked, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nobody")
    folder = compiled.find_cache()
    assert folder == fx_locked / f"varhouse-compiled-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert compiled.find_cache() == folder


def test_what_is_asked_for_is_kept(fx_locked, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nobody")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    assert compiled.find_cache() is None


def test_only_the_first_use_says_that_it_compiles(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    library = (
        "import sys; from pathlib import Path; "
        "from varhouse.genome.contigs import AnyContigs; "
        "from varhouse.vcf.check.scan import scan_file; "
        "scan_file(Path(sys.argv[1]), AnyContigs(), None)"
    )

    def stderr(cache: str, *command: str) -> str:
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path / cache),
            compiled.SWITCH: "no",
        }
        environment.pop("VARHOUSE_LOG", None)
        done = subprocess.run(
            [sys.executable, *command, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stderr

    def forget_one() -> None:
        """Take one function away: the rest need not be compiled once more."""
        for file in (tmp_path / "a").glob("*/encoding._has_control-*.nb[ic]"):
            file.unlink()

    validate = ("-m", "varhouse", "validate")
    assert stderr("a", *validate).splitlines() == [compiled.COMPILING]
    assert stderr("a", *validate) == ""
    forget_one()
    assert stderr("a", "-m", "varhouse", "-q", "validate") == ""
    forget_one()
    assert stderr("a", "-c", library) == ""
    forget_one()
    assert stderr("a", *validate).splitlines() == [compiled.COMPILING]


def test_a_step_of_an_ingest_tells_the_command(tmp_path, monkeypatch):
    marker = tmp_path / "compiling"
    said = []
    monkeypatch.setenv(compiled.MARKER, str(marker))
    monkeypatch.setattr(compiled, "_SAID", set())
    step = logging.Logger("step")
    monkeypatch.setattr(step, "info", said.append)
    compiled.say_compiling(step)
    compiled.say_compiling(step)
    assert said == [compiled.COMPILING]
    monkeypatch.setattr(compiled, "_SAID", set())
    monkeypatch.setattr(workflow.LOG, "info", said.append)
    ends = iter([False, False, True])
    ended = SimpleNamespace(wait=lambda _: next(ends))
    workflow._watch(tmp_path, SimpleNamespace(tell=lambda: None), ended)
    assert said == [compiled.COMPILING] * 2
