"""What an ingested store says of every base, against a slow reader of the same text."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from kills import run_steps
from slow_states import (
    People,
    genotype,
    read_text,
    state_of,
)
from stored_states import differences, ingest, stamped, write_inputs
from verifying import verify

import varhouse
from varhouse.ingest import driver
from varhouse.ingest.jobs import validate
from varhouse.ingest.jobs.staterows import ChunkStates, lay_runs, write_states
from varhouse.ingest.setup import sizing
from varhouse.tables.labels import Labels

HEAD = """##fileformat=VCFv4.2
##ALT=<ID=NON_REF,Description="x">
##FILTER=<ID=LowGQX,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=RGQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQX,Number=1,Type=Float,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=DPI,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
##FORMAT=<ID=FT,Number=1,Type=String,Description="x">
"""


# --- generated ---


def some_cell(rng: random.Random, keys: list[str], n_alt: int, *, block: bool) -> str:
    top = 0 if block else n_alt
    kinds = ["diploid"] * 6 + ["half", "missing", "haploid", "triploid"]
    kind = rng.choice(kinds)
    some = [str(rng.choice([0, 0, rng.randint(0, top)])) for _ in range(3)]
    sign = rng.choice("//|")
    gt = {
        "diploid": sign.join(some[:2]), "half": rng.choice([f"{some[0]}|.", f".|{some[1]}"]),
        "missing": rng.choice(["./.", "."]), "haploid": some[0], "triploid": "/".join(some),
    }[kind]  # fmt: skip
    cells = {
        "GT": gt,
        "GQ": rng.choice(["0", "19", "20", "60", "60", "60", "60", "."]),
        "RGQ": rng.choice(["0", "30", "."]),
        "GQX": rng.choice(["20.5", "3", "0", "."]),
        "DP": rng.choice(["0", "4", "5", "10", "10", "10", "30", "30", "."]),
        "DPI": rng.choice(["12", "."]),
        "MIN_DP": rng.choice(["0", "9", "11", "."]),
        "AD": ",".join(rng.choice(["1", "2", "6", "6", "20"]) for _ in range(n_alt + 1)),
        "PL": rng.choice(["0,30,300", "0,0,0", "."]) if n_alt == 1 else ".",
        "FT": rng.choice(["PASS", "LowGQX", "."]),
    }
    if rng.random() < 0.1:
        cells["AD"] = "."
    out = [cells[k] for k in keys]
    # The end of a cell may be dropped.
    return ":".join(out[: rng.randint(1, len(out))] if rng.random() < 0.1 else out)


FORMS = (
    ["GT", "GQ", "DP", "AD", "PL"], ["GT", "DP", "MIN_DP", "AD", "PL"],
    ["GT", "GQX", "DPI", "AD"], ["GT", "GQ", "DP", "MIN_DP"], ["GT", "DP"], ["GT"],
    ["GT", "RGQ", "PL", "DP", "FT", "AD"],
)  # fmt: skip


def some_record(rng: random.Random, genome: str, pos: int) -> tuple[str, list[str]]:
    """Make REF and ALTs at a place."""
    ref = genome[pos - 1 : pos - 1 + rng.choice([1, 1, 1, 2, 4, 9])]
    alts: list[str] = []
    for _ in range(rng.choice([1, 1, 1, 2])):
        kind = rng.choice(["snv", "ins", "del", "star"])
        other = rng.choice([b for b in "ACGT" if b != ref[-1]])
        alt = {
            "snv": ref[:-1] + other, "ins": ref + rng.choice([ref[-1], "AC", "CACA"]),
            "del": ref[0] if len(ref) > 1 else other, "star": "*",
        }[kind]  # fmt: skip
        if alt not in alts:
            alts.append(alt)
    return ref, alts


def some_gvcf(rng: random.Random, genome: Mapping[str, str], samples: list[str]) -> str:
    unspecified = rng.choice(["<NON_REF>", "<*>"])
    contigs = "".join(f"##contig=<ID={c},length={len(b)}>\n" for c, b in genome.items())
    lines = [
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
        )
    ]
    for contig, bases in genome.items():
        pos = rng.randint(1, 5)
        while pos < len(bases) - 10:
            keys = rng.choice(FORMS)
            block = rng.random() < 0.6
            if block:
                ref, alts = bases[pos - 1], [unspecified]
                end = min(len(bases), pos + rng.choice([0, 0, 2, 9, 40, 200]))
                info = f"END={end}" if end > pos or rng.random() < 0.5 else "."
            else:
                ref, alts = some_record(rng, bases, pos)
                info, end = ".", pos + len(ref) - 1
                if rng.random() < 0.7:
                    alts.append(unspecified)
            cells = [some_cell(rng, keys, len(alts), block=block) for _ in samples]
            fine = rng.choice(["PASS", "PASS", ".", ".", "RefCall", "LowGQX;RefCall"])
            row = [contig, str(pos), ".", ref, ",".join(alts), ".", fine, info, ":".join(keys)]
            lines.append("\t".join([*row, *cells]))
            # Next to it, inside it, at it, or with a gap.
            pos = rng.choice([end + 1, end + 1, pos, pos + 1, end + 4])
    return HEAD + contigs + "\n".join(lines) + "\n"


def some_genome(rng: random.Random) -> dict[str, str]:
    # Repeats, so that alleles move, over cuts between chunks too.
    repeat = "".join(rng.choice(["CA" * 20, "A" * 15, "ACGT", "GATTACA"]) for _ in range(30))
    return {"c1": repeat, "X": "ACGTTGCA" * 20 + "G" * 30, "c2": "TTTTAC" * 30}


@pytest.mark.parametrize("seed", range(4))
def test_states_of_generated_files(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    genome = some_genome(rng)
    texts = {
        f"k{n}": some_gvcf(rng, genome, [f"s{i}" for i in range(n)]) for n in (1, 2, 3, 9)
    }
    males = frozenset({"s0", "s2"})
    made = [
        ingest(
            tmp_path / str(size), {c: [t] for c, t in texts.items()}, genome, males=males,
            chunk_records=size, callable={"gq": [20, 30], "dp": [10]},
        )
        for size in (7, None)
    ]  # fmt: skip
    whole = made[1]
    compared = 0
    for cohort, text in texts.items():
        people = People(males, lambda contig, pos: contig == "X")
        n, wrong = differences(whole, cohort, text, genome, people)
        assert wrong == []
        assert n > 50
        compared += n
    assert compared > 1_500
    # Wherever the file was cut.
    rows = [s.scan("runs").collect().sort("cohort", "contig", "sample", "start") for s in made]
    assert rows[0].equals(rows[1])
    assert made[0].record.tables["runs"].sums == whole.record.tables["runs"].sums
    assert [p for p in verify(whole) if p.table == "runs"] == []
    moved = whole.scan("sites").filter(
        pl.col("allele_pos").list.eval(pl.element().is_not_null()).list.any()
        & (pl.col("allele_pos").list.min() < pl.col("pos"))
    )
    assert moved.collect().height > 0


@pytest.mark.parametrize("seed", range(2))
def test_carriers_of_high_quality_are_those_at_that_level(tmp_path: Path, seed: int) -> None:
    rng = random.Random(100 + seed)
    genome = {"c1": "".join(rng.choice("ACGT") for _ in range(20_000))}
    text = some_gvcf(rng, genome, ["s0", "s1", "s2"])
    store = ingest(tmp_path / "x", {"k": [text]}, genome)
    lines = [x.split("\t") for x in text.splitlines() if x[0] != "#"]
    wanted: dict[tuple, list[int]] = {}
    allele = ("allele_pos", "allele_ref", "allele_alt")
    for record, *lists in store.scan("sites").select("record", *allele).collect().iter_rows():
        line = lines[record]
        keys, n_alt = line[8].split(":"), line[4].count(",") + 1
        for number, key in enumerate(zip(*lists, strict=True), 1):
            if key[0] is None:
                continue
            counts = wanted.setdefault(key, [0, 0, 0])
            for text_of in line[9:]:
                cell = dict(zip(keys, text_of.split(":"), strict=False))
                called = genotype(cell.get("GT")).called
                counts[0] += called.count(number)
                if state_of(keys, cell, line[6], n_alt, one_copy=False).level == 4:
                    counts[1] += called.count(number)
                    counts[2] += number in called and len(set(called)) > 1
    rows = store.scan("frequencies").filter(pl.col("stratum_by") == "all").collect()
    found = rows.with_columns(pl.col("ac_adj", "n_het_adj").fill_null(0))
    names = ("ac", "ac_adj", "n_het_adj")
    assert {
        r[:3]: [*r[3:]] for r in found.select("pos", "ref", "alt", *names).rows()
    } == wanted
    assert sum(w[1] for w in wanted.values()) > 5
    assert sum(w[2] for w in wanted.values()) > 0
    # Nobody is called with it: no allele.
    assert rows["ac"].min() > 0


def test_states_do_not_depend_on_what_is_kept(tmp_path: Path) -> None:
    """0/0 at DP 0 is no call, whether DP is kept or not."""
    rng = random.Random(7)
    genome = {"c1": "ACGTTGCAGATC" * 60}
    texts = {"k": [some_gvcf(rng, genome, ["s0", "s1"])]}
    made = {
        str(kept): ingest(
            tmp_path / f"{n}", texts, genome, chunk_records=cut, genotype_fields=kept
        )
        for n, (kept, cut) in enumerate([("all", None), ([], 9), (["DP", "PL"], None)])
    }
    tables = ("runs", "frequencies", "callable")
    whole, without, some = (
        [s.scan(t).collect().sort(pl.all().exclude("lengths", "states")) for t in tables]
        for s in made.values()
    )
    for rows, *others in zip(whole, without, some, strict=True):
        assert all(rows.equals(o) for o in others)
    names = {k: set(s.scan("fields").collect()["names"]) for k, s in made.items()}
    assert names["[]"] == set()
    assert {x for n in names["['DP', 'PL']"] for x in n.split(",")} == {"DP", "PL"}
    assert all(verify(s) == [] for s in made.values())


def test_states_do_not_depend_on_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several jobs read a file, its runs are laid when all have ended."""
    monkeypatch.setattr(driver, "run_snakemake", run_steps)
    rng = random.Random(11)
    genome = some_genome(rng)
    texts = {"k": [some_gvcf(rng, genome, ["a", "b"])], "m": [some_gvcf(rng, genome, ["c"])]}
    path = write_inputs(tmp_path / "x", texts, genome)
    monkeypatch.setattr(validate, "_chunk_records", lambda *_: 9)
    digests = []
    for cores in (2, 64):
        if cores == 64:
            monkeypatch.setattr(sizing, "WHOLE_BYTES", 0)
            monkeypatch.setattr(sizing, "JOB_SECONDS", 0.0)
            monkeypatch.setattr(sizing, "BUNDLED_RECORDS", 0)
            monkeypatch.setattr(sizing, "SPLIT_BYTES", 0)
        store = tmp_path / str(cores)
        driver.ingest(store, path, driver.Options(cores=cores, keep_work=True))
        names = {p.parent.parent.name for p in (store / "_staging").rglob("states.parquet")}
        assert bool(names) == (cores == 64)
        assert varhouse.open(store).scan("runs").collect().height > 0
        digests.append(varhouse.open(store).digest())
    assert digests[0] == digests[1]


