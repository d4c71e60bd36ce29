"""What is removed from the inbox after it was copied: only what was taken, as it was."""

import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from nights import Nights, faults, outcomes, vcf_text

from varhouse.nightly import take as take_module
from varhouse.nightly.ledger import Ledger
from varhouse.nightly.take import left_behind


def _same_size(folder: Path) -> None:
    file = folder / "calls.vcf"
    text, times = file.read_text(), file.stat()
    file.write_text(text.replace("0/1", "1/1"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _new_inside(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "more.vcf").write_text("new\n")


CHANGES: dict[str, Callable[[Path], None]] = {
    "new file": lambda f: (f / "more.vcf").write_text("new\n"),  # type: ignore[dict-item]
    "new file in a folder": _new_inside,
    "link": lambda f: (f / "more.vcf").symlink_to("calls.vcf"),
    "manifest": lambda f: (f / "delivery.yaml").write_text("cohort: b\ndate: 2026-10-05\n"),  # type: ignore[dict-item]
    "list": lambda f: (f / "md5sum.txt").write_text("#\n"),  # type: ignore[dict-item]
    "other bytes": _same_size,
}


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_that_came_later_is_removed(change: str, tmp_path: Path) -> None:
    """A deliverer goes on in a folder while a night copies it."""
    nights = Nights(tmp_path)
    folder = nights.deliver("x", "a")
    there: dict[str, bytes] = {}
    real = take_module._finish

    def finish(*given: object) -> None:
        CHANGES[change](folder)
        there.update(_content(folder))
        real(*given)  # type: ignore[arg-type]

    with (
        mock.patch.object(take_module, "must_copy", return_value=True),
        mock.patch.object(take_module, "_finish", finish),
        mock.patch("varhouse.nightly.night.ingest", side_effect=ZeroDivisionError),
        pytest.raises(ZeroDivisionError),
    ):
        nights.run()
    assert _content(folder) == there
    ledger = Ledger(nights.folder)
    (record,) = ledger.records.values()
    assert (record.status, record.source) == ("accepted", str(folder))
    assert [line.split(":")[0] for line in left_behind(ledger)] == ["x"]


def test_a_killed_removal_is_gone_on_with_and_what_systems_leave_goes(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    calls = {"1/calls.vcf": vcf_text(tmp_path, ["a1"]), "readme.txt": "x"}
    folder = nights.deliver("x", "a", files=calls, people=["a1"])
    (folder / "1" / ".DS_Store").touch()
    (folder / "empty").mkdir()
    real = take_module.Path.unlink
    seen: list[Path] = []

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(folder):
            seen.append(path)
            if len(seen) == 3:
                raise KeyboardInterrupt
        real(path, missing_ok=missing_ok)

    with (
        mock.patch.object(take_module, "must_copy", return_value=True),
        mock.patch.object(take_module.Path, "unlink", unlink),
        pytest.raises(KeyboardInterrupt),
    ):
        nights.run()
    # Without its mark, what is left of it is no delivery.
    assert seen[0] == folder / "READY"
    assert folder.is_dir()
    night = nights.run()
    assert (nights.names(), outcomes(night)) == ([], {"x": "in"})
    (record,) = Ledger(nights.folder).records.values()
    assert (record.source, record.in_inbox) == (None, {})


def test_the_account_says_what_stays_in_the_inbox(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    folder = nights.deliver("x", "a")
    with (
        mock.patch.object(take_module, "must_copy", return_value=True),
        mock.patch.object(take_module, "_remove", side_effect=PermissionError(13, "no")),
    ):
        for _ in range(2):
            night = nights.run()
            for notes in (night.notes, night.public_notes):
                assert [n for n in notes if n.startswith("x: was taken, and its folder")]
            assert (night.faults, nights.names()) == ([], ["x"])
        # Written once more, it is what was taken still.
        (folder / "READY").touch()
    night = nights.run()
    assert (nights.names(), night.faults) == ([], [])
    assert not [n for n in night.notes if "still in the inbox" in n]


def test_a_manifest_that_changes_before_the_move_is_not_taken_as_it_was(
    tmp_path: Path,
) -> None:
    nights = Nights(tmp_path)
    folder = nights.deliver("x", "a")
    real = take_module._renamed

    def renamed(source: Path, target: Path) -> bool:
        (folder / "delivery.yaml").write_text("cohort: b\ndate: 2026-10-05\n")
        return real(source, target)

    with mock.patch.object(take_module, "_renamed", renamed):
        night = nights.run()
    (reason,) = faults(night)["delivery:x"].reasons
    assert reason.startswith("delivery.yaml: changed while it was moved")
    assert outcomes(night) == {"x": "held"}
