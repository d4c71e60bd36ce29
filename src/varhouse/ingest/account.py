"""The account of an ingest, for people."""

from pathlib import Path
from typing import Any, TextIO

from varhouse.masking import say


def print_account(account: dict[str, Any], store: Path | str, out: TextIO) -> None:
    """Print what came in, what was held back and why, and the release."""
    if account.get("up_to_date"):
        _print_held(account["held_back"], _width(account), out)
        _print_others(account, out)
        say(f"nothing to do: release {account['release']} is up to date", out)
        _print_question(account, out)
        return
    if account.get("dry_run"):
        _print_foreseen(account, out)
        return
    held = {h["cohort"] for h in account["held_back"]}
    width = _width(account)
    for c in account["cohorts"]:
        if c["cohort"] not in held:
            _print_cohort(c, width, out)
    _print_held(account["held_back"], width, out)
    _print_others(account, out)
    _print_same(account.get("same_people"), out)
    once = "same_people" in account
    for shared in () if once else account.get("shared_samples", []):
        a, b = shared["cohorts"]
        say(
            f"note       {shared['n']:,} sample ids stand in both {a} and {b} "
            f"({', '.join(shared['first'])}, ...): totals count them twice",
            out,
        )
    _print_release(account, store, out)
    _print_question(account, out)


def _print_same(told: dict[str, Any] | None, out: TextIO) -> None:
    """Print how many samples count as another one in totals, and what cannot be told."""
    for by in told["by_cohorts"] if told else ():
        n = f"{by['n']:,} sample(s) of {by['cohort']}"
        say(f"counted    {n} as a sample of {by['first']} in totals (table same_people)", out)
    for pair in told["untold"] if told else ():
        both = sorted({pair["cohort_1"], pair["cohort_2"]})
        say(
            f"note       {' and '.join(both)}: of {pair['n_untold']:,} of {pair['n_pairs']:,} "
            "pairs of samples it cannot be told whether they are one person: too few common "
            "SNVs that both are called at; totals count both",
            out,
        )


def _print_others(account: dict[str, Any], out: TextIO) -> None:
    """Print which cohorts are as they were, and who has no file yet."""
    for name in account["unchanged"]:
        say(f"unchanged  {name}", out)
    for name in account.get("settled", []):
        say(f"no longer held back  {name}  (it is in as it was)", out)
    for lapsed in account.get("lapsed", []):
        say(f"no basis   {lapsed['cohort']}  (it stays; nothing new of it comes in)", out)
        for reason in lapsed["reasons"]:
            say(f"           {reason}", out)
    for w in account.get("waiting", []):
        names = ", ".join(w["first"]) + (", ..." if w["n"] > len(w["first"]) else "")
        say(f"waiting    {w['cohort']}: {w['n']:,} in the sheet without a file ({names})", out)


def _print_foreseen(account: dict[str, Any], out: TextIO) -> None:
    """Print what an ingest would do."""
    width = _width(account)
    for c in account["cohorts"]:
        verb = "would replace" if c["replaces"] else "would ingest"
        stay = f", {c['kept']:,} stay, {c['gone']:,} go" if c["kept"] else ""
        say(
            f"{verb}  {c['cohort']:<{width}}  ({c['n_files']:,} file(s){stay}; "
            f"{c['n_samples']:,} people)",
            out,
        )
        for note in c["notes"]:
            say(f"           {'':<{width}}  note: {note}", out)
    _print_held(account["held_back"], width, out)
    _print_others(account, out)
    for name in account["renews"]:
        say(f"would bring up to date  {name}", out)
    for name in account["gone"]:
        say(f"would go  {name}", out)
    say(
        "dry run    nothing was written; headers were read; what only records show, the "
        "ingest will say",
        out,
    )


def _print_question(account: dict[str, Any], out: TextIO) -> None:
    if account.get("ask"):
        say(f"ask next   {account['ask']}", out)


