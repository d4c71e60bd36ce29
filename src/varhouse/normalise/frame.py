"""Normalise the alleles of a frame, from Arrow buffer to Arrow buffer."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.normalise.kernel import Bytes, normalise_packed
from varhouse.reference import Reference

Longs = npt.NDArray[np.int64]


def normalise_alleles(frame: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Normalise every allele of a frame (one ALT a row).

    Parameters
    ----------
    frame
        Columns contig (String, canonical name), pos (1-based), ref, alt (String; null
        counts as empty) and any others, which stay as they are.
    reference
        The opened reference.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order with pos (Int32), ref and alt replaced, and a
        column status (Int8, values of `Status`). See `normalise_packed` for the rules.
    """
    names = frame["contig"].unique().drop_nulls().to_list()
    contig = frame["contig"].replace_strict(
        names, range(len(names)), default=-1, return_dtype=pl.Int32
    )
    seq, starts, lengths = reference.packed(names)
    ref, ref_off = _packed(frame["ref"])
    alt, alt_off = _packed(frame["alt"])
    # A position beyond Int32 is outside every contig.
    pos = frame["pos"].cast(pl.Int32, strict=False).fill_null(0)
    new_pos, ref, ref_at, alt, alt_at, status = normalise_packed(
        seq, starts, lengths, contig.fill_null(-1).to_numpy(), pos.to_numpy(),
        ref, ref_off[:-1], np.diff(ref_off), alt, alt_off[:-1], np.diff(alt_off),
    )  # fmt: skip
    return frame.with_columns(
        pl.Series("pos", new_pos),
        string_column("ref", ref, ref_at),
        string_column("alt", alt, alt_at),
        pl.Series("status", status),
    )


def _packed(column: pl.Series) -> tuple[Bytes, Longs]:
    """Give the bytes and the n + 1 offsets of a String column."""
    array = column.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.large_utf8())
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), at


def string_column(name: str, data: Bytes, offsets: Longs) -> pl.Series:
    """Make a String column of bytes that lie end to end (ASCII); offsets int64[n + 1]."""
    array = pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data)
    )
    return pl.Series(name, array)
