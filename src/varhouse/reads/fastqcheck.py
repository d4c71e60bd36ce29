"""Checks of a lane's FASTQ before any job: every byte is read once.

Two files are walked beside each other, a few MB of each at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from varhouse.reads import fastqscan as fq
from varhouse.reads.fastqfile import FastqFile
from varhouse.reads.fastqmarks import (
    FIRST_PAIRS,
    late_turns,
    mate_number,
    pair_mode,
    turn_mode,
)
from varhouse.reads.fastqscale import SOLEXA, mixed_scales, quality_base
from varhouse.reads.filekind import first_name, kind_of, lacks_end, misplaced
from varhouse.reads.lanefiles import parse_name
from varhouse.reads.model import LaneFacts
from varhouse.reads.names import described_mate, long_reads_of, pair_key, recognise, unit_of

LONGEST_READ = 1000
"""Bases of a short read at most: 2 x 300 is the longest of Illumina, 600 of MGI; merged pairs
and Ion Torrent stay below, too. The aligner's short-read settings are for no more."""

SHORTEST_ALIGNED = 30
"""Bases below which bwa mem reports no alignment (its -T 30 asks for a score of as much)."""

_MOST_UNITS = 100
"""Changes from one flow cell's lane to another after which they are not looked at: the file
was shuffled."""

_SAME_PAIRS = 100
"""Pairs in which bases of mates are compared."""


def check_fastq(files: Sequence[Path], *, threads: int = 1) -> LaneFacts:
    """Read the FASTQ of a lane to the end: two files of mates, or one.

    Parameters
    ----------
    files
        Mates 1 and 2; or a single file, with mates in turn or of reads without mates.
    threads
        From 2 on files are unpacked beside the checks.

    Returns
    -------
    LaneFacts
        `form` as found. With problems, its counts are of what was read until then.
    """
    facts = LaneFacts("pairs" if len(files) == 2 else "single")
    for path in files:
        problem = misplaced(path, kind_of(path), "fastq") or _ending_problem(path)
        if problem:
            facts.problems.append(problem)
    if facts.problems:
        return facts
    if len(files) == 2:
        with (
            FastqFile(files[0], ahead=threads > 1) as one,
            FastqFile(files[1], ahead=threads > 1) as two,
        ):
            _walk_pairs(one, two, facts)
            _finish([one, two], facts)
    else:
        with FastqFile(files[0], ahead=threads > 1) as one:
            _walk_single(one, facts)
            _finish([one], facts)
    return facts


def _ending_problem(path: Path) -> str:
    """Find a name of a gzip on a file that is none, which others would fail to unpack."""
    if not path.name.lower().endswith((".gz", ".bgz")):
        return ""
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            return ""
    return (
        f"{path}: its name ends as that of a gzip, and it is none; fix: name it "
        f"{path.with_suffix('').name}"
    )


def _begin(files: Sequence[FastqFile], facts: LaneFacts) -> bool:
    """Look at the first reads; False: they are not to be read further."""
    for file in files:
        if not file.fill():
            continue
        name = file.line(file.row)
        if long := long_reads_of(name):
            facts.problems.append(
                f"{file.path}: reads of {long.title}: long reads are not aligned here; fix: "
                "name FASTQ of short reads"
            )
        if not facts.names:
            facts.names = recognise(name).key
    return not facts.problems


def _walk_pairs(one: FastqFile, two: FastqFile, facts: LaneFacts) -> None:
    """Read both files; every read must be the mate of its neighbour."""
    if not _begin((one, two), facts):
        return
    units = _Units(one)
    mode = -1
    if one.rows and two.rows:
        facts.problems += _described(one, two)
        n = min(len(one.left), len(two.left), FIRST_PAIRS)
        mode = pair_mode(one, one.left[:n], two, two.left[:n])
        facts.problems += _same_reads(one, two)
    is_fine = not facts.problems
    while one.fill() and two.fill():
        n = min(len(one.left), len(two.left))
        if is_fine:
            odd, what = fq.first_odd_pair(one.buf, one.left[:n], two.buf, two.left[:n], mode)
            if what != fq.SAME:
                is_fine = False
                facts.problems.append(_pair_problem(one, two, odd, what))
        units.look(n)
        one.row += n
        two.row += n
    unequal = not one.problem and not two.problem
    for file in (one, two):
        while file.fill():
            file.row = file.rows
        unequal &= not file.problem
    counts = [int(f.counts[fq.N_READS]) for f in (one, two)]
    if unequal and counts[0] != counts[1]:
        facts.problems.append(
            f"{one.path}, {two.path}: {counts[0]:,} and {counts[1]:,} reads: mates must be as "
            "many, in the same order; fix: copy both again, or take the files before a step "
            "that drops reads of one file alone"
        )
    units.tell(facts)


