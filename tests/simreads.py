"""Reads with a known truth: what a sequencer makes of a person on a genome.

    genome = make_genome(1, {"chr1": 300_000, "chrX": 80_000})
    truth = make_truth(np.random.default_rng(2), genome)
    reads = simulate(genome, truth, folder, depth=30, platform="mgi", names="mgi", seed=3)
    reads.files     # [R1, R2], or one interleaved file

Genomes and people come from `simgenome`, whose names stand here, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pysam
from isal import igzip
from simgenome import (
    CopiesOf,
    Sequences,
    Variant,
    bases,
    copies_at,
    female,
    haplotype,
    make_genome,
    make_truth,
    male,
    read_fasta,
    read_truth,
    tandem_runs,
    write_fasta,
    write_truth,
)

__all__ = [
    "CALIBRATED",
    "CONTEXT",
    "CopiesOf",
    "Errors",
    "Names",
    "Platform",
    "Reads",
    "Sequences",
    "Variant",
    "bam_to_fastq",
    "bases",
    "copies_at",
    "female",
    "haplotype",
    "make_genome",
    "make_truth",
    "male",
    "read_fasta",
    "read_truth",
    "simulate",
    "tandem_runs",
    "write_fasta",
    "write_truth",
]

Platform = Literal["hiseq", "novaseq", "mgi", "element"]
Names = Literal["illumina", "mgi", "sra", "sra_mates", "element", "plain"]

BATCH = 20_000
"""Pairs in memory at once: some 60 MB of matrices at 150 bases."""
ILLUMINA = (b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
MGI = (
    b"AAGTCGGAGGCCAAGCGGTCTTAGGAAGACAA",
    b"AAGTCGGATCGTAGCCATGTCGTTCTGTGAGCCAAGGAGTTG",
)
_ACGT = np.frombuffer(b"ACGT", np.uint8)
_COMPLEMENT = np.zeros(256, np.uint8)
_COMPLEMENT[np.frombuffer(b"ACGTN", np.uint8)] = np.frombuffer(b"TGCAN", np.uint8)
_CODE = np.zeros(256, np.uint8)
_CODE[_ACGT] = np.arange(4, dtype=np.uint8)


@dataclass(frozen=True)
class Errors:
    """Errors beside those that the qualities say.

    Attributes
    ----------
    overstated
        By how much qualities are too high, Phred.
    slips
        Factor of indels in reads of homopolymers and short tandem repeats; 1 is some 0.5 %
        at 10 bases, 4 % at 15 (libraries made without PCR).
    runs
        Substitutions a base more, in and behind homopolymers of 5 bases or more.
    motifs
        Share of the places behind GGC at which one strand reads G too often, and how often:
        such errors come back at the same place in many reads.
    """

    overstated: float = 0.0
    slips: float = 0.0
    runs: float = 0.0
    motifs: tuple[float, float] = (0.0, 0.0)

    @property
    def by_context(self) -> bool:
        return self.runs > 0 or self.motifs[0] > 0


CALIBRATED = Errors()
CONTEXT = Errors(overstated=1.0, slips=1.0, runs=0.003, motifs=(0.03, 0.12))


@dataclass
class Reads:
    """Files of one lane."""

    files: list[Path]
    n_pairs: int = 0
    n_bases: int = 0
    sequences: Sequences = field(default_factory=dict)


def simulate(
    genome: Sequences | Path,
    truth: Sequence[Variant],
    folder: Path,
    *,
    depth: float = 30.0,
    platform: Platform = "hiseq",
    names: Names = "illumina",
    seed: int = 1,
    read_length: int = 150,
    fragment: tuple[float, float] = (350.0, 70.0),
    duplicates: float = 0.08,
    adapters: float = 0.0,
    copies: CopiesOf | None = None,
    depth_of: Mapping[str, float] | None = None,
    circular: Sequence[str] = ("chrM", "MT", "M"),
    contaminant: tuple[Sequence[Variant], float] | None = None,
    errors: Errors = CALIBRATED,
    quality_base: int = 33,
    interleaved: bool = False,
    lane: int = 1,
    stem: str = "reads",
    ending: str = ".fastq.gz",
) -> Reads:
    """Write the reads of a person.

    Parameters
    ----------
    depth
        Where there are two copies; a stretch with one gets half.
    fragment
        Mean and standard deviation of the insert, bases.
    duplicates
        Share of fragments that are read twice (same place, errors of their own).
    adapters
        Share of fragments shorter than a read, so that reads run into the adapter.
    depth_of
        Depth of single contigs, as if they had two copies.
    circular
        Contigs whose ends are joined.
    contaminant
        Another person of the same genome, and his share of the reads.
    lane
        1 to 9; in the names. Lanes want seeds of their own.
    ending
        .fastq.gz or .fastq
    """
    if isinstance(genome, Path):
        genome = read_fasta(genome)
    rng = np.random.default_rng([seed, lane])
    copies = copies or {}
    people = [(truth, 1.0)]
    if contaminant is not None:
        people = [(truth, 1 - contaminant[1]), contaminant]
    templates, fragments = _fragments(
        rng, genome, people, depth, depth_of or {}, copies, circular, read_length, fragment,
        duplicates, adapters,
    )  # fmt: skip
    machine = _Machine(rng, platform, read_length, errors, templates)
    namer = _Namer(names, seed, lane, read_length)
    mates = ["R12"] if interleaved else ["R1", "R2"]
    folder.mkdir(parents=True, exist_ok=True)
    reads = Reads([folder / f"{stem}_{m}{ending}" for m in mates], sequences=genome)
    with ExitStack() as stack:
        outs: list[BinaryIO] = [
            stack.enter_context(
                igzip.open(f, "wb", 1) if ending.endswith("gz") else f.open("wb")
            )
            for f in reads.files
        ]
        start, size, flip = fragments
        for i in range(0, len(start), BATCH):
            part = slice(i, i + BATCH)
            count = len(start[part])
            texts = []
            for mate in (0, 1):
                seq, quality = machine.read(
                    start[part], size[part], flip[part] ^ (mate == 1), mate
                )
                texts.append(_fastq(namer.names(i, count, mate), seq, quality + quality_base))
            if interleaved:
                both = np.concatenate(texts, axis=1)
                outs[0].write(both.tobytes())
            else:
                for out, text in zip(outs, texts, strict=True):
                    out.write(text.tobytes())
            reads.n_pairs += count
    reads.n_bases = reads.n_pairs * 2 * read_length
    return reads


def _fragments(
    rng: np.random.Generator,
    genome: Sequences,
    people: Sequence[tuple[Sequence[Variant], float]],
    depth: float,
    depth_of: Mapping[str, float],
    copies: CopiesOf,
    circular: Sequence[str],
    read_length: int,
    fragment: tuple[float, float],
    duplicates: float,
    adapters: float,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Draw fragments: the bases they are cut from, and start, length and strand of each."""
    pieces: list[np.ndarray] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    offset = 0
    for variants, share in people:
        by_contig: dict[str, list[Variant]] = {}
        for v in variants:
            by_contig.setdefault(v.contig, []).append(v)
        for contig, codes in genome.items():
            own = sorted(by_contig.get(contig, []), key=lambda v: v.start)
            for copy in (0, 1):
                for piece in _stretches(codes, own, copies.get(contig, ()), copy):
                    wide = (
                        np.concatenate([piece, piece[:1_000]])
                        if contig in circular and len(piece) > 2_000
                        else piece
                    )
                    count = depth_of.get(contig, depth) / 2 * share * len(piece)
                    n = int(rng.poisson(count / (2 * read_length) * (1 - duplicates / 2)))
                    size = rng.normal(*fragment, n)
                    short = rng.random(n) < adapters
                    size = np.where(short, rng.uniform(40, read_length, n), size)
                    size = np.clip(size, 40, 2_000).astype(np.int64)
                    size = size[size < len(wide)]
                    start = (rng.random(len(size)) * (len(wide) - size)).astype(np.int64)
                    drawn.append((start + offset, size))
                    pieces.append(wide)
                    offset += len(wide)
    start = np.concatenate([s for s, _ in drawn])
    size = np.concatenate([s for _, s in drawn])
    flip = rng.random(len(start)) < 0.5
    again = np.flatnonzero(rng.random(len(start)) < duplicates)
    order = rng.permutation(np.concatenate([np.arange(len(start)), again]))
    return np.concatenate(pieces), (start[order], size[order], flip[order])


