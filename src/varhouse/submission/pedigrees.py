"""`varhouse submit pedigrees`: which families are important, a declaration, proposed entries.

Nothing is entered: `ledger-proposed.tsv` is for a person to read, and to enter if it is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.files import whole_folder
from varhouse.governance.model import CohortRecord, PaperKind, Tier
from varhouse.language import CHINESE, ENGLISH
from varhouse.submission.diseases import (
    OUTSIDE,
    Book,
    Definition,
    group_diseases,
    is_code,
    judge,
)
from varhouse.submission.families import Cases, connected_parts, find_cases, find_circle
from varhouse.submission.folder import (
    Row,
    Sheet,
    check_free,
    write_json,
    write_manifest,
    write_tsv,
    write_workbook,
)
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.pedfile import People, read_pedigrees
from varhouse.submission.texts import ADVICE, DECLARATION, HEAD, PED, REASON, VERDICT

IMPORTANT, COMMON, REVIEW, FEWER = "important", "common", "review", "fewer"
_NUMBERS = ("people", "affected", "affected_by_blood", "generations", "affected_generations",
            "span", "carriers", "married_in", "consanguine")  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A family and a disease of it, and what follows.

    Attributes
    ----------
    family
        Its id; of a set without one `P1`, `P2`, ...: by the order of the file.
    numbers
        As `families.Cases` has them.
    verdict
        `important`, `common`, `review` or `fewer`.
    reasons
        Why, as (key of `texts.REASON`, values).
    """

    family: str
    cohort: str
    disease: str
    icd10: str
    omim: str
    numbers: Mapping[str, int]
    verdict: str
    reasons: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def why(self, code: str | None = None) -> str:
        """Say the reasons in a language."""
        values = [REASON[key].say(code, **_in(code, v)) for key, v in self.reasons]
        return "; ".join(values)


def _in(code: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: (v[1] if code == CHINESE else v[0]) if isinstance(v, tuple) else v
        for k, v in values.items()
    }


@dataclass(frozen=True)
class Findings:
    """All families with an affected member, and notes on how the files were read."""

    families: tuple[Family, ...]
    definition: Definition
    n_people: int
    n_parts: int
    notes: tuple[str, ...]

    def of(self, verdict: str) -> list[Family]:
        """List those of a verdict."""
        return [f for f in self.families if f.verdict == verdict]


def find_families(
    paths: Sequence[Path],
    book: Book,
    on: date,
    *,
    disease: str = "",
    icd10: str = "",
    omim: str = "",
    cohort: str = "",
    across: bool = False,
    affected: int | None = None,
) -> Findings:
    """Read pedigrees and judge each family and disease.

    Parameters
    ----------
    book, on
        Definitions and common diseases, and the day on which they are asked.
    disease, icd10, omim, cohort
        What holds where the files do not say it.
    across, affected
        As for `read_pedigrees`.

    Raises
    ------
    MistakesError
        If anything is wrong with the rows: all of it.
    """
    definition = book.on(on)
    people = read_pedigrees(paths, across=across, affected=affected)
    if circle := find_circle(people):
        names = " -> ".join(people.name[i] for i in [*circle, circle[0]][:12])
        raise MistakesError([PED["circle"].say(names=names)], PED["where"].say())
    illness = _with_defaults(people.illness, disease, icd10, omim)
    bad = sorted({c for c in illness["icd10"].to_list() if c and not is_code(c)})
    if bad:
        raise MistakesError([PED["icd"].say(code=c) for c in bad[:20]], PED["where"].say())
    part = connected_parts(people)
    illness = group_diseases(_fill_unnamed(illness, part), book.common)
    pairs = illness.unique(["person", "number"], maintain_order=True)
    cases = find_cases(people, part, pairs["person"].to_numpy(), pairs["number"].to_numpy())
    labels = _labels(illness)
    parts = _names_of_parts(people, part)
    found = []
    for i in range(len(cases.part)):
        own, of = parts[int(cases.part[i])]
        numbers = {n: int(getattr(cases, n)[i]) for n in _NUMBERS}
        family = Family(own, of or cohort, *labels[int(cases.disease[i])], numbers, FEWER)
        found.append(_judge(family, cases, i, book, definition))
    return Findings(
        tuple(found), definition, len(people.name), int(part.max()) + 1, people.notes
    )


def _with_defaults(illness: pl.DataFrame, name: str, icd10: str, omim: str) -> pl.DataFrame:
    nothing = (pl.col("disease") == "") & (pl.col("icd10") == "") & (pl.col("omim") == "")
    said = {"disease": name, "icd10": icd10, "omim": omim}
    return illness.with_columns(
        pl.when(nothing).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in said.items()
    )


