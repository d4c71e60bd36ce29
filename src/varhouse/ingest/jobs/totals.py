"""Totals of the partitions that an ingest touches, made anew from all cohorts."""

from pathlib import Path

import polars as pl

from varhouse.files import read_json
from varhouse.ingest.setup.run import Run
from varhouse.store.retract import prepare_totals
from varhouse.tables.schema import FREQUENCIES
from varhouse.tables.shards import read_manifest, write_manifest


def add_totals(
    run: Run, parts: list[str], cohort_folders: list[Path], directory: Path
) -> None:
    """Write the shards of `totals` for some partitions.

    Parameters
    ----------
    cohort_folders
        Folders of the cohorts that come in; their rows replace those in the store.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = [c for c in FREQUENCIES.names if c not in ("cohort", "part")]
    frames, without = [], []
    for folder in cohort_folders:
        if read_json(folder / "summary.json")["hold"]:
            continue
        without.append(folder.name)
        for shard in read_manifest(folder / "manifest.json").shards:
            if shard.table == "frequencies" and shard.partition["part"] in parts:
                frames.append(
                    pl.scan_parquet(shard.path, hive_partitioning=False, glob=False)
                    .select(names)
                    .with_columns(pl.lit(v).alias(k) for k, v in shard.partition.items())
                )
    manifest = prepare_totals(
        run.base(), parts, directory, without=without,
        incoming=pl.concat(frames) if frames else None,
    )  # fmt: skip
    write_manifest(directory / "manifest.json", manifest.shards, manifest.replace)
