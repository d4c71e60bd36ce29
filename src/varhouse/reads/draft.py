"""The draft of a reads sheet, from the names of files and what their first bytes say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from varhouse.reads.alignmentfile import samples_of
from varhouse.reads.filekind import COLUMNS, first_name, kind_of, misplaced
from varhouse.reads.lanefiles import ENDING, FileName, letter_mates, parse_name, plain_stem
from varhouse.reads.names import pair_key, platform_of

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
    sample in their names: they go by their folders, if each barcode has its own. So do files
    that are named after the mate alone. Nobody is joined with another one for a name that
    cannot be kept as it is.
    """
    draft = ReadsDraft([])
    named: list[tuple[Path, FileName]] = []
    for path in files:
        kind = kind_of(path)
        if kind not in COLUMNS:
            draft.problems.append(misplaced(path, kind, "fastq") or str(path))
            continue
        name = parse_name(path.name)
        if kind != "fastq":
            _add_other(draft, path, kind, name)
        elif name.is_index:
            draft.notes.append(f"{path}: index reads, left out")
        elif name.sample.lower() == "undetermined":
            draft.notes.append(f"{path}: reads of nobody's barcode, left out")
        else:
            named.append((path, name))
    named = _by_letters(_by_folders(named, draft))
    _tell_twice(named, draft)
    groups: dict[tuple[Path, str, str, str], dict[int, list[Path]]] = {}
    for path, name in named:
        key = (path.parent, name.sample, name.lane, name.part)
        groups.setdefault(key, {}).setdefault(name.mate, []).append(path)
    for (_, sample, lane, part), mates in groups.items():
        _add_fastq(draft, sample, ".".join(x for x in (lane, part) if x), mates)
    _name_samples(draft)
    _tell_folders(draft)
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
    draft.lanes.append(DraftLane(sample, files={COLUMNS[kind]: str(path)}))


def _by_folders(
    named: list[tuple[Path, FileName]], draft: ReadsDraft
) -> list[tuple[Path, FileName]]:
    """Name people after folders where names of files have a flow cell and a barcode.

    And where they are the mate alone: `P1/R1.fastq.gz`.
    """
    for k, (path, name) in enumerate(named):
        if not name.sample:
            named[k] = path, replace(name, sample=path.parent.name)
            draft.notes.append(f"{path}: named after its folder: is the folder a person?")
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
    one, two = sorted(mates.get(1, [])), sorted(mates.get(2, []))
    if two and len(one) != len(two):
        path, told = two[-1], "R2 without its R1"
        if len(one) > len(two):
            path, told = one[-1], "R1 without its R2"
        draft.problems.append(
            f"{path}: {told} in the same folder; fix: name both, with names that differ "
            "in the mate alone"
        )
        return
    lane = _UNSAFE.sub("_", lane)
    for k, path in enumerate(one + mates.get(0, [])):
        row = DraftLane(sample, lane, platform_of(first_name(path)))
        row.files["fastq_1"] = str(path)
        if k < len(two):
            row.files["fastq_2"] = str(two[k])
            _compare_mates(path, two[k], draft)
        else:
            draft.notes.append(f"{path}: no file of mates 2: mates in turn, or none")
        draft.lanes.append(row)


def _compare_mates(one: Path, two: Path, draft: ReadsDraft) -> None:
    """Note names of mates whose first reads are none: `P_1` and `P_2` may be two people."""
    first, second = (pair_key(first_name(path)) for path in (one, two))
    differ = {(a, b) for a, b in zip(first, second, strict=False) if a != b}
    # A last digit alone may be the mate, too (frag-7_1).
    if len(first) != len(second) or differ - {(ord("1"), ord("2"))}:
        draft.notes.append(
            f"{one}, {two}: mates by their names, but not by their first reads: is it one "
            "person?"
        )


def _by_letters(named: list[tuple[Path, FileName]]) -> list[tuple[Path, FileName]]:
    """Find mates `x_F` and `x_R` in a folder, where nothing else tells the mate."""
    folders: dict[Path, list[str]] = {}
    for path, name in named:
        if not name.mate:
            folders.setdefault(path.parent, []).append(path.name)
    found = {folder: letter_mates(names) for folder, names in folders.items()}
    return [(p, found.get(p.parent, {}).get(p.name, name)) for p, name in named]


def _tell_twice(named: Sequence[tuple[Path, FileName]], draft: ReadsDraft) -> None:
    """Refuse reads before and after a step: both would count."""
    seen: dict[tuple[Path, str], Path] = {}
    for path, _ in named:
        other = seen.setdefault((path.parent, plain_stem(path.name)), path)
        if other is not path:
            draft.problems.append(
                f"{path}: the same reads as {other.name}, by the names, before or after "
                "another step; fix: name one of them"
            )


def _name_samples(draft: ReadsDraft) -> None:
    """Give everybody a name that files can have, and nobody that of another one."""
    names = {s: _UNSAFE.sub("_", s).strip("._-")[:100] or "sample" for s in draft.samples}
    taken = {name for sample, name in names.items() if name == sample}
    for sample, name in names.items():
        if name == sample:
            continue
        own, number = name, 1
        while own in taken:
            number += 1
            own = f"{name[:90]}_{number}"
        taken.add(own)
        names[sample] = own
        draft.notes.append(f"sample {sample!r} is called {own}, as files are named after it")
    for row in draft.lanes:
        row.sample = names[row.sample]


def _tell_folders(draft: ReadsDraft) -> None:
    """Note everybody whose FASTQ, named alike, lie in several folders."""
    places: dict[tuple[str, str], dict[Path, None]] = {}
    for row in draft.lanes:
        if "fastq_1" in row.files:
            path = Path(row.files["fastq_1"])
            places.setdefault((row.sample, path.name), {})[path.parent] = None
    for (sample, name), folders in places.items():
        if len(folders) > 1:
            draft.notes.append(
                f"sample {sample}: {name} stands in {len(folders)} folders: runs of one "
                "person, or several people, or reads before and after trimming?"
            )


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
