"""Lines with all FORMAT fields: GT and the texts of the others, cell by cell."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_TAB, _NEWLINE, _COLON, _DOT = (np.uint8(c) for c in b"\t\n:.")


class Heads(NamedTuple):
    """The cells before the samples of n records (uint8, int64[n + 1]), and their form."""

    text: Bytes
    at: Int64
    form: Int64
    fields: Int64
    field_at: Int64


class Rows(NamedTuple):
    """The rows of the records: those of record k are `at[k]:at[k + 1]`.

    `file` and `cell` of each row: its file, and the first of its cells in `Cells`.
    """

    at: Int64
    file: Int32
    cell: Int64


class Calls(NamedTuple):
    """Genotypes of the rows: see `FileCalls`; `texts`, `texts_at` are the GT texts."""

    default: Int32
    begin: Int64
    end: Int64
    who: Int32
    what: Int32
    texts: Bytes
    texts_at: Int64


class Cells(NamedTuple):
    """Texts of the other fields: see `FieldCells`."""

    text: Bytes
    begin: Int64
    end: Int64


class Columns(NamedTuple):
    """Output columns of the sample columns of each file (-1: not written), and how many."""

    at: Int64
    place: Int32
    size: int


@nb.njit(cache=True, nogil=True)
def _lay_out(k, rows, calls, columns, code, cell_of):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill in the GT text and the cell of each output column of record `k`; -1 for none."""
    code[:] = -1
    cell_of[:] = -1
    for r in range(rows.at[k], rows.at[k + 1]):
        f = rows.file[r]
        for j in range(columns.at[f], columns.at[f + 1]):
            c = columns.place[j]
            if c >= 0:
                code[c] = calls.default[r]
                cell_of[c] = rows.cell[r] + j - columns.at[f]
        for i in range(calls.begin[r], calls.end[r]):
            if calls.who[i] >= 0:
                code[calls.who[i]] = calls.what[i]


@nb.njit(cache=True, nogil=True)
def _last_given(heads, form, cells, cell):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find the last field of a form that a cell has: its place in `heads.fields`, or -1."""
    for j in range(heads.field_at[form + 1] - 1, heads.field_at[form] - 1, -1):
        f = heads.fields[j]
        if f == 0 or (cell >= 0 and cells.begin[f - 1, cell] >= 0):
            return j
    return -1


@nb.njit(cache=True, nogil=True)
def _cell_size(heads, form, calls, cells, code, cell):  # type: ignore[no-untyped-def]  # pragma: no cover
    last = _last_given(heads, form, cells, cell)
    size = 1
    for j in range(heads.field_at[form], last + 1):
        f = heads.fields[j]
        size += 1
        if f == 0:
            size += calls.texts_at[code + 1] - calls.texts_at[code]
        elif cell >= 0 and cells.begin[f - 1, cell] >= 0:
            size += cells.end[f - 1, cell] - cells.begin[f - 1, cell]
        else:
            size += 1
    return size + 1


@nb.njit(cache=True, nogil=True)
def _write_cell(out, w, heads, form, calls, cells, code, cell):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a cell with the tab before it; gives the new end."""
    out[w] = _TAB
    w += 1
    first, last = heads.field_at[form], _last_given(heads, form, cells, cell)
    if last < first:
        out[w] = _DOT
        return w + 1
    for j in range(first, last + 1):
        if j > first:
            out[w] = _COLON
            w += 1
        f = heads.fields[j]
        if f == 0:
            for i in range(calls.texts_at[code], calls.texts_at[code + 1]):
                out[w] = calls.texts[i]
                w += 1
        elif cell >= 0 and cells.begin[f - 1, cell] >= 0:
            for i in range(cells.begin[f - 1, cell], cells.end[f - 1, cell]):
                out[w] = cells.text[i]
                w += 1
        else:
            out[w] = _DOT
            w += 1
    return w


@nb.njit(cache=True, nogil=True)
def write_cells(heads, rows, calls, cells, columns, absent):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write records as lines, uint8.

    Parameters
    ----------
    heads, rows, calls, cells, columns
        See `Heads` and the others.
    absent
        Number of the GT text of a person whose files do not hold the record.
    """
    n = heads.form.size
    code = np.empty(columns.size, np.int64)
    cell_of = np.empty(columns.size, np.int64)
    size = heads.at[n] + n
    for k in range(n):
        _lay_out(k, rows, calls, columns, code, cell_of)
        for c in range(columns.size):
            t = code[c] if code[c] >= 0 else absent
            size += _cell_size(heads, heads.form[k], calls, cells, t, cell_of[c])
    out = np.empty(size, np.uint8)
    w = 0
    for k in range(n):
        _lay_out(k, rows, calls, columns, code, cell_of)
        for j in range(heads.at[k], heads.at[k + 1]):
            out[w] = heads.text[j]
            w += 1
        for c in range(columns.size):
            t = code[c] if code[c] >= 0 else absent
            w = _write_cell(out, w, heads, heads.form[k], calls, cells, t, cell_of[c])
        out[w] = _NEWLINE
        w += 1
    return out[:w]


@nb.njit(cache=True, nogil=True)
def count_copies(rows, calls, columns, alleles, alt_at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the copies of each ALT, and all that are called, among the output columns.

    Parameters
    ----------
    alleles
        int16[d, p]: alleles of each GT text, negative where there is none or none called.
    alt_at
        int64[n + 1]: ALTs of each record.

    Returns
    -------
    (int64[ALTs], int64[n])
    """
    n = alt_at.size - 1
    ac, an = np.zeros(alt_at[n], np.int64), np.zeros(n, np.int64)
    code = np.empty(columns.size, np.int64)
    cell_of = np.empty(columns.size, np.int64)
    for k in range(n):
        _lay_out(k, rows, calls, columns, code, cell_of)
        for c in range(columns.size):
            if code[c] < 0:
                continue
            for allele in alleles[code[c]]:
                if allele < 0:
                    continue
                an[k] += 1
                if 0 < allele <= alt_at[k + 1] - alt_at[k]:
                    ac[alt_at[k] + allele - 1] += 1
    return ac, an
