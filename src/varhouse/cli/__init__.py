"""The `varhouse` command: parse, set up the log, call a stage, turn a mistake into a line.

Each module of this package is one command (or one group) with two functions:
`add_parser(commands)` and `run(args) -> exit code`. Modules import what is heavy inside
`run`, so that `varhouse --help` starts at once. stdout is data, stderr is talk.
"""

import argparse
import gc
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence

from varhouse import __version__
from varhouse.cli.log import set_up_log
from varhouse.cli.parser import CommandParser
from varhouse.cli.remotestore import at_hand
from varhouse.cli.waysout import add_options, passing
from varhouse.compiled import compile_at_first_use, say_compiling, tell_compiling
from varhouse.errors import VarhouseError, not_opened
from varhouse.masking import say

COMMANDS = (
    "ingest", "call", "init", "nightly", "status", "query", "describe", "genotypes", "people",
    "sql", "export", "publish", "report", "store", "ledger", "share", "submit", "audit",
    "validate", "normalise", "liftover", "genes", "annotate", "frequencies", "precompile",
    "stage",
)  # fmt: skip
"""Commands in the order of `varhouse --help`; a command that is not built is not here."""

_EPILOG = """\
start here:  scripts/demo builds a store in demo/store, then
  varhouse describe demo/store
  varhouse query demo/store --gene DEMO7
  varhouse query demo/store --region chr1:48,000-49,000 --format tsv

environment:
  VARHOUSE_CACHE   a folder that keeps what commands compile (FASTA, annotations, sources)
                   for the next one; nothing in it is ever deleted
  NUMBA_CACHE_DIR  a folder for compiled code, if the installation cannot be written to
  VARHOUSE_PRECOMPILE  no: compile functions as they are called, not all at the first use
"""


MOST_USED = (
    "ingest", "query", "describe", "genotypes", "sql", "report", "validate", "annotate",
)  # fmt: skip
"""What `varhouse` alone shows; `--help` shows all."""


def build_parser(command: str | None = None) -> CommandParser:
    """Build the parser of the whole command line, or of one command alone."""
    parser = CommandParser(
        prog="varhouse",
        description="Genomic variant warehouse: cohort VCFs in, a queryable store out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"varhouse {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    parser.add_argument("-q", "--quiet", action="store_true", help="only warnings on stderr")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in COMMANDS if command not in COMMANDS else (command,):
        if importlib.util.find_spec(f"varhouse.cli.{name}") is None:
            continue
        importlib.import_module(f"varhouse.cli.{name}").add_parser(commands)
    add_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    parser = build_parser(_command(words))
    args = parser.parse(words)
    if args.command is None:
        say(_overview(parser), sys.stderr)
        return 2
    set_up_log(verbose=args.verbose, quiet=args.quiet)
    if argv is None:
        # The process is ours alone.
        _leave_out_what_is_not_used(args.command)
    if argv is None and args.command != "precompile":
        log = logging.getLogger("varhouse")
        tell_compiling(lambda: say_compiling(log), lambda: compile_at_first_use(log))
    try:
        with at_hand(args), passing(args):
            code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our stdout has gone (`| head`): not a mistake.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if (found := _mistake(error, args)) is None:
            raise
        if os.environ.get("VARHOUSE_LOG") == "json":
            logging.getLogger("varhouse").error(str(found))
        else:
            say(f"error: {found}", sys.stderr)
        return found.exit_code
    finally:
        if argv is None and "duckdb" not in sys.modules:
            # The process ends, and its memory with it: a last search for cycles among the
            # objects of polars costs more than a short answer does. DuckDB counts on it.
            gc.freeze()


_READERS = ("query", "describe", "genotypes", "sql", "status", "store")
"""Commands that answer from a store, in a process without children."""

_DUCKDB = ("sql", "publish")
"""Those that load DuckDB, which stumbles over a pandas that cannot be imported."""


class _WithoutPandas:
    """Refuses to import pandas.

    An entry None in `sys.modules` would do for Python, but pyarrow's compiled import takes it
    for the module, and fails at its first array of numpy.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas; anything else is for the others to find."""
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _leave_out_what_is_not_used(command: str) -> None:
    """Spare a short answer what libraries load for others: half of its time.

    pyarrow imports pandas, where it is installed, as soon as an array becomes one of numpy
    (0.2 s); numpy's OpenBLAS starts a thread for each core (40 ms), and no answer multiplies
    matrices.
    """
    if command not in _DUCKDB and "pandas" not in sys.modules:
        sys.meta_path.insert(0, _WithoutPandas())
    if command in _READERS:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _overview(parser: CommandParser) -> str:
    """List the commands that people use most, a line each."""
    helps = {
        c.dest: c.help for a in parser._actions for c in getattr(a, "_choices_actions", [])
    }
    lines = [f"  varhouse {name:<10} {helps[name]}" for name in MOST_USED]
    return "\n".join(
        [
            "usage: varhouse COMMAND ...",
            "",
            *lines,
            "",
            "varhouse COMMAND --help   options and examples of one",
            "varhouse --help           all commands",
        ]
    )


def _command(words: Sequence[str]) -> str | None:
    """Give the command that the words begin with; None: all are needed, as for their help."""
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in ("-q", "--quiet", "-v", "--verbose"):
            return None
    return None


def _mistake(error: Exception, args: argparse.Namespace) -> VarhouseError | None:
    """Say in a line what a user can do something about; None: a bug, with its traceback."""
    if isinstance(error, VarhouseError):
        return error
    from varhouse.cli.failures import explain

    return explain(error, args) or not_opened(error)
