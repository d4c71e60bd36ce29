"""Why an id finds nothing: it is no form of a name, or the store has no such allele."""

import json
import re

import polars as pl

from varhouse.query.names import Change, read_names
from varhouse.store.reader import Store

FORMS = (
    "rs123, chr1-123-A-G, NC_000001.11:122:A:G (SPDI), NC_000001.11:g.123A>G, "
    "ENST00000000001:c.76A>G, ENSP00000000001:p.Lys82Thr, ga4gh:VA...."
)
"""The forms of a name, by example."""

_ID = re.compile(r"^(rs\d+|(ga4gh:)?VA\.[\w-]+)\Z", re.IGNORECASE)
_NAME = re.compile(r"^.+(:[gm]\.\d.*|[-:_]\d+[-:_]?[A-Za-z]+[-:_/>]\S+)\Z")
_BASES = 1_000


def explain_missing(store: Store, text: str) -> str:
    """Say why a text finds no allele, as one line.

    Where the name gives other bases than the reference has, and the store knows these
    (from its cache, or from the REF of an allele there), the line says which.
    """
    release = f"release {store.release}"
    if _ID.match(text):
        return f"{text}: no such id in {release}"
    changes = read_names(text, store.assembly_contigs)
    if changes:
        other = other_base(store, changes[0])
        return f"{text}: no such allele in {release}{f': {other}' if other else ''}"
    if _NAME.match(text):
        return f"{text}: no such allele in {release}"
    return f"{text}: no id in {release}, and no name of an allele; forms: {FORMS}"


def other_base(store: Store, change: Change, inner: Change | None = None) -> str:
    """Say where a name's bases are not those of the reference; empty if none is known.

    Parameters
    ----------
    change
        The name as it is written.
    inner
        The bases of it that change: these are not looked at.
    """
    old = change.old
    if not old or len(old) > _BASES:
        return ""
    known = _cached(store, change) or _of_alleles(store, change)
    for i, base in enumerate(old):
        if inner is not None and inner.start <= change.start + i < inner.end:
            continue
        there = known.get(change.start + i)
        if there is not None and there != base:
            place = f"{change.contig}:{change.start + i + 1}"
            return f"the reference has {there} at {place}, not {base}"
    return ""


def _cached(store: Store, change: Change) -> dict[int, str]:
    """Give bases by 0-based position out of the store's compiled reference, if it is there."""
    for index in sorted((store.path / "_cache").glob("reference-*/reference.json")):
        # The cache may hold references of other assemblies, too, and is never vouched for.
        try:
            if json.loads(index.read_text())["digest"] != store.meta.get("reference"):
                continue
            from varhouse.genome.reference import Reference  # noqa: PLC0415 - seldom needed

            bases = Reference(index.parent, store.assembly_contigs).sequence(change.contig)
        except (OSError, ValueError, KeyError):
            continue
        found = bases[change.start : change.end].tobytes().decode("ascii")
        return {change.start + i: base for i, base in enumerate(found)}
    return {}


def _of_alleles(store: Store, change: Change) -> dict[int, str]:
    near = store.scan(
        "variants", contig=change.contig, start=change.start + 1, end=change.end
    ).filter("ref_checked")
    rows = near.select("pos", "ref").unique().filter(pl.col("ref").str.len_bytes() <= _BASES)
    return {
        pos - 1 + i: base for pos, ref in rows.collect().rows() for i, base in enumerate(ref)
    }
