"""Four real cohorts on chr1 at once, with six files that must be held back."""

import gzip

import cyvcf2
import polars as pl
import pytest
from cohorts import (
    CHR1_GENES,
    CHR1_REFERENCE,
    GATK,
    PHASE1,
    PHASE3,
    TRIO,
    read_ped,
    run_ingest,
    sample_names,
    write_config,
)

import varhouse
from varhouse.store.drop import drop_cohort

pytestmark = pytest.mark.real
GOOD = {"phase1": PHASE1, "phase3": PHASE3, "gatk": GATK, "trio": TRIO}
POLICY = {"partial_reference": True}


def _options(names=None):
    return {
        "reference": CHR1_REFERENCE, "genes": CHR1_GENES, "strata": ["population", "sex"],
        "policy": POLICY, "names": names,
    }  # fmt: skip


def _bad_files(data, folder):
    """Files to hold back, and the cohort whose samples they have."""
    folder.mkdir(parents=True, exist_ok=True)
    bgzf = (data / TRIO).read_bytes()
    (folder / "no_end_block.vcf.gz").write_bytes(bgzf[:-28])
    (folder / "inside_block.vcf.gz").write_bytes(bgzf[: len(bgzf) // 2])
    plain = (data / PHASE3).read_bytes()
    (folder / "half_gzip.vcf.gz").write_bytes(plain[: len(plain) // 2])
    (folder / "inside_line.vcf").write_bytes((data / GATK).read_bytes()[:-200])
    cut = {
        "no_end_block": ("no_end_block.vcf.gz", "trio"),
        "inside_block": ("inside_block.vcf.gz", "trio"),
        "half_gzip": ("half_gzip.vcf.gz", "phase3"),
        "inside_line": ("inside_line.vcf", "gatk"),
    }
    files = {c: folder / f for c, (f, _) in cut.items()}
    names = {c: sample_names(data / GOOD[g]) for c, (_, g) in cut.items()}
    files["bad_header"] = data / "cohorts/snpeff/tests/unity/vcf/1kg_head.vcf.gz"
    files["same_names"] = data / "cohorts/eva-pipeline/vcf/same_sample_names.vcf.gz"
    names["bad_header"] = []
    names["same_names"] = []
    return files, names


@pytest.fixture(scope="module")
def fx_chr1(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chr1")
    bad, names = _bad_files(data_dir, folder / "bad")
    cohorts = {c: [data_dir / f] for c, f in GOOD.items()}
    cohorts |= {c: [f] for c, f in bad.items()}
    config = write_config(folder, data_dir, cohorts, read_ped(data_dir), **_options(names))
    code, account, stderr = run_ingest(folder / "store", config)
    assert code == 3, stderr
    return folder / "store", config, account, set(bad)


def test_bad_files_are_held_back_and_the_others_are_in(fx_chr1):
    store_path, _, account, bad = fx_chr1
    assert {h["cohort"] for h in account["held_back"]} == bad
    assert all(h["reasons"] for h in account["held_back"])
    store = varhouse.open(store_path)
    for table in ("cohorts", "sites", "genotypes", "frequencies", "samples", "rejects"):
        found = set(store.scan(table).select("cohort").unique().collect()["cohort"])
        assert found <= set(GOOD), table
    assert set(store.scan("cohorts").collect()["cohort"]) == set(GOOD)


@pytest.mark.parametrize(
    ("cohort", "records", "unchecked"),
    [("phase1", 970, 0), ("phase3", 748, 0), ("gatk", 78, 0), ("trio", 733, 9207)],
)
def test_records_in_and_held_back(fx_chr1, cohort, records, unchecked):
    store = varhouse.open(fx_chr1[0])
    sites = store.scan("sites", cohort=cohort).select(pl.len()).collect().item()
    assert sites == records
    rejects = store.scan("rejects", cohort=cohort).collect()
    assert rejects.height == unchecked
    assert set(rejects["reason"]) <= {"ref_unchecked"}


def test_phase3_counts_equal_the_files_own(fx_chr1, data_dir):
    store = varhouse.open(fx_chr1[0])
    rows = store.scan("frequencies", cohort="phase3").filter(pl.col("stratum_by") == "all")
    got = sorted(rows.select("ac", "an").collect().rows())
    wanted = []
    for record in cyvcf2.VCF(str(data_dir / PHASE3)):
        ac = record.INFO["AC"]
        for one in ac if isinstance(ac, tuple) else (ac,):
            wanted.append((one, record.INFO["AN"]))
    assert got == sorted(wanted)


def test_missing_alleles_of_gatk(fx_chr1, data_dir):
    store = varhouse.open(fx_chr1[0])
    rows = store.scan("frequencies", cohort="gatk").filter(pl.col("stratum_by") == "all")
    got = dict(rows.select("pos", "an").collect().rows())
    missing = 0
    for record in cyvcf2.VCF(str(data_dir / GATK)):
        called = sum(a >= 0 for g in record.genotypes for a in g[:-1])
        missing += 20 - called
        assert got[record.POS] == called
    assert missing == 414


def test_misdeclared_fields_are_mended_and_said(fx_chr1):
    account = fx_chr1[2]
    notes = next(c["notes"] for c in account["cohorts"] if c["cohort"] == "phase1")
    text = " ".join(notes)
    assert "3 x VH-H-024" in text
    assert "INFO/AC is declared Number=." in text


def test_overlap_of_people_is_reported(fx_chr1):
    shared = {tuple(s["cohorts"]): s["n"] for s in fx_chr1[2]["shared_samples"]}
    assert shared["phase1", "phase3"] == 1033
    assert shared["gatk", "phase1"] == 8
    assert shared["gatk", "phase3"] == 10


def test_order_and_steps_do_not_matter(fx_chr1, data_dir, tmp_path):
    """One cohort after the other in another order, and one dropped, as all at once."""
    people = read_ped(data_dir)
    known = None
    for name in ("trio", "gatk", "phase3"):
        config = write_config(
            tmp_path / name, data_dir, {name: [data_dir / GOOD[name]]}, people, **_options()
        )
        code, account, stderr = run_ingest(tmp_path / "store", config)
        assert code == 0, stderr
        new, all_of_it = account["new_alleles"], account["cohorts"][0]["n_alleles"]
        if known is not None:
            store = varhouse.open(tmp_path / "store", account["base_release"])
            had = store.scan("variants").select("contig", "pos", "ref", "alt").collect()
            now = varhouse.open(tmp_path / "store").scan("variants")
            assert now.select(pl.len()).collect().item() == had.height + new
            assert new < all_of_it
        known = account
    drop_cohort(fx_chr1[0], "phase1")
    assert varhouse.open(fx_chr1[0]).digest() == known["digest"]


def test_nothing_but_bad_files_commits_nothing(data_dir, tmp_path):
    file = data_dir / "cohorts/eva-pipeline/vcf/small_genotyped.vcf.gz"
    text = gzip.decompress(file.read_bytes()) + b"\n"
    (tmp_path / "small.vcf").write_bytes(text)
    config = write_config(
        tmp_path, data_dir, {"small": [tmp_path / "small.vcf"]}, {}, **_options()
    )
    code, account, _ = run_ingest(tmp_path / "store", config)
    assert code == 1
    assert account["release"] is None
    assert "14 of 21" in account["held_back"][0]["reasons"][0]
    assert "cohorts" not in varhouse.open(tmp_path / "store").tables
