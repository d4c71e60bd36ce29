"""Parents by the sheet: what is wrong, who is related, and what the calls say of it."""

import numpy as np
import polars as pl
import pytest
from pedigrees import Drop, Genome, make_people_store

import varhouse
from varhouse.people import pedigree as pedigree_module
from varhouse.people.king import kinship_pairs
from varhouse.people.kinship import find_related, find_trios, related
from varhouse.people.mendel import count_errors
from varhouse.people.panel import choose_sites, pack, read_packed
from varhouse.people.pedigree import make_pedigree, sheet_pairs
from varhouse.people.settings import PeopleSettings, SiteSettings
from varhouse.tables.peopletables import RELATED, TRIOS


def sheet_of(*rows, columns=("sample", "sex", "father", "mother")):
    return pl.DataFrame(list(rows), schema=dict.fromkeys(columns, pl.String), orient="row")


def family_sheet(names, parents=(), **more):
    known = dict(parents)
    sexes = more.get("sexes", {})
    return sheet_of(*[(n, sexes.get(n, "unknown"), *known.get(n, ("", ""))) for n in names])


def pairs_of(pedigree):
    names = pedigree.people.name
    return {(names[a], names[b]): (k, kind) for a, b, k, kind in sheet_pairs(pedigree).rows()}


def test_relations_by_the_sheet():
    sheet = sheet_of(
        ("gf", "male", "", ""),
        ("a", "male", "gf", "gone"),
        ("b", "female", "gf", "gone"),
        ("half", "female", "gf", "0"),
        ("c", "male", "a", "NA"),
        ("d", "male", "other", "b"),
        ("alone", "male", "", None),
    )
    found = make_pedigree(sheet)
    assert not found.problems
    assert pairs_of(found) == {
        ("gf", "a"): (0.25, "parent_child"), ("gf", "b"): (0.25, "parent_child"),
        ("gf", "half"): (0.25, "parent_child"), ("a", "b"): (0.25, "siblings"),
        ("a", "half"): (0.125, None), ("b", "half"): (0.125, None),
        ("a", "c"): (0.25, "parent_child"), ("b", "d"): (0.25, "parent_child"),
        ("gf", "c"): (0.125, None), ("gf", "d"): (0.125, None), ("b", "c"): (0.125, None),
        ("a", "d"): (0.125, None), ("half", "c"): (0.0625, None),
        ("half", "d"): (0.0625, None), ("c", "d"): (0.0625, None),
    }  # fmt: skip


def test_children_of_cousins_are_nearer():
    parents = {
        "a": ("g", "h"), "b": ("g", "h"), "c": ("a", "x"), "d": ("b", "y"), "e": ("c", "d"),
        "e2": ("c", "d"), "k": ("e", "z"),
    }  # fmt: skip
    names = ["g", "h", "a", "b", "c", "d", "e", "e2", "k"]
    found = pairs_of(make_pedigree(family_sheet(names, parents)))
    assert found["c", "d"] == (0.0625, None)
    assert found["c", "e"] == (0.25 + 0.0625 / 2, "parent_child")
    assert found["e", "e2"] == (0.25 + 0.0625 / 2, "siblings")
    # Who is a child of relatives is nearer to himself, and so to his children.
    assert found["e", "k"] == (0.25 * (1 + 0.0625), "parent_child")


def test_a_large_family_has_its_near_pairs(monkeypatch):
    parents = {"a": ("g", "h"), "b": ("g", "h"), "c": ("a", "x")}
    whole = pairs_of(make_pedigree(family_sheet(["g", "h", "a", "b", "c"], parents)))
    monkeypatch.setattr(pedigree_module, "LARGEST", 3)
    near = pairs_of(make_pedigree(family_sheet(["g", "h", "a", "b", "c"], parents)))
    assert near == {p: v for p, v in whole.items() if v[1] is not None}
    assert len(near) == 6


