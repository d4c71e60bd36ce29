"""Plots of relatives (individual level): kinship against IBS0, and families as a grid."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from varhouse.report import plots
from varhouse.report.charts import Figure
from varhouse.report.peopleplots import HOVERED
from varhouse.report.svg import shorten_middle

RELATIONS = {
    "duplicate_or_twin": 1, "parent_child": 0, "siblings": 2, "first_degree": 5,
    "second_degree": 3, "third_degree": 4, "unrelated": -1,
}  # fmt: skip
"""Relation to its style."""

BETWEEN = (0.354, 0.177, 0.0884, 0.0442)
"""Kinship between the degrees: 2^-1.5, 2^-2.5, ... (Manichaikul et al., Bioinformatics 2010,
26:2867)."""

WITH_PAIRS = ("pairs-data", "data: with the list of pairs")

GRID = 60
"""People in the grid of families, at most."""


def words_of(relation: str) -> str:
    """Write a relation for people."""
    return "parent and child" if relation == "parent_child" else relation.replace("_", " ")


def kinship_plot(related: pl.DataFrame, cohort: str, name: str) -> Figure | None:
    """Draw the pairs of table `related` of a cohort: kinship against IBS0."""
    frame = related.filter(
        pl.col("kinship").is_not_null(), pl.col("ibs0").is_not_null()
    ).with_columns(
        x=100 * pl.col("ibs0"),
        wrong=~pl.col("agrees").fill_null(value=True),
        tip=pl.format(
            "{} and {}: kinship {}, IBS0 {} %, {} by the calls, {} in the sheet",
            "sample_1", "sample_2", pl.col("kinship").round(4),
            (100 * pl.col("ibs0")).round(3), "relation",
            pl.col("in_sheet").fill_null("nothing"),
        ).str.replace_all("_", " "),
    )  # fmt: skip
    if frame.is_empty():
        return None
    told: dict[str, Sequence[str]] = {}
    shown = {r: s for r, s in RELATIONS.items() if r in set(frame["relation"])}
    with plots.canvas(400, 330) as (figure, axes):
        for value in BETWEEN:
            axes.axhline(
                value, color=plots.colour("soft"), linewidth=0.8, linestyle=(0, (4, 3))
            )
        for relation, style in reversed(shown.items()):
            own = frame.filter(pl.col("relation") == relation)
            tips = own["tip"].to_list() if frame.height <= HOVERED else None
            x, y = (own[c].to_numpy() for c in ("x", "kinship"))
            plots.draw_points(axes, x, y, style, tips, told)
        wrong = frame.filter("wrong")
        x, y = (wrong[c].to_numpy() for c in ("x", "kinship"))
        plots.draw_rings(axes, x, y)
        axes.set_xlabel("SNVs without a common allele (IBS0), %")
        axes.set_ylabel("kinship (KING-robust)")
        axes.set_xlim(left=0)
        axes.set_ylim(top=max(0.52, float(frame["kinship"].max() or 0) * 1.05))  # type: ignore[arg-type]
        about = f"{frame.height:,} pairs, {wrong.height:,} not as the sheet says"
        drawing = plots.finish(figure, name, f"Related pairs of {cohort}", about, told)
    return Figure(
        name,
        f"{cohort}: related pairs",
        drawing + plots.key({words_of(r): s for r, s in shown.items()}),
        f"Look for rings: pairs whose relation the sheet tells otherwise. Dashed lines part "
        f"the degrees; parents and children have no IBS0, siblings some. {about}.",
        None,
        legend=False,
        saved_in=WITH_PAIRS,
    )


def families(related: pl.DataFrame) -> list[list[int]]:
    """Give the families of a cohort: people joined by pairs of a known degree.

    Returns
    -------
    list of list of int
        Ordinals, ascending; the largest family first, then by its first person.
    """
    family: dict[int, list[int]] = {}
    pairs = related.filter(pl.col("degree").is_not_null()).select("ordinal_1", "ordinal_2")
    for a, b in pairs.rows():
        one, other = family.get(a, [a]), family.get(b, [b])
        if one is other:
            continue
        both = one + other
        for person in both:
            family[person] = both
    unique = {id(f): sorted(f) for f in family.values()}
    return sorted(unique.values(), key=lambda f: (-len(f), f))


def family_plot(related: pl.DataFrame, cohort: str, name: str) -> Figure | None:
    """Draw the kinship of the people of families as a grid, of three people or more."""
    found = families(related)
    chosen: list[int] = []
    for family in found:
        if len(chosen) + len(family) <= GRID:
            chosen += family
    if len(chosen) < 3:
        return None
    place = {person: i for i, person in enumerate(chosen)}
    both = related.filter(
        pl.col("ordinal_1").is_in(chosen),
        pl.col("ordinal_2").is_in(chosen),
        pl.col("kinship").is_not_null(),
    )
    names = dict(both.select("ordinal_1", "sample_1").rows())
    names |= dict(both.select("ordinal_2", "sample_2").rows())
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    cells, shades, tips = [], [], []
    columns = ("ordinal_1", "ordinal_2", "kinship", "relation", "in_sheet", "agrees")
    edges = []
    for a, b, kinship, relation, sheet, agrees in both.select(columns).rows():
        x, y = sorted((place[a], place[b]))
        cells.append(corners + np.array((x, y)))
        shades.append(min(max(kinship, 0.02) / 0.4, 1.0))
        edges.append("warn" if agrees is False else "paper")
        told = "" if sheet is None else f", {words_of(sheet)} in the sheet"
        tips.append(
            f"{names[a]} and {names[b]}: kinship {kinship:.4f}, {words_of(relation)}{told}"
        )
    with plots.canvas(400, 400) as (figure, axes):
        from matplotlib.collections import PolyCollection  # noqa: PLC0415
        from matplotlib.colors import to_rgba  # noqa: PLC0415

        axes.add_collection(
            PolyCollection(
                cells, facecolors=[to_rgba(plots.colour(0), 0.2 + 0.8 * s) for s in shades],
                edgecolors=[plots.colour(e) for e in edges],
                linewidths=[1.6 if e == "warn" else 0.5 for e in edges], gid="pairs",
                clip_on=False,
            )
        )  # fmt: skip
        n = len(chosen)
        axes.set(xlim=(0, n * 1.25), ylim=(n, 0), aspect="equal")
        size = max(5.0, min(10.5, 300 / n))
        # Names on the diagonal are those of their row and of their column.
        for i, person in enumerate(chosen):
            axes.text(i + 0.15, i + 0.5, shorten_middle(names[person], 14), fontsize=size,
                      ha="left", va="center", clip_on=False)  # fmt: skip
        axes.set_axis_off()
        at = 0
        for family in found:
            if set(family) <= place.keys():
                at += len(family)
                if at < n:
                    axes.plot((0, at), (at, at), color=plots.colour("rule"), linewidth=0.8)
        about = f"{len(chosen):,} people of {sum(map(len, found)):,} with relatives"
        drawing = plots.finish(
            figure, name, f"Kinship in the families of {cohort}", about, {"pairs": tips}
        )
    return Figure(
        name,
        f"{cohort}: families",
        drawing,
        "A square is the pair of the name at its row's end and the name over its column; "
        f"fuller colour is nearer kin. Framed ones are not as the sheet says. {about}.",
        None,
        legend=False,
        saved_in=WITH_PAIRS,
    )
