"""Is a file a gVCF? Reference blocks and the allele of unknown sequence.

A gVCF says, beside its variants, where a sample is like the reference: in blocks, records
whose ALT is the unspecified allele alone (`<*>` of VCF 4.3, `<NON_REF>` of GATK, its alias;
VCF 4.5 section 5.5), `.` with an END behind REF (Strelka, Isaac, xAtlas, bcftools call), or
`*` alone where no GT names it (Octopus). The unspecified allele also stands beside the ALTs
of its variants.

A segment of a known copy number (GATK's gCNV, DRAGEN) or a repeat of the length of REF
(ExpansionHunter) has ALT `.` and END, too, and is a call and no block: its keys say so, or a
REF of N without a depth of reads. It says nothing of the bases, and counts on neither side
below.

Whether a record is a reference record (`reference_records`) goes by the record alone; those of
a file that is no gVCF are records without ALT like any other.

The rule goes by the records alone. A file is a gVCF if

- blocks and variants beside the unspecified allele are at least as many as other variants, or
- blocks cover more bases than other variants, and for ten of these there is a block of
  several bases that meets the record before or behind it: an exome or a merged file, in which
  variants are more than blocks.

Records with ALT `.` that are no blocks count on neither side. A cohort in which a few records
have kept the allele is none, and neither is one by its header alone (`##GVCFBlock`,
`##ALT=<ID=NON_REF>`), which outlives genotyping.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.fields.alts import UNSPECIFIED, allele_kind
from varhouse.vcf.fields.ends import END, find_info, largest_len, number_at
from varhouse.vcf.gvcf.dialects import gvcf_tool
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]

VARIANT, OPEN, OTHER, BLOCK, BARE = range(5)
"""What a record is: a variant, one beside the unspecified allele, one that is neither (a copy
number or repeat, or `*` alone that is called), and of reference records a block, or one with
ALT `.` alone."""

NO_NUMBER = -2
"""In `Shapes.stated`: an END that is no whole number in digits, or two of them."""

_LONG, _BY_LEN, _MEETING, _OVERLAPPING, _WITHOUT_GT, _IN_BLOCKS, _IN_VARIANTS = range(5, 12)
_NON_REF, _ANY, _X, _NONE, _STAR = range(12, 17)
_STYLES = ("<NON_REF>", "<*>", "<X>", ".", "*")
_FEW = 10
"""Other variants for which there is at least one block of several bases."""

_CONTIG, _REACH, _BLOCK_REACH, _MET, _IS_LONG = range(5)
_BASE = np.zeros(256, np.bool_)
_LESS, _DOT, _ASTERISK = 60, 46, 42
_COMMA, _SEMICOLON, _COLON, _TAB, _N = 44, 59, 58, 9, 78
_LONGEST = np.int64(2**31)


def _keys(names: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(f" {names} ".encode(), np.uint8)


_OF_CALLS = _keys("CN CNQ CNL CNP REPCN REPCI RU RUS SVTYPE")
"""Keys of a copy number or a repeat."""
_OF_READS = _keys("DP MIN_DP")
_KEYS = _OF_CALLS, _OF_READS, END


@nb.njit(cache=True, nogil=True)
def _is_one_of(text, a, b, names):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is one of names with blanks around each."""
    n = b - a
    for j in range(names.size - n - 1):
        if n > 0 and names[j] == 32 and names[j + 1 + n] == 32:
            same = True
            for i in range(n):
                if names[j + 1 + i] != text[a + i]:
                    same = False
                    break
            if same:
                return True
    return False


@nb.njit(cache=True, nogil=True)
def _has_one_of(text, a, e, apart, names):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether one of the keys in text[a:e] is one of names."""
    while a < e and text[a] != _TAB:
        q = a
        while q < e and text[q] != apart and text[q] != 61 and text[q] != _TAB:
            q += 1
        if _is_one_of(text, a, q, names):
            return True
        while q < e and text[q] != apart and text[q] != _TAB:
            q += 1
        if q < e and text[q] == _TAB:
            break
        a = q + 1
    return False


@nb.njit(cache=True, nogil=True)
def _names_alt(text, at, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether a GT of the sample columns from `at` names an allele other than 0."""
    first = True
    while at < e:
        if text[at] == _COLON:
            first = False
        elif text[at] == _TAB:
            first = True
        elif first and 49 <= text[at] <= 57:
            return True
        at += 1
    return False


