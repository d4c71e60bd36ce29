"""Calls for a Snakemake that is started by hand, and for one that only looks.

`snakemake --configfile CONFIG --cores N` with `reads` in the configuration calls as `varhouse
call` does, without its account; the reads are read first, in this process. What only looks
(`-n`, `--dag`, `--lint`, ...) has its run in a folder that goes with the process.
"""

import argparse
import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from varhouse.calling.driver import find_made, make_folders, with_facts
from varhouse.calling.places import WORK
from varhouse.calling.prepare import begin_run, settle, write_panel
from varhouse.calling.programs import check_programs
from varhouse.calling.run import CallRun, RunPerson
from varhouse.calling.settings import Settings, check_call_config
from varhouse.calling.sizing import memory, minutes
from varhouse.ingest.byhand import looks_only
from varhouse.ingest.jobs.about import READS_RULES
from varhouse.ingest.profiles import CLUSTER_JOBS
from varhouse.reads.model import Lane, LaneFacts, Person, Span


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
        For any mistake in the configuration, the sheet and the reads.
    """
    looks = asked is not None and looks_only(asked)
    if config.get("example") == "reads":
        return example_run(_passing_folder())
    base = Path(files[0]).resolve().parent if files else Path.cwd()
    raw = {k: v for k, v in config.items() if k not in ("container", "example")}
    checked = check_call_config(raw, base)
    work = _passing_folder() if looks else checked.folder / WORK
    if not looks:
        make_folders(checked.folder, work)
    cores = cores or CLUSTER_JOBS
    run = begin_run(checked, settle(work, checked), work, cores)
    check_programs(run)
    write_panel(run)
    run = with_facts(run, cores)
    if not looks:
        find_made(run)
    return run.save()


def _passing_folder() -> Path:
    """Make a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="varhouse-dry-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def example_run(folder: Path) -> Path:
    """Write a run that has a job of each rule but the check; its inputs are empty files."""
    people = []
    for k, name in enumerate(("ann", "bob")):
        files = [str(folder / f"{name}_{mate}.fq.gz") for mate in (1, 2)]
        for file in files:
            Path(file).touch()
        lane = Lane("north", name, "L1", name, "ILLUMINA", "pairs", files, 2 + k)
        keys = [f"{16 * k + n:016x}" for n in range(3)]
        people.append(
            RunPerson(
                Person("north", name, "unknown", [lane]), "reads", keys[:1],
                [LaneFacts("pairs", 2, 200, 100)], keys[1], keys[2], whole=bool(k),
                jobs=[(0, 1)],
            )
        )  # fmt: skip
    (folder / "ref.fa").touch()
    run = CallRun(
        step="call", folder=str(folder), work=str(folder), assembly="example",
        reference=str(folder / "ref.fa"), reference_digest="", compiled=str(folder),
        aliases=None, par=None, index=str(folder / "index"), lengths=[("chr1", 1000)],
        contigs=[("chr1", 1000)], spans=[Span("chr1", 0, 1000)], settings=Settings(),
        people=people, raw={}, base=str(folder), batch="0" * 16,
    )  # fmt: skip
    run.jobs.threads = dict.fromkeys(READS_RULES, 1)
    run.jobs.mem_mb = memory(1000, 1, run.settings)
    run.jobs.minutes = minutes(1000, 200, 200)
    return run.save()
