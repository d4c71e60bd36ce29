"""Which day it is, where permits count.

A permit, an embargo, a grant end with their last day at the place of who gave them. UTC is on
another day for a part of each: in China for eight hours after midnight. So every gate asks
here. A store counts days at UTC+08:00, as all of China does (there is no summer time), unless
its ledger says another place (kind `days`, field `zone`). Times in logs stay UTC.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from varhouse.governance.fields import Form, FormError, clean
from varhouse.language import Text

CHINA = timezone(timedelta(hours=8), "+08:00")
"""Days of a store whose ledger names no other place: Beijing time, also without tzdata."""

_FIXED: dict[str, tzinfo] = {
    **dict.fromkeys(("asia/shanghai", "asia/chongqing", "asia/urumqi", "prc"), CHINA),
    **dict.fromkeys(("utc", "gmt", "etc/utc", "z"), UTC),
}
"""Names that need no tzdata. The legal time is the same in all of China."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_MOST = timedelta(hours=14)
"""No place is farther from UTC."""

_NO_ZONE = Text(
    "{value!r} is no place or offset by which days are counted; fix: an offset from UTC as "
    "+08:00, or a name as Europe/London (which needs the tzdata of the machine)",
    "{value!r} 不是可用的时区;请写与 UTC 的时差,例如 +08:00,或时区名称,"
    "例如 Europe/London (需要本机装有 tzdata)",
)


def read_zone(value: str) -> str:
    """Take what says by which days is counted: `+08:00`, `UTC+8`, `UTC`, `Europe/London`.

    Raises
    ------
    FormError
        If it is none, or this machine does not know it.
    """
    text = clean(value)
    _zone(text)
    return text


def _zone(text: str) -> tzinfo:
    if known := _FIXED.get(text.casefold()):
        return known
    if found := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if offset <= _MOST:
            return timezone(-offset if found[1] == "-" else offset)
    try:
        # Without a slash there are names of no place, such as EST: two of them differ by land.
        if "/" in text:
            return ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        # Not known here, a folder, or no name at all.
        pass
    raise FormError(_NO_ZONE, value=text)


ZONE = Form(Text("offset from UTC, as +08:00", "与 UTC 的时差,如 +08:00"), read_zone)


def zone_of(text: str | None) -> tzinfo:
    """Give the zone that a ledger names; None: it names none.

    Raises
    ------
    FormError
        If this machine does not know it: no day is guessed.
    """
    return CHINA if text is None else _zone(text)


def day_of(time: datetime | str, zone: tzinfo = CHINA) -> date:
    """Give the day of a time, at a place.

    Parameters
    ----------
    time
        With its offset, or of UTC; as text ISO 8601, as logs and records have it.
    """
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone).date()


def now() -> datetime:
    """Give the time of the clock, UTC."""
    return datetime.now(UTC)


def today(zone: tzinfo = CHINA) -> date:
    """Give the day of today, at a place."""
    return day_of(now(), zone)
