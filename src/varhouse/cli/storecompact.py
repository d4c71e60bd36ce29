"""`varhouse store compact`: the same rows in fewer files."""

import argparse
import logging

from varhouse.cli.storeparts import add_command, add_wait

log = logging.getLogger("varhouse.store")


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `varhouse store`."""
    parser = add_command(
        steps,
        "compact",
        _run,
        "make a release of the same rows in fewer files",
        "example:  varhouse store compact demo/store --dry-run",
        "Files of a partition whose rows lie among each other, and small neighbours, are\n"
        "written again as few sorted ones. Writes a release to STORE and prints its number;\n"
        "its digest is that of before. Nothing to do: makes none. Older releases keep their\n"
        "files until varhouse store gc.",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add_wait(parser)


def _run(args: argparse.Namespace) -> int:
    from varhouse.store.compact import compact_store, count_tables

    out = compact_store(args.store, dry_run=args.dry_run, wait=args.wait)
    for told in out.skipped:
        log.warning(
            "note  %s; it stays as it is. fix: varhouse store verify says what to do", told
        )
    for name, (parts, files, size) in count_tables(out.pieces).items():
        log.info("%s: %d files in %d place(s), %.2f MiB", name, files, parts, size / 2**20)
    before, after = out.files
    if not out.pieces:
        log.info("nothing to do: no partition has files that should be fewer")
    elif args.dry_run:
        log.info("%d files, %.2f MiB would be joined", before, out.bytes / 2**20)
    else:
        log.info("%d files, %.2f MiB have become %d", before, out.bytes / 2**20, after)
        print(out.release)
    return 0
