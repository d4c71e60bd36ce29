"""The configuration of an ingest: read, checked as a whole, paths made absolute.

Every mistake is found before any job starts, and all are reported at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.disclosure.policy import parse
from varhouse.errors import AssemblyError, ConfigError, InputError, nearest
from varhouse.filestate import read_as_recorded
from varhouse.frequencies.strata import ALL, TAKEN
from varhouse.genome.contigs import Contigs, read_aliases
from varhouse.governance.rules import load_rules
from varhouse.ingest.setup.config_form import Form, check_form, read_keys, spread_assembly
from varhouse.ingest.setup.filelists import cohort_files
from varhouse.ingest.setup.genesfile import genes_problems
from varhouse.ingest.setup.kits import KitSheet, kit_warnings, kits_of_cohort, read_kits
from varhouse.ingest.setup.settings import CallableConfig, Policy, SourceConfig
from varhouse.ingest.setup.sheets import NO_PEOPLE, read_cohorts, read_samples
from varhouse.ingest.setup.storednames import Names, Refuses, header_names, refused_by
from varhouse.ingest.setup.waiting import find_missing
from varhouse.people.settings import PeopleSettings
from varhouse.sheettable import Sheet
from varhouse.sources import read_spec, source_faults
from varhouse.vcf.text.limits import Limits

NO_COHORTS = "cohorts: the sheet has no rows"
_Lift = tuple[str | None, Path | None, Path | None]
_WhoIsIn = Callable[[Path], Sequence[str] | None]


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
    kits: dict[str, str] = field(default_factory=dict)
    """Kit to its BED (`varhouse.ingest.setup.kits`)."""
    waiting: list[str] = field(default_factory=list)
    """People of the sample sheet who have no file yet (`varhouse.ingest.setup.waiting`)."""


@dataclass
class Config:
    """A checked configuration; all paths are absolute.

    `assembly` is empty where nobody named it (`varhouse.ingest.setup.assembly`), and
    `reference` may be a folder with a compiled one.
    """

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
    callable: CallableConfig = field(default_factory=CallableConfig)
    warnings: list[str] = field(default_factory=list)
    mane: Path | None = None
    genotype_fields: list[str] | None = None
    """FORMAT keys that are kept beside GT, sorted; None for all."""
    inputs: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files that were parsed already, by path."""
    kits: KitSheet = field(default_factory=KitSheet)
    people: PeopleSettings = field(default_factory=PeopleSettings)
    folder: Path = field(default_factory=Path)
    """Where relative paths of the configuration begin."""

    def samples_of(self, cohort: str) -> pl.DataFrame:
        """Rows of the sample sheet for a cohort."""
        return self.samples.filter(pl.col("cohort") == cohort)


def read_config(path: Path, names: Names = header_names) -> Config:
    """Read and check a configuration file and everything it names.

    `names` gives the sample columns of a file.

    Raises
    ------
    ConfigError
        With every mistake: unknown keys, missing paths, malformed accessions, samples
        that are in the sheet but not in the files, duplicate cohorts, ...
    """
    return check_config(read_keys(path), path.resolve().parent, names)


