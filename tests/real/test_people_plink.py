"""Figures of 1,126 people of 1000 Genomes on chr1-22 and X, as plink2 and bcftools give them.

plink2 counts genotypes of each kind of ALT, and takes for a singleton what one person alone
carries, were it twice; a singleton here, of bcftools and of hail is an allele of one copy. So
`n_singleton` is compared with bcftools, and with plink2 beside who is homozygous for such an
ALT.
"""

import gzip
import io
import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
from cohorts import CHR1_REFERENCE, read_panel, run_ingest, write_config

import varhouse
from varhouse.people.calls import AUTOSOME, CohortCalls
from varhouse.people.counts import COUNTS, count_rows
from varhouse.people.qc import sample_qc

pytestmark = pytest.mark.real
FOLDER = "cohorts/uwgac-1kg-genomewide"
ORACLE = "relatedness/plink2-uwgac"


@pytest.fixture(scope="module")
def fx_store(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    files = sorted((data_dir / FOLDER).glob("*.vcf.gz"))
    config = write_config(
        folder,
        data_dir,
        {"uw": files},
        read_panel(data_dir),
        reference=CHR1_REFERENCE,
        policy={"partial_reference": True, "unchecked_ref": "store"},
    )
    code, _, stderr = run_ingest(folder / "store", config)
    assert code == 0, stderr
    return varhouse.open(folder / "store")


@pytest.fixture(scope="module")
def fx_qc(fx_store):
    return sample_qc(fx_store, "uw")


@pytest.fixture(scope="module")
def fx_autosomes(data_dir, tmp_path_factory):
    """The files of chr1-22 as one."""
    path = tmp_path_factory.mktemp("vcf") / "all.vcf"
    with path.open("w") as out:
        for c in range(1, 23):
            with gzip.open(
                data_dir / FOLDER / f"1KG_phase3_subset_chr{c}.vcf.gz", "rt"
            ) as file:
                out.writelines(line for line in file if c == 1 or line[0] != "#")
    return path


def read_table(text: str) -> pl.DataFrame:
    rows = pl.read_csv(io.StringIO(text), separator="\t")
    return rows.rename({rows.columns[0]: "sample"})


def joined(samples: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    rows = samples.join(others, on="sample", how="inner")
    assert rows.height == samples.height == 1_126
    return rows


def assert_same(rows: pl.DataFrame, own: pl.Expr, other: pl.Expr) -> None:
    both = rows.select("sample", own=own, other=other)
    assert both.filter(pl.col("own") != pl.col("other")).is_empty()
    assert both["own"].n_unique() > 1 or both["own"][0] in (0, 25_709)


def test_missing_as_plink2(fx_qc, oracles_dir):
    text = gzip.decompress((oracles_dir / ORACLE / "samples.smiss.gz").read_bytes()).decode()
    own = fx_qc.contigs.group_by("ordinal").agg(pl.col("n_genotypes", "n_called").sum())
    rows = joined(fx_qc.samples.select("ordinal", "sample"), read_table(text))
    rows = rows.join(own, on="ordinal")
    assert_same(rows, pl.col("n_genotypes"), pl.col("OBS_CT"))
    assert_same(rows, pl.col("n_genotypes") - pl.col("n_called"), pl.col("MISSING_CT"))


def test_genotypes_of_all_contigs_as_plink2(fx_qc, oracles_dir):
    text = gzip.decompress((oracles_dir / ORACLE / "samples.scount.gz").read_bytes()).decode()
    own = fx_qc.contigs.group_by("ordinal").agg(pl.exclude("contig").sum())
    rows = joined(fx_qc.samples.select("ordinal", "sample"), read_table(text))
    rows = rows.join(own, on="ordinal")
    reference = pl.col("n_called") - pl.col("n_het") - pl.col("n_hom_alt") - pl.col("n_hemi")
    assert_same(rows, reference, pl.col("HOM_REF_CT") + pl.col("HAP_REF_INCL_FEMALE_Y_CT"))
    assert_same(rows, pl.col("n_hemi"), pl.col("HAP_ALT_INCL_FEMALE_Y_CT"))
    missing = pl.col("n_genotypes") - pl.col("n_called")
    assert_same(rows, missing, pl.col("MISSING_INCL_FEMALE_Y_CT"))


def test_sex_as_the_panel_says(fx_qc, data_dir):
    """A woman of whom F of plink is .91, too, is called XY: her cells seem to have lost X."""
    panel = read_panel(data_dir)
    said = [{"male": "XY", "female": "XX"}[panel[s]["sex"]] for s in fx_qc.samples["sample"]]
    other = fx_qc.samples.filter(pl.col("sex_by_calls") != pl.Series(said))
    assert other.select("sex_by_calls", "flags").rows() == [("XY", "sex_mismatch")]
    assert fx_qc.samples["sex_by_calls"].null_count() == 0
    assert other["x_f"][0] > 0.85


def test_genotypes_as_bcftools(fx_qc, fx_autosomes):
    if shutil.which("bcftools") is None:
        pytest.skip("needs bcftools")
    out = subprocess.run(
        ["bcftools", "plugin", "smpl-stats", fx_autosomes],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = (
        "kind sample pass nonref homref homalt het hemi snv indel single missing ts tv tstv"
    )
    lines = [ln for ln in out.splitlines() if ln.startswith("FLT0")]
    rows = joined(fx_qc.samples, read_table_of(lines, names.split()))
    for own, other in (
        ("n_genotypes", "pass"), ("n_het", "het"), ("n_hom_alt", "homalt"),
        ("n_singleton", "single"),
    ):  # fmt: skip
        both = rows.select("sample", own, other)
        assert both.filter(pl.col(own) != pl.col(other)).is_empty(), own


def read_table_of(lines: list[str], names: list[str]) -> pl.DataFrame:
    cells = [ln.split("\t") for ln in lines]
    frame = pl.DataFrame(cells, schema=names, orient="row")
    return frame.with_columns(pl.exclude("kind", "sample", "tstv").cast(pl.Int64))


def test_alleles_as_plink2(fx_store, fx_autosomes, tmp_path):
    if shutil.which("plink2") is None:
        pytest.skip("needs plink2")
    subprocess.run(
        ["plink2", "--vcf", fx_autosomes, "--max-alleles", "2", "--sample-counts",
         "--out", tmp_path / "p"],
        capture_output=True, check=True,
    )  # fmt: skip
    calls = CohortCalls(fx_store, "uw")
    out = np.zeros((calls.people, len(COUNTS)), np.int64)
    alone = np.zeros(calls.people, np.int64)
    nobody = np.zeros(calls.people, np.bool_)
    for piece in calls.pieces():
        sites = calls.sites(piece)
        wanted = sites.is_kept & (np.diff(sites.first_alt) == 1) & (sites.region == AUTOSOME)
        for rows in calls.rows(piece, sites):
            no = np.zeros_like(wanted)
            count_rows(rows, sites, wanted, no, calls.columns.files, nobody, out)
            alone += homozygous_alone(rows, wanted)
    own = pl.DataFrame(out, schema=list(COUNTS)).with_columns(
        sample=pl.Series(calls.columns.samples), alone=alone
    )
    rows = joined(own, read_table((tmp_path / "p.scount").read_text()))
    reference = pl.col("n_genotypes") - pl.col("n_het") - pl.col("n_hom_alt")
    assert_same(rows, reference, pl.col("HOM_REF_CT"))
    copies = 2 * pl.col("HOM_ALT_SNP_CT") + pl.col("HET_SNP_CT")
    assert_same(rows, pl.col("n_ti") + pl.col("n_tv"), copies)
    assert_same(rows, pl.col("n_singleton") + pl.col("alone"), pl.col("DIPLOID_SINGLETON_CT"))
    assert own["alone"].sum() == 7


def homozygous_alone(rows, wanted):
    """Count the ALTs that each person is homozygous for, and nobody else has."""
    planes = rows.planes
    out = np.zeros(planes.people[0], np.int64)
    for r in np.flatnonzero(wanted[rows.site]):
        at = planes.at[planes.plane[r]]
        bits = planes.bits[at : at + (2 * planes.people[r] + 7) // 8]
        copies = np.unpackbits(bits)[: 2 * planes.people[r]].reshape(-1, 2).sum(1)
        out += (copies == 2) & (copies.sum() == 2)
    return out
