"""`varhouse precompile`: compile all code for this machine before it is needed."""

import argparse
import logging
import time
from typing import Any

_TEXT = """\
Compiles all code of this version for this machine, on two cores where there are two, and
keeps it; a second call finds it there. scripts/setup does so; after a `pip install` do it
once on each kind of node, else the first command that needs compiled code does it, and takes
a minute or two longer. Commands that start meanwhile wait.

The code goes beside the package where that can be written to, else into the user's cache
folder, or NUMBA_CACHE_DIR.
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "precompile",
        help="compile all code for this machine, once",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.precompile import precompile

    began, log = time.monotonic(), logging.getLogger("varhouse.precompile")
    compiled = precompile()
    log.info("%d functions compiled, %.0f s", compiled, time.monotonic() - began)
    return 0
