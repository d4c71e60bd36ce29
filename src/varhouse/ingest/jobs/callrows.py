"""The GT of a chunk's records, held as lists until the rows of the table are written.

Planes take ALTs x people / 4 bytes a record, whoever has these ALTs; lists take as much as
the text says. So a chunk holds lists, and makes planes of as many records at a time as fit
in a piece.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.genotypes.calls import Genotypes, Int64
from varhouse.genotypes.fields import FieldTape
from varhouse.genotypes.planes import block_starts, plane_columns
from varhouse.ingest.jobs.fieldrows import fields_digests

PIECE_BYTES = 32 << 20
"""Bytes of planes that are made at once; more only where one record has more."""

_PLACE = ("contig", "pos", "ref", "alt", "file", "record")


@dataclass(frozen=True)
class CallRows:
    """The genotypes of some records, n of them, in the order of the file.

    Attributes
    ----------
    records
        contig, pos, ref, alt, file, record, n_alt of each.
    genotypes
        Of these records.
    digests
        Int64[n x blocks of people]: the table's column fields_digest.
    people
        Sample columns of the file.
    """

    records: pl.DataFrame
    genotypes: Genotypes
    digests: pl.Series
    people: int

    @classmethod
    def of(
        cls,
        records: pl.DataFrame,
        calls: tuple[Genotypes, FieldTape],
        file: int,
        people: int,
    ) -> "CallRows":
        """Take the genotypes and other fields of records of a file of some people."""
        genotypes, fields = calls
        if any(fields.layouts):
            digests = fields_digests(fields, people)
        else:
            rows = records.height * len(block_starts(people))
            digests = pl.Series("fields_digest", [None], pl.Int64).new_from_index(0, rows)
        places = records.with_columns(
            pl.col("pos").cast(pl.Int32), pl.lit(file, pl.Int32).alias("file")
        )
        return cls(places.select(*_PLACE, "n_alt"), genotypes, digests, people)

    @classmethod
    def joined(cls, parts: list["CallRows"]) -> "CallRows":
        """Join the rows of consecutive records of a file; at least one part."""
        return cls(
            pl.concat([p.records for p in parts]),
            Genotypes.joined([p.genotypes for p in parts]),
            pl.concat([p.digests for p in parts]),
            parts[0].people,
        )

    @property
    def record(self) -> Int64:
        """Ordinals of the records in the file: int64[n], ascending."""
        return self.records["record"].to_numpy().astype(np.int64)

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Give the rows of the table `genotypes`, in its order, piece by piece."""
        if self.people == 0:
            return
        order = self.records.select(pl.arg_sort_by(_PLACE[0], "pos", "record")).to_series()
        mine = self
        if not order.is_sorted():
            mine = self._in_order(order.to_numpy().astype(np.int64))
        n_alt = mine.records["n_alt"].to_numpy().astype(np.int64)
        # As wide as the widest text: planes of fewer copies are smaller.
        plane = -(-self.people * self.genotypes.alleles.shape[1] // 8)
        ends = np.cumsum((n_alt + 2) * plane)
        blocks = len(block_starts(self.people))
        a = 0
        while a < n_alt.size:
            before = int(ends[a - 1]) if a else 0
            b = max(a + 1, int(np.searchsorted(ends, before + PIECE_BYTES, side="right")))
            planes = plane_columns(mine.genotypes.part(a, b), n_alt[a:b], self.people)
            places = mine.records[a:b].select(_PLACE)
            yield places[planes["row"]].hstack(
                planes.drop("row").with_columns(mine.digests[a * blocks : b * blocks])
            )
            a = b

    def _in_order(self, order: Int64) -> "CallRows":
        blocks = len(block_starts(self.people))
        rows = (order[:, None] * blocks + np.arange(blocks)).ravel()
        return CallRows(
            self.records[order], self.genotypes.take(order), self.digests[rows], self.people
        )
