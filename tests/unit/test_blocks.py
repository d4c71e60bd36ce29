"""Reference blocks of gVCF files: kept to the letter, apart from what varies."""

import json

import numpy as np
import polars as pl
import pytest
from builders import make_fasta
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import ingest_here
from verifying import compare_fields, verify

import varhouse
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.codec.blocks import decode
from varhouse.genotypes.codec.digest import sum_digests, wrap
from varhouse.ingest.jobs.blockrows import genotype_texts
from varhouse.store.drop import drop_cohort
from varhouse.tables.blocktext import cut_ends, put_ends
from varhouse.vcf.gvcf.recognition import reference_records
from varhouse.vcf.text.lines import read_batch

INFO = st.lists(
    st.sampled_from(["END=7", "END=8", "END=07", "END=", "END", "XEND=7", "DP=3", "é=7", ""]),
    max_size=4,
).map(";".join)


@settings(deadline=None)
@given(st.lists(st.tuples(INFO, st.integers(0, 12)), min_size=1, max_size=20))
def test_info_comes_back_without_its_end(rows):
    info = pl.Series([text for text, _ in rows], dtype=pl.String)
    end = np.array([number for _, number in rows], np.int64)
    short, apart = cut_ends(info, end)
    assert put_ends(short, end, apart).to_list() == info.to_list()
    for text, before, number, cut in zip(
        short.to_list(), info.to_list(), end.tolist(), apart.tolist(), strict=True
    ):
        entries = before.split(";")
        first = next((e for e in entries if e.startswith("END=")), None)
        assert cut == (first == f"END={number}")
        assert len(before) - len(text) == (len(str(number)) if cut else 0)


def test_the_greatest_position_fits():
    info, end = pl.Series(["END=2147483647;A"]), np.array([2**31 - 1])
    short, apart = cut_ends(info, end)
    assert short.to_list() == ["END=;A"]
    assert put_ends(short, end, apart).to_list() == info.to_list()


def _genotypes(rows):
    """Make genotypes of lists of texts, with the most frequent text as the default."""
    texts = list(dict.fromkeys(t for row in rows for t in row))
    default, who, what, pointer = [], [], [], [0]
    for row in rows:
        common = max(row, key=row.count)
        default.append(texts.index(common))
        others = [k for k, t in enumerate(row) if t != common]
        who += others
        what += [texts.index(row[k]) for k in others]
        pointer.append(len(who))
    return Genotypes(
        texts,
        np.array(default, np.int32),
        np.array(pointer, np.int64),
        np.array(who, np.int32),
        np.array(what, np.int32),
    )


@settings(deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from(["0/0", "./.", "0", "0|1"]), min_size=n, max_size=n),
            min_size=1,
            max_size=8,
        )
    )
)
def test_genotypes_of_a_block_are_told_by_column(rows):
    found = genotype_texts(_genotypes(rows), len(rows[0]))
    assert found.to_list() == ["\t".join(row) for row in rows]


def test_without_gt_or_people():
    assert genotype_texts(_genotypes([["", ""], ["0", "1"]]), 2).to_list() == [None, "0\t1"]
    assert genotype_texts(Genotypes.nobody(2), 0).to_list() == [None, None]


@pytest.mark.parametrize(
    ("alt", "calls", "block"),
    [
        (".", ["0/0", "./."], True), ("<*>", ["0/0", "0/1"], True),
        ("<NON_REF>", ["./.", "./."], True), ("<X>", ["0/0", "0"], True),
        (".,<*>", ["0/0", "0/0"], True), ("*", ["0/0", "./."], True),
        ("*", ["0/0", "0/1"], False), ("*", ["1", "0"], False),
        ("*,<*>", ["0/0", "0/0"], False), ("C", ["0/0", "0/0"], False),
        ("C,<NON_REF>", ["0/0", "0/0"], False), ("<DEL>", ["0/0", "0/0"], False),
    ],
)  # fmt: skip
def test_which_records_are_reference(alt, calls, block):
    rows = [
        f"c1 {pos} . A {a} . . . GT:DP {' '.join(f'{c}:9' for c in some)}"
        for pos, (a, some) in enumerate([("C", ["0/1", "1"]), (alt, calls)], 1)
    ]
    assert _are_reference(rows) == [False, block]


def _are_reference(rows):
    text = "".join("\t".join(r.split()) + "\n" for r in rows)
    return reference_records(read_batch(text.encode(), 0, 1)).tolist()


def test_nobody_is_called_with_a_star():
    assert _are_reference(["c1 1 . A * . . .", "c1 2 . A * . . DP=1"]) == [True, True]


META = """\
##fileformat=VCFv4.2
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
"""
GENOME = {"c1": "ACGTACGTAC" * 6, "c2": "TTGCA" * 9}


def _store(folder, *files, policy=None):
    """Ingest files, lists of records (cells by blanks), as one cohort `a`."""
    make_fasta(folder / "ref.fa", GENOME)
    names = []
    for k, (samples, records) in enumerate(files):
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
        lines = ["\t".join([*columns, "FORMAT", *samples])]
        lines += ["\t".join(record.split()) for record in records]
        names.append(f"a{k}.vcf")
        (folder / names[-1]).write_text(META + "\n".join(lines) + "\n")
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\na\t{','.join(names)}\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown", **(policy or {})},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    ingest_here(folder / "store", folder / "config.yaml")
    return varhouse.open(folder / "store")


