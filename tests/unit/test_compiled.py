"""Compiled code is kept also where neither the package nor a home can be written to."""

import os
from pathlib import Path

import pytest

from varhouse import compiled


@pytest.fixture
def fx_locked(monkeypatch, tmp_path):
    """The package's folder cannot be written to."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(compiled.tempfile, "tempdir", None)
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
