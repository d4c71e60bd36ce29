"""Write a repaired copy of a file, and a table of every change: `validate --fix`.

Two passes. The first surveys the file: names used, order, shape. The second writes what
is mended as BGZF with an index. Only what needs no guess is done; a file that needs one
(a line without all its columns, say) is refused with the reason, and nothing is written.
No genotype changes, unless REF and ALT are swapped on demand.
"""

import gzip
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from varhouse.alleles.swap import Swapper
from varhouse.errors import InputError
from varhouse.files import put
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.vcf.bcf.lines import copy_bcf
from varhouse.vcf.header.meta_lines import read_meta
from varhouse.vcf.header.reserved import reserved
from varhouse.vcf.repair.header import Change, HeaderRepair, repair_header
from varhouse.vcf.repair.lines import Lines, LineSorter, rename
from varhouse.vcf.repair.names import Names
from varhouse.vcf.repair.read import Survey, read_records, survey_file
from varhouse.vcf.repair.swap import NotSwappedError, swap_line, swappable
from varhouse.vcf.repair.values import unfit_keys
from varhouse.vcf.repair.write import ChangeTable, RecordOutput
from varhouse.vcf.text.bgzf import BgzfWriter, has_end_block
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.lines import RecordBatch
from varhouse.vcf.text.otherformats import vcf_kind

Ints = npt.NDArray[np.int64]

TBI_LIMIT = 1 << 29
"""A position from here on needs a CSI index."""

_MATE = re.compile(rb"([\[\]])([^\[\]]+)(:\d+[\[\]])")


@dataclass
class Repair:
    """What a repair did: files written, changes by code, what it left and why.

    `left_out` counts the records by field that REF and ALT swapped could not take along.
    """

    output: Path
    index: Path | None
    table: Path
    n_records: int
    changes: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


class _Body:
    """Mends batches of records and hands them on as lines with their ranks."""

    def __init__(
        self,
        survey: Survey,
        header: HeaderRepair,
        contigs: Contigs,
        reference: Reference | None,
        table: ChangeTable,
        *,
        swap: bool,
    ) -> None:
        self.contigs, self.reference, self.table = contigs, reference, table
        self.old = survey.contigs
        self.wanted = [contigs.canonical(name) or name for name in survey.names().contigs]
        self.order = header.contigs
        ranks = {c: i for i, c in enumerate(self.order)}
        self.rank = np.array([ranks[c] for c in self.wanted], np.int64)
        self.new = Names()
        for name in self.wanted:
            # Two old names may have one new name: numbers are those of the old ones.
            self.new.add(name.encode())
        self.renames = any(
            new.encode() != old for new, old in zip(self.wanted, self.old.names, strict=True)
        )
        with_swap = swap and reference is not None
        self.swapper = Swapper(_numbers(header)) if with_swap else None
        self.left: Counter[str] = Counter()

    def mend(self, batch: RecordBatch, lines: Ints) -> Lines:
        """Mend records and give them as lines."""
        ids = self.old.number(batch.text, batch.start[:, 0], batch.start[:, 1] - 1)
        edits: dict[int, bytes] = {}
        if self.renames:
            self._rename_mates(batch, lines, edits)
        if self.swapper is not None:
            self._swap(batch, lines, ids, edits)
        text, start, end = batch.text, batch.start[:, 0].copy(), batch.end.copy()
        rest = batch.start[:, 1] - 1
        if edits:
            text, rest = _with_edits(text, start, end, rest, edits)
        if self.renames:
            names, at = self.new.packed()
            text, start, end = rename(text, start, rest, end, ids, names, at)
        return Lines(text, start, end, self.rank[ids], batch.pos, lines)

    def _rename_mates(self, batch: RecordBatch, lines: Ints, edits: dict[int, bytes]) -> None:
        """Give the mates of breakends (`]chr1:5]A`) the contigs' new names."""
        brackets = np.flatnonzero((batch.text == 91) | (batch.text == 93))
        if not brackets.size:
            return
        rows = np.searchsorted(batch.end, brackets)
        inside = (brackets >= batch.start[rows, 4]) & (brackets < batch.start[rows, 5] - 1)
        for k in np.unique(rows[inside]).tolist():
            line = batch.text[batch.start[k, 0] : batch.end[k]].tobytes()
            cells = line.split(b"\t")
            before = cells[4]
            cells[4] = _MATE.sub(self._mate, before)
            if cells[4] != before:
                edits[k] = b"\t".join(cells)
                self._note(
                    batch,
                    lines,
                    k,
                    "ALT",
                    before,
                    cells[4],
                    "VH-R-011",
                    "the mate's contig by the reference's name",
                )

    def _mate(self, match: re.Match[bytes]) -> bytes:
        name = match[2].decode("utf-8", "replace")
        wanted = self.contigs.canonical(name)
        return match[1] + (wanted.encode() if wanted else match[2]) + match[3]

    def _swap(
        self, batch: RecordBatch, lines: Ints, ids: Ints, edits: dict[int, bytes]
    ) -> None:
        assert self.reference is not None
        assert self.swapper is not None
        for i in np.unique(ids).tolist():
            sequence = self.reference.sequence(self.wanted[i])
            for k in swappable(batch, np.flatnonzero(ids == i), sequence).tolist():
                line = edits.get(k) or batch.text[batch.start[k, 0] : batch.end[k]].tobytes()
                cells = line.split(b"\t", 5)
                before = self.swapper.removed.copy()
                try:
                    edits[k] = swap_line(line, self.swapper)
                except NotSwappedError as error:
                    self.left[f"VH-R-006: REF and ALT not swapped: {error}"] += 1
                    continue
                gone = sorted(self.swapper.removed - before)
                self._note(
                    batch,
                    lines,
                    k,
                    "REF/ALT",
                    cells[3] + b"/" + cells[4],
                    cells[4] + b"/" + cells[3],
                    "VH-R-006",
                    "ALT is the reference; GT and what follows from it renumbered"
                    + (f"; left out: {', '.join(gone)}" if gone else ""),
                )

    def _note(
        self,
        batch: RecordBatch,
        lines: Ints,
        k: int,
        name: str,
        before: bytes,
        after: bytes,
        code: str,
        why: str,
    ) -> None:
        chrom = batch.text[batch.start[k, 0] : batch.start[k, 1] - 1].tobytes()
        self.table.add(
            Change(
                int(lines[k]),
                chrom.decode("utf-8", "replace"),
                int(batch.pos[k]),
                name,
                before.decode("utf-8", "replace"),
                after.decode("utf-8", "replace"),
                code,
                why,
            )
        )


