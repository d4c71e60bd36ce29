"""Counts at bases from rows that lie over each other, in several files and row groups."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from varhouse.tables import atsites
from varhouse.tables.atsites import COUNTS, at_sites
from varhouse.tables.schema import CALLABLE
from varhouse.tables.shards import write_shard

CONTIGS = ("1", "10", "HLA-A*01:01", "Y")
STRATA = (("all", "all"), ("sex", "male"))


def some_rows(rng: np.random.Generator, n: int) -> pl.DataFrame:
    start = rng.integers(1, 5_000, n).astype(np.int32)
    stratum = rng.integers(0, 2, n)
    return pl.DataFrame(
        {
            "contig": [CONTIGS[k] for k in rng.integers(0, 3, n)],
            "stratum_by": [STRATA[k][0] for k in stratum],
            "stratum": [STRATA[k][1] for k in stratum],
            "start": start,
            "end": start + rng.integers(0, 300, n).astype(np.int32),
            **{c: rng.integers(1, 9, n).astype(np.int32) for c in COUNTS},
        }
    )


def test_rows_add_up_over_files_contigs_and_row_groups(tmp_path, monkeypatch):
    # Batches that end within a contig and stratum.
    monkeypatch.setattr(atsites, "_BATCH_ROWS", 1_000)
    rng = np.random.default_rng(4)
    frames = [some_rows(rng, n) for n in (20_000, 300)]
    shards = [
        write_shard(rows, CALLABLE, tmp_path, f"c{k}", {"cohort": "a", "part": "other"})
        for k, rows in enumerate(frames)
    ]
    paths = [s.path for s in shards if s is not None]
    assert pq.read_metadata(paths[0]).num_row_groups > 2
    sites = pl.DataFrame(
        {
            "contig": [c for c in CONTIGS for _ in range(40)],
            "pos": rng.integers(1, 6_000, 40 * len(CONTIGS)),
        },
        schema={"contig": pl.String, "pos": pl.Int32},
    )
    found = at_sites(paths, sites)
    told = {tuple(r[:4]): r[4:] for r in found.iter_rows()}
    assert len(told) == found.height
    rows = pl.concat(frames)
    over = 0
    for contig, pos in sites.unique().rows():
        here = rows.filter(
            pl.col("contig") == contig, pl.col("start") <= pos, pl.col("end") >= pos
        )
        for by, value in STRATA:
            mine = here.filter(stratum_by=by, stratum=value)
            if mine.height:
                assert told.pop((contig, pos, by, value)) == mine.select(COUNTS).sum().row(0)
                over += mine.height > 1
    assert not told
    assert over > 50
    # A file of which no row group can hold a base is opened, and no more.
    assert at_sites(paths, sites.filter(contig="Y")).is_empty()
    assert at_sites([], sites).is_empty()


@pytest.mark.parametrize("pos", [1, 7, 8])
def test_a_base_at_the_ends_of_a_stretch(tmp_path, pos):
    row = {"contig": "1", "stratum_by": "all", "stratum": "all", "start": 2, "end": 7}
    rows = pl.DataFrame(
        [row | dict.fromkeys(COUNTS, 3)], schema_overrides=CALLABLE.polars_schema
    )
    shard = write_shard(rows, CALLABLE, tmp_path, "c", {"cohort": "a", "part": "1"})
    sites = pl.DataFrame({"contig": ["1"], "pos": [pos]}, schema_overrides={"pos": pl.Int32})
    assert at_sites([shard.path], sites).height == (pos == 7)