# --- as other programs write them ---


def compare_files(tmp_path: Path, files: list[Path], least: int) -> None:
    """Ingest files as a cohort each and compare those that went in, at `least` bases."""
    texts = {f"k{n}": read_text(p) for n, p in enumerate(files)}
    contigs: dict[str, int] = {}
    for text in texts.values():
        for line in text.splitlines():
            if line and line[0] != "#":
                chrom, pos, _, ref, _, _, _, info = line.split("\t", 8)[:8]
                ends = [int(x[4:]) for x in info.split(";") if x.startswith("END=")]
                reach = max([int(pos) + len(ref), *ends])
                contigs[chrom] = max(contigs.get(chrom, 0), reach + 10)
    genome = stamped(list(texts.values()), contigs)
    without = {
        c: "\n".join(x for x in t.splitlines() if not x.startswith("##contig")) + "\n"
        for c, t in texts.items()
    }
    store = ingest(tmp_path / "x", {c: [t] for c, t in without.items()}, genome)
    compared = 0
    for cohort in store.scan("runs").select("cohort").unique().collect()["cohort"].sort():
        n, wrong = differences(store, cohort, without[cohort], genome)
        assert wrong == [], files[int(cohort[1:])]
        compared += n
    assert compared >= least


def test_states_of_hail_files(tmp_path: Path, data_dir: Path) -> None:
    files = sorted((data_dir / "gvcf/hail-1kg-chr22/1kg_chr22").glob("*.g.vcf.gz"))
    compare_files(tmp_path, files[:3], 1_000)


