"""The content digest: order-free, layout-free, and moved by any change."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import SchemaError
from varhouse.tables.digest import EMPTY, combine, store_digest, subtract, table_digest
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import Column, Table

TABLE = Table(
    "t",
    "open",
    "a row",
    (
        Column("a", pl.Int32, "", nullable=True),
        Column("s", pl.String, "", nullable=True),
        Column("f", pl.Float64, "", nullable=True),
        Column("b", pl.Boolean, "", nullable=True),
        Column("li", pl.List(pl.Int16), "", nullable=True),
        Column("ls", pl.List(pl.String), "", nullable=True),
        Column("when", pl.String, "", nullable=True, content=False),
        Column("cohort", pl.String, ""),
    ),
    partition=("cohort",),
)

ROW = {
    "a": 7, "s": "text", "f": 0.5, "b": True, "li": [1, 2], "ls": ["x", None],
    "when": "now", "cohort": "c",
}  # fmt: skip


def frame(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame([{**ROW, **r} for r in rows], schema=TABLE.polars_schema)


def digest(*rows: dict) -> tuple[int, int]:
    return digest_frame(frame(*rows), TABLE)


def test_fixed_value() -> None:
    """The digest is a format: a change of it needs a new format version."""
    assert digest({}) == FIXED


FIXED = (16675892500208188206, 13997773458390427219)

ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "a": st.none() | st.integers(-(2**31), 2**31 - 1),
            "s": st.none() | st.text(max_size=20),
            "f": st.none() | st.floats(),
            "b": st.none() | st.booleans(),
            "li": st.none() | st.lists(st.none() | st.integers(-9, 9), max_size=4),
            "ls": st.none() | st.lists(st.none() | st.text(max_size=9), max_size=4),
        },
    ),
    max_size=12,
)


@settings(derandomize=True, deadline=None)
@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_order_and_pieces_do_not_matter(rows: list, random, cut: int) -> None:
    whole = digest(*rows)
    mixed = rows[:]
    random.shuffle(mixed)
    assert digest(*mixed) == whole
    first, last = digest(*rows[:cut]), digest(*rows[cut:])
    assert combine([first, last]) == whole
    assert subtract(whole, last) == first


@pytest.mark.parametrize(
    "change",
    [
        {"a": 8}, {"a": None}, {"s": "texu"}, {"s": ""}, {"s": None}, {"s": "text\0"},
        {"f": 0.25}, {"f": None}, {"f": math.nan}, {"b": False}, {"b": None},
        {"li": [2, 1]}, {"li": [1, None]}, {"li": []}, {"li": None},
        {"ls": ["x", ""]}, {"ls": ["x"]}, {"ls": [None, "x"]}, {"cohort": "d"},
    ],
)  # fmt: skip
def test_any_change_shows_in_both_sums(change: dict) -> None:
    one, two = digest({}), digest(change)
    assert one[0] != two[0]
    assert one[1] != two[1]


def test_null_is_not_empty() -> None:
    assert len({digest({"s": v}) for v in (None, "", "\0", "\0\0")}) == 4
    assert len({digest({"ls": v}) for v in (None, [], [None], [""], ["", ""])}) == 5


def test_values_do_not_move_between_rows_or_columns() -> None:
    assert digest({"a": 1, "s": "x"}, {"a": 2, "s": "y"}) != digest(
        {"a": 1, "s": "y"}, {"a": 2, "s": "x"}
    )
    assert digest({"li": [1], "a": None}) != digest({"li": None, "a": 1})
    assert digest({"ls": ["ab", "c"]}) != digest({"ls": ["a", "bc"]})


def test_a_row_twice_is_not_once() -> None:
    assert digest({}, {}) != digest({})
    assert digest({}, {}) != (0, 0)


def test_one_zero_one_nan_and_no_width() -> None:
    assert digest({"f": -0.0}) == digest({"f": 0.0})
    negative = frame({"f": math.nan}).with_columns(f=-pl.col("f"))
    assert digest_frame(negative, TABLE) == digest({"f": math.nan})
    wide = frame({}).cast({"a": pl.Int64, "f": pl.Float32})
    assert digest_frame(wide, TABLE) == digest({})


def test_what_is_not_content_does_not_count() -> None:
    assert digest({"when": "then"}) == digest({})


def test_a_missing_nullable_column_is_null() -> None:
    assert digest_frame(frame({"ls": None}).drop("ls"), TABLE) == digest({"ls": None})
    with pytest.raises(SchemaError, match="no column cohort"):
        digest_frame(frame({}).drop("cohort"), TABLE)


def test_slices_and_chunks_of_a_frame() -> None:
    rows = [{"a": i, "s": "n" * i, "ls": [str(i)] * (i % 3)} for i in range(50)]
    whole = frame(*rows)
    chunks = pl.concat([whole[20:], whole[:20]], rechunk=False)
    assert digest_frame(chunks, TABLE) == digest_frame(whole, TABLE)
    assert digest_frame(whole[10:30], TABLE) == digest(*rows[10:30])


def test_more_rows_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"a": i} for i in range(10)]
    expected = digest(*rows)
    monkeypatch.setattr("varhouse.tables.rowdigest._BATCH", 3)
    assert digest(*rows) == expected


def test_an_empty_table_counts_like_an_absent_one() -> None:
    assert digest_frame(frame()[:0], TABLE) == (0, 0)
    full = table_digest("t", 1, (1, 2))
    empty = table_digest("u", 0, (0, 0))
    assert empty == EMPTY
    assert store_digest({"t": full, "u": empty}) == store_digest({"t": full})
    assert store_digest({"t": full}) != store_digest({"u": full})
    assert table_digest("t", 1, (1, 2)) != table_digest("u", 1, (1, 2))


def test_a_type_that_no_table_may_have() -> None:
    odd = pl.DataFrame({"a": [{"x": 1}], "cohort": ["c"]})
    with pytest.raises(SchemaError, match="column a"):
        digest_frame(odd, TABLE)
