"""What the commands of `varhouse store` have in common."""

import argparse
from pathlib import Path
from typing import Any


def add_command(
    steps: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Any,
    what: str,
    example: str,
    files: str,
) -> argparse.ArgumentParser:
    parser = steps.add_parser(
        name,
        help=what,
        description=example,
        epilog=files,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.set_defaults(run=_run, store_command=function, store_name=name)
    return parser


def add_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", metavar="R", help="number or tag (default: the newest)")


def add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for another writer (default: 60)",
    )


def _run(args: argparse.Namespace) -> int:
    code: int = args.store_command(args)
    return code
