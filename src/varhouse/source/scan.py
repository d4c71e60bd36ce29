"""The whole-file pass: is this file whole and ordered, what is in it, where to cut it.

One pass over the text of a file checks the header, the shape of every line, the order,
the contigs and REF, and cuts the records into chunks that later jobs read alone. A
file that is not BGZF is copied to BGZF on the way. Nothing here hands a line to a
parser that trusts it.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.contigs import Contigs
from varhouse.errors import InputError
from varhouse.reference import (
    REF_AGREES,
    REF_DIFFERS,
    REF_INVALID,
    REF_OUTSIDE,
    Reference,
    compare_ref,
)
from varhouse.source.admission import check_path
from varhouse.source.bcf import copy_bcf
from varhouse.source.bgzf import BgzfWriter, file_kind, has_end_block, iter_text
from varhouse.source.duplicates import ElsewhereWatch, Normalise
from varhouse.source.encoding import TextWatch
from varhouse.source.header import Header, read_header
from varhouse.source.limits import DEFAULTS, LimitError, Limits
from varhouse.source.lines import RecordBatch, read_batch
from varhouse.source.problems import Account
from varhouse.source.world import World

CHUNK_BYTES = 64 << 20
"""Text of one chunk: some seconds of work for a job, and its memory."""


@dataclass
class Chunk:
    """A run of records that one job reads: they start at POS `low` to `high` (1-based).

    `begin` and `end` are virtual offsets; `record` and `line` those of the first record.
    """

    part: str
    begin: int
    end: int
    record: int
    line: int
    n_records: int
    contigs: list[str]
    low: int
    high: int


@dataclass
class FileScan:
    """What one pass over a file found; `data` is the BGZF that chunks are read from."""

    path: str
    data: str
    kind: str
    bytes: int
    mtime_ns: int
    md5: str
    sha256: str
    header: str
    version: int | None
    samples: list[str]
    n_records: int
    contigs: dict[str, int]
    ref_checked: dict[str, int]
    chunks: list[Chunk]
    account: Account

    def as_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {**asdict(self), "account": self.account.as_json()}


def hash_file(path: Path) -> tuple[str, str]:
    """Give MD5 and SHA-256 of a file's bytes."""
    md5, sha = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as f:
        while block := f.read(4 << 20):
            md5.update(block)
            sha.update(block)
    return md5.hexdigest(), sha.hexdigest()


@nb.njit(cache=True, nogil=True)
def _contig_changes(text, start):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell for each line whether its CHROM differs from that of the line before."""
    n = start.shape[0]
    change = np.zeros(n, np.bool_)
    if n:
        change[0] = True
    for k in range(1, n):
        a, b = start[k - 1, 0], start[k, 0]
        size = start[k, 1] - b
        if start[k - 1, 1] - a != size:
            change[k] = True
            continue
        for j in range(size):
            if text[a + j] != text[b + j]:
                change[k] = True
                break
    return change


@nb.njit(cache=True, nogil=True)
def _most_alleles(text, start):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the largest number of commas in an ALT, and its line."""
    most, where = 0, 0
    for k in range(start.shape[0]):
        n = 0
        for i in range(start[k, 4], min(start[k, 5] - 1, text.size)):
            if text[i] == 44:
                n += 1
        if n > most:
            most, where = n, k
    return most, where


