"""The page: parts in their order, joined into one HTML document."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.quantities import plural
from varhouse.report import bars, charts, strips
from varhouse.report.allelesection import (
    hwe_section,
    sources_section,
    weight_section,
)
from varhouse.report.assessed import assessed, called_along, summary
from varhouse.report.attacks import attacks
from varhouse.report.charts import Figure, Styles
from varhouse.report.compared import compare
from varhouse.report.document import make_document
from varhouse.report.find import Ingest
from varhouse.report.lineage import lineage_section
from varhouse.report.measure import Measures, first_rejects, measure, rejects_by_reason
from varhouse.report.people import count_summary, outliers, read_people
from varhouse.report.peoplesection import people_sections
from varhouse.report.peopletables import read_people_tables
from varhouse.report.samples import SAVED, SCRIPT, STYLE
from varhouse.report.svg import STYLES
from varhouse.report.tables import download, facts, figure, frame_table, table
from varhouse.report.words import duration, headline, total, with_meaning
from varhouse.store.history import errata_lines

AGAINST = 12
"""Cohorts that are drawn against the others at most."""

NAMED = 40
"""Outliers that the page lists at most; the data file has all."""


def make_page(
    ingest: Ingest,
    meanings: Mapping[str, str] | None = None,
    folder: Path | None = None,
    colour_by: str | None = None,
) -> str:
    """Make the report of an ingest: one HTML document without outside resources.

    Parameters
    ----------
    ingest
        The ingest, from `find_ingest`. If its store is a public view, everything about
        single people, files and lines is left out, and no such table is read.
    meanings
        Problem code and reject reason to a few words.
    folder
        Where the page will lie, for links to other pages; None: without these.
    colour_by
        Column of the sample sheet that colours people; None: population, else sex.

    Returns
    -------
    str
        The document. The same store and ingest give the same text.

    Raises
    ------
    UsageError
        If nobody has a column `colour_by`.
    """
    words = dict(meanings or {})
    names = list(ingest.known)
    measures = measure(ingest.store, names)
    found = compare(ingest.store, names)
    styles = _styles(ingest)
    people, release = None, ingest.store.release
    if not ingest.is_public:
        shown, cohorts = ingest.people_store()
        people, release = read_people_tables(shown, cohorts, colour_by), shown.release
    has_samples = people is not None and not people.samples.is_empty()
    sections = [
        ("cohorts", "Cohorts", _cohorts(ingest, words, measures)),
        ("alleles", "Alleles", _alleles(ingest, measures, styles)),
        ("assessed", "Assessed, variant or not", _assessed(ingest, measures, styles)),
        ("against", "Against the other cohorts", _against(ingest, measures, styles)),
        ("sources", "Against known frequencies", sources_section(ingest, found)),
        ("weight", "Alleles of weight", weight_section(ingest, found)),
        ("hwe", "Hardy-Weinberg proportions", hwe_section(ingest, found)),
        ("attacks", "What could be learned of people", attacks(ingest)),
        *(people_sections(ingest, people, release) if people else ()),
        (
            "people",
            "Counts of people",
            "" if people is None else _people(ingest, styles, has_flags=has_samples),
        ),
        ("refused", "Rejected", _refused(ingest, words, styles)),
        ("run", "Time and memory", _run(ingest)),
        ("lineage", "From reads to calls", _lineage(ingest, folder)),
        ("provenance", "Versions and digests", _provenance(ingest)),
    ]
    badge = (
        "open: nothing about single people" if ingest.is_public else "controlled: names people"
    )
    return make_document(
        f"varhouse ingest {ingest.id}",
        f"varhouse report of ingest {ingest.id}",
        badge,
        f'<p class="headline">{escape(headline(ingest))}</p>{_tiles(ingest)}',
        sections,
        style=STYLE if has_samples else "",
        script=SCRIPT if has_samples else "",
    )


def _styles(ingest: Ingest) -> Styles:
    """Choose the cohorts to draw, the largest, in the order of the ingest."""
    order = [c["cohort"] for c in ingest.cohorts() if c["cohort"] in ingest.known]
    size = {name: int(ingest.known[name]["n_samples"]) for name in order}
    drawn = set(sorted(order, key=lambda c: -size[c])[:STYLES])
    return {name: i for i, name in enumerate(c for c in order if c in drawn)}


def _tiles(ingest: Ingest) -> str:
    came = ingest.cohorts()
    if not came and not ingest.held_back():
        return ""
    pairs = [
        (len(came), "cohorts in"),
        (len(ingest.held_back()), "held back"),
        (total(came, "n_samples"), "people"),
        (total(came, "n_records"), "records read"),
        (total(came, "n_alleles"), "alleles stored"),
        (int(ingest.account.get("new_alleles") or 0), "new to the store"),
        (total(came, "n_rejects"), "rejected"),
    ]
    inner = "".join(f"<li><b>{n:,}</b><span>{label}</span></li>" for n, label in pairs)
    return f'<ul class="facts">{inner}</ul>'


def _cohorts(ingest: Ingest, words: Mapping[str, str], measures: Measures) -> str:
    """Write the table of cohorts: in, held back, unchanged, and why."""

    def told(text: str) -> str:
        return with_meaning(text, words, public=ingest.is_public)

    rows = []
    for c in ingest.cohorts():
        reasons = c.get("reasons") or {}
        why = [f"{n:,} {reason}" for reason, n in sorted(reasons.items())]
        notes = [told(n) for n in c.get("notes") or []]
        state = "replaced" if c.get("replaces") else "in"
        if c.get("grown"):
            state = "grown"
            why.insert(0, _grown(c, int(ingest.known[c["cohort"]]["n_samples"])))
        rows.append(_row(c, state, why, notes, measures))
    for held in ingest.held_back():
        why = [told(r) for r in held.get("reasons") or []]
        notes = [told(n) for n in held.get("notes") or []]
        rows.append(_row({"cohort": held["cohort"]}, "held back", why, notes, None))
    for name in ingest.account.get("unchanged") or []:
        rows.append(_row({"cohort": name}, "unchanged", [], [], None))
    if not rows:
        return ""
    heads = (
        "cohort",
        "state",
        *(h for h, _ in _COUNTS),
        "Ts/Tv",
        "seen once",
        "why, and notes",
    )
    head = "".join(
        f'<th scope="col" class="{"n" if 1 < i < len(heads) - 1 else ""}">{escape(h)}</th>'
        for i, h in enumerate(heads)
    )
    out = (
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table>"
    )
    if ingest.cohorts():
        out += (
            '<p class="soft">Split: alleles of records with several ALT. Moved: alleles that '
            "normalisation shifted or trimmed. Rejected: records or alleles that were left "
            "out; the rest of their cohort went in. Ts/Tv counts every stored allele once; "
            "seen once: alleles with AC 1.</p>"
        )
    return out + _shared(ingest)


def _grown(c: dict[str, Any], people: int) -> str:
    files = {k: int(c["grown"].get(k) or 0) for k in ("came", "replaced", "gone", "kept")}
    return (
        f"files: {files['came']:,} came, {files['replaced']:,} replaced, {files['gone']:,} "
        f"gone, {files['kept']:,} as they were; people, files, records and rejected are those "
        f"of the files that came: {people:,} people now"
    )


_COUNTS = (
    ("people", "n_samples"), ("files", "n_files"), ("records", "n_records"),
    ("alleles", "n_alleles"), ("split", "n_split"), ("moved", "n_moved"),
    ("rejected", "n_rejects"),
)  # fmt: skip


def _row(
    c: dict[str, Any], state: str, why: list[str], notes: list[str], measures: Measures | None
) -> str:
    cells = [f'<td class="name">{escape(c["cohort"])}</td>']
    cells.append(f'<td class="state" data-label="state">{state}</td>')
    values = [
        (label, f"{int(c[k]):,}" if c.get(k) is not None else "") for label, k in _COUNTS
    ]
    ratio, single = "", ""
    if measures is not None:
        mine = measures.spectrum.filter(pl.col("cohort") == c["cohort"])
        n_ti, n_tv, once = mine.select(pl.col("n_ti", "n_tv", "n_single").sum()).row(0)
        ratio = f"{n_ti / n_tv:.3f}" if n_tv else ""
        single = f"{once:,}" if mine.height else ""
    values += [("Ts/Tv", ratio), ("seen once", single)]
    if measures is not None:
        cells += [f'<td class="n" data-label="{label}">{text}</td>' for label, text in values]
    text = "".join(f"<p>{escape(w)}</p>" for w in why)
    if notes:
        inner = "".join(f"<p>{escape(n)}</p>" for n in notes)
        text += f"<details><summary>{plural(len(notes), 'note')}</summary>{inner}</details>"
    span = "" if measures is not None else f' colspan="{len(values) + 1}"'
    cells.append(f'<td class="why" data-label="why"{span}>{text}</td>')
    kind = ' class="held"' if state == "held back" else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _shared(ingest: Ingest) -> str:
    shared = ingest.account.get("shared_samples") or []
    if not shared:
        return ""
    lines = []
    for s in shared:
        text = f"{int(s.get('n', 0)):,} in both {' and '.join(s.get('cohorts') or [])}"
        if s.get("first"):
            more = ", ..." if int(s.get("n", 0)) > len(s["first"]) else ""
            text += f" ({', '.join(s['first'])}{more})"
        lines.append(f"<li>{escape(text)}</li>")
    return (
        f"<details><summary>{plural(len(lines), 'pair')} of cohorts share sample ids: totals "
        f"count those people twice</summary><ul>{''.join(lines)}</ul></details>"
    )


def _plots(found: list[Figure | None], styles: Styles, ingest: Ingest) -> str:
    kept = [f for f in found if f]
    inner = "".join(figure(f, styles, f"varhouse-{ingest.id}") for f in kept)
    # Two and four plots look better in two columns than with a hole in three.
    kind = "plots two" if sum(not f.wide for f in kept) in (2, 4) else "plots"
    return f'<div class="{kind}">{inner}</div>' if inner else ""


def _alleles(ingest: Ingest, measures: Measures, styles: Styles) -> str:
    if measures.is_empty:
        return ""
    note = ""
    if len(ingest.known) > len(styles):
        note = (
            f"<p>The {len(styles)} largest of {len(ingest.known):,} cohorts are drawn; "
            "the data files hold all of them.</p>"
        )
    found = [
        charts.spectrum(measures, styles), charts.ts_tv(measures, styles),
        charts.indels(measures, styles), bars.consequences(measures, styles),
        charts.missing(measures, styles),
    ]  # fmt: skip
    if found[3] is None:
        note += '<p class="soft">No consequence of these alleles is known.</p>'
    return note + _plots(found, styles, ingest)


def _assessed(ingest: Ingest, measures: Measures, styles: Styles) -> str:
    """Tell at how many bases people were called, of cohorts with gVCFs or a BED."""
    people = {name: int(row["n_samples"]) for name, row in ingest.known.items()}
    found = assessed(ingest.store, list(people), measures.bin_width)
    if found.is_empty():
        return ""
    bases = ingest.store.scan("contigs").select(pl.col("length").sum()).collect().item()
    head = ["cohort", "people", "assessed", "called", "of high quality", "called, %"]
    text = (
        "<p>Bases, mean of a person. Assessed: a record or a block of a gVCF lies there, or a "
        "BED says so. Called: with a genotype that stands on reads; <code>0/0</code> at DP 0 "
        "is assessed and not called. Of high quality: by <code>policy.adj</code>. The last "
        "column is the share of the assembly that is called.</p>"
    ) + table(head, summary(found, people, int(bases)))
    without = len(people) - found["cohort"].n_unique()
    if without:
        text += (
            f'<p class="soft">{plural(without, "cohort")} without gVCFs and BED: of their '
            "people nothing is known where none of their records is.</p>"
        )
    drawn = {c: i for c, i in styles.items() if c in set(found["cohort"])}
    return text + _plots([called_along(found, measures, people, drawn)], drawn, ingest)


def _against(ingest: Ingest, measures: Measures, styles: Styles) -> str:
    order = [*styles, *(c for c in ingest.known if c not in styles)]
    with_others = [c for c in order if c in set(measures.others["cohort"])]
    found: list[Figure | None] = [
        charts.against_others(measures, cohort, i)
        for i, cohort in enumerate(with_others[:AGAINST])
    ]
    text = _plots(found, styles, ingest)
    if text:
        text = (
            "<p>Alleles that other cohorts of the store assessed as well: a swapped file or "
            "another population shows as a cloud off the diagonal, swapped REF and ALT as a "
            "band along the other one. The axes are arcsin √p, on which sampling scatters "
            f"alike everywhere; darker is more alleles.</p>{text}"
        )
    if text and len(with_others) > AGAINST:
        rest = measures.agreement.filter(pl.col("cohort").is_in(with_others[AGAINST:]))
        text += frame_table(rest, caption="The other cohorts: alleles in both, correlation")
    return text


def _people(ingest: Ingest, styles: Styles, *, has_flags: bool) -> str:
    """Tell of counts of people; with stored flags no rule of the page's own names anybody."""
    people = read_people(ingest.store, list(ingest.known))
    if people.is_empty():
        return ""
    found = [
        strips.ratio_strip(people, "ts_tv", styles),
        strips.ratio_strip(people, "het_hom", styles),
        strips.missing_strip(people, styles),
    ]
    text = "" if has_flags else _plots(found, styles, ingest)
    prefix = f"varhouse-{ingest.id}"
    samples = people.drop("ordinal").with_columns(
        pl.col("ts_tv", "het_hom").round(4), pl.col("^.*_far$").round(2)
    )
    strange = outliers(people)
    if strange.height and not has_flags:
        shown = strange.head(NAMED).with_columns(
            pl.col("value", "median", "distance").round(3)
        )
        more = f", the first {NAMED} shown" if strange.height > NAMED else ""
        text += (
            f"<h3>People far from their cohort</h3>"
            f"<p>{strange.height:,} found{more}. Distance: in spreads of the cohort, on "
            f"the log scale. {download(strange, f'{prefix}-outliers')}</p>"
            f"{_outlier_table(shown)}"
        )
    summary = count_summary(people)
    head = ["cohort", "count", "least", "5 %", "median", "95 %", "most"]
    kept = samples.head(SAVED)
    words = "data (CSV)" + (f", the first {SAVED:,} rows" if samples.height > SAVED else "")
    link = download(kept, f"{prefix}-{'counts' if has_flags else 'samples'}", words)
    text += (
        "<h3>Counts per sample</h3><p>Over the people of each cohort. Het, hom-alt, hemi and "
        "missing are genotypes; SNV, indel, Ti and Tv are copies of alleles carried. "
        f'<span id="counts-data">{link}</span></p>'
        f"<details><summary>{plural(people.height, 'sample')} of "
        f"{plural(people['cohort'].n_unique(), 'cohort')}</summary>"
        f"{table(head, [_plain(r) for r in summary.rows()])}</details>"
    )
    return text


