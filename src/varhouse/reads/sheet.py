"""The reads sheet: a row a lane, with its files; every mistake is told at once.

The columns are those of nf-core's sarek where it has them, so that its sheets are read. A row
begins where its files do: FASTQ, alignments, or a gVCF that only waits for the ingest.
"""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.reads.filekind import first_name
from varhouse.reads.lanefiles import parse_name
from varhouse.reads.model import Form, Lane, Person, Sex
from varhouse.reads.names import platform_of
from varhouse.reads.platforms import platform_named
from varhouse.reads.sheetpaths import file_problem, short_path, told_twice
from varhouse.sheetcolumns import SheetKind, read_sex
from varhouse.sheettable import read_sheet

READS_SHEET = SheetKind(
    "reads",
    ("sample",),
    {
        "cohort": ("cohort_id", "cohort_name", "队列", "队列名称"),
        "sample": ("sample_id", "sampleid", "sample_name", "samplename", "iid", "patient",
                   "样本", "样本编号", "样品编号", "样本名称", "样本号"),
        "sex": ("gender", "性别"),
        "lane": ("lane_id", "run", "run_id", "run_accession", "read_group", "readgroup",
                 "泳道"),
        "library": ("lib", "library_id", "library_name", "lb", "文库"),
        "platform": ("instrument_platform", "sequencer", "pl", "平台", "测序平台"),
        "fastq_1": ("fastq1", "fastq", "fq_1", "fq1", "fq", "r1", "read_1", "read1", "reads",
                    "reads_1", "reads1", "fastq_r1", "r1_fastq", "fastq_file", "interleaved"),
        "fastq_2": ("fastq2", "fq_2", "fq2", "r2", "read_2", "read2", "reads_2", "reads2",
                    "fastq_r2", "r2_fastq"),
        "bam": ("bam_file", "bam_path", "ubam", "alignment"),
        "cram": ("cram_file", "cram_path"),
        "gvcf": ("gvcf_file", "gvcf_path", "g_vcf", "vcf"),
    },
)  # fmt: skip
"""Columns of the reads sheet, and their other names."""

FILES = ("fastq_1", "fastq_2", "bam", "cram", "gvcf")
IGNORED = {
    "line",
    "status",
    "patient",
    "subject",
    "bai",
    "crai",
    "tbi",
    "table",
    "variantcaller",
}
"""Columns of other pipelines that say nothing here; status is looked at."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Samples and lanes name files, and stand in headers of BAM and VCF."""

_LIBRARY = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,98}[!-\[\]-~])?")
"""Libraries only stand in headers: ASCII, no backslash, which aligners take for more."""

_MOST_SHOWN = 10


