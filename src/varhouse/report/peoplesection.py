"""The sections of people (individual level): none is made for an open report."""

from collections.abc import Iterator
from html import escape

import polars as pl

from varhouse.quantities import plural
from varhouse.report import plots
from varhouse.report.allelesection import plots_of, without_plots
from varhouse.report.charts import Figure
from varhouse.report.find import Ingest
from varhouse.report.peopleplots import (
    LEAST_FOR_AXES,
    LEAST_FOR_SEX,
    LEAST_PEOPLE,
    axes_plot,
    contigs_plot,
    is_complete,
    ranked_plot,
    scree_plot,
    sex_plot,
)
from varhouse.report.peopletables import People, codes, is_flagged
from varhouse.report.relativeplots import family_plot, kinship_plot, words_of
from varhouse.report.samples import SAVED, flag_words, sample_table
from varhouse.report.tables import download, table

DRAWN = 4
"""Cohorts with plots, the largest; lists have all."""

LISTED = 40
"""Rows of a list at most; the saved data have more."""

FREQUENCIES_OF = 20
"""People whose own frequencies tell contamination (`people.depths.LEAST_PEOPLE`)."""

_MISSING = {
    "title": "genotypes not called, by sample",
    "axis": "not called, % of genotypes",
    "look_for": "Look for a tail that rises steeply: thin sequencing, or a sample that is not "
    "of this batch.",
}
_CONTAMINATION = {
    "title": "contamination",
    "axis": "CHARR, %",
    "look_for": "Look for people above the rest: reads of somebody else. CHARR is the mean "
    "share of reference reads at homozygous non-reference sites over that expected of "
    "strangers.",
}


def people_sections(
    ingest: Ingest, people: People, release: int
) -> list[tuple[str, str, str]]:
    """Make the sections of the tables of people: name, heading and HTML of each.

    Parameters
    ----------
    people
        Of the cohorts of the ingest, from `read_people_tables`.
    release
        The release that they were read from.
    """
    if people.is_empty:
        return []
    size = {c: int(row["n_samples"]) for c, row in ingest.known.items()}
    largest = set(sorted(size, key=lambda c: (-size[c], c))[:DRAWN])
    drawn = [c for c in ingest.known if c in largest]
    prefix = f"varhouse-{ingest.id}"
    plotted = [
        (
            "quality",
            "Missing genotypes and contamination",
            _quality(ingest, people, drawn, prefix),
        ),
        ("sexes", "Sex by calls", _sexes(people, drawn, prefix)),
        ("relatives", "Relatives", _relatives(people, drawn, prefix)),
        ("ancestry", "Ancestry", _ancestry(people, drawn, prefix)),
    ]
    rest = ""
    if len(size) > len(drawn):
        rest = f'<p class="soft">Plots of the {DRAWN} largest of {len(size):,} cohorts.</p>'
    later = ""
    if release != ingest.store.release:
        later = (
            f'<p class="soft">What is said of people is of release {release:,}: their tables '
            "were made, or made again, after this ingest.</p>"
        )
    return [
        ("samples", "Samples", later + _samples(people, prefix)),
        *((name, heading, text and rest + text) for name, heading, text in plotted),
        ("same-people", "The same people", _same(people, prefix)),
    ]


def _of(frame: pl.DataFrame, cohort: str) -> pl.DataFrame:
    return frame.filter(pl.col("cohort") == cohort)


def _plotted(found: Iterator[Figure | None], prefix: str, few: str) -> str:
    """Write those plots that can be drawn; where none can, say `few`, why."""
    if not plots.is_installed():
        return without_plots()
    text = plots_of(list(found), prefix)
    return text if text or not few else f'<p class="soft">{escape(few)}</p>'


def _samples(people: People, prefix: str) -> str:
    samples = people.samples
    if samples.is_empty():
        return ""
    flags = [
        (cohort, code)
        for cohort, text in samples.select("cohort", "flags").rows()
        for code in codes(text)
    ]
    flagged = samples.filter(pl.col("flags") != "").height
    text = f"<p>{flagged:,} of {plural(samples.height, 'sample')} have flags.</p>"
    if flags:
        counted = (
            pl.DataFrame(flags, schema=["cohort", "flag"], orient="row")
            .group_by("cohort", "flag")
            .len("n")
            .sort("cohort", "n", "flag", descending=[False, True, False])
        )
        rows = [(flag_words(f), c, n) for c, f, n in counted.rows()]
        text += (
            "<details><summary>flags by cohort</summary>"
            f"{table(['flag', 'cohort', 'samples'], rows)}</details>"
        )
    return text + sample_table(samples, people.ancestry, prefix)


