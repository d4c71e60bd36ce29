"""Sketches: what a centre shows of a person so that others know the same person again.

A sketch of a tier (`sketchpanel`) is made so, of the people's standardised dosages z
(0 where not called) at its n sites:

1.  What lies along the axes of ancestry is taken away: strangers of one ancestry resemble
    each other there, and sketches should not tell it. z' = z - U (U' z).
2.  Of each site the secret gives a row of random numbers, close to normal and independent:
    SHAKE-256 of an HMAC of the site's key, a byte a number, through the quantiles of the
    normal distribution. The sketch is the signs of the sums over sites, z' R > 0: bits.

Of two people the share of bits that differ is, on average, the angle between their z' over pi
(M. S. Charikar, STOC 2002, "Similarity estimation techniques from rounding algorithms"). Its
cosine is twice the kinship coefficient: 1 for the same person, 1/2 for parent and child or
siblings, 1/4, ..., and 0 for strangers.

Without the secret R is random, and as normal numbers look the same from all sides, what all
sketches of a list say together depends on nothing but the angles between people: whoever
turns all genomes alike in the space of sites gets sketches of the same distribution. So who
is like whom can be read, and no genotype. With the secret the bits bound what can be learned
(`SITES_PER_BIT`). `docs/same-person.md` says it plainly; tests try it.
"""

import hashlib
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import VarhouseError
from varhouse.people.panel import PackedCalls, read_packed
from varhouse.people.sketchpanel import (
    Floats,
    Panel,
    Tier,
    dosages,
    site_texts,
    standardise,
)
from varhouse.people.sketchsecret import derive
from varhouse.store.reader import Store

SCHEME = "varhouse-sketch-1"

SCHEMA = {
    "ordinal": pl.Int32, "sample": pl.String, "tier": pl.String, "n_sites": pl.Int64,
    "sketch": pl.Binary,
}  # fmt: skip
"""Columns of sketches at home: number and id of the sample, the tier, its sites that are
called, and the bits."""

LEAST_CALLED = 0.8
"""Share of the sites of a tier that must be called: what is missing makes a person less like
himself, by this factor at most where the other is called everywhere."""

_PEOPLE = 512
"""People at a time: with 50,000 sites 100 MB of dosages."""

_SITES = 2_048
"""Sites at a time: 33 MB of random numbers."""

_UNIT = 32.0
"""Random numbers are kept in parts of this of a deviation."""

_NORMAL = np.array(
    [round(_UNIT * NormalDist().inv_cdf((b + 0.5) / 256)) for b in range(256)], np.int8
)


def projections(secret: bytes, assembly: str, tier: Tier) -> npt.NDArray[np.int8]:
    """Make the secret's random numbers of the sites of a tier.

    Returns
    -------
    int8[sites, bits]
        Normal with mean 0 and a deviation of 32. Those of a site are the same in any tier
        and list; of fewer bits they are the first ones.
    """
    begun = hashlib.shake_256(derive(secret, f"numbers {assembly}"))
    out = np.empty((tier.sites.height, tier.bits), np.int8)
    for row, text in zip(out, site_texts(tier.sites), strict=True):
        own = begun.copy()
        own.update(text.encode())
        np.take(_NORMAL, np.frombuffer(own.digest(tier.bits), np.uint8), out=row)
    return out


def sketch_packed(
    packed: PackedCalls, tier: Tier, numbers: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Sketch people of whom the calls at the sites of a tier are known.

    Parameters
    ----------
    packed
        Calls at `tier.sites`.
    numbers
        int8[sites, bits], of `projections`.

    Returns
    -------
    (uint8[people, bits / 8], int64[people])
        The bits, the first one lowest; the sites that are called.
    """
    people, af = packed.ordinal.size, tier.sites["af"].to_numpy()
    bits = np.empty((people, tier.bits // 8), np.uint8)
    called = np.empty(people, np.int64)
    for first in range(0, people, _PEOPLE):
        mine = slice(first, min(first + _PEOPLE, people))
        copies = dosages(packed, mine)
        called[mine] = (copies >= 0).sum(axis=1)
        z = standardise(copies, af)
        z -= (z @ tier.axes) @ tier.axes.T
        bits[mine] = np.packbits(_sums(z, numbers) > 0, axis=1, bitorder="little")
    return bits, called


def _sums(z: Floats, numbers: npt.NDArray[np.int8]) -> Floats:
    """Add up the random numbers, as float32[people, bits]."""
    out = np.zeros((z.shape[0], numbers.shape[1]), np.float32)
    for first in range(0, numbers.shape[0], _SITES):
        part = slice(first, first + _SITES)
        out += z[:, part] @ numbers[part].astype(np.float32)
    return out


def sketch_people(store: Store, cohort: str, secret: bytes, panel: Panel) -> pl.DataFrame:
    """Sketch everybody of a cohort.

    Returns
    -------
    pl.DataFrame
        Columns SCHEMA: a row a person and tier, of tiers of which at least `LEAST_CALLED` of
        the sites are called; by ordinal.

    Raises
    ------
    VarhouseError
        If the list of sites is of another assembly.
    """
    check_assembly(store, panel)
    frames = [pl.DataFrame(schema=SCHEMA)]
    for tier in panel.tiers:
        packed = read_packed(store, cohort, tier.sites)
        bits, called = sketch_packed(packed, tier, projections(secret, panel.assembly, tier))
        keep = np.flatnonzero(called >= LEAST_CALLED * tier.sites.height)
        frames.append(
            pl.DataFrame(
                {
                    "ordinal": packed.ordinal[keep],
                    "sample": [packed.samples[i] for i in keep],
                    "tier": [tier.name] * keep.size,
                    "n_sites": called[keep],
                    "sketch": [bits[i].tobytes() for i in keep],
                },
                schema=SCHEMA,
            )
        )
    return pl.concat(frames).sort("ordinal", maintain_order=True)


def check_assembly(store: Store, panel: Panel) -> None:
    """Refuse a list of sites of another assembly than the store's."""
    own = str(store.meta["assembly"])
    if own != panel.assembly:
        raise VarhouseError(
            f"the list of sites is of {panel.assembly}, the store of {own}",
            f"a list that a centre with {own} made: `varhouse people panel`",
        )


def not_sketched(samples: Sequence[str], sketches: pl.DataFrame) -> list[str]:
    """Name the samples of whom no tier has enough calls."""
    known = set(sketches["sample"])
    return [s for s in samples if s not in known]
