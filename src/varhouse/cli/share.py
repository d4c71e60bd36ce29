"""`varhouse share`: may data leave, packs for recipients, views of a governed store."""

import argparse
import importlib
from typing import Any

STEPS = ("sharecheck", "sharepack", "sharereceipt", "sharerelease", "sharerules")
"""Modules of its commands, in the order of the help."""


def add_parser(commands: Any) -> None:
    """Declare `varhouse share` and its commands."""
    parser = commands.add_parser(
        "share",
        help="of a governed store: what may leave it, packs, views of roles",
        description="example:  varhouse share check demo/store --to open --content aggregate",
        epilog="Decision support, not legal advice.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="share_name", required=True
    )
    for name in STEPS:
        importlib.import_module(f"varhouse.cli.{name}").add_parser(steps)