@dataclass
class _Cutter:
    """Cuts records into chunks at a change of partition or between two positions."""

    limit_bytes: int
    limit_records: int
    cuts: list[tuple[str, int, int, int, int, int, set[str], int, int]] = field(
        default_factory=list
    )
    part: str | None = None
    begin: int = 0
    record: int = 0
    line: int = 0
    contigs: set[str] = field(default_factory=set)
    low: int = 0
    last_pos: int = -1
    high: int = 0
    end: int = 0

    def close(self, position: int, record: int) -> None:
        """End the open chunk before the record that starts at a text position."""
        if self.part is not None and record > self.record:
            self.cuts.append(
                (self.part, self.begin, position, self.record, self.line,
                 record - self.record, self.contigs, self.low, self.high)
            )  # fmt: skip
        self.part = None

    def add(
        self, part: str, contig: str, at: npt.NDArray[np.int64], end: int,
        pos: npt.NDArray[np.int64], record: int, line: int,
    ) -> None:  # fmt: skip
        """Add consecutive records of one contig; `at` are their text positions."""
        i, n = 0, at.size
        self.end = end
        while i < n:
            if self.part != part:
                self.close(int(at[i]), record + i)
            if self.part is None:
                self.part, self.begin = part, int(at[i])
                self.record, self.line = record + i, line + i
                self.contigs, self.low, self.high = set(), int(pos[i]), int(pos[i])
            self.contigs.add(contig)
            # The first record at which the chunk is full, then the next new position.
            by_bytes = int(np.searchsorted(at, self.begin + self.limit_bytes))
            by_count = self.record + self.limit_records - record
            j = max(i, min(by_bytes, by_count))
            while j < n and (pos[j - 1] if j else self.last_pos) == pos[j]:
                j += 1
            if j < n:
                if j > i:
                    self.high = max(self.high, int(pos[j - 1]))
                self.close(int(at[j]), record + j)
            else:
                self.high = max(self.high, int(pos[n - 1]))
            i = j
        self.last_pos = int(pos[-1])


