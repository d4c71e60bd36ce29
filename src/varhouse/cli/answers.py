"""What the commands share that answer questions to a store: options, checks, rows out."""

import argparse
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from varhouse.query.opened import OpenStore
    from varhouse.query.output import Writer

TERMINAL_ROWS = 1_000
CHOICES = {
    "region": (
        "R",
        "contig, contig:pos or contig:start-end (48,000 or 48k; 1-based); a,b or @FILE: list, "
        "or BED by its ending; may be repeated",
    ),
    "gene": ("G", "symbol or id of a gene, A,B or @FILE; may be repeated"),
    "id": (
        "X",
        "rs id (a merged one too), SPDI, VRS id, HGVS name (g. c. n. p.) or "
        "contig-pos-ref-alt, in any spelling; A,B or @FILE; may be repeated",
    ),
}
"""Options that choose alleles or records of a store: their metavar and help."""

FORMATS = ("table", "tsv", "csv", "json", "parquet", "xlsx")
"""Formats that hold any rows; only alleles go into a VCF."""


def add_common(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """Declare what query and sql share."""
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.add_argument(
        "--format",
        choices=formats,
        help="default: a table on a terminal, else by the name of -o, else tsv",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of stdout"
    )
    add_safe(parser)
    add_audience(
        parser,
        "the answer may be given to anybody: no table about single people or files, no "
        "permits, no source that may not be passed on (redistribute: false)",
    )


def add_audience(parser: Any, public: str = "only what may be given to anybody") -> None:
    """Declare --audience and --public, which `asked_audience` reads.

    Parameters
    ----------
    public
        What the help says of `--public`.
    """
    from varhouse.governed import CONTROLLED, ROLES

    parser.add_argument(
        "--audience",
        choices=ROLES,
        metavar="ROLE",
        help=f"what a role sees: {', '.join(ROLES)} (default: {CONTROLLED}); docs/roles.md "
        "has every column",
    )
    parser.add_argument(
        "--public", action="store_true", help=f"as --audience public: {public}"
    )


def asked_audience(args: argparse.Namespace) -> str:
    """Read --audience and --public.

    Raises
    ------
    UsageError
        If they say two things.
    """
    from varhouse.governed import CONTROLLED, PUBLIC

    named: str | None = getattr(args, "audience", None)
    is_public = bool(getattr(args, "public", False))
    if is_public and named not in (None, PUBLIC):
        raise UsageError(
            f"--public is --audience public, and not --audience {named}", "leave out one"
        )
    return PUBLIC if is_public else named or CONTROLLED


def add_choices(parser: Any) -> None:
    """Declare --region, --gene and --id."""
    for name, (metavar, text) in CHOICES.items():
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar=metavar, help=text
        )


def add_safe(parser: Any) -> None:
    """Declare the option of CSV and TSV that go into a spreadsheet."""
    parser.add_argument(
        "--spreadsheet-safe",
        action="store_true",
        help="CSV and TSV: put ' before text that a spreadsheet would take for a formula "
        "(= + - @, tab, CR); numbers stay as they are",
    )


def check_safe(args: argparse.Namespace, form: str) -> None:
    """Check that --spreadsheet-safe goes with the format."""
    # A workbook is safe as it is: its text is marked as text.
    if args.spreadsheet_safe and form not in ("csv", "tsv", "xlsx"):
        raise UsageError(
            f"--spreadsheet-safe does not go with {form}: no spreadsheet takes its text for "
            "formulas",
            "--format csv or tsv, or leave it out",
        )


def check_all(args: argparse.Namespace, what: str, enough: Sequence[str] = ()) -> None:
    """Check that all there is is given only to who asks for it.

    Parameters
    ----------
    what
        What is chosen by --region, --gene and --id, with which --all does not go.
    enough
        Other options that choose a part of it.
    """
    kinds = ("region", "gene", "id")
    chosen = any(getattr(args, kind) for kind in kinds)
    if args.all and chosen:
        wrong = "--all does not go with --region, --gene or --id"
    elif not (args.all or chosen or any(getattr(args, kind) for kind in enough)):
        wrong = f"nothing says which {what}"
    else:
        return
    options = ", ".join(f"--{kind}" for kind in (*kinds[:-1], *enough, kinds[-1]))
    options = " or --".join(options.rsplit(", --", 1))
    raise UsageError(wrong, f"{options}, or --all for all of the store")


def open_asked(args: argparse.Namespace) -> "OpenStore":
    """Open the store as the options say; tell what the role does not get of sources."""
    from varhouse import open as open_store

    store = open_store(args.store, args.release, asked_audience(args))
    for name in store.withheld:
        logging.getLogger("varhouse.query").warning(
            "source %s may not be passed on: its columns, table and ids are left out", name
        )
    return store


def asked_columns(args: argparse.Namespace) -> list[str]:
    """Read --columns; none where it is not given."""
    columns = [c.strip() for c in (args.columns or "").split(",") if c.strip()]
    if args.columns is not None and not columns:
        raise UsageError("--columns names no column")
    return columns


def is_terminal() -> bool:
    """Tell whether stdout is a terminal."""
    from varhouse.query.terminal import terminal_width

    return terminal_width() is not None


def started(frames: "Iterable[pl.DataFrame]") -> "Iterator[pl.DataFrame]":
    """Make the first frame: what is wrong is told before a header line is written."""
    rest = iter(frames)
    first = list(islice(rest, 1))
    return chain(first, rest)


def write_all(writer: "Writer", frames: "Iterable[pl.DataFrame]") -> int:
    """Write all frames and give the number of rows."""
    rows = 0
    for frame in frames:
        writer.write(frame)
        rows += frame.height
    writer.close()
    return rows


def report(rows: int, noun: str, release: str, began: float, out: Path | None) -> None:
    """Say how much there was and how long it took."""
    took = time.perf_counter() - began
    text = f"{took * 1000:,.0f} ms" if took < 1 else f"{took:,.1f} s"
    where = f" -> {out}" if out is not None else ""
    plural = "" if rows == 1 else "s"
    logging.getLogger("varhouse.query").info(
        f"{rows:,} {noun}{plural}, {release}, {text}{where}"
    )


def say_hidden(writer: "Writer") -> None:
    """Name the columns that did not fit on the terminal."""
    hidden = getattr(writer, "hidden", [])
    if hidden:
        names = ", ".join(hidden[:8]) + (f" and {len(hidden) - 8} more" if hidden[8:] else "")
        logging.getLogger("varhouse.query").info(
            f"columns that do not fit: {names} (--columns, or --format tsv)"
        )


class Limited:
    """Frames up to a number of rows; `cut` tells afterwards whether there were more."""

    def __init__(self, frames: "Iterator[pl.DataFrame]", limit: int | None) -> None:
        self._frames, self._limit = frames, limit
        self.cut = False

    def __iter__(self) -> "Iterator[pl.DataFrame]":
        left = self._limit
        for frame in self._frames:
            if left is not None and frame.height > left:
                self.cut = True
                if left:
                    yield frame.head(left)
                return
            if left is not None:
                left -= frame.height
            yield frame
