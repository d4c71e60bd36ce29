"""What was read of a store while a question was answered: for `varhouse query --explain`.

Nothing is guessed: a scan that polars carries out asks for its columns here, after its
optimiser has taken away what nobody needs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from varhouse.store.plan import Plan


@dataclass
class Touched:
    """What an answer read.

    Attributes
    ----------
    scans
        Scans of polars, each by its plan and with the columns that it read.
    groups
        What others read by themselves: a file, row groups of it (0-based), columns.
    """

    scans: list[tuple[Plan, list[str]]] = field(default_factory=list)
    groups: list[tuple[Path, list[int], list[str]]] = field(default_factory=list)


_RECORD: ContextVar[Touched | None] = ContextVar("touched", default=None)


@contextmanager
def recording() -> Iterator[Touched]:
    """Record what is read in this context."""
    found = Touched()
    token = _RECORD.set(found)
    try:
        yield found
    finally:
        _RECORD.reset(token)


def note_groups(path: Path, groups: Iterable[int], columns: Iterable[str]) -> None:
    """Record that row groups of a file are read, without a scan of the store."""
    if (record := _RECORD.get()) is not None:
        record.groups.append((path, list(groups), list(columns)))


def recorded(plan: Plan, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Give the scan of a plan; where somebody records, it is recorded when it is read."""
    record = _RECORD.get()
    if record is None or not plan.files.height:
        return frame

    def source(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        wanted = frame if predicate is None else frame.filter(predicate)
        wanted = wanted if columns is None else wanted.select(columns)
        used = set(plan.declared.names if columns is None else columns)
        used |= set() if predicate is None else set(predicate.meta.root_names())
        record.scans.append((plan, [n for n in plan.declared.names if n in used]))
        yield (wanted if n_rows is None else wanted.head(n_rows)).collect()

    return register_io_source(source, schema=frame.collect_schema(), explain_name="recorded")
