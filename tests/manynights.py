"""Many nights, each a release: cohorts that come, grow, shrink, are replaced; sources renewed.

Unlike `soaking`, nothing goes wrong: what is looked at is how many files there are in the end.
A night takes part of a CPU second, so that two hundred are minutes.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from builders import make_gff, make_vcf
from gvcf_people import CONTIGS, People
from inprocess import ingest_here

import varhouse
from varhouse.store.reader import Store

SOURCE = ['##INFO=<ID=SCORE,Number=1,Type=Integer,Description="x">']


@dataclass
class Centre:
    """A data centre: `grows` takes in a person a night, `fixed` is replaced, others come."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = self.folder / "store"
        self.people = People(self.folder)
        self.members: list[int] = []
        self.cohorts: dict[str, list[str]] = {}
        self.samples: dict[str, list[str]] = {}

    def send(self, night: int) -> None:
        """Write the files of a night, and the sheets that name them."""
        if night % 15 == 14:
            self.members.pop(night % len(self.members))
        self.members.append(night)
        self.people.write(night)
        if night % 4 == 0:
            self._cohort(f"n{night}", night)
        if night % 7 == 0:
            self._cohort("fixed", night)
        if night % 10 == 0:
            self._source(night)
        if night % 50 == 0:
            self._genes(night)
        files = [f"p{k}.g.vcf" for k in self.members]
        (self.folder / "list.txt").write_text("\n".join(files) + "\n")
        sheet = ["cohort\tfiles", "grows\t@list.txt", *(f"{c}\t{c}.vcf" for c in self.cohorts)]
        (self.folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
        rows = [f"grows\tP{k}\t{('female', 'male')[k % 2]}" for k in self.members]
        rows += [f"{c}\t{p}\tfemale" for c, names in self.samples.items() for p in names]
        (self.folder / "samples.tsv").write_text("\n".join(["cohort\tsample\tsex", *rows]))
        config = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv", "genes": "genes.gff3",
            "strata": ["sex"],
            "sources": [{"name": "known", "path": "known.vcf", "kind": "allele",
                         "version": str(night // 10)}],
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))

    def _lines(self, seed: object, number: int) -> Iterator[tuple[str, int, str, str]]:
        rng = random.Random(f"{seed}")
        for contig, bases in CONTIGS.items():
            for pos in sorted(rng.sample(range(20, len(bases) - 20), number)):
                ref = bases[pos - 1]
                yield contig, pos, ref, rng.choice([b for b in "ACGT" if b != ref])

    def _cohort(self, name: str, night: int) -> None:
        people = [f"{name}x{night}a", f"{name}x{night}b"]
        rows = [f"{c} {p} . {r} {a} . PASS . GT 0/1 0/0" for c, p, r, a in
                self._lines(f"{name}{night}", 6)]  # fmt: skip
        make_vcf(self.folder / f"{name}.vcf", rows, people)
        self.cohorts[name], self.samples[name] = [f"{name}.vcf"], people

    def _source(self, night: int) -> None:
        rows = [f"{c} {p} . {r} {a} . PASS SCORE={night}" for c, p, r, a in
                self._lines("source", 60)]  # fmt: skip
        make_vcf(self.folder / "known.vcf", rows, meta=SOURCE)

    def _genes(self, night: int) -> None:
        gene = {"contig": "c1", "start": 101, "end": 600, "strand": "+", "id": "G1",
                "name": f"N{night}", "exons": [(101, 600)], "cds": [(131, 370)]}  # fmt: skip
        make_gff(self.folder / "genes.gff3", [gene])

    def pass_night(self, night: int) -> None:
        """Send something and take it in."""
        self.send(night)
        ingest_here(self.store, self.folder / "config.json")


def count_files(store: Store) -> pl.DataFrame:
    """Count the files of a release by table: all, and most and second in one partition."""
    rows = []
    for name in store.tables:
        files = store.file_frame(name)
        if not files.height:
            continue
        by = [c for c in files.columns if c.startswith("partition.")]
        most = files.group_by(by).len()["len"].max() if by else files.height
        rows.append((name, files.height, most))
    return pl.DataFrame(rows, schema=["table", "files", "most"], orient="row")


def open_newest(folder: Path) -> Store:
    """Open the store of a centre."""
    return varhouse.open(folder / "store")
