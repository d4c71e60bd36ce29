"""The FORMAT fields against the digests that stand beside the genotypes.

Blocks are left out of the content digest, for how they are cut says nothing; what the values
are is said by `genotypes.fields_digest`. So a block that was changed, lost or put beside
another record is found here, by reading all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.genotypes.codec.blocks import decode
from varhouse.genotypes.planes import PEOPLE
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import FIELDS

_ROW = ["file", "record", "first"]
_DIGESTS = {"file": pl.Int32, "record": pl.Int64, "first": pl.Int32, "digest": pl.Int64}

ReadBatches = Callable[[Path, Mapping[str, str]], Iterator[pl.DataFrame]]


def compare_fields(store: Store, read_batches: ReadBatches) -> Iterator[str]:
    """Say what is wrong with the table `fields`, one text for each partition that is.

    Parameters
    ----------
    read_batches
        Reads a file of a partition some rows at a time.

    Raises
    ------
    StoreError
        A block is damaged.
    """
    partitions = ["partition.cohort", "partition.part"]
    frames = (store.file_frame(table) for table in ("genotypes", "fields"))
    known = {row for f in frames if f.height for row in f.select(partitions).rows()}
    for cohort, part in sorted(known):
        where = {"cohort": cohort, "part": part}
        held = store.scan("genotypes", **where).select(*_ROW, "fields_digest").collect()
        blocks = store.scan("blocks", **where).select("file", "record").collect()
        found = _digests(store, where, read_batches)
        found = found.join(blocks, on=["file", "record"], how="anti")
        both = held.join(found, on=_ROW, how="full", coalesce=True)
        wrong = both.filter(pl.col("fields_digest").ne_missing(pl.col("digest")))
        if wrong.height:
            file, record, first, *_ = wrong.sort(_ROW).row(0)
            yield (
                f"cohort {cohort}, part {part}: of {wrong.height} rows of genotypes the other "
                f"FORMAT fields are not those that were committed, the first: file {file}, "
                f"record {record}, sample columns from {first} on"
            )


def _digests(store: Store, where: dict[str, str], read_batches: ReadBatches) -> pl.DataFrame:
    """Digest all blocks of a partition: file, record, first and digest, as `genotypes`.

    A digest is a sum over fields and people, so it does not matter how rows come together.
    """
    pieces = [pl.DataFrame(schema=_DIGESTS)]
    folder = table_folder(store.path, FIELDS)
    has_fields = FIELDS.name in store.tables
    files = store.file_frame(FIELDS.name, **where)["path"].to_list() if has_fields else []
    for path in files:
        for batch in read_batches(folder / path, where):
            pieces += _digests_of(batch)
    every = pl.concat(pieces)
    # Sums of numpy wrap, as digests do.
    rows = every.select(_ROW).unique().sort(_ROW).with_row_index("row")
    at = every.join(rows, on=_ROW, how="left", maintain_order="left")["row"].to_numpy()
    sums = np.zeros(rows.height, np.int64)
    np.add.at(sums, at, every["digest"].to_numpy())
    return rows.drop("row").with_columns(digest=sums)


def _digests_of(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for (file,), mine in rows.group_by("file", maintain_order=True):
        for block in decode(mine):
            n, first = block.records.size, block.first // PEOPLE * PEOPLE
            columns = {
                "file": [file] * n,
                "record": block.records,
                "first": [first] * n,
                "digest": block.digest(),
            }
            yield pl.DataFrame(columns, schema=_DIGESTS)
