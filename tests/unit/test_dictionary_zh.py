"""The dictionary in Chinese has all that the English one has, and nothing else."""

import re

import polars as pl
import pytest

from varhouse.tables import dictionary
from varhouse.tables.declaration import Table
from varhouse.tables.dictionary_zh import chinese, describe_in_both, texts
from varhouse.tables.schema import TABLES, annotation_table

SOURCE = annotation_table("panel", {"score": pl.Float64})
_CODE = re.compile(r"`([^`]+)`")


def texts_of(table: Table) -> set[str]:
    """Collect the English texts of a table."""
    rows = dictionary.describe_table(table)
    columns = ("unit", "null_means", "meaning")
    return {table.row, *(t for c in columns for t in rows[c] if t)}


@pytest.mark.parametrize("table", [*TABLES.values(), SOURCE], ids=lambda t: t.name)
def test_every_text_has_its_chinese(table: Table) -> None:
    lacking = {t for t in texts_of(table) if t not in texts() and chinese(t) == t}
    assert lacking == set(), "add them to src/varhouse/data/texts/dictionary.tsv"
    # But for formulas and units, it is Chinese.
    alike = {t for t in texts_of(table) if chinese(t) == t}
    assert {t for t in alike if re.search(r"[a-z]+ [a-z]+ [a-z]+", t)} == set()


def test_what_stands_in_code_letters_is_the_same_in_both() -> None:
    """Names of columns and values stay as they are."""
    differing = {
        en: zh
        for en, zh in texts().items()
        if not set(_CODE.findall(zh)) <= {*_CODE.findall(en)}
        or {x for x in _CODE.findall(en) if len(x) > 1} - set(_CODE.findall(zh))
    }
    assert differing == {}


def test_no_text_is_left_over() -> None:
    tables = [*TABLES.values(), SOURCE, TABLES["totals"].masked]
    said = {t for table in tables for t in texts_of(table)}
    known = said | set(dictionary.NULLS.values()) | set(dictionary.UNITS.values())
    assert set(texts()) - known == set()


def test_rows_have_both_languages_beside_each_other() -> None:
    rows = describe_in_both(TABLES["totals"])
    assert rows.columns == [*dictionary.SCHEMA, "null_means_zh", "meaning_zh"]
    af = rows.row(by_predicate=pl.col("column") == "af", named=True)
    assert (af["meaning"], af["meaning_zh"]) == (
        "ac / an; null when an is 0",
        "ac / an;an 为 0 时为空",
    )
    assert chinese("field score of panel") == "数据源 panel 的字段 score"
    assert chinese("as a sheet's author wrote it") == "as a sheet's author wrote it"