# --- parts ---


def test_a_window_holds_what_reaches_on(tmp_path: Path) -> None:
    """Chunks are laid one by one, whatever reaches back over a cut from far behind."""
    rng = np.random.default_rng(3)
    n = 400
    entries = pl.DataFrame(
        {
            "contig": ["c1"] * n,
            "pos": np.sort(rng.integers(1, 300_000, n)).astype(np.int32),
            "length": rng.integers(1, 5_000, n),
            "column": rng.integers(0, 3, n).astype(np.int32),
            "code": (rng.integers(1, 5, n) << 28 | 2 << 25 | 2 << 22).astype(np.int32),
            "kind": rng.integers(0, 4, n).astype(np.uint8),
        }
    )
    one = pl.col("kind") >= 2
    entries = entries.with_columns(
        last=pl.when(one).then("pos").otherwise(pl.col("pos") + pl.col("length") - 1)
    ).select("contig", "pos", pl.col("last").cast(pl.Int32), "column", "code", "kind")
    # The last one stands far before its chunk.
    entries = pl.concat([entries.slice(1), entries.head(1)])
    made = []
    for size in (n, 50, 7):
        chunks = []
        for k, a in enumerate(range(0, n, size)):
            folder = tmp_path / f"{size}-{k}"
            folder.mkdir()
            low = write_states(entries.slice(a, size), folder)
            chunks.append(ChunkStates(folder / "states.parquet", "c1", low))
        ordinal = np.array([4, 0, 7], np.int32)
        out = tmp_path / f"out-{size}"
        labels = Labels({}, {0: "a", 4: "b", 7: "c"})
        shards = lay_runs("k", chunks, ordinal, lambda contig: 290_000, labels, out)
        assert all(s.partition == {"cohort": "k", "part": "c1"} for s in shards)
        frames = [pl.read_parquet(s.path, hive_partitioning=False) for s in shards]
        made.append(pl.concat(frames).sort("contig", "sample", "start"))
    assert made[0].equals(made[1])
    assert made[0].equals(made[2])
    assert made[0]["end"].max() == 290_000
    assert set(made[0]["sample"]) == {0, 4, 7}
