"""What other callers write, turned to the one form of variants and blocks that is joined here.

A variant has GT, GQ, DP, AD, PL, SP, ADF, ADR, so that the same filters hold whoever called
it. Records that name no variant of the person (0/0, RefCall, no call) are none: they say
how far the reference genotype is sure, as reference blocks do.

A line is a record in Python here: 50,000 lines a CPU second, some 1,000 s a genome of callers
that need ten hours for it and more. What freebayes only looked at is left out before.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from varhouse.errors import InputError
from varhouse.reads.pileup import MOST_QUALITY, Pileup

UNSPECIFIED = ("<NON_REF>", "<*>")
"""The allele that stands for any other: GATK's and DeepVariant's names of it."""

LEAST_QUALITY = 3.0103
"""QUAL below which a variant is less likely than none (half, Phred): `bcftools call -p 0.5`
leaves such out, too. freebayes writes all it has looked at, one in 80 bases, mostly with QUAL
near 0."""

_STALE = frozenset(("AC", "AN", "AF", "NS", "NUMALT", "TYPE", "CIGAR", "LEN", "GTI", "END"))
"""INFO keys that are of many people, of the search, or no longer true of a split record."""

_MOST_PL = 99_999
_MISSING = "."

FORMAT_LINES = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality, at most 99">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads, as the caller counts them">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">',
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">',
    '##FORMAT=<ID=SP,Number=1,Type=Integer,Description="Phred-scaled strand bias P-value">',
    '##FORMAT=<ID=ADF,Number=R,Type=Integer,Description="Reads of each allele, forward">',
    '##FORMAT=<ID=ADR,Number=R,Type=Integer,Description="Reads of each allele, reverse">',
)


class Record(NamedTuple):
    """A record of one person, alleles as numbers; None: not said.

    Attributes
    ----------
    pos
        1-based.
    called
        Alleles of GT, one or two; None for a missing one.
    likelihoods
        PL, in the order of VCF.
    """

    pos: int
    ref: str
    alts: list[str]
    quality: str
    info: str
    called: list[int | None]
    gq: int | None
    depth: int | None
    reads: list[int] | None
    likelihoods: list[int] | None
    forward: list[int] | None = None
    reverse: list[int] | None = None

    def is_variant(self) -> bool:
        """Tell whether the genotype names another allele."""
        return any(allele for allele in self.called)

    def is_reference(self) -> bool:
        """Tell whether the genotype names the reference alone."""
        return all(allele == 0 for allele in self.called)

    def line(self, contig: str) -> str:
        """Write it as a line of a VCF."""
        strands = strand_bias(self.forward, self.reverse)
        cells = [
            "/".join(_MISSING if a is None else str(a) for a in self.called),
            _text(self.gq),
            _text(self.depth),
            _list(self.reads),
            _list(self.likelihoods),
            _text(strands),
            _list(self.forward),
            _list(self.reverse),
        ]
        head = [contig, str(self.pos), ".", self.ref, ",".join(self.alts), self.quality]
        return "\t".join([*head, ".", self.info, "GT:GQ:DP:AD:PL:SP:ADF:ADR", ":".join(cells)])


def _text(value: int | None) -> str:
    return _MISSING if value is None else str(value)


def _list(values: Sequence[int] | None) -> str:
    return _MISSING if values is None else ",".join(map(str, values))


def strand_bias(forward: Sequence[int] | None, reverse: Sequence[int] | None) -> int | None:
    """Give the strand bias of REF against all ALT: Phred, Fisher's exact test on both sides.

    As FORMAT/SP of bcftools, at most 255.
    """
    if not forward or not reverse:
        return None
    a, b = forward[0], reverse[0]
    c, d = sum(forward[1:]), sum(reverse[1:])
    rows, column, n = a + b, a + c, a + b + c + d
    if not rows or rows == n or not column or column == n:
        return 0
    log = math.lgamma

    def chance(x: int) -> float:
        cells = (x, rows - x, column - x, n - rows - column + x)
        margins = (rows, n - rows, column, n - column)
        total = sum(log(m + 1) for m in margins) - log(n + 1)
        return math.exp(total - sum(log(cell + 1) for cell in cells))

    seen = chance(a) * (1 + 1e-9)
    span = range(max(0, rows + column - n), min(rows, column) + 1)
    p = sum(c for c in map(chance, span) if c <= seen)
    return min(255, round(-10 * math.log10(min(1.0, max(p, 1e-26)))))


def read_records(
    lines: Iterable[str], *, copies: int, path: str
) -> Iterator[tuple[Record, int | None]]:
    """Read the records of a VCF or gVCF of one person by freebayes, GATK or DeepVariant.

    Parameters
    ----------
    copies
        Of the stretch: one or two. A caller that knows two alone writes `1/1` for one.

    Yields
    ------
    record
        Without the unspecified allele.
    end
        Last base of a reference block, 1-based; None for other records.

    Raises
    ------
    InputError
        If it has several samples, or a line is none of a VCF.
    """
    for line in lines:
        if line.startswith("#"):
            continue
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 10:
            people = "several people" if len(fields) > 10 else "no line of a VCF"
            raise InputError(
                f"{path}: {people}: {line[:80]!r}",
                "the read groups of the BAM have to name one sample (SM)",
            )
        try:
            yield _record(fields, copies)
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}: POS {fields[1]}: {error}") from None


def likely_lines(lines: Iterable[str]) -> Iterator[str]:
    """Give the lines of QUAL `LEAST_QUALITY` or more, and those of the header."""
    for line in lines:
        fields = line.split("\t", 6)
        if line.startswith("#") or len(fields) < 7 or float(fields[5]) >= LEAST_QUALITY:
            yield line


def _record(fields: list[str], copies: int) -> tuple[Record, int | None]:
    _, pos, _, ref, alt, quality, _, info, keys, cells = fields
    cell = dict(zip(keys.split(":"), cells.split(":"), strict=False))
    alts = [] if alt == _MISSING else alt.split(",")
    genotype = cell.get("GT", _MISSING).replace("|", "/").split("/")
    called = [None if a == _MISSING else int(a) for a in genotype]
    likelihoods = _likelihoods(cell)
    reads = _numbers(cell.get("AD"))
    n = 1 + len(alts)
    if copies == 1:
        if likelihoods is not None and len(likelihoods) == n * (n + 1) // 2 and n > 1:
            likelihoods = [likelihoods[k * (k + 3) // 2] for k in range(n)]
        if len(called) == 2:
            called = called[:1] if called[0] == called[1] else [None]
    elif len(called) == 1:
        called *= 2
    forward, reverse = _strands(info, cell, n)
    end = None
    named = [a for a in alts if a not in UNSPECIFIED]
    if not named:
        end = _end(info, int(pos) + len(ref) - 1)
    if len(named) < len(alts):
        # It stands last. A genotype that has it names no allele that could be kept.
        called = [None if a is not None and a > len(named) else a for a in called]
        reads = reads[: len(named) + 1] if reads is not None else None
        if named and likelihoods is not None:
            m = len(named) + 1
            likelihoods = likelihoods[: m if copies == 1 else m * (m + 1) // 2]
            low = min(likelihoods)
            likelihoods = [value - low for value in likelihoods]
    gq = cell.get("GQ", _MISSING)
    depth = cell.get("MIN_DP", cell.get("DP", _MISSING))
    record = Record(
        int(pos),
        ref.upper(),
        [a.upper() if a[0] != "<" else a for a in (named or alts)],
        quality,
        _kept(info),
        called,
        _sureness(likelihoods, called) if gq == _MISSING else min(MOST_QUALITY, int(gq)),
        None if depth == _MISSING else int(depth),
        reads,
        likelihoods,
        forward,
        reverse,
    )
    return record, end


def _sureness(likelihoods: list[int] | None, called: list[int | None]) -> int | None:
    """Give GQ by the likelihoods: how far the next genotype lies below the called one.

    freebayes is not asked for its own, which weighs in priors: it is 0 for a 1/1 of 8 reads
    without one of REF.
    """
    alleles = sorted(a for a in called if a is not None)
    if likelihoods is None or len(alleles) < len(called):
        return None
    last = alleles[-1]
    at = last if len(alleles) == 1 else last * (last + 1) // 2 + alleles[0]
    others = [value for i, value in enumerate(likelihoods) if i != at]
    return max(0, min(MOST_QUALITY, min(others, default=0) - likelihoods[at]))


def _numbers(text: str | None) -> list[int] | None:
    if not text or _MISSING in text.split(","):
        return None
    return [int(value) for value in text.split(",")]


def _likelihoods(cell: dict[str, str]) -> list[int] | None:
    """Give PL, or freebayes' GL (log10) as PL."""
    if "PL" in cell:
        return _numbers(cell["PL"])
    values = cell.get("GL", _MISSING).split(",")
    if _MISSING in values:
        return None
    logs = [float(value) for value in values]
    best = max(logs)
    return [min(_MOST_PL, round(10 * (best - value))) for value in logs]


