"""varhouse: a genomic variant warehouse of sorted Parquet on a plain file system.

`open` reads a store, `read_vcf` a VCF or BCF as typed frames. The work of the commands on
one file is here under their names: `validate`, `repair`, `normalise`, `liftover`, `genes`,
`annotate`, `frequencies` take paths or polars frames and give typed results.
`group_frequencies` counts any group of people of a store, whom `choose_people` finds;
`annotate_frequencies` writes a store's numbers beside one's own alleles. What a caller can
mend is raised as a `VarhouseError`; nothing is printed.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from varhouse.compiled import find_cache

if TYPE_CHECKING:
    from varhouse.errors import VarhouseError
    from varhouse.onefile.annotate import annotate
    from varhouse.onefile.annotate_store import annotate_frequencies
    from varhouse.onefile.frequencies import frequencies
    from varhouse.onefile.genes import genes
    from varhouse.onefile.liftover import liftover
    from varhouse.onefile.normalise import normalise
    from varhouse.onefile.validate import repair, validate
    from varhouse.query.groups import group_frequencies
    from varhouse.query.opened import OpenStore
    from varhouse.query.people import choose_people
    from varhouse.vcf.reader import VcfReader

if (_cache := find_cache()) is not None:
    # numba reads it when it is imported.
    os.environ["NUMBA_CACHE_DIR"] = str(_cache)

__version__ = "0.1.0"
"""As in pyproject.toml; a test compares them. Asking the installation takes 50 ms."""

__all__ = [
    "VarhouseError", "__version__", "annotate", "annotate_frequencies", "choose_people",
    "frequencies", "genes", "group_frequencies", "liftover", "normalise", "open", "read_vcf",
    "repair", "validate",
]  # fmt: skip

_LATE = {
    "VarhouseError": "varhouse.errors",
    "annotate": "varhouse.onefile.annotate",
    "annotate_frequencies": "varhouse.onefile.annotate_store",
    "choose_people": "varhouse.query.people",
    "frequencies": "varhouse.onefile.frequencies",
    "genes": "varhouse.onefile.genes",
    "group_frequencies": "varhouse.query.groups",
    "liftover": "varhouse.onefile.liftover",
    "normalise": "varhouse.onefile.normalise",
    "repair": "varhouse.onefile.validate",
    "validate": "varhouse.onefile.validate",
}
"""Names that are imported when they are first asked for, and the modules that hold them."""


def __getattr__(name: str) -> Any:
    # They pull in numba, polars and more; `import varhouse` must not.
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(_LATE[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps the names of the functions theirs.

    Four rooms are called as a function is. When a room is first imported, Python makes it an
    attribute of the package, in place of the function; `from varhouse.normalise import ...`
    works without that.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _LATE or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def open(  # noqa: A001
    path: str | Path, release: str | int | None = None, audience: str = "controlled"
) -> "OpenStore":
    """Open a store for reading, pinned to one release.

    Parameters
    ----------
    path
        The store's root directory, or where it is on S3: `s3://BUCKET/FOLDER`.
    release
        Release number or tag; None pins the newest release.
    audience
        The role for which it is opened. `controlled`: all that the file system lets you
        read; of a governed store not the people of cohorts for which the ledger has no grant
        for you. `inside`: no table about single people and files. `registered`: nor permits
        and sources that may not be passed on. `public`: what may be given to anybody. Of a
        governed store a role below `controlled` reads the store that `varhouse share release`
        made for it. docs/roles.md has every column.

    Raises
    ------
    varhouse.errors.StoreError
        If there is no store at `path`, or no such release.
    varhouse.errors.AccessError
        If the store is governed, and nothing was made for this audience.
    varhouse.errors.UsageError
        If there is no such audience.
    """
    # The reader pulls in polars and deltalake; `varhouse --help` must not.
    from varhouse.query.opened import open_asking  # noqa: PLC0415

    return open_asking(Path(path), release, audience, _closed_cohorts)


def _closed_cohorts(store: Path, role: str) -> "frozenset[str]":
    """Ask the ledger of a governed store, which no other store needs."""
    from varhouse.governance.readers import closed_cohorts  # noqa: PLC0415

    return closed_cohorts(store, role)


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
        path,
        info=info,
        formats=formats,
        samples=samples,
        region=region,
        lists=lists,
        threads=threads,
        check=check,
    )
