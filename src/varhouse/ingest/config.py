"""The configuration of an ingest: read, checked as a whole, paths made absolute.

Every mistake is found before any job starts, and all are reported at once.
"""

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import yaml

from varhouse.contigs import Contigs, read_aliases
from varhouse.errors import AssemblyError, ConfigError, InputError, nearest
from varhouse.ingest.settings import Policy, SourceConfig
from varhouse.ingest.sheets import check_cohorts, check_samples, read_sheet
from varhouse.source.limits import Limits
from varhouse.source.peek import trusted_header
from varhouse.sources import read_spec

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass
class Cohort:
    """A cohort of the sheet; `files` are absolute paths in order.

    One of another assembly has a `chain` to that of the store.
    """

    name: str
    files: list[str]
    metadata: dict[str, str | None]
    assembly: str | None = None
    chain: Path | None = None
    source_reference: Path | None = None


@dataclass
class Config:
    """A checked configuration; all paths are absolute."""

    assembly: str
    reference: Path
    par: Path | None
    aliases: Path | None
    genes: Path | None
    cohorts: list[Cohort]
    samples: pl.DataFrame
    strata: list[str]
    sources: list[SourceConfig]
    policy: Policy
    raw: dict[str, Any]
    contigs: Contigs | None
    limits: Limits = field(default_factory=Limits)
    warnings: list[str] = field(default_factory=list)
    mane: Path | None = None

    def samples_of(self, cohort: str) -> pl.DataFrame:
        """Rows of the sample sheet for a cohort."""
        return self.samples.filter(pl.col("cohort") == cohort)


