"""Ids of alleles, both ways, for a store that is asked again and again.

The table `ids` is sorted by id. So an id is found by the bounds of row groups and pages, in
each partition: a page is taken apart only if the bytes of the id stand in it. What rs ids
alleles of a place have, no bounds tell: of files that were asked for it several times the
numbers are kept in memory by position, 16 bytes an id, as long as there is room.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.query.pagefile import PageFile
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import IDS, KEY, WITHIN

ROOM = 256 << 20
"""Bytes of numbers by position: those of some 16 million ids."""

TIMES = 3
"""Questions about a partition before its numbers are put in order, which costs as much."""

_FIRST_RS, _BEHIND_RS = "rs", "rs:"


class _File(NamedTuple):
    """A file of ids: path, partition, least and greatest id (cut as the log has them)."""

    path: Path
    part: str
    low: str
    high: str


class _Numbers(NamedTuple):
    """rs numbers of a file by position.

    Attributes
    ----------
    pos
        int32[n], ascending.
    number
        int64[n].
    allele
        int32[n]: the place of its ref, alt and extent in `alleles`.
    """

    pos: npt.NDArray[np.int32]
    number: npt.NDArray[np.int64]
    allele: npt.NDArray[np.int32]
    alleles: list[tuple[str, str, str]]

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 16 * self.pos.size + 200 * len(self.alleles)


class IdIndex:
    """Finds alleles by id, and rs ids by allele, in the table `ids` of a release.

    Parameters
    ----------
    opened
        Gives files that stay open.
    """

    def __init__(self, store: Store, opened: Any) -> None:
        self._store = store
        self._opened = opened
        self._listed: list[_File] | None = None
        self._groups: dict[Path, tuple[list[str], list[str]] | None] = {}
        self._asked: dict[str, int] = {}
        self._numbers: OrderedDict[Path, _Numbers | None] = OrderedDict()
        self._held = 0

    def _files(self) -> list[_File]:
        if self._listed is None:
            files = self._store.file_frame(IDS.name)
            folder = table_folder(self._store.path, IDS)
            names = ["path", "partition.part", "min.id", "max.id"]
            self._listed = []
            if files.height and set(names) <= set(files.columns):
                self._listed = [
                    _File(folder / path, part, low, high)
                    for path, part, low, high in files.select(names).rows()
                ]
        return self._listed

    def find(self, text: str) -> pl.DataFrame | None:
        """Find the alleles (KEY) of an id; None: a scan has to."""
        if self._store.view.hidden_rows(IDS.name) or not self._files():
            return None
        found = []
        for file in self._files():
            if file.low is None or file.high is None:
                return None
            if not file.low <= text <= file.high:
                continue
            bounds = self._bounds(file.path)
            if bounds is None:
                return None
            least, most = bounds
            for g in range(bisect_left(most, text), bisect_right(least, text)):
                rows = self._in_group(file.path, g, text)
                if rows is None:
                    return None
                found += rows
        keys = pl.DataFrame(schema={n: IDS.polars_schema[n] for n in KEY})
        return pl.concat([keys, *found]).unique()

    def _in_group(self, path: Path, group: int, text: str) -> list[pl.DataFrame] | None:
        file: PageFile = self._opened.file(path)
        bounds = file.page_bounds(group, "id")
        columns = ["id", *KEY]
        if bounds is None or file.page_rows(group, columns) is None:
            return None
        raw = text.encode()
        found = []
        for page in range(bisect_left(bounds[1], raw), bisect_right(bounds[0], raw)):
            if file.may_hold_text(group, "id", page, text):
                rows = pl.DataFrame(file.read(group, columns, page, page))
                found.append(rows.filter(pl.col("id") == text).select(KEY))
        return found

    def _bounds(self, path: Path) -> tuple[list[str], list[str]] | None:
        if path not in self._groups:
            file: PageFile = self._opened.file(path)
            found = [file.bounds(g, "id") for g in range(file.footer.num_row_groups)]
            known = [b for b in found if b is not None]
            self._groups[path] = (
                ([b[0] for b in known], [b[1] for b in known])
                if len(known) == len(found)
                else None
            )
        return self._groups[path]

    def rs_numbers(
        self, contig: str, start: int, end: int
    ) -> Iterator[tuple[tuple[Any, ...], int]] | None:
        """Give rs numbers of alleles (WITHIN) at start..end; None: a scan has to."""
        part = self._store.assembly_contigs.part(contig)
        times = self._asked[part] = self._asked.get(part, 0) + 1
        if times < TIMES or part != contig:
            return None
        found = []
        for file in self._files():
            if file.part != part or file.low is None or file.high is None:
                continue
            if file.high < _FIRST_RS or file.low > _BEHIND_RS:
                continue
            numbers = self._of_file(file.path)
            if numbers is None:
                return None
            found.append(numbers)
        return _between(found, start, end)

    def _of_file(self, path: Path) -> _Numbers | None:
        if path in self._numbers:
            self._numbers.move_to_end(path)
            return self._numbers[path]
        found = self._numbers[path] = self._put_in_order(path)
        self._held += found.size if found is not None else 0
        while self._held > ROOM and len(self._numbers) > 1:
            _, gone = self._numbers.popitem(last=False)
            self._held -= gone.size if gone is not None else 0
        return found

    def _put_in_order(self, path: Path) -> _Numbers | None:
        # As `Overview` chooses them: ids that were merged into others are not those of today.
        is_rs = (pl.col("kind") == "rs") & ~pl.col("source").str.starts_with("merged:")
        rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).filter(is_rs)
        if hidden := self._store.view.hidden_rows(IDS.name):
            rows = rows.filter(~pl.sql_expr(hidden))
        number = pl.col("id").str.slice(2).cast(pl.Int64, strict=False).alias("number")
        known = rows.select("id", number, *WITHIN).collect()
        written = known.select(pl.format("rs{}", "number") == pl.col("id")).to_series()
        if known["number"].null_count() or not written.all():
            return None
        known = known.drop("id").sort("pos")
        names = list(WITHIN[1:])
        alleles = known.select(names).unique(maintain_order=True).with_row_index("allele")
        code = known.select(names).join(alleles, on=names, how="left", maintain_order="left")
        return _Numbers(
            known["pos"].to_numpy(),
            known["number"].to_numpy(),
            code["allele"].to_numpy().astype(np.int32),
            alleles.select(names).rows(),
        )


def _between(
    files: list[_Numbers], start: int, end: int
) -> Iterator[tuple[tuple[Any, ...], int]]:
    for file in files:
        a, b = np.searchsorted(file.pos, (start, end + 1)).tolist()
        pos, number = file.pos[a:b].tolist(), file.number[a:b].tolist()
        for p, n, k in zip(pos, number, file.allele[a:b].tolist(), strict=True):
            yield (p, *file.alleles[k]), n
