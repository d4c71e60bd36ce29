#!/usr/bin/env python3
r"""Measure ingests beside bcftools: CPU, wall, peak memory of every process, Snakemake too.

    scripts/benchmark.py WORK                                   tiny, cohorts, next
    scripts/benchmark.py WORK FILE... --reference FASTA --genes GFF3
    scripts/benchmark.py WORK sites.vcf.gz --reference FASTA --genes GFF3 \
        --annotation freq=freq.vcf.gz:AC,AN,AF --chain
    scripts/benchmark.py WORK tiny --code before=../old/src --code now=src --repeat 5

CASE is a VCF, or a folder of VCFs (one cohort, its samples spread over four populations), or
one that is made here:

  tiny     3 records of 2 samples
  cohorts  30 cohorts of 2,000 records of 100 people, in one ingest
  next     one more such cohort, into stores of 1, 10 and 100 cohorts

An --annotation is a source of the ingest: a FILE is then measured twice, with the source
compiled on the way, and with it compiled before (FILE+compiled).

CPU is user and system of all processes below the command, those included that outlived their
parent. Peak is that of the largest single process. V is the CPU of `bcftools view FILE`, to
/dev/null, taken beside each measurement of FILE, and added up over a folder (of a made case
there is none). --chain takes `bcftools norm | csq | annotate` of FILE, too. Every case is run
once with small inputs before, so that nothing is compiled while it is measured; a row says so
where it was.

The content digest of a store must be the same for all codes and repeats, and that of a row
of the same case in --expect (the results.jsonl of another run); else the exit code is 1.
Rows go to WORK/results.jsonl, one JSON line each; a table of medians ends it.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MADE = ("tiny", "cohorts", "next")
WARM_LINES = 2_000
ROOT = Path(__file__).resolve().parents[1]
COMPILING = "compiling"
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """What a command and all processes below it took; seconds and MB."""

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True)
class Inputs:
    """What an ingest is given beside its cohorts."""

    reference: Path
    genes: Path | None = None
    sources: list[dict[str, object]] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "work", type=Path, metavar="WORK", help="a folder for inputs and stores"
    )
    parser.add_argument("cases", nargs="*", default=list(MADE), metavar="CASE")
    parser.add_argument("--reference", type=Path, help="FASTA of the FILEs")
    parser.add_argument("--genes", type=Path, help="GFF3 or GTF for the FILEs")
    parser.add_argument(
        "--annotation",
        action="append",
        default=[],
        metavar="NAME=FILE:FIELD,...",
        help="a VCF source for the FILEs",
    )
    parser.add_argument("--chain", action="store_true", help="time bcftools' chain, too")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="[NAME=]SRC",
        help="the src folder to measure (this one); several take turns",
    )
    parser.add_argument("--expect", type=Path, help="results.jsonl of another run")
    args = parser.parse_intermixed_args()
    if any(c not in MADE for c in args.cases) and args.reference is None:
        parser.error("a FILE needs --reference")
    _adopt_orphans()
    args.work.mkdir(parents=True, exist_ok=True)
    return Bench(args).run()


class Bench:
    """All measurements of a call, and what they are compared with."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.codes = dict(_named_code(c) for c in args.code or [str(ROOT / "src")])
        self.rows: list[dict[str, object]] = []
        self.digests: dict[str, str] = {}
        self.wrong = False
        if args.expect:
            for line in args.expect.read_text().splitlines():
                row = json.loads(line)
                if row.get("digest"):
                    self.digests[row["case"]] = row["digest"]

    def run(self) -> int:
        """Measure all cases; give the exit code."""
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            _say("PYTHONDONTWRITEBYTECODE is set: taken out for what is measured")
        for case in self.args.cases:
            if case == "next":
                self._measure_next()
            else:
                self._measure_case(case)
        print(_table(self.rows))
        return int(self.wrong)

    def _measure_case(self, case: str) -> None:
        """Measure one ingest into a new store, for each code in turn."""
        made = case in MADE
        name = case if made else Path(case).name
        folder = self.args.work / name
        if made:
            inputs, cohorts = make_cohorts(
                folder, *((1, 3, 2) if case == "tiny" else (30, 2000, 100))
            )
        else:
            inputs, cohorts = self._given(), {"one": files_of(Path(case).resolve())}
        warm = write_config(
            folder / "warm",
            *(cut_short(folder / "warm", inputs, cohorts) if not made else (inputs, cohorts)),
        )
        config = write_config(folder, inputs, cohorts)
        for code in self.codes:
            self._ingest(code, folder / "warm" / "store", warm)
        for _ in range(self.args.repeat):
            v = None if made else sum(map(view_cost, cohorts["one"]))
            for code in self.codes:
                cache = folder / f"cache-{code}"
                self._row(name, code, folder / "store", config, v, keep=cache)
                if inputs.sources:
                    self._row(f"{name}+compiled", code, folder / "store", config, v, cache)
            if not made and self.args.chain:
                self._add(
                    {
                        "case": f"{name} bcftools norm|csq|annotate",
                        "code": "bcftools",
                        **_costs(chain_cost(Path(case), inputs), v),
                    }
                )

    def _measure_next(self) -> None:
        """Measure one more cohort into a store of 1, 10 and 100."""
        folder = self.args.work / "next"
        inputs, cohorts = make_cohorts(folder, 103, 2000, 100)
        names = list(cohorts)
        for code in self.codes:
            store = folder / f"store-{code}"
            shutil.rmtree(store, ignore_errors=True)
            taken = 0
            for there in (1, 10, 100):
                some = {n: cohorts[n] for n in names[: there + taken]}
                self._ingest(code, store, write_config(folder, inputs, some), fresh=False)
                for _ in range(self.args.repeat if there == 100 else 1):
                    taken += 1
                    some = {n: cohorts[n] for n in names[: there + taken]}
                    if len(some) < there + taken:
                        break
                    config = write_config(folder, inputs, some)
                    self._row(f"next after {there}", code, store, config, None, fresh=False)

    def _given(self) -> Inputs:
        sources = []
        for text in self.args.annotation:
            name, _, rest = text.partition("=")
            file, _, fields = rest.rpartition(":")
            sources.append(
                {
                    "name": name,
                    "path": str(Path(file).resolve()),
                    "kind": "allele",
                    "fields": fields.split(","),
                }
            )
        genes = self.args.genes.resolve() if self.args.genes else None
        return Inputs(self.args.reference.resolve(), genes, sources)

    def _row(
        self,
        case: str,
        code: str,
        store: Path,
        config: Path,
        v: float | None,
        cache: Path | None = None,
        *,
        keep: Path | None = None,
        fresh: bool = True,
    ) -> None:
        """Measure an ingest; `cache` holds compiled sources, `keep` is where to leave them."""
        cost, talk = self._ingest(code, store, config, cache, fresh=fresh)
        done = self._varhouse(code, "store", "digest", str(store))
        digest = subprocess.run(
            **done, capture_output=True, text=True, check=True
        ).stdout.split()[0]
        first = self.digests.setdefault(case, digest)
        row = {"case": case, "code": code, **_costs(cost, v), "digest": digest}
        if digest != first:
            self.wrong = True
            row["expected"] = first
        if COMPILING in talk:
            row["compiled"] = True
        if keep is not None:
            shutil.rmtree(keep, ignore_errors=True)
            keep.mkdir(parents=True)
            for folder in (store / "_cache").glob("source-*"):
                shutil.copytree(folder, keep / folder.name)
        self._add(row)

    def _add(self, row: dict[str, object]) -> None:
        row["load"] = round(os.getloadavg()[0], 1)
        self.rows.append(row)
        line = json.dumps(row)
        with (self.args.work / "results.jsonl").open("a") as out:
            out.write(line + "\n")
        print(line, flush=True)

    def _varhouse(self, code: str, *words: str) -> dict[str, object]:
        environment = {**os.environ, "PYTHONPATH": str(self.codes[code])}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return {"args": [sys.executable, "-m", "varhouse", *words], "env": environment}

    def _ingest(
        self,
        code: str,
        store: Path,
        config: Path,
        cache: Path | None = None,
        *,
        fresh: bool = True,
    ) -> tuple[Cost, str]:
        if fresh:
            shutil.rmtree(store, ignore_errors=True)
        if cache is not None:
            self._with_sources(code, store, config, cache)
        call = self._varhouse(
            code,
            "ingest",
            str(store),
            "--config",
            str(config),
            "--cores",
            str(self.args.cores),
            "--json",
        )
        talk = config.parent / "stderr.txt"
        with talk.open("w") as err:
            cost, status = measure(**call, stdout=subprocess.DEVNULL, stderr=err)
        if status != 0:
            sys.exit(f"{config}: exit code {status}\n{talk.read_text()}")
        return cost, talk.read_text()

    def _with_sources(self, code: str, store: Path, config: Path, cache: Path) -> None:
        """Make an empty store whose sources are compiled."""
        bare = json.loads(config.read_text())
        reference = [bare["assembly"]["name"], "--reference", bare["assembly"]["reference"]]
        call = self._varhouse(code, "store", "init", str(store), "--assembly", *reference)
        subprocess.run(**call, capture_output=True, check=True)
        shutil.copytree(cache, store / "_cache", dirs_exist_ok=True)


