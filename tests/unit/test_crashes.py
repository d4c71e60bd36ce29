"""Commands cut off at every call that changes the disk, and by power failures.

`scripts/crash_harness.py` does the same for every command, whole; `tests/crashes.py` says how.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crashcases import command
from crashdisk import load, replay
from crashes import Recording, place, spread
from crashfaults import needs_compiler, try_faults
from crashlog import NotModelledError, needs_strace, python, record
from crashorders import UNSEEN, Orders


@pytest.fixture(scope="module", params=["init", "commit", "purge"])
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    needs_strace()
    with place() as folder:
        yield Recording(command(request.param), folder)


def test_every_prefix_of_the_calls_opens(recording: Recording) -> None:
    result = recording.look(recording.prefixes())
    assert result.calls > 50
    assert result.distinct > 40
    assert not result.failures


def test_what_was_not_flushed_may_be_lost(recording: Recording) -> None:
    result = recording.look(recording.lost(most=3), without=UNSEEN)
    assert result.distinct > 50
    assert not result.failures


def test_what_has_ended_lasts(recording: Recording) -> None:
    assert not recording.lasts()


def test_the_next_command_completes(recording: Recording) -> None:
    result = recording.go_on(spread(list(recording.prefixes()), 5))
    assert result.runs == 5
    assert not result.failures


def test_calls_that_fail_are_told_and_the_next_command_completes() -> None:
    needs_strace()
    needs_compiler()
    with place() as folder:
        result = try_faults(Recording(command("drop"), folder), 2)
    assert result.hit >= 15
    assert not result.failures


# --- that the machinery can fail ---

_WRITE = """
import os
folder = sys.argv[1]
with open(folder + "/new", "w") as file:
    file.write("all of it")
    file.flush()
    {flush}
os.rename(folder + "/new", folder + "/name")
"""


@pytest.mark.parametrize(
    ("flush", "wanted"),
    [
        ("pass", {None, "", "all of it", "all ", "\0" * 9}),
        ("os.fsync(file.fileno())", {None, "all of it"}),
    ],
)
def test_a_rename_may_last_before_the_bytes(
    flush: str, wanted: set[str | None], tmp_path: Path
) -> None:
    needs_strace()
    (tmp_path / "here").mkdir()
    start = load(tmp_path / "here")
    code = _WRITE.format(flush=flush)
    calls = record(python(code, str(tmp_path / "here")), tmp_path / "here", tmp_path / "log")
    orders = Orders(start, calls, replay(start, calls))
    last = len(calls) - 1
    units = orders.pending(last)
    found: set[str | None] = set()
    for unit in units:
        for variant in ("missing", "zeros", "torn") if unit.node is not None else ("",):
            tree = orders.state(last, [(unit, variant)]).tree()
            found.add(tree["name"].blob.data.decode() if "name" in tree else None)
    every = orders.state(last, [(u, "missing" if u.node is not None else "") for u in units])
    assert not every.tree()
    assert found | {"all of it"} == wanted


@pytest.mark.parametrize(
    "act",
    [
        "os.chdir(folder)",
        "os.setxattr(folder, 'user.note', b'x')",
        "os.posix_fallocate(os.open(folder + '/a', os.O_CREAT | os.O_WRONLY), 0, 9)",
        "open(folder + '/a', 'a').write('x')",
        "os.system('touch ' + folder + '/a')",
    ],
)
def test_a_call_that_is_not_modelled_is_an_error(act: str, tmp_path: Path) -> None:
    needs_strace()
    code = f"import os\nfolder = sys.argv[1]\ntry:\n    {act}\nexcept OSError: pass"
    with pytest.raises(NotModelledError):
        record(python(code, str(tmp_path)), tmp_path, tmp_path.parent / "log")
