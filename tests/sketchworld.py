"""Genomes of simulated people, as calls, for sketches and for the attacks on them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.panel import PackedCalls, pack
from varhouse.people.sketchpanel import Floats, Panel, Tier, find_axes

Haplotypes = npt.NDArray[np.int8]
SECRET = bytes(range(100, 132))
OTHER = bytes(range(50, 82))


@dataclass
class Genomes:
    """People whose chromosomes are mosaics of a few ancestral ones, so that sites are linked.

    Attributes
    ----------
    n_sites
        SNVs, on 22 contigs.
    ancestors
        Ancestral chromosomes of each population.
    apart
        How much frequencies of the populations differ: F of Wright.
    """

    n_sites: int = 4_096
    seed: int = 1
    ancestors: int = 200
    populations: int = 1
    apart: float = 0.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        n = self.n_sites
        af = self.rng.uniform(0.1, 0.9, n)
        self.pools = []
        for _ in range(self.populations):
            own = af
            if self.apart:
                odds = (1 - self.apart) / self.apart
                own = self.rng.beta(af * odds, (1 - af) * odds).clip(0.02, 0.98)
            self.pools.append((self.rng.random((self.ancestors, n)) < own).astype(np.int8))
        self.af = np.mean([p.mean(axis=0) for p in self.pools], axis=0).clip(0.02, 0.98)
        self.contig = np.arange(n) * 22 // n
        self.begins = np.diff(self.contig, prepend=-1) > 0

    @property
    def sites(self) -> pl.DataFrame:
        """KEY and af of the sites."""
        n = self.n_sites
        return pl.DataFrame(
            {
                "contig": [f"chr{c + 1}" for c in self.contig],
                "pos": pl.Series(range(1, n + 1), dtype=pl.Int32),
                "ref": ["A"] * n, "alt": ["C"] * n, "extent": [""] * n, "af": self.af,
            }
        )  # fmt: skip

    def person(self, population: int = 0) -> Haplotypes:
        """Draw a stranger: int8[2, sites]."""
        pool = self.pools[population]
        change = (self.rng.random((2, self.n_sites)) < 0.1) | self.begins
        which = np.cumsum(change, axis=1)
        drawn = self.rng.integers(len(pool), size=(2, self.n_sites + 1))
        rows = np.take_along_axis(drawn, which, axis=1)
        return pool[rows, np.arange(self.n_sites)]

    def child(self, a: Haplotypes, b: Haplotypes) -> Haplotypes:
        """Draw a child: one crossing over a chromosome arm, about."""
        out = []
        for parent in (a, b):
            change = self.rng.random(self.n_sites) < 1.4 * 22 / self.n_sites
            change |= self.begins & (self.rng.random(self.n_sites) < 0.5)
            out.append(parent[np.cumsum(change) & 1, np.arange(self.n_sites)])
        return np.stack(out)

    def calls(self, *people: Haplotypes, error: float = 0, missing: float = 0) -> Haplotypes:
        """Sequence people: int8[people, sites] copies, some wrong, some -1."""
        copies = np.array([p.sum(axis=0) for p in people], np.int8)
        wrong = self.rng.random(copies.shape) < error
        copies[wrong] = (copies[wrong] + self.rng.integers(1, 3, int(wrong.sum()))) % 3
        copies[self.rng.random(copies.shape) < missing] = -1
        return copies

    def packed(self, copies: Haplotypes) -> PackedCalls:
        """Pack calls of people p0, p1, ..."""
        names = [f"p{k}" for k in range(len(copies))]
        ordinal = np.arange(len(copies), dtype=np.int32)
        return pack("c", ordinal, names, self.sites, copies)

    def tier(self, name: str = "t", axes: int = 0, people: Haplotypes | None = None) -> Tier:
        """Make a tier, with axes of some people."""
        found: Floats = np.zeros((self.n_sites, 0), np.float32)
        if people is not None:
            found = find_axes(self.packed(people), axes)
        return Tier(name, self.sites, found)

    def panel(self) -> Panel:
        """Make a list of one tier without axes."""
        return Panel("test", (self.tier(),))
