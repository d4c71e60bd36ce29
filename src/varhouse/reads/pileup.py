"""What `bcftools mpileup` says of each base, read from its BCF while it is written.

mpileup writes a record for each base with reads, and another where reads have an insertion or
a deletion. Nine in ten have no allele but the reference and `<*>`, which stands for any other
one. The caller needs only the rest, so these are passed on to it, byte by byte, and of all
records three things are kept in arrays over the bases of a span:

- the depth: reads of which the base counts, mates that overlap once (FORMAT/DP);
- the likelihoods (PL, Phred): of no other allele, of one, of only others. Each is the least of
  all genotypes of its kind over all alleles, weak ones too, and over both records of a base. A
  deletion lowers those of the bases it would take away, for whoever has it is not reference
  there;
- the quality of the genotype without other alleles: how far the likelihoods of all other
  genotypes lie above its own, 0 where one lies below it, at most 99. Where somebody has one
  copy only genotypes of one allele count.

The bytes of BCF: `reads.bcf`.
"""

from typing import BinaryIO, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genome.reference import CONCRETE
from varhouse.reads.bcf import (
    CUT,
    LOOK,
    MAGIC,
    BcfSource,
    number,
    read_header,
    typed,
    width_of,
    word,
)

Uint8 = npt.NDArray[np.uint8]
Uint16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

BLOCK = 1 << 20
"""Bytes of BCF that are read at once: a pipe holds as many, and they stay in a processor's
cache."""

MOST_QUALITY = 99
"""Genotype qualities of blocks end here, as GATK's do."""

_KEYS = ("PL", "DP", "AD", "QS")
_PL, _DP, _AD, _QS = range(4)
_UPPER = CONCRETE[np.frombuffer(bytes(range(256)).upper(), np.uint8)]
_LESS, _N, _n = ord("<"), ord("N"), ord("n")


class Panel(NamedTuple):
    """Sites at which reads of two alleles are counted, ascending.

    Attributes
    ----------
    pos
        int64[m]: 0-based.
    alt
        uint8[m]: the base of the ALT allele, upper case.
    counts
        int64[m, 3]: reads of REF, of ALT, of other bases.
    quality
        int64[m, 2]: sums of the qualities of the bases of REF and of ALT.
    """

    pos: Int64
    alt: Uint8
    counts: Int64
    quality: Int64

    @classmethod
    def at(cls, pos: Int64, alt: Uint8) -> "Panel":
        """Make one of which nothing is counted yet."""
        n = pos.size
        return cls(pos, alt, np.zeros((n, 3), np.int64), np.zeros((n, 2), np.int64))


class Pileup(NamedTuple):
    """What is known of the bases of a span, n of them.

    Attributes
    ----------
    depth
        uint16[n]: reads; 0 where none counts.
    quality
        uint8[n]: of the genotype without other alleles; 255 where there is no record.
    likelihoods
        uint8[n, 3]: PL of no other allele, of one beside the reference, of only others.
    """

    depth: Uint16
    quality: Uint8
    likelihoods: Uint8

    @classmethod
    def of(cls, n: int) -> "Pileup":
        """Make one of `n` bases without reads."""
        return cls(
            np.zeros(n, np.uint16), np.full(n, 255, np.uint8), np.full((n, 3), 255, np.uint8)
        )


class Window(NamedTuple):
    """What of a contig is looked at: 0-based, half-open.

    Attributes
    ----------
    start, end
        Bases that are kept in arrays.
    first
        Base of which `copies` holds the first number; records from there on are passed on.
    copies
        uint8[m]: see `varhouse.reads.copies`.
    """

    start: int
    end: int
    first: int
    copies: Uint8


