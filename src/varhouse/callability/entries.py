"""Where the states hold that the records of a file say.

A block holds its state from POS to END, a record at POS, and where normalising moved one of
its alleles (R5); the rest of its REF is a span (R2). LEN of VCF 4.5 says of each
person how far the block reaches, beside the variant of another person, too.
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.callability.codes import Codes
from varhouse.callability.lay import BLOCK, MOVED, RECORD, SPAN, Kinds
from varhouse.callability.states import Graded, RecordArrays
from varhouse.genotypes.calls import Int32, Int64


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


@nb.njit(cache=True, nogil=True)
def _entries(graded, pos, last, is_block, first_moved, moved, otherwise, others):  # type: ignore[no-untyped-def]  # pragma: no cover
    codes, reach = graded
    n, columns = codes.shape
    size = (2 * n + 2 * moved.size + reach.shape[0]) * columns
    out_pos, out_last = np.empty(size, np.int64), np.empty(size, np.int64)
    column, code = np.empty(size, np.int32), np.empty(size, np.int32)
    kind = np.empty(size, np.uint8)
    # Of each person the block before, which the next one goes on with if all is the same.
    held = np.full(columns, -1, np.int64)
    m = 0
    for k in range(n):
        for s in range(columns):
            c = codes[k, s]
            block_last = last[k] if is_block[k] else pos[k]
            if reach.shape[0]:
                block_last = reach[k, s]
            if is_block[k]:
                h = held[s]
                if h >= 0 and code[h] == c and out_last[h] + 1 == pos[k]:
                    out_last[h] = block_last
                    continue
                # POS 0 is the telomere, no base.
                held[s] = m if block_last > 0 else -1
            n_moved = first_moved[k + 1] - first_moved[k]
            entries = 1 if is_block[k] else 2 + 2 * n_moved + (block_last > pos[k])
            for e in range(entries):
                a, b, what, c = pos[k], pos[k], RECORD, codes[k, s]
                if is_block[k]:
                    b, what = block_last, BLOCK
                elif e == 2 + 2 * n_moved:
                    a, b, what = pos[k] + 1, block_last, BLOCK
                elif e > n_moved + 1:
                    at = first_moved[k] + e - n_moved - 2
                    a = b = moved[at]
                    what = MOVED
                    if otherwise[at] >= 0:
                        c = others[otherwise[at], s]
                elif e > 0:
                    # Where an allele of the record stands itself, its REF adds nothing.
                    at = first_moved[k] + e - 1
                    a, b, what = pos[k] + 1, last[k], SPAN
                    if e > 1:
                        a = max(a, moved[at - 1] + 1)
                    if e <= n_moved:
                        b = min(b, moved[at] - 1)
                if what <= BLOCK:
                    a = max(a, 1)
                if b < a:
                    continue
                out_pos[m], out_last[m], column[m], code[m], kind[m] = a, b, s, c, what
                m += 1
    return (
        out_pos[:m].copy(), out_last[:m].copy(), column[:m].copy(), code[:m].copy(),
        kind[:m].copy(),
    )  # fmt: skip


def entries(
    graded: Graded,
    records: RecordArrays,
    first_moved: Int64,
    moved: Int64,
    otherwise: Int64,
    others: Codes,
) -> States:
    """Make the entries of records of one contig; blocks that go on with one state are one.

    Parameters
    ----------
    graded
        From `grade`.
    first_moved, moved
        int64[n + 1] and int64[any]: `moved[first_moved[k]:first_moved[k + 1]]` are the bases,
        other than POS, at which kept alleles of record k stand once they are normalised.
    otherwise, others
        int64[any]: where males have other copies there than at POS, the row of `others`
        (int32[records, columns]) that says the states at that base; else -1.
    """
    own = (records.pos, records.last, records.is_block)
    return States(*_entries(tuple(graded), *own, first_moved, moved, otherwise, others))
