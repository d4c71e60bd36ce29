"""What the ledger says: cohorts, the papers under which they may be used, who gets data.

All of it is data: dates are `datetime.date`, None is not said. What is known of a cohort is
the sum of its entries, later ones over earlier ones (`ledger.py`). Accession patterns, codes
and what is checked of each field: `fields.py`.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Tier(StrEnum):
    """How far data may go: T0 aggregates for anybody, T3 for nobody without a grant."""

    T0 = "T0"
    """Aggregates for anybody."""
    T1 = "T1"
    """Aggregates for who is registered."""
    T2 = "T2"
    """Individual level, inside alone."""
    T3 = "T3"
    """Families and regions that are registered as important: by explicit grant alone."""


class Assay(StrEnum):
    """How people's genomes were read."""

    WGS = "WGS"
    WES = "WES"
    ARRAY = "array"
    PANEL = "panel"
    NIPT = "NIPT"


SEQUENCED = (Assay.WGS, Assay.WES)
"""Genome or exome sequence: what thresholds of the security review count."""


class PaperKind(StrEnum):
    """A paper that allows something, or shows that a duty was done."""

    ETHICS = "ethics"
    CONSENT = "consent"
    COLLECTION = "collection"
    PRESERVATION = "preservation"
    RESEARCH = "international_research"
    EXPORT = "material_export"
    TRIAL = "trial_filing"
    REGISTRATION = "registration"
    """Of an important family or a specific region."""
    REPORT = "report"
    """That information is provided abroad or opened, in advance."""
    BACKUP = "backup"
    REVIEW = "security_review"
    DAC = "dac_decision"
    BASIS = "foreign_data_basis"
    """Under which controlled data of a foreign database may be held."""
    ASSESSMENT = "transfer_assessment"
    """Of a transfer of personal information abroad, by the cyberspace authority."""


@dataclass(frozen=True)
class Paper:
    """A permit, filing, review, report, receipt or approval.

    Attributes
    ----------
    kind, number, issuer
        What it is.
    cohorts
        Those that it covers; empty: as the entry that brought it says.
    valid_from, valid_until
        First and last day, both included; None: not bounded.
    people
        How many people it covers; None: not bounded.
    assays, recipients, purposes
        To what it is limited; empty: not limited.
    resources
        Of a BASIS the foreign databases, as `foreign.py` names them.
    revoked
        The day from which it counts no more; None: it was not revoked.
    """

    kind: PaperKind
    number: str
    issuer: str = ""
    cohorts: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    people: int | None = None
    assays: tuple[Assay, ...] = ()
    recipients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    revoked: date | None = None

    def is_valid(self, on: date) -> bool:
        """Tell whether it counts on a day."""
        return (
            (self.valid_from is None or self.valid_from <= on)
            and (self.valid_until is None or on <= self.valid_until)
            and (self.revoked is None or on < self.revoked)
        )

    def covers(self, recipient: str | None, purpose: str | None) -> bool:
        """Tell whether its limits let a recipient and a purpose pass."""
        return allows(self.recipients, recipient) and allows(self.purposes, purpose)


def folded(text: str) -> str:
    """Give a text as texts of governance are compared: without case, width, more blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def names(named: Sequence[str], value: str | None) -> bool:
    """Tell whether a value is named by itself; what nobody said is not."""
    asked = folded(value or "")
    return bool(asked) and asked in map(folded, named)


def allows(limits: Sequence[str], value: str | None) -> bool:
    """Tell whether limits let a value pass; no limits let all pass, others nothing unsaid."""
    return not limits or names(limits, value)


@dataclass(frozen=True)
class Consent:
    """What people agreed to: version of the form, scope, DUO codes (`DUO:0000042`)."""

    version: str = ""
    scope: str = ""
    duo: tuple[str, ...] = ()
    withdrawal_contact: str = ""
    ai_training: bool | None = None


@dataclass(frozen=True)
class CohortRecord:
    """What the ledger knows of a cohort on a day.

    Attributes
    ----------
    holder
        Unified social credit code of the legal holder.
    provinces, ethnic_groups
        Codes of GB/T 2260 (province level) and GB/T 3304.
    people
        People by assay.
    is_pedigree, generations_affected, disease
        Of families; generations that are affected.
    is_specific_region
        People of a specific region, in the sense of the regulation.
    us_people
        People of the United States among them.
    foreign_share
        Share (0 to 1) of foreign parties in the holder.
    same_people_as
        Cohorts of (some of) the same people under other sample ids.
    is_withdrawn
        It may be used no more, by nobody, on the day that was asked about.
    people_total
        Distinct people; None: not said (an assay's people may be those of another).
    description, contact, publications
        As archives ask for them: a few sentences, an e-mail address, DOI or PMID.
    """

    cohort: str
    accessions: tuple[str, ...] = ()
    title: str = ""
    holder: str | None = None
    holder_name: str = ""
    investigator: str = ""
    consent: Consent | None = None
    papers: tuple[Paper, ...] = ()
    provinces: tuple[str, ...] = ()
    ethnic_groups: tuple[str, ...] = ()
    people: dict[Assay, int] = field(default_factory=dict)
    is_pedigree: bool | None = None
    generations_affected: int | None = None
    disease: str = ""
    is_specific_region: bool | None = None
    us_people: int | None = None
    foreign_share: float | None = None
    tier: Tier | None = None
    storage_site: str = ""
    embargo_until: date | None = None
    licence: str = ""
    dac: str = ""
    survey_round: str = ""
    same_people_as: tuple[str, ...] = ()
    is_withdrawn: bool = False
    taxon: int = 9606
    people_total: int | None = None
    description: str = ""
    contact: str = ""
    publications: tuple[str, ...] = ()

    def valid(self, kind: PaperKind, on: date) -> tuple[Paper, ...]:
        """List its papers of a kind that count on a day."""
        return tuple(p for p in self.papers if p.kind is kind and p.is_valid(on))

    def is_embargoed(self, on: date) -> bool:
        """Tell whether the embargo has not ended: `embargo_until` is its last day."""
        return self.embargo_until is not None and on <= self.embargo_until


class RecipientKind(StrEnum):
    """Who gets data, as the rules tell them apart."""

    INSIDE = "inside"
    """The holder of the store itself: its own people, on its own machines."""
    DOMESTIC = "domestic"
    FOREIGN = "foreign"
    """A foreign organisation, or one that it set up or controls."""
    OPEN = "open"
    """Anybody."""


@dataclass(frozen=True)
class Recipient:
    """Who may be given data.

    Attributes
    ----------
    country
        ISO 3166-1 alpha-2.
    foreign_share
        Share (0 to 1) of foreign parties.
    crypt4gh_key
        Public key, as the file of `crypt4gh-keygen` has it.
    code
        Unified social credit code, of a domestic one.
    """

    name: str
    kind: RecipientKind
    country: str = ""
    foreign_share: float | None = None
    contact: str = ""
    crypt4gh_key: str = ""
    code: str = ""


INSIDE = Recipient("inside", RecipientKind.INSIDE)
OPEN = Recipient("open", RecipientKind.OPEN)
"""Recipients that every ledger has."""


@dataclass(frozen=True)
class Grant:
    """That a user of the system may read data of a cohort of tier T3."""

    principal: str
    cohort: str
    until: date | None = None
    reason: str = ""
