"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """Leave the disk out: an ingest syncs a hundred small files, and waits half its time.

    What a sync is for, power that fails, no test can try. Processes that tests start
    sync as ever, and who counts or breaks calls of `os.fsync` (kills.py) still sees them.
    """
    with mock.patch.object(os, "fsync", return_value=None):
        yield


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
