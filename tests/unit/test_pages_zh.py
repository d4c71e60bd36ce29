"""Pages in Chinese say what the English ones do: the same sections, blocks and tables."""

import re
from pathlib import Path

import pytest
from pages import find_blocks

DOCS = Path(__file__).parents[2] / "docs"
CHINESE = sorted((DOCS / "zh").glob("*.md"))
BOTH = (
    "attacks",
    "audit",
    "ledger",
    "rules",
    "sharing",
    "small-counts",
    "submission",
    "views",
)
"""Pages of governance: each is there in both languages (roles.md speaks both itself)."""


def shape(page: Path) -> dict[str, object]:
    """Give what both languages have in common: levels of headings, blocks, rows of tables."""
    lines = page.read_text().splitlines()
    inside, levels, rows = False, [], 0
    for line in lines:
        if line.startswith("```"):
            inside = not inside
        elif not inside and (found := re.match(r"#+ ", line)):
            levels.append(len(found[0]) - 1)
        elif not inside and line.startswith("|"):
            rows += 1
    blocks = [(b.language, b.options, _commands(b.text)) for b in find_blocks(page)]
    return {"headings": levels, "rows of tables": rows, "blocks": blocks}


def _commands(text: str) -> list[str]:
    """Give the commands of a block; remarks and output may be in another language."""
    found = (line.removeprefix("$ ") for line in text.splitlines())
    return [re.sub(r"\s*#.*", "", x) for x in found if x.startswith("varhouse ")]


def differences(english: Path, chinese: Path) -> list[str]:
    """Say in what two pages differ."""
    one, other = shape(english), shape(chinese)
    return [f"{k}: {one[k]} and {other[k]}" for k in one if one[k] != other[k]]


def test_every_page_of_governance_is_there_in_chinese() -> None:
    assert {p.stem for p in CHINESE} >= set(BOTH)


@pytest.mark.parametrize("name", BOTH)
def test_both_pages_lead_to_each_other_and_to_pages_of_their_language(name: str) -> None:
    english = (DOCS / f"{name}.md").read_text()
    chinese = (DOCS / "zh" / f"{name}.md").read_text()
    assert f"(zh/{name}.md)" in english
    assert f"(../{name}.md)" in chinese
    others = re.findall(r"\(\.\./([\w-]+)\.md\)", chinese)
    assert set(others) & (set(BOTH) - {name}) == set()


WORDS = {
    "受管理的库": ("受管控", "受管数据库", "纳入治理", "受管理库", "受治理"),
    "出口审查": ("关口",),
    "批件": ("缺少的文件", "所需文件"),
    "屏蔽": ("遮蔽",),
    "封存": ("密封",),
    "哈希": ("散列",),
    "末条摘要": ("链首",),
}
"""One Chinese word for each thing, and others that mean the same."""


def test_one_thing_has_one_chinese_word() -> None:
    files = [*CHINESE, *(DOCS.parent / "src" / "varhouse").rglob("*.py"), DOCS / "roles.md"]
    others = [w for words in WORDS.values() for w in words]
    found = {f.name: [w for w in others if w in f.read_text()] for f in files}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.name)
def test_both_languages_have_the_same_sections(page: Path) -> None:
    assert differences(DOCS / page.name, page) == []
    prose = [x for x in page.read_text().splitlines() if x and x[0] not in "|`#-"]
    written = "".join(prose)
    share = sum("\u4e00" <= c <= "\u9fff" for c in written) / len(written)
    assert share > 0.25, "the page is Chinese"


def test_a_page_that_lacks_something_is_found(tmp_path: Path) -> None:
    whole = "# A\n\n## B\n\n```sh\nvarhouse ledger check STORE  # one\n```\n\n| a |\n|---|\n"
    english, chinese = tmp_path / "en.md", tmp_path / "zh.md"
    english.write_text(whole)
    chinese.write_text(whole.replace("# one", "# 检查").replace("# A", "# 甲"))
    assert differences(english, chinese) == []
    for old, new in (("## B\n", ""), ("check STORE", "log STORE"), ("|---|\n", "")):
        chinese.write_text(whole.replace(old, new))
        assert len(differences(english, chinese)) == 1
