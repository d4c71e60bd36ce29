"""What an ingest may tell anybody of itself: counts, codes, times and versions.

The full account (table `ingests`) quotes lines, samples, files and paths. The public one
(table `accounts`) is made of what is known to be harmless; anything else is left out, so
that a new entry of the account stays inside until it is named here.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from varhouse.tables.schema import INGESTS

_CODE = re.compile(r"\b(?:error|warning) (VH-[A-Z]-\d{3})\b")
_MORE = re.compile(r"\(and ([\d,]+) more like it\)")
_NOTE = re.compile(r"^([\d,]+) x (VH-[A-Z]-\d{3})\b")
_SAFE = (
    (re.compile(r"^([\d,]+) sample\(s\) have no row in the sample sheet"),
     "{0} sample(s) have no row in the sample sheet"),
    (re.compile(r"^files .* share some samples \(.*\) but not all\Z"),
     "two files share some samples but not all"),
    (re.compile(r"^no record lies on a contig of this assembly"),
     "no record lies on a contig of this assembly"),
    (re.compile(r"^([\d,]+) allele\(s\) stand twice"), "{0} allele(s) stand twice"),
    (re.compile(r"^([\d,]+) record\(s\) at fault"), "{0} record(s) at fault"),
    (re.compile(r"^(?:rule|规则) ([A-Z][A-Z0-9-]*): "), "rule {0}"),
)  # fmt: skip
"""Reasons of an ingest that hold no name once the rest is cut off."""

ELSEWHERE = "the reason is in the full report"

_COUNTS = (
    "n_samples", "n_files", "n_records", "n_alleles", "n_split", "n_moved", "n_rejects",
)  # fmt: skip
_FILES = ("came", "replaced", "gone", "kept")
_DIGESTS = ("genes_digest", "reference_digest")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_TABLE = "annotations_"


def public_reason(reason: str) -> str:
    """Give of a reason for holding a cohort back its code and how often, or our own words.

    A reason quotes file names, lines and sample names.
    """
    if code := _CODE.search(reason):
        text = code[1]
        if more := _MORE.search(reason):
            text += f", {int(more[1].replace(',', '')) + 1:,} times"
        return text
    for pattern, words in _SAFE:
        if found := pattern.match(reason):
            return words.format(*found.groups())
    return ELSEWHERE


def public_note(note: str) -> str:
    """Give of a note on a file its code and count; empty if it has none."""
    found = _NOTE.match(note)
    return f"{found[1]} × {found[2]}" if found else ""


def public_account(
    account: Mapping[str, Any], config: Mapping[str, Any], withheld: Iterable[str] = ()
) -> dict[str, Any]:
    """Choose what of the account of an ingest may be given to anybody.

    Parameters
    ----------
    account
        What the ingest tells of itself; may lack any key.
    config
        Its configuration, of which strata and policy are told.
    withheld
        Sources that may not be passed on: not named.
    """
    renewed = account.get("renewed")
    out: dict[str, Any] = {
        "cohorts": [_cohort(c) for c in _dicts(account.get("cohorts")) if "cohort" in c],
        "held_back": [_held(h) for h in _dicts(account.get("held_back")) if "cohort" in h],
        "unchanged": [str(n) for n in account.get("unchanged") or []],
        "stages": [_numbers(s, "stage") for s in _dicts(account.get("stages"))],
        "waiting": [
            {"cohort": str(w.get("cohort")), "n": _whole(w.get("n"))}
            for w in _dicts(account.get("waiting"))
        ],
        "shared_samples": [
            {"cohorts": s.get("cohorts") or [], "n": _whole(s.get("n"))}
            for s in _dicts(account.get("shared_samples"))
        ],
        "sources": [
            {"name": s.get("name"), "version": s.get("version")}
            for s in _dicts(account.get("sources"))
        ],
        "gone": list(account.get("gone") or []),
        "strata": [str(s) for s in config.get("strata") or []],
        "policy": _policy(config.get("policy")),
    }
    if isinstance(renewed, dict):
        out["renewed"] = renewed
    for name in ("new_alleles", "alleles_removed"):
        if name in account:
            out[name] = _whole(account[name])
    for name in (*_DIGESTS, "assembly"):
        if account.get(name):
            out[name] = str(account[name])
    return _without(out, withheld)


def _without(told: dict[str, Any], withheld: Iterable[str]) -> dict[str, Any]:
    """Leave sources out of a public account: they are named in these entries only."""
    names = set(withheld)
    tables = {f"{_TABLE}{name}" for name in names}
    out = dict(told)
    if "sources" in out:
        out["sources"] = [s for s in _dicts(out["sources"]) if s.get("name") not in names]
    if "gone" in out:
        out["gone"] = [t for t in out["gone"] if t not in tables]
    if "renewed" in out:
        out["renewed"] = {t: parts for t, parts in out["renewed"].items() if t not in tables}
    return out


def withhold(text: str, withheld: Iterable[str]) -> str:
    """Leave out of a public account, JSON, the sources that are withheld by now.

    It was written when they may have been public still.
    """
    return json.dumps(_without(parse(text), withheld), ensure_ascii=False)


def public_row(row: Mapping[str, Any], withheld: Iterable[str] = ()) -> dict[str, Any]:
    """Make a row of the table `accounts` of one of `ingests`."""
    kept = {n: row[n] for n in INGESTS.names if n not in ("config", "summary")}
    told = public_account(parse(row["summary"]), parse(row["config"]), withheld)
    return {**kept, "account": json.dumps(told, ensure_ascii=False)}


def parse(text: str) -> dict[str, Any]:
    """Read an account; empty if it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _cohort(c: Mapping[str, Any]) -> dict[str, Any]:
    reasons, grown = c.get("reasons"), c.get("grown")
    grown = grown if isinstance(grown, dict) else {}
    notes = [public_note(str(n)) for n in c.get("notes") or []]
    return {
        "cohort": str(c["cohort"]),
        "replaces": bool(c.get("replaces")),
        **{n: _whole(c[n]) for n in _COUNTS if c.get(n) is not None},
        **({"grown": {n: _whole(grown.get(n)) for n in _FILES}} if grown else {}),
        "reasons": {
            r: _whole(n)
            for r, n in (reasons.items() if isinstance(reasons, dict) else ())
            if _WORD.fullmatch(str(r))
        },
        "notes": [n for n in notes if n],
        "hold": [public_reason(str(r)) for r in c.get("hold") or []],
    }


def _held(h: Mapping[str, Any]) -> dict[str, Any]:
    notes = [public_note(str(n)) for n in h.get("notes") or []]
    return {
        "cohort": str(h["cohort"]),
        "reasons": [public_reason(str(r)) for r in h.get("reasons") or []],
        "notes": [n for n in notes if n],
    }


def _policy(policy: Any) -> dict[str, Any]:
    """Tell the choices of a policy; none is a text of its own."""
    if not isinstance(policy, dict):
        return {}
    return {
        k: v
        for k, v in policy.items()
        if isinstance(v, bool | int | float) or (isinstance(v, str) and _WORD.fullmatch(v))
    }


def _numbers(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    values = {k: v for k, v in found.items() if v is None or isinstance(v, int | float)}
    return {name: str(found.get(name, "")), **values}


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
