"""Blocks of code in pages: found, and run as a reader would run them.

A block begins with three backticks and its language. `console` has commands behind `$ ` and
what they print to stdout: a line `...` stands for any lines, `...` within a line for any text.
`sh` and `python` are run whole; what Python defines stays for the next block of the page.
Behind the language may stand `exit=3`, the exit code that comes, or `not-run`. Other languages
(`yaml`, `text`, ...) are for reading only.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

_FENCE = re.compile(r"^```(\w*) ?(.*)$")
RUN = ("console", "sh", "python")
READ = ("yaml", "text", "tsv", "json", "ini", "sql", "r", "scala")


class Block(NamedTuple):
    """A block of a page; `line` is that of its first line of text, from 1."""

    page: str
    line: int
    language: str
    options: str
    text: str

    @property
    def exit_code(self) -> int:
        found = re.search(r"exit=(\d+)", self.options)
        return int(found[1]) if found else 0

    @property
    def is_run(self) -> bool:
        return self.language in RUN and "not-run" not in self.options


class Command(NamedTuple):
    """A command of a block `console`, and the lines that it prints."""

    line: int
    text: str
    output: list[str]


def find_blocks(page: Path) -> list[Block]:
    """List the blocks of a page between fences."""
    found: list[Block] = []
    start: re.Match[str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and start is None:
            start, lines, first = fence, [], number + 1
        elif fence and start:
            found.append(Block(page.name, first, start[1], start[2], "\n".join(lines)))
            start = None
        elif start:
            lines.append(line)
    assert start is None, f"{page.name}: a block is not closed"
    return found


def commands(block: Block) -> list[Command]:
    """List the commands of a block `console`; a backslash or an open quote carries on."""
    found: list[Command] = []
    is_open = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if is_open:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line.lstrip('> ')}")
        elif line.startswith("$ "):
            found.append(Command(number, line[2:], []))
        else:
            found[-1].output.append(line)
            continue
        text = found[-1].text
        is_open = text.endswith("\\") or text.count("'") % 2 == 1 or text.count('"') % 2 == 1
    return found


def differs(expected: list[str], printed: list[str]) -> str | None:
    """Compare what a page says with what is printed; None where it fits."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += "(?:.*\n)*"
        else:
            pattern += ".*".join(map(re.escape, line.rstrip().split("..."))) + "\n"
    text = "".join(f"{line.rstrip()}\n" for line in printed)
    if re.fullmatch(pattern, text):
        return None
    return "the page has\n" + "\n".join(expected) + "\nbut this is printed\n" + text


@contextmanager
def commands_of(folder: Path) -> Iterator[None]:
    """Let a shell find `varhouse`, of this Python and these sources, first of all."""
    command = folder / "bin" / "varhouse"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m varhouse "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    with mock.patch.dict(os.environ, {"PATH": path}):
        yield


def run_blocks(page: Path, folder: Path, names: dict[str, Any] | None = None) -> int:
    """Run the blocks of a page in a folder; give their number.

    `names` is what Python starts with, and gets what it defines.

    Raises
    ------
    AssertionError
        If a block ends with another exit code, or prints something else.
    """
    names = {} if names is None else names
    number = 0
    for block in find_blocks(page):
        where = f"{block.page}:{block.line}"
        assert block.language in RUN + READ, f"{where}: a block needs its language"
        if not block.is_run:
            continue
        number += 1
        if block.language == "python":
            _run_python(block, folder, names)
        elif block.language == "sh":
            done = _shell(f"set -euo pipefail\n{block.text}", folder)
            assert done.returncode == block.exit_code, f"{where}:\n{_both(done)}"
        else:
            for command in commands(block):
                done = _shell(command.text, folder)
                place = f"{block.page}:{command.line}: {command.text}"
                assert done.returncode in (0, block.exit_code), f"{place}:\n{_both(done)}"
                found = differs(command.output, done.stdout.splitlines())
                assert found is None, f"{place}: {found}"
    return number


def _shell(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def _both(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def _run_python(block: Block, folder: Path, names: dict[str, Any]) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        # Lines of a traceback are those of the page.
        exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), names)
    finally:
        os.chdir(before)