@dataclass
class ReadsSheet:
    """A reads sheet as it was read.

    Attributes
    ----------
    people
        Everybody in it, in order of appearance; nobody if it has mistakes.
    notes
        What was taken for what, for people.
    problems
        Mistakes, one line each, with the line of the sheet and the fix.
    """

    people: list[Person] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _Account:
    """Mistakes and notes, of which many of a kind are only counted."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._said: dict[tuple[str, bool], list[str]] = {}

    def problem(self, kind: str, line: int, text: str) -> None:
        self._said.setdefault((kind, True), []).append(f"{self.where}:{line}: {text}")

    def note(self, kind: str, line: int, text: str) -> None:
        self._said.setdefault((kind, False), []).append(f"{self.where}:{line}: {text}")

    def texts(self, *, problems: bool) -> list[str]:
        """List them, by kind in order of appearance."""
        out = []
        for (_, is_problem), lines in self._said.items():
            if is_problem == problems:
                out += lines[:_MOST_SHOWN]
                if len(lines) > _MOST_SHOWN:
                    more = len(lines) - _MOST_SHOWN
                    out.append(f"{self.where}: ... and {more:,} more like it")
        return out


def read_reads(path: Path, *, cohort: str | None) -> ReadsSheet:
    """Read the reads sheet, and look at what its files are by their first bytes.

    Parameters
    ----------
    cohort
        Of rows that name none.

    Returns
    -------
    ReadsSheet
        With problems it has no people.

    Raises
    ------
    InputError
        If it cannot be read as a sheet at all.
    """
    sheet = read_sheet(path, READS_SHEET)
    out = ReadsSheet(notes=sheet.notes, problems=sheet.problems)
    if out.problems:
        return out
    where = path.name
    out.problems += _column_problems(where, sheet.frame)
    if out.problems:
        return out
    frame, notes, problems = _with_all_columns(where, sheet.frame, cohort)
    out.notes += notes
    out.problems += problems
    said = _Account(where)
    people = _People(said)
    files = _Files(path.parent, said)
    for row in frame.iter_rows(named=True):
        found = files.of(row)
        person = people.of(row)
        if person is not None and found is not None:
            people.add(person, row, *found)
    people.check()
    out.problems += said.texts(problems=True)
    out.notes += said.texts(problems=False)
    if not out.problems and not people.all:
        out.problems.append(f"{where}: no row; fix: write a row a lane")
    if not out.problems:
        out.people = people.all
    return out


def _column_problems(where: str, frame: pl.DataFrame) -> list[str]:
    """Find columns that may be misspelt, and a sheet that names no files."""
    known = list(READS_SHEET.others)
    problems = []
    for name in frame.columns:
        if name in known or name.lower() in IGNORED:
            continue
        close = difflib.get_close_matches(name.lower(), known, 1, 0.8)
        if close and close[0] not in frame.columns:
            problems.append(f"{where}: unknown column {name!r}; fix: {close[0]}?")
    if not problems and not set(FILES) & set(frame.columns):
        problems.append(
            f"{where}: no column of files; fix: fastq_1 and fastq_2, or bam, cram, gvcf"
        )
    return problems


def _with_all_columns(
    where: str, frame: pl.DataFrame, cohort: str | None
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Add columns that are not there, give rows their cohort, and read the column sex."""
    known = list(READS_SHEET.others)
    notes, problems = [], []
    more = [c for c in frame.columns if c not in known and c.lower() not in IGNORED]
    if more:
        notes.append(
            f"{where}: columns that go into the sample sheet as they are: "
            f"{', '.join(more[:8])}"
        )
    lacking = [pl.lit(None, pl.String).alias(c) for c in known if c not in frame.columns]
    frame = frame.with_columns(lacking)
    if cohort is not None:
        frame = frame.with_columns(pl.col("cohort").fill_null(cohort))
    lost = frame.filter(pl.col("cohort").is_null())
    if lost.height:
        problems.append(
            f"{where}:{lost['line'][0]}: no cohort ({lost.height:,} rows); fix: a column "
            "cohort, or cohort: NAME below calling: in the configuration"
        )
    if "status" in frame.columns:
        normal = ("0", "normal", "germline")
        tumour = frame.filter(
            ~pl.col("status").fill_null("0").str.to_lowercase().is_in(normal)
        )
        problems += [
            f"{where}:{line}: status {value!r}: a tumour has calls of another kind; fix: "
            "leave it out"
            for line, value in tumour.select("line", "status").head(_MOST_SHOWN).rows()
        ]
    frame, sexes, wrong = read_sex(where, frame)
    return frame, notes + sexes, problems + wrong


class _Files:
    """The files of rows: whether they are there, are what their column says, and only once."""

    def __init__(self, folder: Path, said: _Account) -> None:
        self._folder = folder
        self._said = said
        self._seen: dict[tuple[int, int], tuple[int, str]] = {}

    def of(self, row: Mapping[str, Any]) -> tuple[Form, list[Path]] | None:
        """Give the form of a row and its files; None: there is a mistake."""
        line = row["line"]
        named = {c: row[c] for c in FILES if row[c] is not None}
        starts = {c.split("_")[0] for c in named}
        if not starts:
            self._said.problem("none", line, "names no file; fix: fastq_1, bam, cram or gvcf")
            return None
        if len(starts) > 1:
            self._said.problem(
                "many", line, f"begins at {' and at '.join(named)}; fix: one of them a row"
            )
            return None
        if "fastq_2" in named and "fastq_1" not in named:
            self._said.problem(
                "r2", line, "fastq_2 without fastq_1; fix: name R1 in fastq_1, or the only "
                "file there"
            )  # fmt: skip
            return None
        files = [self._file(line, column, cell) for column, cell in named.items()]
        if any(f is None for f in files):
            return None
        paths = [f for f in files if f is not None]
        if len(paths) == 2 and [parse_name(p.name).mate for p in paths] == [2, 1]:
            self._said.problem(
                "swap", line, f"{paths[0].name} and {paths[1].name} are mates 2 and 1 by "
                "their names; fix: exchange fastq_1 and fastq_2"
            )  # fmt: skip
        form: Form = "pairs" if len(paths) == 2 else "single"
        for other in ("bam", "cram", "gvcf"):
            if other in named:
                form = other
        return form, paths

    def _file(self, line: int, column: str, cell: str) -> Path | None:
        path = short_path(self._folder / cell)
        problem = file_problem(path, cell, column)
        if problem is None:
            stat = path.stat()
            key = (stat.st_dev, stat.st_ino)
            other, name = self._seen.setdefault(key, (line, f"{column}\0{cell}"))
            column_there, name = name.split("\0")
            if (other, column_there) != (line, column):
                self._said.problem("twice", line, told_twice(cell, name, line, other))
                return None
            return path
        self._said.problem(problem[0], line, problem[1])
        return None


