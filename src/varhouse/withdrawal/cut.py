"""A file without some people: what a withdrawal takes in, in place of the file with them.

A person who leaves a cohort leaves it as if their files had come without them:

1. Their sample columns go.
2. An ALT goes from a record where somebody who goes is called with it (in GT, as written) and
   nobody who stays is: ALT itself, its number in GT and LAA, its values in fields of Number A,
   R, G, LA, LR and LG, its entries in CSQ, ANN and the like. ALTs that nobody is called with
   stay, and so do `<*>`, `<NON_REF>` and `.`. A record without an ALT left goes.
3. AC, AN and AF of INFO, where a record with GT has them, are those of who stays
   (`export.recount`).
4. Header lines that name them go (`cutheader`).
5. All else stays byte for byte: other numbers of INFO, too, and lines of another number of
   columns than the header, but for the column.

Because GT is read as it is written (`cutjudge`) and nothing else decides, to cut one person
after the other gives what cutting both gives, wherever the batches of the text end.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError, UsageError
from varhouse.export.recount import format_frequency
from varhouse.files import new_file
from varhouse.store.words import Words
from varhouse.vcf.account.problems import Account
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.bgzf import BATCH_BYTES
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.lines import RecordBatch, read_batch
from varhouse.vcf.text.otherformats import vcf_kind
from varhouse.withdrawal.cutentries import Entries, cut_entries, find_entries
from varhouse.withdrawal.cutheader import cut_header_line
from varhouse.withdrawal.cutjudge import EDITED, LEFT_OUT, Bools, Verdicts, judge
from varhouse.withdrawal.cutlines import Columns, Frequencies, Other, Tables, write_lines
from varhouse.withdrawal.cutvalues import rules_of

Goes = Callable[[Sequence[str]], npt.NDArray[np.bool_]] | Collection[str]
"""Who goes: bool[columns] of the names of the sample columns, or names."""

_ALT, _INFO = 4, 7
"""Columns of a record, from 0."""

Write = Callable[[bytes | memoryview], object]


@dataclass
class CutFacts:
    """What was cut.

    Attributes
    ----------
    columns
        Sample columns that are left.
    columns_gone
        Those that went.
    records, records_gone
        Lines behind the header that came, and that went.
    alts_gone
        ALTs that went from records that stayed.
    header_lines_gone
        Lines of the header that went.
    values_lost
        Lists of values of records that ALTs went from, which were not as long as their
        Number says, and became missing.
    """

    columns: int
    columns_gone: int
    records: int = 0
    records_gone: int = 0
    alts_gone: int = 0
    header_lines_gone: int = 0
    values_lost: int = 0


def cut_file(
    source: Path,
    out: Path,
    goes: Goes,
    *,
    limits: Limits = DEFAULTS,
    batch_bytes: int = BATCH_BYTES,
) -> CutFacts:
    """Write a file without some people, see this module for what that is.

    Parameters
    ----------
    source
        VCF (plain, gzip, BGZF, bzip2) or BCF, of which the text is cut that htslib makes.
    out
        The file to write: `.vcf`, or `.vcf.gz` as BGZF. It appears when it is whole.
    goes
        Who goes; names that the file does not have are not looked for.
    limits
        See `Limits`.
    batch_bytes
        Text held at once.

    Raises
    ------
    InputError
        If the source cannot be read, or has no line of column names.
    UsageError
        If nobody would be left.
    """
    lines = peek_header(source, limits)
    header = read_header(lines, Account(source.name))
    if not header.complete:
        raise InputError(f"{source}: no #CHROM line: not VCF", "varhouse validate tells more")
    leaving = _who_goes(goes, header.samples)
    if leaving.size and leaving.all():
        raise UsageError(f"{source}: nobody of the file would be left")
    cut = _Cut(source, header, leaving)
    with open_text(out) as write:
        for block in iter_text(source, vcf_kind(source), batch_bytes, limits):
            text = cut.take(block.data)
            # A line end that the last line did not have was only lent to it.
            write(text if block.ended or not cut.ends_as_read else text[:-1])
    return cut.facts


def _who_goes(goes: Goes, samples: Sequence[str]) -> Bools:
    found = goes(samples) if callable(goes) else np.array([s in goes for s in samples])
    return np.asarray(found, np.bool_)


@contextmanager
def open_text(out: Path) -> Iterator[Write]:
    """Open a file to write text: plain if its name ends with `.vcf`, else as BGZF.

    Readers tell by the first bytes, so that a file that is made keeps the name of its source
    (`a.bcf`, `a.gvcf.gz`, `a`). It appears when it is whole.
    """
    with new_file(out) as own, own.open("wb") as file:
        if out.suffix.lower() == ".vcf":
            yield file.write
            return
        packed = BgzfStream(file)
        yield packed.write
        packed.finish()


class _Cut:
    """Cuts the text of a file, block by block."""

    def __init__(self, source: Path, header: Header, goes: Bools) -> None:
        self._goes = goes
        self._flags: list[bool] = goes.tolist()
        self._gone = np.flatnonzero(goes).astype(np.int64)
        self._columns = Columns.of(goes)
        self._words = Words([s for s, out in zip(header.samples, goes, strict=True) if out])
        self._tables = Tables(rules_of(header, "INFO"), rules_of(header, "FORMAT"))
        self._entries: dict[str, Entries] = find_entries(header.text.split("\n"))
        self._header_left = header.n_lines
        self.facts = CutFacts(int((~goes).sum()), int(goes.sum()))
        self.ends_as_read = True

    def take(self, data: bytes) -> bytes | memoryview:
        """Cut a block of whole lines.

        `ends_as_read` tells whether its last line stayed.
        """
        at, head = 0, []
        while self._header_left and at < len(data):
            end = data.index(b"\n", at) + 1
            line = cut_header_line(data[at:end], self._words, self._flags)
            self.facts.header_lines_gone += not line
            self.ends_as_read = bool(line)
            head.append(line)
            at = end
            self._header_left -= 1
        if at == len(data):
            return b"".join(head)
        rest = self._records(data[at:] if at else data)
        return b"".join([*head, rest]) if head else rest

    def _records(self, data: bytes) -> bytes | memoryview:
        batch = read_batch(data, 0, 0)
        self.facts.records += batch.size
        if not self._gone.size:
            self.ends_as_read = True
            return data
        verdicts = judge(
            batch.text, batch.start, batch.end, batch.tabs, self._goes.size, self._gone
        )
        facts = self.facts
        left_out = verdicts.state == LEFT_OUT
        self.ends_as_read = not left_out[-1]
        facts.records_gone += int(left_out.sum())
        is_edited = np.repeat(verdicts.state == EDITED, np.diff(verdicts.alt_at))
        facts.alts_gone += int((is_edited & ~verdicts.stays).sum())
        text, lost = write_lines(
            batch,
            verdicts,
            _frequencies(verdicts),
            self._infos(batch, verdicts),
            self._header_lines(batch),
            self._columns,
            self._tables,
        )
        facts.values_lost += lost
        return text.data

    def _infos(self, batch: RecordBatch, verdicts: Verdicts) -> Other:
        """Cut the entries of alleles in INFO of edited records."""
        rows = np.flatnonzero(verdicts.state == EDITED)
        texts = {}
        for k in rows.tolist():
            alt, info = _cell(batch, k, _ALT), _cell(batch, k, _INFO)
            stays = verdicts.stays[verdicts.alt_at[k] : verdicts.alt_at[k + 1]].tolist()
            cut = cut_entries(info, alt.split(","), stays, self._entries)
            if cut != info:
                texts[k] = cut.encode("utf-8", "surrogateescape")
        return _others(texts, batch.size)

    def _header_lines(self, batch: RecordBatch) -> Other:
        """Cut lines of a header among the records."""
        starts = np.minimum(batch.start[:, 0], batch.text.size - 1)
        rows = np.flatnonzero(batch.text[starts] == ord("#"))
        bounds = np.append(batch.start[:, 0], batch.text.size)
        texts = {
            k: cut_header_line(
                batch.text[bounds[k] : bounds[k + 1]].tobytes(), self._words, self._flags
            )
            for k in rows.tolist()
        }
        return _others(texts, batch.size)


def _cell(batch: RecordBatch, k: int, column: int) -> str:
    """Give a column of a record; bytes that are not UTF-8 come back as they were."""
    text = batch.text[batch.start[k, column] : batch.start[k, column + 1] - 1]
    return text.tobytes().decode("utf-8", "surrogateescape")


def _others(texts: dict[int, bytes], n: int) -> Other:
    of = np.full(n, -1, np.int64)
    of[list(texts)] = np.arange(len(texts))
    at = np.append(0, np.cumsum([len(t) for t in texts.values()], dtype=np.int64))
    return Other(of, np.frombuffer(b"".join(texts.values()), np.uint8), at.astype(np.int64))


def _frequencies(verdicts: Verdicts) -> Frequencies:
    """Print AF of each ALT: few are different."""
    called = np.repeat(verdicts.called, np.diff(verdicts.alt_at))
    pairs, of = np.unique(verdicts.copies << 32 | called, return_inverse=True)
    texts = [
        format_frequency(c, n).encode()
        for c, n in zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True)
    ]
    at = np.append(0, np.cumsum([len(t) for t in texts], dtype=np.int64)).astype(np.int64)
    return Frequencies(np.frombuffer(b"".join(texts), np.uint8), at, of.astype(np.int64))