def _named_code(text: str) -> tuple[str, Path]:
    name, sep, path = text.rpartition("=")
    return (name if sep else "this"), Path(path).resolve()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _costs(cost: Cost, v: float | None) -> dict[str, object]:
    row: dict[str, object] = {
        "cpu_s": round(cost.cpu, 2),
        "wall_s": round(cost.wall, 1),
        "peak_mb": round(cost.peak),
    }
    return row if v is None else {**row, "v": round(v, 2), "ratio": round(cost.cpu / v, 2)}


def _table(rows: list[dict[str, object]]) -> str:
    """Give the medians of each case and code as a table in Markdown."""
    lines = [
        "",
        "| case | code | CPU s | of V | wall s | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for case, code in dict.fromkeys((r["case"], r["code"]) for r in rows):
        same = [r for r in rows if (r["case"], r["code"]) == (case, code)]
        cells = []
        for name in ("cpu_s", "ratio", "wall_s", "peak_mb"):
            values = [float(str(r[name])) for r in same if name in r]
            cells.append(f"{statistics.median(values):g}" if values else "")
        lines.append("| " + " | ".join([str(case), str(code), *cells]) + " |")
    return "\n".join(lines)


# What is measured


def _adopt_orphans() -> None:
    """Become the parent of processes that outlive theirs, so that none goes uncounted."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(args: object, **settings: object) -> tuple[Cost, int]:
    """Run a command to the end of its last process; give its cost and exit code."""
    began = time.monotonic()
    process = subprocess.Popen(args, **settings)  # type: ignore[call-overload]
    cpu, peak, code = 0.0, 0, 1
    while True:
        try:
            pid, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss)
        if pid == process.pid:
            code = process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(cpu, time.monotonic() - began, peak * 1024 / 1e6), code


def _shell(command: str) -> float:
    cost, code = measure(["bash", "-c", f"set -o pipefail; {command}"])
    if code != 0:
        sys.exit(f"{command}: exit code {code}")
    return cost.cpu


def files_of(case: Path) -> list[Path]:
    """List the files of a case."""
    if not case.is_dir():
        return [case]
    found = [
        f for f in sorted(case.iterdir()) if f.name.endswith((".vcf", ".vcf.gz", ".vcf.bgz"))
    ]
    if not found:
        sys.exit(f"{case}: no VCF in the folder")
    return found


def view_cost(file: Path) -> float:
    """Give V, the CPU seconds of `bcftools view`."""
    return _shell(f"bcftools view '{file}' >/dev/null")


def chain_cost(file: Path, inputs: Inputs) -> Cost:
    """Time what a shell would do in place of the ingest of a file of sites."""
    steps = [f"bcftools norm -m- -c x -f '{inputs.reference}' -Ou '{file}'"]
    if inputs.genes:
        steps.append(f"bcftools csq -l -f '{inputs.reference}' -g '{inputs.genes}' -Ou")
    command = "set -eo pipefail; " + " | ".join(steps)
    with tempfile.TemporaryDirectory() as folder:
        for k, source in enumerate(inputs.sources):
            # What is annotated from a VCF has to be indexed.
            made = f"{folder}/{k}.bcf"
            names = ",".join(f"INFO/{source['name']}_{f}:=INFO/{f}" for f in source["fields"])  # type: ignore[attr-defined]
            command += f" | bcftools view -Ob1 -o '{made}'; bcftools index '{made}'; "
            command += f"bcftools annotate -a '{source['path']}' -c '{names}' -Ou '{made}'"
        command += " >/dev/null"
        cost, code = measure(["bash", "-c", command], stderr=subprocess.DEVNULL)
    if code != 0:
        sys.exit(f"{command}: exit code {code}")
    return cost


# Inputs


def write_config(folder: Path, inputs: Inputs, cohorts: dict[str, list[Path]]) -> Path:
    """Write a configuration and its sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["cohort\tsample\tsex\tpopulation"]
    for cohort, files in cohorts.items():
        names = dict.fromkeys(s for file in files for s in sample_names(file))
        rows += [f"{cohort}\t{s}\tunknown\tP{i % 4}" for i, s in enumerate(names)]
    (folder / "samples.tsv").write_text("\n".join([*rows, ""]))
    sheet = ["cohort\tfiles", *(f"{n}\t{_cell(f)}" for n, f in cohorts.items()), ""]
    (folder / "cohorts.tsv").write_text("\n".join(sheet))
    config = {
        "assembly": {"name": "bench", "reference": str(inputs.reference.resolve())},
        "genes": str(inputs.genes) if inputs.genes else None,
        "sources": inputs.sources,
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "strata": ["population"],
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return path


def _cell(files: list[Path]) -> str:
    return ",".join(str(f.resolve()) for f in files)


def _lines(file: Path) -> Iterator[str]:
    if file.suffix == ".bcf":
        sys.exit(f"{file}: give a VCF")
    with gzip.open(file, "rt") if file.suffix in (".gz", ".bgz") else file.open() as lines:
        yield from lines


def sample_names(file: Path) -> list[str]:
    """Give the names of the samples of a VCF."""
    line = next(ln for ln in _lines(file) if ln.startswith("#CHROM"))
    return line.rstrip("\n").split("\t")[9:]


def cut_short(
    folder: Path, inputs: Inputs, cohorts: dict[str, list[Path]]
) -> tuple[Inputs, dict[str, list[Path]]]:
    """Make small files of the same kind, for the run that warms up."""
    folder.mkdir(parents=True, exist_ok=True)

    def cut(file: Path) -> Path:
        out = folder / f"{file.name.partition('.')[0]}.vcf"
        with out.open("w") as text:
            left = WARM_LINES
            for line in _lines(file):
                text.write(line)
                left -= not line.startswith("#")
                if not left:
                    break
        return out

    sources = [{**s, "path": str(cut(Path(str(s["path"]))))} for s in inputs.sources]
    small = Inputs(inputs.reference, inputs.genes, sources)
    return small, {n: [cut(f) for f in files] for n, files in cohorts.items()}


def make_cohorts(
    folder: Path, n_cohorts: int, n_records: int, n_samples: int
) -> tuple[Inputs, dict[str, list[Path]]]:
    """Make a contig of 1 Mb, and cohorts that share nine records of ten."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    bases = "".join(rng.choices("ACGT", k=1_000_000))
    reference = folder / "reference.fa"
    reference.write_text(f">c1\n{bases}\n")
    common = rng.sample(range(1, len(bases)), n_records)
    cohorts = {}
    for k in range(n_cohorts):
        rare = rng.sample(range(1, len(bases)), n_records // 10)
        places = sorted({*common[len(rare) :], *rare})
        samples = [f"S{k}_{i}" for i in range(n_samples)]
        head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        lines = [
            "##fileformat=VCFv4.2",
            f"##contig=<ID=c1,length={len(bases)}>",
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
            "\t".join([*head, *samples]),
        ]
        for pos in places:
            ref = bases[pos - 1]
            alt = "ACGT"[("ACGT".index(ref) + 1 + pos % 3) % 4]
            calls = rng.choices(["0/0", "0/1", "1/1", "./."], [85, 10, 4, 1], k=n_samples)
            lines.append(
                "\t".join(["c1", str(pos), ".", ref, alt, ".", "PASS", ".", "GT", *calls])
            )
        file = folder / f"cohort{k:03d}.vcf"
        file.write_text("\n".join([*lines, ""]))
        cohorts[f"cohort{k:03d}"] = [file]
    return Inputs(reference), cohorts


if __name__ == "__main__":
    sys.exit(main())
