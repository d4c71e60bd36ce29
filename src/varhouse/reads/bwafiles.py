"""bwa's files of a reference: whether they are whole, and of which FASTA."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam

BWA = (".amb", ".ann", ".pac", ".bwt", ".sa")
"""Suffixes of an index."""

_CODES = np.full(256, 4, np.uint8)
_CODES[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4, dtype=np.uint8)


def plain_name(name: str) -> str:
    """Give a name with a suffix, and without that of a compression."""
    for ending in (".gz", ".bgz", ".bgzf"):
        name = name.removesuffix(ending)
    return name if Path(name).suffix else f"{name}.fa"


def find_bwa_files(reference: Path, contigs: Sequence[tuple[str, int]]) -> Path | None:
    """Find an index of bwa beside a FASTA: its prefix, or None.

    bwa's own names are tried, those of a compressed FASTA without its ending, and those of
    `bwa index -6`.
    """
    plain = reference.with_name(plain_name(reference.name))
    for name in (reference, plain, plain.with_suffix("")):
        for prefix in (Path(f"{name}.64"), name):
            if is_bwa_index(prefix, contigs):
                return prefix.absolute()
    return None


def find_alt_list(reference: Path) -> Path | None:
    """Find bwa's list of ALT contigs beside a FASTA.

    With it a read that also fits an ALT contig keeps its mapping quality on the chromosome;
    without it both places are equal, the quality is 0, and nothing is called there.
    """
    plain = reference.with_name(plain_name(reference.name))
    for name in (reference, plain, plain.with_suffix("")):
        for path in (Path(f"{name}.alt"), Path(f"{name}.64.alt")):
            if path.is_file():
                return path
    return None


def read_ann(prefix: Path) -> list[tuple[str, int]]:
    """Read names and lengths of an index's sequences: bwa's and bwa-mem2's.

    Raises
    ------
    OSError, ValueError, IndexError
        If there is no such file, or it is none of theirs.
    """
    # `SIZE CONTIGS SEED`; then two lines each: `GI NAME COMMENT`, `OFFSET LENGTH HOLES`.
    lines = Path(f"{prefix}.ann").read_text(encoding="utf-8").splitlines()
    names = [line.split()[1] for line in lines[1::2]]
    lengths = [int(line.split()[1]) for line in lines[2::2]]
    return list(zip(names, lengths, strict=True))


def is_bwa_index(prefix: Path, contigs: Sequence[tuple[str, int]]) -> bool:
    """Tell whether bwa's five files are whole, and of sequences of these names and lengths.

    Their sizes follow from the number of bases (bwt_dump_bwt, bwt_dump_sa and bns_fasta2bntseq
    of bwa's source).
    """
    try:
        if read_ann(prefix) != list(contigs):
            return False
        one = sum(length for _, length in contigs)
        both = 2 * one
        words = ((both + 15) >> 4) + ((both + 127) // 128 + 1) * 8
        sizes = {
            ".pac": (one >> 2) + 2,
            ".bwt": 40 + 4 * words,
            ".sa": 56 + 8 * ((both + 32) // 32 - 1),
        }
        Path(f"{prefix}.amb").stat()
        with Path(f"{prefix}.bwt").open("rb") as file:
            counts = struct.unpack("<5Q", file.read(40))
        return counts[4] == both and all(
            Path(f"{prefix}{suffix}").stat().st_size == size for suffix, size in sizes.items()
        )
    except (OSError, ValueError, IndexError, struct.error):
        return False


def has_same_bases(
    prefix: Path, fasta: Path, contigs: Sequence[tuple[str, int]], n: int = 1000
) -> bool:
    """Compare bases of bwa's index with the FASTA at `n` places, evenly over all sequences.

    A FASTA with some regions masked or mended has the names and lengths of the other one. A
    place has 64 bases; letters other than A, C, G and T are left out, as bwa makes up a base
    for them.
    """
    starts = np.concatenate(([0], np.cumsum([length for _, length in contigs])))
    packed = np.memmap(f"{prefix}.pac", np.uint8, "r")
    width = 64
    with pysam.FastaFile(str(fasta)) as file:
        for place in np.linspace(0, max(starts[-1] - 1, 0), n).astype(np.int64).tolist():
            k = int(np.searchsorted(starts, place, side="right")) - 1
            name, length = contigs[k]
            at = place - int(starts[k])
            bases = file.fetch(name, at, min(at + width, length)).upper().encode()
            codes = _CODES[np.frombuffer(bases, np.uint8)]
            i = place + np.arange(len(bases))
            own = (packed[i >> 2] >> ((~i & 3) << 1)) & 3
            if ((codes < 4) & (codes != own)).any():
                return False
    return True
