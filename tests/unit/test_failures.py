"""Why jobs failed: read from texts that Snakemake 9.27 and Slurm 22.05 wrote."""

import json
import os
from pathlib import Path

import pytest

from varhouse.ingest import progress
from varhouse.ingest.failures import (
    FailedJob,
    JobReader,
    describe_crash,
    describe_failure,
    describe_retry,
    reason,
)

RUN = {
    "genes": "/g/model.gff3",
    "cohorts": [
        {"name": "north", "files": ["/a/n1.vcf", "/a/n2.vcf"]},
        {"name": "south", "files": [f"/a/s{k}.vcf" for k in range(9)]},
    ],
    "jobs": {
        "intake": [[["north", 0], ["north", 1]], [["south", k] for k in range(9)]],
        "split": [["north", 1, 5]],
        "cohorts": [["north", "south"]],
    },
}
PLAN = {"bundles": {"0000": ["chr1", "chr2"]}}

# Written by a job that asked for 600 MB, then 1200; the paths are shortened.
STARTS = (
    "Job 1: intake: cohort south: files s0.vcf (4 threads, {} MB, 60 min)\nReason: Missing\n"
)
FAILED = """\
Error in rule intake:
    message: SLURM-job '3' failed, SLURM status is: '{state}'. Detailed failure reason unavailable (status command is not 'sacct').For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 1
    input: /a/s0.vcf, /a/s1.vcf
    output: jobs/intake/1.json
    log: logs/intake/1.log, {logs}/rule intake/3.log (check log file(s) for error details)
    shell:
        varhouse stage intake --run run.json --threads 4 -o jobs/intake/1.json 2> logs/intake/1.log
        (command exited with non-zero exit code)
    external_jobid: 3
"""  # noqa: E501
# What Slurm wrote into the job's file.
MEMORY_STEP = """\
slurmstepd-localhost: error: Detected 1 oom-kill event(s) in StepId=3.0. Some of your \
processes may have been killed by the cgroup out-of-memory handler.
srun: error: localhost: task 0: Out Of Memory
"""
MEMORY_WATCHED = """\
slurmstepd-localhost: error: StepId=3.0 exceeded memory limit (313634816 > 209715200), \
being killed
slurmstepd-localhost: error: *** JOB 3 ON localhost CANCELLED AT 2026-11-29T15:55:07 ***
"""
CANCELLED = "slurmstepd: error: *** JOB 5 ON localhost CANCELLED AT 2026-11-29T16:06:35 ***\n"
TIMED_OUT = "slurmstepd: error: *** JOB 6 ON n CANCELLED AT 2026 DUE TO TIME LIMIT ***\n"
NODE_LOST = (
    "slurmstepd: error: *** JOB 6 ON n CANCELLED AT 2026-11-29T16:06:35 DUE TO NODE FAILURE, "
    "SEE SLURMCTLD LOG FOR DETAILS ***\n"
)


@pytest.fixture
def fx_work(tmp_path: Path) -> Path:
    for name in ("logs/intake", "now", "rule intake", "plan"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "plan" / "plan.json").write_text(json.dumps(PLAN))
    return tmp_path


def read(text: str) -> JobReader:
    reader = JobReader()
    for line in text.splitlines(keepends=True):
        reader.take(line)
    return reader


def failed(work: Path, state: str) -> FailedJob:
    text = STARTS.format(600) + FAILED.format(state=state, logs=work) + "Shutting down\n"
    (job,) = read(text).failed()
    return job


@pytest.mark.parametrize(
    ("state", "log", "why", "fix"),
    [
        ("OUT_OF_MEMORY", "", "it ran out of memory (asked for 600 MB)", "intake:mem_mb=1200"),
        ("FAILED", MEMORY_STEP, "it ran out of memory (asked for 600 MB)", "mem_mb=1200"),
        ("FAILED", MEMORY_WATCHED, "it ran out of memory", "mem_mb=1200"),
        ("TIMEOUT", TIMED_OUT, "it ran out of time (asked for 60 minutes)", "runtime=120"),
        ("FAILED", TIMED_OUT, "it ran out of time", "intake:runtime=120"),
        ("CANCELLED", CANCELLED, "it was cancelled", "run again, goes on"),
        ("NODE_FAIL", "", "it lost its node", "run again, goes on"),
        ("FAILED", NODE_LOST, "it lost its node", "run again, goes on"),
        ("FAILED", "", "it was killed or did not start, and wrote no error", "see the logs"),
    ],
)
def test_slurm_says_why(fx_work: Path, state: str, log: str, why: str, fix: str) -> None:
    (fx_work / "rule intake" / "3.log").write_text(log)
    (fx_work / "logs/intake/1.log").write_text("part intake/south/4\na note\n")
    (fx_work / "now/intake-1.txt").write_text("intake/south/4")
    job = failed(fx_work, state)
    told = describe_failure(fx_work, [job], fx_work / "snakemake.log")
    assert told.startswith(f"step intake/south/4 (job intake/1) failed: {why}")
    assert fix in told.splitlines()[1]
    for part in (
        "at: cohort south: file s4.vcf",
        f"Slurm job: 3, {state}",
        "its log ends: a note",
        f"Slurm's log: {fx_work}/rule intake/3.log",
        f"log: {fx_work}/logs/intake/1.log",
        f"Snakemake's log: {fx_work}/snakemake.log",
    ):
        assert part in told, part
    assert "/a/s1.vcf" not in told


