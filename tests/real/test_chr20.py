"""1000 Genomes on chr20 (GRCh37): counts against the file's own INFO, by cyvcf2."""

import gzip
from pathlib import Path

import cyvcf2
import polars as pl
import pytest
from builders import assert_same_records
from cohorts import (
    CHR20,
    CHR20_GENES,
    CHR20_REFERENCE,
    read_panel,
    run_ingest,
    write_config,
)

import varhouse
from varhouse.cli import main

pytestmark = pytest.mark.real
AF_FIELDS = {
    "AFR": "AFR_AF", "AMR": "AMR_AF", "EUR": "EUR_AF", "EAS": "ASN_AF", "SAS": "SAN_AF",
}  # fmt: skip


@pytest.fixture(scope="module")
def fx_chr20(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chr20")
    config = write_config(
        folder,
        data_dir,
        {"eva": [data_dir / CHR20]},
        read_panel(data_dir),
        reference=CHR20_REFERENCE,
        genes=CHR20_GENES,
        strata=["population", "superpopulation", "sex", "superpopulation+sex"],
        policy={"partial_reference": True},
    )
    code, account, stderr = run_ingest(folder / "store", config)
    assert code == 0, stderr
    return folder / "store", config, account


def test_counts_equal_the_files_own(fx_chr20, data_dir):
    store = varhouse.open(fx_chr20[0])
    rows = store.scan("frequencies").filter(
        pl.col("stratum_by").is_in(["all", "superpopulation"])
    )
    got = {
        (pos, ref, alt, stratum): (ac, an, af)
        for pos, ref, alt, stratum, ac, an, af in rows.select(
            "pos", "ref", "alt", "stratum", "ac", "an", "af"
        )
        .collect()
        .rows()
    }
    # Where an allele went when it was trimmed: the table sites says.
    sites = store.scan("sites").select(
        "pos", "ref", "alt", "allele_pos", "allele_ref", "allele_alt"
    )
    went = {
        (pos, ref, alt): key
        for pos, ref, alts, *lists in sites.collect().rows()
        for alt, *key in zip(alts.split(","), *lists, strict=True)
    }
    n = 0
    for record in cyvcf2.VCF(str(data_dir / CHR20)):
        for i, alt in enumerate(record.ALT):
            key = tuple(went[record.POS, record.REF, alt])
            ac = record.INFO["AC"]
            ac = ac[i] if isinstance(ac, tuple) else ac
            assert got[(*key, "all")][:2] == (ac, record.INFO["AN"])
            for group, name in AF_FIELDS.items():
                value = record.INFO[name]
                if isinstance(value, str):
                    value = float(value.split(",")[i])
                elif isinstance(value, tuple):
                    value = value[i]
                assert got[(*key, group)][2] == pytest.approx(value, abs=5e-5 + 1e-9)
                n += 1
    assert n == 300 * 5


def test_strata_of_china_are_shown(fx_chr20):
    store = varhouse.open(fx_chr20[0])
    sizes = dict(
        store.frequencies(stratum_by="population")
        .filter(pl.col("stratum").is_in(["CHB", "CHS", "CDX"]))
        .select("stratum", "n_samples")
        .unique()
        .collect()
        .rows()
    )
    assert sizes == {"CHB": 103, "CHS": 105, "CDX": 93}


def test_coding_variants_of_defb125(fx_chr20):
    store = varhouse.open(fx_chr20[0])
    rows = (
        store.scan("consequences")
        .filter(pl.col("gene_name") == "DEFB125", pl.col("amino_acids").is_not_null())
        .select("pos", "alt", "consequence", "amino_acids", "protein_start")
        .sort("pos")
        .collect()
        .rows()
    )
    assert rows == [
        (68363, "T", "missense_variant", "M/L", 5),
        (68396, "T", "missense_variant", "R/W", 16),
    ]


def test_second_run_does_nothing(fx_chr20):
    store, config, account = fx_chr20
    code, again, _ = run_ingest(store, config)
    assert code == 0
    assert again["up_to_date"]
    assert again["release"] == account["release"]


def test_changed_file_replaces(fx_chr20, data_dir, tmp_path):
    lines = gzip.decompress((data_dir / CHR20).read_bytes()).decode().splitlines(keepends=True)
    head = [ln for ln in lines if ln.startswith("#")]
    body = [ln for ln in lines if not ln.startswith("#")]
    file = tmp_path / "cohort.vcf"
    file.write_text("".join(head + body))
    people = read_panel(data_dir)
    names = {"eva": head[-1].rstrip("\n").split("\t")[9:]}
    options = {
        "reference": CHR20_REFERENCE, "genes": CHR20_GENES, "names": names,
        "strata": ["population"], "policy": {"partial_reference": True},
    }  # fmt: skip
    cohorts = {"eva": [file]}
    config = write_config(tmp_path, data_dir, cohorts, people, **options)
    assert run_ingest(tmp_path / "store", config)[0] == 0
    file.write_text("".join(head + body[:100]))
    code, replaced, _ = run_ingest(tmp_path / "store", config)
    assert code == 0
    assert replaced["cohorts"][0]["replaces"]
    # The same as a fresh build of what is left: nothing of the other records stays.
    code, fresh, _ = run_ingest(tmp_path / "fresh", config)
    assert code == 0
    assert replaced["digest"] == fresh["digest"]
    store = varhouse.open(tmp_path / "store")
    assert store.scan("sites").select(pl.len()).collect().item() == 100


def test_round_trip(fx_chr20, data_dir, tmp_path):
    out = tmp_path / "out.vcf.gz"
    assert main(["export", str(fx_chr20[0]), "--cohort", "eva", "-o", str(out)]) == 0
    assert_same_records(Path(data_dir / CHR20), out)
