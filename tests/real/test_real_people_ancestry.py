"""Axes of ancestry of 1,126 people of 1000 Genomes, beside plink2 and what the panel says."""

import gzip
import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
from cohorts import CHR1_REFERENCE, read_panel, run_ingest, write_config

import varhouse
from varhouse.people.ancestry import ancestry
from varhouse.people.kinship import related
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.pca import find_axes
from varhouse.people.placing import place
from varhouse.people.projection import stacked
from varhouse.people.settings import PeopleSettings

pytestmark = pytest.mark.real
FOLDER = "cohorts/uwgac-1kg-genomewide"
SETTINGS = PeopleSettings()
ADMIXED = {"ACB", "ASW", "CLM", "MXL", "PEL", "PUR"}


@pytest.fixture(scope="module")
def fx_store(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ancestry")
    config = write_config(
        folder,
        data_dir,
        {"uw": sorted((data_dir / FOLDER).glob("*.vcf.gz"))},
        read_panel(data_dir),
        reference=CHR1_REFERENCE,
        policy={"partial_reference": True, "unchecked_ref": "store"},
    )
    code, _, stderr = run_ingest(folder / "store", config)
    assert code == 0, stderr
    return varhouse.open(folder / "store")


@pytest.fixture(scope="module")
def fx_packed(fx_store):
    return read_packed(fx_store, "uw", choose_sites(fx_store, "uw", SETTINGS.sites))


@pytest.fixture(scope="module")
def fx_ancestry(fx_store, fx_packed):
    pairs, _ = related(fx_store, "uw", fx_packed, SETTINGS)
    return ancestry(fx_store, "uw", fx_packed, pairs, SETTINGS)


@pytest.fixture(scope="module")
def fx_continent(data_dir, fx_packed):
    """The panel's continent of each person."""
    rows = read_panel(data_dir)
    return np.array([rows[s]["superpopulation"] for s in fx_packed.samples])


def test_relatives_do_not_make_axes(fx_ancestry):
    """Nine pairs of first and four of second degree: one of each pair is left."""
    assert 1_113 <= fx_ancestry.samples["made_axes"].sum() <= 1_116


def test_four_axes_tell_continents_apart(fx_ancestry, fx_continent):
    scores = stacked(fx_ancestry.samples["scores"])[:, :4]
    plain = ~np.isin(fx_ancestry.samples["population"].to_numpy(), sorted(ADMIXED))
    continents = ("AFR", "EAS", "EUR", "SAS")
    middle = np.stack([np.median(scores[plain & (fx_continent == c)], axis=0)
                       for c in continents])  # fmt: skip
    off = np.linalg.norm(scores[plain][:, None] - middle, axis=2)
    found = np.array(continents)[off.argmin(axis=1)]
    assert (found == fx_continent[plain]).mean() > 0.999


def test_who_is_far_from_his_population(fx_ancestry, fx_continent):
    """People of ASW and PUR known for other ancestry than theirs; nobody of one continent."""
    far = fx_ancestry.samples.filter("outlier")
    assert {"NA20299", "NA20314"} <= set(far["sample"])
    assert far.height < 10
    assert set(far["population"]) <= ADMIXED
    known = dict(zip(fx_ancestry.samples["population"], fx_continent, strict=True))
    near = np.array([known[p] for p in fx_ancestry.samples["nearest"]])
    assert (near == fx_continent).mean() > 0.97


def test_people_left_out_fall_where_they_were(fx_packed, fx_ancestry, fx_continent):
    """Each quarter of the people is put on axes of the others: means do not shrink.

    Plain sums of loadings give .99, .97, .84 and .84 on these four axes.
    """
    everybody = np.arange(1_126)
    sites = fx_packed.sites.with_row_index("row").join(
        fx_ancestry.loadings.select("contig", "pos"), on=["contig", "pos"], how="semi"
    )
    rows = sites["row"].to_numpy().astype(np.int64)
    slopes = []
    for quarter in range(4):
        out = everybody[quarter::4]
        made = np.setdiff1d(everybody, out)
        axes = find_axes(fx_packed, made, rows, 4)
        own = (axes.sites, axes.center, axes.loadings, axes.eigenvalues, axes.sites.size)
        both = ((axes.scores, made), (place(fx_packed, out, *own), out))
        inside, there = (
            np.stack([scores[fx_continent[who] == c].mean(axis=0)
                      for c in ("AFR", "AMR", "EAS", "EUR", "SAS")])
            for scores, who in both
        )  # fmt: skip
        slopes.append((inside * there).sum(axis=0) / (inside**2).sum(axis=0))
    assert np.abs(np.mean(slopes, axis=0) - 1).max() < 0.02


@pytest.mark.skipif(not shutil.which("plink2"), reason="needs plink2")
def test_axes_are_those_of_plink2(data_dir, tmp_path, fx_packed, fx_ancestry):
    with (tmp_path / "all.vcf").open("w") as out:
        for c in range(1, 23):
            path = data_dir / FOLDER / f"1KG_phase3_subset_chr{c}.vcf.gz"
            with gzip.open(path, "rt") as file:
                out.writelines(line for line in file if c == 1 or line[0] != "#")
    samples = fx_ancestry.samples.filter("made_axes")
    (tmp_path / "keep").write_text("\n".join(samples["sample"]) + "\n")
    pos = pl.col("pos")
    contig = pl.col("contig").str.strip_prefix("chr")
    fx_ancestry.loadings.select(contig, pos, pos.alias("end"), pl.lit("x")).write_csv(
        tmp_path / "sites", separator="\t", include_header=False
    )
    words = ("--vcf all.vcf --vcf-half-call missing --keep keep --extract range sites"
             " --snps-only --max-alleles 2 --pca 10 --out out")  # fmt: skip
    subprocess.run(["plink2", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "out.log").read_text()
    assert f"{fx_ancestry.loadings.height} variants remaining" in text
    values = np.loadtxt(tmp_path / "out.eigenval")
    assert np.allclose(fx_ancestry.axes["eigenvalue"].to_numpy(), values, rtol=1e-4)
    theirs = pl.read_csv(tmp_path / "out.eigenvec", separator="\t")
    theirs = theirs.rename({theirs.columns[0]: "sample"})
    both = samples.join(theirs, on="sample", how="left", maintain_order="left")
    scores = stacked(both["scores"])
    for axis in range(10):
        other = both[f"PC{axis + 1}"].to_numpy()
        assert abs(np.corrcoef(scores[:, axis], other)[0, 1]) > 0.9999
