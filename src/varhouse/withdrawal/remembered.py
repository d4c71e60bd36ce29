"""What a store remembers of how a cohort went in: enough to make it once more.

Settings stand in the row of `ingests` of the ingest that brought the cohort, what is said of
its people in the tables `samples` and `cohorts`, what its kits cover in `kits`. The sheets on
the disk are not asked: they may say something else by now, and that is for the next ingest.
"""

import json
import shlex
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.account import parse
from varhouse.errors import ConfigError, StoreError
from varhouse.frequencies.kits import INTERVALS, WHOLE
from varhouse.ingest.setup.changed import recorded_text, settings_digest
from varhouse.ingest.setup.config import Cohort, Config, check_config
from varhouse.ingest.setup.fingerprints import SheetRows, counted_columns, file_fingerprint
from varhouse.ingest.setup.fromfiles import recorded_settings, take_reference
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.run import FOLDER, RunCohort
from varhouse.ingest.setup.sheets import METADATA, NO_PEOPLE
from varhouse.store.reader import Store

_WHERE = "in the settings that the store remembers"
_OF_SHEETS = ("cohorts", "samples", "store", "reads", FOLDER)
_OF_ANNOTATION = ("genes", "mane", "sources")
_LIFTED = ("lifted_from", "chain")
"""Attributes of a cohort that its sheet does not say."""


@dataclass(frozen=True)
class Remembered:
    """A cohort as it went in.

    Attributes
    ----------
    config
        Its configuration, without gene model and sources; `samples` are its rows of the
        sample sheet.
    recorded
        The configuration as JSON, as the table `ingests` has it.
    cohort
        What its run was told of it, without files.
    is_exact
        Whether fingerprints made of this are those of the store: then the next ingest of
        the same configuration finds the cohort as it is.
    """

    config: Config
    recorded: str
    cohort: RunCohort
    is_exact: bool


def remember(store: Store, cohort: str, reference: Path | None = None) -> Remembered:
    """Read how a cohort went into a store.

    Parameters
    ----------
    reference
        FASTA, instead of the one that the store was made with.

    Raises
    ------
    ConfigError
        If files are gone that are needed: reference, names of contigs, PAR.
    StoreError
        If the store does not say how the cohort went in.
    """
    row = store.scan("cohorts", cohort=cohort).collect().row(0, named=True)
    config, taken = _ingest_of(store, cohort, row["ingest_id"])
    said = recorded_settings(store, config, (*_OF_SHEETS, *_OF_ANNOTATION))
    assembly = dict(said.get("assembly") or {})
    problems = take_reference(assembly, reference, store)
    if problems:
        raise ConfigError(problems, _WHERE)
    said["assembly"] = assembly
    # Whether it may come in was asked then; the rules may be gone by now.
    said["policy"] = {k: v for k, v in (said.get("policy") or {}).items() if k != "rules"}
    of_run = RunCohort(cohort, [], _metadata(row), said="", replaces=True, **taken)
    sheet = _sheet(store, cohort)
    try:
        made = check_config(said, Path("/"), cohorts=[Cohort(cohort, [], {})], people=sheet)
    except ConfigError as error:
        raise ConfigError(error.problems, _WHERE) from error
    exact = _find_exact(store, made, of_run)
    if exact is not None:
        made.samples = exact
    return Remembered(made, config, of_run, exact is not None)


def _ingest_of(store: Store, cohort: str, ingest_id: str) -> tuple[str, dict[str, Any]]:
    """Give the configuration of the ingest that brought a cohort, and `RunCohort.taken`."""
    rows = store.scan("ingests").filter(pl.col("ingest_id") == ingest_id).collect()
    for row in rows.iter_rows(named=True):
        for own in parse(row["summary"]).get("cohorts") or []:
            if own.get("cohort") == cohort and isinstance(own.get("taken"), dict):
                known = {f.name for f in fields(RunCohort)}
                return row["config"], {k: v for k, v in own["taken"].items() if k in known}
    raise StoreError(
        f"{store.path}: nothing tells how cohort {cohort!r} went in (ingest {ingest_id})",
        f"varhouse store drop {shlex.quote(str(store.path))} --cohort {shlex.quote(cohort)}, "
        "and ingest it from files without the people",
    )


