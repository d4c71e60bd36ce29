"""Tables of people are of people whom the cohort has, and of the state that it is in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from varhouse.verify.people import Cohort
from varhouse.verify.problems import Problem

Row = Mapping[str, Any]
Read = Callable[[str, list[str]], Iterator[dict[str, Any]]]

_NAMED: dict[str, list[tuple[str, str]]] = {
    "sample_qc": [("ordinal", "sample")],
    "ancestry": [("ordinal", "sample")],
    "related": [("ordinal_1", "sample_1"), ("ordinal_2", "sample_2")],
    "trios": [("ordinal", "child")],
    "same_people": [("ordinal", "sample")],
}
"""Table to columns with an ordinal of the cohort, each with that of the sample's id."""

_ELSEWHERE = {
    "same_people": [("with_cohort", "with_sample"), ("first_cohort", "first_sample")]
}
"""Table to columns with the name of any cohort, each with that of a sample of it."""

_EACH = ("sample_qc",)
"""Tables with one row for each sample of a cohort that has rows there."""


def check_people(cohorts: Mapping[str, Cohort], read: Read) -> list[Problem]:
    """Compare the tables of people with the samples and cohorts of the release.

    Parameters
    ----------
    read
        Gives some columns of the rows of a table, with those of its partition.
    """
    problems: list[Problem] = []
    known = {n: {k: r["sample"] for k, r in c.samples.items()} for n, c in cohorts.items()}
    ids = {(n, s) for n, people in known.items() for s in people.values()}
    for table, pairs in _NAMED.items():
        wanted = [c for pair in (*pairs, *_ELSEWHERE.get(table, ())) for c in pair]
        seen: dict[str, set[int]] = {}
        for row in read(table, wanted):
            people = known.get(row["cohort"], {})
            for ordinal, sample in pairs:
                if people.get(row[ordinal]) != row[sample]:
                    problems.append(_unknown(table, row, f"{ordinal} {row[ordinal]}"))
            for cohort, sample in _ELSEWHERE.get(table, ()):
                if (row[cohort], row[sample]) not in ids:
                    problems.append(_unknown(table, row, f"{cohort} {row[cohort]}"))
            seen.setdefault(row["cohort"], set()).add(row[pairs[0][0]])
        if table in _EACH:
            problems += _lacking(table, known, seen)
    return [*problems, *_check_made(cohorts, read)]


def _unknown(table: str, row: Row, what: str) -> Problem:
    # No id of a sample: what is found is told to who may not read about people, too.
    return Problem(table, "", f"cohort {row['cohort']}: {what} is no sample with that id")


def _lacking(
    table: str, known: Mapping[str, Mapping[int, str]], seen: Mapping[str, set[int]]
) -> Iterable[Problem]:
    for cohort, ordinals in seen.items():
        if lacking := len(known.get(cohort, {}).keys() - ordinals):
            yield Problem(table, "", f"cohort {cohort}: {lacking} sample(s) have no row")


def _check_made(cohorts: Mapping[str, Cohort], read: Read) -> Iterator[Problem]:
    """Compare what the tables say they were made from with what there is."""
    flagged: dict[str, int] = {}
    for row in read("sample_qc", ["flags"]):
        flagged[row["cohort"]] = flagged.get(row["cohort"], 0) + bool(row["flags"])
    made = set()
    for row in read("people_made", ["made_from", "n_samples", "n_flagged"]):
        name = row["cohort"]
        made.add(name)
        cohort = cohorts.get(name)
        wanted = {
            "made_from": cohort.row.get("fingerprint") if cohort else None,
            "n_samples": len(cohort.samples) if cohort else 0,
            "n_flagged": flagged.get(name, 0),
        }
        for column, value in wanted.items():
            if row[column] != value:
                what = f"cohort {name}: {column} is {row[column]}, not {value}"
                yield Problem("people_made", "", what)
    for name in sorted(set(flagged) - made):
        yield Problem("sample_qc", "", f"cohort {name}: people_made does not tell of it")