@pytest.mark.parametrize(
    "columns",
    [
        ("sample", "sex", "paternal_id", "maternal_id"),
        ("sample", "sex", "父亲", "母亲"),
        ("sample", "sex", "Father ID", "MOTHER"),
    ],
)
def test_columns_go_by_their_other_names(columns):
    sheet = sheet_of(("f", "male", "", ""), ("c", "female", "f", "."), columns=columns)
    assert pairs_of(make_pedigree(sheet)) == {("f", "c"): (0.25, "parent_child")}


def test_no_columns_say_nothing():
    found = make_pedigree(pl.DataFrame({"sample": ["a"], "sex": ["male"]}))
    assert not found.says
    assert not found.problems
    assert found.trios().shape == (0, 3)


def test_families_keep_parents_without_a_row_apart_and_adopted_have_none():
    columns = ("sample", "sex", "father", "mother", "family", "adopted")
    sheet = sheet_of(
        ("a", "male", "1", "2", "F1", ""), ("b", "male", "1", "2", "F2", ""),
        ("c", "male", "1", "2", "F1", ""), ("d", "male", "1", "2", "F1", "yes"),
        columns=columns,
    )  # fmt: skip
    assert pairs_of(make_pedigree(sheet)) == {("a", "c"): (0.25, "siblings")}


def test_what_cannot_be_is_told_and_left_out():
    sheet = sheet_of(
        ("w", "female", "", ""), ("m", "male", "", ""),
        ("a", "male", "w", "gone"), ("b", "male", "gone2", "m"),
        ("c", "male", "c", ""), ("d", "male", "m", "m"),
        ("e", "male", "k", ""), ("k", "male", "e", ""), ("l", "male", "k", ""),
    )  # fmt: skip
    found = make_pedigree(sheet)
    assert sorted(found.problems) == [
        "a circle of parents: e -> k -> e (each is a child of the next)",
        "sample a: the father is a woman",
        "sample b: the mother is a man",
        "sample c: somebody is his own parent",
        "sample d: father and mother are one person",
        "sample d: the mother is a man",
    ]
    assert pairs_of(found) == {("k", "l"): (0.25, "parent_child")}
    assert found.people.mother[2] >= 0
    assert found.people.father[3] >= 0


FAMILY = ["f", "m", "a", "b", "x", "half", "again", "stranger"]


@pytest.fixture(scope="module")
def drop():
    made = Drop(Genome(contigs=[f"c{i}" for i in range(1, 31)], per_contig=130))
    made.founder("f", "m", "x", "stranger", "other")
    made.child("a", "f", "m")
    made.child("b", "f", "m")
    made.child("half", "f", "x")
    made.twin("again", "f", error=0.002)
    return made


def relations(packed, pedigree):
    rows = find_related(packed, pedigree)
    declared = {c.name: c.dtype for c in RELATED.columns if c.name != "cohort"}
    assert rows.schema == declared
    keys = rows.select("sample_1", "sample_2").rows()
    values = rows.select("relation", "in_sheet", "agrees").rows()
    return dict(zip(keys, values, strict=True))


def test_calls_tell_relations_without_a_sheet(drop):
    packed = drop.packed(FAMILY, missing=0.01, error=0.002)
    found = relations(packed, make_pedigree(family_sheet(FAMILY)))
    parent, half = ("parent_child", None, None), ("second_degree", None, None)
    assert found == {
        ("f", "a"): parent, ("f", "b"): parent, ("f", "half"): parent, ("m", "a"): parent,
        ("m", "b"): parent, ("a", "b"): ("siblings", None, None), ("a", "half"): half,
        ("b", "half"): half, ("f", "again"): ("duplicate_or_twin", None, None),
        ("a", "again"): parent, ("b", "again"): parent, ("x", "half"): parent,
        ("half", "again"): parent,
    }  # fmt: skip


