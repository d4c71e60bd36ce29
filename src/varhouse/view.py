"""Who may see what: every way out of a store goes through one view.

A view says which tables, columns and rows an audience gets. It denies what nothing allows:
a table or column is public only where its declaration in `schema` says so, a source only
where its configuration lets it be passed on. Readers ask the view, never the declarations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from varhouse.account import withhold
from varhouse.errors import AccessError, UsageError
from varhouse.tables.schema import ACCOUNTS, Table

OWN = "own"
PUBLIC = "public"
AUDIENCES = (OWN, PUBLIC)
"""Whoever may read the files of the store; anybody at all."""

_ANNOTATIONS = "annotations_"
_PUBLIC_META = ("format", "assembly", "created", "created_by", "reference", "event")


@dataclass(frozen=True)
class View:
    """What an audience sees.

    Attributes
    ----------
    audience
        One of `AUDIENCES`.
    withheld
        Sources that may not be passed on; only a public view leaves them out.
    """

    audience: str = OWN
    withheld: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.audience not in AUDIENCES:
            raise UsageError(
                f"no audience is called {self.audience!r}", f"one of {', '.join(AUDIENCES)}"
            )

    @property
    def is_public(self) -> bool:
        """Tell whether what it shows may be given to anybody."""
        return self.audience == PUBLIC

    def without(self, sources: Iterable[str]) -> "View":
        """Give the view that withholds further sources."""
        return replace(self, withheld=tuple(sorted({*self.withheld, *sources})))

    def shows_source(self, name: str) -> bool:
        """Tell whether a source of annotations is shown."""
        return not self.is_public or name not in self.withheld

    def shows(self, table: Table) -> bool:
        """Tell whether anything of a table is shown."""
        if not self.is_public:
            return True
        is_source = table.name.startswith(_ANNOTATIONS)
        if is_source and not self.shows_source(table.name.removeprefix(_ANNOTATIONS)):
            return False
        return table.root == "open" and bool(table.public)

    def show(self, table: Table) -> Table:
        """Give a table with the columns that are shown.

        Raises
        ------
        AccessError
            If the audience does not get the table.
        """
        if not self.is_public:
            return table
        if not self.shows(table):
            raise self.refuse(table.name)
        kept = tuple(c for c in table.columns if c.name in table.public)
        return replace(
            table,
            columns=kept,
            partition=tuple(n for n in table.partition if n in table.public),
            sort=tuple(n for n in table.sort if n in table.public),
        )

    def refuse(self, name: str) -> AccessError:
        """Say that the audience does not get a table."""
        if not self.shows_source(name.removeprefix(_ANNOTATIONS)):
            return AccessError(
                f"table {name} may not be passed on: its source says redistribute: false",
                "leave out --public for your own eyes, or choose another table",
            )
        return AccessError(
            f"table {name} is not public: it tells of single people, files or lines",
            "leave out --public for your own eyes, or choose another table",
        )

    def show_meta(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is shown of what a release says about itself."""
        if not self.is_public:
            return dict(meta)
        shown = {k: meta[k] for k in _PUBLIC_META if k in meta}
        if "event" in shown:
            # Names of files and of what was held back are inside.
            event = shown["event"].items()
            shown["event"] = {k: v for k, v in event if isinstance(v, int | float | bool)}
        versions = meta.get("annotation", {}).get("versions", {})
        kept = {name: v for name, v in versions.items() if self.shows_source(name)}
        return {**shown, "annotation": {"versions": kept}}

    def hidden_rows(self, name: str) -> str | None:
        """Give the condition on rows of a table that are left out; SQL, or None.

        Ids that only a withheld source knows, and what the files of a cohort call an
        allele unless it is an rs id: such an id may hold anything.
        """
        if not self.is_public or name != "ids":
            return None
        hidden = [f"{kind}:{s}" for s in self.withheld for kind in ("source", "merged")]
        known = f" OR source IN ({', '.join(map(quote_text, hidden))})" if hidden else ""
        return f"(kind = 'other' AND source LIKE 'cohort:%'){known}"

    def rewrites(self, name: str) -> bool:
        """Tell whether a table has rows that are shown otherwise than they are stored."""
        return self.is_public and name == ACCOUNTS.name

    def show_rows(self, name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Give rows of a table as they are shown.

        An account that was written before a source was withheld names it.
        """
        if not self.rewrites(name):
            return frame
        shown = pl.col("account").map_elements(
            lambda text: withhold(text, self.withheld), return_dtype=pl.String
        )
        return frame.with_columns(shown)


def quote_text(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"
