"""`store verify --source`: what differs between a store and its files is found, each alone."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pysam
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_states import some_genome, some_gvcf

from varhouse.cli import main
from varhouse.verify.source import compare_sources
from varhouse.verify.storedrecords import decode_calls

COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
HEAD = """##fileformat=VCFv4.3
##FILTER=<ID=low,Description="low">
##INFO=<ID=DB,Number=0,Type=Flag,Description="f">
##INFO=<ID=XF,Number=A,Type=Float,Description="f">
##INFO=<ID=XS,Number=.,Type=String,Description="f">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=XF,Number=.,Type=Float,Description="f">
##FORMAT=<ID=XS,Number=1,Type=String,Description="s">
"""


def some_vcf(
    rng: random.Random,
    genome: dict[str, str],
    people: list[str],
    declared: list[str] | None = None,
) -> str:
    """Write records of all kinds: several ALT, half calls, haploid, phased, dropped fields."""
    rows = ["\t".join([*COLUMNS, *people])]
    for contig, bases in genome.items():
        for pos in sorted(rng.sample(range(2, len(bases) - 6), 30)):
            size = rng.choice([1, 1, 1, 2, 4])
            ref = bases[pos - 1 : pos - 1 + size]
            other = [b for b in "ACGT" if b != ref[0]]
            alts = rng.sample(
                [*(b + ref[1:] for b in other), ref + "TT"], rng.choice([1, 1, 2])
            )
            if size > 1 and rng.random() < 0.5:
                alts[0] = ref[0]
            cells = []
            for _ in people:
                ploidy = rng.choice([1, 2, 2, 2]) if contig == "X" else 2
                numbers = [
                    rng.choice(["0", "0", "1", str(len(alts)), "."]) for _ in range(ploidy)
                ]
                reads = [str(rng.choice([0, 2, 14, 30])) for _ in range(len(alts) + 1)]
                cell = [
                    rng.choice("/|").join(numbers),
                    rng.choice([".", "5", "40", "99"]),
                    rng.choice([".", "4", "7", "30", "60"]),
                    rng.choice([",".join(reads), "."]),
                    rng.choice([".", "0.5", "1e-05", "0.25,.,3"]),
                    rng.choice(["a", "b%3Ac", "."]),
                ]
                while len(cell) > 1 and rng.random() < 0.2:
                    cell.pop()
                cells.append(":".join(cell))
            info = rng.choice(
                [".", "DB", "XF=" + ",".join("0.125" for _ in alts), "DB;XS=a,b"]
            )
            qual = rng.choice([".", "30", "29.5", "1e3"])
            head = [contig, pos, rng.choice([".", f"rs{pos}"]), ref, ",".join(alts), qual]
            head += [rng.choice(["PASS", ".", "low"]), info, "GT:GQ:DP:AD:XF:XS"]
            rows.append("\t".join([*map(str, head), *cells]))
    contigs = "".join(
        f"##contig=<ID={c}>\n" for c in genome if declared is None or c in declared
    )
    return HEAD + contigs + "\n".join(rows) + "\n"


def built(folder: Path, seed: int, declared: list[str] | None = None) -> Path:
    """Build a store of a VCF of five people, and of two gVCFs.

    `declared` are the contigs that the header of the first has; None: all.
    """
    rng = random.Random(seed)
    folder.mkdir(exist_ok=True)
    genome = some_genome(rng)
    make_fasta(folder / "ref.fa", genome)
    pysam.faidx(str(folder / "ref.fa"))
    people = [f"s{k}" for k in range(5)]
    (folder / "a.vcf").write_text(some_vcf(rng, genome, people, declared))
    for name in ("g1", "g2"):
        (folder / f"{name}.vcf").write_text(some_gvcf(rng, genome, [name]))
    rows = [f"a\t{p}\t{rng.choice(['male', 'female', 'unknown'])}\t{p[-1]}" for p in people]
    rows += ["g\tg1\tmale\t1", "g\tg2\tfemale\t2"]
    (folder / "samples.tsv").write_text(
        "cohort\tsample\tsex\tpopulation\n" + "\n".join(rows) + "\n"
    )
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\ng\tg1.vcf,g2.vcf\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
        "samples": "samples.tsv", "strata": ["sex", "population+sex"],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    told = ingest_here(folder / "store", folder / "config.json")
    assert not told["held_back"]
    return folder / "store"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("made"), 3)


def test_a_store_is_what_its_files_say(made: Path) -> None:
    told = compare_sources(made)
    assert [str(p) for p in told.problems] == []
    assert told.files == 3
    assert told.calls > 300
    assert told.alleles > 60
    assert told.records > 100


def test_a_sample_says_its_seed_and_compares_some(made: Path, capsys) -> None:
    told = compare_sources(made, sample=2, seed=7)
    assert told.problems == []
    assert told.seed == 7
    assert 0 < told.records < compare_sources(made).records
    assert compare_sources(made, sample=2, seed=7).records == told.records
    assert compare_sources(made, sample=1).seed is not None
    assert (
        main(["store", "verify", str(made), "--source", "--sample", "2", "--seed", "7"]) == 0
    )
    assert main(["store", "verify", str(made), "--sample", "2"]) == 2
    assert main(["store", "verify", str(made), "--source", "--sample", "0"]) == 2


@pytest.mark.parametrize("keep", [False, True])
def test_a_header_need_not_declare_its_contigs(tmp_path: Path, keep: bool) -> None:
    """A file whose contigs no header names was compared with nothing."""
    store = built(tmp_path / "x", 8, declared=["X"] if keep else [])
    told = compare_sources(store)
    assert [str(p) for p in told.problems] == []
    assert told.calls > 300
    assert compare_sources(store, sample=3).records > 0


def test_a_contig_that_the_source_lacks(tmp_path: Path) -> None:
    store = built(tmp_path / "x", 9)
    source = tmp_path / "x" / "a.vcf"
    lines = source.read_text().splitlines(keepends=True)
    say_bytes(store, source, "".join(x for x in lines if x[:2] != "X\t"))
    found = [str(p) for p in compare_sources(store).problems]
    assert any("X: the store has more records" in text for text in found), found
    say_bytes(store, source, "".join(x for x in lines if "X\t" not in x and "=X" not in x))
    found = [str(p) for p in compare_sources(store).problems]
    assert any("X: the store has records, and the source has none" in t for t in found), found


def first(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Put a value into the first row."""
    return lambda f: f.with_columns(
        pl.Series(column, [value, *f[column].to_list()[1:]], f.schema[column])
    )


