#!/usr/bin/env python3
"""Measure what is said of people beside plink2 and bcftools, answers compared.

usage: scripts/benchmark_people.py make FOLDER [--people N] [--sites N]
       scripts/benchmark_people.py run STORE --cohort NAME --work FOLDER FILE...

`make` draws a cohort: people of three populations with families, copies and cousins' children,
SNVs of 22 autosomes, X and Y; FOLDER/people.vcf.gz, sheets, a configuration, and truth.tsv.

`run` makes the tables of people of a copy of STORE by `varhouse people update`, and the same
by plink2 (--missing, --sample-counts, --het, --make-king-table, --pca) and bcftools (stats,
+smpl-stats) from FILE, the VCFs that the cohort was made of. Prints one JSON line a task: CPU
and wall seconds of all processes, MB of the greatest one, and how far the answers agree. What
plink2 needs to import the files is a task of its own. Exit code 1 if an answer differs beyond
the bound that the line names.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pysam

import varhouse
from varhouse.people.king import LEAST, kinship_pairs
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.settings import PeopleSettings
from varhouse.query.opened import OpenStore

ROOT = Path(__file__).resolve().parents[1]
BASES = np.frombuffer(b"ACGT", np.uint8)
LENGTHS = {str(c): 240_000_000 - 9_000_000 * c for c in range(1, 23)} | {
    "X": 155_000_000,
    "Y": 57_000_000,
}
"""About those of the human genome: what counts is that sites lie far apart."""

FST = 0.05
SITES_AT_ONCE = 500
POPULATIONS = ("P1", "P2", "P3")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make")
    make.add_argument("folder", type=Path)
    make.add_argument("--people", type=int, default=10_000)
    make.add_argument("--sites", type=int, default=50_000)
    make.set_defaults(run=lambda args: draw(args.folder, args.people, args.sites))
    run = commands.add_parser("run")
    run.add_argument("store", type=Path)
    run.add_argument("--cohort", required=True)
    run.add_argument("--work", type=Path, required=True)
    run.add_argument("--build", default="b37", help="of --split-par of plink2: b37, b38")
    run.add_argument("files", nargs="+", type=Path)
    run.set_defaults(run=compare)
    args = parser.parse_args()
    return int(args.run(args) or 0)


class Drawn:
    """Who is drawn.

    Attributes
    ----------
    population
        int64[people]: index into POPULATIONS.
    male
        bool[people].
    father, mother, copy_of
        int64[people]: index of an earlier person; -1: none.
    """

    def __init__(self, people: int, rng: np.random.Generator) -> None:
        self.size = people
        self.population = rng.integers(0, len(POPULATIONS), people)
        self.male = rng.random(people) < 0.5
        self.father = np.full(people, -1)
        self.mother = np.full(people, -1)
        self.copy_of = np.full(people, -1)
        # Of a hundred people, one is a copy of an earlier one, three are children: two of one
        # couple of the hundred, and one of another.
        for first in range(0, people - 9, 100):
            kin = (first, first + 1, first + 2, first + 3)
            self.male[[first, first + 2]] = True
            self.male[[first + 1, first + 3]] = False
            self.population[list(kin)] = self.population[first]
            self._child(first + 4, first, first + 1)
            self._child(first + 5, first, first + 1)
            self._child(first + 6, first + 2, first + 3)
            self.copy_of[first + 7] = first + 8
            self.population[first + 7] = self.population[first + 8]
            self.male[first + 7] = self.male[first + 8]

    def _child(self, child: int, father: int, mother: int) -> None:
        self.father[child], self.mother[child] = father, mother
        self.population[child] = self.population[father]

    def phases(self, steps: npt.NDArray[np.float64], rng: np.random.Generator) -> "Phases":
        """Draw which copy of a parent a child has: bool[children, sites] of each parent.

        `steps` float64[sites] are the chances of a crossing-over since the site before, 0.5
        at the first of a contig.
        """
        children = np.flatnonzero(self.father >= 0)
        drawn = [
            np.logical_xor.accumulate(rng.random((children.size, steps.size)) < steps, axis=1)
            for _ in range(2)
        ]
        return Phases(children, drawn[0], drawn[1])

    def write_sheets(self, folder: Path) -> None:
        """Write sheets, configuration and truth."""
        names = [f"S{i:06d}" for i in range(self.size)]
        parent = [*names, ""]
        rows = ["cohort\tsample\tsex\tpopulation\tfather\tmother"]
        truth = ["sample\tfather\tmother\tcopy_of"]
        for i, name in enumerate(names):
            sex = "male" if self.male[i] else "female"
            kin = f"{parent[self.father[i]]}\t{parent[self.mother[i]]}"
            rows.append(f"drawn\t{name}\t{sex}\t{POPULATIONS[self.population[i]]}\t{kin}")
            truth.append(f"{name}\t{kin}\t{parent[self.copy_of[i]]}")
        (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
        (folder / "truth.tsv").write_text("\n".join(truth) + "\n")
        (folder / "cohorts.tsv").write_text(
            "cohort\tfiles\tassay\ndrawn\tpeople.vcf.gz\tWGS\n"
        )
        # None of the sites lies on a contig that the FASTA has, so no REF is checked.
        (folder / "tiny.fa").write_text(">chrM\n" + "N" * 100 + "\n")
        assembly = {
            "name": "GRCh38",
            "reference": "tiny.fa",
            "aliases": str(ROOT / "resources" / "GRCh38.tsv"),
            "par": str(ROOT / "resources" / "GRCh38.par.bed"),
        }
        config = {
            "assembly": assembly,
            "cohorts": "cohorts.tsv",
            "samples": "samples.tsv",
            "strata": ["population", "sex"],
            "policy": {"partial_reference": True, "unchecked_ref": "store"},
        }
        (folder / "config.yaml").write_text(json.dumps(config))


@dataclass(frozen=True)
class Phases:
    """Children, and which copy of father and mother they have at each site."""

    children: npt.NDArray[np.int64]
    of_father: npt.NDArray[np.bool_]
    of_mother: npt.NDArray[np.bool_]


def draw(folder: Path, people: int, sites: int) -> None:
    """Draw a cohort into a folder."""
    rng = np.random.default_rng(17)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = Drawn(people, rng)
    drawn.write_sheets(folder)
    header = "".join(f"##contig=<ID=chr{c},length={n}>\n" for c, n in LENGTHS.items())
    names = "\t".join(f"S{i:06d}" for i in range(people))
    share = sites / sum(LENGTHS.values())
    with pysam.BGZFile(str(folder / "people.vcf.gz"), "w") as out:
        out.write(
            f"##fileformat=VCFv4.3\n{header}"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode()
        )
        for contig, length in LENGTHS.items():
            # X and Y without their ends, so that no site lies in a PAR.
            low, high = (3_000_000, length - 5_000_000) if contig in "XY" else (10_000, length)
            pos = np.sort(rng.choice(np.arange(low, high, 97), int(length * share), False))
            write_contig(out, contig, pos, drawn, rng)


def write_contig(
    out: Any,
    contig: str,
    pos: npt.NDArray[np.int64],
    drawn: Drawn,
    rng: np.random.Generator,
) -> None:
    """Draw and write the records of a contig."""
    steps = np.concatenate([[0.5], np.minimum(np.diff(pos) / 1e8, 0.5)])
    phases = drawn.phases(steps, rng)
    if contig in "XY":
        # A father has one copy of either: X that of his mother, Y that of his father.
        phases.of_father[:] = contig == "X"
    spelt = [b"./.", b"0/0", b"0/1", b"1/1", b".", b"0", b"1"]
    for first in range(0, pos.size, SITES_AT_ONCE):
        own = slice(first, first + SITES_AT_ONCE)
        copies = draw_copies(pos[own].size, own, phases, drawn, rng)
        codes = spell(contig, copies, drawn, rng)
        for at, row in zip(pos[own].tolist(), codes.tolist(), strict=True):
            ref, alt = BASES[rng.choice(4, 2, replace=False)].tobytes().decode()
            head = f"chr{contig}\t{at}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t".encode()
            out.write(head + b"\t".join(map(spelt.__getitem__, row)) + b"\n")


def draw_copies(
    sites: int, own: slice, phases: Phases, drawn: Drawn, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Draw both copies of everybody: int8[2, sites, people], from father and from mother.

    Frequencies of populations are of Balding and Nichols (1995), with `FST`.
    """
    ancestral = rng.beta(0.5, 1.5, sites).clip(0.005, 0.5)
    scale = (1 - FST) / FST
    of = rng.beta((ancestral * scale)[:, None], ((1 - ancestral) * scale)[:, None], (sites, 3))
    out = (rng.random((2, sites, drawn.size)) < of[:, drawn.population]).astype(np.int8)
    children = phases.children
    for copy, (parent, phase) in enumerate(
        ((drawn.father, phases.of_father), (drawn.mother, phases.of_mother))
    ):
        whose = parent[children]
        out[copy][:, children] = np.where(phase[:, own].T, out[1][:, whose], out[0][:, whose])
    who = np.flatnonzero(drawn.copy_of >= 0)
    out[:, :, who] = out[:, :, drawn.copy_of[who]]
    return out


