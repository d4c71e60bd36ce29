"""How the work of `varhouse call` is shared out to jobs, and what these need.

All is decided by the reference and by how many bases were read of somebody, never by cores:
a run that was killed finds its own spans and jobs again. Measured figures:
docs/reads-accuracy.md.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from varhouse.calling.settings import Settings
from varhouse.reads.model import Span
from varhouse.reads.othertools import INDEXES

SPAN_BASES = 5_000_000
"""Bases of a span: dense arrays of what is known of each base stay below 100 MB."""

WHOLE_CONTIG = 1_000_000
"""A contig up to this length is one span: MT with its thousands of reads a base is never cut,
and which of them are looked at does not depend on a cut."""

WHOLE_SECONDS = 300.0
"""Work up to which one job does all of somebody: a job costs 2 s of start, and its BAM would
be read again from the disk."""

JOB_SECONDS = 1800.0
"""Work of a job that calls a share: what a failure of the machine may cost at once."""

MOST_JOBS = 64
"""Jobs that call shares of one person, at most."""

CHECK_BYTES = 2 << 30
"""Bytes of files up to which the command itself reads them before all work (about 40 CPU
seconds); more are read by jobs."""

CHECK_JOB_BYTES = 20 << 30
"""Bytes that a job reads: some minutes."""

THREADS = 8
"""Threads of a job that aligns, at most: each holds reads of its own."""

_ALIGN_SECONDS = 700e-9
"""CPU seconds a base to align, sort and mark; of a genome with repeats."""

_CALL_SECONDS = 250e-9
"""CPU seconds a base to call."""

_SNAKEMAKE_MB = 350
"""What a cluster's job needs besides its step: two Snakemakes of 160 MB each (measured)."""

_INDEX_BYTES, _BUILD_BYTES = 1.8, 5.6
"""Bytes a base of the reference that the aligner's index takes in memory, and that making it
takes (269 MB for 50 Mb, 468 MB for 100 Mb, measured: larger ones are made in steps)."""

_MOST_INDEX_BYTES = 12
"""Bytes a base that an aligner in place of it holds while it aligns, at most."""

_ALIGN_MB, _SORT_MB, _FINISH_MB, _CALL_MB, _JOIN_MB = 800, 640, 1_500, 1_000, 1_500
"""Besides: batches of reads; a thread's buffer of records to sort; and of each other step."""

_JAVA_MB = 5_000
"""GATK's heap of 4,000 MiB and what Java has besides; DeepVariant's network."""

_BAM_BYTES = 1.1
"""Bytes of a BAM a base of its reads, at most: qualities of 40 values (measured: 0.93 at 10x,
1.06 at 1x, where neighbours have little in common)."""

_GVCF_BYTES, _GVCF_LENGTH = 0.4, 0.8
"""Bytes of a gVCF a base read and a base that is called, at most: where reads lie alone each
begins blocks of its own, and in deep places (measured: 0.15 at 1x; 0.49 at 10x)."""

_FIXED_BYTES, _PERSON_BYTES = 4 << 20, 1 << 20
"""Page, sheets and logs of all, and of each."""

_INDEX_DISK = {"bwa-mem2": 6.0, "minimap2": 6.0}
"""Bytes a base of the reference that an index takes on the disk."""

_BWA_DISK = 1.8
"""The same of bwa's: 1.75."""

_MINUTES = 60
"""Time that a job asks for at least; then four times what it may need on one core."""


