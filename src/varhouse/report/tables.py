"""Tables and small pieces of the page as HTML; every text is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

import polars as pl

from varhouse.report.charts import Figure, Styles
from varhouse.report.svg import swatch

Cell = str | int | float | None


def show(value: Cell) -> str:
    """Write a value as text: counts with separators, an empty string for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else value


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, caption: str = "") -> str:
    """Write a table that becomes a list of cards on a phone; the first column is a name."""
    body = []
    numeric = [True] * len(head)
    kept = list(rows)
    for row in kept:
        for i, value in enumerate(row):
            numeric[i] &= value is None or isinstance(value, int | float)
    for row in kept:
        cells = []
        for i, (label, value) in enumerate(zip(head, row, strict=True)):
            kind = "name" if i == 0 else "n" if numeric[i] else ""
            cells.append(
                f'<td class="{kind}" data-label="{escape(label)}">{escape(show(value))}</td>'
            )
        body.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(
        f'<th scope="col" class="{"n" if i and numeric[i] else ""}">{escape(h)}</th>'
        for i, h in enumerate(head)
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<table class="stack">{title}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def frame_table(frame: pl.DataFrame, *, caption: str = "") -> str:
    """Write a frame as a table, column names as heads."""
    return table([c.replace("_", " ") for c in frame.columns], frame.rows(), caption=caption)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Write names and values as a list of definitions; pairs without a value are left out."""
    inner = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value
    )
    return f"<dl>{inner}</dl>"


def download(frame: pl.DataFrame, name: str, label: str = "data (CSV)") -> str:
    """Write a link that saves a frame as CSV; the bytes stand in the link itself."""
    data = quote(frame.write_csv(), safe=",.:;-_/()|=+*")
    return (
        f'<a class="get" download="{escape(name)}.csv" '
        f'href="data:text/csv;charset=utf-8,{escape(data)}">{escape(label)}</a>'
    )


def figure(plot: Figure, styles: Styles, prefix: str) -> str:
    """Write a plot with its heading, key, sentence and data."""
    key = ""
    if plot.legend and len(styles) > 1:
        key = "".join(f"<li>{swatch(i)}{escape(c)}</li>" for c, i in styles.items())
        key = f'<ul class="key">{key}</ul>'
    where, words = plot.saved_in
    link = f'<a class="get" href="#{where}">{escape(words)}</a>'
    if plot.data is not None:
        link = download(plot.data, f"{prefix}-{plot.name}")
    across = ' class="across"' if plot.wide else ""
    return (
        f'<figure id="{escape(plot.name)}"{across}><h3>{escape(plot.title)}</h3>'
        f"{plot.svg}{key}"
        f"<figcaption>{escape(plot.look_for)} "
        f"{link}</figcaption></figure>"
    )