def _with_edits(
    text: npt.NDArray[np.uint8], start: Ints, end: Ints, rest: Ints, edits: dict[int, bytes]
) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Put edited lines behind the text and let their spans (changed in place) point there."""
    rest = rest.copy()
    at = text.size
    for k, line in edits.items():
        start[k], end[k] = at, at + len(line)
        rest[k] = at + line.index(b"\t")
        at += len(line)
    new = np.frombuffer(b"".join(edits.values()), np.uint8)
    return np.concatenate([text, new]), rest


def _numbers(header: HeaderRepair) -> dict[tuple[str, str], str]:
    """Give the Number of every key: declared, else reserved."""
    out: dict[tuple[str, str], str] = {}
    for line in header.lines:
        kind = line[2:].partition("=")[0]
        if kind in ("INFO", "FORMAT"):
            meta = read_meta(line)
            name = meta.get("ID", "")
            wanted = reserved(kind, name, header.version)
            out[kind, name] = wanted.number if wanted else meta.get("Number", "")
    return out


def _note_lines(survey: Survey, table: ChangeTable) -> None:
    """Note what changed of line ends, blank lines and the byte order mark."""
    if survey.bom:
        table.add(Change(1, None, None, "file", "byte order mark", "", "VH-F-007", "UTF-8"))
    if survey.crlf:
        table.add(
            Change(
                survey.first_crlf,
                None,
                None,
                "line end",
                "\r\n",
                "\n",
                "VH-F-008",
                "one kind of line end",
                survey.crlf,
            )
        )
    if survey.blank:
        table.add(
            Change(
                survey.first_blank,
                None,
                None,
                "line",
                "blank line",
                "",
                "VH-B-004",
                "no record",
                survey.blank,
            )
        )
    if not survey.ended:
        table.add(
            Change(
                survey.last_line,
                None,
                None,
                "line end",
                "",
                "\n",
                "VH-F-005",
                "the last line has all its columns",
            )
        )


def _note_names(survey: Survey, body: _Body, table: ChangeTable) -> None:
    for i, (line, count) in sorted(survey.contig_lines.items()):
        before = survey.contigs.names[i].decode("utf-8", "replace")
        if before != body.wanted[i]:
            table.add(
                Change(
                    line,
                    before,
                    None,
                    "CHROM",
                    before,
                    body.wanted[i],
                    "VH-R-011",
                    "the reference's name",
                    count,
                )
            )


def repair_file(
    path: Path,
    output: Path,
    contigs: Contigs,
    reference: Reference | None = None,
    *,
    swap: bool = False,
    limits: Limits = DEFAULTS,
) -> Repair:
    """Write a repaired copy of a file as BGZF with an index and a table of changes.

    `output`, its index (`.tbi`, or `.csi` for long contigs) and `output.changes.tsv`
    appear together at the end; nothing half-written is ever seen under these names.
    An `output` that ends in `.vcf` is plain text and has no index.

    Parameters
    ----------
    contigs
        Names that contigs are given; unknown ones keep theirs.
    reference
        Gives lengths of undeclared contigs, their order, and what is swapped.
    swap
        Swap REF and ALT where ALT is what the reference holds.
    limits
        A file that holds more is not read.

    Raises
    ------
    InputError
        If the file is damaged or cannot be mended without a guess; nothing is written.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        return _repair(path, output, folder, contigs, reference, limits, swap=swap)
    finally:
        shutil.rmtree(folder)


