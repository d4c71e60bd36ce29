"""Calls beside a truth, by the haplotypes that both describe.

The same change can be written in several ways: an indel at any place of a repeat, a complex
change as one record or as parts. First alleles are matched by their left-aligned key. Where
that leaves something over, all records of a neighbourhood are put into the reference, in every
phase that the genotypes allow; if truth and calls can give the same pair of haplotypes, all
of them are right, genotypes included. If not, up to two records are set aside, as few as
possible.

So do vcfeval and hap.py; test_calls_compare holds this beside answers of hap.py.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pysam

Key = tuple[str, int, str, str]
"""Contig, start (0-based), REF, ALT: left-aligned, an indel with the base before it."""
Intervals = Sequence[tuple[str, int, int]]
"""Contig, start, end: 0-based, half-open."""

GAP = 30
"""Bases between records that are looked at by themselves."""
MOST = 10
"""Records of a neighbourhood and side of which all phases are tried."""


@dataclass
class Record:
    """A record of a call set as it changes the reference.

    Attributes
    ----------
    changes
        Of each allele but REF: start (0-based), bases replaced, bases put there; without the
        bases that REF and ALT share.
    keys
        Of each allele but REF; None where it is no ALT of the genotype.
    genotype
        Allele numbers; two of them, also where there is one copy.
    low, high
        The stretch that the change may be written at.
    """

    contig: str
    changes: dict[int, tuple[int, str, str]]
    keys: dict[int, Key]
    genotype: tuple[int, int]
    phased: bool
    copies: int
    low: int
    high: int

    def phases(self) -> list[tuple[int, int]]:
        first, second = self.genotype
        if self.phased or first == second:
            return [(first, second)]
        return [(first, second), (second, first)]


@dataclass
class Score:
    """Alleles of one kind that were found, missed, or called too much."""

    found: int = 0
    right: int = 0
    missed: list[Key] = field(default_factory=list)
    extra: list[Key] = field(default_factory=list)
    wrong_genotype: list[Key] = field(default_factory=list)

    @property
    def truth(self) -> int:
        return self.found + len(self.missed)

    @property
    def recall(self) -> float:
        return self.found / self.truth if self.truth else 1.0

    @property
    def precision(self) -> float:
        called = self.found + len(self.extra)
        return self.found / called if called else 1.0

    @property
    def f1(self) -> float:
        return self._f1(self.found)

    @property
    def genotype_f1(self) -> float:
        """F1 when only alleles with the right genotype count as found."""
        return self._f1(self.right)

    @property
    def genotypes(self) -> float:
        """Share of the alleles found that have the right genotype."""
        return self.right / self.found if self.found else 1.0

    def _f1(self, good: int) -> float:
        all_of_them = 2 * self.found + len(self.missed) + len(self.extra)
        return 2 * good / all_of_them if all_of_them else 1.0

    def __str__(self) -> str:
        return (
            f"truth {self.truth} found {self.found} genotype {self.right} missed "
            f"{len(self.missed)} extra {len(self.extra)} F1 {self.f1:.4f} "
            f"genotype F1 {self.genotype_f1:.4f}"
        )


@dataclass
class Comparison:
    """What a call set is worth."""

    snv: Score = field(default_factory=Score)
    indel: Score = field(default_factory=Score)

    def of(self, key: Key) -> Score:
        return self.snv if len(key[2]) == len(key[3]) else self.indel


class Reference:
    """Bases of a FASTA, a contig in memory once it is asked for."""

    def __init__(self, fasta: Path) -> None:
        self._file = pysam.FastaFile(str(fasta))
        self.contig: Callable[[str], str] = cache(lambda name: self._file.fetch(name).upper())


def load(
    reference: Reference,
    path: Path,
    *,
    passing: bool = True,
    keep: Callable[[pysam.VariantRecord], bool] | None = None,
) -> list[Record]:
    """Read the first sample's records that have an ALT in the genotype."""
    out: list[Record] = []
    with pysam.VariantFile(str(path)) as source:
        for record in source:
            call = record.samples[0] if len(record.samples) else None
            genotype = (call or {}).get("GT") or ()
            if call is None or not any(genotype):
                continue
            filters = set(record.filter.keys()) - {"PASS", "."}
            if (passing and filters) or (keep is not None and not keep(record)):
                continue
            out += _records(reference.contig(record.contig), record, genotype, call.phased)
    return out


