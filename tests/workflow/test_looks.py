"""Snakemake that only looks makes nothing, and what it writes lies where one looks."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.errors import ConfigError
from varhouse.ingest.byhand import _last_run, looks_only, prepare_by_hand
from varhouse.ingest.jobs.about import RULES
from varhouse.ingest.setup.config_form import DATA


def _snakemake(folder, *more):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", DATA / "Snakefile", *map(str, more)],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def _names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_a_dry_run_writes_nothing(fx_toy, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    before = _names(fx_toy)
    done = _snakemake(
        here, "-n", "--configfile", fx_toy / "config.yaml", "--config", "store=store"
    )
    assert "Job 1: whole: cohorts north, south (" in done.stdout
    assert _names(fx_toy) == before
    assert _names(here) == []


def test_without_a_configuration_the_workflow_is_shown_on_an_example(tmp_path):
    """The report lies where its path leads from, and all rules but one have jobs."""
    done = _snakemake(tmp_path, "-n", "--quiet", "rules")
    assert "this is the workflow on an example" in done.stderr
    assert _names(tmp_path) == []
    _snakemake(tmp_path, "--report", "out/r.html")
    assert "</html>" in (tmp_path / "out" / "r.html").read_text()[-1000:]
    dag = _snakemake(tmp_path, "--rulegraph").stdout
    # What comes after the plan is known when that is made.
    later = {"whole", "cohort", "settle"}
    for rule in RULES:
        assert (f'"{rule}"' in dag) == (rule not in later), rule


def test_options_with_which_no_job_runs():
    def asked(**given):
        return argparse.Namespace(**{"dryrun": False, "lint": None, "report": None, **given})

    assert not looks_only(asked())
    for given in ({"dryrun": True}, {"lint": "text"}, {"report": Path("r.html")},
                  {"dag": "dot"}, {"summary": True}):  # fmt: skip
        assert looks_only(asked(**given))


def test_a_run_needs_a_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for config, looking in (({}, False), ({"assembly": {}}, True)):
        with pytest.raises(ConfigError, match="store: say which"):
            prepare_by_hand(config, [], asked=argparse.Namespace(dryrun=looking))
    assert _names(tmp_path) == []


def test_the_report_is_on_the_run_of_which_jobs_were_done_last(tmp_path):
    assert _last_run(tmp_path) is None
    for k, name in enumerate(("000002-b", "000003-a", "000004-c")):
        work = tmp_path / "_staging" / name
        (work / "jobs" / "intake").mkdir(parents=True)
        (work / "run.json").touch()
        if k < 2:
            (work / "jobs" / "intake" / "0.json").touch()
            os.utime(work / "jobs" / "intake" / "0.json", (1000 - k, 1000 - k))
    assert _last_run(tmp_path) == tmp_path / "_staging" / "000002-b" / "run.json"