class _Scanner:
    def __init__(
        self, path: Path, contigs: Contigs, reference: Reference | None,
        account: Account, cutter: _Cutter, limits: Limits,
    ) -> None:  # fmt: skip
        self.path, self.contigs, self.reference = path, contigs, reference
        self.account, self.cutter, self.limits = account, cutter, limits
        self.world, self.text = World(account, contigs, reference), TextWatch(account)
        self.elsewhere: ElsewhereWatch | None = None
        self.header_bytes = 0
        self.header: Header | None = None
        self.header_lines: list[str] = []
        self.seen: dict[str, int] = {}
        self.current: str | None = None
        self.last_pos = -1
        self.n_records = 0
        self.n_lines = 0
        self.blank_line: int | None = None
        self.checked = {"agrees": 0, "differs": 0, "outside": 0, "unchecked": 0}

    def take_header(self, data: bytes) -> bytes:
        """Take header lines from the front of a block and return what is left."""
        if not self.header_lines:
            data = data.removeprefix(b"\xef\xbb\xbf")
        at = 0
        while data.startswith(b"#", at):
            cut = data.index(b"\n", at) + 1
            line = data[at:cut].decode("utf-8", "replace").rstrip("\r\n")
            self.header_lines.append(line)
            self.header_bytes += cut - at
            at = cut
            self._check_header_size()
            if line.startswith("#CHROM") or not line.startswith("##"):
                break
        data = data[at:]
        last = self.header_lines[-1] if self.header_lines else ""
        if data or not last.startswith("##"):
            self.header = read_header(self.header_lines, self.account)
            self.n_lines = len(self.header_lines)
            self._check_contigs(len(self.header.contigs))
            self._check_contig_lengths()
            self.world.take_header(self.header)
        return data

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

    def _check_alleles(self, batch: RecordBatch) -> None:
        commas, k = _most_alleles(batch.text, batch.start)
        if commas >= self.limits.alleles:
            raise LimitError(
                f"{self.path}: line {batch.line + k:,} has {commas + 1:,} ALT alleles, more "
                f"than {self.limits.alleles:,}",
                "alleles",
            )

    def _check_contig_lengths(self) -> None:
        assert self.header is not None
        for name, length in self.header.contigs.items():
            contig = self.contigs.canonical(name)
            known = self.contigs.by_name[contig].length if contig else None
            if length is not None and known is not None and length != known:
                self.account.add(
                    "VH-H-005", f"declared with {length:,} bases; the assembly has {known:,}",
                    contig=name, name="contig", value=str(length),
                )  # fmt: skip

    def take_records(self, batch: RecordBatch, text_start: int) -> None:
        """Check a batch of records and cut it."""
        assert self.header is not None
        wanted = 7 if not self.header.has_format else 8 + len(self.header.samples)
        batch = self._without_last_blanks(batch)
        if not batch.size:
            return
        self._check_alleles(batch)
        if self.header.complete and not self._check_shape(batch, wanted):
            self.n_lines += batch.size
            return
        edges = np.flatnonzero(_contig_changes(batch.text, batch.start))
        bounds = [*edges.tolist(), batch.size]
        for a, b in pairwise(bounds):
            self._take_run(batch, a, b, text_start)
        self.n_records += batch.size
        self.n_lines += batch.size

    def _without_last_blanks(self, batch: RecordBatch) -> RecordBatch:
        """Take blank lines off the end: harmless there, a fault before a record."""
        if self.blank_line is not None and batch.size:
            self.account.add(
                "VH-B-004", "a blank line between records", line=self.blank_line,
                severity="error", ingest="refuse",
            )  # fmt: skip
            self.blank_line = None
        n = batch.size
        while n and batch.end[n - 1] == batch.start[n - 1, 0]:
            n -= 1
        if n == batch.size:
            return batch
        self.blank_line = batch.line + n
        self.account.add("VH-B-004", "a blank line", line=self.blank_line)
        self.n_lines += batch.size - n
        return RecordBatch(
            batch.text, batch.start[:n], batch.end[:n], batch.tabs[:n], batch.pos[:n],
            batch.record, batch.line,
        )  # fmt: skip

    def _check_shape(self, batch: RecordBatch, wanted: int) -> bool:
        bad = np.flatnonzero(batch.tabs != wanted)
        blank = bad[batch.end[bad] == batch.start[bad, 0]]
        for k in blank[: self.account.room("VH-B-004") + 1].tolist():
            self.account.add(
                "VH-B-004", "a blank line between records", line=batch.line + k,
                severity="error", ingest="refuse",
            )  # fmt: skip
        wrong = np.setdiff1d(bad, blank)
        for k in wrong[: max(1, self.account.room("VH-B-001"))].tolist():
            self.account.add(
                "VH-B-001", f"{batch.tabs[k] + 1:,} columns, not {wanted + 1:,}",
                line=batch.line + k, value=batch.lines(np.array([k]))[0][:60],
                count=wrong.size if k == wrong[0] else 0,
            )  # fmt: skip
        return not bad.size

    def _take_run(self, batch: RecordBatch, a: int, b: int, text_start: int) -> None:
        """Take records a..b, all of one CHROM."""
        rows = np.arange(a, b)
        chrom = str(batch.column("chrom", rows[:1])[0])
        pos = batch.pos[a:b]
        line = batch.line + a
        continues = chrom == self.current
        if not continues and chrom in self.seen:
            self.account.add(
                "VH-B-003", "records of this contig stand apart from each other",
                line=line, contig=chrom, pos=int(pos[0]),
            )  # fmt: skip
        before = np.concatenate([[self.last_pos if continues else -1], pos[:-1]])
        back = np.flatnonzero((pos < before) & (pos >= 0))
        if back.size:
            k = int(back[0])
            self.account.add(
                "VH-B-002", f"POS {pos[k]:,} after {before[k]:,}", line=line + k,
                contig=chrom, pos=int(pos[k]), count=back.size,
            )  # fmt: skip
        self.seen[chrom] = self.seen.get(chrom, 0) + b - a
        self._check_contigs(len(self.seen))
        self.current, self.last_pos = chrom, int(pos[-1])
        contig = self.contigs.canonical(chrom)
        self._check_ref(batch, rows, chrom, contig)
        part = self.contigs.part(contig) if contig else "other"
        self.cutter.add(
            part, contig or chrom, text_start + batch.start[a:b, 0],
            text_start + int(batch.end[b - 1]) + 1, pos, batch.record + a, line,
        )  # fmt: skip

    def _check_ref(
        self, batch: RecordBatch, rows: npt.NDArray[np.int64], chrom: str, contig: str | None
    ) -> None:
        if contig is None:
            self.account.add(
                "VH-R-001", self.contigs.unknown(chrom), line=batch.line + int(rows[0]),
                contig=chrom, pos=int(batch.pos[rows[0]]), count=rows.size,
            )  # fmt: skip
            return
        if self.reference is None:
            return
        sequence = self.reference.sequence(contig)
        state = compare_ref(
            sequence, batch.pos[rows], batch.text,
            np.ascontiguousarray(batch.start[rows, 3]),
            np.ascontiguousarray(batch.start[rows, 4] - 1),
        )  # fmt: skip
        whole = self.reference.is_whole(contig)
        self.checked["agrees"] += int((state == REF_AGREES).sum())
        outside = int((state == REF_OUTSIDE).sum())
        self.checked["outside" if whole else "unchecked"] += outside
        self.checked["differs"] += int((state == REF_DIFFERS).sum())
        self.world.take(batch, rows[state == REF_DIFFERS], sequence, chrom)
        if self.elsewhere is not None:
            self.elsewhere.take(batch, rows[state == REF_AGREES], contig, chrom)
        self._report(batch, rows[state == REF_DIFFERS], chrom, "VH-R-002",
                     "REF differs from the reference", sequence)  # fmt: skip
        self._report(batch, rows[state == REF_INVALID], chrom, "VH-B-006",
                     "REF has letters that are no bases", None)  # fmt: skip
        if whole:
            self._report(batch, rows[state == REF_OUTSIDE], chrom, "VH-R-003",
                         f"past the contig's end ({sequence.size:,} bases)", None)  # fmt: skip
        elif outside:
            self._report(batch, rows[state == REF_OUTSIDE], chrom, "VH-R-004",
                         "the reference does not hold this place", None)  # fmt: skip

    def _report(
        self, batch: RecordBatch, rows: npt.NDArray[np.int64], chrom: str, code: str,
        message: str, sequence: npt.NDArray[np.uint8] | None,
    ) -> None:  # fmt: skip
        if not rows.size:
            return
        shown = rows[: max(1, self.account.room(code))]
        refs = batch.column("ref", shown).to_list()
        for i, (k, ref) in enumerate(zip(shown.tolist(), refs, strict=True)):
            pos = int(batch.pos[k])
            text = message
            if sequence is not None:
                held = sequence[pos - 1 : pos - 1 + min(len(ref), 20)].tobytes().decode()
                text = f"{message} ({held})"
            self.account.add(
                code, text, line=batch.line + k, contig=chrom, pos=pos, name="REF",
                value=ref[:60], count=rows.size - (shown.size - 1) if i == 0 else 1,
            )  # fmt: skip


