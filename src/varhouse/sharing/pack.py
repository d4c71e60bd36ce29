"""Packs: a folder of data for a recipient, with all that explains, proves and permits it.

    data/                 a VCF or BCF a cohort, or tables as Parquet with their own manifest
    dictionary.tsv        what columns and fields mean, in English and Chinese (of a VCF)
    ledger.json           what the ledger of permits says of these cohorts
    manifest.json         size, MD5, SHA-256, records and people of each file of data; a digest
    md5sum.txt            `md5sum -c md5sum.txt` checks all but the receipt
    receipt.json, receipt.en.txt, receipt.zh.txt

Data about single people comes from the store itself. Aggregates come from the view of the
recipient's role, where small counts are protected; for the house itself from the store. The
same request gives the same bytes apart from the receipt; what is encrypted has a key of its
own each time. The folder appears whole, after the audit log knows of it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.export import export_cohort
from varhouse.files import whole_folder, write_text
from varhouse.governance.model import RecipientKind
from varhouse.governed import PUBLIC, REGISTERED
from varhouse.publish import publish_release
from varhouse.sharing.gate import Decision, Passage, way_out
from varhouse.sharing.packextract import as_text, extract, vcf_dictionary, write_dictionary
from varhouse.sharing.receipt import receipt_json, receipt_texts
from varhouse.sharing.request import Content
from varhouse.sharing.seal import ENDING, Sealer, sums_of
from varhouse.store.reader import Store, open_store

OF_PEOPLE = (
    "contigs", "cohorts", "samples", "files", "sites", "genotypes", "fields", "blocks",
)  # fmt: skip
"""Tables that an export is made of."""

Check = Callable[[Path, int, Sequence[str]], None]
"""Raises if tables of a release are not what was committed: it reads every byte of them."""


@dataclass(frozen=True)
class Order:
    """What a pack shall hold.

    Attributes
    ----------
    decision
        What the gate says to it.
    out
        The folder to make.
    form
        Of data about single people: `vcf.gz` or `bcf`.
    region
        Only records that overlap it.
    key
        Public key of Crypt4GH; None: nothing is encrypted.
    planned
        Of a backup for the authority: the decision about what is to be given.
    check
        Called before anything is made.
    """

    decision: Decision
    out: Path
    form: str = "vcf.gz"
    region: str | None = None
    key: bytes | None = None
    planned: Decision | None = None
    check: Check = lambda _path, _release, _tables: None


@dataclass(frozen=True)
class Made:
    """A pack that was made."""

    folder: Path
    manifest: dict[str, Any]
    event: int


def make_pack(order: Order) -> Made:
    """Make a pack, if the gate lets it pass.

    Raises
    ------
    AccessError
        If the gate does not.
    UsageError
        If the folder is there already, or the store has no view for the recipient's role.
    StoreError
        If a byte of what is to be packed is not as it was committed.
    """
    out, decision = order.out, order.decision
    if out.exists():
        raise UsageError(f"{out} is there already", "name a folder that is not there")
    if not decision.is_allowed:
        with way_out(decision.request, decision=decision):
            # It is asked again there: a paper was entered meanwhile. This was not the answer.
            raise decision.refusal()
    sealer = None if order.key is None else Sealer(order.key)
    source = _source(order)
    with_people = decision.request.content is Content.INDIVIDUAL
    order.check(source.path, source.release, OF_PEOPLE if with_people else source.open_tables)
    with (
        way_out(decision.request, decision=decision) as passage,
        whole_folder(out, replace=False, flush=True) as folder,
    ):
        manifest = _fill(order, source, folder, sealer, passage)
        passage.output = {"name": out.name, "sha256": manifest["digest"]}
    return Made(out, manifest, passage.link.n)


def _source(order: Order) -> Store:
    """Open what the data is taken from."""
    decision = order.decision
    request, recipient = decision.request, decision.found.recipient
    assert recipient is not None
    if request.content is Content.INDIVIDUAL:
        return open_store(request.store, request.release)
    if recipient.kind is RecipientKind.INSIDE:
        return open_store(request.store, request.release)
    role = PUBLIC if recipient.kind is RecipientKind.OPEN else REGISTERED
    view = open_store(request.store, None, role)
    there = set(view.scan("cohorts").select("cohort").collect()["cohort"].to_list())
    if lacking := sorted(set(decision.found.cohorts) - there):
        raise AccessError(
            f"the view of the role {role} does not have {', '.join(lacking)}",
            f"varhouse share release STORE --role {role}, or leave them out (--cohort)",
        )
    return view


def _fill(
    order: Order, source: Store, folder: Path, sealer: Sealer | None, passage: Passage
) -> dict[str, Any]:
    """Write all files of a pack, and give its manifest."""
    decision = order.decision
    data = folder / "data"
    if decision.request.content is Content.INDIVIDUAL:
        data.mkdir()
        files = [_export(order, source, c, data, sealer) for c in decision.found.cohorts]
        write_dictionary(vcf_dictionary(_headers(source, decision)), folder / "dictionary.tsv")
    else:
        files = list(_publish(order, source, data, sealer))
    manifest = _manifest(order, source, files)
    write_text(folder / "manifest.json", as_text(manifest), flush=True)
    told = extract(decision, order.planned)
    write_text(folder / "ledger.json", as_text(told), flush=True)
    _write_md5(folder, files)
    digest = sums_of(folder / "manifest.json").sha256.hexdigest()
    receipt = receipt_json(passage, manifest, digest, order.planned)
    write_text(folder / "receipt.json", as_text(receipt), flush=True)
    for name, text in receipt_texts(passage, manifest, order.planned).items():
        write_text(folder / name, text, flush=True)
    return manifest


def _export(
    order: Order, store: Store, cohort: str, data: Path, sealer: Sealer | None
) -> dict[str, Any]:
    """Write a cohort, and give its line of the manifest."""
    people = order.decision.found.people.filter(pl.col("cohort") == cohort)
    names = people["sample"].to_list()
    path = data / f"{cohort}.{order.form}"
    with _written(path, sealer) as target:
        records = export_cohort(store, cohort, target.path, samples=names, region=order.region)
    return {**target.told(data.parent), "cohort": cohort, "records": records,
            "samples": len(names)}  # fmt: skip


@dataclass
class _Target:
    """A file that is written, and what is told of it."""

    path: Path
    final: Path
    plain: dict[str, Any] | None = None

    def told(self, root: Path) -> dict[str, Any]:
        """Give path, size and digests; of an encrypted one those of what is inside, too."""
        own = {"path": self.final.relative_to(root).as_posix(), **sums_of(self.final).told()}
        return own if self.plain is None else {**own, "decrypted": self.plain}


@contextmanager
def _written(path: Path, sealer: Sealer | None) -> Iterator[_Target]:
    if sealer is None:
        yield _Target(path, path)
        return
    with sealer.pipe(path) as piped:
        target = _Target(path, piped.out)
        yield target
    target.plain = piped.sums.told()


def _publish(
    order: Order, source: Store, data: Path, sealer: Sealer | None
) -> Iterator[dict[str, Any]]:
    """Write tables of aggregates, and give the lines of the manifest."""
    there = source.scan("cohorts").select("cohort").collect()["cohort"].to_list()
    hidden = set(there) - set(order.decision.found.cohorts)
    store, tables = source, None
    if hidden:
        # What sums over cohorts would tell of those that are left out.
        store = source.seen_by(source.view.audience, hidden)
        tables = [n for n in store.open_tables if _is_of_cohorts(store, n)]
    made = publish_release(store, data, tables)
    rows = {f"data/{f.path}": f.rows for t in made for f in t.files}
    for file in sorted(p for p in data.rglob("*") if p.is_file()):
        target = _Target(file, file)
        if sealer is not None:
            target = _Target(file, file.with_name(file.name + ENDING))
            with file.open("rb") as plain:
                target.plain = sealer.seal(plain, target.final).told()
            file.unlink()
        told = target.told(data.parent)
        own = rows.get(told["path"].removesuffix(ENDING))
        yield {**told, **({} if own is None else {"records": own})}


def _is_of_cohorts(store: Store, name: str) -> bool:
    try:
        return "cohort" in store.declaration(name).names or name == "contigs"
    except (AccessError, StoreError):
        return False


def _headers(store: Store, decision: Decision) -> list[str]:
    """Give the header lines of the files of the cohorts, each once."""
    rows = store.scan("files", cohort=list(decision.found.cohorts)).select("header").collect()
    return list(dict.fromkeys(x for text in rows["header"] for x in text.splitlines()))


def _manifest(order: Order, source: Store, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the manifest: the same request gives the same one."""
    decision = order.decision
    lines = [f"{f.get('decrypted', f)['sha256']}  {f['path']}\n" for f in files]
    request = decision.request
    to = (order.planned or decision).request.recipient
    return {
        "pack": 1,
        "kind": "share" if order.planned is None else "backup",
        "recipient": to,
        "content": request.content.value,
        "purpose": request.purpose,
        "cohorts": list(decision.found.cohorts),
        "people": decision.now.as_json(),
        "region": order.region,
        "assembly": source.assembly,
        "release": source.release,
        "role": source.meta.get("role", "controlled"),
        "encrypted": order.key is not None,
        "files": files,
        "permits": sorted(
            {
                f"{p.kind.value}:{p.number}"
                for d in (decision, order.planned)
                if d is not None
                for f in d.findings
                for p in f.found
            }
        ),
        "digest": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }


def _write_md5(folder: Path, files: list[dict[str, Any]]) -> None:
    """Write the sums of all files but the receipt, as md5sum has them."""
    known = {f["path"]: f["md5"] for f in files}
    names = [p.name for p in folder.iterdir() if p.is_file()]
    known |= {n: sums_of(folder / n).md5.hexdigest() for n in names}
    text = "".join(f"{md5}  {path}\n" for path, md5 in sorted(known.items()))
    write_text(folder / "md5sum.txt", text, flush=True)
