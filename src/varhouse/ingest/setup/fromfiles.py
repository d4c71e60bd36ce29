"""An ingest of files alone: a cohort without any sheet, with the settings of the store.

All files of one command are one cohort. Nobody says who its people are, so they are of unknown
sex. Whatever else a configuration says (reference, gene model, sources, policy) stays as the
last ingest of the store had it.
"""

import json
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import ConfigError, StoreError, VarhouseError
from varhouse.ingest.setup.assembly import fit_name, holds_data
from varhouse.ingest.setup.config import Cohort, Config, check_config
from varhouse.ingest.setup.filelists import find_files
from varhouse.ingest.setup.run import FOLDER
from varhouse.ingest.setup.sheets import NO_PEOPLE, name_problem
from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases
from varhouse.vcf.text.limits import Limits
from varhouse.vcf.text.otherformats import FASTA, OtherFormatError, folder_format, vcf_kind

_WHERE = "on the command line"
_SHEETS = ("cohorts", "samples", "strata", "store", FOLDER)
"""Keys of a configuration that are about sheets, or about its own place."""

ENDING = re.compile(r"(?:\.g|\.gvcf)?\.(?:vcf|bcf|gvcf)(?:\.(?:gz|bgz|bz2))?\Z", re.I)
"""How names of files end that say what they are."""

_TAIL = re.compile(r"(?:[._-]*(?:chr|contig|part|chunk)?[._-]*[0-9]*)\Z", re.I)
_ACCESSION = re.compile(r"SAM(?:C|N|D|E|EA)?", re.I)
"""What names of files after sample accessions begin with."""

_SEXES = ("male", "female")


@dataclass(frozen=True)
class FromFiles:
    """What a command says of files without a configuration; None where it says nothing."""

    files: Sequence[str]
    reference: Path | None = None
    genes: Path | None = None
    cohort: str | None = None
    assembly: str | None = None


@dataclass
class _Known:
    """What a store says: its settings, and who and what is in it."""

    base: Store | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, set[str]] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)
    """Cohorts of whose people a sheet said the sex or the population."""


def config_of_files(store: Path, asked: FromFiles) -> Config:
    """Make the configuration of an ingest of files alone.

    Raises
    ------
    ConfigError
        With every mistake: a file that is none or no VCF, no reference, a cohort that would
        take the place of another one unasked, ...
    """
    known, here = _read_store(store), Path.cwd()
    files, problems = named_files(asked.files)
    raw = dict(known.settings)
    problems += _take_options(raw, asked, store, known)
    if problems:
        raise ConfigError(problems, _WHERE)
    names = stored_names(store)
    people = list(dict.fromkeys(s for f in files for s in names(Path(f), Limits()) or ()))
    name, notes = _cohort_name(asked.cohort, files, known)
    notes += _twice(name, people, known)
    # As a sheet that says nothing of them: what it says later changes that alone.
    sheet = NO_PEOPLE.clear(len(people)).with_columns(
        cohort=pl.lit(name), sample=pl.Series(people, dtype=pl.String), sex=pl.lit("unknown")
    )
    try:
        config = check_config(raw, here, names, [Cohort(name, files, {})], sheet)
    except ConfigError as error:
        raise ConfigError(error.problems, _WHERE) from error
    named = (known.settings.get("assembly") or {}).get("reference")
    if asked.reference is None and named:
        # What is recorded is the FASTA, be it the compiled one that is read.
        config.raw["assembly"]["reference"] = named
    config.warnings += [*notes, *([_unknown_sex(name, len(files))] if people else [])]
    return config


def named_files(items: Sequence[str]) -> tuple[list[str], list[str]]:
    """Find files of a command line, as absolute paths, and list those that are no VCF."""
    files, problems = find_files(Path.cwd(), "FILE", items)
    problems += [p for file in files if (p := _no_vcf(Path(file)))]
    # Links stay what they are.
    return [os.path.abspath(f) for f in files], problems  # noqa: PTH100


def _unknown_sex(name: str, files: int) -> str:
    return (
        f"cohort {name}: {files:,} file(s), people of unknown sex, as no sheet names them: "
        "on X and Y a half-missing call (1/.) counts as missing, not as hemizygous; varhouse "
        "init writes sheets"
    )


