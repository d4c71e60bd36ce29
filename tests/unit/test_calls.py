"""Calls asked of a store: rows, carriers, matrices and SQL, against the lines of the files."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from calls_store import FILES, GENOME, SHEET, base, make_calls_store, other

import varhouse
from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.genotypes.calls import parse_gt
from varhouse.query import records
from varhouse.query.callrows import CALL_SCHEMA, iter_calls
from varhouse.query.opened import OpenStore
from varhouse.query.sql import run_sql

DELETED = "chr1-101-GAC-G"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    return varhouse.open(make_calls_store(tmp_path_factory.mktemp("calls")))


def cells(files: list[str]) -> list[tuple]:
    """List every call of the files: contig, pos, ref, alt, sample, GT or None."""
    found = []
    for name in files:
        samples, lines = FILES[name]
        for contig, pos, ref, alt, form, calls in lines:
            for sample, cell in zip(samples, calls, strict=True):
                gt = cell.split(":")[0] if form.startswith("GT") else None
                found.append((contig, pos, ref, alt, sample, gt))
    return found


def asked(frame: pl.LazyFrame) -> list[tuple]:
    return frame.select("contig", "pos", "ref", "alt", "sample", "gt").collect().rows()


def in_order(rows: list[tuple]) -> list[tuple]:
    return sorted(rows, key=lambda r: r[:2])


@pytest.mark.parametrize("size", [1, 4_000_000])
def test_calls_are_the_cells(
    store: OpenStore, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "CALLS", size)
    monkeypatch.setattr(records, "LEAST", 1)
    assert asked(store.calls(cohort="a")) == cells(["a1"])
    assert asked(store.calls(cohort="b")) == in_order(cells(["b1", "b2"]))
    every = store.calls().collect()
    assert every["cohort"].rle().struct.field("value").to_list() == ["a", "b"]
    assert every.height == len(cells(["a1", "b1", "b2"]))


@pytest.mark.parametrize("size", [1, 4_000_000])
def test_calls_of_some(store: OpenStore, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CALLS", size)
    monkeypatch.setattr(records, "LEAST", 1)
    one = [c for c in cells(["a1"]) if c[4] == "s2"]
    assert asked(store.calls(cohort="a", samples="s2")) == one
    both = [c for c in in_order(cells(["b1", "b2"])) if c[4] in ("t2", "t0")]
    assert asked(store.calls(samples=["t2", "t0"])) == both
    # REF of the record at 30 covers base 31.
    near = [c for c in cells(["a1"]) if c[0] == "chr1" and c[1] in (30, 40)]
    assert asked(store.calls("chr1:31-40", cohort="a")) == near
    women = [c for c in cells(["a1"]) if c[4] in ("s1", "s3")]
    assert asked(store.calls(people='sex == "female"', cohort="a")) == women
    lazy = store.calls(cohort="a").filter(pl.col("sample") == "s0").select("gt").head(2)
    assert lazy.collect().to_series().to_list() == ["0/0", "1/2"]


def test_calls_that_are_left_may_be_cleared_away_by_the_thread_that_reads_ahead(
    store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage is collected by any thread; one that waits for itself would never end."""
    own, is_left, done = records.scan_piece, threading.Event(), threading.Event()
    held: list[Iterator[pl.DataFrame]] = []
    asked_for: list[records.Piece] = []

    def scan(store, table, window, **more):
        asked_for.append(window)
        if len(asked_for) == 2:
            is_left.wait(10)
            held.clear()
            done.set()
        return own(store, table, window, **more)

    monkeypatch.setattr(records, "scan_piece", scan)
    piece = records.Piece("chr1", 1, 200)
    found = records._read_ahead(store, "a", [piece] * 3)
    held.append(found)
    next(found)
    del found
    is_left.set()
    # An exception of the generator would be told as one that nobody caught.
    assert done.wait(10)


@pytest.mark.parametrize(
    "name",
    [DELETED, "chr1-115-CAC-C", "chr1-103-CAC-C", "chr1:100:GAC:G", "chr1:g.116_117del"],
)
def test_an_allele_is_found_however_it_is_written(store: OpenStore, name: str) -> None:
    found = asked(store.calls(ids=name))
    expected = [c for c in cells(["a1", "b1"]) if (c[1], c[3]) in ((115, "C"), (101, "G"))]
    assert found == expected


def copies(contig: str, pos: int, alt: str, *, ref: str | None = None) -> list[tuple]:
    """List carriers, the slow way: cohort, sample, copies, GT."""
    found = []
    for name, cohort in (("a1", "a"), ("b1", "b"), ("b2", "b")):
        for c, p, r, alts, sample, gt in cells([name]):
            for i, a in enumerate(alts.split(","), 1):
                if (c, p, a) == (contig, pos, alt) and (ref is None or r == ref) and gt:
                    n = (parse_gt(gt) or []).count(i)
                    if n:
                        found.append((cohort, sample, n, gt))
    return found


