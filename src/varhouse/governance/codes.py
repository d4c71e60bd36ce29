"""Code lists, with the names by which people know what stands in them.

The lists are tables of the package (`data/governance/*.tsv`; where they are from:
`SOURCES.md` there): provinces (GB/T 2260) and their regions, ethnic groups (GB/T 3304),
countries (ISO 3166-1), DUO terms, patterns of accessions. What is found is the one code that
is kept; what is not is told with the nearest names, never guessed.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from varhouse.governance.fields import FormError, clean, near, read_text
from varhouse.language import Text

FOLDER = Path(__file__).resolve().parents[1] / "data" / "governance"

COUNTRY = "CN"
"""The root of the hierarchy of provinces."""

_UNKNOWN = Text(
    "{value!r} is no {what}{near}; fix: write a code or a name of {standard}",
    "{value!r} 不是有效的{what}{near};请填写 {standard} 中的代码或名称",
)
_WITHIN = Text(
    "{value!r} is the code of a place in {name}; fix: write the province, {code}",
    "{value!r} 是{name}以下地区的代码;请填写省级代码 {code}",
)
_ACCESSION = Text(
    "{value!r} is no accession of an archive that is known{near}; fix: as {known}",
    "{value!r} 不是已知数据库的登记号{near};正确写法例如 {known}",
)


def read_table(name: str) -> list[dict[str, str]]:
    """Read a table of the package, tab-separated: a mapping a row."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


@dataclass(frozen=True)
class Code:
    """An entry of a list.

    Attributes
    ----------
    code
        What is kept.
    name
        What it is called.
    row
        The row of the table.
    """

    code: str
    name: Text
    row: Mapping[str, str]


class CodeList:
    """A list of codes, found by code, letters or name.

    Parameters
    ----------
    what
        What it is of, for people.
    standard
        Its standard.
    codes
        What is in it.
    fold
        Brings names to the form in which they are compared.
    more
        Further names of an entry.
    """

    def __init__(
        self,
        what: Text,
        standard: str,
        codes: Iterable[Code],
        fold: Callable[[str], str],
        more: Callable[[Code], Iterable[str]] = lambda _: (),
    ) -> None:
        self.what, self.standard, self.fold = what, standard, fold
        self.codes = {c.code: c for c in codes}
        self.known: dict[str, str] = {}
        for code in self.codes.values():
            own = [code.code, code.row.get("letters", ""), code.name.en, code.name.zh]
            own += [*code.row.get("others", "").split(","), *more(code)]
            self.known.update({self.fold(n): code.code for n in own if n.strip()})

    def find(self, text: str) -> str | None:
        """Give the code of what a text names; None: it names nothing of the list."""
        return self.known.get(self.fold(text))

    def read(self, text: str) -> str:
        """Give the code of what a text names.

        Raises
        ------
        FormError
            If it names nothing of the list.
        """
        found = self.find(text)
        if found is None:
            names = [n for c in self.codes.values() for n in (c.name.say(), c.name.en)]
            said = {"what": self.what.say(), "standard": self.standard}
            raise FormError(_UNKNOWN, value=text, near=near(text, names), **said)
        return found

    def name(self, code: str, language_code: str | None = None) -> str:
        """Give the name of a code in a language; the code itself where it is not known."""
        found = self.codes.get(code)
        return found.name.say(language_code) if found else code


def codes_of(name: str) -> list[Code]:
    """Read a list of codes of the package: columns `code`, `en`, `zh`, and others."""
    return [Code(r["code"], Text(r["en"], r["zh"] or r["en"]), r) for r in read_table(name)]


_TRADITIONAL = str.maketrans(
    "廣東蘇陝寧內門臺灣區慶龍遼貴雲肅瓊贛滬隴漢滿維爾鮮納達錫烏別羅倫獨諾韓國馬來亞蘭"
    "聯愛紐墾團產設壯瑤強萊",
    "广东苏陕宁内门台湾区庆龙辽贵云肃琼赣沪陇汉满维尔鲜纳达锡乌别罗伦独诺韩国马来亚兰"
    "联爱纽垦团产设壮瑶强莱",
)
"""Traditional characters that names of the lists are written with."""


def folded(text: str) -> str:
    """Give a name without case, accents, blanks and what else stands between words.

    A point between digits is none of it: 1.0 is 1, as spreadsheets write it, and 1.5 no code.
    """
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_TRADITIONAL)
    bare = "".join(c for c in plain if not unicodedata.combining(c)).strip()
    if re.fullmatch(r"\d+\.\d+", bare):
        return re.sub(r"\.0+\Z", "", bare)
    return re.sub(r"[\s.,'’_()·-]+", "", bare)


