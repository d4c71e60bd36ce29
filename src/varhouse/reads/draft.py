"""The draft of a reads sheet, from the names of files and what their first bytes say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.reads.alignmentfile import samples_of
from varhouse.reads.filekind import COLUMNS, first_name, kind_of, misplaced
from varhouse.reads.lanefiles import ENDING, FileName, parse_name
from varhouse.reads.names import platform_of

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class DraftLane:
    """A row of the draft: cells by column; files are absolute paths."""

    sample: str
    lane: str = ""
    platform: str = ""
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class ReadsDraft:
    """Rows of a reads sheet, what was guessed, and files that cannot stand in it."""

    lanes: list[DraftLane]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def samples(self) -> list[str]:
        """Everybody, in order of appearance."""
        return list(dict.fromkeys(lane.sample for lane in self.lanes))


def is_reads_file(path: str) -> bool:
    """Tell whether a name is that of FASTQ, BAM or CRAM: what begins before calls."""
    match = ENDING.search(Path(path).name)
    return match is not None and (match["other"] or "").lower() in ("", "bam", "cram")


def draft_lanes(files: Sequence[Path]) -> ReadsDraft:
    """Put files into lanes of people.

    FASTQ of one folder with the same sample, lane and part are one row. Alignments go by the
    sample of their read groups, everything else by its name. Files of MGI and BGI have no
    sample in their names: they go by their folders, if each barcode has its own.
    """
    draft = ReadsDraft([])
    named: list[tuple[Path, FileName]] = []
    for path in files:
        kind = kind_of(path)
        if kind not in COLUMNS:
            draft.problems.append(misplaced(path, kind, "fastq") or str(path))
            continue
        name = parse_name(path.name)
        if kind == "fastq" and not name.is_index:
            named.append((path, name))
        elif kind == "fastq":
            draft.notes.append(f"{path}: index reads, left out")
        else:
            _add_other(draft, path, kind, name)
    named = _by_folders(named, draft)
    groups: dict[tuple[Path, str, str, str], dict[int, list[Path]]] = {}
    for path, name in named:
        key = (path.parent, name.sample, name.lane, name.part)
        groups.setdefault(key, {}).setdefault(name.mate, []).append(path)
    for (_, sample, lane, part), mates in groups.items():
        _add_fastq(draft, sample, ".".join(x for x in (lane, part) if x), mates)
    _name_lanes(draft)
    return draft


def _add_other(draft: ReadsDraft, path: Path, kind: str, name: FileName) -> None:
    """Add a BAM, CRAM or gVCF."""
    sample = name.sample
    if kind in ("bam", "cram"):
        found = samples_of(path)
        if len(found) == 1:
            sample = found[0]
        elif found:
            draft.problems.append(
                f"{path}: reads of {len(found)} samples; fix: samtools split -f '%*_%!.%.' "
                "makes a file a read group"
            )
            return
    draft.lanes.append(DraftLane(_safe(sample, draft), files={COLUMNS[kind]: str(path)}))


def _by_folders(
    named: list[tuple[Path, FileName]], draft: ReadsDraft
) -> list[tuple[Path, FileName]]:
    """Name people after folders where names of files have a flow cell and a barcode."""
    mgi = [(p, n) for p, n in named if _is_barcode(p)]
    if not mgi:
        return named
    barcodes: dict[Path, set[str]] = {}
    for path, name in mgi:
        barcodes.setdefault(path.parent, set()).add(name.sample.rpartition("_")[2])
    is_own = len(barcodes) > 1 and all(len(found) == 1 for found in barcodes.values())
    if not is_own:
        draft.notes.append(
            "names of MGI files have a flow cell and a barcode: put the people's names in the "
            "column sample"
        )
        return named
    draft.notes.append("MGI files are named after their folders: is a folder a person?")
    own = {path for path, _ in mgi}
    return [
        (p, FileName(p.parent.name, f"{_cell(p)}.{n.lane}", n.mate, n.part) if p in own else n)
        for p, n in named
    ]


def _is_barcode(path: Path) -> bool:
    return re.match(r"[A-Z]{1,3}\d{6,}[A-Z]*_L\d{2}_[\w-]+_[12]\.", path.name) is not None


def _cell(path: Path) -> str:
    return path.name.split("_")[0]


def _add_fastq(
    draft: ReadsDraft, sample: str, lane: str, mates: dict[int, list[Path]]
) -> None:
    """Add a lane of FASTQ."""
    if 3 in mates and 1 in mates:
        for path in mates.pop(2, []):
            draft.notes.append(f"{path}: left out, as R3 has the mates: R2 is an index or UMI")
        mates = {1: mates[1], 2: mates[3]}
    one = mates.get(1, []) + mates.get(0, [])
    two = mates.get(2, [])
    if two and len(one) != len(two):
        draft.problems.append(
            f"{two[0]}: R2 without its R1 in the same folder; fix: name both, with names that "
            "differ in the mate alone"
        )
        return
    sample = _safe(sample, draft)
    for k, path in enumerate(one):
        row = DraftLane(sample, _UNSAFE.sub("_", lane), platform_of(first_name(path)))
        row.files["fastq_1"] = str(path)
        if two:
            row.files["fastq_2"] = str(two[k])
        elif parse_name(path.name).mate == 1:
            draft.notes.append(f"{path}: no file of mates 2: mates in turn, or none")
        draft.lanes.append(row)


def _safe(sample: str, draft: ReadsDraft) -> str:
    """Make a sample's name one that files can have."""
    name = _UNSAFE.sub("_", sample).strip("._-")[:100] or "sample"
    if name != sample:
        draft.notes.append(f"sample {sample!r} is called {name}, as files are named after it")
    return name


def _name_lanes(draft: ReadsDraft) -> None:
    """Give a lane that a sample has twice (of two runs, in two folders) another name."""
    taken: set[tuple[str, str]] = set()
    for row in draft.lanes:
        if not row.lane:
            continue
        stem, number = row.lane, 1
        while (row.sample, row.lane) in taken:
            number += 1
            row.lane = f"{stem}_{number}"
        if number > 1:
            draft.notes.append(
                f"sample {row.sample}: lane {stem} stands in several folders; the next is "
                f"called {row.lane}"
            )
        taken.add((row.sample, row.lane))
