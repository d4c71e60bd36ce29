"""What describes a pack to others: a card for Database Commons, and a citation file.

Numbers of the card are those of the pack's own VCF.
"""

from pathlib import Path

import yaml

from varhouse import __version__
from varhouse.submission.facts import Facts
from varhouse.submission.folder import Told, write_json


def write_catalogue(folder: Path, facts: Facts, told: Told) -> None:
    """Write `catalogue.json` and `CITATION.cff` of a pack."""
    record = facts.record
    title = str(facts.first("catalogue.name", facts.first("project.title", record.title)))
    card = {
        "name": title,
        "url": facts.first("catalogue.url"),
        "description": facts.first("project.description", record.description),
        "species": facts.organism,
        "taxon": record.taxon,
        "data_type": "genome variation",
        "content": "individual" if facts.is_individual else "aggregate",
        "assembly": facts.assembly,
        "assembly_accession": facts.reference,
        "version": str(facts.first("catalogue.version", facts.release)),
        "licence": record.licence or None,
        "access": "controlled" if facts.is_controlled else "open",
        "institution": facts.first("submitter.centre", record.holder_name),
        "contact": facts.email,
        "keywords": facts.first("catalogue.keywords"),
        "publications": facts.first("project.publications", list(record.publications)) or [],
        "accessions": list(record.accessions),
        "numbers": {"records": told.records, "people": facts.n_people,
                    "contigs": len(told.contigs)},
        "made_by": f"varhouse {__version__}",
    }  # fmt: skip
    write_json(folder / "catalogue.json", card)
    citation = {
        "cff-version": "1.2.0",
        "type": "dataset",
        "message": "If you use this data set, please cite it as below.",
        "title": title,
        "authors": [{"name": card["institution"] or facts.first("submitter.name") or title}],
        "version": card["version"],
        "identifiers": [
            {"type": "other", "value": a, "description": "accession"}
            for a in record.accessions
        ],
    }
    if record.licence:
        citation["license"] = record.licence
    text = yaml.safe_dump(
        {k: v for k, v in citation.items() if v}, allow_unicode=True, sort_keys=False
    )
    (folder / "CITATION.cff").write_text(text, "utf-8")