def test_carriers_across_cohorts(store: OpenStore) -> None:
    ten = store.carriers(ids=f"chr1-10-{base(10)}-{other(10)}")
    kept = ten.select("cohort", "sample", "copies", "gt").rows()
    assert kept == copies("chr1", 10, other(10))
    sheet = {(c, s): (x, p or None, v or None) for c, s, x, p, v in SHEET}
    told = ten.select("cohort", "sample", "sex", "population", "province").rows()
    assert told == [(c, s, *sheet[c, s]) for c, s, *_ in told]
    # A padded SNV is the same allele as the plain one of the other cohort.
    padded = store.carriers(ids=f"chr1-31-{base(31)}-{other(31)}", sheet=False)
    expected = copies("chr1", 30, GENOME[29] + other(31)) + copies("chr1", 31, other(31))
    assert padded.select("cohort", "sample", "copies", "gt").rows() == expected
    assert padded["pos"].unique().to_list() == [31]
    deleted = store.carriers(ids=DELETED, people='sex == "male"')
    assert deleted.select("sample", "copies").rows() == [("s0", 1), ("s2", 2), ("t0", 1)]


def test_carriers_of_a_region_have_a_row_an_allele(store: OpenStore) -> None:
    found = store.carriers("chr1:20", cohort="a").select("alt", "sample", "copies").rows()
    assert found == [
        (other(20), "s0", 1), (other(20, 1), "s0", 1), (other(20, 1), "s1", 1),
        (other(20, 1), "s2", 1),
    ]  # fmt: skip
    assert store.carriers("chr1:40").is_empty()
    everything = store.carriers()
    assert everything.height == sum(
        (parse_gt(gt) or []).count(i) > 0
        for _, _, _, alts, _, gt in cells(["a1", "b1", "b2"])
        for i in range(1, alts.count(",") + 2)
        if gt
    )


