"""What the value of a field of the ledger may look like, and the one form that is kept.

A `Form` takes what people write (a cell of a sheet, a word of the command line) and gives what
JSON holds: dates as ISO 8601, codes as their standard has them, lists as lists. What does not
fit raises `FormError`, which says why and what to write, in both languages. Nothing is
guessed: a value that could be read in two ways is wrong.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from varhouse.errors import nearest
from varhouse.language import Text

APART = r"[,;，；、|\s]+"
"""What sets names and codes without blanks apart."""


PLACES_APART = (
    r"(?:,(?!\s*(?:P\.?\s?R\.?\s*)?China\b)|[;，；、|/\n])+"
    r"|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])|(?<=\d)\s+(?=\d)"
)
"""What sets codes and names apart that may hold a blank in English, and none in Chinese."""


class FormError(ValueError):
    """A value that does not fit its field: why, and what to write."""

    def __init__(self, text: Text, **values: Any) -> None:
        super().__init__(text.say("en", **values))
        self.text, self.values = text, values

    def say(self) -> str:
        """Say it in the reader's language."""
        return self.text.say(**self.values)


_NEAREST = Text("; nearest: {names}", ";相近的有: {names}")


def near(word: str, known: Iterable[str]) -> str:
    """Say the names closest to a word, as an ending for a message; empty without any."""
    found = nearest(word, known).removeprefix("; nearest: ")
    return _NEAREST.say(names=found) if found else ""


@dataclass(frozen=True)
class Form:
    """What a value looks like.

    Attributes
    ----------
    name
        A word for it, for templates.
    item
        Text to what JSON holds; raises `FormError`.
    load
        What JSON holds to what `model.py` holds.
    is_list
        Whether there may be several: each is an `item`, and the value a list. An item of
        which several are kept gives a list of them.
    apart
        What sets several apart in a cell, as a regular expression.
    """

    name: Text
    item: Callable[[str], Any]
    load: Callable[[Any], Any] = lambda value: value
    is_list: bool = False
    apart: str = r"[;；、|\n]+"

    def take(self, value: Any) -> Any:
        """Give the form that is kept of a text, or of a value as Python has it.

        Raises
        ------
        FormError
            If it does not fit.
        """
        if not self.is_list:
            return self.item(_as_text(value))
        if isinstance(value, str):
            parts = re.split(self.apart, clean(value))
        elif isinstance(value, list | tuple | set | frozenset):
            parts = [_as_text(v) for v in value]
        else:
            parts = [_as_text(value)]
        taken = [self.item(p) for p in parts if p.strip()]
        every = (v for t in taken for v in (t if isinstance(t, list) else [t]))
        return list(dict.fromkeys(every))

    def give(self, value: Any) -> Any:
        """Give what the model holds of a value that was kept."""
        return tuple(map(self.load, value)) if self.is_list else self.load(value)


def clean(text: str) -> str:
    """Give a text without blanks around it, full-width letters as plain ones."""
    return unicodedata.normalize("NFKC", text).strip()


def _as_text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


_CONTROL = Text(
    "{value!r}: holds letters that are not shown; fix: write it anew",
    "{value!r}: 含有不可见字符;请重新填写",
)
_NUMBER = Text(
    "{value!r} is no whole number of at least 0; fix: digits alone, as 1200",
    "{value!r} 不是非负整数;请只写数字,例如 1200",
)
_SHARE = Text(
    "{value!r} is no share from 0 to 1; fix: write 0.5 or 50%",
    "{value!r} 不是 0 至 1 之间的比例;请写 0.5 或 50%",
)
_FLAG = Text(
    "{value!r} is neither yes nor no; fix: write yes or no, and nothing if nobody knows",
    "{value!r} 既不是“是”也不是“否”;请写 是 或 否,不详时留空",
)
_CHOICE = Text(
    "{value!r} is none of {known}; fix: write one of them",
    "{value!r} 不在可选值 {known} 之中;请改为其中之一",
)
_DATE = Text(
    "{value!r} is no date; fix: write YYYY-MM-DD, as 2026-11-28",
    "{value!r} 不是日期;请写成 年-月-日,例如 2026-11-28",
)
_TWO_WAYS = Text(
    "{value!r}: which is the day and which the month? fix: write YYYY-MM-DD, as 2026-11-28",
    "{value!r}: 无法判断日和月的先后;请写成 年-月-日,例如 2026-11-28",
)

_NO_PAPER = Text(
    "{value!r} names no paper; fix: leave the cell empty where there is none (yet), else "
    "write its number, or what it covers",
    "{value!r} 未指明批件;没有或尚未取得的请留空,已有的请填写编号或范围",
)

_NONE = {
    "无", "没有", "暂无", "未取得", "未获批", "待批", "待定", "待办", "办理中", "申请中",
    "审批中", "审核中", "不适用", "不详", "未知", "none", "no", "nil", "null", "n/a", "na",
    "not applicable", "not available", "pending", "applied", "in progress", "tbd", "tba",
    "to be determined", "unknown", "missing", "todo", "否", "false",
}  # fmt: skip
"""What people write where a paper is asked for and there is none."""

_HAVE = {"yes", "是", "有", "已有", "已取得", "已获批", "已批准", "true", "approved"}

_YES = {"yes", "y", "true", "t", "1", "1.0", "是", "有", "√", "✓", "✔", "对", "是的"}
_NO = {"no", "n", "false", "f", "0", "0.0", "否", "无", "不", "×", "✗", "✘", "不是", "没有"}


def read_text(value: str) -> str:
    """Take a text of one line."""
    text = re.sub(r"\s*\n\s*", " ", unicodedata.normalize("NFC", value).strip())
    if not text.isprintable() and any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text
    ):
        raise FormError(_CONTROL, value=value)
    return text


