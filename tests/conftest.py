"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
