"""The modules of a pack, from what is known: one function an archive.

What is not known is left out; the schema says whether it may be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from varhouse.submission.facts import EXPERIMENTS, STRATEGIES, Facts, is_biosample

Entry = dict[str, Any]
Files = Sequence[Mapping[str, str]]

PROJECT = r"PRJ(C[A-Z]\d{6}|(NA|EB|DB|DA|EA)\d+)"
CNSA_PROJECT = r"CNP(his)?\d{6,8}"
RUN = r"([SED]RR|CRR|HRR|CNR(his)?|OER)\d{5,}"
INSDC_RUN = r"[SED]RR\d+"


def _known(entry: Mapping[str, Any]) -> Entry:
    """Leave out what is not known."""
    return {k: v for k, v in entry.items() if v not in (None, "", [])}


def _whom(facts: Facts) -> list[Mapping[str, str] | None]:
    """List the people of an individual pack; of an aggregate one there is nobody: None."""
    return list(facts.people) or [None]


def _title(facts: Facts, person: Mapping[str, str] | None) -> str:
    name = person["sample"] if person else facts.cohort
    said = person.get("title") if person else None
    people = "" if person else f"{facts.n_people} people of "
    return said or f"{facts.assay or 'variants'} of {people}{name}"


def _of(person: Mapping[str, str] | None, key: str) -> str | None:
    return person.get(key) if person else None


def _sample(facts: Facts, person: Mapping[str, str] | None, *keys: str) -> Entry:
    """Give what the archives ask of a sample in common, by our words."""
    record = facts.record
    entry = {
        "sample_name": person["sample"] if person else facts.cohort,
        "title": _title(facts, person),
        "organism": facts.organism,
        "tissue": _of(person, "tissue") or facts.first("sample.tissue"),
        "dev_stage": _of(person, "dev_stage") or facts.first("sample.dev_stage"),
        "type": _of(person, "type") or facts.first("sample.type"),
        "disease": _of(person, "disease") or facts.first("sample.disease", record.disease),
        "phenotype": _of(person, "phenotype") or facts.first("sample.phenotype"),
        "ethnicity": facts.ethnicity(person),
        "sex": _of(person, "sex"),
        "age": _of(person, "age"),
        "generation": _of(person, "generation"),
        "population": _of(person, "population") or facts.first("sample.population"),
        "location": facts.province(person),
    }
    return {k: entry[k] for k in keys} if keys else entry


def _analysis(facts: Facts) -> Entry:
    first, record = facts.first, facts.record
    assay = facts.assay
    return {
        "analysis_title": first("analysis.title", record.title),
        "analysis_alias": facts.alias,
        "description": first("analysis.description", record.description),
        "experiment_type": first("analysis.experiment_type", EXPERIMENTS.get(assay or "")),
        "reference": facts.reference,
        "platform": first("analysis.platform", facts.row.get("platform")),
        "software": facts.software,
        "pipeline": first("analysis.pipeline"),
        "imputation": first("analysis.imputation"),
        "phasing": first("analysis.phasing"),
        "centre": first("analysis.centre", record.holder_name),
        "date": first("analysis.date"),
        "links": first("analysis.links"),
        "run_accessions": first("analysis.run_accessions", facts.accessions(RUN)),
    }


def gvm(facts: Facts, files: Files) -> Entry:
    """Make GVM's five modules."""
    first, record = facts.first, facts.record
    project = facts.accession(PROJECT)
    centre = first("submitter.centre", record.holder_name)
    samples = []
    for person in _whom(facts):
        accession = _of(person, "accession") or ""
        biosample = accession if is_biosample(accession) else None
        own = {"bioproject_id": project, "biosample_id": biosample}
        samples.append(_known({**own, **_sample(facts, person)}))
    return {
        "submitter": _known({
            "name": first("submitter.name", record.investigator),
            "email": facts.email,
            "telephone": first("submitter.telephone"),
            "centre": centre,
            "address": first("submitter.address"),
        }),
        "project": _known({
            "bioproject_id": project,
            "title": first("project.title", record.title),
            "description": first("project.description", record.description),
            "release_date": facts.release_date,
            "sample_number": facts.n_people,
            "centre": centre,
            "publications": first("project.publications", list(record.publications)),
            "access": "Controlled" if facts.is_controlled else "Open",
            "dac": record.dac,
        }),
        "samples": samples,
        "analyses": [_known(_analysis(facts))],
        "files": [
            {"analysis_alias": facts.alias, "file_name": f["name"], "file_type": f["type"],
             "md5": f["md5"]} for f in files
        ],
    }  # fmt: skip


