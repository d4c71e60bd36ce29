"""The parser of the command line: what is not known is answered with the help of its command.

argparse reports an option that a command does not have in the name of the whole program, with
the usage of that; and takes `--col` for `--columns`, so that a new option may change what an
old script means. Here options are written out, and the nearest one is named.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from varhouse.cli.positionals import fill_positionals
from varhouse.errors import nearest


class CommandParser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes no abbreviations and names the nearest option."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **more})

    @property
    def commands(self) -> "dict[str, CommandParser]":
        """The parsers of its commands by name; none where it has no commands."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    @property
    def options(self) -> list[str]:
        """Its options as they are written: `--output`, `-o`."""
        return list(self._option_string_actions)

    def parse_known_args(  # type: ignore[override]
        self, args: Any = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does, with positionals behind options, too."""
        found, rest = super().parse_known_args(args, namespace)
        return found, fill_positionals(self._get_positional_actions(), found, rest)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words; what is unknown ends the program with exit code 2.

        Options that are not known are looked for first: without the option that was meant,
        something else may seem to be missing.
        """
        own, rest = self.find(words)
        own.check_options(rest)
        found, more = self.parse_known_args(words)
        if more:
            own.error(f"unknown argument {more[0]!r}")
        return found

    def find(self, words: Sequence[str]) -> "tuple[CommandParser, list[str]]":
        """Find the parser of the command that words name, and the words behind its name.

        A word that is no command, where one is needed, ends the program.
        """
        commands = self.commands
        if not commands:
            return self, list(words)
        for i, word in enumerate(words):
            if word.startswith("-"):
                continue
            if word in commands:
                self.check_options(words[:i])
                return commands[word].find(words[i + 1 :])
            self.error(f"no command {word!r}{nearest(word, commands)}")
        return self, list(words)

    def check_options(self, words: Sequence[str]) -> None:
        """Check that every word that looks like a long option is one."""
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            if not name.startswith("--") or name in self._option_string_actions:
                continue
            if " " in name:
                # The value of an option that begins so: argparse decides.
                continue
            self.error(f"no option {name}{nearest(name, self._long)}")

    @property
    def _long(self) -> list[str]:
        return [n for n in self.options if n.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """Print the usage of this command and what is wrong, and exit with 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {message}\n       help: {self.prog} --help\n")
