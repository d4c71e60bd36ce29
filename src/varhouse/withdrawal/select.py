"""Who is to be withdrawn: read from the command, and refused whole if anything is wrong.

A list that is half right is a wrong list: nothing is done for the half that could be. One
public pipeline emptied a whole data set on a list that held everybody.
"""

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import ConfigError, InputError, StoreError, UsageError, nearest
from varhouse.store.ledger import Ledger
from varhouse.store.lifecycle import cohorts_of
from varhouse.store.reader import Store
from varhouse.textfile import decode_any, read_small, split_lines

_MOST_NAMED = 10
_STDIN = Path("-")
_WHERE = "in who is to be withdrawn; nothing was changed"


def read_people(samples: Sequence[str], file: Path | None) -> list[str]:
    """Read who is to be withdrawn.

    Parameters
    ----------
    samples
        Sample ids of the command line.
    file
        A list, one id a line; `-` is standard input.

    Returns
    -------
    list of str
        The ids as they are given; blank lines and blanks around an id do not count.

    Raises
    ------
    UsageError
        If both are given, or none.
    InputError
        If the list cannot be read, or is empty.
    """
    if bool(samples) == (file is not None):
        raise UsageError(
            "whom to withdraw is said by --sample or by --samples",
            "--sample ID for each of a few, or --samples FILE with an id a line",
        )
    if file is None:
        if not all(s.strip() for s in samples):
            raise UsageError("--sample: the id is empty", "--sample ID")
        return [s.strip() for s in samples]
    try:
        data = sys.stdin.buffer.read() if file == _STDIN else read_small(file)
    except OSError as error:
        raise InputError(f"--samples {file}: {error.strerror}", "give a list") from None
    text, _ = decode_any(file, data)
    for number, line in enumerate(split_lines(text), 1):
        if "\t" in line.strip():
            raise InputError(
                f"--samples {file}: line {number} has {line.count(chr(9)) + 1:,} columns",
                "an id a line, nothing else",
            )
    names = [n for line in split_lines(text) if (n := line.strip())]
    if not names:
        raise InputError(f"--samples {file}: the list is empty", "an id a line")
    return names


@dataclass(frozen=True)
class Chosen:
    """People of a cohort that are in the store.

    Attributes
    ----------
    cohort
        Their cohort.
    people
        Their sample ids, sorted.
    elsewhere
        Other cohorts to those of the ids that they have, too: they stay in there.
    """

    cohort: str
    people: list[str]
    elsewhere: dict[str, list[str]]


def choose(store: Store, ledger: Ledger, cohort: str, names: Sequence[str]) -> Chosen:
    """Check whom a command names; see the module.

    Raises
    ------
    StoreError
        If there is no such cohort.
    ConfigError
        With every mistake: ids twice, unknown ones, ones of other cohorts, people who were
        withdrawn already, everybody.
    """
    _check_cohort(store, cohort)
    wanted = list(dict.fromkeys(names))
    twice = [n for n, k in Counter(names).items() if k > 1]
    rows = store.scan("samples").select("cohort", "sample").collect()
    mine = set(rows.filter(pl.col("cohort") == cohort)["sample"])
    others: dict[str, list[str]] = {}
    found = rows.filter((pl.col("cohort") != cohort) & pl.col("sample").is_in(wanted))
    for name, sample in found.sort("cohort", "sample").rows():
        others.setdefault(name, []).append(sample)
    problems = [f"sample {n!r} is named twice" for n in twice]
    problems += [_why_not(ledger, cohort, n, mine, others) for n in wanted if n not in mine]
    left = mine - set(wanted)
    if mine and not left:
        problems.append(
            f"these are all {len(mine):,} people of cohort {cohort!r}; fix: "
            f"varhouse store drop {shlex.quote(str(store.path))} --cohort "
            f"{shlex.quote(cohort)}, if nobody is to be left"
        )
    if problems:
        raise ConfigError(_few(problems), _WHERE)
    return Chosen(cohort, sorted(wanted), others)


def _check_cohort(store: Store, cohort: str) -> None:
    known = cohorts_of(store) if "cohorts" in store.tables else []
    if cohort not in known:
        raise StoreError(
            f"release {store.release} of {store.path} has no cohort {cohort!r}"
            f"{nearest(cohort, known)}",
            f"varhouse store show {shlex.quote(str(store.path))} lists the cohorts",
        )


def _why_not(
    ledger: Ledger, cohort: str, name: str, mine: set[str], others: dict[str, list[str]]
) -> str:
    """Say why somebody who is not in a cohort cannot be taken out of it."""
    entry = ledger.find(cohort, name)
    if entry is not None:
        by = f"release {entry.release}, {entry.time}"
        more = (
            ""
            if entry.everywhere
            else "; to refuse whoever went then in any cohort: the same list, --everywhere"
        )
        return f"sample {name!r} was withdrawn from cohort {cohort!r} already ({by}){more}"
    held = [c for c, names in others.items() if name in names]
    if held:
        where = ", ".join(repr(c) for c in held)
        return f"sample {name!r} is not in cohort {cohort!r}, but in {where}"
    return f"sample {name!r} is not in cohort {cohort!r}{nearest(name, mine)}"


def _few(problems: list[str]) -> list[str]:
    more = len(problems) - _MOST_NAMED
    if more <= 0:
        return problems
    return [*problems[:_MOST_NAMED], f"... and {more:,} more like it"]
