"""The dictionary of the tables in Chinese: what columns mean, what their nulls say, units.

`data/texts/dictionary.tsv` has a row an English text, as the declarations have it, and the
Chinese one. It goes by the text and not by the name of the column: who changes a meaning makes
a text that has no Chinese yet, which `tests/unit/test_dictionary_zh.py` finds.
"""

import functools
import re
from pathlib import Path

import polars as pl

from varhouse.tables.declaration import Table
from varhouse.tables.dictionary import describe_table

_FILE = Path(__file__).parents[1] / "data" / "texts" / "dictionary.tsv"
_OF_A_SOURCE = (
    (re.compile(r"field (?P<name>.+) of (?P<source>.+)"), "数据源 {source} 的字段 {name}"),
    (
        re.compile(r"an allele x record of the source (?P<source>.+)"),
        "一个等位基因 x 数据源 {source} 的记录",
    ),
    (re.compile("the source does not say"), "数据源未说明"),
    (
        re.compile("version of the source in this release; in a file: as of when .+"),
        "该发布版本中数据源的版本;在文件中:写入时的版本",
    ),
    (re.compile("licence of the source"), "数据源的许可协议"),
)
"""Texts with names in them, and those of annotation tables, which no store need have."""

TRANSLATED = ("null_means", "meaning")
"""Columns of a dictionary that are said in Chinese beside the English ones."""


@functools.cache
def texts() -> dict[str, str]:
    """Give every English text of the dictionary with the Chinese one."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()[1:]
    return {en: zh for en, _, zh in (line.partition("\t") for line in lines)}


def chinese(text: str) -> str:
    """Say a text of the dictionary in Chinese.

    What a source of annotations or a sheet says stays as it is: nobody but its author
    knows it in another language.
    """
    if (known := texts().get(text)) is not None:
        return known
    for pattern, said in _OF_A_SOURCE:
        if found := pattern.fullmatch(text):
            return said.format(**found.groupdict())
    return text


def describe_in_both(table: Table) -> pl.DataFrame:
    """Give the dictionary of a table with Chinese beside English.

    Returns
    -------
    pl.DataFrame
        Columns of `dictionary.SCHEMA`, then `null_means_zh` and `meaning_zh`.
    """
    return with_chinese(describe_table(table))


def with_chinese(dictionary: pl.DataFrame) -> pl.DataFrame:
    """Add `null_means_zh` and `meaning_zh` to the rows of a dictionary."""
    said = (pl.Series(f"{n}_zh", list(map(chinese, dictionary[n]))) for n in TRANSLATED)
    return dictionary.with_columns(said)
