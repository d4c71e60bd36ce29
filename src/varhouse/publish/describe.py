"""What stands beside published tables: a page, the dictionary, the manifest, check sums."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.files import sync_file, write_json, write_text
from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED
from varhouse.publish.parquet import PublishedTable
from varhouse.store.history import errata_lines
from varhouse.store.reader import Store
from varhouse.tables.dictionary_zh import describe_in_both

MANIFEST, DICTIONARY, SUMS, PAGE = "manifest.json", "dictionary.tsv", "SHA256SUMS", "README.md"
FORMAT = 1
"""Of the manifest; raised when a program that reads it has to know."""

_TEXT = """\
# {assembly}, release {number}

Variant tables of a varhouse store: release {number} of {time}, written by varhouse {version}.
Content digest: `{digest}`.
{audience}
Each table is a folder of Parquet files, large, sorted, every column inside; a folder
`part=...` only keeps the rows of a contig together, and a reader may add it as a column.
Any pattern over a table's folder reads it right:

    duckdb   SELECT * FROM read_parquet('{example}/**/*.parquet')
    polars   pl.scan_parquet("{example}/**/*.parquet")
    pyarrow  pyarrow.dataset.dataset("{example}", partitioning="hive")
    R        arrow::open_dataset("{example}")
    Spark    spark.read.option("recursiveFileLookup", "true").parquet("{example}")

| table | rows | files | one row is |
|---|---|---|---|
{tables}

Columns, types, units, meaning, and what null says (never 0), in English and Chinese:
`dictionary.tsv`. Positions are
1-based, alleles normalised; tables are joined by `contig, pos, ref, alt, extent`.
`manifest.json` has rows, size and SHA-256 of each file; `sha256sum -c SHA256SUMS` checks all.
"""


def describe(store: Store, made: Sequence[PublishedTable], folder: Path) -> None:
    """Write all that stands beside the tables, and make every file last; not yet its name."""
    data = [f.path for t in made for f in t.files]
    sums = {path: _sum(folder / path) for path in data}
    write_json(folder / MANIFEST, _manifest(store, made, folder, sums))
    write_text(folder / DICTIONARY, _dictionary(made))
    write_text(folder / PAGE, _page(store, made))
    sums |= {name: _sum(folder / name) for name in (MANIFEST, DICTIONARY, PAGE)}
    lines = [f"{digest}  {path}\n" for path, digest in sorted(sums.items())]
    write_text(folder / SUMS, "".join(lines), flush=True)


def _sum(file: Path) -> str:
    """Make a file last and give its SHA-256."""
    sync_file(file)
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _manifest(
    store: Store, made: Sequence[PublishedTable], folder: Path, sums: Mapping[str, str]
) -> dict[str, Any]:
    digests = {} if store.view.is_limited else store.table_digests()
    tables = {
        t.table.name: {
            "rows": t.rows,
            # Of all columns and rows, which a public view does not show.
            "digest": digests.get(t.table.name),
            "sorted_by": list(t.table.sort),
            "columns": {c.name: str(c.dtype) for c in t.table.columns},
            "given_by_release": store.constants(t.table.name),
            "files": [
                {
                    "path": f.path,
                    "rows": f.rows,
                    "bytes": (folder / f.path).stat().st_size,
                    "sha256": sums[f.path],
                }
                for f in t.files
            ],
        }
        for t in made
    }
    return {
        "format": FORMAT,
        "made_by": f"varhouse {__version__}",
        "assembly": store.assembly,
        "release": store.release,
        "time": store.record.time,
        "digest": store.digest(),
        "audience": store.view.audience,
        "not_to_be_passed_on": _restricted(store, made),
        "errata": errata_lines(store),
        "sources": store.meta.get("annotation", {}).get("versions", {}),
        "tables": tables,
    }


_FOR = {
    PUBLIC: "Only what may be given to anybody is in it.",
    REGISTERED: "Not for the public: for who is registered and keeps to the terms of use.",
    INSIDE: "Not for the public: for who works in the reading room of the store.",
    CONTROLLED: "Not for the public: it holds what the keepers of the store see.",
}
"""What the page says of for whom it is."""


def _restricted(store: Store, made: Sequence[PublishedTable]) -> list[str]:
    """List what is in the tables and may not be passed on, or tells of single people."""
    if store.view.is_passed_on:
        return []
    sources = {f"annotations_{name}" for name in store.restricted}
    names = (t.table for t in made)
    return [t.name for t in names if t.root == "controlled" or t.name in sources]


def _dictionary(made: Sequence[PublishedTable]) -> str:
    described = [
        describe_in_both(t.table).select(pl.lit(t.table.name).alias("table"), pl.all())
        for t in made
    ]
    return pl.concat(described).write_csv(separator="\t", quote_style="never")


def _page(store: Store, made: Sequence[PublishedTable]) -> str:
    restricted = _restricted(store, made)
    audience = f"\n{_FOR[store.view.audience]}\n"
    if restricted:
        audience += f"Not to be passed on: {', '.join(restricted)}.\n"
    audience += "".join(f"\n**{line}**\n" for line in errata_lines(store))
    lines = [f"| {t.table.name} | {t.rows:,} | {len(t.files)} | {t.table.row} |" for t in made]
    return _TEXT.format(
        assembly=store.assembly,
        number=store.release,
        time=store.record.time,
        version=__version__,
        digest=store.digest(),
        audience=audience,
        example=max(made, key=lambda t: (t.table.name == "variants", t.rows)).table.name,
        tables="\n".join(lines),
    )
