"""What a delivery says of itself: `delivery.yaml`, of which nothing is trusted."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import InputError
from varhouse.ingest.setup.config_form import dates_as_text, form_problems
from varhouse.ingest.setup.sheets import METADATA, check_cohorts
from varhouse.nightly.delivery import Found, is_cell, is_text, one_line
from varhouse.sheettable import Sheet
from varhouse.yamltext import read_yaml

MANIFEST = "delivery.yaml"

MANIFEST_BYTES = 1 << 20

LONGEST_NAME = 100
"""Letters of a key of a manifest at most."""

_LAID_OUT = str.maketrans("\n\t", "  ")


def read_manifest(found: Found, now: datetime) -> str:
    """Read `delivery.yaml` into `found.said`; gives its date, empty where there is none."""
    file = found.folder / MANIFEST
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            found.add([f"{MANIFEST}: not a file"], "the manifest is no file")
            return ""
        if file.stat().st_size > MANIFEST_BYTES:
            found.add(
                [f"{MANIFEST}: more than {MANIFEST_BYTES:,} bytes"], "manifest too large"
            )
            return ""
        raw = dates_as_text(read_yaml(file))
    except FileNotFoundError:
        found.add(
            [f"no {MANIFEST}; fix: a text file with the lines `cohort: NAME` and `date: "
             "2026-11-28`"],
            "there is no manifest",
        )  # fmt: skip
        return ""
    except InputError as error:
        found.add([one_line(error)], "the manifest is no YAML")
        return ""
    problems = form_problems(raw, "delivery")
    if isinstance(raw, dict):
        odd = {k: _odd_texts(k, v) for k, v in raw.items()}
        problems += [text for texts in odd.values() for text in texts]
        found.said = {k: v for k, v in raw.items() if not odd[k]}
    if not problems:
        row = {k: [str(raw[k])] for k in ("cohort", *METADATA) if raw.get(k) is not None}
        frame = pl.DataFrame({**row, "files": ["-"], "line": [1]})
        problems = check_cohorts(Sheet(Path(MANIFEST), frame)).problems
    found.add(
        (f"{MANIFEST}: {p.removeprefix(f'{MANIFEST}:1: ')}" for p in problems),
        "the manifest has mistakes",
    )
    return _check_date(found, raw.get("date"), now) if isinstance(raw, dict) else ""


def _odd_texts(key: Any, value: Any) -> list[str]:
    """Say what of a key and its value can stand in no sheet and in no account."""
    if not isinstance(key, str) or not is_text(key) or len(key) > LONGEST_NAME:
        return [f"key {key!r}: no key of a manifest"]
    if isinstance(value, dict):
        return [
            f"{key}: {name!r} is no name of a file; fix: in quotes, as in the list of sums"
            for name in value
            if not isinstance(name, str) or not is_text(name)
        ]
    if not isinstance(value, str):
        # An integer of 5,000 digits is a text that Python does not make.
        whole = not isinstance(value, int) or abs(value) < 1 << 63
        return [] if whole else [f"{key}: a number of more than 18 digits"]
    # A note has lines: nothing reads it.
    if is_cell(value.translate(_LAID_OUT) if key == "note" else value):
        return []
    return [
        f"{key}: {value!r} holds a tab, a line end or letters that cannot be shown; fix: "
        "write it as one line of plain text"
    ]


def _check_date(found: Found, said: Any, now: datetime) -> str:
    if not isinstance(said, str):
        return ""
    date = read_date(said)
    if date is None:
        found.add([f"{MANIFEST}: date {said!r} is no date (2026-11-28)"], "its date is none")
        return ""
    if date > (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"):
        found.add(
            [f"{MANIFEST}: date {said} lies in the future: later "
             "deliveries would count as older; fix: correct it"],
            "its date lies in the future",
        )  # fmt: skip
    return date


def read_date(text: str) -> str | None:
    """Read an ISO date, with a time or without, as `2026-11-28T15:00:00`; None: it is none.

    One with an offset from UTC becomes UTC.
    """
    try:
        date = datetime.fromisoformat(text.strip())
        if date.tzinfo is not None:
            date = date.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        # In UTC the first hours of year 1 are in year 0, which is none.
        return None
    return date.replace(microsecond=0).isoformat()
