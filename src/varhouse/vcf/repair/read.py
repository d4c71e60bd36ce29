"""The first pass of a repair: what a file holds, and whether it can be mended at all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.header.header import FIXED
from varhouse.vcf.repair.header import BodyNames, without_empty_columns
from varhouse.vcf.repair.names import Names
from varhouse.vcf.text.encoding import BOM
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.lines import RecordBatch, read_batch

Ints = npt.NDArray[np.int64]

Canonical = Callable[[str], str | None]


@dataclass
class Survey:
    """What the first pass finds.

    `contig_lines` maps the number of a contig's name to its first line and its count of
    lines. `columns` counts the columns of #CHROM without empty ones at its end.
    """

    header: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    columns: int = 0
    contigs: Names = field(default_factory=Names)
    info: Names = field(default_factory=Names)
    formats: Names = field(default_factory=Names)
    filters: Names = field(default_factory=Names)
    bom: bool = False
    crlf: int = 0
    first_crlf: int = 0
    blank: int = 0
    first_blank: int = 0
    ended: bool = True
    last_line: int = 0
    n_records: int = 0
    last_pos: int = 0
    in_order: bool = True
    contig_lines: dict[int, tuple[int, int]] = field(default_factory=dict)

    def names(self) -> BodyNames:
        """Give the names that records use as text."""
        return BodyNames(
            *(
                [name.decode("utf-8", "replace") for name in names.names]
                for names in (self.contigs, self.info, self.formats, self.filters)
            )
        )


def read_records(
    path: Path, kind: str, survey: Survey | None = None, *, limits: Limits = DEFAULTS
) -> Iterator[tuple[RecordBatch, Ints]]:
    """Yield the records of a file and their 1-based lines, without blank lines.

    Parameters
    ----------
    survey
        Takes the header and what is no record; None on later passes.

    Raises
    ------
    InputError
        If there is no #CHROM line, or a record before it.
    """
    line, in_header = 1, True
    for block in iter_text(path, kind, limits=limits):
        data = block.data
        if survey is not None:
            survey.ended = block.ended
            _note_returns(data, line, survey)
        at = 0
        while in_header and at < len(data):
            cut = data.index(b"\n", at)
            in_header = _header_line(path, data[at:cut], line, survey)
            line, at = line + 1, cut + 1
        if at < len(data):
            batch = read_batch(data[at:] if at else data, 0, line)
            line += batch.size
            yield _without_blanks(batch, survey)
    if survey is not None:
        survey.last_line = line - 1
    if in_header:
        raise InputError(f"{path}: no #CHROM line: what the columns are would be a guess")


def _header_line(path: Path, raw: bytes, line: int, survey: Survey | None) -> bool:
    """Take a line of the header; tell whether more may follow."""
    text = (raw.removeprefix(BOM) if line == 1 else raw).removesuffix(b"\r")
    if text and not text.startswith(b"#"):
        raise InputError(f"{path}:{line}: a record before the #CHROM line")
    if survey is not None:
        survey.bom |= line == 1 and raw.startswith(BOM)
        if text:
            try:
                survey.header.append(text.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}:{line}: bytes that are not UTF-8: their encoding is a guess",
                    "iconv -f GBK -t UTF-8 (or LATIN1, as the file was written)",
                ) from error
            survey.numbers.append(line)
        else:
            survey.blank += 1
            survey.first_blank = survey.first_blank or line
    return not text.startswith(b"#CHROM")


def _note_returns(data: bytes, line: int, survey: Survey) -> None:
    n = data.count(b"\r\n") if b"\r" in data else 0
    if n and not survey.first_crlf:
        survey.first_crlf = line + data.count(b"\n", 0, data.index(b"\r\n"))
    survey.crlf += n


def _without_blanks(batch: RecordBatch, survey: Survey | None) -> tuple[RecordBatch, Ints]:
    blank = batch.end == batch.start[:, 0]
    lines = batch.line + np.arange(batch.size)
    if not blank.any():
        return batch, lines
    if survey is not None:
        survey.blank += int(blank.sum())
        survey.first_blank = survey.first_blank or int(lines[blank][0])
    keep = np.flatnonzero(~blank)
    kept = RecordBatch(
        batch.text,
        batch.start[keep],
        batch.end[keep],
        batch.tabs[keep],
        batch.pos[keep],
        batch.record,
        batch.line,
    )
    return kept, lines[keep]


def survey_file(
    path: Path, kind: str, canonical: Canonical, limits: Limits = DEFAULTS
) -> Survey:
    """Read a file once and say what it holds.

    Raises
    ------
    InputError
        If something cannot be mended without a guess: where and what.
    """
    out = Survey()
    order = _Order(canonical)
    for batch, lines in read_records(path, kind, out, limits=limits):
        if not out.columns:
            out.columns = _count_columns(path, out)
        if not batch.size:
            continue
        _check_shape(path, batch, lines, out)
        out.n_records += batch.size
        out.last_pos = max(out.last_pos, int(batch.pos.max()))
        ids = out.contigs.number(batch.text, batch.start[:, 0], batch.start[:, 1] - 1)
        _count_contigs(ids, lines, out)
        order.take(ids, batch.pos, out.contigs)
        out.filters.number(batch.text, batch.start[:, 6], batch.start[:, 7] - 1)
        info_end = np.minimum(batch.start[:, 8] - 1, batch.end)
        out.info.add_keys(batch.text, batch.start[:, 7], info_end)
        if out.columns > 8:
            end = np.minimum(batch.start[:, 9] - 1, batch.end)
            out.formats.number(batch.text, batch.start[:, 8], end)
    if not out.columns:
        out.columns = _count_columns(path, out)
    out.in_order = order.in_order
    return out


def _count_columns(path: Path, survey: Survey) -> int:
    cells = without_empty_columns(survey.header[-1]).split("\t")
    if tuple(cells[:8]) != FIXED or (len(cells) > 8 and cells[8] != "FORMAT"):
        raise InputError(
            f"{path}:{survey.numbers[-1]}: the column names are not those of VCF",
            "write #CHROM POS ID REF ALT QUAL FILTER INFO [FORMAT SAMPLE...], with tabs",
        )
    return len(cells)


def _check_shape(path: Path, batch: RecordBatch, lines: Ints, survey: Survey) -> None:
    wrong = np.flatnonzero(batch.tabs != survey.columns - 1)
    if wrong.size:
        k = int(wrong[0])
        raise InputError(
            f"{path}:{lines[k]}: {batch.tabs[k] + 1:,} columns, not {survey.columns:,}: "
            "what is missing or too much would be a guess",
            "remove or complete the line",
        )
    bad = np.flatnonzero(batch.pos < 0)
    if bad.size:
        raise InputError(
            f"{path}:{lines[int(bad[0])]}: POS is no number: where the record belongs "
            "would be a guess",
            "remove or correct the line",
        )


def _count_contigs(ids: Ints, lines: Ints, survey: Survey) -> None:
    found, first, count = np.unique(ids, return_index=True, return_counts=True)
    for i, k, n in zip(found.tolist(), first.tolist(), count.tolist(), strict=True):
        line, before = survey.contig_lines.get(i, (int(lines[k]), 0))
        survey.contig_lines[i] = (line, before + n)


class _Order:
    """Tells whether records are sorted inside each contig and contigs stay together."""

    def __init__(self, canonical: Canonical) -> None:
        self.canonical = canonical
        self.in_order = True
        self._owner = np.empty(0, np.int64)
        self._numbers: dict[str, int] = {}
        self._seen: set[int] = set()
        self._last = (-1, -1)

    def take(self, ids: Ints, pos: Ints, names: Names) -> None:
        """Take records by the numbers of their contigs' names."""
        if not self.in_order:
            return
        for raw in names.names[self._owner.size :]:
            name = raw.decode("utf-8", "replace")
            number = self._numbers.setdefault(self.canonical(name) or name, len(self._numbers))
            self._owner = np.append(self._owner, number)
        contig = self._owner[ids]
        contig = np.concatenate([[self._last[0]], contig])
        places = np.concatenate([[self._last[1]], pos])
        if ((contig[1:] == contig[:-1]) & (places[1:] < places[:-1])).any():
            self.in_order = False
            return
        for k in (np.flatnonzero(contig[1:] != contig[:-1]) + 1).tolist():
            if int(contig[k]) in self._seen:
                self.in_order = False
                return
            self._seen.add(int(contig[k]))
        self._last = (int(contig[-1]), int(places[-1]))
