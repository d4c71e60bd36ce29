"""Runs for a Snakemake that is started by hand, and for one that only looks.

`snakemake -n`, `--dag`, `--lint`, `--report` and the like make nothing in the store, nor a
store: their run lies in a folder of its own, which goes with the process. Where they are
given no configuration, they show the workflow on an example.
"""

import argparse
import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError
from varhouse.ingest.driver import elsewhere, open_or_init
from varhouse.ingest.profiles import CLUSTER_JOBS
from varhouse.ingest.setup.begin import begin, write_run
from varhouse.ingest.setup.config import Config, check_config
from varhouse.ingest.setup.prepare import prepare
from varhouse.store.commit import utc_now
from varhouse.store.layout import make_folder
from varhouse.store.leftovers import hold_work

_LOOKING = (
    "dryrun", "lint", "dag", "rulegraph", "filegraph", "d3dag", "report", "summary",
    "detailed_summary", "list_rules", "list_target_rules", "list_changes",
    "list_input_changes", "list_params_changes", "list_untracked", "print_compilation",
    "containerize",
)  # fmt: skip
"""Options of Snakemake with which it runs no job, as its parser names them."""

_SAID = "varhouse: no configuration, so this is the workflow on an example; for yours add\n\
          --configfile CONFIG --config store=STORE"


def looks_only(asked: argparse.Namespace) -> bool:
    """Tell from Snakemake's options whether it runs no job.

    Snakemake tells its workflow too late that it only looks, so the options are read again.
    """
    return any(getattr(asked, name, None) for name in _LOOKING)


def prepare_by_hand(
    config: dict[str, Any],
    files: Sequence[str],
    cores: int | None = None,
    *,
    asked: argparse.Namespace | None = None,
) -> Path:
    """Prepare a run for a Snakemake that was started by hand; give its run.json.

    Parameters
    ----------
    files
        The files that the configuration came from.
    cores
        Jobs at once.
    asked
        Snakemake's options, if it may be one that only looks.

    Raises
    ------
    ConfigError
        For any mistake, or when nothing says which store is meant.
    """
    raw = {k: v for k, v in config.items() if k not in ("store", "container")}
    looking = asked if asked is not None and looks_only(asked) else None
    if "store" not in config:
        if looking is None or raw:
            raise ConfigError(
                ["store: say which (snakemake --configfile CONFIG --config store=STORE)"]
            )
        print(_SAID, file=sys.stderr)
        found = _example(_passing_folder())
        _bring_report(looking, found.parent)
        return found
    base = Path(files[0]).resolve().parent if files else Path.cwd()
    store = (base / config["store"]).resolve()
    checked = check_config(raw, base)
    if looking is not None:
        last = _last_run(store) if getattr(looking, "report", None) else None
        found = last or _run_elsewhere(store, checked, cores or CLUSTER_JOBS)
        _bring_report(looking, found.parent)
        return found
    open_or_init(store, checked)
    run = prepare(store, checked, utc_now())
    # The lock is taken by the commit alone: what works here says so in the folder, before
    # there is anything in it that somebody could clear away.
    make_folder(Path(run.work), store)
    hold_work(Path(run.work))
    begin(run, checked, cores or CLUSTER_JOBS)
    return Path(run.work) / "run.json"


def _run_elsewhere(store: Path, config: Config, cores: int) -> Path:
    """Prepare the run that there would be, without a trace of it in the store."""
    folder = _passing_folder()
    store = elsewhere(store, config, folder)
    run = replace(prepare(store, config, utc_now()), work=str(folder / "work"))
    Path(run.work).mkdir()
    write_run(run, config, cores)
    return Path(run.work) / "run.json"


def _passing_folder() -> Path:
    """Make a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="varhouse-dry-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _last_run(store: Path) -> Path | None:
    """Find the run of the store of which jobs were done last, to report on it."""
    done = [
        (max(f.stat().st_mtime for f in jobs), run)
        for run in (store / "_staging").glob("*/run.json")
        if (jobs := [*(run.parent / "jobs").rglob("*.json")])
    ]
    return max(done)[1] if done else None


def _bring_report(asked: argparse.Namespace, work: Path) -> None:
    """Have the report lie where its path leads from, not in the work folder.

    Snakemake writes it with the work folder as its own.
    """
    path = getattr(asked, "report", None)
    if path is None or Path(path).is_absolute():
        return
    there = Path.cwd() / path

    def bring() -> None:
        if (work / path).exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(work / path, there)
            with suppress(OSError):
                print(f"report: {there}", file=sys.stderr)

    # Snakemake does not make the folder.
    (work / path).parent.mkdir(parents=True, exist_ok=True)
    # Before the folder goes: what was registered last is called first.
    atexit.register(bring)


def _example(folder: Path) -> Path:
    """Write a run that has a job of each rule but `whole`; its inputs are empty files."""
    names = ("large.vcf.gz", "small.vcf.gz", "genes.gff3", "source.vcf.gz")
    large, small, genes, source = (str(folder / name) for name in names)
    for path in (large, small, genes, source):
        Path(path).touch()
    steps = ("genes", "source example", "intake", "validate", "read", "plan", "cohort",
             "settle", "commit")  # fmt: skip
    run = {
        "work": str(folder / "work"),
        "cohorts": [{"name": "north", "files": [large]}, {"name": "south", "files": [small]}],
        "sources": [{"name": "example", "path": source}],
        "genes": genes,
        "jobs": {
            "whole": False, "genes": True, "sources": ["example"], "threads": 1,
            "split": [["north", 0, 2]], "intake": [[["south", 0]]],
            "bundled": True, "cohorts": [["north", "south"]],
            "mem_mb": dict.fromkeys(steps, 1000), "minutes": dict.fromkeys(steps, 60),
        },
    }  # fmt: skip
    (folder / "work").mkdir()
    (folder / "work" / "run.json").write_text(json.dumps(run))
    return folder / "work" / "run.json"
