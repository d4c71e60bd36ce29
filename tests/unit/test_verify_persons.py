"""`store verify`: counts of people, and what they carry, against their genotypes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_verify_source import HEAD, built

from varhouse.verify.figures import ALONE
from varhouse.verify.persons import OF_PERSON, OF_PLANES
from varhouse.verify.whole import Verification, verify

BASES = "ACGTACGGTCATTGCAAGTCCATGAACTTGCA" * 4
EDGES = [
    # SNVs, an indel, more copies than two, fewer, none; a lone copy beside a missing one.
    ("1", 11, "A", "C,T", "GT", "0/1", "1/2", "2/2"),
    ("1", 12, "T", "C", "GT", "0/1/1", "1/1/1", "./."),
    ("1", 14, "G", "GAC", "GT", "1/.", ".", "1"),
    # A record without GT, and a cell without one.
    ("1", 20, "C", "T", "DP", "4", "5", "6"),
    ("1", 21, "C", "<DEL>", "GT:DP", "0/1:3", "1/1", "0/0"),
    # The allele of an earlier record alone, and beside one of its own.
    ("1", 11, "A", "C", "GT", "1/1", "1/1", "0/1"),
    ("1", 11, "A", "C,G", "GT", "1/2", "0/1", "0/2"),
    ("X", 32, "A", "*,G", "GT", "1", "2/2", "1/2"),
    ("X", 40, "G", "T", "GT", "1/.", "1/.", "0|1"),
]
"""CHROM, POS, REF, ALT, FORMAT, and cells of three people."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("made"), 5)


def changed(made: Path, folder: Path, table: str, change: Callable) -> list[str]:
    """Change the first file of a table; what is found between tables, whatever files say."""
    store = shutil.copytree(made, folder / "store")
    file = next(store.glob(f"*/{table}/**/*.parquet"))
    frame = change(pl.read_parquet(file, hive_partitioning=False))
    file.unlink()
    frame.write_parquet(file)
    work = Verification(store, None)
    assert work.run()
    return [str(p) for p in work.between_tables]


def more(column: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Add 1 in the first row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        values = [frame[column][0] + 1, *frame[column][1:]]
        return frame.with_columns(pl.Series(column, values, frame.schema[column]))

    return change


def test_a_sound_store_is_sound(made: Path) -> None:
    assert [str(p) for p in verify(made)] == []


@pytest.mark.parametrize("name", OF_PERSON)
def test_a_count_of_a_person_that_is_off(made: Path, tmp_path: Path, name: str) -> None:
    found = changed(made, tmp_path, "samples/cohort=a", more(name))
    assert any(f"the first: {name} of sample 0 is" in text for text in found), found


@pytest.mark.parametrize("name", ALONE)
def test_what_a_person_carries_that_is_off(made: Path, tmp_path: Path, name: str) -> None:
    found = changed(made, tmp_path, "carried", more(name))
    assert any(f": {name} of all=all do not add up to" in text for text in found), found
    if name in OF_PLANES:
        assert any(f"the first: {name} of sample" in text for text in found), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f[1:], "are not what their genotypes say"),
        (lambda f: f.with_columns(sample=1 - pl.col("sample")), "are not what"),
        (lambda f: f.with_columns(sample=pl.col("sample") + 9), "rows of nobody"),
    ],
)
def test_rows_of_carried_that_are_others(
    made: Path, tmp_path: Path, change: Callable, words: str
) -> None:
    assert any(words in text for text in changed(made, tmp_path, "carried", change))


def test_people_of_another_group(made: Path, tmp_path: Path) -> None:
    """What all carry adds up, and not what men do."""
    swap = pl.when(pl.col("sex") == "male").then(pl.lit("female")).otherwise(pl.lit("male"))
    found = changed(made, tmp_path, "samples/cohort=g", lambda f: f.with_columns(sex=swap))
    assert any("of sex=" in text and "do not add up" in text for text in found), found


def test_a_number_of_alleles_that_is_off(made: Path, tmp_path: Path) -> None:
    found = changed(made, tmp_path, "cohorts/cohort=a", more("n_alleles"))
    assert any("cohorts: cohort a: n_alleles is" in text for text in found), found


@pytest.mark.parametrize("name", ["pos", "pos_end", "record"])
def test_where_a_block_of_fields_is_found(made: Path, tmp_path: Path, name: str) -> None:
    """A region that is asked for would lose its values."""
    found = changed(made, tmp_path, "fields/cohort=a", more(name))
    assert any(f"fields: cohort a: {name} is not that of its records" in t for t in found)


def test_a_call_that_was_flipped(made: Path, tmp_path: Path) -> None:
    from test_verify_source import first_planes  # noqa: PLC0415

    found = changed(made, tmp_path, "genotypes/cohort=a", first_planes)
    assert any("samples: cohort a: counts of 1 people" in text for text in found), found


@pytest.mark.parametrize("cut", [1, 1000])
def test_records_at_the_edges(tmp_path: Path, cut: int) -> None:
    """What counts for whom is the same by two readings, however a file is cut."""
    make_fasta(tmp_path / "ref.fa", {"1": BASES, "X": BASES})
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    rows = [
        [c, str(pos), ".", ref, alt, ".", ".", ".", *rest]
        for c, pos, ref, alt, *rest in sorted(EDGES, key=lambda e: (e[0], e[1]))
    ]
    text = "".join("\t".join(row) + "\n" for row in [[*names, "p", "q", "r"], *rows])
    (tmp_path / "e.vcf").write_text(HEAD + "##contig=<ID=1>\n##contig=<ID=X>\n" + text)
    sheet = "cohort\tsample\tsex\ne\tp\tmale\ne\tq\tfemale\ne\tr\tmale\n"
    (tmp_path / "samples.tsv").write_text(sheet)
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\ne\te.vcf\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    store = tmp_path / "store"
    assert not ingest_here(store, tmp_path / "config.json", chunk_records=cut)["held_back"]
    assert [str(p) for p in verify(store)] == []
    files = [str(f) for f in store.glob("controlled/samples/cohort=e/*.parquet")]
    people = pl.read_parquet(files).sort("ordinal")
    told = people.select("n_missing", "n_hemi", "n_ti", "n_tv").rows()
    assert told == [(2, 2, 3, 2), (3, 0, 5, 3), (2, 1, 2, 3)]
