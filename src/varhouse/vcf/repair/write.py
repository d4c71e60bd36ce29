"""What a repair writes: sorted records without repeats, and the table of changes."""

from collections import Counter
from pathlib import Path

import numpy as np

from varhouse.vcf.repair.header import Change
from varhouse.vcf.repair.lines import Lines, identical_lines, join
from varhouse.vcf.text.bgzf import BgzfWriter

COLUMNS = ("line", "contig", "pos", "field", "before", "after", "code", "why", "count")
"""Columns of the table of changes; `count` lines were changed as the row says."""

GROUP_BYTES = 256 << 20
"""Text of the records of one position that is searched for identical lines."""

_SHOWN = 200


class ChangeTable:
    """The table of changes, written as they come."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._file.write("\t".join(COLUMNS) + "\n")
        self.counts: Counter[str] = Counter()

    def add(self, change: Change) -> None:
        """Write a row; an empty cell is a value that does not apply."""
        c = change
        cells = (c.line, c.contig, c.pos, c.field, c.before, c.after, c.code, c.why, c.count)
        self._file.write("\t".join(_cell(v) for v in cells) + "\n")
        self.counts[c.code] += c.count

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    for raw, shown in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(raw, shown)
    return text


class RecordOutput:
    """Takes sorted lines, leaves out those that repeat one, writes the others."""

    def __init__(self, writer: BgzfWriter, table: ChangeTable, contigs: list[str]) -> None:
        self.writer, self.table, self.contigs = writer, table, contigs
        self.n_records = 0
        self.overtaken = 0
        self.first_overtaken = 0
        self._highest = 0
        self._held: Lines | None = None

    def take(self, lines: Lines) -> None:
        """Take lines; the last position is held until it is whole."""
        if self._held is not None:
            lines = join([self._held, lines])
            self._held = None
        last = (lines.rank == lines.rank[-1]) & (lines.pos == lines.pos[-1])
        cut = lines.size - int(np.argmin(last[::-1])) if not last.all() else 0
        held = lines.rows(slice(cut, None))
        if int((held.end - held.start).sum()) <= GROUP_BYTES:
            self._held = held.packed()
            lines = lines.rows(slice(0, cut))
        self._write(lines)

    def finish(self) -> None:
        """Write what is held."""
        if self._held is not None:
            self._write(self._held)

    def _write(self, lines: Lines) -> None:
        if not lines.size:
            return
        drop, kept = identical_lines(lines)
        for d, k in zip(drop.tolist(), kept.tolist(), strict=True):
            text = lines.text[lines.start[d] : lines.end[d]].tobytes()
            self.table.add(
                Change(
                    int(lines.line[d]),
                    self.contigs[int(lines.rank[d])],
                    int(lines.pos[d]),
                    "record",
                    text.decode("utf-8", "replace")[:_SHOWN],
                    "",
                    "VH-D-001",
                    f"the same, byte by byte, as line {lines.line[k]}",
                )
            )
        if drop.size:
            lines = lines.rows(np.setdiff1d(np.arange(lines.size), drop))
        highest = np.maximum.accumulate(np.concatenate([[self._highest], lines.line]))
        late = np.flatnonzero(lines.line < highest[:-1])
        if late.size and not self.first_overtaken:
            self.first_overtaken = int(lines.line[late[0]])
        self.overtaken += late.size
        self._highest = int(highest[-1])
        self.n_records += lines.size
        self.writer.write(memoryview(lines.packed().text))  # type: ignore[arg-type]
