"""Where the results of the functions on one file go: a file, a frame, or the caller."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from varhouse.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    Taker = Callable[[pl.DataFrame], object]
    Out = str | Path | Taker | None
    Alleles = str | Path | pl.DataFrame | pl.LazyFrame


def as_path(path: "str | Path | None") -> Path | None:
    """Give a path as a `Path`."""
    return None if path is None else Path(path)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """See that a parameter has one of its values.

    Raises
    ------
    UsageError
        If it has another.
    """
    if value not in choices:
        raise UsageError(f"{name}={value!r}", f"one of {', '.join(map(repr, choices))}")


def is_frame(alleles: "Alleles") -> "TypeGuard[pl.DataFrame | pl.LazyFrame]":
    """Tell whether something is a polars frame; polars is not imported to find out."""
    return hasattr(alleles, "lazy")


def collected(
    alleles: "pl.DataFrame | pl.LazyFrame", columns: Iterable[str]
) -> "pl.DataFrame":
    """Give a frame of alleles in memory.

    Raises
    ------
    UsageError
        If one of the columns is not in it.
    """
    frame: pl.DataFrame = alleles.lazy().collect()
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise UsageError(
            f"the frame has no column {', '.join(missing)}", f"name them {', '.join(columns)}"
        )
    return frame