def _outlier_table(shown: pl.DataFrame) -> str:
    rows = shown.select("sample", "cohort", "measure", "value", "median", "distance").rows()
    return table(["sample", "cohort", "measure", "value", "cohort's median", "distance"], rows)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    cohort, name, *rest = row
    return cohort, name.removeprefix("n_").replace("_", "-"), *rest


def _refused(ingest: Ingest, words: Mapping[str, str], styles: Styles) -> str:
    told = ingest.rejects()
    frame = rejects_by_reason(ingest.store, ingest.known) if told is None else told
    text = _plots([bars.rejects(frame, styles, dict(words))], styles, ingest)
    if not text or ingest.is_public:
        return text
    first = first_rejects(ingest.store, ingest.known).with_columns(
        pl.col("detail").str.slice(0, 100)
    )
    rows = first.select(
        "reason", "cohort", "file", "line", "contig", "pos", "alt_index", "detail"
    ).rows()
    shown = [
        tuple(v if i != 5 or v is None else str(v) for i, v in enumerate(r)) for r in rows
    ]
    head = ["reason", "cohort", "file no.", "line", "contig", "pos", "ALT no.", "detail"]
    return (
        f"{text}<details><summary>the first of each reason</summary>"
        f"{table(head, shown)}</details>"
    )


