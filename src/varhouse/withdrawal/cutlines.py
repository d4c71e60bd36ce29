"""The lines of a batch without some people, compiled."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.normalise.info import Rules, copy_span, find_rule
from varhouse.vcf.text.lines import RecordBatch
from varhouse.withdrawal.cutjudge import (
    EDITED,
    LEFT_OUT,
    Bools,
    Bytes,
    Longs,
    Verdicts,
    count_kind,
    seek_tab,
)
from varhouse.withdrawal.cutvalues import read_form, write_cell, write_int, write_list

_TAB, _COMMA, _DOT, _SEMICOLON, _EQUALS, _COLON = 9, 44, 46, 59, 61, 58
_SAMPLES = 9
"""Tabs before the first sample column."""


class Columns(NamedTuple):
    """The sample columns that stay.

    Attributes
    ----------
    n
        Sample columns of the header.
    first, size
        int64[runs]: neighbouring columns that stay.
    """

    n: int
    first: Longs
    size: Longs

    @classmethod
    def of(cls, goes: Bools) -> "Columns":
        """Make those of bool[columns]."""
        edge = np.flatnonzero(np.diff(~goes, prepend=False, append=False))
        return cls(
            goes.size, edge[::2].astype(np.int64), (edge[1::2] - edge[::2]).astype(np.int64)
        )


class Other(NamedTuple):
    """Texts that stand in place of what is in some lines.

    Attributes
    ----------
    of
        int64[n]: number of the text, -1 for none.
    text, at
        uint8, int64[texts + 1].
    """

    of: Longs
    text: Bytes
    at: Longs


class Tables(NamedTuple):
    """Which keys belong to alleles: of INFO and of FORMAT."""

    info: Rules
    form: Rules


class Frequencies(NamedTuple):
    """AF of each ALT as text: uint8, int64[texts + 1], int64[ALTs] number of the text."""

    text: Bytes
    at: Longs
    of: Longs


@njit(cache=True, nogil=True)
def _write_counts(kind, k, verdicts, frequencies, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write AC, AN or AF (see `count_kind`) of record k."""
    if kind == 2:
        return write_int(verdicts.called[k], out, w)
    begin = w
    for j in range(verdicts.alt_at[k], verdicts.alt_at[k + 1]):
        if not verdicts.stays[j]:
            continue
        if w > begin:
            out[w] = _COMMA
            w += 1
        if kind == 1:
            w = write_int(verdicts.copies[j], out, w)
        else:
            t = frequencies.of[j]
            w = copy_span(frequencies.text, frequencies.at[t], frequencies.at[t + 1], out, w)
    if w == begin:
        out[w] = _DOT
        w += 1
    return w


@njit(cache=True, nogil=True)
def _write_info(text, a, b, k, verdicts, frequencies, rules, flags, out, w, lost):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy INFO text[a:b] of record k with its counts anew, and the values of what stays."""
    is_edited = verdicts.state[k] == EDITED
    i = a
    while i <= b:
        j, eq = i, -1
        while j < b and text[j] != _SEMICOLON:
            if eq < 0 and text[j] == _EQUALS:
                eq = j
            j += 1
        kind = count_kind(text, i, eq) if eq >= 0 and verdicts.recounts[k] else 0
        rule = find_rule(rules, text, i, eq) if eq >= 0 and is_edited and not kind else -1
        if kind or rule >= 0:
            w = copy_span(text, i, eq + 1, out, w)
            if kind:
                w = _write_counts(kind, k, verdicts, frequencies, out, w)
            else:
                w = write_list(text, eq + 1, j, rules.number[rule], flags, out, w, lost)
        else:
            w = copy_span(text, i, j, out, w)
        if j < b:
            out[w] = _SEMICOLON
            w += 1
        i = j + 1
    return w


@njit(cache=True, nogil=True)
def _write_alts(text, a, b, flags, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the ALTs of text[a:b] that stay."""
    begin, k, i = w, 0, a
    while i <= b:
        j = i
        while j < b and text[j] != _COMMA:
            j += 1
        if flags[k]:
            if w > begin:
                out[w] = _COMMA
                w += 1
            w = copy_span(text, i, j, out, w)
        k += 1
        i = j + 1
    return w


