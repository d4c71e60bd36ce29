#!/usr/bin/env python3
"""Measure the join of alleles with a large source, against bcftools annotate and vcfanno.

usage: scripts/benchmark_sources.py WORKDIR [--rows 10000000] [--alleles 1000000]

Makes a source (VCF, one contig, six fields of frequencies, of which four are joined; nine of
ten rows are SNVs) and a VCF of alleles, of which nine in ten are in it. The source is
compiled in a process of its own, then joined in another: alleles from Parquet, the joined
rows to Parquet. bcftools annotate (of pysam) does the same from BGZF to uncompressed BCF,
and so does vcfanno if it is on the path. Prints a JSON line each: CPU (user + system) and
wall seconds of the whole process, peak memory, hits; and the ratios. Hits are compared row
by row with bcftools'.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pysam

LENGTH = 248_956_422
FIELDS = ("AC", "AN", "AF", "AF_eas")
HEADER = f"""##fileformat=VCFv4.2
##contig=<ID=1,length={LENGTH}>
##INFO=<ID=AC,Number=A,Type=Integer,Description="copies">
##INFO=<ID=AN,Number=1,Type=Integer,Description="alleles">
##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">
##INFO=<ID=AF_eas,Number=A,Type=Float,Description="frequency">
##INFO=<ID=AF_afr,Number=A,Type=Float,Description="frequency">
##INFO=<ID=nhomalt,Number=A,Type=Integer,Description="people">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
ALLELES_HEADER = "".join(
    line for line in HEADER.splitlines(keepends=True) if "##INFO" not in line
)
COMPILE = """import sys, time
from pathlib import Path
from varhouse.genome.contigs import Contig, Contigs
from varhouse.sources import FieldSpec, SourceSpec, Target, compile_source
fields = [FieldSpec(n, n) for n in ("AC", "AN", "AF", "AF_eas")]
spec = SourceSpec("s", sys.argv[1], "allele", fields=fields)
contigs = Contigs([Contig("1", length=LENGTH)])
compile_source(spec, Target(contigs), Path(sys.argv[2]))
""".replace("LENGTH", str(LENGTH))
JOIN = """import sys, time
from pathlib import Path
import numpy.ma
import polars as pl
from varhouse.sources import CompiledSource, SourceSpec
source = CompiledSource(Path(sys.argv[2]), SourceSpec("s", "", "allele"))
start, cpu = time.perf_counter(), time.process_time()
alleles = pl.read_parquet(sys.argv[1])
rows = source.join(alleles)
rows.write_parquet(sys.argv[3], compression="uncompressed")
cpu, wall = time.process_time() - cpu, time.perf_counter() - start
print(rows.height, round(cpu, 3), round(wall, 3))
"""
ANNOTATE = """import sys, pysam.bcftools
columns = "INFO/AC,INFO/AN,INFO/AF,INFO/AF_eas"
options = ["-c", columns, "-Ou", "-o", sys.argv[3]]
pysam.bcftools.annotate("-a", sys.argv[1], *options, sys.argv[2], catch_stdout=False)
"""
VCFANNO = """[[annotation]]
file = "{source}"
fields = ["AC", "AN", "AF", "AF_eas"]
ops = ["self", "self", "self", "self"]
names = ["AC", "AN", "AF", "AF_eas"]
"""


