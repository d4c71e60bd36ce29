"""`varhouse query --explain`: what an answer reads of the store, a row a table."""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from varhouse.errors import UsageError

if TYPE_CHECKING:
    from varhouse.query.answer import Answer
    from varhouse.store.plan import Chunk
    from varhouse.store.reader import Store
    from varhouse.store.touched import Touched

FORMATS = ("table", "tsv", "csv", "json")
"""Formats of the account."""

_Key = tuple[str, int]


@dataclass
class Read:
    """What was read of a table; each file, row group and chunk counts once.

    Attributes
    ----------
    times
        How often it was read: a table may be asked several times for one answer.
    listed
        Files of the table in this release.
    left_out
        Files that were never read, to the reason of the first time.
    groups, of_groups
        Row groups that were read, and all of the files that were.
    chunks
        Bytes on disk, by row group, name and number of the column.
    """

    listed: int
    times: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    groups: set[_Key] = field(default_factory=set)
    of_groups: set[_Key] = field(default_factory=set)
    chunks: dict[tuple[str, int, str, int], int] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """Files that were read."""
        return len({path for path, _ in self.of_groups})

    @property
    def reasons(self) -> dict[str, int]:
        """Why files were left out, to how many."""
        found: dict[str, int] = {}
        for reason in self.left_out.values():
            found[reason] = found.get(reason, 0) + 1
        return found

    @property
    def bytes(self) -> dict[str, int]:
        """Bytes by column, the most first."""
        found: dict[str, int] = {}
        for (_, _, column, _), size in self.chunks.items():
            found[column] = found.get(column, 0) + size
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def run(make_answer: "Callable[[], Answer]", args: argparse.Namespace, form: str) -> int:
    """Answer the question without showing the answer; tell what was read for it.

    Returns
    -------
    int
        Rows of the answer.
    """
    from varhouse.query.output import open_output
    from varhouse.store.touched import recording

    if form not in FORMATS:
        raise UsageError(
            f"--explain does not go with {form}", f"--format {', '.join(FORMATS)}"
        )
    with recording() as touched:
        answer = make_answer()
        rows = sum(frame.height for frame in answer.frames())
    found = collect(answer.store, touched)
    with open_output(args.output) as stream:
        if form == "json":
            told = {"release": answer.store.release, "rows": rows, "tables": _nested(found)}
            stream.write((json.dumps(told, indent=1) + "\n").encode())
        else:
            _write_rows(found, stream, form, args)
    return rows


def collect(store: "Store", touched: "Touched") -> dict[str, Read]:
    """Add up what was read, by table in the order in which they were first read."""
    from varhouse.store.plan import chunks_of, read_footer

    found: dict[str, Read] = {}
    for plan, columns in touched.scans:
        name = plan.declared.name
        is_first = name not in found
        read = found.setdefault(name, Read(plan.listed.height))
        read.times += 1
        out = dict(zip(plan.listed["path"], plan.reasons, strict=True))
        if is_first:
            read.left_out = {path: reason for path, reason in out.items() if reason}
        else:
            read.left_out = {p: r for p, r in read.left_out.items() if out[p]}
        groups = plan.row_groups
        read.of_groups |= set(groups.select("path", "group").rows())
        read.groups |= set(groups.filter("kept").select("path", "group").rows())
        read.chunks |= _sizes(plan.chunks(columns))
    for path, numbers, columns in touched.groups:
        _, name, *rest = path.relative_to(store.path).parts
        file, footer = "/".join(rest), read_footer(path)
        read = found.setdefault(name, Read(store.record.tables[name].files))
        read.times += 1
        read.left_out.pop(file, None)
        read.of_groups |= {(file, n) for n in range(footer.num_row_groups)}
        read.groups |= {(file, n) for n in numbers}
        for n in numbers:
            chunks = chunks_of(file, n, footer.row_group(n), set(columns))
            read.chunks |= _sizes(chunks)
    return found


def _sizes(chunks: "Iterable[Chunk]") -> dict[tuple[str, int, str, int], int]:
    return {(c.path, c.group, c.column, c.number): c.bytes for c in chunks}


def _nested(found: dict[str, Read]) -> list[dict[str, Any]]:
    return [
        {
            "table": name,
            "times": read.times,
            "files": read.files,
            "of_files": read.listed,
            "left_out": read.reasons,
            "row_groups": len(read.groups),
            "of_row_groups": len(read.of_groups),
            "bytes": sum(read.bytes.values()),
            "columns": read.bytes,
        }
        for name, read in found.items()
    ]


def _write_rows(found: dict[str, Read], stream: Any, form: str, args: Any) -> None:
    import polars as pl

    from varhouse.query.output import make_writer
    from varhouse.query.terminal import TableWriter, terminal_width

    rows = [
        {
            **row,
            "columns": "; ".join(f"{name} {size:,}" for name, size in row["columns"].items()),
            "left_out": "; ".join(f"{n:,} {why}" for why, n in row["left_out"].items()),
        }
        for row in _nested(found)
    ]
    schema = {
        "table": pl.String, "times": pl.Int64, "files": pl.Int64, "of_files": pl.Int64,
        "left_out": pl.String, "row_groups": pl.Int64, "of_row_groups": pl.Int64,
        "bytes": pl.Int64, "columns": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema)
    if form == "table":
        width = terminal_width() if args.output is None else None
        writer: Any = TableWriter(stream, frame.columns, keep=True, width=width)
    else:
        writer = make_writer(form, stream, frame.schema, safe=args.spreadsheet_safe)
    writer.write(frame)
    writer.close()
