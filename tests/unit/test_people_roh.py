"""Runs of homozygosity against a slow search for the best path, and against bcftools roh."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bcftoolsroh import bcftools_roh, dosage_of

from varhouse.people import roh
from varhouse.people.panel import PackedCalls, pack
from varhouse.people.roh import Model, find_roh, list_roh

TO_AZ, TO_HW, ERROR = 6.7e-8, 5e-9, 1e-3


def draw(seed: int, people: int = 40, n: int = 500) -> PackedCalls:
    """Draw people on two contigs, two thirds of whom have a run of one haplotype."""
    rng = np.random.default_rng(seed)
    contig = ["c1"] * (n - 170) + ["c2"] * 170
    pos = [
        *np.cumsum(rng.integers(1, 40_000, n - 170)),
        *np.cumsum(rng.integers(1, 9_000, 170)),
    ]
    af = np.round(rng.uniform(0.02, 0.98, n), 5).astype(np.float32).astype(np.float64)
    one, two = (rng.random((people, n)) < af for _ in range(2))
    for s in range(people // 3, people):
        begin, end = np.sort(rng.integers(0, n, 2))
        two[s, begin:end] = one[s, begin:end]
    dosage = one.astype(np.int8) + two
    dosage[rng.random(dosage.shape) < 0.004] = 1
    dosage[rng.random(dosage.shape) < 0.05] = -1
    return packed(contig, pos, af, dosage)


def packed(contig: list[str], pos: list, af: list, dosage: np.ndarray) -> PackedCalls:
    sites = pl.DataFrame(
        {"contig": contig, "pos": [int(p) for p in pos], "ref": "A", "alt": "C",
         "extent": "", "af": af},
        schema_overrides={"contig": pl.String, "pos": pl.Int32, "af": pl.Float64},
    )  # fmt: skip
    ordinal = 2 * np.arange(dosage.shape[0], dtype=np.int32) + 3
    return pack("x", ordinal, [f"p{i}" for i in ordinal], sites, dosage.astype(np.int8))


@cache
def change_over(bases: int) -> np.ndarray:
    one_base = np.array([[1 - TO_AZ, TO_HW], [TO_AZ, 1 - TO_HW]])
    return np.log(np.linalg.matrix_power(one_base, bases))


def slow_path(pos: list[int], af: list[float], copies: list[int]) -> list[int]:
    """Find the best path of one person and contig: states of the sites, 1 autozygous."""
    of = {
        0: (1 - ERROR - ERROR**2, ERROR, ERROR**2),
        1: (ERROR, 1 - 2 * ERROR, ERROR),
        2: (ERROR**2, ERROR, 1 - ERROR - ERROR**2),
    }
    best, ways = np.log([0.5, 0.5]), []
    for k, (p, f, g) in enumerate(zip(pos, af, copies, strict=True)):
        bases = p - pos[k - 1] if k else 1
        rr, ra, aa = of[g]
        emit = [rr * (1 - f) ** 2 + 2 * ra * f * (1 - f) + aa * f * f, rr * (1 - f) + aa * f]
        scores = best + change_over(bases)
        ways.append(scores.argmax(1))
        best = scores.max(1) + np.log(emit)
    state, states = int(best.argmax()), []
    for way in reversed(ways):
        states.append(state)
        state = int(way[state])
    return states[::-1]


def slow_runs(calls: PackedCalls) -> list[tuple]:
    out = []
    sites = calls.sites.select("contig", "pos", "af").rows()
    for ordinal, person in zip(calls.ordinal.tolist(), dosage_of(calls).tolist(), strict=True):
        for name in dict.fromkeys(c for c, *_ in sites):
            mine, seen = [], set()
            for (contig, pos, af), g in zip(sites, person, strict=True):
                if contig == name and af and pos not in seen:
                    seen.add(pos)
                    mine += [(pos, af, g)] * (g >= 0)
            if not mine:
                continue
            pos, af, copies = (list(x) for x in zip(*mine, strict=True))
            states = [0, *slow_path(pos, af, copies), 0]
            begins = [k for k in range(len(pos)) if states[k : k + 2] == [0, 1]]
            ends = [k for k in range(len(pos)) if states[k + 1 : k + 3] == [1, 0]]
            out += [
                (ordinal, name, pos[a], pos[b], b - a + 1)
                for a, b in zip(begins, ends, strict=True)
            ]
    return out


@pytest.mark.parametrize("seed", [1, 2])
def test_runs_are_those_of_the_best_path(seed: int) -> None:
    calls = draw(seed)
    found = list_roh(calls)
    assert found.schema == pl.Schema(roh.RUNS)
    assert found.rows() == slow_runs(calls)
    assert found.height > 20


def test_runs_are_those_of_bcftools(tmp_path: Path) -> None:
    calls = draw(3)
    wanted = bcftools_roh(calls, tmp_path)
    assert sorted(list_roh(calls).drop("n_sites").rows()) == wanted
    assert len(wanted) > 20


def test_sites_that_say_nothing_are_passed_over() -> None:
    calls = draw(4, people=30)
    sites, dosage = calls.sites, dosage_of(calls)
    # The second at a position, those of an allele that nobody has, and those of none known.
    pos = sites["pos"].to_list()
    pos[100], pos[200] = pos[99], pos[199]
    af = sites["af"].to_list()
    af[50:60], af[120:130] = [None] * 10, [0.0] * 10
    odd = packed(sites["contig"].to_list(), pos, af, dosage)
    out = {*range(50, 60), *range(120, 130), 100, 200}
    keep = [k for k in range(sites.height) if k not in out]
    left = packed(
        sites["contig"].gather(keep).to_list(), [pos[k] for k in keep],
        [af[k] for k in keep], dosage[:, keep],
    )  # fmt: skip
    assert list_roh(odd).equals(list_roh(left))
    assert list_roh(odd).rows() == slow_runs(odd)


def test_sums_are_of_long_runs() -> None:
    calls = draw(1)
    runs = list_roh(calls)
    for least in (1, 1_500_000):
        wanted = {o: [0, 0] for o in calls.ordinal.tolist()}
        for ordinal, _, start, end, _ in runs.rows():
            if end - start + 1 >= least:
                wanted[ordinal][0] += end - start + 1
                wanted[ordinal][1] += 1
        found = find_roh(calls, least)
        assert found.schema == pl.Schema(roh.SCHEMA)
        assert {o: [b, n] for o, b, n in found.rows()} == wanted
    assert found["n_roh"].sum() > 10


def test_what_cannot_be_told_is_null() -> None:
    calls = draw(5, people=25)
    dosage = dosage_of(calls)
    dosage[7] = -1
    sites = calls.sites
    columns = sites["contig"].to_list(), sites["pos"].to_list(), sites["af"].to_list()
    found = find_roh(packed(*columns, dosage))
    assert found["n_roh"].is_null().to_list() == [k == 7 for k in range(25)]
    # Two people's own frequencies; sites of less than a run; no sites; nobody.
    two = packed(*columns, dosage[:2])
    assert find_roh(two)["roh_bases"].null_count() == 2
    assert find_roh(two, least_people=0)["roh_bases"].null_count() == 0
    assert find_roh(calls, least_bases=50_000_000)["n_roh"].null_count() == 25
    bare = packed([], [], [], np.zeros((30, 0), np.int8))
    assert find_roh(bare)["roh_bases"].null_count() == 30
    assert list_roh(bare).is_empty()
    nobody = packed(*columns, dosage[:0])
    assert find_roh(nobody).schema == pl.Schema(roh.SCHEMA)
    assert find_roh(nobody).is_empty()


def test_long_runs_of_chance_do_not_end_the_list() -> None:
    """More runs than the first buffer has room for."""
    n, people = 4_000, 70
    dosage = np.tile(np.repeat([0, 1], 10), n // 20)
    calls = packed(
        ["c"] * n, list(range(1, 1_000 * n, 1_000)), [0.5] * n, np.tile(dosage, (people, 1))
    )
    eager = Model(to_az=1e-3, to_hw=1e-3, error=30.0)
    runs = list_roh(calls, eager)
    per_person = runs.group_by("ordinal", maintain_order=True).len()
    assert per_person["len"].to_list() == [n // 20] * people
    assert per_person["ordinal"].to_list() == calls.ordinal.tolist()
    assert runs["n_sites"].unique().to_list() == [10]
