"""38 gVCFs through an ingested store against hail's VDS: AN and AC, plain and adj.

Hail's AN counts a reference block whether it has a read or not: that is `an_written`. Its adj
is gnomAD's (GQ 20, DP 10, of a block its DP): `an_adj` and `ac_adj`. What a store calls `an`
is neither; hail has no figure for it.
"""

import gzip
from pathlib import Path

import polars as pl
import pytest
from gvcf_cases import NO_SEQUENCE, Case, hail_rows, normal
from gvcf_store import Answers, Moved, stamped

LENGTH = 50_818_468
"""Bases of chr22 in GRCh38, as the files declare it."""


@pytest.fixture(scope="module")
def fx_hail(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    paths = sorted((data_dir / "gvcf/hail-1kg-chr22/1kg_chr22").glob("*.g.vcf.gz"))
    assert len(paths) == 38
    files = {p.name.partition(".")[0]: gzip.decompress(p.read_bytes()).decode() for p in paths}
    genome = {"chr22": stamped(files.values(), "chr22", 0, LENGTH)}
    case = Case("hail", files, "", "hail")
    answers = Answers(tmp_path_factory.mktemp("hail"), Moved([case], genome, {}), strata=[])
    assert answers.held_back == {}
    return answers


@pytest.mark.parametrize(
    ("name", "an", "ac"),
    [("sites.AC_AN.tsv", "an_written", "ac"), ("sites.adj.AC_AN.tsv", "an_adj", "ac_adj")],
)
def test_counts_of_hail(
    fx_hail: Answers, oracles_dir: Path, name: str, an: str, ac: str
) -> None:
    rows = hail_rows(oracles_dir, name)
    assert len(rows) == 106  # every fourth of 422
    frequencies = fx_hail.store.scan("frequencies").filter(pl.col("stratum") == "all")
    held = {
        row[:3]: row[3:]
        for row in frequencies.select("pos", "ref", "alt", ac, an).collect().rows()
    }
    bases = fx_hail.moved.genome["chr22"]
    compared = 0
    for row in rows:
        assert fx_hail.at("chr22", row.pos)[an] == row.an, row
        for alt, copies in zip(row.alleles[1:], row.ac[1:], strict=True):
            if NO_SEQUENCE.search(alt):
                continue
            key = normal(bases, row.pos, row.alleles[0], alt)
            mine = held.get(key, (0, row.an))
            assert mine[0] == copies, (row, key)
            if key[0] == row.pos:
                assert mine[1] == row.an, (row, key)
            compared += 1
    assert compared >= 106


def test_most_of_hails_an_is_blocks_without_reads(fx_hail: Answers) -> None:
    """Why `an` is not hail's AN: in these files 97 % of it stands on no read at all."""
    rows = fx_hail.store.scan("callable").collect()
    bases = pl.col("end") - pl.col("start") + 1
    written, called = rows.select(
        (bases.cast(pl.Int64) * pl.col(c)).sum().alias(c) for c in ("an_written", "an")
    ).row(0)
    assert 0.02 < called / written < 0.03
