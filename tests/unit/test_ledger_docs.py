"""docs/ledger.md and docs/zh/ledger.md say the same, and what the code does."""

import re
from pathlib import Path

import pytest

from varhouse.governance.ledgerdocument import columns_table, papers_table
from varhouse.governance.sheetcols import SHEETS
from varhouse.language import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": DOCS / "ledger.md", "zh": DOCS / "zh" / "ledger.md"}


def shape(text: str) -> list[str]:
    """Give what a page is made of: headings, code, and how many rows, items and commands."""
    out, code = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            code = not code
            out.append(line)
        elif code:
            # Commands are the same in every language; what is said beside them is not.
            out.append(re.sub(r"\s*(#|--note).*", "", line))
        elif found := re.match(r"(#+) |(\|)|(- )", line):
            out.append(found[1] or found[2] or found[3])
    return out


def test_both_pages_have_the_same_shape() -> None:
    shapes = {code: shape(page.read_text()) for code, page in PAGES.items()}
    assert shapes["en"] == shapes["zh"]
    assert len(shapes["en"]) > 100


@pytest.mark.parametrize("code", LANGUAGES)
def test_tables_of_columns_and_papers_are_those_of_the_code(code: str) -> None:
    page = PAGES[code].read_text()
    lost = [name for name in SHEETS if columns_table(name, code) not in page]
    assert lost == [], f"python -m varhouse.governance.ledgerdocument {code}"
    assert papers_table(code) in page


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_says_what_it_is_no_substitute_for(code: str) -> None:
    assert {"en": "not legal advice", "zh": "不构成法律意见"}[code] in PAGES[code].read_text()
