"""Large inputs are read once, and again as soon as they may be others."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from varhouse.ingest.setup import known_files as module
from varhouse.ingest.setup.known_files import KnownFiles


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read."""
    names: list[str] = []
    own = module._hash

    def hashed(path: Path) -> str:
        names.append(path.name)
        return own(path)

    monkeypatch.setattr(module, "_hash", hashed)
    return names


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been there for a while."""
    monkeypatch.setattr(module, "RACY_NS", 0)


def digest(cache: Path, file: Path, *, rehash: bool = False) -> str:
    known = KnownFiles(cache, rehash=rehash)
    found = known.sha256(file)
    known.save()
    return found


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read_again(tmp_path: Path, read: list[str]) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "_cache"
    file.write_text("one")
    assert [digest(cache, file) for _ in range(3)] == [sha("one")] * 3
    assert read == ["a.vcf"]
    assert digest(cache, file, rehash=True) == sha("one")
    assert digest(cache, file) == sha("one")
    assert read == ["a.vcf"] * 2
    assert [p.name for p in cache.iterdir()] == ["file-digests.json"]


@pytest.mark.usefixtures("settled")
def test_a_file_of_the_same_size_is_another(tmp_path: Path, read: list[str]) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "_cache"
    file.write_text("one")
    digest(cache, file)
    time.sleep(0.05)
    file.write_text("two")
    assert digest(cache, file) == sha("two")
    # With the times of the bytes set back, and moved in from elsewhere.
    stat = file.stat()
    for text, name in (("six", "a.vcf"), ("ten", "b.vcf")):
        time.sleep(0.05)
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        (tmp_path / name).replace(file)
        assert digest(cache, file) == sha(text)
    assert len(read) == 4


def test_what_changed_just_now_is_not_trusted(tmp_path: Path, read: list[str]) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "_cache"
    file.write_text("one")
    os.utime(file, ns=(0, 0))
    digest(cache, file)
    digest(cache, file)
    assert len(read) == 2
    assert json.loads((cache / "file-digests.json").read_text()) == {}


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "_cache"
    file.write_text("one")
    own = module._hash

    def late(path: Path) -> str:
        found = own(path)
        time.sleep(0.05)
        path.write_text("two")
        return found

    monkeypatch.setattr(module, "_hash", late)
    assert digest(cache, file) == sha("one")
    monkeypatch.setattr(module, "_hash", own)
    assert digest(cache, file) == sha("two")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", ["", "[1]", '{"a": 1}', '{"a": [[1], 2, 3]}', "\0"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: str, read: list[str]) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "_cache"
    file.write_text("one")
    digest(cache, file)
    (cache / "file-digests.json").write_text(damage)
    assert digest(cache, file) == sha("one")
    assert digest(cache, file) == sha("one")
    assert len(read) == 2


@pytest.mark.usefixtures("settled")
def test_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    cache = tmp_path / "_cache"
    for name in "ab":
        (tmp_path / name).write_text(name)
        digest(cache, tmp_path / name)
    (tmp_path / "a").unlink()
    digest(cache, tmp_path / "b")
    assert list(json.loads((cache / "file-digests.json").read_text())) == [str(tmp_path / "b")]
    with pytest.raises(FileNotFoundError):
        digest(cache, tmp_path / "a")
