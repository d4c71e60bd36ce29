"""What a compiled source holds of each contig, as one hash.

Rows count, not their file, their order, or how the file was cut into pieces: a release
of a source that says the same of a contig has the same hash of it.
"""

import polars as pl

from varhouse.tables.digest import Sums, combine
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import Column, Table

EVERYWHERE = "*"
"""Stands for every contig: rows of a source by gene lie on none in particular."""


class ContentSums:
    """Digests the rows of each contig while they are written."""

    def __init__(self) -> None:
        self._sums: dict[str, Sums] = {}
        self._rows: dict[str, int] = {}

    def add(self, contig: str, rows: pl.DataFrame) -> None:
        """Add rows of a contig (`EVERYWHERE` for a source by gene)."""
        if rows.is_empty():
            return
        columns = tuple(Column(n, t, "", nullable=True) for n, t in rows.schema.items())
        sums = digest_frame(rows, Table("source", "open", "", columns))
        self._sums[contig] = combine([self._sums.get(contig, (0, 0)), sums])
        self._rows[contig] = self._rows.get(contig, 0) + rows.height

    def digests(self) -> dict[str, str]:
        """Give contig to digest; contigs without rows have none.

        Of columns, names and values count.
        """
        return {
            contig: f"{self._rows[contig]} " + " ".join(f"{s:016x}" for s in sums)
            for contig, sums in self._sums.items()
        }
