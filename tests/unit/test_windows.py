"""Windows of positions: every row in one of them, bounded rows whatever the shape."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.tables.windows import cut_windows

SHAPES = {
    # Thousands of files that begin at one place; one long file; one dense place.
    "alike": [("1", p) for p in range(1, 400) for _ in range(50)],
    "long": [("1", p * 900) for p in range(1, 20_000)],
    "dense": [("1", 5_000)] * 3 + [("1", 10_000 + p) for p in range(4_096) for _ in range(4)],
    "contigs": [(f"c{k:04d}", p) for k in range(3_000) for p in (1, 70_000)],
    "far": [("1", 1), ("1", 2**31 - 1), ("2", 0)],
}


def places(rows: list) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"contig": pl.String, "pos": pl.Int32}, orient="row")


def check(frame: pl.DataFrame, at_most: int) -> list[int]:
    """Check windows of a frame against it, and give their rows."""
    windows = cut_windows(frame.lazy(), at_most)
    held = [frame.filter(w.rows()) for w in windows]
    assert [f.height for f in held] == [w.n_rows for w in windows]
    assert (
        pl.concat([frame.clear(), *held])
        .sort("contig", "pos")
        .equals(frame.sort("contig", "pos"))
    )
    for window, rows in zip(windows, held, strict=True):
        assert rows.height <= at_most or rows.n_unique() == 1
        contig, pos = rows.row(0)
        assert [w for w in windows if w.touches({contig: [pos, pos]})] == [window]
    return [f.height for f in held]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at_most", [100, 1_000, 10**6])
def test_windows_are_bounded_and_full(shape, at_most):
    frame = places(SHAPES[shape])
    sizes = check(frame, at_most)
    # Two neighbours would not fit into one window but where a bin is not cut further.
    assert len(sizes) <= 2 * frame.height / at_most + 2 or shape == "contigs"


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["1", "10", "2", "X"]), st.integers(0, 20_000))),
    st.integers(1, 12),
)
def test_every_row_is_in_one_window(rows, at_most):
    check(places(rows), at_most)


def test_no_rows_no_window():
    assert cut_windows(places([]).lazy(), 10) == []