def make_rows(n: int, seed: int) -> pl.DataFrame:
    """Make n rows with distinct positions: pos, ref, alt, ac, an."""
    rng = np.random.default_rng(seed)
    pos = np.sort(rng.choice(LENGTH // 20, n, replace=False).astype(np.int64)) * 20 + 1
    bases = np.array(list("ACGT"))
    ref = rng.integers(0, 4, n)
    alt = (ref + rng.integers(1, 4, n)) % 4
    kind = rng.random(n)
    tail = np.array(["".join(rng.choice(bases, rng.integers(1, 19))) for _ in range(1000)])
    tails = tail[rng.integers(0, 1000, n)]
    first, second = pl.Series(bases[ref]), pl.Series(bases[alt])
    frame = pl.DataFrame({"pos": pos, "r": first, "a": second, "t": tails, "k": kind})
    ac = rng.integers(1, 20_000, n)
    an = 20_000 + rng.integers(0, 100_000, n) * 2
    return frame.select(
        "pos",
        ref=pl.when(pl.col("k") < 0.05).then(pl.col("r") + pl.col("t")).otherwise("r"),
        alt=pl.when(pl.col("k") < 0.05)
        .then("r")
        .when(pl.col("k") > 0.95)
        .then(pl.col("r") + pl.col("t"))
        .otherwise("a"),
        ac=pl.Series(ac),
        an=pl.Series(an),
    )


def write_vcf(path: Path, header: str, lines: pl.Series) -> None:
    """Write a BGZF VCF with its index."""
    plain = path.with_suffix("")
    with plain.open("w") as out:
        out.write(header)
        for k in range(0, len(lines), 500_000):
            out.write("\n".join(lines[k : k + 500_000].to_list()) + "\n")
    pysam.tabix_compress(str(plain), str(path), force=True)
    plain.unlink()
    pysam.tabix_index(str(path), preset="vcf", force=True)


def make_files(work: Path, n_rows: int, n_alleles: int) -> None:
    """Write source.vcf.gz, alleles.vcf.gz and alleles.parquet."""
    rows = make_rows(n_rows, 1)
    af = pl.col("ac") / pl.col("an")
    info = pl.format(
        "AC={};AN={};AF={};AF_eas={};AF_afr={};nhomalt={}",
        "ac",
        "an",
        af.round_sig_figs(6),
        (af * 0.9).round_sig_figs(6),
        (af * 0.7).round_sig_figs(6),
        (pl.col("ac") * af).cast(pl.Int64),
    )
    line = pl.format("1\t{}\t.\t{}\t{}\t.\tPASS\t{}", "pos", "ref", "alt", info)
    write_vcf(work / "source.vcf.gz", HEADER, rows.select(line).to_series())
    mine = rows.sample(n_alleles, seed=2).sort("pos").with_row_index()
    # One in ten is another allele at the same place.
    other = pl.when(pl.col("index") % 10 == 0).then(pl.col("ref") + "AC").otherwise("alt")
    mine = mine.with_columns(alt=other)
    line = pl.format("1\t{}\t.\t{}\t{}\t.\t.\t.", "pos", "ref", "alt")
    write_vcf(work / "alleles.vcf.gz", ALLELES_HEADER, mine.select(line).to_series())
    key = mine.select(pl.lit("1").alias("contig"), pl.col("pos").cast(pl.Int32), "ref", "alt")
    key.write_parquet(work / "alleles.parquet")


def timed(what: str, command: list[str], stdout: Path) -> dict[str, float]:
    """Run a command; print and give its CPU and wall seconds and peak memory."""
    start = time.perf_counter()
    with stdout.open("wb") as sink, stdout.with_suffix(".err").open("wb") as errors:
        # wait4 alone tells what one child has used.
        process = subprocess.Popen(command, stdout=sink, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{what}: {stdout.with_suffix('.err').read_text()[-2000:]}")
    row = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - start, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps({"what": what, **row}), flush=True)
    return row


def bcftools_hits(path: Path) -> pl.DataFrame:
    """Read what bcftools annotate wrote: rows with pos, ref, alt and the fields."""
    script = """import sys, pysam.bcftools
pysam.bcftools.query("-i", "AC>=0", "-f", sys.argv[2], "-o", sys.argv[3], sys.argv[1],
                     catch_stdout=False)
"""
    form = "%POS\\t%REF\\t%ALT\\t%AC\\t%AN\\t%AF\\t%AF_eas\\n"
    out = path.with_suffix(".tsv")
    subprocess.run([sys.executable, "-c", script, str(path), form, str(out)], check=True)
    names = ["pos", "ref", "alt", *FIELDS]
    types = [pl.Int32, pl.String, pl.String, pl.Int64, pl.Int64, pl.Float32, pl.Float32]
    return pl.read_csv(
        out,
        separator="\t",
        has_header=False,
        new_columns=names,
        schema_overrides=dict(zip(names, types, strict=True)),
    )


def main() -> int:
    # The processes timed start as a user's do: their modules were compiled by an earlier run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--alleles", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    work: Path = args.work
    work.mkdir(parents=True, exist_ok=True)
    source, alleles = work / "source.vcf.gz", work / "alleles.vcf.gz"
    if args.make:
        make_files(work, args.rows, args.alleles)
        return 0
    if not (work / "alleles.parquet").exists():
        # In a process of its own: a child's peak memory begins with its parent's.
        subprocess.run([sys.executable, *sys.argv, "--make"], check=True)
    python = [sys.executable, "-c"]
    if not (work / "compiled").exists():
        timed(
            "compile",
            [*python, COMPILE, str(source), str(work / "compiled")],
            work / "compile.out",
        )
    os.environ["POLARS_MAX_THREADS"] = "1"
    joined, annotated = work / "joined.parquet", work / "annotated.bcf"
    inputs = [str(work / "alleles.parquet"), str(work / "compiled"), str(joined)]
    ours, theirs, vcfanno = [], [], []
    for _ in range(args.repeat):
        ours.append(timed("join", [*python, JOIN, *inputs], work / "join.out"))
        height, cpu, wall = map(float, (work / "join.out").read_text().split())
        ours[-1]["join_cpu_s"] = cpu
        print(json.dumps({"hits": height, "join_cpu_s": cpu, "join_wall_s": wall}))
        command = [*python, ANNOTATE, str(source), str(alleles), str(annotated)]
        theirs.append(timed("bcftools annotate", command, work / "annotate.out"))
        if shutil.which("vcfanno"):
            (work / "vcfanno.toml").write_text(VCFANNO.format(source=source))
            command = ["vcfanno", "-p", "1", str(work / "vcfanno.toml"), str(alleles)]
            vcfanno.append(timed("vcfanno", command, work / "vcfanno.vcf"))
    names = ["pos", "ref", "alt", *FIELDS]
    mine = (
        pl.read_parquet(joined)
        .select(names)
        .with_columns(pl.col("AF", "AF_eas").cast(pl.Float32))
    )
    expected = bcftools_hits(annotated)
    same = mine.sort(names[:3]).equals(expected.sort(names[:3]))

    def least(rows: list[dict[str, float]], key: str = "cpu_s") -> float:
        return min(r[key] for r in rows)

    ratios = {"rows_alike": same, "hits": [mine.height, expected.height]}
    for name, rows in (("bcftools", theirs), ("vcfanno", vcfanno)):
        if rows:
            ratios[f"{name}_to_process"] = round(least(rows) / least(ours), 1)
            ratios[f"{name}_to_join"] = round(least(rows) / least(ours, "join_cpu_s"), 1)
    print(json.dumps(ratios))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