def test_a_sheet_that_is_right_agrees_and_a_wrong_one_does_not(drop):
    packed = drop.packed([*FAMILY[:6], "stranger"], missing=0.01, error=0.002)
    names = packed.samples
    right = {"a": ("f", "m"), "b": ("f", "m"), "half": ("f", "x")}
    found = relations(packed, make_pedigree(family_sheet(names, right)))
    assert len(found) == 9
    assert {v[2] for v in found.values()} == {True}
    # a is said to be of the stranger and x.
    wrong = {**right, "a": ("stranger", "x")}
    found = relations(packed, make_pedigree(family_sheet(names, wrong)))
    off = {pair: v for pair, v in found.items() if v[2] is not True}
    assert off == {
        ("a", "stranger"): ("unrelated", "parent_child", False),
        ("a", "x"): ("unrelated", "parent_child", False),
        ("a", "b"): ("siblings", "unrelated", False),
        # Somebody without parents in the sheet may have any.
        ("f", "a"): ("parent_child", None, None),
        ("m", "a"): ("parent_child", None, None),
    }


def test_few_sites_tell_duplicates_and_say_nothing_of_the_rest(drop):
    dosage = drop.dosage(FAMILY)[:, ::60]
    ordinal = np.arange(len(FAMILY), dtype=np.int32)
    cut = pack("c", ordinal, FAMILY, drop.genome.sites()[::60], dosage)
    right = {"a": ("f", "m"), "half": ("f", "x")}
    found = relations(cut, make_pedigree(family_sheet(FAMILY, right)))
    assert found["f", "again"][0] == "duplicate_or_twin"
    # Half-siblings by the sheet: 65 sites do not tell.
    assert found["a", "half"][1:] == ("second_degree", None)
    assert ("f", "x") not in found


def slow_errors(child, *parents):
    """Site by site: is there an allele of each parent that makes the child?"""
    gametes = {0: {0}, 1: {0, 1}, 2: {1}}
    sites = errors = 0
    for c, *own in zip(child.tolist(), *(p.tolist() for p in parents), strict=True):
        if min(c, *own) < 0:
            continue
        sites += 1
        given = [gametes[p] for p in own]
        if len(given) == 1:
            given.append({0, 1})
        errors += c not in {a + b for a in given[0] for b in given[1]}
    return sites, errors


def test_mendel_errors_are_what_a_slow_reader_counts():
    rng = np.random.default_rng(4)
    dosage = rng.integers(-1, 3, (6, 500)).astype(np.int8)
    sites = Genome(contigs=("c1",), per_contig=500).sites()
    made = pack("c", np.arange(6, dtype=np.int32), list("abcdef"), sites, dosage)
    trios = np.array([[0, 1, 2], [3, -1, 4], [5, 0, -1]])
    found = count_errors(made, trios).select("n_sites", "n_errors").rows()
    assert found == [
        slow_errors(dosage[0], dosage[1], dosage[2]),
        slow_errors(dosage[3], dosage[4]),
        slow_errors(dosage[5], dosage[0]),
    ]
    assert count_errors(made, np.zeros((0, 3), np.int64)).height == 0


def test_trios_of_a_store(drop, tmp_path):
    genome = drop.genome
    names = ["f", "m", "a", "b", "half", "stranger"]
    dosage = drop.dosage(names, missing=0.01)
    sexes = {"f": "male", "m": "female"}
    parents = {"a": ("f", "m"), "b": ("stranger", "m"), "half": ("f", "elsewhere")}
    sheet = [
        {"cohort": "fam", "sample": n, "sex": sexes.get(n, "unknown"),
         "father": parents.get(n, ("", ""))[0], "mother": parents.get(n, ("", ""))[1]}
        for n in names
    ]  # fmt: skip
    # Two files, a child in one and its father in the other.
    cut = [(names[:2], dosage[:2]), (names[2:], dosage[2:])]
    store = varhouse.open(make_people_store(tmp_path, genome, {"fam": cut}, sheet))
    sites = choose_sites(store, "fam", SiteSettings(spacing=0, call_rate=0.5))
    assert sites.height > 3000
    packed = read_packed(store, "fam", sites)
    rows, trios = related(store, "fam", packed, PeopleSettings())
    assert trios.columns == [n for n in TRIOS.names if n != "cohort"]
    found = {r["child"]: r for r in trios.iter_rows(named=True)}
    assert [(r["father"], r["mother"]) for r in found.values()] == [
        ("f", "m"), ("stranger", "m"), ("f", None),
    ]  # fmt: skip
    assert found["a"]["error_rate"] == 0
    assert found["half"]["error_rate"] == 0
    assert found["b"]["error_rate"] > 0.1
    said = {
        (a, b): (relation, agrees)
        for a, b, relation, agrees in rows.select(
            "sample_1", "sample_2", "relation", "agrees"
        ).rows()
    }
    assert said["b", "stranger"] == ("unrelated", False)
    assert said["f", "a"] == ("parent_child", True)
    assert find_trios(packed, make_pedigree(family_sheet(names))).height == 0


