"""Commands whose STORE is a URL: the mirror stands in for the store on S3."""

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from varhouse.errors import UsageError

log = logging.getLogger("varhouse.store")

READERS = (
    "query", "describe", "genotypes", "sql", "export", "publish", "report", "annotate",
    "store log", "store show", "store digest", "store files", "store diff", "store verify",
)  # fmt: skip
"""Commands that only read a store."""

_WHOLE = ("store digest", "store verify")
"""Those of them that read all files of a release, not by a question."""


@contextmanager
def at_hand(args: argparse.Namespace) -> Iterator[None]:
    """Put a mirror in place of a store on S3 while a command runs.

    What an ingest made in it is carried over at its end. `args.url` is where it goes then.

    Raises
    ------
    UsageError
        If the command writes otherwise: it would need what a disk gives.
    """
    store = getattr(args, "store", None)
    if store is None or not str(store).startswith("s3:/"):
        yield
        return
    from varhouse.store.mirror import Mirror, local_path
    from varhouse.store.push import push_mirror
    from varhouse.store.reader import fetch_release

    name = " ".join(n for n in (args.command, getattr(args, "store_name", None)) if n)
    if name in READERS:
        args.store = local_path(store)
        if name in _WHOLE:
            fetch_release(args.store, args.release)
        yield
        return
    mirror = Mirror.of(str(store), writing=True)
    if name != "ingest" or args.profile is not None:
        raise UsageError(
            f"{mirror.url}: varhouse {name} needs a store on a disk"
            + (", which all nodes see" if name == "ingest" else ""),
            "store pull STORE URL, work on STORE, store push STORE URL --prune",
        )
    with mirror.hold(args.wait):
        mirror.update()
        args.store, args.url = mirror.path, mirror.url
        yield
        if args.dry_run:
            return
        done = push_mirror(mirror)
    for number in done.releases:
        log.info("release %d is at %s", number, mirror.url)
