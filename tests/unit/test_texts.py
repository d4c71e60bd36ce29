"""What is said in Chinese and in English: both languages say everything, with equal values."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from varhouse.language import CHINESE, ENGLISH, Text, language

SRC = Path(__file__).parents[2] / "src" / "varhouse"
ROOMS = ("governance", "disclosure", "sharing", "submission", "attack", "cli")
"""Rooms that speak both languages; each text of them is a `Text`."""


def texts_in(found: Any, where: str) -> Iterator[tuple[str, Text]]:
    """Find the texts in what a module holds: by themselves, in mappings and sequences."""
    if isinstance(found, Text):
        yield where, found
    elif isinstance(found, dict):
        for key, value in found.items():
            yield from texts_in(value, f"{where}[{key}]")
    elif isinstance(found, tuple | list):
        for i, value in enumerate(found):
            yield from texts_in(value, f"{where}[{i}]")
    elif hasattr(found, "__dataclass_fields__") and not isinstance(found, type):
        for name in found.__dataclass_fields__:
            yield from texts_in(getattr(found, name), f"{where}.{name}")


def all_texts() -> dict[str, Text]:
    """Find every text of the rooms."""
    out: dict[str, Text] = {}
    files = [p for room in ROOMS for p in (SRC / room).rglob("*.py")]
    for file in sorted([*files, SRC / "view.py", SRC / "tables/roledocument.py"]):
        if "Text(" not in file.read_text() and "_fact(" not in file.read_text():
            continue
        name = ".".join(("varhouse", *file.relative_to(SRC).with_suffix("").parts))
        module = importlib.import_module(name)
        for own, value in vars(module).items():
            if not own.startswith("__"):
                out.update(texts_in(value, f"{name}.{own}"))
    return out


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def wrong(text: Text) -> list[str]:
    """Say what is wrong with a text."""
    english, chinese = text.values
    said = []
    if not text.en.strip() or has_chinese(text.en):
        said.append("no English")
    if not has_chinese(text.zh):
        said.append("no Chinese")
    if english != chinese:
        said.append(f"values differ: {sorted(english ^ chinese)}")
    return said


def test_every_text_says_the_same_in_both_languages() -> None:
    texts = all_texts()
    assert len(texts) > 20
    assert {name: found for name, text in texts.items() if (found := wrong(text))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (Text("{n} people", "{n} 人"), []),
        (Text("{n} people", "{m} 人"), ["values differ: ['m', 'n']"]),
        (Text("{n:,} people", "people {n}"), ["no Chinese"]),
        (Text("", "人"), ["no English"]),
        (Text("people 人", "人"), ["no English"]),
    ],
)
def test_a_text_that_lacks_something_is_found(text: Text, found: list[str]) -> None:
    assert wrong(text) == found


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, ENGLISH),
        ({"LANG": "C.UTF-8"}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, CHINESE),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, ENGLISH),
        ({"VARHOUSE_LANGUAGE": "zh", "LC_ALL": "en_US.UTF-8"}, CHINESE),
        ({"VARHOUSE_LANGUAGE": "", "LC_MESSAGES": "zh_TW"}, CHINESE),
    ],
)
def test_the_language_is_that_of_the_reader(environment: dict[str, str], code: str) -> None:
    assert language(environment) == code
    assert Text("one {n}", "一 {n}").say(code, n=2) == ("一 2" if code == CHINESE else "one 2")
