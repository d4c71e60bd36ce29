"""Find records whose ALT is what the reference holds, and swap REF and ALT of them.

Only biallelic records of equally long alleles. What becomes of their fields is the business
of `varhouse.alleles.swap`.
"""

import re

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.alleles.swap import Swapper
from varhouse.genome.reference import Bases
from varhouse.vcf.text.lines import RecordBatch

_GENOTYPE = re.compile(rb"[/|]?[01.](?:[/|][01.])*")
_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)


@nb.njit(cache=True, nogil=True)
def _swappable(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    sequence, pos, text, ref0, ref1, alt1, rows, upper
):
    """Mark the rows whose ALT, one of the length of REF, is the reference, REF not."""
    out = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        k = rows[i]
        n, p, alt0 = ref1[k] - ref0[k], pos[k] - 1, ref1[k] + 1
        if alt1[k] - alt0 != n or n < 1 or p < 0 or p + n > sequence.size:
            continue
        is_ref, is_alt = True, True
        for j in range(n):
            c = sequence[p + j]
            is_ref &= upper[text[ref0[k] + j]] == c
            is_alt &= upper[text[alt0 + j]] == c
        out[i] = is_alt and not is_ref
    return out


def swappable(
    batch: RecordBatch, rows: npt.NDArray[np.int64], sequence: Bases
) -> npt.NDArray[np.int64]:
    """Give those of `rows` (of one contig) that have REF and ALT the wrong way round."""
    marks = _swappable(
        sequence,
        batch.pos,
        batch.text,
        batch.start[:, 3],
        batch.start[:, 4] - 1,
        batch.start[:, 5] - 1,
        rows,
        _UPPER,
    )
    found: npt.NDArray[np.int64] = rows[marks]
    return found


class NotSwappedError(ValueError):
    """Says why a record is left as it is."""


def swap_line(line: bytes, swapper: Swapper) -> bytes:
    """Give a record with REF and ALT swapped, and its fields with them.

    Parameters
    ----------
    line
        A record without line end, biallelic, with alleles of one length.
    swapper
        Rewrites the fields, and counts those that it leaves out.

    Raises
    ------
    NotSwappedError
        If a genotype names an ALT that is not there, or is none.
    """
    cells = line.split(b"\t")
    if len(cells) > 9 and b"GT" in (keys := cells[8].split(b":")):
        place = keys.index(b"GT")
        texts = {c.split(b":")[place] for c in cells[9:] if c.count(b":") >= place}
        if not all(_GENOTYPE.fullmatch(t) for t in texts):
            raise NotSwappedError("a GT names an ALT that is not there")
    cells[3], cells[4] = cells[4], cells[3]
    cells[7] = swapper.info(cells[7], 1, 1)
    samples = swapper.samples(b"\t".join(cells[8:]), 1, 1)
    return b"\t".join([*cells[:8], *([samples] if samples else [])])
