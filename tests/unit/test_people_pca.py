"""Principal components against numpy's dense eigenvectors of a matrix made pair by pair."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from ancestries import draw_people, pack_people, slow_relationships

from varhouse.genome.assemblies import BUILDS
from varhouse.genome.contigs import Contig, Contigs
from varhouse.people import pca
from varhouse.people.linkage import LONG_RANGE, in_long_range, prune
from varhouse.people.panel import PackedCalls
from varhouse.people.pca import count_copies, count_significant, find_axes, krylov, orient
from varhouse.people.unrelated import unrelated

THREE = {"red": 14, "blue": 12, "green": 10}


def everything(packed: PackedCalls):
    return np.arange(len(packed.samples)), np.arange(packed.sites.height)


def alike(a, b):
    """Say how much two vectors are one up to sign, 1: the same direction."""
    return abs(a @ b) / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("block", [pca._BLOCK_BYTES, 4 * 36 * 50])
def test_axes_are_the_eigenvectors(missing, block, monkeypatch):
    monkeypatch.setattr(pca, "_BLOCK_BYTES", block)
    dosage, _ = draw_people(THREE, 333, missing=missing)
    dosage[:, 5], dosage[:, 77], dosage[:, 100] = 0, 2, -1
    packed = pack_people(dosage)
    found = find_axes(packed, *everything(packed), 6)
    values, vectors = np.linalg.eigh(slow_relationships(dosage))
    values, vectors = values[::-1], vectors[:, ::-1]
    assert np.allclose(found.eigenvalues, values[:6], rtol=1e-5)
    assert np.allclose(found.variance, values[:6] / values.sum(), rtol=1e-5)
    for axis in range(6):
        assert alike(found.scores[:, axis], vectors[:, axis]) > 1 - 1e-6
    assert np.allclose((found.scores**2).sum(axis=0), found.eigenvalues)
    assert found.sites.tolist() == [i for i in range(333) if i not in (5, 77, 100)]
    called = np.where(dosage < 0, np.nan, dosage.astype(float))[:, found.sites]
    assert np.allclose(found.center, np.nanmean(called, axis=0) / 2)


def test_loadings_give_the_scores():
    dosage, _ = draw_people(THREE, 500)
    packed = pack_people(dosage)
    found = find_axes(packed, *everything(packed), 4)
    p = found.center
    z = (dosage[:, found.sites] - 2 * p) / np.sqrt(2 * p * (1 - p))
    assert np.allclose(z @ found.loadings, found.scores, atol=1e-5)
    assert np.allclose((found.loadings**2).sum(axis=0), 1 / found.sites.size, rtol=1e-4)


def test_what_was_never_made_gives_the_same():
    """The Krylov method over blocks of sites against the dense way."""
    dosage, _ = draw_people({"red": 300, "blue": 200, "green": 200}, 800)
    packed = pack_people(dosage)
    one = find_axes(packed, *everything(packed), 5)
    two = find_axes(packed, *everything(packed), 5, dense=0)
    assert np.allclose(one.eigenvalues, two.eigenvalues, rtol=1e-4)
    assert np.allclose(one.variance, two.variance, rtol=1e-4)
    assert one.significant == two.significant == 2
    # Behind the two that are separated no axis is determined, only the size of it.
    assert np.allclose(one.scores[:, :2], two.scores[:, :2], atol=1e-3)
    assert np.allclose(one.loadings[:, :2], two.loadings[:, :2], atol=1e-5)


def test_krylov_solves_a_dense_matrix():
    rng = np.random.default_rng(5)
    half = rng.normal(size=(400, 900))
    matrix = half @ half.T / 900
    start = np.sign(rng.normal(size=(400, 20)))
    found = krylov(lambda x: matrix @ x, start, 4, 28, 1e-8)
    values, vectors = np.linalg.eigh(matrix)
    assert found.solved
    assert np.allclose(found.values, values[:-5:-1])
    assert all(alike(found.vectors[:, i], vectors[:, -1 - i]) > 1 - 1e-9 for i in range(4))
    assert found.squares == pytest.approx((values**2).sum(), rel=0.1)
    assert not krylov(lambda x: matrix @ x, start, 4, 2, 1e-8).solved


def test_large_matrices_end_as_small_ones(monkeypatch):
    dosage, _ = draw_people({"red": 100, "blue": 80, "green": 80}, 400)
    packed = pack_people(dosage)
    whole = find_axes(packed, *everything(packed), 5)
    monkeypatch.setattr(pca, "_WHOLE", 100)
    assert np.allclose(
        find_axes(packed, *everything(packed), 5).scores, whole.scores, atol=1e-6
    )


@pytest.mark.parametrize("dense", [pca.MOST_DENSE, 0])
def test_order_does_not_matter(dense):
    dosage, _ = draw_people({"red": 90, "blue": 70, "green": 60}, 401, missing=0.03)
    packed = pack_people(dosage)
    first = find_axes(packed, *everything(packed), 3, dense)
    rng = np.random.default_rng(2)
    people, sites = rng.permutation(220), rng.permutation(401)
    other = find_axes(packed, people, sites, 3, dense)
    back = np.argsort(other.people)
    assert np.allclose(other.scores[back][:, :2], first.scores[:, :2], atol=1e-4)
    back = np.argsort(other.sites)
    assert np.allclose(other.loadings[back][:, :2], first.loadings[:, :2], atol=1e-5)


def test_some_people_and_sites_alone():
    dosage, _ = draw_people(THREE, 300, missing=0.05)
    packed = pack_people(dosage)
    people, sites = np.array([30, 2, 9, 17, 21, 5, 33]), np.array([299, 3, *range(50, 250, 3)])
    found = find_axes(packed, people, sites, 3)
    alone = pack_people(dosage[people][:, sites])
    same = find_axes(alone, *everything(alone), 3)
    assert np.allclose(found.eigenvalues, same.eigenvalues)
    assert np.allclose(np.abs(found.scores), np.abs(same.scores), atol=1e-5)


def test_counts_of_copies():
    dosage, _ = draw_people(THREE, 130, missing=0.2)
    packed = pack_people(dosage)
    people = np.array([4, 1, 20, 35])
    expected = [(dosage[people] == code).sum(axis=0) for code in (0, 1, 2, -1)]
    assert np.array_equal(count_copies(packed, people), np.stack(expected, axis=1))


def test_signs_turn_the_longer_tail_up():
    scores = np.array([[3.0, 1, 2], [-1, -1, 2], [-1, 1, -2], [-1, -1, -2]])
    loadings = np.array([[0.1, -0.2, 0.5], [0.1, -0.3, -0.5]])
    names = ["b", "d", "a", "c"]
    # By cubes; where tails are alike by loadings; by the first name among the greatest.
    assert orient(scores, loadings, names).tolist() == [1, -1, -1]
    assert orient(-scores, -loadings, names).tolist() == [-1, 1, 1]


@pytest.mark.parametrize("populations", [1, 2, 5])
def test_axes_beyond_chance_are_one_less_than_populations(populations):
    found = []
    for seed in range(5):
        sizes = {f"q{i}": 150 // populations for i in range(populations)}
        dosage, _ = draw_people(sizes, 1500, fst=0.03, seed=seed)
        packed = pack_people(dosage)
        found.append(find_axes(packed, *everything(packed), 8).significant)
    # By chance one in a hundred has one more.
    assert min(found) == populations - 1
    assert sorted(found)[3] == populations - 1


def test_nothing_is_beyond_chance_of_few():
    assert count_significant(np.array([1.0]), 1.0, 1.0, 2) == 0
    assert count_significant(np.zeros(0), 0.0, 0.0, 50) == 0


@pytest.mark.parametrize(
    ("people", "sites", "axes"),
    [(0, 20, 0), (1, 20, 0), (2, 50, 1), (3, 50, 2), (30, 0, 0), (30, 1, 1), (30, 3, 3)],
)
@pytest.mark.parametrize("dense", [pca.MOST_DENSE, 0])
def test_few_people_or_sites(people, sites, axes, dense):
    dosage, _ = draw_people({"red": 40}, 50)
    packed = pack_people(dosage)
    found = find_axes(packed, np.arange(people), np.arange(sites), 10, dense)
    assert found.eigenvalues.size == axes
    assert found.scores.shape == (people, axes)
    assert found.loadings.shape == (found.sites.size, axes)
    assert np.isfinite(found.scores).all()


def test_people_who_are_all_alike():
    dosage = np.tile(np.array([0, 1, 2, 1], np.int8), (9, 30))
    packed = pack_people(dosage)
    found = find_axes(packed, *everything(packed), 3)
    # All are heterozygous at half of the sites, so these vary within people, not among them.
    assert found.eigenvalues.size <= 1
    assert np.ptp(found.scores, axis=0).max(initial=0) < 1e-6


def slow_r2(a, b):
    both = (a >= 0) & (b >= 0)
    x, y = a[both].astype(float), b[both].astype(float)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return np.corrcoef(x, y)[0, 1] ** 2


def linked(seed=3, people=200, n_sites=300):
    """People of whose sites each is drawn anew or mostly copied from the one before."""
    rng = np.random.default_rng(seed)
    dosage = rng.binomial(2, rng.uniform(0.2, 0.8, n_sites), (people, n_sites)).astype(np.int8)
    for site in range(1, n_sites):
        copied = rng.random(people) < rng.choice([0.0, 0.5, 0.9])
        dosage[copied, site] = dosage[copied, site - 1]
    dosage[rng.random(dosage.shape) < 0.05] = -1
    return dosage


def test_of_linked_sites_the_first_stays():
    dosage = linked()
    packed = pack_people(dosage, apart=1000)
    contig = ["c1"] * 140 + ["c2"] * 160
    packed = replace(packed, sites=packed.sites.with_columns(contig=pl.Series(contig)))
    people = np.flatnonzero(np.arange(200) % 7)
    found = prune(packed, people, 5_000, 0.2)
    pos = packed.sites["pos"].to_numpy()
    kept: list[int] = []
    for j in range(300):
        near = [i for i in kept if contig[i] == contig[j] and pos[j] - pos[i] <= 5_000]
        if all(slow_r2(dosage[people, i], dosage[people, j]) <= 0.2 for i in near):
            kept.append(j)
    assert np.flatnonzero(found).tolist() == kept
    assert 50 < len(kept) < 250


def test_few_people_do_not_unlink_sites_by_chance():
    dosage, _ = draw_people({"red": 20}, 400, fst=0.01)
    packed = pack_people(dosage, apart=1000)
    assert prune(packed, np.arange(20), 10**6, 0.1).sum() > 300
    assert prune(packed, np.arange(0), 10**6, 0.1).all()


def contigs_of(build, name="chr{}"):
    return Contigs([Contig(name.format(c), [], length=n) for c, n in BUILDS[build].items()])


def test_regions_of_long_range_linkage():
    sites = pl.DataFrame(
        {
            "contig": ["chr6", "chr6", "chr6", "chr2", "chr17", "chr1"],
            "pos": [25_392_020, 25_392_021, 33_392_022, 136_608_646, 44_000_000, 10_000],
        }
    )
    found = in_long_range(sites, contigs_of("GRCh37 (hg19)"))
    assert found.tolist() == [False, True, True, True, True, False]
    # LCT, and the inversion of 17q21.31, in GRCh38 under names of its own.
    sites = pl.DataFrame({"contig": ["two", "17"], "pos": [135_851_076, 45_900_000]})
    names = contigs_of("GRCh38 (hg38)", "{}").contigs
    renamed = Contigs([replace(c, name="two") if c.name == "2" else c for c in names])
    assert in_long_range(sites, renamed).tolist() == [True, True]
    assert not in_long_range(sites, contigs_of("T2T-CHM13v2.0", "{}")).any()
    assert not in_long_range(sites, Contigs([Contig("two", [], length=1000)])).any()


def test_regions_lie_in_their_chromosomes():
    one, two = (LONG_RANGE[b] for b in ("GRCh37 (hg19)", "GRCh38 (hg38)"))
    for build, regions in LONG_RANGE.items():
        for chromosome, first, last in regions:
            assert 0 < first < last <= BUILDS[build][chromosome]
    for (a, first, last), (b, begin, end) in zip(one, two, strict=True):
        # Gaps between contigs of the assembly were filled or cut: some 1.1 Mb at most.
        assert a == b
        assert abs((last - first) - (end - begin)) < 1_100_000


def test_no_two_of_the_unrelated_are_a_pair():
    rng = np.random.default_rng(11)
    names = [f"n{i}" for i in rng.permutation(120)]
    pairs = rng.integers(0, 120, (150, 2))
    called = rng.integers(90, 100, 120)
    stays = unrelated(names, pairs, called)
    assert not (stays[pairs[:, 0]] & stays[pairs[:, 1]] & (pairs[:, 0] != pairs[:, 1])).any()
    # Whoever left has a relative among those who stayed.
    for gone in np.flatnonzero(~stays):
        mates = {int(b) for a, b in pairs.tolist() if a == gone}
        mates |= {int(a) for a, b in pairs.tolist() if b == gone}
        assert stays[list(mates)].any()
    order = rng.permutation(120)
    place = np.argsort(order)
    again = unrelated([names[i] for i in order], place[pairs[::-1, ::-1]], called[order])
    assert {names[i] for i in np.flatnonzero(stays)} == {
        names[order[i]] for i in np.flatnonzero(again)
    }


def test_who_leaves():
    hub = np.array([[0, 1], [0, 2], [3, 0]])
    assert unrelated(list("abcd"), hub, np.full(4, 9)).tolist() == [False, True, True, True]
    pair = np.array([[1, 0]])
    assert unrelated(["x", "y"], pair, np.array([8, 9])).tolist() == [False, True]
    assert unrelated(["x", "y"], pair, np.array([9, 9])).tolist() == [True, False]
    none = np.zeros((0, 2), np.int64)
    assert unrelated(["x", "y"], none, np.array([9, 9])).all()
