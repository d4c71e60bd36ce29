"""A pack for an archive: made whole, checked before it appears, let out by the egress gate.

All that is missing or wrong is told before the VCF is written, which may take long, and what
only the VCF shows (names of samples, files, checksums) before the folder gets its name.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import varhouse
from varhouse.errors import StoreError, UsageError, nearest
from varhouse.files import whole_folder
from varhouse.governance.days import today
from varhouse.governance.ledger import Ledger
from varhouse.governed import PUBLIC, governed_store_of
from varhouse.sharing.gate import way_out
from varhouse.sharing.request import Content, Request
from varhouse.store.reader import Store, open_store
from varhouse.store.viewstores import shown_release
from varhouse.submission.catalogue import write_catalogue
from varhouse.submission.details import read_details
from varhouse.submission.facts import Facts, gather
from varhouse.submission.folder import (
    MANIFEST,
    Cell,
    Sheet,
    Told,
    check_free,
    sums_of,
    table,
    write_json,
    write_manifest,
    write_tsv,
    write_workbook,
)
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.modules import MODULES
from varhouse.submission.packvcf import (
    index_of,
    read_samples,
    write_aggregate,
    write_individual,
)
from varhouse.submission.schemas import check, check_official, fields_of, schema_of
from varhouse.submission.texts import CHECK

_NO_MD5 = "0" * 32


@dataclass(frozen=True)
class Order:
    """What pack is asked for.

    Attributes
    ----------
    target
        `gvm`, `cnsa` or `eva`.
    details
        File of what the ledger does not hold.
    recipient, purpose
        Of the egress gate: the archive as the ledger names it, where the store is governed.
    samples
        These people alone, of an individual pack.
    official
        A schema that the archive gave out, to be asked as well.
    """

    store: Path
    target: str
    cohort: str
    folder: Path
    content: Content = Content.AGGREGATE
    details: Path | None = None
    release: str | None = None
    recipient: str | None = None
    purpose: str = ""
    samples: tuple[str, ...] | None = None
    official: Path | None = None
    on: date | None = None


@dataclass(frozen=True)
class Made:
    """Records and samples of the VCF, schemas that could not be asked, and notes."""

    records: int
    people: int
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def make_pack(order: Order) -> Made:
    """Make a pack.

    Raises
    ------
    MistakesError
        If anything that the archive asks is missing or does not fit: all of it.
    AccessError
        If the egress gate does not let it out.
    StoreError
        If the store has no such cohort.
    """
    check_free(order.folder)
    ledger = Ledger.find(order.store)
    on = order.on or (ledger.today() if ledger else today())
    details = read_details(order.details)
    store = _open(order)
    record = ledger.cohort(order.cohort, on) if ledger else None
    individual = order.content is Content.INDIVIDUAL
    facts = gather(store, order.cohort, record, details, on, is_individual=individual)
    if individual and not facts.people:
        raise StoreError(CHECK["nobody"].say(cohort=order.cohort))
    facts = _choose(facts, order.samples)
    _foresee(order, facts, on)
    with _let_out(order, store) as told, whole_folder(order.folder, replace=True) as own:
        made = _fill(own, order, store, facts, on)
        told["sha256"] = sums_of(own / MANIFEST)[1]
        own.chmod(0o755)
    return made


def _open(order: Order) -> Store:
    """Open what the pack is made from: for aggregates what anybody may see."""
    if order.content is Content.AGGREGATE:
        return open_store(order.store, order.release, PUBLIC)
    return varhouse.open(order.store, order.release)


def _choose(facts: Facts, samples: Sequence[str] | None) -> Facts:
    """Leave the people whose data goes out."""
    if samples is None:
        return facts
    if not facts.is_individual:
        raise UsageError(CHECK["samples"].say())
    wanted, known = set(samples), {p["sample"] for p in facts.people}
    for name in sorted(wanted - known):
        raise UsageError(CHECK["no_sample"].say(name=name, near=nearest(name, known)))
    people = [p for p in facts.people if p["sample"] in wanted]
    return replace(facts, people=people, n_people=len(people))


def _release_told_of(order: Order, store: Store) -> str | int | None:
    """Give the release of the governed store whose people a pack tells of.

    `release` of an aggregate pack is one of the view, which has numbers and tags of its own.
    """
    if order.release is None or order.content is not Content.AGGREGATE:
        return order.release
    return shown_release(store.meta)


@contextmanager
def _let_out(order: Order, store: Store) -> Iterator[dict[str, Any]]:
    """Pass the egress gate of a governed store; what the block puts in is in the audit log."""
    whole = governed_store_of(order.store)
    if whole is None:
        yield {}
        return
    if whole != order.store:
        # Of a view nobody would be asked, and nothing noted.
        raise UsageError(
            CHECK["view"].say(store=order.store), CHECK["view_fix"].say(store=whole)
        )
    if not order.recipient:
        raise UsageError(CHECK["recipient"].say())
    request = Request(
        store=order.store,
        release=_release_told_of(order, store),
        cohorts=(order.cohort,),
        samples=order.samples,
        content=order.content,
        recipient=order.recipient,
        purpose=order.purpose,
        what=f"submit {order.target}",
    )
    # Of today, whatever day the papers of the pack are for: a permit of then lets nothing out.
    with way_out(request) as passage:
        yield passage.output


def _vcf_name(cohort: str) -> str:
    return re.sub(r"[^\w.-]", "_", cohort) + ".vcf.gz"


def _foresee(order: Order, facts: Facts, on: date) -> None:
    """Check all that is known before the VCF is made."""
    name = _vcf_name(order.cohort)
    files = [{"name": name, "type": "vcf", "md5": _NO_MD5}]
    data = MODULES[order.target](facts, files)
    problems = [*check(order.target, data, on), *facts.problems]
    problems += check_links(order.target, data, None)
    if order.official is not None:
        problems += check_official(order.official, data)[0]
    _refuse(problems, order)


def _refuse(problems: Sequence[str], order: Order) -> None:
    if problems:
        where = CHECK["where"].say(target=order.target, cohort=order.cohort)
        raise MistakesError(list(dict.fromkeys(problems)), where)


def _fill(folder: Path, order: Order, store: Store, facts: Facts, on: date) -> Made:
    """Write the files of a pack into its folder, and check them."""
    vcf = folder / _vcf_name(order.cohort)
    if facts.is_individual:
        told = write_individual(store, order.cohort, facts.reference, vcf, order.samples)
    else:
        told = write_aggregate(store, order.cohort, facts.reference, vcf)
    if not told.records:
        raise MistakesError([CHECK["no_rows"].say(cohort=order.cohort)], order.store)
    index = index_of(vcf)
    kinds = {vcf: "vcf", index: "tabix" if index.suffix == ".tbi" else "csi"}
    files = [{"name": p.name, "type": k, "md5": sums_of(p)[0]} for p, k in kinds.items()]
    data = MODULES[order.target](facts, files)
    problems = [*check(order.target, data, on), *check_links(order.target, data, folder)]
    if facts.is_individual:
        problems += _check_names(facts, read_samples(vcf))
    absent: list[str] = []
    if order.official is not None:
        wrong, absent = check_official(order.official, data)
        problems += wrong
    _refuse(problems, order)
    write_json(folder / f"{order.target}.json", data)
    sheets = sheets_of(order.target, data)
    for sheet in sheets:
        write_tsv(folder / f"{sheet.name}.tsv", sheet)
    write_workbook(folder / f"{order.target}.xlsx", sheets)
    write_catalogue(folder, facts, told)
    people = Told(told.records, facts.n_people, told.contigs)
    write_manifest(folder, {vcf.name: people})
    is_human = facts.record.taxon == 9606
    notes = (CHECK["eva_human"].say(),) if order.target == "eva" and is_human else ()
    return Made(told.records, facts.n_people, tuple(absent), notes)


def _check_names(facts: Facts, columns: Sequence[str]) -> list[str]:
    """Compare the samples of the pack with those of its VCF, letter by letter."""
    named = [p["sample"] for p in facts.people]
    if sorted(named) == sorted(columns):
        return []
    apart = sorted(set(named) ^ set(columns)) or sorted(columns)
    return [CHECK["names"].say(names=", ".join(apart[:10]))]


# --- how modules hang together ---

_ALIASES = {
    "gvm": (("analyses", "analysis_alias"), ("files", "analysis_alias")),
    "eva": (("analysis", "analysisAlias"), ("files", "analysisAlias"),
            ("sample", "analysisAlias")),
    "cnsa": (("variations", "variation_alias"),),
}  # fmt: skip
_SAMPLES = {"gvm": ("samples", "sample_name"), "cnsa": ("samples", "sample_name"),
            "eva": ("sample", "sampleInVCF")}  # fmt: skip
_SAMPLE_REFS = {"cnsa": (("experiments", "sample_name"),)}
_FILES = {"gvm": ("files", "file_name", "md5"), "eva": ("files", "fileName", "md5"),
          "cnsa": ("variations", "file_name", "file_md5")}  # fmt: skip
_UNIQUE = {"cnsa": (("experiments", "library_name"),)}
_NUMBERS = {"gvm": ("project", "sample_number")}
_ACCESSIONS = {"gvm": (("samples", "biosample_id"),),
               "cnsa": (("samples", "sample_accession"),),
               "eva": (("sample", "bioSampleAccession"),)}  # fmt: skip


def check_links(target: str, data: Mapping[str, Any], folder: Path | None) -> list[str]:
    """Check what modules say of each other, and of the files of the folder.

    Parameters
    ----------
    folder
        Where the files lie; None: they are not there yet.
    """
    problems: list[str] = []
    module, key = _SAMPLES[target]
    names = [s.get(key) for s in data[module]]
    once = [(module, key), *_UNIQUE.get(target, ()), *_ACCESSIONS.get(target, ())]
    for of, name in once:
        values = [e[name] for e in data[of] if e.get(name)]
        twice = sorted(v for v, n in Counter(values).items() if n > 1)
        problems += [CHECK["twice"].say(module=f"{of}.{name}", value=v) for v in twice[:10]]
    (first, alias), *others = _ALIASES[target]
    references = [
        ("alias", of, name, {a.get(alias) for a in data[first]}) for of, name in others
    ]
    references += [
        ("sample_ref", of, name, set(names)) for of, name in _SAMPLE_REFS.get(target, ())
    ]
    for text, of, name, known in references:
        lost = sorted({str(e.get(name)) for e in data[of]} - known)
        problems += [CHECK[text].say(module=of, value=v) for v in lost[:10]]
    if target in _NUMBERS:
        of, name = _NUMBERS[target]
        said, n = data[of].get(name), len(names)
        if said != n and (n > 1 or said is None):
            problems.append(CHECK["number"].say(said=said or 0, n=n))
    return problems + (_check_files(target, data, folder) if folder else [])


def _check_files(target: str, data: Mapping[str, Any], folder: Path) -> list[str]:
    module, name, md5 = _FILES[target]
    wrong = []
    for entry in data[module]:
        path = folder / entry[name]
        if not path.is_file() or sums_of(path)[0] != entry[md5]:
            wrong.append(CHECK["no_file"].say(name=entry[name]))
    return wrong


def sheets_of(target: str, data: Mapping[str, Any]) -> list[Sheet]:
    """Give each module as a table, with the archive's headings, all columns."""
    out = []
    for module in schema_of(target)["properties"]:
        found = data[module]
        entries = found if isinstance(found, list) else [found]
        columns = [(f.name, f.title) for f in fields_of(target) if f.module == module]
        out.append(table(module, columns, [_plain(e) for e in entries]))
    return out


def _plain(entry: Mapping[str, Any]) -> dict[str, Cell | list[str]]:
    """Give an entry without objects: those of EVA as `key=value`."""
    plain: dict[str, Any] = dict(entry)
    for key, value in entry.items():
        if isinstance(value, dict):
            inner = value.get("characteristics", {})
            plain[key] = [f"{k}={v[0]['text']}" for k, v in inner.items()]
    return plain
