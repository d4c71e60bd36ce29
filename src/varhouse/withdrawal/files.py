"""Where each file of a cohort comes from when the cohort is made without some people.

A file lies where it lay and has its bytes, or the store gives it back. Which people of it
are in the store is known; so whoever else stands in its columns was taken out before, and
stays out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from varhouse.errors import ConfigError, InputError
from varhouse.filestate import file_digest
from varhouse.ingest.setup.growing import Growth, plan_growth
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.run import RunCohort
from varhouse.store.ledger import Ledger
from varhouse.store.reader import Store
from varhouse.vcf.text.limits import Limits
from varhouse.withdrawal.cut import cut_file
from varhouse.withdrawal.stored import can_restore, write_stored_file

_WHERE = "in how the cohort can be made without them; nothing was changed"
_OWN = ("path", "mtime_ns", "bytes", "md5", "sha256")
"""Columns of `files` about the file as it lay there, which stay as they are."""


@dataclass(frozen=True)
class CohortFile:
    """A file of a cohort in the store.

    Attributes
    ----------
    number
        Its number in the base release.
    own
        What the table `files` will say of it: `_OWN` and `without`.
    stay
        Its people who stay.
    leave
        Whether any of the people stands in it.
    is_there
        Whether it lies where it lay, with the same bytes; else the store gives it back.
    fingerprint
        That of the base release.
    """

    number: int
    own: dict[str, str | int | None]
    stay: tuple[str, ...]
    leave: bool
    is_there: bool
    fingerprint: str

    @property
    def path(self) -> Path:
        """Where it lies, or lay."""
        return Path(str(self.own["path"]))


@dataclass(frozen=True)
class FilePlan:
    """What becomes of the files of a cohort.

    Attributes
    ----------
    left
        Files in which somebody is left (or nobody ever was), in the order of an ingest.
    gone
        Those of the people alone.
    growth
        How the cohort goes on without a look at the files; None: all are read.
    held
        Paths of all files that hold one of the people, who are still in them.
    """

    left: list[CohortFile]
    gone: list[CohortFile]
    growth: Growth | None
    held: list[str]


def plan_files(
    store: Store,
    cohort: RunCohort,
    people: Collection[str],
    ledger: Ledger,
    limits: Limits,
) -> FilePlan:
    """Find where the files of a cohort come from without some people.

    Parameters
    ----------
    people
        Their sample ids.

    Raises
    ------
    ConfigError
        Naming each file that neither lies there as it was, nor can be had from the store.
    """
    rows = store.scan("files", cohort=cohort.name).sort("file").collect()
    names = dict(
        store.scan("samples", cohort=cohort.name).select("ordinal", "sample").collect().rows()
    )
    left: list[CohortFile] = []
    gone: list[CohortFile] = []
    held: list[str] = []
    known = KnownFiles(store.path / "_cache")
    for row in rows.iter_rows(named=True):
        stored = [names[n] for n in row["samples"]]
        leave = [n for n in stored if n in people]
        before = row["without"].split(",") if row["without"] else []
        without = sorted({*before, *(ledger.hash(n) for n in leave)})
        file = CohortFile(
            row["file"],
            {**{c: row[c] for c in _OWN}, "without": ",".join(without) or None},
            tuple(n for n in stored if n not in people),
            bool(leave),
            _is_as_it_was(row["path"], row["bytes"], row["mtime_ns"], row["sha256"], known),
            row["fingerprint"],
        )
        (gone if leave and not file.stay else left).append(file)
        held += [row["path"]] if leave else []
    left.sort(key=lambda f: (f.path.name, str(f.path)))
    growth = None
    if not any(f.leave for f in left) and cohort.chain is None and not cohort.kits:
        paths, prints = [str(f.path) for f in left], [f.fingerprint for f in left]
        growth = plan_growth(store, cohort.name, paths, prints, limits)
    if growth is None:
        _check_sources(store, cohort, left)
    return FilePlan(left, gone, growth, held)


def _is_as_it_was(path: str, size: int, time: int, sha256: str, known: KnownFiles) -> bool:
    """Tell whether a file has the bytes that went in; they are read only if stamps differ."""
    file = Path(path)
    try:
        stat = file.stat()
        if (stat.st_size, stat.st_mtime_ns) == (size, time) and not known.is_other(file):
            return True
        return stat.st_size == size and file.is_file() and file_digest(file) == sha256
    except OSError:
        return False


def _check_sources(store: Store, cohort: RunCohort, files: Sequence[CohortFile]) -> None:
    problems = []
    for file in files:
        if file.is_there:
            continue
        if cohort.chain is not None:
            why: str | None = (
                "its cohort was lifted over, and the store has the lifted records"
            )
        else:
            why = can_restore(store, cohort.name, file.number)
        if why is not None:
            problems.append(
                f"{file.path}: no longer there with the bytes that went in, and the store "
                f"cannot give it back: {why}; fix: put the file back, or ingest the cohort "
                "from files without the people"
            )
    if problems:
        raise ConfigError(problems, _WHERE)


def make_files(
    store: Store,
    cohort: RunCohort,
    plan: FilePlan,
    ledger: Ledger,
    folder: Path,
    limits: Limits,
) -> RunCohort:
    """Make the files that a cohort is read from, and say so in what the run is told.

    Parameters
    ----------
    folder
        Where files are made; each gets a folder of its own, so that it keeps its name.
    """
    if plan.growth is not None:
        g = plan.growth
        return replace(
            cohort, replaces=False, kept=g.kept, gone=g.gone, per_person=g.per_person
        )
    paths = []
    for number, file in enumerate(plan.left):
        source = file.path
        if not file.is_there:
            source = folder / f"stored-{number}" / file.path.name
            source.parent.mkdir(parents=True)
            write_stored_file(store, cohort.name, file.number, source)
        # What the store gives back lacks those who were taken out before.
        if file.leave or (file.own["without"] and file.is_there):
            made = folder / str(number) / file.path.name
            made.parent.mkdir(parents=True)
            cut_file(source, made, _who_goes(file, ledger), limits=limits)
            source = made
        paths.append(str(source))
    return replace(
        cohort,
        files=paths,
        numbers=list(range(len(paths))),
        origins=[f.own for f in plan.left],
    )


def _who_goes(
    file: CohortFile, ledger: Ledger
) -> Callable[[Sequence[str]], npt.NDArray[np.bool_]]:
    """Say which sample columns of a file go: those of all who were ever taken out of it."""
    stay, without = set(file.stay), set(str(file.own["without"]).split(","))

    def goes(names: Sequence[str]) -> npt.NDArray[np.bool_]:
        out = np.array([n not in stay for n in names], np.bool_)
        unknown = [n for n in names if n not in stay and ledger.hash(n) not in without]
        if unknown or len(stay - set(names)):
            raise InputError(
                f"{file.path}: its sample columns are not those that went in",
                "varhouse store verify says what else is wrong",
            )
        return out

    return goes
