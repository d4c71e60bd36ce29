"""What a gVCF says of some bases, read once more from its text: the rules, one base at a time.

Nothing of varhouse is used: rules R1 to R17 of decision 0034 in plain Python. Bases are asked
for beside those where records begin and end, for states change nowhere else.
"""

import gzip
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

UNSPECIFIED = {"<NON_REF>", "<*>", "<X>"}
FINE = {"PASS", ".", "RefCall"}
OF_SEGMENTS = {"CN", "CNQ", "CNL", "CNP", "REPCN", "REPCI", "RU", "RUS", "SVTYPE"}
GQ_KEYS, DP_KEYS = ("GQ", "RGQ", "GQX"), ("DP", "DPI", "MIN_DP")


class State(NamedTuple):
    level: int
    alleles: int
    ploidy: int
    is_span: bool
    is_unknown: bool


Base = tuple[str, str, int]
"""Sample, contig, position."""


@dataclass
class People:
    """Who is male, and where males have one copy: (contig, pos)."""

    males: Collection[str] = ()
    is_haploid: Callable[[str, int], bool] = field(default=lambda contig, pos: False)


def read_text(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()


def number(text: str | None) -> float | None:
    try:
        return float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def first_number(cell: Mapping[str, str], keys: Collection[str]) -> float | None:
    found = (number(cell.get(k)) for k in keys)
    return next((x for x in found if x is not None), None)


def numbers(text: str | None) -> list[float | None]:
    return [number(x) for x in text.split(",")] if text else []


def quality(cell: Mapping[str, str]) -> tuple[float | None, float | None]:
    gq, dp = first_number(cell, GQ_KEYS), first_number(cell, DP_KEYS)
    likelihoods = sorted(x for x in numbers(cell.get("PL")) if x is not None)
    if gq is None and len(likelihoods) > 1:
        gq = likelihoods[1] - likelihoods[0]
    reads = [x for x in numbers(cell.get("AD")) if x is not None]
    if dp is None and reads:
        dp = sum(reads)
    return gq, dp


class Genotype(NamedTuple):
    alleles: list[int | None]

    @property
    def called(self) -> list[int]:
        return [a for a in self.alleles if a is not None]


def genotype(text: str | None) -> Genotype:
    cells = re.split(r"[/|]", text.lstrip("/|")) if text else []
    return Genotype([None if c == "." else int(c) for c in cells])


def state_of(
    keys: list[str], cell: Mapping[str, str], filters: str, n_alt: int, one_copy: bool
) -> State:
    """Say what one cell of a record says by itself."""
    gt = genotype(cell.get("GT"))
    called, ploidy = gt.called, min(len(gt.alleles), 7)
    is_het = len(set(called)) > 1
    has = set(keys)
    unknown = not has & {*GQ_KEYS, "PL"} or not has & {*DP_KEYS, "AD"}
    unknown = unknown or (is_het and "AD" not in has)
    if not called or max(called) > n_alt:
        unknown = not has & {*GQ_KEYS, "PL"} or not has & {*DP_KEYS, "AD"}
        return State(1, 0, ploidy, False, unknown or (is_het and "AD" not in has))
    gq, dp = quality(cell)
    if max(called) == 0 and 0 in (gq, dp):
        return State(2, min(len(called), 7), ploidy, False, unknown)
    copies = len(gt.alleles)
    if one_copy and copies == 2 and len(called) == 1:
        copies = 1
    if max(called) > 0:
        ploidy = min(copies, 7)
    fine = set(filters.split(";")) <= FINE
    fine = fine and set(re.split("[;,]", cell.get("FT", "PASS"))) <= FINE
    good = len(called) == copies and fine and not (one_copy and is_het) and not unknown
    good = good and gq is not None and gq >= 20
    good = good and dp is not None and dp >= (5 if copies == 1 else 10)
    if good and is_het:
        depths = numbers(cell.get("AD"))
        for a in called:
            reads = depths[a] if len(depths) == n_alt + 1 else None
            if a and (not dp or reads is None or reads / dp < 0.2):
                good = False
    return State(4 if good else 3, min(len(called), 7), ploidy, False, unknown)


def moved_to(genome: str, pos: int, ref: str, alt: str) -> int:
    """Give where an allele stands once it is trimmed and left-aligned (1-based)."""
    if not re.fullmatch("[ACGTN]+", ref + alt):
        return pos
    while ref != alt:
        if ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        elif not ref or not alt:
            if pos == 1:
                break
            pos -= 1
            base = genome[pos - 1]
            ref, alt = base + ref, base + alt
            if ref[-1] != alt[-1]:
                break
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos


class Entry(NamedTuple):
    first: int
    last: int
    layer: str
    state: State


def entries_of(
    line: list[str], samples: list[str], genome: Mapping[str, str], people: People
) -> dict[str, list[Entry]]:
    """Say of each sample which bases a record speaks of, and what it says."""
    contig, pos, ref = line[0], int(line[1]), line[3].upper()
    alts = [] if line[4] == "." else line[4].split(",")
    keys = line[8].split(":")
    cells = {
        s: dict(zip(keys, c.split(":"), strict=False))
        for s, c in zip(samples, line[9:], strict=True)
    }
    called = {a for c in cells.values() for a in genotype(c.get("GT")).called}
    has = {x.split("=")[0] for x in line[7].split(";")} | set(keys)
    if not alts and (
        has & OF_SEGMENTS or (ref[0] == "N" and "END" in has and not has & {"DP", "MIN_DP"})
    ):
        return {}
    block = set(alts) <= UNSPECIFIED or (alts == ["*"] and max(called, default=0) < 1)
    last = pos + len(ref) - 1
    if called and max(called) > len(alts) and not block:
        return {}
    lens = {s: int(number(c.get("LEN")) or 0) for s, c in cells.items()}
    if block:
        ends = [int(x[4:]) for x in line[7].split(";") if x.startswith("END=")]
        last = max([last, *ends, *(pos + x - 1 for x in lens.values())])
    places = {
        moved_to(genome[contig], pos, ref, alts[a - 1].upper())
        for a in called
        if a and not block and alts[a - 1] not in UNSPECIFIED
    } - {pos}
    out = {}
    for s, cell in cells.items():

        def at(base: int, who: str = s, cell: Mapping[str, str] = cell) -> State:
            """Say what the cell says of an allele that stands at a base."""
            one_copy = who in people.males and people.is_haploid(contig, base)
            return state_of(keys, cell, line[6], len(alts), one_copy)

        state = at(pos)
        if block:
            is_shorter = max(lens.values()) > max(lens[s], 1)
            own_last = pos + max(lens[s], 1) - 1 if is_shorter else last
            out[s] = [Entry(pos, own_last, "block", state)]
            continue
        spans = [Entry(b, b, "span", state) for b in range(pos + 1, last + 1)]
        out[s] = [Entry(pos, pos, "record", state), *(x for x in spans if x[0] not in places)]
        out[s] += [Entry(p, p, "record", at(p)) for p in places]
        if lens[s] > 1 and max(genotype(cell.get("GT")).called, default=0) == 0:
            out[s].append(Entry(pos + 1, pos + lens[s] - 1, "block", state))
    return out


def weakest(states: list[State]) -> State:
    return min(states)


def joined(state: State, others: list[State], *, is_full: bool) -> State:
    """Add the called alleles of states over a base up; who is full in one of them is full."""
    ploidy = max(s.ploidy for s in others)
    alleles = min(ploidy, sum(s.alleles for s in others))
    return state._replace(alleles=alleles, ploidy=alleles if is_full else ploidy)


def is_whole(state: State) -> bool:
    return state.level > 1 and 0 < state.alleles == state.ploidy


def base_state(over: list[Entry]) -> State | None:
    """Say by the rules what all that covers a base makes of it."""
    layers: dict[str, list[State]] = {"record": [], "block": [], "span": []}
    for entry in over:
        layers[entry.layer].append(entry.state)
    span = weakest(layers["span"]) if layers["span"] else None
    if layers["record"]:
        records = layers["record"]
        found = joined(max(records), records, is_full=any(map(is_whole, records)))
    elif layers["block"]:
        found = weakest(layers["block"])
    else:
        return span and span._replace(is_span=True)
    if span and span.level > 1 and found.level > 1:
        found = joined(found, [found, span], is_full=is_whole(found))
    return found


def slow_states(
    text: str,
    genome: Mapping[str, str],
    people: People | None = None,
    rejected: Collection[int] = (),
) -> dict[Base, State | None]:
    """Give the state of each sample at each base beside where something begins or ends.

    `rejected` are numbers of records (from 0) that say nothing.
    """
    lines = [x.split("\t") for x in re.split("\r?\n", text) if x and not x.startswith("##")]
    samples, records = lines[0][9:], lines[1:]
    spoken: dict[tuple[str, str], list[Entry]] = {}
    for line in (x for k, x in enumerate(records) if k not in rejected):
        for s, found in entries_of(line, samples, genome, people or People()).items():
            spoken.setdefault((s, line[0]), []).extend(found)
    out: dict[Base, State | None] = {}
    for (s, contig), entries in spoken.items():
        size = len(genome[contig])
        edges = {e for x in entries for e in (x.first, x.last)}
        bases = sorted({e + d for e in edges for d in (-1, 0, 1) if 1 <= e + d <= size})
        over: dict[int, list[Entry]] = {b: [] for b in bases}
        for entry in entries:
            i, j = bisect_left(bases, entry.first), bisect_right(bases, entry.last)
            for b in bases[i:j]:
                over[b].append(entry)
        out |= {(s, contig, b): base_state(found) for b, found in over.items()}
    return out
