"""Sites of which none repeats another: what principal components are made of.

Where alleles go together over a long stretch (an inversion, the HLA region, the place of
LCT), many sites say one thing, and an axis of ancestry becomes that of the stretch. Two
measures are taken, as is usual. Regions known for it are left out, in the assemblies that
they are written down for: the 24 of Price et al. 2008 (Am J Hum Genet 83:132), as they are
used in GRCh37, and the inversion of 17q21.31 as in GWASTools `pcaSnpFilters.hg19`; in GRCh38
the same, by the chain of Ensembl. And of two near sites whose genotypes correlate the first
stays: that holds in any species.
"""

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genome.assemblies import build_of_lengths, chromosome_of, same_build
from varhouse.genome.contigs import Contigs
from varhouse.people.panel import PackedCalls, Words

_GRCH37 = (
    ("1", 48_227_413, 52_227_412), ("2", 86_146_489, 101_133_568),
    ("2", 134_783_530, 138_283_530), ("2", 183_291_755, 190_291_755),
    ("3", 47_524_996, 50_024_996), ("3", 83_417_310, 86_917_310),
    ("3", 88_917_310, 96_017_310), ("5", 44_464_243, 50_464_243),
    ("5", 97_972_100, 100_472_101), ("5", 128_972_101, 131_972_101),
    ("5", 135_472_101, 138_472_101), ("6", 25_392_021, 33_392_022),
    ("6", 56_892_041, 63_942_041), ("6", 139_958_307, 142_458_307),
    ("7", 55_032_506, 66_362_565), ("8", 7_962_590, 11_962_591),
    ("8", 42_880_843, 49_837_447), ("8", 111_930_824, 114_930_824),
    ("10", 36_959_994, 43_679_994), ("11", 46_043_424, 57_243_424),
    ("11", 87_860_352, 90_860_352), ("12", 33_108_733, 41_713_733),
    ("12", 111_015_617, 113_515_617), ("17", 40_546_474, 44_644_684),
    ("20", 32_536_339, 35_066_586),
)  # fmt: skip

_GRCH38 = (
    ("1", 47_761_741, 51_761_740), ("2", 85_919_366, 100_517_106),
    ("2", 134_025_959, 137_525_960), ("2", 182_427_028, 189_427_029),
    ("3", 47_483_506, 49_987_563), ("3", 83_368_159, 86_868_160),
    ("3", 88_868_160, 96_298_466), ("5", 44_464_141, 51_168_409),
    ("5", 98_636_396, 101_136_397), ("5", 129_636_408, 132_636_409),
    ("5", 136_136_412, 139_136_412), ("6", 25_391_793, 33_424_245),
    ("6", 57_027_243, 63_232_136), ("6", 139_637_170, 142_137_170),
    ("7", 54_964_813, 66_897_578), ("8", 8_105_068, 12_105_082),
    ("8", 43_025_700, 48_924_888), ("8", 110_918_595, 113_918_595),
    ("10", 36_671_066, 43_184_546), ("11", 46_021_873, 57_475_951),
    ("11", 88_127_184, 91_127_184), ("12", 32_955_799, 41_319_931),
    ("12", 110_577_812, 113_077_812), ("17", 42_394_456, 46_567_318),
    ("20", 33_948_533, 36_438_183),
)  # fmt: skip

LONG_RANGE = {"GRCh37 (hg19)": _GRCH37, "GRCh38 (hg38)": _GRCH38}
"""Assembly to regions of long-range LD: chromosome, first and last base (1-based)."""

MOST_PEOPLE = 5_000
"""People of whom r2 is asked, at most: its error is 1 / sqrt(people)."""

_BLOCK = 512


def in_long_range(sites: pl.DataFrame, contigs: Contigs) -> npt.NDArray[np.bool_]:
    """Tell which sites lie in a region of long-range LD.

    Parameters
    ----------
    sites
        Columns `contig` and `pos` (1-based).
    contigs
        Of the assembly; which one it is, and which chromosome a contig, its lengths tell.

    Returns
    -------
    bool[sites]
        False everywhere in an assembly without a list.
    """
    found = np.zeros(sites.height, np.bool_)
    lengths = {c.name: c.length for c in contigs.contigs}
    build = build_of_lengths(lengths)
    known = [r for b, r in LONG_RANGE.items() if build and same_build(b, build.build)]
    if not known:
        return found
    pos = sites["pos"].to_numpy()
    for name, length in lengths.items():
        chromosome = chromosome_of(length or 0)
        own = [(a, b) for c, a, b in known[0] if chromosome and c == chromosome[1]]
        if own:
            here = (sites["contig"] == name).to_numpy()
            for first, last in own:
                found |= here & (pos >= first) & (pos <= last)
    return found


