"""One run of `normalise` over a file: where lines come from, what was seen on the way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from varhouse.genome.reference import Reference
from varhouse.genome.regions import Region, parse_region
from varhouse.normalise.order import Reorder
from varhouse.normalise.split import Splitter
from varhouse.normalise.text import Flags, Longs
from varhouse.normalise.vcf import Lines, Reject, VcfNormaliser
from varhouse.onefile.paths import as_file
from varhouse.vcf.header.header import Header
from varhouse.vcf.stream import open_records, region_records, why_no_index
from varhouse.vcf.text.lines import RecordBatch

if TYPE_CHECKING:
    import polars as pl

Piece = bytes | memoryview

REJECT_COLUMNS = ("line", "contig", "pos", "ref", "alt", "reason", "detail", "text")
FAULTS = (
    "columns", "pos_invalid", "ref_mismatch", "ref_invalid", "alt_invalid", "alt_equals_ref",
)  # fmt: skip
"""Reasons for which a record, or one ALT of it, is rejected whatever the policy."""


@dataclass(frozen=True)
class FieldLoss:
    """Values of a field that did not fit their record when it was split.

    Attributes
    ----------
    field
        The key, as `FORMAT/AD`.
    what
        What became of the values.
    records
        Number of records.
    first
        `contig:pos` of the first one.
    """

    field: str
    what: str
    records: int
    first: str


@dataclass(frozen=True)
class Normalised:
    """What came of `normalise`.

    Attributes
    ----------
    output
        The file that was written; None if none was asked for.
    frame
        The alleles, if neither a file nor a function was to take them: contig, pos
        (1-based), ref, alt, extent, id, qual, filter, info, record (0-based ordinal in the
        file), alt_index (from 1). Of a frame that was handed in: its columns.
    rejects
        What was rejected, where `frame` is given: line (1-based), contig, pos, ref, alt,
        reason, detail, text.
    counts
        records; multiallelic (records that were split); changed, kept (alleles that moved,
        and those that are no sequence of bases); and more, see `varhouse normalise --help`.
    rejected
        Number of rejects by their reason.
    losses
        Values that did not fit.
    known_names
        Contigs of the file that were found by another name, and that name; empty with
        `aliases`.
    in_order
        False if a function took frames of a file that is not sorted: they came in the
        order of the file then.
    not_by_index
        Why the whole file was read although a region was asked for; None if it was not.
    """

    output: Path | None
    counts: dict[str, int]
    rejected: dict[str, int]
    losses: tuple[FieldLoss, ...] = ()
    known_names: dict[str, str] = field(default_factory=dict)
    frame: "pl.DataFrame | None" = None
    rejects: "pl.DataFrame | None" = None
    in_order: bool = True
    not_by_index: str | None = None


@dataclass
class Work:
    """One run over a file: where the lines come from, and what was seen on the way."""

    source: Path
    normaliser: VcfNormaliser
    header: Header
    batches: Iterator[RecordBatch]
    by_index: bool
    not_by_index: str | None
    window: Reorder = field(default_factory=Reorder)
    rejects: IO[str] | None = None
    listed: list[Reject] = field(default_factory=list)

    def pieces(self) -> Iterator[Piece]:
        """Give the normalised lines, in order but for what is `late` in the window."""
        for lines in as_lines(self.batches):
            done = self.normaliser.block(lines)
            if self.rejects is not None:
                self.rejects.writelines(map(self._reject_line, done.rejects))
            else:
                self.listed += done.rejects
            pieces = self.window.push(
                done.keys, done.buffers, done.source, done.span, done.bound
            )
            yield from (piece.data for piece in pieces if piece.size)
        yield from (piece.data for piece in self.window.flush() if piece.size)

    def _reject_line(self, reject: Reject) -> str:
        *cells, text = reject_cells(reject, numbered=not self.by_index)
        text = str(text).replace("\\", "\\\\").replace("\t", "\\t")
        return "\t".join(["" if c is None else str(c) for c in cells] + [text]) + "\n"


def open_run(
    given: Path,
    reference: Reference,
    folder: Path,
    region: str | None,
    ending: str,
    multi_overlaps: str,
    unchecked_ref: str,
) -> Work:
    """Open a file; the parameters are those of `normalise`.

    Raises
    ------
    InputError, UsageError
        If it cannot be read, or there is no such region.
    """
    place = parse_region(region, reference.contigs) if region else None
    source = as_file(given, folder)
    header, batches = open_records(source)
    table = ending in ("", ".parquet")
    reason = _why_not_by_index(source, table=table) if place is not None else None
    by_index = place is not None and reason is None
    if place is not None and by_index:
        batches = region_records(
            source, partial(_is_contig, reference, place), place.start, place.end
        )
    normaliser = VcfNormaliser(
        reference,
        Splitter(header.numbers, header.types, multi_overlaps),
        columns=8 + (1 + len(header.samples) if header.has_format else 0),
        keep_unchecked=unchecked_ref == "keep",
        sites=table,
        wanted=_overlaps(place) if place else None,
    )
    return Work(given, normaliser, header, batches, by_index, reason)


def as_lines(batches: Iterable[RecordBatch]) -> Iterator[Lines]:
    """Give batches of records in the form that the normaliser takes."""
    for b in batches:
        yield Lines(b.text, b.start, b.end, b.tabs, b.pos, b.line, b.record)


def _why_not_by_index(path: Path, *, table: bool) -> str | None:
    """Say why a region is not looked up in the index; None: it is."""
    reason = why_no_index(path)
    if reason is None and table:
        reason = "the column `record` counts from the first record"
    return reason


def _is_contig(reference: Reference, region: Region, name: str) -> bool:
    return reference.contigs.canonical(name) == region.contig


def _overlaps(region: Region) -> Callable[[str | None, Longs, Longs], Flags]:
    """Make the test whether a record's REF overlaps the region."""

    def wanted(contig: str | None, first: Longs, last: Longs) -> Flags:
        if contig != region.contig:
            return np.zeros(first.size, np.bool_)
        inside: Flags = last >= region.start
        return inside if region.end is None else inside & (first <= region.end)

    return wanted


def reject_cells(reject: Reject, *, numbered: bool) -> tuple[str | int | None, ...]:
    """Give the values of a reject by `REJECT_COLUMNS`; `numbered`: lines have numbers."""
    return (
        reject.line if numbered else None,
        reject.contig,
        None if reject.pos < 0 else reject.pos,
        reject.ref,
        reject.alt,
        reject.reason,
        reject.detail,
        reject.text,
    )
