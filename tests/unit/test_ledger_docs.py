"""docs/ledger.md and docs/zh/ledger.md say what the code does."""

from pathlib import Path

import pytest

from varhouse.governance.fieldkinds import PAPER_KIND
from varhouse.governance.judgetexts import KINDS, PAPER_NAMES
from varhouse.governance.ledgerdocument import columns_table, papers_table
from varhouse.governance.model import PaperKind
from varhouse.governance.sheetcols import SHEETS
from varhouse.language import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": DOCS / "ledger.md", "zh": DOCS / "zh" / "ledger.md"}


@pytest.mark.parametrize("code", LANGUAGES)
def test_tables_of_columns_and_papers_are_those_of_the_code(code: str) -> None:
    page = PAGES[code].read_text()
    lost = [name for name in SHEETS if columns_table(name, code) not in page]
    assert lost == [], f"python -m varhouse.governance.ledgerdocument {code}"
    assert papers_table(code) in page


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("kind", PaperKind)
def test_each_paper_has_a_name_and_may_be_entered_by_it(kind: PaperKind, code: str) -> None:
    assert f"| `{kind}` |" in PAGES[code].read_text()
    assert PAPER_KIND.take(PAPER_NAMES[kind].say(code)) == kind
    assert PAPER_KIND.take(KINDS[kind].say(code)) == kind


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_says_what_it_is_no_substitute_for(code: str) -> None:
    assert {"en": "not legal advice", "zh": "不构成法律意见"}[code] in PAGES[code].read_text()
