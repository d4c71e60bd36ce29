"""`varhouse store files`: the files of a table in a release, for other programs."""

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from varhouse.store.reader import Store
    from varhouse.tables.schema import Table

WHAT = "the files of a table in a release, for other programs"
EXAMPLE = (
    "examples, on the demo store of scripts/demo:\n"
    "  varhouse store files demo/store --table frequencies\n"
    "  varhouse store files demo/store --table totals --region chr1:48,000 --format sql"
)
FILES = (
    "Writes no file. The folder of a table holds the files of all releases, these are of\n"
    "one. lines: absolute paths; json: rows, bytes and partition of each, and the columns of\n"
    "the table; sql: a SELECT for DuckDB, all columns typed (CREATE VIEW v AS ...). Columns\n"
    "of the partition (part, cohort) stand in the path, not in the files. With --region: the\n"
    "files that can hold such rows; they hold others, too. Recipes: docs/reading.md."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes besides the store and the release."""
    parser.add_argument("--table", required=True, metavar="NAME", help="e.g. frequencies")
    parser.add_argument(
        "--region", metavar="R", help="only files for CONTIG or CONTIG:START-END (1-based)"
    )
    parser.add_argument("--cohort", metavar="C", help="only files of a cohort")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--format",
        choices=("lines", "json", "sql"),
        default="lines",
        help="default: lines, a path a line",
    )
    how.add_argument(
        "--print0", action="store_true", help="paths with a NUL behind each, for xargs -0"
    )


def run(args: argparse.Namespace) -> int:
    """List the files of a table."""
    from varhouse import open as open_store

    store = open_store(args.store, args.release)
    filters = {} if args.cohort is None else {"cohort": args.cohort}
    table = store.declaration(args.table)
    listed = store.list_files(args.table, args.region, **filters)
    if args.format == "json":
        print(json.dumps(_describe(store, table, listed), ensure_ascii=False, indent=1))
    elif args.format == "sql":
        from varhouse.query.sqlrows import select_rows

        _write(select_rows(store, table, listed) + "\n")
    else:
        from varhouse.store.layout import table_folder

        folder, end = table_folder(store.path, table), "\0" if args.print0 else "\n"
        _write("".join(f"{folder}/{path}{end}" for path in listed["path"]))
    return 0


def _write(text: str) -> None:
    """Write to stdout with the bytes that paths have, be they UTF-8 or not."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    stream.write(os.fsencode(text))
    stream.flush()


def _describe(store: "Store", table: "Table", listed: "pl.DataFrame") -> dict[str, Any]:
    from varhouse.store.layout import table_folder

    folder = table_folder(store.path, table)
    return {
        "table": table.name,
        "release": store.release,
        "columns": {c.name: str(c.dtype) for c in table.columns},
        "partition": list(table.partition),
        "given_by_release": store.constants(table.name),
        "files": [
            {
                "path": f"{folder}/{row['path']}",
                "rows": row["num_records"],
                "bytes": row["size_bytes"],
                "partition": {c: row[f"partition.{c}"] for c in table.partition},
            }
            for row in listed.iter_rows(named=True)
        ],
    }
