"""What is wrong with the blocks of a gVCF: what is not understood is held back by name.

Whether a file is a gVCF only its whole shows, so faults are counted on the way and told at
the end. Rules R9, R12 and R13: a file in which nobody is called is refused, blocks that lie
over each other are told, an END before POS, or that is no number, or a block beyond its contig
is refused; an END that is a little too far is cut, as it is where a caller works in windows.
"""

from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.gvcf.recognition import (
    BLOCK,
    NO_NUMBER,
    OTHER,
    BlockWatch,
    Dialect,
    Shapes,
    has_gt,
)
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.lines import POS_LIMIT, RecordBatch

Ints = npt.NDArray[np.int64]

_HAS_GT, _CALLED, _LIKELY = range(3)
_PL = np.frombuffer(b"PL", np.uint8)


@nb.njit(cache=True, nogil=True)
def _passes(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether FILTER text[a:b] is `.` or PASS."""
    if b - a == 1:
        return text[a] == 46
    return b - a == 4 and text[a] == 80 and text[a + 1] == 65 and text[a + 2] == 83


@nb.njit(cache=True, nogil=True)
def _place_of(text, a, e, name):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the place of a key in FORMAT text[a:e], -1 if it is not there."""
    place = np.int64(0)
    while a < e:
        b = a
        while b < e and text[b] != 58:
            b += 1
        if b - a == name.size:
            same = True
            for j in range(name.size):
                same = same and text[a + j] == name[j]
            if same:
                return place
        place += 1
        a = b + 1
    return np.int64(-1)


@nb.njit(cache=True, nogil=True)
def _look_at_calls(text, start, end, kind, name, state):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look for a GT, for a called variant, and for variants with PL and nobody called."""
    for k in range(end.size):
        if state[_HAS_GT] and state[_CALLED]:
            return
        a, e = start[k, 8], min(start[k, 9] - 1, end[k])
        gt = has_gt(text, a, e)
        state[_HAS_GT] |= gt
        if kind[k] >= OTHER or state[_CALLED]:
            continue
        wanted = _place_of(text, a, e, name)
        if not gt and wanted < 0:
            continue
        place = 0
        called = likely = False
        for i in range(start[k, 9], end[k]):
            if text[i] == 9:
                place = 0
            elif text[i] == 58:
                place += 1
            elif 48 <= text[i] <= 57:
                called = called or (gt and place == 0)
                likely = likely or place == wanted
                if called or (likely and not gt):
                    break
        state[_CALLED] |= called
        state[_LIKELY] += likely and not called and _passes(text, start[k, 6], start[k, 7] - 1)


@dataclass
class _Tally:
    """How often a fault was found, and where first."""

    count: int = 0
    line: int | None = None
    contig: str | None = None
    pos: int | None = None
    value: str = ""

    def add(self, batch: RecordBatch, rows: Ints, last: Ints | str) -> None:
        """Count records of a batch; `last` has the END of all, or is what the first says."""
        if rows.size and not self.count:
            k = int(rows[0])
            self.line, self.pos = batch.line + k, int(batch.pos[k])
            self.contig = batch.values("chrom", rows[:1])[0][:200]
            self.value = last if isinstance(last, str) else str(last[k])
        self.count += rows.size


@dataclass
class BlockFaults:
    """Looks at the reference records of a file and at who is called, batch by batch.

    Attributes
    ----------
    watch
        Says whether the file is a gVCF.
    """

    watch: BlockWatch = field(default_factory=BlockWatch)
    _early: _Tally = field(default_factory=_Tally)
    _odd: _Tally = field(default_factory=_Tally)
    _beyond: _Tally = field(default_factory=_Tally)
    _cut: _Tally = field(default_factory=_Tally)
    _calls: Ints = field(default_factory=lambda: np.zeros(3, np.int64))
    _shapes: Shapes | None = None

    def take(self, batch: RecordBatch) -> None:
        """Look at the next batch; `take_run` then at its records contig by contig."""
        self._shapes = self.watch.take(batch)
        reference = self._shapes.kind >= BLOCK
        early = reference & (self._shapes.stated >= 0) & (self._shapes.stated < batch.pos)
        self._early.add(batch, np.flatnonzero(early), self._shapes.stated)
        odd = np.flatnonzero(self._shapes.stated == NO_NUMBER)
        if odd.size:
            self._odd.add(batch, odd, batch.values("info", odd[:1])[0][:60])
        kind = self._shapes.kind
        _look_at_calls(batch.text, batch.start, batch.end, kind, _PL, self._calls)
        if batch.samples is not None:
            self._take_values(batch)

    def _take_values(self, batch: RecordBatch) -> None:
        """Look at the calls of a BCF, whose samples are not in the text."""
        assert self._shapes is not None
        assert batch.samples is not None
        if self._calls[_CALLED] or not batch.size:
            return
        variant = self._shapes.kind < OTHER
        rows, cells = batch.samples.genotypes()
        for k in np.flatnonzero(variant[rows]).tolist():
            if any(any(c.isdigit() for c in gt or "") for gt in cells[k].as_py()):
                self._calls[_CALLED] = 1
                return
        variant[batch.samples.others] = False
        rows = np.flatnonzero(variant)
        filters, keys = batch.values("filter", rows), batch.values("format", rows)
        self._calls[_LIKELY] += sum(
            f in (".", "PASS") and "PL" in k.split(":")
            for f, k in zip(filters, keys, strict=True)
        )

    def take_run(self, batch: RecordBatch, a: int, b: int, length: int | None) -> None:
        """Look at the records a to b, which lie on one contig of that many bases.

        No contig has more than POS_LIMIT, whether its length is known or not.
        """
        assert self._shapes is not None
        size = POS_LIMIT if length is None else min(length, POS_LIMIT)
        kind, last, _ = (x[a:b] for x in self._shapes)
        pos = batch.pos[a:b]
        over = (kind >= BLOCK) & (last > size)
        if not over.any():
            return
        far = over & ((pos > size) | (last > min(2 * size, POS_LIMIT)))
        self._beyond.add(batch, a + np.flatnonzero(far), self._shapes.last)
        self._cut.add(batch, a + np.flatnonzero(over & ~far), self._shapes.last)

    def tell(self, account: Account, header: Header) -> Dialect | None:
        """Tell what is wrong, if the file is a gVCF; say how it is written."""
        dialect = self.watch.dialect(header)
        if dialect is None:
            return None
        self.watch.tell(account, dialect)
        if header.samples and not self._calls[_HAS_GT]:
            account.add("VH-F-031", "a gVCF in which no record has GT: nobody is called")
        elif self._calls[_LIKELY] and not self._calls[_CALLED]:
            account.add(
                "VH-F-032",
                f"a gVCF with PL, but without a called GT, at {self._calls[_LIKELY]:,} "
                "variant(s), and nobody called at any: GT was taken away, as GATK "
                "CombineGVCFs does",
            )
        for code, tally, message in (
            ("VH-F-033", self._early, "END is before POS"),
            ("VH-F-037", self._odd, "END of a block is no whole number, or stands twice"),
            ("VH-F-034", self._beyond, "a block lies beyond the end of its contig"),
            ("VH-F-035", self._cut, "END is past the last base of the contig"),
        ):
            if tally.count:
                account.add(
                    code,
                    message,
                    line=tally.line,
                    contig=tally.contig,
                    pos=tally.pos,
                    name="INFO/END",
                    value=tally.value,
                    count=tally.count,
                )
        if self.watch.n_overlapping:
            account.add(
                "VH-F-036",
                f"{self.watch.n_overlapping:,} reference block(s) begin inside one before: of "
                "two over one base the weaker holds",
            )
        return dialect
