"""The gate around commands: what leaves a governed store passes it, or does not leave.

`cli/ways.py` says what each command takes out. What leaves is what goes to the file of -o, and
what goes to stdout where that is no terminal. Stores without a ledger of permits are asked
nothing.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.ways import AGGREGATE, INDIVIDUAL, Way, way_of
from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.governed import (
    CONTROLLED,
    INSIDE,
    PUBLIC,
    REGISTERED,
    governed_store_of,
    ledger_file,
)
from varhouse.language import Text

if TYPE_CHECKING:
    from varhouse.cli.parser import CommandParser
    from varhouse.sharing.request import Request

NOT_NOTED = Text(
    "this read is not noted: {store} is a mirror of a store on S3",
    "本次读取未记入审计日志: {store} 是 S3 上数据库的镜像",
)


def leaves(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Give the commands that can be run, by the words that name them."""
    found = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not found:
        yield name, parser
    for action in found:
        for word, sub in action.choices.items():
            yield from leaves(sub, f"{name} {word}".strip())


def add_options(parser: "CommandParser") -> None:
    """Declare --to and --purpose of commands that take data out; name all commands."""
    for name, leaf in leaves(parser):
        leaf.set_defaults(way=name)
        way = way_of(name)
        if way is None or way.tells is None or "--to" in leaf._option_string_actions:
            continue
        group = leaf.add_argument_group("of a governed store (docs/sharing.md)")
        group.add_argument(
            "--to", metavar="RECIPIENT",
            help="to whom the output goes, a name of the ledger; inside: your own work",
        )  # fmt: skip
        group.add_argument("--purpose", metavar="TEXT", default="", help="what for")


@contextmanager
def passing(args: argparse.Namespace) -> Iterator[None]:
    """Run a command; what it takes out of a governed store goes through the gate.

    Raises
    ------
    AccessError
        If the gate refuses, or nobody decided what the command tells.
    UsageError
        If nothing says to whom it goes.
    """
    store = _governed(args)
    if store is None:
        if getattr(args, "to", None) and hasattr(args, "way"):
            _check_needless(args)
        yield
        return
    from varhouse.sharing.gatetexts import UNDECIDED

    way = way_of(args.way)
    if way is None:
        raise AccessError(UNDECIDED.say(what=f"varhouse {args.way}"))
    if way.tells is None:
        from varhouse.cli.budgeted import check_all_at_once

        check_all_at_once(args, store, asked_role(args))
        yield
        return
    with _gate(args, store, way):
        yield


def _check_needless(args: argparse.Namespace) -> None:
    way = way_of(args.way)
    if way is not None and way.tells is not None:
        raise UsageError(
            f"--to {args.to}: no governed store is read",
            "leave it out: it is for stores with a ledger of permits",
        )


def _path(args: argparse.Namespace) -> Path | None:
    """Give the folder of the store that a command reads, if it reads one."""
    value = getattr(args, "store", None)
    if value is None and getattr(args, "way", "") == "frequencies":
        value = args.input
    if value is None:
        return None
    path = Path(value)
    return path if path.is_dir() else None


def _governed(args: argparse.Namespace) -> Path | None:
    """Give the governed store that is read, or that is the whole of the view that is read."""
    path = _path(args)
    if path is None:
        return None
    found = governed_store_of(path)
    if found is not None and not ledger_file(found).is_file():
        raise StoreError(
            f"{path}: the ledger of permits is gone, and with it what the store may give",
            "restore _store/governance from a backup",
        )
    return found


def asked_role(args: argparse.Namespace) -> str:
    """Tell as which role a command reads: by --audience, --public, or the view it is given."""
    path = _path(args)
    if path is not None and governed_store_of(path) not in (None, path):
        return path.resolve().name
    if getattr(args, "public", False):
        return PUBLIC
    return getattr(args, "audience", None) or CONTROLLED


