"""BED of what capture kits cover: kits.tsv, the columns `kit` and `callable`, the intervals.

A BED is in the coordinates of the store, also that of a cohort that is lifted over. It is read
once, when an ingest begins; its jobs get the intervals by canonical contigs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import InputError, nearest
from varhouse.filestate import read_as_recorded
from varhouse.frequencies.kits import INTERVALS, WHOLE, Kits
from varhouse.genome.bed import name_lines, read_bed
from varhouse.genome.reference import Reference
from varhouse.sheetcolumns import KITS_SHEET
from varhouse.sheettable import read_sheet
from varhouse.tables.shards import write_frame

GENOME = "genome"
"""Stands for a BED of all contigs: of people whose whole genome was read."""

KITS = "kits.parquet"
"""The intervals of the kits by cohort, in the work folder."""

_PLACE = ("contig", "start", "end")
_LAST_BASE = 2**31 - 1


@dataclass
class KitSheet:
    """What a configuration says of kits.

    Attributes
    ----------
    path
        kits.tsv; None without one.
    beds
        Kit to its BED, or GENOME.
    intervals
        BED to its rows as they are written: line, contig, start, end (0-based, half-open).
    inputs
        BED to the SHA-256 of the bytes that were read.
    notes
        What was taken for what in the table.
    """

    path: Path | None = None
    beds: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, pl.DataFrame] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def read(self, beds: Iterable[str]) -> list[str]:
        """Read the BED that were not read yet; gives their mistakes."""
        problems = []
        for bed in beds:
            if bed == GENOME or bed in self.intervals:
                continue
            with read_as_recorded([Path(bed)]) as inputs:
                self.intervals[bed], found = read_bed(Path(bed))
            if not self.intervals[bed].height and not found:
                found = [f"{bed}: no interval: nobody would be assessed anywhere"]
            self.inputs |= inputs
            problems += found
        return problems


def read_kits(path: Path | None) -> tuple[KitSheet, list[str]]:
    """Read kits.tsv (columns `kit` and `bed`), with every mistake.

    Parameters
    ----------
    path
        What `callable.kits` names; one that is not there is told elsewhere.
    """
    sheet = KitSheet(path)
    if path is None or not path.is_file():
        return sheet, []
    try:
        table = read_sheet(path, KITS_SHEET)
    except InputError as error:
        return sheet, [str(error)]
    sheet.notes += table.notes
    if problems := table.problems:
        return sheet, problems
    for line, kit, bed in table.frame.select("line", "kit", "bed").rows():
        at = f"{path.name}:{line}"
        if not kit or not bed:
            problems.append(f"{at}: no kit or no bed (`{GENOME}` stands for all contigs)")
        elif kit in sheet.beds:
            problems.append(f"{at}: kit {kit!r} stands twice")
        elif kit == WHOLE:
            problems.append(
                f"{at}: {WHOLE!r} is the name of the BED of a whole cohort; give the kit "
                "another one"
            )
        else:
            sheet.beds[kit], found = _bed_path(path.parent, bed, at)
            problems += found
    return sheet, problems


def _bed_path(base: Path, named: str, at: str) -> tuple[str, list[str]]:
    if named == GENOME:
        return GENOME, []
    path = base / named
    return str(path), [] if path.is_file() else [f"{at}: no such file: {path}"]


def kits_of_cohort(
    cohort: str, row: Mapping[str, Any], base: Path, people: pl.DataFrame, sheet: KitSheet
) -> tuple[dict[str, str], list[str]]:
    """Say which kits a cohort has: kit to BED; and what is wrong with that.

    Parameters
    ----------
    row
        Of the cohort sheet.
    people
        The cohort's rows of the sample sheet.
    """
    who, beds, problems = f"cohort {cohort!r}", dict[str, str](), list[str]()
    if row.get("callable"):
        beds[WHOLE], problems = _bed_path(base, row["callable"], f"{who}: callable")
    if sheet.path is not None and "kit" in people.columns:
        named = people.filter(pl.col("kit").is_not_null())
        known = {k: sheet.beds[k] for k in named["kit"].unique().sort() if k in sheet.beds}
        problems += [
            f"{who}: sample {s!r} (line {line}) has the kit {kit!r}, which is not in "
            f"{sheet.path.name}{nearest(kit, sheet.beds)}"
            for s, line, kit in _few(named.filter(~pl.col("kit").is_in(list(sheet.beds))))
        ]
        without = people.filter(pl.col("kit").is_null())
        if named.height and without.height and WHOLE not in beds:
            problems += [
                f"{who}: sample {s!r} (line {line}) has no kit, others have; name one "
                f"(`{GENOME}` is a BED of all contigs), or the BED of the others in the "
                "column callable of the cohort sheet"
                for s, line, _ in _few(without)
            ]
        beds |= known
    present = [b for b in beds.values() if b == GENOME or Path(b).is_file()]
    return beds, problems + sheet.read(present)


def _few(rows: pl.DataFrame) -> list[tuple[str, int, str]]:
    return rows.select("sample", "line", "kit").head(10).rows()


def kit_warnings(
    kits: Mapping[str, Mapping[str, str]], samples: pl.DataFrame, sheet: KitSheet
) -> list[str]:
    """Tell what is no mistake, but may be none of what somebody wants.

    Parameters
    ----------
    kits
        Cohort to its kits, each with its BED.
    """
    out = []
    if sheet.path is None:
        if "kit" in samples.columns:
            out.append(
                "samples: the column kit is kept as text; `callable: {kits: kits.tsv}` says "
                "what kits cover"
            )
        return out
    named = set(samples["kit"].drop_nulls()) if "kit" in samples.columns else set()
    out += [
        f"{sheet.path.name}: kit {k!r} has no people" for k in sheet.beds if k not in named
    ]
    for cohort, beds in kits.items():
        people = samples.filter((pl.col("cohort") == cohort) & (pl.col("sex") == "unknown"))
        if beds and people.height:
            out.append(
                f"cohort {cohort!r}: {people.height:,} people are of unknown sex: on X "
                "and Y nothing is assumed of those without a record"
            )
    return out


def check_beds(
    sheet: KitSheet, reference: Reference, *, is_partial: bool
) -> tuple[list[str], list[str]]:
    """Compare the BED with the assembly: (problems, warnings).

    Parameters
    ----------
    is_partial
        The FASTA may hold only the first part of a contig: what it lacks is no end.
    """
    problems: list[str] = []
    warnings: list[str] = []
    for bed, rows in sheet.intervals.items():
        named = with_contigs(rows, reference)
        unknown = named.filter(pl.col("name").is_null())
        names = ", ".join(unknown["contig"].unique(maintain_order=True).head(3))
        if unknown.height == named.height:
            problems.append(f"{bed}: none of its contigs ({names}) is one of this assembly")
            continue
        if unknown.height:
            warnings.append(
                f"{bed}: {unknown.height:,} interval(s) lie on contigs that the assembly does "
                f"not have ({names}): left out"
            )
        length = _lengths(reference, is_partial=is_partial)
        past = named.with_columns(
            length=pl.col("name").replace_strict(length, default=None, return_dtype=pl.Int64)
        ).filter(pl.col("end") > pl.col("length"))
        problems += name_lines(
            Path(bed),
            past,
            lambda r: (
                f"{r['contig']} {r['start']}-{r['end']} passes the "
                f"contig's last base ({r['length']:,}): a BED of another assembly?"
            ),
        )
    return problems, warnings


def with_contigs(rows: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Add the canonical names of contigs as `name`; null where there is none."""
    names = {n: reference.contigs.canonical(n) for n in rows["contig"].unique()}
    canonical = pl.col("contig").replace_strict(names, default=None, return_dtype=pl.String)
    return rows.with_columns(name=canonical)


