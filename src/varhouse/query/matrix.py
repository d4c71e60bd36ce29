"""Genotypes as numpy arrays: people x alleles, people x records."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genotypes.calls import NO_ALLELE
from varhouse.genotypes.planerows import PlaneRows
from varhouse.query.columns import Columns
from varhouse.query.records import RECORD, Block, find_record_pieces, iter_blocks, order_of
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY_SCHEMA, WITHIN

SITE = (*RECORD, "pos", "ref", "alt")
"""Columns of a record as in its file."""

Kind = TypeVar("Kind", np.int8, np.int16)

NOT_CALLED = -1
"""In a matrix: not called, or no such call."""

NO_RECORD = -2
"""While it is made: the person's file does not hold the record."""


@dataclass(frozen=True)
class DosageMatrix:
    """Copies of alleles that people have.

    Attributes
    ----------
    alleles
        A row a column of the matrix: contig, pos, ref, alt, extent (normalised), in order.
    samples
        Names of the people, a row of the matrix each.
    dosage
        int8[people, alleles]: copies of the allele; -1 where a call is not full (`./1`), there
        is none, or the person's file does not hold the record: unless it is a gVCF by which
        the person is fully called at the allele's position, which makes 0 copies.
    """

    alleles: pl.DataFrame
    samples: list[str]
    dosage: npt.NDArray[np.int8]


@dataclass(frozen=True)
class AlleleMatrix:
    """The alleles of calls, copy by copy.

    Attributes
    ----------
    records
        A row a column of the matrix: contig, pos, ref, alt (as in the file), file, record.
    samples
        Names of the people, a row of the matrix each.
    alleles
        int16[people, records, copies]: 0 REF, 1 the first ALT ...; -1 not called, or not in
        the record's file, whatever a gVCF says of the base (`DosageMatrix` goes by it: that
        somebody lacks a record does not say which alleles he has); -2 no such copy.
    """

    records: pl.DataFrame
    samples: list[str]
    alleles: npt.NDArray[np.int16]


def iter_files(
    block: Block, columns: Columns
) -> Iterator[tuple[int, pl.DataFrame, PlaneRows]]:
    """Give the calls of a block, file by file.

    Yields
    ------
    (file, records, rows)
        The number of the file, its records (columns SITE; a row for each of `rows`) and
        their genotypes. Files without anybody who is asked for are left out.
    """
    files = block.calls["file"].unique().sort().to_list()
    for file in files:
        if not columns.of_file(file)[0].size:
            continue
        mine = block.calls
        if len(files) > 1:
            mine = mine.filter(pl.col("file") == file)
        rows = PlaneRows.of(mine)
        records = mine.select(SITE)
        yield file, records if rows.size == mine.height else records[rows.record[:-1]], rows


def dosage_matrix(store: Store, columns: Columns, selection: Selection) -> DosageMatrix:
    """Count the copies of each selected allele that each person has.

    Alleles that were rejected are not there. An allele that records of several files hold,
    each with other people, is one column.
    """
    keys: list[pl.DataFrame] = []
    parts: list[npt.NDArray[np.int8]] = []
    for block in iter_blocks(
        store, columns, find_record_pieces(store, selection), alleles=True
    ):
        alleles = block.alleles
        if alleles is None or alleles.is_empty():
            continue
        for file, records, rows in iter_files(block, columns):
            own, place = columns.of_file(file)
            at = records.with_columns(_at=pl.Series(rows.first_row[:-1]))
            counts = pl.Series(np.diff(rows.first_row))
            mine = alleles.join(
                at.with_columns(_alts=counts), on=RECORD, maintain_order="left"
            )
            # A record without GT has no planes.
            mine = mine.filter(pl.col("_alts") > 0)
            copies = rows.dosage(own)[(mine["_at"] + mine["alt_index"] - 1).to_numpy()]
            parts.append(_spread(copies, place, columns.size, NO_RECORD))
            keys.append(mine.select(pl.lit(block.contig).alias("contig"), *WITHIN))
    return _merge(store, columns, keys, parts)


def _spread(
    values: npt.NDArray[Kind],
    place: npt.NDArray[np.int32],
    people: int,
    nobody: int = NOT_CALLED,
) -> npt.NDArray[Kind]:
    """Put the columns of a file where their people stand, `nobody` where none does."""
    if place.size == people and (np.diff(place) == 1).all():
        return values
    out = np.full((values.shape[0], people, *values.shape[2:]), nobody, values.dtype)
    out[:, place] = values
    return out


