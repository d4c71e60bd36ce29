"""The workflow through a real Slurm of one node (`scripts/slurm_node`)."""

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest
from inprocess import ingest_here

import varhouse
from varhouse.ingest.slurm import job_prefix

ROOT = Path(__file__).parents[2]
NODE = ROOT / "scripts" / "slurm_node"
PROFILE = ROOT / "workflow" / "profiles" / "slurm"

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, for a Slurm of one node"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))),
        reason="needs Slurm (apt-get install --no-install-recommends slurm-wlm munge)",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
        reason="needs the extra .[slurm]",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def fx_node(tmp_path_factory):
    """Slurm, for all workers at once; the last one takes it down, if we brought it up."""
    users = Path("/var/lib/varhouse-slurm-node.users")
    with users.open("a") as lock:
        was_up = subprocess.run([NODE, "status"], capture_output=True, check=False)
        if was_up.returncode == 0 and not users.stat().st_size:
            # Somebody's own: it stays.
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_SH)
        lock.write("tests\n")
        lock.flush()
        up = subprocess.run([NODE, "up"], capture_output=True, text=True, check=False)
        if "has a Slurm of its own" in up.stderr:
            pytest.skip("needs a machine without a Slurm of its own")
        if up.returncode:
            # Containers differ in what daemons may do: the workflow is not at fault.
            pytest.skip(f"needs a machine on which Slurm starts: {up.stderr.strip()[-300:]}")
        yield
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        subprocess.run([NODE, "down"], check=True)
        users.unlink()


# Stands for `varhouse` in the jobs: the step named in TROUBLE does what it says there, once.
COMMAND = """#!/bin/sh
'''exec' "{folder}/bin/python" "$0" "$@"
' '''
import os, pathlib, sys, time
step, _, what = os.environ.get("TROUBLE", "").partition(":")
if sys.argv[1:3] == ["stage", step] and not os.path.exists("troubled"):
    pathlib.Path("troubled").touch()
    if what == "eat":
        held = [os.urandom(1 << 20) for _ in range(900)]
    print("part intake/north/0", file=sys.stderr, flush=True)
    time.sleep(600)
from varhouse.cli import main
sys.exit(main())
"""


@pytest.fixture
def fx_command(tmp_path):
    """An environment in a path with a blank that sees the packages of this one."""
    folder = tmp_path / "an environment"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "more.pth").write_text("\n".join(p for p in sys.path if p) + "\n")
    command = folder / "bin" / "varhouse"
    # The first lines are those that pip writes where the path is none for a `#!` line.
    command.write_text(COMMAND.format(folder=folder))
    command.chmod(0o755)
    return command


def _start(command, folder, *more, trouble=""):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.Popen(
        [command, "ingest", folder / "store", "--config", folder / "config.yaml", "--json",
         *map(str, more)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**environment, "TROUBLE": trouble},
    )  # fmt: skip


def _queued(folder, states="pending,running"):
    """List id, memory and partition of the store's jobs in Slurm."""
    said = subprocess.run(
        ["squeue", "-h", "-t", states, "-o", "%i %m %P %j"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split() for line in said.splitlines()]
    return [row[:3] for row in rows if row[3].startswith(job_prefix(folder / "store"))]


def _wait_for(found, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not (out := found()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return out


def test_small_ingest_is_one_job_that_comes_back_with_more_memory(
    fx_toy, fx_command, tmp_path
):
    """Store, inputs and environment lie in paths with blanks; the partition is not Slurm's."""
    process = _start(
        fx_command, fx_toy, "--profile", "slurm", "--slurm-partition", "other",
        "--set-resources", "whole:mem_mb=800", trouble="whole:eat",
    )  # fmt: skip
    out, err = process.communicate()
    assert process.returncode == 0, err
    here = ingest_here(tmp_path / "here", fx_toy / "config.yaml")
    assert json.loads(out)["digest"] == here["digest"]
    assert varhouse.open(fx_toy / "store").digest() == here["digest"]
    assert "it ran out of memory (asked for 800 MB); that was attempt 1" in err
    assert "cohorts north, south" in err
    jobs = sorted(_queued(fx_toy, "all"), key=lambda row: int(row[0]))
    assert [row[1:] for row in jobs] == [["800M", "other"], ["1600M", "other"]]


@pytest.mark.slow
def test_cancelled_then_killed_then_done(fx_toy, fx_command, tmp_path):
    profile = tmp_path / "own profile"
    profile.mkdir()
    text = (PROFILE / "profile.yaml").read_text()
    (profile / "profile.yaml").write_text(text.replace("retries: 2", "retries: 0"))
    process = _start(fx_command, fx_toy, "--profile", profile, trouble="whole:sleep")
    _wait_for(lambda: list((fx_toy / "store" / "_staging").glob("*/troubled")))
    ((job, *_),) = _queued(fx_toy)
    subprocess.run(["scancel", job], check=True)
    _, err = process.communicate()
    assert process.returncode == 1
    assert "step whole failed: it was cancelled" in err
    for said in (f"Slurm job: {job}, CANCELLED", "its log ends: part intake/north/0", "fix:"):
        assert said in err, said
    # The command, who supervises it and Snakemake die: nobody cancels the job.
    (troubled,) = (fx_toy / "store" / "_staging").glob("*/troubled")
    troubled.unlink()
    process = _start(fx_command, fx_toy, "--profile", "slurm", trouble="whole:sleep")
    ((job, *_),) = _wait_for(lambda: _queued(fx_toy))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    _wait_for(lambda: _queued(fx_toy, "running"))
    # The next ingest does, also on this host alone.
    process = _start(fx_command, fx_toy)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "cancelling 1 job(s) of a run that has ended" in err
    assert not _queued(fx_toy)
    here = ingest_here(tmp_path / "here", fx_toy / "config.yaml")
    assert json.loads(out)["digest"] == here["digest"]
