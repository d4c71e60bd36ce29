"""Numbers of many nights beside each other: small plots, each with a sentence.

They come from the log that is kept. What a night did not know is a gap, never 0.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import polars as pl

from varhouse.nightly.nightlog import LogLine
from varhouse.quantities import plural, size, span
from varhouse.report import svg
from varhouse.report.charts import Figure

NIGHTS = 90
"""Newest nights that are drawn."""

MARKS = 40
"""With more nights a line alone is clearer than one with a mark for each."""

USUAL_NIGHTS = 5
"""From so many nights with work on, one that took twice the median is said to be slow."""

ENDS = ("night", "failed")
"""Events with the numbers of a night."""

Value = float | None


@dataclass(frozen=True)
class Point:
    """A night of the log: its name, when it ended (UTC) and its numbers."""

    night: str
    time: datetime
    numbers: dict[str, Any]

    def get(self, name: str) -> Value:
        """Give a number; None: this night did not know it."""
        value = self.numbers.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number else None


@dataclass(frozen=True)
class Trend:
    """A plot of nights.

    Attributes
    ----------
    name, title
        Of the plot; `name` is unique in the page.
    axis
        What the y axis shows, with its unit.
    lines
        Name in the key to how a night's value is found, in the unit of the axis.
    say
        Makes the sentence under it of the nights, the newest last.
    top
        The axis ends no lower: a single fault is no full scale.
    """

    name: str
    title: str
    axis: str
    lines: dict[str, Callable[[Point], Value]]
    say: Callable[[Sequence[Point]], str]
    top: float = 0


def read_points(lines: Iterable[LogLine]) -> list[Point]:
    """Choose the newest nights of a log, oldest first; a time that is none is left out."""
    found: dict[str, Point] = {}
    for line in lines:
        if line.event not in ENDS or not isinstance(line.numbers, dict):
            continue
        try:
            time = datetime.fromisoformat(line.time)
        except (TypeError, ValueError):
            continue
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        found[line.night] = Point(line.night, time, line.numbers)
    return sorted(found.values(), key=lambda p: p.time)[-NIGHTS:]


def draw_trends(points: Sequence[Point]) -> list[tuple[Figure, dict[str, int]]]:
    """Draw what can be drawn of some nights; gives figures and the style of each line.

    Nothing of a single night, and no plot of what no night knew.
    """
    if len(points) < 2:
        return []
    found = []
    for trend in _trends(points):
        if any(value(p) is not None for value in trend.lines.values() for p in points):
            styles = {name: i for i, name in enumerate(trend.lines)}
            found.append((_draw(trend, points), styles))
    return found


def _draw(trend: Trend, points: Sequence[Point]) -> Figure:
    values = {name: [value(p) for p in points] for name, value in trend.lines.items()}
    largest = max(v for line in values.values() for v in line if v is not None)
    start, end = points[0].time.timestamp(), points[-1].time.timestamp()
    plot = svg.open_plot(
        (start, max(end, start + 1)),
        svg.round_above(max(largest, trend.top)),
        trend.axis,
        "night (UTC)",
        height=200,
    )
    svg.write_x_ticks(plot, [(p.time.timestamp(), f"{p.time:%m-%d}") for p in points])
    for style, line in enumerate(values.values()):
        _draw_line(plot, points, line, style)
    frame = pl.DataFrame(
        {
            "night": [p.night for p in points],
            "ended": [p.time.strftime("%Y-%m-%dT%H:%M:%SZ") for p in points],
            **{name: pl.Series(line, dtype=pl.Float64) for name, line in values.items()},
        }
    )
    sentence = trend.say(points)
    drawing = plot.drawing.render(trend.name, trend.title, sentence)
    return Figure(trend.name, trend.title, drawing, sentence, frame)


def _draw_line(
    plot: svg.Plot, points: Sequence[Point], values: Sequence[Value], style: int
) -> None:
    """Draw a line that is broken where a night knows no value."""
    run: list[tuple[float, float]] = []
    shown = sum(v is not None for v in values)
    for point, value in zip(points, values, strict=True):
        if value is None:
            plot.drawing.curve(run, style)
            run = []
            continue
        x, y = plot.x(point.time.timestamp()), plot.y(value)
        run.append((x, y))
        if shown <= MARKS:
            plot.drawing.mark(x, y, style, f"{point.time:%Y-%m-%d}: {value:,.4g}")
    plot.drawing.curve(run, style)


# --- which trends, and what is said of them ---


def _trends(points: Sequence[Point]) -> tuple[Trend, ...]:
    bytes_of = [v for p in points for n in _DISK for v in [p.get(n)] if v is not None]
    power, unit = _unit(max(bytes_of, default=0))
    seconds = [v for p in points for v in [p.get("seconds")] if v is not None]
    divisor, time = (3600, "hours") if max(seconds, default=0) >= 7200 else (60, "minutes")
    return (
        Trend("people", "People", "people in the store", {"people": _get("n_people")},
              _level("n_people", "people")),
        Trend("alleles", "Alleles", "alleles in the store", {"alleles": _get("n_alleles")},
              _level("n_alleles", "alleles")),
        Trend("faults", "Faults", "faults a night",
              {"new": _get("new_faults"), "known": _get("known_faults")}, _say_faults, top=4),
        Trend("held", "Held back and waiting", "deliveries",
              {"held back": _get("held"), "waiting": _get("waiting")}, _say_held, top=4),
        Trend("rejects", "Rejected", "rejects in 100 records", {"rejects": _rejected},
              _say_rejects),
        Trend("seconds", "Time", f"{time} from start to end",
              {"time": _get("seconds", divisor)}, _say_time),
        Trend("disk", "Disk", f"{unit} of the store's file system",
              {"left": _get("store_free", power),
               "newest release": _get("store_bytes", power)}, _say_disk),
    )  # fmt: skip


_DISK = ("store_free", "store_bytes")


def _unit(value: float) -> tuple[float, str]:
    """Choose the unit that a size is written in, in bytes and by name."""
    name = size(value).rpartition(" ")[2]
    units = {"KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5}
    return 1024.0 ** units.get(name, 0), name


def _get(name: str, divisor: float = 1) -> Callable[[Point], Value]:
    def value(point: Point) -> Value:
        found = point.get(name)
        return None if found is None else found / divisor

    return value


def _known(points: Sequence[Point], value: Callable[[Point], Value]) -> list[float]:
    return [v for p in points for v in [value(p)] if v is not None]


def _rejected(point: Point) -> Value:
    """Give the rejects in 100 records that came; None where none came."""
    records, rejects = point.get("n_records"), point.get("n_rejects")
    return 100 * rejects / records if records and rejects is not None else None


def _level(name: str, noun: str) -> Callable[[Sequence[Point]], str]:
    """Make the sentence of something that grows: now, since the night before, over all."""

    def say(points: Sequence[Point]) -> str:
        now = points[-1].get(name)
        known = _known(points, _get(name))
        text = "Not known this night." if now is None else f"{now:,.0f} {noun} now"
        if now is None or len(known) < 2:
            return text
        return (
            f"{text}, {_signed(now - known[-2])} since the night before, "
            f"{_signed(now - known[0])} over {plural(len(points), 'night')}; a step down "
            "means that a cohort was dropped or replaced by a smaller one."
        )

    return say


def _signed(value: float) -> str:
    return f"{value:+,.0f}" if value else "no change"


def _say_faults(points: Sequence[Point]) -> str:
    new, known = points[-1].get("new_faults"), points[-1].get("known_faults")
    with_new = sum(bool(v) for v in _known(points, _get("new_faults")))
    return (
        f"{_or_not_known(new)} new and {_or_not_known(known)} known this night; "
        f"{with_new:,} of {plural(len(points), 'night')} had a new one. Known faults that "
        "only rise are not seen to."
    )


def _say_held(points: Sequence[Point]) -> str:
    held, waiting = points[-1].get("held"), points[-1].get("waiting")
    return (
        f"{_or_not_known(held)} held back and {_or_not_known(waiting)} without a ready mark "
        "this night; a line that stays up names a deliverer to call."
    )


def _or_not_known(value: Value) -> str:
    return "an unknown number" if value is None else f"{value:,.0f}"


def _say_rejects(points: Sequence[Point]) -> str:
    known = _known(points, _rejected)
    now = _rejected(points[-1])
    usual = f"the median of nights with records is {median(known):.2g}." if known else ""
    if now is None:
        return f"No record came this night; {usual}" if usual else "No record came."
    return (
        f"{now:.2g} in 100 records this night; {usual} A jump means that a deliverer's "
        "pipeline changed."
    )


def _say_time(points: Sequence[Point]) -> str:
    now = points[-1].get("seconds")
    # Nights without work are over at once, and would make any other one look slow.
    usual = _known([p for p in points[:-1] if p.get("n_records")], _get("seconds"))
    if now is None:
        return "Not known this night."
    text = f"{span(now)} this night"
    if not usual:
        return f"{text}."
    text += f"; the median of earlier nights with records is {span(median(usual))}"
    if len(usual) >= USUAL_NIGHTS and now > 2 * median(usual):
        return f"{text}: more than twice that, see the times of the steps (varhouse report)."
    return f"{text}."


def _say_disk(points: Sequence[Point]) -> str:
    left, nights = points[-1].get("store_free"), points[-1].get("nights_left")
    if left is None:
        return "Not known this night."
    text = f"{size(left)} left"
    if nights is None:
        return f"{text}; not enough history to say for how many nights."
    grows = points[-1].get("bytes_a_night")
    rate = f", at {size(grows)} a night" if grows is not None else ""
    return f"{text}: room for about {plural(int(nights), 'night')}{rate}."
