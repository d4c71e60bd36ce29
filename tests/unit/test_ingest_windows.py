"""Many small files that begin at one place are worked through by bounded windows."""

import json

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.ingest.jobs import alleles, merge
from varhouse.tables import totals
from varhouse.tables.windows import cut_windows

N_FILES, N_RECORDS = 12, 60
GENOME = "ACGT" * 60
BOUNDS = {
    (alleles, "INCOMING_ROWS"): 40,
    (merge, "MERGE_ROWS"): 30,
    (totals, "ROWS_AT_ONCE"): 25,
}


@pytest.fixture(scope="module")
def fx_config(tmp_path_factory):
    """Two cohorts of one-sample files, all of which span the contig."""
    folder = tmp_path_factory.mktemp("windows")
    make_fasta(folder / "ref.fa", {"c1": GENOME})
    rows, cohorts = [], []
    for cohort in "ab":
        names = []
        for k in range(N_FILES):
            sample = f"{cohort}{k}"
            lines = [
                "##fileformat=VCFv4.3",
                "##contig=<ID=c1>",
                '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
                "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + sample,
            ]
            for i in range(N_RECORDS):
                pos = 1 + 3 * i + (k % 2) * (i % 3)
                ref = GENOME[pos - 1]
                alt = "ACGT"[("ACGT".index(ref) + 1 + (k + i) % 3) % 4]
                lines.append(f"c1\t{pos}\trs{pos}\t{ref}\t{alt}\t.\tPASS\t.\tGT\t0/1")
            (folder / f"{sample}.vcf").write_text("\n".join(lines) + "\n")
            names.append(f"{sample}.vcf")
            rows.append(f"{cohort}\t{sample}\tfemale")
        cohorts.append(f"{cohort}\t{','.join(names)}")
    (folder / "samples.tsv").write_text("\n".join(["cohort\tsample\tsex", *rows]) + "\n")
    (folder / "cohorts.tsv").write_text("\n".join(["cohort\tfiles", *cohorts]) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    ingest_here(folder / "whole", folder / "config.yaml")
    return folder


def test_windows_are_bounded_and_change_nothing(fx_config, tmp_path, monkeypatch):
    found = {}
    for (module, name), most in BOUNDS.items():
        monkeypatch.setattr(module, name, most)

        def cut(rows, at_most, module=module):
            windows = cut_windows(rows, at_most)
            held = rows.select("contig", "pos").collect()
            found.setdefault(module.__name__, []).extend(
                (held.filter(w.rows()), at_most) for w in windows
            )
            return windows

        monkeypatch.setattr(module, "cut_windows", cut)
    monkeypatch.setattr(alleles, "NAMED_AT_ONCE", 7)
    ingest_here(tmp_path / "store", fx_config / "config.yaml")
    assert set(found) == {m.__name__ for m, _ in BOUNDS}
    for windows in found.values():
        assert len(windows) > 4
        assert all(rows.height <= most or rows.n_unique() == 1 for rows, most in windows)
    whole, store = (varhouse.open(p) for p in (fx_config / "whole", tmp_path / "store"))
    assert store.digest() == whole.digest()
    assert store.scan("variants").select(pl.len()).collect().item() > 100