def _walk_single(file: FastqFile, facts: LaneFacts) -> None:
    """Read a file alone: with mates in turn, or without mates."""
    if not _begin((file,), facts):
        return
    units = _Units(file)
    mode = turn_mode(file)
    if mode is not None:
        facts.form = "interleaved"
    held: tuple[fq.Bytes, fq.Ints] | None = None
    is_fine = True
    while file.fill():
        units.look(len(file.left))
        if mode is not None and is_fine:
            is_fine, held = _walk_turns(file, mode, held, facts)
        elif mode is None and is_fine and (read := late_turns(file)):
            is_fine = False
            facts.problems.append(
                f"{file.path}: reads without mates, and from about read {read:,} on mates in "
                "turn; fix: name the mates alone, and the other reads on a row of their own"
            )
        file.row = file.rows
    if mode is not None and is_fine and held is not None and not file.problem:
        facts.problems.append(
            f"{file.path}: mates in turn, and the last read has none; fix: copy it again"
        )
    units.tell(facts)


def _walk_turns(
    file: FastqFile, mode: int, held: tuple[fq.Bytes, fq.Ints] | None, facts: LaneFacts
) -> tuple[bool, tuple[fq.Bytes, fq.Ints] | None]:
    """Compare the mates of a block; the last read may have its mate in the next one."""
    rows = file.left
    if held is not None:
        _, what = fq.first_odd_pair(held[0], held[1], file.buf, rows[:1], mode)
        if what != fq.SAME:
            facts.problems.append(_turn_problem(file, file.at_read - 1))
            return False, None
        rows = rows[1:]
    n = len(rows) // 2 * 2
    odd, what = fq.first_odd_pair(file.buf, rows[:n:2], file.buf, rows[1:n:2], mode)
    if what != fq.SAME:
        first = file.at_read + len(file.left) - len(rows)
        facts.problems.append(_turn_problem(file, first + 2 * odd))
        return False, None
    if n == len(rows):
        return True, None
    name, span = rows[n, fq.NAME], rows[n:].copy()
    word = file.buf[name : span[0, fq.WORD_END]].copy()
    span[0, : fq.WORD_END + 1] = 0, len(word)
    return True, (word, span)


def _turn_problem(file: FastqFile, read: int) -> str:
    return (
        f"{file.path}: mates stand in turn until read {read:,}, which has none behind it; "
        "fix: copy it again, or take it before a step that drops single reads"
    )


def _described(one: FastqFile, two: FastqFile) -> list[str]:
    """Compare what the first names say of the mate: `1:N:0:...`."""
    mates = [described_mate(f.line(f.row)) for f in (one, two)]
    if not all(mates) or mates[0] < mates[1]:
        return []
    if mates[0] == mates[1]:
        return [_both_same(one, two, mates[0])]
    return [_swapped(one, two)]


def _both_same(one: FastqFile, two: FastqFile, mate: int) -> str:
    return (
        f"{one.path}, {two.path}: both hold mates {mate}; fix: name R1 in fastq_1 and R2 in "
        "fastq_2"
    )


def _swapped(one: FastqFile, two: FastqFile) -> str:
    return (
        f"{one.path}, {two.path}: mates 2 and 1, in this order; fix: exchange fastq_1 and "
        "fastq_2"
    )


def _pair_problem(one: FastqFile, two: FastqFile, odd: int, what: int) -> str:
    names = [f.name(f.row + odd) for f in (one, two)]
    if what == fq.SWAPPED:
        return _swapped(one, two)
    if what == fq.BOTH_SAME:
        return _both_same(one, two, mate_number(names[0]))
    first, second = (n.decode(errors="replace") for n in names)
    units = [unit_of(n).decode(errors="replace") for n in names]
    other = ""
    if all(units) and units[0] != units[1]:
        other = f", of {units[0]} and {units[1]}"
    return (
        f"{one.path}, {two.path}: read {one.at_read + odd:,}: {first!r} and {second!r} are no "
        f"mates{other}; fix: name the R2 that belongs to this R1, with reads in the same order"
    )


def _same_reads(one: FastqFile, two: FastqFile) -> list[str]:
    """Find a file that is named twice, packed or cut otherwise: mates with the same bases.

    Mates are read from the two strands; that most of them begin alike does not happen.
    """
    n = min(len(one.left), len(two.left), _SAME_PAIRS)
    pairs = [(one.bases(one.row + k), two.bases(two.row + k)) for k in range(n)]
    # Reads of nothing but G, of clusters without light, are alike in any two files.
    pairs = [
        (a, b)
        for a, b in pairs
        if min(len(a), len(b)) >= SHORTEST_ALIGNED and len(set(a[:SHORTEST_ALIGNED])) > 2
    ]
    same = sum(a[:SHORTEST_ALIGNED] in b or b[:SHORTEST_ALIGNED] in a for a, b in pairs)
    if (pairs and same == len(pairs)) or 2 * same > len(pairs) >= _SAME_PAIRS // 2:
        return [f"{one.path}, {two.path}: the same reads twice; fix: name R2 in fastq_2"]
    return []