def prune(
    packed: PackedCalls, people: npt.NDArray[np.int64], window: int, r2: float
) -> npt.NDArray[np.bool_]:
    """Tell which sites stay when of two near ones that correlate the first does.

    r2 is the squared correlation of the copies of alt of the people called at both, as of
    plink2 `--r2-unphased`. Sites without any correlation have r2 of 1 / people and, once in
    a thousand, of 10.8 / people: in a few people only more than that counts.

    Parameters
    ----------
    people
        int64[]: rows of `packed` that are asked, in an order that does not hang on that of
        the files; of more than MOST_PEOPLE evenly as many.
    window
        Bases; sites farther apart are not compared.
    r2
        The later of two sites with more than this goes.

    Returns
    -------
    bool[sites]
    """
    if people.size > MOST_PEOPLE:
        people = people[np.linspace(0, people.size - 1, MOST_PEOPLE).astype(np.int64)]
    contig = packed.sites["contig"].rle_id().to_numpy().astype(np.int64)
    pos = packed.sites["pos"].to_numpy().astype(np.int64)
    bits = [transpose(b, people, pos.size) for b in (packed.het, packed.hom, packed.called)]
    bound = max(r2, 10.8 / max(people.size, 1))
    het, hom, called = bits
    keep: npt.NDArray[np.bool_] = _prune(het, hom, called, contig, pos, window, bound)
    return keep


def transpose(bits: Words, people: npt.NDArray[np.int64], sites: int) -> Words:
    """Turn bits of people (uint64[people, words of sites]) into bits of sites.

    Returns
    -------
    uint64[sites, words of people]
        Of the rows `people`, in their order.
    """
    words = -(-people.size // 64)
    out = np.zeros((sites, 8 * words), np.uint8)
    octets = bits.view(np.uint8)
    for first in range(0, sites, _BLOCK):
        own = octets[people, first // 8 : (first + _BLOCK) // 8]
        flat = np.unpackbits(own, axis=1, bitorder="little")[:, : sites - first]
        packed = np.packbits(flat.T, axis=1, bitorder="little")
        out[first : first + _BLOCK, : packed.shape[1]] = packed
    return out.view("<u8")


@nb.njit(cache=True, nogil=True)
def _ones(word):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the bits of a word (Hacker's Delight 5-1), which LLVM makes one instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@nb.njit(cache=True, nogil=True)
def r2_of(het, hom, called, i, j):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Correlate two sites (rows of bits of sites), squared; 0 where one does not vary."""
    n = sum_i = sum_j = square_i = square_j = product = np.int64(0)
    for w in range(called.shape[1]):
        both_i = called[j, w]
        both_j = called[i, w]
        n += _ones(both_i & both_j)
        one, two = _ones(het[i, w] & both_i), _ones(hom[i, w] & both_i)
        sum_i += one + 2 * two
        square_i += one + 4 * two
        one, two = _ones(het[j, w] & both_j), _ones(hom[j, w] & both_j)
        sum_j += one + 2 * two
        square_j += one + 4 * two
        product += _ones(het[i, w] & het[j, w]) + 4 * _ones(hom[i, w] & hom[j, w])
        product += 2 * (_ones(het[i, w] & hom[j, w]) + _ones(hom[i, w] & het[j, w]))
    spread = float(n * square_i - sum_i * sum_i) * float(n * square_j - sum_j * sum_j)
    if spread <= 0.0:
        return 0.0
    together = float(n * product - sum_i * sum_j)
    return together * together / spread


@nb.njit(cache=True, nogil=True)
def _prune(het, hom, called, contig, pos, window, bound):  # type: ignore[no-untyped-def]  # pragma: no cover
    keep = np.zeros(pos.size, np.bool_)
    kept = np.empty(pos.size, np.int64)
    size = 0
    for j in range(pos.size):
        good = True
        for back in range(size):
            i = kept[size - 1 - back]
            if contig[i] != contig[j] or pos[j] - pos[i] > window:
                break
            if r2_of(het, hom, called, i, j) > bound:
                good = False
                break
        if good:
            keep[j] = True
            kept[size] = j
            size += 1
    return keep
