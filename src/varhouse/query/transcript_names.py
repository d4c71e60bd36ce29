"""HGVS names in transcripts (c. and n.) and proteins (p.), turned into alleles.

A c. or n. name says where in a transcript some bases change. The exons of the table
`transcripts` carry that place over to the genome, and the change is then found as any
other (`names.py`), so that a name need not be shifted to the 3' end. A p. name says what
becomes of residues, which several alleles may do: they are looked for among the names of
the alleles near the codons.
"""

import logging
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from varhouse.alleles.key import key_text
from varhouse.errors import StoreError, UsageError, nearest
from varhouse.query.names import Change, match_change, trim
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA

LOG = logging.getLogger("varhouse.query")

NEAR = 1_000
"""Bases around the codons in which alleles are looked for first: shifts are short."""

_HINTS = 5_000
"""Names that are compared letter by letter for a hint."""

_NAME = re.compile(
    r"^(?P<who>[^\s:()]+)(?:\((?P<gene>[^\s:()]*)\))?:(?P<kind>[cnp])\.(?P<rest>\S+)\Z"
)
_BASES = "[A-Za-z]"
_PLACE = r"(?:[*-]?\d+)(?:[+-]\d+)?"
_EDIT = re.compile(
    rf"^(?P<first>{_PLACE})(?:_(?P<last>{_PLACE}))?"
    rf"(?:(?P<ref>{_BASES})>(?P<alt>{_BASES})"
    rf"|del(?P<old>{_BASES}*)ins(?P<new>{_BASES}+)|ins(?P<ins>{_BASES}+)"
    rf"|(?P<del>del)(?P<gone>{_BASES}*|\d+)|(?P<dup>dup)(?P<twice>{_BASES}*|\d+)|(?P<inv>inv))\Z"
)
_POSITION = re.compile(r"^(?P<zone>[*-]?)(?P<number>\d+)(?P<away>[+-]\d+)?\Z")
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
_VERSION = re.compile(r"\.\d+\Z")

_THREE = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu",
    "G": "Gly", "H": "His", "I": "Ile", "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe",
    "P": "Pro", "S": "Ser", "T": "Thr", "W": "Trp", "Y": "Tyr", "V": "Val", "U": "Sec",
    "O": "Pyl", "X": "Ter", "*": "Ter",
}  # fmt: skip
_LONG = re.compile("|".join([*dict.fromkeys(_THREE.values()), "Xaa"]))
_STOP = re.compile(r"X(?!aa)|\*|[Ss]top|STOP")
_OLD_FORMS = (
    # No change, a start that is lost, an immediate stop codon: how others write them, or the
    # nomenclature once did, and how the store does.
    (re.compile(r"^([A-Z][a-z]{2})(\d+)\1\Z"), r"\1\2="),
    (re.compile(r"^[A-Z][a-z]{2}1\?\Z"), "Met1?"),
    (re.compile(r"^([A-Z][a-z]{2}\d+)(?:_[A-Z][a-z]{2}\d+)?delinsTer.*\Z"), r"\1Ter"),
    (re.compile(r"^[A-Z][a-z]{2}\d+_([A-Z][a-z]{2}\d+)insTer.*\Z"), r"\1Ter"),
    (re.compile(r"^((?!Ter)[A-Z][a-z]{2}\d+)TerfsTer1\Z"), r"\1Ter"),
)
_STOP_SHIFTED = re.compile(r"^(Ter\d+[A-Z][a-z]{2})fsTer(\d+|\?)\Z")
"""A frameshift in the stop codon as VEP writes it: `fs` counts the new residue, `ext` not."""
_RESIDUES = re.compile(r"^[A-Z][a-z]{2}(\d+)(?:_[A-Z][a-z]{2}(\d+))?")
_SHORT_FRAMESHIFT = re.compile(r"^[A-Z][a-z]{2}\d+fs\Z")


