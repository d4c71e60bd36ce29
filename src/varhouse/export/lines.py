"""The records of a window as lines of VCF."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.export.cellkernel import Calls, Cells, Columns, Heads, Rows, write_cells
from varhouse.export.fieldcells import make_forms, read_cells, with_missing
from varhouse.export.joined import merge_records
from varhouse.export.kernel import write_lines
from varhouse.export.records import MISSING, Layout, Window
from varhouse.export.recount import allele_table, recount
from varhouse.genotypes.calls import NO_GT
from varhouse.genotypes.codec.blocks import stored_names
from varhouse.genotypes.planefiles import FileCalls
from varhouse.tables.textcolumn import pack

LINES_BYTES = 64 << 20
"""Text made at once, about."""

CELL_BYTES = 160 << 20
"""Places of the texts of cells held at once, about."""

_ABSENT = np.frombuffer(MISSING.encode(), np.uint8)

Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def iter_lines(window: Window, layout: Layout) -> Iterator[tuple[Bytes, int]]:
    """Write the records of a window as lines of VCF, in pieces of bounded size.

    Yields the bytes of a piece and its number of records.
    """
    sites, n_columns = window.sites, len(layout.samples)
    records, group = sites, np.arange(sites.height)
    if layout.merged:
        records, place = merge_records(sites)
        group = place.to_numpy()
    # The rows of a record lie together: sorted by record.
    order = np.argsort(group, kind="stable")
    row_at = np.zeros(records.height + 1, np.int64)
    row_at[1:] = np.cumsum(np.bincount(group, minlength=records.height))
    texts = pack(pl.Series(["." if t == NO_GT else t for t in window.calls.texts]))
    # As in its file, a record may have other fields than GT, none of which is held.
    is_plain = sites["format"].eq_missing("GT").all() if layout.as_filed else layout.is_whole
    is_plain = is_plain and window.fields.is_empty() and not layout.recounts
    alleles = allele_table(window.calls.texts)
    for first, last in _pieces(window, layout, row_at, is_plain=is_plain):
        rows = order[row_at[first] : row_at[last]]
        calls = _calls_of(window.calls, rows, texts)
        at = row_at[first : last + 1] - row_at[first]
        if is_plain:
            head, head_at = pack(_heads(records[first:last], "GT" if n_columns else None))
            lines = write_lines(
                head,
                head_at,
                at,
                sites["file"].gather(rows).to_numpy(),
                *calls,
                layout.column_at,
                layout.columns,
                n_columns,
                _ABSENT,
            )
        else:
            lines = _with_fields(window, layout, records[first:last], rows, at, calls, alleles)
        yield lines, last - first


def _pieces(
    window: Window, layout: Layout, row_at: Int64, *, is_plain: bool
) -> Iterator[tuple[int, int]]:
    """Cut the records of a window into pieces, by what is held of one at once."""
    n = row_at.size - 1
    step = max(LINES_BYTES // (4 * len(layout.samples) + 200), 1)
    if not is_plain and window.fields.height:
        names = stored_names(window.fields)
        people = max(layout.widths.values(), default=1) * max(row_at[-1] / max(n, 1), 1)
        step = max(int(CELL_BYTES / (16 * len(names) * people)), 1)
    for first in range(0, n, step):
        yield first, min(first + step, n)


def _calls_of(calls: FileCalls, rows: Int64, texts: tuple[Bytes, Int64]) -> Calls:
    return Calls(
        calls.default[rows], calls.begin[rows], calls.end[rows], calls.who, calls.what, *texts
    )


def _with_fields(
    window: Window,
    layout: Layout,
    records: pl.DataFrame,
    rows: Int64,
    at: Int64,
    calls: Calls,
    alleles: npt.NDArray[np.int16],
) -> Bytes:
    """Write records with all their FORMAT fields; `rows` are theirs, from `at` on."""
    sites = window.sites[rows]
    blocks = window.fields
    if blocks.height:
        low, high = sites["pos"].min(), sites["pos"].max()
        blocks = blocks.filter((pl.col("pos") <= high) & (pl.col("pos_end") >= low))
    cells = read_cells(blocks, sites, layout.widths)
    group = np.repeat(np.arange(records.height), np.diff(at))
    if layout.as_filed:
        cells = with_missing(cells)
    forms = make_forms(sites["format"].to_list(), cells, group, as_filed=layout.as_filed)
    held = Rows(at, sites["file"].to_numpy(), cells.cell_at[:-1])
    columns = Columns(layout.column_at, layout.columns, len(layout.samples))
    if layout.recounts:
        records = records.with_columns(recount(records, held, calls, columns, alleles))
    head, head_at = pack(_heads(records, pl.Series(forms.texts).gather(forms.form)))
    lines: Bytes = write_cells(
        Heads(head, head_at, forms.form, forms.fields, forms.field_at),
        held,
        calls,
        Cells(cells.text, cells.begin, cells.end),
        columns,
        0,
    )
    return lines


def _heads(records: pl.DataFrame, form: str | pl.Series | None) -> pl.Series:
    """Make the cells before those of the samples; `form` is FORMAT, None for no samples."""
    cells = [
        pl.col("chrom"), pl.col("pos").cast(pl.String), pl.col("id").fill_null("."),
        pl.col("ref"), pl.col("alt"), pl.col("qual").fill_null("."), pl.col("filter"),
        pl.col("info"),
    ]  # fmt: skip
    if form is not None:
        cells.append(pl.lit(form))
    return records.select(pl.concat_str(cells, separator="\t").alias("head"))["head"]
