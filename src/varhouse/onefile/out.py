"""Where the results of the functions on one file go: a file, a frame, or the caller."""

import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeGuard, TypeVar

from varhouse.errors import UsageError, not_opened

if TYPE_CHECKING:
    import polars as pl

    Taker = Callable[[pl.DataFrame], object]
    Out = str | Path | Taker | None
    Alleles = str | Path | pl.DataFrame | pl.LazyFrame


P = ParamSpec("P")
R = TypeVar("R")


TABLES = {
    ".parquet": "parquet", ".tsv": "tsv", ".tsv.gz": "tsv", ".csv": "csv", ".csv.gz": "csv",
    ".xlsx": "xlsx",
}  # fmt: skip
"""Endings of tables of annotated alleles, and the formats that they stand for."""


def table_format(output: Path) -> str | None:
    """Give the format of a table by the ending of its file; None: it is none."""
    return next((f for ending, f in TABLES.items() if output.name.endswith(ending)), None)


def tells_paths(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function raise an `InputError` where a path that it is given cannot be opened.

    Any other error of the system is nobody's mistake, or that of a function that was given.
    """

    @wraps(function)
    def call(*args: P.args, **more: P.kwargs) -> R:
        try:
            return function(*args, **more)
        except OSError as error:
            values = (*args, *more.values())
            given = [Path(v).absolute() for v in values if isinstance(v, (str, Path))]
            mistake = not_opened(error)
            if mistake is None or error.filename is None:
                raise
            if Path(os.fsdecode(error.filename)).absolute() not in given:
                raise
            raise mistake from error

    return call


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
        If one of the columns is not in it, or holds what is none of its type.
    """
    import polars as pl  # noqa: PLC0415 - whoever has a frame has imported it

    from varhouse.tables.schema import KEY_SCHEMA  # noqa: PLC0415

    frame: pl.DataFrame = alleles.lazy().collect()
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise UsageError(
            f"the frame has no column {', '.join(missing)}", f"name them {', '.join(columns)}"
        )
    for column in columns:
        given, wanted = frame[column], KEY_SCHEMA[column]
        if given.dtype == wanted:
            continue
        try:
            lost = given.filter(
                given.cast(wanted, strict=False).is_null() & given.is_not_null()
            )
        except pl.exceptions.PolarsError:
            lost = given.head(1)
        if lost.len():
            raise UsageError(f"column {column}: {lost.to_list()[0]!r} cannot be {wanted}")
    return frame
