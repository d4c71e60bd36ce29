"""What each command takes out of a governed store, and the gate that it goes through.

`WAYS` decides for every command, by its options, whose data leaves and whether it is about
single people. A command that stands nowhere in it may not touch a governed store. What leaves
is what goes to the file of -o, and what goes to stdout where that is no terminal. Stores
without a ledger of permits are asked nothing.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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

INDIVIDUAL, AGGREGATE = "individual", "aggregate"


@dataclass(frozen=True)
class Told:
    """What a command tells of people.

    Attributes
    ----------
    content
        Individual or aggregate.
    cohorts, samples
        Of whom; None: of all.
    people
        A condition on the sheets that chooses among them.
    listed
        A file of samples that does.
    releases
        Further releases of which people are told.
    """

    content: str
    cohorts: tuple[str, ...] | None = None
    samples: tuple[str, ...] | None = None
    people: str | None = None
    listed: Path | None = None
    releases: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Way:
    """What becomes of a command on a governed store.

    Attributes
    ----------
    why
        For docs/sharing.md: what it tells, or why it tells nothing.
    tells
        Works out of the options what leaves; None: it passes the gate by itself, or tells
        nothing of people.
    always
        It leaves whatever stdout is, as to a bucket.
    """

    why: Text
    tells: Callable[[argparse.Namespace], Told] | None = None
    always: bool = False


def _several(args: argparse.Namespace, name: str) -> tuple[str, ...] | None:
    """Read an option that may be given once or several times."""
    value = getattr(args, name, None)
    if isinstance(value, str):
        return (value,)
    return tuple(value) if value else None


def _cohorts(args: argparse.Namespace) -> tuple[str, ...] | None:
    """Name the cohorts that --cohort chooses, unless --where asks for numbers of others."""
    from varhouse.tables.statistics import STATISTICS

    names = _several(args, "cohort")
    if names is None or "all" in names:
        return None
    words = _words(" ".join(getattr(args, "where", None) or []))
    counted = {s.name for s in STATISTICS}
    asks = any(w in counted or any(w.startswith(f"{c}_") for c in counted) for w in words)
    return None if asks else names


def _words(text: str) -> set[str]:
    import re

    return set(re.findall(r"\w+", text.lower()))


def _of_query(args: argparse.Namespace) -> Told:
    from varhouse.tables.schema import TABLES

    if args.carriers or args.people:
        return Told(INDIVIDUAL, _cohorts(args), people=args.people)
    if args.table is not None:
        table = TABLES.get(args.table)
        is_open = args.table.startswith("annotations_") or (table and table.root == "open")
        return Told(AGGREGATE if is_open else INDIVIDUAL)
    return Told(AGGREGATE, _cohorts(args))


def _of_genotypes(args: argparse.Namespace) -> Told:
    return Told(INDIVIDUAL, _cohorts(args), _several(args, "sample"), args.people)


def _of_export(args: argparse.Namespace) -> Told:
    from varhouse.cli.export import _read_names

    names = _read_names(args.samples)
    return Told(INDIVIDUAL, (args.cohort,), tuple(names) if names else None)


def _of_sql(args: argparse.Namespace) -> Told:
    """Tell whether a query can reach tables about people.

    Their names are looked for anywhere in the text, and so are functions that can name a
    table by an expression.
    """
    from varhouse.tables.schema import TABLES

    closed = {t.name for t in TABLES.values() if t.root != "open"}
    closed |= {"calls", "lineage", "group_counts", "query", "query_table", "uescape"}
    words = _words(args.query)
    # A file by a pattern of its name needs no name of a table.
    by_file = any(w.startswith("read_") or "parquet" in w or w == "glob" for w in words)
    is_closed = bool(words & closed) or by_file or "u&" in args.query.lower()
    return Told(INDIVIDUAL if is_closed else AGGREGATE)


def _of_publish(args: argparse.Namespace) -> Told:
    from varhouse.tables.schema import TABLES

    names = [n.strip() for n in (args.tables or "").split(",") if n.strip()]
    closed = [n for n in names if n in TABLES and TABLES[n].root != "open"]
    return Told(INDIVIDUAL if closed else AGGREGATE)


def _of_group(args: argparse.Namespace) -> Told:
    """Tell whom `frequencies STORE` and `annotate --store` count: any group may be of one."""
    if args.people is None and args.samples is None:
        return Told(AGGREGATE)
    listed = args.samples
    if listed is not None and Path(listed).exists() and not Path(listed).is_file():
        # The gate and the command would read two lists out of one pipe.
        raise UsageError(f"--samples {listed} is no file", "write the names into a file")
    return Told(INDIVIDUAL, people=args.people, listed=args.samples)


def _individual(args: argparse.Namespace) -> Told:
    del args
    return Told(INDIVIDUAL)


def _of_diff(args: argparse.Namespace) -> Told:
    """Tell whom a comparison tells of: what differs may be one person's."""
    return Told(INDIVIDUAL, releases=(args.new, args.old))


def _aggregate(args: argparse.Namespace) -> Told:
    del args
    return Told(AGGREGATE)


NOT_NOTED = Text(
    "this read is not noted: {store} is a mirror of a store on S3",
    "本次读取未记入审计日志: {store} 是 S3 上数据库的镜像",
)
_KEEPER = Text(
    "nothing: the keeper's own work; it tells of files, runs and numbers of deliveries",
    "不带出数据: 库管理员自己的工作,只涉及文件、运行和交付数目",
)
_ITSELF = Text("passes the gate by itself", "自行通过出口审查")
_FILES = Text("nothing: reads files, no store", "不带出数据: 只读文件,不读库")
_IN = Text("nothing: brings data in, or makes a store", "不带出数据: 数据入库或建库")
_COHORTS = Text("aggregate: people of cohorts before and after", "汇总级: 各队列前后的人数")

