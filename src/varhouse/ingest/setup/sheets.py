"""The sheets: cohorts.tsv and samples.tsv, read whole, all mistakes reported at once."""

import difflib
import re
from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.frequencies.strata import ALL
from varhouse.tables.statistics import taken_by_columns
from varhouse.textfile import read_text, split_lines

COHORT_COLUMNS = (
    "cohort", "files", "assembly", "chain", "source_reference", "callable", "project",
    "province", "ethics_approval", "consent_scope", "permit_kind", "permit_number",
    "permit_valid_until", "data_tier", "assay", "platform", "caller",
)  # fmt: skip
METADATA = COHORT_COLUMNS[6:]
SPELLINGS = {
    "project_accession": "project", "bioproject": "project", "province_code": "province",
    "ethics": "ethics_approval", "consent": "consent_scope", "tier": "data_tier",
}  # fmt: skip
"""Other names of cohort columns that are understood."""

ACCESSION_COLUMNS = ("accession", "sample_accession", "biosample")
_PROJECT = re.compile(r"PRJC[A-Z]\d{6}|PRJNA\d+|PRJEB\d+|PRJDB\d+")
_SAMPLE = re.compile(r"SAMC\d{6,}|SAMN\d+|SAMEA?\d+|SAMD\d+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MISSING = {"", "NA", "na", "N/A", "."}
SEXES = ("male", "female", "unknown")


def read_sheet(path: Path) -> pl.DataFrame:
    """Read a tab-separated sheet as text; empty cells become null.

    Raises
    ------
    InputError
        If it is not UTF-8 (GBK is recognised and named), or a row has another number
        of cells than the header.
    """
    text = read_text(path)
    rows = [
        (n, ln.split("\t"))
        for n, ln in enumerate(split_lines(text), 1)
        if ln.strip() and not ln.startswith("##")
    ]
    if not rows:
        raise InputError(f"{path}: the sheet is empty")
    header = [h.strip().lstrip("#").strip() for h in rows[0][1]]
    if len(set(header)) < len(header):
        twice = sorted({h for h in header if header.count(h) > 1})
        raise InputError(f"{path}: column(s) {', '.join(twice)} stand twice in the header")
    columns: dict[str, list[str | None]] = {h: [] for h in header}
    lines: list[int] = []
    for number, cells in rows[1:]:
        if len(cells) > len(header):
            raise InputError(
                f"{path}: row {number} has {len(cells)} cells, the header {len(header)}",
                "separate the columns by single tabs",
            )
        padded = [*cells, *[""] * (len(header) - len(cells))]
        for name, cell in zip(header, padded, strict=True):
            columns[name].append(None if cell.strip() in _MISSING else cell.strip())
        lines.append(number)
    frame = pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String))
    return frame.with_columns(pl.Series("line", lines, dtype=pl.Int64))


def missing_columns(where: str, frame: pl.DataFrame, needed: tuple[str, ...]) -> list[str]:
    """Say which columns a sheet lacks, or that something else than tabs sets them off."""
    missing = [c for c in needed if c not in frame.columns]
    found = [c for c in frame.columns if c != "line"]
    for pattern, name in ((",", "commas"), (";", "semicolons"), (r"\s+", "blanks")):
        cells = [x.strip(' "') for x in re.split(pattern, "".join(found))]
        if len(found) == 1 and set(needed) <= set(cells):
            return [f"{where}: the columns are set off by {name}; separate them by tabs"]
    has = ", ".join(repr(c[:30]) for c in found[:8])
    return [f"{where}: no column {c!r} (it has {has})" for c in missing]


def name_problem(cohort: str | None) -> str | None:
    """Say why a cohort cannot have a name; None: it can."""
    if not cohort or not _NAME.fullmatch(cohort):
        return f"cohort {cohort!r} is not of letters, digits, . _ -"
    if cohort == ALL:
        return (
            f"cohort {cohort!r}: all cohorts together are called so in answers; "
            "give the cohort another name"
        )
    if cohort in taken_by_columns():
        return (
            f"cohort {cohort!r}: columns of all cohorts that end in _{cohort} have "
            "these names; give the cohort another one"
        )
    return None


def check_cohorts(path: Path, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Check cohorts.tsv: the sheet with canonical column names, and every mistake."""
    frame = frame.rename({k: v for k, v in SPELLINGS.items() if k in frame.columns})
    where = path.name
    problems = missing_columns(where, frame, ("cohort", "files"))
    if problems:
        return frame, problems
    for name in frame.columns:
        close = difflib.get_close_matches(name, COHORT_COLUMNS, 1, 0.8)
        if close and name != close[0]:
            problems.append(f"{where}: unknown column {name!r}; nearest: {close[0]}")
    for row in frame.iter_rows(named=True):
        line, cohort = row["line"], row["cohort"]
        at = f"{where}:{line}"
        if problem := name_problem(cohort):
            problems.append(f"{at}: {problem}")
        if not row["files"]:
            problems.append(f"{at}: cohort {cohort!r} has no files")
        project = row.get("project")
        if project and not _PROJECT.fullmatch(project):
            problems.append(
                f"{at}: project accession {project!r} is malformed (PRJCA000001, PRJNA..., "
                "PRJEB..., PRJDB...)"
            )
        until = row.get("permit_valid_until")
        if until and not _DATE.fullmatch(until):
            problems.append(f"{at}: permit_valid_until {until!r} is no date (2026-12-31)")
    names = [c for c in frame["cohort"].to_list() if c]
    problems += [
        f"{where}: cohort {c!r} stands on {names.count(c)} rows"
        for c in dict.fromkeys(names)
        if names.count(c) > 1
    ]
    return frame, problems


def check_samples(path: Path, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Check samples.tsv: the sheet with sex and population, and every mistake."""
    where = path.name
    problems = missing_columns(where, frame, ("cohort", "sample"))
    if problems:
        return frame, problems
    for name in ("sex", "population"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, pl.String).alias(name))
    said = frame["sex"].rename("said")
    frame = frame.with_columns(pl.col("sex").fill_null("unknown").str.to_lowercase())
    bad = frame.with_columns(said).filter(~pl.col("sex").is_in(SEXES))
    problems += [
        f"{where}:{line}: sample {s!r}: sex {x!r} is not male, female or unknown"
        for line, s, x in bad.select("line", "sample", "said").rows()
    ]
    empty = frame.filter(pl.col("cohort").is_null() | pl.col("sample").is_null())
    problems += [f"{where}:{line}: no cohort or no sample" for line in empty["line"].to_list()]
    twice = frame.group_by("cohort", "sample", maintain_order=True).agg("line")
    problems += [
        f"{where}:{lines[1]}: sample {s!r} of cohort {c!r} already stands on line {lines[0]}"
        for c, s, lines in twice.filter(pl.col("line").list.len() > 1).rows()
    ]
    for name in ACCESSION_COLUMNS:
        if name in frame.columns:
            wrong = frame.filter(
                pl.col(name).is_not_null()
                & ~pl.col(name).str.contains(f"^({_SAMPLE.pattern})$")
            )
            problems += [
                f"{where}:{line}: sample accession {a!r} is malformed (SAMC000001, SAMN..., "
                "SAMEA..., SAMD...)"
                for line, a in wrong.select("line", name).rows()
            ]
    return frame, problems
