"""The registry of statistics: an entry is all that a new one needs."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from varhouse.frequencies.count import Counts
from varhouse.tables.schema import FREQUENCIES, SAMPLES, TOTALS
from varhouse.tables.statistics import (
    PERSON_COUNTS,
    STATISTICS,
    counts_at_site,
    counts_of,
    genotype_counts,
    made_of,
)

ADDED = """
import dataclasses, json, sys
from pathlib import Path

import polars as pl

from varhouse.tables import statistics as registry

registry.STATISTICS += (
    registry.Statistic(
        "n_carriers", pl.Int32, registry.PEOPLE, "people with alt", role="public",
        made=pl.col("n_het") + pl.col("n_hom_alt") + pl.col("n_hemi"),
    ),
    registry.Statistic(
        "n_uncalled", pl.Int64, registry.PEOPLE, "twice n_missing", role="controlled",
        tables=("totals",), of_record=True, made=2 * pl.col("n_missing").cast(pl.Int64),
    ),
)

import varhouse
from inprocess import ingest_here
from varhouse.cli import main
from varhouse.store.drop import drop_cohort
from verifying import verify

folder = Path(sys.argv[1])
store = folder / "store"
ingest_here(store, folder / "config.yaml")
for step in range(2):
    opened = varhouse.open(store)
    for table in ("frequencies", "totals"):
        rows = opened.scan(table).collect()
        assert rows.height and (rows["n_carriers"] == rows["n_het"] + rows["n_hom_alt"]).all()
    assert (rows["n_uncalled"] == 2 * rows["n_missing"]).all()
    # The second reading shares no code: of the new columns it has to be told by hand.
    told = {(p.table, p.what.partition(" are ")[0]) for p in verify(opened)}
    assert told == {
        ("frequencies", "columns"),
        ("totals", "columns"),
        ("frequencies", "column n_carriers is Int32"),
        ("totals", "column n_carriers is Int32; column n_uncalled is Int64"),
    }, told
    columns = ["pos", "n_carriers", "n_carriers_b", "n_uncalled"]
    out = folder / f"found{step}.tsv"
    assert main(["query", str(store), "--region", "c1", "--columns", ",".join(columns),
                 "-o", str(out)]) == 0
    assert out.read_text().splitlines()[0].split("\\t") == columns
    public = varhouse.open(store, audience="public").scan("totals").collect_schema()
    assert "n_carriers" in public and "n_uncalled" not in public
    drop_cohort(store, "a") if not step else None
assert main(["frequencies", str(folder / "a.vcf"), "-o", str(folder / "a.parquet")]) == 0
assert (pl.read_parquet(folder / "a.parquet")["n_carriers"] > 0).any()
print("all there")
"""


@pytest.fixture(scope="module")
def fx_two(tmp_path_factory):
    """Two cohorts of two people that share a site, but not an allele of it."""
    folder = tmp_path_factory.mktemp("statistics")
    (folder / "ref.fa").write_text(">c1\n" + "ACGT" * 20 + "\n")
    head = [
        "##fileformat=VCFv4.3",
        "##contig=<ID=c1>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    for cohort, alt in (("a", "C"), ("b", "G")):
        names = [f"{cohort}{k}" for k in range(2)]
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
        rows = [
            f"c1\t{pos}\t.\tA\t{alt}\t.\tPASS\t.\tGT\t0/1\t{gt}"
            for pos, gt in ((1, "1/1"), (5, "./."), (9, "0/0"))
        ]
        text = [*head, "\t".join([columns, *names]), *rows]
        (folder / f"{cohort}.vcf").write_text("\n".join(text) + "\n")
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    (folder / "samples.tsv").write_text(
        "cohort\tsample\tsex\n" + "".join(f"{c}\t{c}{k}\tfemale\n" for c in "ab" for k in "01")
    )
    (folder / "config.yaml").write_text(
        "assembly: {name: toy, reference: ref.fa}\n"
        "cohorts: cohorts.tsv\nsamples: samples.tsv\n"
    )
    return folder


def test_a_statistic_is_added_by_its_entry_alone(fx_two):
    tests = Path(__file__).parents[1]
    script = f"import sys; sys.path.insert(0, {str(tests)!r})\n{ADDED}"
    done = subprocess.run(
        [sys.executable, "-c", script, str(fx_two)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("all there\n")


def test_entries_say_all_there_is_to_say():
    names = [s.name for s in STATISTICS]
    assert len(set(names)) == len(names)
    for s in STATISTICS:
        # A count adds up, anything else is made of counts or compares groups.
        assert s.adds_up or (s.made is None) != (s.greatest is None)
        assert "" not in (s.meaning, s.unit)
        assert s.tables
    for table in (FREQUENCIES, TOTALS):
        held = {s.name: s for s in STATISTICS if table.name in s.tables}
        assert [n for n in table.names if n in held] == list(held)
        needed = {n for e in made_of(table.name).values() for n in e.meta.root_names()}
        assert needed <= set(counts_of(table.name))
        assert set(counts_at_site(table.name)) == set(counts_of(table.name))


def test_what_is_counted_is_what_is_registered():
    assert set(genotype_counts()) == set(Counts.__dataclass_fields__)
    assert [n for n in SAMPLES.names if SAMPLES.polars_schema[n] == pl.Int64] == [
        c.name for c in PERSON_COUNTS
    ]
