"""Cohorts that grow: which files come in, which stay as they are, and which go.

Of a file with runs the store keeps which bases of its people are called (table `runs`), so
that who comes adds to the counts of a cohort and who goes is taken away, without reading the
others. Such are gVCFs, and all files of a cohort of several people with one file each
(`is_per_person`). A cohort grows when every file that it has in the store, and every new one,
has runs or no record, no two of them hold the same people, and files that go are of one
person; any other cohort of which files change is replaced as a whole. Where only what the
sheets say of a cohort differs, its files stay, whatever they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.store.reader import Store
from varhouse.vcf.gvcf.recognition import BlockWatch
from varhouse.vcf.peek import trusted_header
from varhouse.vcf.stream import open_records
from varhouse.vcf.text.limits import Limits


@dataclass(frozen=True)
class Growth:
    """How a cohort grows.

    Attributes
    ----------
    came
        Files that are read, in the order of their paths.
    numbers
        Number in the cohort of each of them.
    kept, gone
        Numbers of the files of the base release that stay, and that go.
    per_person
        Whether each file of the cohort is of one person (`is_per_person`).
    """

    came: list[str]
    numbers: list[int]
    kept: list[int]
    gone: list[int]
    per_person: bool = False


def plan_growth(
    base: Store,
    cohort: str,
    files: Sequence[str],
    fingerprints: Sequence[str | None],
    limits: Limits,
) -> Growth | None:
    """Find how a cohort of the store grows into what the configuration wants.

    Parameters
    ----------
    files
        Those that the configuration names.
    fingerprints
        Of each file; None where it is not known: it is in no release.

    Returns
    -------
    Growth or None
        None: the cohort is taken in as a whole.
    """
    columns = ("file", "fingerprint", "has_runs", "n_samples", "n_records", "blocks_digest")
    stored = base.scan("files", cohort=cohort).select(columns).collect()
    people = base.scan("samples", cohort=cohort).select(pl.len()).collect().item()
    # A file without records is of no kind, and its people are assessed nowhere.
    told = stored.select(pl.col("has_runs") | (pl.col("n_records") == 0)).to_series()
    if not told.all() or stored["n_samples"].sum() != people:
        return None
    number_of = dict(stored.select("fingerprint", "file").rows())
    kept = [number_of[f] for f in fingerprints if f is not None and f in number_of]
    came = [p for p, f in zip(files, fingerprints, strict=True) if f not in number_of]
    if not kept or len(set(kept)) < len(kept) or len(number_of) < stored.height:
        return None
    stay = stored_ordinals(base, cohort, kept)
    lists = _newcomers(came, stay, limits)
    if lists is None:
        return None
    left = stored.filter(pl.col("file").is_in(kept))
    every = [*([name] for name in stay), *lists]
    per_person = (left["n_samples"] == 1).all() and is_per_person(every)
    if per_person:
        # One file alone had none, unless it is a gVCF.
        if not left["has_runs"].all():
            return None
    elif left.filter(pl.col("blocks_digest").is_null() & pl.col("has_runs")).height or not all(
        looks_like_gvcf(path, limits) for path in came
    ):
        # Then only gVCFs have runs.
        return None
    numbers = [n for n, _ in zip(free_numbers(kept), came, strict=False)]
    gone = sorted(set(stored["file"].to_list()) - set(kept))
    leave = stored.filter(pl.col("file").is_in(gone))
    if not (leave["n_samples"] == 1).all():
        # What each person of a file of several adds is not kept (table `carried`).
        return None
    return Growth(came, numbers, sorted(kept), gone, per_person)


def _newcomers(
    came: Iterable[str], stay: Iterable[str], limits: Limits
) -> list[list[str]] | None:
    """List the sample columns of files that come; None: they cannot come beside who stays.

    A file that cannot be read is held back, and the cohort stays as it was: it is left out.
    """
    seen, lists = set(stay), []
    for path in came:
        header = trusted_header(Path(path), limits)
        if header is None:
            continue
        names = header.samples
        if not names or not seen.isdisjoint(names):
            return None
        seen |= set(names)
        lists.append(names)
    return lists


def is_per_person(lists: Iterable[Sequence[str]]) -> bool:
    """Tell whether files are of one person each, and each person has one.

    A single file is of a cohort that nobody came into yet.

    Parameters
    ----------
    lists
        The sample columns of each file of a cohort; none of one that cannot be read.
    """
    known = [names for names in lists if names]
    people = {n for names in known for n in names}
    return all(len(names) == 1 for names in known) and len(known) == len(people) > 1


def as_they_were(base: Store, cohort: str, fingerprints: Sequence[str]) -> Growth | None:
    """Find that files are those of a cohort in the store, of which only the sheets say more.

    This holds for any cohort: what its files hold and how its people are counted is known.

    Parameters
    ----------
    fingerprints
        Of each file that the configuration names.
    """
    stored = base.scan("files", cohort=cohort).select("file", "fingerprint").collect()
    if sorted(stored["fingerprint"]) != sorted(fingerprints):
        return None
    return Growth([], [], sorted(stored["file"].to_list()), [])


def looks_like_gvcf(path: str, limits: Limits, *, without: bool = True) -> bool:
    """Tell by its first records whether a file is a gVCF.

    What cannot be read may be one, and so may what has no record, as it has none to add:
    of these, the answer is `without`.
    """
    watch = BlockWatch()
    try:
        for batch in open_records(Path(path), limits)[1]:
            watch.take(batch)
            return watch.is_gvcf()
    except (InputError, OSError):
        pass
    return without


def count_files(base: Store, cohort: str) -> int:
    """Count the files of a cohort in a store; 0 if it does not have the cohort."""
    if "files" not in base.tables:
        return 0
    # `scan(cohort=)` refuses a cohort that the store does not have.
    mine = base.scan("files").filter(cohort=cohort)
    return int(mine.select(pl.len()).collect().item())


def stored_ordinals(base: Store, cohort: str, files: Iterable[int]) -> dict[str, int]:
    """Give the ordinals of the samples of some files of a cohort in a store."""
    rows = base.scan("samples", cohort=cohort).filter(pl.col("file").is_in(list(files)))
    return dict(rows.select("sample", "ordinal").collect().rows())


def free_numbers(taken: Iterable[int]) -> Iterator[int]:
    """Count upwards over numbers that are not taken."""
    held = set(taken)
    return (n for n in count() if n not in held)
