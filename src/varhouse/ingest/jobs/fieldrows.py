"""The FORMAT fields of a chunk's records: rows of the table `fields`, and their digests."""

import numpy as np
import polars as pl

from varhouse.genotypes.codec.digest import digest_fields, sum_digests
from varhouse.genotypes.codec.writer import SCHEMA, BlockWriter
from varhouse.genotypes.fields import FieldTape
from varhouse.genotypes.planes import block_starts


class FieldRows:
    """Collects the fields of a chunk's records as blocks.

    Parameters
    ----------
    file
        0-based number of the file in the cohort.
    n_people
        Sample columns of the file.
    """

    def __init__(self, file: int, n_people: int) -> None:
        self._file, self._blocks = file, BlockWriter(n_people)
        self._done: list[pl.DataFrame] = []

    def take(self, records: pl.DataFrame, fields: FieldTape) -> None:
        """Take records (contig, pos, record, n_alt) that are kept, and their fields."""
        if not any(fields.layouts):
            return
        n_alt, record = (records[c].to_numpy().astype(np.int64) for c in ("n_alt", "record"))
        pos = records["pos"].to_numpy().astype(np.int32)
        a = 0
        for contig, n in zip(
            *records["contig"].rle().struct.unnest()[["value", "len"]], strict=True
        ):
            b = a + n
            part = fields.part(a, b)
            self._done += self._blocks.take(part, n_alt[a:b], record[a:b], contig, pos[a:b])
            a = b

    def finish(self) -> pl.DataFrame:
        """Give the rows of the table `fields`, without cohort and part."""
        rows = pl.concat([pl.DataFrame(schema=SCHEMA), *self._done, *self._blocks.finish()])
        return rows.with_columns(
            pl.lit(self._file, pl.Int32).alias("file"),
            pl.col("records").list.first().alias("record"),
        )


def blocks_digest(records: pl.DataFrame, fields: FieldTape, n_people: int) -> int:
    """Digest the fields of reference blocks, which have no row in `genotypes`.

    Parameters
    ----------
    records
        `record` of each: its ordinal in the file.

    Returns
    -------
    int
        What they add to `files.blocks_digest`.
    """
    record = records["record"].to_numpy().astype(np.int64)
    return sum_digests(record, digest_fields(fields, 0, n_people))


def fields_digests(fields: FieldTape, n_people: int) -> pl.Series:
    """Digest the fields of each record and block of people, as `genotypes` has its rows.

    Returns
    -------
    Int64[records x blocks], sorted by record and block; null for a record without fields.
    """
    starts = block_starts(n_people)
    digests = [digest_fields(fields, s, min(starts.step, n_people - s)) for s in starts]
    has = np.array([bool(x) for x in fields.layouts], np.bool_)[fields.layout]
    found = pl.Series("fields_digest", np.stack(digests, 1).ravel(), pl.Int64)
    kept = pl.Series(np.repeat(has, len(starts)))
    return pl.select(pl.when(kept).then(found).alias("fields_digest")).to_series()
