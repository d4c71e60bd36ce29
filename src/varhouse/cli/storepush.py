"""`varhouse store push` and `pull`: a store between a disk and S3-compatible storage."""

import argparse
import logging

from varhouse.cli.storeparts import add_command, add_wait

log = logging.getLogger("varhouse.store")


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "push",
        _run,
        "carry a store over to S3-compatible storage",
        "It needs a bucket of your own: varhouse store push STORE s3://BUCKET/FOLDER",
        "Writes objects below the URL: files that are not there yet, release records last,\n"
        "so that readers of the URL see old or new releases, never half of one. Any command\n"
        "that reads a store takes the URL in place of the folder, and so does an ingest.\n"
        "Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID,\n"
        "AWS_ENDPOINT_URL, ...). It needs the extra [s3]. docs/s3.md tells more.",
    )
    parser.add_argument("url", metavar="URL", help="s3://BUCKET/FOLDER")
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove objects that this store no longer has, as after gc or a purge",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="whoever else began to write has died: what is left of it goes",
    )
    add_wait(parser)
    parser.set_defaults(afterwards=_push_end)
    parser = add_command(
        steps,
        "pull",
        _pull,
        "read a whole store from S3-compatible storage into a folder",
        "It needs a bucket of your own: varhouse store pull STORE s3://BUCKET/FOLDER",
        "Writes STORE: all files of the store that it lacks. For what needs a disk\n"
        "(withdraw, drop, gc, tag): pull, work, and varhouse store push --prune. Nobody may\n"
        "write to the URL meanwhile.",
    )
    parser.add_argument("url", metavar="URL", help="s3://BUCKET/FOLDER")
    add_wait(parser)


def _pull(args: argparse.Namespace) -> int:
    from varhouse.store.bucket import Bucket
    from varhouse.store.layout import check_is_free, close_folders
    from varhouse.store.lock import store_lock
    from varhouse.store.push import pull

    path = args.store.absolute()
    check_is_free(path)
    (path / "_store").mkdir(parents=True, exist_ok=True)
    for root in ("open", "controlled"):
        (path / root).mkdir(mode=0o700 if root == "controlled" else 0o777, exist_ok=True)
    for name in ("ledger", "receipts"):
        (path / "_store" / name).mkdir(mode=0o700, exist_ok=True)
    with store_lock(path, args.wait):
        read = pull(Bucket(args.url), path)
        close_folders(path)
    log.info("%d object(s) read from %s", read, args.url)
    return 0


def _run(args: argparse.Namespace) -> int:
    from varhouse.store.bucket import Bucket
    from varhouse.store.layout import read_store_file
    from varhouse.store.lock import store_lock
    from varhouse.store.push import push

    path = args.store.absolute()
    read_store_file(path)
    with store_lock(path, args.wait):
        done = push(path, Bucket(args.url), prune=args.prune, take_over=args.take_over)
    for number in done.releases:
        print(number)
    log.info(
        "%d release(s), %d data file(s) written, %d object(s) removed",
        len(done.releases), done.files, done.removed,
    )  # fmt: skip
    if done.left:
        log.warning(
            "%d object(s) at %s are no longer in this store: --prune removes them",
            done.left, args.url,
        )  # fmt: skip
    return 0


def _push_end(args: argparse.Namespace) -> None:
    """Carry over what the gate has noted of a governed store behind the push."""
    from varhouse.store.bucket import Bucket
    from varhouse.store.lock import store_lock
    from varhouse.store.push import push_governance

    path = args.store.absolute()
    with store_lock(path, args.wait):
        push_governance(path, Bucket(args.url))