def _width(account: dict[str, Any]) -> int:
    rows = [*account["cohorts"], *account["held_back"]]
    return max((len(r["cohort"]) for r in rows), default=0)


def _print_cohort(c: dict[str, Any], width: int, out: TextIO) -> None:
    """Print what came in of a cohort."""
    verb = "replaced" if c["replaces"] else "ingested"
    name = f"{verb}   {c['cohort']:<{width}}"
    if grown := c.get("grown"):
        # Of people, records and rejects those of the files that came; all alleles.
        say(f"{name}  {_grown(grown)}", out)
        name = f"           {'':<{width}}"
    people = "person" if c["n_samples"] == 1 else "people"
    say(
        f"{name}  {c['n_samples']:>7,} {people}  "
        f"{c['n_records']:>9,} records -> {c['n_alleles']:>9,} alleles  "
        f"{c['n_rejects']:>6,} rejects",
        out,
    )
    for reason, n in sorted(c["reasons"].items()):
        say(f"           {'':<{width}}  {n:>7,} {reason}", out)
    if lift := c.get("lift"):
        say(
            f"           {'':<{width}}  lifted from {lift['source_assembly']}: "
            f"{lift['lifted']:,} records, {lift['swapped']:,} with REF and ALT swapped, "
            f"{lift['reverse']:,} on the other strand",
            out,
        )
    for note in c["notes"]:
        say(f"           {'':<{width}}  note: {note}", out)
    checked = c["ref_checked"]
    # Without a file that came, nothing was.
    if checked.get("unchecked"):
        total = sum(checked.values())
        say(
            f"           {'':<{width}}  REF not checked: {checked['unchecked']:,} of "
            f"{total:,} records (the reference does not hold the place)",
            out,
        )


def _grown(files: dict[str, int]) -> str:
    """Say which files came into a cohort that grows, and which went, if any."""
    changed = any(files[n] for n in ("came", "replaced", "gone"))
    said = [
        "" if changed else "the sheets say something else",
        f"+{files['came']:,} file(s)" if files["came"] else "",
        f"{files['replaced']:,} replaced" if files["replaced"] else "",
        f"-{files['gone']:,} file(s)" if files["gone"] else "",
        f"{files['kept']:,} as they were",
    ]
    return ", ".join(s for s in said if s)


def _print_held(held: list[dict[str, Any]], width: int, out: TextIO) -> None:
    for h in held:
        label = "still held" if h.get("before") else "held back "
        say(f"{label} {h['cohort']:<{width}}  {h['reasons'][0]}", out)
        for reason in h["reasons"][1:]:
            say(f"           {'':<{width}}  {reason}", out)
        if h.get("stays"):
            say(f"           {'':<{width}}  it stays as it was, of {h['stays']:,} files", out)


def _print_release(account: dict[str, Any], store: Path | str, out: TextIO) -> None:
    """Print what the release is, and what differs in it besides the cohorts."""
    if account["release"] is None:
        say("committed  nothing", out)
        if account.get("recorded_in"):
            say(
                f"release    {account['recorded_in']}   tells of what was held back (table "
                "held_back); the data are those of the release before",
                out,
            )
        return
    say(f"annotated  {account['new_alleles']:,} new alleles", out)
    for table, parts in account.get("renewed", {}).items():
        shown = ", ".join(parts[:6]) + (", ..." if len(parts) > 6 else "")
        say(f"renewed    {table}: {shown or 'nothing differs'}", out)
    for line in account.get("genes_refused", []):
        say(f"note       {line}", out)
    for name in account.get("unmatched", []):
        say(
            f"note       source {name}: no row matches an allele of the store (table "
            f"annotations_{name} is empty)",
            out,
        )
    for table in account.get("gone", []):
        say(f"gone       {table} (older releases keep it)", out)
    say(
        f"release    {account['release']}   digest {account['digest'][:16]}...   "
        f"store {store}   {account['seconds']} s",
        out,
    )
