"""A run of `varhouse call`: what all its jobs need, written once, read by each.

`prepare` (`prepare.py`) makes it of the configuration and of what is there already. What a
file of the work folder is of, its name says: a **key**, the digest of all that decides its
content. So a lane whose FASTQ was replaced, or other settings, find none of what was made
before, and everything else finds its own.
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from varhouse import __version__
from varhouse.calling.settings import Settings
from varhouse.files import read_json, write_json
from varhouse.reads.model import LaneFacts, Person, Span, path_of


def key_of(*parts: Any) -> str:
    """Digest what decides a file; 16 hex digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return sha256(text.encode()).hexdigest()[:16]


@dataclass
class RunPerson:
    """Somebody of the reads sheet, and what names the files of him in the work folder.

    Attributes
    ----------
    start
        reads, alignment or gvcf: where his files come in.
    lanes
        Key of each lane's aligned reads, in the order of `person.lanes`.
    facts
        Of each lane.
    alignment, calls
        Keys of his aligned reads, and of his calls.
    mark
        Duplicates are marked here.
    done
        His results are there already.
    whole
        One job does all of him.
    jobs
        Of each job that calls a share of his, the first of its spans and the one after the
        last.
    """

    person: Person
    start: str
    lanes: list[str] = field(default_factory=list)
    facts: list[LaneFacts] = field(default_factory=list)
    alignment: str = ""
    calls: str = ""
    mark: bool = True
    done: bool = False
    whole: bool = True
    jobs: list[tuple[int, int]] = field(default_factory=list)

    @property
    def n_bases(self) -> int:
        """Bases of all his reads."""
        return sum(f.n_bases for f in self.facts)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunPerson":
        """Read what `as_json` gave."""
        return cls(
            **{
                **data,
                "person": Person.from_json(data["person"]),
                "facts": [LaneFacts.from_json(f) for f in data["facts"]],
                "jobs": [(first, after) for first, after in data["jobs"]],
            }
        )


@dataclass
class Jobs:
    """What the jobs ask for.

    Attributes
    ----------
    threads, mem_mb, minutes
        By step.
    check
        Lanes (person, lane) of each job that reads files before all others; its key names it.
    """

    threads: dict[str, int] = field(default_factory=dict)
    mem_mb: dict[str, int] = field(default_factory=dict)
    minutes: dict[str, int] = field(default_factory=dict)
    check: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass(kw_only=True)
class CallRun:
    """One run. Paths are absolute.

    Attributes
    ----------
    step
        `check` while the lanes are read, then `call`.
    index
        Folder of the aligner's index.
    compiled
        Folder of the compiled reference.
    lengths
        Names of all contigs of the FASTA, and their lengths.
    digests
        MD5 of the bases of these contigs, if alignments are compared with them.
    contigs
        Those that are called: names as in the FASTA, and lengths.
    spans
        Stretches of these contigs, in order; each is called by itself.
    raw, base
        The configuration as it stands, and where its relative paths begin.
    panel
        Key of the sites by which contamination is estimated.
    carried
        What the reads sheet says of people besides (`CallConfig.carried`).
    batch
        Digest of what the sheets and the page are made of.
    disk
        Bytes that the run may need at once, besides what stays.
    """

    step: str
    folder: str
    work: str
    assembly: str
    reference: str
    reference_digest: str
    compiled: str
    aliases: str | None
    par: str | None
    index: str
    lengths: list[tuple[str, int]]
    contigs: list[tuple[str, int]]
    spans: list[Span]
    settings: Settings
    people: list[RunPerson]
    raw: dict[str, Any]
    base: str
    digests: dict[str, str] = field(default_factory=dict)
    panel: str | None = None
    carried: list[dict[str, Any]] = field(default_factory=list)
    batch: str = ""
    disk: int = 0
    notes: list[str] = field(default_factory=list)
    jobs: Jobs = field(default_factory=Jobs)
    kind: str = "reads"
    version: str = __version__

    @property
    def todo(self) -> list[RunPerson]:
        """Those whose results are to be made."""
        return [p for p in self.people if not p.done and p.start != "gvcf"]

    def kept_note(self, person: RunPerson) -> Path:
        """Name the file that says which key alignments have that are kept of somebody."""
        return path_of(self.path("kept"), person.person, ".json")

    @property
    def form(self) -> Literal["bam", "cram"]:
        """How alignments are kept, also while they are used: bam or cram."""
        return "cram" if self.settings.keep == "cram" else "bam"

    def path(self, name: str) -> Path:
        """Give the run's file in the work folder, by its name."""
        return Path(self.work) / name

    def results(self) -> list[Path]:
        """Name what tells of all people together (`resultsheets.write_results`)."""
        names = ["cohorts.tsv", "samples.tsv", "config.yaml", "qc.tsv", "report.html"]
        names += [
            f"lists/{c}.txt" for c in dict.fromkeys(p.person.cohort for p in self.people)
        ]
        names += ["restart/gvcfs.tsv", "multiqc"]
        if self.settings.keep != "none":
            names.append("restart/alignments.tsv")
        return [Path(self.folder) / name for name in names]

    def save(self, name: str = "run.json") -> Path:
        """Write the run into the work folder."""
        write_json(self.path(name), asdict(self), indent=None)
        return self.path(name)

    def of_lane(self, key: str) -> tuple[RunPerson, int]:
        """Find the lane of a key."""
        return next((p, p.lanes.index(key)) for p in self.todo if key in p.lanes)

    def of_alignment(self, key: str) -> RunPerson:
        """Find whose aligned reads have a key."""
        return next(p for p in self.todo if p.alignment == key)

    def of_calls(self, key: str) -> RunPerson:
        """Find whose calls have a key."""
        return next(p for p in self.todo if p.calls == key)


def load_call_run(path: Path) -> CallRun:
    """Read what `CallRun.save` wrote."""
    data = read_json(path)
    data["settings"] = Settings.from_json(data["settings"])
    data["people"] = [RunPerson.from_json(p) for p in data["people"]]
    data["jobs"] = Jobs(**data["jobs"])
    data["spans"] = [Span.from_json(s) for s in data["spans"]]
    for kind in ("lengths", "contigs"):
        data[kind] = [(name, length) for name, length in data[kind]]
    return CallRun(**data)
