"""Plots of people (individual level): sex, contamination, missingness, ancestry, relatives.

Each function takes rows of one cohort and gives a `Figure`, or None where there are too few
people to say anything; the constants say how few.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from varhouse.report import plots
from varhouse.report.charts import Figure
from varhouse.report.peopletables import group_styles, is_flagged, thresholds
from varhouse.report.svg import number, shorten, shorten_middle

LEAST_PEOPLE = 10
"""Fewer people have no usual value from which one of them could stand out."""

LEAST_FOR_SEX = 4
"""With fewer the two groups of a sex plot cannot be seen."""

LEAST_FOR_AXES = 20
"""With fewer, axes of ancestry show single people and families."""

WITH_SAMPLES = ("samples-data", "data: with the table of samples")

CONTIGS = 40
"""Contigs drawn, the first of the assembly."""

FEW_CONTIGS = 8
"""Up to so many fit beside other plots."""

HOVERED = 1_500
"""Up to so many people of a plot each has a hover text; of more only those who stand out."""

NAMED = 5
"""People who stand out are named in a plot, at most."""

SEXES = {"female": 1, "male": 0, "unknown": -1}
CALLED_SEXES = {"XX": 0, "XY": 1, "other": 2}
"""Style of each: the colour of the sheet, the shape of the calls."""


def _text(value: float | None, unit: str = "") -> str:
    return f"{number(value, 4)}{unit}"


def _arrays(frame: pl.DataFrame, *columns: str) -> list[np.ndarray]:
    return [frame[c].cast(pl.Float64).to_numpy() for c in columns]


def _draw(
    axes: object,
    frame: pl.DataFrame,
    columns: tuple[str, str],
    style: int,
    told: dict[str, Sequence[str]],
    *,
    total: int,
) -> None:
    """Draw `columns` of people, with the texts of column `tip`; of very many without.

    `stands_out` says who keeps a text.
    """
    parts = [(frame, total <= HOVERED)]
    if total > HOVERED:
        parts = [(frame.filter(~pl.col("stands_out")), False)]
        parts.append((frame.filter("stands_out").head(HOVERED), True))
    for part, has_tips in parts:
        x, y = _arrays(part, *columns)
        plots.draw_points(axes, x, y, style, part["tip"].to_list() if has_tips else None, told)


def _name(axes: object, frame: pl.DataFrame, columns: tuple[str, str]) -> None:
    """Ring who stands out, and write the first few names where they do not overlap."""
    out = frame.filter("stands_out")
    x, y = _arrays(out, *columns)
    plots.draw_rings(axes, x, y)
    plots.draw_names(axes, x, y, [shorten_middle(s, 16) for s in out["sample"]], NAMED)


def sex_plot(mine: pl.DataFrame, cohort: str, name: str) -> Figure | None:
    """Draw F of X against calls on Y, by sex in the sheet and by calls."""
    y_share = pl.when(pl.col("n_y") > 0).then(100 * pl.col("n_y_called") / pl.col("n_y"))
    frame = mine.with_columns(
        x=pl.col("x_f"),
        y=y_share,
        sex=pl.col("sex").fill_null("unknown"),
        call=pl.col("sex_by_calls").fill_null("none"),
        stands_out=is_flagged(mine, "sex_by_calls"),
    ).filter(pl.col("x").is_not_null())
    if frame.height < LEAST_FOR_SEX:
        return None
    has_y = frame["y"].null_count() < frame.height
    if not has_y:
        # Without SNVs on Y people are spread in their order.
        frame = frame.with_columns(y=pl.col("ordinal").cast(pl.Float64))
    frame = frame.filter(pl.col("y").is_not_null()).with_columns(
        tip=pl.format(
            "{}: sheet {}, calls {}; F of X {}, heterozygous {} of {}, Y called {} of {}",
            "sample", "sex", "call", pl.col("x_f").round(3), "n_x_het", "n_x_nonref",
            "n_y_called",
            "n_y",
        )
    )  # fmt: skip
    told: dict[str, Sequence[str]] = {}
    shown: dict[str, int] = {}
    with plots.canvas() as (figure, axes):
        for (sex, call), group in sorted(frame.group_by("sex", "call")):
            shape = CALLED_SEXES.get(str(call), 3)
            style = SEXES.get(str(sex), -1)
            style = style + plots.COLOURS * shape if style >= 0 else -1 - shape
            shown[f"{sex} in the sheet, {_called(str(call))}"] = style
            _draw(axes, group, ("x", "y"), style, told, total=frame.height)
        _name(axes, frame, ("x", "y"))
        axes.set_xlabel("F of X: about 0 with two X, 1 with one")
        axes.set_ylabel("called SNVs of Y, %" if has_y else "number in the cohort")
        n_out = int(frame["stands_out"].sum())
        about = f"{frame.height:,} people, {n_out:,} not as the sheet says, or unclear"
        drawing = plots.finish(figure, name, f"Sex by calls of {cohort}", about, told)
    untold = mine.height - frame.height
    few = f" {untold:,} more have too few calls on X." if untold else ""
    without = (
        few
        if has_y
        else few + " No SNV of Y is known: the height is the number of the person."
    )
    return Figure(
        name,
        f"{cohort}: sex by calls",
        drawing + plots.key(shown),
        "Look for people in the other cloud than their colour: a swap, or a slip of the "
        "sheet. One between the clouds: contamination, or another number of X and Y. Outside "
        f"the pseudo-autosomal regions. {about}.{without}",
        None,
        legend=False,
        saved_in=WITH_SAMPLES,
    )


def _called(call: str) -> str:
    return "no call of sex" if call == "none" else f"{call} by calls"


def ranked_plot(
    mine: pl.DataFrame, cohort: str, name: str, column: str, words: Mapping[str, str]
) -> Figure | None:
    """Draw a share of each person, from the least to the greatest, with its threshold.

    Parameters
    ----------
    column
        Of `sample_qc`; drawn in per cent, `call_rate` as what is missing.
    words
        `title`, `axis` and `look_for`.
    """
    value = 100 * (1 - pl.col(column) if column == "call_rate" else pl.col(column))
    flagged = is_flagged(mine, column)
    frame = (
        mine.with_columns(y=value, stands_out=flagged)
        .filter(pl.col("y").is_not_null())
        .sort("y", "ordinal")
        .with_row_index("x", offset=1)
        .with_columns(
            tip=pl.format("{}: {} %", "sample", pl.col("y").round_sig_figs(4)),
            x=pl.col("x").cast(pl.Float64),
        )
    )
    if frame.height < LEAST_PEOPLE:
        return None
    limits = thresholds(mine, column)
    told: dict[str, Sequence[str]] = {}
    with plots.canvas() as (figure, axes):
        _draw(axes, frame, ("x", "y"), 0, told, total=frame.height)
        _name(axes, frame.reverse(), ("x", "y"))
        for limit in limits:
            shown = 100 * (1 - limit if column == "call_rate" else limit)
            plots.draw_threshold(axes, shown, f"threshold {shown:.4g} %")
        axes.set_xlabel("people, by rank")
        axes.set_ylabel(words["axis"])
        axes.set_ylim(0, None if float(frame["y"].max() or 0) > 0 or limits else 1)  # type: ignore[arg-type]
        n_out = int(frame["stands_out"].sum())
        middle = frame["y"].median()
        about = (
            f"{frame.height:,} people, median {_text(float(middle or 0), ' %')}, "  # type: ignore[arg-type]
            f"{n_out:,} flagged"
        )
        drawing = plots.finish(figure, name, f"{words['title']} of {cohort}", about, told)
    return Figure(
        name, f"{cohort}: {words['title']}", drawing, f"{words['look_for']} {about}.", None,
        legend=False, saved_in=WITH_SAMPLES,
    )  # fmt: skip


def is_complete(rows: pl.DataFrame) -> bool:
    """Tell whether people lack none of the genotypes that rows count."""
    return bool((rows["n_called"] == rows["n_genotypes"]).all())


def contigs_plot(
    rows: pl.DataFrame, order: Sequence[str], cohort: str, name: str
) -> Figure | None:
    """Draw for each contig what share of its genotypes people lack: middle half, 5 to 95 %."""
    share = 100 * (1 - pl.col("n_called") / pl.col("n_genotypes"))
    values = rows.filter(pl.col("n_genotypes") > 0).with_columns(v=share)
    if values["ordinal"].n_unique() < LEAST_PEOPLE or is_complete(rows):
        return None
    quantiles = {f"q{q}": pl.col("v").quantile(q / 100) for q in (5, 25, 50, 75, 95)}
    boxes = values.group_by("contig").agg(n=pl.len(), **quantiles)
    rank = {c: i for i, c in enumerate(order)}
    boxes = boxes.sort(pl.col("contig").replace_strict(rank, default=len(rank)), "contig")
    boxes = boxes.head(CONTIGS)
    is_wide = boxes.height > FEW_CONTIGS
    sizes = [(400, "narrow"), (900, "wide")] if is_wide else [(400, "")]
    drawing = "".join(_boxes(boxes, cohort, name, width, kind) for width, kind in sizes)
    return Figure(
        name,
        f"{cohort}: not called, by contig",
        drawing,
        "Look for a contig on which many people lack genotypes: a piece that failed, another "
        "capture, or Y of women. Bars hold the middle half of the people, lines 5 to 95 %, "
        "the stroke is the median.",
        boxes.with_columns(cohort=pl.lit(cohort)),
        legend=False,
        wide=is_wide,
    )


def _boxes(boxes: pl.DataFrame, cohort: str, name: str, width: float, kind: str) -> str:
    places = np.arange(boxes.height)
    low, first, middle, third, high = _arrays(boxes, "q5", "q25", "q50", "q75", "q95")
    with plots.canvas(width, 250) as (figure, axes):
        axes.vlines(places, low, high, color=plots.colour("soft"), linewidth=1.2)
        axes.bar(places, third - first, 0.6, bottom=first, color=plots.colour(0))
        axes.hlines(
            middle, places - 0.38, places + 0.38, color=plots.colour("ink"), linewidth=2
        )
        labels = [shorten(c.removeprefix("chr"), 7) for c in boxes["contig"]]
        # A letter is at most 8 units wide.
        turn = 90 if 8 * max(map(len, labels)) > (width - 60) / len(labels) else 0
        axes.set_xticks(places, labels, rotation=turn)
        axes.set_ylabel("not called, % of genotypes")
        axes.set_ylim(0, None if high.max() > 0 else 1)
        axes.grid(visible=False, axis="x")
        told = boxes.select("contig", "q50").rows()
        return plots.finish(
            figure,
            f"{name}-{kind}" if kind else name,
            f"Genotypes not called in {cohort} by contig",
            "; ".join(f"{c}: median {_text(m, ' %')}" for c, m in told),
            kind=kind,
        )


def axes_plot(
    mine: pl.DataFrame, cohort: str, name: str, first: int, variance: Mapping[int, float]
) -> Figure | None:
    """Draw people on axes `first` and `first + 1`, coloured by column `group`."""
    placed = mine.filter(pl.col("scores").list.len() > first)
    if placed.height < LEAST_FOR_AXES:
        return None
    frame = placed.with_columns(
        x=pl.col("scores").list.get(first - 1),
        y=pl.col("scores").list.get(first),
        stands_out=pl.col("outlier").fill_null(value=False),
        far=pl.when("outlier").then(pl.format(", far from its own; nearest {}",
                                              pl.col("nearest").fill_null("unknown")))
        .otherwise(pl.lit("")),
    ).with_columns(tip=pl.format("{}: {}{}", "sample", "group", "far"))  # fmt: skip
    styles = group_styles(frame["group"])
    told: dict[str, Sequence[str]] = {}
    with plots.canvas(400, 330) as (figure, axes):
        # Grey ones lie below the groups, the largest group below the others.
        size = dict(frame.group_by("group").len().rows())
        for group in sorted(styles, key=lambda g: (styles[g] >= 0, -size[g], g)):
            own = frame.filter(pl.col("group") == group)
            _draw(axes, own, ("x", "y"), styles[group], told, total=frame.height)
        x, y = _arrays(frame.filter("stands_out"), "x", "y")
        plots.draw_rings(axes, x, y)
        axes.set_xlabel(_axis(first, variance))
        axes.set_ylabel(_axis(first + 1, variance))
        about = f"{frame.height:,} people, " + _far(frame, len(x))
        drawing = plots.finish(
            figure, name, f"{cohort} on axes {first} and {first + 1} of ancestry", about, told
        )
    own = frame["axes"][0] == cohort
    whose = "" if own else f" The axes are those of {frame['axes'][0]}."
    return Figure(
        name,
        f"{cohort}: axes {first} and {first + 1}",
        drawing + plots.key(styles),
        "Look for people away from those of their colour: a swap, a slip of the sheet, or "
        f"ancestors of two populations; rings mark them. {about}.{whose}",
        None,
        legend=False,
        saved_in=("ancestry-data", "data: with all axes"),
    )


def _far(frame: pl.DataFrame, n_far: int) -> str:
    if frame["outlier"].null_count() == frame.height:
        return "not known how far from their population: too few SNVs, or too few people of it"
    return f"{n_far:,} far from their population"


def _axis(number_: int, variance: Mapping[int, float]) -> str:
    share = variance.get(number_)
    return f"axis {number_}" + (f" ({100 * share:.2g} % of the variance)" if share else "")


def scree_plot(axes_rows: pl.DataFrame, cohort: str, name: str) -> Figure | None:
    """Draw the share of the variance along each axis."""
    if axes_rows.height < 2:
        return None
    with plots.canvas(400, 270) as (figure, axes):
        numbers, share = _arrays(
            axes_rows.with_columns(v=100 * pl.col("variance")), "axis", "v"
        )
        real = axes_rows["significant"].to_numpy()
        made = {"more than chance makes": 0} if real.any() else {}
        made |= {} if real.all() else {"no more than chance makes": -2}
        shown = [plots.colour(0 if r else "soft") for r in real]
        axes.bar(numbers, share, 0.7, color=shown)
        axes.set_xticks(numbers, [f"{n:.0f}" for n in numbers])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("axis")
        axes.set_ylabel("share of the variance, %")
        drawing = plots.finish(
            figure, name, f"Variance along the axes of {cohort}",
            "; ".join(f"axis {n:.0f}: {_text(s, ' %')}"
                      for n, s in zip(numbers, share, strict=True)),
        )  # fmt: skip
    return Figure(
        name,
        f"{cohort}: variance along the axes",
        drawing + plots.key(made),
        "Look for the bend: axes behind it say little of populations and more of families, "
        "batches and long stretches of linkage. Chance is judged by Tracy and Widom; "
        "distances from a population go by the axes that are more.",
        axes_rows.select("cohort", "axis", "eigenvalue", "variance", "significant"),
        legend=False,
    )
