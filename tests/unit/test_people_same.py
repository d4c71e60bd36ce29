"""Who is one person by his calls: duplicates, twins, relatives, strangers, under any name."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sameworld import World

import varhouse
from varhouse.people import samepairs
from varhouse.people.panel import PackedCalls, pack
from varhouse.people.same import find_same
from varhouse.people.samepairs import SameSettings, find_pairs
from varhouse.people.settings import SiteSettings
from varhouse.tables.peopletables import SAME_PEOPLE

SMALL = SameSettings(
    sites=SiteSettings(least_af=0.1, call_rate=0.5, spacing=1, most=4_096), stretch=1_000
)
"""For contigs of 4,000 bases."""


def _packed(cohort: str, dosage: np.ndarray) -> PackedCalls:
    n = dosage.shape[1]
    sites = pl.DataFrame(
        {
            "contig": [f"c{k % 7}" for k in range(n)], "pos": list(range(1, n + 1)),
            "ref": ["A"] * n, "alt": ["C"] * n, "extent": [""] * n, "af": [0.5] * n,
        }
    )  # fmt: skip
    names = [f"{cohort}{k}" for k in range(len(dosage))]
    return pack(cohort, np.arange(len(dosage), dtype=np.int32), names, sites, dosage)


def _slow(a: np.ndarray, b: np.ndarray) -> tuple[int, float, float]:
    """Compare two people as the definitions say: sites, concordance, KING-robust kinship."""
    both = (a >= 0) & (b >= 0)
    x, y = a[both], b[both]
    hets = (x == 1).sum(), (y == 1).sum()
    shared, opposite = ((x == 1) & (y == 1)).sum(), (abs(x.astype(int) - y) == 2).sum()
    phi = (shared - 2 * opposite) / (2 * min(hets)) + 0.5 - sum(hets) / (4 * min(hets))
    return int(both.sum()), float((x == y).mean()), float(phi)


@pytest.mark.parametrize("n_sites", [700, 640, 1_031])
def test_pairs_are_those_of_a_slow_reader(n_sites: int) -> None:
    rng = np.random.default_rng(n_sites)
    a = rng.choice(np.array([-1, 0, 1, 2], np.int8), (40, n_sites), p=[0.1, 0.4, 0.3, 0.2])
    b = rng.choice(np.array([-1, 0, 1, 2], np.int8), (50, n_sites), p=[0.1, 0.4, 0.3, 0.2])
    # People of the first in the second, with more and more wrong: across the threshold.
    for k in range(30):
        wrong = rng.random(n_sites) < 0.006 * k
        b[k] = np.where(wrong, rng.permutation(a[k]), a[k])
    settings = SameSettings(stretch=100)
    wanted = {
        (f"a{i}", f"b{j}"): found
        for i in range(40)
        for j in range(50)
        if (found := _slow(a[i], b[j]))[1] >= 0.9 and found[2] > 0.354
    }
    frame, untold = samepairs._compare(_packed("a", a), _packed("b", b), settings)
    got = {
        (r["sample_1"], r["sample_2"]): (r["n_sites"], r["concordance"], r["kinship"])
        for r in frame.iter_rows(named=True)
    }
    assert 10 < len(wanted) < 30
    assert got.keys() == wanted.keys()
    assert untold == 0
    for pair, values in got.items():
        assert values == pytest.approx(wanted[pair])
    # The other way round they are the same, and none is of two orders.
    turned, _ = samepairs._compare(_packed("b", b), _packed("a", a), settings)
    assert turned.sort("sample_1", "sample_2").equals(frame.sort("sample_1", "sample_2"))


def test_more_pairs_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    one = rng.choice(np.array([0, 1, 2], np.int8), 640)
    everybody = np.repeat(one[None], 70, axis=0)
    monkeypatch.setattr(samepairs, "ROWS_AT_ONCE", 64)
    frame, untold = samepairs._compare(
        *[_packed("a", everybody)] * 2, SameSettings(stretch=100)
    )
    assert (frame.height, untold) == (70 * 69 // 2, 0)
    assert frame.filter(pl.col("sample_1") >= pl.col("sample_2")).is_empty()


def test_few_sites_or_places_tell_nothing() -> None:
    rng = np.random.default_rng(4)
    one = rng.choice(np.array([0, 1, 2], np.int8), (3, 640))
    few = one.copy()
    few[2, 199:] = -1
    settings = SameSettings(stretch=100)
    frame, untold = samepairs._compare(_packed("a", one), _packed("b", few), settings)
    # Whoever is called at 199 cannot be told from anybody, himself not excepted.
    assert frame.select("sample_1", "sample_2").rows() == [("a0", "b0"), ("a1", "b1")]
    assert untold == 3
    near = SameSettings(stretch=1_000, least_stretches=8)
    frame, untold = samepairs._compare(_packed("a", one), _packed("b", few), near)
    assert (frame.height, untold) == (0, 9)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    """Make a store of three cohorts with people in several, and relatives."""
    world = World(tmp_path_factory.mktemp("same"))
    ann, bob, eve, kim, lee = (world.person() for _ in range(5))
    ann_bob = [world.child(ann, bob) for _ in range(3)]
    twin = world.child(kim, lee)
    again = world.again
    world.write(
        "south",
        {
            "S1": again(ann), "S2": again(bob), "S3": again(ann_bob[0]),
            "T1": again(twin), "T2": again(twin), "K": again(kim),
        },
        twins={"T1": "T2"},
    )  # fmt: skip
    # S1 is another person here; ann has another name, and stands here twice.
    world.write(
        "north",
        {
            "S1": again(eve), "N1": again(ann), "N2": again(ann_bob[1]),
            "N3": again(ann_bob[2]), "N4": again(ann),
        },
    )  # fmt: skip
    # An exome cohort goes behind, whatever its name: half of the sites.
    world.write(
        "array",
        {
            "X1": again(ann), "X2": again(twin), "X3": again(twin),
            "X4": again(world.person()), "X5": again(lee),
        },
        twins={"X2": "t", "X3": "t"}, sites=slice(None, None, 2), assay="WES",
    )  # fmt: skip
    world.ingest(world.folder / "s")
    return varhouse.open(world.folder / "s")


def _pairs(rows: pl.DataFrame) -> set[tuple[str, str, str, str]]:
    return set(rows.select("cohort", "sample", "with_cohort", "with_sample").rows())


ANN = {
    ("north", "N4", "north", "N1"),
    ("south", "S1", "north", "N1"), ("south", "S1", "north", "N4"),
    ("array", "X1", "north", "N1"), ("array", "X1", "north", "N4"),
    ("array", "X1", "south", "S1"),
}  # fmt: skip
TWINS = {
    ("south", "T2", "south", "T1"), ("array", "X3", "array", "X2"),
    *(("array", x, "south", t) for x in ("X2", "X3") for t in ("T1", "T2")),
}  # fmt: skip


def test_duplicates_are_found_whatever_their_names(store) -> None:
    found = find_same(store, settings=SMALL)
    assert _pairs(found) == ANN | TWINS
    assert found.schema == pl.Schema(SAME_PEOPLE.polars_schema)
    # Two readings with 1 % wrong each; kinship 1/2.
    assert found["concordance"].min() > 0.95
    assert found["kinship"].is_between(0.45, 0.52).all()
    assert found["counted"].all()
    firsts = found.unique(["cohort", "sample"]).select(
        "cohort", "sample", "first_cohort", "first_sample"
    )
    assert set(firsts.rows()) == {
        ("north", "N4", "north", "N1"), ("south", "S1", "north", "N1"),
        ("array", "X1", "north", "N1"),
        # Twins are two people; those of another cohort are the same two.
        ("south", "T2", "south", "T2"),
        ("array", "X2", "south", "T1"), ("array", "X3", "south", "T2"),
    }  # fmt: skip


def test_a_person_counts_as_the_first(store) -> None:
    found = find_same(store, settings=SMALL, once=True).unique(["cohort", "sample"])
    not_in = {(c, s): p for c, s, p in found.select("cohort", "sample", "not_in").rows()}
    every = [f"c{k}" for k in range(1, 7)]
    assert not_in == {
        ("north", "N4"): every, ("south", "S1"): every, ("array", "X1"): every,
        ("south", "T2"): [], ("array", "X2"): every, ("array", "X3"): every,
    }  # fmt: skip
    assert (found["counted"] == (found["not_in"].list.len() == 0)).all()


def test_a_look_at_some_cohorts_finds_their_pairs_alone(store) -> None:
    whole = find_pairs(store, settings=SMALL).same
    for names in (["array"], ["north"], ["north", "south"], []):
        some = find_pairs(store, names, SMALL).same
        mine = pl.col("cohort_1").is_in(names) | pl.col("cohort_2").is_in(names)
        assert some.equals(whole.filter(mine))


def test_parents_and_siblings_are_other_people(store) -> None:
    # Those whom concordance alone would leave: the nearest of them lie far off.
    loose = SameSettings(
        sites=SMALL.sites, stretch=1_000, concordance=0.0, kinship=-10.0, least_sites=1
    )
    pairs = find_pairs(store, settings=loose).same
    one_or_twin = {frozenset(((a, b), (c, d))) for a, b, c, d in ANN | TWINS}
    rows = pairs.select("cohort_1", "sample_1", "cohort_2", "sample_2", "concordance").rows()
    others = [
        value for a, b, c, d, value in rows if frozenset(((a, b), (c, d))) not in one_or_twin
    ]
    assert len(others) == 16 * 15 // 2 - len(one_or_twin)
    assert max(others) < 0.8


def test_few_or_no_people_and_no_snvs(tmp_path: Path) -> None:
    world = World(tmp_path)
    one = world.person()
    world.write("a", {"A": world.again(one)})
    world.write("b", {"B": world.again(one)})
    # At SNVs of one place of the genome alone.
    world.write("c", {"C": world.again(one)}, sites=slice(0, 60))
    world.ingest(tmp_path / "s")
    store = varhouse.open(tmp_path / "s")
    found = find_pairs(store, settings=SMALL)
    assert found.same.select("sample_1", "sample_2").rows() == [("A", "B")]
    untold = {(a, b): (n, k) for a, b, n, k in found.untold.rows()}
    # A pair of a cohort of one is no pair; what cannot be told is said.
    assert untold == {("a", "c"): (1, 1), ("b", "c"): (1, 1)}
    world.ingest(tmp_path / "one", ["a"])
    alone = varhouse.open(tmp_path / "one")
    assert find_same(alone, settings=SMALL).is_empty()