def cnsa(facts: Facts, files: Files) -> Entry:
    """Make CNSA's modules: project, sample, experiment and run, assembly, variation."""
    first, record = facts.first, facts.record
    project = facts.accession(CNSA_PROJECT)
    ethics = [p.number for p in record.papers if p.kind.value == "ethics"]
    analysis = _analysis(facts)
    strategy = STRATEGIES.get(facts.assay or "")
    samples, experiments = [], []
    for person in _whom(facts):
        own = _sample(facts, person)
        location, title = own.pop("location"), own.pop("title")
        asked = ("sample_name", "organism", "sex", "age", "tissue", "ethnicity", "disease")
        samples.append(_known({
            "sample_accession": _of(person, "cnsa_accession"),
            **{k: own[k] for k in asked},
            "sample_title": title, "tax_id": record.taxon, "geographic_location": location,
        }))  # fmt: skip
        name = own["sample_name"]
        experiments.append(_known({
            "project_accession": project, "sample_name": name,
            "experiment_title": f"{strategy or facts.assay} of {own['organism']}: {name}",
            "library_name": _of(person, "library") or f"{name}_{strategy}",
            "library_strategy": strategy, "platform": analysis["platform"],
            "run_accessions": analysis["run_accessions"],
        }))  # fmt: skip
    variation = {
        "project_accession": project,
        "variation_title": analysis["analysis_title"],
        "variation_alias": facts.alias,
        **{k: analysis[k] for k in ("description", "reference", "software")},
        "sample_number": facts.n_people,
    }
    return {
        "submitter": _known({
            "name": first("submitter.name", record.investigator),
            "email": facts.email,
            "telephone": first("submitter.telephone"),
            "affiliation": first("submitter.centre", record.holder_name),
        }),
        "project": _known({
            "project_accession": project,
            "project_title": first("project.title", record.title),
            "project_description": first("project.description", record.description),
            "data_access": "Controlled" if facts.is_controlled else "Public",
            "release_date": facts.release_date,
            "research_scope": first("project.scope", facts.organism),
            "publications": first("project.publications", list(record.publications)),
            "ethics_approval": "; ".join(ethics),
        }),
        "samples": samples,
        "experiments": experiments,
        "assembly": _known({
            "assembly_name": facts.assembly, "assembly_accession": facts.reference,
            "tax_id": record.taxon,
        }),
        "variations": [
            _known({**variation, "file_name": f["name"], "file_type": f["type"],
                    "file_md5": f["md5"]}) for f in files
        ],
    }  # fmt: skip


_CAMEL = {
    "analysis_title": "analysisTitle", "analysis_alias": "analysisAlias",
    "description": "description", "experiment_type": "experimentType",
    "reference": "referenceGenome", "platform": "platform", "software": "software",
    "pipeline": "pipelineDescriptions", "imputation": "imputation", "phasing": "phasing",
    "centre": "centre", "date": "date", "links": "links",
}  # fmt: skip


def eva(facts: Facts, files: Files) -> Entry:
    """Make the metadata of eva-sub-cli."""
    first, record = facts.first, facts.record
    analysis = _analysis(facts)
    centre = first("submitter.centre", record.holder_name)
    runs = first("analysis.run_accessions", facts.accessions(INSDC_RUN))
    return {
        "submitterDetails": [_known({
            "lastName": first("submitter.last_name"),
            "firstName": first("submitter.first_name"),
            "telephone": first("submitter.telephone"),
            "email": facts.email,
            "laboratory": first("submitter.laboratory"),
            "centre": centre,
            "address": first("submitter.address"),
        })],
        "project": _known({
            "title": first("project.title", record.title),
            "description": first("project.description", record.description),
            "centre": centre,
            "taxId": record.taxon,
            "publications": first("project.publications", list(record.publications)),
            "parentProject": first("project.parent"),
            "childProjects": first("project.children"),
            "peerProjects": first("project.peers"),
            "links": first("project.links"),
            "holdDate": facts.release_date,
        }),
        "analysis": [_known(
            {**{_CAMEL[k]: v for k, v in analysis.items() if k in _CAMEL},
             "runAccessions": runs}
        )],
        "sample": [_eva_sample(facts, person) for person in _whom(facts)],
        "files": [
            {"analysisAlias": facts.alias, "fileName": f["name"], "fileType": f["type"],
             "md5": f["md5"]} for f in files if f["type"] == "vcf"
        ],
    }  # fmt: skip


def _eva_sample(facts: Facts, person: Mapping[str, str] | None) -> Entry:
    """Give a sample by its accession, else with what is known of it."""
    own = _sample(facts, person)
    name = own.pop("sample_name")
    entry: Entry = {"analysisAlias": facts.alias, "sampleInVCF": name}
    accession = _of(person, "accession") or ""
    if is_biosample(accession) and not accession.startswith("SAMC"):
        return {**entry, "bioSampleAccession": accession}
    told = {"organism": own.pop("organism"), "taxId": str(facts.record.taxon), **own}
    said = {k: [{"text": str(v)}] for k, v in _known(told).items()}
    return {**entry, "bioSampleObject": {"name": name, "characteristics": said}}


MODULES: dict[str, Callable[[Facts, Files], Entry]] = {"gvm": gvm, "cnsa": cnsa, "eva": eva}
"""How the modules of each archive are made."""