def check_config(
    raw: dict[str, Any],
    base: Path,
    names: Names = header_names,
    cohorts: list[Cohort] | None = None,
    people: pl.DataFrame | None = None,
) -> Config:
    """Check a configuration; relative paths are taken from `base`.

    `cohorts` and `people` are there instead of sheets (`varhouse.ingest.setup.fromfiles`).
    """
    form = check_form(raw, has_sheets=cohorts is None)
    raw, found = spread_assembly(raw)
    form.said, _ = spread_assembly(form.said)
    said, problems = form.said, [*form.problems, *found]
    if "reads" in raw:
        problems.append(
            "reads: files of calls are asked for here; fix: varhouse call --config FILE makes "
            "them, and a configuration of them in its folder; or varhouse ingest STORE "
            "--config FILE, which does both"
        )
    assembly = said.get("assembly") or {}
    paths, found = _paths(said, base)
    problems += found
    if paths["genes"] and paths["genes"].is_file():
        problems += genes_problems(paths["genes"])
    sources, found = _sources(form, base, has_genes=bool(raw.get("genes")))
    problems += found
    contigs, inputs, found = _contigs(paths["assembly.aliases"])
    problems += found
    sheet = _read(paths["samples"], read_samples)
    samples = sheet.frame if people is None else people
    problems += sheet.problems
    # Of a sheet that cannot be read no column is there: that says nothing of the strata.
    unread = bool(sheet.problems) and samples.is_empty()
    bands = said.get("callable") or {}
    problems += _band_problems(bands)
    strata = list(said.get("strata") or [])
    if not unread and (paths["samples"] is not None or not raw.get("samples")):
        problems += _strata_problems(strata, samples)
    limits = Limits(**(said.get("limits") or {}))
    kits, found = read_kits(paths["callable.kits"])
    problems += found
    if kits.path is not None and "kit" not in samples.columns and not unread:
        problems.append("callable.kits: the sample sheet has no column 'kit'")
    who_is_in = partial(names, limits=limits)
    warnings: list[str] = []
    if cohorts is None:
        cohorts, warnings, found = _cohorts(
            said, base, paths["cohorts"], samples, who_is_in, limits, kits, refused_by(names)
        )
        problems += found
    warnings = sheet.notes + kits.notes + warnings
    policy, found = _policy(said.get("policy") or {}, base)
    problems += found
    if paths["mane"] and not raw.get("genes"):
        problems.append("mane: needs a gene model (genes)")
    if problems:
        # What stops nothing alone may be what the others come of.
        raise ConfigError(problems + warnings)
    reference = paths["assembly.reference"]
    assert reference is not None
    return Config(
        assembly.get("name", ""),
        reference,
        paths["assembly.par"],
        paths["assembly.aliases"],
        paths["genes"],
        cohorts,
        samples,
        strata,
        sources,
        policy,
        raw,
        contigs,
        limits,
        CallableConfig(list(bands.get("gq") or []), list(bands.get("dp") or [])),
        warnings,
        paths["mane"],
        kept_fields(raw.get("genotype_fields", "all")),
        inputs | kits.inputs,
        kits,
        PeopleSettings.of(said.get("people") or {}),
        base,
    )


def _policy(said: dict[str, Any], base: Path) -> tuple[Policy, list[str]]:
    """Read the policy, with the rules that it names; and what is wrong with these."""
    policy, problems = dict(said), []
    if policy.get("small_counts") is not None:
        try:
            parse(policy["small_counts"])
        except ConfigError as error:
            problems += error.problems
    rules = policy.get("rules")
    if rules is not None:
        policy["rules"] = rules if rules == "builtin" else str(base / rules)
        try:
            load_rules(policy["rules"])
        except ConfigError as error:
            problems += [f"policy.rules: {p}" for p in error.problems]
        except InputError as error:
            problems.append(f"policy.rules: {error.message}; fix: {error.fix or 'correct it'}")
    return Policy(**policy), problems


def _paths(said: dict[str, Any], base: Path) -> tuple[dict[str, Path | None], list[str]]:
    """Give the files that a configuration names by key, and problems of those not there."""
    assembly = said.get("assembly") or {}
    paths: dict[str, Path | None] = {}
    problems = []
    for key, value in (
        ("assembly.reference", assembly.get("reference")),
        ("assembly.par", assembly.get("par")),
        ("assembly.aliases", assembly.get("aliases")),
        ("genes", said.get("genes")),
        ("mane", said.get("mane")),
        ("cohorts", said.get("cohorts")),
        ("samples", said.get("samples")),
        ("callable.kits", (said.get("callable") or {}).get("kits")),
    ):
        paths[key] = base / value if value else None
        if value and not _is_there(key, base / value):
            problems.append(f"{key}: no such file: {base / value}")
    return paths, problems


def _is_there(key: str, path: Path) -> bool:
    # A reference may be compiled already.
    is_compiled = key == "assembly.reference" and (path / "reference.json").is_file()
    return is_compiled or path.is_file()


def _contigs(aliases: Path | None) -> tuple[Contigs | None, dict[str, str], list[str]]:
    """Read the aliases table, if it is there: contigs, SHA-256 by path, problems."""
    if aliases is None or not aliases.is_file():
        return None, {}, []
    try:
        with read_as_recorded([aliases]) as inputs:
            return read_aliases(aliases), inputs, []
    except (AssemblyError, InputError) as error:
        return None, {}, [str(error)]


def kept_fields(said: str | list[str]) -> list[str] | None:
    """Read `genotype_fields`: sorted FORMAT keys without GT, which is always kept; or all."""
    return None if isinstance(said, str) else sorted({*said} - {"GT"})


