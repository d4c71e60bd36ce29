"""A file is taken in: what is wrong with it, and the shards of its records."""

import shutil
from pathlib import Path

from varhouse.files import write_json
from varhouse.ingest.jobs.plan import read_verdict
from varhouse.ingest.jobs.tasks import read_chunks
from varhouse.ingest.jobs.validate import validate_file
from varhouse.ingest.setup.run import Run

VERDICT = "verdict.json"
CHUNKS = "chunks.json"


def take_in(run: Run, cohort: str, number: int, folder: Path) -> None:
    """Check a file, and write the shards of its chunks unless it is held back.

    Writes `verdict.json`, a folder for each chunk and `chunks.json`, which lists them.

    Parameters
    ----------
    number
        0-based number of the file in the cohort.
    folder
        An empty folder, which gets its name when all is written.

    Raises
    ------
    InputError
        If the file changes meanwhile. What is wrong inside it stands in the verdict.
    """
    validate_file(run, cohort, number, folder / VERDICT)
    verdict = read_verdict(folder / VERDICT)
    if verdict["hold"]:
        write_json(folder / CHUNKS, [])
        return
    read_chunks(run, cohort, number, verdict, range(len(verdict["chunks"])), folder)


def share_of_chunks(verdict: Path, job: int, jobs: int) -> list[int]:
    """Choose the chunks of a file that one of the jobs that share it reads.

    Each has about as many bytes of the file as the others; how many jobs there are was
    decided before anything was known of the chunks.
    """
    chunks = read_verdict(verdict)["chunks"]
    sizes = [(c["end"] >> 16) - (c["begin"] >> 16) + 1 for c in chunks]
    total, before, out = sum(sizes), 0, []
    for k, size in enumerate(sizes):
        if (2 * before + size) * jobs // (2 * total) == job:
            out.append(k)
        before += size
    return out


def drop_shards(folder: Path) -> None:
    """Remove the shards of chunks in a folder, of what is held back; verdicts stay."""
    for chunk in [*folder.rglob("manifest.json")]:
        shutil.rmtree(chunk.parent, ignore_errors=True)
