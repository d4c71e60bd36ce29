"""Reference blocks of gVCF files in an export: rows of the table `blocks` among the sites."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from varhouse.errors import StoreError
from varhouse.genotypes.calls import NO_GT, Int32, Int64
from varhouse.genotypes.planefiles import FileCalls
from varhouse.tables.blocktext import put_ends

NEEDED = (
    "file", "record", "pos", "end", "ref", "alt", "chrom", "id", "qual", "filter", "info",
    "end_apart", "format", "gt",
)  # fmt: skip
"""Columns of the table `blocks` that are read."""


def as_sites(blocks: pl.DataFrame) -> pl.DataFrame:
    """Give rows of the table `blocks` the columns of sites, INFO as in the file.

    `block_end` is the last base, which sites do not have; `gt` stays.
    """
    apart = blocks["end_apart"].to_numpy()
    info = put_ends(blocks["info"], blocks["end"].to_numpy().astype(np.int64), apart)
    return blocks.drop("end_apart").with_columns(
        info.alias("info"),
        pl.lit([], pl.List(pl.String)).alias("allele_extent"),
        pl.col("end").alias("block_end"),
    )


def block_calls(blocks: pl.DataFrame, places: Mapping[int, Int32]) -> FileCalls:
    """List the genotypes of reference blocks, which are their texts joined by tabs.

    Parameters
    ----------
    blocks
        `file` and `gt` of each.
    places
        For each file int32[columns]: the place of each sample column.

    Raises
    ------
    StoreError
        If a block has genotypes of more or fewer people than its file.
    """
    n = blocks.height
    default, begin, end = np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n, np.int64)
    texts = pl.Series(dtype=pl.String)
    who, what = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    listed = 0
    numbered = blocks.select("file", "gt").with_row_index("row")
    for (file,), mine in numbered.group_by("file", maintain_order=True):
        assert isinstance(file, int)
        people = places[file].size if file in places else 0
        if not people:
            continue
        cells = mine["gt"].fill_null("\t".join([NO_GT] * people))
        # Few texts stand in many blocks: what they say is worked out once.
        known = cells.unique(maintain_order=True)
        split = known.str.split("\t")
        if (split.list.len() != people).any():
            raise StoreError(
                f"the table blocks has genotypes of others than the {people} people of file "
                f"{file}",
                "varhouse store verify says what else is wrong",
            )
        flat = split.explode(empty_as_null=True)
        texts = pl.concat([texts, flat]).unique(maintain_order=True)
        codes = _numbers(flat, texts).reshape(-1, people).astype(np.int32)
        differs = codes != codes[:, :1]
        at = np.concatenate([[0], np.cumsum(differs.sum(axis=1))]) + listed
        row = _numbers(cells, known)
        rows = mine["row"].to_numpy()
        default[rows], begin[rows], end[rows] = codes[row, 0], at[row], at[row + 1]
        who.append(np.broadcast_to(places[file], codes.shape)[differs])
        what.append(codes[differs])
        listed = int(at[-1])
    return FileCalls(
        texts.to_list(), default, begin, end, np.concatenate(who), np.concatenate(what)
    )


def _numbers(values: pl.Series, known: pl.Series) -> Int64:
    """Give the place of each value among distinct ones."""
    numbered = known.alias("value").to_frame().with_row_index("number")
    joined = (
        values.alias("value")
        .to_frame()
        .join(numbered, on="value", how="left", maintain_order="left")
    )
    return joined["number"].to_numpy().astype(np.int64)


def join_calls(first: FileCalls, second: FileCalls, order: Int64) -> FileCalls:
    """Put the records of two behind one another, and then in an order."""
    shift, listed = np.int32(len(first.texts)), first.who.size
    return FileCalls(
        [*first.texts, *second.texts],
        np.concatenate([first.default, second.default + shift])[order],
        np.concatenate([first.begin, second.begin + listed])[order],
        np.concatenate([first.end, second.end + listed])[order],
        np.concatenate([first.who, second.who]),
        np.concatenate([first.what, second.what + shift]),
    )


def in_order(sites: pl.DataFrame, blocks: pl.DataFrame, by: Sequence[str]) -> Int64:
    """Give the order of the rows of two frames, one behind the other, by some columns."""
    rows = pl.concat([sites.select(by), blocks.select(by)])
    return rows.select(pl.arg_sort_by(by)).to_series().to_numpy().astype(np.int64)
