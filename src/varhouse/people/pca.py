"""Principal components of packed calls.

A genotype of g copies of alt becomes z = (g - 2p) / sqrt(2p(1 - p)), p the frequency of alt
in the people that the axes are made of; axes are the eigenvectors of G, where G_ij is the
mean of z_i z_j over the sites at which both are called (Patterson et al. 2006, PLoS Genet
2:e190; plink2 `--pca`, whose eigenvalues these are). Of more people than MOST_DENSE, G is
never made: what it does to a few vectors is summed over blocks of sites, twice through all
of them for each step of a block Krylov method (Galinsky et al. 2016, Am J Hum Genet 98:456;
plink2 `--pca approx`), and calls that are missing are the mean, 0.

What is not determined: of two axes whose eigenvalues are (nearly) alike only the plane is,
not how they lie in it; and of axes without structure (see `Axes.significant`) nothing is
but the size. Eigenvectors have no sign, either: `orient` gives them one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.people.panel import PackedCalls

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Times = Callable[[Floats], Floats]

MOST_DENSE = 5_000
"""People of whom the matrix of all pairs is made: 200 MB, twice if calls are missing."""

_WHOLE = 1_500
"""People of whom all eigenvectors are found, for the few that are wanted."""

_SPARE = 10
"""Vectors beyond those wanted, that the Krylov method goes by."""

_PROBES = 640_000
"""Signs times people by which the squares of a matrix that is not made are estimated."""

_BLOCK_BYTES = 64 << 20
_CODES = 4
_MISSING = 3

TRACY_WIDOM_01 = 2.0234
"""Of which 1 % of largest eigenvalues are above (Patterson et al. 2006, table 1)."""


@dataclass(frozen=True)
class Axes:
    """Axes of ancestry, and the people that they are made of on them.

    Attributes
    ----------
    people, sites
        int64[people], int64[sites]: rows and sites of the packed calls that went in; sites
        that do not vary among the people do not.
    eigenvalues
        float64[axes], descending, all above 0.
    variance
        float64[axes]: share of the sum of all eigenvalues.
    significant
        How many of the first axes are more than chance makes: the eigenvalues that come one
        behind another above the Tracy-Widom bound of 1 % (Patterson et al. 2006).
    scores
        float64[people, axes]: eigenvectors, each times the root of its eigenvalue.
    center
        float64[sites]: frequency p of alt in the people.
    loadings
        float64[sites, axes]: the sum of z times these is a score. Their squares sum to
        1 / sites.
    """

    people: Ints
    sites: Ints
    eigenvalues: Floats
    variance: Floats
    significant: int
    scores: Floats
    center: Floats
    loadings: Floats


class Found(NamedTuple):
    """Largest eigenvalues of a matrix.

    Attributes
    ----------
    values
        float64[wanted], descending.
    vectors
        float64[n, wanted].
    squares
        Sum of the squares of all eigenvalues; of `krylov` an estimate of it, from what the
        matrix without these values does to signs (Hutchinson).
    solved
        All of them are so exact as was asked.
    """

    values: Floats
    vectors: Floats
    squares: float
    solved: bool


@nb.njit(cache=True, nogil=True)
def _fill(het, hom, called, people, sites, values, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the value of each call (values[site, copies], 3: missing) into out."""
    one = np.uint64(1)
    for row in range(people.size):
        person = people[row]
        last = -1
        a = b = c = np.uint64(0)
        for column in range(sites.size):
            word = sites[column] >> 6
            if word != last:
                a, b, c = het[person, word], hom[person, word], ~called[person, word]
                last = word
            bit = np.uint64(sites[column] & 63)
            # A call that is missing has no other bit: 1, 2 or 3.
            code = ((a | c) >> bit & one) | (((b | c) >> bit & one) << one)
            out[row, column] = values[column, np.int64(code)]


