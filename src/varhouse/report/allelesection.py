"""The sections of alleles beside other tables: sources, impact and ClinVar, Hardy-Weinberg.

They tell of alleles, not of people, and stand in an open page as well, which reads the counts
that its view shows.
"""

from html import escape

import polars as pl

from varhouse.quantities import plural
from varhouse.report import plots
from varhouse.report.alleleplots import LEAST_ALLELES, LEAST_PEOPLE, against_source, hwe_plot
from varhouse.report.charts import Figure
from varhouse.report.compared import COMMON, LEAST_EXPECTED, Compared
from varhouse.report.find import Ingest
from varhouse.report.tables import Cell, download, figure, table

DRAWN = 12
"""Plots of a section at most; its tables have all cohorts."""

LISTED = 15
"""Alleles of a cohort in a list of the page, at most; the saved data have more."""

ROWS = 300
"""Rows of a list, over all cohorts."""


def plots_of(found: list[Figure | None], prefix: str) -> str:
    """Write plots that have no cohorts in common, in columns."""
    kept = [f for f in found if f]
    kind = "plots two" if sum(not f.wide for f in kept) in (2, 4) else "plots"
    inner = "".join(figure(f, {}, prefix) for f in kept)
    return f'<div class="{kind}">{inner}</div>' if inner else ""


def without_plots() -> str:
    """Say how plots are to be had, where they cannot be drawn; else an empty string."""
    return "" if plots.is_installed() else f'<p class="soft">{escape(plots.INSTALL)}</p>'


def sources_section(ingest: Ingest, found: Compared) -> str:
    """Set each cohort against each frequency of each source; empty without such sources."""
    if not found.fields:
        return ""
    people = {c: int(row["n_samples"]) for c, row in ingest.known.items()}
    prefix = f"varhouse-{ingest.id}"
    enough = found.agreement.filter(
        pl.col("n") >= LEAST_ALLELES,
        pl.col("cohort").is_in([c for c, n in people.items() if n >= LEAST_PEOPLE]),
    )
    text = (
        "<p>Alleles that a source gives a frequency of. The axes are arcsin √p, on which "
        "sampling scatters alike everywhere; darker is more alleles. Drawn are the source's "
        "frequency of everybody, and the group that is most like the cohort, of cohorts with "
        f"{LEAST_PEOPLE} people and {LEAST_ALLELES} alleles.</p>{without_plots()}"
    )
    if plots.is_installed():
        drawn = _chosen(enough, found).head(DRAWN).rows()
        text += plots_of(
            [
                against_source(found, c, source, field, f"against-source-{i}")
                for i, (c, source, field) in enumerate(drawn)
            ],
            prefix,
        )
    rows = found.agreement.sort(
        "cohort", "source", pl.col("r"), "field",
        descending=[False, False, True, False], nulls_last=True,
    )  # fmt: skip
    kept = rows.select("cohort", "source", "field", "n", "r", "n_common", "n_absent")
    often = f"alleles of {100 * COMMON:g} % and more"
    head = ["cohort", "source", "field", "alleles in both", "r", often, "not in the source"]
    text += (
        f"<details><summary>agreement with {plural(len(found.fields), 'frequency')} of the "
        f"sources</summary>{table(head, kept.head(ROWS).rows())}"
        f"{download(kept, f'{prefix}-agreement')}</details>"
    )
    return text + _far_from_sources(found, prefix)


def _chosen(enough: pl.DataFrame, found: Compared) -> pl.DataFrame:
    """Choose the fields to draw: of everybody (else the first), and the most like it."""
    overall = [(f.source, f.name) for f in found.fields if f.is_overall]
    is_overall = pl.struct("source", "field").is_in(
        [{"source": s, "field": f} for s, f in overall]
    )
    ordered = enough.with_columns(first=is_overall).sort(
        "cohort", "source", "first", "field", descending=[False, False, True, False]
    )
    first = ordered.unique(["cohort", "source"], keep="first", maintain_order=True)
    best = enough.sort("r", "field", descending=[True, False], nulls_last=True).unique(
        ["cohort", "source"], keep="first", maintain_order=True
    )
    columns = ["cohort", "source", "field"]
    both = pl.concat([first.select(columns), best.select(columns)])
    return both.unique(maintain_order=True).sort("cohort", "source", maintain_order=True)


