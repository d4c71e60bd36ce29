"""The configuration of `varhouse call`: read, checked as a whole, paths made absolute.

It is the configuration of the ingest with two keys more, `reads` and `calling`. All of it is
checked before any work, also what only the ingest needs: nobody shall learn after a night
that the gene model has another name.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.calling.places import index_folder, place_problems
from varhouse.errors import ConfigError, InputError
from varhouse.ingest.setup.config import Config, check_config
from varhouse.ingest.setup.config_form import check_form, read_keys, spread_assembly
from varhouse.ingest.setup.sheets import (
    NO_PEOPLE,
    check_samples,
    name_problem,
    read_samples,
)
from varhouse.ingest.setup.storednames import header_names
from varhouse.reads.knownsites import known_site_problems
from varhouse.reads.model import Filters, Person
from varhouse.reads.sheet import IGNORED, READS_SHEET, ReadsSheet, read_reads
from varhouse.reads.tools import check_said, wants_conda
from varhouse.sheettable import Sheet, read_sheet

OWN_KEYS = ("reads", "calling")
"""Keys of a configuration that only `varhouse call` reads."""


@dataclass
class Settings:
    """What `calling` says of how reads become calls; all of it has a default.

    Attributes
    ----------
    adapters
        auto, illumina, mgi, none, or a mapping with the sequences r1 and r2.
    known_sites
        Files (VCF) of known variants, absolute, for base qualities.
    contigs
        Names of contigs of the FASTA that are called; none: chosen by the assembly.
    sites, frequency
        Sites with allele frequencies, and the INFO field of these.
    tools
        Tool to where it is found (`varhouse.reads.tools`).
    """

    trim: str = "cutadapt"
    adapters: Any = "auto"
    aligner: str = "pybwa"
    duplicates: str = "mark"
    base_quality: str = "none"
    known_sites: list[str] = field(default_factory=list)
    caller: str = "bcftools"
    contigs: list[str] = field(default_factory=list)
    filters: Filters = field(default_factory=Filters)
    sites: str | None = None
    frequency: str = "AF"
    keep: str = "bam"
    tools: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give the settings as `json` takes them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Settings":
        """Read what `as_json` gave."""
        return cls(**{**data, "filters": Filters(**data["filters"])})


@dataclass
class CallConfig:
    """A checked configuration of `varhouse call`; all paths are absolute.

    Attributes
    ----------
    raw
        As the file has it.
    base
        Where relative paths of the file begin.
    config
        What the ingest would make of it, without cohorts of its own.
    folder
        Where the results go.
    index
        Where the aligner's index is kept.
    sheet
        The reads sheet.
    carried
        A row a person: cohort, sample, sex, and columns of the reads sheet that say nothing
        of reads: accessions, populations. They go into the sample sheet.
    """

    raw: dict[str, Any]
    base: Path
    config: Config
    settings: Settings
    folder: Path
    index: Path
    sheet: ReadsSheet
    carried: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[Person]:
        """Everybody in the reads sheet."""
        return self.sheet.people


def has_reads(path: Path) -> bool:
    """Tell whether a configuration names a sheet of reads."""
    return "reads" in read_keys(path)


def read_call_config(path: Path) -> CallConfig:
    """Read and check a configuration, and the sheets and files that it names.

    Raises
    ------
    ConfigError
        With every mistake.
    """
    return check_call_config(read_keys(path), path.resolve().parent, path)


def check_call_config(raw: dict[str, Any], base: Path, path: Path | None = None) -> CallConfig:
    """Check a configuration; relative paths are taken from `base`.

    Parameters
    ----------
    path
        The file that it came from.
    """
    form = check_form({k: raw[k] for k in OWN_KEYS if k in raw}, has_sheets=False)
    problems = list(form.problems)
    said: dict[str, Any] = form.said.get("calling") or {}
    if "reads" not in raw:
        problems.append(
            "reads: the configuration names no sheet of reads; fix: reads: reads.tsv "
            "(varhouse init DIR *.fastq.gz --reference FASTA writes one)"
        )
    cohort = said.get("cohort")
    cohort = None if cohort is None else str(cohort)
    sheet, carried, found = _sheet(base, form.said.get("reads"), cohort)
    problems += found
    settings, found = _settings(said, base)
    problems += found
    carried, found = unite_sexes(sheet, carried, _people(raw, base), raw.get("samples"))
    problems += found
    config, found = _ingest_config(raw, base, carried)
    problems += found
    if config is not None:
        problems += _called_before(config, sheet)
    if config is not None and (config.reference / "reference.json").is_file():
        problems.append("reference: reads are aligned to a FASTA, not to a compiled reference")
    folder = (base / said.get("folder", "calls")).resolve()
    index = (base / said["index"]).resolve() if said.get("index") else None
    if config is not None:
        sheets = [base / str(raw[k]) for k in ("reads", "cohorts", "samples") if raw.get(k)]
        lanes = [Path(f) for p in sheet.people for lane in p.lanes for f in lane.files]
        inputs = {
            "the configuration": [path] if path is not None else [],
            "a sheet": sheets,
            "reads": lanes,
        }
        made = index_folder(index, config.reference, folder)
        problems += place_problems(folder, made, config.reference, inputs)
    if problems or config is None:
        raise ConfigError(problems)
    return CallConfig(
        raw=raw,
        base=base,
        config=config,
        settings=settings,
        folder=folder,
        index=index_folder(index, config.reference, folder),
        sheet=sheet,
        carried=carried.drop("line").to_dicts(),
        notes=list(sheet.notes),
    )


def _sheet(
    base: Path, name: Any, cohort: str | None
) -> tuple[ReadsSheet, pl.DataFrame, list[str]]:
    """Read the reads sheet, and check the names of cohorts as the ingest will."""
    nobody = ReadsSheet([], [], [])
    if not isinstance(name, str):
        return nobody, NO_PEOPLE, []
    path = base / name
    if not path.is_file():
        return nobody, NO_PEOPLE, [f"reads: no such file: {path}"]
    try:
        sheet = read_reads(path, cohort=cohort)
    except InputError as error:
        return nobody, NO_PEOPLE, [str(error)]
    problems = list(sheet.problems)
    for found in dict.fromkeys(p.cohort for p in sheet.people):
        if (wrong := name_problem(found)) is not None:
            problems.append(f"{path.name}: {wrong}")
    if not sheet.people and not problems:
        problems.append(f"{path.name}: the sheet has no rows")
    if problems:
        return sheet, NO_PEOPLE, problems
    carried = check_samples(Sheet(path, carried_rows(path, sheet)))
    return sheet, carried.frame, carried.problems


def unite_sexes(
    sheet: ReadsSheet, carried: pl.DataFrame, given: pl.DataFrame, name: Any
) -> tuple[pl.DataFrame, list[str]]:
    """Give people the sex that the sample sheet says where the reads sheet says none.

    Parameters
    ----------
    sheet
        Its people get their sex here.
    carried, given
        What the reads sheet says of people, and the sample sheet.
    name
        Of the sample sheet, for messages.

    Returns
    -------
    tuple
        `carried` with the sexes, and where both sheets say one and they differ.
    """
    if carried.is_empty() or given.is_empty():
        return carried, []
    told = {
        (row["cohort"], row["sample"]): row
        for row in given.select("cohort", "sample", "sex", "line").to_dicts()
        if row["sex"] in ("male", "female")
    }
    problems = []
    for person in sheet.people:
        own = told.get((person.cohort, person.name))
        if own is None or own["sex"] == person.sex:
            continue
        if person.sex == "unknown":
            person.sex = own["sex"]
            continue
        problems.append(
            f"line {person.lanes[0].line} of the reads sheet: sample {person.name!r} of "
            f"cohort {person.cohort!r} is {person.sex}, but line {own['line']} of {name} "
            f"says {own['sex']}; fix: correct one of them"
        )
    sexes = {(p.cohort, p.name): p.sex for p in sheet.people}
    who = carried.select("cohort", "sample").rows()
    sex = pl.Series("sex", [sexes[one] for one in who], pl.String)
    return carried.with_columns(sex), problems


def carried_rows(path: Path, sheet: ReadsSheet) -> pl.DataFrame:
    """Give a row a person, with what the sheet says of people besides their reads.

    Of several lanes the first that says something counts.
    """
    found = read_sheet(path, READS_SHEET).frame
    known = {*READS_SHEET.others, *IGNORED}
    more = [c for c in found.columns if c not in known and c.lower() not in known]
    rows = {row["line"]: row for row in found.select("line", *more).to_dicts()}
    out: list[dict[str, Any]] = []
    for person in sheet.people:
        own = [rows.get(lane.line, {}) for lane in person.lanes]
        out.append(
            {
                "cohort": person.cohort,
                "sample": person.name,
                "sex": person.sex,
                "line": person.lanes[0].line,
                **{c: next((r[c] for r in own if r.get(c)), None) for c in more},
            }
        )
    schema = {**dict.fromkeys(("cohort", "sample", "sex"), pl.String), "line": pl.Int64}
    return pl.DataFrame(out, schema=schema | dict.fromkeys(more, pl.String))


def _settings(said: dict[str, Any], base: Path) -> tuple[Settings, list[str]]:
    """Give the settings of `calling`, and what contradicts in them."""
    problems = []
    known = [str((base / f).resolve()) for f in said.get("known_sites") or []]
    problems += [
        f"calling.known_sites: no such file: {f}" for f in known if not Path(f).is_file()
    ]
    panel = said.get("contamination") or {}
    sites = str((base / panel["sites"]).resolve()) if panel.get("sites") else None
    if sites is not None and not Path(sites).is_file():
        problems.append(f"calling.contamination.sites: no such file: {sites}")
    if said.get("base_quality", "none") != "none" and not known:
        problems.append(
            "calling.base_quality: needs files of known variants, which are no errors of the "
            "sequencer; fix: calling.known_sites: [dbsnp.vcf.gz], or base_quality: none"
        )
    problems += [f"calling.{text}" for text in check_said(said.get("tools"))]
    sequences = said.get("adapters")
    letters = (
        set("".join(sequences.values()).upper()) if isinstance(sequences, dict) else set()
    )
    if said.get("trim") == "fastp" and (other := sorted(letters - set("ACGT"))):
        problems.append(
            f"calling.adapters: fastp takes A, C, G and T, not {', '.join(other)}; fix: other "
            "sequences, or trim: cutadapt"
        )
    both = [
        name
        for name in dict.fromkeys(str(said.get(key)) for key in ("trim", "aligner"))
        if wants_conda((said.get("tools") or {}).get(name))
    ]
    if len(both) > 1:
        problems.append(
            f"calling.tools: {' and '.join(both)} work in one job, which has one environment; "
            "fix: conda: FOLDER, module or apptainer for one of them"
        )
    if (quality := said.get("base_quality", "none")) != "none":
        there = [Path(f) for f in known if Path(f).is_file()]
        problems += [f"calling.known_sites: {p}" for p in known_site_problems(there, quality)]
    names = {f.name for f in fields(Settings)} - {
        "known_sites",
        "filters",
        "sites",
        "frequency",
    }
    plain = {k: v for k, v in said.items() if k in names}
    # In YAML 1 and X are a number and a word.
    plain["contigs"] = [str(c) for c in said.get("contigs") or []]
    settings = Settings(**plain, known_sites=known, sites=sites)
    settings.frequency = panel.get("field", settings.frequency)
    settings.filters = Filters(**(said.get("filters") or {}))
    return settings, problems


def _ingest_config(
    raw: dict[str, Any], base: Path, carried: pl.DataFrame
) -> tuple[Config | None, list[str]]:
    """Check all other keys as the ingest does."""
    rest = {k: v for k, v in raw.items() if k not in OWN_KEYS}
    spread, _ = spread_assembly(rest)
    if not isinstance(spread.get("assembly"), dict):
        return None, ["reference: no FASTA is named; fix: reference: FASTA beside assembly"]
    try:
        if "cohorts" in rest:
            return check_config(rest, base), []
        people = pl.concat([_people(rest, base), carried], how="diagonal_relaxed")
        return check_config(rest, base, cohorts=[], people=people), []
    except ConfigError as error:
        return None, error.problems


def _called_before(config: Config, sheet: ReadsSheet) -> list[str]:
    """Find people of the reads sheet of whom their cohort has calls already."""
    here: dict[str, set[str]] = {}
    for person in sheet.people:
        here.setdefault(person.cohort, set()).add(person.name)
    problems = []
    for cohort in config.cohorts:
        wanted = here.get(cohort.name, set())
        for file in cohort.files if wanted else ():
            both = sorted(wanted.intersection(header_names(Path(file), config.limits) or ()))
            if both:
                more = f" and {len(both) - 1:,} more" if len(both) > 1 else ""
                problems.append(
                    f"cohort {cohort.name}: {file} has calls of {both[0]!r}{more}, and the "
                    "reads sheet has reads; fix: take the rows out of the reads sheet, or the "
                    "file out of the cohort, or call them into another cohort"
                )
    return problems


def _people(rest: dict[str, Any], base: Path) -> pl.DataFrame:
    """Give the rows of the sample sheet; what is wrong with it, the ingest's check tells."""
    path = base / str(rest.get("samples") or "")
    if not path.is_file():
        return NO_PEOPLE
    try:
        return read_samples(path).frame
    except InputError:
        return NO_PEOPLE
