"""Checks of a lane's files before any job, kept until a file changes."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from varhouse.errors import InputError, StoreError
from varhouse.files import read_json, write_json
from varhouse.reads.alignmentfile import check_alignment, check_calls
from varhouse.reads.fastqcheck import check_fastq
from varhouse.reads.model import Lane, LaneFacts

VERSION = 2
"""Of what is kept: raised when checks find more than before."""


def check_lane(
    lane: Lane,
    *,
    threads: int = 1,
    contigs: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
) -> LaneFacts:
    """Read a lane's files to their end.

    Parameters
    ----------
    threads
        From 2 on files are unpacked beside the checks.
    contigs
        Contigs of the reference and their lengths, which alignments must be to.
    digests
        MD5 of the contigs' bases, upper case, as @SQ M5 has it.

    Returns
    -------
    LaneFacts
        With problems, each with file, place and fix; a lane without any is good.
    """
    files = [Path(f) for f in lane.files]
    try:
        if lane.form == "gvcf":
            return check_calls(files[0], lane.sample)
        if lane.form in ("bam", "cram"):
            return check_alignment(
                files[0],
                form=lane.form,
                sample=lane.sample,
                contigs=contigs,
                digests=digests,
                threads=threads,
            )
        return check_fastq(files, threads=threads)
    except OSError as error:
        told = (
            f"{error.filename or files[0]}: {error.strerror or error}; fix: make it readable"
        )
        return LaneFacts(lane.form, problems=[told])


def check_lane_once(
    lane: Lane,
    folder: Path,
    *,
    threads: int = 1,
    contigs: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
) -> LaneFacts:
    """Give what `check_lane` found, from `folder` if no file has changed since.

    Files go by path, size and time of change. Only good lanes are kept: what is wrong is
    looked at again.

    Raises
    ------
    InputError
        If a file changes while it is read.
    """
    kept = known_facts(lane, folder, contigs=contigs, digests=digests)
    if kept is not None:
        return kept
    stamp = _stamp(lane, contigs, digests)
    facts = check_lane(lane, threads=threads, contigs=contigs, digests=digests)
    if facts.problems or stamp is None:
        return facts
    if _stamp(lane, contigs, digests) != stamp:
        raise InputError(f"{lane.files[0]}: a file changed while it was read", "run again")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(facts_file(lane, folder), {"stamp": stamp, "facts": facts.as_json()})
    return facts


def known_facts(
    lane: Lane,
    folder: Path,
    *,
    contigs: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
) -> LaneFacts | None:
    """Give what an earlier check of a good lane found; None: it has to be read."""
    path = facts_file(lane, folder)
    try:
        kept = read_json(path)
        stamp, facts = kept["stamp"], LaneFacts.from_json(kept["facts"])
    except (FileNotFoundError, StoreError, KeyError, TypeError):
        return None
    return facts if stamp == _stamp(lane, contigs, digests) else None


def facts_file(lane: Lane, folder: Path) -> Path:
    """Name the file of what a check found: one a lane, whatever its names hold."""
    key = "\0".join((lane.cohort, lane.sample, lane.lane))
    name = f"{lane.read_group}"[:80]
    return folder / f"{name}.{sha256(key.encode()).hexdigest()[:8]}.json"


def _stamp(
    lane: Lane, contigs: Mapping[str, int] | None, digests: Mapping[str, str] | None
) -> list[Any] | None:
    """Give what a check depends on; None: a file is not there."""
    try:
        stats = [Path(f).stat() for f in lane.files]
    except OSError:
        return None
    files = [
        [f, s.st_size, s.st_mtime_ns, s.st_ino] for f, s in zip(lane.files, stats, strict=True)
    ]
    reference = ""
    if lane.form in ("bam", "cram"):
        text = repr((sorted((contigs or {}).items()), sorted((digests or {}).items())))
        reference = sha256(text.encode()).hexdigest()
    return [VERSION, lane.form, lane.sample, reference, *files]


def same_reads(lanes: Sequence[Lane], facts: Sequence[LaneFacts]) -> list[str]:
    """Find reads that would count twice, or for somebody else.

    Files are the same by their bytes; FASTQ also in another packing or order, with other
    names, and with mates in turn, by the bases of all reads (`reads.fastqsum`). The read
    groups of an alignment may have any name, but not that of another person of the sheet.
    """
    people = {lane.sample for lane in lanes}
    seen: dict[tuple[object, ...], tuple[Lane, str]] = {}
    problems = []
    for lane, found in zip(lanes, facts, strict=True):
        keys = _contents(found)
        said = {s for f in found.files for s in f.get("samples", ())} - {lane.sample}
        problems += [
            f"line {lane.line}: {found.files[0]['name']} stands under {lane.sample}, and its "
            f"read groups say {name}, who is in the sheet, too: swapped? fix: name each file "
            "under its own sample"
            for name in sorted(said & people)
        ]
        for key, name in keys.items():
            other, other_name = seen.setdefault(key, (lane, name))
            if other is not lane:
                problems.append(
                    f"line {lane.line}: {lane.sample}, lane {lane.lane}: {name} holds the "
                    f"same reads as {other_name} of {other.sample}, lane {other.lane} (line "
                    f"{other.line}); fix: take one of the rows out"
                )
                break
    return problems


def _contents(found: LaneFacts) -> dict[tuple[object, ...], str]:
    """Say what a lane's files hold, alone and as mates together, with names."""
    keys: dict[tuple[object, ...], str] = {}
    for file in found.files:
        keys["bytes", file["sha256"]] = str(file["name"])
        if "content" in file:
            keys["reads", file["n_reads"], file["n_bases"], file["content"]] = file["name"]
    if len(found.files) == 2:
        total = sum(int(f["content"], 16) for f in found.files) % (1 << 64)
        both = ("reads", found.n_reads, found.n_bases, f"{total:016x}")
        keys[both] = " and ".join(f["name"] for f in found.files)
    return keys
