#!/usr/bin/env python3
"""Measure compiling a gene annotation of human size (made up, seeded).

usage: scripts/benchmark_genes.py WORK [--transcripts N] [--megabases N]

Writes WORK/genes.gff3 (Ensembl's columns and attributes) and WORK/genome.fa, then runs
`varhouse genes` once in a process of its own and prints one JSON line: rows made, wall
and CPU seconds (user and system) and the peak of memory (GiB), reading of the FASTA
included; then a second line, for opening the compiled model in a fresh process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

CONTIGS = 25
SEED = 11

_OPEN = """
import sys
from pathlib import Path
from varhouse.transcripts.genemodel import load_genes
assert load_genes(Path(sys.argv[1])).n_transcripts == int(sys.argv[2])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--transcripts", type=int, default=250_000)
    parser.add_argument("--megabases", type=int, default=300)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    length = args.megabases * 1_000_000 // CONTIGS
    gff, fasta, out = (args.work / n for n in ("genes.gff3", "genome.fa", "model"))
    # In a process of its own: the peak of a child begins with its parent's size.
    with ProcessPoolExecutor(1) as pool:
        pool.submit(write_genome, fasta, length).result()
        rows = pool.submit(write_annotation, gff, args.transcripts, length).result()
    shutil.rmtree(out, ignore_errors=True)
    call = ["-m", "varhouse", "genes", str(gff), "--reference", str(fasta), "-o", str(out)]
    compiled = measure([sys.executable, *call])
    size = sum(f.stat().st_size for f in out.iterdir())
    print(json.dumps({"task": "compile", **rows, "model_bytes": size, **compiled}), flush=True)
    opened = measure([sys.executable, "-c", _OPEN, str(out), str(args.transcripts)])
    print(json.dumps({"task": "open", **opened}), flush=True)
    return 0


def measure(command: list[str]) -> dict[str, float]:
    """Run a command; give wall and CPU seconds and the peak of its memory."""
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_gib": round(usage.ru_maxrss / 2**20, 2),
    }


