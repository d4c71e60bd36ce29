"""Write the tables of our rules for `docs/rules.md` and `docs/zh/rules.md`.

The book alone says what a rule is. `python -m varhouse.governance.rulesdocument` writes both
into the pages of a clone.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from varhouse.governance.foreign import load_foreign
from varhouse.governance.judgetexts import KINDS
from varhouse.governance.rules import load_rules
from varhouse.governance.rulesmodel import Dated, Definition, Effect, Rule, RuleBook
from varhouse.language import CHINESE, ENGLISH, Text

BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
"""Between these lines of a page stands what is written here."""

PAGES = {ENGLISH: "docs/rules.md", CHINESE: "docs/zh/rules.md"}

EFFECTS: dict[Effect, Text] = {
    Effect.ALLOW: Text("is told", "仅提示"),
    Effect.NOTE: Text("goes in, is noted", "入库,仅注明"),
    Effect.REPORT: Text("allow after report and backup", "事先报告并备份后允许"),
    Effect.REVIEW: Text("needs security review", "须安全审查"),
    Effect.HOLD: Text("held back", "暂缓入库"),
    Effect.DENY: Text("deny", "拒绝"),
}
ACTIONS = {"ingest": Text("ingest", "入库"), "share": Text("share", "对外提供")}
STATUS = {"in_force": Text("in force", "现行"), "draft": Text("draft", "征求意见稿")}
CERTAINTY = {
    "seen": Text("seen", "已查阅"),
    "memory": Text("memory", "凭记忆"),
    "assumed": Text("assumed", "从严推定"),
}
WORDS = {
    "ids": Text("Ids of foreign databases", "境外数据库编号"),
    "definitions": Text("Definitions", "定义"),
    "version": Text(
        "Version {version}, digest `{digest}`.", "版本 {version},摘要 `{digest}`。"
    ),
    "any": Text("or", "或"),
}
HEADS = (
    Text("id", "编号"),
    Text("what", "内容"),
    Text("action", "行为"),
    Text("papers", "所需批件"),
    Text("effect", "结论"),
    Text("from, until", "起止"),
    Text("status", "状态"),
    Text("source, certainty", "依据与把握"),
)
DEFINITION_HEADS = (Text("name", "名称"), Text("from", "起"), Text("condition", "条件"))
FOREIGN_HEADS = (
    Text("name", "名称"),
    Text("what", "数据库"),
    Text("pattern", "样式"),
    Text("where", "查找位置"),
    Text("terms", "条款"),
)


def document(code: str, book: RuleBook | None = None) -> str:
    """Give the tables in a language, as Markdown."""
    book = book or load_rules()
    told = WORDS["version"].say(code, version=book.version, digest=book.digest[:12])
    lines = [BEGIN, "", told, ""]
    lines += _table(HEADS, (_rule(r, code) for r in book.rules), code)
    lines += ["", f"**{WORDS['definitions'].say(code)}**", ""]
    lines += _table(DEFINITION_HEADS, (_definition(d, code) for d in book.definitions), code)
    lines += ["", f"**{WORDS['ids'].say(code)}**", ""]
    lines += _table(FOREIGN_HEADS, _foreign(code), code)
    return "\n".join([*lines, "", END])


def written_into(page: str, code: str) -> str:
    """Give a page with the tables in their place.

    Raises
    ------
    ValueError
        If the page has no place for them.
    """
    begin, end = page.index(BEGIN), page.index(END)
    return page[:begin] + document(code) + page[end + len(END) :]


def _table(heads: Iterable[Text], rows: Iterable[list[str]], code: str) -> list[str]:
    said = [h.say(code) for h in heads]
    lines = [said, ["---"] * len(said), *rows]
    return ["| " + " | ".join(c.replace("|", r"\|") for c in row) + " |" for row in lines]


def _rule(rule: Rule, code: str) -> list[str]:
    certainty = CERTAINTY[rule.certainty].say(code)
    return [
        f"`{rule.id}`",
        f"**{rule.title.say(code)}**. {rule.text.say(code)}",
        ", ".join(ACTIONS[a].say(code) for a in rule.actions),
        "; ".join(
            f" {WORDS['any'].say(code)} ".join(KINDS[c.kind].say(code) for c in n.choices)
            for n in rule.needs
        ),
        EFFECTS[rule.effect].say(code),
        _days(rule.dated),
        STATUS[rule.dated.status].say(code),
        f"{rule.source.say(code)} ({certainty}; {rule.source.checked})",
    ]


def _days(dated: Dated) -> str:
    since = dated.since.isoformat() if dated.since else ""
    return f"{since}, {dated.until.isoformat()}" if dated.until else since


def _definition(definition: Definition, code: str) -> list[str]:
    status = definition.dated.status
    when = json.dumps(definition.when, ensure_ascii=False)
    draft = f" ({STATUS[status].say(code)})" if status != "in_force" else ""
    return [f"`{definition.name}`{draft}", _days(definition.dated), f"`{when}`"]


def _foreign(code: str) -> Iterable[list[str]]:
    for r in load_foreign():
        for p in r.patterns:
            yield [
                f"`{r.name}`",
                r.title.say(code),
                f"`{p.regex}`",
                ", ".join(p.where),
                r.terms.say(code),
            ]


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for language, name in PAGES.items():
        file = root / name
        file.write_text(written_into(file.read_text(encoding="utf-8"), language), "utf-8")
