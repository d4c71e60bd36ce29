"""Examples of `--help` and of the README can be pasted into a shell as they stand."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pages import RUN, find_blocks

from varhouse.cli import build_parser

_COMMAND = re.compile(r"^(?:examples?:)?[ $]*(varhouse \S.*)")


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _parsers(sub)


def _examples(text: str) -> Iterator[str]:
    """Give the commands of a text; one goes on behind a backslash or in an open quote."""
    lines = iter(text.splitlines())
    for line in lines:
        found = _COMMAND.match(line)
        if found is None:
            continue
        command = found[1]
        while command.endswith("\\") or command.count('"') % 2:
            command = command.removesuffix("\\") + " " + next(lines).strip()
        yield command


def _operators(command: str) -> list[str]:
    """List what a shell would not take for a word: `>` of `c.245A>C`, say."""
    words = shlex.shlex(command, posix=True, punctuation_chars="<>|&;()")
    words.commenters = "#"
    return [w for w in words if set(w) <= set("<>|&;()")]


def test_what_stands_in_the_examples_is_no_redirection() -> None:
    assert _operators("varhouse query s --id c.245A>C") == [">"]
    assert _operators("varhouse query s --id 'c.245A>C'   # a name > another") == []
    texts = [f"{p.description or ''}\n{p.epilog or ''}" for p in _parsers(build_parser())]
    readme = Path(__file__).parents[2] / "README.md"
    blocks = [b.text for b in find_blocks(readme) if b.language in RUN]
    found = [c for t in [*texts, *blocks] for c in _examples(t)]
    assert len(found) > 60
    assert {c: o for c in found if (o := _operators(c))} == {}
