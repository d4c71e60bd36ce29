"""Counts of people at each base: against a count person by person, base by base."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from builders import labels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_counts import slow_adds

from varhouse.callability.build import count_runs
from varhouse.callability.codes import StateColumns, pack_columns
from varhouse.callability.runs import run_rows
from varhouse.callability.tally import COUNTS, Groups, Places, Tally, tally_runs
from varhouse.errors import StoreError
from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.atsites import at_sites
from varhouse.tables.schema import CALLABLE, RUNS
from varhouse.tables.shards import write_shard
from varhouse.tables.statistics import site_counts

BASES = 24

RUN = st.tuples(
    st.integers(0, 3),  # bases before it
    st.integers(1, 6),  # its length
    st.integers(1, 4),  # level
    st.integers(0, 3),  # called alleles
    st.integers(0, 3),  # further alleles of the genotype
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 20]),
)
PERSON = st.tuples(
    st.sampled_from(["male", "female", "unknown"]),
    st.sampled_from(["east", "west", "north"]),
    st.lists(RUN, max_size=5),
)
PEOPLE = st.lists(PERSON, min_size=1, max_size=6)


def places_of(contig: str) -> Places:
    haploid = HaploidRegions(
        Contigs([Contig("1", []), Contig("X", []), Contig("Y", [])]), None
    )
    haploid.par = {"X": [(4, 9)]}
    return Places.of(haploid, contig)


def strata_of(people: list):
    sheet = pl.DataFrame(
        {"sex": [p[0] for p in people], "region": [p[1] for p in people]},
        schema={"sex": pl.String, "region": pl.String},
    )
    strata = make_strata(sheet, ["region", "sex+region"])
    return strata, Groups.of(strata.cell, strata.member, strata.male, strata.female)


def runs_of(people: list, chosen: list[int] | None = None) -> tuple:
    rows = []
    for s, (_, _, runs) in enumerate(people):
        at = 1
        for run in runs if chosen is None or s in chosen else []:
            start = at + run[0]
            at = start + run[1]
            rows.append((s, start, at - 1, *run[2:]))
    cells = np.array(rows, np.int32).reshape(-1, 9)
    level, called, more, unknown, span, gq = cells[:, 3:].T
    state = StateColumns(level, called, called + more, span, unknown, gq, gq * 0)
    return cells[:, 0], cells[:, 1], cells[:, 2], pack_columns(state)


def slow_counts(people: list, contig: str, strata) -> np.ndarray:
    out = np.zeros((len(strata.by), BASES, len(COUNTS)), np.int64)
    for s, (sex, _, runs) in enumerate(people):
        at = 1
        for run in runs:
            start = at + run[0]
            at = start + run[1]
            for base in range(start, min(at, BASES + 1)):
                _, _, level, called, more, unknown, span, _ = run
                one_copy = contig in ("X", "Y") and not (contig == "X" and 5 <= base <= 9)
                adds = slow_adds(
                    level, called, called + more, unknown=unknown, span=span, sex=sex,
                    one_copy=one_copy, on_y=contig == "Y",
                )  # fmt: skip
                for g in range(len(strata.by)):
                    if strata.member[strata.cell[s], g]:
                        out[g, base - 1] += [adds[c] for c in COUNTS]
    return out


def tally_of(people: list, contig: str, groups: Groups, chosen=None) -> Tally:
    return tally_runs(*runs_of(people, chosen), groups, places_of(contig))


def same(a: Tally, b: Tally) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@given(PEOPLE, st.sampled_from(["1", "X", "Y"]))
@settings(deadline=None, max_examples=200)
def test_counts_are_those_of_a_count_base_by_base(people: list, contig: str) -> None:
    strata, groups = strata_of(people)
    tally = tally_of(people, contig, groups)
    found = tally.expand(1, BASES, groups.size)
    assert np.array_equal(found, slow_counts(people, contig, strata))
    # Stretches are apart, the longest that there are, and hold somebody.
    for g in range(groups.size):
        mine = tally.group == g
        start, end, counts = tally.start[mine], tally.end[mine], tally.counts[mine]
        assert (start <= end).all()
        assert (start[1:] > end[:-1]).all()
        touching = start[1:] == end[:-1] + 1
        assert not (touching & (counts[1:] == counts[:-1]).all(axis=1)).any()
        assert (counts[:, COUNTS.index("n_samples")] > 0).all()


@given(PEOPLE, st.sampled_from(["1", "X"]), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_people_add_up_and_are_taken_away(people: list, contig: str, random) -> None:
    _, groups = strata_of(people)
    order = random.sample(range(len(people)), len(people))
    own = [tally_of(people, contig, groups, [s]) for s in order]
    whole = tally_of(people, contig, groups)
    assert same(Tally.none().plus(*own), whole)
    left = whole
    for k, one in enumerate(own):
        left = left.minus(one)
        assert same(left, tally_of(people, contig, groups, order[k + 1 :]))


def test_nobody_is_taken_away_who_is_not_there() -> None:
    people = [("male", "east", [(0, 5, 4, 2, 0, False, False, 0)]),
              ("male", "east", [(0, 6, 4, 2, 0, False, False, 0)])]  # fmt: skip
    _, groups = strata_of(people)
    one, other = (tally_of(people, "1", groups, [s]) for s in (0, 1))
    with pytest.raises(StoreError, match="taken away"):
        one.minus(other)


def test_a_contig_is_cut_where_males_have_another_number_of_copies() -> None:
    assert [x.tolist() for x in places_of("1")] == [[0], [0]]
    assert [x.tolist() for x in places_of("X")] == [[0, 5, 10], [1, 0, 1]]
    assert [x.tolist() for x in places_of("Y")] == [[0], [2]]


def test_every_count_of_a_site_is_counted() -> None:
    assert site_counts() == COUNTS
    assert set(COUNTS) == {
        "an", "an_written", "n_missing", "n_samples", "n_not_diploid", "an_adj",
        "n_missing_adj", "n_samples_adj",
    }  # fmt: skip


@given(PEOPLE, st.sampled_from(["1", "X"]), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_rows_of_runs_are_looked_up(people: list, contig: str, at_once: int) -> None:
    """Windows of few runs, several files, and bases of which some lie behind the last run."""
    strata, groups = strata_of(people)
    labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    haploid = HaploidRegions(Contigs([Contig("X", [])]), None)
    haploid.par = {"X": [(4, 9)]}
    with TemporaryDirectory() as folder:
        sample, start, end, code = runs_of(people)
        runs = []
        for k in range(2):
            mine = sample % 2 == k
            rows = run_rows(contig, *(x[mine] for x in (sample, start, end, code)))
            rows = rows.with_columns(cohort=pl.lit("a"), part=pl.lit(contig))
            shard = write_shard(
                rows,
                RUNS,
                Path(folder),
                f"r{k}",
                {"cohort": "a", "part": contig},
                labels_of(rows, RUNS, {}),
            )
            runs += [shard.path] if shard else []
        files = []
        for k, rows in enumerate(count_runs(runs, groups, labels, haploid, at_once=at_once)):
            where = {"cohort": "a", "part": contig}
            shard = write_shard(rows, CALLABLE, Path(folder), f"c{k}", where)
            files += [shard.path] if shard else []
        bases = list(range(2, BASES, 3))
        sites = pl.DataFrame({"contig": [contig] * len(bases), "pos": bases})
        other = sites.with_columns(contig=pl.lit("2"))
        found = at_sites(files, pl.concat([other, sites]))
    wanted = slow_counts(people, contig, strata)
    told = {
        (row["pos"], row["stratum_by"], row["stratum"]): [row[c] for c in COUNTS]
        for row in found.iter_rows(named=True)
    }
    for g, stratum in enumerate(zip(strata.by, strata.value, strict=True)):
        for base in bases:
            counts = wanted[g, base - 1].tolist()
            assert told.pop((base, *stratum), [0] * len(COUNTS)) == counts
    assert not told
