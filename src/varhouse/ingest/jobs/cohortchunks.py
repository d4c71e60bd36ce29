"""The chunks of a cohort that were read, as the cohort step finds and changes them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from varhouse.files import read_json
from varhouse.frequencies.count import SAMPLE_COUNTS
from varhouse.ingest.jobs.tasks import (
    PEOPLE,
)
from varhouse.ingest.setup.run import RunCohort
from varhouse.tables.labels import Labels
from varhouse.tables.shards import (
    Shard,
    read_manifest,
)


@dataclass
class CohortChunk:
    """A chunk of a file; `file` is the place of that among the files that come in."""

    folder: Path
    file: int
    number: int
    part: str
    info: dict[str, Any]
    shards: list[Shard]
    alleles: Path | None
    labels: Labels
    people: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 8), np.int64))
    """Counts per sample column of all chunks of the part, which share them."""
    extra: list[Shard] = field(default_factory=list)


def load_chunks(cohort: RunCohort, tasks: list[Path], labels: Labels) -> list[CohortChunk]:
    """Read what the parts of a cohort list (`chunks.json`), by file and number."""
    place_of = {number: k for k, number in enumerate(cohort.numbers)}
    chunks = []
    for task in tasks:
        people = task.with_name(PEOPLE)
        counts = (
            np.load(people) if people.exists() else np.zeros((0, len(SAMPLE_COUNTS)), np.int64)
        )
        for info in read_json(task):
            folder = task.parent / info["folder"]
            number = int(info["folder"].rsplit("-", 1)[1])
            alleles = folder / "alleles.parquet"
            chunks.append(
                CohortChunk(
                    folder,
                    place_of[info["file"]],
                    number,
                    info["part"],
                    info,
                    read_manifest(folder / "manifest.json").shards,
                    alleles if alleles.exists() else None,
                    labels,
                    counts,
                )
            )
    return sorted(chunks, key=lambda c: (c.file, c.number))