def _repair(
    path: Path,
    output: Path,
    folder: Path,
    contigs: Contigs,
    reference: Reference | None,
    limits: Limits,
    *,
    swap: bool,
) -> Repair:
    kind = vcf_kind(path)
    if kind == "bgzf" and not has_end_block(path):
        raise InputError(
            f"{path}: the BGZF end block is missing: the file is cut off", "copy it again"
        )
    source = path
    if kind == "bcf":
        source, kind = copy_bcf(path, folder / "in.vcf.gz"), "bgzf"
    survey = survey_file(source, kind, contigs.canonical, limits)
    read = partial(read_records, source, kind, limits=limits)
    header = _mend_header(read, survey, contigs, reference)
    written, listed = folder / "out.vcf.gz", folder / "changes.tsv"
    table = ChangeTable(listed)
    for change in header.changes:
        table.add(change)
    _note_lines(survey, table)
    body = _Body(survey, header, contigs, reference, table, swap=swap)
    _note_names(survey, body, table)
    writer = BgzfWriter(written)
    writer.write(("\n".join(header.lines) + "\n").encode())
    out = RecordOutput(writer, table, body.order)
    sorter = None if survey.in_order else LineSorter(folder, out.take)
    for batch, lines in read():
        if batch.size:
            (out.take if sorter is None else sorter.add)(body.mend(batch, lines))
    if sorter is not None:
        sorter.finish()
    out.finish()
    if out.overtaken:
        table.add(
            Change(
                out.first_overtaken,
                None,
                None,
                "order",
                "unsorted",
                "by contig and POS",
                "VH-B-002",
                "records that now stand behind one of a later line",
                out.overtaken,
            )
        )
    writer.close()
    table.close()
    index = _make_index(written, header, survey.last_pos)
    left = Counter(header.left) + body.left
    done = _publish(written, index, listed, output, out.n_records, table, dict(left))
    done.left_out = dict(body.swapper.removed) if body.swapper is not None else {}
    return done


def _mend_header(
    read: Callable[[], Iterator[tuple[RecordBatch, Ints]]],
    survey: Survey,
    contigs: Contigs,
    reference: Reference | None,
) -> HeaderRepair:
    """Mend the header; a key is declared anew only if all its values fit."""
    given = (survey.header, survey.numbers, survey.names(), contigs.canonical, reference)
    header = repair_header(*given)
    if not header.wanted:
        return header
    batches = (batch for batch, _ in read())
    unfit = unfit_keys(batches, header.wanted)
    return repair_header(*given, unfit) if unfit else header


def _make_index(path: Path, header: HeaderRepair, last_pos: int) -> Path:
    import pysam  # noqa: PLC0415 - loads htslib, which only a repair needs

    lengths = [read_meta(x).get("length", "") for x in header.lines if x[:9] == "##contig="]
    longest = max([last_pos, *(int(n) for n in lengths if n.isascii() and n.isdigit())])
    long = longest >= TBI_LIMIT
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=long)
    except OSError as error:
        raise InputError(f"{path.name}: no index can be made ({error})") from error
    return path.with_name(path.name + (".csi" if long else ".tbi"))


def _publish(
    written: Path,
    index: Path,
    listed: Path,
    output: Path,
    n_records: int,
    table: ChangeTable,
    left: dict[str, int],
) -> Repair:
    """Give the finished files their names; an index of an older OUT would be stale."""
    final: Path | None = output.with_name(output.name + index.suffix)
    if output.suffix == ".vcf":
        plain = written.with_name("out.vcf")
        with gzip.open(written) as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        written, final = plain, None
    for ending in (".tbi", ".csi"):
        output.with_name(output.name + ending).unlink(missing_ok=True)
    changes = output.with_name(output.name + ".changes.tsv")
    put(listed, changes)
    put(written, output)
    if final is not None:
        put(index, final)
    return Repair(output, final, changes, n_records, dict(table.counts), left)
