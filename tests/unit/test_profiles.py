"""Where jobs run and what they ask for; Slurm's commands are small scripts that answer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.errors import UsageError
from varhouse.ingest import slurm
from varhouse.ingest.driver import Options, ingest
from varhouse.ingest.jobs.about import READS_RULES, RULES, about_job, about_part
from varhouse.ingest.jobs.steps import _STEPS
from varhouse.ingest.profiles import Profile, find_profile, read_profile, resource_arguments
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.sizing import FileSize, share_jobs

WORKFLOW = DATA / "workflow"
RULE_FILES = {p.stem: p.read_text() for p in (WORKFLOW / "rules").glob("*.smk")}


CLUSTER = Profile(executor="slurm")


def test_profiles_are_found_by_name_and_by_folder(tmp_path: Path) -> None:
    shipped = read_profile(Path("slurm"))
    assert (shipped.executor, shipped.here, shipped.jobs) == ("slurm", False, 64)
    assert shipped.folder is not None
    assert shipped.folder.is_relative_to(WORKFLOW)
    assert read_profile(Path("local")).here
    assert read_profile(None) == Profile()
    (tmp_path / "profile.yaml").write_text("executor: slurm\njobs: 9\n")
    assert read_profile(tmp_path).jobs == 9
    with pytest.raises(UsageError, match="none that comes with varhouse; nearest: slurm"):
        find_profile(Path("slrum"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="an empty folder"):
        find_profile(tmp_path / "empty")


def test_resources_are_snakemakes_arguments() -> None:
    assert resource_arguments([], CLUSTER) == []
    assert resource_arguments(["commit:mem_mb=32000", "read:tasks=2"], CLUSTER) == [
        "--set-resources", "commit:mem_mb=32000*attempt", "read:tasks=2",
    ]  # fmt: skip
    # A name that is also one of Python's functions stays a name; one step wins over all.
    every = resource_arguments(["plan:slurm_partition=long", "slurm_partition=max"], CLUSTER)
    assert "plan:slurm_partition='long'" in every
    assert {"whole:slurm_partition='max'", "read:slurm_partition='max'"} <= set(every)
    assert len(every) == 1 + len(RULES)


def test_mistakes_in_resources_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        resource_arguments(["comit:mem_mb=1", "mem_mb", "read:runtime="], CLUSTER)
    for said in ("no step 'comit'; nearest: commit", "'mem_mb' is not", "'read:runtime=' is"):
        assert said in str(caught.value)


def test_amounts_have_the_units_of_sbatch() -> None:
    for said, given in (
        ("mem_mb=32G", "mem_mb=32768*attempt"),
        ("mem_mb='1T'", "mem_mb=1048576*attempt"),
        ("mem_mb=2gib", "mem_mb=2048*attempt"),
        ("mem_mb=32GB", "mem_mb=32768*attempt"),
        ("mem_mb=500M", "mem_mb=500*attempt"),
        ("runtime=4h", "runtime=240*attempt"),
        ("runtime=2d", "runtime=2880*attempt"),
        ("runtime=90m", "runtime=90*attempt"),
        ("mem_mb=0", "mem_mb=0*attempt"),
    ):
        asked = resource_arguments([f"commit:{said}"], CLUSTER)
        assert asked == ["--set-resources", f"commit:{given}"]
    for wrong in (
        "mem_mb=1.5G", "mem_mb=4 G", "mem_mb=32K", "mem_mb=9*attempt", "mem_mb=-1", "mem_mb=b",
        "mem_mb=max", "mem_mb=''", "mem_mb=9B", "runtime=4G", "runtime=04:00:00",
        "runtime=1-00", "runtime=٣",
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"is no number of (megabytes|minutes)"):
            resource_arguments([wrong], CLUSTER)


def test_what_nobody_is_asked_for_is_a_mistake(tmp_path: Path) -> None:
    options = Options(resources=["commit:mem_mb=32000", "runtime=4h"])
    with pytest.raises(UsageError, match="mem_mb, runtime: jobs on this machine ask nobody"):
        ingest(tmp_path / "store", tmp_path / "config.yaml", options)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="mem_mb: jobs on this machine"):
        resource_arguments(["mem_mb=1"], read_profile(Path("local")))
    assert len(resource_arguments(["tmpdir=/scratch"], Profile())) == 1 + len(RULES)
    # A machine whose memory a profile shares out among its jobs.
    for text in ("resources: [store_writer=1, mem_mb=64000]", "resources: {mem_mb: 64000}"):
        (tmp_path / "profile.yaml").write_text(f"cores: 4\n{text}\n")
        assert resource_arguments(["plan:mem_mb=1"], read_profile(tmp_path)) == [
            "--set-resources", "plan:mem_mb=1*attempt",
        ]  # fmt: skip


def test_a_partition_without_slurm_is_a_mistake(tmp_path: Path) -> None:
    options = Options(slurm_account="a")
    with pytest.raises(UsageError, match="--slurm-account: the jobs do not go to Slurm"):
        ingest(tmp_path / "store", tmp_path / "config.yaml", options)
    assert not list(tmp_path.iterdir())


def _command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def fx_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands of a cluster with two partitions, and no accounting."""
    folder = tmp_path / "bin"
    folder.mkdir()
    _command(folder, "sinfo", "echo short; echo long")
    _command(folder, "sbatch", "exit 1")
    _command(folder, "squeue", f"cat {folder}/queue")
    _command(folder, "scancel", f'echo "$@" > {folder}/cancelled; : > {folder}/queue')
    _command(folder, "scontrol", "echo 'MinJobAge               = 300 sec'")
    _command(folder, "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    (folder / "queue").write_text("")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    found = slurm.importlib.util.find_spec
    monkeypatch.setattr(
        slurm.importlib.util, "find_spec", lambda name: found(name) or "snakemake_ex" in name
    )
    return folder


def test_slurm_is_checked_before_any_work(
    fx_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.check_slurm()
    slurm.check_slurm("long")
    slurm.check_slurm("short,long")
    with pytest.raises(UsageError, match=r"no partition 'lang'.*; no partition ''"):
        slurm.check_slurm("lang,short,")
    with pytest.raises(UsageError, match=r"no partition 'lang'; nearest: long\n.*long, short"):
        slurm.check_slurm("lang")
    _command(fx_slurm, "sinfo", "exit 1")
    with pytest.raises(UsageError, match="Slurm does not answer"):
        slurm.check_slurm()
    (fx_slurm / "sbatch").unlink()
    monkeypatch.setenv("PATH", str(fx_slurm))
    with pytest.raises(UsageError, match="no sbatch here"):
        slurm.check_slurm()
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package"):
        slurm.check_slurm()


def test_a_cluster_that_forgets_jobs_early_is_asked_otherwise(
    fx_slurm: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profile = Profile(executor="slurm", status_command="squeue")
    name = f"--slurm-jobname-prefix={slurm.job_prefix(fx_slurm)}"
    assert slurm.slurm_arguments(profile, fx_slurm) == [name]
    _command(fx_slurm, "scontrol", "echo 'MinJobAge               = 60 sec'")
    assert slurm.slurm_arguments(profile, fx_slurm) == [name]
    assert "forgets a job 60 s after its end (MinJobAge)" in caplog.text
    _command(fx_slurm, "sacct", "exit 0")
    asked = slurm.slurm_arguments(profile, fx_slurm)
    assert asked == [name, "--slurm-status-command=sacct"]


def test_only_jobs_of_the_store_are_cancelled(fx_slurm: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    work = store / "_staging" / "000002-0"
    work.mkdir(parents=True)
    ours, other = slurm.job_prefix(store), slurm.job_prefix(tmp_path / "other")
    queue = (
        f"7|RUNNING|{ours}_1|None\n9_[1-3]|PENDING|{ours}_2|Resources\n"
        f"8|PENDING|{other}_3|Priority\n10|PENDING|my|job|None\n"
    )
    (fx_slurm / "queue").write_text(queue)
    # No run on Slurm has been here: nobody is asked.
    assert slurm.cancel_left(store) == 0
    assert not (fx_slurm / "cancelled").exists()
    (work / slurm.MARK).touch()
    assert slurm.cancel_left(store) == 2
    assert (fx_slurm / "cancelled").read_text() == "7 9_[1-3]\n"
    assert not (work / slurm.MARK).exists()


def test_without_slurm_the_jobs_of_a_dead_run_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mark = tmp_path / "_staging" / "1" / slurm.MARK
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert slurm.cancel_left(tmp_path) == 0
    assert "can commit nothing" in caplog.text
    assert slurm.waiting(tmp_path) == ""


def test_jobs_that_are_not_known_to_be_gone_are_looked_for_again(
    fx_slurm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = tmp_path / "store"
    mark = store / "_staging" / "000002-0" / slurm.MARK
    mark.parent.mkdir(parents=True)
    mark.touch()
    (fx_slurm / "queue").write_text(f"7|RUNNING|{slurm.job_prefix(store)}_1|None\n")
    monkeypatch.setattr(slurm, "_END_SECONDS", 0)
    # The job does not end in time; squeue fails once it was asked to; it fails at once.
    _command(fx_slurm, "scancel", f'echo "$@" > {fx_slurm}/cancelled')
    assert slurm.cancel_left(store) == 1
    assert "have not been seen to end" in caplog.text
    _command(fx_slurm, "scancel", f"rm {fx_slurm}/queue")
    assert slurm.cancel_left(store) == 1
    assert slurm.cancel_left(store) == 0
    assert "does not answer here" in caplog.text
    # What is left of dead runs is cleared away meanwhile.
    shutil.rmtree(store / "_staging")
    _command(fx_slurm, "scancel", f'echo "$@" > {fx_slurm}/cancelled; : > {fx_slurm}/queue')
    (fx_slurm / "queue").write_text(f"8|RUNNING|{slurm.job_prefix(store)}_1|None\n")
    assert slurm.cancel_left(store) == 1
    assert (fx_slurm / "cancelled").read_text() == "8\n"
    (fx_slurm / "squeue").unlink()
    caplog.clear()
    assert slurm.cancel_left(store) == 0
    assert not caplog.text


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("Resources", "2 for free cores or memory"),
        ("(Nodes required for job are DOWN, DRAINED or reserved)", "a node that is down"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "a node that is down or drained"),
        ("BeginTime", "its turn, after a node was lost"),
        ("QOSMaxJobsPerUserLimit", "QOSMaxJobsPerUserLimit"),
    ],
)
def test_why_jobs_wait(fx_slurm: Path, tmp_path: Path, why: str, said: str) -> None:
    name = slurm.job_prefix(tmp_path)
    rows = [f"{k}|PENDING|{name}_{k}|{why}" for k in range(2)]
    (fx_slurm / "queue").write_text("\n".join([*rows, f"3|RUNNING|{name}_3|None", ""]))
    assert said in slurm.waiting(tmp_path)


# --- rules ---


def test_every_rule_says_what_it_is_about_and_obeys_its_threads() -> None:
    assert {*RULE_FILES} == {*RULES, *READS_RULES, "common", "reads_common"}
    assert {*_STEPS} == {*RULES}
    for name in (*RULES, *READS_RULES):
        text = " ".join(RULE_FILES[name].split())
        run = "check.json" if name == "reads_check" else "run.json"
        assert f"varhouse stage {name} --run {run} --threads {{threads}}" in text, name
        for part in (
            "threads:", "log:", "mem_mb=mem_mb(", "runtime=minutes(", "message: SAID",
            f'about=about("{name}")', "2> {log}",
        ):  # fmt: skip
            assert part in text, (name, part)
        # Retries within a rule would stay in one allocation, with the same memory.
        assert "retries" not in text


def test_a_step_has_no_more_threads_than_it_asks_for() -> None:
    """Polars and numba count cores when they are imported: nothing does so before."""
    script = (
        "import sys, types\n"
        "def run_step(args):\n"
        "    import os, polars, numba\n"
        "    print(polars.thread_pool_size(), numba.config.NUMBA_NUM_THREADS,\n"
        "          os.environ['OMP_NUM_THREADS'])\n"
        "    return 0\n"
        "fake = types.ModuleType('steps'); fake.run_step = run_step\n"
        "import varhouse.ingest.jobs as jobs\n"
        "sys.modules['varhouse.ingest.jobs.steps'] = jobs.steps = fake\n"
        "from varhouse.cli import main\n"
        "sys.exit(main(['stage', 'plan', '--run', 'r', '--threads', '3', '-o', 'o']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3 3 3\n"


def test_jobs_of_a_cluster_are_worth_their_wait() -> None:
    """The same inputs: one job that takes two minutes, or several on one machine."""
    files = [FileSize("c", k, 40_000, 1) for k in range(3_800)]
    assert len(share_jobs(files, {}, 0, 64).intake) > 30
    jobs = share_jobs(files, {}, 0, 64, 120.0)
    assert jobs.whole
    many = share_jobs(files * 4, {}, 0, 64, 120.0)
    assert not many.whole
    assert 4 < len(many.intake) < 20
    assert {*jobs.minutes} == {*jobs.mem_mb}


def test_what_jobs_are_about() -> None:
    run = {
        "genes": "/g/model.gff3",
        "cohorts": [
            {"name": c, "files": [f"/d/{c}{k}.vcf" for k in range(2)]} for c in "abcde"
        ],
        "jobs": {
            "intake": [[["a", 0]], [["a", 1], ["b", 0], ["c", 0], ["d", 1]]],
            "split": [["e", 1, 4]],
            "cohorts": [["a", "b"]],
        },
    }
    plan = {"bundles": {"0001": ["chr1", "chrX"]}}
    for rule, wildcards, said in (
        ("intake", {"job": "0"}, "cohort a: file a0.vcf"),
        ("intake", {"job": "1"},
         "cohorts a, b, c and 1 more: files a1.vcf, b0.vcf, c0.vcf and 1 more"),
        ("validate", {"file": "0"}, "cohort e: file e1.vcf"),
        ("read", {"file": "0", "job": "3"}, "cohort e: file e1.vcf, share 4 of 4"),
        ("cohort", {"job": "0"}, "cohorts a, b"),
        ("source", {"source": "clinvar"}, "source clinvar"),
        ("genes", {}, "gene model model.gff3"),
        ("settle", {"bundle": "0001"}, "bundle 0001"),
        ("commit", {}, "cohorts a, b, c and 2 more"),
    ):  # fmt: skip
        assert about_job(run, rule, wildcards) == said
    assert about_part(run, plan, "alleles/0001") == "contigs chr1, chrX"
    assert about_part(run, None, "alleles/0001") == ""
    assert about_part(run, plan, "read/e/1/2") == "cohort e: file e1.vcf"
    assert about_part(run, plan, "cohort/a") == "cohort a"
    assert about_part(run, plan, "commit") == ""
