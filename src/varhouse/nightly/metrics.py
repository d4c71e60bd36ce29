"""The numbers of a night for Prometheus, as the textfile collector of its node exporter reads.

Names follow its conventions (base units, the unit at the end). What is not known is left
out, never 0: `absent()` finds it.
"""

import calendar
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from varhouse.nightly.account import FAULT_KINDS, Night
from varhouse.nightly.trends import Point

_NIGHT = "varhouse_nightly_"

WENT_WELL = (0, 3)
"""Exit codes of nights that did not fail: something was held back, or nothing."""

Sample = tuple[dict[str, str], float | int | None]


@dataclass(frozen=True)
class Gauge:
    """A metric: its name, what it says, and its samples."""

    name: str
    help: str
    samples: list[Sample]


def make_metrics(night: Night, points: Sequence[Point]) -> str:
    """Make the text of the metrics of a night.

    Parameters
    ----------
    points
        Earlier nights of the log: when the last one went well.
    """
    out = []
    for gauge in _gauges(night, points):
        known = [(labels, value) for labels, value in gauge.samples if value is not None]
        if not known:
            continue
        out.append(f"# HELP {gauge.name} {_escape(gauge.help, quotes=False)}")
        out.append(f"# TYPE {gauge.name} gauge")
        for labels, value in known:
            # Several warehouses may write into one folder of a collector.
            pairs = {"store": night.store, **labels}
            inner = ",".join(f'{k}="{_escape(v)}"' for k, v in pairs.items())
            out.append(f"{gauge.name}{{{inner}}} {_number(value)}")
    return "\n".join(out) + "\n"


_OF_NIGHT: dict[str, tuple[str, Callable[[Night], float | int | None]]] = {
    "nightly_start_timestamp_seconds": (
        "When the last night began.", lambda n: _seconds(n.started)),
    "nightly_end_timestamp_seconds": (
        "When the last night ended.", lambda n: _seconds(n.finished)),
    "nightly_exit_code": (
        "What the last night ended with: 0, 3 with new faults, 1 failed.",
        lambda n: n.exit_code),
    "nightly_duration_seconds": ("Time of the last night.", lambda n: n.seconds),
    "nightly_cpu_seconds": ("CPU time of the last night.", lambda n: n.cpu_seconds),
    "nightly_peak_memory_bytes": (
        "Most memory of one process of the last night.",
        lambda n: None if n.peak_mb is None else round(n.peak_mb * 2**20)),
    "nightly_new_alleles": ("Alleles that the last night brought.", lambda n: n.new_alleles),
    "nightly_records": (
        "Records of what came in the last night.",
        lambda n: sum(c.n_records for c in n.cohorts)),
    "nightly_rejects": (
        "Records or alleles of it that were rejected.",
        lambda n: sum(c.n_rejects for c in n.cohorts)),
    "nightly_oldest_fault_nights": (
        "Nights that have the fault that is there longest; 0 without faults.",
        lambda n: max((f.nights for f in n.faults), default=0)),
    "nightly_folder_free_bytes": (
        "Left on the file system of deliveries.", lambda n: n.disk.folder_free),
    "nightly_accepted_bytes": (
        "Deliveries that were accepted.", lambda n: n.disk.accepted_bytes),
    "nightly_held_bytes": ("Deliveries that are held back.", lambda n: n.disk.held_bytes),
    "store_release": (
        "Number of the newest release.",
        lambda n: n.release or n.recorded_in or n.base_release),
    "store_cohorts": ("Cohorts in the newest release.", lambda n: n.n_cohorts),
    "store_people": ("People in the newest release.", lambda n: n.n_people),
    "store_alleles": ("Alleles in the newest release.", lambda n: n.n_alleles),
    "store_size_bytes": ("Files of the newest release.", lambda n: n.disk.store_bytes),
    "store_free_bytes": (
        "Left on the file system of the store.", lambda n: n.disk.store_free),
    "store_nightly_growth_bytes": (
        "Growth of the store in a night, a mean.", lambda n: n.disk.bytes_a_night),
    "store_full_nights": (
        "Nights until the file system of the store is full.", lambda n: n.disk.nights_left),
}  # fmt: skip
"""Metrics of one number: name, what it says, how it is found."""


def _gauges(night: Night, points: Sequence[Point]) -> Iterator[Gauge]:
    info: dict[str, str] = {"version": night.software, "host": night.host}
    yield Gauge(f"{_NIGHT}info", "Version and host of the last night.", [(info, 1)])
    yield Gauge(
        f"{_NIGHT}success_timestamp_seconds",
        "When the last night ended that did not fail.",
        [({}, _last_success(night, points))],
    )
    yield Gauge(
        f"{_NIGHT}deliveries",
        "Deliveries that the last night met, by outcome.",
        [({"outcome": name}, n) for name, n in night.count_outcomes().items()],
    )
    yield _faults(night)
    for name, (text, value) in _OF_NIGHT.items():
        yield Gauge(f"varhouse_{name}", text, [({}, value(night))])


def _faults(night: Night) -> Gauge:
    counts = {(s, k): 0 for s in ("new", "known") for k in FAULT_KINDS}
    for fault in night.faults:
        key = ("new" if fault.new else "known", fault.kind)
        counts[key] = counts.get(key, 0) + 1
    return Gauge(
        f"{_NIGHT}faults",
        "Faults: new ones, and known ones that are still there.",
        [({"state": state, "kind": kind}, n) for (state, kind), n in counts.items()],
    )


def _last_success(night: Night, points: Sequence[Point]) -> int | None:
    if night.exit_code in WENT_WELL:
        return _seconds(night.finished)
    times = [int(p.time.timestamp()) for p in points if p.get("exit_code") in WENT_WELL]
    return max(times, default=None)


def _seconds(text: str) -> int | None:
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None


def _number(value: float) -> str:
    """Write a number so that none of its digits is lost."""
    return repr(value) if isinstance(value, float) else str(value)


def _escape(text: str, *, quotes: bool = True) -> str:
    """Escape a text of the exposition format; what is no Unicode is marked."""
    text = text.encode(errors="replace").decode().replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