def _records(
    text: str, record: pysam.VariantRecord, genotype: Sequence[int | None], phased: bool
) -> list[Record]:
    """Make records of a line; several, of one change of a base each, of an MNV."""
    alleles = [a.upper() for a in record.alleles or ()]
    numbers = [0 if g is None or not set(alleles[g]) <= set("ACGTN") else g for g in genotype]
    pair = (numbers[0], numbers[-1])
    copies = len(genotype)
    if len(alleles) == 2 and len(alleles[0]) == len(alleles[1]):
        out = []
        for i, (old, new) in enumerate(zip(alleles[0], alleles[1], strict=True)):
            if old != new:
                at = record.start + i
                change, key = (at, old, new), (record.contig, at, old, new)
                out.append(
                    Record(key[0], {1: change}, {1: key}, pair, phased, copies, at, at + 1)
                )
        return out
    changes, keys = {}, {}
    low, high = record.start, record.start + len(alleles[0])
    for number in set(pair) - {0}:
        start, old, new = trim(record.start, alleles[0], alleles[number])
        changes[number] = (start, old, new)
        left, right = shift(text, start, old, new)
        low, high = min(low, left[0]), max(high, right)
        keys[number] = (record.contig, *_anchored(text, *left))
    return (
        [Record(record.contig, changes, keys, pair, phased, copies, low, high)] if keys else []
    )


