"""`varhouse store push`: a store on a disk, carried over to S3-compatible storage."""

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