def later(frame: pl.DataFrame) -> pl.DataFrame:
    """Put all alleles a base on."""
    return frame.with_columns(pl.col("allele_pos").list.eval(pl.element() + 1))


def first_planes(frame: pl.DataFrame) -> pl.DataFrame:
    """Change the first copy of the first person of an ALT, where everybody is called."""
    at = frame["missing"].is_null().arg_true()[0]
    planes = frame["planes"].to_list()
    planes[at][0] = bytes([planes[at][0][0] ^ 0x80, *planes[at][0][1:]])
    return frame.with_columns(pl.Series("planes", planes, frame.schema["planes"]))


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("controlled/genotypes/cohort=a/part=c1", first_planes, "GT of 1 people differs"),
        ("controlled/genotypes/cohort=a/part=c1", first("separator", None), "GT of"),
        ("controlled/sites/cohort=a/part=c1", first("qual", 7.25), "QUAL is"),
        ("controlled/sites/cohort=a/part=c1", first("filter", "odd"), "FILTER is"),
        ("controlled/sites/cohort=a/part=c1", first("id", "rs1234567"), "ID is"),
        ("controlled/sites/cohort=a/part=c1", first("info", "DB;XS=c"), "INFO/XS"),
        ("controlled/sites/cohort=a/part=c1", first("ref", "TTTTTT"), "REF is"),
        ("controlled/sites/cohort=a/part=c1", later, "normalised it is"),
        ("controlled/sites/cohort=a/part=X", lambda f: f[1:], ""),
        ("open/frequencies/cohort=a/part=c1", first("ac", 77), "ac is 77"),
        ("open/frequencies/cohort=a/part=c1", first("an", 77), "an is 77"),
        (
            "open/frequencies/cohort=a/part=c1",
            first("n_missing_adj", 77),
            "n_missing_adj is 77",
        ),
        (
            "open/frequencies/cohort=a/part=X",
            lambda f: f.filter(pl.col("pos") > 30),
            "not counted",
        ),
        ("controlled/blocks/cohort=g/part=c1", first("gt", "7/7"), "GT 7/7 in the store"),
        ("controlled/blocks/cohort=g/part=c1", first("format", "GT:DP:Py"), "FORMAT has"),
    ],
)
def test_what_is_other_is_found(
    tmp_path: Path, made: Path, table: str, change: Callable, words: str
) -> None:
    import shutil  # noqa: PLC0415

    store = shutil.copytree(made, tmp_path / "store")
    file = next((store / table).glob("*.parquet"))
    frame = change(pl.read_parquet(file, hive_partitioning=False))
    file.unlink()
    frame.write_parquet(file)
    found = [str(p) for p in compare_sources(store).problems]
    assert found
    assert any(words in text for text in found), found


def say_bytes(store: Path, source: Path, text: str) -> None:
    """Write a source anew, and have the store say that these are its bytes."""
    source.write_text(text)
    for file in (store / "controlled/files/cohort=a").glob("*.parquet"):
        frame = pl.read_parquet(file, hive_partitioning=False)
        raw = source.read_bytes()
        sha = hashlib.sha256(raw).hexdigest()
        file.unlink()
        frame = frame.with_columns(sha256=pl.lit(sha), bytes=pl.lit(len(raw), pl.Int64))
        frame.write_parquet(file)


def test_values_of_fields_that_are_others_are_found(tmp_path: Path) -> None:
    """The file is changed, and the store told that these are its bytes."""
    store = built(tmp_path / "x", 4)
    source = tmp_path / "x" / "a.vcf"
    lines = source.read_text().split("\n")
    at = next(i for i, x in enumerate(lines) if x[:1] != "#" and ":40:" in x)
    lines[at] = lines[at].replace(":40:", ":41:", 1)
    source.write_text("\n".join(lines))
    assert "has other bytes now" in str(compare_sources(store).problems[0])
    say_bytes(store, source, source.read_text())
    found = [str(p) for p in compare_sources(store).problems]
    assert any("FORMAT/GQ of 1 people differs" in text for text in found), found
    source.unlink()
    assert "its source is not there" in str(compare_sources(store).problems[0])


def test_genotypes_of_planes() -> None:
    row = {
        "first": 0, "people": 3, "ploidy": 2, "separator": "/", "planes": [b"\x40"],
        "missing": b"\x10", "absent": b"\x04", "flipped": b"\x40", "odd": [0],
        "odd_text": ["01/1"],
    }  # fmt: skip
    calls = decode_calls([row])
    assert calls is not None
    assert calls.alleles.tolist() == [[0, 1], [0, -1], [0, -2]]
    assert calls.phased.tolist() == [0, 1, -1]
    assert calls.is_odd.tolist() == [True, False, False]
