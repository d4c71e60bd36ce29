"""Plots of `compared`: frequencies against sources, and Hardy-Weinberg."""

from collections.abc import Sequence
from math import asin, pi, sin, sqrt

import numpy as np
import polars as pl

from varhouse.report import plots
from varhouse.report.charts import Figure
from varhouse.report.compared import HWE_STEP, LEAST_EXPECTED, Compared, inflation
from varhouse.report.measure import GRID
from varhouse.report.svg import shorten

LEAST_PEOPLE = 20
"""With fewer people a frequency says next to nothing of a population."""

LEAST_ALLELES = 100
"""With fewer alleles there is no picture."""

_SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


def _angular(value: float) -> float:
    return asin(sqrt(value)) * 2 / pi


def _percent(index: int) -> str:
    low, high = (100 * sin(i / GRID * pi / 2) ** 2 for i in (index, index + 1))
    return f"{low:.3g} to {high:.3g} %"


def against_source(found: Compared, cohort: str, source: str, field: str, name: str) -> Figure:
    """Draw the density of a cohort's frequencies against those of a field of a source."""
    mine = {"cohort": cohort, "source": source, "field": field}
    cells = found.cells.filter(**mine)
    n, r = found.agreement.filter(**mine).select("n", "r").row(0)
    x, y, count = (cells[c].to_numpy() for c in ("x", "y", "n"))
    shade = 0.25 + 0.75 * (count / count.max()) ** 0.35
    with plots.canvas(400, 380) as (figure, axes):
        from matplotlib.collections import PolyCollection  # noqa: PLC0415
        from matplotlib.colors import to_rgba  # noqa: PLC0415

        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) / GRID
        places = np.stack((x, y), axis=1)[:, None, :] / GRID + corners[None]
        axes.add_collection(
            PolyCollection(
                list(places),
                facecolors=[to_rgba(plots.colour(0), float(s)) for s in shade],
                edgecolors="none",
                gid="cells",
                clip_on=False,
            )
        )
        plots.draw_diagonal(axes, 1)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal",
                 xlabel=f"frequency in {shorten(source, 22)} ({shorten(field, 16)}), %",
                 ylabel=f"frequency in {shorten(cohort, 28)}, %")  # fmt: skip
        marks = [_angular(s) for s in _SHARES]
        axes.set_xticks(marks, [f"{100 * s:g}" for s in _SHARES])
        axes.set_yticks(marks, [f"{100 * s:g}" for s in _SHARES])
        tips = [
            f"{int(k):,} alleles: {source} {_percent(i)}, {cohort} {_percent(j)}"
            for i, j, k in zip(x.tolist(), y.tolist(), count.tolist(), strict=True)
        ]
        told = "not defined" if r is None else f"{r:.4f}"
        drawing = plots.finish(
            figure,
            name,
            f"Frequencies of {cohort} against {source}, {field}",
            f"{n:,} alleles in both, correlation {told}",
            {"cells": tips},
        )
    edges = pl.DataFrame({"b": pl.Series(range(GRID), dtype=pl.Int32)}).with_columns(
        low=(pl.col("b") / GRID * pi / 2).sin().pow(2).round(5),
        high=((pl.col("b") + 1) / GRID * pi / 2).sin().pow(2).round(5),
    )
    data = (
        cells.join(edges, left_on="x", right_on="b")
        .rename({"low": "source_from", "high": "source_to"})
        .join(edges, left_on="y", right_on="b")
        .rename({"low": "cohort_from", "high": "cohort_to"})
        .sort("x", "y")
        .select("cohort", "source", "field", "source_from", "source_to", "cohort_from",
                "cohort_to", alleles="n")
    )  # fmt: skip
    return Figure(
        name,
        f"{cohort} against {source}, {field}",
        drawing,
        f"Look for a cloud off the diagonal (another population), a band along the other "
        f"diagonal (REF and ALT swapped), and alleles at one edge. {n:,} alleles in both; "
        f"r = {told}.",
        data,
        legend=False,
    )


def _quantiles(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give expected and observed -log10 p of each bin that has alleles."""
    bins = np.flatnonzero(counts)[::-1]
    n = counts[bins]
    last = np.cumsum(n)
    middle = last - n / 2
    return -np.log10(middle / last[-1]), (bins + 0.5) * HWE_STEP


def hwe_plot(found: Compared, cohort: str, name: str) -> Figure | None:
    """Draw observed against expected -log10 p of the test of Hardy-Weinberg proportions."""
    counts = found.hwe[cohort]
    total = int(counts.sum())
    if total < LEAST_ALLELES:
        return None
    expected, observed = _quantiles(counts)
    # A point for each step of a 200th of the axes.
    step = max(float(expected.max()), 0.1) / 200, max(float(observed.max()), 0.1) / 200
    place = np.unique(
        np.stack((expected // step[0], observed // step[1])), axis=1, return_index=True
    )[1]
    kept = np.sort(place)
    worst = found.worst.filter(pl.col("cohort") == cohort)
    names = worst["allele"].to_list()
    rank = np.arange(1, len(names) + 1)
    far_x = -np.log10((rank - 0.5) / total)
    far_y = -np.log10(worst["p"].to_numpy())
    value = inflation(counts)
    told: dict[str, Sequence[str]] = {}
    with plots.canvas(400, 330) as (figure, axes):
        top = float(max(expected.max(), far_x.max()))
        plots.draw_diagonal(axes, top)
        plots.draw_points(axes, expected[kept], observed[kept], 0, None, told)
        plots.draw_points(
            axes, far_x, far_y, 1,
            [f"{a}: p = {10**-v:.2g}" for a, v in zip(names, far_y.tolist(), strict=True)],
            told,
        )  # fmt: skip
        axes.set(xlabel="expected −log10 p", ylabel="observed −log10 p")
        axes.set_xlim(0, top * 1.03)
        axes.set_ylim(0, max(float(observed.max()), float(far_y.max()), top) * 1.05)
        drawing = plots.finish(
            figure,
            name,
            f"Hardy-Weinberg test of {cohort}",
            f"{total:,} alleles, lambda {value:.3f}",
            told,
        )
    return Figure(
        name,
        f"Hardy-Weinberg proportions in {cohort}",
        drawing,
        f"λ = {value:.3f} over {total:,} alleles of which at least {LEAST_EXPECTED} rarer "
        "homozygotes are expected (exact test, mid-p). Look for a line that leaves the "
        "diagonal at once: people of several populations or relatives raise it everywhere, "
        "paralogues and allelic drop-out at its end. The "
        f"{len(names)} least p have a name: rest the pointer on one.",
        worst.select("cohort", "allele", hwe_midp="p"),
        legend=False,
    )
