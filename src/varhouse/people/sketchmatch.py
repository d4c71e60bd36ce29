"""People whose sketches are alike: the same person or twins, and relatives.

Sketches are compared as they are, without the secret: whoever has two files of a federation
can. All pairs are looked at, a part of the bits first, which nearly all strangers fail.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import VarhouseError
from varhouse.people.sketchfile import Header
from varhouse.people.sketchkernel import Words, close_pairs

DEGREES = {
    "duplicate_or_twin": 2**-0.5,
    "first_degree": 2**-1.5,
    "second_degree": 2**-2.5,
    "third_degree": 2**-3.5,
}
"""Verdicts, and the similarity from which each holds: twice the limits of the kinship
coefficient of KING (Manichaikul et al., Bioinformatics 2010), 0.354, 0.177, 0.0884, 0.0442."""

LEAST = DEGREES["first_degree"]

UNCLEAR = "unclear"
CHANCE = 0.05
"""Pairs of strangers by chance from which no verdict is given: `unclear` instead."""

SCHEMA = {
    "person_1": pl.String, "person_2": pl.String, "tier": pl.String, "n_sites_1": pl.Int64,
    "n_sites_2": pl.Int64, "bits": pl.Int64, "similarity": pl.Float64,
    "verdict": pl.String, "strangers": pl.Float64,
}  # fmt: skip
"""Columns of pairs. `similarity`: about twice the kinship coefficient. `strangers`: how many
pairs of strangers would be as alike by chance, among all that were compared.