def _run(ingest: Ingest) -> str:
    found = ingest.account.get("stages") or []
    return _plots(list(bars.stages([s for s in found if isinstance(s, dict)])), {}, ingest)


def _lineage(ingest: Ingest, folder: Path | None) -> str:
    if ingest.is_public:
        return ""
    return lineage_section(ingest.store, list(ingest.known), folder, f"varhouse-{ingest.id}")


def _provenance(ingest: Ingest) -> str:
    account, row, store = ingest.account, ingest.row, ingest.store
    known = account if "assembly" in account else {**store.meta, **account}
    assembly = ingest.config.get("assembly")
    reference = str(assembly.get("reference", "")) if isinstance(assembly, dict) else ""
    digest = known.get("reference_digest") or store.meta.get("reference") or ""
    took = duration(row["started"], row["finished"])
    pairs = [
        ("ingest", ingest.id),
        ("operation", str(row["operation"])),
        ("release made", f"{row['release']:,}"),
        ("started", row["started"]),
        ("finished", f"{row['finished']}{f' ({took})' if took else ''}"),
        ("varhouse", str(row["version"])),
        ("assembly", str(known.get("assembly", store.assembly))),
        ("reference", reference.replace("\\", "/").rsplit("/", 1)[-1]),
        ("reference digest", str(digest)),
        ("gene model", str(account.get("genes") or "")),
        ("gene model digest", str(account.get("genes_digest") or "")),
        (
            "sources",
            "; ".join(
                f"{s.get('name')} {s.get('version') or ''}".strip()
                for s in account.get("sources") or []
            ),
        ),
        ("strata", ", ".join(str(s) for s in ingest.config.get("strata") or [])),
        ("policy", _policy(ingest.config.get("policy"))),
        (
            "shown from",
            f"release {store.release:,}"
            + (
                ""
                if ingest.own_release
                else ": the ingest's own release is not shown any more"
            ),
        ),
        ("errata", "; ".join(errata_lines(store))),
        ("content digest", store.digest()),
    ]
    text = facts(pairs)
    digests = store.table_digests()
    rows = [
        (name, pinned.rows, pinned.files, pinned.bytes, digests.get(name, ""))
        for name, pinned in sorted(store.record.tables.items())
    ]
    text += (
        "<details><summary>tables of the release</summary>"
        f"{table(['table', 'rows', 'files', 'bytes', 'digest'], rows)}</details>"
    )
    return text if ingest.is_public else text + _files(ingest) + _warnings(account)


def _policy(policy: Any) -> str:
    if not isinstance(policy, dict) or not policy:
        return "defaults"
    return ", ".join(
        f"{k}: {str(v).lower() if isinstance(v, bool) else v}" for k, v in policy.items()
    )


def _files(ingest: Ingest) -> str:
    files = (
        ingest.store.scan("files")
        .filter(pl.col("cohort").is_in(list(ingest.known)))
        .sort("cohort", "file")
        .select("name", "cohort", "n_records", "n_samples", "bytes", "md5", "sha256")
        .collect()
    )
    if files.is_empty():
        return ""
    head = ["file", "cohort", "records", "people", "bytes", "MD5", "SHA-256"]
    return (
        f"<details><summary>{plural(files.height, 'input file')}</summary>"
        f"{table(head, files.rows())}</details>"
    )


def _warnings(account: dict[str, Any]) -> str:
    found = [str(w) for w in account.get("warnings") or []]
    if not found:
        return ""
    inner = "".join(f"<li>{escape(w)}</li>" for w in found)
    return f"<h3>Warnings</h3><ul>{inner}</ul>"
