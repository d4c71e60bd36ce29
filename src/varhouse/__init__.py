"""varhouse: a genomic variant warehouse of sorted Parquet on a plain file system."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.compiled import find_cache

if TYPE_CHECKING:
    from varhouse.store.reader import Store
    from varhouse.vcf.reader import VcfReader

if (_cache := find_cache()) is not None:
    # numba reads it when it is imported.
    os.environ["NUMBA_CACHE_DIR"] = str(_cache)

__version__ = version("varhouse")
__all__ = ["__version__", "open", "read_vcf"]


def open(  # noqa: A001
    path: str | Path, release: str | int | None = None, audience: str = "own"
) -> "Store":
    """Open a store for reading, pinned to one release.

    Parameters
    ----------
    path
        The store's root directory.
    release
        Release number or tag; None pins the newest release.
    audience
        `own`: all that the file system lets you read. `public`: only what may be given to
        anybody; tables about single people and files, permits and sources that may not be
        passed on are not there.

    Raises
    ------
    varhouse.errors.StoreError
        If there is no store at `path`, or no such release.
    varhouse.errors.UsageError
        If there is no such audience.
    """
    # The reader pulls in polars and deltalake; `varhouse --help` must not.
    from varhouse.store.reader import open_store  # noqa: PLC0415

    return open_store(Path(path), release, audience)


def read_vcf(
    path: str | Path,
    *,
    info: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    lists: bool = False,
    threads: int = 1,
    check: bool = False,
) -> "VcfReader":
    """Read a VCF or BCF as data frames with typed columns.

    Parameters
    ----------
    path
        Text, gzip, BGZF, bzip2 or BCF.
    info
        INFO keys to give columns `INFO/<key>` for; None gives all that the header declares.
    formats
        FORMAT keys to give columns `FORMAT/<key>` for, with a cell for each sample; None
        leaves the sample columns alone.
    samples
        Names of samples to give cells for; None gives all.
    region
        One or several `CONTIG`, `CONTIG:POS` or `CONTIG:LOW-HIGH` (1-based, inclusive) of
        a BGZF file with an index.
    lists
        Give lists also for numbers of keys with one value.
    threads
        Threads that read ahead; the result is the same for any number.
    check
        Apply all rules of `varhouse validate` for header and records on the way:
        `account.verdict` and `account.problems()` of the reader tell what was found.

    Returns
    -------
    varhouse.vcf.reader.VcfReader
        Iterate over it for polars data frames. `varhouse.vcf.read.read_vcf` tells the
        columns and the rules.

    Raises
    ------
    varhouse.errors.InputError
        If the file or its index cannot be read, or a region is none.
    varhouse.errors.UsageError
        If `check` is asked for with a region or several threads.
    """
    from varhouse.vcf.read import read_vcf as read  # noqa: PLC0415

    return read(
        path, info=info, formats=formats, samples=samples, region=region, lists=lists,
        threads=threads, check=check,
    )  # fmt: skip
