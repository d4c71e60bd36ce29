"""The verdict of a file: what one pass over it found, as the jobs of an ingest hand it on."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.files import read_json, write_json
from varhouse.filestate import Stamp
from varhouse.vcf.text.cuts import Chunk

if TYPE_CHECKING:
    # All rules: the command that starts an ingest needs none.
    from varhouse.vcf.check.scan import FileScan

VERDICT = "verdict.json"
"""In the folder of a file that was taken in or checked: its verdict."""


@dataclass
class Lift:
    """What became of the records of a file that was lifted over.

    Attributes
    ----------
    lifted, reverse, swapped, ambiguous, split
        Numbers of records.
    again
        Records with the marks of an earlier lift-over, which are replaced.
    reasons
        Number of rejects by their reason.
    left_out
        Number of records by the field that could not follow a swap.
    rejects
        Parquet of what was not lifted.
    n_header
        Lines of the file's own header.
    """

    lifted: int
    reverse: int
    swapped: int
    ambiguous: int
    split: int
    again: int
    reasons: dict[str, int]
    left_out: dict[str, int]
    rejects: str = ""
    n_header: int = 0


@dataclass
class Verdict:
    """What was found of a file.

    Attributes
    ----------
    path, kind, bytes, mtime_ns, md5, sha256, header, version, samples, n_records, contigs
        As `vcf.check.scan.FileScan` has them; checksums are empty where nothing could be read.
    data, chunks, ref_checked
        The BGZF that chunks are read from, and what was found in it: the file itself, or its
        copy in another form or assembly.
    account
        All problems as plain data (`vcf.account.problems.Account.as_json`).
    verdict
        valid or invalid.
    effects
        Code to what an ingest does about it.
    hold
        Reasons for which the file is held back.
    notes
        What is told of a file that goes in.
    unknown_contig
        Records on contigs that the assembly does not have.
    state
        In which state the file was read.
    dialect
        How a gVCF is written (`vcf.gvcf.recognition.Dialect`); None: it is none.
    marks
        Parquet with the marks of records at fault; None where there are none.
    """

    path: str
    data: str
    kind: str
    bytes: int
    mtime_ns: int
    md5: str
    sha256: str
    header: str
    version: int | None
    samples: list[str]
    n_records: int
    contigs: dict[str, int]
    ref_checked: dict[str, int]
    chunks: list[Chunk]
    account: dict[str, Any]
    gvcf: bool
    verdict: str = ""
    effects: dict[str, str] = field(default_factory=dict)
    hold: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_contig: int = 0
    state: Stamp | None = None
    marks: str | None = None
    lift: Lift | None = None
    dialect: dict[str, Any] | None = None

    def save(self, path: Path) -> None:
        """Write it; what lies beside it is named from there, for its folder is renamed."""
        here = replace(self, data=_beside(self.data, path))
        if self.lift is not None:
            here.lift = replace(self.lift, rejects=_beside(self.lift.rejects, path))
        if self.marks is not None:
            here.marks = _beside(self.marks, path)
        write_json(path, asdict(here), indent=None)


def verdict_of(scan: "FileScan") -> Verdict:
    """Take over what a pass over a file found; what follows from it is for the caller."""
    return Verdict(**{**scan.as_json(), "chunks": scan.chunks})


def read_verdict(path: Path) -> Verdict:
    """Read a verdict; paths of what lies beside it become absolute."""
    data = read_json(path)
    data["chunks"] = [Chunk(**c) for c in data["chunks"]]
    data["lift"] = None if data["lift"] is None else Lift(**data["lift"])
    out = Verdict(**data)
    out.data = str(path.parent / out.data)
    if out.lift is not None:
        out.lift.rejects = str(path.parent / out.lift.rejects)
    if out.marks is not None:
        out.marks = str(path.parent / out.marks)
    return out


def file_columns(verdict: Verdict) -> dict[str, Any]:
    """Give what the tables `files` and `held_back` say alike of a file.

    `problems` has the counts, effects and first examples by code.
    """
    problems = {**verdict.account, "effects": verdict.effects}
    return {
        "name": Path(verdict.path).name,
        "path": verdict.path,
        "mtime_ns": verdict.mtime_ns,
        "bytes": verdict.bytes,
        "md5": verdict.md5,
        "sha256": verdict.sha256,
        "verdict": verdict.verdict,
        "n_records": verdict.n_records,
        "problems": json.dumps(problems, ensure_ascii=False, sort_keys=True),
    }


def _beside(path: str, verdict: Path) -> str:
    return Path(path).name if Path(path).parent == verdict.parent else path
