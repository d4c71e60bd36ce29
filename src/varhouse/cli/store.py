"""`varhouse store`: make a store, see what is in it, compare releases, drop a cohort."""

import argparse
import json
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli import storediff, storefiles
from varhouse.errors import AssemblyError, StoreError, UsageError
from varhouse.masking import say

if TYPE_CHECKING:
    from varhouse.genome.contigs import Contigs

log = logging.getLogger("varhouse.store")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "store",
        help="a store's life: init, log, show, files, diff, tag, digest, drop, gc, verify",
        description="example:  varhouse store show demo/store",
    )
    steps = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_init(steps)
    _add_commit(steps)
    _add_readers(steps)
    diff = _add(
        steps, "diff", storediff.run, storediff.WHAT, storediff.EXAMPLE, storediff.FILES
    )
    storediff.add_options(diff)
    files = _add(
        steps, "files", storefiles.run, storefiles.WHAT, storefiles.EXAMPLE, storefiles.FILES
    )
    _add_release(files)
    storefiles.add_options(files)
    _add_tag(steps)
    drop = _add(
        steps,
        "drop",
        _drop,
        "make a release without a cohort",
        "example:  varhouse store drop demo/store --cohort zhejiang",
        "Writes a new release to STORE and prints its number. Its tables hold no trace of\n"
        "the cohort, and its digest is that of a store built without it. Older releases\n"
        "keep the cohort's data.",
    )
    drop.add_argument("--cohort", required=True, metavar="NAME", help="the cohort to drop")
    _add_wait(drop)
    gc = _add(
        steps,
        "gc",
        _gc,
        "remove what killed processes left",
        "example:  varhouse store gc demo/store --dry-run",
        "Removes work folders of processes that have ended (those that --keep-work kept,\n"
        "too), unfinished files, and shards and tables that no release holds. What a release\n"
        "holds stays, and so does the work folder of a process that is alive. The next\n"
        "ingest or drop does the same by itself. Prints a line for each: MiB, path, what.",
    )
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")
    _add_wait(gc)
    verify = _add(
        steps,
        "verify",
        _verify,
        "read everything again and check it",
        "example:  varhouse store verify demo/store",
        "Writes no file. Prints one line for each thing that is wrong; exit code 1 if any.\n"
        "A `note:` is of a table that an earlier version of varhouse made otherwise.",
    )
    _add_release(verify)


def _add(
    steps: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Any,
    what: str,
    example: str,
    files: str,
) -> argparse.ArgumentParser:
    parser = steps.add_parser(
        name,
        help=what,
        description=example,
        epilog=files,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.set_defaults(run=run, store_command=function)
    return parser


def _add_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", metavar="R", help="number or tag (default: the newest)")


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for another writer (default: 60)",
    )


def _add_init(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(
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
    parser = _add(
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
    _add_wait(parser)


def _add_readers(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(
        steps,
        "log",
        _log,
        "list the releases",
        "example:  varhouse store log demo/store",
        "Writes no file.",
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON for each release")
    parser = _add(
        steps,
        "show",
        _show,
        "tables, rows, files, cohorts and digest of a release",
        "example:  varhouse store show demo/store",
        "Writes no file.",
    )
    _add_release(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser = _add(
        steps,
        "digest",
        _digest,
        "print one hash of the content",
        "example:  varhouse store digest demo/store",
        "Writes no file. The hash is the same for the same data, whatever the order of\n"
        "ingests, the file layout, the time or the number of cores.",
    )
    _add_release(parser)
    parser.add_argument("--per-table", action="store_true", help="one line a table")
    parser.add_argument(
        "--recompute", action="store_true", help="read the data instead of the release record"
    )


def _add_tag(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(
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
    _add_release(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--move", action="store_true", help="take the name from its release")
    how.add_argument("--delete", action="store_true", help="take the name away")


def run(args: argparse.Namespace) -> int:
    code: int = args.store_command(args)
    return code


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


def _log(args: argparse.Namespace) -> int:
    from varhouse.store.lifecycle import log_releases

    for row in log_releases(args.store):
        if args.json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        event = " ".join(f"{k}={v}" for k, v in row["event"].items())
        tags = f" [{', '.join(row['tags'])}]" if row["tags"] else ""
        say(
            f"{row['release']:>6}  {row['time']}  {row['digest'][:12]}  "
            f"{row['operation']:<8} {row['ingest_id']}{tags}  {event}".rstrip()
        )
    return 0


def _show(args: argparse.Namespace) -> int:
    from varhouse.store.lifecycle import describe
    from varhouse.store.reader import open_store

    about = describe(open_store(args.store, args.release))
    if args.json:
        print(json.dumps(about, ensure_ascii=False, indent=1))
        return 0
    say(f"store     {about['path']}")
    say(f"assembly  {about['assembly']}")
    print(f"release   {about['release']} of {about['time']}")
    print(f"digest    {about['digest']}")
    say(f"cohorts   {', '.join(about['cohorts']) or '-'}")
    print()
    width = max(len(name) for name in about["tables"])
    print(f"{'table':<{width}}  {'rows':>14}  {'files':>7}  {'MiB':>10}")
    for name, t in about["tables"].items():
        size = t["bytes"] / 2**20
        print(f"{name:<{width}}  {t['rows']:>14,}  {t['files']:>7,}  {size:>10,.2f}")
    return 0


def _digest(args: argparse.Namespace) -> int:
    from varhouse.store.reader import open_store
    from varhouse.tables.digest import store_digest

    store = open_store(args.store, args.release)
    recorded = store.table_digests()
    digests = recorded
    if args.recompute:
        # Only what reads the rows needs the compiled digest of rows.
        from varhouse.store.verify import recompute_digests

        digests = recompute_digests(store)
    if args.per_table:
        for name, digest in sorted(digests.items()):
            print(f"{digest}  {name}")
    else:
        print(store_digest(digests))
    if digests != recorded:
        wrong = sorted(n for n in {*digests, *recorded} if digests.get(n) != recorded.get(n))
        raise StoreError(
            f"release {store.release}: not what was committed: {', '.join(wrong)}",
            f"varhouse store verify {shlex.quote(str(args.store))} says which files",
        )
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
    from varhouse.store.drop import drop_cohort

    print(drop_cohort(args.store, args.cohort, wait=args.wait))
    return 0


def _gc(args: argparse.Namespace) -> int:
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


def _verify(args: argparse.Namespace) -> int:
    from varhouse.query.callablecheck import check_callable
    from varhouse.store.reader import open_store
    from varhouse.store.verify import verify

    store = open_store(args.store, args.release)
    problems = verify(store)
    if all(p.is_note for p in problems):
        problems += check_callable(store)
    for problem in problems:
        say(problem)
    tables = len(store.tables)
    rows = sum(t.rows for t in store.record.tables.values())
    wrong = sum(not p.is_note for p in problems)
    if wrong:
        print(f"{wrong} problem(s) in release {store.release}", file=sys.stderr)
        return 1
    log.info(
        "release %d: %d tables, %s rows, nothing wrong", store.release, tables, f"{rows:,}"
    )
    return 0
