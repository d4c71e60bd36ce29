"""Relatives among 1,126 people of 1000 Genomes: plink2's pairs, from a store.

The oracle is `plink2 --make-king-table` over all 24,144 biallelic variants of autosomes
(plink2-uwgac/ of oracles/relatedness, see its SOURCE.md).
"""

import polars as pl
import pytest
from cohorts import CHR1_REFERENCE, read_panel, write_config
from inprocess import ingest_here

import varhouse
from varhouse.people.king import kinship_pairs
from varhouse.people.kinship import related
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.settings import PeopleSettings, SiteSettings

FOLDER = "cohorts/uwgac-1kg-genomewide"
ORACLE = "relatedness/plink2-uwgac/king.all-biallelic-autosomal.ge0.03.kin0"
ALL = SiteSettings(
    least_af=0, call_rate=0, spacing=0, most=None, snv_only=False, inbreeding=None
)


@pytest.fixture(scope="module")
def store(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uwgac")
    config = write_config(
        folder,
        data_dir,
        {"uw": sorted((data_dir / FOLDER).glob("*.vcf.gz"))},
        read_panel(data_dir),
        reference=CHR1_REFERENCE,
        strata=["sex"],
        policy={"partial_reference": True, "unchecked_ref": "store"},
    )
    account = ingest_here(folder / "store", config)
    assert not account.get("held_back"), account
    return varhouse.open(folder / "store")


def pair(first, second):
    names = [pl.min_horizontal(first, second), pl.max_horizontal(first, second)]
    return pl.concat_str(names, separator=" ").alias("pair")


def test_every_pair_of_plink2_and_no_other(store, oracles_dir):
    sites = choose_sites(store, "uw", ALL)
    assert sites.height == 24_144
    packed = read_packed(store, "uw", sites)
    assert packed.called.shape == (1_126, 378)
    names = pl.Series(packed.samples)
    pairs = kinship_pairs(packed, least=0.03)
    pairs = pairs.with_columns(
        first=names.gather(pairs["ordinal_1"]), second=names.gather(pairs["ordinal_2"])
    ).with_columns(pair("first", "second"))
    oracle = pl.read_csv(oracles_dir / ORACLE, separator="\t")
    oracle = oracle.with_columns(pair("#IID1", "IID2"))
    both = pairs.join(oracle, on="pair", how="full")
    assert both.height == pairs.height == oracle.height == 2_096
    assert (both["kinship"] - both["KINSHIP"]).abs().max() < 1e-6
    assert (both["ibs0"] - both["IBS0"]).abs().max() < 1e-6
    assert both["n_sites"].equals(both["NSNP"].rename("n_sites"))


@pytest.mark.parametrize("settings", [SiteSettings(), ALL])
def test_relatives_are_those_that_are_known(store, oracles_dir, settings):
    """Of the chosen few sites, too: 9 first-degree pairs, 4 second-degree, no duplicates."""
    sites = choose_sites(store, "uw", settings)
    assert sites.height > 5_000
    packed = read_packed(store, "uw", sites)
    found, trios = related(store, "uw", packed, PeopleSettings())
    assert trios.height == 0
    found = found.with_columns(pair("sample_1", "sample_2"))
    oracle = pl.read_csv(oracles_dir / ORACLE, separator="\t")
    oracle = oracle.with_columns(pair("#IID1", "IID2"))
    first = set(oracle.filter(pl.col("KINSHIP") > 0.177)["pair"])
    second = set(oracle.filter(pl.col("KINSHIP").is_between(0.0884, 0.177))["pair"])
    assert (len(first), len(second)) == (9, 4)
    assert set(found.filter(pl.col("degree") == 1)["pair"]) == first
    assert set(found.filter(pl.col("degree") == 2)["pair"]) == second
    assert found.filter(pl.col("degree") == 0).height == 0
    # Of 179 pairs of third degree by their coefficient, those that chance does not make.
    assert found.filter(pl.col("degree") == 3).height < 20
    siblings = set(found.filter(pl.col("relation") == "siblings")["pair"])
    assert siblings == {"HG02429 HG02479", "NA19331 NA19334"}
