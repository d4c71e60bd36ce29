"""Fingerprints: what decides the rows of a file and of a cohort, as digests.

A file's rows follow from the settings of its cohort, its name and bytes, and those columns of
the sample sheet by which its people are counted (`counted_columns`). What the sheets say
besides (a permit, an age) decides the cohort's own row and those of its samples alone. So a
file that is as it was is known by its fingerprint, whatever else comes into its cohort, leaves
it or is said of it; and the fingerprint of a cohort does not depend on the order in which its
files came.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    columns
        Of these alone; one that the sheet does not have is empty. None: of all.
    """

    def __init__(self, sheet: pl.DataFrame, columns: Collection[str] | None = None) -> None:
        rows = sheet.drop("cohort", "line")
        if columns is not None:
            lacking = sorted(set(columns) - set(rows.columns))
            rows = rows.with_columns(pl.lit(None, pl.String).alias(c) for c in lacking)
        wanted = rows.columns if columns is None else columns
        rows = rows.select("sample", *sorted(set(wanted) - {"sample"}))
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


def counted_columns(strata: Iterable[str], *, kits: bool) -> set[str]:
    """Name the columns of the sample sheet by which people are counted: others are text.

    Parameters
    ----------
    strata
        As the configuration names them: columns joined by `+`.
    kits
        The cohort has capture kits.
    """
    return {"sex", *(c for s in strata for c in s.split("+")), *(["kit"] if kits else [])}


def said_digest(metadata: Mapping[str, str | None], people: str) -> str:
    """Digest what the sheets say of a cohort and its people.

    Parameters
    ----------
    metadata
        Columns of the sheet of cohorts.
    people
        Digest of the rows of the sample sheet, all columns.
    """
    return text_digest(sorted((k, v) for k, v in metadata.items() if v is not None), people)


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
        Digest of the sheet rows of its samples (`SheetRows.digest`), the columns that count.
    """
    return text_digest(settings, Path(path).name, sha256, people)


def cohort_fingerprint(settings: str, files: Iterable[str], said: str) -> str:
    """Digest what decides the rows of a cohort.

    Parameters
    ----------
    files
        Fingerprints of its files.
    said
        What the sheets say of it and of the people of these files (`said_digest`).
    """
    return hashlib.sha256("\n".join([settings, said, *sorted(files)]).encode()).hexdigest()


def wanted_fingerprint(settings: str, said: str, sha256: Iterable[str]) -> str:
    """Digest a cohort as the configuration wants it, before its files can be understood.

    Parameters
    ----------
    said
        What the sheets say of it and of all people listed (`said_digest`).
    sha256
        Of its files; empty for what is no readable file.
    """
    return text_digest(settings, said, *sorted(sha256))


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
