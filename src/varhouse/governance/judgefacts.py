"""Facts and papers of a cohort as the ledger has them, in the words that rules ask."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from varhouse.governance.model import SEQUENCED, Assay, CohortRecord, Paper, PaperKind, Tier


def facts_of(record: CohortRecord | None, on: date) -> dict[str, Any]:
    """Give what the ledger says of a cohort, as facts (`facts.FACTS`); None: it says nothing.

    The numbers of people are those of the ledger: who knows better puts his over them.
    """
    if record is None:
        return {}
    consent = record.consent
    return {
        "cohorts": (record.cohort,),
        "cohort.is_pedigree": record.is_pedigree,
        "cohort.generations_affected": record.generations_affected,
        "cohort.disease": record.disease or None,
        "cohort.is_specific_region": record.is_specific_region,
        "cohort.foreign_share": record.foreign_share,
        "cohort.tier": record.tier.value if record.tier else None,
        "cohort.duo": list(consent.duo) if consent else None,
        "cohort.ai_training": consent.ai_training if consent else None,
        "cohort.is_embargoed": record.embargo_until is not None and on <= record.embargo_until,
        "cohort.is_withdrawn": record.is_withdrawn,
        "cohort.taxon": record.taxon,
        "people.us": record.us_people,
        **people_facts(record.people, record.people_total),
    }


def people_facts(people: Mapping[Assay, int], total: int | None = None) -> dict[str, Any]:
    """Give numbers of people by assay as facts.

    Parameters
    ----------
    people
        Of each assay that is known of, distinct people.
    total
        Distinct people of all; None: the sum, which counts who has two assays twice.
    """
    out: dict[str, Any] = {f"people.{a.value}": people.get(a) for a in Assay}
    if people:
        # Of a cohort whose assays are said, there is nobody with another one.
        out = {k: v or 0 for k, v in out.items()}
        out["people.sequenced"] = sum(people.get(a, 0) for a in SEQUENCED)
    out["people.total"] = total if total is not None else (sum(people.values()) or None)
    return out


def papers_for(record: CohortRecord | None) -> tuple[Paper, ...]:
    """Give the papers of a cohort; a consent that is described is one, too."""
    if record is None:
        return ()
    consent = record.consent
    is_said = consent is not None and (consent.version or consent.scope or consent.duo)
    if not is_said or any(p.kind is PaperKind.CONSENT for p in record.papers):
        return record.papers
    assert consent is not None
    number = consent.version or consent.scope or ", ".join(consent.duo)
    return (*record.papers, Paper(PaperKind.CONSENT, number, cohorts=(record.cohort,)))


def joined_facts(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the facts of several cohorts that are given together.

    A flag is raised if any raises it, else unknown if any is; the tier is the highest, DUO
    codes and foreign databases are those of all; consent to training is that of all.
    """
    out: dict[str, Any] = {"cohorts": tuple(n for f in each for n in f.get("cohorts", ()))}
    for name in _FLAGS:
        out[name] = _any([f.get(name) for f in each])
    consents = [f.get("cohort.ai_training") for f in each]
    against = _any([None if c is None else not c for c in consents])
    out["cohort.ai_training"] = None if against is None else not against
    for name in ("cohort.duo", "foreign.resources"):
        lists = [f[name] for f in each if f.get(name) is not None]
        out[name] = sorted({v for values in lists for v in values}) if lists else None
    for name in ("cohort.generations_affected", "cohort.foreign_share", "people.us"):
        known = [f[name] for f in each if f.get(name) is not None]
        out[name] = (sum(known) if name == "people.us" else max(known)) if known else None
    tiers = [f.get("cohort.tier") for f in each]
    known = [t for t in tiers if t is not None]
    out["cohort.tier"] = (
        None if None in tiers and Tier.T3.value not in known else max(known, default=None)
    )
    taxa = {f.get("cohort.taxon") for f in each}
    # One human cohort among them makes them all asked.
    out["cohort.taxon"] = taxa.pop() if len(taxa) == 1 else None
    diseases = {f.get("cohort.disease") for f in each if f.get("cohort.is_pedigree")}
    out["cohort.disease"] = diseases.pop() if len(diseases) == 1 else None
    return out


_FLAGS = (
    "cohort.is_pedigree", "cohort.is_specific_region", "cohort.is_embargoed",
    "cohort.is_withdrawn",
)  # fmt: skip


def _any(values: Iterable[bool | None]) -> bool | None:
    """Kleene's or."""
    said = list(values)
    if any(v is True for v in said):
        return True
    return None if None in said else False
