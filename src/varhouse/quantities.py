"""Bytes and times as people write them; machines get plain numbers of bytes and seconds."""

import math
from datetime import datetime

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def size(value: float) -> str:
    """Write bytes in the unit that fits, a power of 1024."""
    if value < 1024:
        return f"{value:.0f} bytes"
    power = min(int(math.log2(value) // 10), len(_UNITS))
    return f"{value / 1024**power:,.1f} {_UNITS[power - 1]}"


def span(seconds: float) -> str:
    """Write a time as people say it: `2 h 11 min`; less than none (a clock is wrong) is 0."""
    seconds = max(seconds, 0)
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24:,} days"


def plural(n: int, noun: str) -> str:
    """Write a count with its noun: `1 cohort`, `2 cohorts`, `3 deliveries`, `2 people`."""
    if n == 1:
        return f"1 {noun}"
    if noun == "person":
        return f"{n:,} people"
    return f"{n:,} {noun[:-1]}ies" if noun.endswith("y") else f"{n:,} {noun}s"


def seconds_between(before: str, after: str) -> float:
    """Give the seconds between two times, ISO 8601."""
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