@nb.njit(cache=True, nogil=True)
def has_gt(text, a, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether the FORMAT text[a:e] begins with GT."""
    return (
        e - a >= 2
        and text[a] == 71
        and text[a + 1] == 84
        and (e - a == 2 or text[a + 2] == _COLON)
    )


@nb.njit(cache=True, nogil=True)
def _look_at_alt(text, a, b, base):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say what a record with the ALT column text[a:b] may be, and how its block is written."""
    if b - a == 1 and text[a] == _DOT:
        return BARE, _NONE
    if b - a == 1 and text[a] == _ASTERISK:
        return BARE, _STAR
    # The allele stands last where tools write it, but nothing says so.
    begin = a
    while begin < b and text[begin] != _LESS:
        begin += 1
    if begin == b:
        return VARIANT, 0
    begin = a
    others = False
    style = 0
    for j in range(a, b + 1):
        if j == b or text[j] == _COMMA:
            if allele_kind(text, begin, j, base) != UNSPECIFIED:
                others = others or j - begin != 1 or text[begin] != _DOT
            elif j - begin > 3:
                style = _NON_REF
            else:
                style = _ANY if text[begin + 1] == _ASTERISK else _X
            begin = j + 1
    if not style:
        return VARIANT, 0
    return (OPEN if others else BLOCK), style


@nb.njit(cache=True, nogil=True)
def _is_call(text, start, end, keys):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a record with ALT `.` is of a copy number or repeat: columns at `start`."""
    calls, reads, end_name = keys
    info, stop, form = start[7], min(start[8] - 1, end), start[8]
    if _has_one_of(text, info, stop, _SEMICOLON, calls):
        return True
    if stop < end and _has_one_of(text, form, end, _COLON, calls):
        return True
    if text[start[3]] & 0xDF != _N or find_info(text, info, stop, end_name) < 0:
        return False
    return not _has_one_of(text, form, end, _COLON, reads)


@nb.njit(cache=True, nogil=True)
def _kind_of(text, start, end, base, keys, is_named):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say what a record is, a block without a look at its END, and how that is written.

    `is_named`: a GT that is not in the text names an ALT.
    """
    kind, style = _look_at_alt(text, start[4], min(start[5] - 1, end), base)
    if kind == BARE:
        if style == _STAR:
            is_other = is_named or _names_alt(text, start[9], end)
        else:
            is_other = _is_call(text, start, end, keys)
        if is_other:
            kind = OTHER
    return kind, style


@nb.njit(cache=True, nogil=True)
def _are_reference(text, start, end, base, keys, named):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell which records are reference records: bool[n]."""
    out = np.empty(end.size, np.bool_)
    for k in range(end.size):
        out[k] = _kind_of(text, start[k], end[k], base, keys, named[k])[0] >= BLOCK
    return out


@nb.njit(cache=True, nogil=True)
def _stated_end(text, at, stop, end_name):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the END at `at` of INFO up to `stop`: NO_NUMBER if it is none, or stands twice."""
    value, to = number_at(text, at, stop)
    if value < 0 and to + 1 <= stop and text[to] == _DOT:
        to += 1
    elif value < 0:
        return NO_NUMBER
    if to < stop and text[to] != _SEMICOLON:
        return NO_NUMBER
    return NO_NUMBER if find_info(text, to + 1, stop, end_name) >= 0 else value


@nb.njit(cache=True, nogil=True)
def _measure(text, start, end, pos, base, keys, named, is_bcf, kind, last, stated, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say what each record is, where it ends, and what END of a reference record says."""
    end_name = keys[2]
    for k in range(end.size):
        ref, a = start[k, 3], start[k, 4]
        info, stop = start[k, 7], min(start[k, 8] - 1, end[k])
        form, samples = start[k, 8], start[k, 9]
        last[k] = pos[k] + max(a - 1 - ref, 1) - 1
        kind[k], style = _kind_of(text, start[k], end[k], base, keys, named[k])
        if kind[k] < BLOCK or pos[k] < 0:
            continue
        at = find_info(text, info, stop, end_name)
        if at >= 0:
            stated[k] = _stated_end(text, at, stop, end_name)
        # `*` alone is a block where there are people who might have been called with it.
        star = style == _STAR and (is_bcf or samples < end[k])
        if kind[k] == BARE and (star or stated[k] > last[k]):
            kind[k] = BLOCK
        if form < end[k] and not has_gt(text, form, min(samples - 1, end[k])):
            found[_WITHOUT_GT] += 1
        if kind[k] == BLOCK:
            length = np.int64(0)
            if samples < end[k] and style != _NONE:
                length = largest_len(text, form, samples - 1, samples, end[k])
            if pos[k] + length - 1 > last[k]:
                found[_BY_LEN] += 1
            found[_LONG] += max(stated[k], pos[k] + length - 1) > last[k]
            last[k] = max(last[k], stated[k], pos[k] + length - 1)
            found[style] += 1


@nb.njit(cache=True, nogil=True)
def _count(text, start, pos, kind, last, found, state):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count what records are, which blocks meet a neighbour, which lie over each other."""
    for k in range(kind.size):
        found[kind[k]] += 1
        name = np.uint64(14695981039346656037)
        for j in range(start[k, 0], start[k, 1] - 1):
            name = (name ^ np.uint64(text[j])) * np.uint64(1099511628211)
        contig = np.int64(name >> np.uint64(1))
        if contig != state[_CONTIG]:
            state[:] = 0
            state[_CONTIG] = contig
            state[_REACH] = state[_BLOCK_REACH] = -2
        bases = min(last[k] - pos[k] + 1, _LONGEST)
        met = state[_REACH] <= pos[k] <= state[_REACH] + 1
        if met and state[_IS_LONG] and not state[_MET]:
            found[_MEETING] += 1
        is_long = kind[k] == BLOCK and bases > max(start[k, 4] - 1 - start[k, 3], 1)
        if is_long and met:
            found[_MEETING] += 1
        state[_MET], state[_IS_LONG] = met, is_long
        state[_REACH] = max(state[_REACH], last[k])
        if kind[k] == BLOCK:
            found[_OVERLAPPING] += pos[k] <= state[_BLOCK_REACH]
            state[_BLOCK_REACH] = max(state[_BLOCK_REACH], last[k])
            found[_IN_BLOCKS] += bases
        elif kind[k] == VARIANT:
            found[_IN_VARIANTS] += bases


class Shapes(NamedTuple):
    """What the records of a batch are, as a gVCF has them.

    Attributes
    ----------
    kind
        int8[n]: VARIANT, OPEN, BLOCK or BARE.
    last
        int64[n]: the last base that a record covers (1-based): of REF, or of a block.
    stated
        int64[n]: END (1-based) of reference records; -1 where there is none, or NO_NUMBER.
    """

    kind: npt.NDArray[np.int8]
    last: Ints
    stated: Ints


def reference_records(batch: RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell which records of a gVCF say only that there is no variant: bool[n].

    Their ALT is `.`, the unspecified allele, or `*` that no GT names; and they are of no copy
    number or repeat.
    """
    return np.asarray(
        _are_reference(batch.text, batch.start, batch.end, _BASE, _KEYS, _named_in_bcf(batch)),
        np.bool_,
    )


def _named_in_bcf(batch: RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell which records of ALT `*` alone have a GT outside of the text that names it."""
    out = np.zeros(batch.size, np.bool_)
    if batch.samples is None or not batch.size:
        return out
    alt = batch.start[:, 4]
    single = batch.start[:, 5] - alt == 2
    stars = single & (batch.text[np.minimum(alt, batch.text.size - 1)] == _ASTERISK)
    if stars.any():
        rows, cells = batch.samples.genotypes()
        for k, row in enumerate(rows.tolist()):
            if stars[row]:
                numbers = (x for gt in cells[k].as_py() for x in re.split("[/|]", gt or ""))
                out[row] = any(x.isdigit() and int(x) > 0 for x in numbers)
    return out


class Dialect(NamedTuple):
    """How a gVCF is written.

    Attributes
    ----------
    tool
        The tool, if the header names it.
    alt
        ALT of its blocks; None: it has none, only variants beside the unspecified allele.
    extent
        What says how far a block reaches: `END`, `LEN` (VCF 4.5), or `base`: a record for each
        base (GATK's BP_RESOLUTION).
    n_samples
        Number of its samples.
    """

    tool: str | None
    alt: str | None
    extent: str
    n_samples: int

    def __str__(self) -> str:
        """Say it in a line."""
        by = {"END": "by END", "LEN": "by LEN", "base": "a record for each base"}
        of = f" of {self.tool}" if self.tool else ""
        blocks = "" if self.alt is None else f", blocks {self.alt} {by[self.extent]}"
        return f"a gVCF{of}, {self.n_samples:,} sample(s){blocks}"


@dataclass
class BlockWatch:
    """Counts reference blocks batch by batch."""

    _found: Ints = field(default_factory=lambda: np.zeros(_STAR + 1, np.int64))
    _state: Ints = field(default_factory=lambda: np.zeros(_IS_LONG + 1, np.int64))

    def take(self, batch: RecordBatch) -> Shapes:
        """Look at the records of the next batch."""
        n = batch.size
        out = Shapes(np.zeros(n, np.int8), np.zeros(n, np.int64), np.full(n, -1))
        lines = batch.text, batch.start, batch.end
        given = _BASE, _KEYS, _named_in_bcf(batch), batch.samples is not None
        _measure(*lines, batch.pos, *given, *out, self._found)
        _count(
            batch.text, batch.start, batch.pos, out.kind, out.last, self._found, self._state
        )
        return out

    def is_gvcf(self) -> bool:
        """Tell whether the file is a gVCF, by the rule above."""
        found = self._found
        marked, others = found[BLOCK] + found[OPEN], found[VARIANT]
        mostly = found[_IN_BLOCKS] > found[_IN_VARIANTS]
        return bool(
            marked and (marked >= others or (mostly and found[_MEETING] * _FEW >= others))
        )

    @property
    def n_overlapping(self) -> int:
        """Number of blocks that begin inside one before."""
        return int(self._found[_OVERLAPPING])

    def dialect(self, header: Header) -> Dialect | None:
        """Say how a gVCF is written; None if the file is none."""
        if not self.is_gvcf():
            return None
        found = self._found
        styles = found[_NON_REF:]
        extent = "END" if found[_LONG] else "base"
        if 2 * found[_BY_LEN] > found[_LONG]:
            extent = "LEN"
        alt = _STYLES[int(styles.argmax())] if found[BLOCK] else None
        return Dialect(gvcf_tool(header), alt, extent, len(header.samples))

    def tell(self, account: Account, dialect: Dialect | None) -> None:
        """Say that a file is a gVCF, if it is one."""
        if dialect is None:
            return
        _, beside, others, blocks, bare = self._found[: BARE + 1].tolist()
        without = int(self._found[_WITHOUT_GT])
        account.add(
            "VH-F-030",
            f"{dialect}: of {self._found[: BARE + 1].sum():,} records {blocks:,} are "
            f"reference blocks, {bare:,} others have no ALT, and {beside:,} hold <*> or "
            "<NON_REF> beside their ALT"
            + (f"; {others:,} are copy numbers, repeats or * alone" if others else "")
            + (f"; {without:,} records without ALT have no GT" if without else ""),
        )
