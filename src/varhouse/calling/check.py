"""All files of reads are read once before any work, large ones by jobs.

What was found is kept by the state of the files, so a second run reads nothing again.
"""

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from varhouse.calling.run import key_of
from varhouse.calling.sizing import CHECK_JOB_BYTES
from varhouse.filestate import file_state
from varhouse.reads.fastq import check_lane_once, known_facts
from varhouse.reads.model import Lane, LaneFacts, Person

_INLINE_BYTES = 64 << 20
"""Bytes of files up to which other processes would cost more than they save."""


def check_lanes(
    lanes: Sequence[Lane],
    folder: Path,
    contigs: Mapping[str, int],
    digests: Mapping[str, str],
    *,
    processes: int = 1,
) -> list[LaneFacts]:
    """Read the files of lanes; what is wrong stands in the facts.

    Parameters
    ----------
    folder
        Where facts are kept.
    contigs, digests
        Of the reference: lengths of contigs and MD5 of their bases, with which alignments
        are compared.
    processes
        Lanes that are read at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    one = partial(check_lane_once, folder=folder, contigs=contigs, digests=digests)
    unread = unread_lanes(lanes, folder, contigs, digests)
    small = sum(map(lane_bytes, unread)) <= _INLINE_BYTES
    if processes == 1 or len(lanes) < 2 or small:
        return [one(lane) for lane in lanes]
    # Not forked: polars and numba have threads by now.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(lanes)), mp_context=context) as pool:
        return list(pool.map(one, lanes))


def unread_lanes(
    lanes: Sequence[Lane],
    folder: Path,
    contigs: Mapping[str, int],
    digests: Mapping[str, str],
) -> list[Lane]:
    """List the lanes of which nothing is known, or of which a file has changed since."""

    def is_known(lane: Lane) -> bool:
        return known_facts(lane, folder, contigs=contigs, digests=digests) is not None

    return [lane for lane in lanes if not is_known(lane)]


def lane_bytes(lane: Lane) -> int:
    """Bytes of the files of a lane."""
    return sum(Path(f).stat().st_size for f in lane.files)


def share_check(
    people: Sequence[Person], unread: Sequence[Lane]
) -> dict[str, list[tuple[int, int]]]:
    """Share the lanes that are unread out to jobs; keys are of the state of their files."""
    wanted = {(x.cohort, x.sample, x.lane) for x in unread}
    jobs: list[list[tuple[int, int]]] = []
    held = CHECK_JOB_BYTES
    for p, person in enumerate(people):
        for k, lane in enumerate(person.lanes):
            if (lane.cohort, lane.sample, lane.lane) not in wanted:
                continue
            if held >= CHECK_JOB_BYTES:
                jobs.append([])
                held = 0
            jobs[-1].append((p, k))
            held += lane_bytes(lane)
    out = {}
    for job in jobs:
        files = [f for p, k in job for f in people[p].lanes[k].files]
        out[key_of("check", [(f, file_state(Path(f))) for f in files])] = job
    return out