def spell(
    contig: str, copies: npt.NDArray[np.int8], drawn: Drawn, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Give the number of each genotype's text: int8[sites, people]; 1 % are not called."""
    if contig == "Y":
        codes = np.where(drawn.male, copies[0] + 5, 4)
    elif contig == "X":
        # A son has the X of his mother.
        codes = np.where(drawn.male, copies[1] + 5, copies.sum(0) + 1)
    else:
        codes = copies.sum(0) + 1
        wrong = rng.random(codes.shape) < 1e-3
        codes = np.where(wrong, rng.integers(1, 4, codes.shape), codes)
    missing = rng.random(codes.shape) < 0.01
    haploid = (codes >= 4) if contig in "XY" else np.zeros_like(missing)
    return np.where(missing, np.where(haploid, 4, 0), codes).astype(np.int8)


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds of a command and all it started, MB of its greatest process."""

    cpu: float
    wall: float
    mb: float


def cost_of(command: Sequence[str | Path], out: Path | None = None) -> Cost:
    """Run a command; what it says goes to a file."""
    timed = ["/usr/bin/env", sys.executable, "-c", _TIMED, *map(str, command)]
    began = time.perf_counter()
    with (out or Path(os.devnull)).open("wb") as f:
        done = subprocess.run(timed, stdout=f, stderr=subprocess.PIPE, check=False)
    lines = done.stderr.decode(errors="replace").splitlines()
    if done.returncode:
        raise SystemExit(f"{command[0]}: " + "\n".join(lines[-20:]))
    cpu, mb = json.loads(lines[-1])
    return Cost(cpu, time.perf_counter() - began, mb)


_TIMED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
sys.exit(code)
"""
"""A process of its own, so that the greatest one that it started is that of the command."""


class Comparison:
    """What is printed, and whether answers are beyond their bounds."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def say(self, task: str, cost: Cost | None, **values: Any) -> None:
        """Print a line of a task."""
        told = {"task": task}
        if cost is not None:
            told |= {"cpu_s": round(cost.cpu, 2), "wall_s": round(cost.wall, 2)}
            told["mb"] = round(cost.mb)
        print(json.dumps(told | values), flush=True)

    def bound(self, task: str, found: float, most: float, **values: Any) -> None:
        """Print how far an answer is from another one, and note it if that is too far."""
        if not found <= most:
            self.wrong.append(task)
        self.say(task, None, differs=found, bound=most, **values)


def compare(args: argparse.Namespace) -> int:
    """Make all that is said of people, and the same by other tools."""
    work = args.work
    work.mkdir(parents=True, exist_ok=True)
    own = work / "store"
    if own.exists():
        shutil.rmtree(own)
    shutil.copytree(args.store, own)
    told = Comparison()
    update = ["varhouse", "people", "update", own, "--cohort", args.cohort]
    told.say("varhouse people update", cost_of(update))
    store = varhouse.open(own)
    people = store.scan("samples", cohort=args.cohort).sort("ordinal").collect()
    prefix = import_calls(args, people, told)
    missing(store, args, prefix, told)
    counts(store, args, prefix, told)
    sites = choose_sites(store, args.cohort, PeopleSettings().sites)
    kinship(store, args, prefix, sites, told)
    components(store, args, prefix, told)
    bcftools(store, args, told)
    if told.wrong:
        print("beyond their bounds: " + ", ".join(told.wrong), file=sys.stderr)
    return int(bool(told.wrong))


def import_calls(args: argparse.Namespace, people: pl.DataFrame, told: Comparison) -> Path:
    """Bring the files into the format of plink2, which is no part of what is compared."""
    sexes = args.work / "sex.txt"
    code = pl.col("sex").replace_strict({"male": "1", "female": "2"}, default="0")
    people.select(pl.col("sample").alias("#IID"), code.alias("SEX")).write_csv(
        sexes, separator="\t"
    )
    calls = args.files[0]
    if len(args.files) > 1:
        calls = args.work / "all.bcf"
        whole = ["bcftools", "concat", "-Ob", "-o", calls, *args.files]
        told.say("bcftools concat", cost_of(whole))
    prefix = args.work / "plink"
    kind = "--bcf" if calls.suffix == ".bcf" else "--vcf"
    command = [
        "plink2", kind, calls, "--make-pgen", "--out", prefix, "--update-sex", sexes,
        "--set-all-var-ids", "@:#:$r:$a", "--new-id-max-allele-len", "10000", "missing",
        "--vcf-half-call", "haploid", "--split-par", args.build, "--threads", "2",
    ]  # fmt: skip
    told.say("plink2 --make-pgen", cost_of(command))
    return prefix


def plink(
    prefix: Path, task: str, told: Comparison, *options: str | Path
) -> tuple[Path, Cost]:
    """Run plink2 on the imported calls; gives where its answers begin."""
    out = prefix.with_name(f"out-{task}")
    # Its frequencies of fewer than 50 people, too, are those that it counts.
    own = ["--threads", "2", "--bad-freqs"]
    command = ["plink2", "--pfile", prefix, "--out", out, *own, *options]
    cost = cost_of(command)
    told.say(f"plink2 {' '.join(map(str, options[:1]))}", cost)
    return out, cost


def list_sites(sites: pl.DataFrame, path: Path) -> Path:
    """Write the alleles of sites as the variants of the import are called."""
    contig = pl.col("contig").str.strip_prefix("chr")
    names = sites.select(pl.concat_str(contig, "pos", "ref", "alt", separator=":"))
    path.write_text("\n".join(names.to_series()) + "\n")
    return path


def read_table(path: Path) -> pl.DataFrame:
    """Read a table of plink2."""
    nulls = ["NA", "nan", "-nan"]
    rows = pl.read_csv(path, separator="\t", infer_schema_length=None, null_values=nulls)
    return rows.rename({n: n.lstrip("#") for n in rows.columns})


def missing(
    store: OpenStore, args: argparse.Namespace, prefix: Path, told: Comparison
) -> None:
    """Compare the genotypes of autosomes that are not called, and the heterozygous ones."""
    autosomes = ["--chr", "1-22"]
    out, _ = plink(prefix, "missing", told, "--missing", "sample-only", *autosomes)
    theirs = read_table(Path(f"{out}.smiss")).select("IID", "MISSING_CT", "OBS_CT")
    qc = store.scan("sample_qc", cohort=args.cohort).collect()
    both = qc.join(theirs, left_on="sample", right_on="IID", how="left", validate="1:1")
    ours = both["n_genotypes"] - both["n_called"]
    told.bound("missing genotypes", _most(ours - both["MISSING_CT"]), 0, people=both.height)
    out, _ = plink(prefix, "het", told, "--het", *autosomes)
    theirs = read_table(Path(f"{out}.het"))
    het = theirs.select("IID", n=pl.col("OBS_CT") - pl.col("O(HOM)"))
    both = qc.join(het, left_on="sample", right_on="IID", how="left", validate="1:1")
    told.bound("heterozygous, --het", _most(both["n_het"] - both["n"]), 0, people=both.height)


def counts(store: OpenStore, args: argparse.Namespace, prefix: Path, told: Comparison) -> None:
    """Compare what people have on autosomes with --sample-counts.

    It counts genotypes with a transition or transversion, sample_qc copies of them, as hail
    does; and as a singleton who alone is homozygous, too.
    """
    wanted = "cols=homalt,het"
    out, _ = plink(prefix, "scount", told, "--sample-counts", wanted, "--chr", "1-22")
    qc = store.scan("sample_qc", cohort=args.cohort).collect()
    theirs = read_table(Path(f"{out}.scount"))
    both = qc.join(theirs, left_on="sample", right_on="IID", how="left", validate="1:1")
    for name, off in {
        "heterozygous": both["n_het"] - both["HET_CT"],
        "homozygous": both["n_hom_alt"] - both["HOM_ALT_CT"],
    }.items():
        told.bound(f"{name}, --sample-counts", _most(off), 0, people=both.height)


def _most(difference: pl.Series) -> float:
    """Give the greatest difference; infinite where something is missing."""
    if difference.null_count():
        return math.inf
    return float(difference.cast(pl.Float64).abs().max() or 0)


def kinship(
    store: OpenStore,
    args: argparse.Namespace,
    prefix: Path,
    sites: pl.DataFrame,
    told: Comparison,
) -> None:
    """Compare kinship of pairs of third degree and nearer, at the same sites."""
    listed = list_sites(sites, args.work / "sites.txt")
    options = ("--make-king-table", "--king-table-filter", str(LEAST), "--extract", listed)
    out, _ = plink(prefix, "king", told, *options)
    theirs = read_table(Path(f"{out}.kin0"))
    packed = read_packed(store, args.cohort, sites)
    names = pl.Series(packed.samples)
    place = {o: k for k, o in enumerate(packed.ordinal.tolist())}
    pair = [pl.min_horizontal("a", "b").alias("a_"), pl.max_horizontal("a", "b").alias("b_")]
    found = kinship_pairs(packed, LEAST)
    ours = found.select(
        "kinship",
        a=names[found["ordinal_1"].replace_strict(place)],
        b=names[found["ordinal_2"].replace_strict(place)],
    )
    ours = ours.with_columns(pair).drop("a", "b")
    theirs = (
        theirs.drop_nulls("KINSHIP")
        .select("KINSHIP", a="IID1", b="IID2")
        .with_columns(pair)
        .drop("a", "b")
    )
    both = ours.join(theirs, on=["a_", "b_"], how="full", coalesce=True)
    told.bound("kinship", _most(both["kinship"] - both["KINSHIP"]), 1e-4, pairs=both.height)


def components(
    store: OpenStore, args: argparse.Namespace, prefix: Path, told: Comparison
) -> None:
    """Compare axes and eigenvalues, of the same people at the same sites."""
    rows = store.scan("ancestry", cohort=args.cohort).filter("made_axes").collect()
    axes = store.scan("ancestry_axes", cohort=args.cohort).sort("axis").collect()
    if axes.is_empty():
        told.say("axes", None, axes=0)
        return
    used = store.scan("ancestry_loadings", cohort=args.cohort).collect()
    listed = list_sites(used, args.work / "sites-axes.txt")
    keep = listed.with_name("keep.txt")
    keep.write_text("#IID\n" + "\n".join(rows["sample"]) + "\n")
    many = ["approx"] if rows.height > 5_000 else []
    options = ("--pca", str(axes.height), *many, "--extract", listed, "--keep", keep)
    out, _ = plink(prefix, "pca", told, *options)
    theirs = read_table(Path(f"{out}.eigenvec"))
    both = rows.join(theirs, left_on="sample", right_on="IID", how="left", validate="1:1")
    least = 1.0
    for k in range(axes.filter("significant").height):
        pair = both.select(pl.col("scores").list.get(k).alias("ours"), pl.col(f"PC{k + 1}"))
        least = min(least, abs(float(pair.select(pl.corr("ours", f"PC{k + 1}")).item())))
    told.bound("axes, 1 - |r|", 1 - least, 1e-3, axes=axes.filter("significant").height)
    values = [float(v) for v in Path(f"{out}.eigenval").read_text().split()]
    # Those of axes that chance makes are only bounded by plink2's approximation.
    own = axes.filter("significant")["eigenvalue"].to_list()
    off = [abs(a / b - 1) for a, b in zip(own, values[: len(own)], strict=True)] or [0.0]
    told.bound("eigenvalues, relative", max(off), 0.01 if many else 1e-4)


def bcftools(store: OpenStore, args: argparse.Namespace, told: Comparison) -> None:
    """Compare what people have on autosomes with +smpl-stats; bcftools stats is only timed.

    Its counts of each sample are of SNVs alone, or of all contigs.
    """
    calls = args.files[0] if len(args.files) == 1 else args.work / "all.bcf"
    told.say("bcftools stats -s -", cost_of(["bcftools", "stats", "-s", "-", calls]))
    out = args.work / "smpl.txt"
    others = "^X,Y,MT,M,chrX,chrY,chrM"
    told.say(
        "bcftools +smpl-stats", cost_of(["bcftools", "+smpl-stats", "-t", others, calls], out)
    )
    place = {"n_called": 2, "n_hom_alt": 5, "n_het": 6, "n_singleton": 10}
    lines = [ln.split("\t") for ln in out.read_text().splitlines()]
    rows = [
        (c[1], *(int(c[k]) for k in place.values())) for c in lines if c[0].startswith("FLT")
    ]
    theirs = pl.DataFrame(rows, schema=["sample", *place], orient="row")
    qc = store.scan("sample_qc", cohort=args.cohort).collect()
    both = qc.join(theirs, on="sample", how="left", suffix="_theirs", validate="1:1")
    for name in place:
        off = _most(both[name] - both[f"{name}_theirs"])
        told.bound(f"{name}, +smpl-stats", off, 0, people=both.height)


if __name__ == "__main__":
    raise SystemExit(main())
