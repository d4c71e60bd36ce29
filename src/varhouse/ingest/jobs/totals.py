"""Totals of the partitions that an ingest touches, made anew from all cohorts."""

from pathlib import Path

from varhouse.files import read_json
from varhouse.ingest.setup.run import Run
from varhouse.store.retract import callable_files, frequency_files
from varhouse.tables.shards import Shard, read_manifest, write_manifest
from varhouse.tables.totals import CohortFile, write_totals


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
    new: dict[str, dict[str, list[CohortFile]]] = {part: {} for part in parts}
    without = []
    for folder in cohort_folders:
        if read_json(folder / "summary.json")["hold"]:
            continue
        without.append(folder.name)
        for shard in read_manifest(folder / "manifest.json").shards:
            if shard.partition.get("part") in new:
                file = CohortFile(folder.name, shard.path, shard.rows)
                new[shard.partition["part"]].setdefault(shard.table, []).append(file)
    base = run.base()
    shards: list[Shard] = []
    for i, part in enumerate(sorted(new)):
        files = [*frequency_files(base, part, without), *new[part].get("frequencies", [])]
        assessed = [*callable_files(base, part, without), *new[part].get("callable", [])]
        shards += write_totals(part, files, directory, f"totals-{i:05d}", assessed)
    replaced = [("totals", {"part": part}) for part in sorted(new)]
    write_manifest(directory / "manifest.json", shards, replaced)
