"""gVCFs that are broken on purpose, by GLnexus, bcftools and GATK: none is taken in as it is.

Their authors expect a refusal of the whole file. Here a fault of a header, or one that leaves
nothing to go by, holds the cohort back; a fault of a record or an ALT rejects that one, or
holds the cohort back too where the policy says so (`record_fault: refuse`).
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from gvcf_cases import Case, gatk_cases
from gvcf_store import Answers, Moved, move

HELD = {
    "glnexus/data/bad_dna2.gvcf": "VH-H-002",
    "glnexus/data/bogus_END.gvcf": "VH-F-033",
}
"""Files that hold their cohort back, and why."""
FAULTY = {
    "glnexus/data/bad_dna.gvcf": ("VH-B-006", "VH-B-007"),
    "glnexus/data/bad_dna3.gvcf": ("VH-B-007",),
    "glnexus/data/bad_dna4.gvcf": ("VH-B-007",),
    "glnexus/data/bad_nsample.gvcf": ("VH-B-007", "VH-M-011"),
    "glnexus/data/bad_sample.gvcf": ("VH-B-007",),
    "glnexus/data/NA12878D_HiSeqX.21.10009462-10009469.bogus.gvcf": ("VH-B-006", "VH-B-007"),
}
"""Files with records that are rejected, and why. GLnexus refuses the sample name `bogus%` of
bad_sample, which VCF allows."""
TAKEN = {
    "bcftools-merge/merge.broken-gvcf.a.vcf",
    "bcftools-merge/merge.broken-gvcf.b.vcf",
}
"""Two records without ALT over one base, which bcftools calls broken; nothing is lost."""


def cases(oracles: Path, names: Iterable[str]) -> list[Case]:
    return [
        Case(Path(n).stem, {Path(n).stem: (oracles / "gvcf-joining" / n).read_text()}, "")
        for n in names
    ]


@pytest.fixture(scope="module", params=["reject", "refuse"])
def fx_broken(
    request: pytest.FixtureRequest, oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Answers]:
    moved = move(cases(oracles_dir, [*HELD, *FAULTY, *TAKEN]))
    policy = {
        "unchecked_ref": "store",
        "max_ref_mismatch_rate": 1,
        "record_fault": request.param,
    }
    return request.param, Answers(tmp_path_factory.mktemp("broken"), moved, policy=policy)


def test_broken_files(fx_broken: tuple[str, Answers]) -> None:
    policy, answers = fx_broken
    for name, code in HELD.items():
        assert code in answers.held_back.pop(Path(name).stem), name
    rejects = answers.store.scan("rejects").collect()
    counted = answers.store.scan("frequencies").collect()
    assert counted.filter(~pl.concat_str("ref", "alt").str.contains("^[ACGT]+$")).is_empty()
    for name, codes in FAULTY.items():
        cohort = Path(name).stem
        if policy == "refuse":
            reasons = answers.held_back.pop(cohort)
            assert any(code in reasons for code in codes), (name, reasons)
        else:
            assert rejects.filter(cohort=cohort).height, name
    assert answers.held_back == {}
    for name in TAKEN:
        assert rejects.filter(cohort=Path(name).stem).is_empty()


def test_what_combine_gvcfs_leaves_is_held_back(oracles_dir: Path, tmp_path: Path) -> None:
    """CombineGVCFs takes GT away: as a cohort, nobody would be called with anything."""
    goldens = [
        Case(c.name, {c.name: c.golden}, "") for c in gatk_cases(oracles_dir, "CombineGVCFs")
    ]
    assert len(goldens) == 10
    answers = Answers(tmp_path, move(goldens))
    assert {c.name for c in goldens} == answers.held_back.keys()
    assert all("VH-F-032" in reasons for reasons in answers.held_back.values())


def test_blocks_past_the_contig(oracles_dir: Path, tmp_path: Path) -> None:
    """merge.gvcf.11 declares chr20 of GRCh37 and has blocks behind it: bcftools merges."""
    folder = oracles_dir / "gvcf-joining/bcftools-merge"
    files = {x: (folder / f"merge.gvcf.11.{x}.vcf").read_text() for x in "abc"}
    moved = move([Case("past", files, "")])
    (contig,) = moved.genome
    declared = f"length={len(moved.genome[contig])}>"
    short = {k: v.replace(declared, "length=50>") for k, v in moved.cases[0].files.items()}
    assert all("length=50>" in v for v in short.values())
    moved = Moved(
        [replace(moved.cases[0], files=short)], {contig: moved.genome[contig][:50]}, {}
    )
    assert "VH-F-034" in Answers(tmp_path, moved).held_back["past"]


def test_consensus_without_a_call_is_no_reference(oracles_dir: Path, tmp_path: Path) -> None:
    """bcftools consensus writes N where a block is ./.: assessed, and nobody is called."""
    folder = oracles_dir / "gvcf-joining/bcftools-merge"
    text = (folder / "consensus.gvcf-missing.1.vcf").read_text()
    answers = Answers(tmp_path, move([Case("missing", {"1": text}, "")]))
    assert answers.held_back == {}
    assert len(answers.moved.genome) == 3
    for contig in answers.moved.genome:
        assert answers.an(contig, 1, 6) == [0] * 6
        assessed = [answers.at(contig, p)["n_samples"] for p in range(1, 7)]
        assert assessed == [0, 0, 1, 1, 1, 0]