def _end(info: str, end: int) -> int:
    for item in info.split(";"):
        if item.startswith("END="):
            return int(item[4:])
    return end


def _kept(info: str) -> str:
    items = (i for i in info.split(";") if i.partition("=")[0] not in _STALE)
    return ";".join(i for i in items if not i.startswith("technology.")) or _MISSING


def _strands(
    info: str, cell: dict[str, str], n: int
) -> tuple[list[int] | None, list[int] | None]:
    """Give reads of each allele by strand: freebayes' INFO, or GATK's SB of REF and ALT."""
    strand = _numbers(cell.get("SB"))
    if strand is not None and len(strand) == 4:
        # n counts <NON_REF>, too.
        return ([strand[0], strand[2]], [strand[1], strand[3]]) if n <= 3 else (None, None)
    if "SRF=" not in info:
        return None, None
    items = dict(i.partition("=")[::2] for i in info.split(";"))
    forward, reverse = (
        _numbers(f"{items.get(ref, '.')},{items.get(alt, '.')}")
        for ref, alt in (("SRF", "SAF"), ("SRR", "SAR"))
    )
    return forward, reverse


def split_substitution(record: Record) -> list[Record]:
    """Split a record whose alleles are all as long as REF into one for each base that differs.

    A caller of haplotypes writes SNVs that lie near each other as one allele; in a store they
    are to be the alleles that everybody else has. Reads of an allele count for each of its
    bases; the likelihood of a genotype at a base is that of the likeliest genotype of the
    alleles that has it. Deletions with an inserted base stay whole.
    """
    if len(record.ref) == 1 or any(
        len(alt) != len(record.ref) or not alt.isalpha() for alt in record.alts
    ):
        return [record]
    alleles = [record.ref, *record.alts]
    out = []
    for i in range(len(record.ref)):
        bases = [allele[i] for allele in alleles]
        kinds = list(dict.fromkeys(bases))
        if len(kinds) == 1:
            continue
        new = [kinds.index(base) for base in bases]
        one = record._replace(
            pos=record.pos + i,
            ref=kinds[0],
            alts=kinds[1:],
            info=_of_first(record.info, len(record.alts), new),
            called=[None if a is None else new[a] for a in record.called],
            reads=_added(record.reads, new),
            forward=_added(record.forward, new),
            reverse=_added(record.reverse, new),
            likelihoods=_likeliest(record.likelihoods, new, len(record.called)),
        )
        if one.is_variant():
            out.append(one)
    return out