def _read_store(path: Path) -> _Known:
    """Read what a store knows; nothing where there is none, or no cohort in it."""
    if not list_releases(path):
        return _Known()
    base = open_store(path)
    if not holds_data(base):
        return _Known()
    files: dict[str, set[str]] = {}
    for cohort, file in base.scan("files").select("cohort", "path").collect().rows():
        files.setdefault(cohort, set()).add(os.path.abspath(file))  # noqa: PTH100
    people: dict[str, set[str]] = {}
    rows = base.scan("samples").select("cohort", "sample", "sex", "population").collect()
    for cohort, sample in rows.select("cohort", "sample").rows():
        people.setdefault(cohort, set()).add(sample)
    said = rows.filter(pl.col("sex").is_in(_SEXES) | pl.col("population").is_not_null())
    return _Known(base, _settings(base), files, people, set(said["cohort"]))


def _settings(base: Store) -> dict[str, Any]:
    """Give the settings of the last ingest that brought data, with absolute paths."""
    rows = base.scan("ingests").filter(pl.col("operation") == "ingest").collect()
    if rows.is_empty():
        return {}
    return recorded_settings(base, rows.sort("release")["config"][-1])


def recorded_settings(
    base: Store, config: str, without: Collection[str] = _SHEETS
) -> dict[str, Any]:
    """Read the settings of an ingest as its row of the table `ingests` tells them.

    Parameters
    ----------
    config
        The configuration as JSON.
    without
        Keys that are left out; kits are told by the sample sheet, and go, too.

    Returns
    -------
    dict
        The configuration, with absolute paths.

    Raises
    ------
    StoreError
        If a path is not known.
    """
    raw = json.loads(config)
    folder = raw.get(FOLDER)
    said = {k: v for k, v in raw.items() if k not in without}
    for place, key in setting_paths(said):
        if folder is None and not Path(place[key]).is_absolute():
            raise StoreError(
                f"{base.path}: its settings are of an earlier version, which did not keep the "
                f"folder of their paths ({key}: {place[key]})",
                "add a row to its cohort sheet, and run varhouse ingest with --config",
            )
        place[key] = str(Path(folder or "/") / place[key])
    said["callable"] = {k: v for k, v in (said.get("callable") or {}).items() if k != "kits"}
    return said


