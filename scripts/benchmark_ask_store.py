#!/usr/bin/env python3
"""Make a store of many alleles with consequences and frequencies, to ask questions of.

usage: scripts/benchmark_ask_store.py STORE [--alleles N] [--strata N] [--jobs N] [--seed N]

Nothing is ingested: the columns come from random numbers, shaped as a human store has them,
and go through `write_shard` and `commit`, so that files and log are those of an ingest. Memory
is that of one shard a job. Alleles lie on chr1 to chr22 in proportion to the lengths of
GRCh38: 88 % SNVs, one base in twenty-five with a second ALT; 60 % have an rs id; 20,000 genes
with 1 to 4 transcripts hold 42 % of them; of three cohorts the first holds 7 alleles of 10,
the others 3 of 10, and every allele has `all` and `--strata` - 1 groups in each cohort that
holds it and in `totals`; the source `clinvar` knows 1 of 100. Ids of SPDI and VRS, and calls,
are left out.
"""

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from varhouse.genome.contigs import Contig, Contigs
from varhouse.store.commit import commit, init_store
from varhouse.tables.schema import KEY, TABLES, Table, annotation_table
from varhouse.tables.shards import Manifest, Shard, write_shard
from varhouse.tables.statistics import statistics_of

MEGABASES = (249, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83,
             80, 59, 64, 47, 51)  # fmt: skip
SHARD = 500_000
"""Alleles that are made at once: some 600 MB of columns."""

COHORTS = ("c1", "c2", "c3")
HELD = (0.7, 0.3, 0.3)
PEOPLE = (2_504, 1_200, 400)
GENES = 20_000
CLINVAR = annotation_table(
    "clinvar",
    {"clnsig": pl.String, "clnrevstat": pl.String, "clndn": pl.String, "alleleid": pl.Int32,
     "af_exac": pl.Float64},
)  # fmt: skip
_TERMS = (
    ("intron_variant", "MODIFIER", 0.80), ("upstream_gene_variant", "MODIFIER", 0.05),
    ("3_prime_UTR_variant", "MODIFIER", 0.04), ("synonymous_variant", "LOW", 0.04),
    ("missense_variant", "MODERATE", 0.06), ("stop_gained", "HIGH", 0.006),
    ("frameshift_variant", "HIGH", 0.004),
)  # fmt: skip
_BASES = np.array(["A", "C", "G", "T"], dtype=object)


