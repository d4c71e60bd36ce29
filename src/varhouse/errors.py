"""The mistakes a user can make, each of which ends as one line on stderr.

A traceback is a bug in varhouse; anything a user can cause is one of these classes.
"""

from collections.abc import Iterable


class VarhouseError(Exception):
    """A mistake in data: where it is, what it is and the fix.

    Parameters
    ----------
    message
        One line that says where and what.
    fix
        The fix: a command, a config key or a thing to correct.
    """

    exit_code = 1

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n       fix: {self.fix}" if self.fix else self.message


class UsageError(VarhouseError):
    """A wrong option or argument on the command line (exit 2)."""

    exit_code = 2


class ConfigError(VarhouseError):
    """One or more mistakes in the configuration or the sheets (exit 2).

    Parameters
    ----------
    problems
        Every mistake found, one line each: all are reported at once.
    where
        Where they are.
    """

    exit_code = 2

    def __init__(self, problems: list[str], where: str = "in the configuration") -> None:
        lines = "\n".join(f"  - {p}" for p in problems)
        super().__init__(f"{len(problems)} mistake(s) {where}\n{lines}")
        self.problems = problems


class InputError(VarhouseError):
    """A file that cannot be read as what it should be."""


def not_opened(error: Exception) -> InputError | None:
    """Say in a line why a path could not be opened; None: the error is another."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"no such file: {error.filename}")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{error.filename} is a directory, not a file")
    if isinstance(error, PermissionError):
        return InputError(
            f"no permission for {error.filename}",
            "ask whoever owns it for permission, or give another path",
        )
    return None


class AssemblyError(VarhouseError):
    """A FASTA or an aliases table that does not fit the data."""


class StoreError(VarhouseError):
    """A store that is missing, damaged, of another format or in use."""


class InUseError(StoreError):
    """A store, or a folder of nights, that another process works in."""


class AccessError(StoreError):
    """What the reader may not see: not public, or without permission on the file system."""


class SchemaError(VarhouseError):
    """A table whose columns are not the declared ones."""


def nearest(word: str, known: Iterable[str], n: int = 3) -> str:
    """Say the names closest to `word`, as an ending for a message.

    Returns
    -------
    str
        `"; nearest: A, B"`, or an empty string when nothing is close.
    """
    import difflib  # noqa: PLC0415 - only a mistake needs it

    names = list(known)
    folded = {k.lower(): k for k in names}
    close = difflib.get_close_matches(word.lower(), folded, n=n, cutoff=0.5)
    if not close:
        return ""
    return "; nearest: " + ", ".join(folded[c] for c in close)


def one_of(known: Iterable[str], n: int = 12) -> str:
    """Name what there is, as a fix of a wrong name.

    Returns
    -------
    str
        `"one of A, B, C and 5 more"`; empty where there is nothing.
    """
    names = list(known)
    if not names:
        return ""
    more = f" and {len(names) - n:,} more" if len(names) > n else ""
    return f"one of {', '.join(names[:n])}{more}"


def install_extra(name: str) -> str:
    """Say how an extra of this package (pyproject.toml) is installed, as a fix.

    From the clone: no package index has varhouse.
    """
    return f"pip install '.[{name}]' in the clone of varhouse"