def _quality(ingest: Ingest, people: People, drawn: list[str], prefix: str) -> str:
    if people.samples.is_empty():
        return ""
    order = ingest.store.scan("contigs").sort("ordinal").collect()["contig"].to_list()

    def each() -> Iterator[Figure | None]:
        for i, c in enumerate(drawn):
            mine = _of(people.samples, c)
            if not is_complete(mine):
                yield ranked_plot(mine, c, f"not-called-{i}", "call_rate", _MISSING)
            yield ranked_plot(mine, c, f"contamination-{i}", "contamination", _CONTAMINATION)
            yield contigs_plot(_of(people.contigs, c), order, c, f"contigs-{i}")

    text = _plotted(each(), prefix, "")
    complete = "".join(_nothing_missing(_of(people.samples, c), c) for c in drawn)
    if not text and not complete:
        text = f'<p class="soft">Drawn from {LEAST_PEOPLE} people of a cohort on.</p>'
    text += complete
    if people.samples["contamination"].null_count() == people.samples.height:
        text += (
            '<p class="soft">Contamination is not known: it needs reads by allele (AD), and '
            f"frequencies of a source or of a cohort of {FREQUENCIES_OF} people or more.</p>"
        )
    return text


def _nothing_missing(samples: pl.DataFrame, cohort: str) -> str:
    """Say why nothing that a cohort lacks is drawn; of one that lacks some say nothing."""
    if samples.is_empty() or not is_complete(samples):
        return ""
    text = f"Of the autosomes every genotype of {cohort} is called."
    if samples["call_rate"].null_count() == samples.height:
        text = f"What {cohort} lacks is not known: its files list variants alone."
    return f'<p class="soft">{escape(text)}</p>'


def _sexes(people: People, drawn: list[str], prefix: str) -> str:
    samples = people.samples
    if samples.is_empty():
        return ""
    if samples["x_f"].null_count() == samples.height:
        return (
            '<p class="soft">Too few SNVs of X are known: nothing can be said of anybody\'s '
            "sex.</p>"
        )
    found = (sex_plot(_of(samples, c), c, f"sexes-{i}") for i, c in enumerate(drawn))
    text = _plotted(found, prefix, f"Drawn from {LEAST_FOR_SEX} people of a cohort on.")
    wrong = samples.filter(is_flagged(samples, "sex_by_calls"))
    if wrong.is_empty():
        return text
    head = [
        "sample",
        "cohort",
        "sheet",
        "calls",
        "F of X",
        "X het",
        "X non-ref",
        "Y called",
        "Y SNVs",
    ]
    columns = ("n_x_het", "n_x_nonref", "n_y_called", "n_y")
    rows = wrong.select(
        "sample", "cohort", "sex", "sex_by_calls", pl.col("x_f").round(3), *columns
    )
    return text + _listed(
        "Not as the sheet says, or unclear", head, rows, prefix, "sex-mismatches",
        "F of X: about 0 with two X, 1 with one. X het: heterozygous SNVs, of X non-ref: SNVs "
        "with a copy of ALT. Y called: called SNVs of Y, of Y SNVs.",
    )  # fmt: skip


def _listed(
    title: str, head: list[str], rows: pl.DataFrame, prefix: str, name: str, note: str
) -> str:
    """Write a list with its heading, its data, and what its columns say."""
    more = f", the first {LISTED} shown" if rows.height > LISTED else ""
    return (
        f"<h3>{escape(title)}</h3><p>{rows.height:,} found{more}. {_saved(rows, prefix, name)}"
        f'</p><p class="soft">{escape(note)}</p>{table(head, rows.head(LISTED).rows())}'
    )


def _saved(rows: pl.DataFrame, prefix: str, name: str) -> str:
    """Write the link that saves rows, the first of very many."""
    words = "data (CSV)" if rows.height <= SAVED else f"data (CSV), the first {SAVED:,} rows"
    link = download(rows.head(SAVED), f"{prefix}-{name}", words)
    return f'<span id="{name}-data">{link}</span>'


def _relatives(people: People, drawn: list[str], prefix: str) -> str:
    text = ""
    if people.related.height:

        def each() -> Iterator[Figure | None]:
            for i, c in enumerate(drawn):
                mine = _of(people.related, c)
                yield kinship_plot(mine, c, f"kinship-{i}")
                yield family_plot(mine, c, f"families-{i}")

        text = _plotted(each(), prefix, "No pair of these cohorts has a kinship to draw.")
        text += _pairs(people.related, prefix)
    elif people.samples.height:
        text = (
            "<p>No two people of a cohort are known to be related, by their calls or by the "
            "sheet. How distant kin can be seen goes by the number of SNVs.</p>"
        )
    return text + _trios(people.trios, prefix)


