"""Genotypes of families by gene dropping, and stores of them.

Founders get alleles by the frequency of each site, no two sites in linkage; a child gets of
each parent one copy of each contig, from one of the two haplotypes at its beginning and from
the other behind each crossover (one a contig on average). So expectations are those of the
textbook: a child shares one allele with a parent everywhere, siblings vary.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from builders import make_fasta, make_vcf
from inprocess import ingest_here

from varhouse.people.panel import PackedCalls, pack

Dosage = npt.NDArray[np.int8]
BASES = "ACGT"


@dataclass
class Genome:
    """Sites of two alleles.

    Attributes
    ----------
    contigs
        Names; each has `per_contig` sites, `apart` bases apart, the first at base 100.
    """

    contigs: Sequence[str] = tuple(f"c{i}" for i in range(1, 11))
    per_contig: int = 300
    apart: int = 20
    least_af: float = 0.05
    seed: int = 1

    @property
    def size(self) -> int:
        return len(self.contigs) * self.per_contig

    @property
    def length(self) -> int:
        return 200 + self.per_contig * self.apart

    def sites(self) -> pl.DataFrame:
        """Give KEY and `af` (drawn) of the sites, in order."""
        rng = np.random.default_rng(self.seed)
        at = np.arange(self.per_contig) * self.apart + 100
        ref = rng.integers(0, 4, self.size)
        alt = (ref + rng.integers(1, 4, self.size)) % 4
        af = rng.uniform(self.least_af, 1 - self.least_af, self.size)
        return pl.DataFrame(
            {
                "contig": np.repeat(list(self.contigs), self.per_contig),
                "pos": np.tile(at, len(self.contigs)).astype(np.int32),
                "ref": [BASES[i] for i in ref],
                "alt": [BASES[i] for i in alt],
                "extent": "",
                "af": af,
            }
        )

    def sequences(self) -> dict[str, str]:
        """Give the reference bases of each contig."""
        rng = np.random.default_rng(self.seed + 1)
        sites = self.sites()
        out = {}
        for contig in self.contigs:
            bases = rng.choice(list(BASES), self.length)
            own = sites.filter(pl.col("contig") == contig)
            bases[own["pos"].to_numpy() - 1] = own["ref"].to_list()
            out[contig] = "".join(bases)
        return out


@dataclass
class Drop:
    """People whose haplotypes were dropped through pedigrees.

    `founder`, `child`, `twin` and `copy` add a person; `dosage` gives genotypes of some.
    """

    genome: Genome = field(default_factory=Genome)
    seed: int = 7
    haplotypes: dict[str, npt.NDArray[np.int8]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.af = self.genome.sites()["af"].to_numpy()

    def founder(self, *names: str) -> None:
        """Add people who are related to nobody before them."""
        for name in names:
            drawn = self.rng.random((2, self.af.size)) < self.af
            self.haplotypes[name] = drawn.astype(np.int8)

    def child(self, name: str, father: str, mother: str) -> None:
        """Add a child of two people."""
        halves = [self._gamete(self.haplotypes[p]) for p in (father, mother)]
        self.haplotypes[name] = np.stack(halves)
        self.parents[name] = (father, mother)

    def twin(self, name: str, of: str, error: float = 0.0) -> None:
        """Add somebody with the genome of another, or the same person again.

        `error`: share of genotypes that are read as a neighbouring one.
        """
        self.haplotypes[name] = self.haplotypes[of]
        self.errors[name] = error
        if of in self.parents:
            self.parents[name] = self.parents[of]

    def _gamete(self, pair: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        per = self.genome.per_contig
        out = np.empty(pair.shape[1], np.int8)
        for first in range(0, out.size, per):
            cuts = np.sort(self.rng.integers(0, per, self.rng.poisson(1)))
            passed = np.searchsorted(cuts, np.arange(per), side="right")
            phase = (passed + self.rng.integers(2)) % 2
            out[first : first + per] = pair[phase, first + np.arange(per)]
        return out

    def dosage(self, names: Sequence[str], missing: float = 0.0, error: float = 0.0) -> Dosage:
        """Give copies of alt: int8[names, sites], -1 for a share that is not called."""
        out = np.stack([self.haplotypes[n].sum(axis=0) for n in names]).astype(np.int8)
        rate = np.array([max(error, self.errors.get(n, 0.0)) for n in names])
        wrong = self.rng.random(out.shape) < rate[:, None]
        side = np.where(self.rng.random(out.shape) < 0.5, 0, 2)
        out = np.where(wrong, np.where(out == 1, side, 1), out).astype(np.int8)
        out[self.rng.random(out.shape) < missing] = -1
        return out

    def packed(self, names: Sequence[str], **how: float) -> PackedCalls:
        """Give the calls of people as bits, without a store."""
        ordinal = np.arange(len(names), dtype=np.int32)
        return pack("c", ordinal, list(names), self.genome.sites(), self.dosage(names, **how))


GENOTYPES = ("0/0", "0/1", "1/1", "./.")
"""By copies of alt; the last of -1."""


def write_people(
    path: Path, sites: pl.DataFrame, names: Sequence[str], dosage: Dosage, **how: object
) -> Path:
    """Write a VCF of people."""
    texts = np.array(GENOTYPES)[dosage].T
    columns = sites.select("contig", "pos", "ref", "alt").rows()
    lines = [
        " ".join([c, str(p), ".", r, a, ".", ".", ".", "GT", *row])
        for (c, p, r, a), row in zip(columns, texts.tolist(), strict=True)
    ]
    return make_vcf(path, lines, names, **how)  # type: ignore[arg-type]


def make_people_store(
    folder: Path,
    genome: Genome,
    cohorts: Mapping[str, Sequence[tuple[Sequence[str], Dosage]]],
    sheet: Sequence[Mapping[str, str]] = (),
    config: Mapping[str, object] | None = None,
) -> Path:
    """Write files and sheets of cohorts (of each its files: names, dosage) and ingest them."""
    sites = genome.sites()
    make_fasta(folder / "ref.fa", genome.sequences())
    rows = ["cohort\tfiles"]
    for cohort, files in cohorts.items():
        names = []
        for k, (people, dosage) in enumerate(files):
            names.append(f"{cohort}{k}.vcf")
            lengths = dict.fromkeys(genome.contigs, genome.length)
            write_people(folder / names[-1], sites, people, dosage, contigs=lengths)
        rows.append(f"{cohort}\t{','.join(names)}")
    (folder / "cohorts.tsv").write_text("\n".join(rows) + "\n")
    assembly = {"name": "toy", "reference": "ref.fa"}
    settings: dict[str, object] = {"assembly": assembly, "cohorts": "cohorts.tsv"}
    if sheet:
        columns = list(dict.fromkeys(c for row in sheet for c in row))
        text = ["\t".join(columns)]
        text += ["\t".join(row.get(c, "") for c in columns) for row in sheet]
        (folder / "samples.tsv").write_text("\n".join(text) + "\n")
        settings["samples"] = "samples.tsv"
    else:
        settings["policy"] = {"unlisted_samples": "unknown"}
    (folder / "config.yaml").write_text(json.dumps({**settings, **(config or {})}))
    account = ingest_here(folder / "store", folder / "config.yaml")
    assert not account.get("held_back"), account
    return folder / "store"
