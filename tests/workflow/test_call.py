"""The real workflow from reads to calls under Snakemake: done, done again, killed, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from callsteps import Steps, call_here, make_reads

from varhouse.calling import sizing
from varhouse.files import read_json

pytest.importorskip("pybwa", reason="needs the extra reads")

MANY_JOBS = """
import sys
from varhouse.calling import sizing
sizing.WHOLE_SECONDS, sizing.JOB_SECONDS = 0.0, 1e-3
from varhouse.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command with a job a step, as for people with many reads."""


@pytest.fixture(scope="module")
def fx_called(tmp_path_factory):
    """Two people called by the real workflow; gives the folder and the account."""
    folder = tmp_path_factory.mktemp("reads") / "a folder"
    folder.mkdir()
    make_reads(folder)
    done = _call(folder, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def fx_copy(fx_called, tmp_path):
    folder = tmp_path / "a copy"
    shutil.copytree(fx_called[0], folder, symlinks=True)
    return folder


def _command(folder: Path, *more: str) -> list[str]:
    config = str(folder / "config.yaml")
    return [sys.executable, "-c", MANY_JOBS, "call", "--config", config, "--cores", "2", *more]


def _call(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = _command(folder, *more)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _calls(folder: Path) -> dict[str, bytes]:
    files = (folder / "calls" / "gvcf").rglob("*.gz")
    return {f.name: f.read_bytes() for f in files}


def _jobs(folder: Path) -> dict[str, float]:
    """Give the jobs that are done, and when they were."""
    jobs = folder / "calls" / "_work" / "jobs"
    return {
        str(f.relative_to(jobs)): f.stat().st_mtime
        for f in jobs.rglob("*.json")
        if f.name[0] != "."
    }


def test_the_workflow_makes_what_the_steps_make_in_one_process(fx_called, tmp_path) -> None:
    folder, account = fx_called
    assert [p["state"] for p in account["people"]] == ["called", "called"]
    rules = [name.partition("/")[0] for name in _jobs(folder)]
    assert rules.count("reads_align") == 3
    assert rules.count("reads_call") > 2
    # Files that only jobs need are gone.
    work = folder / "calls" / "_work"
    assert not [f for f in work.rglob("*") if f.suffix in (".bam", ".parquet")]
    costs = {s["stage"]: s for s in account["stages"]}
    assert {"align", "finish", "call", "gvcf", "batch", "start", "snakemake"} <= set(costs)
    assert all(s["cpu_s"] >= 0 for s in account["stages"])
    again = _call(folder, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["up_to_date"]
    # The same by jobs of another cut, without Snakemake.
    assert sizing.WHOLE_SECONDS > 0
    config = json.loads((folder / "config.yaml").read_text())
    config["calling"] = {"folder": str(tmp_path / "calls")}
    (folder / "here.yaml").write_text(json.dumps(config))
    call_here(folder / "here.yaml", Steps())
    assert _calls(tmp_path) == _calls(folder)


def test_a_killed_call_goes_on(fx_copy) -> None:
    made, n_jobs = _calls(fx_copy), len(_jobs(fx_copy))
    shutil.rmtree(fx_copy / "calls")
    with subprocess.Popen(
        _command(fx_copy), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 300
        while not any(n.startswith("reads_call/") for n in _jobs(fx_copy)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    # Whoever was still at work ends with the command.
    time.sleep(3)
    before = _jobs(fx_copy)
    assert len(before) < n_jobs
    again = _call(fx_copy)
    assert again.returncode == 0, again.stderr
    after = _jobs(fx_copy)
    kept = {name for name, when in before.items() if after.get(name) == when}
    # What was done stays done, and nothing but what was running is done twice: of two jobs at
    # once the workflow may not have heard yet that they had ended.
    assert len(before) - len(kept) <= 2
    assert len(after) == n_jobs
    assert _calls(fx_copy) == made


def test_a_failed_job_is_told_with_its_person_and_the_others_go_on(fx_copy) -> None:
    shutil.rmtree(fx_copy / "calls" / "gvcf")
    (fx_copy / "calls" / "gvcf").mkdir()
    # There is no room for bob's calls.
    (fx_copy / "calls" / "gvcf" / "north").mkdir()
    (fx_copy / "calls" / "gvcf" / "north" / "bob.g.vcf.gz").mkdir()
    failed = _call(fx_copy, "--json")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    account = json.loads(failed.stdout)
    assert [p["state"] for p in account["people"]] == ["called", "not called"]
    assert "sample bob" in account["error"]
    assert "sample bob" in failed.stderr
    assert "logs/reads_gvcf" in failed.stderr
    assert (fx_copy / "calls" / "gvcf" / "north" / "ann.g.vcf.gz").exists()
    told = read_json(fx_copy / "calls" / "qc" / "north" / "ann.json")
    assert told["called_as"] == "female"
