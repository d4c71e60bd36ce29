"""States laid over one another, and runs as rows: against a slow count base by base."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from varhouse.callability.codes import StateColumns, pack_columns, unpack
from varhouse.callability.lay import BLOCK, MOVED, RECORD, SPAN, Runs, lay
from varhouse.callability.runs import WINDOW, absolute, run_rows
from varhouse.tables.schema import RUNS, check_table

Entry = tuple[int, int, int, int]
"""First and last base, code, kind."""


def code_of(
    level: int, alleles: int, ploidy: int = 2, *, span: bool = False, dp_band: int = 0
) -> int:
    one = [np.array([x]) for x in (level, alleles, ploidy, span, False, 0, dp_band)]
    return int(pack_columns(StateColumns(*one))[0])


def parts(code: int) -> tuple[int, int, int]:
    state = unpack(np.array([code], np.int32))
    return int(state.level[0]), int(state.alleles[0]), int(state.ploidy[0])


def slow_state(base: int, entries: list[Entry]) -> int:
    """Say by the rules what one base is: 0 for not assessed."""

    def over(kinds: set[int]) -> list[int]:
        return [c for a, b, c, k in entries if a <= base <= b and k in kinds]

    spans, blocks, records = over({SPAN}), over({BLOCK}), over({RECORD, MOVED})
    span = min(spans, default=0)
    if not blocks and not records:
        return span and span | 1 << 20
    mine = records or [min(blocks)]
    best = max(mine)
    # Who is fully called in one of them is so at the base.
    whole = any(parts(c)[0] > 1 and parts(c)[1] == parts(c)[2] for c in mine)
    ploidy = max(parts(c)[2] for c in mine)
    called = min(ploidy, sum(parts(c)[1] for c in mine))
    ploidy = called if whole else ploidy
    if span and parts(best)[0] > 1 and parts(span)[0] > 1:
        whole = called == ploidy
        ploidy = max(ploidy, parts(span)[2])
        called = min(ploidy, called + parts(span)[1])
        ploidy = called if whole else ploidy
    return best & ~(63 << 22) | called << 25 | ploidy << 22


def column(values: npt.ArrayLike, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Make an array that is read-only as those of a frame: the code is compiled for it."""
    made = np.array(values, kind)
    made.flags.writeable = False
    return made


def laid(entries: list[Entry], limit: int) -> Runs:
    rows = sorted(entries, key=lambda e: e[0])
    return lay(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        column([r[2] for r in rows], np.int32),
        column([r[3] for r in rows], np.uint8),
        limit,
    )


def some_entries(rng: random.Random, size: int) -> list[Entry]:
    out = []
    for _ in range(rng.randrange(0, 14)):
        kind = rng.choice([SPAN, BLOCK, BLOCK, RECORD, MOVED])
        first = rng.randrange(1, size)
        last = first if kind in (RECORD, MOVED) else rng.randrange(first, size + 3)
        level = rng.randrange(1, 5)
        ploidy = rng.choice([1, 2, 2, 2, 3, 7])
        alleles = 0 if level == 1 else rng.randrange(1, ploidy + 1)
        code = code_of(level, alleles, ploidy, dp_band=rng.choice([0, 0, 10]))
        out.append((first, last, code, kind))
    return out


@pytest.mark.parametrize("seed", range(200))
def test_a_base_has_the_state_that_the_rules_give(seed: int) -> None:
    size = 30
    entries = some_entries(random.Random(seed), size)
    runs = laid(entries, size + 1)
    found = np.zeros(size + 1, np.int64)
    for start, end, code in zip(*(x.tolist() for x in runs), strict=True):
        assert 1 <= start <= end <= size
        assert code
        assert not found[start : end + 1].any()
        found[start : end + 1] = code
    assert found[1:].tolist() == [slow_state(b, entries) for b in range(1, size + 1)]
    # As few runs as there can be.
    ends = list(zip(runs.end[:-1] + 1, runs.code[:-1], strict=True))
    assert not set(ends) & set(zip(runs.start, runs.code, strict=True))


