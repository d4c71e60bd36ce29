"""Rows of the table `genotypes` as arrays: what was asked of them, without their texts.

The bits of all rows lie behind one another in one array, as they came from the file, and
every question is answered from them. `PlaneRows.genotypes` gives the exact texts back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import StoreError
from varhouse.genotypes.calls import MAX_PLOIDY, Genotypes, Int32, Int64
from varhouse.genotypes.planekernel import (
    NOTHING,
    Odd,
    Planes,
    fill_alleles,
    fill_dosage,
    fill_few,
)
from varhouse.genotypes.planes import NO_PLOIDY, PEOPLE, Bytes
from varhouse.genotypes.planetexts import list_genotypes

COLUMNS = (
    "first", "people", "ploidy", "separator", "planes", "missing", "absent", "flipped",
    "odd", "odd_text",
)  # fmt: skip
"""What `PlaneRows.of` reads of the table; `record`, where it is there, tells records apart."""

FEW = 8
"""Of this many people one: fewer are looked at one by one."""

_BARS = {"/": 1, "|": 2}


@dataclass(frozen=True)
class PlaneRows:
    """The genotypes of n records of one file, in rows of the table `genotypes`.

    Attributes
    ----------
    planes, odd
        The rows.
    bar
        uint8[r]: 1 written with /, 2 with |, 0 with neither.
    record
        int64[n + 1]: the rows of record k are record[k] to record[k + 1]. Rows of a block
        of people only are records of these people.
    """

    planes: Planes
    odd: Odd
    bar: Bytes
    record: Int64

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "PlaneRows":
        """Take rows of one file of the table, in its order (contig, pos, record, first).

        Parameters
        ----------
        frame
            COLUMNS at least; others are not looked at, but `record` if it is there.

        Raises
        ------
        StoreError
            If people or ploidy are none that a row can have, a plane has not the length
            that they make, or what is odd is not of one of the row's people.
        """
        first, people = (frame[n].to_numpy().astype(np.int32) for n in ("first", "people"))
        ploidy = frame["ploidy"].fill_null(NO_PLOIDY).to_numpy().astype(np.int8)
        _check_numbers(first, people, ploidy, frame["ploidy"].null_count())
        slots = people.astype(np.int64) * np.maximum(ploidy, 0)
        plane, blobs = _list(frame["planes"])
        columns = [
            _blobs(blobs, np.repeat(slots, np.diff(plane)), "planes"),
            _blobs(_arrow(frame["missing"]), slots, "missing"),
            _blobs(_arrow(frame["absent"]), slots, "absent"),
            _blobs(_arrow(frame["flipped"]), people.astype(np.int64), "flipped"),
        ]
        starts = np.cumsum([0, *(bits.size for _, bits in columns)])
        at = [
            np.where(begin == NOTHING, NOTHING, begin + start)
            for (begin, _), start in zip(columns, starts, strict=False)
        ]
        if (at[0] == NOTHING).any():
            raise StoreError("table genotypes: a plane is null")
        bits = np.concatenate([bits for _, bits in columns])
        return cls(
            Planes(first, people, ploidy, plane, at[0], at[1], at[2], at[3], bits),
            _odd(frame, people),
            frame["separator"].replace_strict(_BARS, default=0).to_numpy().astype(np.uint8),
            _records(frame["record"].to_numpy() if "record" in frame.columns else None, first),
        )

    @classmethod
    def to_count(cls, table: pa.Table) -> "PlaneRows":
        """Take rows of one file as they were read, to count them: no byte is copied.

        Parameters
        ----------
        table
            record, first, people, ploidy, planes, missing, absent, in one chunk each. How a
            text is written is not read, so `genotypes` does not give the texts back.

        Raises
        ------
        StoreError
            If a plane has not the length that people and ploidy make.
        """
        column = {n: table[n].combine_chunks() for n in table.column_names}
        first, people = (column[n].to_numpy().astype(np.int32) for n in ("first", "people"))
        ploidy = column["ploidy"].fill_null(NO_PLOIDY).to_numpy().astype(np.int8)
        slots = people.astype(np.int64) * np.maximum(ploidy, 0)
        offsets = column["planes"].offsets.to_numpy().astype(np.int64)
        blobs = column["planes"].values[offsets[0] : offsets[-1]]
        plane = offsets - offsets[0]
        at, bits = _blobs(blobs, np.repeat(slots, np.diff(plane)), "planes")
        missing, unread = _blobs(column["missing"], slots, "missing")
        absent, lacking = _blobs(column["absent"], slots, "absent")
        if (at == NOTHING).any():
            raise StoreError("table genotypes: a plane is null")
        if unread.size or lacking.size:
            missing = np.where(missing == NOTHING, NOTHING, missing + bits.size)
            absent = np.where(absent == NOTHING, NOTHING, absent + bits.size + unread.size)
            bits = np.concatenate([bits, unread, lacking])
        nothing = np.full(first.size, NOTHING, np.int64)
        none = np.zeros(0, np.int32)
        return cls(
            Planes(first, people, ploidy, plane, at, missing, absent, nothing, bits),
            Odd(np.zeros(first.size + 1, np.int64), none, none, []),
            np.zeros(first.size, np.uint8),
            _records(column["record"].to_numpy(), first),
        )

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.record.size - 1)

    @cached_property
    def columns(self) -> Int32:
        """The sample columns that the rows have: int32[people], ascending."""
        first, people = self.planes.first, self.planes.people
        # Nearly always one block, of all rows.
        key = np.unique((first.astype(np.int64) << 32) + people)
        blocks = [(k >> 32, k & 0xFFFFFFFF) for k in key.tolist()]
        ranges = [np.arange(a, a + s, dtype=np.int32) for a, s in blocks]
        return np.unique(np.concatenate([np.zeros(0, np.int32), *ranges]))

    @cached_property
    def first_row(self) -> Int64:
        """int64[n + 1]: ALTs of record k, in one count for all, from first_row[k] on.

        A record without GT has none.
        """
        counts = np.diff(self.planes.plane)[self.record[:-1]]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])

    def check_whole(self) -> None:
        """Refuse records that have not all the people of the others, each once.

        Rows that are read in pieces may be cut within a record: only who asks for all
        people of records needs them whole.

        Raises
        ------
        StoreError
            A row is lost, stands twice, or has not the planes of its record's first.
        """
        if not self.size:
            return
        first, people = self.planes.first, self.planes.people.astype(np.int64)
        begin = self.record[:-1]
        n_planes = np.diff(self.planes.plane)
        uneven = n_planes != np.repeat(n_planes[begin], np.diff(self.record))
        twice = first[1:] < (first + people)[:-1]
        twice[begin[1:] - 1] = False
        lost = np.add.reduceat(people, begin) != self.columns.size
        if uneven.any() or twice.any() or lost.any():
            raise StoreError(
                "table genotypes: a record has not the rows of all its people; run "
                "`varhouse store verify`"
            )

    def genotypes(self) -> Genotypes:
        """Give the genotypes as lists, every text as it was in the file."""
        self.check_whole()
        return list_genotypes(self.planes, self.odd, self.bar, self.record, self.columns)

    def alleles(self, columns: Sequence[int] | Int32 | None = None) -> npt.NDArray[np.int16]:
        """Give the alleles of each call.

        Parameters
        ----------
        columns
            Sample columns of the file, in the order wanted; all by default.

        Returns
        -------
        int16[n, people, P]
            0 REF, 1 the first ALT ...; -1 missing, -2 no such copy. P is the highest ploidy
            of any row; without GT a person has no copy.
        """
        self.check_whole()
        place, people = self._place(columns)
        width = max(int(self.planes.ploidy.max(initial=1)), 1)
        out = np.zeros((self.size, people, width), np.int16)
        if people * FEW > self.columns.size:
            fill_alleles(self.planes, self.record, place, out)
        else:
            wanted = np.flatnonzero(place >= 0).astype(np.int32)
            fill_few(self.planes, self.record, wanted, place, out)
        return out

    def of_person(self, column: int) -> npt.NDArray[np.int16]:
        """Give the alleles of one person: int16[n, P], as `alleles`."""
        return np.ascontiguousarray(self.alleles([column])[:, 0])

    def dosage(self, columns: Sequence[int] | Int32 | None = None) -> npt.NDArray[np.int8]:
        """Count the copies of each ALT that each person has.

        Returns
        -------
        int8[ALTs of all records (see `first_row`), people]
            -1 where a call is not full: a copy missing, or none there.
        """
        self.check_whole()
        place, people = self._place(columns)
        out = np.zeros((int(self.first_row[-1]), people), np.int8)
        fill_dosage(self.planes, self.record, self.first_row, place, out)
        return out

    def carriers(self, row: int, alt: int) -> Int32:
        """Give the sample columns that have at least one copy of an ALT, ascending.

        Parameters
        ----------
        row
            The record, 0 to n - 1.
        alt
            Number of the ALT, from 1.
        """
        found = [np.zeros(0, np.int32)]
        planes = self.planes
        for r in range(int(self.record[row]), int(self.record[row + 1])):
            p = int(planes.plane[r]) + alt - 1
            if not 1 <= alt <= planes.plane[r + 1] - planes.plane[r]:
                raise IndexError(f"record {row} has no ALT {alt}")
            ploidy, people = int(planes.ploidy[r]), int(planes.people[r])
            at = int(planes.at[p])
            plane = planes.bits[at : at + (people * ploidy + 7) // 8]
            who = np.flatnonzero(np.unpackbits(plane, count=people * ploidy)) // ploidy
            found.append((np.unique(who) + planes.first[r]).astype(np.int32))
        return np.concatenate(found)

    def _place(self, columns: Sequence[int] | Int32 | None) -> tuple[Int32, int]:
        """Give where each column goes (int32[columns], -1: nowhere), and how many go."""
        wanted = self.columns if columns is None else np.asarray(columns, np.int32)
        unknown = np.setdiff1d(wanted, self.columns)
        if self.size and unknown.size:
            raise IndexError(f"sample column {unknown[0]} is not in these rows")
        place = np.full(int(self.columns.max(initial=-1)) + 1, -1, np.int32)
        if self.size:
            place[wanted] = np.arange(wanted.size, dtype=np.int32)
        return place, wanted.size


def _check_numbers(
    first: Int32, people: Int32, ploidy: npt.NDArray[np.int8], without_gt: int
) -> None:
    """Refuse rows with people or copies that no row can have: loops go by these numbers."""
    good = (first >= 0) & (first < 2**31 - PEOPLE) & (people >= 1) & (people <= PEOPLE)
    copies = (ploidy >= 1) & (ploidy <= MAX_PLOIDY)
    if not good.all() or int((~copies).sum()) != without_gt:
        raise StoreError(
            "table genotypes: people or ploidy of a row are none that it can have; run "
            "`varhouse store verify`"
        )


def _arrow(series: pl.Series) -> pa.Array:
    return series.to_arrow(compat_level=pl.CompatLevel.oldest())


def _list(series: pl.Series) -> tuple[Int64, pa.Array]:
    """Take a list column apart: (int64[rows + 1] offsets from 0, values)."""
    array = _arrow(series)
    offsets = array.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], array.values[offsets[0] : offsets[-1]]


def _blobs(array: pa.Array, slots: Int64, name: str) -> tuple[Int64, Bytes]:
    """Give where each blob begins (NOTHING: null) in the bytes of all, of one bit a slot."""
    _, places, data = array.buffers()
    n = len(array)
    if not n or data is None:
        empty = np.zeros(0, np.uint8)
        begin = np.zeros(n, np.int64)
        size = begin
    else:
        offsets = np.frombuffer(places, np.int64)[array.offset : array.offset + n + 1]
        begin, size = offsets[:-1] - offsets[0], np.diff(offsets)
        empty = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    null = array.is_null().to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(~null & (size != (slots + 7) >> 3))
    if wrong.size:
        k = int(wrong[0])
        raise StoreError(
            f"table genotypes: {name} number {k} has {size[k]:,} bytes, not "
            f"{(slots[k] + 7) >> 3:,}; run `varhouse store verify`"
        )
    return np.where(null, NOTHING, begin), empty


def _odd(frame: pl.DataFrame, people: Int32) -> Odd:
    begin, who = _list(frame["odd"])
    end, texts = _list(frame["odd_text"])
    if not begin[-1] and not end[-1]:
        none = np.zeros(0, np.int32)
        return Odd(begin, none, none, [])
    columns = who.to_numpy(zero_copy_only=False).astype(np.int32)
    row = np.repeat(np.arange(people.size), np.diff(begin))
    inside = (columns >= 0) & (columns < people[row])
    rising = (np.diff(columns) > 0) | (np.diff(row) > 0)
    if not np.array_equal(begin, end) or not inside.all() or not rising.all():
        raise StoreError(
            "table genotypes: odd and odd_text do not belong together; run "
            "`varhouse store verify`"
        )
    spelt = pl.Series(pl.from_arrow(texts), dtype=pl.String)
    known = spelt.unique(maintain_order=True)
    what = spelt.replace_strict(known, pl.Series(range(known.len()), dtype=pl.Int32))
    return Odd(begin, columns, what.to_numpy().astype(np.int32), known.to_list())


def _records(record: Int64 | None, first: Int32) -> Int64:
    """Give which rows a record has: those up to the next that does not go on with people."""
    n = first.size
    new = np.ones(n, np.bool_)
    new[1:] = first[1:] <= first[:-1]
    if record is not None and n:
        new[1:] |= record[1:] != record[:-1]
    return np.append(np.flatnonzero(new), n).astype(np.int64)
