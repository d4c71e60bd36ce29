"""What a person finds who looks into the folder of a table: a page that says how to read it.

Files of several releases lie side by side there, so a pattern such as `**/*.parquet` mixes
them. The page is no part of the table: readers of Delta go by the log, and what reads all
files of the folder as Parquet stops at the page and names it (decision 0045).
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from varhouse.files import new_file
from varhouse.store import delta
from varhouse.store.layout import follow_folder, table_folder
from varhouse.tables.schema import Table

PAGE = "README.md"

_TEXT = """\
# {root}/{name}

Files of all releases of this store lie here: do not read them by a pattern such as
`**/*.parquet`, which mixes releases. Never change, move or delete them, and never run VACUUM
or OPTIMIZE on the table: older releases need every file.

The files of one release, a path a line (STORE: the folder two levels above this one):

    varhouse store files STORE --table {name}
    varhouse store files STORE --table {name} --release 1 --format sql

`varhouse query`, `varhouse sql` and `varhouse.open` in Python read one release by themselves,
and `varhouse publish STORE OUT` writes one as plain Parquet that any pattern reads right.
{columns}
More, with DuckDB, polars, pyarrow, R and Spark: docs/reading.md of varhouse; all columns:
docs/store-format.md.
"""


def write_pages(store: Path, tables: Iterable[str]) -> None:
    """Write the page of each table's folder, unless one is there.

    A release stands without its pages: where one cannot be written, the next commit tries.
    """
    for name in tables:
        table = delta.declare(name, {})
        page = table_folder(store, table) / PAGE
        if page.exists():
            continue
        with suppress(OSError), new_file(page) as own:
            own.write_text(page_text(table), encoding="utf-8")
            follow_folder(own)


def page_text(table: Table) -> str:
    """Write what the page of a table says."""
    columns = ""
    if table.partition:
        names = " and ".join(f"`{c}`" for c in table.partition)
        columns = (
            f"\nNot in the files but in their path (`NAME=value`, percent-encoded): {names};\n"
            "text, whatever it looks like.\n"
        )
    return _TEXT.format(root=table.root, name=table.name, columns=columns)
