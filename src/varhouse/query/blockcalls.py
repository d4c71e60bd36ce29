"""Reference blocks as rows: one of each block that covers what is asked, and person."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from varhouse.query.callfields import FieldColumns
from varhouse.query.callrows import CALL_SCHEMA, NO_FIELDS, Asked
from varhouse.query.columns import Columns
from varhouse.query.records import CALLS, RECORD, Block
from varhouse.query.select import Spans, find_spans
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.tables.windows import cut_windows

BLOCK_CALL_SCHEMA: dict[str, PolarsType] = {
    name: dtype
    for column, own in CALL_SCHEMA.items()
    for name, dtype in ((column, own), *((("end", pl.Int32),) if column == "pos" else ()))
}
"""Columns of a call in a block: those of other calls, and the last base behind `pos`."""


def iter_block_calls(
    store: Store, asked: Asked, fields: FieldColumns = NO_FIELDS
) -> Iterator[pl.DataFrame]:
    """Give one row a reference block and person, by cohort, position, file, record, column.

    Of an id the blocks that cover the position of its allele. A block is given once, however
    many of the bases asked for it covers.

    Yields
    ------
    pl.DataFrame
        Columns of BLOCK_CALL_SCHEMA, then the fields.
    """
    spans: Spans = find_spans(store, asked.selection)
    if not asked.selection:
        spans = {contig: [(1, None)] for contig in store.assembly_contigs.names}
    for columns in asked.columns:
        step = max(CALLS // max(columns.size, 1), 1)
        for contig, own in spans.items():
            after = 0
            for low, high in own:
                where = {"contig": contig, "start": low, "end": high}
                rows = store.scan("blocks", cohort=columns.cohort, **where).filter(
                    pl.col("file").is_in(columns.wanted_files), pl.col("pos") > after
                )
                after = high or after
                for window in cut_windows(rows.select("contig", "pos"), step):
                    found = rows.filter(window.rows()).collect().sort("pos", *RECORD)
                    yield _calls(store, columns, found, fields)


def _calls(
    store: Store, columns: Columns, blocks: pl.DataFrame, fields: FieldColumns
) -> pl.DataFrame:
    names = pl.Series(columns.samples, dtype=pl.String)
    frames = []
    for (file,), mine in blocks.group_by("file", maintain_order=True):
        assert isinstance(file, int)
        own, place = columns.of_file(file)
        row = np.repeat(np.arange(mine.height), own.size)
        column = np.tile(own, mine.height)
        texts = mine["gt"].str.split("\t").gather(row).list.get(pl.Series(column))
        frame = mine[row].with_columns(
            names.gather(np.tile(place, mine.height)).alias("sample"), texts.alias("gt")
        )
        records = Block(columns.cohort, str(mine["contig"][0]), mine)
        ordinal = mine["record"].to_numpy()[row]
        read = fields.read(store, records, file, ordinal, column)
        frames.append(frame.select(list(BLOCK_CALL_SCHEMA)).with_columns(read))
    return pl.concat(frames).sort("pos", *RECORD, maintain_order=True)