@nb.njit(cache=True, nogil=True)
def _likelihoods(data, at, kind, n_alleles, least):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Put the least PL of no, of one and of only other alleles into `least`.

    Genotypes j/k stand at k(k+1)/2 + j (VCF specification, section 1.6.2).
    """
    width = width_of(kind)
    least[:] = 1 << 20
    for k in range(n_alleles):
        for j in range(k + 1):
            value = number(data, at + (k * (k + 1) // 2 + j) * width, kind)
            if value < 0:
                continue
            which = 0 if k == 0 else 1 if j == 0 else 2
            least[which] = min(least[which], value)
            if j == k and k > 0:
                # What counts where there is one copy.
                least[3] = min(least[3], value)


@nb.njit(cache=True, nogil=True)
def _lower(pileup, i, copies, least):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Lower likelihoods and quality at base `i` to what a record says."""
    _, quality, likelihoods = pileup
    ref, het, alt = least[0], least[1], least[2]
    if copies == 1:
        alt = least[3]
        het = 255
        low = min(ref, alt)
        ref, alt = ref - low, alt - low
    other = min(het, alt) if copies != 1 else alt
    gq = min(max(other - ref, 0), MOST_QUALITY)
    quality[i] = min(np.int64(quality[i]), gq)
    likelihoods[i, 0] = min(np.int64(likelihoods[i, 0]), ref)
    likelihoods[i, 1] = min(np.int64(likelihoods[i, 1]), het)
    likelihoods[i, 2] = min(np.int64(likelihoods[i, 2]), alt)


@nb.njit(cache=True, nogil=True)
def _count(data, places, kinds, alleles, n_alleles, panel, p):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the reads of a record at site `p` of the panel."""
    _, alt, counts, quality = panel
    for a in range(n_alleles):
        reads = number(data, places[_AD] + a * width_of(kinds[_AD]), kinds[_AD])
        sum_ = number(data, places[_QS] + a * width_of(kinds[_QS]), kinds[_QS])
        which = 0 if a == 0 else 1 if data[alleles[a]] == alt[p] else 2
        counts[p, which] += reads
        if which < 2:
            quality[p, which] += sum_


@nb.njit(cache=True, nogil=True)
def _raw_depth(data, at, n_values, dp):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read INFO/DP of a record, whose FILTER begins at `at`: all reads, whatever they say."""
    n, kind, at = typed(data, at)
    at += n * width_of(kind)
    for _ in range(n_values):
        n, kind, at = typed(data, at)
        key = number(data, at, kind)
        n, kind, at = typed(data, at + width_of(kind))
        if key == dp and n > 0:
            return number(data, at, kind)
        at += n * width_of(kind)
    return 0


@nb.njit(cache=True, nogil=True)
def _walk(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    data, size, out, keys, window, pileup, panel, most, state
):
    """Walk whole records of data[:size]; give the bytes walked, and those put into `out`.

    `state` keeps: next site of the panel, records, records passed on, records at bases of the
    reference that are not known, 1 if a record is not of one sample, bases of the span with
    at least `most` reads.
    """
    start, end, first, copies = window
    least = np.empty(4, np.int64)
    places, kinds = np.empty(4, np.int64), np.empty(4, np.int64)
    alleles, lengths = np.empty(256, np.int64), np.empty(256, np.int64)
    at, to = 0, 0
    while at + 32 <= size:
        shared, indiv = word(data, at), word(data, at + 4)
        after = at + 8 + shared + indiv
        if after > size:
            break
        pos = word(data, at + 12)
        n_alleles = word(data, at + 24) >> 16
        samples = word(data, at + 28)
        if samples & 0xFFFFFF != 1:
            state[4] = 1
            break
        n, kind, here = typed(data, at + 32)
        here += n
        ref_length, longest_loss, is_indel, has_alt = 0, 0, False, False
        for a in range(n_alleles):
            n, kind, here = typed(data, here)
            alleles[a], lengths[a] = here, n
            if a == 0:
                ref_length = n
                is_indel = n > 1
            elif data[here] != _LESS:
                has_alt = True
                is_indel = is_indel or n != 1
                longest_loss = max(longest_loss, ref_length - n)
            here += n
        filters = here
        is_unknown = data[alleles[0]] == _N or data[alleles[0]] == _n
        here = at + 8 + shared
        places[:] = -1
        for _ in range(samples >> 24 & 0xFF):
            n, kind, here = typed(data, here)
            key = number(data, here, kind)
            n, kind, here = typed(data, here + width_of(kind))
            for k in range(4):
                if keys[k] == key:
                    places[k], kinds[k] = here, kind
            here += n * width_of(kind)
        state[1] += 1
        state[3] += is_unknown
        held = copies[pos - first] if 0 <= pos - first < copies.size else 0
        if places[_PL] >= 0 and not is_unknown:
            _likelihoods(data, places[_PL], kinds[_PL], n_alleles, least)
            for i in range(pos, pos + longest_loss + 1):
                if start <= i < end:
                    _lower(pileup, i - start, copies[i - first], least)
        if start <= pos < end and not is_indel:
            if places[_DP] >= 0:
                reads = number(data, places[_DP], kinds[_DP])
                pileup.depth[pos - start] = min(max(reads, 0), 65_535)
                # Mates that overlap count once there, and bases without quality not at all.
                if 4 * reads >= most:
                    n_values = word(data, at + 24) & 0xFFFF
                    state[5] += _raw_depth(data, filters, n_values, keys[4]) >= most
            while state[0] < panel.pos.size and panel.pos[state[0]] < pos:
                state[0] += 1
            p = state[0]
            while p < panel.pos.size and panel.pos[p] == pos:
                if places[_AD] >= 0 and places[_QS] >= 0:
                    _count(data, places, kinds, alleles, n_alleles, panel, p)
                p += 1
        if has_alt and held > 0 and not is_unknown:
            out[to : to + after - at] = data[at:after]
            for a in range(n_alleles):
                if data[alleles[a]] == _LESS:
                    continue
                # norm takes a reference with R for one with A, and refuses a REF with R.
                for i in range(alleles[a], alleles[a] + lengths[a]):
                    out[to + i - at] = _UPPER[data[i]]
            to += after - at
            state[2] += 1
        at = after
    return at, to


