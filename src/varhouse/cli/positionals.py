"""Files on a command line, wherever they stand among options."""

import argparse
from typing import Any


def take_files_anywhere(parser: argparse.ArgumentParser) -> None:
    """Let `files` of a parser stand behind options, too.

    argparse fills them with what stands before the first option alone, and calls the others
    unknown.
    """
    parse = parser.parse_known_args

    def with_files(
        words: Any = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, rest = parse(words, namespace)
        if not any(w.startswith("-") for w in rest):
            found.files, rest = [*found.files, *rest], []
        return found, rest

    parser.parse_known_args = with_files  # type: ignore[method-assign,assignment]
