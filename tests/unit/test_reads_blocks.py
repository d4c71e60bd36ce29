"""Blocks against a slow reader of the same bases, and in parts against the whole."""

from itertools import groupby, pairwise
from statistics import median_low

import numpy as np
import polars as pl
import pytest

from varhouse.reads.blocks import BANDS, SCHEMA, cut_blocks, join_blocks, make_blocks
from varhouse.reads.pileup import Pileup
from varhouse.tables.statistics import Adjust


def random_bases(seed, n=400, smooth=9):
    """Make depths and qualities that change now and then."""
    rng = np.random.default_rng(seed)

    def runs(values):
        out = np.repeat(rng.choice(values, n), rng.integers(1, smooth, n))
        return out[:n]

    depth = runs([0, 3, 4, 5, 6, 9, 10, 11, 30, 65_535]).astype(np.uint16)
    quality = runs([0, 1, 5, 9, 10, 19, 20, 21, 99]).astype(np.uint8)
    likelihoods = rng.integers(0, 255, (n, 3)).astype(np.uint8)
    bases = runs(np.frombuffer(b"ACGTacgtNRACGTACGT", np.uint8)).astype(np.uint8)
    copies = runs([2, 2, 2, 1, 0]).astype(np.uint8)
    called = sorted((int(a), int(a + rng.integers(1, 12))) for a in rng.integers(0, n, 6))
    return bases, Pileup(depth, quality, likelihoods), copies, called


def slow_blocks(start, bases, pileup, copies, called):
    lost = {i for a, b in called for i in range(a, b)}
    rows = []

    def kind(i):
        if not pileup.depth[i] or not copies[i] or chr(bases[i]).upper() not in "ACGT":
            return None
        if start + i in lost:
            return None
        enough = pileup.depth[i] >= (5 if copies[i] == 1 else 10)
        return sum(pileup.quality[i] >= b for b in BANDS), bool(enough), int(copies[i])

    for key, group in groupby(range(bases.size), kind):
        own = list(group)
        if key is None:
            continue
        depths = [int(pileup.depth[i]) for i in own]
        rows.append(
            (start + own[0], start + own[-1] + 1, key[2], min(depths), median_low(depths),
             int(pileup.quality[own].min()), *pileup.likelihoods[own].min(axis=0).tolist())
        )  # fmt: skip
    return rows


PLAIN = [c for c in SCHEMA if c not in ("kind", "depths")]


@pytest.mark.parametrize("seed", range(30))
def test_blocks_of_random_bases(seed):
    bases, pileup, copies, called = random_bases(seed)
    own = [(1000 + a, 1000 + b) for a, b in called]
    frame = make_blocks(1000, bases, pileup, copies, own)
    assert frame.select(PLAIN).rows() == slow_blocks(1000, bases, pileup, copies, own)
    assert frame.schema == SCHEMA


@pytest.mark.parametrize("seed", range(30))
def test_parts_joined_are_the_whole(seed):
    bases, pileup, copies, called = random_bases(seed, smooth=60)
    whole = make_blocks(0, bases, pileup, copies, called)
    rng = np.random.default_rng(seed)
    cuts = [0, *sorted(rng.choice(np.arange(1, 400), rng.integers(1, 40), False)), 400]
    rest, found = pl.DataFrame(schema=SCHEMA), []
    for a, b in pairwise(cuts):
        piece = Pileup(*(array[a:b] for array in pileup))
        part = make_blocks(int(a), bases[a:b], piece, copies[a:b], called)
        done, rest = join_blocks(rest, part)
        assert rest.height <= 1
        found.append(done)
    joined = pl.concat([*found, rest])
    assert joined.drop("depths").equals(whole.drop("depths"))


def test_edges_decide_what_is_of_high_quality():
    # A block is of high quality as a whole or not at all, by the default thresholds.
    limits = Adjust()
    for seed in range(10):
        bases, pileup, copies, called = random_bases(seed)
        for row in make_blocks(0, bases, pileup, copies, called).iter_rows(named=True):
            own = slice(row["start"], row["end"])
            least = limits.dp_haploid if row["copies"] == 1 else limits.dp
            is_high = (pileup.depth[own] >= least) & (pileup.quality[own] >= limits.gq)
            assert len(set(is_high.tolist())) == 1
            # Whether it goes by the median or by the least depth.
            for depth in (row["dp"], row["min_dp"]):
                assert (depth >= least and row["gq"] >= limits.gq) == is_high[0]


def test_no_base_no_block():
    empty = Pileup.of(0)
    none = np.zeros(0, np.uint8)
    assert make_blocks(5, none, empty, none, []).height == 0
    five = np.full(5, 65, np.uint8)
    assert make_blocks(5, five, Pileup.of(5), np.full(5, 2, np.uint8), []).height == 0


@pytest.mark.parametrize("seed", range(20))
def test_blocks_are_cut_where_variants_cover_them(seed):
    bases, pileup, copies, called = random_bases(seed, smooth=40)
    blocks = make_blocks(0, bases, pileup, copies, [])
    ends = np.array([b for _, b in called], np.int64)
    starts = np.array([a for a, _ in called], np.int64)
    got = cut_blocks(blocks, (starts, ends))
    lost = {i for a, b in called for i in range(a, b)}
    wanted = {
        i: row["start"]
        for row in blocks.iter_rows(named=True)
        for i in range(row["start"], row["end"])
        if i not in lost
    }
    covered = [i for row in got.iter_rows(named=True) for i in range(row["start"], row["end"])]
    assert covered == sorted(wanted)
    assert got["start"].is_sorted()
    # Each piece says what its block said.
    said = {row["start"]: row for row in blocks.iter_rows(named=True)}
    for row in got.iter_rows(named=True):
        old = said[wanted[row["start"]]]
        assert (row["gq"], row["min_dp"], row["kind"]) == (
            old["gq"],
            old["min_dp"],
            old["kind"],
        )