def write_genome(path: Path, length: int) -> None:
    """Write random contigs of `length` bases, 60 a line."""
    random = np.random.default_rng(SEED)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as out:
        for i in range(CONTIGS):
            lines = np.full((length // 60, 61), 10, np.uint8)
            lines[:, :60] = letters[random.integers(0, 4, (length // 60, 60), np.uint8)]
            out.write(f">{i + 1}\n".encode())
            out.write(lines.tobytes())


def write_annotation(path: Path, n: int, length: int) -> dict[str, int]:
    """Write n transcripts, 4.2 of a gene, 6 exons each, 45 % with a CDS."""
    random = np.random.default_rng(SEED)
    n_gene = max(1, n * 6 // 25)
    gene = np.sort(np.concatenate([np.arange(n_gene), random.integers(0, n_gene, n - n_gene)]))
    place = np.sort(random.integers(0, CONTIGS * (length - 120_000), n_gene))
    contig, at = place // (length - 120_000), place % (length - 120_000)
    reverse = random.random(n_gene) < 0.5
    coding = (random.random(n_gene) < 0.6)[gene] & (random.random(n) < 0.75)
    count = np.where(coding, 1 + random.poisson(8, n), 1 + random.poisson(2.5, n))
    tx = np.repeat(np.arange(n), count)
    first = np.cumsum(count) - count
    size = 30 + random.geometric(1 / 220, len(tx))
    gap = 80 + random.geometric(1 / 700, len(tx))
    gap[first] = random.integers(0, 2_000, n)
    ends = np.cumsum(size + gap)
    ends -= (ends - size - gap)[first][tx] - at[gene][tx]
    end, start = np.minimum(ends, length - 100), np.minimum(ends - size, length - 130) + 1
    frames = _frames(tx, first, count, start, end, coding, reverse[gene])
    strand = np.where(reverse, "-", "+")
    low, high = np.minimum.reduceat(start, first), np.maximum.reduceat(end, first)
    t_id = pl.format("ENST{}", pl.col("tx").cast(pl.String).str.zfill(11))
    g_id = pl.format("ENSG{}", pl.col("gene").cast(pl.String).str.zfill(11))
    biotype = pl.when("coding").then(pl.lit("protein_coding")).otherwise(pl.lit("lncRNA"))
    of_tx = pl.DataFrame(
        {
            "tx": np.arange(n),
            "gene": gene,
            "contig": contig[gene] + 1,
            "coding": coding,
            "start": low,
            "end": high,
            "strand": strand[gene],
            "reverse": reverse[gene],
        }
    )
    of_gene = of_tx.group_by("gene", maintain_order=True).agg(
        pl.col("contig", "strand").first(),
        pl.col("start").min(),
        pl.col("end").max(),
        pl.col("coding").any(),
    )
    parts = [
        _rows(
            of_gene,
            "gene",
            0,
            pl.format(
                "ID=gene:{};Name=N{};biotype={};gene_id={};logic_name=havana;version=3",
                g_id,
                "gene",
                biotype,
                g_id,
            ),
        ),
        _rows(
            of_tx,
            "mRNA",
            1,
            pl.format(
                "ID=transcript:{};Parent=gene:{};Name=N{}-2{};biotype={};tag=basic;"
                "transcript_id={};transcript_support_level=1;version=2",
                t_id,
                g_id,
                "gene",
                "tx",
                biotype,
                t_id,
            ),
        ),
    ]
    names = of_tx.select("tx", "gene", "contig", "strand")
    exon = pl.format(
        "Parent=transcript:{};Name=ENSE{};constitutive=0;ensembl_end_phase=-1;"
        "ensembl_phase=-1;exon_id=ENSE{};rank={};version=1",
        t_id,
        pl.col("row").cast(pl.String).str.zfill(11),
        pl.col("row").cast(pl.String).str.zfill(11),
        "rank",
    )
    p_id = pl.format("ENSP{}", pl.col("tx").cast(pl.String).str.zfill(11))
    cds = pl.format("ID=CDS:{};Parent=transcript:{};protein_id={}", p_id, t_id, p_id)
    joined = [f.join(names, on="tx", maintain_order="left") for f in frames]
    parts += [_rows(joined[0], "exon", 2, exon), _rows(joined[1], "CDS", 3, cds)]
    table = pl.concat(parts).sort("contig", "gene", "tx", "order", maintain_order=True)
    with path.open("wb") as out:
        out.write(b"##gff-version 3\n")
        table.drop("gene", "tx", "order").write_csv(
            out, separator="\t", include_header=False, quote_style="never"
        )
    heights = zip(("genes", "transcripts", "exons", "cds_rows"), parts, strict=True)
    return {name: part.height for name, part in heights}


def _frames(
    tx: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    coding: np.ndarray,
    reverse: np.ndarray,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Exon rows, and CDS rows with phases: all but the first exon, and two bases less."""
    place = np.arange(len(tx)) - first[tx]
    back = count[tx] - 1 - place
    rank = np.where(reverse[tx], back, place)
    exons = pl.DataFrame(
        {
            "tx": tx,
            "start": start,
            "end": end,
            "row": np.arange(len(tx)),
            "rank": rank + 1,
            "phase": np.full(len(tx), None, object),
        },
        schema_overrides={"phase": pl.Int64},
    )
    some = coding[tx] & ((rank > 0) | (count[tx] == 1))
    size = (end - start + 1)[some]
    by = pl.DataFrame({"tx": tx[some], "rank": rank[some], "size": size})
    # Bases of the CDS before each row, in the transcript's direction.
    before = (
        by.with_row_index()
        .sort("tx", "rank")
        .with_columns(
            before=pl.col("size").cum_sum().over("tx") - pl.col("size"),
            rest=pl.col("size").sum().over("tx") % 3,
            last=pl.col("rank") == pl.col("rank").max().over("tx"),
        )
        .sort("index")
    )
    cut = np.where(before["last"].to_numpy(), before["rest"].to_numpy(), 0)
    turned = reverse[tx[some]]
    cds = pl.DataFrame(
        {
            "tx": tx[some],
            "start": start[some] + np.where(turned, cut, 0),
            "end": end[some] - np.where(turned, 0, cut),
            "phase": -before["before"].to_numpy() % 3,
        }
    )
    return exons, cds


def _rows(frame: pl.DataFrame, kind: str, order: int, attributes: pl.Expr) -> pl.DataFrame:
    """Lines of one type with the columns to sort them by."""
    has_phase, has_tx = "phase" in frame.columns, "tx" in frame.columns
    phase = pl.col("phase").cast(pl.String).fill_null(".") if has_phase else pl.lit(".")
    return frame.select(
        "contig",
        source=pl.lit("ensembl"),
        type=pl.lit(kind),
        start="start",
        end="end",
        score=pl.lit("."),
        strand="strand",
        phase=phase,
        attr=attributes,
        gene="gene",
        tx=pl.col("tx") if has_tx else pl.lit(-1, pl.Int64),
        order=pl.lit(order, pl.Int32),
    )


if __name__ == "__main__":
    sys.exit(main())