ROWS = (
    "c1 1 . A <*> . . END=4 GT:DP 0/0:3",
    "c1 5 . A C,<*> 9 PASS . GT:DP 0/1:8",
    "c1 6 rs1 C <*> 1e2 q;r DP=3;END=08;X GT:DP 0/0:1",
    "c1 9 . A <*> . . END=12 DP 7",
    "c1 11 . A . . PASS . DP:GT .:0",
    "c2 2 . T * . . END=9 GT 0|0",
)


def test_blocks_are_no_sites(tmp_path):
    store = _store(tmp_path, (["s1"], ROWS))
    assert store.scan("sites").select("record").collect()["record"].to_list() == [1]
    assert store.scan("variants").collect().height == 1
    assert not store.scan("rejects").collect().height
    rows = store.blocks().drop("cohort", "part", "contig").collect().sort("record").rows()
    assert rows == [
        (1, 4, "A", "<*>", 0, 0, "c1", None, None, ".", "END=", True, "GT:DP", "0/0"),
        (6, 8, "C", "<*>", 0, 2, "c1", "rs1", "1e2", "q;r", "DP=3;END=08;X", False, "GT:DP",
         "0/0"),
        (9, 12, "A", "<*>", 0, 3, "c1", None, None, ".", "END=", True, "DP", None),
        (11, 11, "A", ".", 0, 4, "c1", None, None, "PASS", ".", False, "DP:GT", "0"),
        (2, 9, "T", "*", 0, 5, "c2", None, None, ".", "END=", True, "GT", "0|0"),
    ]  # fmt: skip
    kept = [r for block in decode(store.fields().collect()) for r in block.records.tolist()]
    assert sorted(kept) == [0, 1, 2, 3, 4]
    assert verify(store) == []


@pytest.mark.parametrize(
    ("region", "records"),
    [("c1:4-4", [0]), ("c1:7", [2]), ("c1:10-11", [3, 4]), ("c1:13-50", []), ("c2:9", [5])],
)
def test_a_block_is_found_by_any_of_its_bases(tmp_path, region, records):
    store = _store(tmp_path, (["s1"], ROWS))
    found = store.blocks(region).select("record").collect()["record"].sort()
    assert found.to_list() == records


def test_faults_of_blocks_are_rejected(tmp_path):
    bad = (
        "c1 1 . C <*> . . END=4 GT 0/0",
        "c1 5 . A C,<*> 9 PASS . GT 0/1",
        "c1 6 . C . . . END=8 GT 0/1",
        "c1 9 . N <*> . . END=12 GT 0/0",
        "c1 60 . CA <*> . . . GT 0/0",
        "zz 1 . A <*> . . END=4 GT 0/0",
    )
    store = _store(tmp_path, (["s1"], bad), policy={"max_ref_mismatch_rate": 1.0})
    rejects = store.rejects().select("record", "reason").collect().sort("record").rows()
    assert rejects == [
        (0, "ref_mismatch"), (4, "beyond_contig"), (5, "contig_unknown"),
    ]  # fmt: skip
    # An ALT that is not there: nobody is called, and the record is kept as it is.
    assert store.blocks().select("record", "gt").collect().rows() == [(2, "0/1"), (3, "0/0")]


def test_by_policy_blocks_are_left_out(tmp_path):
    store = _store(tmp_path, (["s1"], ROWS), policy={"gvcf": "variants"})
    assert not store.blocks().collect().height
    assert not store.rejects().collect().height


def test_changed_fields_of_blocks_are_found(tmp_path):
    """Blocks have no row in `genotypes`: their fields are held to one digest a file."""
    store = _store(tmp_path, (["s1"], ROWS), (["s2"], ROWS[2:]))
    digests = store.files().select("blocks_digest").collect()["blocks_digest"]
    assert digests.null_count() == 0
    assert digests.n_unique() == 2
    assert verify(store) == []
    path = store.paths("fields")[0]
    rows = pl.read_parquet(path)
    # A value that was lost; nothing else says that the file is another one.
    pieces = [decode(rows[k : k + 1]) for k in range(rows.height)]
    assert rows.height == len([*pieces])
    assert not compare_fields(store)
    rows[1:].write_parquet(path)
    said = compare_fields(store)
    assert said
    assert "file 0" in said[0]


def test_digests_add_up_over_pieces():
    record, digest = np.arange(9) * 7, np.random.default_rng(1).integers(-(2**63), 2**63, 9)
    whole = sum_digests(record, digest)
    parts = sum_digests(record[:4], digest[:4]) + sum_digests(record[4:], digest[4:])
    assert wrap(parts) == whole
    halves = sum_digests(record, digest - 5) + sum_digests(record, np.full(9, 5))
    assert wrap(halves) == whole
    # Values that changed places between two records.
    assert sum_digests(record, digest[::-1].copy()) != whole


def test_blocks_go_with_their_cohort(tmp_path):
    store = _store(tmp_path, (["s1"], ROWS))
    assert store.blocks().collect().height == 5
    drop_cohort(tmp_path / "store", "a")
    left = varhouse.open(tmp_path / "store")
    assert not left.blocks().collect().height
    assert not left.fields().collect().height
    assert verify(left) == []
    assert varhouse.open(tmp_path / "store", store.release).blocks().collect().height == 5
