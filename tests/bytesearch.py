"""Looking for traces of somebody in every byte of a store.

Searched are the names of files and folders, the raw bytes of every file, and what readers make
of compressed ones: every value of every column of every Parquet file (checkpoints of Delta are
such), bounds in their footers, and texts inside JSON texts, however they are escaped.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


@dataclass(frozen=True)
class Trace:
    """Where something was found: the file, the place in it, and what."""

    file: str
    where: str
    needle: str


def search(store: Path, needles: Sequence[str], leave_out: Sequence[str] = ()) -> list[Trace]:
    """Find texts in a store.

    Parameters
    ----------
    needles
        What is looked for.
    leave_out
        Folders and files of the store that are not searched.
    """
    wanted = {n: n.encode() for n in needles}
    found: list[Trace] = []
    for path in sorted(store.rglob("*")):
        name = str(path.relative_to(store))
        if any(name == o or name.startswith(f"{o}/") for o in leave_out):
            continue
        found += [Trace(name, "name", n) for n in needles if n in name]
        if path.is_file():
            for where, data in _pieces(path):
                found += [Trace(name, where, n) for n, b in wanted.items() if b in data]
    return found


def _pieces(file: Path) -> Iterator[tuple[str, bytes]]:
    """Give all bytes of a file, as they are and as they are meant."""
    yield "bytes", file.read_bytes()
    if file.suffix == ".parquet":
        yield from _columns(file)
    elif file.suffix == ".json" or file.name.startswith("_last"):
        for line in file.read_text().splitlines() if "_delta_log" in str(file) else [None]:
            text = file.read_text() if line is None else line
            yield "JSON", "\n".join(_texts(json.loads(text))).encode()


def _columns(file: Path) -> Iterator[tuple[str, bytes]]:
    with pq.ParquetFile(file) as source:
        for column in source.schema_arrow.names:
            values = source.read(columns=[column]).column(0).to_pylist()
            yield column, "\n".join(_texts(values)).encode("utf-8", "surrogateescape")
        meta = source.metadata
        yield "metadata", repr(meta.metadata).encode()
        for group in range(meta.num_row_groups):
            for k in range(meta.num_columns):
                stats = meta.row_group(group).column(k).statistics
                if stats is not None and stats.has_min_max:
                    yield "bounds", f"{stats.min!r}\n{stats.max!r}".encode()


def _texts(value: Any) -> Iterator[str]:
    """List all texts in a value, also of JSON in a text, and of bytes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "surrogateescape")
    elif isinstance(value, str):
        yield value
        if value[:1] in "{[":
            try:
                yield from _texts(json.loads(value))
            except ValueError:
                return
