"""What capture kits give a store: their intervals, and where their people are assessed."""

from pathlib import Path

import polars as pl

from varhouse.ingest.setup.run import Run
from varhouse.tables.schema import KITS
from varhouse.tables.shards import Shard, write_shard


def kit_shards(run: Run, cohort: str, directory: Path) -> list[Shard | None]:
    """Write what the kits of a cohort cover: rows of the table `kits`; none without kits."""
    kits = run.kits(cohort)
    if kits is None:
        return []
    contigs = run.open_contigs()
    parts = {c: contigs.part(c) for c in kits.intervals["contig"].unique()}
    rows = kits.intervals.with_columns(
        pl.col("start") + 1,
        part=pl.col("contig").replace_strict(parts, return_dtype=pl.String),
        cohort=pl.lit(cohort),
    )
    # Folders and files are numbered: names of contigs could be the same for two of them.
    return [
        write_shard(
            mine, KITS, directory, f"kits-{k:05d}", {"cohort": cohort, "part": str(part)}
        )
        for k, ((part,), mine) in enumerate(rows.group_by("part", maintain_order=True))
    ]
