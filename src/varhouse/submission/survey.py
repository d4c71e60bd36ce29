"""`varhouse submit survey`: the return to the national survey, by province and for the nation.

Everything counts at one place, so that each column adds up to the national sum: a person at
the province of his sample, else of his cohort; a person, cohort, paper or site that belongs to
several provinces in a row of its own; an institution at the province where it is registered
(digits 3 to 8 of its social credit code). Hong Kong, Macao and Taiwan are listed below the
national sum, and a last row has all. Nothing of a single person is in it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from varhouse.errors import UsageError
from varhouse.files import whole_folder
from varhouse.governance.audit import Audit
from varhouse.governance.codes import provinces
from varhouse.governance.judge import KINDS
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import Assay, CohortRecord, Paper, PaperKind
from varhouse.language import CHINESE, ENGLISH
from varhouse.sharing.people import find_people
from varhouse.store.reader import Store, open_store
from varhouse.submission.facts import read_people
from varhouse.submission.folder import (
    MANIFEST,
    Row,
    Sheet,
    check_free,
    sums_of,
    write_json,
    write_manifest,
    write_tsv,
    write_workbook,
)
from varhouse.submission.texts import (
    ADVICE,
    SURVEY,
    SURVEY_PAPERS,
    SURVEY_ROWS,
    SURVEY_SAID,
)

SEVERAL, UNKNOWN, NATIONAL, ALL = "several", "unknown", "national", "all"
APART = ("710000", "810000", "820000")
"""Taiwan, Hong Kong and Macao: not in the national sum, listed below it."""

COLUMNS = tuple(k for k in SURVEY if k not in ("code", "name"))
_OTHER = "people_other"


@dataclass(frozen=True)
class Return:
    """A return.

    Attributes
    ----------
    rows
        Code of a province, or `several`, `unknown`, `national`, `all`, to its counts.
    papers
        (place, kind, `valid`, `ended` or `later`) to a number of papers.
    notes
        What a reader should know of the numbers.
    """

    rows: Mapping[str, Mapping[str, int]]
    papers: Mapping[tuple[str, str, str], int]
    notes: tuple[str, ...]
    on: date
    round: str
    head: tuple[int, str] | None


@dataclass
class _Tally:
    """Counts by place and column."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, place: str, column: str, n: int = 1) -> None:
        row = self.rows.setdefault(place, dict.fromkeys(COLUMNS, 0))
        row[column] += n


def province_of(text: str | None) -> str | None:
    """Give the province of what a sheet says: a name, a code, or that of a place within."""
    bare = (text or "").strip()
    if not bare:
        return None
    found = provinces().find(bare)
    if found is None and bare.isdigit() and len(bare) in (4, 6, 9, 12):
        found = provinces().find(bare[:2])
    return found


def place_of(codes: Iterable[str | None]) -> str:
    """Give where something counts that belongs to these provinces."""
    known = {c for c in codes if c}
    return UNKNOWN if not known else known.pop() if len(known) == 1 else SEVERAL


def make_return(path: Path, on: date, round_: str = "") -> Return:
    """Count what a store and its ledger hold of people.

    Parameters
    ----------
    round_
        Cohorts of this round of the survey alone; empty: all.

    Raises
    ------
    StoreError
        If there is no store.
    UsageError
        If no cohort is of that round.
    """
    store, ledger = open_store(path), Ledger.find(path)
    own = {r["cohort"]: r for r in store.scan("cohorts").collect().to_dicts()}
    known = ledger.cohorts(on) if ledger else {}
    notes = [] if ledger else [SURVEY_SAID["not_governed"].say()]
    records = {name: known.get(name, CohortRecord(name)) for name in sorted({*own, *known})}
    gone = [n for n, r in records.items() if r.is_withdrawn]
    if gone:
        notes.append(SURVEY_SAID["withdrawn"].say(n=len(gone)))
    records = {
        n: r
        for n, r in records.items()
        if not r.is_withdrawn and r.taxon == 9606 and (not round_ or r.survey_round == round_)
    }
    if round_ and not records:
        raise UsageError(SURVEY_SAID["no_round"].say(round=round_))
    cohort_places = {n: _provinces_of(r, own.get(n, {})) for n, r in records.items()}
    tally = _Tally()
    _count_people(tally, store, records, own, cohort_places, notes)
    _count_cohorts(tally, store, records, cohort_places)
    papers = _count_papers(tally, records, cohort_places, on)
    return Return(
        _ordered(tally.rows), papers, tuple(notes), on, round_, ledger.head if ledger else None
    )