def read_config(path: Path) -> Config:
    """Read and check a configuration file and everything it names.

    Raises
    ------
    ConfigError
        With every mistake: unknown keys, missing paths, malformed accessions, samples
        that are in the sheet but not in the file, duplicate cohorts, ...
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError([f"no such file: {path}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise ConfigError([f"{path}: not a YAML mapping of keys"])
    return check_config(dates_as_text(raw), path.resolve().parent)


def check_config(raw: dict[str, Any], base: Path) -> Config:
    """Check a configuration; relative paths are taken from `base`."""
    problems = list(_schema_problems(raw))
    if problems:
        raise ConfigError(problems)
    assembly = raw["assembly"]
    paths: dict[str, Path | None] = {}
    for key, value in (
        ("assembly.reference", assembly["reference"]), ("assembly.par", assembly.get("par")),
        ("assembly.aliases", assembly.get("aliases")), ("genes", raw.get("genes")),
        ("mane", raw.get("mane")),
        ("cohorts", raw["cohorts"]), ("samples", raw.get("samples")),
    ):  # fmt: skip
        paths[key] = base / value if value else None
        if value and not (base / value).is_file():
            problems.append(f"{key}: no such file: {base / value}")
    sources, found = _sources(raw, base)
    problems += found
    contigs = None
    if paths["assembly.aliases"] and paths["assembly.aliases"].is_file():
        try:
            contigs = read_aliases(paths["assembly.aliases"])
        except AssemblyError as error:
            problems.append(str(error))
    samples, found = _read(paths["samples"], check_samples)
    problems += found
    sheet, found = _read(paths["cohorts"], check_cohorts)
    problems += found
    strata = list(raw.get("strata") or [])
    known = [c for c in samples.columns if c not in ("cohort", "sample", "line")]
    problems += [
        f"strata: the sample sheet has no column {c!r}{nearest(c, known)}"
        for s in strata
        for c in s.split("+")
        if c not in known
    ]
    limits = Limits(**(raw.get("limits") or {}))
    cohorts: list[Cohort] = []
    warnings: list[str] = []
    if {"cohort", "files"} <= set(sheet.columns):
        for row in sheet.iter_rows(named=True):
            files, found = _files(base, str(row["cohort"]), row["files"] or "")
            problems += found
            lift, found = _lift(base, row, assembly["name"])
            problems += found
            metadata = {
                k: v
                for k, v in row.items()
                if k not in ("cohort", "files", "line", "assembly", "chain",
                             "source_reference", "callable")
            }  # fmt: skip
            cohort = Cohort(str(row["cohort"]), files, metadata, *lift)
            cohorts.append(cohort)
            problems += _sample_problems(cohort, samples, limits)
        if not cohorts:
            problems.append("cohorts: the sheet has no rows")
    listed = set(samples["cohort"].drop_nulls().to_list()) if "cohort" in samples else set()
    for name in sorted(listed - {c.name for c in cohorts}):
        warnings.append(f"samples: cohort {name!r} is not in the cohort sheet")
    if paths["mane"] and not paths["genes"]:
        problems.append("mane: needs a gene model (genes)")
    if problems:
        raise ConfigError(problems)
    reference = paths["assembly.reference"]
    assert reference is not None
    return Config(
        assembly["name"], reference, paths["assembly.par"], paths["assembly.aliases"],
        paths["genes"], cohorts, samples, strata, sources, Policy(**(raw.get("policy") or {})),
        raw, contigs, limits, warnings, paths["mane"],
    )  # fmt: skip


def _sources(raw: dict[str, Any], base: Path) -> tuple[list[SourceConfig], list[str]]:
    """Read the sources of a configuration: (sources, problems)."""
    sources = []
    problems = []
    for entry in raw.get("sources") or []:
        source, found = read_spec(entry, base)
        sources.append(source)
        problems += found
        if source.kind == "gene" and not raw.get("genes"):
            problems.append(f"sources.{source.name}: kind gene needs a gene model (genes)")
    names = [s.name for s in sources]
    problems += [f"sources: {n!r} stands twice" for n in set(names) if names.count(n) > 1]
    return sources, problems


def source_problems(entries: list[Any]) -> list[str]:
    """Check the form of entries of `sources`; one line for each mistake."""
    schema = yaml.safe_load((DATA / "workflow/schemas/config.schema.yaml").read_text())
    only = {"type": "object", "properties": {"sources": schema["properties"]["sources"]}}
    return list(_schema_problems({"sources": entries}, only))


def dates_as_text(value: Any) -> Any:
    """Give what YAML takes for a date as it was written: `version: 2026-11-01`."""
    if isinstance(value, dict):
        return {k: dates_as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [dates_as_text(v) for v in value]
    return str(value) if isinstance(value, date) else value


def _schema_problems(raw: dict[str, Any], own: dict[str, Any] | None = None) -> Iterator[str]:
    schema = own
    if schema is None:
        schema = yaml.safe_load((DATA / "workflow/schemas/config.schema.yaml").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(raw), key=lambda e: list(map(str, e.path))):
        place = ".".join(str(p) for p in error.path)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = error.schema.get("properties", {})
            for key in sorted(set(map(str, error.instance)) - set(known)):
                where = f"{place}.{key}" if place else key
                yield f"unknown key {where!r}{nearest(key, known)}"
        elif error.validator == "required":
            yield f"{place + ': ' if place else ''}{error.message}"
        else:
            yield f"{place}: {error.message}"


def _read(path: Path | None, check: Any) -> tuple[pl.DataFrame, list[str]]:
    empty = pl.DataFrame(
        schema={"cohort": pl.String, "sample": pl.String, "sex": pl.String,
                "population": pl.String, "line": pl.Int64}
    )  # fmt: skip
    if path is None or not path.is_file():
        return empty, []
    try:
        frame, problems = check(path, read_sheet(path))
    except InputError as error:
        return empty, [str(error)]
    return frame, problems


def _files(base: Path, cohort: str, text: str) -> tuple[list[str], list[str]]:
    files: list[str] = []
    problems: list[str] = []
    for item in (t.strip() for t in text.split(",")):
        if not item:
            continue
        pattern = str(base / item)
        if Path(pattern).exists():
            files.append(pattern)
        elif glob.has_magic(item):
            hits = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern may be absolute
            files += hits
            if not hits:
                problems.append(f"cohort {cohort!r}: no file matches {item!r}")
        else:
            problems.append(f"cohort {cohort!r}: no such file: {pattern}")
    problems += [
        f"cohort {cohort!r}: {f} stands twice"
        for f in sorted(set(files))
        if files.count(f) > 1
    ]
    return files, problems


def _lift(
    base: Path, row: dict[str, Any], assembly: str
) -> tuple[tuple[str | None, Path | None, Path | None], list[str]]:
    """Read what a cohort of another assembly needs: (assembly, chain, reference)."""
    who, named = f"cohort {row['cohort']!r}", row.get("assembly")
    paths = {k: base / row[k] if row.get(k) else None for k in ("chain", "source_reference")}
    problems = [f"{who}: {k}: no such file: {p}" for k, p in paths.items()
                if p is not None and not p.is_file()]  # fmt: skip
    other = bool(named) and named != assembly
    if other and paths["chain"] is None:
        problems.append(
            f"{who}: assembly {named!r}, the store has {assembly!r}; name the chain file from "
            "one to the other in the column chain"
        )
    elif paths["chain"] is not None and not other:
        what = f"{named!r} is that of the store" if named else "is not named"
        problems.append(f"{who}: has a chain, but its assembly {what}: correct the sheet")
    elif paths["source_reference"] is not None and not other:
        problems.append(f"{who}: source_reference is for a cohort of another assembly only")
    if problems or not other:
        return (None, None, None), problems
    return (named, paths["chain"], paths["source_reference"]), []


def _sample_problems(cohort: Cohort, samples: pl.DataFrame, limits: Limits) -> list[str]:
    """Find samples that the sheet has for a cohort and its files have not."""
    sheet = samples.filter(pl.col("cohort") == cohort.name)
    if sheet.is_empty():
        return []
    names: set[str] = set()
    for file in cohort.files:
        header = trusted_header(Path(file), limits)
        if header is None:
            # The file's own faults are the validator's to tell.
            return []
        names |= set(header.samples)
    missing = sheet.filter(~pl.col("sample").is_in(list(names)))
    shown = [
        f"cohort {cohort.name!r}: sample {s!r} is in the sheet (line {line}) but not in "
        f"{Path(cohort.files[0]).name if len(cohort.files) == 1 else 'its files'}"
        f"{nearest(s, names)}"
        for s, line in missing.select("sample", "line").head(10).rows()
    ]
    if missing.height > 10:
        shown.append(f"cohort {cohort.name!r}: ... and {missing.height - 10:,} more like it")
    return shown