def trim(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Take off the bases that both alleles share: last ones first."""
    end = 0
    while end < min(len(ref), len(alt)) and ref[-1 - end] == alt[-1 - end]:
        end += 1
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    begin = 0
    while begin < min(len(ref), len(alt)) and ref[begin] == alt[begin]:
        begin += 1
    return start + begin, ref[begin:], alt[begin:]


def shift(text: str, start: int, ref: str, alt: str) -> tuple[tuple[int, str, str], int]:
    """Give an indel at its leftmost place, and where it ends at its rightmost one."""
    if ref and alt:
        return (start, ref, alt), start + len(ref)
    end, moved = start + len(ref), ref or alt
    right, turned = end, moved
    while right < len(text) and text[right] == turned[0]:
        turned = turned[1:] + turned[0]
        right += 1
    while start > 0 and text[start - 1] == moved[-1]:
        moved = moved[-1] + moved[:-1]
        start -= 1
    return (start, moved if ref else "", moved if alt else ""), right


def _anchored(text: str, start: int, ref: str, alt: str) -> tuple[int, str, str]:
    if ref and alt:
        return start, ref, alt
    before = text[start - 1] if start else ""
    return start - 1, before + ref, before + alt


def compare(
    fasta: Path | Reference,
    truth: Path | list[Record],
    calls: Path | list[Record],
    *,
    confident: Intervals | None = None,
    contigs: Iterable[str] | None = None,
    copies: bool = False,
) -> Comparison:
    """Compare calls with a truth.

    Parameters
    ----------
    confident
        Only alleles that begin in these stretches are counted.
    copies
        Count copies, as vcfdist does: a homozygous allele is two.
    """
    reference = fasta if isinstance(fasta, Reference) else Reference(fasta)
    sides = [load(reference, s) if isinstance(s, Path) else s for s in (truth, calls)]
    counted = _counted(confident, contigs)
    result = Comparison()
    for group in _groups(*sides):
        _judge(reference, group, result, counted, copies)
    return result


def read_bed(path: Path) -> list[tuple[str, int, int]]:
    """Read the intervals of a BED."""
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return [(r[0], int(r[1]), int(r[2])) for r in rows if not r[0].startswith("#")]


def _counted(
    confident: Intervals | None, contigs: Iterable[str] | None
) -> Callable[[Key], bool]:
    names = None if contigs is None else set(contigs)
    by_contig: dict[str, list[tuple[int, int]]] = {}
    for contig, start, end in confident or ():
        by_contig.setdefault(contig, []).append((start, end))

    def inside(key: Key) -> bool:
        if names is not None and key[0] not in names:
            return False
        if confident is None:
            return True
        at = key[1] + (len(key[2]) != len(key[3]))
        return any(s <= at < e for s, e in by_contig.get(key[0], ()))

    return inside


Group = tuple[list[Record], list[Record]]


def _groups(truth: list[Record], calls: list[Record]) -> list[Group]:
    """Put records of both sides that lie near each other together."""
    both = [(r.contig, r.low, r.high, 0, r) for r in truth]
    both += [(r.contig, r.low, r.high, 1, r) for r in calls]
    both.sort(key=lambda x: x[:4])
    out: list[Group] = []
    contig, end = "", 0
    for name, low, high, side, record in both:
        if name != contig or low > end + GAP:
            out.append(([], []))
            contig, end = name, high
        end = max(end, high)
        out[-1][side].append(record)
    return out


def _dosages(records: Iterable[Record]) -> dict[Key, int]:
    """Count the copies of each allele, of two."""
    out: dict[Key, int] = {}
    for record in records:
        for number in record.genotype:
            if number:
                key = record.keys[number]
                out[key] = out.get(key, 0) + 1
    return out


def _judge(
    reference: Reference,
    group: Group,
    result: Comparison,
    counted: Callable[[Key], bool],
    copies: bool,
) -> None:
    """Say of every allele of a neighbourhood whether it was found."""
    truth, calls = (_dosages(side) for side in group)
    alike: tuple[set[Key], set[Key]] = (set(), set())
    if truth != calls and all(group):
        alike = _alike(reference, group)
    for key, count in truth.items():
        if not counted(key):
            continue
        score = result.of(key)
        got = count if key in alike[0] else calls.get(key, 0)
        weight = count if copies else 1
        if copies:
            found = min(got, count)
            score.missed += [key] * (count - found)
            score.extra += [key] * max(0, got - count)
            score.found += found
            score.right += found
        elif got == 0:
            score.missed.append(key)
        else:
            score.found += weight
            score.right += weight * (got == count)
            if got != count:
                score.wrong_genotype.append(key)
    for key, count in calls.items():
        if counted(key) and key not in truth and key not in alike[1]:
            result.of(key).extra += [key] * (count if copies else 1)


def _alike(reference: Reference, group: Group) -> tuple[set[Key], set[Key]]:
    """Find the largest part of a neighbourhood in which both sides give the same haplotypes.

    Keys of that part, of truth and calls; empty if matching by key alone finds as much.
    """
    truth, calls = group
    if max(len(truth), len(calls)) > MOST:
        return set(), set()
    low = max(0, min(r.low for r in truth + calls) - 1)
    high = max(r.high for r in truth + calls) + 1
    text = reference.contig(truth[0].contig)[low:high]
    n = len(truth)
    for dropped in range(3):
        for out in itertools.combinations(range(n + len(calls)), dropped):
            left = [r for i, r in enumerate(truth) if i not in out]
            right = [r for i, r in enumerate(calls) if n + i not in out]
            if not left or not right:
                continue
            if _haplotypes(text, low, left) & _haplotypes(text, low, right):
                return (
                    {k for r in left for k in r.keys.values()},
                    {k for r in right for k in r.keys.values()},
                )
    return set(), set()


def _haplotypes(text: str, low: int, records: Sequence[Record]) -> set[tuple[str, str]]:
    """Give all pairs of haplotypes that the records may mean; which is which is left open."""
    ordered = sorted(records, key=lambda r: min(c[0] for c in r.changes.values()))
    out = set()
    for choice in itertools.product(*(r.phases() for r in ordered)):
        pair = [_haplotype(text, low, ordered, [c[side] for c in choice]) for side in (0, 1)]
        if None not in pair:
            first, second = sorted(str(p) for p in pair)
            out.add((first, second))
    return out


def _haplotype(
    text: str, low: int, records: Sequence[Record], alleles: Sequence[int]
) -> str | None:
    """Put one allele of each record into the reference; None if two of them overlap."""
    pieces, last = [], low
    changes = [r.changes[a] for r, a in zip(records, alleles, strict=True) if a]
    for start, old, new in sorted(changes):
        if start < last:
            return None
        pieces += [text[last - low : start - low], new]
        last = start + len(old)
    return "".join(pieces) + text[last - low :]
