"""Answers as TSV, CSV, JSON, Parquet or workbooks: frames in, bytes out, one frame at a time.

stdout is data. A file is written under a temporary name and renamed when it is whole.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from varhouse.bgzf import BgzfStream
from varhouse.errors import UsageError
from varhouse.files import new_file
from varhouse.query.cells import Schema, Sink, as_cell, defuse, with_hex

if TYPE_CHECKING:
    from polars._typing import CsvQuoteStyle

_ENDINGS = {
    ".tsv": "tsv", ".txt": "tsv", ".csv": "csv", ".json": "json", ".parquet": "parquet",
    ".xlsx": "xlsx", ".vcf": "vcf",
}  # fmt: skip

_ANY_TEXT = ".txt"
"""An ending that says no more than that it is text."""

_PACKED = {"parquet": "Parquet", "xlsx": "A workbook"}
"""Formats that are packed inside, and go into a file only."""


class Writer(Protocol):
    """Takes the frames of an answer in order, all with the same columns."""

    def write(self, frame: pl.DataFrame) -> None:
        """Write one frame."""

    def close(self) -> None:
        """Write what belongs at the end."""


def choose_format(
    asked: str | None,
    out: Path | None,
    formats: Sequence[str],
    otherwise: str = "or choose one with --format",
) -> str:
    """Choose the format: as asked, by the file's ending, else by what stdout is.

    Parameters
    ----------
    formats
        Those that a command writes.
    otherwise
        What else to do about an ending that says none of them.

    Raises
    ------
    UsageError
        If the ending of the file says none of the formats, or another than is asked for, or
        Parquet or a workbook is to go to stdout.
    """
    chosen = asked
    known = {e: f for e, f in _ENDINGS.items() if f in formats}
    ending = Path(out.name.removesuffix(".gz")).suffix.lower() if out is not None else ""
    meant = _ENDINGS.get(ending)
    is_open = ending == _ANY_TEXT and asked not in _PACKED
    if asked is not None and meant not in (None, asked) and not is_open:
        own = next((e for e, f in _ENDINGS.items() if f == asked), _ANY_TEXT)
        raise UsageError(
            f"{out}: the ending says {meant}, --format says {asked}",
            f"leave out --format, or end it in {own}",
        )
    if chosen is None and out is not None:
        if ending not in known:
            raise UsageError(
                f"{out}: the ending says no format",
                f"end it in {', '.join(known)}; {otherwise}",
            )
        chosen = known[ending]
    if chosen is None:
        chosen = "table" if out is None and sys.stdout.isatty() else "tsv"
    if chosen in _PACKED and out is None:
        raise UsageError(
            f"{_PACKED[chosen]} does not go to stdout", f"give a file: -o answer.{chosen}"
        )
    if chosen in _PACKED and out is not None and out.name.endswith(".gz"):
        raise UsageError(f"{out}: {_PACKED[chosen]} is packed inside", "leave out .gz")
    return chosen


@contextmanager
def open_output(out: Path | None) -> Iterator[Sink]:
    """Open stdout, or a file that gets its name only when all has been written.

    Raises
    ------
    UsageError
        If the folder of the file does not exist.
    """
    if out is None:
        sys.stdout.flush()
        stream = getattr(sys.stdout, "buffer", None)
        if stream is not None:
            yield stream
            stream.flush()
        else:
            memory = BytesIO()
            yield memory
            sys.stdout.write(memory.getvalue().decode())
        return
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}", f"mkdir -p {out.parent}")
    if out.is_dir():
        raise UsageError(f"{out} is a folder, not a file")
    with new_file(out) as own, own.open("wb") as file:
        if out.name.endswith(".gz"):
            packed = BgzfStream(file)
            yield packed
            packed.finish()
        else:
            yield file


def make_writer(name: str, stream: Sink, schema: Schema, *, safe: bool = False) -> Writer:
    """Make the writer of a format that needs nothing but the columns.

    `safe` is for TSV and CSV, see `DelimitedWriter`.
    """
    if name == "json":
        return JsonWriter(stream)
    if name == "parquet":
        return ParquetWriter(stream, schema)
    if name == "xlsx":
        from varhouse.query.spreadsheet import WorkbookWriter  # noqa: PLC0415 - an extra

        return WorkbookWriter(stream, schema)
    return DelimitedWriter(stream, schema, "," if name == "csv" else "\t", safe=safe)


class DelimitedWriter:
    """Writes TSV (no quotes; tab, newline and backslash escaped) or CSV (RFC 4180).

    A null is an empty cell, a list is joined by `;`, bits are hexadecimal digits.

    Parameters
    ----------
    safe
        Defuse text that a spreadsheet would take for a formula (see `defuse`), in names of
        columns too; all text of a CSV is quoted then, as `;` separates cells in many places.
    """

    def __init__(
        self, stream: Sink, schema: Schema, separator: str, *, safe: bool = False
    ) -> None:
        self._stream = stream
        self._separator = separator
        self._quote: CsvQuoteStyle = (
            "never" if separator == "\t" else "non_numeric" if safe else "necessary"
        )
        self._cells = [
            as_cell(n, t, escape=separator == "\t", safe=safe) for n, t in schema.items()
        ]
        names = list(schema)
        if safe:
            written = pl.DataFrame({"n": names}, {"n": pl.String})
            names = written.select(defuse(pl.col("n")).alias("n"))["n"].to_list()
        self._write(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), header=True)

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        if frame.height:
            self._write(frame.select(self._cells), header=False)

    def _write(self, frame: pl.DataFrame, *, header: bool) -> None:
        text = frame.write_csv(
            include_header=header,
            separator=self._separator,
            quote_style=self._quote,
        )
        self._stream.write(text.encode())

    def close(self) -> None:
        """Do nothing: there is no end mark."""


class JsonWriter:
    """Writes a JSON array, one object a line; a number that is none is null, bits are hex."""

    def __init__(self, stream: Sink) -> None:
        self._stream = stream
        self._first = True
        stream.write(b"[")

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        if not frame.height:
            return
        lines = with_hex(frame).write_ndjson().rstrip("\n").replace("\n", ",\n")
        self._stream.write((("\n" if self._first else ",\n") + lines).encode())
        self._first = False

    def close(self) -> None:
        """Close the array."""
        self._stream.write(b"\n]\n")


class ParquetWriter:
    """Writes Parquet with zstd, a row group a frame."""

    def __init__(self, stream: Sink, schema: Schema) -> None:
        # It takes longer to import than most answers to make.
        import pyarrow.parquet as pq  # noqa: PLC0415

        empty = _arrow(pl.DataFrame(schema=dict(schema)))
        self._schema = empty.schema
        self._file = pq.ParquetWriter(stream, self._schema, compression="zstd")

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        if frame.height:
            self._file.write_table(_arrow(frame).cast(self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._file.close()


def _arrow(frame: pl.DataFrame) -> Any:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
