"""Taking names out of the accounts of ingests, with what goes from a store.

The accounts (tables `ingests` and `accounts`) quote file names, samples, lines of files. Here
is how the name of a cohort goes; for people see `varhouse.store.peopletexts`.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.store.reader import Store
from varhouse.store.words import REMOVED
from varhouse.tables.schema import Table
from varhouse.tables.shards import Manifest, write_shard

TEXTS = ("config", "summary", "account")
"""Columns that are JSON, of both tables."""


class Scrubber:
    """Takes names of cohorts out of texts and JSON, where they stand as a word.

    Parameters
    ----------
    names
        What goes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        # The longest first: `a-b` is not `a` and a rest.
        words = "|".join(re.escape(n) for n in sorted(self._names, key=len, reverse=True))
        self._word = re.compile(rf"(?<!\w)(?:{words})(?!\w)")

    def holds(self, text: str) -> bool:
        """Tell whether a name stands in a text as a word."""
        return self._word.search(text) is not None

    def json(self, text: str) -> str:
        """Take the names out of JSON; a text that is none goes if it holds one."""
        try:
            data = json.loads(text)
        except ValueError:
            return REMOVED if self.holds(text) else text
        return json.dumps(self.data(data), ensure_ascii=False)

    def data(self, data: Any) -> Any:
        """Take the names out of data: entries that are one, and every text that has one."""
        if isinstance(data, dict):
            return {k: self.data(v) for k, v in data.items() if not self.holds(str(k))}
        if isinstance(data, list):
            return [self.data(v) for v in data if not self._is_one(v)]
        if isinstance(data, str) and self.holds(data):
            return REMOVED
        return data

    def _is_one(self, entry: Any) -> bool:
        if isinstance(entry, dict):
            return any(isinstance(v, str) and v in self._names for v in entry.values())
        return isinstance(entry, str) and entry in self._names


def accounts_without(
    store: Store,
    table: Table,
    clean: Callable[[str], str],
    account: Mapping[str, Any],
    work: Path,
    gone: Collection[str] = (),
    columns: Collection[str] = TEXTS,
) -> Manifest:
    """Write the accounts of all ingests without some names, and a new one.

    Parameters
    ----------
    table
        `ingests` or `accounts`.
    clean
        Takes the names out of JSON of a row.
    account
        The row that comes in.
    work
        Folder for the shard.
    gone
        Ids of ingests whose rows go.
    columns
        Which of `TEXTS` are cleaned.
    """
    rest = store.scan(table.name).filter(~pl.col("ingest_id").is_in(list(gone))).collect()
    rest = rest.with_columns(
        pl.Series(name, [clean(text) for text in rest[name]], pl.String)
        for name in columns
        if name in table.names
    )
    new = pl.DataFrame([account], schema=table.polars_schema)
    shard = write_shard(pl.concat([rest, new]), table, work, table.name, {})
    return Manifest([shard] if shard else [], [(table.name, {})])
