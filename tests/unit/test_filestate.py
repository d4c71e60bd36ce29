"""The state of a file tells a change, and is the same for every host that sees it."""

import os
from pathlib import Path

import pytest

from varhouse import filestate
from varhouse.filestate import file_digest, file_state, is_recorded


def test_state_is_the_same_where_the_device_has_another_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a network mount each host numbers the device by itself; the bytes are not read."""
    file = tmp_path / "a.vcf"
    file.write_text("one")
    state, sha256 = file_state(file), file_digest(file)
    device = file.stat().st_dev

    def elsewhere(own: object) -> object:
        def stat(path: Path, **options: bool) -> os.stat_result:
            found = list(own(path, **options).__reduce__()[1][0])
            found[2] += 7
            return os.stat_result(found, own(path, **options).__reduce__()[1][1])

        return stat

    monkeypatch.setattr(Path, "stat", elsewhere(Path.stat))
    assert file.stat().st_dev == device + 7
    assert file.stat().st_ctime_ns == state[2]
    monkeypatch.setattr(filestate, "file_digest", lambda _path: "not to be read")
    assert file_state(file) == state
    assert is_recorded(file, state, sha256)
    monkeypatch.undo()
    file.write_text("two")
    assert file_state(file) != state
