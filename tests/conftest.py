"""Fixtures that every test may use."""

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow, of which a test takes minutes.

    At the end one worker had such a test left, and the other nothing to take from it.
    """
    items.sort(key=lambda item: item.path.parent.name != "workflow")


def pytest_collection_finish() -> None:
    """Keep what was collected out of the garbage collector's way.

    Ten thousand tests and the modules they need stay to the end. Each full collection would
    walk through all of it, and that took 8 ms a test of those of the rules. What tests leave
    behind is looked for less often, too: they keep little, and end soon.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """Leave the disk out: an ingest syncs a hundred small files, and waits half its time.

    What a sync is for, power that fails, no test can try. Processes that tests start
    sync as ever, and who counts or breaks calls of `os.fsync` (kills.py) still sees them.
    """
    with mock.patch.object(os, "fsync", return_value=None):
        yield


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Undo what a command that runs in this process does to the log.

    Its handler writes to the stderr of that test, which is closed afterwards, and what the log
    says no longer reaches `caplog`.
    """
    _reset_log()
    yield
    _reset_log()


def _reset_log() -> None:
    log = logging.getLogger("varhouse")
    log.handlers[:] = []
    log.setLevel(logging.NOTSET)
    log.propagate = True


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real files (VARHOUSE_DATA); the test is skipped without it."""
    path = Path(os.environ.get("VARHOUSE_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("VARHOUSE_DATA not found")
    return path


@pytest.fixture(scope="session")
def oracles_dir() -> Path:
    """Folder of the answers by others (VARHOUSE_ORACLES); the test is skipped without it."""
    path = Path(os.environ.get("VARHOUSE_ORACLES", ROOT.parent / "shared" / "oracles"))
    if not path.is_dir():
        pytest.skip("VARHOUSE_ORACLES not found")
    return path