class Piece(NamedTuple):
    """Neighbouring alleles of a contig: `size` of them, the first with the number `first`."""

    contig: int
    number: int
    start: int
    end: int
    first: int
    size: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--alleles", type=int, default=20_000_000)
    parser.add_argument("--strata", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    made = make_store(args.store, args.alleles, args.strata, args.jobs, args.seed)
    print(json.dumps({**made, "wall_s": round(time.monotonic() - began)}))
    return 0


def make_store(
    path: Path, alleles: int, strata: int = 2, jobs: int = 1, seed: int = 1
) -> dict[str, int]:
    """Make a store; gives the rows of each table and the bytes of all."""
    contigs = Contigs(
        Contig(name_of(i), [str(i + 1)], f"NC_{i + 1:06d}.11", mb * 1_000_000)
        for i, mb in enumerate(MEGABASES)
    )
    init_store(path, "GRCh38", contigs)
    work = path / "_staging" / "ask"
    # The largest contig first, so that jobs end together.
    pieces = list(cut(alleles))
    shards: list[Shard] = list(write_small(work))
    if jobs == 1:
        for piece in pieces:
            shards += write_piece(piece, strata, seed, work)
    else:
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            n = len(pieces)
            for some in pool.map(write_piece, pieces, [strata] * n, [seed] * n, [work] * n):
                shards += some
    commit(path, [Manifest(shards)], ingest_id="ask", operation="ingest", base_release=1)
    rows: dict[str, int] = {}
    for shard in shards:
        rows[shard.table] = rows.get(shard.table, 0) + shard.rows
    return {**rows, "files": len(shards), "bytes": sum(s.bytes for s in shards)}


def name_of(contig: int) -> str:
    return f"chr{contig + 1}"


def cut(alleles: int) -> Iterator[Piece]:
    """Cut the alleles into pieces of at most SHARD."""
    first = 0
    for i, mb in enumerate(MEGABASES):
        size = round(alleles * mb / sum(MEGABASES))
        count = max(-(-size // SHARD), 1)
        bases = mb * 1_000_000 // count
        for k in range(count):
            n = size // count
            yield Piece(i, k, 1 + k * bases, (k + 1) * bases, first, n)
            first += n


def blank(table: Table, height: int, **columns: Any) -> pl.DataFrame:
    """Make rows of a table: what is not given is null, or nothing where null is not."""
    zero = {pl.String: "", pl.Boolean: False, pl.Float64: 0.0}
    series = []
    for c in table.columns:
        if c.name in columns:
            value = columns[c.name]
            if isinstance(value, (pl.Series, np.ndarray)):
                series.append(pl.Series(c.name, value).cast(c.dtype))
                continue
        elif c.nullable:
            value = None
        else:
            value = [] if isinstance(c.dtype, pl.List) else zero.get(c.dtype, 0)
        series.append(pl.repeat(value, height, dtype=c.dtype, eager=True).alias(c.name))
    return pl.DataFrame(series)


def write_small(work: Path) -> Iterator[Shard]:
    """Write what there is once: cohorts, people, files, genes and transcripts."""
    for cohort, people in zip(COHORTS, PEOPLE, strict=True):
        rows = {
            "cohorts": blank(TABLES["cohorts"], 1, cohort=cohort, n_samples=people),
            "files": blank(TABLES["files"], 1, cohort=cohort),
        }
        for name, frame in rows.items():
            labels = None
            if TABLES[name].labelled:
                from varhouse.tables.labels import Labels  # noqa: PLC0415

                labels = Labels({0: ("f", [])}, {})
            yield _write(
                frame, TABLES[name], work, f"{name}-{cohort}", {"cohort": cohort}, labels
            )
    genes = pl.concat(genes_of(i) for i in range(len(MEGABASES)))
    yield _write(
        blank(
            TABLES["genes"], genes.height,
            **{n: genes[n] for n in ("gene_id", "gene_name", "contig", "start", "end")},
            strand=1, biotype="protein_coding", n_transcripts=genes["transcripts"],
        ),
        TABLES["genes"], work, "genes", {},
    )  # fmt: skip
    each = of_transcripts(genes)
    yield _write(
        blank(
            TABLES["transcripts"], each.height,
            **{n: each[n] for n in
               ("transcript_id", "gene_id", "gene_name", "contig", "start", "end",
                "canonical")},
            strand=1, biotype="protein_coding",
        ),
        TABLES["transcripts"], work, "transcripts", {},
    )  # fmt: skip


def _write(
    frame: pl.DataFrame, table: Table, work: Path, name: str, part: dict[str, str],
    labels: Any = None,
) -> Shard:  # fmt: skip
    shard = write_shard(frame, table, work, name, part, labels)
    assert shard is not None
    return shard


def genes_of(contig: int) -> pl.DataFrame:
    """Make the genes of a contig: they lie apart, and cover 42 % of it."""
    rng = np.random.default_rng([7, contig])
    n = max(GENES * MEGABASES[contig] // sum(MEGABASES), 1)
    room = MEGABASES[contig] * 1_000_000 // n
    start = np.arange(n) * room + rng.integers(1, room // 4, n)
    size = (room * rng.uniform(0.1, 0.74, n)).astype(np.int64)
    name = [f"G{contig + 1}_{i}" for i in range(n)]
    return pl.DataFrame(
        {
            "gene_id": [f"ENSG{contig + 1:03d}{i:08d}" for i in range(n)],
            "gene_name": name,
            "contig": name_of(contig),
            "start": start,
            "end": start + size,
            "transcripts": rng.choice([1, 2, 3, 4], n, p=[0.35, 0.3, 0.15, 0.2]),
        }
    )


def of_transcripts(genes: pl.DataFrame) -> pl.DataFrame:
    """Make a row a transcript of genes; the first is the canonical one."""
    rank = pl.int_ranges(1, pl.col("transcripts") + 1).alias("rank")
    return genes.with_columns(rank).explode("rank").with_columns(
        transcript_id=pl.format(
            "ENST{}{}.1", pl.col("gene_id").str.slice(4), "rank"
        ),
        canonical=pl.col("rank") == 1,
    )  # fmt: skip


def write_piece(piece: Piece, strata: int, seed: int, work: Path) -> list[Shard]:
    """Write the shards of some neighbouring alleles."""
    rng = np.random.default_rng([seed, piece.contig, piece.number])
    part = {"part": name_of(piece.contig)}
    stem = f"{name_of(piece.contig)}-{piece.number}"
    alleles = make_alleles(piece, rng)
    shards = [_write(alleles, TABLES["variants"], work, f"variants-{stem}", part)]
    key = {n: alleles[n] for n in KEY}
    has_rs = rng.random(piece.size) < 0.6
    # An odd factor modulo a power of two: every number once.
    number = (np.arange(piece.first, piece.first + piece.size) * 2_654_435_761) % (1 << 31)
    some = alleles.filter(has_rs)
    ids = pl.select(pl.format("rs{}", pl.Series(number[has_rs]))).to_series()
    rows = blank(
        TABLES["ids"], some.height, **{n: some[n] for n in KEY}, id=ids, kind="rs",
        source="source:dbsnp",
    )  # fmt: skip
    shards.append(_write(rows, TABLES["ids"], work, f"ids-rs-{stem}", part))
    shards.append(
        _write(make_consequences(piece, alleles, rng), TABLES["consequences"], work,
               f"consequences-{stem}", part)
    )  # fmt: skip
    # The spectrum of a growing population: most alleles are held once or twice.
    share = np.minimum(10 ** rng.uniform(-4, 0, piece.size) ** 1.0, 0.999) * rng.random(
        piece.size
    )
    for cohort, held, people in zip(COHORTS, HELD, PEOPLE, strict=True):
        has = np.flatnonzero(rng.random(piece.size) < held)
        own = {n: s.gather(has) for n, s in key.items()}
        frame = make_counts("frequencies", own, share[has], people, strata, rng, cohort=cohort)
        where = {"cohort": cohort, **part}
        shards.append(
            _write(frame, TABLES["frequencies"], work, f"frequencies-{cohort}-{stem}", where)
        )
    totals = make_counts("totals", key, share, sum(PEOPLE), strata, rng)
    shards.append(_write(totals, TABLES["totals"], work, f"totals-{stem}", part))
    known = alleles.sample(max(piece.size // 100, 1), seed=seed).sort("pos")
    n = known.height
    rows = blank(
        CLINVAR, n, **{c: known[c] for c in KEY},
        clnsig=pl.Series(rng.choice(["Benign", "Likely_benign", "Pathogenic"], n)),
        clnrevstat="criteria_provided,_single_submitter", clndn="not_provided",
        alleleid=rng.integers(1, 1 << 30, n), source_version="2026-11", licence="CC0",
    )  # fmt: skip
    shards.append(_write(rows, CLINVAR, work, f"clinvar-{stem}", part))
    return shards


def make_alleles(piece: Piece, rng: np.random.Generator) -> pl.DataFrame:
    """Make rows of `variants`."""
    n = piece.size
    second = rng.random(n) < 0.04
    second[0] = False
    sites = int((~second).sum())
    at = np.sort(rng.choice(piece.end - piece.start - 60, sites, replace=False)) + piece.start
    pos = at[np.cumsum(~second) - 1]
    # ALTs of a site follow each other, so that no allele is there twice.
    turn = np.arange(n) - np.maximum.accumulate(np.where(second, 0, np.arange(n)))
    second[turn > 2] = False
    first = (pos * 2_654_435_761 >> 7) % 4
    ref, alt = _BASES[first], _BASES[(first + 1 + turn % 3) % 4]
    kind = np.where(turn == 0, rng.random(n), 0)
    size = np.minimum(rng.geometric(0.3, n), 40)
    size += np.where(turn > 2, 40 + turn, 0)
    more = np.array([("ACGTTGCA" * 16)[:k] for k in range(128)], dtype=object)[size]
    is_del, is_ins = (kind > 0.94) & (turn <= 2), ((kind > 0.88) & (kind <= 0.94)) | (turn > 2)
    alt = np.where(is_del, ref, np.where(is_ins, ref + more, alt))
    ref = np.where(is_del, ref + more, ref)
    rows = pl.DataFrame(
        {"pos": pos, "ref": ref.astype(str), "alt": alt.astype(str),
         "size": np.where(is_del, size, 0), "vrs": base64(rng, n),
         "type": np.where(is_del, "deletion", np.where(is_ins, "insertion", "snv"))}
    )  # fmt: skip
    accession = f"NC_{piece.contig + 1:06d}.11"
    rows = rows.with_columns(
        spdi=pl.format("{}:{}:{}:{}", pl.lit(accession), pl.col("pos") - 1, "ref", "alt"),
        hgvs_g=pl.format("{}:g.{}{}>{}", pl.lit(accession), "pos", "ref", "alt"),
        vrs_id=pl.format("ga4gh:VA.{}", "vrs"),
        end=pl.col("pos") + pl.col("size"),
    )
    columns = {n: rows[n] for n in rows.columns if n not in ("size", "vrs")}
    frame = blank(
        TABLES["variants"], n, contig=name_of(piece.contig), ref_checked=True,
        part=name_of(piece.contig), **columns,
    )  # fmt: skip
    return frame.sort(KEY)


def base64(rng: np.random.Generator, n: int) -> pl.Series:
    """Make random texts of 32 letters."""
    letters = np.frombuffer(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8
    )
    text = letters[rng.integers(0, 64, (n, 32), dtype=np.uint8)]
    return pl.Series(np.ascontiguousarray(text).view("S32").ravel().astype("U32"))


def make_consequences(
    piece: Piece, alleles: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Make rows of `consequences`: of alleles in genes, one a transcript."""
    genes = genes_of(piece.contig)
    pos = alleles["pos"].to_numpy()
    gene = np.searchsorted(genes["start"].to_numpy(), pos, side="right") - 1
    inside = (gene >= 0) & (pos <= genes["end"].to_numpy()[gene])
    rows = np.flatnonzero(inside)
    of = genes[gene[rows]].with_columns(row=pl.Series(rows))
    each = of_transcripts(of).sort("row")
    n = each.height
    mine = alleles[each["row"]]
    odds = np.array([p for _, _, p in _TERMS])
    term = rng.choice(len(_TERMS), n, p=odds / odds.sum())
    # The most severe of an allele has the greatest number here.
    worst = pl.DataFrame({"row": each["row"], "term": term}).select(
        pl.col("term") == pl.col("term").max().over("row")
    )
    coding = pl.Series(term >= 3)
    number = pl.Series(rng.integers(1, 2_000, n, dtype=np.int32))
    whenever = pl.select(pl.when(coding).then(number)).to_series()
    name = pl.select(pl.format("{}:c.{}A>G", each["transcript_id"], number)).to_series()
    protein = pl.select(
        pl.when(coding).then(
            pl.format("ENSP{}:p.Lys{}Arg", each["gene_id"].str.slice(4), number)
        )
    ).to_series()
    return blank(
        TABLES["consequences"], n, **{k: mine[k] for k in KEY},
        **{k: each[k] for k in ("transcript_id", "gene_id", "gene_name", "canonical")},
        biotype="protein_coding", strand=1,
        consequence=pl.Series(np.array([t for t, _, _ in _TERMS])[term]),
        terms=1 << (30 - term), impact=pl.Series(np.array([i for _, i, _ in _TERMS])[term]),
        exon=pl.select(pl.when(coding).then(pl.lit("2/10"))).to_series(),
        intron=pl.select(pl.when(~coding).then(pl.lit("1/9"))).to_series(),
        cdna_start=whenever, cdna_end=whenever, cds_start=whenever, cds_end=whenever,
        protein_start=whenever, protein_end=whenever, hgvsc=name, hgvsp=protein,
        amino_acids=pl.select(pl.when(coding).then(pl.lit("K/R"))).to_series(),
        codons=pl.select(pl.when(coding).then(pl.lit("aAa/aGa"))).to_series(),
        gencode_basic=True, pick=each["canonical"], pick_gene=each["canonical"],
        most_severe=worst.to_series(), genes_digest="0" * 64, tsl=1,
    )  # fmt: skip


def make_counts(
    table: str, key: dict[str, pl.Series], share: np.ndarray, people: int, strata: int,
    rng: np.random.Generator, **more: Any,
) -> pl.DataFrame:  # fmt: skip
    """Make rows of counts: `all`, and groups of equal size, of each allele."""
    frames = []
    for k in range(strata):
        size = people if k == 0 else people // max(strata - 1, 1)
        n = share.size
        an = np.full(n, 2 * size) - 2 * rng.binomial(size, 0.002, n)
        ac = np.maximum(rng.binomial(an, share), int(k == 0))
        hom = (ac // 2 * share).astype(np.int64)
        counts = {
            "ac": ac, "an": an, "af": ac / an, "n_het": ac - 2 * hom, "n_hom_alt": hom,
            "n_missing": size - an // 2, "n_samples": np.full(n, size), "an_written": an,
            "call_rate": an / (2 * size), "hwe_p": rng.random(n).round(3),
            "hwe_midp": rng.random(n).round(3), "inbreeding": rng.random(n).round(3),
            "faf95": (ac / an).round(4), "faf99": (ac / an).round(4),
            "n_cohorts": np.full(n, 2),
        }  # fmt: skip
        names = {s.name for s in statistics_of(table)}
        frames.append(
            blank(
                TABLES[table], n, **key, **more,
                stratum_by="all" if k == 0 else "province",
                stratum="all" if k == 0 else f"P{k}",
                **{c: v for c, v in counts.items() if c in names},
            )
        )  # fmt: skip
    return pl.concat(frames)


if __name__ == "__main__":
    raise SystemExit(main())
