"""Answers as an Excel workbook: what is text stays text, what does not fit is refused.

A cell of Excel holds 32,767 letters, a sheet 1,048,576 rows, a number 15 digits. Text that
begins like a formula is written as text, which Excel does not compute; integers of more digits
are text, too, as Excel would round them. A null is an empty cell.
"""

import math
import re
from collections.abc import Mapping
from itertools import starmap
from typing import Any

import polars as pl

from varhouse.errors import UsageError, install_extra
from varhouse.query.cells import Sink, as_cells
from varhouse.tables.schema import PolarsType

MOST_ROWS = 1_048_576
"""Rows of a sheet, the names of the columns included."""

MOST_COLUMNS = 16_384
MOST_LETTERS = 32_767
_MOST_DIGITS = 10**15
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]|_x[0-9A-Fa-f]{4}_")
_OTHER = "-o answer.csv or answer.parquet"


class WorkbookWriter:
    """Writes one sheet; the names of the columns stay in sight.

    Raises
    ------
    UsageError
        If openpyxl is not installed, or rows, columns or a text do not fit into a sheet.
    """

    def __init__(self, stream: Sink, schema: Mapping[str, PolarsType]) -> None:
        try:
            import openpyxl  # noqa: PLC0415 - an extra
            from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
        except ImportError:
            raise UsageError(
                "a workbook needs openpyxl, which is not installed",
                f"{install_extra('xlsx')}, or -o answer.csv --spreadsheet-safe",
            ) from None
        if len(schema) > MOST_COLUMNS:
            raise UsageError(
                f"{len(schema):,} columns do not fit into a sheet of Excel ({MOST_COLUMNS:,})",
                f"choose some by --columns, or {_OTHER}",
            )
        self._stream = stream
        self._cells = as_cells(schema)
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet("varhouse")
        self._sheet.freeze_panes = "A2"
        self._cell = WriteOnlyCell
        self._sheet.append([self._text(name) for name in schema])
        self._rows = 1

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        try:
            self._write(frame)
        except BaseException:
            # What was written so far waits in a file of its own.
            self._sheet.close()
            self._sheet._writer.cleanup()
            raise

    def _write(self, frame: pl.DataFrame) -> None:
        if self._rows + frame.height > MOST_ROWS:
            raise UsageError(
                f"the answer has more than {MOST_ROWS - 1:,} rows: they do not fit into a"
                " sheet of Excel",
                f"ask for less (--where, --limit), or {_OTHER}",
            )
        self._rows += frame.height
        shown = frame.select(self._cells)
        makers = [_PLAIN.get(t.base_type(), WorkbookWriter._text) for t in shown.dtypes]
        columns = [
            list(starmap(maker, ((self, v) for v in shown[name].to_list())))
            for name, maker in zip(shown.columns, makers, strict=True)
        ]
        for row in zip(*columns, strict=True):
            self._sheet.append(row)

    def close(self) -> None:
        """Write the workbook."""
        self._book.save(self._stream)

    def _text(self, text: str | None) -> Any:
        """Make the cell of a text that Excel takes for nothing else."""
        if not text:
            return None
        if len(text) > MOST_LETTERS:
            raise UsageError(
                f"a text of {len(text):,} letters ({text[:20]}...) does not fit into a cell of"
                f" Excel ({MOST_LETTERS:,})",
                f"leave out its column (--columns), or {_OTHER}",
            )
        if _CONTROL.search(text):
            # As Office Open XML writes what XML cannot hold (ECMA-376, ST_Xstring).
            text = _CONTROL.sub(lambda m: f"_x{ord(m[0][0]):04X}_{m[0][1:]}", text)
        if text[0] not in "=#":
            return text
        cell = self._cell(self._sheet, value=text)
        cell.data_type = "s"
        return cell

    def _integer(self, value: int | None) -> int | str | None:
        return value if value is None or abs(value) < _MOST_DIGITS else str(value)

    def _float(self, value: float | None) -> float | str | None:
        if value is None or math.isfinite(value):
            return value
        # As in JSON: a number that is none is null.
        return None if math.isnan(value) else str(value)

    def _same(self, value: Any) -> Any:
        return value


_PLAIN: dict[Any, Any] = {
    **dict.fromkeys(
        (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
        WorkbookWriter._integer,
    ),
    pl.Float32: WorkbookWriter._float,
    pl.Float64: WorkbookWriter._float,
    pl.Boolean: WorkbookWriter._same,
    pl.Null: WorkbookWriter._same,
}