def scan_file(
    path: Path,
    contigs: Contigs,
    reference: Reference | None,
    *,
    copy: Path | None = None,
    max_ref_mismatch_rate: float = 0.001,
    chunk_bytes: int = CHUNK_BYTES,
    chunk_records: int = 200_000,
    hashes: bool = True,
    limits: Limits = DEFAULTS,
    normalise: Normalise | None = None,
) -> FileScan:
    """Check a file from its first to its last byte and cut it into chunks.

    Parameters
    ----------
    path
        VCF (plain, gzip, BGZF, bzip2) or BCF.
    contigs, reference
        The assembly; without a reference REF is not checked.
    copy
        Where to write the BGZF that jobs read when the file is of another kind; None
        when no job will read it.
    limits
        A file that holds more is refused (VH-F-010) as soon as it shows.
    normalise
        Moves alleles left, to find the same one at two positions; None: not looked for.

    Returns
    -------
    FileScan
        Nothing is raised for what is wrong inside the file: it is in `account`.
    """
    account = Account(path.name)
    cutter = _Cutter(chunk_bytes, chunk_records)
    scanner = _Scanner(path, contigs, reference, account, cutter, limits)
    if reference is not None and normalise is not None:
        scanner.elsewhere = ElsewhereWatch(account, reference, normalise)
    kind, data, writer, members = "text", path, None, _Offsets()
    if not check_path(path, account):
        return FileScan(
            str(path), str(path), "none", 0, 0, "", "", "", None, [], 0, {}, {}, [], account
        )
    stat = path.stat()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(hash_file, path) if hashes else None
        total = 0
        try:
            kind = file_kind(path)
            text_path, text_kind = path, kind
            if kind == "bcf":
                target = copy or path.with_suffix(".none")
                text_path = data = copy_bcf(path, target)
                text_kind = "bgzf"
            elif kind != "bgzf" and copy is not None:
                copy.parent.mkdir(parents=True, exist_ok=True)
                writer, data = BgzfWriter(copy), copy
            for start, text, size in _records(scanner, text_path, text_kind, writer, members):
                batch = read_batch(text, scanner.n_records, scanner.n_lines + 1)
                scanner.take_records(batch, start)
                total = min(cutter.end, start + size)
            if kind == "bgzf" and not has_end_block(path):
                account.add("VH-F-003", "the BGZF end block is missing: the file is cut off")
        except LimitError as error:
            account.add(
                "VH-F-010", error.message.removeprefix(f"{path}: "),
                name=f"limits.{error.key}",
            )  # fmt: skip
        except InputError as error:
            code = "VH-F-002" if "cut off" in error.message else "VH-F-001"
            account.add(code, error.message.removeprefix(f"{path}: "))
        cutter.close(total, scanner.n_records)
        if writer is not None:
            writer.close()
        md5, sha = pending.result() if pending else ("", "")
    _finish(account, scanner, kind, max_ref_mismatch_rate)
    header = scanner.header or Header()
    offset = writer.virtual_offset if writer is not None else members.virtual_offset
    return FileScan(
        path=str(path), data=str(data), kind=kind, bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns, md5=md5, sha256=sha, header=header.text,
        version=header.version, samples=header.samples, n_records=scanner.n_records,
        contigs=scanner.seen, ref_checked=scanner.checked, account=account,
        chunks=[
            Chunk(part, offset(begin), offset(end), record, line, n, sorted(names), low, high)
            for part, begin, end, record, line, n, names, low, high in cutter.cuts
        ] if not account.errors_in_file() and (writer or kind in ("bgzf", "bcf")) else [],
    )  # fmt: skip


