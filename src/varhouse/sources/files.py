"""The Parquet files of a compiled source, and the index of their pieces."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from varhouse.sources.content import ContentSums
from varhouse.sources.keys import HASHED, allele_text
from varhouse.tables.schema import KEY, PolarsType

ROW_GROUP = 65_536
FILE_ROWS = 500_000
FILE_BYTES = 128 << 20


def says_twice(frame: pl.DataFrame) -> bool:
    """Whether sorted rows hold an allele in two records that do not say the same."""
    key = frame["key"].to_numpy()
    twice = np.zeros(key.size, bool)
    twice[1:] = key[1:] == key[:-1]
    twice[:-1] |= twice[1:]
    if not twice.any():
        return False
    rows = frame.filter(pl.Series(twice)).unique()
    return bool(rows.select(pl.struct(KEY).is_duplicated().any()).item())


def packed(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what is quick to read: rs ids as numbers in `rs`, alleles of hashed keys in `long`.

    Other ids stay in `id`; `long` is null where the key itself tells the alleles.
    """
    hashed = (pl.col("key") & HASHED) != 0
    long = pl.when(hashed).then(allele_text()).alias("long")
    if frame["id"].null_count() == frame.height:
        return frame.with_columns(pl.lit(None, pl.Int64).alias("rs"), long)
    number = pl.col("id").str.extract(r"^rs([1-9][0-9]{0,17})$").cast(pl.Int64)
    return frame.with_columns(number.alias("rs"), long).with_columns(
        id=pl.when(pl.col("rs").is_null()).then("id")
    )


def unpacked(frame: pl.DataFrame, schema: Mapping[str, PolarsType]) -> pl.DataFrame:
    """Give rows as they were before they were packed and written."""
    if "rs" in frame.columns:
        number = pl.lit("rs") + pl.col("rs").cast(pl.String)
        frame = frame.with_columns(id=pl.coalesce("id", number))
    return frame.select(pl.col(n).cast(t) for n, t in schema.items())


def beyond_32_bits(rows: pl.DataFrame) -> list[str]:
    """Name the columns of Int64 that hold more than Int32 does."""
    names = [n for n, t in rows.schema.items() if t == pl.Int64 and n != "key"]
    low, high = rows.select(names).min(), rows.select(names).max()
    return [
        n
        for n in names
        if rows.height and ((low[n][0] or 0) < -(2**31) or (high[n][0] or 0) >= 2**31)
    ]


PIECE: dict[str, PolarsType] = {
    "file": pl.Int32, "contig": pl.String, "offset": pl.Int64, "rows": pl.Int64,
    "low": pl.Int32, "high": pl.Int32, "texts": pl.Boolean, "numbers": pl.Boolean,
}  # fmt: skip
"""Columns of the index: rows of one contig and one row group of a file."""


class Piece(NamedTuple):
    """A row of the index: first and last position, and whether it has ids of either kind."""

    file: int
    contig: str
    offset: int
    rows: int
    low: int
    high: int
    texts: bool
    numbers: bool

    def joined(self, more: "Piece") -> "Piece":
        """Add the rows that follow."""
        return self._replace(
            rows=self.rows + more.rows,
            high=max(self.high, more.high),
            texts=self.texts or more.texts,
            numbers=self.numbers or more.numbers,
        )


class Files:
    """Writes sorted frames, each of one contig, to files; several short ones share one."""

    def __init__(self, folder: Path, place: str, last: str) -> None:
        self._folder, self._place, self._last = folder, place, last
        self._held: list[pl.DataFrame] = []
        self._offset = self._file = self._bytes = self._held_bytes = 0
        self._index: list[Piece] = []
        self.rows = 0
        self.wide: set[str] = set()
        self.sums = ContentSums()

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows of one contig that sort behind those before."""
        self._held.append(frame)
        self._offset += frame.height
        self._held_bytes += int(frame.estimated_size())
        if self._offset >= FILE_ROWS or self._held_bytes > FILE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        import pyarrow as pa  # noqa: PLC0415 - a join does without
        import pyarrow.parquet as pq  # noqa: PLC0415

        path = self._folder / f"rows-{self._file}.parquet"
        # Half the bytes, where they do; a join gives Int64 again.
        beyond = {n for frame in self._held for n in beyond_32_bits(frame)}
        self.wide |= beyond
        schema = self._held[0].schema
        small = [n for n, t in schema.items() if t == pl.Int64 and n not in {"key", *beyond}]
        first = 0
        tables = []
        for frame in self._held:
            self.sums.add(frame["contig"][0], frame)
            self._add_to_index(frame, first)
            first += frame.height
            rows = frame.with_columns(pl.col(small).cast(pl.Int32))
            tables.append(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
        # Numbers as they are: packed ones take nearly as much, and time at each read.
        texts = [n for n, t in schema.items() if t == pl.String]
        pq.write_table(
            pa.concat_tables(tables),
            path,
            row_group_size=ROW_GROUP,
            use_dictionary=texts,
            write_statistics=False,
            compression={n: "zstd" if n in texts else "none" for n in schema},
        )
        self.rows += first
        self._bytes += self._held_bytes
        self._held, self._offset, self._held_bytes = [], 0, 0
        self._file += 1

    def _add_to_index(self, frame: pl.DataFrame, first: int) -> None:
        """Index rows from row `first` of the file on by contig and row group."""
        contig = frame["contig"][0]
        at = 0
        while at < frame.height:
            room = ROW_GROUP - (first + at) % ROW_GROUP
            some = frame[at : at + room]
            place, last = some[self._place], some[self._last].to_numpy()
            has = [
                "id" in some.columns and some[n].null_count() < some.height
                for n in ("id", "rs")
            ]
            piece = Piece(
                self._file, contig, first + at, some.height, place[0], int(last.max()), *has
            )
            before = self._index[-1] if self._index else None
            if before and before[:2] == piece[:2] and piece.offset % ROW_GROUP:
                piece = before.joined(piece)
                self._index.pop()
            self._index.append(piece)
            at += some.height

    def take_back(self) -> Iterator[pl.DataFrame]:
        """Give all rows again, file by file, and delete the files; they may be Int32 now."""
        held, self._held = self._held, []
        for number in range(self._file):
            path = self._folder / f"rows-{number}.parquet"
            yield pl.read_parquet(path, glob=False, memory_map=False)
            path.unlink()
        yield from held

    @property
    def row_bytes(self) -> int:
        """Mean size of a row in memory."""
        return self._bytes // max(1, self.rows)

    def close(self) -> None:
        """Write what is held, and the index."""
        self._flush()
        frame = pl.DataFrame(self._index, schema=PIECE, orient="row")
        frame.write_parquet(self._folder / "index.parquet")