def cut_spans(contigs: Sequence[tuple[str, int]]) -> list[Span]:
    """Cut contigs into spans of equal length, in order; 0-based, half-open."""
    out = []
    for name, length in contigs:
        n = 1 if length <= WHOLE_CONTIG else ceil(length / SPAN_BASES)
        edges = [length * k // n for k in range(n + 1)]
        out += [Span(name, a, b) for a, b in pairwise(edges) if b > a]
    return out


def is_whole(n_bases: int) -> bool:
    """Tell whether one job does all of somebody with so many bases read."""
    return n_bases * (_ALIGN_SECONDS + _CALL_SECONDS) <= WHOLE_SECONDS


def share_spans(spans: Sequence[Span], n_bases: int) -> list[tuple[int, int]]:
    """Share the spans out to jobs, neighbours together; first and one after the last."""
    jobs = min(len(spans), MOST_JOBS, max(1, ceil(n_bases * _CALL_SECONDS / JOB_SECONDS)))
    total = sum(s.end - s.start for s in spans)
    out: list[tuple[int, int]] = []
    first, done = 0, 0
    for k, span in enumerate(spans, 1):
        done += span.end - span.start
        if done * jobs >= total * (len(out) + 1) or k == len(spans):
            out.append((first, k))
            first = k
    return out


def memory(reference: int, threads: int, settings: Settings) -> dict[str, int]:
    """Megabytes for each step, by the bases of the reference and the programs."""
    index = int(reference * _INDEX_BYTES / 2**20)
    build = _BUILD_BYTES
    if settings.aligner in INDEXES:
        build = INDEXES[settings.aligner].memory
        index = max(index, int(reference * min(build, _MOST_INDEX_BYTES) / 2**20))
    java = _JAVA_MB if settings.caller in ("gatk", "deepvariant") else 0
    out = {
        "reads_index": int(reference * build / 2**20) + 200,
        "reads_check": 600,
        "reads_align": index + _ALIGN_MB + (_SORT_MB + 100) * threads,
        "reads_finish": _FINISH_MB + (_JAVA_MB if settings.base_quality == "gatk" else 0),
        "reads_call": _CALL_MB + java,
        "reads_gvcf": _JOIN_MB,
        "reads_batch": _JOIN_MB,
    }
    # It finds the index, and makes none.
    out["reads_person"] = max(mb for step, mb in out.items() if step != "reads_index")
    return {step: _SNAKEMAKE_MB + mb for step, mb in out.items()}


def minutes(reference: int, most_bases: int, lane_bases: int) -> dict[str, int]:
    """Minutes for each step.

    Parameters
    ----------
    most_bases, lane_bases
        Bases read of the person, and of the lane, with most of them.
    """

    def time(seconds: float) -> int:
        return _MINUTES + int(4 * seconds / 60)

    call = min(most_bases * _CALL_SECONDS, JOB_SECONDS * max(1, most_bases / 4e11))
    return {
        "reads_index": time(reference * 2e-6),
        "reads_check": time(CHECK_JOB_BYTES * 15e-9),
        "reads_align": time(lane_bases * _ALIGN_SECONDS),
        "reads_finish": time(most_bases * 60e-9),
        "reads_call": time(call),
        "reads_gvcf": time(reference * 100e-9),
        "reads_batch": _MINUTES,
        "reads_person": time(WHOLE_SECONDS + reference * 100e-9),
    }


def index_disk(reference: int, aligner: str, *, copied: bool) -> int:
    """Bound the bytes of an index on the disk.

    Parameters
    ----------
    copied
        The FASTA is compressed: the index holds its text, too.
    """
    return int(reference * (_INDEX_DISK.get(aligner, _BWA_DISK) + (1.1 if copied else 0)))


def disk_needed(
    people: Sequence[int], *, cores: int, keeps: bool, called: int, index: int = 0
) -> tuple[int, int]:
    """Bound the bytes that a run writes.

    Parameters
    ----------
    people
        Bases read of each whose results are to be made.
    keeps
        Whether alignments are kept.
    called
        Bases of the contigs that are called.
    index
        Bytes of what is made of the reference.

    Returns
    -------
    tuple
        What is needed at once, and what of it stays. Lanes, then their merged file, and
        what sorting puts aside are there together for as many people as there are cores.
    """

    def gvcf(n_bases: int) -> float:
        return min(_GVCF_BYTES * n_bases, _GVCF_LENGTH * called + 0.005 * n_bases)

    stays = sum(gvcf(n) + _PERSON_BYTES for n in people) + index + _FIXED_BYTES
    if keeps:
        stays += sum(people) * _BAM_BYTES
    largest = sorted(people, reverse=True)[: max(1, cores)]
    passing = sum(n * 2.5 * _BAM_BYTES + gvcf(n) for n in largest)
    return int(stays + passing), int(stays)
