"""FORMAT fields of records as places in text, from the blocks of the table `fields`.

Each cell of a record and a sample column has for each field the place of its text, so that a
compiled pass can write whole lines; the blocks are cut otherwise than the lines are written,
and of files with other samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import StoreError
from varhouse.genotypes.codec.blocks import LACKING, Block, decode, stored_names
from varhouse.genotypes.fields import field_names

Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

GT = 0
"""Number of GT in a form; field k of `FieldCells` is k + 1."""

BLOCK_ORDER = ("file", "record", "first", "names")
"""Order in which the rows of the table `fields` are decoded."""


class FieldCells(NamedTuple):
    """Texts of the fields of some records (rows), each with the columns of its file.

    Attributes
    ----------
    names
        The fields; a key that FORMAT has twice is `KEY:2`.
    text
        uint8: what `begin` and `end` point into.
    begin, end
        int64[fields, cells]: DROPPED where a cell ends before the field, LACKING where the
        record has no such field.
    cell_at
        int64[rows + 1]: the cells of row r begin at `cell_at[r]`, one a sample column.
    """

    names: list[str]
    text: Bytes
    begin: Int64
    end: Int64
    cell_at: Int64


@nb.njit(cache=True, nogil=True)
def _place(out_begin, out_end, cell_at, rows, first, begin, end, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(rows.size):
        r = rows[k]
        if r < 0:
            continue
        at = cell_at[r] + first
        for s in range(begin.shape[1]):
            if begin[k, s] >= 0:
                out_begin[at + s] = begin[k, s] + shift
                out_end[at + s] = end[k, s] + shift
            else:
                out_begin[at + s] = begin[k, s]


@dataclass
class _Filler:
    """Fills in blocks as they are decoded."""

    cells: FieldCells
    widths: Mapping[int, int]
    texts: list[Bytes]
    size: int = 0

    def take(self, block: Block, file: int, rows: Int64) -> None:
        """Take a block; `rows` int64[records] are its records' rows, -1 for none."""
        if block.first + block.people > self.widths[file]:
            raise StoreError(
                f"the table fields has sample columns that file {file} does not have",
                "varhouse store verify says what else is wrong",
            )
        for name in block.names:
            f = self.cells.names.index(name)
            spans = block.spans(name)
            _place(
                self.cells.begin[f],
                self.cells.end[f],
                self.cells.cell_at,
                rows,
                block.first,
                spans.begin,
                spans.end,
                self.size,
            )
            self.texts.append(spans.text)
            self.size += spans.text.size


def read_cells(
    blocks: pl.DataFrame, records: pl.DataFrame, widths: Mapping[int, int]
) -> FieldCells:
    """Read the fields of some records.

    Parameters
    ----------
    blocks
        Rows of the table `fields` of one cohort and contig, in BLOCK_ORDER: all that hold
        any of the records.
    records
        file, record of each row wanted.
    widths
        Sample columns of each file.

    Raises
    ------
    StoreError
        If a block is damaged or does not fit the files.
    """
    names = stored_names(blocks)
    width = records["file"].replace_strict(
        list(widths), list(widths.values()), default=0, return_dtype=pl.Int64
    )
    cell_at = np.concatenate([[0], np.cumsum(width.to_numpy())]).astype(np.int64)
    shape = len(names), int(cell_at[-1])
    cells = FieldCells(
        names,
        np.zeros(0, np.uint8),
        np.full(shape, LACKING, np.int64),
        np.zeros(shape, np.int64),
        cell_at,
    )
    filler = _Filler(cells, widths, [cells.text])
    numbered = records.select("file", "record").with_row_index("row")
    for (file,), mine in blocks.group_by("file", maintain_order=True):
        assert isinstance(file, int)
        own = numbered.filter(pl.col("file") == file).sort("record")
        known, row = own["record"].to_numpy(), own["row"].to_numpy().astype(np.int64)
        for block in decode(mine):
            at = np.searchsorted(known, block.records)
            there = at < known.size
            there[there] = known[at[there]] == block.records[there]
            rows = np.full(block.records.size, -1, np.int64)
            rows[there] = row[at[there]]
            filler.take(block, file, rows)
    return cells._replace(text=np.concatenate(filler.texts))


@dataclass(frozen=True)
class Forms:
    """FORMAT of the records to be written.

    Attributes
    ----------
    texts
        FORMAT texts; `.` of no field.
    fields, field_at
        int64: fields of form f are `fields[field_at[f]:field_at[f + 1]]`, GT or 1 + the number
        in `FieldCells`.
    form
        int64[records].
    """

    texts: list[str]
    fields: Int64
    field_at: Int64
    form: Int64


