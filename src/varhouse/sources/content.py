"""What a compiled source holds of each contig, as one hash.

Rows count, not their file, their order, or how the file was cut into pieces: a release
of a source that says the same of a contig has the same hash of it.
"""

import polars as pl

from varhouse.sources.compiled import CompiledSource
from varhouse.tables.digest import combine
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import Column, Table

EVERYWHERE = "*"
"""Stands for every contig: rows of a source by gene lie on none in particular."""


def content_digests(source: CompiledSource) -> dict[str, str]:
    """Digest the rows of each contig of a compiled source.

    Returns
    -------
    dict
        Contig (`*` for a source of kind `gene`) to a digest; contigs without rows have
        none. Of columns, names and values count.
    """
    if source.kind == "gene":
        rows = pl.read_parquet(source.folder / "rows-0.parquet", glob=False)
        return {EVERYWHERE: _text([_digest(rows)], rows.height)} if rows.height else {}
    index = pl.read_parquet(source.folder / "index.parquet", glob=False)
    sums: dict[str, list[tuple[int, int]]] = {}
    count: dict[str, int] = {}
    for (number,), mine in index.group_by("file", maintain_order=True):
        held = pl.read_parquet(source.folder / f"rows-{number}.parquet", glob=False)
        for contig, offset, n in mine.select("contig", "offset", "rows").rows():
            sums.setdefault(contig, []).append(_digest(held[offset : offset + n]))
            count[contig] = count.get(contig, 0) + n
    return {contig: _text(found, count[contig]) for contig, found in sums.items()}


def _digest(rows: pl.DataFrame) -> tuple[int, int]:
    columns = tuple(Column(n, t, "", nullable=True) for n, t in rows.schema.items())
    return digest_frame(rows, Table("source", "open", "", columns))


def _text(sums: list[tuple[int, int]], rows: int) -> str:
    return f"{rows} " + " ".join(f"{s:016x}" for s in combine(sums))
