"""A plan says which files, row groups and bytes a scan reads, and the scan reads no others."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from store_builders import CONTIGS, fill, new_store

from varhouse.errors import StoreError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.store.commit import commit, init_store
from varhouse.store.reader import open_store
from varhouse.store.touched import recording
from varhouse.tables.schema import COHORTS, FREQUENCIES, VARIANTS
from varhouse.tables.shards import Manifest, write_shard

ROWS = 100_000
BASES = 2_000_000


def alleles(contig: str, positions: range, ref: str = "A") -> pl.DataFrame:
    """Make rows of the table variants at some positions."""
    one = fill(VARIANTS, [{"contig": contig, "ref": ref, "alt": "C", "type": "snv"}])
    pos = pl.Series("pos", positions, dtype=pl.Int32)
    rows = pl.concat([one] * len(pos)).with_columns(pos, part=pl.lit(contig))
    return rows.with_columns(end=pl.col("pos") + len(ref) - 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contig with a file of four row groups, then one of one; another contig with one."""
    path = tmp_path_factory.mktemp("plan") / "s"
    init_store(
        path,
        "demo",
        Contigs([Contig("1", [], length=BASES), Contig("2", ["chr2"], length=BASES)]),
    )
    work = path / "_staging" / "w"
    files = [("1", range(10, 10 * ROWS, 10)), ("1", range(1_500_000, 1_500_100)),
             ("2", range(1, 50))]  # fmt: skip
    shards = [
        write_shard(alleles(contig, pos), VARIANTS, work, f"v{i}", {"part": contig})
        for i, (contig, pos) in enumerate(files)
    ]
    for cohort in ("a", "b"):
        one = {"cohort": cohort, "contig": "1", "pos": 5, "ref": "A", "alt": "C", "part": "1"}
        where = {"cohort": cohort, "part": "1"}
        rows = fill(FREQUENCIES, [one])
        shards.append(write_shard(rows, FREQUENCIES, work, f"f{cohort}", where))
        rows = fill(COHORTS, [{"cohort": cohort}])
        shards.append(write_shard(rows, COHORTS, work, f"c{cohort}", {"cohort": cohort}))
    manifest = Manifest([s for s in shards if s], [], [])
    commit(path, [manifest], ingest_id="i", operation="ingest", base_release=1)
    return path


def test_files_are_left_out_for_a_reason(path: Path) -> None:
    store = open_store(path)
    whole = store.plan("variants")
    assert (whole.files.height, whole.left_out) == (3, {})
    plan = store.plan("variants", "1:1,400,000-1,600,000")
    assert plan.left_out == {"of another contig": 1, "before the region": 1}
    assert plan.files.height == 1
    plan = store.plan("variants", "chr2")
    assert plan.left_out == {"of another contig": 2}
    plan = store.plan("variants", "1:500,000")
    assert plan.left_out == {"of another contig": 1, "behind the region": 1}
    plan = store.plan("frequencies", cohort="b")
    assert plan.left_out == {"of another cohort": 1}
    plan = store.plan("frequencies", "1:6-9", cohort=["a", "b"])
    assert plan.left_out == {"before the region": 2}
    assert not plan.files.height
    assert store.plan("genes").left_out == {}
    for frame in (whole, plan):
        assert frame.files.height + sum(frame.left_out.values()) == frame.listed.height


def test_row_groups_and_bytes_are_those_of_the_footers(path: Path) -> None:
    store = open_store(path)
    plan = store.plan("variants", "1:400,000-400,100")
    assert plan.row_groups["kept"].to_list() == [False, True, False, False]
    assert plan.row_groups["rows"].sum() == ROWS - 1
    footer = pq.read_metadata(store.path / "open/variants" / plan.files["path"][0])
    group = footer.row_group(1)
    sizes = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert plan.bytes() == {n: c.total_compressed_size for n, c in sizes.items()}
    assert list(plan.bytes(["alt", "pos", "part"])) == ["pos", "alt"]
    # One that reaches over from the row group before.
    border = int(store.scan("variants").collect()["pos"][32_768])
    assert store.plan("variants", f"1:{border}").row_groups["kept"].sum() == 1
    assert store.plan("variants", f"1:{border - 1}-{border}").row_groups["kept"].sum() == 1
    assert store.plan("variants", f"1:{border - 10}-{border}").row_groups["kept"].sum() == 2
    assert store.plan("variants").row_groups["kept"].all()
    assert store.explain("variants", "1:400,000") == (
        f"1 of 3 files, 1 of 4 row groups, {sum(plan.bytes().values()):,} bytes"
    )
    assert store.explain("genes") == "0 of 0 files, 0 of 0 row groups, 0 bytes"


def test_what_a_plan_leaves_out_is_not_read(path: Path, tmp_path: Path) -> None:
    """Row groups that are left out hold rubbish: the scan gives the same rows."""
    store = open_store(path)
    region = "1:700,000-700,100"
    plan = store.plan("variants", region)
    want = store.variants(region).collect()
    file = store.path / "open/variants" / plan.files["path"][0]
    footer, kept = pq.read_metadata(file), plan.row_groups["kept"].to_list()
    assert kept == [False, False, True, False]
    assert want.height == 11
    data = bytearray(file.read_bytes())

    def spoil(number: int) -> None:
        for i in range(footer.num_columns):
            column = footer.row_group(number).column(i)
            first = column.dictionary_page_offset or column.data_page_offset
            data[first : first + column.total_compressed_size] = (
                b"\xff" * column.total_compressed_size
            )

    sound = bytes(data)
    try:
        for number in (0, 1, 3):
            spoil(number)
        file.write_bytes(data)
        assert open_store(path).variants(region).collect().equals(want)
        spoil(2)
        file.write_bytes(data)
        with pytest.raises(pl.exceptions.PolarsError):
            open_store(path).variants(region).collect()
    finally:
        file.write_bytes(sound)


def test_mistakes_are_those_of_a_scan(path: Path) -> None:
    store = open_store(path)
    with pytest.raises(UsageError):
        store.plan("variants", "zz:1-2")
    with pytest.raises(StoreError, match="no positions"):
        store.plan("cohorts", "1:1-2")
    with pytest.raises(StoreError, match="not partitioned"):
        store.plan("variants", cohort="a")
    with pytest.raises(StoreError, match="no cohort"):
        store.plan("frequencies", cohort="zz")


def test_what_is_read_is_recorded_with_its_columns(path: Path) -> None:
    store = open_store(path)
    want = store.variants("1:700,000-700,100").select("alt").collect()
    with recording() as touched:
        got = store.variants("1:700,000-700,100").select("alt").collect()
        assert store.variants("1:20-30").collect().height == 2
        assert store.genes().collect().height == 0
    assert got.equals(want)
    assert store.variants("1:20-30").collect().height == 2
    assert [plan.declared.name for plan, _ in touched.scans] == ["variants"] * 2
    columns = set(touched.scans[0][1])
    assert {"alt", "pos"} <= columns
    assert not columns & {"vrs_id", "hgvs_g", "type"}
    assert touched.scans[1][1] == list(VARIANTS.names)


def test_records_of_a_small_store(tmp_path: Path) -> None:
    store = open_store(new_store(tmp_path / "s"))
    with recording() as touched:
        assert store.contigs().select("contig").collect().height == len(CONTIGS.contigs)
    assert [columns for _, columns in touched.scans] == [["contig"]]
