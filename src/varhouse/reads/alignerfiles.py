"""Indexes of other aligners beside a reference: whether they are whole, and of which FASTA."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pysam

from varhouse.reads.bwafiles import find_bwa_files, has_same_bases, plain_name, read_ann

Contigs = Sequence[tuple[str, int]]
"""Names and lengths, in the order of the FASTA."""

_SHORT_READS = (11, 21)
"""w and k of minimap2's preset `sr`: an index of another preset finds other places."""

_CODES = np.full(256, 4, np.uint8)
for _code, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
    _CODES[list(_letters)] = _code


def find_index(kind: str, reference: Path, fasta: Path, contigs: Contigs) -> Path | None:
    """Find an aligner's index beside a FASTA: its prefix, or None.

    Parameters
    ----------
    kind
        `bwa`, `bwa-mem2` or `minimap2`.
    reference
        As the user gave it: beside it the files are looked for.
    fasta
        Of the same sequences, uncompressed and with its `.fai`: an index of other bases is
        none of them.
    """
    if kind == "bwa":
        found = find_bwa_files(reference, contigs)
        return found if found and has_same_bases(found, fasta, contigs) else None
    fits = _FITS.get(kind)
    if fits is None:
        return None
    plain = reference.with_name(plain_name(reference.name))
    for name in dict.fromkeys((reference, plain, plain.with_suffix(""))):
        if fits(name, fasta, contigs):
            return name.absolute()
    return None


def is_mem2_index(prefix: Path, fasta: Path, contigs: Contigs) -> bool:
    """Tell whether bwa-mem2's five files (2.1 and later) are whole, and of a FASTA.

    Their sizes follow from the number of bases (FMI_search::build_fm_index and
    bns_fasta2bntseq of its source): a checkpoint of 64 bytes each 64 places, and each eighth
    place of the suffix array in 5 bytes. Files of 2.0 have another size.
    """
    try:
        if read_ann(prefix) != list(contigs):
            return False
        one = sum(length for _, length in contigs)
        places = 2 * one + 1
        sizes = {
            ".pac": (one >> 2) + 2,
            ".0123": 2 * one,
            ".bwt.2bit.64": 8 * 6 + 64 * ((places >> 6) + 1) + 5 * ((places >> 3) + 1) + 8,
        }
        Path(f"{prefix}.amb").stat()
        with Path(f"{prefix}.bwt.2bit.64").open("rb") as file:
            (stored,) = struct.unpack("<q", file.read(8))
        whole = all(Path(f"{prefix}{end}").stat().st_size == n for end, n in sizes.items())
    except (OSError, ValueError, IndexError, struct.error):
        return False
    return whole and stored == places and has_same_bases(prefix, fasta, contigs)


def is_minimap2_index(prefix: Path, fasta: Path, contigs: Contigs) -> bool:
    """Tell whether minimap2's index is whole, of one part, for short reads, and of a FASTA.

    Its parts (mm_idx_dump of its source): its magic; w, k, bits of buckets, sequences, flags;
    name and length of each; buckets, whose sizes stand in them; the bases, 4 bits each.
    """
    path = Path(f"{prefix}.mmi")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"MMI\x02":
                return False
            w, k, bits, n, flags = struct.unpack("<5I", file.read(20))
            # Flags: homopolymers joined, no bases, no names.
            if (w, k) != _SHORT_READS or flags or n != len(contigs) or bits > 24:
                return False
            for name, length in contigs:
                stored = file.read(file.read(1)[0]).decode()
                if stored != name or struct.unpack("<I", file.read(4))[0] != length:
                    return False
            for _ in range(1 << bits):
                file.seek(8 * struct.unpack("<I", file.read(4))[0], 1)
                file.seek(16 * struct.unpack("<I", file.read(4))[0], 1)
            begin = file.tell()
        total = sum(length for _, length in contigs)
        # Behind the bases there would be another part.
        if path.stat().st_size != begin + 4 * ((total + 7) // 8):
            return False
    except (OSError, IndexError, ValueError, struct.error):
        return False
    packed = np.memmap(path, np.uint8, "r", begin)

    def codes(at: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        own: npt.NDArray[np.uint8] = (packed[at >> 1] >> ((at & 1) << 2)) & 15
        return own

    return has_same_letters(codes, fasta, contigs)


def has_same_letters(
    codes: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]],
    fasta: Path,
    contigs: Contigs,
    n: int = 1000,
) -> bool:
    """Compare what `codes` gives for places with the FASTA, at `n` places of 64 bases.

    Codes are 0 to 3 for A, C, G and T, and 4 for others; places count through all sequences.
    """
    starts = np.concatenate(([0], np.cumsum([length for _, length in contigs])))
    with pysam.FastaFile(str(fasta)) as file:
        for place in np.linspace(0, max(starts[-1] - 1, 0), n).astype(np.int64).tolist():
            i = int(np.searchsorted(starts, place, side="right")) - 1
            name, length = contigs[i]
            at = place - int(starts[i])
            bases = file.fetch(name, at, min(at + 64, length)).encode()
            wanted = _CODES[np.frombuffer(bases, np.uint8)]
            if (codes(place + np.arange(len(bases))) != wanted).any():
                return False
    return True


_FITS = {"bwa-mem2": is_mem2_index, "minimap2": is_minimap2_index}
