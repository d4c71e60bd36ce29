"""What is known of a cohort for a pack: details, ledger, store, in this order.

Aggregate packs know their people as a number: no row, name or attribute of a person gets into
one. The controlled tables are read for individual packs alone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from varhouse.errors import StoreError, nearest
from varhouse.governance.codes import ethnic_groups, find_accession, provinces
from varhouse.governance.model import CohortRecord, Tier
from varhouse.sheetcolumns import folded
from varhouse.store.reader import Store
from varhouse.submission.schemas import FOLDER
from varhouse.submission.texts import CHECK

ORGANISMS = {9606: "Homo sapiens"}
"""Names that follow from a taxon; of others the details say the organism."""

EXPERIMENTS = {
    "WGS": "Whole genome sequencing", "WES": "Exome sequencing",
    "array": "Genotyping by array", "panel": "Target sequencing",
    "NIPT": "Whole genome sequencing",
}  # fmt: skip
STRATEGIES = {"WGS": "WGS", "WES": "WXS", "array": "OTHER", "panel": "Targeted-Capture",
              "NIPT": "WGS"}  # fmt: skip

_COLUMNS = {
    "accession": ("accession", "biosample", "biosample_id", "sample_accession", "样本登记号"),
    "cnsa_accession": ("cnsa_accession", "cns", "cnsa_sample"),
    "title": ("title", "sample_title", "样本标题"),
    "tissue": ("tissue", "cell_type", "material", "组织", "样本类型"),
    "dev_stage": ("dev_stage", "developmental_stage", "发育阶段"),
    "type": ("type", "research_type", "研究类型"),
    "disease": ("disease", "trait", "疾病", "性状"),
    "phenotype": ("phenotype", "表型"),
    "ethnic_group": ("ethnic_group", "ethnicity", "ethnic", "民族"),
    "province": ("province", "province_code", "location", "省份", "省", "采集省份"),
    "age": ("age", "年龄"),
    "generation": ("generation", "代次"),
    "family": ("family", "family_id", "家系", "家系编号"),
    "library": ("library", "library_name", "文库"),
}  # fmt: skip
"""What is asked of a sample, and the columns of the sample sheet that may say it."""


@dataclass(frozen=True)
class Facts:
    """What a pack is made from.

    Attributes
    ----------
    details
        As `details.read_details` gives them.
    people
        A mapping a sample: `sample`, `sex`, `population`, and `_COLUMNS`; empty of an
        aggregate pack.
    n_people
        Number of samples.
    row
        The cohort's row of the table `cohorts`.
    """

    cohort: str
    assembly: str
    release: int
    record: CohortRecord
    details: Mapping[str, Mapping[str, Any]]
    row: Mapping[str, Any]
    people: Sequence[Mapping[str, str]]
    n_people: int
    on: date
    problems: list[str] = field(default_factory=list)

    @property
    def is_individual(self) -> bool:
        """Tell whether single people are in it."""
        return bool(self.people)

    def first(self, place: str, *others: Any) -> Any:
        """Give what the details say at a place (`project.title`), or the first other value."""
        part, _, key = place.partition(".")
        values = [self.details.get(part, {}).get(key), *others]
        return next((v for v in values if v not in (None, "", [], ())), None)

    def accession(self, *patterns: str) -> str | None:
        """Give the first accession of the ledger, or of the store's project, of a form."""
        known = [*self.record.accessions, self.row.get("project") or ""]
        return next((a for a in known for p in patterns if re.fullmatch(p, a)), None)

    def accessions(self, pattern: str) -> list[str] | None:
        """Give all accessions of the ledger of a form; None: there is none."""
        return [a for a in self.record.accessions if re.fullmatch(pattern, a)] or None

    @cached_property
    def assay(self) -> str | None:
        """The assay of the cohort, if it is one: the ledger's, else the store's."""
        said = [a.value for a, n in self.record.people.items() if n]
        if len(said) == 1:
            return said[0]
        if len(said) > 1:
            return None
        text = (self.row.get("assay") or "").strip()
        return next((a for a in EXPERIMENTS if a.casefold() == text.casefold()), None)

    @property
    def organism(self) -> str | None:
        """Scientific name."""
        found: str | None = self.first("sample.organism", ORGANISMS.get(self.record.taxon))
        return found

    @property
    def release_date(self) -> str | None:
        """The day from which it is open: the details', or the day after the embargo."""
        end = self.record.embargo_until
        after = (end + timedelta(days=1)).isoformat() if end else None
        found: str | None = self.first("project.release_date", after)
        return found

    @property
    def is_controlled(self) -> bool:
        """Tell whether a committee decides who gets it: by tier, or as one is named."""
        return bool(self.record.dac) or self.record.tier not in (None, Tier.T0)

    @property
    def alias(self) -> str:
        """What the analysis is called."""
        return str(self.first("analysis.alias", f"{self.cohort}_release_{self.release}"))

    @property
    def reference(self) -> str | None:
        """Accession of the assembly."""
        found: str | None = self.first("analysis.reference", _assemblies().get(self.assembly))
        return found

    @property
    def email(self) -> str | None:
        """The submitter's address; the ledger's contact, if it is one."""
        contact = self.record.contact
        found: str | None = self.first("submitter.email", contact if "@" in contact else None)
        return found

    @property
    def software(self) -> list[str] | None:
        """Programs that made the calls."""
        caller = self.row.get("caller")
        found: list[str] | None = self.first("analysis.software", [caller] if caller else None)
        return found

    def province(self, person: Mapping[str, str] | None) -> str | None:
        """Say where people are from, as archives do: `China: Beijing`."""
        said = person.get("province", "") if person else ""
        codes = [said] if said else list(self.record.provinces)
        names = [self._code(provinces(), c, "province") for c in codes]
        return "; ".join(f"China: {n}" for n in names if n) or None

    def ethnicity(self, person: Mapping[str, str] | None) -> str | None:
        """Name the ethnic group, or those of the cohort."""
        said = person.get("ethnic_group", "") if person else ""
        codes = [said] if said else list(self.record.ethnic_groups)
        names = [self._code(ethnic_groups(), c, "ethnic_group") for c in codes]
        return "; ".join(n for n in names if n) or None

    def _code(self, known: Any, text: str, where: str) -> str | None:
        code = known.find(text)
        if code is None:
            line = CHECK["code"].say(value=text, where=where, what=known.what.say())
            if line not in self.problems:
                self.problems.append(line)
            return None
        return str(known.name(code, "en"))