class _Offsets:
    """Virtual offsets of text positions in a BGZF file that is read as it is."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.bytes: list[int] = []
        self.end = (0, 0)

    def extend(self, members: list[tuple[int, int]]) -> None:
        known = self.starts[-1] if self.starts else -1
        for text, byte in members:
            if text > known:
                self.starts.append(text)
                self.bytes.append(byte)

    def virtual_offset(self, position: int) -> int:
        k = int(np.searchsorted(self.starts, position, "right")) - 1
        return self.bytes[k] << 16 | (position - self.starts[k])


def _records(
    scanner: _Scanner, path: Path, kind: str, writer: BgzfWriter | None, members: _Offsets
) -> Iterator[tuple[int, bytes, int]]:
    """Yield (text position, data lines, their size in the file) block by block."""
    for block in iter_text(path, kind, limits=scanner.limits):
        scanner.text.take(block.data)
        if writer is not None:
            writer.write(block.data)
        members.extend(block.members)
        data = block.data
        if scanner.header is None:
            data = scanner.take_header(data)
        if not block.ended and data:
            scanner.account.add(
                "VH-F-005", "the last line has no newline: the file may be cut off",
                severity="error" if (scanner.header and (scanner.header.version or 0) >= 3)
                else "warning",
            )  # fmt: skip
        if data and scanner.header is not None:
            start = block.start + len(block.data) - len(data)
            # A newline that was added is not in the file.
            yield start, data, len(data) - (0 if block.ended or writer is not None else 1)
    if scanner.header is None:
        scanner.header = read_header(scanner.header_lines, scanner.account)


def _finish(account: Account, scanner: _Scanner, kind: str, max_rate: float) -> None:
    if kind == "gzip":
        account.add("VH-F-004", "plain gzip, not BGZF: read from the start by every tool")
    if scanner.n_records == 0 and not account.errors:
        account.add("VH-F-006", "no records")
    checked = scanner.checked
    wrong = checked["differs"] + checked["outside"]
    done = checked["agrees"] + wrong
    if done and wrong / done > max_rate:
        account.add(
            "VH-R-005",
            f"{wrong:,} of {done:,} checked records ({wrong / done:.2%}) do not fit the "
            f"reference; the limit is {max_rate:.2%}{scanner.world.likely()}",
        )
    scanner.world.finish()
    scanner.text.finish(scanner.header.version if scanner.header else None)