def _pairs(related: pl.DataFrame, prefix: str) -> str:
    names = ("sample_1", "sample_2")
    rows = related.sort(
        pl.col("agrees").fill_null(value=True), "degree", "kinship", "cohort", *names,
        descending=[False, False, True, False, False, False], nulls_last=True,
    ).select(
        *names, "cohort", pl.col("relation", "in_sheet").map_elements(words_of, pl.String),
        "agrees", pl.col("kinship").round(4), pl.col("ibs0").round(5), "n_sites",
    )  # fmt: skip
    head = ["first", "second", "cohort", "by calls", "in the sheet", "agrees", "kinship",
            "IBS0", "SNVs"]  # fmt: skip
    note = (
        "Kinship by KING-robust: 0.5 the same genome, 0.25 first degree, 0.125 second, 0.063 "
        "third. IBS0: share of the SNVs at which the two have no allele in common."
    )
    return _listed("Pairs, those that disagree first", head, rows, prefix, "pairs", note)


def _trios(trios: pl.DataFrame, prefix: str) -> str:
    if trios.is_empty():
        return ""
    rows = trios.sort(
        "error_rate", "cohort", "ordinal", descending=[True, False, False], nulls_last=True
    ).select("child", "cohort", "father", "mother", "n_sites", "n_errors", "error_rate")
    head = ["child", "cohort", "father", "mother", "SNVs", "errors", "share"]
    note = (
        "SNVs at which the child and its parents are called; errors: those with genotypes "
        "that it cannot have inherited. Another parent has many times as many as the rest."
    )
    return _listed("Children: Mendelian errors, most first", head, rows, prefix, "trios", note)


def _ancestry(people: People, drawn: list[str], prefix: str) -> str:
    if people.ancestry.is_empty():
        return ""

    def each() -> Iterator[Figure | None]:
        for i, c in enumerate(drawn):
            mine = _of(people.ancestry, c)
            if mine.height >= LEAST_FOR_AXES:
                whose = _of(people.axes, mine["axes"][0])
                variance = dict(whose.select("axis", "variance").rows())
                yield axes_plot(mine, c, f"axes-12-{i}", 1, variance)
                yield axes_plot(mine, c, f"axes-34-{i}", 3, variance)
                yield scree_plot(_of(people.axes, c), c, f"scree-{i}")

    text = _plotted(each(), prefix, f"Drawn from {LEAST_FOR_AXES} people of a cohort on.")
    most = people.ancestry["scores"].list.len().max()
    places = people.ancestry.sort("outlier", descending=True, nulls_last=True).select(
        "cohort", "sample", "axes", "population", "outlier", "nearest",
        pl.col("distance").round(3),
        *(
            pl.col("scores").list.get(i, null_on_oob=True).round(6).alias(f"axis_{i + 1}")
            for i in range(most if isinstance(most, int) else 0)
        ),
    )  # fmt: skip
    is_drawn = "<figure" in text
    text += f'<p class="get">Places on the axes: {_saved(places, prefix, "ancestry")}</p>'
    if is_drawn:
        text = (
            f"<p>Coloured by <b>{escape(people.colour_by)}</b>; <code>--colour-by</code> "
            f"takes any column of the sample sheet.</p>{text}"
        )
    far = people.ancestry.filter("outlier").sort(
        "distance", "cohort", "ordinal", descending=[True, False, False], nulls_last=True
    )
    if far.is_empty():
        return text
    head = ["sample", "cohort", "population in the sheet", "nearest", "distance"]
    rows = far.select("sample", "cohort", "population", "nearest", pl.col("distance").round(2))
    note = (
        "Distance from the median of the population that the sheet names, in its deviations, "
        "on the axis where it is greatest; nearest: the population with the nearest median."
    )
    return text + _listed(
        "Far from their population", head, rows, prefix, "far-ancestry", note
    )


def _same(people: People, prefix: str) -> str:
    if people.same.is_empty():
        return ""
    head = ["sample", "cohort", "same as", "of cohort", "SNVs", "equal", "twins", "counted"]
    rows = people.same.select(
        "sample", "cohort", "with_sample", "with_cohort", "n_sites",
        pl.col("concordance").round(5), "twins", "counted",
    )  # fmt: skip
    note = (
        "Two samples with the calls of one person. Equal: share of the SNVs with equal "
        "genotypes. Twins: the sheet says so, they are two people. Counted: in all totals."
    )
    return _listed("Samples of one person", head, rows, prefix, "same-people", note)