def _assemblies() -> dict[str, str]:
    lines = (FOLDER / "assemblies.tsv").read_text("utf-8").splitlines()[1:]
    return {name: accession for name, accession, _ in (x.split("\t") for x in lines)}


def gather(
    store: Store,
    cohort: str,
    record: CohortRecord | None,
    details: Mapping[str, Mapping[str, Any]],
    on: date,
    *,
    is_individual: bool,
) -> Facts:
    """Gather what is known of a cohort.

    Raises
    ------
    StoreError
        If the store has no such cohort, or it was withdrawn.
    """
    rows = store.scan("cohorts").collect()
    own = rows.filter(pl.col("cohort") == cohort)
    if own.is_empty():
        near = nearest(cohort, rows["cohort"].to_list())
        raise StoreError(CHECK["no_cohort"].say(cohort=cohort, near=near))
    record = record or CohortRecord(cohort)
    if record.is_withdrawn:
        raise StoreError(CHECK["withdrawn"].say(cohort=cohort))
    row = own.to_dicts()[0]
    people = read_people(store, [cohort]) if is_individual else []
    n = len(people) if is_individual else int(row.get("n_samples") or 0)
    return Facts(cohort, store.assembly, store.release, record, details, row, people, n, on)


def read_people(store: Store, cohorts: Sequence[str]) -> list[dict[str, str]]:
    """Read the samples of cohorts with what their sheet says, by the names of `_COLUMNS`."""
    frame = store.scan("samples", cohort=list(cohorts)).collect().sort("cohort", "ordinal")
    out = []
    names = {other: name for name, others in _COLUMNS.items() for other in others}
    for row in frame.iter_rows(named=True):
        cells = json.loads(row["attributes"] or "{}")
        said = {
            names[f]: str(v).strip() for k, v in cells.items() if (f := folded(k)) in names
        }
        said |= {k: row[k] or "" for k in ("cohort", "sample", "sex", "population")}
        out.append(said)
    return out


def is_biosample(text: str) -> bool:
    """Tell whether an accession is one of a sample."""
    found = find_accession(text)
    return found is not None and "ample" in found["kind"]