def _fill_unnamed(illness: pl.DataFrame, part: np.ndarray) -> pl.DataFrame:
    """Take an affection without a name for the one disease that its family has."""
    columns = ("disease", "icd10", "omim")
    nothing = pl.all_horizontal(pl.col(c) == "" for c in columns)
    rows = illness.with_columns(
        pl.Series("part", part[illness["person"].to_numpy()], dtype=pl.Int32)
    )
    named = rows.filter(~nothing).select("part", *columns).unique()
    only = named.filter(pl.len().over("part") == 1)
    joined = rows.join(only, on="part", how="left", suffix="_only", maintain_order="left")
    fill = (
        pl.when(nothing & pl.col("disease_only").is_not_null())
        .then(pl.col(f"{c}_only"))
        .otherwise(pl.col(c))
        .alias(c)
        for c in columns
    )
    return joined.with_columns(fill).select("person", *columns).unique(maintain_order=True)


def _labels(illness: pl.DataFrame) -> dict[int, tuple[str, str, str]]:
    """Give name, ICD-10 and OMIM of each disease: the first that is said of each."""
    firsts = illness.group_by("number", maintain_order=True).agg(
        pl.col(c).filter(pl.col(c) != "").first().fill_null("")
        for c in ("disease", "icd10", "omim")
    )
    return {n: (d, i, o) for n, d, i, o in firsts.rows()}


def _names_of_parts(people: People, part: np.ndarray) -> dict[int, tuple[str, str]]:
    """Give family and cohort of each connected part.

    A family of several parts has them numbered; a part of several families has all names.
    """
    rows = pl.DataFrame({"part": part, "family": people.family, "cohort": people.cohort})
    agg = rows.group_by("part", maintain_order=True).agg(
        pl.col("family").filter(pl.col("family") != "").unique(maintain_order=True),
        pl.col("cohort").filter(pl.col("cohort") != "").unique(maintain_order=True),
    )
    out: dict[int, tuple[str, str]] = {}
    seen: dict[str, int] = {}
    shared = {
        f: n
        for f, n in rows.filter(pl.col("family") != "")
        .group_by("family")
        .agg(pl.col("part").n_unique())
        .rows()
    }
    for number, families, cohorts in agg.rows():
        name = "+".join(families[:5]) or f"P{number + 1}"
        if any(shared[f] > 1 for f in families):
            seen[name] = seen.get(name, 0) + 1
            name = f"{name}/{seen[name]}"
        out[number] = name, ";".join(cohorts)
    return out


def _judge(family: Family, cases: Cases, i: int, book: Book, asked: Definition) -> Family:
    """Give the family its verdict, and why."""
    n = family.numbers
    by_blood, generations = n["affected_by_blood"], n["affected_generations"]
    reasons: list[tuple[str, Mapping[str, Any]]] = [
        ("generations", {"n": generations, "least": asked.generations})
    ]
    has_people = asked.people is None or by_blood >= asked.people
    if asked.people is not None:
        reasons.append(("people", {"n": by_blood, "least": asked.people}))
    if n["married_in"]:
        reasons.append(("married_in", {"n": n["married_in"]}))
    verdict = FEWER
    if generations >= asked.generations and has_people:
        verdict = IMPORTANT
    elif n["span"] >= asked.generations and has_people:
        verdict = REVIEW
        skipped = int(cases.skipped[i])
        reasons.append(("skipped", {"n": skipped, "carriers": n["carriers"]}))
    kind, entry = judge(book.common, family.disease, family.icd10, family.omim)
    name = family.disease or family.icd10 or family.omim
    common = next((c for c in book.common if c.id == entry), None)
    if common is not None and verdict != FEWER:
        values = {"disease": name, "entry": (common.en, common.zh)}
        reasons.append(("common" if kind == OUTSIDE else "unsure", values))
        verdict = COMMON if kind == OUTSIDE else REVIEW
    if not name:
        reasons.append(("unnamed", {}))
    return replace(family, verdict=verdict, reasons=tuple(reasons))


# --- what is written ---


def write_findings(
    found: Findings, records: Mapping[str, CohortRecord], folder: Path, on: date
) -> None:
    """Write the pack: table of families, declaration in both languages, proposed entries.

    Parameters
    ----------
    records
        What the ledger knows of the cohorts of the families.
    """
    check_free(folder)
    with whole_folder(folder, replace=True) as own:
        sheets = [_table(found, ENGLISH), _table(found, CHINESE)]
        for sheet, name in zip(sheets, ("families.tsv", "families.zh.tsv"), strict=True):
            write_tsv(own / name, sheet)
        write_workbook(own / "families.xlsx", sheets[::-1])
        write_json(own / "families.json", _as_json(found, on))
        for code in (ENGLISH, CHINESE):
            text = _declaration(found, records, code)
            (own / f"declaration.{code}.md").write_text(text, "utf-8")
        write_tsv(own / "ledger-proposed.tsv", _proposed(found))
        write_manifest(own, {})
        own.chmod(0o755)


