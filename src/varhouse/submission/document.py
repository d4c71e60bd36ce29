"""Writes the tables of fields in docs/submission.md and docs/zh/submission.md.

`python -m varhouse.submission.document` says them in English, with `zh` in Chinese.
"""

import sys

from varhouse.language import CHINESE, ENGLISH
from varhouse.submission.schemas import TARGETS, fields_of, source_text
from varhouse.submission.texts import DOCUMENT


def table_of(target: str, code: str) -> str:
    """Give the table of the fields of a target: name, heading, required, source, certainty."""
    head = [DOCUMENT[k].say(code) for k in ("field", "title", "required", "source", "sure")]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|---|---|"]
    for field in fields_of(target):
        needed = DOCUMENT["yes"].say(code) if field.is_required else ""
        sources = "; ".join(source_text(s, code) for s in field.sources)
        title = field.zh if code == CHINESE else field.title
        sure = DOCUMENT[field.certainty].say(code)
        cells = (f"`{field.module}.{field.name}`", title, needed, sources, sure)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Print the tables."""
    code = CHINESE if CHINESE in words else ENGLISH
    for target in TARGETS:
        print(f"### {target}\n\n{table_of(target, code)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
