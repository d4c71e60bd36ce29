"""KING-robust on bits against a slow reader of matrices, and relations of made families."""

import numpy as np
import polars as pl
import pytest
from pedigrees import Drop, Genome

from varhouse.people import king
from varhouse.people.king import count_pairs, kinship_pairs
from varhouse.people.panel import pack


def packed_of(dosage):
    sites = pl.DataFrame({"contig": ["c"] * dosage.shape[1], "af": [0.5] * dosage.shape[1]})
    ordinal = np.arange(dosage.shape[0], dtype=np.int32) * 3
    return pack("c", ordinal, [f"s{i}" for i in range(len(ordinal))], sites, dosage)


def slow_king(a, b):
    """Manichaikul 2010, equation 11, site by site: n_sites, ibs0, kinship."""
    n = o = both = het_a = het_b = 0
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        if x < 0 or y < 0:
            continue
        n += 1
        o += {x, y} == {0, 2}
        both += x == y == 1
        het_a += x == 1
        het_b += y == 1
    least = min(het_a, het_b)
    if not least:
        return n, o / n if n else None, None
    kinship = (both - 2 * o) / (2 * least) + 0.5 - (het_a + het_b) / (4 * least)
    return n, o / n, kinship


def random_calls(people, sites, missing, seed):
    rng = np.random.default_rng(seed)
    af = rng.uniform(0.02, 0.98, sites)
    dosage = rng.binomial(2, af, (people, sites)).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    return dosage


@pytest.mark.parametrize("sites", [1, 63, 64, 65, 500])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_every_pair_is_what_a_slow_reader_counts(sites, missing, monkeypatch):
    monkeypatch.setattr(king, "TILE", 4)
    dosage = random_calls(11, sites, missing, sites)
    # Related ones, someone without a call, someone without a heterozygous site.
    dosage[1, : sites // 2] = dosage[0, : sites // 2]
    dosage[9] = -1
    dosage[10] = np.where(dosage[10] == 1, 2, dosage[10])
    expected = []
    for i in range(11):
        for j in range(i + 1, 11):
            n, ibs0, kinship = slow_king(dosage[i], dosage[j])
            if kinship is not None and kinship >= -10:
                expected.append((3 * i, 3 * j, n, ibs0, kinship))
    found = kinship_pairs(packed_of(dosage), least=-10)
    assert found.select("ordinal_1", "ordinal_2", "n_sites").rows() == [
        e[:3] for e in expected
    ]
    got = found.select("ibs0", "kinship").to_numpy().reshape(-1, 2)
    wanted = np.array([e[3:] for e in expected], np.float64).reshape(-1, 2)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


@pytest.mark.parametrize("least", [0.005, 0.0442, 0.2, 0.45, 0.5])
def test_the_least_kinship_only_leaves_out(least):
    """Pairs that are left early are those, and no others, that do not reach it."""
    dosage = random_calls(70, 9_000, 0.02, 3)
    for i in range(0, 60, 3):
        # From the same person to strangers.
        same = i * 9_000 // 60
        dosage[i + 1, same:] = dosage[i, same:]
    every = kinship_pairs(packed_of(dosage), least=-10)
    assert every.height == 70 * 69 // 2
    found = kinship_pairs(packed_of(dosage), least=least)
    assert found.equals(every.filter(pl.col("kinship") >= least))
    assert 0 < found.height < every.height


@pytest.mark.parametrize("people", [0, 1])
def test_nobody_and_one_have_no_pair(people):
    found = kinship_pairs(packed_of(random_calls(people, 100, 0, 1)))
    assert found.height == 0
    assert found.schema == kinship_pairs(packed_of(random_calls(2, 100, 0, 1)), -9).schema


def test_no_sites_tell_nothing():
    assert kinship_pairs(packed_of(np.zeros((3, 0), np.int8)), -9).height == 0
    pair = count_pairs(packed_of(np.zeros((2, 0), np.int8)), np.array([0]), np.array([1]))
    assert pair.select("n_sites", "ibs0", "kinship").rows() == [(0, None, None)]


def test_families_have_the_kinship_of_the_textbook():
    drop = Drop(Genome(per_contig=400))
    drop.founder("f", "m", "x", "y")
    drop.child("a", "f", "m")
    drop.child("b", "f", "m")
    drop.child("half", "f", "x")
    drop.child("nephew", "a", "y")
    drop.twin("again", "f", error=0.005)
    names = ["f", "m", "x", "a", "b", "half", "nephew", "again"]
    found = kinship_pairs(drop.packed(names, missing=0.02), least=-10)
    kinship = {(names[i], names[j]): k for i, j, _, _, k in found.rows()}
    expected = {
        ("f", "m"): 0, ("f", "a"): 0.25, ("a", "b"): 0.25, ("a", "half"): 0.125,
        ("b", "nephew"): 0.125, ("f", "nephew"): 0.125, ("half", "nephew"): 0.0625,
        ("f", "again"): 0.49, ("x", "half"): 0.25, ("m", "half"): 0,
    }  # fmt: skip
    # Siblings vary: one crossover on ten contigs.
    near = {pair: 0.08 if k < 0.3 else 0.02 for pair, k in expected.items()}
    close = {pair: pytest.approx(k, abs=near[pair]) for pair, k in expected.items()}
    assert {pair: kinship[pair] for pair in expected} == close