def _metadata(row: dict[str, Any]) -> dict[str, str | None]:
    """Give what the sheet of cohorts says, out of the cohort's row."""
    further = {k: v for k, v in json.loads(row["attributes"]).items() if k not in _LIFTED}
    return {**{k: row[k] for k in METADATA}, **further}


def _sheet(store: Store, cohort: str) -> pl.DataFrame:
    """Give the rows of the sample sheet for a cohort, as the table `samples` keeps them."""
    people = store.scan("samples", cohort=cohort).sort("ordinal").collect()
    further = [json.loads(text) for text in people["attributes"]]
    # The table has empty texts where the sheet has nothing.
    more = {
        name: pl.Series([f.get(name) or None for f in further], dtype=pl.String)
        for name in sorted({k for f in further for k in f})
    }
    sheet = people.select("cohort", "sample", "sex", "population")
    sheet = sheet.with_columns(**more, line=pl.lit(None, pl.Int64))
    return sheet.select(*NO_PEOPLE.columns, *more)


def _find_exact(store: Store, config: Config, cohort: RunCohort) -> pl.DataFrame | None:
    """Find the sample sheet by which the files of a cohort have their fingerprints.

    Somebody of whom nothing is said may have had a row, or none. None: neither fits.
    """
    columns = ("path", "sha256", "samples", "fingerprint")
    files = store.scan("files", cohort=cohort.name).select(columns).collect()
    names = dict(
        store.scan("samples", cohort=cohort.name).select("ordinal", "sample").collect().rows()
    )
    counted = counted_columns(config.strata, kits=bool(cohort.kits))
    whole = config.samples
    silent = [c for c in whole.columns if c not in ("cohort", "sample", "sex", "line")]
    says = (pl.col("sex") != "unknown") | pl.any_horizontal(
        pl.col(c).is_not_null() for c in silent
    )
    for sheet in (whole, whole.filter(says)):
        rows = SheetRows(sheet, counted)
        if all(
            file_fingerprint(cohort.settings, path, sha, rows.digest([names[n] for n in of]))
            == known
            for path, sha, of, known in files.rows()
        ):
            return sheet
    return None


def check_settings(
    cohort: RunCohort, config: Config, reference: str, known: KnownFiles
) -> None:
    """Check that the files of the settings are still those that the cohort went in with.

    Of cohorts with kits, or with a reference of their own assembly, it is not known.

    Parameters
    ----------
    config
        With the contig names and the PAR of its assembly.
    reference
        Digest of the reference.

    Raises
    ------
    StoreError
        If they hold something else by now.
    """
    if cohort.kits or cohort.source_reference is not None:
        return
    chain = Path(cohort.chain) if cohort.chain else None
    said = Cohort(cohort.name, [], {}, cohort.assembly, chain)
    aliases = recorded_text(config.aliases, known, config)
    par = recorded_text(config.par, known, config)
    if settings_digest(config, said, reference, aliases, par, known) != cohort.settings:
        named = [p for p in (config.par, config.aliases, chain) if p is not None]
        raise StoreError(
            f"cohort {cohort.name!r} went in with other settings than the store and its files "
            f"say now ({', '.join(map(str, named)) or 'no files'})",
            "put the files back that its ingest named, or ingest it as it is now, then again",
        )


def kits_of(cohort: RunCohort, sheet: pl.DataFrame, stay: Collection[str]) -> dict[str, str]:
    """Give the kits, kit to BED, of the people of a cohort who stay.

    Parameters
    ----------
    sheet
        The cohort's rows of the sample sheet.
    """
    if "kit" not in sheet.columns:
        return cohort.kits
    theirs = set(sheet.filter(pl.col("sample").is_in(list(stay)))["kit"])
    return {k: bed for k, bed in cohort.kits.items() if k == WHOLE or k in theirs}


def kit_intervals(store: Store, cohort: RunCohort) -> pl.DataFrame:
    """Give what the kits of a cohort cover: `cohort` and the columns of INTERVALS."""
    rows = store.scan("kits", cohort=cohort.name).collect()
    rows = rows.filter(pl.col("kit").is_in(list(cohort.kits)))
    return rows.select("cohort", pl.col("start") - 1, *(c for c in INTERVALS if c != "start"))
