"""Commands that messages advise can be run as they are written."""

import argparse
import ast
import contextlib
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from varhouse.cli import build_parser
from varhouse.errors import UsageError

SRC = Path(__file__).parents[2] / "src" / "varhouse"

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s'\"]+")
_NAMED = re.compile(r"-|['\"].*|\.\.\.|\[?[A-Z][A-Z_.:/=]*\]?|.*\{.*\}.*|\S+[.=/]\S+")
"""What is given to a command: quoted, in capitals, filled in, a file, a value of a field."""

_ENDS = ".,;:)"
"""What may stand behind a command in a sentence."""


def advised(text: str) -> Iterator[str]:
    """Find the commands of a message: `varhouse`, and what follows up to the next sentence."""
    for found in re.finditer(r"\bvarhouse (?=[a-z])", text):
        rest = text[found.end() :].replace("\\\n", " ")
        rest = re.split(r"[`;(),。<]|[\u3000-\u9fff\uff00-\uffef]|: |\n", rest)[0]
        if rest.strip():
            yield rest


@cache
def commands() -> argparse.ArgumentParser:
    return build_parser()


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def wrong(command: str) -> str | None:
    """Say why a command cannot be run; None: it can, or no more than its name is said.

    One that names what it is about (a store, a file) must have all that the command asks for.
    """
    words = _WORD.findall(command.replace("\\\n", " "))
    parser, taken = commands(), 0
    while taken < len(words) and (below := _below(parser)):
        name = words[taken].rstrip(_ENDS)
        if name not in below:
            # `a newer varhouse wrote it` names none; nor does `varhouse ledger makes it so`.
            is_name = re.fullmatch("[a-z]+", name) and name not in _PROSE and taken
            return f"no command {' '.join([*words[:taken], name])}" if is_name else None
        is_last = words[taken] != name
        parser, taken = below[name], taken + 1
        if is_last:
            return None
    return _wrong_arguments(parser, list(_arguments(parser, words[taken:])))


def _wrong_arguments(
    parser: argparse.ArgumentParser, found: list[tuple[argparse.Action | None, str]]
) -> str | None:
    for action, word in found:
        if word.startswith("--") and action is None:
            return f"no option {word}"
    if all(action is not None or word == "{x}" for action, word in found):
        return None
    words = [_filled(action, word) for action, word in found]
    if found[-1][1].startswith("--") and found[-1][0].nargs != 0:
        words.append("VALUE")  # only named: `varhouse frequencies STORE --people`
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            parser.parse_args(words)
        except UsageError as error:
            return str(error)
        except SystemExit:
            told = [x for x in said.getvalue().splitlines() if "error:" in x]
            return "; ".join(told)
    return None


_PROSE = frozenset(
    [
        "or",
        "and",
        "makes",
        "is",
        "that",
        "reads",
        "of",
        "says",
        "has",
        "does",
        "as",
        "with",
        "first",
    ]
)
"""Words that go on with a sentence behind the name of a group of commands."""


def _arguments(
    parser: argparse.ArgumentParser, words: list[str]
) -> Iterator[tuple[argparse.Action | None, str]]:
    """Give what belongs to the command: options, their values, names in capitals, files.

    The action is that of an option, or of the option of which it is the value.
    """
    action, takes, n_places = None, False, 0
    asked = sum(not a.option_strings and a.nargs in (None, "+") for a in parser._actions)
    for whole in words:
        word = whole.rstrip(_ENDS) if whole not in ("...", ".") else whole
        if word.startswith("-") and word != "-":
            name, _, value = word.partition("=")
            action = parser._option_string_actions.get(name)
            takes = action is not None and action.nargs != 0 and not value
            yield action, name
        elif takes:
            yield action, word.strip("'\"")
            takes = False
        elif 0 < n_places < asked or re.fullmatch(
            r"-|['\"].*|\.\.\.|\[?[A-Z][A-Z_.:/=]*\]?|.*\{.*\}.*|\S+[.=/]\S+", word
        ):
            n_places += 1
            yield None, word
        else:
            return
        if whole != word:
            return


def _filled(action: argparse.Action | None, word: str) -> str:
    """Put a value in the place of what a message fills in."""
    if action is not None and action.choices and not word.startswith("--"):
        return str(next(iter(action.choices)))
    is_number = action is not None and action.type is int and not word.startswith("--")
    return "1" if is_number else word


def messages() -> dict[str, str]:
    """Give each text of the sources that names a command, with its place; no documentation."""
    found: dict[str, str] = {}
    for file in sorted(SRC.rglob("*.py")):
        source = file.read_text()
        if "varhouse " not in source:
            continue
        tree = ast.parse(source)
        skipped = {
            id(n.value)
            for n in ast.walk(tree)
            if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
        }
        skipped |= {
            id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values
        }
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            text = _text(node)
            # Examples of help are run by test_examples.py.
            if text and "varhouse " in text and text.count("\n") < 3:
                found[f"{file.relative_to(SRC)}:{node.lineno}"] = text
    return found


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "{x}" for v in node.values)
    return None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("run varhouse store purge now", "no command store purge"),
        ("varhouse share pack STORE --for backup, then", "required: -o/--output"),
        ("用 varhouse share check STORE --too NAME 查看", "no option --too"),
        ("varhouse ledger add STORE cohort {cohort} tier=T1", None),
        ("varhouse ledger add STORE cohort", "SUBJECT"),
        ("`varhouse share release` makes it", None),
        ("a newer varhouse wrote it", None),
    ],
)
def test_a_command_that_cannot_be_run_is_found(text: str, found: str | None) -> None:
    said = [wrong(c) for c in advised(text)]
    assert said == [None] * len(said) if found is None else found in str(said[0])


def test_every_command_that_is_advised_can_be_run() -> None:
    found = {
        f"{where}: varhouse {command.strip()}": said
        for where, text in messages().items()
        for command in advised(text)
        if (said := wrong(command))
    }
    assert found == {}
    assert sum(len(list(advised(t))) for t in messages().values()) > 200
