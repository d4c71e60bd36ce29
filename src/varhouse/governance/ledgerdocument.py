"""Tables of docs/ledger.md and docs/zh/ledger.md: sheets, their columns, kinds of papers.

`python -m varhouse.governance.ledgerdocument zh` prints them; a test holds the pages to it.
"""

import sys

from varhouse.governance.judgetexts import PAPER_NAMES
from varhouse.governance.sheetcols import SHEETS
from varhouse.language import CHINESE, ENGLISH, Text

_HEADINGS = (
    Text("column", "列"),
    Text("also called", "也可写作"),
    Text("value", "填写内容"),
)
_PAPER_HEADINGS = (Text("kind", "类型代码"), Text("what it is", "名称"))


def columns_table(name: str, code: str) -> str:
    """Give the columns of a sheet as a table of Markdown, in a language."""
    rows = [[h.say(code) for h in _HEADINGS]]
    for column in SHEETS[name].columns:
        title, other = column.title.zh, column.title.en
        first, second = (column.name, title) if code == ENGLISH else (title, column.name)
        more = [] if code == CHINESE or other in (column.name, first) else [other]
        rows.append(
            [f"`{first}`", ", ".join([second, *more]), column.field.form.name.say(code)]
        )
    return _table(rows)


def papers_table(code: str) -> str:
    """Give the kinds of papers as a table of Markdown, in a language."""
    rows = [[h.say(code) for h in _PAPER_HEADINGS]]
    rows += [[f"`{kind}`", name.say(code)] for kind, name in PAPER_NAMES.items()]
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def main(code: str) -> None:
    """Print all tables."""
    for name, sheet in SHEETS.items():
        print(f"{sheet.title.say(code)}\n\n{columns_table(name, code)}\n")
    print(papers_table(code))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ENGLISH)
