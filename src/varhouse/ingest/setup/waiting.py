"""People whom the sample sheet names and no file has: a mistake, or people who wait.

A cohort that grows file by file gets its files over months, and its sheet is often there
first. Who has no file yet waits: that stops nobody. In any other cohort all people come at
once, so that a name that no file has is a mistake, most often of spelling.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import nearest
from varhouse.ingest.setup.growing import looks_like_gvcf
from varhouse.ingest.setup.sample_names import difference, folded
from varhouse.vcf.text.limits import Limits

_MOST_NAMED = 10
_FIRST = 3


@dataclass
class Missing:
    """People of a cohort's sheet rows who are in none of its files.

    Attributes
    ----------
    problems
        Mistakes, one line each.
    waiting
        Names of those who wait for their file, in the order of the sheet.
    """

    problems: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


def tell_waiting(waiting: Iterable[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """Say for the account who waits: `cohort`, `n`, and the `first` names.

    Parameters
    ----------
    waiting
        Cohort and the names of those who wait; nobody does in most.
    """
    return [
        {"cohort": cohort, "n": len(names), "first": list(names[:_FIRST])}
        for cohort, names in waiting
        if names
    ]


def find_missing(
    cohort: str,
    files: Sequence[str],
    sheet: pl.DataFrame,
    who_is_in: Callable[[Path], Sequence[str] | None],
    limits: Limits,
) -> Missing:
    """Find the people of a cohort's sheet rows whom its files do not have.

    Parameters
    ----------
    files
        Its files.
    sheet
        Rows of the sample sheet for it: `sample` and `line`.
    who_is_in
        Gives the sample columns of a file; None where its header holds it back.
    """
    if sheet.is_empty():
        return Missing()
    lists = []
    for file in files:
        found = who_is_in(Path(file))
        if found is None:
            # The file's own faults are the validator's to tell.
            return Missing()
        lists.append(found)
    names = {n for found in lists for n in found}
    missing = sheet.filter(~pl.col("sample").is_in(list(names)))
    if missing.is_empty():
        return Missing()
    grows = all(len(found) == 1 for found in lists) or all(
        looks_like_gvcf(f, limits) for f in files
    )
    if not grows:
        where = Path(files[0]).name if len(files) == 1 else "its files"
        problems = [
            f"cohort {cohort!r}: sample {s!r} is in the sheet (line {line}) but not in {where}"
            f"{nearest(s, names)}"
            for s, line in missing.select("sample", "line").rows()
        ]
        return Missing(_few(cohort, problems))
    listed = set(sheet["sample"])
    unlisted = {folded(n): n for n in names - listed}
    misspelt = [
        f"cohort {cohort!r}: sample {s!r} (line {line}) is {unlisted[folded(s)]!r} in its "
        f"file: they differ in {difference(s, unlisted[folded(s)])}; fix: write it as "
        "in the file"
        for s, line in missing.select("sample", "line").rows()
        if folded(s) in unlisted
    ]
    waiting = [s for s in missing["sample"] if folded(s) not in unlisted]
    return Missing(_few(cohort, misspelt), waiting)


def _few(cohort: str, problems: list[str]) -> list[str]:
    more = len(problems) - _MOST_NAMED
    if more <= 0:
        return problems
    return [*problems[:_MOST_NAMED], f"cohort {cohort!r}: ... and {more:,} more like it"]