def _provinces_of(record: CohortRecord, row: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the provinces of a cohort: the ledger's, else that of the sheet of cohorts."""
    said = record.provinces or ((row.get("province") or "",) if row else ())
    return tuple(dict.fromkeys(c for p in said if (c := province_of(p))))


def _count_people(
    tally: _Tally,
    store: Store,
    records: Mapping[str, CohortRecord],
    own: Mapping[str, Any],
    cohort_places: Mapping[str, Sequence[str]],
    notes: list[str],
) -> None:
    """Count distinct persons, and by assay."""
    inside = [n for n in records if n in own]
    links = {n: r.same_people_as for n, r in records.items() if r.same_people_as}
    assays = {n: _one_assay(r) for n, r in records.items()}
    frame = find_people(store, _hash, inside, links, assays)
    said = {
        (p["cohort"], p["sample"]): province_of(p.get("province"))
        for p in (read_people(store, inside) if inside else [])
    }
    who: dict[bytes, tuple[set[str], set[str]]] = {}
    counted: dict[str, set[bytes]] = {}
    for person, cohort, assay, sample in frame.select(
        "person", "cohort", "assay", "sample"
    ).rows():
        places, read = who.setdefault(person, (set(), set()))
        own_place = said.get((cohort, sample))
        places.update([own_place] if own_place else cohort_places[cohort])
        read.add(_column(assay))
        counted.setdefault(cohort, set()).add(person)
    for places, read in who.values():
        place = place_of(places)
        tally.add(place, "people")
        for column in read:
            tally.add(place, column)
    for name, record in records.items():
        _compare(tally, record, len(counted.get(name, ())), cohort_places[name], notes)


def _hash(text: str) -> bytes:
    """Tell persons apart in this process; nothing of it is written."""
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


def _one_assay(record: CohortRecord) -> str | None:
    said = [a.value for a, n in record.people.items() if n]
    return said[0] if len(said) == 1 else None


def _column(assay: str | None) -> str:
    text = (assay or "").strip().casefold()
    found = next((a.value for a in Assay if a.value.casefold() == text), None)
    return f"people_{found}" if found else _OTHER


def _compare(
    tally: _Tally, record: CohortRecord, n: int, places: Sequence[str], notes: list[str]
) -> None:
    """Compare the store with the ledger, whose word counts for what the store lacks."""
    by_assay = {a: k for a, k in record.people.items() if k}
    total = record.people_total
    if total is None and by_assay:
        total = max(by_assay.values())
        if n == 0 and len(by_assay) > 1:
            notes.append(SURVEY_SAID["least"].say(cohort=record.cohort))
    if n:
        if total is not None and total != n:
            notes.append(SURVEY_SAID["apart"].say(cohort=record.cohort, ledger=total, store=n))
        return
    if total is None:
        notes.append(SURVEY_SAID["nobody"].say(cohort=record.cohort))
        return
    place = place_of(places)
    tally.add(place, "people", total)
    for assay, k in by_assay.items():
        tally.add(place, f"people_{assay.value}", k)
    if not by_assay:
        tally.add(place, _OTHER, total)


def _count_cohorts(
    tally: _Tally,
    store: Store,
    records: Mapping[str, CohortRecord],
    cohort_places: Mapping[str, Sequence[str]],
) -> None:
    """Count cohorts, families, institutions, sites."""
    sites: dict[str, set[str]] = {}
    holders: dict[str, str] = {}
    held = store.cohort_names()
    # One holder may be there with its code in one cohort and by name alone in another.
    codes = {r.holder_name: r.holder for r in records.values() if r.holder and r.holder_name}
    for name, record in records.items():
        place = place_of(cohort_places[name])
        tally.add(place, "cohorts")
        if record.is_pedigree:
            tally.add(place, "pedigree_cohorts")
            # Of a cohort that the ledger alone knows there is no sheet to name families.
            tally.add(place, "families", _families(store, name) if name in held else 1)
        if record.is_specific_region:
            tally.add(place, "region_cohorts")
        if record.storage_site:
            sites.setdefault(record.storage_site, set()).update(cohort_places[name])
        code = record.holder or codes.get(record.holder_name)
        if code or record.holder_name:
            registered = province_of(code[2:8]) if code else None
            holders[code or record.holder_name] = registered or UNKNOWN
    for places in sites.values():
        tally.add(place_of(places), "storage_sites")
    for place in holders.values():
        tally.add(place, "institutions")


def _families(store: Store, cohort: str) -> int:
    """Count the families that the sample sheet names; one, if it names none."""
    named = {p["family"] for p in read_people(store, [cohort]) if p.get("family")}
    return max(1, len(named))


def _count_papers(
    tally: _Tally,
    records: Mapping[str, CohortRecord],
    cohort_places: Mapping[str, Sequence[str]],
    on: date,
) -> dict[tuple[str, str, str], int]:
    """Count papers, each once, by kind and whether they hold on the day."""
    places: dict[tuple[PaperKind, str, str], set[str]] = {}
    papers: dict[tuple[PaperKind, str, str], Paper] = {}
    for name, record in records.items():
        for paper in record.papers:
            key = paper.kind, paper.number, paper.issuer
            papers[key] = paper
            places.setdefault(key, set()).update(cohort_places[name])
    out: dict[tuple[str, str, str], int] = {}
    for key, paper in sorted(papers.items()):
        place = place_of(places[key])
        later = paper.valid_from is not None and paper.valid_from > on
        state = "valid" if paper.is_valid(on) else "later" if later else "ended"
        tally.add(place, "permits_valid" if state == "valid" else "permits_ended")
        at = place, paper.kind.value, state
        out[at] = out.get(at, 0) + 1
    return out


def _ordered(found: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Put the rows in order, those with nothing too, and add the sums."""
    zero = dict.fromkeys(COLUMNS, 0)
    mainland = [c for c in provinces().codes if c not in APART]
    rows = {c: dict(found.get(c, zero)) for c in (*mainland, SEVERAL, UNKNOWN)}
    rows[NATIONAL] = _sum(rows.values())
    apart = {c: dict(found.get(c, zero)) for c in APART}
    return {**rows, **apart, ALL: _sum([rows[NATIONAL], *apart.values()])}


def _sum(rows: Iterable[Mapping[str, int]]) -> dict[str, int]:
    out = dict.fromkeys(COLUMNS, 0)
    for row in rows:
        for column, n in row.items():
            out[column] += n
    return out


# --- what is written ---


def name_of(place: str, code: str) -> str:
    """Name a row in a language."""
    if place in SURVEY_ROWS:
        return SURVEY_ROWS[place].say(code)
    return provinces().name(place, code)


def write_return(found: Return, folder: Path, store: Path) -> None:
    """Write the return: tables, workbook, JSON, manifest; told in the store's audit log."""
    check_free(folder)
    with whole_folder(folder, replace=True) as own:
        english, chinese = _table(found, ENGLISH), _table(found, CHINESE)
        write_tsv(own / "survey.tsv", english)
        write_tsv(own / "survey.zh.tsv", chinese)
        write_tsv(own / "papers.tsv", _papers(found, ENGLISH))
        write_tsv(own / "papers.zh.tsv", _papers(found, CHINESE))
        sheets = [chinese, _papers(found, CHINESE), english, _papers(found, ENGLISH)]
        write_workbook(own / "survey.xlsx", sheets)
        write_json(own / "survey.json", _as_json(found))
        write_manifest(own, {})
        if found.head is not None:
            Audit(store).note(
                "submit survey", on=found.on.isoformat(), people=found.rows[ALL]["people"],
                output={"sha256": sums_of(own / MANIFEST)[1]},
            )  # fmt: skip
        own.chmod(0o755)


def _table(found: Return, code: str) -> Sheet:
    head = [t.say(code) for t in SURVEY.values()]
    rows: list[Row] = [
        [place if place.isdigit() else "", name_of(place, code), *(row[c] for c in COLUMNS)]
        for place, row in found.rows.items()
    ]
    return Sheet("provinces" if code == ENGLISH else "分省汇总", head, rows)


def _papers(found: Return, code: str) -> Sheet:
    head = [SURVEY["code"].say(code), SURVEY["name"].say(code)]
    head += [SURVEY_PAPERS[k].say(code) for k in ("kind", "state", "n")]
    order = list(found.rows)
    rows: list[Row] = [
        [place if place.isdigit() else "", name_of(place, code),
         KINDS[PaperKind(kind)].say(code), SURVEY_PAPERS[state].say(code), n]
        for (place, kind, state), n in sorted(
            found.papers.items(), key=lambda x: (order.index(x[0][0]), x[0][1:])
        )
    ]  # fmt: skip
    return Sheet("papers" if code == ENGLISH else "批件", head, rows)


def _as_json(found: Return) -> dict[str, Any]:
    return {
        "title": {"en": SURVEY_SAID["title"].en, "zh": SURVEY_SAID["title"].zh},
        "on": found.on.isoformat(),
        "round": found.round or None,
        "ledger": {"n": found.head[0], "digest": found.head[1]} if found.head else None,
        "columns": {k: {"en": SURVEY[k].en, "zh": SURVEY[k].zh} for k in COLUMNS},
        "rows": [
            {"place": place, "en": name_of(place, ENGLISH), "zh": name_of(place, CHINESE),
             **row}
            for place, row in found.rows.items()
        ],
        "papers": [
            {"place": p, "kind": k, "state": s, "n": n}
            for (p, k, s), n in sorted(found.papers.items())
        ],
        "notes": list(found.notes),
        "how": {"en": SURVEY_SAID["counts"].en, "zh": SURVEY_SAID["counts"].zh},
        "advice": {"en": ADVICE.en, "zh": ADVICE.zh},
    }  # fmt: skip
