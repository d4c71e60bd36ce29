"""Write `docs/store-format.md` from the declarations: they alone say what a table holds.

`python -m varhouse.store.document > docs/store-format.md`
"""

import sys

import polars as pl

from varhouse.store import __doc__ as layout
from varhouse.tables.schema import FORMAT_VERSION, TABLES, Table, annotation_table

_INTRODUCTION = f"""\
# The store on disk, format {FORMAT_VERSION}

This file is written by `python -m varhouse.store.document` from
`src/varhouse/tables/schema.py`; a test compares them. Change the declarations, not this file.

## Layout

{{layout}}
Every table is a Delta table (reader version 1, writer version 2: no deletion vectors, no
column mapping) of Parquet files: zstd, row groups of 32,768 rows, sorted inside each file.
A file never changes once it is written. Partition columns stand in the path, not in the
files (`part=HLA-A%2A01%3A01`: percent-encoded), and are text whatever they look like.
Older releases stay readable until they are sealed ([retention.md](retention.md)). So a pattern
over a folder mixes releases (a `README.md` in each says so): [reading.md](reading.md) has what
to do with other programs.

A release record (`_store/releases/NNNNNNNN.json`) holds `release`, `parent`, `operation`,
`ingest_id`, `time`, `version`, `digest`, `meta` and for each of `tables` the Delta
`version` that it pins, `rows`, `files`, `bytes`, the two `sums` of the content digest
(hex) and `span`, a bound on the length of REF; and `sources`, of each source of annotations
that this release or an earlier one has the last that had it, whether that one forbids to pass
it on, and the last that did. Read a table at that version: the latest
Delta version of a table may be ahead of the newest release while an ingest commits.

The Delta log has numbers of rows, bounds and counts of nulls of the columns marked
*bounded*, for every file, and the table says so (`delta.dataSkippingStatsColumns`; or
`delta.dataSkippingNumIndexedCols` 0 where there are none): whatever reads Delta may skip files
by them, and finds by the other columns all rows too. Text bounds are cut to 64 letters, the
upper one rounded up.

## The content digest

The digest covers the columns marked *content*, in the tables that are content. A row is
hashed to two 64-bit numbers, a table is the sum of them modulo 2^64 and its number of
rows, so neither the order of rows nor the files they stand in matter; the store's digest
is the SHA-256 of the names and digests of its tables that have rows. Numbers of files and
samples (`file`, `ordinal`, `samples`, `sample`) count by what they stand for, names: so the
order in which files came does not matter either. Details:
`src/varhouse/tables/digest.py`.

## Who sees what

Each column says the least *role* that sees it: `public` (anybody), `registered`, `inside`,
`controlled`; [roles.md](roles.md) is the whole matrix. A view of a role below `controlled`
(`--audience`, `--public`, `varhouse report --open`, `varhouse.open(..., audience="public")`;
`src/varhouse/view.py`) leaves out the whole of `controlled/`, ids that a cohort's file gave
and are no rs ids, and for `public` and `registered` sources that may not be passed on and the
ids that only they know. The files themselves hold all columns: who may read them is for the
file system to say. A store that was made for a role (`_views/ROLE` of a governed store) has
`role` in its `store.json`, holds no other columns, and nulls where counts are masked.

## Keys and coordinates

Alleles are `contig, pos, ref, alt, extent`: canonical contig name, 1-based position,
normalised (split, trimmed, left-aligned), one ALT a row; `extent` is what a symbolic ALT
leaves open (decision 0013), empty for all others. `part` is the contig, or `other` for the
short contigs of an assembly with more than 200 of them.
"""


def _type(dtype: object) -> str:
    return f"list of {_type(dtype.inner)}" if isinstance(dtype, pl.List) else str(dtype)


def describe_table(table: Table) -> str:
    """Describe one table as Markdown."""
    by = ", ".join(f"`{c}`" for c in table.partition) or "nothing"
    order = ", ".join(f"`{c}`" for c in table.sort) or "nothing"
    lines = [
        f"### {table.root}/{table.name}",
        "",
        f"One row is {table.row}. Partitioned by {by}; sorted by {order}."
        + ("" if table.content else " Not covered by the content digest."),
        "",
        "| column | type | null | content | bounded | role | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    for c in table.columns:
        null = "yes" if c.nullable else ""
        content = "yes" if c.content and table.content else ""
        meaning = c.meaning.replace("|", "\\|")
        bounded = "yes" if c.name in table.bounded else ""
        role = table.role_of(c.name)
        cells = (f"`{c.name}`", _type(c.dtype), null, content, bounded, role, meaning)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_SOURCES = """One table for each source of annotations, with the fields of the source; it is
there without rows, too, where the source matches no allele. Among
them stand what the kind of the source adds and its marks: `interval_start` and `interval_end`
(Int32, 1-based, both included; kind `overlap`), `gene_key` (kind `gene`), `af_only` (true in
every row of a source with frequencies but without the counts they are of), `redistribute`
(false in every row of a source that may not be passed on):
"""


def document() -> str:
    """Write the whole page as Markdown."""
    text = (layout or "").partition("::\n\n")[2]
    tree, _, rest = text.partition("\n\n")
    described = f"```text\n{_dedent(tree)}\n```\n\n{rest}"
    parts = [_INTRODUCTION.replace("{layout}", described), "## Tables\n"]
    parts += [describe_table(t) for t in TABLES.values()]
    parts.append(_SOURCES)
    parts.append(describe_table(annotation_table("<source>", {"<field>": pl.String})))
    return "\n".join(parts)


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.split("\n"))


if __name__ == "__main__":
    sys.stdout.write(document())