_WHOLE = ("ledger", "audit", "stage")
"""Commands of which one decision is about all that stand below them."""

WAYS: dict[str, Way] = {
    "query": Way(
        Text(
            "aggregate; individual with --carriers, --people, or a --table below controlled/",
            "汇总级; 使用 --carriers、--people, 或 --table 为 controlled/ 下的表时为个体级",
        ),
        _of_query,
    ),
    "describe": Way(
        Text(
            "aggregate: numbers of people by cohort and stratum", "汇总级: 各队列和分层的人数"
        ),
        _aggregate,
    ),
    "genotypes": Way(Text("individual", "个体级"), _of_genotypes),
    "sql": Way(
        Text(
            "aggregate; individual where the text has the name of a table below controlled/, "
            "calls, lineage, group_counts or a function that names tables",
            "汇总级; 语句中出现 controlled/ 下的表名、calls、lineage、group_counts "
            "或可指定表名的函数时为个体级",
        ),
        _of_sql,
    ),
    "export": Way(Text("individual", "个体级"), _of_export),
    "publish": Way(
        Text(
            "aggregate; individual with --tables below controlled/",
            "汇总级; --tables 含 controlled/ 下的表时为个体级",
        ),
        _of_publish,
    ),
    "report": Way(
        Text(
            "individual: people, files and lines of an ingest",
            "个体级: 一次入库的个体、文件和记录行",
        ),
        _individual,
    ),
    "frequencies": Way(
        Text(
            "of a store: individual with --people or --samples (a group may be of one), "
            "aggregate without",
            "读库时: 使用 --people 或 --samples 为个体级 (一组可能只有一人), 否则为汇总级",
        ),
        _of_group,
    ),
    "annotate": Way(
        Text("with --store as frequencies", "使用 --store 时同 frequencies"), _of_group
    ),
    "store log": Way(_COHORTS, _aggregate),
    "store show": Way(_COHORTS, _aggregate),
    "store diff": Way(
        Text("individual: what differs may be one person's", "个体级: 差异可能只来自一个人"),
        _of_diff,
    ),
    "store push": Way(
        Text(
            "individual: all of the store; to inside alone",
            "个体级: 整个库; 仅限 inside (本单位)",
        ),
        _individual,
        always=True,
    ),
    "store digest": Way(Text("nothing: a hash", "不带出数据: 只有摘要值")),
    "store files": Way(
        Text(
            "nothing: paths, which the file system guards",
            "不带出数据: 只有路径,由文件系统权限保护",
        )
    ),
    "store verify": Way(_KEEPER),
    "store init": Way(_IN),
    "store commit": Way(_IN),
    "store pull": Way(_IN),
    "store tag": Way(_KEEPER),
    "store mark": Way(_KEEPER),
    "store drop": Way(_KEEPER),
    "store compact": Way(_KEEPER),
    "store gc": Way(_KEEPER),
    "store withdraw": Way(
        Text(
            "nothing: the keeper's own work; its receipt has keyed hashes",
            "不带出数据: 库管理员自己的工作,其回执只含带密钥的哈希",
        )
    ),
    "ingest": Way(_IN),
    "nightly": Way(_IN),
    "call": Way(_IN),
    "status": Way(_KEEPER),
    "stage": Way(_IN),
    "ledger": Way(Text("nothing: papers, and no data of people", "不带出数据: 只有批件信息")),
    "audit": Way(
        Text(
            "nothing: the keeper's own work; people as keyed hashes",
            "不带出数据: 库管理员自己的工作,个体只以带密钥的哈希出现",
        )
    ),
    "share check": Way(
        Text("nothing: an answer to the keeper", "不带出数据: 只给库管理员结论")
    ),
    "share rules": Way(Text("nothing: which rules a store has", "不带出数据: 只涉及所用规则")),
    "share pack": Way(_ITSELF),
    "share receipt": Way(
        Text("nothing: what was given, to the keeper", "不带出数据: 向库管理员列出已提供内容")
    ),
    "share release": Way(
        Text(
            "makes a view inside the store; each cohort passes the gate",
            "在库内生成视图; 每个队列都通过出口审查",
        )
    ),
    "submit gvm": Way(_ITSELF),
    "submit cnsa": Way(_ITSELF),
    "submit eva": Way(_ITSELF),
    "submit template": Way(_FILES),
    "submit survey": Way(
        Text(
            "nothing: numbers by province for the authority, which the law asks for",
            "不带出数据: 依法向主管部门报送的分省数目",
        )
    ),
    "submit pedigrees": Way(
        Text(
            "nothing of the store: a declaration for the authority, from a sheet",
            "不带出库中数据: 根据表格起草的申报材料",
        )
    ),
    "init": Way(_FILES),
    "validate": Way(_FILES),
    "normalise": Way(_FILES),
    "liftover": Way(_FILES),
    "genes": Way(_FILES),
    "precompile": Way(_FILES),
}
"""Command to what becomes of it; a word alone stands for all of its commands."""


def way_of(name: str) -> Way | None:
    """Give what was decided of a command, `store diff`; None: nothing was."""
    return WAYS.get(name) or (WAYS.get(w) if (w := name.split()[0]) in _WHOLE else None)


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


def describe_ways(code: str) -> str:
    """Give the rows of the table of docs/sharing.md: a command, and what was decided of it."""
    return "".join(f"| `varhouse {n}` | {w.why.say(code)} |\n" for n, w in WAYS.items())