def setting_paths(said: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """List where paths stand in a configuration, as (mapping, key)."""
    places = [(said, key) for key in ("genes", "mane")]
    places += [(said.get("assembly") or {}, k) for k in ("reference", "par", "aliases")]
    places += [(s, k) for s in said.get("sources") or [] for k in ("path", "merged")]
    policy = said.get("policy") or {}
    places += [(policy, "rules")] if policy.get("rules") != "builtin" else []
    return [(place, key) for place, key in places if place.get(key)]


def _take_options(
    raw: dict[str, Any], asked: FromFiles, store: Path, known: _Known
) -> list[str]:
    """Put what the command says into the settings, and list what is wrong with it."""
    problems = []
    assembly = dict(raw.get("assembly") or {})
    for option, path in (("--reference", asked.reference), ("--genes", asked.genes)):
        if path is not None and not path.is_file():
            what = "is a directory" if path.is_dir() else "no such file"
            problems.append(f"{option} {path}: {what}; fix: give the file")
    problems += take_reference(assembly, asked.reference, known.base)
    if asked.genes is not None:
        raw["genes"] = str(asked.genes.absolute())
    if asked.assembly is not None:
        assembly["name"] = asked.assembly
    raw["assembly"] = assembly
    return problems


def take_reference(
    assembly: dict[str, Any], asked: Path | None, base: Store | None
) -> list[str]:
    """Put the reference into the settings of an assembly, and say if there is none.

    The one that is asked for; else that of the settings, or what the store has of it.
    """
    if asked is not None:
        assembly["reference"] = str(asked.absolute())
    elif not Path(assembly.get("reference", "")).is_file():
        compiled = _compiled(base) if base else None
        if compiled is None:
            was = assembly.get("reference")
            gone = f", and {was}, which the store was made with, is gone" if was else ""
            return [f"no --reference{gone}; fix: --reference FASTA"]
        assembly["reference"] = str(compiled)
    return []


def _compiled(base: Store) -> Path | None:
    """Find the reference of a store as it compiled it; None: it is no longer there."""
    digest = base.record.meta.get("reference")
    for meta in sorted((base.path / "_cache").glob("reference-*/reference.json")):
        try:
            if json.loads(meta.read_text())["digest"] == digest:
                return meta.parent
        except (OSError, ValueError, KeyError):
            continue
    return None


def _no_vcf(path: Path) -> str | None:
    """Say what a file is that cannot be a VCF; what else is wrong, the ingest tells."""
    if path.is_dir():
        found = folder_format(path)
        what = found.name if found else "a directory"
        fix = found.advice if found else f"name its files ({path}/*.vcf.gz), or a list (@LIST)"
        return f"{path} is {what}; fix: {fix}"
    if path.suffix in (".yaml", ".yml"):
        return f"{path} is a configuration; fix: --config {path}"
    try:
        vcf_kind(path)
    except OtherFormatError as error:
        if FASTA.name in error.message:
            return f"{error.message}; fix: --reference {path}"
        option = f"--genes {path}" if "gene model" in error.message else error.fix
        return f"{error.message}; fix: {option}"
    except (VarhouseError, OSError):
        pass
    return None


def _cohort_name(asked: str | None, files: list[str], known: _Known) -> tuple[str, list[str]]:
    """Name the cohort of some files, and say what becomes of one that is called so.

    Raises
    ------
    ConfigError
        If it has no name that can be, or would take another one's place unasked.
    """
    if asked is not None and (problem := name_problem(asked)):
        raise ConfigError([f"--cohort: {problem}"], _WHERE)
    holders = sorted(c for c, paths in known.files.items() if not paths.isdisjoint(files))
    if asked is None and len(holders) > 1:
        raise ConfigError(
            [
                f"these files are in the store in several cohorts ({', '.join(holders[:5])}); "
                "fix: a command for each of them"
            ],
            _WHERE,
        )
    name = asked or (holders[0] if holders else name_of_files(files))
    if name in known.described:
        raise ConfigError(
            [
                f"cohort {name!r} is in the store with what a sheet says of its people, "
                "which files alone would take away; fix: varhouse ingest --config with its "
                "sheets, or --cohort NAME for another cohort"
            ],
            _WHERE,
        )
    return name, _gone_files(name, files, known, is_asked=asked is not None)


def _gone_files(name: str, files: list[str], known: _Known, *, is_asked: bool) -> list[str]:
    """Say which files of a cohort would go, as the command does not name them.

    Raises
    ------
    ConfigError
        If nobody asked for that by naming the cohort.
    """
    gone = sorted(known.files.get(name, set()) - set(files))
    if not gone:
        return []
    some = ", ".join(gone[:3]) + (", ..." if len(gone) > 3 else "")
    if not is_asked:
        raise ConfigError(
            [
                f"cohort {name!r} is in the store with {len(gone):,} other file(s) ({some}), "
                "which would go; fix: name all files of the cohort; --cohort NAME for another "
                f"cohort; or --cohort {name} if they are to go"
            ],
            _WHERE,
        )
    if {Path(f).name for f in gone} <= {Path(f).name for f in files}:
        # They lie elsewhere now.
        return []
    return [
        f"cohort {name}: {len(gone):,} file(s) of it go, as this command does not name them "
        f"({some}); older releases keep them"
    ]


def name_of_files(files: Sequence[str]) -> str:
    """Name a cohort after its file, what the names of several begin with, or their folder."""
    names = [ENDING.sub("", Path(f).name) for f in files]
    # A number at its end is that of a file: HB001 and HB002 are HB.
    name = names[0] if len(files) == 1 else _TAIL.sub("", _common(names))
    if len(files) > 1 and (len(fit_name(name, "")) < 3 or _ACCESSION.fullmatch(name)):
        name = Path(os.path.commonpath(files)).name
    name = fit_name(name, "cohort")
    return name if name_problem(name) is None else f"cohort_{name}"


def _common(names: Sequence[str]) -> str:
    """Give the letters that all names begin with."""
    first, last = min(names), max(names)
    same = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, min(len(first), len(last)))]


def _twice(name: str, people: Sequence[str], known: _Known) -> list[str]:
    """Say which people of the files stand in another cohort of the store, too."""
    own = set(people)
    notes = []
    for cohort, others in sorted(known.people.items()):
        both = sorted(own & others)
        if both and cohort != name:
            notes.append(
                f"cohort {name}: {len(both):,} sample id(s) stand in cohort {cohort}, too "
                f"({', '.join(both[:3])}{', ...' if len(both) > 3 else ''}): totals count "
                "them twice; files of the same people are named in one command"
            )
    return notes
