"""What each command takes out of a governed store.

`WAYS` decides for every command, by its options, whose data leaves and whether it is about
single people. A command that stands nowhere in it may not touch a governed store. The gate
that they go through: `cli/waysout.py`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from varhouse.errors import UsageError
from varhouse.language import Text

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


def _of_people(args: argparse.Namespace) -> Told:
    return Told(INDIVIDUAL, tuple(args.cohort) or None)


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


def _of_panel(args: argparse.Namespace) -> Told:
    from varhouse.cli.peoplesketch import read_tiers

    return Told(AGGREGATE, tuple(sorted(set(read_tiers(args.tier).values()))))


def _individual(args: argparse.Namespace) -> Told:
    del args
    return Told(INDIVIDUAL)


def _of_diff(args: argparse.Namespace) -> Told:
    """Tell whom a comparison tells of: what differs may be one person's."""
    return Told(INDIVIDUAL, releases=(args.new, args.old))


def _aggregate(args: argparse.Namespace) -> Told:
    del args
    return Told(AGGREGATE)


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
    "people update": Way(_KEEPER),
    **{
        f"people {name}": Way(Text("individual", "个体级"), _of_people)
        for name in ("qc", "related", "trios", "ancestry", "same")
    },
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
    "people sketch": Way(
        Text(
            "individual: sketches by which the same person is known elsewhere",
            "个体级: 可供其他中心识别同一个体的概要",
        ),
        _of_people,
    ),
    "people panel": Way(
        Text(
            "aggregate: sites, frequencies and weights of axes of ancestry",
            "汇总级: 位点、频率和祖源轴权重",
        ),
        _of_panel,
    ),
    "people match": Way(
        Text("nothing: reads files of sketches, no store", "不带出数据: 只读概要文件,不读库")
    ),
    "people secret": Way(Text("nothing: makes a secret", "不带出数据: 生成密钥")),
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


def describe_ways(code: str) -> str:
    """Give the rows of the table of docs/sharing.md: a command, and what was decided of it."""
    return "".join(f"| `varhouse {n}` | {w.why.say(code)} |\n" for n, w in WAYS.items())
