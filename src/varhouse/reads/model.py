"""What the steps from reads to a gVCF hand to each other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

Form = Literal["pairs", "interleaved", "single", "bam", "cram", "gvcf"]
"""What a row of the reads sheet brings: FASTQ in two files, in one with mates in turn, or in
one without mates; alignments; or calls, which only wait for the ingest."""

Sex = Literal["male", "female", "unknown"]


class _Json:
    """A dataclass of plain values that stands in JSON."""

    def as_json(self) -> dict[str, Any]:
        """Give the fields as `json` takes them."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        own = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v for k, v in data.items() if k in own})


@dataclass
class Lane(_Json):
    """A row of the reads sheet: what one lane of a flow cell, or one file, has of a person.

    Attributes
    ----------
    files
        Absolute paths: two of `pairs` (mates 1 and 2), one of every other form.
    library
        Duplicates are looked for within a library.
    platform
        As SAM's @RG PL has it: ILLUMINA, DNBSEQ, ELEMENT.
    line
        Of the sheet, 1-based, for messages.
    """

    cohort: str
    sample: str
    lane: str
    library: str
    platform: str
    form: Form
    files: list[str]
    line: int = 0

    @property
    def read_group(self) -> str:
        """ID of the read group: unique in a sheet."""
        return f"{self.sample}.{self.lane}"


@dataclass
class Person(_Json):
    """Somebody in the reads sheet, with all lanes."""

    cohort: str
    name: str
    sex: Sex
    lanes: list[Lane] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        lanes = [Lane.from_json(lane) for lane in data["lanes"]]
        return cls(data["cohort"], data["name"], data["sex"], lanes)


@dataclass
class LaneFacts(_Json):
    """What reading all of a lane's files has shown.

    Attributes
    ----------
    problems
        Why the lane is refused, each with its file and the fix; empty: it is good.
    form
        As found: a single file may prove to be interleaved.
    n_reads, n_bases, longest
        Reads (both mates), bases, the longest read.
    quality_base
        33 or 64: what ASCII code stands for quality 0.
    names
        Which kind of read names (`reads.names`), "" if unknown.
    files
        A dict a file: name (without folder), bytes, md5, sha256, n_reads.
    """

    form: Form
    n_reads: int = 0
    n_bases: int = 0
    longest: int = 0
    quality_base: int = 33
    names: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Tool(_Json):
    """A program that did a step, for the lineage of a call set.

    Attributes
    ----------
    step
        trim, align, duplicates, base_quality, call.
    version
        As the program itself gives it.
    carrier
        The package that holds it, with its version (`pysam 0.24.1`); "" if none.
    options
        Arguments that decide the result.
    """

    step: str
    name: str
    version: str
    carrier: str = ""
    options: str = ""


@dataclass(frozen=True)
class Span(_Json):
    """A stretch of a contig that one call looks after: 0-based, half-open."""

    contig: str
    start: int
    end: int


Copies = Sequence[tuple[int, int, int]]
"""Stretches of a contig and the copies somebody has there: (start, end, copies), 0-based,
half-open; elsewhere two. 0: nothing is called."""


@dataclass(frozen=True)
class Filters(_Json):
    """Below (or above) which a call gets a FILTER value; it is never left out.

    Attributes
    ----------
    quality
        QUAL below it: LowQual.
    depth
        FORMAT/DP below it: LowDP.
    balance
        Share of reads of a called ALT allele below it: AlleleBalance.
    strand
        FORMAT/SP above it (Phred): StrandBias.
    """

    quality: float = 20.0
    depth: int = 4
    balance: float = 0.15
    strand: float = 60.0


def path_of(folder: Path, person: Person, ending: str) -> Path:
    """Name a file of a person in a folder of results: cohorts may share names of people."""
    return folder / person.cohort / f"{person.name}{ending}"
