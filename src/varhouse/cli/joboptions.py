"""Options that say where the jobs of an ingest run: one declaration for all commands."""

import argparse
from pathlib import Path
from typing import Any


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add `--cores`, `--profile` and what is said to Slurm."""
    parser.add_argument(
        "--cores", type=int, metavar="N", help="jobs at once [1, or the profile's]"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="NAME",
        help="where jobs run: local, slurm (docs/slurm.md), or a folder with a Snakemake "
        "profile",
    )
    parser.add_argument(
        "--slurm-partition", metavar="NAME", help="partition, or a,b [Slurm's default]"
    )
    parser.add_argument("--slurm-account", metavar="NAME", help="account of the jobs")
    parser.add_argument(
        "--set-resources",
        action="append",
        default=[],
        metavar="STEP:NAME=VALUE",
        help="what jobs ask for, e.g. commit:mem_mb=32G, or runtime=240 (minutes; 4h) for all "
        "steps; may be repeated",
    )


def job_options(args: argparse.Namespace) -> dict[str, Any]:
    """Give what was said, by the names of `varhouse.ingest.driver.Options`."""
    return {
        "cores": args.cores,
        "profile": args.profile,
        "resources": args.set_resources,
        "slurm_partition": args.slurm_partition,
        "slurm_account": args.slurm_account,
    }
