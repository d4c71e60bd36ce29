"""`varhouse store mark`: say of a release that it should not be used, and why."""

import argparse
import logging

from varhouse.cli.storeparts import add_command, add_wait

log = logging.getLogger("varhouse.store")


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `varhouse store`."""
    parser = add_command(
        steps,
        "mark",
        _run,
        "say of a release that it should not be used, and why",
        "example:  varhouse store mark demo/store 1 --withdrawn "
        "--reason 'counts of X were wrong'",
        "Writes STORE/_store/errata/NNNNNNNN.json, for good. The release still opens;\n"
        "whoever opens it is told the reason, and what is published, exported or reported\n"
        "of it says so. The reason is shown to anybody: put no names of people into it.\n"
        "The newest release stays the newest.",
    )
    parser.add_argument("release", metavar="RELEASE", help="number or tag")
    parser.add_argument(
        "--withdrawn",
        action="store_true",
        required=True,
        help="it should not be used any more",
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in one line")
    add_wait(parser)


def _run(args: argparse.Namespace) -> int:
    from varhouse.store.lifecycle import withdraw_release

    number, is_newest = withdraw_release(args.store, args.release, args.reason, wait=args.wait)
    if is_newest:
        log.warning(
            "release %d is the newest: who names no release still gets it, with the reason; "
            "fix: make a better one, by varhouse ingest or varhouse store drop",
            number,
        )
    print(number)
    return 0
