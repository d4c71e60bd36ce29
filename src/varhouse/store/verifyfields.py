"""The FORMAT fields against the digests that stand beside the genotypes.

Blocks are left out of the content digest, for how they are cut says nothing; what the values
are is said by `genotypes.fields_digest`, and of all reference blocks of a file together by
`files.blocks_digest`. So a block that was changed, lost or put beside another record is found
here, by reading all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.genotypes.codec.blocks import decode
from varhouse.genotypes.codec.digest import sum_digests, wrap
from varhouse.genotypes.planes import PEOPLE
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import FIELDS

_ROW = ["file", "record", "first"]
_DIGESTS = {"file": pl.Int32, "record": pl.Int64, "first": pl.Int32, "digest": pl.Int64}

ReadBatches = Callable[[Path, Mapping[str, str]], Iterator[pl.DataFrame]]


def compare_fields(store: Store, read_batches: ReadBatches) -> Iterator[str]:
    """Say what is wrong with the table `fields`: a text for each partition or file that is.

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
    # Of each file what is not of a record of `genotypes`: of its reference blocks.
    others: dict[tuple[str, int], int] = {}
    for cohort, part in sorted(known):
        where = {"cohort": cohort, "part": part}
        held = store.scan("genotypes", **where).select(*_ROW, "fields_digest").collect()
        found, rest = _digests(store, where, read_batches, held.select(_ROW))
        for file, digest in rest.items():
            others[cohort, file] = wrap(others.get((cohort, file), 0) + digest)
        both = held.join(found, on=_ROW, how="left")
        wrong = both.filter(pl.col("fields_digest").ne_missing(pl.col("digest")))
        if wrong.height:
            file, record, first, *_ = wrong.sort(_ROW).row(0)
            yield (
                f"cohort {cohort}, part {part}: of {wrong.height} rows of genotypes the other "
                f"FORMAT fields are not those that were committed, the first: file {file}, "
                f"record {record}, sample columns from {first} on"
            )
    yield from _compare_blocks(store, others)


def _compare_blocks(store: Store, found: dict[tuple[str, int], int]) -> Iterator[str]:
    """Compare sums of digests by cohort and file with `files.blocks_digest`."""
    rows = store.scan("files").select("cohort", "file", "blocks_digest").collect()
    known = {(c, f): d for c, f, d in rows.drop_nulls().rows()}
    for cohort, file in sorted(known.keys() | found.keys()):
        # Blocks without fields add nothing.
        if known.get((cohort, file), 0) != found.get((cohort, file), 0):
            yield (
                f"cohort {cohort}, file {file}: the FORMAT fields of its reference blocks, or"
                " of records that are none of it, are not those that were committed"
            )


def _digests(
    store: Store, where: dict[str, str], read_batches: ReadBatches, held: pl.DataFrame
) -> tuple[pl.DataFrame, dict[int, int]]:
    """Digest all blocks of a partition.

    A digest is a sum over fields and people, so it does not matter how rows come together.

    Returns
    -------
    (file, record, first and digest of the rows of `genotypes`, sums of all others by file)
    """
    pieces, others = [pl.DataFrame(schema=_DIGESTS)], dict[int, int]()
    folder = table_folder(store.path, FIELDS)
    has_fields = FIELDS.name in store.tables
    files = store.file_frame(FIELDS.name, **where)["path"].to_list() if has_fields else []
    for path in files:
        for batch in read_batches(folder / path, where):
            for digests in _digests_of(batch):
                pieces.append(digests.join(held, on=_ROW, how="semi"))
                rest = digests.join(held, on=_ROW, how="anti")
                for (file,), mine in rest.group_by("file"):
                    assert isinstance(file, int)
                    record, digest = (mine[c].to_numpy() for c in ("record", "digest"))
                    others[file] = wrap(others.get(file, 0) + sum_digests(record, digest))
    every = pl.concat(pieces)
    # Sums of numpy wrap, as digests do.
    rows = every.select(_ROW).unique().sort(_ROW).with_row_index("row")
    at = every.join(rows, on=_ROW, how="left", maintain_order="left")["row"].to_numpy()
    sums = np.zeros(rows.height, np.int64)
    np.add.at(sums, at, every["digest"].to_numpy())
    return rows.drop("row").with_columns(digest=sums), others


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