def _added(values: list[int] | None, new: list[int]) -> list[int] | None:
    if values is None or len(values) != len(new):
        return None
    out = [0] * (max(new) + 1)
    for value, to in zip(values, new, strict=True):
        out[to] += value
    return out


def _likeliest(old: list[int] | None, new: list[int], copies: int) -> list[int] | None:
    n, m = len(new), max(new) + 1
    if old is None:
        return None
    if copies == 1:
        pairs = [(new[k], old[k]) for k in range(min(n, len(old)))]
        out = [_MOST_PL] * m
    else:
        if len(old) != n * (n + 1) // 2:
            return None
        places = [(j, k) for k in range(n) for j in range(k + 1)]
        pairs = []
        for (j, k), value in zip(places, old, strict=True):
            a, b = sorted((new[j], new[k]))
            pairs.append((b * (b + 1) // 2 + a, value))
        out = [_MOST_PL] * (m * (m + 1) // 2)
    for to, value in pairs:
        out[to] = min(out[to], value)
    low = min(out)
    return [value - low for value in out]


def _of_first(info: str, n_alts: int, new: list[int]) -> str:
    """Keep INFO of a base true to its alleles: of lists by ALT, the first value of each."""
    if n_alts == 1:
        return info
    first = [new.index(k) - 1 for k in range(1, max(new) + 1)]
    items = []
    for item in info.split(";"):
        key, is_set, text = item.partition("=")
        values = text.split(",")
        if is_set and len(values) == n_alts:
            item = f"{key}={','.join(values[i] for i in first)}"
        items.append(item)
    return ";".join(items)


def lay_block(record: Record, end: int, start: int, pileup: Pileup) -> None:
    """Lay what a record says of reference bases into arrays over the bases of a span.

    Parameters
    ----------
    record
        A block, or a record of which no ALT was called.
    end
        Its last base, 1-based.
    start
        First base of the span, 0-based.
    pileup
        Lowered where something was said already.
    """
    depth, quality, likelihoods = pileup
    a, b = max(0, record.pos - 1 - start), min(depth.size, end - start)
    if a >= b:
        return
    gq = record.gq or 0
    # A block of GATK without reads has 0/0, and one of which nothing is known ./. and GQ.
    gq = gq if record.is_reference() and record.depth else 0
    was = quality[a:b] == 255
    own = np.uint16(min(record.depth or 0, 65_535))
    depth[a:b] = np.where(was, own, np.minimum(depth[a:b], own))
    quality[a:b] = np.minimum(quality[a:b], np.uint8(min(gq, MOST_QUALITY)))
    for i, value in enumerate(_three(record.likelihoods, len(record.called))):
        likelihoods[a:b, i] = np.minimum(likelihoods[a:b, i], np.uint8(min(value, 255)))


def _three(values: list[int] | None, copies: int) -> tuple[int, int, int]:
    """Give the least PL of no other allele, of one, of only others."""
    if not values or len(values) < 2:
        return 0, 0, 0
    if copies == 1:
        return values[0], 255, min(values[1:])
    k, het, other = 1, [], []
    while k * (k + 1) // 2 < len(values):
        row = values[k * (k + 1) // 2 : (k + 1) * (k + 2) // 2]
        het.append(row[0])
        other += row[1:]
        k += 1
    return values[0], min(het), min(other, default=255)


def header_lines(lines: Iterable[str]) -> list[str]:
    """List the INFO lines of a caller's header that are kept, and our own of FORMAT."""
    out = []
    for line in lines:
        if not line.startswith("##"):
            break
        name = line.partition("ID=")[2].partition(",")[0]
        if line.startswith("##INFO=") and name not in _STALE and "technology" not in name:
            out.append(line.rstrip("\n"))
    return [*out, *FORMAT_LINES]
