"""What attacks on the release of a view measured, as a section of its report."""

from collections.abc import Mapping
from typing import Any

from varhouse.report.find import Ingest
from varhouse.report.tables import facts, table

_ALL = "all together"
_RATES = ("0.05", "0.001")


def attacks(ingest: Ingest) -> str:
    """Make the section; empty for a store that is no view, or was not attacked."""
    shows = ingest.store.meta.get("shows")
    found = shows.get("attack") if isinstance(shows, Mapping) else None
    if not isinstance(found, Mapping) or not found.get("power"):
        return ""
    rows = [
        (
            scope or _ALL, of["people"], of["alleles"], *(of["power"][r] for r in _RATES),
            # Releases of before have no such number.
            of.get("relatives", {}).get("0.05"),
        )
        for scope, of in found["membership"].items()
    ]  # fmt: skip
    head = (
        "cohort", "people", "alleles used", "power at 0.05", "power at 0.001",
        "of a relative, at 0.05",
    )  # fmt: skip
    return (
        "<p>How far an attacker gets who has this view and its earlier releases, knows how "
        "frequent each allele is in the population, and holds a target's genotypes. Power is "
        "the share of members that he finds, at a share of false positives; without any "
        "evidence it is that share. A relative is who is no "
        "member, and has a parent or child who is.</p>"
        + facts(_facts(found))
        + table(head, rows, caption="Membership, by the likelihood ratio of each allele")
        + _questions(found)
    )


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    k = found["k"]
    least = str(k) if k > 1 else "none: all counts are shown"
    out = [("least count that may be known", least)]
    base = found.get("rounding") or 1
    if base > 1:
        out.append(("counts are rounded to multiples of", f"{base:,}"))
    if k > 1:
        small = f"{found['small_cells']:,}"
        out.append((f"counts below {k} that follow from what is shown", small))
    # Of rounded counts there are no exact differences, and none was asked for.
    if k > 1 and base == 1:
        out += [
            (
                f"counts fewer than {k} apart from earlier releases or more open roles",
                f"{found['differences']:,}",
            ),
            ("genotypes of single people that follow", f"{found['genotypes']:,}"),
        ]
    if found.get("apart"):
        out.append(("bases between alleles that were used", f"{found['apart']:,}"))
    return [*out, ("seed of what was drawn", str(found["seed"]))]


def _questions(found: Mapping[str, Any]) -> str:
    rows = [(int(n), power) for n, power in found.get("questions", {}).items()]
    if not rows:
        return ""
    needed = found.get("questions_needed")
    said = (
        f"<p>Until power is 0.95 at 0.05 it takes {needed:,} questions for any of a target's "
        "alleles, taken as independent.</p>"
        if needed
        else ""
    )
    caption = "Yes or no for a target's rarest alleles, in a drawn population"
    return table(("questions", "power at 0.05"), rows, caption=caption) + said