def _merge(
    store: Store,
    columns: Columns,
    keys: list[pl.DataFrame],
    parts: list[npt.NDArray[np.int8]],
) -> DosageMatrix:
    """Put the parts together, an allele once, in order."""
    every = pl.concat([pl.DataFrame(schema=KEY_SCHEMA), *keys])
    values = np.concatenate([np.zeros((0, columns.size), np.int8), *parts])
    rank = {c: i for i, c in enumerate(store.assembly_contigs.names)}
    order = every.with_row_index("_row").sort(
        pl.col("contig").replace_strict(rank, return_dtype=pl.Int64),
        *WITHIN,
        maintain_order=True,
    )
    rows = order["_row"].to_numpy()
    if (rows[1:] < rows[:-1]).any():
        values = values[rows]
    own = order.drop("_row")
    new = own.select(pl.struct(pl.all()).rle_id()).to_series().to_numpy()
    if own.height and new[-1] + 1 < own.height:
        begin = np.flatnonzero(np.concatenate([[True], np.diff(new) > 0]))
        values = np.maximum.reduceat(values, begin, axis=0)
        own = own[begin]
    _fill_called(store, columns, own, values)
    return DosageMatrix(own, list(columns.samples), values.T)


def _fill_called(
    store: Store, columns: Columns, alleles: pl.DataFrame, values: npt.NDArray[np.int8]
) -> None:
    """Say of who has no record of an allele that he has no copy, if he is called there.

    Parameters
    ----------
    alleles
        The key of each row of `values`, in order.
    values
        int8[alleles, people]: NO_RECORD becomes 0 or NOT_CALLED.
    """
    lacks = values == NO_RECORD
    values[lacks] = NOT_CALLED
    if not lacks.any() or not store.file_frame("runs", cohort=columns.cohort).height:
        return
    from varhouse.query.peopleruns import RunRows  # noqa: PLC0415 - it loads more

    chosen = np.zeros(int(columns.ordinal.max()) + 1, np.bool_)
    chosen[columns.ordinal] = True
    runs = RunRows(store, columns.cohort, chosen)
    first = 0
    for (contig,), rows in alleles.group_by("contig", maintain_order=True):
        pos = rows["pos"].to_numpy().astype(np.int64)
        positions, at = np.unique(pos, return_inverse=True)
        called = runs.called(str(contig), positions)[columns.ordinal]
        mine = slice(first, first + rows.height)
        values[mine][lacks[mine] & called[:, at].T] = 0
        first += rows.height


def allele_matrix(store: Store, columns: Columns, selection: Selection) -> AlleleMatrix:
    """Give the alleles of each call of the selected records."""
    sites: list[pl.DataFrame] = []
    parts: list[npt.NDArray[np.int16]] = []
    blocks = iter_blocks(store, columns, find_record_pieces(store, selection))
    for number, block in enumerate(blocks):
        for file, records, rows in iter_files(block, columns):
            own, place = columns.of_file(file)
            parts.append(_spread(rows.alleles(own), place, columns.size))
            sites.append(
                records.select(
                    pl.lit(number).alias("_block"), pl.lit(block.contig).alias("contig"),
                    "pos", "ref", "alt", *RECORD,
                )
            )  # fmt: skip
    return _join_alleles(columns, sites, parts)


def _join_alleles(
    columns: Columns, sites: list[pl.DataFrame], parts: list[npt.NDArray[np.int16]]
) -> AlleleMatrix:
    """Put the parts one behind another, records of several files by position."""
    schema = {
        "_block": pl.Int32, "contig": pl.String, "pos": pl.Int32, "ref": pl.String,
        "alt": pl.String, "file": pl.Int32, "record": pl.Int64,
    }  # fmt: skip
    width = max([p.shape[2] for p in parts], default=1)
    size = sum(p.shape[0] for p in parts)
    values = np.full((size, columns.size, width), NO_ALLELE, np.int16)
    at = 0
    for part in parts:
        values[at : at + part.shape[0], :, : part.shape[2]] = part
        at += part.shape[0]
    every = pl.concat([pl.DataFrame(schema=schema), *sites])
    order = order_of(every, "_block", "pos", *RECORD)
    if order is not None:
        every, values = every[order], values[order]
    return AlleleMatrix(every.drop("_block"), list(columns.samples), values.transpose(1, 0, 2))
