"""Cohorts of simulated people, of whom some stand in several: VCFs and a configuration."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from builders import make_fasta, make_vcf
from inprocess import ingest_here

BASES = 4_000
CONTIGS = {f"c{k}": BASES for k in range(1, 7)}
SPACING = 40
"""Bases between two SNVs."""


@dataclass
class World:
    """SNVs of some contigs, and the genotypes of people at them.

    `people` are int8[sites, 2] copies of the alternate allele on either chromosome.
    """

    folder: Path
    seed: int = 1
    contigs: dict[str, int] = field(default_factory=lambda: dict(CONTIGS))

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        make_fasta(self.folder / "ref.fa", self.contigs)
        text = (self.folder / "ref.fa").read_text()
        self.bases = {}
        for block in text.split(">")[1:]:
            name, *lines = block.split("\n")
            self.bases[name] = "".join(lines)
        self.sites = [
            (c, p) for c, n in self.contigs.items() for p in range(20, n - 20, SPACING)
        ]
        self.af = self.rng.uniform(0.2, 0.8, len(self.sites))
        self.cohorts: dict[str, list[tuple[str, str, str, str]]] = {}
        self.assays: dict[str, str] = {}
        self.people: dict[str, dict[str, list[str]]] = {}

    def person(self) -> npt.NDArray[np.int8]:
        """Draw a stranger."""
        return (self.rng.random((len(self.sites), 2)) < self.af[:, None]).astype(np.int8)

    def child(self, *parents: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Draw a child: of each contig one chromosome of either parent, crossed over."""
        out = []
        for parent in parents:
            change = self.rng.random(len(self.sites)) < 0.05
            side = (np.cumsum(change) + self.rng.integers(2)) % 2
            out.append(parent[np.arange(len(self.sites)), side])
        return np.stack(out, axis=1)

    def again(
        self, person: npt.NDArray[np.int8], error: float = 0.01, missing: float = 0.02
    ) -> list[str]:
        """Sequence a person: cells, some of them wrong or missing."""
        copies = person.sum(axis=1)
        wrong = self.rng.random(copies.size) < error
        copies = np.where(wrong, (copies + self.rng.integers(1, 3, copies.size)) % 3, copies)
        lost = self.rng.random(copies.size) < missing
        words = np.array(["0/0", "0/1", "1/1", "./."])
        return words[np.where(lost, 3, copies)].tolist()

    def write(
        self,
        cohort: str,
        people: dict[str, list[str]],
        *,
        twins: dict[str, str] | None = None,
        sites: slice = slice(None),
        assay: str = "WGS",
        without: tuple[str, ...] = (),
    ) -> None:
        """Write the VCF of a cohort: names of people to their cells."""
        shown = {n: cells for n, cells in people.items() if n not in without}
        rows = []
        for k in range(len(self.sites))[sites]:
            contig, pos = self.sites[k]
            ref = self.bases[contig][pos - 1]
            alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
            cells = " ".join(c[k] for c in shown.values())
            rows.append(f"{contig} {pos} . {ref} {alt} . PASS . GT {cells}")
        make_vcf(self.folder / f"{cohort}.vcf", rows, list(shown), self.contigs)
        self.cohorts[cohort] = [
            (
                n,
                ("female", "male")[i % 2],
                ("north", "south", "")[i % 3],
                (twins or {}).get(n, ""),
            )
            for i, n in enumerate(people)
            if n in shown
        ]
        self.assays[cohort] = assay

    def configure(self, cohorts: list[str] | None = None, **policy: object) -> Path:
        """Write the configuration of some cohorts."""
        names = list(self.cohorts) if cohorts is None else cohorts
        (self.folder / "cohorts.tsv").write_text(
            "cohort\tfiles\tassay\n"
            + "".join(f"{c}\t{c}.vcf\t{self.assays[c]}\n" for c in names)
        )
        (self.folder / "samples.tsv").write_text(
            "cohort\tsample\tsex\tpopulation\ttwin\n"
            + "".join("\t".join((c, *row)) + "\n" for c in names for row in self.cohorts[c])
        )
        config = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv",
            "strata": ["sex", "population", "sex+population"], "policy": policy,
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        return self.folder / "config.json"

    def ingest(self, store: Path, cohorts: list[str] | None = None, **policy: object) -> dict:
        """Bring a store up to some cohorts, all of which the sheet names."""
        return ingest_here(store, self.configure(cohorts, **policy))
