"""The sheets: cohorts.tsv and samples.tsv, read whole, all mistakes reported at once."""

import difflib
import re
from pathlib import Path

import polars as pl

from varhouse.frequencies.strata import ALL
from varhouse.sheetcolumns import COHORT_COLUMNS, COHORTS_SHEET, SAMPLES_SHEET, read_sex
from varhouse.sheettable import Sheet, is_missing, read_sheet
from varhouse.tables.statistics import taken_by_columns

METADATA = COHORT_COLUMNS[6:]
_PATHS = ("files", "chain", "source_reference", "callable")

ACCESSION_COLUMNS = ("accession", "sample_accession", "biosample")
_PROJECT = re.compile(r"PRJC[A-Z]\d{6}|PRJNA\d+|PRJEB\d+|PRJDB\d+")
_SAMPLE = re.compile(r"SAMC\d{6,}|SAMN\d+|SAMEA?\d+|SAMD\d+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_VCF_NAME = r"(?i)\.(vcf|bcf)(\.gz|\.bgz|\.bz2)?$"

NO_PEOPLE = pl.DataFrame(
    schema={
        "cohort": pl.String,
        "sample": pl.String,
        "sex": pl.String,
        "population": pl.String,
        "line": pl.Int64,
    }
)
"""A sample sheet without rows."""


def read_cohorts(path: Path) -> Sheet:
    """Read and check cohorts.tsv.

    Raises
    ------
    InputError
        As `read_sheet`.
    """
    return check_cohorts(read_sheet(path, COHORTS_SHEET))


def read_samples(path: Path) -> Sheet:
    """Read and check samples.tsv.

    Raises
    ------
    InputError
        As `read_sheet`.
    """
    return check_samples(read_sheet(path, SAMPLES_SHEET))


def name_problem(cohort: str | None) -> str | None:
    """Say why a cohort cannot have a name; None: it can."""
    if cohort and is_missing(cohort):
        return f"cohort {cohort!r}: in a sheet that means missing; give it another name"
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


def check_cohorts(sheet: Sheet) -> Sheet:
    """Find every mistake in cohorts.tsv; one that could not be read whole has no rows."""
    if sheet.problems:
        sheet.frame = NO_PEOPLE
        return sheet
    frame, where, problems = sheet.frame, sheet.path.name, sheet.problems
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
    problems += _stray_files(sheet)
    return sheet


def _stray_files(sheet: Sheet) -> list[str]:
    """Find file names outside of the columns of paths: a comma in `files` without quotes."""
    if sheet.form not in ("commas", "semicolons", "blanks"):
        return []
    return [
        f"{sheet.path.name}:{line}: {name} is {value!r}: files that are separated by commas "
        "stand in quotes in a CSV; fix: quote the cell, or set the columns off by tabs"
        for name in sheet.frame.columns
        if name not in (*_PATHS, "cohort", "line")
        for line, value in sheet.frame.filter(pl.col(name).str.contains(_VCF_NAME))
        .select("line", name)
        .head(3)
        .rows()
    ]


def check_samples(sheet: Sheet) -> Sheet:
    """Find every mistake in samples.tsv, and give it the columns sex and population.

    One that could not be read whole has no rows.
    """
    if sheet.problems:
        sheet.frame = NO_PEOPLE
        return sheet
    frame, where, problems = sheet.frame, sheet.path.name, sheet.problems
    for name in ("sex", "population"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, pl.String).alias(name))
    frame, notes, found = read_sex(where, frame)
    problems += found
    sheet.frame, sheet.notes = frame, sheet.notes + notes
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
    return sheet
