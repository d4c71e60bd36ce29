"""Cohorts of another assembly: counts, genotypes, rejects and mistakes by hand."""

import gzip
import io
import json
from pathlib import Path

import polars as pl
import pysam
import pytest
from builders import gt_texts
from inprocess import ingest_here
from test_liftover_command import CHAIN, HEADER, SOURCE, TARGET
from verifying import check_callable

import varhouse
from varhouse.errors import ConfigError
from varhouse.ingest.account import print_account
from varhouse.ingest.setup.config import read_config
from varhouse.liftover import Reason
from varhouse.store.drop import drop_cohort
from varhouse.vcf.blocks import TextBlock, iter_text

# Places of the source: 1[0:20] behind GG of chrA, with C>T at 6; 1[20:28] reversed on chrB.
ROWS = [
    "1 3 . G A 9 PASS AC=1;AN=4 GT:AD 0/1:5,6 0|0:7,0",
    "1 6 . C T,A . . . GT 1/2 0|1",
    "1 7 . G C,<DEL> . . . GT 1/2 2/2",
    "1 8 . A C . . . GT 0/1 0/0",
    "1 9 . T G . . . GT 0/5 0/0",
    "1 24 r1 A C . q10 . GT 0/1 1|1",
    "7 5 . A C . . . GT 0/1 0/0",
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.fa").write_text(SOURCE)
    (tmp_path / "b.fa").write_text(TARGET)
    (tmp_path / "c.chain").write_text(CHAIN)
    return tmp_path


def _config(folder, rows=ROWS, row="old\told.vcf\tA\tc.chain\ta.fa", **policy):
    head = HEADER + "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT s1 s2\n".replace(" ", "\t")
    (folder / "old.vcf").write_text(head + "".join(r.replace(" ", "\t") + "\n" for r in rows))
    (folder / "cohorts.tsv").write_text(
        f"cohort\tfiles\tassembly\tchain\tsource_reference\n{row}\n"
    )
    config = {
        "assembly": {"name": "B", "reference": "b.fa"},
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown", "max_ref_mismatch_rate": 1.0, **policy},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


BLOCKS = ["1 3 . G <NON_REF> . . END=5 GT 0/0 0/0", "1 9 . T G,<NON_REF> . . . GT 0/1 0/0"]


@pytest.mark.parametrize(("policy", "n_held"), [("blocks", 1), ("variants", 0)])
def test_blocks_of_a_gvcf_are_not_lifted(folder, policy, n_held):
    account = ingest_here(folder / "store", _config(folder, BLOCKS, gvcf=policy))
    assert len(account["held_back"]) == n_held
    assert ("blocks are not lifted over" in str(account["held_back"])) == bool(n_held)


COUNTS = ["ac", "an", "n_het", "n_hom_alt", "n_missing"]


def test_counts_and_places(folder):
    account = ingest_here(folder / "store", _config(folder))
    assert account["held_back"] == []
    store = varhouse.open(folder / "store")
    found = store.scan("frequencies").sort("contig", "pos", "alt").collect()
    assert found.select("contig", "pos", "ref", "alt", *COUNTS).rows() == [
        ("chrA", 5, "G", "A", 1, 4, 1, 0, 0),
        # T is the REF here: 0 and 1 have changed places in GT.
        ("chrA", 8, "T", "A", 1, 4, 1, 0, 0),
        ("chrA", 8, "T", "C", 1, 4, 1, 0, 0),
        # <DEL> is not lifted: the people who carry it are called all the same.
        ("chrA", 9, "G", "C", 1, 4, 1, 0, 0),
        ("chrB", 5, "T", "G", 3, 4, 1, 1, 0),
    ]
    lifted = store.scan("lifted").sort("contig", "pos").collect()
    names = ["contig", "pos", "source_contig", "source_pos", "source_ref", "source_alt",
             "source_record", "reverse", "swapped"]  # fmt: skip
    assert lifted.select(names).rows() == [
        ("chrA", 5, "1", 3, "G", "A", 0, False, False),
        ("chrA", 8, "1", 6, "C", "T,A", 1, False, True),
        ("chrA", 9, "1", 7, "G", "C", 2, False, False),
        ("chrB", 5, "1", 24, "A", "C", 5, True, False),
    ]
    sites = store.scan("sites").sort("contig", "pos").collect()
    assert sites["alt"].to_list() == ["A", "C,A", "C,<UNLIFTED>", "G"]
    assert sites["allele_alt"].to_list() == [["A"], ["C", "A"], ["C", None], ["G"]]
    assert "LIFT_RECORD" not in "".join(sites["info"])
    assert sites["info"][0] == "AC=1;AN=4;LIFTED_FROM=1:3:G:A"
    genotypes = store.scan("genotypes").sort("contig", "pos").collect()
    texts = [sorted(set(row)) for row in gt_texts(genotypes)]
    assert texts == [["0/1", "0|0"], ["0/2", "1|0"], ["1/2", "2/2"], ["0/1", "1|1"]]
    out = io.StringIO()
    print_account({**account, "seconds": 1}, folder / "store", out)
    assert (
        "lifted from A: 5 records, 1 with REF and ALT swapped, 1 on the other"
        in out.getvalue()
    )


def test_a_bed_is_in_the_coordinates_of_the_store(folder):
    config = _config(folder, row="old\told.vcf\tA\tc.chain\ta.fa\tx.bed")
    sheet = (
        (folder / "cohorts.tsv").read_text().replace("_reference\n", "_reference\tcallable\n")
    )
    (folder / "cohorts.tsv").write_text(sheet)
    (folder / "x.bed").write_text("chrA\t4\t8\n")
    ingest_here(folder / "store", config)
    found = varhouse.open(folder / "store").scan("frequencies").sort("contig", "pos", "alt")
    assert found.select("contig", "pos", "ac", "an", "n_samples").collect().rows() == [
        ("chrA", 5, 1, 4, 2), ("chrA", 8, 1, 4, 2), ("chrA", 8, 1, 4, 2),
        ("chrA", 9, 0, 0, 0), ("chrB", 5, 0, 0, 0),
    ]  # fmt: skip
    assert not list(check_callable(varhouse.open(folder / "store")))


@pytest.mark.parametrize("size", [None, 1, 2])
def test_every_reject_has_the_line_of_the_file(folder, size):
    account = ingest_here(folder / "store", _config(folder), chunk_records=size)
    rejects = varhouse.open(folder / "store").scan("rejects").sort("record").collect()
    names = ["record", "line", "contig", "pos", "alt_index", "reason"]
    first = HEADER.count("\n") + 2
    assert rejects.select(names).rows() == [
        (2, first + 2, "1", 7, 2, "symbolic"),
        (3, first + 3, "1", 8, None, "source_ref_mismatch"),
        (4, first + 4, "1", 9, None, "gt_allele_unknown"),
        (6, first + 6, "7", 5, None, "contig_not_in_chain"),
    ]
    for record, text in rejects.select("record", "text").rows():
        assert text == ROWS[record].replace(" ", "\t")
    (cohort,) = account["cohorts"]
    assert (cohort["n_records"], cohort["n_rejects"]) == (7, 4)


def test_fault_found_after_the_lift_keeps_its_line_too(folder):
    rows = [*ROWS[:4], "1 9 . T C . . . GT 0/5 0/0", "1 9 . T G x . . GT 0/1 0/0", ROWS[5]]
    ingest_here(folder / "store", _config(folder, rows))
    rejects = varhouse.open(folder / "store").scan("rejects").sort("record").collect()
    mine = rejects.filter(pl.col("record").is_in([4, 5]))
    assert mine.select("reason", "line", "contig", "pos", "text").rows() == [
        (reason, HEADER.count("\n") + 2 + k, "1", 9, rows[k].replace(" ", "\t"))
        for k, reason in ((4, "gt_allele_unknown"), (5, "qual_invalid"))
    ]


def test_without_the_source_reference_ref_is_checked_in_the_target(folder):
    config = _config(folder, row="old\told.vcf\tA\tc.chain\t")
    ingest_here(folder / "store", config)
    rejects = varhouse.open(folder / "store").scan("rejects").sort("record").collect()
    reasons = dict(rejects.select("record", "reason").rows())
    assert reasons[3] == "ref_not_found"


def test_chain_of_nothing_holds_the_cohort_back(folder):
    config = _config(folder, ["7 5 . A C . . . GT 0/1 0/0"])
    account = ingest_here(folder / "store", config)
    assert account["release"] is None
    assert "no record" in account["held_back"][0]["reasons"][0]
    held = varhouse.open(folder / "store").scan("held_back").collect()
    assert held["name"].to_list() == ["old.vcf"]


def test_dropped_cohort_leaves_no_place(folder):
    ingest_here(folder / "store", _config(folder))
    drop_cohort(folder / "store", "old")
    store = varhouse.open(folder / "store")
    for table in ("lifted", "sites", "rejects", "variants"):
        assert store.scan(table).collect().height == 0, table


def test_another_chain_is_another_cohort(folder):
    config = _config(folder)
    ingest_here(folder / "store", config)
    assert ingest_here(folder / "store", config)["up_to_date"]
    (folder / "c.chain").write_text(CHAIN.replace("chain 9 1 28 + 20", "chain 8 1 28 + 20"))
    again = ingest_here(folder / "store", config)
    assert again["cohorts"][0]["replaces"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("old\told.vcf\tA\t\t", "name the chain file"),
        ("old\told.vcf\tA\tno.chain\t", r"chain: no such file: .*no\.chain"),
        ("old\told.vcf\tB\tc.chain\t", "is that of the store"),
        ("old\told.vcf\t\tc.chain\t", "is not named"),
        ("old\told.vcf\t\t\ta.fa", "source_reference is for a cohort of another assembly"),
    ],
)
def test_mistakes_in_the_sheet(folder, row, message):
    with pytest.raises(ConfigError, match=message):
        read_config(_config(folder, row=row))


def test_reasons_are_documented():
    text = (Path(__file__).parents[2] / "config" / "README.md").read_text(encoding="utf-8")
    for reason in Reason:
        if reason and reason.code not in ("swap_off", "line_invalid"):
            assert f"`{reason.code}`" in text


@pytest.mark.parametrize("kind", ["gzip", "bgzf", "bcf"])
def test_other_kinds_of_files_give_the_same(folder, kind):
    config = _config(folder, [r.replace("q10", "PASS") for r in ROWS[:6]])
    ingest_here(folder / "text", config)
    text, new = folder / "old.vcf", folder / "new"
    if kind == "gzip":
        new.write_bytes(gzip.compress(text.read_bytes()))
    elif kind == "bgzf":
        pysam.tabix_compress(str(text), str(new))
    else:
        with (
            pysam.VariantFile(str(text)) as source,
            pysam.VariantFile(str(new), "wb", header=source.header) as out,
        ):
            for record in source:
                out.write(record)
    new.rename(text)
    ingest_here(folder / "other", config)
    one, other = varhouse.open(folder / "text"), varhouse.open(folder / "other")
    for table in ("frequencies", "totals", "lifted"):
        sort = ["contig", "pos", "alt"] if table != "lifted" else ["contig", "pos"]
        frames = [s.scan(table).collect().sort(sort) for s in (one, other)]
        assert frames[0].equals(frames[1]), table
    places = ["record", "contig", "pos", "alt_index", "reason"]
    found = [s.scan("rejects").sort("record").select(places).collect() for s in (one, other)]
    assert found[0].rows() == found[1].rows()


def test_files_of_a_lifted_cohort_are_joined(folder):
    """The same people on other contigs of the target, in two files and in one."""
    ingest_here(folder / "one", _config(folder))
    whole = (folder / "old.vcf").read_text()
    head = whole[: whole.index("\n1\t") + 1]
    rows = whole[len(head) :].splitlines(keepends=True)
    row = "old\ta.vcf,b.vcf\tA\tc.chain\ta.fa"
    config = _config(folder, row=row)
    (folder / "a.vcf").write_text(head + "".join(rows[:3]))
    (folder / "b.vcf").write_text(head + "".join(rows[3:]))
    account = ingest_here(folder / "two", config, chunk_records=1)
    assert account["cohorts"][0]["n_rejects"] == 4
    one, two = varhouse.open(folder / "one"), varhouse.open(folder / "two")
    for table in ("frequencies", "totals"):
        frames = [s.scan(table).collect().sort("contig", "pos", "alt") for s in (one, two)]
        assert frames[0].equals(frames[1]), table
    texts = [sorted(s.scan("rejects").collect()["text"]) for s in (one, two)]
    assert texts[0] == texts[1]


def test_batches_of_the_lift_change_nothing(folder, monkeypatch):
    config = _config(folder)
    whole = ingest_here(folder / "whole", config)

    def small(path, kind, **_):
        data = b"".join(b.data for b in iter_text(path, kind))
        at = 0
        for line in data.splitlines(keepends=True):
            yield TextBlock(line, at)
            at += len(line)
        assert data.count(b"\n") > 10

    monkeypatch.setattr("varhouse.vcf.stream.iter_text", small)
    assert ingest_here(folder / "small", config)["digest"] == whole["digest"]
