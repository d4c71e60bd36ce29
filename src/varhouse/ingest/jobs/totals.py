"""Totals of the partitions that an ingest touches, made anew from all cohorts."""

from pathlib import Path

from varhouse.files import read_json
from varhouse.ingest.setup.run import Run
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.store.retract import callable_files, frequency_files
from varhouse.tables.schema import CALLABLE
from varhouse.tables.shards import Manifest, Shard, read_manifest, write_manifest
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
    base = run.base()
    new: dict[str, dict[str, list[CohortFile]]] = {part: {} for part in parts}
    without: dict[str, list[str]] = {part: [] for part in parts}
    for folder in cohort_folders:
        if read_json(folder / "summary.json")["hold"]:
            continue
        manifest = read_manifest(folder / "manifest.json")
        for part in _changed_parts(folder.name, manifest, parts):
            without[part].append(folder.name)
            if run.cohort(folder.name).grows:
                stay = _callable_left(base, folder.name, part, manifest)
                new[part].setdefault("callable", []).extend(stay)
        for shard in manifest.shards:
            if shard.partition.get("part") in new:
                file = CohortFile(folder.name, shard.path, shard.rows)
                new[shard.partition["part"]].setdefault(shard.table, []).append(file)
    shards: list[Shard] = []
    for i, part in enumerate(sorted(new)):
        files = [
            *frequency_files(base, part, without[part]),
            *new[part].get("frequencies", []),
        ]
        assessed = [*callable_files(base, part, without[part]), *new[part].get("callable", [])]
        shards += write_totals(part, files, directory, f"totals-{i:05d}", assessed)
    replaced = [("totals", {"part": part}) for part in sorted(new)]
    write_manifest(directory / "manifest.json", shards, replaced)


def _changed_parts(cohort: str, manifest: Manifest, parts: list[str]) -> list[str]:
    """Name the partitions of which a cohort's counts are other ones now.

    Of a cohort that grows, those that somebody comes into or goes from.
    """
    return [
        part
        for part in parts
        if any(
            table == "frequencies"
            and where.items() <= {"cohort": cohort, "part": part}.items()
            for table, where in manifest.replace
        )
    ]


def _callable_left(
    base: Store, cohort: str, part: str, manifest: Manifest
) -> list[CohortFile]:
    """List the files of callable that stay of a cohort that grows."""
    root = table_folder(base.path, CALLABLE)
    gone = {str(root / file) for table, file in manifest.remove if table == CALLABLE.name}
    files = callable_files(base, part)
    return [f for f in files if f.cohort == cohort and f.path not in gone]
