"""Histories of many small releases, made by commits alone: some tenths of a second for ten."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

from store_builders import DEMO, fill

from varhouse.store import commit as commit_module
from varhouse.store.commit import commit
from varhouse.store.layout import staging_folder
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases
from varhouse.tables.labels import Labels
from varhouse.tables.schema import FILES, INGESTS, SAMPLES, VARIANTS, Table
from varhouse.tables.shards import Manifest, Shard, write_shard

PARTS = ("1", "HLA-A*01:01")


@contextmanager
def made_on(day: date) -> Iterator[None]:
    """Let releases say that they were made on a day."""
    with mock.patch.object(commit_module, "utc_now", return_value=f"{day}T03:00:00Z"):
        yield


def add_releases(
    path: Path, n: int, rng: random.Random, start: date = date(2025, 1, 1)
) -> None:
    """Make so many releases, a day each: rows come, are replaced, and go again."""
    for _ in range(n):
        number = list_releases(path)[-1] + 1
        with made_on(start + timedelta(days=number - 1)):
            add_release(path, number, rng)


def add_release(path: Path, number: int, rng: random.Random) -> None:
    """Make the next release of a history."""
    ingest_id = f"night-{number:04d}"
    work = staging_folder(path, ingest_id)
    part, cohort = rng.choice(PARTS), f"cohort{rng.randrange(3)}"
    shards, replace, remove = [], [("ingests", {})], []
    place = {"contig": part, "part": part}
    alleles = [
        place | {"pos": p, "end": p, "ref": "A", "alt": "C"}
        for p in sorted(rng.sample(range(1, 400), 3))
    ]
    shards += _shards(VARIANTS, alleles, work, {"part": part})
    if rng.random() < 0.4:
        replace.append(("variants", {"part": part}))
    elif rng.random() < 0.3:
        held = open_store(path).file_frame("variants")["path"].to_list()
        remove += [("variants", f) for f in held[:1]]
    people = [{"cohort": cohort, "sample": f"P{number}-{i}", "ordinal": i} for i in range(2)]
    shards += _shards(SAMPLES, people, work, {"cohort": cohort})
    shards += _shards(
        FILES, [{"cohort": cohort, "ingest_id": ingest_id}], work, {"cohort": cohort}
    )
    replace += [(name, {"cohort": cohort}) for name in ("samples", "files")]
    has_demo = "annotations_demo" in open_store(path).tables
    if has_demo and rng.random() < 0.3:
        # The source goes: the table ends.
        replace.append(("annotations_demo", {}))
    elif rng.random() < 0.4:
        scores = [a | {"score": float(number), "source_version": "1"} for a in alleles]
        shards += _shards(DEMO, scores, work, {"part": part})
        replace.append(("annotations_demo", {"part": part}))
    row = {"ingest_id": ingest_id, "config": "{}", "summary": "{}"}
    shards += _shards(INGESTS, [row], work, {})
    base = list_releases(path)[-1]
    commit(
        path,
        [Manifest(shards, replace, remove)],
        ingest_id=ingest_id,
        operation="ingest",
        base_release=base,
    )


def _shards(
    table: Table, rows: list[dict], work: Path, partition: dict[str, str]
) -> list[Shard]:
    keep = [c.name for c in table.columns]
    frame = fill(table, [{k: v for k, v in r.items() if k in keep} for r in rows])
    people = {r["ordinal"]: r["sample"] for r in rows if "ordinal" in r}
    labels = Labels({0: ("", [])}, people)
    shard = write_shard(frame, table, work, table.name, partition, labels)
    return [shard] if shard else []
