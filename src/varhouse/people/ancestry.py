"""Axes of ancestry of a cohort, and its samples on them.

The axes are made of people of whom no two are related and by sites of which none repeats
another; everybody else is put on them (`placing`). A sample is compared with the population
that the sheet says, by the axes that are more than chance makes, and at least two.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.people.clusters import Clusters, distances, find_clusters, nearest
from varhouse.people.linkage import in_long_range, prune
from varhouse.people.listed import without_listed
from varhouse.people.panel import PackedCalls
from varhouse.people.pca import Axes, Floats, Ints, find_axes
from varhouse.people.placing import least_sites, place
from varhouse.people.settings import AncestrySettings, PeopleSettings
from varhouse.people.unrelated import unrelated
from varhouse.store.reader import Store
from varhouse.tables.peopletables import ANCESTRY, ANCESTRY_AXES, ANCESTRY_LOADINGS
from varhouse.tables.schema import KEY, Table

LOG = logging.getLogger("varhouse.people")

LEAST_AXES = 2
"""Axes that distances go by, at least, where there are so many."""

EVERYBODY = "everybody"
"""Stands for the population where the sheet names none for anybody."""


@dataclass(frozen=True)
class Ancestry:
    """Rows of the tables of ancestry, without the column cohort.

    Attributes
    ----------
    samples, axes, loadings
        Of ANCESTRY, ANCESTRY_AXES and ANCESTRY_LOADINGS.
    """

    samples: pl.DataFrame
    axes: pl.DataFrame
    loadings: pl.DataFrame


def ancestry(
    store: Store,
    cohort: str,
    packed: PackedCalls,
    related: pl.DataFrame,
    settings: PeopleSettings,
) -> Ancestry:
    """Make axes of ancestry of a cohort and put all of its samples on them.

    Parameters
    ----------
    packed
        Calls of all of its people.
    related
        Pairs of them: columns ordinal_1, ordinal_2 and kinship.

    Returns
    -------
    Ancestry
        Without axes where fewer than two people or no sites are left to make some of; then
        nothing is said of any sample. Nor is a distance, or the nearest population, where
        the axes are made of fewer sites than a place takes (`AncestrySettings.error`).
    """
    own = settings.ancestry
    packed = without_listed(store, packed)
    n_called = np.bitwise_count(packed.called).sum(axis=1, dtype=np.int64)
    people = choose_people(packed, related, n_called, own)
    sites = choose_unlinked(store, packed, people, own)
    axes = find_axes(packed, people, sites, settings.axes)
    LOG.info(
        "%s: %d axes of ancestry of %d people and %d sites, %d of them significant",
        cohort, axes.eigenvalues.size, people.size, axes.sites.size, axes.significant,
    )  # fmt: skip
    scores = _place_all(packed, axes, related, own)
    populations = read_populations(store, cohort, packed)
    used = axes_used(axes.significant, axes.eigenvalues.size)
    known = find_own(scores[:, :used], populations, own)
    least = least_sites(axes.eigenvalues, axes.people.size, own.error)
    if axes.sites.size < least:
        LOG.warning(
            "%s: ancestry by %d sites says nothing of single samples; that takes %d",
            cohort, axes.sites.size, least,
        )  # fmt: skip
        known = find_clusters(scores[:, :0], [], 1), [None] * len(populations)
    frame = sample_rows(packed, scores, populations, cohort, known, own)
    made = np.isin(np.arange(len(packed.samples)), axes.people) & (axes.eigenvalues.size > 0)
    frame = frame.with_columns(pl.Series("made_axes", made))
    return Ancestry(_shaped(frame, ANCESTRY), _axis_rows(axes), _loading_rows(packed, axes))


def choose_people(
    packed: PackedCalls, related: pl.DataFrame, n_called: Ints, settings: AncestrySettings
) -> Ints:
    """Choose whom axes are made of: called well, and no two related.

    Returns
    -------
    int64[]
        Rows of `packed`, by the names of the samples.
    """
    n_sites = packed.sites.height
    well = n_called >= settings.called * n_sites
    rows, _ = pairs_of(packed, related.filter(pl.col("kinship") >= settings.kinship))
    rows = rows[well[rows].all(axis=1)]
    chosen = well & unrelated(packed.samples, rows, n_called)
    return np.array(
        sorted(np.flatnonzero(chosen).tolist(), key=lambda row: packed.samples[row]), np.int64
    )


def choose_unlinked(
    store: Store, packed: PackedCalls, people: Ints, settings: AncestrySettings
) -> Ints:
    """Choose sites of which none repeats another, int64[]."""
    keep = prune(packed, people, settings.window, settings.r2)
    if not settings.long_range:
        keep &= ~in_long_range(packed.sites, store.assembly_contigs)
    return np.flatnonzero(keep)


def _place_all(
    packed: PackedCalls, axes: Axes, related: pl.DataFrame, settings: AncestrySettings
) -> Floats:
    """Give the scores of everybody: who did not make the axes is put on them."""
    scores = np.full((len(packed.samples), axes.eigenvalues.size), np.nan)
    scores[axes.people] = axes.scores
    others = np.setdiff1d(np.arange(len(packed.samples)), axes.people)
    if others.size:
        least = least_sites(axes.eigenvalues, axes.people.size, settings.error)
        scores[others] = place(
            packed, others, axes.sites, axes.center, axes.loadings, axes.eigenvalues,
            axes.sites.size, least, in_common(packed, related, axes.people)[others],
        )  # fmt: skip
    return scores


def in_common(packed: PackedCalls, related: pl.DataFrame, made: Ints) -> Floats:
    """Say what share of the genome people have in common with those who made axes.

    Returns
    -------
    float64[people]
        Twice the kinship with each of the rows `made`, at most 1.
    """
    rows, kinship = pairs_of(packed, related.filter(pl.col("kinship") > 0))
    has_made = np.isin(np.arange(len(packed.samples)), made)
    out = np.zeros(has_made.size)
    for one, two in ((0, 1), (1, 0)):
        np.add.at(out, rows[:, one], 2 * kinship * has_made[rows[:, two]])
    return np.minimum(out, 1)


def pairs_of(packed: PackedCalls, related: pl.DataFrame) -> tuple[Ints, Floats]:
    """Give the rows of pairs, int64[pairs, 2], and their kinship."""
    ordinals = related.select("ordinal_1", "ordinal_2").to_numpy().reshape(-1, 2)
    rows = np.searchsorted(packed.ordinal, ordinals).astype(np.int64)
    return rows, related["kinship"].to_numpy().astype(np.float64)


def axes_used(significant: int, axes: int) -> int:
    """Say how many of the first axes distances go by."""
    return min(max(significant, LEAST_AXES), axes)


def read_populations(store: Store, cohort: str, packed: PackedCalls) -> list[str | None]:
    """Read the population of each sample by the sheet; None: it says none."""
    rows = store.scan("samples", cohort=cohort).select("ordinal", "population").collect()
    order = pl.DataFrame({"ordinal": packed.ordinal}, schema={"ordinal": pl.Int32})
    found = order.join(rows, on="ordinal", how="left", maintain_order="left")
    return [p or None for p in found["population"]]


def find_own(
    scores: Floats, populations: Sequence[str | None], settings: AncestrySettings
) -> tuple[Clusters, Sequence[str | None]]:
    """Find the populations of a cohort, and which each sample is compared with.

    Where no sample has a population all are compared with everybody.
    """
    compared = populations
    if not any(populations):
        compared = [EVERYBODY] * len(populations)
    return find_clusters(scores, compared, settings.least), compared


def sample_rows(
    packed: PackedCalls,
    scores: Floats,
    populations: Sequence[str | None],
    axes: str,
    known: tuple[Clusters, Sequence[str | None]],
    settings: AncestrySettings,
) -> pl.DataFrame:
    """Make rows of ANCESTRY of samples that did not make the axes.

    Parameters
    ----------
    scores
        float64[people, axes]; NaN: no place.
    axes
        The cohort whose axes these are.
    known
        Populations on the first axes, and with which each sample is compared.
    """
    clusters, compared = known
    number = {name: i for i, name in enumerate(clusters.names)}
    own = np.array([number.get(p, -1) if p else -1 for p in compared], np.int64)
    first = scores[:, : clusters.medians.shape[1]]
    near = nearest(first, clusters)
    frame = pl.DataFrame(
        {
            "ordinal": packed.ordinal,
            "sample": packed.samples,
            "population": pl.Series(populations, dtype=pl.String),
            "distance": distances(first, own, clusters),
            "nearest": pl.Series(
                [clusters.names[n] if n >= 0 else None for n in near], dtype=pl.String
            ),
        }
    ).with_columns(
        pl.lit(axes).alias("axes"),
        pl.lit(value=False).alias("made_axes"),
        lists("scores", scores),
        pl.col("distance").fill_nan(None),
    )
    return _shaped(
        frame.with_columns((pl.col("distance") > settings.far).alias("outlier")), ANCESTRY
    )


def lists(name: str, values: Floats) -> pl.Series:
    """Make a column of lists of the rows of an array; NaN becomes null."""
    flat = pl.Series(name, values.reshape(-1), dtype=pl.Float64).fill_nan(None)
    rows, width = values.shape
    if width == 0:
        return pl.Series(name, [[]] * rows, dtype=pl.List(pl.Float64))
    return flat.reshape((rows, width)).cast(pl.List(pl.Float64))


def _axis_rows(axes: Axes) -> pl.DataFrame:
    number = np.arange(1, axes.eigenvalues.size + 1)
    frame = pl.DataFrame(
        {
            "axis": number,
            "eigenvalue": axes.eigenvalues,
            "variance": axes.variance,
            "significant": number <= axes.significant,
        }
    )
    return _shaped(frame, ANCESTRY_AXES)


def _loading_rows(packed: PackedCalls, axes: Axes) -> pl.DataFrame:
    frame = packed.sites[axes.sites].select(KEY)
    return _shaped(
        frame.with_columns(
            pl.Series("center", axes.center, dtype=pl.Float64),
            lists("loadings", axes.loadings),
        ),
        ANCESTRY_LOADINGS,
    )


def _shaped(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Give the columns of a table, without the cohort, as it declares them."""
    return frame.select(
        pl.col(c.name).cast(c.dtype) for c in table.columns if c.name != "cohort"
    )
