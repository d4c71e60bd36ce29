"""What the calls of an ingest were made from: programs, references, reads of each person.

It is read out of the headers of the files, so of any caller; and it names people and files:
never in an open report.
"""

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

import polars as pl

from varhouse.lineagerows import lineage_rows
from varhouse.quantities import plural
from varhouse.report.tables import download, table
from varhouse.store.reader import Store

READS = 200
"""Files of reads that the page lists at most; the data file has more."""

SAVED = 5_000
"""Rows of the data file at most: 0.3 kB each."""

PAGES = 12
"""Pages of batches that are linked at most."""

_TITLE = b"<title>varhouse call"
"""By which a page of a batch is known (`calling.page`)."""


def lineage_section(store: Store, cohorts: list[str], folder: Path | None, prefix: str) -> str:
    """Write what the files of some cohorts were made from; empty where no header says it.

    Parameters
    ----------
    folder
        Where the page will lie: links to pages of batches start from there; None: no links.
    prefix
        What the name of the data file begins with.
    """
    files = store.scan("files").filter(pl.col("cohort").is_in(cohorts))
    found = lineage_rows(files)
    if found.is_empty():
        return ""
    text = _programs(found) + _references(found, store) + _reads(found)
    if folder is not None:
        text = _links(files, folder) + text
    data = download(found.head(SAVED), f"{prefix}-lineage")
    more = f" (the first {SAVED:,} of {found.height:,} rows)" if found.height > SAVED else ""
    return (
        f"{text}<p>All that the headers say: {data}{more}, or "
        '<code>varhouse sql STORE "SELECT * FROM lineage"</code>.</p>'
    )


def _programs(found: pl.DataFrame) -> str:
    """List the programs of each cohort, in the order of their steps."""
    tools = found.filter(pl.col("kind") == "tool")
    if tools.is_empty():
        return ""
    same = ["cohort", "step", "name", "version", "carrier", "options"]
    rows = (
        tools.with_row_index("at")
        .group_by(same, maintain_order=True)
        .agg(pl.col("at").min(), n_files=pl.col("file").n_unique().cast(pl.Int64))
        .sort(
            pl.col("at").min().over("cohort"), pl.col("at").min().over("cohort", "step"), "at"
        )
        .with_columns(pl.col("options").str.slice(0, 200))
    )
    shown = rows.select("name", "cohort", "step", "version", "carrier", "options", "n_files")
    heads = ("program", "cohort", "step", "version", "carried by", "arguments", "files")
    return table(heads, shown.head(READS).rows())


def _references(found: pl.DataFrame, store: Store) -> str:
    """List the references, and whether they are that of the store."""
    rows = found.filter(pl.col("kind") == "reference")
    if rows.is_empty():
        return ""
    own = store.meta.get("reference")
    told = (
        rows.group_by("name", "cohort", "digest", maintain_order=True)
        .agg(n=pl.col("file").n_unique().cast(pl.Int64))
        .rows()
    )
    shown = [
        (name, cohort, digest or "", _same(digest, own), n) for name, cohort, digest, n in told
    ]
    heads = ("reference", "cohort", "digest", "the store's", "files")
    return table(heads, shown[:READS])


def _same(digest: str | None, own: object) -> str:
    if not digest or not own:
        return ""
    return "yes" if digest == own else "no: another one"


def _reads(found: pl.DataFrame) -> str:
    rows = found.filter(pl.col("kind") == "reads")
    if rows.is_empty():
        return ""
    people = rows.select("cohort", "sample").n_unique()
    shown = rows.head(READS).select(
        "sample", "cohort", "lane", "library", "platform", "name", "n_reads", "bytes", "md5"
    )
    heads = (
        "person",
        "cohort",
        "lane",
        "library",
        "platform",
        "file",
        "reads",
        "bytes",
        "MD5",
    )
    few = f", the first {READS} shown" if rows.height > READS else ""
    return (
        f"<details><summary>{plural(rows.height, 'file')} of reads of "
        f"{plural(people, 'person')}{few}</summary>{table(heads, shown.rows())}</details>"
    )


def _links(files: pl.LazyFrame, folder: Path) -> str:
    """Link to the pages of the batches that the files are results of.

    A gVCF of `varhouse call` lies in `FOLDER/gvcf/COHORT/`, its page is `FOLDER/report.html`.
    """
    paths = files.select("path").collect()["path"].to_list()
    places = dict.fromkeys(Path(p).parent.parent for p in paths if p)
    pages = [
        p.parent / "report.html" for p in places if p.name == "gvcf" and _is_page(p.parent)
    ]
    if not pages:
        return ""
    links = []
    for page in sorted(pages)[:PAGES]:
        way = os.path.relpath(page, folder.absolute())
        links.append(f'<a href="{escape(quote(way))}">{escape(way)}</a>')
    more = f" and {len(pages) - PAGES:,} more" if len(pages) > PAGES else ""
    return f"<p>How the reads are: {', '.join(links)}{more}</p>"


def _is_page(folder: Path) -> bool:
    try:
        with (folder / "report.html").open("rb") as page:
            return _TITLE in page.read(4096)
    except OSError:
        return False
