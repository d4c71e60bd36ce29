"""The states of people that the records of a gVCF say, and where they hold.

The levels follow from GT, the quality fields and FILTER of a record (decision 0034):

- GQ is the first of GQ, RGQ, GQX and the difference of the two least PL; DP the first of DP,
  DPI, MIN_DP and the sum of AD. DP of GATK's blocks is a median, MIN_DP a least value: DP
  comes first for comparability with gnomAD (R14).
- GT missing, or of an ALT that is not there, is NOT_CALLED, whatever PL says (R9).
- Reference alleles at DP 0 or GQ 0 are EMPTY (R7); a called ALT keeps its call.
- ADJ needs the thresholds of `policy.adj`, all alleles called, and FILTER and FT that are
  PASS, RefCall or missing. Where males have one copy, a male's heterozygote is never ADJ.
- Quality is unknown, not low, where FORMAT lacks what the genotype is asked for.

A block holds its state from POS to END, a record at POS, the rest of its REF as a span (R2),
and where normalising moved one of its alleles, there as well (R5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl

from varhouse.callability.codes import ADJ, EMPTY, LOW, NOT_CALLED, Codes, pack
from varhouse.callability.lay import BLOCK, MOVED, RECORD, SPAN, Kinds
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.calls import Bools, Genotypes, Int32, Int64
from varhouse.genotypes.fieldnumbers import least_two, sum_of, value_of
from varhouse.genotypes.fields import Field, FieldTape
from varhouse.tables.statistics import Adjust

_GQ, _RGQ, _GQX, _DP, _DPI, _MIN_DP, _AD, _PL, _FT = range(9)
STATE_FIELDS = ("GQ", "RGQ", "GQX", "DP", "DPI", "MIN_DP", "AD", "PL", "FT")
"""FORMAT keys that decide a state."""

PASSED = ("PASS", ".", "RefCall")
"""Words of FILTER and FT that hold nothing against a call; DeepVariant has the last one."""

_NO_QUALITY, _NO_DEPTHS = 1, 2
_SEMICOLON, _COMMA = ord(";"), ord(",")
_PASSED = tuple(np.frombuffer(w.encode(), np.uint8) for w in PASSED)


@dataclass(frozen=True)
class Rules:
    """What decides the levels, and which bands of quality are kept apart.

    Attributes
    ----------
    adjust
        Thresholds of ADJ; one of 0 is not asked for.
    gq, dp
        Lower bounds of the bands, ascending.
    """

    adjust: Adjust
    gq: Sequence[int] = ()
    dp: Sequence[int] = ()


class RecordArrays(NamedTuple):
    """Records of a file, n of one contig after another, in the order of the file.

    Attributes
    ----------
    pos, last
        int64[n]: first and last base, 1-based; of a variant record the last of REF.
    is_block
        bool[n]: a reference record.
    n_alt
        int64[n]: ALT alleles as written.
    is_filtered
        bool[n]: FILTER says more than `PASSED`.
    haploid
        bool[n]: males have one copy there.
    """

    pos: Int64
    last: Int64
    is_block: Bools
    n_alt: Int64
    is_filtered: Bools
    haploid: Bools


class States(NamedTuple):
    """Entries to be laid (`varhouse.callability.lay`), in the order of the records.

    Attributes
    ----------
    pos, last
        int64[m]: 1-based, closed.
    column
        int32[m]: sample column of the file.
    code
        int32[m]: see `varhouse.callability.codes`.
    kind
        uint8[m]: SPAN, BLOCK, RECORD or MOVED.
    """

    pos: Int64
    last: Int64
    column: Int32
    code: Codes
    kind: Kinds


def is_filtered(filters: pl.Series) -> Bools:
    """Tell where FILTER (texts as in the file) holds something against the calls: bool[n]."""
    words = filters.unique()
    bad = [w for w in words.to_list() if not set(w.split(";")) <= set(PASSED)]
    return filters.is_in(bad).to_numpy()


@nb.njit(cache=True, nogil=True)
def _gq_of(tape, first, where):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the genotype quality of a person whose fields begin at `first`; NaN: none."""
    text, values, cut, _, _, odd = tape
    for f in range(_GQ, _GQX + 1):
        if where[f, 0] >= 0:
            place = first + where[f, 0]
            gq = value_of(text, values, cut, odd, place, where[f, 1], 0, 1)
            if not np.isnan(gq):
                return gq
    if where[_PL, 0] >= 0:
        place = first + where[_PL, 0]
        least, second = least_two(text, values, cut, odd, place, where[_PL, 1])
        if second < np.inf:
            return second - least
    return np.nan


