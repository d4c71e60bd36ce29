"""`varhouse status`: what runs, what was held back, what is left of the disk."""

import argparse
import sys
from pathlib import Path
from typing import Any

_EPILOG = """\
example, on the store that scripts/demo makes:
  varhouse status demo/store
  varhouse status demo/store --json
with nights, STORE may be left out:
  varhouse status --config config.yaml

Writes no file and takes no lock: a store may be asked while it is written. Without permission
for controlled/ it says what it can.

exit codes: 0 nothing needs a person; 3 something does: held back, a fault of a delivery, a run
            that failed or was killed, no night for 30 hours, or the disk full in fewer than
            --warn-nights nights; 1 no store, or a damaged one; 2 a mistake on the command line
            or in the configuration
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="what runs, was held back, and how long the disk lasts",
        description="Say what works in a store and how far it is, what was held back since\n"
        "when and why, what its newest release is, and in how many nights the disk is full.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "store",
        type=Path,
        nargs="?",
        metavar="STORE",
        help="the store's root folder [that of the configuration]",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration of `varhouse nightly`: also what waits in the inbox, and what the "
        "last night said",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument(
        "--warn-nights",
        type=int,
        default=14,
        metavar="N",
        help="exit 3 when the disk is full in fewer nights [14]",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import json

    from varhouse.errors import UsageError
    from varhouse.nightly.settings import read_settings
    from varhouse.status.find import as_json, read_status
    from varhouse.status.words import print_status

    settings = read_settings(args.config) if args.config else None
    store: Path | None = args.store
    if store is None and settings is not None:
        store = settings.store
    if store is None:
        raise UsageError("no STORE", "varhouse status STORE, or --config FILE that names it")
    if settings and store.resolve() != settings.store:
        raise UsageError(
            f"{store} is not the store of {args.config}, which is {settings.store}",
            "leave STORE out, or name that one",
        )
    status = read_status(store, args.warn_nights, settings)
    if args.json:
        print(json.dumps(as_json(status), ensure_ascii=False, indent=1))
    else:
        print_status(status, sys.stdout)
    return 3 if status.attention else 0
