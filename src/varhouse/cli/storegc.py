"""`varhouse store gc`: what goes from a store's disk."""

import argparse
import logging

from varhouse.cli.storeparts import add_command, add_wait

log = logging.getLogger("varhouse.store")


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    gc = add_command(
        steps,
        "gc",
        _run,
        "remove what killed processes left",
        "example:  varhouse store gc demo/store --dry-run",
        "Removes work folders of processes that have ended (those that --keep-work kept,\n"
        "too), unfinished files, and shards and tables that no release holds. What a release\n"
        "holds stays, and so does the work folder of a process that is alive. The next\n"
        "ingest or drop does the same by itself. Prints a line for each: MiB, path, what.",
    )
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")
    add_wait(gc)


def _run(args: argparse.Namespace) -> int:
    from varhouse.store.layout import read_store_file
    from varhouse.store.leftovers import find_leftovers, remove_leftovers
    from varhouse.store.lock import store_lock

    path = args.store.absolute()
    read_store_file(path)
    with store_lock(path, args.wait):
        found = find_leftovers(path, kept=True, thorough=True)
        for leftover in found:
            place = leftover.path.relative_to(
                path if path in leftover.path.parents else path.parent
            )
            print(f"{leftover.bytes / 2**20:>10,.2f}  {place}  {leftover.what}")
        if not args.dry_run:
            remove_leftovers(path, found)
    size = sum(f.bytes for f in found) / 2**20
    what = "would go" if args.dry_run else "are gone"
    log.info("%d left-over(s), %.2f MiB, %s", len(found), size, what)
    return 0
