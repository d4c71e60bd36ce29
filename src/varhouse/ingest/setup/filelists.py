"""The files of a cohort as its sheet names them: paths, patterns, and lists of paths.

A cohort that grows may have thousands of files of one person each. A list (`@files.txt`) has
a path a line; its paths are taken from the folder of the list.
"""

import glob
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from varhouse.errors import InputError
from varhouse.textfile import decode_any, read_small, split_lines

LOG = logging.getLogger("varhouse.ingest")

LIST = "@"
"""Stands before the path of a list of files."""

_MOST_NAMED = 10
"""Files that one kind of message names."""


def cohort_files(base: Path, cohort: str, text: str) -> tuple[list[str], list[str]]:
    """Find the files of a cohort.

    Parameters
    ----------
    base
        Folder that relative paths are taken from.
    text
        Cell of the sheet: comma-separated paths, glob patterns, and lists `@PATH`.

    Returns
    -------
    tuple
        The paths, in order, and every mistake.
    """
    items = [t.strip() for t in text.split(",") if t.strip()]
    return find_files(base, f"cohort {cohort!r}", items)


def find_files(base: Path, who: str, items: Iterable[str]) -> tuple[list[str], list[str]]:
    """Find the files that some paths, glob patterns and lists `@PATH` stand for.

    Parameters
    ----------
    base
        Folder that relative paths are taken from.
    who
        Whose files they are, for messages.

    Returns
    -------
    tuple
        The paths, in order, and every mistake.
    """
    files: list[str] = []
    problems: list[str] = []
    for item in items:
        if item.startswith(LIST):
            found, wrong = _read_list(base / item[len(LIST) :].strip(), who)
        elif (base / item).exists():
            found, wrong = [str(base / item)], []
        elif glob.has_magic(item):
            whole = str(Path(glob.escape(str(base))) / item)
            found = sorted(glob.glob(whole))  # noqa: PTH207 - the pattern may be absolute
            wrong = [] if found else [f"{who}: no file matches {item!r}"]
        else:
            found, wrong = [], [f"{who}: no such file: {base / item}"]
        files += found
        problems += wrong
    twice = sorted(f for f, n in Counter(files).items() if n > 1)
    return files, problems + first_of_many(f"{who}: {f} stands twice" for f in twice)


def _read_list(path: Path, who: str) -> tuple[list[str], list[str]]:
    """Read a list of files: empty lines and those that begin with `#` are passed over."""
    if not path.is_file():
        return [], [f"{who}: no such list of files: {path}"]
    try:
        text, encoding = decode_any(path, read_small(path))
        lines = split_lines(text)
    except InputError as error:
        return [], [f"{who}: {error}"]
    if encoding is not None:
        LOG.warning("note  %s: not UTF-8, read as %s", path.name, encoding)
    said = [(n, line.strip()) for n, line in enumerate(lines, 1)]
    files = [(n, path.parent / line) for n, line in said if line and line[0] != "#"]
    if not files:
        return [], [f"{who}: the list {path} names no file"]
    wrong = (f"{who}: {path.name}:{n}: no such file: {f}" for n, f in files if not f.exists())
    return [str(f) for _, f in files], first_of_many(wrong)


def first_of_many(problems: Iterable[str]) -> list[str]:
    """Name the first of many mistakes of one kind, and say how many there are."""
    every = list(problems)
    more = len(every) - _MOST_NAMED
    return every[:_MOST_NAMED] + ([f"... and {more:,} more like it"] if more > 0 else [])