def _stretches(
    codes: np.ndarray,
    variants: Sequence[Variant],
    copies: Sequence[tuple[int, int, int]],
    copy: int,
) -> list[np.ndarray]:
    """Cut a contig to the stretches without N of which somebody has this copy (0 or 1)."""
    here = codes != ord("N")
    for start, end, count in copies:
        if count <= copy:
            here[start:end] = False
    edge = np.diff(np.concatenate([[False], here, [False]]).astype(np.int8))
    out = []
    spans = zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True)
    for start, end in spans:
        own = [
            replace(v, start=v.start - int(start))
            for v in variants
            if start <= v.start and v.end <= end
        ]
        out.append(haplotype(codes[start:end], own, copy))
    return out


class _Machine:
    """Makes reads of fragments: bases and qualities (from 0)."""

    CLASSES = 8

    def __init__(
        self,
        rng: np.random.Generator,
        platform: Platform,
        length: int,
        errors: Errors,
        templates: np.ndarray,
    ) -> None:
        self.rng, self.length, self.errors, self.bases = rng, length, errors, templates
        self.adapters = [
            np.resize(bases(a), len(a)) for a in (MGI if platform == "mgi" else ILLUMINA)
        ]
        self.quality = [self._qualities(platform, mate) for mate in (0, 1)]
        self.tails = 0.06 if platform in ("hiseq", "novaseq") else 0.01
        chance = 10 ** (-(np.arange(64) - errors.overstated) / 10)
        chance[:3] = 0.12
        self.wrong = (np.minimum(chance, 0.75) * (2**32 - 1)).astype(np.uint32)
        self.shown = np.arange(64, dtype=np.uint8)
        if platform == "novaseq":
            self.shown = np.select(
                [self.shown <= 2, self.shown < 18, self.shown < 30], [2, 12, 23], 37
            ).astype(np.uint8)
        self.context = _contexts(templates, errors) if errors.by_context else None
        self.repeats = _slipping(templates) if errors.slips else None

    def _qualities(self, platform: Platform, mate: int) -> np.ndarray:
        """Draw 256 qualities for each kind of read and each cycle, to be chosen from."""
        rng = np.random.default_rng(17 + mate)
        cycle = np.arange(self.length)[None, :, None] / self.length
        shape = (self.CLASSES, self.length, 256)
        # Kinds of reads from good to bad: quantiles of an exponential distribution.
        worse = -np.log(1 - (np.arange(self.CLASSES) + 0.5) / self.CLASSES)[:, None, None]
        noise = rng.normal(0, 2.0, shape)
        if platform == "mgi":
            q = 35.2 - 3.5 * cycle**2 - mate + noise - 1.2 * worse
            dips, most = 0.03, 36
        elif platform == "element":
            q = 41.5 - 2 * cycle**2 - mate + noise - worse
            dips, most = 0.01, 44
        else:
            q = 38.5 - 7 * cycle**3 - 2 * mate + noise - 1.5 * worse
            dips, most = 0.015, 41
        q = np.where(rng.random(shape) < dips, rng.integers(5, 25, shape), q)
        return np.clip(np.rint(q), 2, most).astype(np.uint8)

    def read(
        self, start: np.ndarray, size: np.ndarray, reverse: np.ndarray, mate: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read one mate of each fragment, from its start, or from its end (`reverse`)."""
        rng, n, length = self.rng, len(start), self.length
        cycle = np.arange(length, dtype=np.int64)
        first = np.where(reverse, start + size - 1, start)
        at = first[:, None] + np.where(reverse, -1, 1)[:, None] * cycle
        if self.repeats is not None:
            self._slip(at, first, reverse)
        np.clip(at, 0, len(self.bases) - 1, out=at)
        seq = self.bases[at]
        seq[reverse] = _COMPLEMENT[seq[reverse]]
        kind = rng.integers(0, self.CLASSES, n)
        table = self.quality[mate].reshape(-1)
        pick = (kind[:, None] * length + cycle) * 256
        quality = table[pick + rng.integers(0, 256, (n, length), np.uint8)]
        self._tail(quality)
        wrong = rng.integers(0, 2**32, (n, length), np.uint32) < self.wrong[quality]
        quality = self.shown[quality]
        if self.context is not None:
            self._contextual(at, reverse, seq, quality, wrong)
        self._read_through(seq, size, mate)
        rows, columns = np.nonzero(wrong)
        code = _CODE[seq[rows, columns]] + rng.integers(1, 4, len(rows), np.uint8)
        seq[rows, columns] = _ACGT[code % 4]
        return seq, quality

    def _tail(self, quality: np.ndarray) -> None:
        """Let some reads fail from a cycle of their second half."""
        rows = np.flatnonzero(self.rng.random(len(quality)) < self.tails)
        since = self.rng.integers(self.length // 2, self.length, len(rows))
        bad = np.arange(self.length) >= since[:, None]
        quality[rows] = np.where(bad, np.uint8(2), quality[rows])

    def _read_through(self, seq: np.ndarray, size: np.ndarray, mate: int) -> None:
        """Go on with the adapter, then with anything, where the fragment has ended."""
        rows = np.flatnonzero(size < self.length)
        if not len(rows):
            return
        rest = self.rng.integers(0, 4, self.length)
        after = np.concatenate([self.adapters[mate], _ACGT[rest]])
        over = np.arange(self.length) - size[rows, None]
        seq[rows] = np.where(over >= 0, after[np.maximum(over, 0)], seq[rows])

    def _slip(self, at: np.ndarray, first: np.ndarray, reverse: np.ndarray) -> None:
        """Take a unit of a tandem repeat out of a read, or put one in."""
        starts, ends, units, chances = self.repeats  # type: ignore[misc]
        low = np.where(reverse, first - self.length + 1, first)
        i = np.searchsorted(starts, low + 5)
        covered = np.searchsorted(starts, low + self.length - 5) - i
        run = i + (self.rng.random(len(low)) * covered).astype(np.int64)
        run = np.minimum(run, len(starts) - 1)
        chance = chances[run] * covered * self.errors.slips
        rows = np.flatnonzero((self.rng.random(len(low)) < chance) & (covered > 0))
        less = self.rng.random(len(rows)) < 0.65
        run, places = run[rows], at[rows]
        unit = units[run][:, None]
        back = reverse[rows, None]
        border = np.where(back, ends[run][:, None] - 1, starts[run][:, None])
        ahead = np.where(back, border - places, places - border)  # bases past the border
        shift = np.where(less[:, None], unit * (ahead >= 0), -unit * (ahead >= unit))
        at[rows] = places + np.where(back, -shift, shift)

    def _contextual(
        self,
        at: np.ndarray,
        reverse: np.ndarray,
        seq: np.ndarray,
        quality: np.ndarray,
        wrong: np.ndarray,
    ) -> None:
        """Add errors that depend on the bases before; mark and colour them."""
        rng = self.rng
        marks = self.context[at]  # type: ignore[index]
        rows, columns = np.nonzero(marks)
        mark, back = marks[rows, columns], reverse[rows]
        hot = np.where(back, mark & 4, mark & 2) > 0
        chance = np.where(mark & 1, self.errors.runs, 0.0)
        struck = rng.random(len(rows)) < np.where(hot, self.errors.motifs[1], chance)
        rows, columns, hot = rows[struck], columns[struck], hot[struck]
        wrong[rows[~hot], columns[~hot]] = True
        seq[rows[hot], columns[hot]] = ord("G")
        lower = rng.integers(12, 38, len(rows)).astype(np.uint8)
        quality[rows, columns] = np.minimum(quality[rows, columns], lower)


def _contexts(codes: np.ndarray, errors: Errors) -> np.ndarray:
    """Mark bases: 1 in or next to a homopolymer, 2 or 4 read wrong by a strand.

    Which places behind a motif are bad depends on the 12 bases there alone, so that both
    copies of a person have the same.
    """
    marks = np.zeros(len(codes), np.uint8)
    starts, lengths, _ = tandem_runs(codes)[0]
    for reach in range(-1, int(lengths.max(initial=0)) + 1):
        here = starts[lengths >= reach] + reach
        marks[here[(here >= 0) & (here < len(codes))]] |= 1
    code = _CODE[codes]
    for mark, motif, sign in ((2, (2, 2, 1), -1), (4, (1, 1, 2), 1)):
        hit = np.ones(len(codes), bool)
        for k, letter in enumerate(motif):
            # before a place for forward reads; behind it, complement read backwards, else
            hit &= np.roll(code, (3 - k) if sign < 0 else -(3 - k)) == letter
        key = np.zeros(len(codes), np.uint32)
        for k in range(12):
            key = key * np.uint32(2654435761) + np.roll(code, -sign * k) + np.uint32(1)
        key ^= key >> np.uint32(15)
        hit &= (key % np.uint32(10_000)) < errors.motifs[0] * 10_000
        marks[hit] |= mark
    return marks


def _slipping(codes: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Find where reads slip: starts, ends, units of repeats, and how often a read does."""
    rows = []
    for starts, lengths, unit in tandem_runs(codes):
        n = lengths / unit
        chance = 1e-3 * np.exp(0.4 * (n - 6)) if unit == 1 else 3e-4 * np.exp(0.4 * (n - 4))
        most = 0.25 if unit == 1 else 0.12
        rows.append(
            (starts, starts + lengths, np.full(len(starts), unit), np.minimum(chance, most))
        )
    starts, ends, units, chances = (np.concatenate(c) for c in zip(*rows, strict=True))
    order = np.argsort(starts, kind="stable")
    return (starts[order], ends[order], units[order], chances[order]) if len(order) else None


class _Namer:
    """Makes read names of a fixed width, so that a batch is one matrix of bytes."""

    def __init__(self, kind: Names, seed: int, lane: int, length: int) -> None:
        self.kind, self.seed, self.lane, self.length = kind, seed % 1_000, lane, length

    def names(self, first: int, count: int, mate: int) -> np.ndarray:
        """Give names `first` to `first + count` as a matrix of ASCII codes."""
        i = np.arange(first, first + count, dtype=np.int64)
        m, lane, seed = mate + 1, self.lane, self.seed
        parts: list[str | tuple[np.ndarray, int]]
        if self.kind == "illumina":
            parts = [f"A00{seed:03d}:12:H7VTYDSX2:{lane}:", (1101 + i // 400_000_000, 4), ":",
                     (10_000 + i // 20_000 % 20_000, 5), ":", (10_000 + i % 20_000, 5),
                     f" {m}:N:0:ACGTACGT+TGCATGCA"]  # fmt: skip
        elif self.kind == "mgi":
            parts = [f"V350{seed:06d}L{lane}C", (1 + i // 60_000_000 % 999, 3), "R",
                     (1 + i // 1_000_000 % 60, 3), (i % 1_000_000, 7), f"/{m}"]  # fmt: skip
        elif self.kind in ("sra", "sra_mates"):
            number = (10_000_000 + i, 8)
            middle = f".{m} " if self.kind == "sra_mates" else " "
            parts = [f"SRR{seed:07d}.", number, middle, number, f" length={self.length}"]
        elif self.kind == "element":
            parts = [f"AV{seed:06d}:FC-18:2140948596:{lane}:", (10_102 + i // 100_000_000, 5),
                     ":", (i // 10_000 % 10_000, 4), ":", (i % 10_000, 4),
                     f" {m}:N:0:ACGT"]  # fmt: skip
        else:
            parts = ["read", (10_000_000 + i, 8)]
        return np.concatenate([_column(p, count) for p in parts], axis=1)


def _column(part: str | tuple[np.ndarray, int], count: int) -> np.ndarray:
    if isinstance(part, str):
        return np.broadcast_to(bases(part), (count, len(part)))
    numbers, width = part
    powers = 10 ** np.arange(width - 1, -1, -1)
    return (numbers[:, None] // powers % 10 + 48).astype(np.uint8)


def _fastq(names: np.ndarray, seq: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Put records together: one a row."""
    parts = ["@", names, "\n", seq, "\n+\n", quality, "\n"]
    return np.concatenate(
        [_column(p, len(seq)) if isinstance(p, str) else p for p in parts], axis=1
    )


def bam_to_fastq(bam: Path, folder: Path, stem: str = "reads") -> tuple[Reads, Reads]:
    """Give the reads of a BAM back as they came off the machine: pairs, and single reads.

    Single are those whose mate is not in the BAM. Secondary and supplementary records are left
    out, and so are hard clips: a read is as long as its primary record has it.
    """
    found: dict[str, list[str | None]] = {}
    with pysam.AlignmentFile(str(bam), check_sq=False) as source:
        for read in source.fetch(until_eof=True):
            if read.is_secondary or read.is_supplementary:
                continue
            quality = "".join(chr(q + 33) for q in read.get_forward_qualities())
            text = f"@{read.query_name}\n{read.get_forward_sequence()}\n+\n{quality}\n"
            found.setdefault(read.query_name, [None, None])[int(read.is_read2)] = text
    folder.mkdir(parents=True, exist_ok=True)
    pairs = Reads([folder / f"{stem}_R1.fastq.gz", folder / f"{stem}_R2.fastq.gz"])
    single = Reads([folder / f"{stem}_single.fastq.gz"])
    texts: list[list[str]] = [[], [], []]
    for mates in found.values():
        if None in mates:
            texts[2] += [m for m in mates if m]
            single.n_pairs += 1
        else:
            texts[0].append(str(mates[0]))
            texts[1].append(str(mates[1]))
            pairs.n_pairs += 1
    for file, lines in zip([*pairs.files, *single.files], texts, strict=True):
        file.write_bytes(igzip.compress("".join(lines).encode(), 1))
    return pairs, single
