#!/usr/bin/env python3
r"""Measure `varhouse call` beside bwa mem, samtools and bcftools of the machine.

    scripts/benchmark_reads.py WORK                     a made genome of 100 Mb
    scripts/benchmark_reads.py WORK --bases 300 --stretch 5 --depth 30
    scripts/benchmark_reads.py WORK --reference GRCh38.fa --stretch 5

The reference is a FASTA, or a made one with repeats. Reads are those of a made person on its
first `--stretch` million bases, at `--depth`: what calling costs goes with the reads, what
aligning costs with the reference, too. Work on one core, so that nobody waits for a pipe:

  varhouse   `varhouse call`, whole: every process, Snakemake too; its steps as it tells them
  machine    bwa mem -Y | samtools fixmate | sort; markdup; bcftools mpileup | call | norm

The index of the reference is measured by itself, for both. Both call sets are compared with
the truth, and with each other. Disk is what WORK holds at most while a command runs, without
reads, reference and index.

Rows go to WORK/results.jsonl, one JSON line each; tables in Markdown end it. The exit code is
1 if the answers of varhouse have a lower F1 than the machine's by more than 0.005.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from benchmark import _adopt_orphans, measure

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from calls_compare import Reference, compare, load  # noqa: E402
from simreads import (  # noqa: E402
    make_genome,
    make_truth,
    read_fasta,
    simulate,
    write_fasta,
    write_truth,
)

Row = dict[str, object]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, metavar="WORK", help="a folder for all files")
    parser.add_argument("--reference", type=Path, help="FASTA [a made one]")
    parser.add_argument("--bases", type=int, default=100, help="of a made reference, Mb [100]")
    parser.add_argument("--stretch", type=float, default=5, help="Mb with reads [5]")
    parser.add_argument("--depth", type=float, default=30)
    parser.add_argument("--platform", default="hiseq", help="hiseq, novaseq, mgi, element")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--skip", choices=("varhouse", "machine"), help="measure the other one"
    )
    args = parser.parse_args()
    _adopt_orphans()
    args.work.mkdir(parents=True, exist_ok=True)
    return Bench(args).run()


class Bench:
    """Reads, both ways, and what they gave."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.work = args, args.work.resolve()
        self.rows: list[Row] = []

    def run(self) -> int:
        """Measure both ways; give the exit code."""
        self._make_reads()
        gvcf = self.work / "calls" / "gvcf" / "bench" / "S1.g.vcf.gz"
        plain = self.work / "machine" / "S1.vcf.gz"
        if self.args.skip != "varhouse":
            self._varhouse()
        if self.args.skip != "machine":
            self._machine()
        worse = self._compare(gvcf, plain)
        print(table(self.rows, self.gigabases))
        return int(worse)

    def _make_reads(self) -> None:
        """Make reference, truth and reads, or find those of a run before."""
        args = self.args
        inputs = self.work / "inputs"
        self.fasta, self.truth = inputs / "ref.fa", inputs / "truth.vcf.gz"
        self.files = [inputs / f"reads_R{m}.fastq.gz" for m in (1, 2)]
        key = inputs / "made.json"
        made = {k: str(v) for k, v in vars(args).items() if k not in ("work", "skip")}
        if key.exists() and json.loads(key.read_text())["args"] == made:
            self.gigabases = json.loads(key.read_text())["gigabases"]
            return
        shutil.rmtree(inputs, ignore_errors=True)
        inputs.mkdir()
        if args.reference:
            genome = read_fasta(args.reference)
        else:
            whole, part = args.bases * 1_000_000, 25_000_000
            lengths = {
                f"chr{i + 1}": min(part, whole - start)
                for i, start in enumerate(range(0, whole, part))
            }
            genome = make_genome(args.seed, lengths)
        write_fasta(self.fasta, genome)
        first = next(iter(genome))
        end = int(args.stretch * 1e6)
        stretch = {first: genome[first][:end]}
        del genome
        truth = make_truth(np.random.default_rng(args.seed), stretch)
        reads = simulate(
            stretch, truth, inputs, depth=args.depth, platform=args.platform, seed=args.seed
        )
        write_truth(self.truth, truth, stretch)
        self.gigabases = reads.n_bases / 1e9
        key.write_text(json.dumps({"args": made, "gigabases": self.gigabases}))

    def _varhouse(self) -> None:
        """Measure `varhouse call` with the index made before, and that by itself."""
        calls, index = self.work / "calls", self.work / "inputs" / "index"
        shutil.rmtree(calls, ignore_errors=True)
        sheet = self.work / "reads.tsv"
        names = "cohort\tsample\tsex\tlane\tlibrary\tplatform\tfastq_1\tfastq_2"
        files = "\t".join(map(str, self.files))
        sheet.write_text(f"{names}\nbench\tS1\tunknown\tL1\tlib\tILLUMINA\t{files}\n")
        config = self.work / "config.yaml"
        config.write_text(
            json.dumps(
                {
                    "assembly": {"name": "bench", "reference": str(self.fasta)},
                    "reads": str(sheet),
                    "calling": {"folder": str(calls), "index": str(index)},
                }
            )
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if not index.exists():
            code = (
                "import sys; from pathlib import Path;"
                "from varhouse.reads.index import make_index;"
                "make_index(Path(sys.argv[1]), Path(sys.argv[2]))"
            )
            self._measure(
                "varhouse", "index", [sys.executable, "-c", code, str(self.fasta), str(index)],
                watched=index, env=environment,
            )  # fmt: skip
        told = self.work / "told.json"
        words = ["call", "--config", str(config), "--cores", "1", "--json"]
        with told.open("w") as out:
            self._measure(
                "varhouse", "all", [sys.executable, "-m", "varhouse", *words],
                watched=calls, env=environment, stdout=out,
            )  # fmt: skip
        for row in json.loads(told.read_text())["stages"]:
            self._add("varhouse", str(row["stage"]), row["cpu_s"], row.get("peak_mb"))

    def _machine(self) -> None:
        """Measure the programs that a shell has, each process of a pipe by itself."""
        out = self.work / "machine"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        fasta = self.fasta
        if not Path(f"{fasta}.sa").exists():
            self._measure("machine", "index", ["bwa", "index", str(fasta)], watched=out)
        r1, r2 = self.files
        group = "@RG\\tID:S1\\tSM:S1"
        steps = {
            "bwa": f"bwa mem -t 1 -Y -R '{group}' {fasta} {r1} {r2}",
            "fixmate": "samtools fixmate -m -u - -",
            "sort": f"samtools sort -u -m 512M -T {out}/sort -o {out}/sorted.bam -",
        }
        began = time.monotonic()
        with Watch(out) as watch:
            self._pipe(out, steps)
            self._pipe(out, {"markdup": f"samtools markdup {out}/sorted.bam {out}/S1.bam"})
            (out / "sorted.bam").unlink()
            self._pipe(out, {"index of BAM": f"samtools index {out}/S1.bam"})
            fields = "FORMAT/AD,FORMAT/DP,FORMAT/SP"
            called = {
                "mpileup": f"bcftools mpileup -f {fasta} -q 1 -d 1000 -L 1000 -a {fields}"
                f" -Ou {out}/S1.bam",
                "call": "bcftools call -m -v -a GQ -Ou -",
                "norm": f"bcftools norm -f {fasta} -Oz -o {out}/S1.vcf.gz -",
            }
            self._pipe(out, called)
        own = [r for r in self.rows if r["way"] == "machine" and r["step"] != "index"]
        cpu = sum(float(str(r["cpu_s"])) for r in own)
        peak = max(float(str(r["peak_mb"])) for r in own)
        self._add("machine", "all", cpu, peak, time.monotonic() - began, watch.most)

    def _pipe(self, out: Path, steps: dict[str, str]) -> None:
        """Run a pipe, and measure each of its processes."""
        files = {name: out / f"{name}.cost" for name in steps}
        parts = [
            f"/usr/bin/time -f '%U %S %M' -o '{files[name]}' {command} 2>'{out}/{name}.log'"
            for name, command in steps.items()
        ]
        subprocess.run(["bash", "-c", "set -eo pipefail; " + " | ".join(parts)], check=True)
        for name, file in files.items():
            user, system, peak = map(float, file.read_text().split()[-3:])
            self._add("machine", name, user + system, peak * 1024 / 1e6)

    def _measure(
        self, way: str, step: str, words: list[str], *, watched: Path, **how: object
    ) -> None:
        with Watch(watched) as watch, (self.work / f"{way}-{step}.log").open("w") as log:
            cost, code = measure(args=words, stderr=log, **how)
        if code != 0:
            sys.exit(f"{' '.join(words)}: exit code {code}; see {log.name}")
        self._add(way, step, cost.cpu, cost.peak, cost.wall, watch.most)

    def _add(
        self,
        way: str,
        step: str,
        cpu: object,
        peak: object,
        wall: float | None = None,
        disk: float | None = None,
    ) -> None:
        row: Row = {"way": way, "step": step, "cpu_s": round(float(str(cpu)), 2)}
        row["s_gbase"] = round(float(str(cpu)) / self.gigabases, 1)
        row["peak_mb"] = None if peak is None else round(float(str(peak)))
        if wall is not None:
            row["wall_s"] = round(wall, 1)
        if disk is not None:
            row["disk_mb"] = round(disk)
        row["load"] = round(os.getloadavg()[0], 1)
        self.rows.append(row)
        with (self.work / "results.jsonl").open("a") as out:
            out.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def _compare(self, gvcf: Path, plain: Path) -> bool:
        """Say what both are worth; whether varhouse is worse."""
        reference = Reference(self.fasta)
        scores = {}
        for name, path in (("varhouse", gvcf), ("machine", plain)):
            if path.exists():
                keep = None if name == "varhouse" else _at_least_20
                found = load(reference, path, keep=keep)
                scores[name] = compare(reference, self.truth, found)
                print(f"{name}: SNV {scores[name].snv}; indel {scores[name].indel}")
        if len(scores) < 2:
            return False
        ours, theirs = scores["varhouse"], scores["machine"]
        return ours.snv.f1 < theirs.snv.f1 - 0.005 or ours.indel.f1 < theirs.indel.f1 - 0.005


def _at_least_20(record: object) -> bool:
    return float(getattr(record, "qual", None) or 0) >= 20


class Watch:
    """How much a folder holds at most, MB; looked at twice a second."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.most = folder, 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.5):
            size = 0
            for path in self.folder.rglob("*"):
                try:
                    size += path.lstat().st_size
                except OSError:
                    continue
            self.most = max(self.most, size / 1e6)


def table(rows: list[Row], gigabases: float) -> str:
    """Give the rows as a table in Markdown."""
    lines = [
        f"\n{gigabases:.3f} Gbase of reads",
        "",
        "| way | step | CPU s | CPU s/Gbase | peak of a process, MB | disk, MB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row[k] for k in ("way", "step", "cpu_s", "s_gbase", "peak_mb")]
        cells.append(row.get("disk_mb", ""))
        lines.append("| " + " | ".join("" if c is None else str(c) for c in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
