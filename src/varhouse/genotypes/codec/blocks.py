"""Rows of the table `fields` read: the FORMAT fields of blocks of records x people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.codec.column import DROPPED, LACKING, ODD, Column, Numbers, Spans
from varhouse.genotypes.codec.depths import GROUP
from varhouse.genotypes.codec.depths_read import decode_depths
from varhouse.genotypes.codec.dictionary import number_texts
from varhouse.genotypes.codec.one import CODINGS, decode_one
from varhouse.genotypes.codec.streams import Packed, unpack
from varhouse.genotypes.codec.writer import PEOPLE, SCHEMA
from varhouse.genotypes.fields import Field

LARGEST_BLOCK = 1 << 24
"""Records x people of a block; a row that claims more is damaged."""

_NEEDED = [name for name in SCHEMA if name not in ("pos", "pos_end")]


@dataclass(frozen=True)
class Block:
    """FORMAT fields of some records of a file and some of its sample columns.

    Attributes
    ----------
    records
        int64[n]: ordinals of the records in the file, ascending. Records without fields are
        in no block.
    first, people
        The sample columns of the file: `first` to `first + people`.
    columns
        The fields by name; a key that FORMAT has a second time is `KEY:2`.
    """

    records: Int64
    first: int
    people: int
    columns: dict[str, Column]

    @property
    def names(self) -> list[str]:
        """Names of the fields that are here."""
        return list(self.columns)

    def numbers(self, name: str) -> Numbers:
        """Give the numbers of each cell of an Integer field, as places in all of them.

        Raises
        ------
        KeyError
            The field holds texts.
        """
        column = self.columns.get(name)
        if column is None:
            lacking = self._lacking()
            return Numbers(np.zeros(0, np.int32), lacking, lacking)
        if not column.field.is_number:
            raise KeyError(f"{name} holds texts")
        return column.numbers()

    def _lacking(self) -> Int64:
        return np.full((self.records.size, self.people), LACKING, np.int64)

    def odd(self, name: str) -> list[tuple[int, int, str]]:
        """List cells of an Integer field that hold no plain numbers: record, person, text.

        Record and person are places in the block.
        """
        column = self.columns.get(name)
        if column is None:
            return []
        (data, cut), found = column.odd.texts, []
        for k, cell in enumerate(column.odd.cells.tolist()):
            text = data[cut[k] : cut[k + 1]].tobytes().decode("utf-8", "surrogateescape")
            found.append((*divmod(cell, self.people), text))
        return found

    def spans(self, name: str) -> Spans:
        """Give the exact text of each cell of any field, as places in bytes."""
        column = self.columns.get(name)
        if column is None:
            lacking = self._lacking()
            return Spans(np.zeros(0, np.uint8), lacking, lacking)
        return column.spans()

    def texts(self, name: str) -> tuple[Int32, list[str]]:
        """Give the exact text of each cell of any field.

        Returns
        -------
        (int32[n, people], list of str)
            The number of each cell's text in the list; -1 dropped, -2 the record's FORMAT
            does not name the field.
        """
        text, begin, end = self.spans(name)
        codes = begin.astype(np.int32)
        given = begin >= 0
        pairs = np.stack([begin[given], end[given]], 1).astype(np.int32).ravel()
        codes[given], (data, cut) = number_texts(text, pairs)
        raw = data.tobytes()
        return codes, [
            raw[a:b].decode("utf-8", "surrogateescape") for a, b in pairwise(cut.tolist())
        ]

    def digest(self) -> Int64:
        """Digest the values of each record: int64[n], as `digest_fields` of these fields."""
        out = np.zeros(self.records.size, np.int64)
        for column in self.columns.values():
            out += column.digest(self.first)
        return out


def split_names(names: str, coding: str) -> list[str]:
    """Give the fields that a row holds; a key of its own may have a comma in a bad file."""
    return names.split(",") if coding == "depths" else [names]


def stored_names(rows: pl.DataFrame) -> list[str]:
    """Give the fields that rows of the table `fields` (names, coding) hold, sorted."""
    groups = rows.select("names", "coding").unique().rows()
    return sorted({name for names, coding in groups for name in split_names(names, coding)})


def _columns(row: dict[str, Any], n: int, names: Sequence[str] | None) -> dict[str, Column]:
    """Read the fields of a row that are asked for."""
    coding, people = row["coding"], row["people"]
    own = split_names(row["names"], coding)
    wanted = own if names is None else [name for name in own if name in names]
    if not wanted:
        return {}
    raw = row["parameters"]
    numbers = np.frombuffer(raw[: len(raw) // 4 * 4], "<i4").tolist()
    if len(raw) % 4 or not numbers or not 0 <= numbers[0] < len(numbers):
        raise StoreError(f"a block of the FORMAT fields {row['names']} has odd parameters")
    sizes, parameters = numbers[1 : 1 + numbers[0]], numbers[1 + numbers[0] :]
    packed = Packed(row["streams"], row["ends"], sizes)
    if coding == "depths":
        if not set(own) <= set(GROUP):
            raise StoreError(f"a block of the FORMAT fields {row['names']} is not of depths")
        return decode_depths(packed, parameters, wanted, n, people)
    if coding in CODINGS:
        field = Field(own[0].partition(":")[0], coding == "integers")
        streams = unpack(packed, range(len(sizes)))
        return {own[0]: decode_one(coding, field, parameters, streams, n, people)}
    raise StoreError(f"a block of FORMAT fields has the coding {coding}, which is not known")


def decode(rows: pl.DataFrame, names: Sequence[str] | None = None) -> Iterator[Block]:
    """Read blocks.

    Parameters
    ----------
    rows
        Rows of the table `fields`, in its order. Rows without any of the fields asked for
        may be left out; a block of which no row is here does not come.
    names
        The fields that are wanted; None: all. Others are not unpacked.

    Raises
    ------
    StoreError
        A row is damaged.
    """
    keys = [name for name in ("cohort", "file") if name in rows.columns]
    last: tuple[object, ...] | None = None
    block: Block | None = None
    if rows.select(pl.any_horizontal(pl.col(_NEEDED).is_null()).any()).item():
        raise StoreError("a row of the table of FORMAT fields lacks a value")
    for row in rows.iter_rows(named=True):
        records = np.array(row["records"], np.int64)
        first, people = row["first"], row["people"]
        if not 0 < people <= PEOPLE or not 0 < records.size * people <= LARGEST_BLOCK:
            raise StoreError(
                "a block of FORMAT fields claims more cells than a block may have"
            )
        if first < 0:
            raise StoreError("a block of FORMAT fields has sample columns before the first")
        key = (*(row[name] for name in keys), row["contig"], int(records[0]), first)
        if block is None or key != last:
            if block is not None:
                yield block
            last, block = key, Block(records, first, people, {})
        if not np.array_equal(block.records, records) or block.people != people:
            raise StoreError("rows of one block of FORMAT fields do not have the same records")
        block.columns.update(_columns(row, records.size, names))
    if block is not None:
        yield block


__all__ = ["DROPPED", "LACKING", "ODD", "Block", "decode"]
