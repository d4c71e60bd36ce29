"""1000 Genomes on chr1-22 and X: one cohort of 23 files, most of it without a FASTA."""

import cyvcf2
import numpy as np
import polars as pl
import pytest
from cohorts import CHR1_REFERENCE, read_panel, run_ingest, write_config

import varhouse

pytestmark = pytest.mark.real
FOLDER = "cohorts/uwgac-1kg-genomewide"
PAR = [(60_001, 2_699_520), (154_931_044, 155_260_560)]


@pytest.fixture(scope="module")
def fx_genome(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    files = sorted((data_dir / FOLDER).glob("*.vcf.gz"))
    config = write_config(
        folder,
        data_dir,
        {"uw": files},
        read_panel(data_dir),
        reference=CHR1_REFERENCE,
        strata=["sex"],
        policy={"partial_reference": True, "unchecked_ref": "store"},
    )
    code, account, stderr = run_ingest(folder / "store", config)
    assert code == 0, stderr
    return folder / "store", account


def test_says_what_could_not_be_checked(fx_genome):
    checked = fx_genome[1]["cohorts"][0]["ref_checked"]
    assert checked == {"agrees": 56, "differs": 0, "outside": 0, "unchecked": 25_653}
    store = varhouse.open(fx_genome[0])
    assert store.scan("sites").select(pl.len()).collect().item() == 25_709


def test_every_contig_is_there(fx_genome):
    store = varhouse.open(fx_genome[0])
    contigs = store.scan("variants").select("contig").unique().collect()["contig"]
    assert set(contigs) == {f"chr{c}" for c in [*range(1, 23), "X"]}


def test_half_missing_calls_of_males_on_x_are_hemizygous(fx_genome, data_dir):
    """Counted again by hand, from cyvcf2's genotypes and the panel."""
    people = read_panel(data_dir)
    reader = cyvcf2.VCF(str(data_dir / FOLDER / "1KG_phase3_subset_chrX.vcf.gz"))
    male = np.array([people[s]["sex"] == "male" for s in reader.samples])
    wanted = {}
    half = 0
    for record in reader:
        calls = np.array(record.genotype.array())[:, :2]
        missing = calls < 0
        one = missing.sum(1) == 1
        half += int(one.sum())
        for i, alt in enumerate(record.ALT, 1):
            copies = (calls == i).sum(1)
            hemi = one & male
            full = ~missing.any(1)
            wanted[record.POS, record.REF, alt] = (
                int(copies.sum()), int((~missing).sum()), int(((copies == 1) & full).sum()),
                int(((copies == 2) & full).sum()), int((copies[hemi] == 1).sum()),
                int((missing.any(1) & ~hemi).sum()),
            )  # fmt: skip
    assert half == 571_387
    store = varhouse.open(fx_genome[0])
    rows = (
        store.scan("sites", part="chrX")
        .select("pos", "ref", "alt", "allele_pos", "allele_ref", "allele_alt")
        .collect()
    )
    frequencies = {
        row[:3]: row[3:]
        for row in store.scan("frequencies", part="chrX")
        .filter(pl.col("stratum_by") == "all")
        .select("pos", "ref", "alt", "ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing")
        .collect()
        .rows()
    }
    n = 0
    for pos, ref, alts, poses, refs, normal in rows.rows():
        for alt, *key in zip(alts.split(","), poses, refs, normal, strict=True):
            assert frequencies[tuple(key)] == wanted[pos, ref, alt]
            n += 1
    assert n == len(wanted)
    assert all(v[5] == 0 for v in wanted.values())


def test_batches_add_up_to_the_undivided_file(data_dir, tmp_path):
    """Five files with different samples: AC as in the whole file, AN where all have it."""
    folder = data_dir / "cohorts/opencga-1000g"
    files = sorted((folder / "1000g_batches").glob("*.vcf.gz"))
    whole = next(folder.glob("filtered.10k.chr22*"))
    options = {
        "reference": CHR1_REFERENCE,
        "strata": ["superpopulation"],
        "policy": {"partial_reference": True, "unchecked_ref": "store"},
    }
    config = write_config(
        tmp_path, data_dir, {"batches": files}, read_panel(data_dir), **options
    )
    code, _, stderr = run_ingest(tmp_path / "store", config)
    assert code == 0, stderr
    got = {
        row[:3]: row[3:]
        for row in varhouse.open(tmp_path / "store")
        .frequencies(stratum_by="all")
        .select("pos", "ref", "alt", "ac", "an")
        .collect()
        .rows()
    }
    full = 0
    for record in cyvcf2.VCF(str(whole)):
        ac = record.INFO["AC"]
        for alt, n in zip(record.ALT, ac if isinstance(ac, tuple) else (ac,), strict=True):
            if (record.POS, record.REF, alt) not in got:
                continue  # trimmed: has another key
            found = got[record.POS, record.REF, alt]
            assert found[0] == n
            full += found[1] == 5008
    assert full >= 1_500
