"""Write `docs/roles.md` from the declarations: which role sees which column of which table.

`python -m varhouse.tables.roledocument > docs/roles.md`
"""

import sys

import polars as pl

from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED, ROLES
from varhouse.language import CHINESE, ENGLISH, Text
from varhouse.tables.declaration import Column, Table
from varhouse.tables.dictionary_zh import chinese
from varhouse.tables.schema import TABLES, annotation_table

ROLE_MEANINGS = {
    PUBLIC: Text("anybody", "任何人"),
    REGISTERED: Text("who is registered and has agreed to the terms of use",
                     "已注册并同意使用条款者"),
    INSIDE: Text("who works in the reading room, with aggregates alone",
                 "在阅览室(安全环境)内工作,仅可使用汇总级数据者"),
    CONTROLLED: Text("who may read about single people", "获准读取个体级数据者"),
}  # fmt: skip

REASONS = {
    ("cohorts", "consent_scope"): Text(
        "who asks for access has to know under what terms", "申请使用者须知晓使用条件"),
    ("cohorts", "data_tier"): Text(
        "who asks for access has to know whom to ask", "申请使用者须知晓向谁申请"),
    ("cohorts", "ethics_approval"): Text(
        "a paper of the house, which finds people and offices",
        "本单位内部文件,可据以查到个人与部门"),
    ("cohorts", "permit_kind"): Text("likewise", "同上"),
    ("cohorts", "permit_number"): Text("likewise", "同上"),
    ("cohorts", "permit_valid_until"): Text("likewise", "同上"),
    ("cohorts", "haploid"): Text(
        "a setting of the ingest, of use to who makes the store", "入库设置,仅对建库者有用"),
    ("cohorts", "fingerprint"): Text(
        "a digest of files and sheets: who has a file could tell that it went in",
        "文件与样本表的摘要:持有文件者可据此判断其是否入库"),
    ("cohorts", "attributes"): Text(
        "further columns of the sheet may hold anything", "样本表的其他列可能含任何内容"),
    ("accounts", "account"): Text(
        "written entry by entry of what is known to be harmless (`account.py`)",
        "逐项写入,仅含已知无害的内容(`account.py`)"),
    ("ids", "id"): Text(
        "no id that a cohort's file gave, unless it is an rs id: it may hold anything",
        "不含队列文件自带的编号(rs 编号除外):其中可能含任何内容"),
    ("frequencies", "ac"): Text(
        "small counts are masked in view stores, not here", "小计数在视图库中屏蔽,而非在此处"),
}  # fmt: skip
"""Why a column stands at its role, where that does not go without saying."""

WITHHELD = Text(
    "Sources that may not be passed on (`redistribute: false`) are not shown to `public` and"
    " `registered`, nor ids that only they know.",
    "不得转发的数据源(`redistribute: false`)及仅由其提供的编号,不向 `public` 和"
    " `registered` 展示。",
)

_INTRODUCTION = """\
# Who sees what: roles, tables, columns

This file is written by `python -m varhouse.tables.roledocument` from the declarations in
`src/varhouse/tables`; a test compares them. Change the declarations, not this file.
谁能看到什么:角色、表与列的对应关系。本文件由程序根据表结构声明生成。

Each role sees what those before it see:

{roles}

- **Denied by default.** A column is declared at the least role that sees it; one that no
  declaration names is for `controlled` alone, and so is every table below `controlled/`.
- **Every way out is the same way.** `Store` opens no table and gives no column that its view
  does not show; `query`, `sql`, `describe`, `publish`, `report`, `store diff`,
  `annotate --store` and the Python API read through it (decisions 0014 and 0068). Who asks
  says `--audience ROLE` (`--public`: `--audience public`), in Python
  `varhouse.open(STORE, audience=ROLE)`.
- **Of a governed store** (one with a ledger of permits) `public`, `registered` and `inside`
  read a store of their own in `STORE/_views/ROLE`, which
  `varhouse share release STORE --role ROLE` makes: it holds the cohorts that the role may see,
  these columns, masked counts, sums over these cohorts, and nothing else; no `callable`
  ([views.md](views.md)). Its `store.json` names the role: it shows no more wherever its folder
  is copied to. It is refused if since it was made the ledger has closed a cohort, or the
  release that it shows was sealed for another reason than its retention.
- **Tiers.** T0: counts for `public`; T1: for `registered`; T2: for `inside`; T3 for nobody.
  About single people of a cohort of T3, or of one that is withdrawn, `controlled` reads only
  what the ledger grants to the user by name; other rows are left out, and it is said so.
- {withheld}
  {withheld_zh}
- **Permissions are the file system's.** A view keeps honest programs from mistakes; who may
  read the files of a store may read all of them. Give other roles the folder of their view.
- Decision support, not legal advice. 本文档仅供决策参考,不构成法律意见。

Numbers of columns that a role sees of a table; `-`: it does not get the table.

{summary}
"""


def _numbers(table: Table, role: str) -> str:
    n, of = len(table.shown_to(role)), len(table.names)
    return "-" if not n else "all" if n == of else f"{n} of {of}"


def _summary(tables: list[Table]) -> str:
    lines = [f"| table | {' | '.join(ROLES)} |", "|---" * (len(ROLES) + 1) + "|"]
    for table in tables:
        cells = (f"{table.root}/{table.name}", *(_numbers(table, r) for r in ROLES))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _line(table: Table, column: Column) -> str:
    seen = ["yes" if column.name in table.shown_to(role) else "" for role in ROLES]
    why = REASONS.get((table.name, column.name))
    texts = [
        _cell(said + (f"{mark}{why.say(code)}" if why else ""))
        for code, mark, said in (
            (ENGLISH, "; ", column.meaning),
            (CHINESE, ";", chinese(column.meaning)),
        )
    ]
    return f"| {' | '.join((f'`{column.name}`', *seen, *texts))} |"


def describe_roles(table: Table) -> str:
    """Describe one table as Markdown: a row a column, who sees it, what it means."""
    lines = [
        f"### {table.root}/{table.name}",
        "",
        f"One row is {table.row}. 每行:{chinese(table.row)}。",
        "",
        f"| column | {' | '.join(ROLES)} | meaning | 含义 |",
        "|---" * (len(ROLES) + 3) + "|",
        *(_line(table, column) for column in table.columns),
    ]
    return "\n".join(lines) + "\n"


def document() -> str:
    """Write the whole page as Markdown."""
    source = annotation_table("<source>", {"<field>": pl.String})
    tables = [*TABLES.values(), source]
    roles = "\n".join(
        f"- `{role}`: {text.say(ENGLISH)}. {text.say(CHINESE)}。"
        for role, text in ROLE_MEANINGS.items()
    )
    head = _INTRODUCTION.format(
        roles=roles,
        summary=_summary(tables),
        withheld=WITHHELD.say(ENGLISH),
        withheld_zh=WITHHELD.say(CHINESE),
    )
    return "\n".join([head, "## Tables\n", *(describe_roles(t) for t in tables)])


if __name__ == "__main__":
    sys.stdout.write(document())