What is not called makes two people less alike, by the square root of the product of the
shares of sites that are called where it is missing by chance. Similarity makes up for that. If
the same sites are missing of both it is too great then, at most by a quarter (`LEAST_CALLED`),
which is less than lies between a degree and the limit of the next."""

UNFIT = 0.03
"""Deviation of the similarity of strangers, besides that of their bits, from which only
duplicates have a verdict. Of whole genomes it is 0.01, of one chromosome of 20 Mb 0.04: there
strangers share stretches, and chance by a normal law is no measure of how many do."""

_LOSE = 4.75
"""Deviations by which a pair may miss in the bits that are looked at first: one of a million
of those exactly at the limit is lost."""

_PASS = 2.33
"""Deviations by which strangers fail there: one of a hundred passes."""

_FIRST_WORDS = (2, 4, 8, 16, 32, 48)
_ROWS = 256
"""Rows of the first file that are compared at a time."""

_DRAWN = 20_000
"""Pairs that are drawn to see how alike strangers are."""

_MANY = 20
"""People of whom most pairs are strangers."""


TIERS = {
    "tier": pl.String, "people_1": pl.Int64, "people_2": pl.Int64, "pairs": pl.Int64,
    "typical": pl.Float64, "deviation": pl.Float64, "least_deviation": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """What a comparison of two lists of sketches found.

    Attributes
    ----------
    pairs
        Columns SCHEMA, the most alike first.
    tiers
        A row a tier (columns TIERS): `tier`, `people_1`, `people_2`, `pairs` that were
        compared by it or a better one, `typical` similarity of pairs, its `deviation`, and
        the deviation that it has of strangers with nothing in common (`least_deviation`).
    """

    pairs: pl.DataFrame
    tiers: pl.DataFrame


def check_comparable(a: Header, b: Header) -> None:
    """Refuse to compare sketches that say nothing together.

    Raises
    ------
    VarhouseError
        If the secrets or the lists of sites differ: strangers and the same person would look
        the same.
    """
    if a.panel != b.panel:
        raise VarhouseError(
            f"the sketches are of different lists of sites ({a.panel}, {b.panel})",
            "make both with the same file: varhouse people sketch --panel",
        )
    if a.check != b.check:
        raise VarhouseError(
            f"the sketches were made with different secrets ({a.check}, {b.check})",
            "make both with the secret of the federation: varhouse people sketch --secret",
        )


def match(
    header: Header,
    a: pl.DataFrame,
    b: pl.DataFrame | None = None,
    least: float = LEAST,
    threads: int = 2,
) -> Compared:
    """Find people who are alike.

    Parameters
    ----------
    header
        Of both lists (`check_comparable`).
    a, b
        Rows of files of sketches; without `b` those of `a` are compared with each other.
    least
        Similarity at least. Two people are compared by the tier with the most sites of which
        both have sketches.
    """
    order = sorted(header.bits, key=lambda name: (-header.sites[name], name))
    found = [pl.DataFrame(schema=SCHEMA)]
    told = []
    for place, name in enumerate(order):
        if header.bits[name] == 0:
            continue
        about, pairs = _match_tier(header, name, a, b, least, threads)
        told.append(about)
        found.append(_undecided(pairs, order[:place], a, b).select(*SCHEMA))
    pairs = pl.concat(found).sort(
        "similarity", "person_1", "person_2", descending=[True, False, False]
    )
    return Compared(pairs, pl.DataFrame(told, schema=TIERS, orient="row"))


def _match_tier(
    header: Header,
    name: str,
    a: pl.DataFrame,
    b: pl.DataFrame | None,
    least: float,
    threads: int,
) -> tuple[tuple[str, int, int, int, float, float, float], pl.DataFrame]:
    """Compare people by one tier: a row of `tiers`, and pairs."""
    one = _of_tier(a, name)
    two = one if b is None else _of_tier(b, name)
    bits = header.bits[name]
    words_1, words_2 = _words(one, bits), _words(two, bits)
    typical, spread = _strangers(words_1, words_2, bits)
    n = one.height * (one.height - 1) // 2 if b is None else one.height * two.height
    lacks = [float(_called(f, header.sites[name]).min(initial=1.0)) for f in (one, two)]
    raw = least * math.sqrt(lacks[0] * lacks[1])
    rows = _close(words_1, None if b is None else words_2, bits, raw, threads)
    pairs = _told(one, two, name, header, rows).filter(pl.col("similarity") >= least)
    z = (typical - pairs["_share"].to_numpy()) / spread
    chance = np.array([n * 0.5 * math.erfc(v / math.sqrt(2)) for v in z], np.float64)
    alike = math.cos(math.pi * typical), math.pi * spread, math.pi * 0.5 / math.sqrt(bits)
    is_clear = pl.col("strangers") < CHANCE
    if is_unfit(alike[1], alike[2]):
        is_clear &= pl.col("similarity") >= DEGREES["duplicate_or_twin"]
    pairs = pairs.with_columns(strangers=pl.Series(chance, dtype=pl.Float64)).with_columns(
        verdict=pl.when(is_clear).then("verdict").otherwise(pl.lit(UNCLEAR))
    )
    return (name, one.height, two.height, n, *alike), pairs


def is_unfit(deviation: float, least_deviation: float) -> bool:
    """Tell whether strangers differ too much in how alike they are (`UNFIT`)."""
    return math.sqrt(max(0.0, deviation**2 - least_deviation**2)) > UNFIT


def _of_tier(sketches: pl.DataFrame, name: str) -> pl.DataFrame:
    return sketches.filter(pl.col("tier") == name)


def _words(sketches: pl.DataFrame, bits: int) -> Words:
    raw = b"".join(sketches["sketch"])
    return np.frombuffer(raw, "<u8").astype(np.uint64).reshape(sketches.height, bits // 64)


def _strangers(a: Words, b: Words, bits: int) -> tuple[float, float]:
    """Tell the share of bits that differs between strangers, and its deviation.

    By pairs that are drawn, most of which are strangers where people are many; of few, by
    chance alone, and the deviation is never less than that.
    """
    least = 0.5 / math.sqrt(bits)
    if min(a.shape[0], b.shape[0]) < _MANY:
        return 0.5, least
    drawn = np.random.default_rng(0)
    i, j = (drawn.integers(0, w.shape[0], _DRAWN) for w in (a, b))
    share = np.bitwise_count(a[i] ^ b[j]).sum(axis=1) / bits
    # A person against himself, where a list is compared with itself, is no pair.
    share = share[share > 0]
    if not share.size:
        return 0.5, least
    typical = float(np.median(share))
    return typical, max(least, 1.4826 * float(np.median(np.abs(share - typical))))


def differing(least: float) -> float:
    """Give the share of bits that differs at a similarity."""
    return math.acos(min(1.0, max(-1.0, least))) / math.pi


def look_at_first(bits: int, least: float) -> tuple[int, int]:
    """Choose how many words are looked at first, and the differing bits at most there.

    So few that one pair of a million at the limit is lost and one of a hundred strangers
    passes; all words where no fewer do.
    """
    limit = differing(least)
    for words in _FIRST_WORDS:
        n = 64 * words
        if n >= bits:
            break
        most = limit + _LOSE * math.sqrt(limit * (1 - limit) / n)
        if (0.5 - most) * 2 * math.sqrt(n) >= _PASS:
            return words, int(most * n)
    return bits // 64, bits


def _close(
    a: Words, b: Words | None, bits: int, least: float, threads: int
) -> npt.NDArray[np.int64]:
    """Find the close pairs: int64[pairs, 3], rows of a and b and differing bits."""
    few, at_first = look_at_first(bits, least)
    most = int(differing(least) * bits)
    other = a if b is None else b

    def some(first: int) -> npt.NDArray[np.int64]:
        part = a[first : first + _ROWS]
        capacity = 4 * _ROWS
        while True:
            out = np.empty((capacity, 3), np.int64)
            at = first if b is None else -1
            n = int(close_pairs(part, other, few, at_first, most, at, out))
            if n <= capacity:
                out[:n, 0] += first
                return out[:n]
            capacity = n

    def parts() -> Iterator[npt.NDArray[np.int64]]:
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(some, range(0, a.shape[0], _ROWS))

    return np.concatenate([np.zeros((0, 3), np.int64), *parts()])


def _called(sketches: pl.DataFrame, sites: int) -> npt.NDArray[np.float64]:
    """Give the share of the sites of a tier that are called."""
    share = sketches["n_sites"].to_numpy().astype(np.float64) / sites
    return share.clip(1 / sites, 1.0)


def _told(
    one: pl.DataFrame,
    two: pl.DataFrame,
    tier: str,
    header: Header,
    rows: npt.NDArray[np.int64],
) -> pl.DataFrame:
    bits = header.bits[tier]
    share = rows[:, 2] / bits
    called = _called(one, header.sites[tier])[rows[:, 0]]
    called *= _called(two, header.sites[tier])[rows[:, 1]]
    similarity = np.cos(np.pi * share) / np.sqrt(called)
    verdict = pl.lit("more_distant")
    for name, least in reversed(DEGREES.items()):
        verdict = pl.when(pl.col("similarity") >= least).then(pl.lit(name)).otherwise(verdict)
    return pl.DataFrame(
        {
            "person_1": one["person"].gather(rows[:, 0]),
            "person_2": two["person"].gather(rows[:, 1]),
            "n_sites_1": one["n_sites"].gather(rows[:, 0]),
            "n_sites_2": two["n_sites"].gather(rows[:, 1]),
            "similarity": np.minimum(similarity, 1.0),
            "_share": share,
        }
    ).with_columns(tier=pl.lit(tier), bits=pl.lit(bits, pl.Int64), verdict=verdict)


def _undecided(
    pairs: pl.DataFrame, better: list[str], a: pl.DataFrame, b: pl.DataFrame | None
) -> pl.DataFrame:
    """Leave out pairs that a better tier decides: both have sketches of it."""
    for name in better:
        has = [set(_of_tier(f, name)["person"]) for f in (a, a if b is None else b)]
        pairs = pairs.filter(
            ~(pl.col("person_1").is_in(list(has[0])) & pl.col("person_2").is_in(list(has[1])))
        )
    return pairs
