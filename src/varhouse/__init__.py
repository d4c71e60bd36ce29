"""varhouse: a genomic variant warehouse of sorted Parquet on a plain file system."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from varhouse.store.reader import Store

__version__ = version("varhouse")
__all__ = ["__version__", "open"]


def open(path: str | Path, release: str | int | None = None) -> "Store":  # noqa: A001
    """Open a store for reading, pinned to one release.

    Parameters
    ----------
    path
        The store's root directory.
    release
        Release number or tag; None pins the newest release.

    Raises
    ------
    varhouse.errors.StoreError
        If there is no store at `path`, or no such release.
    """
    # The reader pulls in polars and deltalake; `varhouse --help` must not.
    from varhouse.store.reader import open_store  # noqa: PLC0415

    return open_store(Path(path), release)