_PLACE_WORDS = re.compile(
    r"(province|sheng|municipality|autonomousregion|specialadministrativeregion|sar|shi"
    r"|zizhiqu|自治区|特别行政区|特区|地区|省|市)\Z"
)
_OF_CHINA = re.compile(r"\A(cn|中国)(?=.)|(?<=.)(of)?(prchina|china|prc)\Z")


def _folded_place(text: str) -> str:
    plain = _OF_CHINA.sub("", folded(text))
    return _PLACE_WORDS.sub("", plain) or plain


def _folded_group(text: str) -> str:
    return re.sub(r"(nationality|ethnicgroup|minority|people|zu)\Z", "", folded(text))


def _place_names(code: Code) -> list[str]:
    # Two digits, and the twelve of the statistics of the state.
    return [code.code[:2], code.code + "000000"]


@cache
def provinces() -> CodeList:
    """Give the list of provinces: GB/T 2260, six digits, and the corps as 660000."""
    what = Text("province", "省级行政区")
    return CodeList(what, "GB/T 2260", codes_of("provinces.tsv"), _folded_place, _place_names)


@cache
def regions() -> CodeList:
    """Give the list of regions into which provinces are summed up."""
    return CodeList(Text("region", "大区"), "regions.tsv", codes_of("regions.tsv"), folded)


@cache
def ethnic_groups() -> CodeList:
    """Give the list of ethnic groups: GB/T 3304, two digits, with 97 and 98."""
    what = Text("ethnic group", "民族")
    return CodeList(
        what,
        "GB/T 3304",
        codes_of("ethnic-groups.tsv"),
        _folded_group,
        lambda c: [c.code.lstrip("0")],
    )


@cache
def countries() -> CodeList:
    """Give the list of countries: ISO 3166-1, two letters."""
    return CodeList(
        Text("country", "国家或地区"), "ISO 3166-1", codes_of("countries.tsv"), folded
    )


@cache
def hierarchy() -> dict[str, str]:
    """Give what each place lies in: province to region, region to region or country."""
    up = {c.code: c.row["parent"] for c in regions().codes.values() if c.row["parent"]}
    return {**up, **{c.code: c.row["region"] for c in provinces().codes.values()}}


def region_of(province: str) -> str | None:
    """Give the region of a province, by any name of it; None: it is no province."""
    code = provinces().find(province)
    return hierarchy()[code] if code else None


def read_province(value: str) -> str:
    """Take a province by code or name; six digits are kept.

    A code of a place within one is told from the province, not cut off: who counts by county
    and who means the province are two things.
    """
    text = clean(value)
    code = provinces().find(text)
    if code is None and re.fullmatch(r"\d{6}|\d{9}|\d{12}", text):
        code = provinces().find(text[:2])
        if code is not None:
            name = provinces().name(code)
            raise FormError(_WITHIN, value=value, name=name, code=code)
    return code or provinces().read(text)


def read_ethnic_group(value: str) -> str:
    """Take an ethnic group by number, letters or name; two digits are kept."""
    return ethnic_groups().read(clean(value))


def read_country(value: str) -> str:
    """Take a country by code or name; two letters are kept."""
    return countries().read(clean(value))


@cache
def _accessions() -> list[tuple[dict[str, str], re.Pattern[str]]]:
    return [(r, re.compile(r["pattern"])) for r in read_table("accessions.tsv")]


def find_accession(text: str) -> dict[str, str] | None:
    """Tell of which archive and kind an accession is; None: of none that is known.

    Returns
    -------
    dict
        `archive`, `kind`, `pattern`, `example`, `certainty`.
    """
    return next((row for row, p in _accessions() if p.fullmatch(text)), None)


def as_archived(text: str) -> str | None:
    """Give an accession in the case in which its archive writes it; None: none is known."""
    # CNSA writes `his` small (CNPhis0000549), dbGaP all of it.
    forms = (text, text.upper(), text.lower(), text.upper().replace("HIS", "his"))
    return next((form for form in forms if find_accession(form)), None)


def read_accession(value: str) -> str:
    """Take an accession; case and full-width letters are set right, nothing else is."""
    text = clean(value)
    if found := as_archived(text):
        return found
    shown = [r["example"] for r, _ in _accessions()]
    start = re.match(r"[A-Za-z]{2,4}", text)
    close = [e for e in shown if start and e.upper().startswith(start[0].upper()[:3])]
    raise FormError(
        _ACCESSION,
        value=read_text(value),
        near=near(text, shown),
        known=", ".join(close or shown[:3]),
    )
