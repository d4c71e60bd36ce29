"""The sheets of a night: of standing cohorts, and of all deliveries that were accepted."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import ConfigError, InputError
from varhouse.files import write_text
from varhouse.ingest.setup.config import Config, check_config
from varhouse.ingest.setup.filelists import first_of_many
from varhouse.ingest.setup.sheets import NO_PEOPLE, read_cohorts, read_samples
from varhouse.ingest.setup.storednames import Names
from varhouse.nightly.delivery import read_people
from varhouse.nightly.ledger import Record
from varhouse.nightly.settings import Settings
from varhouse.nightly.state import State
from varhouse.sheetfile import tab_cell

_ENDS = re.compile(r"[\t\n\r]")

Place = Callable[[Record], Path]
"""Gives the folder in which the data of a record lie."""


@dataclass(frozen=True)
class Standing:
    """Cohorts that the configuration's own sheets name, as text tables."""

    cohorts: pl.DataFrame
    samples: pl.DataFrame

    @property
    def names(self) -> set[str]:
        """Names of the cohorts."""
        return set(self.cohorts["cohort"])


def read_standing(settings: Settings) -> Standing:
    """Read the sheets that the configuration names; either may be left out.

    Raises
    ------
    ConfigError
        With every mistake in them.
    """
    problems: list[str] = []
    frames = []
    empty = pl.DataFrame(schema={"cohort": pl.String, "files": pl.String})
    for key, read, none in (
        ("cohorts", read_cohorts, empty),
        ("samples", read_samples, NO_PEOPLE.drop("line")),
    ):
        frame = none
        if settings.raw.get(key):
            path = settings.base / settings.raw[key]
            try:
                found = read(path)
                frame = found.frame.drop("line")
                problems += found.problems
            except InputError as error:
                problems.append(str(error))
            except FileNotFoundError:
                problems.append(f"{key}: no such file: {path}")
        frames.append(frame)
    if problems:
        raise ConfigError(problems)
    return Standing(*frames)


def make_config(
    settings: Settings,
    standing: Standing,
    states: Mapping[str, State],
    place: Place,
    folder: Path,
    names: Names,
) -> Config:
    """Write the sheets of an ingest into a folder, and check the configuration with them.

    Parameters
    ----------
    states
        What each delivered cohort is made of.
    names
        Gives the sample columns of files.

    Raises
    ------
    ConfigError
        With every mistake.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, people = [], [standing.samples]
    for cohort, state in sorted(states.items()):
        listed = folder / f"{cohort}.txt"
        files = sorted(str(place(r) / path) for r, path in state.calls.values())
        write_text(listed, "".join(f"{f}\n" for f in files))
        rows.append(_row(settings, cohort, state, listed))
        people.append(people_of(cohort, state.records, place))
    given = pl.DataFrame(rows, schema_overrides=dict.fromkeys(_columns(rows), pl.String))
    cohorts = pl.concat([standing.cohorts, given], how="diagonal")
    samples = _with_columns(pl.concat(people, how="diagonal"), settings.raw)
    write_sheet(folder / "cohorts.tsv", cohorts)
    write_sheet(folder / "samples.tsv", samples)
    raw = {**settings.raw, "cohorts": str(folder / "cohorts.tsv")}
    if samples.height or settings.raw.get("samples"):
        raw["samples"] = str(folder / "samples.tsv")
    return check_config(raw, settings.base, names)


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _row(settings: Settings, cohort: str, state: State, listed: Path) -> dict[str, str | None]:
    """Make the row of a cohort in the cohort sheet."""
    lift = settings.chains.get(state.assembly or "")
    row: dict[str, str | None] = {"cohort": cohort, "files": f"@{listed}", **state.metadata}
    if state.assembly:
        row["assembly"] = state.assembly
    if lift is not None:
        row["chain"] = str(lift.chain)
        row["source_reference"] = str(lift.source_reference) if lift.source_reference else None
    return row


def people_of(cohort: str, records: Iterable[Record], place: Place) -> pl.DataFrame:
    """Put the sample sheets of deliveries together; of a person the last row counts."""
    frames = [
        read_people(place(r) / r.sheet, cohort)[0] for r in records if r.sheet is not None
    ]
    if not frames:
        return NO_PEOPLE.drop("line")
    every = pl.concat(frames, how="diagonal")
    return every.unique("sample", keep="last", maintain_order=True)


def missing_strata(config: Config, raw: Mapping[str, Any]) -> list[str]:
    """Name the strata by which nobody can be counted: no row of a sheet has a value."""
    return [
        name
        for name in _strata(raw)
        if name in config.samples.columns and config.samples[name].is_null().all()
    ]


def _strata(raw: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(c for s in raw.get("strata") or [] for c in str(s).split("+")))


def _with_columns(samples: pl.DataFrame, raw: Mapping[str, Any]) -> pl.DataFrame:
    """Add the columns that the configuration counts on: a delivery may lack them."""
    kit = ["kit"] if (raw.get("callable") or {}).get("kits") else []
    missing = [c for c in [*_strata(raw), *kit] if c not in samples.columns]
    return samples.with_columns(pl.lit(None, pl.String).alias(c) for c in missing)


def write_sheet(path: Path, frame: pl.DataFrame) -> None:
    """Write a sheet of a night; all of them are written here.

    Raises
    ------
    ConfigError
        If a cell or the name of a column holds a tab or a line end, which would be another
        cell or row: what checks deliveries and sheets did not see it.
    """
    rows = [tuple(frame.columns), *frame.fill_null("").rows()]
    odd = [f"{path.name}: {c!r}: a tab or a line end in a cell; fix: take it out of the sheet "
           "or the manifest that it comes from" for row in rows for c in row
           if _ENDS.search(c)]  # fmt: skip
    if odd:
        raise ConfigError(first_of_many(odd))
    write_text(path, "".join("\t".join(map(tab_cell, row)) + "\n" for row in rows))
