"""The states of people that the records of a gVCF say by themselves.

The levels follow from GT, the quality fields and FILTER of a record (decision 0034):

- GQ is the first of GQ, RGQ, GQX and the difference of the two least PL; DP the first of DP,
  DPI, MIN_DP and the sum of AD. DP of GATK's blocks is a median, MIN_DP a least value: DP
  comes first for comparability with gnomAD (R14).
- GT missing, or of an ALT that is not there, is NOT_CALLED, whatever PL says (R9).
- Reference alleles at DP 0 or GQ 0 are EMPTY (R7); a called ALT keeps its call.
- ADJ needs the thresholds of `policy.adj`, all alleles called, and FILTER and FT that are
  PASS, RefCall or missing. Where males have one copy, a male's heterozygote is never ADJ.
- Quality is unknown, not low, where FORMAT lacks what the genotype is asked for.

A file that is no gVCF says it of the bases of its records alone, and is judged as any other
file (`varhouse.frequencies.adj`): 0/0 is called whatever its DP, FILTER is not asked, GQ, DP
and AD stand for nothing else, and a record that lacks one of them says nothing of quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl

from varhouse.callability.codes import ADJ, EMPTY, LOW, NOT_CALLED, Codes, not_called, pack
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.calls import Bools, Genotypes, Int32, Int64
from varhouse.genotypes.fieldnumbers import least_two, sum_of, value_of
from varhouse.genotypes.fields import INT_MISSING, Field, FieldTape
from varhouse.tables.statistics import ADJ_FIELDS, Adjust

_GQ, _RGQ, _GQX, _DP, _DPI, _MIN_DP, _AD, _PL, _FT, _LEN = range(10)
STATE_FIELDS = ("GQ", "RGQ", "GQX", "DP", "DPI", "MIN_DP", "AD", "PL", "FT", "LEN")
"""FORMAT keys that decide a state, and how far it reaches."""

PASSED = ("PASS", ".", "RefCall")
"""Words of FILTER and FT that hold nothing against a call; DeepVariant has the last one."""

_NO_QUALITY, _NO_DEPTHS = 1, 2
_LONGEST = 2**31 - 2
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
    gvcf
        The records are those of a gVCF.
    pass_only
        What FILTER holds something against is not called (`policy.pass_only`).
    """

    adjust: Adjust
    gq: Sequence[int] = ()
    dp: Sequence[int] = ()
    gvcf: bool = True
    pass_only: bool = False


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
        bool[n]: males have one copy at the base that is asked for: at POS, or where one of the
        alleles stands once it is normalised.
    """

    pos: Int64
    last: Int64
    is_block: Bools
    n_alt: Int64
    is_filtered: Bools
    haploid: Bools


class Graded(NamedTuple):
    """What records say by themselves.

    Attributes
    ----------
    codes
        int32[n, columns]: see `varhouse.callability.codes`.
    reach
        int64[n, columns]: the last base of each person's block; of a variant record POS where
        a person has none. Without rows if nobody's differs from `RecordArrays.last`.
    """

    codes: Codes
    reach: Int64


def is_filtered(filters: pl.Series) -> Bools:
    """Tell where FILTER (texts as in the file) holds something against the calls: bool[n]."""
    words = filters.unique()
    bad = [w for w in words.to_list() if not set(w.split(";")) <= set(PASSED)]
    return filters.is_in(bad).to_numpy() if bad else np.zeros(filters.len(), np.bool_)


@nb.njit(cache=True, nogil=True)
def _first_numbers(tape, columns, where, stride, keys):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the first number in some fields of each person: float64[n, columns], NaN: none."""
    text, values, cut, begin, layout, odd = tape
    first_key, last_key = keys
    out = np.full((layout.size, columns), np.nan)
    for k in range(layout.size):
        shape = layout[k]
        for s in range(columns):
            at = begin[k] + np.int64(s) * stride[shape]
            for f in range(first_key, last_key + 1):
                if where[shape, f, 0] < 0:
                    continue
                place = at + where[shape, f, 0]
                if where[shape, f, 1] and odd.shape[0] == 0:
                    # As nearly always: looked at in place.
                    a = cut[place]
                    if cut[place + 1] == a + 1 and values[a] != INT_MISSING:
                        out[k, s] = values[a]
                        break
                    continue
                value = value_of(text, values, cut, odd, place, where[shape, f, 1], 0, 1)
                if not np.isnan(value):
                    out[k, s] = value
                    break
    return out


