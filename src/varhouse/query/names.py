"""Names of alleles, in any spelling, turned into the alleles of a store.

A name says that some bases of a contig become others. The same change can be spelt in
many ways: padded, at any place of a repeat, as an insertion or a duplication. The store
keeps of each allele the fully-justified SPDI, which is the widest interval that the change
may be written in, with its bases before and after. So a spelling is the allele if and only
if its own interval, trimmed, lies in that one and turns the same bases into the same
bases; the reference itself is not needed (Holmes et al. 2020,
doi:10.1093/bioinformatics/btz856).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from varhouse.alleles.extent import canonical_breakend
from varhouse.errors import UsageError, one_of
from varhouse.genome.contigs import Contigs
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA

JUSTIFIED = 100_000
"""Bases of a justified interval at most; wider ones have no SPDI in the store."""

_FIRST_LOOK = 1_000
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")

_BASES = "[A-Za-z]"
_SPDI = re.compile(
    rf"^(?P<contig>.+):(?P<pos>\d+):(?P<old>{_BASES}*|\d+):(?P<new>{_BASES}*)\Z"
)
_KEY = re.compile(
    rf"^(?P<contig>.+)[-:_](?P<pos>\d+)[-:_]?(?P<ref>{_BASES}+)[-:_/>](?P<alt>[^\s:_/>-].*|<.+>)\Z"
)
_HGVS = re.compile(
    r"^(?P<contig>[^\s]+):[gm]\.(?P<first>\d+)(?:_(?P<last>\d+))?"
    rf"(?:(?P<ref>{_BASES})>(?P<alt>{_BASES})"
    rf"|del(?P<old>{_BASES}*)ins(?P<new>{_BASES}+)|ins(?P<ins>{_BASES}+)"
    rf"|(?P<del>del)(?P<gone>{_BASES}*|\d+)|(?P<dup>dup)(?P<twice>{_BASES}*|\d+)|(?P<inv>inv))\Z"
)
# What a symbol leaves open follows it: `chr1-1303-G-<DEL>-40`.
_SYMBOLIC = re.compile(
    rf"^(?P<contig>[^<]+)[-:_](?P<pos>\d+)[-:_]?(?P<ref>{_BASES}+)[-:_/>](?P<alt><.+)\Z"
)
_OPEN = re.compile(r"^(?P<symbol><[^<>]+>)[-:_/](?P<extent>.+)\Z")
# A versioned accession (RefSeq, INSDC) begins a SPDI, never a key of a table.
_ACCESSION = re.compile(r"^[A-Z]{1,4}_?\d{5,}\.\d+\Z")


@dataclass(frozen=True)
class Change:
    """Bases start..end (0-based, half-open) of a contig become others.

    Attributes
    ----------
    old
        The bases before; None where the name only counts them.
    new
        The bases after; None: `kind` says how they come of the old ones.
    kind
        `literal`, `dup` (the old bases twice) or `inv` (their reverse complement).
    spelling
        How the name was read, for messages.
    """

    contig: str
    start: int
    end: int
    old: str | None
    new: str | None
    kind: str
    spelling: str


def parse_name(text: str, contigs: Contigs) -> list[Change]:
    """Read a name: SPDI, HGVS g. or m., or a key such as `chr1-123-A-G`.

    Keys are 1-based and may be set off by `-`, `:`, `_`, and `/` or `>` between the
    alleles; SPDI is 0-based. `1:123:A:G` is both: the key stands first, the SPDI second.

    Returns
    -------
    list[Change]
        The readings, the likelier first; none if the text is no such name.

    Raises
    ------
    UsageError
        If the contig is unknown in every reading.
    """
    found = [trim(change) for change in read_names(text, contigs)]
    unknown = None if found else next(_readings(text), None)
    if unknown is not None:
        raise UsageError(contigs.unknown(unknown.contig), one_of(contigs.names))
    return found


def read_names(text: str, contigs: Contigs) -> list[Change]:
    """Read a name as `parse_name` does, but with the bases that both sides share.

    Returns
    -------
    list[Change]
        The readings whose contig is known.
    """
    return [
        replace(reading, contig=contig)
        for reading in _readings(text)
        if (contig := contigs.canonical(reading.contig)) is not None
    ]


def _readings(text: str) -> Iterator[Change]:
    if match := _HGVS.match(text):
        yield from _read_hgvs(match)
        return
    spdi, key = _SPDI.match(text), _KEY.match(text)
    numbered = spdi is not None and _ACCESSION.match(spdi["contig"])
    if key and re.fullmatch(_BASES + "+", key["alt"]) and not numbered:
        ref, start = key["ref"].upper(), int(key["pos"]) - 1
        yield Change(
            key["contig"],
            start,
            start + len(ref),
            ref,
            key["alt"].upper(),
            "literal",
            "contig-pos-ref-alt, 1-based",
        )
    if spdi:
        start, old = int(spdi["pos"]), spdi["old"].upper()
        known = not old.isdigit()
        size = len(old) if known else int(old)
        yield Change(
            spdi["contig"],
            start,
            start + size,
            old if known else None,
            spdi["new"].upper(),
            "literal",
            "SPDI, 0-based",
        )


def _read_hgvs(match: re.Match[str]) -> Iterator[Change]:
    contig, says = match["contig"], "HGVS"
    start = int(match["first"]) - 1
    end = int(match["last"] or match["first"])
    if end <= start:
        return
    if match["ins"]:
        # Between two neighbours: nothing is taken away.
        if end == start + 2:
            yield Change(
                contig, start + 1, start + 1, "", match["ins"].upper(), "literal", says
            )
        return
    given = match["ref"] or match["old"] or match["gone"] or match["twice"] or ""
    if given.isdigit():
        if match["last"] is None:
            end = start + int(given)
        given = ""
    old = given.upper() or None
    if old is not None and match["last"] is None:
        end = start + len(old)
    if old is not None and len(old) != end - start:
        return
    if match["inv"]:
        yield Change(contig, start, end, None, None, "inv", says)
    elif match["dup"]:
        if old is not None:
            yield Change(contig, end, end, "", old, "literal", says)
        else:
            yield Change(contig, start, end, None, None, "dup", says)
    else:
        new = (match["alt"] or match["new"] or "").upper()
        yield Change(contig, start, end, old, new, "literal", says)


def trim(change: Change) -> Change:
    """Strip the last, then the first bases that both sides share."""
    old, new = change.old, change.new
    if old is None or new is None:
        return change
    start, end = change.start, change.end
    while old and new and old[-1] == new[-1]:
        old, new, end = old[:-1], new[:-1], end - 1
    while old and new and old[0] == new[0]:
        old, new, start = old[1:], new[1:], start + 1
    return replace(change, start=start, end=end, old=old, new=new)


def match_change(store: Store, change: Change) -> pl.DataFrame:
    """Find the alleles of a store that a change is; at most one in a sound store.

    Returns
    -------
    pl.DataFrame
        Their keys (contig, pos, ref, alt).
    """
    if change.old == change.new == "":
        return pl.DataFrame(schema=KEY_SCHEMA)
    if change.old and change.new:
        # Bases for bases, trimmed: there is one way to write it, as a key too.
        rows = _near(store, change, change.start + 1, change.start + 1)
        same = (pl.col("ref") == change.old) & (pl.col("alt") == change.new)
        return rows.filter(pl.col("pos") == change.start + 1, same).select(KEY).collect()
    found = pl.DataFrame()
    # A shift over more than a few bases is rare.
    for reach in (_FIRST_LOOK, JUSTIFIED + 1):
        rows = _near(store, change, max(change.start - reach, 1), change.start + 1)
        covering = rows.select(*KEY, "spdi").filter(_covers(change)).collect()
        keep = [
            _is_it(change, *spdi.rsplit(":", 3)[1:]) for spdi in covering["spdi"].to_list()
        ]
        found = covering.filter(pl.Series(keep, dtype=pl.Boolean)).select(KEY)
        if found.height:
            break
    return found


def match_written(store: Store, text: str) -> pl.DataFrame | None:
    """Find an allele by its key as it is written; None if the text is no key.

    Letters are compared without case. It finds `<DEL>`, breakends and `*` as well; a symbol
    without its extent finds all of them.
    """
    key = _SYMBOLIC.match(text) or _KEY.match(text)
    contig = store.assembly_contigs.canonical(key["contig"]) if key else None
    spdi = _SPDI.match(text)
    if key is None or contig is None or (spdi and _ACCESSION.match(spdi["contig"])):
        return None
    pos, ref = int(key["pos"]), key["ref"].upper()
    alt = canonical_breakend(key["alt"], store.assembly_contigs.canonical).upper()
    rows = store.scan("variants", contig=contig, start=pos, end=pos)
    opened = _OPEN.match(alt)
    alt = opened["symbol"] if opened else alt
    same = (pl.col("ref") == ref) & (pl.col("alt").str.to_uppercase() == alt)
    if opened:
        same &= pl.col("extent").str.to_uppercase() == opened["extent"]
    return rows.filter(pl.col("pos") == pos, same).select(KEY).collect()


def _near(store: Store, change: Change, first: int, last: int) -> pl.LazyFrame:
    return store.scan("variants", contig=change.contig, start=first, end=max(last, 1))


def _covers(change: Change) -> pl.Expr:
    """Whether the justified interval holds that of the change, and the lengths fit."""
    parts = pl.col("spdi").str.extract_groups(r":(\d+):([A-Za-z]*):([A-Za-z]*)$")
    start = parts.struct[0].cast(pl.Int64)
    before = parts.struct[1].str.len_bytes().cast(pl.Int64)
    gain = parts.struct[2].str.len_bytes().cast(pl.Int64) - before
    wanted = change.end - change.start
    if change.kind == "literal":
        wanted = len(change.new or "") - wanted
    elif change.kind == "inv":
        wanted = 0
    return (start <= change.start) & (start + before >= change.end) & (gain == wanted)


def _is_it(change: Change, at: str, before: str, after: str) -> bool:
    """Whether the change turns the bases of a justified interval into the new ones."""
    start = int(at)
    a, b = change.start - start, change.end - start
    old = before[a:b]
    if change.old is not None and change.old != old:
        return False
    new = change.new
    if change.kind == "dup":
        new = old + old
    elif change.kind == "inv":
        new = old[::-1].translate(_COMPLEMENT)
    assert new is not None
    return before[:a] + new + before[b:] == after
