"""How the work of an ingest is shared out to jobs: by text, people and cores.

A job starts a process, which costs about as much as taking in ten thousand records. So a
job has at least `JOB_SECONDS` of work, or all there is; beyond that there are about two for
each core, so that none waits long for the last one. How work is shared changes nothing in
the result. All sizes are known before the first job starts; nothing here reads a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

WHOLE_BYTES = 1 << 30
"""Text of files and uncompiled sources up to which one job does everything."""

WHOLE_SECONDS = 120.0
"""Work up to which it does: thousands of small files are more than their text."""

SPLIT_BYTES = 4 << 30
"""Text from which several jobs may read one file, after one that checked it. Below that
they would save less than the second pass over the text costs."""

BUNDLED_RECORDS = 4_000_000
"""Records from which partitions are annotated and added up in jobs of their own."""

JOB_SECONDS = 10.0
"""Least work of a job."""

CLUSTER_SECONDS = 120.0
"""Least work of a cluster's job: it waits in the queue, and its end is seen 20 s late."""

_SNAKEMAKE_MB = 350
"""What a cluster's job needs besides its step: two Snakemakes of 160 MB each (measured)."""

_MINUTES, _MINUTES_PER_GIB = 60, 5
"""Time that a job asks for: at least, and for its text. It may need a tenth of that."""

THREADS = 4
"""Threads of a job at most: what it does in compiled code of its own uses one."""

JOB_SECONDS_MOST = 600.0
"""Most work of a job that can be cut: what a failure of the machine may cost at once."""

# Measured on sites alone, and on 2,504 people (docs/decisions/0021).
_BYTES_PER_SECOND = 250e6
_SECONDS_PER_RECORD = 5e-6
_RECORD_BYTES, _CELL_BYTES = 150, 4
_SECONDS_PER_FILE = 0.1
"""Of a file with few records (docs/measured.md, cohorts that grow)."""


@dataclass(frozen=True)
class FileSize:
    """A file of a cohort: bytes of its text and sample columns."""

    cohort: str
    number: int
    text: int
    people: int

    @property
    def records(self) -> float:
        """Records that the text may hold."""
        return self.text / (_RECORD_BYTES + _CELL_BYTES * self.people)

    @property
    def seconds(self) -> float:
        """CPU seconds that taking it in may need."""
        work = self.text / _BYTES_PER_SECOND + self.records * _SECONDS_PER_RECORD
        return work + _SECONDS_PER_FILE


@dataclass
class Jobs:
    """Which job does what.

    Attributes
    ----------
    whole
        One job does everything.
    sources, genes
        Sources that have to be compiled, a job each; whether the gene model has.
    intake
        Job to the files that it takes in: (cohort, number).
    split
        Files that one job checks and then several read: (cohort, number, jobs).
    bundled
        Whether cohorts and partitions have jobs of their own, after one that plans them;
        otherwise the job that commits does what is left.
    cohorts
        Job to the cohorts that it joins, when bundled.
    threads
        Threads of a job that runs beside others.
    mem_mb, minutes
        Step to the memory and time that its jobs ask for at the first attempt.
    """

    whole: bool = True
    sources: list[str] = field(default_factory=list)
    genes: bool = False
    intake: list[list[tuple[str, int]]] = field(default_factory=list)
    split: list[tuple[str, int, int]] = field(default_factory=list)
    bundled: bool = False
    cohorts: list[list[str]] = field(default_factory=list)
    threads: int = 1
    mem_mb: dict[str, int] = field(default_factory=dict)
    minutes: dict[str, int] = field(default_factory=dict)


def share_jobs(
    files: Sequence[FileSize],
    sources: dict[str, int],
    genes: int,
    cores: int,
    least: float = JOB_SECONDS,
) -> Jobs:
    """Share the work of an ingest out.

    Parameters
    ----------
    files
        In the order of the cohorts.
    sources
        Name to bytes of text of the sources that are not compiled yet.
    genes
        Bytes of text of the gene model; 0 if it is compiled, or there is none.
    cores
        Jobs that can run at once.
    least
        Least work of a job, seconds.
    """
    text = sum(f.text for f in files)
    seconds = sum(f.seconds for f in files)
    target = min(max(least, seconds / (2 * cores)), JOB_SECONDS_MOST)
    jobs = Jobs(sources=sorted(sources), genes=genes > 0)
    jobs.mem_mb = _memory(text, sources, genes)
    jobs.minutes = _minutes(text, sources, genes)
    jobs.bundled = sum(f.records for f in files) > BUNDLED_RECORDS
    split = [f for f in files if _is_split(f, text, cores)]
    others = [f for f in files if f not in split]
    jobs.split = [(f.cohort, f.number, max(2, int(f.seconds / target))) for f in split]
    jobs.intake = [
        [(others[k].cohort, others[k].number) for k in some]
        for some in _share([f.seconds for f in others], target)
    ]
    at_once = len(jobs.intake) + len(jobs.split) + len(sources)
    small = text + sum(sources.values()) <= WHOLE_BYTES and seconds <= max(
        WHOLE_SECONDS, 5 * least
    )
    jobs.whole = not jobs.bundled and not split and (small or cores == 1 or at_once <= 1)
    jobs.threads = max(1, min(THREADS, cores // max(1, at_once)))
    cohorts: dict[str, float] = {}
    for f in files:
        cohorts[f.cohort] = cohorts.get(f.cohort, 0.0) + f.seconds
    names = list(cohorts)
    jobs.cohorts = [
        [names[k] for k in some] for some in _share(list(cohorts.values()), 4 * target)
    ]
    return jobs


def _is_split(file: FileSize, text: int, cores: int) -> bool:
    """Tell whether one core would still be at a file when the others have done the rest."""
    return file.text > SPLIT_BYTES and file.text * cores > text


def _share(seconds: Sequence[float], target: float) -> list[list[int]]:
    """Put neighbours together until each job has `target` seconds of work."""
    out: list[list[int]] = []
    held = target
    for k, cost in enumerate(seconds):
        if held >= target:
            out.append([])
            held = 0.0
        out[-1].append(k)
        held += cost
    if len(out) > 1 and held < target:
        rest = out.pop()
        out[-1] += rest
    return out


def _memory(text: int, sources: dict[str, int], genes: int) -> dict[str, int]:
    """Megabytes for each step: what the code needs, and what small inputs fill of it."""

    def room(size: int, least: int, most: int, growth: float) -> int:
        return _SNAKEMAKE_MB + int(min(most, least + growth * size / 2**20))

    rest = room(text, 600, 2000, 2.0)
    named = {f"source {name}": room(size, 500, 1500, 1.0) for name, size in sources.items()}
    out = {
        "genes": room(genes, 500, 4000, 4.0), "intake": room(text, 500, 1500, 2.0),
        "cohort": rest, "settle": rest, **named,
    }  # fmt: skip
    out["validate"] = out["read"] = out["plan"] = out["intake"]
    # It does whatever is left.
    out["commit"] = max(out.values())
    return out


def _minutes(text: int, sources: dict[str, int], genes: int) -> dict[str, int]:
    """Minutes for each step, by the text that its jobs may have to read."""

    def time(size: int) -> int:
        return _MINUTES + int(_MINUTES_PER_GIB * size / 2**30)

    steps = ("intake", "cohort", "settle", "validate", "read", "plan")
    named = {f"source {name}": time(size) for name, size in sources.items()}
    out = {"genes": time(genes), **dict.fromkeys(steps, time(text)), **named}
    # It does whatever is left.
    out["commit"] = max(out.values())
    return out