def _for_caller(text: str) -> bytes:
    """Write the header with a short sample name: names of people need no quoting then."""
    lines = text.rstrip("\n").split("\n")
    lines[-1] = "\t".join([*lines[-1].split("\t")[:9], SAMPLE])
    data = ("\n".join(lines) + "\n").encode() + b"\0"
    return MAGIC + len(data).to_bytes(4, "little") + data


SAMPLE = "S"
"""What the person is called in the records that are passed on."""


def read_pileup(
    source: BinaryIO,
    sink: BinaryIO,
    window: Window,
    panel: Panel,
    *,
    most: int = 1 << 30,
    block: int = BLOCK,
) -> tuple[Pileup, dict[str, int]]:
    """Read mpileup's BCF to its end, and pass on the records that may hold a variant.

    Parameters
    ----------
    source, sink
        BCF of one sample and of records of one contig, in order.
    panel
        Its counts are filled in.
    most
        Reads in one place from which on a base is `full`: mpileup leaves out more.
    block
        Bytes that are read at once; a record may be longer.

    Returns
    -------
    Pileup
        Of the bases of the window.
    dict
        `records` read, `passed` on, and those at bases `unknown` to the reference (N, R, ...),
        where nothing can be called; bases of the window that are `full`.

    Raises
    ------
    InputError
        If the BCF is cut off, or of several samples.
    """
    bcf = BcfSource(source)
    text, numbers = read_header(bcf, _KEYS)
    sink.write(_for_caller(text))
    pileup = Pileup.of(window.end - window.start)
    keys, state = np.array(numbers, np.int64), np.zeros(6, np.int64)
    data: Uint8 = np.empty(block, np.uint8)
    out: Uint8 = np.empty(block, np.uint8)
    size = 0
    while True:
        if size == data.size:
            data, out = np.resize(data, 2 * size), np.empty(2 * size, np.uint8)
        got = bcf.read_into(data.data[size:])
        size += got
        walked, put = _walk(data, size, out, keys, window, pileup, panel, most, state)
        if state[4]:
            raise InputError("bcftools mpileup wrote several samples", "this is a bug")
        sink.write(out.data[:put])
        data[: size - walked] = data[walked:size].copy()
        size -= walked
        if not got:
            break
    if size:
        raise InputError(CUT, LOOK)
    counts = {"records": int(state[1]), "passed": int(state[2]), "unknown": int(state[3])}
    counts["full"] = int(state[5])
    return pileup, counts
