"""What is asked of the egress gate: which people's data, to whom, for what."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from varhouse.errors import UsageError


class Content(StrEnum):
    """What leaves, as the rules tell it apart."""

    INDIVIDUAL = "individual"
    """Anything about single people: calls, carriers, names, counts of a chosen group."""
    AGGREGATE = "aggregate"
    """Counts over the people of whole cohorts and of strata that the store has."""


class Answer(StrEnum):
    """What the gate says, from the mildest to the hardest."""

    ALLOW = "allow"
    REPORT = "report_and_backup"
    """After report in advance and backup of the information: the papers are missing."""
    REVIEW = "security_review"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """How hard it is: 0 to 3."""
        return list(type(self)).index(self)


EXIT_CODES = {Answer.ALLOW: 0, Answer.REPORT: 3, Answer.REVIEW: 4, Answer.DENY: 1}
"""Exit codes of `varhouse share check`."""


@dataclass(frozen=True)
class Request:
    """That data of some people leaves a store.

    Attributes
    ----------
    store
        Root folder of the governed store.
    release
        Number or tag; None: the newest.
    cohorts
        Of whom; None: of every cohort of the release.
    samples
        Names of the samples; None: everybody of the cohorts.
    people
        A condition on the sheets that chooses among them, as of `--people`.
    listed
        A file of samples that does, as of `varhouse frequencies --samples`.
    releases
        Further releases of which it tells.
    content
        Individual or aggregate.
    recipient
        Name of a recipient of the ledger; `inside` and `open` are in every ledger.
    purpose
        What the data is for: one of the purposes that permits name, or any words.
    what
        The way out: a command, as the audit log and the receipt tell it.
    """

    store: Path
    release: str | int | None = None
    cohorts: tuple[str, ...] | None = None
    samples: tuple[str, ...] | None = None
    people: str | None = None
    listed: Path | None = None
    releases: tuple[str | int | None, ...] = ()
    content: Content = Content.INDIVIDUAL
    recipient: str = "inside"
    purpose: str = ""
    what: str = "share check"


def parse_content(word: str) -> Content:
    """Read `individual` or `aggregate`.

    Raises
    ------
    UsageError
        If it is neither.
    """
    try:
        return Content(word)
    except ValueError:
        raise UsageError(
            f"no content is called {word!r}", f"one of {', '.join(Content)}"
        ) from None