def _lengths(reference: Reference, *, is_partial: bool) -> dict[str, int]:
    """Give the bases of contigs whose last base is known."""
    held = {c.name: 0 if is_partial else reference.length(c.name) for c in
            reference.contigs.contigs}  # fmt: skip
    known = {c.name: c.length or held[c.name] for c in reference.contigs.contigs}
    return {name: length for name, length in known.items() if length}


def bed_digests(kits: Mapping[str, str], sheet: KitSheet) -> list[tuple[str, str]]:
    """Give the kits of a cohort with the SHA-256 of each BED."""
    return sorted((kit, sheet.inputs.get(bed, bed)) for kit, bed in kits.items())


def write_kits(
    kits: Mapping[str, Mapping[str, str]],
    sheet: KitSheet,
    reference: Reference,
    path: Path,
    *,
    is_partial: bool,
) -> None:
    """Write the intervals of cohorts: cohort and columns of INTERVALS.

    Parameters
    ----------
    kits
        Cohort to its kits, each with its BED.
    is_partial
        As for `check_beds`.
    """
    frames = [pl.DataFrame(schema={"cohort": pl.String, **INTERVALS})]
    lengths = _lengths(reference, is_partial=is_partial)
    genome = pl.DataFrame(
        [(c, 0, lengths.get(c, _LAST_BASE)) for c in reference.contigs.names],
        schema={n: INTERVALS[n] for n in _PLACE},
        orient="row",
    )
    for cohort, beds in kits.items():
        for kit, bed in sorted(beds.items()):
            rows = genome
            if bed != GENOME:
                rows = with_contigs(sheet.intervals[bed], reference).select(
                    pl.col("name").alias("contig"), "start", "end"
                )
            named = rows.filter(pl.col("contig").is_not_null()).with_columns(
                cohort=pl.lit(cohort), kit=pl.lit(kit)
            )
            frames.append(named.select(frames[0].columns))
    write_frame(pl.concat(frames), path)


@lru_cache(maxsize=16)
def read_cohort_kits(path: Path, cohort: str) -> Kits | None:
    """Read what the kits of a cohort cover; None without any.

    Kept, for a job takes in many files. A work folder never gets other kits.
    """
    rows = pl.scan_parquet(path, glob=False).filter(pl.col("cohort") == cohort).collect()
    return Kits.of(rows.drop("cohort")) if rows.height else None
