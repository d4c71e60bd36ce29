"""Normalise the alleles of a frame, from Arrow buffer to Arrow buffer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.extent import parse_extent
from varhouse.genome.reference import Reference
from varhouse.normalise.kernel import normalise_packed
from varhouse.normalise.status import Status
from varhouse.normalise.symbolic import move_span
from varhouse.normalise.views import runs, take_bases
from varhouse.tables.schema import KEY
from varhouse.tables.textcolumn import pack
from varhouse.tables.textviews import MAX_TEXT, column_of, put_texts, views_of

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
    contig, names = _contig_codes(frame["contig"])
    seq, starts, lengths = (_fixed(a) for a in reference.packed(names))
    # A position beyond Int32 is outside every contig.
    place = frame["pos"]
    if place.dtype != pl.Int32 or place.null_count():
        place = place.cast(pl.Int32, strict=False).fill_null(0)
    pos = _fixed(place.to_numpy())
    ref, alt = _filled(frame["ref"]), _filled(frame["alt"])
    new_ref, new_alt = np.empty((pos.size, 4), np.int32), np.empty((pos.size, 4), np.int32)
    status = np.empty(pos.size, np.int8)
    rows = take_bases(
        seq,
        starts,
        lengths,
        contig,
        pos,
        _fixed(views_of(ref)),
        _fixed(views_of(alt)),
        new_ref,
        new_alt,
        status,
    )
    # What is not one base for another lies apart, and has its text copied.
    some_ref, ref_off = pack(ref.gather(rows))
    some_alt, alt_off = pack(alt.gather(rows))
    moved, ref_text, ref_at, alt_text, alt_at, said = normalise_packed(
        seq,
        starts,
        lengths,
        contig[rows],
        pos[rows],
        some_ref,
        ref_off[:-1],
        np.diff(ref_off),
        some_alt,
        alt_off[:-1],
        np.diff(alt_off),
    )
    if max(ref_text.size, alt_text.size) > MAX_TEXT:
        raise ValueError("2 GB of alleles at once: normalise them in parts")
    put_texts(rows, ref_text, ref_at[:-1], _sizes(ref_at), new_ref)
    put_texts(rows, alt_text, alt_at[:-1], _sizes(alt_at), new_alt)
    status[rows] = said
    new_pos = pos.copy()
    new_pos[rows] = moved
    return frame.with_columns(
        pl.Series("pos", new_pos),
        column_of("ref", new_ref, ref_text),
        column_of("alt", new_alt, alt_text),
        pl.Series("status", status),
    )


def move_symbolic(alleles: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Move the `<DEL>` and `<DUP>` of a frame from `normalise_alleles` left.

    Parameters
    ----------
    alleles
        Columns contig, pos, ref, alt, extent and status; others stay as they are.
    reference
        The opened reference.

    Returns
    -------
    pl.DataFrame
        The frame with pos and ref of these rows replaced, and the status CHANGED where
        that is another allele than it came in.
    """
    movable = (pl.col("status") == int(Status.KEPT)) & pl.col("alt").str.contains("^<D(EL|UP)")
    rows = alleles.select(movable.arg_true()).to_series()
    found = []
    some = alleles[rows].select(KEY)
    for row, (contig, pos, ref, alt, extent) in zip(rows, some.iter_rows(), strict=True):
        size = parse_extent(extent)
        moved = move_span(reference, contig, pos, len(ref), alt, size)
        if moved is not None and moved != (pos, ref):
            found.append((row, *moved))
    if not found:
        return alleles
    at, pos, ref = (list(column) for column in zip(*found, strict=True))
    return alleles.with_columns(
        alleles["pos"].scatter(at, pos),
        alleles["ref"].scatter(at, ref),
        alleles["status"].scatter(at, int(Status.CHANGED)),
    )


def _sizes(offsets: Longs) -> npt.NDArray[np.int32]:
    return np.diff(offsets).astype(np.int32)


def _filled(column: pl.Series) -> pl.Series:
    """Put an empty text for null; without nulls nothing is copied."""
    return column.fill_null("") if column.null_count() else column


def _contig_codes(column: pl.Series) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Give each row its contig's place in a list of names; -1: null."""
    filled = _filled(column)
    first = runs(_fixed(views_of(filled)))
    texts = filled.gather(first)
    names = texts.unique(maintain_order=True).to_list()
    if column.null_count() and "" in names:
        names.remove("")
    codes = texts.replace_strict(
        names, range(len(names)), default=-1, return_dtype=pl.Int32
    ).to_numpy()
    return _fixed(np.repeat(codes, np.diff(np.append(first, column.len())))), names


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View an array as read-only and contiguous, so that one compiled version serves."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    if view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view
