"""A store that is asked again gives what one that is asked once gives, from pages."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from builders import counts, make_rows, make_store, variant
from polars.testing import assert_frame_equal

import varhouse
from varhouse.errors import StoreError
from varhouse.query.opened import OpenStore
from varhouse.query.pagefile import PageFile
from varhouse.query.placed import PlacedRows
from varhouse.query.warm import placed_rows
from varhouse.tables.schema import CONSEQUENCES, FREQUENCIES, TABLES, TOTALS, VARIANTS

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

CLINVAR = "annotations_clinvar"
ALLELES = 20_000


class Once(OpenStore):
    """A store that never knows that it was asked before: the slow way."""

    is_warm = False


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A script, found by the line above.
    from benchmark_ask_store import make_store as make_large  # noqa: PLC0415

    path = tmp_path_factory.mktemp("ask") / "store"
    make_large(path, ALLELES)
    return path


def both(path: Path) -> tuple[OpenStore, OpenStore]:
    """Open a store twice: asked before, and never warm."""
    warm = varhouse.open(path)
    warm._asked = 2
    slow = Once(warm.path, warm.meta, warm.record, warm.view)
    assert placed_rows(warm) is not None
    assert placed_rows(slow) is None
    return warm, slow


def regions(seed: int, n: int, width: int = 2_000_000) -> list[str]:
    rng = np.random.default_rng(seed)
    starts = rng.integers(1, 45_000_000, n)
    return [f"chr{rng.integers(1, 23)}:{s}-{s + rng.integers(width)}" for s in starts]


QUESTIONS: list[dict[str, Any]] = [
    {},
    {"columns": ["pos", "alt", "genes", "id", "faf95_c2", "call_rate_c3", "ac_adj_c1"]},
    {"where": 'impact == "HIGH" or af_c1 < 0.001'},
    {"where": 'gene like "G1%" and id is not null', "limit": 3},
    {"columns": ["clinvar.clnsig", "clinvar.n_records", "terms", "hgvsp", "an_c2", "pos"]},
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_answers_are_those_of_a_plan(path: Path, ask: dict[str, Any]) -> None:
    warm, slow = both(path)
    held = 0
    for region in regions(1, 12):
        found = warm.query(region, **ask)
        assert_frame_equal(found, slow.query(region, **ask))
        held += found.height
    assert held > 0


def test_everything_that_query_has(path: Path) -> None:
    warm, slow = both(path)
    columns = warm.describe("query")["column"].to_list()
    for region in regions(2, 3):
        ask = {"columns": columns}
        assert_frame_equal(warm.query(region, **ask), slow.query(region, **ask))


def test_ids_and_genes(path: Path) -> None:
    warm, slow = both(path)
    some = slow.ids().select("id").collect()["id"].gather_every(1_201).to_list()
    keys = slow.variants().select("contig", "pos", "ref", "alt").collect()
    names = ["-".join(map(str, row)) for row in keys.gather_every(2_003).rows()]
    for text in [*some, *names, "rs999999999999"]:
        assert_frame_equal(warm.query(ids=text), slow.query(ids=text))
    assert warm.query(ids=some[:3]).height == 3
    for gene in ("G1_0", "g3_10", "ENSG00500000007"):
        assert_frame_equal(warm.query(genes=gene), slow.query(genes=gene))


@pytest.mark.parametrize(
    "table", [VARIANTS.name, CONSEQUENCES.name, TOTALS.name, FREQUENCIES.name, CLINVAR]
)
def test_tables_by_place(path: Path, table: str) -> None:
    warm, slow = both(path)
    cohort = {"cohort": "c2"} if table == FREQUENCIES.name else {}
    held = 0
    width = 40_000_000 if table == CLINVAR else 2_000_000
    for region in regions(3, 8, width):
        found = warm.table(table, region, **cohort).collect()
        assert_frame_equal(found, slow.table(table, region, **cohort).collect())
        high = warm.table(table, region, **cohort).filter(pl.col("pos") % 2 == 0)
        assert_frame_equal(
            high.select("alt", "pos").head(5).collect(),
            found.filter(pl.col("pos") % 2 == 0).select("alt", "pos").head(5),
        )
        held += found.height
    assert held > 0


def test_the_pages_are_read_and_not_the_files(path: Path, monkeypatch: Any) -> None:
    # Without this the tests above could compare the slow way with itself.
    warm, _ = both(path)
    warm.query("chr1:1-3,000,000")
    for _ in range(4):
        warm.query("chr1:1-2,000,000")
    monkeypatch.setattr(pl, "scan_parquet", None)
    assert warm.query("chr1:1-1,000,000").height > 0
    assert warm.variants("chr1:1-1,000,000").collect().height > 0
    some = warm.frequencies("chr1:1-2,000,000", cohort="c1").select("pos", "af")
    assert some.filter(pl.col("af") > 0).collect().height > 0


def test_what_is_kept_is_bounded(path: Path, monkeypatch: Any) -> None:
    warm, slow = both(path)
    monkeypatch.setattr("varhouse.query.placed.ROOM", 200_000)
    monkeypatch.setattr("varhouse.query.placed.FILES", 100_000)
    monkeypatch.setattr("varhouse.query.idindex.ROOM", 10_000)
    for region in regions(4, 10):
        assert_frame_equal(warm.query(region), slow.query(region))
    assert warm.placed._held <= 200_000
    assert sum(s for s in warm.placed._sizes.values()) == warm.placed._held
    assert warm.placed._opened <= 100_000 or len(warm.placed._files) == 1
    assert warm.placed.ids._held <= 10_000 or len(warm.placed.ids._numbers) == 1


def test_a_command_asks_once_and_keeps_nothing(path: Path) -> None:
    store = varhouse.open(path)
    store.query("chr1:1-10")
    assert placed_rows(store) is None


# --- odd stores ---


def odd_store(path: Path) -> Path:
    """Long deletions, symbolic alleles, several ALTs of a site, two files a table."""
    alleles = ["chr1-95-ATTTTTTTTT-A", "chr1-100-A-C", "chr1-100-A-T", "chr1-200-G-A",
               "chr2-60-G-GA", "chr10-5-T-C", "chr10-9-T-C",
               # So long that the shorter deletion is looked at from far behind it.
               f"chr10-20-{'A' * 60}-A"]  # fmt: skip
    rows = {
        "variants": [variant(a) for a in alleles],
        "frequencies": [
            counts(a, 1 + i, 10, cohort=c, stratum_by="all", stratum="all")
            for c, some in (("a", alleles[:2]), ("b", alleles[2:5]))
            for i, a in enumerate(some)
        ],
        "cohorts": [{"cohort": "a"}, {"cohort": "b"}],
    }
    frames = {n: make_rows(TABLES[n], r) for n, r in rows.items()}
    return make_store(path, frames, pieces=2)


def test_alleles_that_reach_in_and_sites_of_others(tmp_path: Path) -> None:
    warm, slow = both(odd_store(tmp_path / "odd"))
    for region in (
        "chr1:96-99",
        "chr1:104",
        "chr1:105-199",
        "chr1:100",
        "chr10:1-9",
        "chrX:1-9",
    ):
        found = warm.query(region)
        assert_frame_equal(found, slow.query(region))
    site = warm.query("chr1:100", columns=["alt", "ac_a", "an_a", "ac_b", "an_b", "af_b"])
    assert site.filter(alt="T").rows() == [("T", 0, 10, 1, 10, 0.1)]


def test_symbolic_alleles_are_left_to_the_scan(tmp_path: Path) -> None:
    rows = [
        variant("chr1-10-A-C"),
        {**variant("chr1-20-G-<DEL>"), "extent": "500", "end": 520},
    ]
    path = make_store(tmp_path / "sv", {"variants": make_rows(VARIANTS, rows)})
    warm, slow = both(path)
    assert warm.placed.rows("variants", "chr1", 300, 400) is None
    found = warm.variants("chr1:300-400").collect()
    assert found["alt"].to_list() == ["<DEL>"]
    assert_frame_equal(found, slow.variants("chr1:300-400").collect())


# --- pages of files ---


def test_pages_are_rows_of_the_file(tmp_path: Path) -> None:
    n = 50_000
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "pos": np.sort(rng.integers(1, 10**6, n)).astype(np.int32),
            "text": pl.Series([f"t{i % 7}" if i % 5 else None for i in range(n)]),
            "long": pl.Series([f"text {i}" for i in range(n)]),
            "real": rng.random(n),
            "flag": rng.random(n) < 0.5,
            "small": pl.Series(rng.integers(-5, 5, n), dtype=pl.Int8),
            "none": pl.Series([None] * n, dtype=pl.Int32),
            "one": ["same"] * n,
        }
    )
    path = tmp_path / "file.parquet"
    pq.write_table(
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()), path, row_group_size=20_000,
        max_rows_per_page=1_000, data_page_size=1 << 28, write_page_index=True,
        compression="zstd", use_dictionary=["text", "one"],
        column_encoding={"pos": "DELTA_BINARY_PACKED"},
    )  # fmt: skip
    file = PageFile(path)
    columns = frame.columns
    for group, rows in ((0, 20_000), (1, 20_000), (2, 10_000)):
        assert file.page_rows(group, columns) == list(range(0, rows + 1, 1_000))
        low, high = file.page_bounds(group, "pos") or ([], [])
        own = frame.slice(group * 20_000, rows)["pos"]
        assert [int.from_bytes(b, "little") for b in low] == own.gather_every(1_000).to_list()
        assert [int.from_bytes(b, "little") for b in high] == own.gather_every(
            1_000, offset=999
        ).to_list()
        found = pl.DataFrame(file.read(group, columns, 3, 5))
        assert_frame_equal(found, frame.slice(group * 20_000 + 3_000, 3_000))
    assert file.constant(0, "one") == "same"
    assert file.constant(0, "text") is None
    assert file.may_hold_text(1, "long", 0, "text 20005")
    assert not file.may_hold_text(1, "long", 0, "text 21005")


def test_files_without_an_index_are_left_to_the_scan(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    pq.write_table(pl.DataFrame({"pos": [1, 2]}).to_arrow(), path)
    assert PageFile(path).page_rows(0, ["pos"]) is None
    assert PageFile(path).page_bounds(0, "pos") is None


def test_a_damaged_file_is_told(path: Path, tmp_path: Path) -> None:
    warm, _ = both(path)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no file of rows at all")
    with pytest.raises(StoreError, match="cannot be read"):
        PlacedRows(warm).file(broken)