@njit(cache=True, nogil=True)
def _write_head(text, start, k, tab, verdicts, frequencies, infos, rules, flags, out, w, lost):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the columns of record k before those of the samples, which `tab` parts."""
    at = start[k, 0]
    if verdicts.state[k] == EDITED:
        w = copy_span(text, at, start[k, 4], out, w)
        w = _write_alts(text, start[k, 4], start[k, 5] - 1, flags, out, w)
        at = start[k, 5] - 1
    if verdicts.state[k] == EDITED or verdicts.recounts[k]:
        w = copy_span(text, at, start[k, 7], out, w)
        at = start[k, 8] - 1
        t = infos.of[k]
        if t >= 0:
            a, b = infos.at[t], infos.at[t + 1]
            w = _write_info(
                infos.text, a, b, k, verdicts, frequencies, rules, flags, out, w, lost
            )
        else:
            a = start[k, 7]
            w = _write_info(text, a, at, k, verdicts, frequencies, rules, flags, out, w, lost)
    return copy_span(text, at, tab, out, w)


@njit(cache=True, nogil=True)
def _new_numbers(flags):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the ALTs that stay new numbers from 1 on; 0 to the others."""
    out, n = np.zeros(flags.size, np.int64), 0
    for k in range(flags.size):
        if flags[k]:
            n += 1
            out[k] = n
    return out


@njit(cache=True, nogil=True)
def _write_cells(text, a, b, form, rules, flags, number, out, w, lost):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy sample cells text[a:b], each with the tab before it."""
    has_local = False
    for rule in form:
        has_local |= rule >= 0 and rules.number[rule] == 5
    while a < b:
        out[w] = _TAB
        w += 1
        j = a + 1
        while j < b and text[j] != _TAB:
            j += 1
        w = write_cell(text, a + 1, j, form, rules, flags, number, has_local, out, w, lost)
        a = j
    return w


@njit(cache=True, nogil=True)
def _write(text, start, end, tabs, verdicts, frequencies, infos, lines, columns, tables):  # type: ignore[no-untyped-def]  # pragma: no cover
    size = text.size + infos.text.size + lines.text.size + verdicts.growth
    out = np.empty(size, np.uint8)
    lost = np.zeros(1, np.int64)
    w, n = 0, end.size
    for k in range(n):
        if verdicts.state[k] == LEFT_OUT:
            continue
        e = end[k]
        behind = start[k + 1, 0] if k + 1 < n else text.size
        if lines.of[k] >= 0:
            t = lines.of[k]
            w = copy_span(lines.text, lines.at[t], lines.at[t + 1], out, w)
            continue
        tab = start[k, _SAMPLES] - 1 if tabs[k] >= _SAMPLES else e
        flags = verdicts.stays[verdicts.alt_at[k] : verdicts.alt_at[k + 1]]
        w = _write_head(
            text, start, k, tab, verdicts, frequencies, infos, tables.info, flags, out, w, lost
        )
        is_edited = verdicts.state[k] == EDITED
        form, number = verdicts.alt_at[:0], verdicts.alt_at[:0]
        if is_edited:
            form = read_form(text, start[k, 8], tab, tables.form)
            number = _new_numbers(flags)
        column = 0
        for r in range(columns.first.size):
            a = seek_tab(text, tab, e, columns.first[r] - column)
            tab = seek_tab(text, a, e, columns.size[r])
            column = columns.first[r] + columns.size[r]
            if is_edited:
                w = _write_cells(text, a, tab, form, tables.form, flags, number, out, w, lost)
            else:
                out[w : w + tab - a] = text[a:tab]
                w += tab - a
        # Cells of a line that has more than the header.
        a = seek_tab(text, tab, e, columns.n - column)
        w = copy_span(text, a, behind, out, w)
    return out[:w], lost[0]


def write_lines(
    batch: RecordBatch,
    verdicts: Verdicts,
    frequencies: Frequencies,
    infos: Other,
    lines: Other,
    columns: Columns,
    tables: Tables,
) -> tuple[Bytes, int]:
    """Write the lines of a batch without the people who go.

    Parameters
    ----------
    infos
        INFO of edited records before its values are cut.
    lines
        Whole lines, with their ends, in place of what is no record (a header again).

    Returns
    -------
    (uint8, int)
        The text, and the lists of values that became missing.
    """
    text: npt.NDArray[np.uint8]
    text, lost = _write(
        batch.text,
        batch.start,
        batch.end,
        batch.tabs,
        verdicts,
        frequencies,
        infos,
        lines,
        columns,
        tables,
    )
    return text, int(lost)
