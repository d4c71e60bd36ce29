"""Taking names out of the accounts of ingests: those of a cohort that goes, or of people.

The accounts (tables `ingests` and `accounts`) quote file names, samples, lines of files. What
goes from a store goes from there, too.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.schema import Table
from varhouse.tables.shards import Manifest, write_shard

REMOVED = "removed"
_TEXTS = ("config", "summary", "account")
"""Columns that are JSON, of both tables."""


class Scrubber:
    """Takes names out of texts and JSON, where they stand as a word.

    Parameters
    ----------
    names
        What goes.
    stay
        Texts that stay as they are, be it that a name is part of them: names of cohorts.
    people
        The names are ids of people: `_` parts words, as in `S1_2026.vcf.gz`, and keys are none
        of them. Of another name entries go whose key holds it.
    """

    def __init__(
        self, names: Iterable[str], stay: Iterable[str] = (), *, people: bool = False
    ) -> None:
        self._names = frozenset(names)
        self._stay, self._keys = frozenset(stay), not people
        letter = r"[^\W_]" if people else r"\w"
        # The longest first: `S1-b` is not `S1` and a rest.
        words = "|".join(re.escape(n) for n in sorted(self._names, key=len, reverse=True))
        self._word = re.compile(rf"(?<!{letter})(?:{words})(?!{letter})")

    def holds(self, text: str) -> bool:
        """Tell whether a name stands in a text as a word."""
        return text not in self._stay and self._word.search(text) is not None

    def mask(self, text: str, give: Mapping[str, str]) -> str:
        """Replace names in a text by what `give` has for them."""
        return self._word.sub(lambda found: give[found[0]], text)

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
            kept = {k: v for k, v in data.items() if not (self._keys and self.holds(str(k)))}
            return {k: self.data(v) for k, v in kept.items()}
        if isinstance(data, list):
            return [self.data(v) for v in data if not self._is_one(v)]
        if isinstance(data, str) and self.holds(data):
            return REMOVED
        return data

    def _is_one(self, entry: Any) -> bool:
        gone = self._names - self._stay
        if isinstance(entry, dict):
            return any(isinstance(v, str) and v in gone for v in entry.values())
        return isinstance(entry, str) and entry in gone


def accounts_without(
    store: Store,
    table: Table,
    scrubber: Scrubber,
    account: Mapping[str, Any],
    work: Path,
    gone: Collection[str] = (),
) -> Manifest:
    """Write the accounts of all ingests without some names, and a new one.

    Parameters
    ----------
    table
        `ingests` or `accounts`.
    account
        The row that comes in.
    work
        Folder for the shard.
    gone
        Ids of ingests whose rows go.
    """
    rest = store.scan(table.name).filter(~pl.col("ingest_id").is_in(list(gone))).collect()
    rest = rest.with_columns(
        pl.Series(name, [scrubber.json(text) for text in rest[name]], pl.String)
        for name in _TEXTS
        if name in table.names
    )
    new = pl.DataFrame([account], schema=table.polars_schema)
    shard = write_shard(pl.concat([rest, new]), table, work, table.name, {})
    return Manifest([shard] if shard else [], [(table.name, {})])