@pytest.mark.parametrize("people", [0, 1, 2])
@pytest.mark.parametrize("sites", [0, 1, 500])
def test_hardly_anybody_and_hardly_any_site(people, sites):
    names = FAMILY[:people]
    drop = Drop(Genome(contigs=("c1",), per_contig=max(sites, 1)))
    drop.founder(*FAMILY[:2])
    calls = drop.packed(names) if people else None
    dosage = drop.dosage(names)[:, :sites] if calls else np.zeros((0, sites), np.int8)
    ordinal = np.arange(people, dtype=np.int32)
    packed = pack("c", ordinal, names, drop.genome.sites()[:sites], dosage)
    parents = {"m": ("f", "")} if people == 2 else {}
    pedigree = make_pedigree(family_sheet(names, parents))
    found = relations(packed, pedigree)
    trios = find_trios(packed, pedigree)
    assert trios.height == len(found) == (people == 2)
    declared = {c.name: c.dtype for c in TRIOS.columns if c.name != "cohort"}
    assert trios.schema == declared
    if people == 2:
        relation, by_sheet, agrees = found["f", "m"]
        # One site or none cannot contradict the sheet.
        told = ("untold", None) if sites < 2 else ("unrelated", False)
        assert (relation, by_sheet, agrees) == (told[0], "parent_child", told[1])
        assert trios["n_sites"].item() == sites


ALL_OF_A_FAMILY = ("duplicate_or_twin", "parent_child")


@pytest.mark.parametrize(
    ("contigs", "told"), [(5, set()), (6, {"duplicate_or_twin"}), (10, {*ALL_OF_A_FAMILY})]
)
def test_few_stretches_tell_no_degree(contigs, told):
    drop = Drop(Genome(contigs=[f"c{i}" for i in range(contigs)], per_contig=3000 // contigs))
    names = [f"s{i}" for i in range(30)]
    drop.founder(*names)
    drop.child("child", "s0", "s1")
    drop.twin("again", "s5")
    packed = drop.packed([*names, "child", "again"], error=0.001)
    parents = {"child": ("s0", "s1")}
    without = relations(packed, make_pedigree(family_sheet(packed.samples)))
    assert {relation for relation, _, _ in without.values()} == told
    by_sheet = relations(packed, make_pedigree(family_sheet(packed.samples, parents)))
    said = ("parent_child", "parent_child", True) if contigs == 10 else "untold"
    assert by_sheet["s0", "child"] in (said, (said, "parent_child", None))
    # Who is no parent is found by any stretch.
    wrong = make_pedigree(family_sheet(packed.samples, {"child": ("s2", "s1")}))
    assert relations(packed, wrong)["s2", "child"] == ("unrelated", "parent_child", False)


def test_chance_makes_no_relatives_of_strangers():
    drop = Drop(Genome(contigs=[f"c{i}" for i in range(20)], per_contig=40))
    names = [f"s{i}" for i in range(150)]
    drop.founder(*names)
    drop.child("child", "s0", "s1")
    packed = drop.packed([*names, "child"], missing=0.02, error=0.002)
    assert kinship_pairs(packed).height > 100
    sheet = family_sheet(packed.samples)
    assert set(relations(packed, make_pedigree(sheet))) == {("s0", "child"), ("s1", "child")}
