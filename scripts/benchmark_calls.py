#!/usr/bin/env python3
r"""Measure questions about calls beside plink2, pgenlib and plain Parquet lists in DuckDB.

    scripts/benchmark_calls.py WORK --cohort VCF...        the statpopgen questions
    scripts/benchmark_calls.py WORK --store STORE          the times of a large store
    scripts/benchmark_calls.py WORK --store STORE --fields

--cohort takes the VCF files of one cohort (one a contig, the same samples) and asks the
eleven questions of statpopgen, the public SQL benchmark of genotype tables (vortex, pull
request 4175): numbers of variants and samples, all genotypes, frequencies of REF and ALT,
called, genotype counts for Hardy-Weinberg, one variant, a window, ALT copies by position,
genotypes of variants with a minor allele under 10 %. Positions are numbered anew (1, 101, 201
... on each contig), so that the reference of a few thousand sites is small; files with
half-called genotypes are refused, as plink2 does. Records of several ALTs are left out, as in
statpopgen.

Each tool gets its own file of the same calls: a store of `varhouse ingest`, `plink2
--make-pgen`, Parquet with a list of ALT copies a record. Answers are compared; the best of
--repeat times is told, in milliseconds of wall time and CPU of one process that is open
already (plink2: a whole run). On a machine that is busy the CPU is what can be compared.

--store asks an ingested store, warm: carriers of an allele, 100 kb as a matrix, all GT of a
person; --fields: the FORMAT fields of one site.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import varhouse

STEP = 100
WINDOW = 700
QUESTIONS = (
    "0 variants", "1 samples", "2 all genotypes", "3 frequency of REF", "4 frequency of ALT",
    "5 called", "6 genotype counts", "7 one variant", "8 a window", "9 ALT copies by position",
    "10 genotypes, MAF < 10 %",
)  # fmt: skip


@dataclass
class Cohort:
    """The calls of a cohort as read from its files: the truth that is compared with."""

    contig: np.ndarray
    pos: np.ndarray
    samples: list[str]
    vcf: Path
    reference: Path

    @property
    def spot(self) -> tuple[str, int]:
        """A variant in the middle."""
        k = len(self.contig) // 2
        return str(self.contig[k]), int(self.pos[k])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "work", type=Path, metavar="WORK", help="a folder for inputs and stores"
    )
    parser.add_argument("--cohort", type=Path, nargs="+", metavar="VCF")
    parser.add_argument("--store", type=Path, metavar="STORE", help="an ingested store")
    parser.add_argument("--fields", action="store_true", help="FORMAT of one site, of --store")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.store is not None:
        ask_store(args.store, args.repeat, fields=args.fields)
        return 0
    if not args.cohort:
        parser.error("name --cohort or --store")
    cohort = number_anew(args.cohort, args.work)
    tools = {
        "varhouse": by_varhouse(cohort, args.work),
        "plink2": by_plink2(cohort, args.work),
        "duckdb": by_duckdb(cohort, args.work),
    }
    return compare(tools, args.repeat)


def best(question: Callable[[], Any], repeat: int) -> tuple[float, float, Any]:
    """Give the best wall and CPU time of some, after one that is not counted, and the answer.

    The CPU is that of all threads and of processes that have ended.
    """
    answer = question()
    walls, cpus = [], []
    for _ in range(repeat):
        began, used = time.perf_counter(), cpu_seconds()
        question()
        walls.append(time.perf_counter() - began)
        cpus.append(cpu_seconds() - used)
    return min(walls), min(cpus), answer


def cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def compare(tools: dict[str, dict[str, Callable[[], Any]]], repeat: int) -> int:
    wrong = 0
    print(f"{'ms wall, CPU':26s}" + "".join(f"{t:>17s}" for t in tools))
    for question in QUESTIONS:
        line, answers = f"{question:26s}", []
        for tool in tools.values():
            wall, cpu, answer = best(tool[question], repeat)
            answers.append(answer)
            line += f"{wall * 1000:9.1f} {cpu * 1000:7.0f}"
        same = all(equal(answers[0], a) for a in answers[1:])
        wrong += not same
        print(line + ("" if same else "   ANSWERS DIFFER"), flush=True)
    return 1 if wrong else 0


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and bool(np.allclose(a, b, atol=2e-6, equal_nan=True))
    return bool(a == b)


# --- inputs ---


def number_anew(files: list[Path], work: Path) -> Cohort:
    """Write the files as one, with new positions and a reference of the sites alone."""
    vcf, reference = work / "cohort.vcf.gz", work / "reference.fa"
    contigs: list[str] = []
    positions: list[int] = []
    samples: list[str] = []
    bases: dict[str, bytearray] = {}
    with gzip.open(work / "body.gz", "wt", compresslevel=1) as out:
        for file in files:
            with gzip.open(file, "rt") as lines:
                for line in lines:
                    if line.startswith("#CHROM"):
                        samples = line.rstrip("\n").split("\t")[9:]
                    if line.startswith("#"):
                        continue
                    chrom, _, rest = line.split("\t", 2)
                    _, ref, _ = rest.split("\t", 2)
                    if len(ref) > STEP - 10 or "," in rest.split("\t", 3)[2]:
                        continue
                    own = bases.setdefault(chrom, bytearray())
                    pos = len(own) + 1
                    own += ref.encode() + b"N" * (STEP - len(ref))
                    if "/." in line or "./0" in line or "./1" in line:
                        sys.exit(f"{file}: half-called genotypes: leave the file out")
                    contigs.append(chrom)
                    positions.append(pos)
                    out.write(f"{chrom}\t{pos}\t{rest}")
    head = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">']
    head += ['##FILTER=<ID=PASS,Description="All filters passed">']
    head += [f"##contig=<ID={c},length={len(b)}>" for c, b in bases.items()]
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    head.append("\t".join([*fixed, *samples]))
    with (
        gzip.open(vcf, "wt", compresslevel=1) as out,
        gzip.open(work / "body.gz", "rt") as body,
    ):
        out.write("\n".join(head) + "\n")
        out.writelines(body)
    with reference.open("w") as out:
        for name, text in bases.items():
            out.write(f">{name}\n{text.decode()}\n")
    return Cohort(np.array(contigs), np.array(positions), samples, vcf, reference)


def run(command: list[str | Path]) -> None:
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


# --- varhouse ---


def by_varhouse(cohort: Cohort, work: Path) -> dict[str, Callable[[], Any]]:
    path = work / "store"
    (work / "cohorts.tsv").write_text(f"cohort\tfiles\nc\t{cohort.vcf.resolve()}\n")
    config = {
        "assembly": {"name": "sites", "reference": str(cohort.reference.resolve())},
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown"},
    }
    (work / "config.yaml").write_text(json.dumps(config))
    if not path.exists():
        ingest = [sys.executable, "-m", "varhouse", "ingest", path]
        run([*ingest, "--config", work / "config.yaml"])
    store = varhouse.open(path)
    contig, pos = cohort.spot

    def copies(region: str | None = None) -> np.ndarray:
        return store.dosage(region, cohort="c").dosage.T

    def counts() -> np.ndarray:
        """Count people with 0, 1 and 2 copies, from the bit planes: of any group alike."""
        rows = varhouse.group_frequencies(
            store, everybody, columns=["an", "n_het", "n_hom_alt", "n_missing"]
        )
        het, two = rows["n_het"].to_numpy(), rows["n_hom_alt"].to_numpy()
        called = len(cohort.samples) - rows["n_missing"].to_numpy()
        return np.stack([called - het - two, het, two], axis=1)

    def alt() -> np.ndarray:
        n = counts()
        return (n[:, 1] + 2 * n[:, 2]) / (2 * n.sum(1))

    def rare() -> np.ndarray:
        frequency = alt()
        return copies()[(frequency > 0.9) | (frequency < 0.1)]

    def by_position() -> np.ndarray:
        n = counts()
        return n[:, 1] + 2 * n[:, 2]

    everybody = varhouse.choose_people(store, 'cohort == "c"')
    window = f"{contig}:{pos}-{pos + WINDOW}"
    return dict(
        zip(
            QUESTIONS,
            (
                lambda: store.scan("sites").select(pl.len()).collect().item(),
                lambda: store.scan("samples").select(pl.len()).collect().item(),
                copies, lambda: 1 - alt(), alt, lambda: counts().sum(1), counts,
                lambda: copies(f"{contig}:{pos}"), lambda: copies(window), by_position, rare,
            ),
            strict=True,
        )
    )  # fmt: skip


# --- plink2 ---


def by_plink2(cohort: Cohort, work: Path) -> dict[str, Callable[[], Any]]:
    import pgenlib  # noqa: PLC0415 - an optional extra

    prefix = work / "p"
    run(["plink2", "--vcf", cohort.vcf, "--make-pgen", "--out", prefix, "--silent"])
    common = ["plink2", "--pfile", prefix, "--threads", "1", "--silent", "--out", work / "q"]
    people = len(cohort.samples)

    def table(option: str, ending: str) -> pl.DataFrame:
        run([*common, *option.split()])
        return pl.read_csv(f"{work / 'q'}.{ending}", separator="\t", infer_schema_length=None)

    def counts() -> np.ndarray:
        rows = table("--geno-counts", "gcount")
        het = (
            rows["HET_REF_ALT_CTS"]
            .cast(pl.String)
            .str.split(",")
            .list.eval(pl.element().cast(pl.Int64))
            .list.sum()
        )
        two = (
            rows["TWO_ALT_GENO_CTS"]
            .cast(pl.String)
            .str.split(",")
            .list.eval(pl.element().cast(pl.Int64))
            .list.sum()
        )
        return np.stack(
            [rows["HOM_REF_CT"].to_numpy(), het.to_numpy(), two.to_numpy()], axis=1
        )

    def alt() -> np.ndarray:
        rows = table("--freq", "afreq")
        parts = rows["ALT_FREQS"].cast(pl.String).str.split(",")
        return parts.list.eval(pl.element().cast(pl.Float64)).list.sum().to_numpy()

    def called() -> np.ndarray:
        return people - table("--missing variant-only", "vmiss")["MISSING_CT"].to_numpy()

    def read(which: np.ndarray) -> np.ndarray:
        out = np.empty((which.size, 2 * people), np.int32)
        with pgenlib.PgenReader(
            f"{prefix}.pgen".encode(), allele_idx_offsets=offsets(prefix)
        ) as reader:
            reader.read_alleles_list(which.astype(np.uint32), out)
        pairs = out.reshape(which.size, people, 2)
        copies = (pairs > 0).sum(2, dtype=np.int8)
        copies[(pairs < 0).any(2)] = -1
        return copies

    everything = np.arange(cohort.pos.size)
    contig, pos = cohort.spot
    near = (cohort.contig == contig) & (cohort.pos >= pos) & (cohort.pos <= pos + WINDOW)
    one = (cohort.contig == contig) & (cohort.pos == pos)

    def rare() -> np.ndarray:
        frequency = alt()
        return read(np.flatnonzero((frequency > 0.9) | (frequency < 0.1)))

    def by_position() -> np.ndarray:
        n = counts()
        return n[:, 1] + 2 * n[:, 2]

    return dict(
        zip(
            QUESTIONS,
            (
                lambda: len(read_pvar(prefix)), lambda: len(read_psam(prefix)),
                lambda: read(everything), lambda: 1 - alt(), alt, called, counts,
                lambda: read(np.flatnonzero(one)), lambda: read(np.flatnonzero(near)),
                by_position, rare,
            ),
            strict=True,
        )
    )  # fmt: skip


def read_pvar(prefix: Path) -> pl.DataFrame:
    text = [x for x in Path(f"{prefix}.pvar").read_text().split("\n") if x[:2] != "##"]
    return pl.read_csv("\n".join(text).encode(), separator="\t", infer_schema_length=0)


def read_psam(prefix: Path) -> pl.DataFrame:
    return pl.read_csv(f"{prefix}.psam", separator="\t", infer_schema_length=0)


def offsets(prefix: Path) -> np.ndarray:
    alts = read_pvar(prefix)["ALT"].str.count_matches(",").to_numpy() + 2
    return np.concatenate([[0], np.cumsum(alts)]).astype(np.uintp)


# --- lists in Parquet ---


def by_duckdb(cohort: Cohort, work: Path) -> dict[str, Callable[[], Any]]:
    import duckdb  # noqa: PLC0415 - an optional extra

    path = work / "lists.parquet"
    if not path.exists():
        write_lists(cohort, path)
    db = duckdb.connect()
    db.execute(f"SET threads = 1; CREATE VIEW g AS SELECT * FROM '{path}'")
    contig, pos = cohort.spot
    people = len(cohort.samples)
    called = "list_sum(list_transform(gt, lambda x: x IS NOT NULL))"

    def column(expression: str) -> np.ndarray:
        text = f"SELECT {expression} AS x FROM g ORDER BY row"
        return db.cursor().execute(text).fetchnumpy()["x"]

    def lists(where: str) -> np.ndarray:
        found = db.cursor().sql(f"SELECT row, gt FROM g WHERE {where}")
        table = found.to_arrow_reader(100_000).read_all()
        order = np.argsort(table["row"].to_numpy())
        values = table["gt"].combine_chunks().flatten()
        flat = values.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int8)
        return flat.reshape(-1, people)[order]

    def counts() -> np.ndarray:
        text = ", ".join(
            f"list_sum(list_transform(gt, lambda x: x = {k}))::BIGINT AS n{k}"
            for k in range(3)
        )
        found = db.cursor().execute(f"SELECT {text} FROM g ORDER BY row").fetchnumpy()
        return np.stack([found[f"n{k}"] for k in range(3)], axis=1)

    frequency = f"list_sum(gt)::DOUBLE / (2 * {called})"
    return dict(
        zip(
            QUESTIONS,
            (
                lambda: db.cursor().execute("SELECT count(*) FROM g").fetchall()[0][0],
                lambda: db.cursor().execute("SELECT len(gt) FROM g LIMIT 1").fetchall()[0][0],
                lambda: lists("true"), lambda: column(f"1 - {frequency}"),
                lambda: column(frequency), lambda: column(f"({called})::BIGINT"), counts,
                lambda: lists(f"contig = '{contig}' AND pos = {pos}"),
                lambda: lists(f"contig = '{contig}' AND pos BETWEEN {pos} AND {pos + WINDOW}"),
                lambda: column("list_sum(gt)::BIGINT"),
                lambda: lists(f"{frequency} > 0.9 OR {frequency} < 0.1"),
            ),
            strict=True,
        )
    )  # fmt: skip


def write_lists(cohort: Cohort, path: Path) -> None:
    """Write a list of ALT copies a record, as the benchmark's own converter does."""
    rows = []
    known: dict[str, int | None] = {}
    with gzip.open(cohort.vcf, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            cells = line.rstrip("\n").split("\t")
            copies = []
            for cell in cells[9:]:
                if cell not in known:
                    alleles = cell.split(":")[0].replace("|", "/").split("/")
                    known[cell] = None if "." in alleles else sum(a != "0" for a in alleles)
                copies.append(known[cell])
            rows.append((len(rows), cells[0], int(cells[1]), cells[3], cells[4], copies))
    schema = {
        "row": pl.Int64, "contig": pl.String, "pos": pl.Int32, "ref": pl.String,
        "alt": pl.String, "gt": pl.List(pl.Int8),
    }  # fmt: skip
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)


