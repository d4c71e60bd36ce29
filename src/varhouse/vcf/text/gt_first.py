"""GT that does not stand first in FORMAT, moved to where every reader looks for it.

VCF 4.5 section 1.6.2 wants GT first, but real callers write `AD:GT` (Complete Genomics).
`validate` says so; the genotypes are read all the same.
"""

from dataclasses import replace

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _place_of_gt(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the 0-based number of the key GT in text[a:b], -1 if there is none."""
    number = 0
    begin = a
    for i in range(a, b + 1):
        if i == b or text[i] == 58:
            if i - begin == 2 and text[begin] == 71 and text[begin + 1] == 84:
                return number
            number += 1
            begin = i + 1
    return -1


@nb.njit(cache=True, nogil=True)
def _places(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    out = np.empty(start.shape[0], np.int32)
    for k in range(start.shape[0]):
        b = min(start[k, 9] - 1, end[k])
        out[k] = _place_of_gt(text, start[k, 8], b) if b > start[k, 8] else -1
    return out


@nb.njit(cache=True, nogil=True)
def _cut_out(text, start, end, place, out, w, new_start, new_end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy sub-field `place[k]` of each sample of line k to `out` from `w` on."""
    for k in range(start.size):
        new_start[k] = w
        number = 0
        for i in range(start[k], end[k]):
            c = text[i]
            if c == 9:
                number = 0
                out[w] = 9
                w += 1
            elif c == 58:
                number += 1
            elif number == place[k]:
                out[w] = c
                w += 1
        new_end[k] = w
        out[w] = 10
        w += 1
    return w


def gt_places(batch: RecordBatch) -> npt.NDArray[np.int32]:
    """Give int32[n]: the 0-based place of GT in each record's FORMAT, -1 for none."""
    return np.asarray(_places(batch.text, batch.start, batch.end))


def with_gt_first(batch: RecordBatch, place: npt.NDArray[np.int32]) -> RecordBatch:
    """Give a batch whose sample columns hold GT alone where it stood further back.

    Parameters
    ----------
    place
        int32[n]: what `gt_places` gave.

    Returns
    -------
    RecordBatch
        The same batch if GT is first everywhere; else one whose `start[:, 9]` and `end`
        of these records lie in text that was added. Only its genotypes may be read.
    """
    late = np.flatnonzero(place > 0)
    if not late.size:
        return batch
    a = np.ascontiguousarray(batch.start[late, 9])
    b = np.ascontiguousarray(batch.end[late])
    n = batch.text.size
    text = np.empty(n + int((b - a).sum()) + late.size, np.uint8)
    text[:n] = batch.text
    new_start, new_end = np.empty(late.size, np.int64), np.empty(late.size, np.int64)
    size = _cut_out(text, a, b, place[late], text, n, new_start, new_end)
    # As text that was read: one compiled version serves both.
    text.flags.writeable = False
    start, end = batch.start.copy(), batch.end.copy()
    start[late, 9], end[late] = new_start, new_end
    return replace(batch, text=text[:size], start=start, end=end)
