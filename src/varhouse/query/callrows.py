"""Calls as rows: one of each record and person, or of each allele and carrier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.genotypes.calltexts import call_texts
from varhouse.genotypes.planecarriers import find_carriers
from varhouse.query.callfields import FieldColumns
from varhouse.query.columns import Columns
from varhouse.query.matrix import iter_files
from varhouse.query.records import RECORD, Block, find_record_pieces, iter_blocks
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY_SCHEMA, WITHIN, PolarsType

CALL_SCHEMA: dict[str, PolarsType] = {
    "cohort": pl.String, "contig": pl.String, "pos": pl.Int32, "ref": pl.String,
    "alt": pl.String, "file": pl.Int32, "record": pl.Int64, "sample": pl.String,
    "gt": pl.String,
}  # fmt: skip
"""Columns of a call: the record as in the file, the person, GT byte for byte."""

CARRIER_SCHEMA: dict[str, PolarsType] = {
    **KEY_SCHEMA, "cohort": pl.String, "sample": pl.String, "copies": pl.Int8,
    "gt": pl.String, "file": pl.Int32, "record": pl.Int64,
}  # fmt: skip
"""Columns of a carrier: the normalised allele, the person, copies of the allele, GT."""

INNER = ("file", "record")
"""Columns that join tables and that few want to see."""


@dataclass(frozen=True)
class Asked:
    """Whose calls of which records are asked for.

    Attributes
    ----------
    columns
        The people of each cohort.
    selection
        Regions, genes and ids.
    """

    columns: Sequence[Columns]
    selection: Selection

    @property
    def cohorts(self) -> list[str]:
        """The cohorts of the people."""
        return [c.cohort for c in self.columns]


NO_FIELDS = FieldColumns({})


def iter_calls(
    store: Store, asked: Asked, fields: FieldColumns = NO_FIELDS
) -> Iterator[pl.DataFrame]:
    """Give one row a record and person, by cohort, position, file, record and column.

    Yields
    ------
    pl.DataFrame
        Columns of CALL_SCHEMA, then the fields.
    """
    pieces = find_record_pieces(store, asked.selection)
    for columns in asked.columns:
        for block in iter_blocks(store, columns, pieces):
            frames = list(_call_frames(store, block, columns, fields))
            if len(frames) > 1:
                yield pl.concat(frames).sort("pos", *RECORD, maintain_order=True)
            else:
                yield from frames


def _call_frames(
    store: Store, block: Block, columns: Columns, fields: FieldColumns
) -> Iterator[pl.DataFrame]:
    names = pl.Series(columns.samples, dtype=pl.String)
    for file, records, rows in iter_files(block, columns):
        own, place = columns.of_file(file)
        record = np.repeat(np.arange(rows.size), own.size)
        column = np.tile(own, rows.size)
        frame = records[record].with_columns(
            pl.lit(columns.cohort).alias("cohort"),
            pl.lit(block.contig).alias("contig"),
            names.gather(np.tile(place, rows.size)).alias("sample"),
            call_texts(rows, record, column).series(),
        )
        ordinal = records["record"].to_numpy()[record]
        yield frame.select(list(CALL_SCHEMA)).with_columns(
            fields.read(store, block, file, ordinal, column)
        )


def iter_carriers(
    store: Store, asked: Asked, fields: FieldColumns = NO_FIELDS
) -> Iterator[pl.DataFrame]:
    """Give one row an allele and carrier, by cohort, allele and column.

    Yields
    ------
    pl.DataFrame
        Columns of CARRIER_SCHEMA, then the fields.
    """
    order = [*WITHIN, *RECORD]
    pieces = find_record_pieces(store, asked.selection)
    for columns in asked.columns:
        for block in iter_blocks(store, columns, pieces, alleles=True):
            if block.alleles is None or block.alleles.is_empty():
                continue
            frames = list(_carrier_frames(store, block, columns, fields))
            if block.alleles.height == 1:
                yield from frames
            elif frames:
                yield pl.concat(frames).sort(order, maintain_order=True)


def _carrier_frames(
    store: Store, block: Block, columns: Columns, fields: FieldColumns
) -> Iterator[pl.DataFrame]:
    assert block.alleles is not None
    alleles = block.alleles
    names = pl.Series(columns.samples, dtype=pl.String)
    for file, records, rows in iter_files(block, columns):
        own, place = columns.of_file(file)
        numbered = records.select(RECORD).with_row_index("_at")
        mine = alleles.join(numbered, on=RECORD, maintain_order="left")
        at = mine["_at"].to_numpy().astype(np.int64)
        found = find_carriers(rows, at, mine["alt_index"].to_numpy(), own)
        spot = np.zeros(int(own.max()) + 1, np.int32)
        spot[own] = place
        frame = mine[found.which].with_columns(
            pl.lit(columns.cohort).alias("cohort"),
            pl.lit(block.contig).alias("contig"),
            names.gather(spot[found.column]).alias("sample"),
            pl.Series("copies", found.copies),
            call_texts(rows, at[found.which], found.column).series(),
        )
        ordinal = mine["record"].to_numpy()[found.which]
        yield frame.select(list(CARRIER_SCHEMA)).with_columns(
            fields.read(store, block, file, ordinal, found.column)
        )