def with_missing(cells: FieldCells) -> FieldCells:
    """Give cells one field more, which nobody has: for keys of FORMAT that are not kept."""
    n = cells.begin.shape[1]
    begin = np.vstack([cells.begin, np.full((1, n), LACKING)])
    return cells._replace(begin=begin, end=np.vstack([cells.end, np.zeros((1, n), np.int64)]))


def make_forms(
    formats: Sequence[str | None], cells: FieldCells, group: Int64, *, as_filed: bool = False
) -> Forms:
    """Say which fields each record has: those of FORMAT that the store holds.

    Parameters
    ----------
    formats
        FORMAT of each row as in its file; None without.
    group
        int64[rows], rising: the record that each row goes to. A record of several files
        has the fields of all of them.
    as_filed
        All of FORMAT, the fields that are not held from `with_missing`.
    """
    has_cells = cells.cell_at[1:] > cells.cell_at[:-1]
    n = len(cells.names)
    held = np.zeros((n, has_cells.size), np.bool_)
    if n and cells.begin.size:
        # Of some samples not every block is read: any cell tells.
        starts = cells.cell_at[:-1][has_cells]
        held[:, has_cells] = np.maximum.reduceat(cells.begin[:n], starts, axis=1) > LACKING
    number = {name: k + 1 for k, name in enumerate(cells.names)}
    # Few forms stand in many rows: what one is is worked out once.
    kind, rows = _distinct(formats, np.packbits(held, 0))
    other = n + 1 if as_filed else None
    own = [_form(formats[r], number, held[:, r], other) for r in rows.tolist()]
    known: dict[tuple[tuple[int, str], ...], int] = {}
    numbers = np.array([known.setdefault(f or ((GT, "GT"),), len(known)) for f in own])
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    least = np.minimum.reduceat(kind, starts) if starts.size else kind
    form = numbers[least] if starts.size else np.zeros(0, np.int64)
    if starts.size < group.size:
        differs = np.flatnonzero(np.maximum.reduceat(kind, starts) != least)
        ends = np.append(starts[1:], group.size)
        for g in differs.tolist():
            mine = kind[starts[g] : ends[g]].tolist()
            fields = _joined(tuple(field for k in mine for field in own[k]))
            form[g] = known.setdefault(fields or ((GT, "GT"),), len(known))
    flat = [f for fields in known for f, _ in fields]
    at = np.concatenate([[0], np.cumsum([len(fields) for fields in known])])
    return Forms(
        [":".join(key for _, key in fields) for fields in known],
        np.array(flat, np.int64),
        at.astype(np.int64),
        form,
    )


def _distinct(
    formats: Sequence[str | None], packed: npt.NDArray[np.uint8]
) -> tuple[Int64, Int64]:
    """Find the distinct forms of rows: a FORMAT text and packed bits (uint8[bytes, rows]).

    Returns
    -------
    (int64[rows], int64[forms])
        The number of each row's form, and the first row with it.
    """
    columns = [pl.Series(f"{k}", bits) for k, bits in enumerate(packed)]
    frame = pl.DataFrame([pl.Series("text", formats, pl.String), *columns])
    kinds = frame.with_row_index("row").unique(
        frame.columns, keep="first", maintain_order=True
    )
    on = frame.columns
    found = frame.join(
        kinds.with_row_index("kind"),
        on=on,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return found["kind"].to_numpy().astype(np.int64), kinds["row"].to_numpy().astype(np.int64)


def _joined(fields: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """Join the fields of several files: each once, GT before all others."""
    return tuple(sorted(dict.fromkeys(fields), key=lambda field: field[0] != GT))


def _form(
    text: str | None,
    number: Mapping[str, int],
    held: npt.NDArray[np.bool_],
    other: int | None,
) -> tuple[tuple[int, str], ...]:
    """Give the fields of a FORMAT text that are held, each with its key.

    `other` is the number of fields that are not held; None leaves them out.
    """
    if not text:
        return ()
    fields = []
    for key, name in zip(text.split(":"), field_names(text), strict=True):
        if name is None:
            fields.append((GT, key))
        elif name in number and held[number[name] - 1]:
            fields.append((number[name], key))
        elif other is not None:
            fields.append((other, key))
    return tuple(fields)