class _Units:
    """Flow cells' lanes of which a file has reads, by how their names begin."""

    def __init__(self, file: FastqFile) -> None:
        self._file = file
        self._found: dict[bytes, None] = {}
        self._begin = np.empty(0, np.uint8)
        self._changes = 0

    def look(self, n: int) -> None:
        """Look at the next `n` records of the block."""
        spans = self._file.left[:n]
        k = 0
        while self._changes < _MOST_UNITS:
            if len(self._begin):
                k = fq.first_of_other_unit(self._file.buf, spans, k, self._begin)
            if k == len(spans):
                return
            name = self._file.name(self._file.row + k)
            unit = unit_of(name)
            if not unit:
                self._changes = _MOST_UNITS
                return
            self._found[unit] = None
            self._changes += 1
            # With what follows: 1 is no beginning of 10.
            self._begin = np.frombuffer(name[: len(unit) + 1], np.uint8)

    @property
    def names(self) -> list[str]:
        """Give them in order of appearance."""
        return [u.decode(errors="replace") for u in self._found]

    def tell(self, facts: LaneFacts) -> None:
        """Note a file of several lanes: it may have been joined on purpose, or not."""
        if len(self._found) > 1:
            facts.notes.append(
                f"{self._file.path}: reads of {len(self._found)} lanes or runs "
                f"({', '.join(self.names[:4])}{', ...' if self.names[4:] else ''}), taken as "
                "one lane"
            )


def _finish(files: Sequence[FastqFile], facts: LaneFacts) -> None:
    """Put together what was counted, and judge it."""
    counts = [file.counts for file in files]
    facts.n_reads = sum(int(c[fq.N_READS]) for c in counts)
    facts.n_bases = sum(int(c[fq.N_BASES]) for c in counts)
    facts.longest = max(int(c[fq.LONGEST]) for c in counts)
    told = [file.problem for file in files if file.problem]
    facts.problems[:0] = told
    if told or not all(file.is_read for file in files):
        return
    facts.files = [_facts_of(file) for file in files]
    for file in files:
        facts.problems += _file_problems(file)
    if len(files) == 2 and facts.files[0]["sha256"] == facts.files[1]["sha256"]:
        facts.problems = [
            f"{files[0].path}, {files[1].path}: the same file twice; fix: name R2 in fastq_2"
        ]
    low = min(int(c[fq.LOWEST]) for c in counts)
    high = max(int(c[fq.HIGHEST]) for c in counts)
    if mixed := mixed_scales(files):
        facts.problems.append(mixed)
        return
    facts.quality_base, note = quality_base(low, high)
    if SOLEXA in note:
        facts.problems.append(
            f"{files[0].path}: {note}; fix: to Sanger's first: python -c \"from Bio import "
            "SeqIO; SeqIO.convert('OLD', 'fastq-solexa', 'NEW', 'fastq')\""
        )
    elif note:
        facts.notes.append(f"{files[0].path}: {note}")
    for file in files:
        facts.notes += _file_notes(file)
    if facts.form == "single":
        mate = "; is there a second file of mates?" if _is_of_mates(files[0]) else ""
        facts.notes.append(f"{files[0].path}: reads without mates{mate}")


def _is_of_mates(file: FastqFile) -> bool:
    """Tell whether reads are mates 1 or 2, by their names or that of the file."""
    is_named = described_mate(first_name(file.path)) or parse_name(file.path.name).mate
    return bool(is_named) or pair_key(file.first) != file.first


def _facts_of(file: FastqFile) -> dict[str, object]:
    return {**file.digests(), "first": _text(file.first), "last": _text(file.last)}


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _file_problems(file: FastqFile) -> list[str]:
    c, problems = file.counts, []
    if c[fq.LONGEST] > LONGEST_READ:
        problems.append(
            f"{file.path}: a read of {c[fq.LONGEST]:,} bases; short ones have "
            f"{LONGEST_READ:,} at most; fix: name FASTQ of short reads"
        )
    elif c[fq.LONGEST] < SHORTEST_ALIGNED:
        problems.append(
            f"{file.path}: no read has {SHORTEST_ALIGNED} bases, the longest {c[fq.LONGEST]}: "
            "nothing of it would be aligned; fix: name the reads, not their indexes or UMIs"
        )
    if lacks_end(file.path):
        problems.append(
            f"{file.path}: BGZF without its end block: cut off; fix: copy it again; if it is "
            "whole: gzip -dc FILE | bgzip > NEW"
        )
    return problems


def _file_notes(file: FastqFile) -> list[str]:
    c, notes = file.counts, []
    if c[fq.N_CRLF]:
        notes.append(f"{file.path}: line ends of Windows, read as line ends")
    if c[fq.N_EMPTY]:
        notes.append(f"{file.path}: {c[fq.N_EMPTY]:,} reads without bases")
    if c[fq.N_CODES]:
        notes.append(f"{file.path}: {c[fq.N_CODES]:,} IUPAC codes or dots, aligned as N")
    return notes
