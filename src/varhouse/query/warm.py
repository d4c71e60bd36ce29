"""A store that is asked again and again, and what it keeps between questions."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from varhouse.store.reader import Store

if TYPE_CHECKING:
    # It loads pyarrow, which a command that asks once does without.
    from varhouse.query.placed import PlacedRows

T = TypeVar("T")


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
    def gene_rows(self) -> pl.DataFrame:
        """The table genes, with `low_name` and `low_id`: symbol and id in lower case."""
        low = [
            pl.col(f"gene_{n}").str.to_lowercase().alias(f"low_{n}") for n in ("name", "id")
        ]
        return self.scan("genes").collect().with_columns(low)

    @cached_property
    def _made(self) -> dict[object, object]:
        return {}

    def kept(self, make: Callable[[Store], T]) -> T:
        """Give what `make` makes of this store, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        found: T = self._made[make]  # type: ignore[assignment]
        return found


def placed_rows(store: Store) -> "PlacedRows | None":
    """Give a store's open files; None of a store that is asked once, as by a command."""
    return store.placed if isinstance(store, WarmStore) and store.is_warm else None