@pytest.mark.parametrize("size", [1, 4_000_000])
def test_dosage(store: OpenStore, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CALLS", size)
    monkeypatch.setattr(records, "LEAST", 1)
    got = store.dosage(cohort="a")
    assert got.samples == ["s0", "s1", "s2", "s3"]
    assert got.dosage.shape == (4, got.alleles.height)
    # Of the record without GT nothing is known.
    expected = []
    for _, pos, _, alts, form, calls in FILES["a1"][1]:
        for i in range(1, alts.count(",") + 2):
            if form.startswith("GT"):
                read = [parse_gt(c.split(":")[0]) or [] for c in calls]
                expected.append([-1 if -1 in a else a.count(i) for a in read])
            else:
                assert pos == 200
    assert got.dosage.T.tolist() == [expected[k] for k in _by_key(got.alleles)]
    b = store.dosage(cohort="b")
    ten = b.dosage[:, b.alleles["pos"].to_list().index(10)]
    assert ten.tolist() == [1, 2, 1]
    sixty = b.dosage[:, b.alleles["pos"].to_list().index(60)]
    assert sixty.tolist() == [-1, -1, 1]
    two = store.dosage("chr1:10", cohort="a", samples=["s3", "s1"])
    assert (two.samples, two.dosage.tolist()) == (["s1", "s3"], [[1], [-1]])


def _by_key(alleles: pl.DataFrame) -> list[int]:
    """Give the order of the alleles of a1, of which the deletion moves left."""
    order = [(c, p) for c, p, *_ in alleles.rows()]
    assert order == [
        ("chr1", 10), ("chr1", 20), ("chr1", 20), ("chr1", 31), ("chr1", 40), ("chr1", 101),
        ("chr1", 210), ("chrX", 50),
    ]  # fmt: skip
    return list(range(8))


def test_alleles(store: OpenStore) -> None:
    got = store.alleles(cohort="a")
    assert got.alleles.shape == (4, 8, 3)
    expected = []
    for *_, form, calls in FILES["a1"][1]:
        read = [
            parse_gt(c.split(":")[0]) or [] if form.startswith("GT") else [] for c in calls
        ]
        expected.append([a + [-2] * (3 - len(a)) for a in read])
    assert got.alleles.transpose(1, 0, 2).tolist() == expected
    b = store.alleles("chr1", cohort="b")
    assert b.records["pos"].to_list() == [10, 10, 31, 60, 101]
    assert b.alleles[:, 0].tolist() == [[0, 1], [1, 1], [-1, -1]]
    assert b.alleles.dtype == np.int16


def test_sql_has_the_same_calls(store: OpenStore) -> None:
    text = "SELECT cohort, contig, pos, record, sample, gt, alleles FROM calls"
    result = run_sql(store, text + " ORDER BY cohort, contig, pos, file, record, sample")
    rows = [r for frame in result.batches for r in frame.rows()]
    calls = store.calls().sort("cohort", "contig", "pos", "file", "record", "sample")
    plain = calls.select("cohort", "contig", "pos", "record", "sample", "gt").collect().rows()
    assert [r[:6] for r in rows] == plain
    for *_, gt, alleles in rows:
        read = None if gt is None else [None if a < 0 else a for a in parse_gt(gt) or []]
        assert alleles == read


def test_fields_are_typed_columns(store: OpenStore) -> None:
    every = store.calls(cohort="a", fields=True)
    assert dict(every.collect_schema()) | {
        "DP": pl.Int32, "AD": pl.List(pl.Int32), "DS": pl.List(pl.Float64), "XX": pl.String,
    } == dict(every.collect_schema())  # fmt: skip
    forty = every.filter(pl.col("pos") == 40).select("sample", "AD", "DP", "DS", "XX")
    assert forty.collect().rows() == [
        ("s0", [3, 1], 4, [0.25], "a"), ("s1", [None, 2], None, None, None),
        ("s2", None, None, None, None), ("s3", None, 7, None, "b,c"),
    ]  # fmt: skip
    depths = every.filter(pl.col("DP").is_not_null()).select("pos", "sample", "DP")
    assert depths.collect().rows() == [
        (20, "s0", 3), (20, "s1", 4), (20, "s2", 5), (40, "s0", 4), (40, "s3", 7),
        (200, "s0", 1), (200, "s1", 2), (200, "s2", 3), (200, "s3", 4),
    ]  # fmt: skip
    one = store.calls("chr1:40", samples=["s3", "s1"], fields=["XX"]).collect()
    assert store.calls("chr1:40", samples=["s3", "s1"], fields="XX").collect().equals(one)
    assert one.select("sample", "XX").rows() == [("s1", None), ("s3", "b,c")]
    carriers = store.carriers("chr1:20", cohort="a", fields=["DP"])
    assert carriers["DP"].to_list() == [3, 3, 4, 5]
    assert carriers.columns[-3:] == ["sex", "population", "province"]


def test_a_comma_in_a_key_and_a_key_that_stands_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, lines = FILES["a1"]
    odd = (
        "chr1",
        230,
        base(230),
        other(230),
        "GT:A,B:DP:DP",
        ["0/1:p:1:2", "0/1:.:007", *["0/1"] * 2],
    )
    monkeypatch.setitem(FILES, "a1", (samples, [*lines[:-1], odd, lines[-1]]))
    own = varhouse.open(make_calls_store(tmp_path))
    kept = own.calls("chr1:230", cohort="a", fields=True).collect()
    assert kept.row(0, named=True).items() >= {"A,B": "p", "DP": 1, "DP:2": "2"}.items()
    assert not {"A", "B"} & set(kept.columns)
    # What is no plain number is none; its text is kept.
    assert kept["DP"].to_list() == [1, None, None, None]
    one = own.calls("chr1:230", cohort="a", fields=["A,B"]).collect()
    assert one["A,B"].to_list() == ["p", ".", None, None]


def test_fields_as_text(store: OpenStore) -> None:
    asked = store.asked("chr1:40", None, None, "a", None, None)
    fields = store.fields_of(asked, True, CALL_SCHEMA, typed=False)
    (frame,) = iter_calls(store, asked, fields)
    assert frame.select("AD", "DP", "DS", "XX").rows() == [
        ("3,1", "4", "0.25", "a"), (".,2", ".", None, None), (None,) * 4,
        (".", "7", ".", "b,c"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no FORMAT field 'DO'"):
        store.calls(cohort="a", fields=["DO"])


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ({"cohort": "c"}, StoreError, "no cohort 'c'"),
        ({"samples": "s9"}, StoreError, "no sample 's9'"),
        ({"region": "chr9"}, UsageError, "chr9"),
        ({"ids": "rs1", "cohort": "zz"}, StoreError, "zz"),
    ],
)
def test_mistakes(store: OpenStore, question: dict, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        store.calls(**question).collect()


def test_calls_are_not_public(store: OpenStore) -> None:
    public = varhouse.open(store.path, audience="public")
    with pytest.raises(AccessError, match="not public"):
        public.carriers("chr1")
    with pytest.raises(UsageError, match="calls"):
        run_sql(public, "SELECT * FROM calls")
