"""The account of an ingest, for people."""

from pathlib import Path
from typing import Any, TextIO


def print_account(account: dict[str, Any], store: Path, out: TextIO) -> None:
    """Print what came in, what was held back and why, and the release."""
    if account.get("up_to_date"):
        _print_held(account["held_back"], _width(account), out)
        for name in account["unchanged"]:
            print(f"unchanged  {name}", file=out)
        print(f"nothing to do: release {account['release']} is up to date", file=out)
        return
    if account.get("dry_run"):
        return
    held = {h["cohort"] for h in account["held_back"]}
    width = _width(account)
    for c in account["cohorts"]:
        if c["cohort"] in held:
            continue
        verb = "replaced" if c["replaces"] else "ingested"
        print(
            f"{verb}   {c['cohort']:<{width}}  {c['n_samples']:>7,} people  "
            f"{c['n_records']:>9,} records -> {c['n_alleles']:>9,} alleles  "
            f"{c['n_rejects']:>6,} rejects",
            file=out,
        )
        for reason, n in sorted(c["reasons"].items()):
            print(f"           {'':<{width}}  {n:>7,} {reason}", file=out)
        if lift := c.get("lift"):
            print(
                f"           {'':<{width}}  lifted from {lift['source_assembly']}: "
                f"{lift['lifted']:,} records, {lift['swapped']:,} with REF and ALT swapped, "
                f"{lift['reverse']:,} on the other strand",
                file=out,
            )
        for note in c["notes"]:
            print(f"           {'':<{width}}  note: {note}", file=out)
        checked = c["ref_checked"]
        if checked["unchecked"]:
            total = sum(checked.values())
            print(
                f"           {'':<{width}}  REF not checked: {checked['unchecked']:,} of "
                f"{total:,} records (the reference does not hold the place)",
                file=out,
            )
    _print_held(account["held_back"], width, out)
    for name in account["unchanged"]:
        print(f"unchanged  {name}", file=out)
    for shared in account.get("shared_samples", []):
        a, b = shared["cohorts"]
        print(
            f"note       {shared['n']:,} sample ids stand in both {a} and {b} "
            f"({', '.join(shared['first'])}, ...): totals count them twice",
            file=out,
        )
    if account["release"] is None:
        print("committed  nothing", file=out)
        if account.get("recorded_in"):
            print(
                f"release    {account['recorded_in']}   tells of what was held back (table "
                "held_back); the data are those of the release before",
                file=out,
            )
        return
    print(f"annotated  {account['new_alleles']:,} new alleles", file=out)
    for table, parts in account.get("renewed", {}).items():
        shown = ", ".join(parts[:6]) + (", ..." if len(parts) > 6 else "")
        print(f"renewed    {table}: {shown or 'nothing differs'}", file=out)
    for name in account.get("unmatched", []):
        print(
            f"note       source {name}: no row matches an allele of the store (table "
            f"annotations_{name} is empty)",
            file=out,
        )
    for table in account.get("gone", []):
        print(f"gone       {table} (older releases keep it)", file=out)
    print(
        f"release    {account['release']}   digest {account['digest'][:16]}...   "
        f"store {store}   {account['seconds']} s",
        file=out,
    )


def _width(account: dict[str, Any]) -> int:
    rows = [*account["cohorts"], *account["held_back"]]
    return max((len(r["cohort"]) for r in rows), default=0)


def _print_held(held: list[dict[str, Any]], width: int, out: TextIO) -> None:
    for h in held:
        label = "still held" if h.get("before") else "held back "
        print(f"{label} {h['cohort']:<{width}}  {h['reasons'][0]}", file=out)
        for reason in h["reasons"][1:]:
            print(f"           {'':<{width}}  {reason}", file=out)
