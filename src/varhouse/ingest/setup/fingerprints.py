"""Fingerprints: what decides the rows of a file and of a cohort, as digests.

A file's rows follow from the settings of its cohort, its name and bytes, and what the sample
sheet says of its people; a cohort's from its files. So a file that is as it was is known by
its fingerprint, whatever else comes into its cohort or leaves it, and the fingerprint of a
cohort does not depend on the order in which its files came.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from varhouse.ingest.setup.settings import text_digest
from varhouse.store.reader import Store


class SheetRows:
    """What the sample sheet says of the people of a cohort.

    Parameters
    ----------
    sheet
        Rows of the sheet for the cohort.
    """

    def __init__(self, sheet: pl.DataFrame) -> None:
        rows = sheet.drop("cohort", "line")
        rows = rows.select("sample", *sorted(c for c in rows.columns if c != "sample"))
        self._columns = rows.columns
        self._rows = {row[0]: row for row in rows.sort("sample").rows()}
        self._known: dict[tuple[str, ...], str] = {}

    def digest(self, samples: Sequence[str] | None = None) -> str:
        """Digest the rows of some people, in their order; None: of all."""
        names = tuple(self._rows if samples is None else samples)
        # Thousands of files may have the same people.
        if names not in self._known:
            self._known[names] = text_digest(
                self._columns, *(self._rows.get(name) for name in names)
            )
        return self._known[names]


def file_fingerprint(settings: str, path: str, sha256: str, people: str) -> str:
    """Digest what decides the rows of a file.

    Its name is content (it stands for its number: `tables.labels`), its folder is not: a file
    that is moved is as it was, one that is called otherwise is another one.

    Parameters
    ----------
    settings
        Digest of the settings of its cohort (`RunCohort.settings`).
    path
        Where it lies.
    sha256
        Of its bytes.
    people
        Digest of the sheet rows of its samples (`SheetRows.digest`).
    """
    return text_digest(settings, Path(path).name, sha256, people)


def cohort_fingerprint(settings: str, files: Iterable[str]) -> str:
    """Digest what decides the rows of a cohort: its settings, and its files' fingerprints."""
    return hashlib.sha256("\n".join([settings, *sorted(files)]).encode()).hexdigest()


def wanted_fingerprint(settings: str, people: str, sha256: Iterable[str]) -> str:
    """Digest a cohort as the configuration wants it, before its files can be understood.

    Parameters
    ----------
    people
        Digest of all rows of the sheet for the cohort.
    sha256
        Of its files; empty for what is no readable file.
    """
    return text_digest(settings, people, *sorted(sha256))


def stored_people(base: Store) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give the sample columns of the files in a store: cohort to SHA-256 to names."""
    if "files" not in base.tables:
        return {}
    names: dict[str, dict[int, str]] = {}
    people = base.scan("samples").select("cohort", "ordinal", "sample").collect()
    for cohort, ordinal, sample in people.rows():
        names.setdefault(cohort, {})[ordinal] = sample
    files = base.scan("files").select("cohort", "sha256", "samples").collect()
    known: dict[tuple[str, bytes], tuple[str, ...]] = {}
    out: dict[str, dict[str, tuple[str, ...]]] = {}
    for (cohort, sha256), columns in zip(
        files.select("cohort", "sha256").rows(), files["samples"], strict=True
    ):
        ordinals = columns.to_numpy()
        key = cohort, ordinals.tobytes()
        if key not in known:
            known[key] = tuple(names[cohort][n] for n in ordinals.tolist())
        out.setdefault(cohort, {})[sha256] = known[key]
    return out