def read_paper_number(value: str) -> str:
    """Take the number of a paper: any text, but those that say that there is none, or is."""
    if _bare(value) in _HAVE:
        raise FormError(_NO_PAPER, value=value)
    return read_described(value)


def read_described(value: str) -> str:
    """Take the description of a consent: any text, but those that say that there is none."""
    text, plain = read_text(value), _bare(value)
    if plain in _NONE or not any(c.isalnum() for c in plain):
        raise FormError(_NO_PAPER, value=value)
    return text


def _bare(value: str) -> str:
    return re.sub(r"\s+", " ", clean(value)).casefold().strip(" .。!?")


def read_number(value: str) -> int:
    """Take a whole number that counts something: 1200, 1,200, 1200.0 as Excel has it."""
    text = clean(value)
    text = re.sub(r"(?<=\d)(\.0+)?\s*[人例名位]?\Z", "", text)
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise FormError(_NUMBER, value=value)
    return int(text)


def read_share(value: str) -> float:
    """Take a share: 0.5 or 50%."""
    text = clean(value)
    percent = text.endswith("%")
    try:
        share = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        raise FormError(_SHARE, value=value) from None
    if not 0 <= share <= 1:
        raise FormError(_SHARE, value=value)
    return abs(share)


def read_flag(value: str) -> bool:
    """Take yes or no, in either language."""
    text = clean(value).casefold()
    if text not in _YES | _NO:
        raise FormError(_FLAG, value=value)
    return text in _YES


_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{4})/(\d{1,2})/(\d{1,2})|(\d{4})\.(\d{1,2})\.(\d{1,2})"
    r"|(\d{4})年(\d{1,2})月(\d{1,2})日?|(\d{4})(\d{2})(\d{2})"
)
_DAY_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00(\.0+)?)?\Z")
_SERIAL = re.compile(r"(\d{5})")
_SERIAL_ZERO = date(1899, 12, 30)
"""Day 0 of Excel's count for days from 1 March 1900 on (it takes 1900 for a leap year)."""


def read_date(value: str) -> str:
    """Take a day: 2026-11-28, 2026/11/28, 2026年11月28日, 20261128, Excel's number.

    The year comes first. Where day or month does, it is a day only if no other is meant:
    28/11/2026, never 3/4/2026.
    """
    text = re.sub(r"\s*([年月日号])\s*", r"\1", _MIDNIGHT.sub("", clean(value)))
    text = _chinese_digits(text.replace("号", "日"))
    text = re.sub(r"(?<=\d{5})\.0+\Z", "", text)
    if found := _ISO.fullmatch(text):
        year, month, day = (int(x) for x in found.groups() if x is not None)
    elif found := _DAY_FIRST.fullmatch(text):
        first, second, year = map(int, found.groups())
        if first <= 12 and second <= 12 and first != second:
            raise FormError(_TWO_WAYS, value=value)
        day, month = (first, second) if second <= 12 else (second, first)
    elif (found := _SERIAL.fullmatch(text)) and 25569 <= int(found[1]) <= 73050:
        # 1970 to 2099: what else has five digits is no day that anybody means.
        return (_SERIAL_ZERO + timedelta(days=int(found[1]))).isoformat()
    else:
        raise FormError(_DATE, value=value)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise FormError(_DATE, value=value) from None


def _chinese_digits(text: str) -> str:
    """Give a date of Chinese numerals with digits: 二〇二六年十一月二十八日."""
    ones = "一二三四五六七八九"
    if not re.fullmatch(rf"[〇零○{ones}]{{4}}年[十{ones}]{{1,2}}月[十{ones}]{{1,3}}日?", text):
        return text
    year, month, day = re.split("[年月]", text.rstrip("日"))
    digits = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | {"零": "0", "○": "0"}

    def number(word: str) -> str:
        tens, ten, ones = word.rpartition("十")
        head = digits.get(tens, tens) if tens else "1" if ten else ""
        return head + (digits.get(ones, ones) if ones else "0" if ten else "")

    return f"{''.join(digits[c] for c in year)}年{number(month)}月{number(day)}日"


def as_word(value: str) -> str:
    """Give a name of a choice as names are compared: small letters, `_` between words."""
    return re.sub(r"[\s_-]+", "_", clean(value).casefold())


def one_of(known: dict[str, str], shown: str) -> Callable[[str], str]:
    """Give what takes one of some words, by any name that it has.

    Parameters
    ----------
    known
        Name, as `as_word` gives it, to the word that is kept.
    shown
        The words, for people.
    """

    def item(value: str) -> str:
        found = known.get(as_word(value))
        if found is None:
            raise FormError(_CHOICE, value=value, known=shown)
        return found

    return item


TEXT = Form(Text("text", "文本"), read_text)
PAPER_NUMBER = Form(Text("text", "文本"), read_paper_number)
DESCRIBED = Form(Text("text", "文本"), read_described)
TEXTS = Form(Text("texts, set apart by ;", "文本,以分号分隔"), read_text, is_list=True)
NAMES = Form(
    Text("names, set apart by commas", "名称,以逗号分隔"),
    read_text,
    is_list=True,
    apart=APART,
)
NUMBER = Form(Text("whole number", "整数"), read_number, int)
SHARE = Form(Text("share, 0 to 1 or %", "比例,0 至 1 或百分数"), read_share, float)
FLAG = Form(Text("yes or no", "是或否"), read_flag, bool)
DATE = Form(Text("date, YYYY-MM-DD", "日期,年-月-日"), read_date, date.fromisoformat)
