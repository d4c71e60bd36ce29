"""One function per step of the workflow: arguments in, files out."""

import argparse
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from varhouse.files import read_json, write_json
from varhouse.ingest.jobs.plan import Plan, load_plan, make_plan
from varhouse.ingest.setup.run import Run, load_run


def run_step(args: argparse.Namespace) -> int:
    """Run the step that the command line names."""
    _STEPS[args.run_step](args, load_run(args.run_json))
    return 0


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside `folder` that takes its place when the block ends.

    What a killed attempt left is never mixed with what is made now, nor with what a job
    writes that outlived its Snakemake.
    """
    own = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    own.mkdir(mode=0o700)
    yield own
    shutil.rmtree(folder, ignore_errors=True)
    own.rename(folder)


def _plan(args: argparse.Namespace) -> Plan:
    return load_plan(args.plan)


def _genes(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.annotate import compile_model  # noqa: PLC0415

    compile_model(run)
    args.output.touch()


def _source(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.annotate import open_source  # noqa: PLC0415

    open_source(run, next(s for s in run.sources if s.name == args.source))
    args.output.touch()


def _validate(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.validate import validate_file  # noqa: PLC0415

    for number in args.files:
        validate_file(run, args.cohort, number, args.output.with_name(f"{number}.json"))
    args.output.touch()


def _make_plan(args: argparse.Namespace, run: Run) -> None:
    verdicts = {
        c.name: [args.verdicts / c.name / f"{i}.json" for i in range(len(c.files))]
        for c in run.cohorts
    }
    sides = read_json(args.sides) if args.sides else None
    make_plan(run, verdicts, sides).save(args.output)


def _sides(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.side_digests import read_sides  # noqa: PLC0415

    write_json(args.output, read_sides(run))


def _read(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.tasks import run_task  # noqa: PLC0415

    with whole_folder(args.output) as folder:
        run_task(run, _plan(args), args.task, folder)


def _cohort(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.cohort import gather_cohort  # noqa: PLC0415

    with whole_folder(args.output) as folder:
        gather_cohort(run, _plan(args), args.cohort, args.tasks, folder)


def _alleles(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.alleles import find_alleles  # noqa: PLC0415

    with whole_folder(args.output) as folder:
        plan = _plan(args)
        find_alleles(run, plan.bundles[args.bundle], args.cohorts, folder, plan.again)


def _annotate(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.annotate import annotate_alleles  # noqa: PLC0415

    with whole_folder(args.output) as folder:
        plan = _plan(args)
        annotate_alleles(run, plan.bundles[args.bundle], args.alleles, folder, plan.again)


def _totals(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.totals import add_totals  # noqa: PLC0415

    with whole_folder(args.output) as folder:
        plan = _plan(args)
        parts = [p for p in plan.bundles[args.bundle] if p in plan.called]
        add_totals(run, parts, args.cohorts, folder)


def _commit(args: argparse.Namespace, run: Run) -> None:
    from varhouse.ingest.jobs.finish import commit_run  # noqa: PLC0415

    sides = read_json(args.sides) if args.sides else None
    out = commit_run(run, _plan(args), args.manifests, sides)
    write_json(args.output, out)


_STEPS: dict[str, Callable[[argparse.Namespace, Run], None]] = {
    "genes": _genes, "source": _source, "sides": _sides, "validate": _validate,
    "plan": _make_plan, "read": _read,
    "cohort": _cohort, "alleles": _alleles, "annotate": _annotate, "totals": _totals,
    "commit": _commit,
}  # fmt: skip
