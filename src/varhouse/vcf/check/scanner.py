"""The state of one pass over a file, and the checks of whole lines and of the order."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.vcf.account.problems import SHOWN, Account
from varhouse.vcf.bcf.reader import PlainSamples
from varhouse.vcf.blocks import TextBlock
from varhouse.vcf.check.assembly import AssemblyRules
from varhouse.vcf.check.judged import Judged, Taker, TakingError, slice_batch
from varhouse.vcf.check.records import RecordRules
from varhouse.vcf.gvcf.blockfaults import BlockFaults
from varhouse.vcf.gvcf.recognition import Dialect
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.header.meta_lines import SYMBOLIC
from varhouse.vcf.text.bgzf import has_end_block
from varhouse.vcf.text.cuts import Cutter
from varhouse.vcf.text.encoding import TextWatch, header_text
from varhouse.vcf.text.limits import LimitError, Limits
from varhouse.vcf.text.lines import RecordBatch

_META_LINES = re.compile(rb"(?:##[^\n]*+\n)*+")

NO_END_BLOCK = "the BGZF end block is missing: the file is cut off"
"""What is said of a BGZF that stops between two blocks."""

MISSHAPEN = 1_000
"""Lines with a wrong number of columns after which the other rules are not looked at."""


@nb.njit(cache=True, nogil=True)
def _too_many_alleles(text, start, limit):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the first line with more ALT alleles than the limit (-1: none), and how many."""
    for k in range(start.shape[0]):
        n = 1
        for i in range(start[k, 4], min(start[k, 5] - 1, text.size)):
            if text[i] == 44:
                n += 1
        if n > limit:
            return k, n
    return -1, 0


