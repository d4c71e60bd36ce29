"""Facts and papers of a cohort as the ledger has them, in the words that rules ask."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from varhouse.governance.model import SEQUENCED, Assay, CohortRecord, Paper, PaperKind


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
        "cohort.is_embargoed": record.is_embargoed(on),
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
