"""Genotypes of people of several populations, which drifted apart from one (Balding-Nichols).

Frequencies of an ancestral population are uniform; those of each population are drawn from
the beta distribution with them as mean and `fst` as Wright's F, and genotypes by chance.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from varhouse.people.panel import PackedCalls, pack


def draw_people(
    sizes: Mapping[str, int],
    n_sites: int,
    fst: float = 0.05,
    missing: float = 0.0,
    seed: int = 1,
) -> tuple[np.ndarray, list[str]]:
    """Draw copies of alt (int8[people, sites], -1 missing) and each person's population."""
    rng = np.random.default_rng(seed)
    labels = [name for name, size in sizes.items() for _ in range(size)]
    af = rng.uniform(0.1, 0.9, n_sites)
    shape = (1 - fst) / fst
    own = {name: rng.beta(af * shape, (1 - af) * shape) for name in sizes}
    dosage = rng.binomial(2, np.stack([own[name] for name in labels])).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    return dosage, labels


def pack_people(dosage: np.ndarray, apart: int = 100_000) -> PackedCalls:
    """Pack them, as p000, p001 ...; sites are `apart` bases from each other on one contig."""
    people, n_sites = dosage.shape
    sites = pl.DataFrame(
        {
            "contig": ["c1"] * n_sites,
            "pos": np.arange(n_sites, dtype=np.int32) * apart + 100,
            "ref": ["A"] * n_sites,
            "alt": ["C"] * n_sites,
            "extent": [""] * n_sites,
            "af": np.full(n_sites, 0.5),
        },
        schema_overrides={"pos": pl.Int32, "contig": pl.String, "extent": pl.String},
    )
    names = [f"p{i:03}" for i in range(people)]
    return pack("c", np.arange(people, dtype=np.int32), names, sites, dosage)


def slow_relationships(dosage: np.ndarray) -> np.ndarray:
    """Make G pair by pair in float64, from sites that vary."""
    calls = dosage.astype(float)
    calls[dosage < 0] = np.nan
    calls = calls[:, ~np.isnan(calls).all(axis=0)]
    p = np.nanmean(calls, axis=0) / 2
    keep = (p > 0) & (p < 1)
    z = (calls[:, keep] - 2 * p[keep]) / np.sqrt(2 * p[keep] * (1 - p[keep]))
    out = np.zeros((len(z), len(z)))
    for i in range(len(z)):
        for j in range(len(z)):
            both = z[i] * z[j]
            both = both[~np.isnan(both)]
            out[i, j] = both.mean() if both.size else 0.0
    return out
