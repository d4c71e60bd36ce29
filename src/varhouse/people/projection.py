"""A cohort put on the axes of ancestry of another, by the alleles that both hold.

What can be said of it depends on these: an allele that the other cohort's files do not hold
is not called there, unless a gVCF says that it is. Where that is because nobody has it, the
sites that remain are those at which the cohort is more like the one that made the axes, and
its places lean that way.
"""

import logging

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import StoreError, UsageError
from varhouse.people.ancestry import axes_used, read_populations, sample_rows
from varhouse.people.clusters import Clusters, find_clusters
from varhouse.people.listed import without_listed
from varhouse.people.panel import read_packed
from varhouse.people.pca import Floats
from varhouse.people.placing import least_sites, place
from varhouse.people.settings import AncestrySettings
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, WITHIN

LOG = logging.getLogger("varhouse.people")

_FIX = "run `varhouse people update` for that cohort"


def project(
    store: Store, cohort: str, onto: str, settings: AncestrySettings | None = None
) -> pl.DataFrame:
    """Put the samples of a cohort on the axes of another.

    Parameters
    ----------
    cohort
        Whose samples; none of it has made these axes.
    onto
        Whose axes, as the store holds them (ANCESTRY, ANCESTRY_AXES, ANCESTRY_LOADINGS).

    Returns
    -------
    pl.DataFrame
        Rows of ANCESTRY, without the column cohort. Distances and the nearest population go
        by the populations of `onto`; a sample whose population that has not (enough of) has
        no distance.

    Raises
    ------
    StoreError
        If `onto` has no axes, or the cohorts share too few sites.
    UsageError
        If both are one cohort.
    """
    own = settings or AncestrySettings()
    if cohort == onto:
        raise UsageError(
            f"the axes of {onto} are made of its own samples", "name another cohort"
        )
    eigenvalues, used = _read_axes(store, onto)
    sites, loadings = _read_loadings(store, onto)
    clusters, people = _read_clusters(store, onto, used, own)
    packed = read_packed(store, cohort, sites.select(*KEY, af="center"))
    packed = without_listed(store, packed)
    somewhere = np.bitwise_or.reduce(packed.called, axis=0, initial=np.uint64(0))
    bits = np.unpackbits(somewhere.view(np.uint8), bitorder="little")[: sites.height]
    shared = np.flatnonzero(bits)
    least = least_sites(eigenvalues, people, own.error)
    if shared.size < least:
        raise StoreError(
            f"{cohort} has calls at {shared.size:,} of the {sites.height:,} sites of the axes"
            f" of {onto}, and a place on them takes {least:,}",
            f"make axes of {cohort} itself, or of a cohort with its sites",
        )
    LOG.info("%s: %d of %d sites of the axes of %s", cohort, shared.size, sites.height, onto)
    scores = place(
        packed, np.arange(len(packed.samples)), shared, sites["center"].to_numpy()[shared],
        loadings[shared], eigenvalues, sites.height, least,
    )  # fmt: skip
    populations = read_populations(store, cohort, packed)
    return sample_rows(packed, scores, populations, onto, (clusters, populations), own)


def _read_axes(store: Store, onto: str) -> tuple[Floats, int]:
    """Read the eigenvalues of axes, and how many of them distances go by."""
    axes = store.scan("ancestry_axes", cohort=onto).collect().sort("axis")
    if not axes.height:
        raise StoreError(f"{onto} has no axes of ancestry", _FIX)
    used = axes_used(int(axes["significant"].sum()), axes.height)
    return axes["eigenvalue"].to_numpy(), used


def _read_loadings(store: Store, onto: str) -> tuple[pl.DataFrame, Floats]:
    """Read the sites of axes in genome order, and their loadings float64[sites, axes]."""
    rows = store.scan("ancestry_loadings", cohort=onto).collect()
    rank = {c: i for i, c in enumerate(store.assembly_contigs.names)}
    order = pl.col("contig").replace_strict(rank, return_dtype=pl.Int64)
    rows = rows.sort(order, *WITHIN)
    return rows.select(*KEY, "center"), stacked(rows["loadings"])


def _read_clusters(
    store: Store, onto: str, used: int, settings: AncestrySettings
) -> tuple[Clusters, int]:
    """Read where populations lie on the first axes, and how many people made these."""
    rows = store.scan("ancestry", cohort=onto).filter(pl.col("axes") == onto).collect()
    scores = stacked(rows["scores"])[:, :used]
    clusters = find_clusters(scores, rows["population"].to_list(), settings.least)
    return clusters, int(rows["made_axes"].sum())


def stacked(column: pl.Series) -> npt.NDArray[np.float64]:
    """Make an array of a column of lists of one length, float64[rows, length]; null: NaN."""
    flat = column.explode(empty_as_null=False).fill_null(float("nan")).to_numpy()
    return flat.reshape(len(column), -1) if len(column) else np.zeros((0, 0))