def _band_problems(said: dict[str, Any]) -> list[str]:
    return [
        f"callable.{key}: the lower bounds of bands have to rise: {said[key]}"
        for key in ("gq", "dp")
        if (bounds := said.get(key)) and sorted({*bounds}) != bounds
    ]


def _strata_problems(strata: list[str], samples: pl.DataFrame) -> list[str]:
    known = [c for c in samples.columns if c not in ("cohort", "sample", "line")]
    taken = [TAKEN] if ALL in strata else []
    return taken + [
        f"strata: the sample sheet has no column {c!r}{nearest(c, known)}"
        for s in strata
        for c in s.split("+")
        if c not in known
    ]


def _cohorts(
    said: dict[str, Any],
    base: Path,
    path: Path | None,
    samples: pl.DataFrame,
    who_is_in: _WhoIsIn,
    limits: Limits,
    kits: KitSheet,
    refuses: Refuses,
) -> tuple[list[Cohort], list[str], list[str]]:
    """Read the cohort sheet: (cohorts, warnings, problems)."""
    sheet = _read(path, read_cohorts)
    problems = list(sheet.problems)
    if "files" not in sheet.frame.columns:
        return [], sheet.notes, problems
    cohorts: list[Cohort] = []
    assembly = (said.get("assembly") or {}).get("name")
    for row in sheet.frame.iter_rows(named=True):
        files, found = cohort_files(base, str(row["cohort"]), row["files"] or "")
        problems += found
        lift: _Lift = (None, None, None)
        if assembly:
            lift, found = _lift(base, row, assembly)
            problems += found
        metadata = {
            k: v
            for k, v in row.items()
            if k
            not in (
                "cohort",
                "files",
                "line",
                "assembly",
                "chain",
                "source_reference",
                "callable",
            )
        }
        name = str(row["cohort"])
        people = samples.filter(pl.col("cohort") == name)
        beds, found = kits_of_cohort(name, row, base, people, kits)
        problems += found
        # Who was withdrawn may stand in the sheet for long: nobody waits for him.
        refused = refuses(name, people["sample"].drop_nulls().to_list())
        awaited = people.filter(~pl.col("sample").is_in(list(refused)))
        missing = find_missing(name, files, awaited, who_is_in, limits)
        problems += missing.problems
        cohorts.append(Cohort(name, files, metadata, *lift, beds, missing.waiting))
    if not cohorts:
        problems.append(NO_COHORTS)
    names = {c.name for c in cohorts}
    listed = set(samples["cohort"].drop_nulls().to_list()) if "cohort" in samples else set()
    warnings = sheet.notes + [
        f"samples: cohort {name!r} is not in the cohort sheet{nearest(name, names)}"
        for name in sorted(listed - names)
    ]
    warnings += kit_warnings({c.name: c.kits for c in cohorts}, samples, kits)
    return cohorts, warnings, problems


def _sources(
    form: Form, base: Path, *, has_genes: bool
) -> tuple[list[SourceConfig], list[str]]:
    """Read the sources of a configuration: (sources, problems)."""
    sources = []
    problems = []
    for entry in form.said.get("sources") or []:
        source, found = read_spec(entry, base)
        sources.append(source)
        problems += found
        if source.kind == "gene" and not has_genes:
            problems.append(f"sources.{source.name}: kind gene needs a gene model (genes)")
        if source.name not in form.unclear and all(": fields: " in text for text in found):
            problems += source_faults(source)
    names = [s.name for s in sources]
    problems += [f"sources: {n!r} stands twice" for n in set(names) if names.count(n) > 1]
    return sources, problems


def _read(path: Path | None, reader: Callable[[Path], Sheet]) -> Sheet:
    """Read a sheet, if it is there; one that cannot be read has no rows."""
    if path is None or not path.is_file():
        return Sheet(path or Path(), NO_PEOPLE)
    try:
        return reader(path)
    except InputError as error:
        return Sheet(path, NO_PEOPLE, problems=[str(error)])


def _lift(base: Path, row: dict[str, Any], assembly: str) -> tuple[_Lift, list[str]]:
    """Read what a cohort of another assembly needs: (assembly, chain, reference)."""
    who, named = f"cohort {row['cohort']!r}", row.get("assembly")
    paths = {k: base / row[k] if row.get(k) else None for k in ("chain", "source_reference")}
    problems = [
        f"{who}: {k}: no such file: {p}"
        for k, p in paths.items()
        if p is not None and not p.is_file()
    ]
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
