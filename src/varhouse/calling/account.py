"""The account of a call, for people."""

import shlex
from pathlib import Path
from typing import Any, TextIO

from varhouse.masking import say


def print_call(account: dict[str, Any], out: TextIO, *, is_last: bool = True) -> None:
    """Print what became of everybody, what is odd, and what to do next.

    Parameters
    ----------
    is_last
        False: the ingest follows at once.
    """
    people = account["people"]
    width = max((len(p["sample"]) for p in people), default=0)
    for p in people:
        if p["state"] == "unchanged" and not p["flags"]:
            continue
        say(f"{p['state']:<10} {p['sample']:<{width}}  {_figures(p)}", out)
        for flag in p["flags"]:
            say(f"           {'':<{width}}  note: {flag['words']}", out)
    unchanged = sum(p["state"] == "unchanged" for p in people)
    if unchanged:
        say(f"unchanged  {unchanged:,} of {len(people):,}", out)
    if account.get("dry_run"):
        say(f"would need {account['needs']}", out)
        say("dry run    nothing was written; all reads were read and checked", out)
        return
    if account.get("up_to_date"):
        say(f"nothing to do: all in {account['folder']} is up to date", out)
        return
    _print_costs(account, out)
    folder = Path(account["folder"])
    say(f"results    {folder}", out)
    if (folder / "report.html").exists():
        say(f"page       {folder / 'report.html'}", out)
    if is_last:
        say(f"next       varhouse ingest STORE --config {shlex.quote(account['config'])}", out)


def _figures(person: dict[str, Any]) -> str:
    if person.get("bases") is not None:
        # Of files of calls no reads are known.
        read = "" if person["start"] == "gvcf" else f"{_amount(person['bases'])}, "
        return f"({person['cohort']}; {read}from {person['start']})"
    if person.get("mean_coverage") is None:
        return f"({person['cohort']})"
    return (
        f"({person['cohort']}; {person['mean_coverage']:.1f}x, {person['snvs'] or 0:,} SNVs, "
        f"{person['indels'] or 0:,} indels)"
    )


def _amount(bases: int) -> str:
    """Give bases in a unit that fits: 93.1 Mbase."""
    for name, unit in (("Gbase", 10**9), ("Mbase", 10**6), ("kbase", 10**3)):
        if bases >= unit:
            return f"{bases / unit:,.1f} {name}"
    return f"{bases} bases"


def _print_costs(account: dict[str, Any], out: TextIO) -> None:
    rows = [r for r in account.get("stages", []) if r["cpu_s"] >= 0.05]
    text = ", ".join(f"{r['stage']} {r['cpu_s']:,.1f}" for r in rows)
    total = sum(r["cpu_s"] for r in rows)
    say(f"{account['seconds']:,.1f} s, {total:,.1f} CPU s ({text})", out)
