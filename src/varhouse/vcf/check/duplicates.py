"""The same insertion or deletion written at two positions of a file.

In a repeat a deletion can be written at several places, and is the same allele only
once it is moved left. The records of one file are compared in a window, so that memory
does not grow with the file. How alleles are moved is handed in: another stage knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genome.reference import Reference
from varhouse.vcf.account.problems import Account
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]

WINDOW = 10_000
"""Bases back in which the same allele is looked for."""

KEPT = 200_000
"""Alleles of the window that are kept at most: a hostile file may have all at one POS."""

_IS_BASE = np.zeros(256, np.bool_)
_IS_BASE[np.frombuffer(b"ACGTNacgtn", np.uint8)] = True

Normalise = Callable[..., Any]
"""`varhouse.normalise.normalise_packed`, or what takes and gives the same."""

# Columns of an allele: place and hash once moved left, place and hash as written, line.
_PLACE, _HASH, _POS, _WRITTEN, _LINE, _COLUMNS = range(6)


@nb.njit(cache=True, nogil=True)
def _indels(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, ref0, ref1, alt0, alt1, rows, is_base, limit
):
    """Find the alleles of other length than REF: (row, start, length) of each ALT."""
    n = 0
    for k in rows:
        n += 1
        for j in range(alt0[k], alt1[k]):
            if text[j] == 44:
                n += 1
    found = np.empty((n, 3), np.int64)
    w = 0
    for k in rows:
        nr = ref1[k] - ref0[k]
        if nr == 1 and alt1[k] - alt0[k] == 1:
            continue
        good = 0 < nr <= limit
        for j in range(ref0[k], ref1[k]):
            if not good or not is_base[text[j]]:
                good = False
                break
        if not good:
            continue
        a = alt0[k]
        plain = True
        for j in range(alt0[k], alt1[k] + 1):
            if j == alt1[k] or text[j] == 44:
                if plain and 0 < j - a <= limit and j - a != nr:
                    found[w, 0] = k
                    found[w, 1] = a
                    found[w, 2] = j - a
                    w += 1
                a = j + 1
                plain = True
            elif not is_base[text[j]]:
                plain = False
    return found[:w]


@nb.njit(cache=True, nogil=True)
def _hashes(text, start, end, salt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Hash spans of a text (FNV-1a, 64 bits, upper case), each with a number beside."""
    out = np.empty(start.size, np.int64)
    for k in range(start.size):
        h = np.uint64(14695981039346656037) ^ np.uint64(salt[k])
        for j in range(start[k], end[k]):
            c = text[j]
            if 97 <= c <= 122:
                c = c - 32
            h = (h ^ np.uint64(c)) * np.uint64(1099511628211)
        out[k] = np.int64(h)
    return out


@dataclass
class ElsewhereWatch:
    """Looks for one insertion or deletion written at two positions (VH-D-003)."""

    account: Account
    reference: Reference
    normalise: Normalise
    contig: str | None = None
    window: Ints = field(default_factory=lambda: np.empty((0, _COLUMNS), np.int64))

    def take(self, batch: RecordBatch, rows: Ints, contig: str, chrom: str) -> None:
        """Take records of one contig in file order whose REF agrees with the reference.

        Parameters
        ----------
        rows
            int64[n]: records of the batch.
        contig, chrom
            Canonical name of their contig, and the name in the file.
        """
        if contig != self.contig:
            self.contig, self.window = contig, self.window[:0]
        ref0, ref1 = batch.start[:, 3], batch.start[:, 4] - 1
        alt1 = np.minimum(batch.start[:, 5] - 1, batch.end)
        found = _indels(
            batch.text, ref0, ref1, batch.start[:, 4], alt1, rows, _IS_BASE, WINDOW
        )
        if not found.size:
            return
        k, at, size = (np.ascontiguousarray(found[:, i]) for i in range(3))
        first, length = ref0[k], ref1[k] - ref0[k]
        bases, starts, lengths = self.reference.packed([contig])
        zero = np.zeros(k.size, np.int32)
        place, _ref, ref_at, alt, alt_at, _ = self.normalise(
            bases,
            starts,
            lengths,
            zero,
            batch.pos[k].astype(np.int32),
            batch.text,
            first,
            length,
            batch.text,
            at,
            size,
        )
        new = np.empty((k.size, _COLUMNS), np.int64)
        new[:, _PLACE] = place
        new[:, _HASH] = _hashes(alt, alt_at[:-1], alt_at[1:], np.diff(ref_at))
        new[:, _POS] = batch.pos[k]
        new[:, _WRITTEN] = _hashes(batch.text, at, at + size, length)
        new[:, _LINE] = batch.line + k
        self._compare(new, chrom)

    def _compare(self, new: Ints, chrom: str) -> None:
        old = self.window.shape[0]
        rows = np.concatenate([self.window, new])
        order = np.lexsort((np.arange(len(rows)), rows[:, _HASH], rows[:, _PLACE]))
        s = rows[order]
        same = (s[1:, _PLACE] == s[:-1, _PLACE]) & (s[1:, _HASH] == s[:-1, _HASH])
        # The same text at the same POS is another fault, and found where POS repeats.
        other = (s[1:, _POS] != s[:-1, _POS]) | (s[1:, _WRITTEN] != s[:-1, _WRITTEN])
        hits = np.flatnonzero(same & other & (order[1:] >= old))
        hits = hits[np.argsort(order[hits + 1], kind="stable")]
        room = max(1, self.account.room("VH-D-003"))
        for i, h in enumerate(hits[:room].tolist()):
            a, b = s[h], s[h + 1]
            self.account.add(
                "VH-D-003",
                f"the same allele as on line {a[_LINE]} (POS {a[_POS]:,}), written otherwise: "
                f"moved left, both are at {b[_PLACE]:,}",
                line=int(b[_LINE]),
                contig=chrom,
                pos=int(b[_POS]),
                name="ALT",
                count=hits.size - min(room, hits.size) + 1 if i == 0 else 1,
            )
        last = int(new[:, _POS].max())
        rows = rows[rows[:, _PLACE] >= last - WINDOW]
        self.window = rows[-KEPT:].copy()
