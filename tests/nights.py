"""Nights in one process: an inbox, deliveries made in a line, and `varhouse nightly`."""

import hashlib
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import yaml
from builders import make_fasta, make_vcf
from kills import run_steps

import varhouse
from varhouse.ingest import driver
from varhouse.nightly.account import Delivered, Fault, Night
from varhouse.nightly.night import NightOptions, run_night

BASES = {c: "".join(random.Random(c).choices("ACGT", k=600)) for c in ("c1", "c2")}
FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)


def vcf_text(folder: Path, samples: list[str], seed: int = 0, bases: Any = None) -> str:
    """Make a small VCF of some people; another seed, other calls."""
    rng = random.Random(f"{seed} {samples}")
    rows = []
    for contig, text in (bases or BASES).items():
        for pos in sorted(rng.sample(range(50, 550), 6)):
            ref = text[pos - 1]
            alt = rng.choice([b for b in "ACGT" if b != ref])
            calls = [rng.choice(["0/1", "1/1", "0/0"]) for _ in samples]
            rows.append(f"{contig} {pos} . {ref} {alt} . PASS . GT {' '.join(calls)}")
    return make_vcf(folder / "made.vcf", rows, samples).read_text()


class Nights:
    """A data centre with nothing in it yet.

    Parameters
    ----------
    folder
        Where everything lies.
    more
        Keys of the configuration besides.
    """

    def __init__(self, folder: Path, nightly: Mapping[str, Any] = {}, **more: Any) -> None:
        self.root = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.inbox, self.folder = folder / "inbox", folder / "nights"
        self.store = folder / "store"
        self.inbox.mkdir()
        make_fasta(folder / "ref.fa", BASES)
        self.config = folder / "config.yaml"
        said = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "store": "store",
            "nightly": {"inbox": "inbox", "folder": "nights", **nightly},
            **more,
        }
        self.config.write_text(yaml.safe_dump(said))
        self.day = 0

    def deliver(
        self,
        name: str,
        cohort: Any = "a",
        date: str | None = "2026-10-01",
        files: Mapping[str, str | bytes] | None = None,
        *,
        people: list[str] | None = None,
        seed: int = 0,
        ready: bool = True,
        sums: str = "md5",
        **said: Any,
    ) -> Path:
        """Put a delivery into the inbox: of one VCF of some people, unless files are given."""
        folder = self.inbox / name
        folder.mkdir()
        people = people or [f"{cohort}1", f"{cohort}2"]
        if files is None:
            files = {"calls.vcf": vcf_text(self.root, people, seed)}
        files = dict(files)
        if "samples" not in said:
            rows = "".join(f"{p}\tfemale\n" for p in people)
            files.setdefault("samples.tsv", "sample\tsex\n" + rows)
            said["samples"] = "samples.tsv"
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            content = content.encode() if isinstance(content, str) else content
            (folder / path).write_bytes(content)
        manifest = {"cohort": cohort, "date": date, **said}
        manifest = {k: v for k, v in manifest.items() if v is not None}
        (folder / "delivery.yaml").write_text(yaml.safe_dump(manifest, allow_unicode=True))
        self.sum(folder, list(files), sums)
        if ready:
            (folder / "READY").touch()
        return folder

    @staticmethod
    def sum(folder: Path, files: list[str], kind: str = "md5") -> None:
        """Write the list of sums of files of a delivery."""
        lines = [
            f"{hashlib.new(kind, (folder / f).read_bytes()).hexdigest()}  {f}\n" for f in files
        ]
        (folder / f"{kind}sum.txt").write_text("".join(lines))

    def run(self, **options: Any) -> Night:
        """Let a night pass; the next one is a day later."""
        now = FIRST + timedelta(days=self.day)
        self.day += 1
        ingest = driver.Options(cores=1, wait=5.0)
        with mock.patch.object(driver, "run_snakemake", run_steps):
            return run_night(self.config, NightOptions(ingest=ingest, **options), now)

    def names(self) -> list[str]:
        """Name what lies in the inbox."""
        return sorted(p.name for p in self.inbox.iterdir())

    def people(self) -> dict[str, list[str]]:
        """Give the people of each cohort of the store."""
        rows = varhouse.open(self.store).scan("samples").select("cohort", "sample").collect()
        return {str(c): sorted(part["sample"]) for (c,), part in rows.group_by("cohort")}

    def digest(self) -> str:
        """Give the content digest of the store."""
        return str(varhouse.open(self.store).digest())

    def calls(self, cohort: str) -> list[tuple[Any, ...]]:
        """Give place, alleles and counts of a cohort, to compare stores by."""
        rows = varhouse.open(self.store).scan("frequencies").collect()
        rows = rows.filter((pl.col("cohort") == cohort) & (pl.col("stratum_by") == "all"))
        return sorted(rows.select("contig", "pos", "ref", "alt", "ac", "an").rows())


def outcomes(night: Night) -> dict[str, str]:
    """Give what became of each delivery."""
    return {d.name: d.outcome for d in night.deliveries}


def delivered(night: Night, name: str) -> Delivered:
    """Give what an account says of a delivery."""
    return next(d for d in night.deliveries if d.name == name)


def faults(night: Night) -> dict[str, Fault]:
    """Give the faults of a night by their subjects."""
    return {f.subject: f for f in night.faults}
