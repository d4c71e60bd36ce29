"""Conditions: what they mean, and that nothing typed ends in a traceback."""

import contextlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import UsageError
from varhouse.query.expression import like_pattern, parse_where

SCHEMA = {
    "impact": pl.String, "gene": pl.String, "af": pl.Float64, "pos": pl.Int32,
    "canonical": pl.Boolean, "aliases": pl.List(pl.String), "af_bei-jing": pl.Float64,
    "clinvar.clnsig": pl.String, "队列": pl.Int32,
}  # fmt: skip
ROWS = pl.DataFrame(
    [
        ["HIGH", "A%B", 0.001, 1, True, ["a"], 0.1, "Benign", 1],
        ["LOW", "DEMO7", 0.5, 2, False, [], 0.2, None, 2],
        [None, "it's", None, 2**31 - 1, None, None, None, None, 3],
    ],
    schema=SCHEMA,
    orient="row",
)


def rows(text: str) -> list[int]:
    condition = parse_where(text, SCHEMA)
    kept = ROWS.with_row_index("_").lazy().filter(condition.expression).collect()
    return kept["_"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('impact == "HIGH" and af < 0.01', [0]),
        ("impact = 'HIGH' AND AF<.01", [0]),
        ("impact <> 'HIGH'", [1]),
        ("impact != 'HIGH' or af is null", [1, 2]),
        ("IMPACT IS NOT NULL", [0, 1]),
        ("0 < af <= 0.5", [0, 1]),
        ("0.5 > af > 0.0001", [0]),
        ("pos in (1, 2,)", [0, 1]),
        ("pos not in [1, 2.5]", [1, 2]),
        ("pos in (-1, +1)", None),
        ("pos in ()", []),
        ("gene in ('DEMO7', 'x')", [1]),
        ("canonical in (true)", [0]),
        ("not (af < 0.1)", [1]),
        ("not not canonical", [0]),
        ("not canonical && pos > 1", [1]),
        ("canonical || pos = 2", [0, 1]),
        ("canonical = false", [1]),
        ("gene like 'DEMO_'", [1]),
        ("gene like 'A%'", [0]),
        ("gene not like '%7'", [0, 2]),
        ("gene ~ '^D.*7$'", [1]),
        ("gene ~ '\\d'", [1]),
        ("gene = 'it''s'", [2]),
        ("gene = 'it\\'s'", [2]),
        ('gene = "it\'s"', [2]),
        ("pos between 1 and 2 and af > 0.1", [1]),
        ("pos not between 1 and 2", [2]),
        ("`af_bei-jing` > .15", [1]),
        ("clinvar.clnsig = 'Benign'", [0]),
        ("队列 = 3", [2]),
        ("pos + pos > 4294967290", [2]),
        ("pos * 2 - 1 = 3", [1]),
        ("pos / 2 = 0.5", [0]),
        ("1 + 1 * 2 = 3 and pos = 1", [0]),
        ("-pos < -1", [1, 2]),
        ("pos = 99999999999999999999", []),
        ("pos < 1e400", [0, 1, 2]),
        ("aliases is null", [2]),
        ("true", [0, 1, 2]),
        (" and ".join(["pos = 1"] * 3000), [0]),
        ("pos in (" + ",".join(["1"] * 5000) + ")", [0]),
    ],
)
def test_meaning(text: str, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            rows(text)
    else:
        assert rows(text) == expected


def test_a_fraction_or_nan_is_no_whole_number() -> None:
    """`in` says what `==` says of each literal, of numbers and of lists of them."""
    numbers = [0.3, 1.7, float("nan"), None, 1.0, -0.0]
    frame = pl.DataFrame(
        {"af": numbers, "afs": [[x, 0.5] for x in numbers], "n": [0, 1, 2, None, 1, 3]},
        schema={"af": pl.Float64, "afs": pl.List(pl.Float64), "n": pl.Int32},
    )

    def kept(text: str) -> list[int]:
        condition = parse_where(text, dict(frame.schema)).expression
        return frame.with_row_index("i").filter(condition)["i"].to_list()

    assert kept("af in (0, 1)") == kept("af == 0 or af == 1") == [4, 5]
    assert kept("af not in (0, 1)") == [0, 1, 2]
    assert kept("afs in (0, 1)") == kept("afs == 0 or afs == 1") == [4, 5]
    assert kept("n in (0, 1)") == [0, 1, 4]
    assert kept("n / 2 in (0, 1)") == [0, 2]
    assert kept("n in (0.5, 3)") == [5]


def test_the_columns_that_are_needed() -> None:
    assert parse_where("AF < 1 and not canonical", SCHEMA).columns == {"af", "canonical"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ipact = 'a'", "no column 'ipact' here; nearest: impact"),
        ("af", "af is a number, not a condition"),
        ("", "at its end"),
        ("af >", "at its end"),
        ("af < 'x'", "cannot compare af (a number) with 'x' (text)"),
        ("gene < 3", "cannot compare gene (text) with 3 (a number)"),
        ("gene in (1)", "cannot compare gene"),
        ("gene in (gene)", "expected a number or 'text' in the list"),
        ("aliases = 1", "cannot compare aliases (text) with 1 (a number)"),
        ("aliases in (1)", "cannot compare aliases"),
        ("aliases", "aliases is text, not a condition"),
        ("af = null", "never true"),
        ("-gene", "gene is text: it cannot be calculated with"),
        ("'gene' = 'x'", "compares two texts"),
        ("gene ~ '('", "no regular expression"),
        ("af ~ 'x'", "`~` works on text"),
        ("gene like gene", "a pattern in quotes"),
        ("gene = 'x", "quote without its end at character 8"),
        ("gene ; drop", "at character 6"),
        ("pos = 1 pos = 2", "at character 9"),
        ("(" * 500 + "pos = 1" + ")" * 500, "nested"),
        ("not " * 500 + "canonical", "nested"),
        ("- " * 500 + "pos = 1", "nested"),
        ("pos" + " + pos" * 500 + " = 1", "too long"),
        ("pos = 1 or " * 9000 + "pos = 1", "20,000 words"),
        ("__import__('os')", "no column '__import__'"),
        ("af.max() > 1", "no column 'af.max'"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_where(text, SCHEMA)
    assert message in str(caught.value)


WORDS = st.sampled_from(
    [
        *SCHEMA,
        "AF",
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "between",
        "like",
        "~",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "==",
        "<",
        ">=",
        "<>",
        "+",
        "-",
        "*",
        "/",
        "1",
        "0.5",
        "1e9",
        "'a'",
        '"(b"',
        "true",
        "`af_bei-jing`",
        "!",
        "&",
        "|",
        "nope",
        "9" * 25,
    ]
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=12).map(" ".join)))
def test_garbage_is_a_usage_error_or_a_condition(text: str) -> None:
    kept: list[int] = []
    with contextlib.suppress(UsageError):
        kept = rows(text)
    assert set(kept) <= set(range(ROWS.height))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.text(alphabet="ab%_.*[(\\", max_size=6), st.text(alphabet="ab.*[(\\", max_size=6))
def test_like_is_that_of_sql(pattern: str, text: str) -> None:
    import sqlite3  # noqa: PLC0415

    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        base.execute("PRAGMA case_sensitive_like = on")
        expected = base.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()[0]
    found = pl.Series([text]).str.contains(like_pattern(pattern))[0]
    assert found == bool(expected)
