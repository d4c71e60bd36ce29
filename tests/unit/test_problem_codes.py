"""The page of problem codes says what the code does."""

import re
from pathlib import Path

import pytest

from varhouse.normalise import Status
from varhouse.vcf.account.document import GROUPS, REASONS, document
from varhouse.vcf.account.problems import RULES

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "varhouse"


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "problem-codes.md").read_text(encoding="utf-8")
    assert page == document(), (
        "python -m varhouse.vcf.account.document > docs/problem-codes.md"
    )


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_code_is_on_the_page_once(code: str) -> None:
    rows = [ln for ln in document().splitlines() if ln.startswith(f"| {code}")]
    assert len(rows) == 1
    assert code[3] in GROUPS


def test_every_reason_of_a_reject_is_explained() -> None:
    jobs = SRC / "ingest" / "jobs"
    text = "".join((jobs / f"{m}.py").read_text() for m in ("reject", "chunk", "tasks"))
    words = set(re.findall(r'pl\.lit\("([a-z]+_[a-z_]+)"\)', text))
    words |= set(re.findall(r'(?:Fault|GT)[._]\w+: "([a-z_]+)"', text))
    words |= {s.code for s in Status if s.is_fault}
    assert words == {r.word for r in REASONS}
    assert {r.code for r in REASONS} <= set(RULES)
