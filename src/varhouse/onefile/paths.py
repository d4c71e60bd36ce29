"""What the commands that turn one file into another ask of their paths."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG

from varhouse.errors import InputError, UsageError

STDIN = Path("-")


def output_ending(output: Path, endings: Sequence[str]) -> str:
    """Give the ending of an output that says its format.

    Raises
    ------
    UsageError
        If it ends otherwise, or its folder does not exist.
    """
    ending = next((e for e in endings if output.name.endswith(e)), None)
    if ending is None:
        raise UsageError(f"{output}: the ending says no format", "use " + ", ".join(endings))
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder", "make it first")
    return ending


def keep_inputs(written: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """See that no file that is written is a folder, one that is read, or written twice.

    Raises
    ------
    UsageError
        If it is.
    """
    outputs = [p for p in written if p is not None]
    for i, output in enumerate(outputs):
        if output.is_dir():
            raise UsageError(f"{output}: a folder, not a file", "name a file in it")
        for other in outputs[:i]:
            if output.absolute() == other.absolute():
                raise UsageError(f"{output}: written twice", "give each output its own name")
        for path in read:
            if path is not None and is_same(output, path):
                raise UsageError(f"{output}: would overwrite an input", "give another name")


def is_same(output: Path, path: Path) -> bool:
    """Tell whether two paths are one file that is there."""
    return output.exists() and path.exists() and output.samefile(path)


def as_file(path: Path, folder: Path) -> Path:
    """Give a file that can be read more than once: a pipe, or `-`, is copied to a folder.

    Raises
    ------
    InputError
        If nothing comes through the pipe.
    """
    if path != STDIN and (not path.exists() or path.is_dir() or S_ISREG(path.stat().st_mode)):
        return path
    copy = folder / "stdin"
    with copy.open("wb") as out:
        if path == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, out, 1 << 20)
        else:
            with path.open("rb") as pipe:
                shutil.copyfileobj(pipe, out, 1 << 20)
    if not copy.stat().st_size:
        raise InputError(f"{path}: nothing came through the pipe")
    return copy
