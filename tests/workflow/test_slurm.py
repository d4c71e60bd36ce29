"""The workflow through a real Slurm of one node (`scripts/slurm_node`)."""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from inprocess import ingest_here

import varhouse

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
        reason="needs the extra varhouse[slurm]",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def fx_node(tmp_path_factory):
    """Slurm, for all workers at once; the last one takes it down, if we brought it up."""
    users = Path("/tmp/varhouse-slurm-node.users")
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
        assert up.returncode == 0, up.stderr
        yield
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        subprocess.run([NODE, "down"], check=True)
        users.unlink()


def make_environment(folder):
    """Make an environment that sees the packages of this one; gives its `varhouse`."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "more.pth").write_text("\n".join(p for p in sys.path if p) + "\n")
    command = folder / "bin" / "varhouse"
    # As pip writes it where the path is none for a `#!` line.
    command.write_text(
        f"#!/bin/sh\n'''exec' \"{folder}/bin/python\" \"$0\" \"$@\"\n' '''\n"
        "import sys\nfrom varhouse.cli import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    return command


def test_small_ingest_is_one_slurm_job_and_the_same_store(fx_toy, tmp_path):
    """Store, inputs and environment lie in paths with blanks."""
    command = make_environment(tmp_path / "an environment")
    done = subprocess.run(
        [command, "ingest", fx_toy / "store", "--config", fx_toy / "config.yaml",
         "--profile", PROFILE, "--keep-work", "--json"],
        capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    here = ingest_here(tmp_path / "here", fx_toy / "config.yaml")
    assert account["digest"] == here["digest"]
    assert varhouse.open(fx_toy / "store").digest() == here["digest"]
    (work,) = (fx_toy / "store" / "_staging").iterdir()
    said = (work / "snakemake.log").read_text()
    assert said.count("has been submitted with SLURM jobid") == 1