@contextmanager
def _gate(args: argparse.Namespace, store: Path, way: Way) -> Iterator[None]:
    from varhouse.cli.budgeted import check_all_at_once
    from varhouse.sharing.gate import ask, way_out

    role = asked_role(args)
    check_all_at_once(args, store, role)
    if role in (PUBLIC, REGISTERED):
        # A view holds what its readers may have, and passed the gate when it was made.
        yield
        return
    from varhouse.cli.stdoutdigest import hashing_stdout
    from varhouse.cli.wayoutput import digest_output, leaves_here, state_of

    out = getattr(args, "output", None)
    is_leaving = way.always or leaves_here(out)
    if not is_leaving and role == CONTROLLED:
        note_read(store, args)
    if not is_leaving:
        yield
        return
    request = request_of(args, store, way, role)
    before = state_of(out)
    with way_out(request, decision=ask(request)) as passage, hashing_stdout() as stdout:
        passage.leaked = lambda: stdout.has_bytes() or state_of(out) != before
        yield
        passage.output |= stdout.told() | digest_output(out)
    # What a command has to do once its end is noted.
    if (afterwards := getattr(args, "afterwards", None)) is not None:
        afterwards(args)


def request_of(args: argparse.Namespace, store: Path, way: Way, role: str) -> "Request":
    """Write what a command asks of the gate.

    Raises
    ------
    UsageError
        If nothing says to whom.
    AccessError
        If the store is a mirror of one on S3: the log of what left lies there.
    """
    from varhouse.sharing.gatetexts import TO_IS_NEEDED, TO_IS_NEEDED_FIX
    from varhouse.sharing.request import Content, Request

    what = f"varhouse {args.way}"
    if getattr(args, "to", None) is None:
        raise UsageError(TO_IS_NEEDED.say(store=store, what=what), TO_IS_NEEDED_FIX.say())
    if is_mirror(store):
        raise AccessError(
            f"{store} is a mirror: what leaves a governed store is noted where it is kept",
            "work on the store on its disk, or ask for a view: --audience public",
        )
    if way.always and args.to != INSIDE:
        raise UsageError(
            f"--to {args.to}: {what} carries all of the store, its ledger and key, too",
            "--to inside for a bucket of your own; for others: "
            "varhouse share pack STORE --to RECIPIENT -o FOLDER",
        )
    assert way.tells is not None
    told = way.tells(args)
    cohorts = told.cohorts
    if role == INSIDE:
        # Of those that the view has: what is said of another name must not name hidden ones.
        known = _cohorts_of_view(store)
        cohorts = tuple(c for c in cohorts or () if c in known) or known
    content = AGGREGATE if role == INSIDE else told.content
    if role == CONTROLLED and args.to != INSIDE:
        # Counts of the store itself are not protected: a small one may be of one person.
        content = INDIVIDUAL
    release = None if role == INSIDE else getattr(args, "release", None)
    return Request(
        store=store, release=release, cohorts=cohorts, samples=told.samples,
        people=told.people, listed=told.listed, releases=told.releases,
        content=Content(content),
        recipient=args.to, purpose=args.purpose or "", what=what,
    )  # fmt: skip


def is_mirror(store: Path) -> bool:
    """Tell whether a store is a mirror of one on S3."""
    from varhouse.store.mirror import MARK

    return (store / MARK).exists()


def _cohorts_of_view(store: Path) -> tuple[str, ...]:
    from varhouse.store.reader import open_store

    view = open_store(store, None, INSIDE)
    return tuple(sorted(view.scan("cohorts").select("cohort").collect()["cohort"]))


def note_read(store: Path, args: argparse.Namespace) -> None:
    """Note that somebody reads on a terminal as `controlled`."""
    import logging

    from varhouse.governance.audit import Audit
    from varhouse.sharing.given import READ

    told = {k: v for k in _ASKED if (v := getattr(args, k, None))}
    if is_mirror(store):
        # The log lies where the store is kept, and is for who writes.
        logging.getLogger("varhouse.share").warning(NOT_NOTED.say(store=store))
        return
    try:
        # No values of --sample and --people: they may name somebody.
        Audit(store).note(READ, what=f"varhouse {args.way}", options=sorted(told))
    except AccessError as error:
        logging.getLogger("varhouse.share").warning("this read is not noted: %s", error)


_ASKED = (
    "region", "gene", "id", "where", "table", "by", "carriers", "callable", "cohort", "sample",
    "people", "samples", "release", "all", "query", "columns",
)  # fmt: skip
