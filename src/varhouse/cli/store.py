"""`varhouse store`: make a store, see what is in it, compare releases, drop a cohort."""

import argparse
import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli import (
    storecompact,
    storediff,
    storefiles,
    storegc,
    storelog,
    storemark,
    storepush,
    storeverify,
    storewithdraw,
)
from varhouse.cli.storeparts import add_command, add_release, add_wait
from varhouse.cli.viewsleft import next_releases, views_with
from varhouse.errors import AssemblyError, UsageError
from varhouse.language import Text

if TYPE_CHECKING:
    from varhouse.genome.contigs import Contigs

log = logging.getLogger("varhouse.store")

VIEW_HAS_IT = Text(
    "the view {role} still shows cohort {cohort}, in release {release}",
    "视图 {role} 的第 {release} 次发布中仍含有队列 {cohort}",
)
VIEWS_PURGED = Text(
    "releases of views that have shown it go by: varhouse store gc {store} --purge-withdrawn",
    "如需删除曾展示该队列的视图发布: varhouse store gc {store} --purge-withdrawn",
)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "store",
        help="a store's life: init, log, show, files, diff, tag, mark, drop, gc, verify, ...",
        description="example:  varhouse store show demo/store",
    )
    steps = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_init(steps)
    _add_commit(steps)
    storelog.add_parsers(steps)
    diff = add_command(
        steps, "diff", storediff.run, storediff.WHAT, storediff.EXAMPLE, storediff.FILES
    )
    storediff.add_options(diff)
    files = add_command(
        steps, "files", storefiles.run, storefiles.WHAT, storefiles.EXAMPLE, storefiles.FILES
    )
    add_release(files)
    storefiles.add_options(files)
    _add_tag(steps)
    storemark.add_parser(steps)
    drop = add_command(
        steps,
        "drop",
        _drop,
        "make a release without a cohort",
        "example:  varhouse store drop demo/store --cohort zhejiang",
        "Writes a new release to STORE and prints its number. Its tables hold no trace of\n"
        "the cohort, and its digest is that of a store built without it. Older releases\n"
        "keep the cohort's data, and so do views of a governed store: it says which.",
    )
    drop.add_argument("--cohort", required=True, metavar="NAME", help="the cohort to drop")
    add_wait(drop)
    storecompact.add_parser(steps)
    storewithdraw.add_parser(steps)
    storegc.add_parser(steps)
    storeverify.add_parser(steps)
    storepush.add_parser(steps)


def _add_init(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "init",
        _init,
        "make an empty store",
        "example:  varhouse store init my-store --assembly demo1 "
        "--reference demo/data/demo.fa",
        "Writes STORE/_store/store.json, the table contigs and release 1.",
    )
    parser.add_argument("--assembly", required=True, metavar="NAME", help="e.g. GRCh38")
    parser.add_argument(
        "--reference",
        type=Path,
        required=True,
        metavar="FASTA",
        help="the assembly's FASTA, plain or gzip",
    )
    parser.add_argument(
        "--aliases",
        type=Path,
        metavar="TSV",
        help="contig names: contig alias accession length refget",
    )


def _add_commit(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "commit",
        _commit,
        "make a release of shards that an ingest has written",
        "example:  varhouse store commit my-store --manifest work/manifest.json "
        "--ingest-id 2026-11-a\n\n"
        "It needs shards of your own with the manifest that\n"
        "varhouse.tables.shards.write_manifest writes beside them: the demo has none.\n"
        "varhouse ingest makes and commits its own.",
        "Links the shards into STORE, writes a release record and prints its number.\n"
        "Run twice with the same ingest id it does nothing the second time.",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="manifests of the shards",
    )
    parser.add_argument("--ingest-id", required=True, metavar="ID", help="id of the ingest")
    parser.add_argument(
        "--base-release",
        type=int,
        metavar="N",
        help="release the shards are for (default: the newest)",
    )
    parser.add_argument(
        "--operation",
        default="ingest",
        metavar="WORD",
        help="what the log calls it (default: ingest)",
    )
    add_wait(parser)


def _add_tag(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "tag",
        _tag,
        "name a release, or list the names",
        "example:  varhouse store tag demo/store paper-2026 --release 2",
        "Writes STORE/_store/tags/NAME. A name stands for its release wherever one is asked\n"
        "for: varhouse query demo/store --release paper-2026.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="letters, digits, _ . -; without it all are listed",
    )
    add_release(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--move", action="store_true", help="take the name from its release")
    how.add_argument("--delete", action="store_true", help="take the name away")


def _init(args: argparse.Namespace) -> int:
    from varhouse.genome.contigs import read_aliases
    from varhouse.genome.reference import OpenedReference
    from varhouse.store.commit import init_store

    contigs: Contigs | None = read_aliases(args.aliases) if args.aliases else None
    with OpenedReference(args.reference, contigs) as reference:
        # Only a piece of a contig may be there: an ingest has a policy for that.
        if problems := reference.check(partial_reference=True):
            raise AssemblyError(problems[0], "use the FASTA and the aliases of one assembly")
        init_store(args.store, args.assembly, reference.contigs, reference=reference)
    log.info(
        "made %s for %s, %d contigs", args.store, args.assembly, len(reference.contigs.names)
    )
    return 0


def _commit(args: argparse.Namespace) -> int:
    from varhouse.store.commit import commit
    from varhouse.store.layout import read_store_file
    from varhouse.store.releases import resolve_release
    from varhouse.tables.shards import read_manifest

    read_store_file(args.store)
    manifests = [read_manifest(file) for file in args.manifest]
    base = args.base_release
    number = commit(
        args.store,
        manifests,
        ingest_id=args.ingest_id,
        operation=args.operation,
        base_release=resolve_release(args.store, None) if base is None else base,
        wait=args.wait,
    )
    print(number)
    return 0


def _tag(args: argparse.Namespace) -> int:
    from varhouse.store.layout import read_store_file
    from varhouse.store.releases import delete_tag, read_tags, resolve_release, write_tag

    read_store_file(args.store)
    if args.name is None:
        if args.move or args.delete or args.release:
            raise UsageError("no NAME", "varhouse store tag STORE NAME --release R")
        for name, number in sorted(read_tags(args.store).items(), key=lambda t: (t[1], t[0])):
            print(f"{number:>6}  {name}")
        return 0
    if args.delete:
        delete_tag(args.store, args.name)
        return 0
    number = resolve_release(args.store, args.release)
    write_tag(args.store, args.name, number, move=args.move)
    print(number)
    return 0


def _drop(args: argparse.Namespace) -> int:
    from varhouse.people.once import recount_without
    from varhouse.store.drop import drop_cohort

    print(drop_cohort(args.store, args.cohort, wait=args.wait, recount=recount_without))
    views = views_with(args.store, args.cohort)
    for role, number in views.items():
        log.warning(VIEW_HAS_IT.say(role=role, release=number, cohort=args.cohort))
    for line in next_releases(args.store, views):
        log.warning(line)
    if views:
        log.warning(VIEWS_PURGED.say(store=shlex.quote(str(args.store))))
    return 0
