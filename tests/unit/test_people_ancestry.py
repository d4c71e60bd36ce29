"""Axes of a cohort: who makes them, where populations lie, who is far from his own."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from ancestries import draw_people, pack_people

from varhouse.genome.contigs import Contig, Contigs
from varhouse.people.ancestry import ancestry, in_common, lists
from varhouse.people.clusters import distances, find_clusters, nearest
from varhouse.people.pca import find_axes
from varhouse.people.placing import least_sites, place
from varhouse.people.settings import AncestrySettings, PeopleSettings
from varhouse.tables.peopletables import ANCESTRY, ANCESTRY_AXES, ANCESTRY_LOADINGS
from varhouse.tables.schema import check_table

SIZES = {"red": 40, "blue": 30, "green": 20}
NOBODY = pl.DataFrame(
    schema={"ordinal_1": pl.Int32, "ordinal_2": pl.Int32, "kinship": pl.Float64}
)


COUNTS = ("n_missing", "n_het", "n_hom_alt", "n_hemi")
FILES = {
    "file": pl.Int32, "samples": pl.List(pl.Int32), "n_records": pl.Int64,
    "has_runs": pl.Boolean, "blocks_digest": pl.Int64,
}  # fmt: skip


class Sheet:
    """What `ancestry` asks of a store: the sheet, the contigs, and files (there are none)."""

    assembly_contigs = Contigs([Contig("c1", [], length=10**9)])

    def __init__(self, populations):
        self.rows = pl.DataFrame(
            {"ordinal": range(len(populations)), "population": populations},
            schema={"ordinal": pl.Int32, "population": pl.String},
        ).with_columns(
            pl.format("p{}", "ordinal").alias("sample"),
            *(pl.lit(0, pl.Int64).alias(n) for n in COUNTS),
        )

    def scan(self, table, **filters):
        assert filters == {"cohort": "c"}
        if table == "files":
            return pl.LazyFrame(schema=FILES)
        assert table == "samples"
        return self.rows.reverse().lazy()


def run(dosage, populations, related=NOBODY, **settings):
    own = AncestrySettings(**settings)
    packed = pack_people(dosage)
    found = ancestry(
        Sheet(populations), "c", packed, related, PeopleSettings(ancestry=own, axes=4)
    )
    for table, frame in (
        (ANCESTRY, found.samples),
        (ANCESTRY_AXES, found.axes),
        (ANCESTRY_LOADINGS, found.loadings),
    ):
        check_table(frame.with_columns(cohort=pl.lit("c")).select(table.names), table)
    return found


def test_populations_lie_apart():
    dosage, labels = draw_people(SIZES, 2000, missing=0.02)
    found = run(dosage, labels)
    samples = found.samples
    assert samples["nearest"].to_list() == labels
    assert samples["population"].to_list() == labels
    assert samples["made_axes"].all()
    assert not samples["outlier"].any()
    assert samples["axes"].unique().to_list() == ["c"]
    assert found.axes["significant"].to_list() == [True, True, False, False]
    scores = np.array(samples["scores"].to_list())
    assert scores.shape == (90, 4)
    # The own way to the distance: all deviations by hand, from the two axes that count.
    for name in SIZES:
        own = scores[np.array(labels) == name][:, :2]
        mad = 1.4826 * np.median(np.abs(own - np.median(own, axis=0)), axis=0)
        far = (np.abs(own - np.median(own, axis=0)) / mad).max(axis=1)
        said = samples.filter(pl.col("population") == name)["distance"].to_numpy()
        assert (said <= far + 1e-9).all()
        assert np.isclose(said, far).mean() > 0.5


def test_who_stands_in_the_wrong_population_is_found():
    dosage, labels = draw_people(SIZES, 2000)
    said = [*labels]
    said[3], said[75] = "green", "red"
    samples = run(dosage, said).samples
    assert np.flatnonzero(samples["outlier"]).tolist() == [3, 75]
    assert samples["nearest"][3] == "red"
    assert samples["nearest"][75] == "green"
    assert (samples["distance"] > 6).to_list() == samples["outlier"].to_list()
    assert not run(dosage, said, far=1e6).samples["outlier"].any()


def test_small_populations_say_nothing():
    dosage, labels = draw_people({**SIZES, "few": 9}, 1000)
    labels[0] = None
    samples = run(dosage, labels).samples
    few = samples.filter((pl.col("population") == "few") | pl.col("population").is_null())
    assert few.height == 10
    assert few["distance"].null_count() == few["outlier"].null_count() == 10
    assert few["nearest"].null_count() == 0
    assert "few" not in samples["nearest"]
    assert "few" in run(dosage, labels, least=9).samples["nearest"]


def test_without_populations_all_are_compared_with_all():
    dosage, _ = draw_people({"red": 60, "blue": 1}, 2000, fst=0.2)
    samples = run(dosage, [None] * 61).samples
    assert np.flatnonzero(samples["outlier"]).tolist() == [60]
    assert samples["nearest"].null_count() == samples["population"].null_count() == 61
    assert samples["distance"].null_count() == 0
    # Of one population nearest says nothing either.
    assert run(dosage, ["red"] * 61).samples["nearest"].null_count() == 61


def test_relatives_and_who_is_called_badly_do_not_make_axes():
    dosage, labels = draw_people(SIZES, 2000)
    dosage[1] = dosage[0]
    rng = np.random.default_rng(4)
    dosage[50, rng.random(2000) < 0.3] = -1
    dosage[60, 15:] = -1
    pairs = pl.DataFrame(
        {"ordinal_1": [0, 5, 6], "ordinal_2": [1, 9, 8], "kinship": [0.5, 0.05, None]},
        schema=NOBODY.schema,
    )
    found = run(dosage, labels, pairs)
    samples = found.samples
    assert np.flatnonzero(~samples["made_axes"]).tolist() == [1, 50, 60]
    assert samples["nearest"][1] == "red"
    assert samples["nearest"][50] == "blue"
    assert not samples["outlier"][1]
    assert not samples["outlier"][50]
    # By fifteen sites nobody has a place.
    assert samples["scores"][60].to_list() == [None] * 4
    assert samples.select("distance", "outlier", "nearest").row(60) == (None, None, None)
    # A twin who is put on the axes lies where the twin lies who made them.
    scores = np.array(samples["scores"].to_list()[:2])
    assert np.abs(scores[0] - scores[1]).max() < 0.02


def test_children_of_who_made_axes_lie_between_their_parents():
    """On average: on axes that lean towards the parents, and less to strangers."""
    dosage, labels = draw_people({"red": 80, "blue": 80, "green": 80}, 1500, 0.02)
    rng = np.random.default_rng(6)
    parents = np.arange(0, 240, 2)
    gametes = [rng.binomial(1, dosage[parents + i] / 2).astype(np.int8) for i in (0, 1)]
    everybody = np.concatenate([dosage, gametes[0] + gametes[1]])
    child = np.arange(240, 360)
    pairs = pl.DataFrame(
        {
            "ordinal_1": [*parents, *(parents + 1)],
            "ordinal_2": [*child, *child],
            "kinship": [0.25] * 240,
        },
        schema=NOBODY.schema,
    )
    label = np.array(labels)[parents]
    packed = pack_people(everybody)
    axes = find_axes(packed, np.arange(240), np.arange(1500), 2)
    assert np.allclose(in_common(packed, pairs, np.arange(240))[child], 1)
    assert np.allclose(in_common(packed, pairs, parents)[child], 0.5)
    own = (axes.sites, axes.center, axes.loadings, axes.eigenvalues, axes.sites.size)
    for common, low, high in ((1.0, 0.93, 1.07), (0.0, 1.15, 2.0)):
        scores = place(packed, child, *own, common=np.full(120, common))
        between = (axes.scores[parents] + axes.scores[parents + 1]) / 2
        means = [
            np.array([s[label == n].mean(axis=0) for n in ("red", "blue", "green")])
            for s in (scores, between)
        ]
        slope = (means[0] * means[1]).sum(axis=0) / (means[1] ** 2).sum(axis=0)
        assert (slope > low).all()
        assert (slope < high).all()


@pytest.mark.parametrize(("people", "sites"), [(1, 50), (2, 50), (5, 0), (3, 2)])
def test_few_people_or_no_sites(people, sites):
    dosage, labels = draw_people({"red": people}, sites)
    found = run(dosage, labels)
    assert found.samples.height == people
    assert found.samples["outlier"].null_count() == people
    width = found.axes.height
    assert width <= min(people - 1, sites)
    assert all(len(s) == width for s in found.samples["scores"])
    assert (found.loadings["loadings"].list.len() == width).all()


def test_few_sites_say_nothing_of_single_samples(caplog):
    dosage, labels = draw_people(SIZES, 25)
    found = run(dosage, labels)
    assert found.axes.height == 4
    assert found.samples["distance"].null_count() == 90
    assert found.samples["nearest"].null_count() == 90
    assert found.samples["population"].to_list() == labels
    assert "says nothing of single samples" in caplog.text
    assert run(dosage, labels, error=10).samples["distance"].null_count() == 0


def test_people_alike_have_no_distance():
    dosage = np.tile(draw_people({"red": 1}, 300)[0], (20, 1))
    found = run(dosage, ["red"] * 20)
    assert not found.samples["outlier"].fill_null(value=False).any()


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_left_out_people_fall_on_their_population(missing):
    """The scores of who did not make the axes do not shrink."""
    dosage, labels = draw_people({"red": 80, "blue": 80, "green": 80}, 1500, 0.02)
    rng = np.random.default_rng(8)
    out = np.arange(0, 240, 4)
    holes = rng.random((60, 1500)) < missing
    dosage[out] = np.where(holes, -1, dosage[out])
    packed, label = pack_people(dosage), np.array(labels)
    made = np.setdiff1d(np.arange(240), out)
    axes = find_axes(packed, made, np.arange(1500), 2)
    own = (axes.sites, axes.center, axes.loadings)
    scores = place(packed, out, *own, axes.eigenvalues, axes.sites.size)
    p = axes.center
    z = (dosage[out] - 2 * p) / np.sqrt(2 * p * (1 - p))
    plain = np.where(dosage[out] < 0, 0, z) @ axes.loadings
    inside, outside, shrunk = (
        np.array([np.mean(s[label[w] == n], axis=0) for n in ("red", "blue", "green")])
        for s, w in ((axes.scores, made), (scores, out), (plain, out))
    )
    slope = (inside * outside).sum(axis=0) / (inside**2).sum(axis=0)
    assert np.abs(slope - 1).max() < 0.12
    assert ((inside * shrunk).sum(axis=0) / (inside**2).sum(axis=0)).max() < 0.85
    for name, middle in zip(("red", "blue", "green"), inside, strict=True):
        spread = axes.scores[label[made] == name].std(axis=0)
        off = (scores[label[out] == name] - middle) / spread
        assert np.abs(off).max() < 4.5


def test_place_needs_sites_that_tell_axes_apart():
    dosage, _ = draw_people(SIZES, 200)
    dosage[0, 1:] = -1
    dosage[1] = -1
    packed = pack_people(dosage)
    axes = find_axes(packed, np.arange(10, 90), np.arange(200), 2)
    own = (axes.sites, axes.center, axes.loadings)
    scores = place(packed, np.arange(4), *own, axes.eigenvalues, axes.sites.size)
    assert np.isnan(scores[:2]).all()
    assert np.isfinite(scores[2:]).all()
    none = place(packed, np.arange(4), *own, axes.eigenvalues, axes.sites.size, least=201)
    assert np.isnan(none).all()


def test_how_many_sites_a_place_takes():
    assert least_sites(np.array([20.0, 3]), 100, 0.25) == 80
    assert least_sites(np.zeros(0), 100, 0.25) == 0


def test_clusters_of_a_few_points():
    scores = np.array([[0.0, 5], [1, 5], [2, 5], [10, 5], [11, 5], [30, 5], [np.nan, 0]])
    known = find_clusters(scores, ["a", "a", "a", "b", "b", "b", "b"], 3)
    assert known.medians.tolist() == [[1, 5], [11, 5]]
    assert np.allclose(known.spreads, [[1.4826, 0], [1.4826, 0]])
    own = np.array([0, 0, 1, 1, -1, 1, 1])
    far = distances(scores, own, known)
    assert np.allclose(far[[0, 2, 5]], np.array([1, 9, 19]) / 1.4826)
    assert np.isnan(far[[4, 6]]).all()
    assert nearest(scores, known).tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert find_clusters(scores, [None] * 7, 1).names == []
    assert np.isnan(
        distances(scores[:, :0], own, find_clusters(scores[:, :0], "aaabbbb", 3))
    ).all()


def test_lists_of_rows():
    found = lists("x", np.array([[1.0, np.nan], [2.0, 3.0]]))
    assert found.to_list() == [[1.0, None], [2.0, 3.0]]
    assert lists("x", np.zeros((2, 0))).to_list() == [[], []]
    assert lists("x", np.zeros((0, 3))).to_list() == []
    assert replace(AncestrySettings(), least=3).least == 3