def iter_blocks(
    packed: PackedCalls, people: Ints, sites: Ints, values: Singles
) -> Iterator[tuple[slice, Singles]]:
    """Give the calls as numbers, some sites at a time.

    Parameters
    ----------
    people, sites
        Rows and sites of `packed`.
    values
        float32[sites, 4]: what 0, 1 and 2 copies and a missing call become.

    Yields
    ------
    (slice, float32[people, some sites])
        Which of `sites`, and the numbers: an array that the next block is written over.
    """
    width = max(1, min(sites.size, _BLOCK_BYTES // (4 * max(people.size, 1))))
    room = np.empty(people.size * width, np.float32)
    for first in range(0, sites.size, width):
        part = slice(first, min(first + width, sites.size))
        size = part.stop - part.start
        out = room[: people.size * size].reshape(people.size, size)
        _fill(packed.het, packed.hom, packed.called, people, sites[part], values[part], out)
        yield part, out


def standard(center: Floats) -> Singles:
    """Give what copies of alt become, float32[sites, 4]; missing becomes 0."""
    copies = np.arange(3)
    z = (copies - 2 * center[:, None]) / np.sqrt(2 * center * (1 - center))[:, None]
    return np.concatenate([z, np.zeros((center.size, 1))], axis=1).astype(np.float32)


IS_CALLED = np.array([1, 1, 1, 0], np.float32)
"""What copies become for `iter_blocks` to tell what is called."""


def count_copies(packed: PackedCalls, people: Ints) -> Ints:
    """Count at each site who has 0, 1 and 2 copies and who is not called, int64[sites, 4]."""
    size = packed.sites.height
    counts = np.zeros((size, _CODES), np.int64)
    for code, bits in ((1, packed.het), (2, packed.hom), (_MISSING, packed.called)):
        octets = bits.view(np.uint8)
        for first in range(0, people.size, 1024):
            own = octets[people[first : first + 1024]]
            flat = np.unpackbits(own, axis=1, bitorder="little")[:, :size]
            counts[:, code] += flat.sum(axis=0, dtype=np.int64)
    counts[:, 0] = counts[:, _MISSING] - counts[:, 1] - counts[:, 2]
    counts[:, _MISSING] = people.size - counts[:, _MISSING]
    return counts


def find_axes(
    packed: PackedCalls,
    people: Ints,
    sites: Ints,
    most: int,
    dense: int = MOST_DENSE,
) -> Axes:
    """Find the axes along which people differ most.

    Parameters
    ----------
    packed
        The calls.
    people, sites
        int64[]: rows and sites of it to go by; unrelated people, sites without LD.
    most
        Axes wanted. There are fewer where there are no more people or sites that vary.
    dense
        Of more people than this the matrix of pairs is not made.
    """
    counts = count_copies(packed, people)[sites]
    n_called = counts[:, :_MISSING].sum(axis=1)
    center = (counts[:, 1] + 2 * counts[:, 2]) / np.maximum(2 * n_called, 1)
    varies = (center > 0) & (center < 1)
    sites, center, counts = sites[varies], center[varies], counts[varies]
    wanted = min(most, people.size - 1, sites.size)
    if wanted < 1:
        return _no_axes(people)
    values = standard(center)
    total = float((values.astype(np.float64) ** 2 * counts).sum() / sites.size)
    names, width = [packed.samples[p] for p in people], wanted + _SPARE
    if people.size <= max(dense, 4 * width):
        pairs = relationships(packed, people, sites, values, counts)
        total = float(np.trace(pairs))
        top = top_of(pairs, _signs(names, width), wanted)
    else:
        times = _streamed(packed, people, sites, values)
        start = _signs(names, max(width, min(_PROBES // people.size, 128)))
        top = krylov(times, start, wanted, rounds=12, tolerance=1e-4)
    good = top.values > 1e-6 * total / people.size
    found, vectors = top.values[good], top.vectors[:, good]
    scores = vectors * np.sqrt(found)
    loadings = _loadings(packed, people, sites, values, counts, vectors, found)
    signs = orient(scores, loadings, names)
    significant = count_significant(found, total, top.squares, people.size)
    scores, loadings = scores * signs, loadings * signs
    return Axes(people, sites, found, found / total, significant, scores, center, loadings)


def _no_axes(people: Ints) -> Axes:
    none = np.zeros(0)
    shapes = (np.zeros((people.size, 0)), none, np.zeros((0, 0)))
    return Axes(people, np.zeros(0, np.int64), none, none, 0, *shapes)


def relationships(
    packed: PackedCalls, people: Ints, sites: Ints, values: Singles, counts: Ints
) -> Floats:
    """Make G, float64[people, people]; 0 for two who are nowhere called both."""
    total = np.zeros((people.size, people.size))
    for _, z in iter_blocks(packed, people, sites, values):
        total += z @ z.T
    some = counts[:, _MISSING] > 0
    if not some.any():
        total /= sites.size
        return total
    # Whole numbers are exact in float32 up to 2**24; a block has fewer sites.
    both = np.full(total.shape, sites.size - some.sum(), np.float64)
    table = np.tile(IS_CALLED, (int(some.sum()), 1))
    for _, called in iter_blocks(packed, people, sites[some], table):
        both += called @ called.T
    np.divide(total, both, out=total, where=both > 0)
    return total


def top_of(pairs: Floats, start: Floats, wanted: int) -> Found:
    """Find the largest eigenvalues of G and their vectors."""
    if pairs.shape[0] > max(_WHOLE, 20 * wanted):
        rounds = pairs.shape[0] // (2 * start.shape[1])
        found = krylov(lambda x: pairs @ x, start, wanted, rounds, 1e-8)
        if found.solved:
            return found
    values, vectors = np.linalg.eigh(pairs)
    last = slice(None, -wanted - 1, -1)
    return Found(values[last], vectors[:, last], float((values**2).sum()), solved=True)


def _streamed(packed: PackedCalls, people: Ints, sites: Ints, values: Singles) -> Times:
    """Give the function that multiplies G, which is not made, by float64[people, k]."""

    def times(x: Floats) -> Floats:
        single = x.astype(np.float32)
        out = np.zeros(x.shape)
        for _, z in iter_blocks(packed, people, sites, values):
            out += z @ (z.T @ single)
        return out / sites.size

    return times


def _signs(samples: Sequence[str], width: int) -> Floats:
    """Give each sample signs of its own (+1, -1), float64[samples, width].

    They come from a digest of its name: the same whatever order people stand in.
    """
    size = -(-width // 8)
    digests = b"".join(hashlib.shake_256(s.encode()).digest(size) for s in samples)
    octets = np.frombuffer(digests, np.uint8).reshape(len(samples), -1)
    bits = np.unpackbits(octets, axis=1)[:, :width].astype(np.float64)
    return 2 * bits - 1


def krylov(times: Times, start: Floats, wanted: int, rounds: int, tolerance: float) -> Found:
    """Find the largest eigenvalues of a symmetric matrix by what it does to vectors.

    A block Krylov method (Lanczos, made orthogonal anew in each step): `start`, times the
    matrix again and again. It ends when all of the vectors u wanted solve G u = value u up to
    `tolerance` of the value, or after `rounds` multiplications.

    Parameters
    ----------
    times
        Multiplies the matrix by float64[n, k].
    start
        float64[n, k] of signs, k more than `wanted`, n more than 2 k. The method goes by
        _SPARE more than are wanted, the estimate of squares by all.
    """
    size, width = start.shape[0], min(wanted + _SPARE, start.shape[1])
    rounds = max(1, min(rounds, size // width))
    basis = np.empty((size, rounds * width))
    made = np.empty_like(basis)
    small = np.zeros((rounds * width, rounds * width))
    basis[:, :width], turn = np.linalg.qr(start[:, :width])
    of_start = times(start)
    made[:, :width] = np.linalg.solve(turn.T, of_start[:, :width].T).T
    for step in range(rounds):
        new, end = slice(step * width, (step + 1) * width), (step + 1) * width
        if step:
            fresh = made[:, new.start - width : new.start]
            for _ in range(2):
                fresh = fresh - basis[:, : new.start] @ (basis[:, : new.start].T @ fresh)
                fresh = np.linalg.qr(fresh)[0]
            basis[:, new], made[:, new] = fresh, times(fresh)
        small[:end, new] = basis[:, :end].T @ made[:, new]
        small[new, :end] = small[:end, new].T
        values, inner = np.linalg.eigh(small[:end, :end])
        values, inner = values[: -wanted - 1 : -1], inner[:, : -wanted - 1 : -1]
        off = np.linalg.norm(made[:, :end] @ inner - basis[:, :end] @ (inner * values), axis=0)
        solved = bool((off <= tolerance * np.abs(values)).all())
        if solved:
            break
    vectors = basis[:, :end] @ inner
    rest = of_start - vectors @ (values[:, None] * (vectors.T @ start))
    squares = float((values**2).sum() + (rest**2).sum() / start.shape[1])
    return Found(values, vectors, squares, solved)


def _loadings(
    packed: PackedCalls, people: Ints, sites: Ints, values: Singles, counts: Ints,
    vectors: Floats, found: Floats,
) -> Floats:  # fmt: skip
    """Give the weight of each site on each axis: how z goes with the vector in the called."""
    single = vectors.astype(np.float32)
    out: Floats = np.zeros((sites.size, found.size))
    for part, z in iter_blocks(packed, people, sites, values):
        out[part] = z.T @ single
    some = np.flatnonzero(counts[:, _MISSING] > 0)
    table = np.tile(IS_CALLED, (some.size, 1))
    for part, called in iter_blocks(packed, people, sites[some], table):
        own = called.T @ single**2
        out[some[part]] /= np.where(own > 0, own, 1)
    out /= sites.size * np.sqrt(found)
    return out


def orient(scores: Floats, loadings: Floats, samples: Sequence[str]) -> Floats:
    """Give each axis the sign that it is turned by, float64[axes].

    The sum of the cubes of its scores becomes positive: the longer tail lies there. Of an
    axis of which both tails are alike up to rounding the sum of the loadings does, and if
    that is 0, too, the greatest score, of several the one whose sample's name comes first.
    None of it hangs on the order of people or sites.
    """
    signs = np.ones(scores.shape[1])
    for axis in range(signs.size):
        own, weights = scores[:, axis], loadings[:, axis]
        tests = ((own**3).sum(), (np.abs(own) ** 3).sum()), (
            weights.sum(), np.abs(weights).sum(),
        )  # fmt: skip
        decided = [value for value, size in tests if abs(value) > 1e-4 * size]
        if not decided:
            size = np.abs(own)
            most = np.flatnonzero(size >= (1 - 1e-4) * size.max())
            decided = [own[min(most.tolist(), key=lambda row: samples[row])]]
        signs[axis] = -1.0 if decided[0] < 0 else 1.0
    return signs


def count_significant(values: Floats, total: float, squares: float, people: int) -> int:
    """Count the first eigenvalues above what chance makes of those that are left.

    Parameters
    ----------
    values
        The largest, descending.
    total, squares
        Sum of all eigenvalues, and of their squares.
    people
        How many; one eigenvalue less is not 0.

    Returns
    -------
    int
        How many come one behind another above the Tracy-Widom bound (Patterson et al. 2006,
        equations 5 to 7, with the effective number of sites of equation 10).
    """
    for number, value in enumerate(values.tolist()):
        m = people - number
        spread = (m - 1) * squares - total**2
        if m < 3 or spread <= 0:
            return number
        sites = max((m + 1) * total**2 / spread, 2.0)
        one, two = np.sqrt(sites - 1), np.sqrt(m)
        middle = (one + two) ** 2 / sites
        scale = (one + two) / sites * (1 / one + 1 / two) ** (1 / 3)
        if ((m - 1) * value / total - middle) / scale <= TRACY_WIDOM_01:
            return number
        total, squares = total - value, squares - value**2
    return values.size