def _table(found: Findings, code: str) -> Sheet:
    head = [HEAD[k].say(code) for k in HEAD]
    rows: list[Row] = [
        [f.family, f.cohort, f.disease, f.icd10, f.omim, *(f.numbers[k] for k in _NUMBERS),
         f.verdict if code == ENGLISH else VERDICT[f.verdict].say(code), f.why(code)]
        for f in found.families
    ]  # fmt: skip
    return Sheet("families" if code == ENGLISH else "家系", head, rows)


def _as_json(found: Findings, on: date) -> dict[str, Any]:
    d = found.definition
    return {
        "asked_on": on.isoformat(),
        "definition": {"id": d.id, "generations": d.generations, "people": d.people,
                       "source": d.source, "certainty": d.certainty},
        "people": found.n_people,
        "connected_parts": found.n_parts,
        "families": [
            {"family": f.family, "cohort": f.cohort or None, "disease": f.disease or None,
             "icd10": f.icd10 or None, "omim": f.omim or None, **f.numbers,
             "verdict": f.verdict, "reason": {"en": f.why(ENGLISH), "zh": f.why(CHINESE)}}
            for f in found.families
        ],
        "advice": {"en": ADVICE.en, "zh": ADVICE.zh},
    }  # fmt: skip


def _proposed(found: Findings) -> Sheet:
    """Propose entries of the ledger: a row a cohort with an important family."""
    by_cohort: dict[str, list[Family]] = {}
    for f in found.of(IMPORTANT):
        for cohort in f.cohort.split(";"):
            by_cohort.setdefault(cohort, []).append(f)
    rows: list[Row] = [
        [cohort, "yes", max(f.numbers["affected_generations"] for f in own),
         "; ".join(dict.fromkeys(f.disease or f.icd10 or f.omim for f in own)), Tier.T3.value]
        for cohort, own in by_cohort.items()
    ]  # fmt: skip
    head = ("cohort", "is_pedigree", "generations_affected", "disease", "tier")
    return Sheet("cohorts", head, rows)


def _declaration(found: Findings, records: Mapping[str, CohortRecord], code: str) -> str:
    """Write the draft of the declaration."""

    def say(key: str) -> str:
        return DECLARATION[key].say(code)

    d = found.definition
    certainty = DECLARATION["certainty"].say(code, certainty=d.certainty)
    lines = [f"# {say('title')}", "", ADVICE.say(code), "",
             f"- {say('definition')}: {d.id} ({d.source}; {certainty})", ""]  # fmt: skip
    declared = found.of(IMPORTANT)
    cohorts = list(dict.fromkeys(c for f in declared for c in f.cohort.split(";")))
    for cohort in cohorts or [""]:
        record = records.get(cohort, CohortRecord(cohort))
        own = [f for f in declared if cohort in f.cohort.split(";")]
        lines += [f"## {HEAD['cohort'].say(code)}: {cohort or say('none')}", ""]
        lines += [f"- {k}: {v or say('none')}" for k, v in _holder_lines(record, code)]
        lines += ["", f"### {say('families')}", "", *_markdown(own, code), ""]
    lines += [f"## {say('review')}", "", *_markdown(found.of(REVIEW), code), ""]
    return "\n".join([*lines, say("signed"), ""])


def _holder_lines(record: CohortRecord, code: str) -> list[tuple[str, str]]:
    def papers(kind: PaperKind) -> str:
        return "; ".join(
            f"{p.number} {p.issuer}".strip() for p in record.papers if p.kind is kind
        )

    consent = record.consent
    values = {
        "holder": record.holder_name,
        "code": record.holder or "",
        "investigator": record.investigator,
        "ethics": papers(PaperKind.ETHICS),
        "collection": papers(PaperKind.COLLECTION),
        "consent": f"{consent.version} {consent.scope}".strip() if consent else "",
        "provinces": ", ".join(record.provinces),
        "site": record.storage_site,
    }
    return [(DECLARATION[k].say(code), v) for k, v in values.items()]


def _markdown(families: Sequence[Family], code: str) -> list[str]:
    if not families:
        return [DECLARATION["nothing"].say(code)]
    keys = ("family", "disease", "icd10", "omim", "people", "affected_by_blood",
            "generations", "affected_generations")  # fmt: skip
    lines = ["| " + " | ".join(HEAD[k].say(code) for k in keys) + " | "
             + HEAD["reason"].say(code) + " |", "|" + "---|" * (len(keys) + 1)]  # fmt: skip
    for f in families:
        cells = [str(f.numbers[k] if k in f.numbers else getattr(f, k)) for k in keys]
        cells.append(f.why(code))
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return lines
