"""Shards and manifests: sorted, checked, described, and read back."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from store_builders import fill

from varhouse.errors import SchemaError, StoreError
from varhouse.tables.digest import combine
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import (
    COHORTS,
    FREQUENCIES,
    TOTALS,
    VARIANTS,
    Column,
    Encoding,
    Table,
    annotation_table,
)
from varhouse.tables.shards import (
    ROW_GROUP,
    Manifest,
    ShardWriter,
    read_manifest,
    write_manifest,
    write_shard,
)

ROWS = [
    {"contig": "1", "pos": 9, "ref": "A", "alt": "T"},
    {"contig": "1", "pos": 5, "ref": "ACGT", "alt": "A"},
]


def test_a_shard_is_sorted_and_described(tmp_path: Path) -> None:
    frame = fill(VARIANTS, ROWS)
    shard = write_shard(frame.drop("part"), VARIANTS, tmp_path / "w", "v", {"part": "1"})
    assert shard is not None
    found = pl.read_parquet(shard.path, hive_partitioning=False)
    assert found["pos"].to_list() == [5, 9]
    assert found.columns == [c for c in VARIANTS.names if c != "part"]
    assert (shard.rows, shard.bytes) == (2, (tmp_path / "w" / "v.parquet").stat().st_size)
    assert shard.digest == digest_frame(frame, VARIANTS)
    assert shard.span == 4
    assert shard.stats["numRecords"] == 2
    assert (shard.stats["minValues"]["pos"], shard.stats["maxValues"]["pos"]) == (5, 9)


def test_row_groups_and_compression(tmp_path: Path) -> None:
    frame = fill(VARIANTS, [ROWS[0]])
    many = frame.select(pl.all().repeat_by(ROW_GROUP + 5).explode())
    shard = write_shard(many, VARIANTS, tmp_path, "v", {"part": "1"})
    assert shard is not None
    meta = pq.read_metadata(shard.path)
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [ROW_GROUP, 5]
    assert meta.row_group(0).column(0).compression == "ZSTD"


def test_no_rows_no_shard(tmp_path: Path) -> None:
    assert write_shard(fill(VARIANTS, []), VARIANTS, tmp_path, "v", {"part": "1"}) is None
    assert not list(tmp_path.iterdir())


def test_statistics_of_all_bounded_columns_and_no_others(tmp_path: Path) -> None:
    """Names of bounded columns count only where the column is never null."""
    table = annotation_table("x", {"af": pl.Float64, "ac": pl.Int32, "id": pl.String})
    row = {**ROWS[0], "af": math.nan, "ac": 3, "id": "x"}
    shard = write_shard(fill(table, [row]), table, tmp_path, "x", {"part": "1"})
    assert shard is not None
    for side in ("minValues", "maxValues", "nullCount"):
        assert shard.stats[side].keys() == {"contig", "pos", "extent"}


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    frame = fill(FREQUENCIES, ROWS)
    with pytest.raises(SchemaError, match="partition"):
        write_shard(frame, FREQUENCIES, tmp_path, "f", {"part": "1"})
    with pytest.raises(SchemaError, match="missing columns"):
        write_shard(frame.drop("ac"), FREQUENCIES, tmp_path, "f", {"part": "1", "cohort": "a"})
    assert not list(tmp_path.iterdir())


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    """Also from elsewhere: paths are relative to the manifest."""
    work = tmp_path / "work"
    shard = write_shard(
        fill(COHORTS, [{"cohort": "a"}]), COHORTS, work / "s", "c", {"cohort": "a"}
    )
    assert shard is not None
    replace = [("variants", {"part": "1"}), ("cohorts", {"cohort": "a"})]
    write_manifest(work / "m.json", [shard, None], replace, [("ids", "part=1/x.parquet")])
    work.rename(tmp_path / "moved")
    found = read_manifest(tmp_path / "moved" / "m.json")
    assert found == Manifest(
        [type(shard)(**{**shard.__dict__, "path": str(tmp_path / "moved/s/c.parquet")})],
        replace,
        [("ids", "part=1/x.parquet")],
    )
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(StoreError, match="is no manifest"):
        read_manifest(tmp_path / "m.json")


def test_pieces_make_the_same_shard_as_the_whole(tmp_path):
    rng = np.random.default_rng(5)
    n = 700
    frame = pl.DataFrame(
        {
            "contig": ["c1"] * n,
            "pos": np.sort(rng.integers(1, 10_000, n)).astype(np.int32),
            "ref": rng.choice(["A", "ACC"], n),
            "alt": [f"T{'G' * (i % 50)}{i}" for i in range(n)],
            "extent": [""] * n,
            "stratum_by": ["all"] * n,
            "stratum": ["all"] * n,
            **{
                c: rng.integers(0, 50, n).astype(np.int32)
                for c, t in TOTALS.polars_schema.items()
                if t == pl.Int32 and c != "pos"
            },
            **{
                c: [None if i % 3 else i / n for i in range(n)]
                for c, t in TOTALS.polars_schema.items()
                if t == pl.Float64
            },
            **{
                c: [i % 2 == 0 for i in range(n)]
                for c, t in TOTALS.polars_schema.items()
                if t == pl.Boolean
            },
        }
    ).sort(TOTALS.sort)
    # Whatever else a row of totals says.
    rest = {c.name: c for c in TOTALS.columns if c.name not in {*frame.columns, "part"}}
    frame = frame.with_columns(
        pl.lit(None if c.nullable else 0).cast(c.dtype).alias(n) for n, c in rest.items()
    )
    part = {"part": "c1"}
    whole = write_shard(frame, TOTALS, tmp_path, "whole", part)
    writer = ShardWriter(TOTALS, tmp_path, "pieces", part, max_rows=500)
    for i in range(0, n, 90):
        writer.add(frame[i : i + 90].sample(fraction=1, shuffle=True, seed=i))
    shards = writer.close()
    assert [s.rows for s in shards] == [540, 160]
    assert combine(s.digest for s in shards) == whole.digest
    read = pl.concat(pl.read_parquet(s.path, hive_partitioning=False) for s in shards)
    assert read.equals(pl.read_parquet(whole.path, hive_partitioning=False))
    joined = [s.stats for s in shards]
    assert sum(s["numRecords"] for s in joined) == whole.stats["numRecords"]
    for side, choose in (("minValues", min), ("maxValues", max)):
        assert {c: choose(s[side][c] for s in joined) for c in joined[0][side]} == whole.stats[
            side
        ]
    assert max(s.span for s in shards) == whole.span
    with pytest.raises(SchemaError, match="comes after"):
        writer.add(frame[:1])


def test_a_table_says_how_its_files_are_written(tmp_path: Path) -> None:
    """Bits have no dictionary and no bounds; long rows make short row groups."""
    rows = pl.DataFrame(
        {"n": range(600), "bits": [[bytes([i % 7]) * 5_000] for i in range(600)]},
        schema={"n": pl.Int32, "bits": pl.List(pl.Binary)},
    ).with_columns(packed=pl.lit(bytes(100)), text=pl.lit("a"))
    table = Table(
        "t",
        "open",
        "",
        tuple(Column(n, t, "") for n, t in rows.schema.items()),
        sort=("n",),
        encoding=Encoding(
            level=3,
            row_group=400,
            group_bytes=1 << 20,
            page=1 << 16,
            plain=frozenset({"bits"}),
            packed=frozenset({"packed"}),
        ),
    )
    shard = write_shard(rows, table, tmp_path, "one", {})
    writer = ShardWriter(table, tmp_path, "pieces", {})
    writer.add(rows)
    for path in (shard.path, writer.close()[0].path):
        assert pl.read_parquet(path).equals(rows)
        meta = pq.ParquetFile(path).metadata
        assert meta.num_row_groups == 3
        held = {}
        for i in range(meta.num_columns):
            column = meta.row_group(0).column(i)
            held[column.path_in_schema.split(".")[0]] = column
        assert [held[n].compression for n in ("bits", "packed", "text")] == [
            "ZSTD", "UNCOMPRESSED", "ZSTD",
        ]  # fmt: skip
        assert [held[n].has_dictionary_page for n in ("bits", "packed", "text")] == [
            False, False, True,
        ]  # fmt: skip
        assert held["bits"].statistics is None
        assert held["n"].statistics.max == meta.row_group(0).num_rows - 1
        assert held["n"].has_offset_index