def test_long_blocks_cost_what_they_are_not_what_they_cover() -> None:
    # All reach to the end of the contig: n * n bases, if somebody filled them in.
    n = 200_000
    pos = np.arange(1, n + 1, dtype=np.int64)
    code = np.where(pos % 2, code_of(4, 2), code_of(3, 2)).astype(np.int32)
    kind = column(np.full(n, BLOCK), np.uint8)
    runs = lay(pos, np.full(n, 2**31 - 2), column(code, np.int32), kind, 2**31 - 1)
    assert runs.start.tolist() == [1, 2]
    assert runs.end.tolist() == [1, 2**31 - 2]


def test_a_whole_genotype_stays_one_beside_others() -> None:
    one, none, three = code_of(4, 1, 1), code_of(1, 0, 2), code_of(3, 1, 3)
    runs = laid([(5, 5, one, RECORD), (5, 5, none, MOVED)], 10)
    assert [parts(c) for c in runs.code.tolist()] == [(4, 1, 1)]
    over_not_called = laid([(4, 6, none, SPAN), (5, 5, one, RECORD)], 10)
    assert [parts(c) for c in over_not_called.code.tolist()] == [
        (1, 0, 2),
        (4, 1, 1),
        (1, 0, 2),
    ]
    over_half = laid([(4, 6, three, SPAN), (5, 5, one, RECORD)], 10)
    assert parts(int(over_half.code[1])) == (4, 2, 2)


def test_half_calls_at_one_base_are_one_genotype() -> None:
    half = code_of(3, 1)
    runs = laid([(5, 5, half, RECORD), (5, 5, half, MOVED), (1, 9, code_of(4, 2), BLOCK)], 10)
    assert [parts(c) for c in runs.code.tolist()] == [(4, 2, 2), (3, 2, 2), (4, 2, 2)]


def test_a_haploid_block_in_an_own_deletion_adds_up() -> None:
    runs = laid([(5, 8, code_of(4, 2), SPAN), (6, 7, code_of(3, 1, 1), BLOCK)], 10)
    states = unpack(runs.code)
    assert runs.start.tolist() == [5, 6, 8]
    assert states.alleles.tolist() == [2, 2, 2]
    assert states.is_span.tolist() == [True, False, True]
    assert states.level.tolist() == [4, 3, 4]


@pytest.mark.parametrize("seed", range(30))
def test_rows_give_back_the_runs(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for sample in sorted(rng.sample(range(9), rng.randrange(1, 4))):
        at = 1
        for _ in range(rng.randrange(1, 9)):
            at += rng.choice([0, 0, 1, 70_000, 3])
            length = rng.choice([1, 20, WINDOW, 200_000])
            code = code_of(rng.randrange(2, 5), 2)
            rows.append((sample, at, at + length - 1, code))
            at += length
    columns = [np.array(c, np.int32) for c in zip(*rows, strict=True)]
    frame = run_rows("c1", *columns)
    full = frame.with_columns(cohort=pl.lit("a"), part=pl.lit("c1"))
    check_table(full, RUNS)
    windows = frame.select("sample", (pl.col("start") - 1) // WINDOW)
    assert windows.is_unique().all()
    back = absolute(frame)
    assert back.select("sample", "start", "end").rows() == [r[:3] for r in rows]
    assert back["level"].to_list() == [parts(r[3])[0] for r in rows]
    assert back["dp_band"].null_count() == back.height
    # A row says where its runs end.
    assert frame["end"].to_list() == [
        max(r[2] for r in rows if r[0] == s and (r[1] - 1) // WINDOW == (a - 1) // WINDOW)
        for s, a in frame.select("sample", "start").rows()
    ]


def test_no_runs_are_no_rows() -> None:
    none = np.zeros(0, np.int32)
    frame = run_rows("c1", none, none, none, none)
    assert frame.height == 0
    assert absolute(frame).height == 0


def test_a_code_keeps_its_parts() -> None:
    columns = [[4, 1], [7, 0], [2, 7], [True, False], [False, True], [127, 0], [0, 8191]]
    codes = pack_columns(StateColumns(*(np.array(c) for c in columns)))
    assert [c.tolist() for c in unpack(codes)] == columns
