"""States of the published gVCFs of others, against a slow reader of the same text."""

import re
from pathlib import Path

import pytest
from gvcf_cases import Case, bcftools_cases, glnexus_cases, rows_of, samples_of
from gvcf_store import move
from slow_states import read_text
from stored_states import differences, ingest

LARGE = 2_000_000
"""Bytes of text from which on a file is left to the prototype's comparison."""


def published(data: Path, oracles: Path) -> list[Case]:
    """Give each file once, as a case of its own."""
    texts = [t for c in glnexus_cases(oracles) for t in c.files.values()]
    texts += [t for c in bcftools_cases(oracles) for t in c.files.values()]
    folders = [oracles / "gvcf-joining/gatk", data / "gvcf/genomicsdb/inputs"]
    for path in sorted(p for f in folders for p in f.rglob("*.vcf*")):
        if re.search(r"\.vcf(\.gz)?\Z", path.name):
            texts.append(read_text(path))
    kept = [
        t
        for t in dict.fromkeys(texts)
        if len(t) < LARGE and "#CHROM" in t and rows_of(t) and samples_of(t)
    ]
    return [Case(f"k{n}", {"a": t}, "") for n, t in enumerate(kept)]


@pytest.mark.slow
def test_states_of_published_gvcfs(tmp_path: Path, data_dir: Path, oracles_dir: Path) -> None:
    moved = move(published(data_dir, oracles_dir))
    cohorts = {c.name: [c.files["a"]] for c in moved.cases}
    store = ingest(tmp_path / "x", cohorts, moved.genome)
    have = set(store.scan("runs").select("cohort").unique().collect()["cohort"])
    compared = 0
    for case in moved.cases:
        if case.name in have:
            n, wrong = differences(store, case.name, case.files["a"], moved.genome)
            assert wrong == []
            compared += n
    # A file of GT with more than 7 alleles is held back.
    assert compared > 75_000
