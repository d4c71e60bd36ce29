"""How calls are shared out, and the sheets and configuration that an ingest is given."""

import itertools
import json
from pathlib import Path

import pytest

from varhouse.calling import sizing
from varhouse.calling.byhand import example_run
from varhouse.calling.prepare import are_marked
from varhouse.calling.resultsheets import cohort_rows, config_for_ingest, restart_rows
from varhouse.calling.run import CallRun, load_call_run
from varhouse.calling.settings import Settings
from varhouse.ingest.jobs.about import about_job


@pytest.fixture
def fx_run(tmp_path: Path) -> CallRun:
    return load_call_run(example_run(tmp_path))


@pytest.mark.parametrize(
    "contigs",
    [
        [("chr1", 12_345_678), ("chrM", 16_569), ("chr2", 1_000_001)],
        [("a", 1)],
        [(f"c{k}", 900 + k) for k in range(300)],
    ],
)
def test_spans_cover_each_base_once(contigs: list[tuple[str, int]]) -> None:
    spans = sizing.cut_spans(contigs)
    for name, length in contigs:
        own = [s for s in spans if s.contig == name]
        assert own[0].start == 0
        assert own[-1].end == length
        assert all(a.end == b.start for a, b in itertools.pairwise(own))
        assert all(s.end - s.start <= sizing.SPAN_BASES for s in own)
        assert length > sizing.WHOLE_CONTIG or len(own) == 1
    for n_bases in (0, 10**8, 10**11, 10**13):
        jobs = sizing.share_spans(spans, n_bases)
        assert [a for a, _ in jobs] == [0, *(b for _, b in jobs[:-1])]
        assert jobs[-1][1] == len(spans)
        assert all(a < b for a, b in jobs)
        assert len(jobs) <= sizing.MOST_JOBS


def test_a_genome_at_30x_has_jobs_of_half_an_hour() -> None:
    spans = sizing.cut_spans([(f"chr{k}", 130_000_000) for k in range(24)])
    jobs = sizing.share_spans(spans, 90_000_000_000)
    assert 10 <= len(jobs) <= 16
    assert not sizing.is_whole(90_000_000_000)
    assert sizing.is_whole(100_000_000)


def test_memory_and_disk_follow_the_inputs() -> None:
    small, large = (sizing.memory(n, 2, Settings()) for n in (10**6, 3_100_000_000))
    assert large["reads_align"] > small["reads_align"] + 5_000
    # The index is not made by the job of a person.
    assert large["reads_person"] < large["reads_index"]
    java = sizing.memory(10**6, 2, Settings(caller="gatk"))
    assert java["reads_call"] > small["reads_call"] + 4_000
    most, stays = sizing.disk_needed([10**9, 10**9], cores=1, keeps=True, called=10**8)
    none, less = sizing.disk_needed([10**9, 10**9], cores=1, keeps=False, called=10**8)
    assert most > stays > less
    assert most > none > less


def test_files_that_were_marked_one_by_one_are_marked_together() -> None:
    assert are_marked([{"marked": True}])
    assert not are_marked([{"marked": False}])
    assert not are_marked([{}])
    assert not are_marked([{"marked": True}, {"marked": True}])


def test_the_configuration_of_the_ingest_has_absolute_paths(fx_run: CallRun) -> None:
    base = Path(fx_run.base)
    fx_run.raw = {
        "assembly": "GRCh38", "reference": "ref.fa", "genes": "g/genes.gff3", "reads": "r.tsv",
        "calling": {"folder": "calls"}, "cohorts": "c.tsv", "samples": None,
        "sources": [{"name": "clinvar", "path": "clinvar.vcf.gz", "preset": "clinvar"}],
        "callable": {"kits": "kits.tsv", "gq": [20]}, "strata": ["population"],
    }  # fmt: skip
    said = config_for_ingest(fx_run)
    assert said == {
        "assembly": {"reference": str(base / "ref.fa"), "name": "GRCh38"},
        "genes": str(base / "g/genes.gff3"),
        "sources": [
            {"name": "clinvar", "path": str(base / "clinvar.vcf.gz"), "preset": "clinvar"}
        ],
        "callable": {"kits": str(base / "kits.tsv"), "gq": [20]},
        "strata": ["population"],
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }


def test_cohorts_of_the_configuration_are_united_with_the_called_ones(fx_run: CallRun) -> None:
    base = Path(fx_run.base)
    (base / "c.tsv").write_text(
        "cohort\tfiles\tproject\nnorth\told/*.vcf.gz, @more.txt\tPRJNA1\neast\te.vcf\t\n"
    )
    fx_run.raw = {"cohorts": "c.tsv"}
    rows = {r["cohort"]: r for r in cohort_rows(fx_run).to_dicts()}
    assert list(rows) == ["north", "east"]
    assert rows["north"]["files"] == f"{base}/old/*.vcf.gz,@{base}/more.txt,@lists/north.txt"
    assert rows["north"]["project"] == "PRJNA1"
    assert rows["east"]["files"] == f"{base}/e.vcf"
    listed = (base / "lists" / "north.txt").read_text().split()
    assert listed == ["../gvcf/north/ann.g.vcf.gz", "../gvcf/north/bob.g.vcf.gz"]


def test_restart_sheets_name_files_from_their_folder(fx_run: CallRun) -> None:
    fx_run.people[1].start = "gvcf"
    rows = restart_rows(fx_run, "bam").to_dicts()
    assert rows[0]["bam"] == "../bam/north/ann.bam"
    assert rows[1]["gvcf"] == fx_run.people[1].person.lanes[0].files[0].replace(
        fx_run.folder, ".."
    )


def test_jobs_say_whose_lane_and_which_region_they_are_about(fx_run: CallRun) -> None:
    run = json.loads((Path(fx_run.work) / "run.json").read_text())
    ann = fx_run.people[0]
    lane = about_job(run, "reads_align", {"lane": ann.lanes[0]})
    assert lane == "cohort north: sample ann, lane L1: files ann_1.fq.gz, ann_2.fq.gz"
    region = about_job(run, "reads_call", {"calls": ann.calls, "job": "0"})
    assert region == "cohort north: sample ann, chr1:1-1,000"
    assert about_job(run, "reads_index", {}) == "reference ref.fa"
    assert about_job(run, "reads_batch", {"batch": "0" * 16}) == "samples ann, bob"