def _far_from_sources(found: Compared, prefix: str) -> str:
    overall = {(f.source, f.name) for f in found.fields if f.is_overall}
    sources = {f.source for f in found.fields}
    overall |= {
        (s, next(f.name for f in found.fields if f.source == s))
        for s in sources - {s for s, _ in overall}
    }
    shown = found.apart.filter(
        pl.struct("source", "field").is_in([{"source": s, "field": f} for s, f in overall])
    )
    if shown.is_empty():
        return ""
    head = ["allele", "cohort", "source", "in the cohort", "in the source", "called alleles"]
    rows = (
        shown.group_by("cohort", "source", maintain_order=True)
        .head(LISTED)
        .select("allele", "cohort", "source", "af", "source_af", "an")
        .head(ROWS)
    )
    return (
        "<details><summary>alleles furthest from the sources</summary>"
        f"{download(found.apart, f'{prefix}-far-from-sources')}"
        f"{table(head, rows.rows())}</details>"
    )


def weight_section(ingest: Ingest, found: Compared) -> str:
    """List the most frequent alleles of impact HIGH, and those called pathogenic."""
    prefix = f"varhouse-{ingest.id}"
    text = ""
    if found.has_consequences:
        head = ["allele", "cohort", "gene", "consequence", "protein", "LoF", "AC", "AN", "AF",
                "hom-alt"]  # fmt: skip
        text += _list(
            found.high,
            ["cohort"],
            "Of impact HIGH",
            "Look for common ones: a gene that many lack without harm, a wrong transcript, or "
            "a systematic error; what is truly harmful is rare.",
            head,
            ["allele", "cohort", "gene", "consequence", "hgvsp", "lof", "ac", "an", "af",
             "n_hom_alt"],
            f"{prefix}-high",
        )  # fmt: skip
    if found.has_significance:
        head = ["allele", "cohort", "source", "significance", "stars", "AC", "AN", "AF",
                "hom-alt"]  # fmt: skip
        text += _list(
            found.clinvar,
            ["cohort", "source"],
            "Pathogenic or likely so",
            "Look for those of several per cent, or with people who have two copies: mostly "
            "old entries with no star, founder alleles, or artefacts.",
            head,
            ["allele", "cohort", "source", "significance", "stars", "ac", "an", "af",
             "n_hom_alt"],
            f"{prefix}-pathogenic",
        )  # fmt: skip
    return text


def _list(
    frame: pl.DataFrame,
    by: list[str],
    title: str,
    look_for: str,
    head: list[str],
    columns: list[str],
    name: str,
) -> str:
    if frame.is_empty():
        return f"<h3>{escape(title)}</h3><p>None.</p>"
    each = max(min(LISTED, ROWS // frame.select(by).unique().height), 1)
    kept = frame.group_by(by, maintain_order=True).head(each).select(columns)
    rows: list[tuple[Cell, ...]] = kept.head(ROWS).rows()
    return (
        f"<h3>{escape(title)}</h3><p>The {each} most frequent of each cohort. {look_for} "
        f"{download(frame, name)}</p>{table(head, rows)}"
    )


def hwe_section(ingest: Ingest, found: Compared) -> str:
    """Draw the test of Hardy-Weinberg proportions of each cohort that is large enough."""
    drawn: list[Figure | None] = []
    few: list[str] = []
    for i, cohort in enumerate(c for c in ingest.known if c in found.hwe):
        plot = None
        if int(found.hwe[cohort].sum()) < LEAST_ALLELES:
            few.append(cohort)
        elif len(drawn) < DRAWN and plots.is_installed():
            plot = hwe_plot(found, cohort, f"hwe-{i}")
        if plot:
            drawn.append(plot)
    text = ""
    if len(few) < len(found.hwe):
        text = without_plots() + plots_of(drawn, f"varhouse-{ingest.id}")
    if few and text:
        text += (
            f'<p class="soft">Not drawn: {escape(", ".join(few[:DRAWN]))}'
            f"{' and more' if len(few) > DRAWN else ''}, with fewer than {LEAST_ALLELES} "
            f"alleles of which {LEAST_EXPECTED} rarer homozygotes are expected.</p>"
        )
    return text
