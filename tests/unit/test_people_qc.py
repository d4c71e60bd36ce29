"""The tables sample_qc and sample_contigs, whole, and of cohorts that have little to say."""

import random

import polars as pl
import pytest
import slow_qc
from qc_stores import GENOME, PAR, make_lines, make_qc_store

from varhouse.errors import StoreError
from varhouse.people.qc import Qc, sample_qc
from varhouse.people.settings import PeopleSettings
from varhouse.store.reader import open_store
from varhouse.tables.peopletables import SAMPLE_CONTIGS, SAMPLE_QC

NAMES = [f"P{i:02}" for i in range(12)]
MALES = set(NAMES[::2])


def schema_of(table) -> dict:
    return {c.name: c.dtype for c in table.columns if c.name != "cohort"}


def assert_fits(qc: Qc) -> None:
    for frame, table in ((qc.samples, SAMPLE_QC), (qc.contigs, SAMPLE_CONTIGS)):
        assert dict(frame.schema) == schema_of(table)
        full = [c.name for c in table.columns if not c.nullable and c.name != "cohort"]
        assert frame.select(pl.col(full).null_count()).row(0) == (0,) * len(full)


@pytest.fixture(scope="module")
def fx_cohort(tmp_path_factory):
    lines = make_lines(NAMES, MALES, list(GENOME), random.Random(40), records=80)
    files = [(NAMES, lines)]
    store = open_store(make_qc_store(tmp_path_factory.mktemp("qc"), files, MALES))
    return sample_qc(store, "c"), slow_qc.count(files, GENOME, MALES, PAR)


def test_figures_are_of_autosomes(fx_cohort) -> None:
    qc, slow = fx_cohort
    assert_fits(qc)
    assert qc.samples["sample"].to_list() == NAMES
    for row in qc.samples.iter_rows(named=True):
        own, x, y = (slow[row["sample"], g] for g in ("autosomes", "x", "y"))
        for name in (
            "n_genotypes", "n_het", "n_hom_alt", "n_ti", "n_tv", "n_singleton",
            "n_singleton_ti", "n_singleton_tv", "n_insertion", "n_deletion",
        ):  # fmt: skip
            assert row[name] == own[name], name
        called = own["n_genotypes"] - own["n_missing"]
        assert (row["n_called"], row["call_rate"]) == (called, called / own["n_genotypes"])
        assert row["het_hom"] == own["n_het"] / own["n_hom_alt"]
        assert row["ti_tv"] == own["n_ti"] / own["n_tv"]
        assert row["ins_del"] == own["n_insertion"] / own["n_deletion"]
        assert row["n_x_het"] == x["n_het"]
        assert row["n_x_nonref"] == x["n_het"] + x["n_hom_alt"] + x["n_hemi"]
        assert row["n_x_called"] == x["n_genotypes"] - x["n_missing"]
        assert row["n_y_called"] == y["n_genotypes"] - y["n_missing"]
        assert row["n_y"] == y["n_genotypes"]


def test_contigs(fx_cohort) -> None:
    qc, slow = fx_cohort
    assert qc.contigs.equals(qc.contigs.sort("ordinal", "contig"))
    assert qc.contigs.height == len(NAMES) * len(GENOME)
    for row in qc.contigs.iter_rows(named=True):
        own = slow[NAMES[row["ordinal"]], row["contig"]]
        for name in ("n_genotypes", "n_het", "n_hom_alt", "n_hemi"):
            assert row[name] == own[name]
        assert row["n_called"] == own["n_genotypes"] - own["n_missing"]


def line(contig: str, pos: int, alt: str, *gts: str) -> str:
    ref = GENOME[contig][pos - 1]
    alt = {"snv": "CA"[ref == "C"], "ins": ref + "CT"}.get(alt, alt)
    return "\t".join([contig, str(pos), ".", ref, alt, ".", ".", ".", "GT", *gts])


def qc_of(tmp_path, people: list[str], lines: list[str], males: set[str]) -> Qc:
    qc = sample_qc(open_store(make_qc_store(tmp_path, [(people, lines)], males)), "c")
    assert_fits(qc)
    return qc


def test_nobody(tmp_path) -> None:
    text = line("chr1", 10, "snv").removesuffix("\tGT")
    qc = qc_of(tmp_path, [], [text], set())
    assert (qc.samples.height, qc.contigs.height) == (0, 0)


def test_no_records(tmp_path) -> None:
    qc = qc_of(tmp_path, ["a", "b"], [], {"a"})
    figures = qc.samples.select("n_genotypes", "call_rate", "ti_tv", "sex_by_calls", "flags")
    assert figures.rows() == [(0, None, None, None, "")] * 2
    assert qc.contigs.height == 0


def test_no_snvs_and_no_autosomes(tmp_path) -> None:
    lines = [
        line("chrX", 300, "ins", "1", "0/1"),
        line("chrX", 320, "ins", "0", "1/1"),
        line("chrM", 20, "snv", "1", "0"),
    ]
    qc = qc_of(tmp_path, ["a", "b"], lines, {"a"})
    figures = qc.samples.select("n_genotypes", "n_het", "n_ti", "n_x_called", "n_x_nonref")
    assert figures.rows() == [(0,) * 5] * 2
    assert qc.samples["call_rate"].to_list() == [None, None]
    assert qc.contigs.rows() == [
        (0, "chrM", 1, 1, 0, 0, 1), (0, "chrX", 2, 2, 0, 0, 1),
        (1, "chrM", 1, 1, 0, 0, 0), (1, "chrX", 2, 2, 1, 1, 0),
    ]  # fmt: skip


def test_an_unplaced_contig_is_no_autosome(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(GENOME, "chrUn_1", "ACGTACGT")
    lines = [line("chr1", 20, "snv", "0/1", "0/0"), line("chrUn_1", 4, "snv", "0/1", "1/1")]
    qc = qc_of(tmp_path, ["a", "b"], lines, {"a"})
    figures = qc.samples.select("n_genotypes", "n_het", "n_hom_alt", "n_singleton")
    assert figures.rows() == [(1, 1, 0, 1), (1, 0, 0, 0)]
    assert qc.contigs["contig"].to_list() == ["chr1", "chrUn_1"] * 2


def test_one_person(tmp_path) -> None:
    """All that a person has alone is a singleton; a file with reference tells of its sites."""
    lines = [
        line("chr1", 10 + 10 * i, "snv", gt)
        for i, gt in enumerate(["0/1", "1|1", "0/0", "./.", "0/0", "./1"])
    ]
    row = qc_of(tmp_path, ["a"], lines, set()).samples.row(0, named=True)
    assert (row["n_genotypes"], row["n_called"], row["call_rate"]) == (6, 4, 4 / 6)
    assert (row["n_het"], row["n_hom_alt"], row["n_singleton"]) == (1, 1, 2)
    assert row["n_ti"] + row["n_tv"] == 4
    assert row["flags"] == "low_call_rate"


def test_frequencies_of_a_source_must_be_there(tmp_path) -> None:
    lines = [line("chr1", 10, "snv", "0/1")]
    store = open_store(make_qc_store(tmp_path, [(["a"], lines)], set()))
    with pytest.raises(StoreError, match="annotations_gnomad"):
        sample_qc(store, "c", PeopleSettings(frequencies="gnomad.AF"))
