"""What somebody does who wants to read genomes from sketches."""

import numpy as np
import numpy.typing as npt

from varhouse.people.sketch import projections, sketch_packed
from varhouse.people.sketchpanel import Floats, Panel, standardise

Signs = npt.NDArray[np.float32]


def sketch(world: object, copies: npt.NDArray[np.int8], secret: bytes) -> Signs:
    """Sketch people of a `Genomes` by a secret: float32[people, bits] of -1 and 1."""
    tier = world.tier()
    bits, _ = sketch_packed(world.packed(copies), tier, projections(secret, "test", tier))
    return (np.unpackbits(bits, axis=1, bitorder="little") * 2.0 - 1).astype(np.float32)


def read_with_secret(
    signs: Signs, panel: Panel, secret: bytes, linkage: Floats | None = None
) -> Floats:
    """Estimate standardised dosages by a secret: the best linear estimate from the signs.

    Parameters
    ----------
    linkage
        float32[sites, sites]: correlation of sites, which a public panel tells.

    Returns
    -------
    float32[people, sites]
    """
    (tier,) = panel.tiers
    numbers = projections(secret, panel.assembly, tier).astype(np.float32)
    spread = numbers if linkage is None else linkage @ numbers
    within = numbers.T @ spread
    scale = np.sqrt(np.diag(within))
    # The covariance of signs of normal numbers (Van Vleck and Middleton, 1966).
    covariance = 2 / np.pi * np.arcsin((within / np.outer(scale, scale)).clip(-1, 1))
    weights = np.linalg.solve(covariance, signs.T)
    return ((spread / scale * np.sqrt(2 / np.pi)) @ weights).T.astype(np.float32)


def guess(estimate: Floats, af: npt.NDArray[np.float64], worth: float) -> npt.NDArray[np.int8]:
    """Guess genotypes: the likeliest by the frequencies and an estimate.

    Parameters
    ----------
    worth
        Squared correlation of the estimate with what it estimates; 0: by frequency alone.
    """
    sd = np.sqrt(2 * af * (1 - af))
    chances = []
    for copies, share in enumerate(((1 - af) ** 2, 2 * af * (1 - af), af**2)):
        apart = estimate - worth * (copies - 2 * af) / sd
        chances.append(np.log(share) - apart**2 / (2 * max(worth, 1e-9) * (1 - worth)))
    if worth == 0:
        chances = [np.broadcast_to(c, estimate.shape) for c in map(np.log, (
            (1 - af) ** 2, 2 * af * (1 - af), af**2))]  # fmt: skip
    return np.argmax(chances, axis=0).astype(np.int8)


def correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Correlate two arrays, number by number."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def learn_bits(known: Floats, signs: Signs, genomes: Floats) -> Signs:
    """Foretell the signs of genomes from people whose genomes and sketches are known.

    Ridge regression: the secret is not used.
    """
    gram = known @ known.T / known.shape[1]
    weights = np.linalg.solve(gram + 0.1 * np.eye(len(known)), signs)
    return np.sign(genomes @ known.T / known.shape[1] @ weights).astype(np.float32)


def learn_genomes(known: Floats, signs: Signs, sketches: Signs) -> Floats:
    """Estimate genomes from sketches, by people whose genomes and sketches are known."""
    gram = signs @ signs.T / signs.shape[1]
    weights = np.linalg.solve(gram + np.eye(len(signs)), known)
    return (sketches @ signs.T / signs.shape[1] @ weights).astype(np.float32)


def linkage_of(copies: npt.NDArray[np.int8], reach: int = 40) -> Floats:
    """Estimate the correlation of sites near each other, from other people."""
    z = standardise(copies, copies.mean(axis=0).clip(0.02, 1.98) / 2)
    found = z.T @ z / len(z)
    place = np.arange(found.shape[0])
    found[np.abs(place[:, None] - place) > reach] = 0
    np.fill_diagonal(found, 1)
    return found.astype(np.float32)
