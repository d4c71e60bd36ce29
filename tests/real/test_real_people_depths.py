"""Depth, quality, contamination and runs of homozygosity of real people, read by others."""

from pathlib import Path

import cyvcf2
import numpy as np
import polars as pl
import pytest
from bcftoolsroh import bcftools_roh
from cohorts import CHR1_REFERENCE, GATK, TRIO, read_ped, run_ingest, write_config

import varhouse
from varhouse.people.depths import read_depths
from varhouse.people.panel import pack
from varhouse.people.roh import find_roh, list_roh

pytestmark = pytest.mark.real

UWGAC = "cohorts/uwgac-1kg-genomewide/1KG_phase3_subset_chr{}.vcf.gz"


def by_cyvcf2(path: Path, held: set, ref_af: dict) -> dict[str, list]:
    """Read what the store holds: sums and counts of DP and GQ, and shares of CHARR."""
    file = cyvcf2.VCF(str(path))
    n = len(file.samples)
    out = {name: [[] for _ in range(n)] for name in ("dp", "gq", "charr")}
    for record in file:
        if (record.POS, record.REF, ",".join(record.ALT)) not in held:
            continue
        alleles = record.genotype.array()[:, :2]
        dp, gq, ad = (record.format(name) for name in ("DP", "GQ", "AD"))
        is_snv = len(record.ALT) == 1 and len(record.REF) == len(record.ALT[0]) == 1
        f = ref_af.get((record.POS, record.REF, record.ALT[0]), 0.0) if is_snv else 0.0
        for s in range(n):
            if (alleles[s] < 0).any():
                continue
            depth = int(dp[s, 0]) if dp is not None and dp[s, 0] >= 0 else None
            quality = int(gq[s, 0]) if gq is not None and gq[s, 0] >= 0 else None
            out["dp"][s] += [depth] * (depth is not None)
            out["gq"][s] += [quality] * (quality is not None)
            if not 0.05 < f < 0.95 or (alleles[s] != 1).any() or ad is None:
                continue
            if depth is None or not 10 <= depth <= 100 or quality is None or quality < 20:
                continue
            if (ad[s, :2] >= 0).all() and ad[s, :2].sum() > 0:
                out["charr"][s].append(ad[s, 0] / ad[s, :2].sum() / f)
    return out


@pytest.fixture(scope="module")
def fx_store(data_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("depths")
    files = {"gatk": [data_dir / GATK], "trio": [data_dir / TRIO]}
    config = write_config(
        folder, data_dir, files, read_ped(data_dir), reference=CHR1_REFERENCE,
        policy={"partial_reference": True},
    )  # fmt: skip
    code, _, told = run_ingest(folder / "store", config)
    assert code == 0, told
    return varhouse.open(folder / "store")


@pytest.mark.parametrize(("cohort", "path"), [("gatk", GATK), ("trio", TRIO)])
def test_figures_of_gatk_files(fx_store, data_dir: Path, cohort: str, path: str) -> None:
    rows = fx_store.scan("frequencies", cohort=cohort).filter(pl.col("stratum_by") == "all")
    source = rows.select("contig", "pos", "ref", "alt", "extent", "af").collect()
    ref_af = {(p, r, a): 1 - af for _, p, r, a, _, af in source.rows() if af is not None}
    sites = fx_store.scan("sites", cohort=cohort).select("pos", "ref", "alt").collect()
    wanted = by_cyvcf2(data_dir / path, set(sites.rows()), ref_af)
    found = read_depths(fx_store, cohort, source)
    for name, column in (("dp", "dp_mean"), ("gq", "gq_mean"), ("charr", "contamination")):
        means = [np.mean(x) if x else None for x in wanted[name]]
        assert found[column].to_list() == pytest.approx(means), column
    assert found["n_contamination"].to_list() == [len(x) for x in wanted["charr"]]
    assert found["n_contamination"].sum() > 20
    # As many people as these say little of strangers by themselves.
    assert read_depths(fx_store, cohort)["contamination"].null_count() == found.height


def test_runs_of_real_people_are_those_of_bcftools(data_dir: Path, tmp_path: Path) -> None:
    """400 people of 1000 Genomes at all biallelic SNVs of two chromosomes of the subset."""
    rows, calls = [], []
    for contig in ("12", "22"):
        for record in cyvcf2.VCF(str(data_dir / UWGAC.format(contig))):
            if record.is_snp and len(record.ALT) == 1:
                alleles = record.genotype.array()[:400, :2]
                dosage = np.where((alleles < 0).any(1), -1, alleles.sum(1))
                known = dosage >= 0
                af = float(np.float32(dosage[known].sum() / (2 * known.sum())))
                rows.append((contig, record.POS, record.REF, record.ALT[0], "", af))
                calls.append(dosage.astype(np.int8))
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String,
              "extent": pl.String, "af": pl.Float64}  # fmt: skip
    sites = pl.DataFrame(rows, schema, orient="row")
    people = np.arange(400, dtype=np.int32)
    packed = pack("uw", people, [f"{p}" for p in people], sites, np.array(calls).T.copy())
    wanted = bcftools_roh(packed, tmp_path)
    assert sorted(list_roh(packed).drop("n_sites").rows()) == wanted
    assert len(wanted) > 30
    assert find_roh(packed)["roh_bases"].null_count() == 0
