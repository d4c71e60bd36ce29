"""A person of a batch as its page sees them: the JSON of `reads.metrics.person_metrics`."""

from collections.abc import Mapping, Sequence
from typing import Any

Person = Mapping[str, Any]


def name_of(person: Person, *, with_cohort: bool = False) -> str:
    """Name a person; with the cohort where several have people."""
    return f"{person['cohort']}/{person['sample']}" if with_cohort else str(person["sample"])


def has_several(people: Sequence[Person]) -> bool:
    """Tell whether people are of several cohorts."""
    return len({p["cohort"] for p in people}) > 1


def value_of(person: Person, figure: str) -> Any:
    """Give a figure of a person; None: it cannot be known."""
    return person["figures"].get(figure)


def is_flagged(person: Person) -> bool:
    """Tell whether anything about a person is odd."""
    return bool(person.get("flags"))
