"""Genotypes as text: listed genotypes expanded to one cell a sample.

A record is written from blocks, one for each file that holds it: everybody of the
file's columns gets the block's default text, then those who are listed get theirs.
"""

import numba as nb
import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_TAB = np.uint8(9)
_NEWLINE = np.uint8(10)


@nb.njit(cache=True, nogil=True)
def write_lines(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    head,
    head_at,
    block_at,
    block_file,
    default,
    begin,
    end,
    who,
    what,
    texts,
    texts_at,
    column_at,
    columns,
    n_columns,
    absent,
):
    """Write records as lines, uint8.

    Parameters
    ----------
    head, head_at
        uint8, int64[n + 1]: the cells before the genotypes of each record.
    block_at
        int64[n + 1]: blocks of each record.
    block_file, default, begin, end
        int32[m], int32[m], int64[m], int64[m]: each block's file, the text of all who are
        not listed, and who are.
    who, what
        int32: column of each listed person (over all files) and text.
    texts, texts_at
        uint8, int64[t + 1]: genotype texts.
    column_at, columns
        int64[f + 1], int32: the columns of each file.
    n_columns
        Columns of the output; 0 for none.
    absent
        uint8: text of a sample whose files do not hold the record.
    """
    n = head_at.size - 1
    code = np.full(n_columns, -1, np.int64)
    size = 0
    for k in range(n):
        size += head_at[k + 1] - head_at[k] + 1
        rest = n_columns
        for b in range(block_at[k], block_at[k + 1]):
            f = block_file[b]
            width = column_at[f + 1] - column_at[f]
            first = default[b]
            length = texts_at[first + 1] - texts_at[first] + 1
            size += width * length
            rest -= width
            for i in range(begin[b], end[b]):
                t = what[i]
                size += texts_at[t + 1] - texts_at[t] + 1 - length
        size += rest * (absent.size + 1)
    out = np.empty(size, np.uint8)
    w = 0
    for k in range(n):
        for j in range(head_at[k], head_at[k + 1]):
            out[w] = head[j]
            w += 1
        whole = 0
        for b in range(block_at[k], block_at[k + 1]):
            f = block_file[b]
            whole += column_at[f + 1] - column_at[f]
        if whole < n_columns:
            code[:] = -1
        for b in range(block_at[k], block_at[k + 1]):
            f = block_file[b]
            first = default[b]
            for c in range(column_at[f], column_at[f + 1]):
                code[columns[c]] = first
            for i in range(begin[b], end[b]):
                code[who[i]] = what[i]
        for c in range(n_columns):
            out[w] = _TAB
            w += 1
            t = code[c]
            if t < 0:
                for j in range(absent.size):
                    out[w] = absent[j]
                    w += 1
            else:
                for j in range(texts_at[t], texts_at[t + 1]):
                    out[w] = texts[j]
                    w += 1
        out[w] = _NEWLINE
        w += 1
    return out