@dataclass(frozen=True)
class _Transcript:
    """A transcript: its exons in genomic order, 1-based and closed."""

    name: str
    contig: str
    start: int
    end: int
    forward: bool
    exons: tuple[tuple[int, int], ...]
    cds: tuple[int, int] | None

    @property
    def length(self) -> int:
        """Bases of the spliced transcript."""
        return sum(b - a + 1 for a, b in self.exons)

    def genomic(self, index: int) -> int | None:
        """Give the position of a base of the spliced transcript (0-based, 5' to 3')."""
        if not 0 <= index < self.length:
            return None
        for a, b in self.exons if self.forward else self.exons[::-1]:
            size = b - a + 1
            if index < size:
                return a + index if self.forward else b - index
            index -= size
        return None

    def spliced(self, pos: int) -> int:
        """Give the 0-based number of an exonic base in the spliced transcript."""
        before = 0
        for a, b in self.exons if self.forward else self.exons[::-1]:
            if a <= pos <= b:
                return before + (pos - a if self.forward else b - pos)
            before += b - a + 1
        raise StoreError(f"transcript {self.name}: its CDS does not begin in an exon")

    def coding(self) -> tuple[int, int] | None:
        """Give the spliced numbers of the first and the last base of the CDS."""
        if self.cds is None:
            return None
        low, high = self.cds
        first, last = (low, high) if self.forward else (high, low)
        return self.spliced(first), self.spliced(last)

    def place(self, kind: str, text: str) -> int | None:
        """Give the position of `76`, `-5`, `*3` or `76+2`; None if there is none."""
        match = _POSITION.match(text)
        assert match is not None
        number, away = int(match["number"]), int(match["away"] or 0)
        if number == 0:
            return None
        index = number - 1
        if kind == "c":
            ends = self.coding()
            if ends is None:
                return None
            base = {"": ends[0] + number - 1, "-": ends[0] - number, "*": ends[1] + number}
            index = base[match["zone"]]
        elif match["zone"]:
            return None
        pos = self.genomic(index)
        return None if pos is None else pos + (away if self.forward else -away)


def find_transcript_name(store: Store, text: str) -> pl.DataFrame | None:
    """Find the alleles that a c., n. or p. name stands for.

    The name's first part is a transcript, a protein or a gene (for c. then its canonical
    transcript, if it has one), with or without version; residues have one or three letters.

    Returns
    -------
    pl.DataFrame
        Their keys (contig, pos, ref, alt), none if the store has no such allele; None
        if the text is no such name.

    Raises
    ------
    UsageError
        If the gene model has no such transcript, or the name cannot be read.
    StoreError
        If the store has no transcripts.
    """
    match = _NAME.match(text)
    if match is None:
        return None
    kind, rest = match["kind"], match["rest"]
    transcripts = _transcripts(store, match["who"], protein=kind == "p")
    if kind == "p":
        found = _find_protein(store, transcripts, rest)
    else:
        found = _find_edit(store, transcripts, kind, rest, text)
    found = found.unique().sort(KEY)
    if found.height:
        shown = ", ".join(found.head(4).select(key_text()).to_series())
        LOG.info("%s is %s%s here", text, shown, ", ..." if found.height > 4 else "")
    else:
        names = ", ".join(t.name for t in transcripts[:3])
        LOG.warning("%s: no allele of release %d does that in %s", text, store.release, names)
    return found


def _transcripts(store: Store, who: str, *, protein: bool) -> list[_Transcript]:
    if not store.file_frame("transcripts").height:
        raise StoreError(
            f"release {store.release} of {store.name} knows no transcripts",
            "ingest with `genes` in the configuration",
        )
    table = store.scan("transcripts")
    bare = _VERSION.sub("", who)
    columns = ["transcript_id"]
    rows = table.filter(_is(columns, who, bare)).collect()
    if not rows.height:
        # Names of proteins are those of transcripts without one, so both are looked for.
        columns = ["protein_id"] if protein else []
        columns += ["gene_id", "gene_name"]
        # Only these columns are read of all transcripts: exons take longer than the rest.
        wanted = table.filter(_is(columns, who, bare)).select("transcript_id", "canonical")
        names = wanted.collect()
        if not protein and names["canonical"].any():
            # A gene's c. names are those of its canonical transcript.
            names = names.filter("canonical")
        own = names["transcript_id"]
        near = pl.col("transcript_id").is_between(pl.lit(own.min()), pl.lit(own.max()))
        rows = table.filter(near, pl.col("transcript_id").is_in(own.implode())).collect()
    if not rows.height:
        raise UsageError(
            f"no transcript, protein or gene {who!r} in the gene model of release "
            f"{store.release}{nearest(who, alike(table, who))}"
        )
    if _VERSION.search(who):
        same = rows.filter(pl.any_horizontal(pl.col(c) == who for c in columns))
        own = rows[columns[0]].drop_nulls()
        if same.height:
            rows = same
        elif own.len() and own.str.contains(r"\.\d+$").any():
            LOG.warning("%s is not in the gene model: taken for %s", who, own[0])
    return [_transcript(r) for r in rows.iter_rows(named=True)]


