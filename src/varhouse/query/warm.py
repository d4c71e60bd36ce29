"""A store that is asked again and again, and what it keeps between questions."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
from polars.io.plugins import register_io_source

from varhouse.store.pruning import Wanted
from varhouse.store.reader import Store

if TYPE_CHECKING:
    # It loads pyarrow, which a command that asks once does without.
    from varhouse.query.placed import PlacedRows

T = TypeVar("T")

FEW_COLUMNS = 16
"""Columns of a table that is read at once: to read those that are asked for costs a plan."""


class WarmStore(Store):
    """A store at one release that keeps open what questions need.

    A release never changes, so what was read of it stays true. What is kept is bounded: see
    `placed` and `idindex`.
    """

    _asked = 0
    """Questions so far."""

    @property
    def is_warm(self) -> bool:
        """Tell whether it was asked before; who asks once, as a command, keeps nothing."""
        return self._asked > 1

    @cached_property
    def placed(self) -> "PlacedRows":
        """Rows by place, from files that stay open."""
        from varhouse.query.placed import PlacedRows  # noqa: PLC0415

        return PlacedRows(self)

    @cached_property
    def _made(self) -> dict[object, object]:
        return {}

    def table(self, name: str, region: str | None = None, **partition: Wanted) -> pl.LazyFrame:
        """Scan a table, as `Store.table`; each region is a question."""
        if region is not None:
            self._asked += 1
        return super().table(name, region, **partition)

    def scan(self, table: str, **filters: Any) -> pl.LazyFrame:
        """Scan a table, as `Store.scan`; a place from pages that are open, if it is warm."""
        found = self._scan_place(table, **filters) if self.is_warm else None
        return super().scan(table, **filters) if found is None else found

    def _scan_place(
        self,
        table: str,
        contig: str | None = None,
        start: int | None = None,
        end: int | None = None,
        cohort: Wanted = None,
        **others: Any,
    ) -> pl.LazyFrame | None:
        """Scan a place; None: it is not one, or its rows are many."""
        if contig is None or start is None or end is None:
            return None
        if any(v is not None for v in others.values()):
            return None
        if isinstance(cohort, list) or table == "contigs":
            return None
        own = self.assembly_contigs.canonical(contig)
        if own is None or table not in self.record.tables:
            return None
        names = self.declaration(table).names
        if len(names) <= FEW_COLUMNS:
            rows = self.placed.rows(table, own, start, end, cohort=cohort)
            return None if rows is None else rows.lazy()
        if self.placed.count(table, own, start, end, cohort) is None:
            return None
        plain = super().scan

        def read(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,
            _batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            columns = list(with_columns or names)
            asked = predicate.meta.root_names() if predicate is not None else []
            needed = list(dict.fromkeys([*columns, *asked]))
            rows = self.placed.rows(table, own, start, end, needed, cohort)
            if rows is None:
                given = {"cohort": cohort} if cohort is not None else {}
                frame = plain(table, contig=own, start=start, end=end, **given)
                rows = frame.select(needed).collect()
            if predicate is not None:
                rows = rows.filter(predicate)
            rows = rows if n_rows is None else rows.head(n_rows)
            yield rows if rows.columns == columns else rows.select(columns)

        schema = self.declaration(table).polars_schema
        return register_io_source(read, schema=schema, is_pure=True)

    def kept(self, make: Callable[[Store], T]) -> T:
        """Give what `make` makes of this store, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        found: T = self._made[make]  # type: ignore[assignment]
        return found


def placed_rows(store: Store) -> "PlacedRows | None":
    """Give a store's open files; None of a store that is asked once, as by a command."""
    return store.placed if isinstance(store, WarmStore) and store.is_warm else None
