"""Answers as a table for people: aligned, grouped, no wider than the terminal."""

import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

import polars as pl

from varhouse.masking import mask_text
from varhouse.query.cells import Sink
from varhouse.tables.statistics import STATISTICS, AtSite

GAP = "  "
_LEAST = 9
_CUT = "…"
NOT_ASSESSED = "not assessed"
NOT_CALLED = "not called"
NOT_SHOWN = "not shown"
"""In the view of a role: not assessed, or masked together with the people."""

MASKED = "masked"
"""Of a count, or what is made of one, that would tell of few people."""

_OF_CARRIERS = sorted(
    ["af", *(s.name for s in STATISTICS if s.at_site is AtSite.NONE and s.about is None)],
    key=len,
    reverse=True,
)
"""Numbers of carriers; before a name the longer ones that begin with it."""


class TableWriter:
    """Writes an aligned table; the rows are held until all are there.

    Numbers are right-aligned, counts grouped by thousands, columns without any value
    left out. On a terminal long texts are cut and columns that do not fit are named.

    Parameters
    ----------
    stream
        Where to.
    columns
        The columns to show; others of the frames are only looked at.
    keep
        Show empty columns too: they were asked for by name.
    width
        Letters of a line; None: as many as needed.
    unknown
        What stands for a frequency of which nothing is known.
    """

    def __init__(
        self,
        stream: Sink,
        columns: Sequence[str],
        *,
        keep: bool,
        width: int | None,
        unknown: str = NOT_ASSESSED,
    ) -> None:
        self._unknown = unknown
        self._stream = stream
        self._columns = list(columns)
        self._keep = keep
        self._width = width
        self._frames: list[pl.DataFrame] = []
        self.hidden: list[str] = []

    def write(self, frame: pl.DataFrame) -> None:
        """Take rows."""
        self._frames.append(frame)

    def close(self) -> None:
        """Write the table; `hidden` names the columns that did not fit."""
        if not self._frames:
            return
        frame = pl.concat(self._frames)
        shown = [
            n
            for n in self._columns
            if self._keep
            or not frame.height
            or frame[n].null_count() < frame.height
            or MASKED in _texts(frame, n, self._unknown)
        ]
        cells = {n: _texts(frame, n, self._unknown) for n in shown}
        widths = {n: max(len_shown(n), *map(len_shown, cells[n]), 1) for n in shown}
        if self._width is not None:
            self._fit(widths, {n for n in shown if frame.schema[n] == pl.String})
        lines = [_line(widths, frame, {n: mask_text(n) for n in widths})]
        for i in range(frame.height):
            lines.append(_line(widths, frame, {n: cells[n][i] for n in widths}))
        self._stream.write(("\n".join(lines) + "\n").encode())

    def _fit(self, widths: dict[str, int], texts: Collection[str]) -> None:
        """Narrow the widest texts, then leave out columns from the right."""
        assert self._width is not None
        while (over := _total(widths) - self._width) > 0:
            wide = [n for n in widths if n in texts and widths[n] > max(_LEAST, len_shown(n))]
            if wide:
                name = max(wide, key=lambda n: widths[n])
                floor = max(_LEAST, len_shown(name))
                others = [widths[n] for n in wide if n != name]
                # Down to the next widest at most, so that all share the loss.
                goal = max(
                    floor, widths[name] - over, min(max(others, default=0), widths[name] - 1)
                )
                widths[name] = goal
            elif len(widths) > 1:
                name, _ = widths.popitem()
                self.hidden.insert(0, name)
            else:
                return


def terminal_width() -> int | None:
    """Give the width of the terminal; None if stdout is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def len_shown(text: str) -> int:
    """Count the columns that a text takes on a terminal: Chinese letters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _cut(text: str, width: int) -> str:
    if len_shown(text) <= width:
        return text
    kept, used = [], 0
    for c in text:
        used += len_shown(c)
        if used > width - 1:
            break
        kept.append(c)
    return "".join(kept) + _CUT


def _line(widths: dict[str, int], frame: pl.DataFrame, cells: dict[str, str]) -> str:
    out = []
    for name, width in widths.items():
        text = _cut(cells[name], width)
        space = " " * (width - len_shown(text))
        out.append(space + text if frame.schema[name].is_numeric() else text + space)
    return GAP.join(out).rstrip()


@lru_cache(maxsize=1024)
def number_of(name: str) -> str | None:
    """Name the column that says why a number of carriers is not there; None: it is no such.

    The called alleles of `af_COHORT`, `n_het` and so on; a masked number has some.
    """
    for s in _OF_CARRIERS:
        if name == s or name.startswith(f"{s}_"):
            return f"an{name.removeprefix(s)}"
    return None


def _texts(frame: pl.DataFrame, name: str, unknown: str) -> list[str]:
    column = frame[name]
    values = column.to_list()
    nothing = [""] * column.len()
    number = number_of(name)
    if number is not None and column.null_count():
        called = frame[number].to_list() if number in frame.columns else [None] * len(values)
        is_share = name == "af" or name.startswith("af_")
        nothing = [_why(n, unknown if is_share else "", is_share=is_share) for n in called]
    return [e if v is None else format_value(v) for v, e in zip(values, nothing, strict=True)]


def _why(called: object, unknown: str, *, is_share: bool) -> str:
    """Say why a number of carriers is not there, by how many alleles were called."""
    if called is None:
        return unknown
    return MASKED if called else NOT_CALLED if is_share else ""


def format_value(value: object) -> str:
    """Format a value for people: grouped thousands, three digits of a fraction."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.3g}"
    if isinstance(value, list):
        value = ";".join("" if v is None else _plain(v) for v in value)
    # Control letters would break the lines, or worse, steer the terminal.
    return mask_text(_plain(value))


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