def test_an_error_of_its_own_comes_first(fx_work: Path) -> None:
    (fx_work / "logs/intake/1.log").write_text(
        "part intake/south/7\nerror: b.vcf:3: no\n       fix: mend it\nother\n"
    )
    (fx_work / "logs/intake/0.log").write_text("error: of an earlier run\n")
    (fx_work / "now/intake-1.txt").write_text("intake/south/7")
    told = describe_failure(fx_work, [failed(fx_work, "FAILED")], fx_work / "s.log")
    assert told.startswith(
        "step intake/south/7 (job intake/1) failed: b.vcf:3: no\n       fix: mend it\n"
    )
    assert "logs/intake/1.log" in told
    assert "earlier" not in told
    # And while it goes on, one line says what the jobs are at.
    assert progress.parts_now(fx_work) == ["intake/south/7"]


def test_a_job_that_is_tried_again_is_said_once_and_forgotten_when_it_is_done(
    fx_work: Path,
) -> None:
    (fx_work / "rule intake" / "3.log").write_text(MEMORY_STEP)
    reader = JobReader()
    text = STARTS.format(600) + FAILED.format(state="FAILED", logs=fx_work)
    assert not any(reader.take(line) for line in text.splitlines())
    job = reader.take("Trying to restart job 1.\n")
    assert job is not None
    assert describe_retry(fx_work, job) == (
        "intake/1, cohort south: files s0.vcf, s1.vcf, s2.vcf and 6 more (Slurm job 3): "
        "it ran out of memory (asked for 600 MB); that was attempt 1, it is tried again"
    )
    text = STARTS.format(1200) + FAILED.format(state="FAILED", logs=fx_work) + "\n"
    for line in text.splitlines():
        reader.take(line)
    (job,) = reader.failed()
    assert (job.mem_mb, job.attempt) == (1200, 2)
    reader.take("Finished jobid: 1 (Rule: intake)\n")
    assert reader.failed() == []


def test_a_job_of_this_host(fx_work: Path) -> None:
    """Killed by the system, say; of a bundle of partitions, the contigs are named."""
    (job,) = read(
        "Job 12: settle: bundle 0000 (1 threads, 950 MB, 60 min)\n"
        "Error in rule settle:\n    message: None\n    jobid: 12\n"
        "    output: jobs/settle/0000.json\n"
        "    log: logs/settle/0000.log (check log file(s) for error details)\n"
    ).failed()
    assert (job.state, job.slurm_log, reason(job, fx_work)) == ("", "", "")
    (fx_work / "now/settle-0000.txt").write_text("alleles/0000")
    told = describe_failure(fx_work, [job, job], fx_work / "s.log")
    assert told.startswith(
        "step alleles/0000 (job settle/0000) failed (2 jobs failed): it was"
    )
    assert "at: contigs chr1, chr2" in told
    assert "its log is empty" in told


def test_where_no_job_failed_the_end_of_what_snakemake_wrote(tmp_path: Path) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text("Error in rule read:\n    jobid: 1\n")
    before = log.stat().st_size
    with log.open("a") as more:
        more.write("WorkflowError:\nno such executor\n")
    assert JobReader().failed() == []
    told = describe_crash(log, before)
    assert "no such executor" in told
    for code in (-9, 137):
        told = describe_crash(log, before, code)
        assert told.startswith("Snakemake was ended by SIGKILL")
        assert "run the same command again" in told
    assert "rule read" not in told


def test_an_error_of_an_earlier_run_is_not_told_again(fx_work: Path) -> None:
    """The job failed yesterday by itself, and today it did not start."""
    log = fx_work / "logs/intake/1.log"
    log.write_text("error: a.vcf:3: yesterday\n")
    os.utime(log, (1000, 1000))
    job = failed(fx_work, "FAILED")
    told = describe_failure(fx_work, [job], fx_work / "s.log", began=2000.0)
    assert "yesterday" not in told
    assert "its log is empty" in told
    assert "yesterday" not in describe_retry(fx_work, job, 2000.0)
    log.write_text("error: a.vcf:3: today\n")
    assert "today" in describe_failure(fx_work, [job], fx_work / "s.log", began=2000.0)
