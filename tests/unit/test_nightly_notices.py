"""Texts beside deliveries that are held back: what they say, and who may read them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from varhouse.nightly.account import Fault
from varhouse.nightly.notices import write_notices

SINCE = "2026-11-01T02:00:00Z"


def fault(kind: str = "delivery", name: str = "x", says: str = "s1 has no row") -> Fault:
    return Fault(f"delivery:{name}", kind, name, "a", [says], [f"public of {kind}"], SINCE)


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=["022", "027", "077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("folder", "notice"),
    [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600), (0o711, 0o600), (0o2770, 0o640)],
)
def test_who_may_read_the_folder_may_read_the_notice(
    folder: int, notice: int, umask: int, tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x").chmod(folder)
    assert write_notices(tmp_path, [fault()], {}) == 0
    text = tmp_path / "x.held.txt"
    assert mode(text) == notice
    assert "- s1 has no row\n" in text.read_text()
    # It stays while it says the same, and is made anew when others may read the folder.
    before = text.stat().st_ino
    write_notices(tmp_path, [fault()], {})
    assert text.stat().st_ino == before
    (tmp_path / "x").chmod(0o700)
    write_notices(tmp_path, [fault()], {})
    assert mode(text) == 0o600
    write_notices(tmp_path, [], {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_who_cannot_be_given_a_notice_reads_what_anybody_may(
    umask: int, tmp_path: Path
) -> None:
    """Another owner whose folder is closed, and one that was copied and is gone."""
    (tmp_path / "x").mkdir(mode=0o700)
    real = Path.lstat

    def of_another(path: Path) -> os.stat_result:
        found = real(path)
        if path.name != "x":
            return found
        return os.stat_result([*found[:4], found.st_uid + 1, *found[5:]])

    with (
        mock.patch.object(os, "fchown", side_effect=PermissionError(1, "not permitted")),
        mock.patch.object(Path, "lstat", of_another),
    ):
        write_notices(tmp_path, [fault(), fault("ingest", "gone")], {})
    for name, kind in (("x", "delivery"), ("gone", "ingest")):
        text = tmp_path / f"{name}.held.txt"
        assert mode(text) == 0o644
        assert "s1" not in text.read_text()
        assert f"- public of {kind}\n" in text.read_text()


def test_two_of_one_name_are_both_named_that_of_the_inbox_first(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir(mode=0o750)
    taken = tmp_path / "data"
    taken.mkdir(mode=0o750)
    faults = [fault(says="its sum differs"), fault("ingest", says="s1 has no row")]
    write_notices(tmp_path, faults, {"x": taken})
    text = (tmp_path / "x.held.txt").read_text()
    assert text.index("sum differs") < text.index("It lies where it was")
    assert text.index("It lies where it was") < text.index("s1 has no row")
    assert text.index("s1 has no row") < text.index("taken out of the inbox")
    # The earlier one was of somebody else.
    taken.chmod(0o700)
    write_notices(tmp_path, faults, {"x": taken})
    text = (tmp_path / "x.held.txt").read_text()
    assert "sum differs" in text
    assert "s1" not in text


def test_nothing_of_others_is_overwritten_opened_or_removed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "pipe.held.txt")
    (tmp_path / "to.txt").write_text("varhouse holds this delivery back: no")
    (tmp_path / "link.held.txt").symlink_to("to.txt")
    (tmp_path / "x.held.txt").write_text("somebody's")
    names = sorted(tmp_path.iterdir())
    faults = [fault(name=n) for n in ("x", "pipe", "link")]
    write_notices(tmp_path, faults, {})
    write_notices(tmp_path, [], {})
    assert sorted(tmp_path.iterdir()) == names
    assert (tmp_path / "x.held.txt").read_text() == "somebody's"