@nb.njit(cache=True, nogil=True)
def _dp_of(tape, first, where):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the depth of a person whose fields begin at `first`; NaN: none."""
    text, values, cut, _, _, odd = tape
    for f in range(_DP, _MIN_DP + 1):
        if where[f, 0] >= 0:
            place = first + where[f, 0]
            dp = value_of(text, values, cut, odd, place, where[f, 1], 0, 1)
            if not np.isnan(dp):
                return dp
    if where[_AD, 0] >= 0:
        return sum_of(text, values, cut, odd, first + where[_AD, 0], where[_AD, 1])
    return np.nan


@nb.njit(cache=True, nogil=True)
def _is_passed(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is one of PASSED."""
    for word in _PASSED:
        if word.size == b - a:
            same = True
            for i in range(word.size):
                same = same and word[i] == text[a + i]
            if same:
                return True
    return False


@nb.njit(cache=True, nogil=True)
def _ft_passes(tape, first, where):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether FT of a person holds nothing against the call."""
    text, values, cut, _, _, _ = tape
    if where[_FT, 0] < 0 or where[_FT, 1]:
        return True
    place = first + where[_FT, 0]
    if cut[place] == cut[place + 1]:
        return True
    begin, end = np.int64(values[cut[place]]), np.int64(values[cut[place] + 1])
    for i in range(begin, end + 1):
        if i == end or text[i] == _SEMICOLON or text[i] == _COMMA:
            if not _is_passed(text, begin, i):
                return False
            begin = np.int64(i + 1)
    return True


@nb.njit(cache=True, nogil=True)
def _is_balanced(genotype, n_alt, dp, tape, first, where, least):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether each ALT of a heterozygote has its share of the reads."""
    text, values, cut, _, _, odd = tape
    if where[_AD, 0] < 0 or not dp > 0.0:
        return False
    for a in genotype:
        if a > 0:
            place = first + where[_AD, 0]
            reads = value_of(text, values, cut, odd, place, where[_AD, 1], a, n_alt + 1)
            if not reads / dp >= least:
                return False
    return True