class _People:
    """Who is in the sheet, with their lanes."""

    def __init__(self, said: _Account) -> None:
        self._said = said
        self._by_name: dict[tuple[str, str], Person] = {}
        self._sexes: dict[tuple[str, str], tuple[str, int]] = {}
        self._unnamed: list[Lane] = []

    @property
    def all(self) -> list[Person]:
        """Everybody, in order of appearance."""
        return list(self._by_name.values())

    def of(self, row: Mapping[str, Any]) -> Person | None:
        """Give the person of a row; None: it names none that can be."""
        line, cohort, name, sex = (row[c] for c in ("line", "cohort", "sample", "sex"))
        if name is None:
            self._said.problem("sample", line, "no sample; fix: name whose reads these are")
            return None
        if row["library"] is not None and not _LIBRARY.fullmatch(row["library"]):
            self._said.problem(
                "library", line, f"library {row['library']!r} is not of letters, digits and "
                "marks of ASCII (100 at most), as it stands in headers; fix: rename it"
            )  # fmt: skip
            return None
        for column in ("sample", "lane", "cohort"):
            value = row[column]
            if value is not None and not _NAME.fullmatch(value):
                self._said.problem(
                    "name", line, f"{column} {value!r} is not of letters, digits, . _ - (100 "
                    "at most), as files are named after it; fix: rename it"
                )  # fmt: skip
                return None
        if cohort is None:
            return None
        key = (cohort, name)
        person = self._by_name.setdefault(key, Person(cohort, name, "unknown"))
        if sex and sex != "unknown":
            before, at = self._sexes.setdefault(key, (sex, line))
            if before != sex:
                self._said.problem(
                    "sex", line, f"sample {name}: {sex} here and {before} on line {at}; fix: "
                    "one sex a sample, or two names"
                )  # fmt: skip
            person.sex = _sex(before)
        return person

    def add(
        self, person: Person, row: Mapping[str, Any], form: Form, files: list[Path]
    ) -> None:
        """Add a lane."""
        line = row["line"]
        platform = self._platform(line, row["platform"], form, files)
        lane = Lane(
            person.cohort,
            person.name,
            row["lane"] or "",
            row["library"] or person.name,
            platform,
            form,
            [str(f) for f in files],
            line,
        )
        person.lanes.append(lane)

    def _platform(self, line: int, cell: str | None, form: Form, files: list[Path]) -> str:
        if cell is not None:
            name, problem = platform_named(cell)
            if problem:
                self._said.problem("platform", line, problem)
            return name
        if form not in ("pairs", "single"):
            return "ILLUMINA"
        name = platform_of(first_name(files[0]))
        if not name:
            self._said.note(
                "platform", line, f"the names of reads in {files[0].name} do not tell the "
                "platform; taken as ILLUMINA (column platform)"
            )  # fmt: skip
        return name or "ILLUMINA"

    def check(self) -> None:
        """Give lanes without a name a number, and find what cannot stand beside each other."""
        groups: dict[tuple[str, str], Lane] = {}
        for person in self.all:
            taken = Counter(lane.lane for lane in person.lanes if lane.lane)
            number = 0
            for lane in person.lanes:
                while not lane.lane:
                    number += 1
                    if str(number) not in taken:
                        lane.lane = str(number)
            self._check_starts(person)
            for lane in person.lanes:
                other = groups.setdefault((lane.cohort, lane.read_group), lane)
                if other is lane:
                    continue
                what = (
                    f"lane {lane.lane} of sample {lane.sample} already stands on line "
                    f"{other.line}; fix: another lane, or take the row out"
                    if other.sample == lane.sample
                    else f"sample and lane make {lane.read_group}, as on line {other.line}; "
                    "fix: another lane"
                )
                self._said.problem("lane", lane.line, what)

    def _check_starts(self, person: Person) -> None:
        calls = [lane for lane in person.lanes if lane.form == "gvcf"]
        if calls and len(person.lanes) > 1:
            other = next(lane for lane in person.lanes if lane is not calls[0])
            self._said.problem(
                "start", other.line, f"sample {person.name}: a gVCF (line {calls[0].line}) "
                "has all of a person's calls, and nothing stands beside it; fix: the gVCF "
                "alone, or the reads"
            )  # fmt: skip


def _sex(name: str) -> Sex:
    return "male" if name == "male" else "female"