def alike(table: pl.LazyFrame, who: str) -> list[str]:
    """Give names that share their first or their last letters with a name, for a hint.

    A slip leaves one half of a name as it is. Of a whole gene model fewer are compared
    letter by letter, which would take seconds.
    """
    known = table.select("transcript_id", "gene_name", "protein_id").collect()
    found = pl.concat(c.drop_nulls().unique().alias("name") for c in known.get_columns())
    found = found.filter(found.str.len_chars().is_between(max(len(who) - 2, 1), len(who) + 2))
    lower, low = found.str.to_lowercase(), who.lower()
    for shared in range(max(len(who) // 2, 1), len(who) + 1):
        near = lower.str.starts_with(low[:shared]) | lower.str.ends_with(low[-shared:])
        if near.sum() <= _HINTS:
            return found.filter(near).sort().to_list()
    return []


def _is(columns: list[str], who: str, bare: str) -> pl.Expr:
    """Whether one of some columns is a name, be it with another version or none."""
    low = f"{bare}."
    tests = []
    for c in columns:
        if c == "transcript_id":
            # Two ranges, so that row groups of the sorted table are skipped.
            near = pl.col(c).is_between(pl.lit(bare), pl.lit(f"{low}9999"))
            tests.append(near & _same(c, bare))
        elif c == "gene_name":
            tests.append(pl.col(c).is_in([who, who.upper(), who.capitalize()]))
        else:
            tests.append(_same(c, bare))
    return pl.any_horizontal(tests)


def _same(column: str, bare: str) -> pl.Expr:
    return (pl.col(column) == bare) | pl.col(column).str.starts_with(f"{bare}.")


def _transcript(row: dict[str, Any]) -> _Transcript:
    cds = None if row["cds_start"] is None else (row["cds_start"], row["cds_end"])
    return _Transcript(
        row["transcript_id"],
        row["contig"],
        row["start"],
        row["end"],
        row["strand"] > 0,
        tuple(zip(row["exon_start"], row["exon_end"], strict=True)),
        cds,
    )


# Names in transcripts.


def _find_edit(
    store: Store, transcripts: list[_Transcript], kind: str, rest: str, text: str
) -> pl.DataFrame:
    match = _EDIT.match(rest)
    if match is None:
        raise UsageError(
            f"{text} cannot be read as an HGVS {kind}. name",
            "forms: c.76A>G c.76del c.76_77insT c.76dup c.76_78delinsTT c.77-2A>G c.*5del",
        )
    found = [pl.DataFrame(schema=KEY_SCHEMA)]
    anywhere = False
    seen: dict[Change, pl.DataFrame] = {}
    for transcript in transcripts:
        change = _read_edit(transcript, kind, match)
        if change is None:
            continue
        anywhere = True
        # Transcripts of a gene mostly agree in where a place is.
        change = trim(change)
        hits = seen.get(change)
        if hits is None:
            hits = seen[change] = match_change(store, change)
        if not hits.height and not (change.old and change.new):
            # An allele whose shift is too wide for a SPDI; bases for bases do not shift.
            near = (change.start - NEAR, change.end + NEAR)
            hits = _named(store, transcript, near, "hgvsc", f":{kind}.{rest}")
        found.append(hits.select(KEY))
    if not anywhere:
        raise UsageError(
            f"{text}: no such place in {', '.join(t.name for t in transcripts[:3])}",
            "count in the transcript of this gene model, or give the g. name",
        )
    return pl.concat(found)


def _read_edit(transcript: _Transcript, kind: str, match: re.Match[str]) -> Change | None:
    """Carry the edit of a name over to the genome; None if the place is not there."""
    places = [transcript.place(kind, match[n] or match["first"]) for n in ("first", "last")]
    if places[0] is None or places[1] is None:
        return None
    low, high = sorted((places[0], places[1]))
    if (places[0] > places[1]) == transcript.forward and low != high:
        return None

    def turned(letters: str) -> str:
        upper = letters.upper()
        return upper if transcript.forward else upper[::-1].translate(_COMPLEMENT)

    contig, says = transcript.contig, "HGVS"
    start, end = low - 1, high
    if match["ins"]:
        if high != low + 1:
            return None
        return Change(contig, low, low, "", turned(match["ins"]), "literal", says)
    given = match["ref"] or match["old"] or match["gone"] or match["twice"] or ""
    old = turned(given) if given and not given.isdigit() else None
    size = len(old) if old is not None else int(given or end - start)
    if size != end - start:
        # As in c.76delAC or c.76del2: the bases say how many there are.
        if match["last"]:
            return None
        start, end = (start, start + size) if transcript.forward else (end - size, end)
    if match["inv"]:
        return Change(contig, start, end, None, None, "inv", says)
    if match["dup"]:
        if old is not None:
            return Change(contig, end, end, "", old, "literal", says)
        return Change(contig, start, end, None, None, "dup", says)
    new = turned(match["alt"] or match["new"] or "")
    return Change(contig, start, end, old, new, "literal", says)


# Names in proteins.


def residues(rest: str) -> str:
    """Spell what stands behind `p.` as the store does: no brackets, three letters."""
    bare = rest.removeprefix("(").removesuffix(")")
    if _LONG.search(bare):
        long = _STOP.sub("Ter", bare)
    else:
        long = re.sub(r"[A-Z*]", lambda m: _THREE.get(m[0], m[0]), bare)
    for old, new in _OLD_FORMS:
        long = old.sub(new, long)
    if match := _STOP_SHIFTED.match(long):
        far = match[2]
        long = f"{match[1]}extTer{int(far) - 1 if far != '?' else far}"
    return long


def _find_protein(store: Store, transcripts: list[_Transcript], rest: str) -> pl.DataFrame:
    wanted = residues(rest)
    named = _RESIDUES.match(wanted)
    numbers = [int(n) for n in named.groups() if n] if named else []
    found = []
    for transcript in transcripts:
        ends = transcript.coding()
        if ends is None:
            continue
        # A deletion that takes the start or the stop codon may begin before the transcript.
        whole = (max(transcript.start - 10 * NEAR, 1), transcript.end)
        near = _codons(transcript, ends[0], numbers) or whole
        hits = _protein_rows(store, transcript, near, wanted)
        if not hits.height and near != whole:
            hits = _protein_rows(store, transcript, whole, wanted)
        found.append(hits)
    if not found:
        raise UsageError(f"{', '.join(t.name for t in transcripts[:3])} has no protein")
    return pl.concat(found)


def _codons(transcript: _Transcript, first: int, numbers: list[int]) -> tuple[int, int] | None:
    """Where the codons of some residues lie, with room for shifts."""
    places = [
        pos
        for n in numbers
        for i in (3 * (n - 1), 3 * n - 1)
        if (pos := transcript.genomic(first + i)) is not None
    ]
    if not places:
        return None
    return max(min(places) - NEAR, 1), max(places) + NEAR


def _protein_rows(
    store: Store, transcript: _Transcript, near: tuple[int, int], wanted: str
) -> pl.DataFrame:
    exact = f":p.{wanted}"
    if _SHORT_FRAMESHIFT.match(wanted):
        # p.Arg97fs: the first new residue and the way to the stop are left open.
        pattern = re.escape(f":p.{wanted.removesuffix('fs')}") + r"(?:[A-Z][a-z]{2})?fs"
        return _named(store, transcript, near, "hgvsp", exact, pattern)
    return _named(store, transcript, near, "hgvsp", exact)


def _named(
    store: Store,
    transcript: _Transcript,
    near: tuple[int, int],
    column: str,
    ending: str,
    pattern: str | None = None,
) -> pl.DataFrame:
    """Find the alleles of a region that have a name in a transcript."""
    rows = store.scan(
        "consequences", contig=transcript.contig, start=max(near[0], 1), end=near[1]
    )
    name = pl.col(column)
    test = name.str.ends_with(ending)
    if pattern is not None:
        test = name.str.contains(pattern)
    mine = pl.col("transcript_id") == transcript.name
    return rows.filter(mine, test).select(KEY).collect()
