"""What a view shows of a governed store: cohorts, sources, columns, and of what files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.sharing.viewaccount import digest_json
from varhouse.store.reader import Store
from varhouse.store.retract import callable_files, frequency_files
from varhouse.tables.schema import FREQUENCIES, Table
from varhouse.tables.totals import CohortFile


@dataclass(frozen=True)
class Origin:
    """What a view shows of a store.

    Attributes
    ----------
    store
        The release that is shown.
    cohorts
        Those that are shown: name to the release that their rows are taken from, which is
        another one where a cohort is held.
    withheld
        Sources that are not passed on.
    shown
        Gives the names of the columns of a table that are shown.
    """

    store: Store
    cohorts: Mapping[str, Store]
    withheld: frozenset[str]
    shown: Callable[[Table], frozenset[str]]

    def files(self, table: str, part: str) -> list[CohortFile]:
        """List the files of frequencies or callable of a partition that are shown."""
        list_files = frequency_files if table == FREQUENCIES.name else callable_files
        by_release = {s.release: s for s in self.cohorts.values()}
        return [
            f
            for number, store in sorted(by_release.items())
            for f in list_files(store, part)
            if f.cohort in self.cohorts and self.cohorts[f.cohort].release == number
        ]

    def sources(self) -> list[str]:
        """Name the tables of annotations that are shown."""
        tables = (t for t in self.store.tables if t.startswith("annotations_"))
        return [t for t in tables if t.removeprefix("annotations_") not in self.withheld]

    def parts(self) -> list[str]:
        """List the partitions of the assembly."""
        contigs = self.store.scan("contigs").select("part", "ordinal").collect()
        return list(dict.fromkeys(contigs.sort("ordinal")["part"]))

    def key_of(self, part: str) -> str:
        """Digest what the rows of a partition are made of: the names of files say all."""
        names = [
            (f.cohort, Path(f.path).name, f.rows)
            for t in ("frequencies", "callable")
            for f in self.files(t, part)
        ]
        tables = ["variants", "ids", "consequences", *self.sources()]
        for table in tables:
            names += [(table, p, 0) for p in self.store.file_frame(table, part=part)["path"]]
        for cohort, store in self.cohorts.items():
            kits = store.file_frame("kits", part=part, cohort=cohort)
            names += [(cohort, p, 0) for p in kits["path"]]
        return digest_json(sorted(names))

    def hide(self, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
        """Empty the columns that are not shown: null, or what stands for nothing."""
        kept = self.shown(table)
        gone = (c for c in table.columns if c.name not in kept and c.name in rows.columns)
        return rows.with_columns(
            pl.lit(None if c.nullable else _nothing(c.dtype), c.dtype).alias(c.name)
            for c in gone
        )


@dataclass(frozen=True)
class Shown:
    """An earlier release of a view, and the people who are in it or in the new one alone.

    Attributes
    ----------
    store
        Its store.
    changed
        cohort (null: all together), stratum_by, stratum and `people`, how many they are.
    same_role
        It is of the same role, not of a more open one.
    origin
        What it was made of, if it shows rounded counts; None: it does not, or that is gone.
    hid
        Partitions of which it kept rows of totals back.
    """

    store: Store
    changed: pl.DataFrame
    same_role: bool = True
    origin: Origin | None = None
    hid: frozenset[str] = frozenset()


def _nothing(dtype: object) -> object:
    """Give what stands in a column that may not be null and is not shown."""
    if isinstance(dtype, pl.List):
        return []
    return {pl.String: "", pl.Boolean: False}.get(dtype, 0)  # type: ignore[call-overload]
