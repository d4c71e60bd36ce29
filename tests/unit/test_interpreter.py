"""Jobs of a cluster find the Python of an environment whose path has a blank."""

import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.ingest.setup.interpreter import plain_python


def test_a_plain_path_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/env/bin/python3.11")
    assert plain_python() == "/opt/env/bin/python3.11"


@pytest.mark.parametrize("name", ["my env", "o'clock", "a;b", "数据"])
def test_an_odd_path_is_reached_by_a_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    prefix = tmp_path / name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", str(prefix / "bin" / "python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    python = plain_python()
    assert plain_python() == python
    said = subprocess.run(
        f"{python} -c 'import sys; print(sys.prefix, sys.prefix != sys.base_prefix)'",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    where, in_environment = said.rsplit(maxsplit=1)
    assert Path(where).resolve() == prefix.resolve()
    assert in_environment == "True"


def test_without_a_place_for_the_link_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "my env"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env/bin/python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert plain_python() == str(tmp_path / "my env/bin/python")
