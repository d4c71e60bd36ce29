"""Base qualities set right by how often bases differ from the reference.

As in DePristo et al. 2011 (Nature Genetics 43:491): where nobody is known to vary, a base that
differs is an error of the sequencer. Errors are counted by read group, reported quality,
cycle and the two bases read last; a new quality is that of the group, of the reported quality
in it, and what cycle and bases add. Each is the most likely one given its counts and a normal
prior around what is known without it: for a cycle, what it does to all qualities together.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.files import new_file
from varhouse.reads.bamstream import BamStream
from varhouse.reads.knownsites import contigs_of
from varhouse.reads.model import Tool
from varhouse.reads.pipeline import Bcftools, Function, Samtools, run_pipeline
from varhouse.reads.recalibratescan import (
    LEAST_QUALITY,
    N_QUALITIES,
    count_block,
    fill_codes,
    mask_known,
    new_counts,
    rewrite_block,
)

HIGHEST = 60
"""The highest quality that is written: one error in a million, which takes as many bases to
be seen."""

PRIOR, CELL_PRIOR = 1.0, 0.5
"""Standard deviations of the priors, Phred: of a group's qualities, and of a cycle or two
bases with one quality. Some 20 and 75 errors outweigh them, as k errors tell a quality to
4.3 / sqrt(k)."""

POOLED = 20
"""Errors, as expected as seen, by which the effect of a cycle or two bases is held back."""

MOST_ERRORS = 0.1
"""Share of bases that differ, from which on the reads are of another reference."""

MOST_GROUPS = 100
"""Read groups of a person at most: each takes 4 MB of counts and of new qualities."""

_GRID = np.arange(4, 4 * HIGHEST + 1) / 4
_CHUNK = 20_000
_LONGEST_BAI = 1 << 29

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


def recalibrate(
    bam: Path,
    out: Path,
    *,
    fasta: Path,
    known: Sequence[Path],
    threads: int = 1,
    log: Path | None = None,
) -> dict[str, Any]:
    """Write a BAM or CRAM again, with qualities that say how often its bases are wrong.

    The file is read twice: once to count, once to write. Nothing else of a record changes.
    Memory: a byte a base of the longest contig, and 10 MB a read group.

    Parameters
    ----------
    bam
        Sorted by coordinate, duplicates marked.
    out
        BAM or CRAM by its ending; its index (`.bai`, `.csi`, `.crai`) is there before it.
    fasta
        The reference, uncompressed, with `.fai`.
    known
        VCF or BCF of known variants, with index; all bases of their REF are left out.

    Returns
    -------
    dict
        `tools`; `bases` that were compared; `known` variants on the contigs with reads;
        `groups`: for each read group its bases, the quality reported for them on the whole,
        and the one found.

    Raises
    ------
    InputError
        If no known variants are named, they have no index or no contig of the reads, or the
        reads are not sorted.
    """
    variants = _Known(known)
    view = Samtools(["view", "--no-PG", "-u", "-T", str(fasta), str(bam)])
    counts: list[_Counts] = []

    def count(source: BinaryIO, _: BinaryIO) -> None:
        counts.append(_count(BamStream(source), _Reference(fasta, variants, log), bam))

    run_pipeline([view, Function(count, "mismatches")], log=log)
    found = counts[0]
    if not found.n_known:
        raise InputError(
            f"{', '.join(p.name for p in known)}: no known variant where {bam.name} has reads",
            "calling.known_sites: variants of this assembly, with its names of contigs",
        )
    n_bases, n_wrong = found.contexts.sum(axis=(0, 1, 2))
    if n_wrong > MOST_ERRORS * n_bases:
        raise InputError(
            f"{bam}: {n_wrong / n_bases:.0%} of the bases differ from {fasta.name}",
            "the reference that the reads were aligned to",
        )
    model = make_model(found.cycles, found.contexts)
    tool = Tool(
        "base_quality",
        "varhouse",
        version("varhouse"),
        "",
        " ".join(["recalibrate", *(f"--known-sites {p.name}" for p in known)]),
    )
    is_cram = out.suffix == ".cram"
    index = out.with_name(out.name + (".crai" if is_cram else found.index_ending))
    with new_file(out) as own, new_file(index) as own_index:
        write = ["view", "--no-PG", "-@", str(max(0, threads - 1)), "--write-index"]
        write += (
            ["-C", "-T", str(fasta)] if is_cram else ["-b", "--output-fmt-option", "level=1"]
        )
        run_pipeline(
            [
                view,
                Function(_writer(found, model.table, tool), "qualities"),
                Samtools([*write, "-o", f"{own}##idx##{own_index}", "-"]),
            ],
            log=log,
        )
    return {
        "tools": [tool.as_json()],
        "bases": int(model.bases.sum()),
        "known": found.n_known,
        "groups": {
            name: {
                "bases": int(model.bases[g]),
                "reported": round(float(model.reported[g]), 2),
                "found": round(float(model.found[g]), 2),
            }
            for g, name in enumerate([*found.groups, ""])
            if model.bases[g]
        },
    }


class _Known:
    """Files of known variants, and the contigs that each has."""

    def __init__(self, files: Sequence[Path]) -> None:
        if not files:
            raise InputError(
                "base qualities cannot be set right without known variants",
                "calling: known_sites: [dbsnp.vcf.gz]",
            )
        self.files: list[tuple[Path, frozenset[str]]] = []
        for path in files:
            if not any(Path(f"{path}{end}").exists() for end in (".tbi", ".csi")):
                raise InputError(f"{path} has no index", f"make one: bcftools index -t {path}")
            self.files.append((path, contigs_of(path)))

    def mask(self, contig: str, codes: Codes, log: Path | None) -> int:
        """Take the places of known variants out of a contig; gives how many there are."""
        n = 0

        def read(source: BinaryIO, _: BinaryIO) -> None:
            nonlocal n
            rest = b""
            while piece := source.read(1 << 20):
                text = np.frombuffer(rest + piece, np.uint8)
                at, more = mask_known(text, codes)
                n += int(more)
                rest = text[at:].tobytes()

        for path, contigs in self.files:
            if contig in contigs:
                # Names of contigs may hold colons.
                query = ["query", "-f", "%POS\\t%REF\\n", "-r", f"{{{contig}}}", str(path)]
                run_pipeline([Bcftools(query), Function(read, "known variants")], log=log)
        return n


class _Reference:
    """Bases of one contig at a time, without those that are known to vary."""

    def __init__(self, fasta: Path, variants: _Known, log: Path | None) -> None:
        self._variants = variants
        self._log = log
        self._raw = np.memmap(fasta, np.uint8, "r")
        self._index: dict[str, tuple[int, ...]] = {}
        self.n_known = 0
        for line in Path(f"{fasta}.fai").read_text().splitlines():
            name, *numbers = line.split("\t")
            self._index[name] = tuple(map(int, numbers[:4]))

    def codes(self, contig: str) -> Codes:
        """Give the codes of a contig's bases."""
        if contig not in self._index:
            raise InputError(
                f"{contig} is not in the reference", "name the reference of the BAM"
            )
        length, offset, line_bases, line_width = self._index[contig]
        codes = np.empty(length, np.uint8)
        end = offset + (max(0, length - 1) // line_bases + 1) * line_width
        fill_codes(self._raw[offset:end], line_bases, line_width, codes)
        self.n_known += self._variants.mask(contig, codes, self._log)
        return codes


@dataclass
class _Counts:
    """What the first reading has counted."""

    groups: list[str]
    cycles: Ints
    contexts: Ints
    n_known: int
    index_ending: str


def _count(stream: BamStream, reference: _Reference, bam: Path) -> _Counts:
    """Count bases and mismatches of all records."""
    lines = stream.text.splitlines()
    if not any(ln.startswith("@HD") and "SO:coordinate" in ln.split("\t") for ln in lines):
        raise InputError(f"{bam} is not sorted by coordinate", f"samtools sort {bam.name}")
    groups = _groups(stream.text)
    if len(groups) > MOST_GROUPS:
        raise InputError(
            f"{bam}: {len(groups)} read groups; at most {MOST_GROUPS} are told apart",
            "base_quality: none",
        )
    ids, starts = _joined(groups)
    cycles, contexts = new_counts(len(groups))
    contig, codes = -1, np.empty(0, np.uint8)
    for piece in stream.blocks():
        # Can be written to, as those of `rewrite_block`: both call the same compiled code.
        block = piece.copy()
        at = 0
        while True:
            at = count_block(block, at, contig, codes, ids, starts, cycles, contexts)
            if at >= block.size:
                break
            contig = struct.unpack("<i", block[at + 4 : at + 8].tobytes())[0]
            codes = reference.codes(stream.names[contig])
    ending = ".csi" if max(stream.lengths, default=0) > _LONGEST_BAI else ".bai"
    return _Counts(groups, cycles, contexts, reference.n_known, ending)


def _groups(text: str) -> list[str]:
    """List the IDs of the read groups of a header."""
    fields = [ln.split("\t")[1:] for ln in text.splitlines() if ln.startswith("@RG\t")]
    return [f[3:] for each in fields for f in each if f.startswith("ID:")]


def _joined(groups: Sequence[str]) -> tuple[Codes, Ints]:
    names = [g.encode() for g in groups]
    starts = np.cumsum([0, *map(len, names)], dtype=np.int64)
    return np.frombuffer(b"".join(names) or b"\0", np.uint8), starts


@dataclass
class Model:
    """New qualities, and what they were made of.

    Attributes
    ----------
    table
        [group, reported quality, cycle, context].
    bases, reported, found
        Of each group: bases, the quality reported for them on the whole (of the mean chance
        of an error), and the one found.
    """

    table: npt.NDArray[np.uint8]
    bases: Ints
    reported: Floats
    found: Floats


def make_model(cycles: Ints, contexts: Ints) -> Model:
    """Make new qualities of counts.

    Parameters
    ----------
    cycles, contexts
        [group, reported quality, cycle or context, bases and mismatches].
    """
    by_quality = contexts.sum(axis=2)
    by_group = by_quality.sum(axis=1)
    n = by_group[:, 0]
    levels = np.arange(N_QUALITIES, dtype=np.float64)
    chances = (by_quality[:, :, 0] * 10 ** (-levels / 10)).sum(axis=1)
    reported = -10 * np.log10(np.where(n > 0, chances, 1) / np.maximum(n, 1))
    found = most_likely(by_group, reported)
    expected = np.where(n > 0, found - reported, 0)[:, None] + levels[None, :]
    base = most_likely(by_quality, expected)
    of_cycle = most_likely(cycles, _pooled(cycles, base), CELL_PRIOR)
    of_context = most_likely(contexts, _pooled(contexts, base), CELL_PRIOR)
    table = np.empty((*cycles.shape[:3], contexts.shape[2]), np.uint8)
    for g in range(len(table)):
        # What cycle and bases add to the quality of the reported one.
        new = of_cycle[g][:, :, None] + (of_context[g] - base[g][:, None])[:, None, :]
        table[g] = np.rint(np.clip(new, 1, HIGHEST)).astype(np.uint8)
    table[:, :LEAST_QUALITY] = np.arange(LEAST_QUALITY)[None, :, None, None]
    return Model(table, n, reported, found)


def _pooled(counts: Ints, base: Floats) -> Floats:
    """Give the qualities to expect where all qualities change alike with a cycle or context.

    Few errors tell that much, while one quality at one cycle may have seen none.
    """
    chance = 10 ** (-base / 10)
    expected = (counts[..., 0] * chance[:, :, None]).sum(axis=1)
    wrong = counts[..., 1].sum(axis=1)
    change = -10 * np.log10((wrong + POOLED) / (expected + POOLED))
    return np.asarray(base[:, :, None] + change[:, None, :], np.float64)


def most_likely(counts: Ints, expected: Floats, prior: float = PRIOR) -> Floats:
    """Give the most likely qualities, by a grid of quarters.

    Parameters
    ----------
    counts
        Bases and mismatches in the last axis.
    expected
        Mean of the prior; it is the answer where there are no bases.
    prior
        Its standard deviation.
    """
    flat = counts.reshape(-1, 2)
    out = np.array(np.broadcast_to(expected, counts.shape[:-1]), np.float64).reshape(-1)
    (seen,) = np.nonzero(flat[:, 0])
    chance = 10 ** (-_GRID / 10)
    # Quality 0 says nothing: the grid begins at 1.
    log_wrong, log_right = np.log(chance), np.log1p(-chance)
    for part in (seen[i : i + _CHUNK] for i in range(0, len(seen), _CHUNK)):
        n, wrong = flat[part, 0].astype(np.float64), flat[part, 1].astype(np.float64)
        score = wrong[:, None] * log_wrong + (n - wrong)[:, None] * log_right
        score -= ((_GRID - out[part][:, None]) / prior) ** 2 / 2
        out[part] = _GRID[score.argmax(axis=1)]
    return out.reshape(counts.shape[:-1])


def _writer(
    found: _Counts, table: npt.NDArray[np.uint8], tool: Tool
) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the stage that writes records with new qualities."""
    ids, starts = _joined(found.groups)

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        sink.write(_with_program(stream, tool))
        for block in stream.blocks():
            own = block.copy()
            rewrite_block(own, ids, starts, table)
            sink.write(own.data)

    return write


def _with_program(stream: BamStream, tool: Tool) -> bytes:
    """Add a line @PG to a header."""
    magic, size = struct.unpack("<4si", stream.header[:8])
    taken = set(_programs(stream.text))
    name = next(n for n in _names("varhouse") if n not in taken)
    line = f"@PG\tID:{name}\tPN:varhouse\tVN:{tool.version}\tCL:varhouse {tool.options}\n"
    text = (stream.text if stream.text.endswith("\n") else f"{stream.text}\n") + line
    raw = text.encode()
    return struct.pack("<4si", magic, len(raw)) + raw + stream.header[8 + size :]


def _programs(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("@PG\t"):
            yield from (f[3:] for f in line.split("\t") if f.startswith("ID:"))


def _names(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}.{n}" for n in range(1, 1000))