class Scanner:
    """State of one pass over a file: takes its header, then its records batch by batch."""

    def __init__(
        self,
        path: Path,
        contigs: Contigs,
        reference: Reference | None,
        account: Account,
        cutter: Cutter,
        limits: Limits,
    ) -> None:
        self.path, self.contigs = path, contigs
        self.account, self.cutter, self.limits = account, cutter, limits
        self.assembly, self.text = (
            AssemblyRules(account, contigs, reference),
            TextWatch(account),
        )
        self.taker: Taker | None = None
        self._began = False
        self.blocks = BlockFaults()
        self.dialect: Dialect | None = None
        """How a gVCF is written, once all of it was read; None: it is none."""
        self.header_bytes = 0
        self.header: Header | None = None
        self.ended = True
        self.header_lines: list[str] = []
        self.seen: dict[str, int] = {}
        self.current: str | None = None
        self.last_pos = -1
        self.n_records = 0
        self.n_lines = 0
        self.rules: RecordRules | None = None
        self.columns = 0
        self.n_misshapen = 0
        self.blanks: list[int] = []
        self.n_blanks = 0

    def take_block(self, block: TextBlock) -> bytes:
        """Take the next text of the file and return the lines in it that are no header."""
        self.text.take(block.data)
        data = self.take_header(block.data) if self.header is None else block.data
        self.ended = block.ended
        return data if self.header is not None else b""

    def plain_samples(self, names: Sequence[str] = ()) -> PlainSamples | None:
        """Say which sample values of a BCF need no text: nothing would be told of them.

        `names` are FORMAT keys whose values are asked for.
        """
        if self.header is None:
            return None
        return PlainSamples(key_table(self.header, "FORMAT", names), names)

    def take_end(self, kind: str) -> None:
        """Take the end of a file of some kind, after its last block."""
        if self.header is None:
            self.header = read_header(self.header_lines, self.account)
        if not self.ended:
            # A header that stops in its last line may stop in a sample's name.
            strict = (self.header.version or 0) >= 3 or not self.n_records
            self.account.add(
                "VH-F-005",
                "the last line has no newline: the file may be cut off",
                severity="error" if strict else "warning",
            )
        if kind == "bgzf" and not has_end_block(self.path):
            self.account.add("VH-F-003", NO_END_BLOCK)

    def tell_whole(self, kind: str) -> None:
        """Tell what a file of some kind is as a whole."""
        if kind == "gzip":
            self.account.add(
                "VH-F-004", "plain gzip, not BGZF: read from the start by every tool"
            )
        self.dialect = self.blocks.tell(self.account, self.header or Header())
        if self.n_records == 0 and not self.account.errors_in_file():
            self.account.add("VH-F-006", "no records")

    def take_header(self, data: bytes) -> bytes:
        """Take header lines from the front of a block and return what is left."""
        if not self.header_lines:
            data = data.removeprefix(b"\xef\xbb\xbf")
        at = meta.end() if (meta := _META_LINES.match(data)) else 0
        if data.startswith(b"#", at):
            at = data.index(b"\n", at) + 1
        lines = header_text(data[:at]).split("\n")[:-1]
        self.header_lines += [line.rstrip("\r") for line in lines]
        self.header_bytes += at
        self._check_header_size()
        data = data[at:]
        last = self.header_lines[-1] if self.header_lines else ""
        if data or not last.startswith("##"):
            self.header = read_header(self.header_lines, self.account)
            self.n_lines = len(self.header_lines)
            self._check_contigs(len(self.header.contigs))
            self.assembly.take_header(self.header)
            self.columns = self._count_columns(last)
            self.rules = RecordRules(
                self.account,
                self.header,
                keeps_marks=self.taker is not None,
                keeps_calls=self.taker is not None and self.taker.wants_calls,
                keeps_fields=() if self.taker is None else self.taker.wants_fields,
            )
        return data

    def _count_columns(self, last: str) -> int:
        """Count the columns that records must have; tabs at the end of #CHROM make none."""
        assert self.header is not None
        if not self.header.complete:
            return 0
        return (
            len(last.rstrip("\t").split("\t"))
            if not self.header.has_format
            else (last.count("\t") + 1)
        )

    def _check_header_size(self) -> None:
        limits, lines = self.limits, len(self.header_lines)
        if lines > limits.header_lines:
            raise LimitError(
                f"{self.path}: more than {limits.header_lines:,} header lines", "header_lines"
            )
        if self.header_bytes > limits.header_bytes:
            raise LimitError(
                f"{self.path}: the header has more than {limits.header_bytes:,} bytes",
                "header_bytes",
            )

    def _check_contigs(self, n: int) -> None:
        if n > self.limits.contigs:
            raise LimitError(
                f"{self.path}: more than {self.limits.contigs:,} contigs", "contigs"
            )

    def take_records(self, batch: RecordBatch, text_start: int) -> None:
        """Check a batch of lines, and cut it if all are records."""
        k, n = _too_many_alleles(batch.text, batch.start, self.limits.alleles)
        if k >= 0:
            raise LimitError(
                f"{self.path}: line {batch.line + k:,} has {n:,} ALT alleles, more than "
                f"{self.limits.alleles:,}",
                "alleles",
            )
        self.n_lines += batch.size
        if self.columns < 8:
            return
        blank = batch.end == batch.start[:, 0]
        if self.blanks or blank.any():
            self._take_blanks(batch, blank)
        good = batch.tabs == self.columns - 1
        wrong = np.flatnonzero(~good & ~blank)
        if wrong.size:
            self._report_columns(batch, wrong)
        if self.n_misshapen > MISSHAPEN:
            return
        if good.all():
            self._take_segment(batch, text_start)
            return
        rows = np.flatnonzero(good)
        for piece in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            if piece.size:
                self._take_segment(slice_batch(batch, piece[0], piece[-1] + 1), text_start)

    def _take_segment(self, batch: RecordBatch, text_start: int) -> None:
        """Check lines that have the columns of the header."""
        assert self.rules is not None
        for a, b in self.rules.pieces(batch):
            self._take_piece(slice_batch(batch, a, b), text_start)

    def _take_piece(self, batch: RecordBatch, text_start: int) -> None:
        assert self.rules is not None
        batch.record = self.n_records
        self.blocks.take(batch)
        n_opened = len(self.cutter.opened)
        edges = np.flatnonzero(self.rules.take(batch))
        names = batch.values("chrom", edges)
        bounds = [*edges.tolist(), batch.size]
        for chrom, (a, b) in zip(names, pairwise(bounds), strict=True):
            self._take_run(batch, chrom, a, b, text_start)
        self.n_records += batch.size
        if self.taker is not None and not self.account.errors_in_file():
            # Of a file that is refused nothing is taken any more.
            self._hand_over(
                Judged(
                    batch,
                    self.rules.marks,
                    self.rules.genotypes,
                    self.rules.fields,
                    self.cutter.opened[n_opened:],
                )
            )

    def _hand_over(self, judged: Judged) -> None:
        assert self.taker is not None
        assert self.header is not None
        try:
            if not self._began:
                self.taker.begin(self.header)
                self._began = True
            self.taker(judged)
        except InputError as error:
            raise TakingError(error) from error

    def _take_blanks(self, batch: RecordBatch, blank: npt.NDArray[np.bool_]) -> None:
        """Blank lines are harmless at the end of a file and a fault before a record."""
        lines = np.flatnonzero(blank)
        others = np.flatnonzero(~blank)
        if others.size:
            before = lines[lines < others[-1]]
            found = self.blanks + (batch.line + before[: SHOWN + 1]).tolist()
            count = self.n_blanks + before.size
            for line in found[:SHOWN]:
                self.account.add(
                    "VH-B-004",
                    "a blank line between records",
                    line=line,
                    severity="error",
                    ingest="refuse",
                )
            if count > SHOWN:
                self.account.more("VH-B-004", count - SHOWN, severity="error")
            self.blanks, self.n_blanks = [], 0
            lines = lines[lines > others[-1]]
        self.blanks = (self.blanks + (batch.line + lines[:SHOWN]).tolist())[:SHOWN]
        self.n_blanks += lines.size

    def _report_columns(self, batch: RecordBatch, wrong: npt.NDArray[np.int64]) -> None:
        room = max(0, self.account.room("VH-B-001"))
        for k in wrong[:room].tolist():
            self.account.add(
                "VH-B-001",
                f"{batch.tabs[k] + 1:,} columns, not {self.columns:,}",
                line=batch.line + k,
                value=batch.lines(np.array([k]))[0][:60],
            )
        if wrong.size > room:
            self.account.more("VH-B-001", wrong.size - room)
        self.n_misshapen += wrong.size

    def forget(self) -> None:
        """Forget what was counted in a file that was not read to its end."""
        self.n_records, self.seen, self.dialect = 0, {}, None
        self.assembly.forget()

    def finish(self) -> None:
        """Tell what only the whole file shows."""
        if self.blanks:
            self.account.add("VH-B-004", "a blank line at the end", line=self.blanks[0])
            if self.n_blanks > 1:
                self.account.more("VH-B-004", self.n_blanks - 1)
        if self.rules is not None:
            self.rules.finish(is_gvcf=self.dialect is not None)
        self.assembly.finish()
        self.text.finish(self.header.version if self.header else None)

    def _take_run(
        self, batch: RecordBatch, chrom: str, a: int, b: int, text_start: int
    ) -> None:
        """Take records a..b, all of one CHROM."""
        assert self.rules is not None
        rows = np.arange(a, b)
        pos, line = batch.pos[a:b], batch.line + a
        # <ID> names a contig of the assembly file: it may stand among those of others.
        apart = chrom.startswith("<")
        continues = chrom == self.current
        if chrom not in self.seen:
            self._check_declared(chrom, line)
        elif not continues and not apart:
            self.account.add(
                "VH-B-003",
                "records of this contig stand apart from each other",
                line=line,
                contig=chrom,
                pos=int(pos[0]),
                name="CHROM",
                value=chrom[:200],
            )
        before = np.concatenate([[self.last_pos if continues else -1], pos[:-1]])
        back = np.flatnonzero((pos < before) & (pos >= 0))
        room = max(0, self.account.room("VH-B-002"))
        for k in back[:room].tolist():
            self.account.add(
                "VH-B-002",
                f"POS {pos[k]:,} after {before[k]:,}",
                line=line + k,
                contig=chrom,
                pos=int(pos[k]),
                name="POS",
                value=str(pos[k]),
            )
        if back.size > room:
            self.account.more("VH-B-002", back.size - room)
        contig = self.contigs.canonical(chrom)
        marks = self.rules.marks if self.rules.keeps_marks else None
        self.assembly.take(
            batch, rows, chrom, contig, is_new=chrom not in self.seen, marks=marks
        )
        self.blocks.take_run(batch, a, b, self.assembly.length_of(chrom, contig))
        self.seen[chrom] = self.seen.get(chrom, 0) + b - a
        self._check_contigs(len(self.seen))
        if not apart:
            self.current, self.last_pos = chrom, int(pos[-1])
        part = self.contigs.part(contig) if contig else "other"
        self.cutter.add(
            part,
            contig or chrom,
            text_start + batch.start[a:b, 0],
            text_start + int(batch.end[b - 1]) + 1,
            pos,
            batch.record + a,
            line,
        )

    def _check_declared(self, chrom: str, line: int) -> None:
        assert self.header is not None
        name = chrom[1:-1] if chrom.startswith("<") else chrom
        if name in SYMBOLIC and (self.header.version or 3) >= 3:
            self.account.add(
                "VH-B-010",
                "CHROM is named as a symbolic allele",
                line=line,
                contig=name,
                name="CHROM",
                value=chrom,
                ingest="note",
            )
        if ":" in name and name not in self.header.contigs and (self.header.version or 5) <= 3:
            # Texts printed before 2020 want it absent; who declares such a name (HLA alleles
            # of GRCh38) means it, and hts-specs 379 took the sentence out for it.
            self.account.add(
                "VH-B-010",
                "CHROM holds a colon, and the header declares no such contig",
                line=line,
                contig=name[:200],
                name="CHROM",
                value=chrom[:200],
                ingest="note",
            )
        if self.header.contigs and name not in self.header.contigs:
            self.account.add(
                "VH-B-016",
                "the header declares other contigs, but not this one",
                line=line,
                contig=chrom[:200],
                name="CHROM",
                value=chrom[:200],
            )