# --- a large store ---


def ask_store(path: Path, repeat: int, *, fields: bool) -> None:
    """Time the questions of a large store, warm."""
    store = varhouse.open(path)
    sites = store.scan("sites").select("cohort", "contig", "pos", "ref", "alt").collect()
    simple = sites.filter(
        pl.col("ref").str.len_bytes() == 1, pl.col("alt").str.len_bytes() == 1
    )
    cohort, contig, pos, ref, alt = simple.row(simple.height // 2)
    person = store.scan("samples", cohort=cohort).collect()["sample"][1234 % 1000]
    name = f"{contig}-{pos}-{ref}-{alt}"
    asked: dict[str, Callable[[], Any]] = {
        "carriers of an allele": lambda: store.carriers(ids=name, cohort=cohort).height,
        "the same, all cohorts": lambda: store.carriers(ids=name).height,
        "100 kb, dosage": lambda: (
            store.dosage(f"{contig}:{pos}-{pos + 100_000}", cohort=cohort).dosage.shape
        ),
        "100 kb, alleles": lambda: (
            store.alleles(f"{contig}:{pos}-{pos + 100_000}", cohort=cohort).alleles.shape
        ),
        "one person, all records": lambda: (
            store.alleles(cohort=cohort, samples=person).alleles.shape
        ),
        "one site, calls": lambda: (
            store.calls(f"{contig}:{pos}", cohort=cohort).collect().height
        ),
    }
    if fields:
        asked = {
            "FORMAT of one site": lambda: (
                store.calls(f"{contig}:{pos}", cohort=cohort, fields=True).collect().shape
            ),
        }
    for question, ask in asked.items():
        wall, cpu, answer = best(ask, repeat)
        told = f"{wall * 1000:9.1f} ms, CPU {cpu * 1000:7.1f} ms"
        print(f"{question:26s}{told}   {answer}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
