"""`varhouse audit`: what left a governed store, whom it was about, whether it was changed."""

import argparse
import importlib
from pathlib import Path
from typing import Any

STEPS = ("auditreport", "auditperson", "auditverify", "auditattack")
"""Modules of its commands, in the order of the help."""

_TEXT = """\
of a governed store (varhouse ledger --help: how it becomes one):
varhouse audit report STORE --recipient NAME --since 2026-01-01
varhouse audit log STORE --json
varhouse audit person STORE -
varhouse audit erasure STORE - -o answer.md
varhouse audit verify STORE --receipt pack/receipt.json
of any store, for what could be learned of it:
  varhouse audit attack demo/store --least 5

A person is named on stdin (-), so that no shell keeps the name, or as an argument.

The audit log is for the owner of the store: others may not read it. People stand in it as
keyed hashes alone. Times are UTC.

Decision support, not legal advice.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse audit` and its commands."""
    parser = commands.add_parser(
        "audit",
        help="what left a governed store, whom it was about, was it changed; attacks",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="audit_name", required=True
    )
    for name in STEPS:
        importlib.import_module(f"varhouse.cli.{name}").add_parser(steps)


def add_store(parser: argparse.ArgumentParser) -> None:
    """Declare the store and --json."""
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.add_argument("--json", action="store_true", help="as JSON")
