"""The records of one file as a store holds them, in their order."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varhouse.verify.blockread import VALUE, Block, Cells, read_blocks
from varhouse.verify.filescan import Rows
from varhouse.verify.pinned import PinnedTable

Row = dict[str, Any]
_BATCH = 2_048

SITES, BLOCKS, REJECTS = "sites", "blocks", "rejects"
_COLUMNS = {
    SITES: ["record", "chrom", "pos", "id", "ref", "alt", "qual", "filter", "info", "format",
            "allele_pos", "allele_ref", "allele_alt", "allele_extent", "contig"],
    BLOCKS: ["record", "chrom", "pos", "end", "id", "ref", "alt", "qual", "filter", "info",
             "end_apart", "format", "gt", "contig"],
    REJECTS: ["record", "contig", "pos", "alt_index", "reason"],
    "genotypes": ["record", "first", "people", "ploidy", "separator", "planes", "missing",
                  "absent", "flipped", "odd", "odd_text"],
    "fields": ["record", "first", "people", "records", "names", "coding", "parameters", "ends",
               "streams", "pos", "pos_end"],
}  # fmt: skip


@dataclass
class Where:
    """Some bases (1-based, closed) of a contig, as the rows of a file of a cohort name it."""

    cohort: str
    part: str
    file: int
    contig: str
    low: int = 0
    high: int = 2**31 - 1


class StoredRows:
    """Reads rows of the tables of records of one place.

    Parameters
    ----------
    tables
        Those of the release.
    """

    def __init__(self, tables: dict[str, PinnedTable]) -> None:
        self._tables = tables

    def batches(self, table: str, where: Where, *, contig: str = "") -> Iterator[pa.Table]:
        """Read rows of a file of the cohort, in the order of its records.

        Parameters
        ----------
        contig
            What the column contig has to be, where that is not the canonical name.
        """
        if table not in self._tables:
            return
        own = {"cohort": where.cohort, "part": where.part}
        files = [f for f in self._tables[table].files if f.log.partition == own]
        files.sort(key=lambda f: f.log.stats.get("minValues", {}).get("record", 0))
        for file in files:
            with pq.ParquetFile(file.path) as source:
                groups = [
                    g
                    for g in range(source.metadata.num_row_groups)
                    if _may_hold(source.metadata.row_group(g), where, table)
                ]
                if not groups:
                    continue
                columns = [*dict.fromkeys([*_COLUMNS[table], "file", "contig", "pos"])]
                for batch in source.iter_batches(_BATCH, row_groups=groups, columns=columns):
                    rows = _filter(pa.Table.from_batches([batch]), where, table, contig)
                    if rows.num_rows:
                        yield rows

    def rows(self, table: str, where: Where, *, contig: str = "") -> Iterator[Row]:
        """Read rows as dictionaries."""
        for batch in self.batches(table, where, contig=contig):
            yield from batch.select(_COLUMNS[table]).to_pylist()

    def records(self, where: Where, chrom: str) -> Iterator[tuple[int, str, Row]]:
        """Give the records of a place in their order, each with the table that has it."""
        streams = [
            ((r["record"], SITES, r) for r in self.rows(SITES, where)),
            ((r["record"], BLOCKS, r) for r in self.rows(BLOCKS, where)),
            (
                (r["record"], "~" + REJECTS, r)
                for r in self.rows(REJECTS, where, contig=chrom)
                if r["alt_index"] is None
            ),
        ]
        last = -1
        # Of a record that is kept and rejected (its alleles stand twice) the first counts.
        for record, table, row in heapq.merge(*streams, key=lambda t: t[:2]):
            if record != last:
                yield record, table.removeprefix("~"), row
            last = record


def _may_hold(group: Any, where: Where, table: str) -> bool:
    """Tell by the bounds of a row group whether it may hold rows of a place."""
    for c in range(group.num_columns):
        chunk = group.column(c)
        if chunk.path_in_schema == "pos" and chunk.statistics and chunk.statistics.has_min_max:
            if chunk.statistics.min > where.high:
                return False
            # A block of fields reaches on from its first record.
            return bool(table == "fields" or chunk.statistics.max >= where.low)
    return True


def _filter(rows: pa.Table, where: Where, table: str, contig: str) -> pa.Table:
    end = rows["pos_end"] if table == "fields" else rows["pos"]
    keep = pc.and_(pc.equal(rows["file"], where.file), pc.less_equal(rows["pos"], where.high))
    keep = pc.and_(keep, pc.greater_equal(end, where.low))
    keep = pc.and_(keep, pc.equal(rows["contig"], contig or where.contig))
    return rows.filter(pc.fill_null(keep, fill_value=False))


@dataclass
class Calls:
    """The genotypes of a record.

    Attributes
    ----------
    alleles
        int16[people, ploidy]: allele, -1 for `.`, -2 where the person has no such copy.
    phased
        int8[people]: 1 written with |, 0 with /, -1 neither or both.
    is_odd
        bool[people]: written in no usual way; `texts` has how.
    """

    alleles: npt.NDArray[np.int16]
    phased: npt.NDArray[np.int8]
    is_odd: npt.NDArray[np.bool_]
    texts: dict[int, str] = field(default_factory=dict)


def _bits(data: bytes | None, size: int) -> npt.NDArray[np.bool_]:
    if data is None:
        return np.zeros(size, np.bool_)
    return np.unpackbits(np.frombuffer(data, np.uint8), count=size).astype(np.bool_)


def decode_calls(rows: Sequence[Row]) -> Calls | None:
    """Give the genotypes of the rows of a record; None: it has no GT."""
    known = [r for r in rows if r["ploidy"] is not None]
    if not known:
        return None
    people = sum(r["people"] for r in rows)
    width = max(r["ploidy"] for r in known)
    calls = Calls(
        np.full((people, width), -2, np.int16),
        np.full(people, -1, np.int8),
        np.zeros(people, np.bool_),
    )
    for row in known:
        n, ploidy = row["people"], row["ploidy"]
        slots = np.zeros(n * ploidy, np.int16)
        for k, plane in enumerate(row["planes"], 1):
            slots[_bits(plane, slots.size)] = k
        slots[_bits(row["missing"], slots.size)] = -1
        slots[_bits(row["absent"], slots.size)] = -2
        mine = slice(row["first"], row["first"] + n)
        calls.alleles[mine, :ploidy] = slots.reshape(n, ploidy)
        if row["separator"]:
            phased = _bits(row["flipped"], n) ^ (row["separator"] == "|")
            calls.phased[mine] = phased
        for place, text in zip(row["odd"], row["odd_text"], strict=True):
            calls.is_odd[row["first"] + place] = True
            calls.texts[row["first"] + place] = text
    calls.phased[(calls.alleles > -2).sum(axis=1) < 2] = -1
    return calls


@dataclass
class FieldValues:
    """The values of a FORMAT field of a record, in pieces of sample columns."""

    pieces: list[tuple[int, int, Cells]]
    """First and number of columns, and the cells of this record alone."""

    def text(self, column: int) -> str | None:
        """Give the text of a cell; None: dropped, or not there."""
        for first, people, cells in self.pieces:
            if first <= column < first + people:
                c = column - first
                if cells.begin[c] >= 0:
                    return bytes(cells.text[cells.begin[c] : cells.end[c]]).decode()
                if cells.state[c] != VALUE:
                    return None
                numbers = cells.values[cells.cut[c] : cells.cut[c + 1]].tolist()
                return ",".join("." if v == -(2**31) else str(v) for v in numbers)
        return None


class StoredFields:
    """FORMAT fields of records that are asked for in ascending order.

    Parameters
    ----------
    batches
        Rows of the table fields of one file, in order.
    """

    def __init__(self, batches: Iterator[pa.Table]) -> None:
        self._blocks = self._read(batches)
        self._next: Block | None = next(self._blocks, None)
        self._held: list[Block] = []

    @staticmethod
    def _read(batches: Iterator[pa.Table]) -> Iterator[Block]:
        for table in batches:
            for batch in table.combine_chunks().to_batches():
                yield from read_blocks(Rows(batch, {}))

    def of(self, record: int) -> dict[str, FieldValues]:
        """Give the fields of a record by their keys."""
        while self._next is not None and self._next.records[0] <= record:
            self._held.append(self._next)
            self._next = next(self._blocks, None)
        self._held = [b for b in self._held if b.records[-1] >= record]
        found: dict[str, FieldValues] = {}
        for block in self._held:
            at = int(np.searchsorted(block.records, record))
            if block.records[at] != record:
                continue
            a, b = at * block.people, (at + 1) * block.people
            for cells in block.fields:
                if (cells.state[a:b] == 2).all():
                    continue
                own = Cells(
                    cells.name, cells.is_number, cells.values, cells.cut[a : b + 1],
                    cells.state[a:b], cells.text, cells.begin[a:b], cells.end[a:b],
                )  # fmt: skip
                values = found.setdefault(cells.name, FieldValues([]))
                values.pieces.append((block.first, block.people, own))
        return found