@nb.njit(cache=True, nogil=True)
def _band(bounds, value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the lower bound of the band of a value; 0 below the first, or of no value."""
    found = 0
    for bound in bounds:
        if value >= bound:
            found = bound
    return found


@nb.njit(cache=True, nogil=True)
def _grade(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    genotype, about, hemi, n_alt, filtered, tape, first, where, unknown, limits, bounds
):
    """Give the code of one person in one record; his fields begin at `first`."""
    ploidy, called, is_het, greatest = about
    least_gq, least_dp, least_haploid, least_share = limits
    lacks = unknown & _NO_QUALITY or (is_het and unknown & _NO_DEPTHS)
    if called == 0 or greatest > n_alt:
        return pack(NOT_CALLED, 0, ploidy, lacks != 0, 0, 0)
    gq, dp = _gq_of(tape, first, where), _dp_of(tape, first, where)
    copies = copies_of(ploidy, called, hemi)
    deep = least_haploid if copies == 1 else least_dp
    level = LOW
    if greatest <= 0 and (gq <= 0.0 or dp <= 0.0):
        level = EMPTY
    elif (
        called == copies
        and not filtered
        and not (hemi and is_het)
        and (least_gq <= 0.0 or gq >= least_gq)
        and (deep <= 0.0 or dp >= deep)
        and not lacks
        and _ft_passes(tape, first, where)
        and (
            not is_het
            or least_share <= 0.0
            or _is_balanced(genotype, n_alt, dp, tape, first, where, least_share)
        )
    ):
        level = ADJ
    of_gq, of_dp = bounds
    return pack(level, called, ploidy, lacks != 0, _band(of_gq, gq), _band(of_dp, dp))


@nb.njit(cache=True, nogil=True)
def _grade_all(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    alleles, about, calls, n_alt, filtered, haploid, male, tape, where, known, limits, bounds
):
    default, pointer, who, what = calls
    _, _, _, begin, layout, _ = tape
    stride, unknown = known
    codes = np.empty((default.size, male.size), np.int32)
    for k in range(default.size):
        shape = layout[k]
        i, end = pointer[k], pointer[k + 1]
        for s in range(male.size):
            c = default[k]
            if i < end and who[i] == s:
                c = what[i]
                i += 1
            codes[k, s] = _grade(
                alleles[c],
                (about[c, 0], about[c, 1], about[c, 2] == 1, about[c, 3]),
                haploid[k] and male[s],
                n_alt[k],
                filtered[k],
                tape,
                begin[k] + np.int64(s) * stride[shape],
                where[shape],
                unknown[shape],
                limits,
                bounds,
            )
    return codes


def _layouts(
    layouts: Sequence[Sequence[Field]], adjust: Adjust
) -> tuple[Int32, tuple[Int32, Int32]]:
    """Say where the fields stand in each layout, and what it lacks.

    Returns
    -------
    tuple
        int32[layouts, 9, 2]: place of each of STATE_FIELDS (-1: not there) and whether it is
        a number; and int32[layouts] each: fields of the layout, and bits of what it lacks.
    """
    where = np.zeros((max(len(layouts), 1), len(STATE_FIELDS), 2), np.int32)
    where[:, :, 0] = -1
    stride, lacks = np.zeros(where.shape[0], np.int32), np.zeros(where.shape[0], np.int32)
    for k, fields in enumerate(layouts):
        names = [f.name for f in fields]
        stride[k] = len(names)
        for j, name in enumerate(STATE_FIELDS):
            if name in names:
                place = names.index(name)
                where[k, j] = place, fields[place].is_number
        has = set(names)
        no_gq = adjust.gq > 0 and not has & {"GQ", "RGQ", "GQX", "PL"}
        by_depth = adjust.dp > 0 or adjust.dp_haploid > 0
        no_dp = by_depth and not has & {"DP", "DPI", "MIN_DP", "AD"}
        no_ad = adjust.ab > 0 and "AD" not in has
        lacks[k] = (no_gq or no_dp) * _NO_QUALITY | no_ad * _NO_DEPTHS
    return where, (stride, lacks)


def grade(
    records: RecordArrays, genotypes: Genotypes, fields: FieldTape, male: Bools, rules: Rules
) -> Codes:
    """Say the state of each person in each record, by itself.

    Parameters
    ----------
    genotypes, fields
        Of the same records.
    male
        bool[columns].

    Returns
    -------
    int32[n, columns]
        Codes.
    """
    where, known = _layouts(fields.layouts, rules.adjust)
    a = rules.adjust
    return _grade_all(  # type: ignore[no-any-return]
        genotypes.alleles,
        genotypes.described,
        genotypes.listed,
        records.n_alt,
        records.is_filtered,
        records.haploid,
        male,
        fields.arrays,
        where,
        known,
        (float(a.gq), float(a.dp), float(a.dp_haploid), float(a.ab)),
        (np.array(rules.gq, np.int64), np.array(rules.dp, np.int64)),
    )


@nb.njit(cache=True, nogil=True)
def _entries(codes, pos, last, is_block, first_moved, moved):  # type: ignore[no-untyped-def]  # pragma: no cover
    n, columns = codes.shape
    size = (2 * n + moved.size) * columns
    out_pos, out_last = np.empty(size, np.int64), np.empty(size, np.int64)
    column, code = np.empty(size, np.int32), np.empty(size, np.int32)
    kind = np.empty(size, np.uint8)
    # Of each person the block before, which the next one goes on with if all is the same.
    held = np.full(columns, -1, np.int64)
    m = 0
    for k in range(n):
        for s in range(columns):
            c = codes[k, s]
            if is_block[k]:
                h = held[s]
                if h >= 0 and code[h] == c and out_last[h] + 1 == pos[k]:
                    out_last[h] = last[k]
                    continue
                held[s] = m
            entries = 1 if is_block[k] else 2 + first_moved[k + 1] - first_moved[k]
            for e in range(entries):
                a, b, what = pos[k], pos[k], RECORD
                if is_block[k]:
                    b, what = last[k], BLOCK
                elif e == 1:
                    a, b, what = pos[k] + 1, last[k], SPAN
                elif e > 1:
                    a = b = moved[first_moved[k] + e - 2]
                    what = MOVED
                # POS 0 is the telomere, no base.
                a = max(a, 1)
                if b < a:
                    continue
                out_pos[m], out_last[m], column[m], code[m], kind[m] = a, b, s, c, what
                m += 1
    return (
        out_pos[:m].copy(), out_last[:m].copy(), column[:m].copy(), code[:m].copy(),
        kind[:m].copy(),
    )  # fmt: skip


def entries(codes: Codes, records: RecordArrays, first_moved: Int64, moved: Int64) -> States:
    """Make the entries of records of one contig; blocks that go on with one state are one.

    Parameters
    ----------
    codes
        int32[n, columns], from `grade`.
    first_moved, moved
        int64[n + 1] and int64[any]: `moved[first_moved[k]:first_moved[k + 1]]` are the bases,
        other than POS, at which kept alleles of record k stand once they are normalised.
    """
    return States(
        *_entries(codes, records.pos, records.last, records.is_block, first_moved, moved)
    )