@nb.njit(cache=True, nogil=True)
def _fill(tape, where, stride, key, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Put what PL says of GQ, or AD of DP (`key`), where there is no number yet."""
    text, values, cut, begin, layout, odd = tape
    for k in range(layout.size):
        shape = layout[k]
        if where[shape, key, 0] < 0:
            continue
        for s in range(out.shape[1]):
            if not np.isnan(out[k, s]):
                continue
            place = begin[k] + np.int64(s) * stride[shape] + where[shape, key, 0]
            is_number = where[shape, key, 1]
            if key == _AD:
                out[k, s] = sum_of(text, values, cut, odd, place, is_number)
                continue
            least, second = least_two(text, values, cut, odd, place, is_number)
            if second < np.inf:
                out[k, s] = second - least


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
def _ft_passes(tape, place):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether FT at a place of the tape holds nothing against the call."""
    text, values, cut, _, _, _ = tape
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
def _is_balanced(alleles, c, n_alt, dp, tape, place, is_number, least):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether each ALT of a heterozygote (text `c`) has its share of the reads.

    Its AD lies at `place` of the tape.
    """
    if not dp > 0.0:
        return False
    text, values, cut, _, _, odd = tape
    for j in range(alleles.shape[1]):
        a = alleles[c, j]
        if a > 0:
            reads = value_of(text, values, cut, odd, place, is_number, a, n_alt + 1)
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
def _levels(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    texts, calls, records, male, tape, where, known, quality, limits, bounds
):
    """Give the code of each person in each record: int32[n, columns]."""
    alleles, about = texts
    default, pointer, who, what = calls
    n_alt, filtered, haploid = records
    begin, layout = tape[3], tape[4]
    stride, lacking = known
    of_gq, of_dp, zero_is_empty = quality
    gq_bounds, dp_bounds = bounds
    least_gq, least_dp, least_haploid, least_share = limits
    codes = np.empty((default.size, male.size), np.int32)
    for k in range(default.size):
        shape = layout[k]
        i, end = pointer[k], pointer[k + 1]
        for s in range(male.size):
            c = default[k]
            if i < end and who[i] == s:
                c = what[i]
                i += 1
            ploidy, called, is_het = about[c, 0], about[c, 1], about[c, 2] == 1
            unknown = lacking[shape] & _NO_QUALITY != 0
            unknown = unknown or (is_het and lacking[shape] & _NO_DEPTHS != 0)
            if called == 0 or about[c, 3] > n_alt[k]:
                codes[k, s] = pack(NOT_CALLED, 0, ploidy, unknown, 0, 0)
                continue
            gq, dp = of_gq[k, s], of_dp[k, s]
            hemi = haploid[k] and male[s]
            copies = copies_of(ploidy, called, hemi)
            deep = least_haploid if copies == 1 else least_dp
            is_good = called == copies and not filtered[k] and not (hemi and is_het)
            is_good = is_good and (least_gq <= 0.0 or gq >= least_gq) and not unknown
            is_good = is_good and (deep <= 0.0 or dp >= deep)
            first = begin[k] + np.int64(s) * stride[shape]
            if is_good and where[shape, _FT, 0] >= 0 and not where[shape, _FT, 1]:
                is_good = _ft_passes(tape, first + where[shape, _FT, 0])
            if is_good and is_het and least_share > 0.0:
                place, is_number = first + where[shape, _AD, 0], where[shape, _AD, 1]
                is_good = _is_balanced(
                    alleles, c, n_alt[k], dp, tape, place, is_number, least_share
                )
            level = ADJ if is_good else LOW
            if about[c, 3] > 0:
                # `1/.` of a male is one allele of one, wherever it is laid.
                ploidy = copies
            elif zero_is_empty and (gq <= 0.0 or dp <= 0.0):
                level = EMPTY
            gq_band, dp_band = _band(gq_bounds, gq), _band(dp_bounds, dp)
            codes[k, s] = pack(level, called, ploidy, unknown, gq_band, dp_band)
    return codes


def _layouts(
    layouts: Sequence[Sequence[Field]], rules: Rules
) -> tuple[Int32, tuple[Int32, Int32]]:
    """Say where the fields stand in each layout, and what it lacks.

    Returns
    -------
    tuple
        int32[layouts, 10, 2]: place of each of STATE_FIELDS (-1: not there) and whether it is
        a number; and int32[layouts] each: fields of the layout, and bits of what it lacks.
    """
    where = np.zeros((max(len(layouts), 1), len(STATE_FIELDS), 2), np.int32)
    where[:, :, 0] = -1
    stride, lacks = np.zeros(where.shape[0], np.int32), np.zeros(where.shape[0], np.int32)
    for k, fields in enumerate(layouts):
        names = [f.name for f in fields]
        stride[k] = len(names)
        for j, name in enumerate(STATE_FIELDS):
            if name in names and (rules.gvcf or name in ADJ_FIELDS):
                place = names.index(name)
                where[k, j] = place, fields[place].is_number
        lacks[k] = _lacking(set(names), rules)
    return where, (stride, lacks)


def _lacking(has: set[str], rules: Rules) -> int:
    """Say what a layout with some fields lacks to tell the quality: bits."""
    adjust = rules.adjust
    if not rules.gvcf:
        return 0 if adjust.fields_asked <= has else _NO_QUALITY
    no_gq = adjust.gq > 0 and not has & {"GQ", "RGQ", "GQX", "PL"}
    by_depth = adjust.dp > 0 or adjust.dp_haploid > 0
    no_dp = by_depth and not has & {"DP", "DPI", "MIN_DP", "AD"}
    no_ad = adjust.ab > 0 and "AD" not in has
    return (no_gq or no_dp) * _NO_QUALITY | no_ad * _NO_DEPTHS


def grade(
    records: RecordArrays, genotypes: Genotypes, fields: FieldTape, male: Bools, rules: Rules
) -> Graded:
    """Say the state of each person in each record, by itself, and how far it reaches.

    Parameters
    ----------
    genotypes, fields
        Of the same records.
    male
        bool[columns].

    Returns
    -------
    Graded
    """
    where, known = _layouts(fields.layouts, rules)
    tape, stride, a = fields.arrays, known[0], rules.adjust
    gq = _first_numbers(tape, male.size, where, stride, (_GQ, _GQX))
    dp = _first_numbers(tape, male.size, where, stride, (_DP, _MIN_DP))
    if rules.gvcf:
        _fill(tape, where, stride, _PL, gq)
        _fill(tape, where, stride, _AD, dp)
    codes: Codes = _levels(
        (genotypes.alleles, genotypes.described),
        genotypes.listed,
        (records.n_alt, records.is_filtered & rules.gvcf, records.haploid),
        male,
        tape,
        where,
        known,
        (gq, dp, rules.gvcf),
        (float(a.gq), float(a.dp), float(a.dp_haploid), float(a.ab)),
        (np.array(rules.gq, np.int64), np.array(rules.dp, np.int64)),
    )
    if rules.pass_only and records.is_filtered.any():
        codes[records.is_filtered] = not_called(codes[records.is_filtered])
    reach = np.zeros((0, male.size), np.int64)
    if (where[:, _LEN, 0] >= 0).any():
        reach = _reach(
            (genotypes.described, genotypes.listed),
            (records.pos, records.last, records.is_block),
            tape,
            where,
            stride,
            male.size,
        )
    return Graded(codes, reach)


@nb.njit(cache=True, nogil=True)
def _reach(calls, records, tape, where, stride, columns):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say how far the block of each person in each record reaches: int64[n, columns]."""
    about, (default, pointer, who, what) = calls
    pos, last, is_block = records
    text, values, cut, begin, layout, odd = tape
    out = np.empty((pos.size, columns), np.int64)
    for k in range(pos.size):
        out[k] = last[k] if is_block[k] else pos[k]
        shape = layout[k]
        if where[shape, _LEN, 0] < 0:
            continue
        longest = 0.0
        i, end = pointer[k], pointer[k + 1]
        for s in range(columns):
            c = default[k]
            if i < end and who[i] == s:
                c = what[i]
                i += 1
            place = begin[k] + np.int64(s) * stride[shape] + where[shape, _LEN, 0]
            is_number = where[shape, _LEN, 1]
            length = value_of(text, values, cut, odd, place, is_number, 0, 1)
            if not length >= 1.0 or (not is_block[k] and about[c, 3] > 0):
                # No block: of a variant that is called, or of one base at most.
                length = 1.0
            longest = max(longest, length)
            out[k, s] = pos[k] + min(np.int64(length), _LONGEST) - 1
        for s in range(columns):
            # END may be a base further than the LEN that it is computed of, or alone.
            if is_block[k] and out[k, s] == pos[k] + min(np.int64(longest), _LONGEST) - 1:
                out[k, s] = last[k]
    return out
