"""The page of a batch: what `varhouse call` found of each person's reads and calls.

It is made of the run and of each person's figures alone, loads nothing from outside, and can
be read without its script, which sorts the table. It names people: it lies with the results,
and is not for others. Its size is bounded: with many people only the first `ROWS` stand in
the table, and `DETAILED` have details, those with flags before all others; `qc.tsv` beside it
has everybody.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from varhouse.calling.multiqc import write_multiqc
from varhouse.calling.pagecharts import contamination, reads_figure, sexes, strip
from varhouse.calling.pagelines import coverage, insert_sizes
from varhouse.calling.pagetable import (
    SCRIPT,
    STYLE,
    legend,
    people_table,
    person_details,
)
from varhouse.calling.people import Person, is_flagged
from varhouse.calling.qctable import qc_frame, write_qc_table
from varhouse.files import write_text
from varhouse.lineage import without_folders
from varhouse.quantities import plural
from varhouse.reads.figures import BY_NAME
from varhouse.report import svg
from varhouse.report.document import make_document
from varhouse.report.tables import download, facts, figure, table

TITLE = "varhouse call"
"""How the title of such a page begins."""

ROWS = 1_000
"""People in the table at most: 0.6 kB each."""

DETAILED = 100
"""People with details at most: 4 kB each."""

EMBEDDED = 2_000
"""Up to so many people the page holds all figures as CSV: 0.4 kB each."""

NOTES = 50


def write_page(run: Mapping[str, Any], people: Sequence[Person], out: Path) -> None:
    """Write the page of a batch, in one step.

    Parameters
    ----------
    run
        The run as JSON (`calling.run.CallRun`): version, assembly, reference and its digest,
        contigs, settings, notes, people with the facts of their lanes. What is missing is
        not told.
    people
        The JSON of `reads.metrics.person_metrics` of each person who has one.
    out
        The page.
    """
    write_text(out, make_batch_page(run, people))


def make_batch_page(run: Mapping[str, Any], people: Sequence[Person]) -> str:
    """Make the page of a batch; the same run and figures give the same text."""
    # Who needs a look stands first, else as in the sheet.
    shown = sorted(people, key=lambda p: not is_flagged(p))
    sections = [
        ("flags", "Flags", _flags(people)),
        ("people", "People", _people(shown)),
        ("charts", "Reads and coverage", _charts(people)),
        ("details", "Person by person", _details(run, shown)),
        ("programs", "Programs", _programs(people)),
        ("run", "Reference and settings", _run(run)),
        ("notes", "Notes", _notes(run)),
    ]
    return make_document(
        f"{TITLE}: {plural(len(people), 'person')}",
        f"{TITLE}, from reads to calls",
        "names people: not for others",
        f'<p class="headline">{escape(headline(run, people))}</p>{_tiles(people)}',
        sections,
        style=STYLE,
        script=SCRIPT if len(people) > 1 else "",
    )


def headline(run: Mapping[str, Any], people: Sequence[Person]) -> str:
    """Say in a sentence or two how the batch is."""
    if not people:
        told = "Nobody's reads were called."
    else:
        odd = sum(map(is_flagged, people))
        which = (
            "1 has flags" if odd == 1 else f"{odd:,} have flags" if odd else "none has a flag"
        )
        told = f"{plural(len(people), 'person')} called from reads, {which}."
    rest = len(run.get("people") or ()) - len(people)
    if rest > 0:
        came = "came" if rest > 1 else "comes"
        told += f" {plural(rest, 'person')} {came} with calls of before: without figures."
    return told


def _tiles(people: Sequence[Person]) -> str:
    if not people:
        return ""
    frame = qc_frame(people)
    pairs = [
        (f"{frame.height:,}", "people"),
        (f"{sum(map(is_flagged, people)):,}", "with flags"),
    ]
    for name, how in (
        ("reads", "median"), ("mapped", "least"), ("duplicates", "most"),
        ("mean_coverage", "median"), ("at_20x", "least"), ("contamination", "most"),
        ("ti_tv", "median"), ("het_hom", "median"),
    ):  # fmt: skip
        values = frame[name].drop_nulls()
        if not values.len():
            continue
        value: Any = {"median": values.median, "least": values.min, "most": values.max}[how]()
        shown = BY_NAME[name]
        label = shown.label if frame.height == 1 else f"{shown.label}, {how}"
        short = svg.tick_label(float(value)) if shown.unit == "count" else shown.text(value)
        pairs.append((short, label))
    inner = "".join(
        f"<li><b>{escape(n)}</b><span>{escape(label)}</span></li>" for n, label in pairs
    )
    return f'<ul class="facts">{inner}</ul>'


def _flags(people: Sequence[Person]) -> str:
    """List what is odd, each kind with its people; the words are of the first."""
    found: dict[str, list[tuple[Person, str]]] = {}
    for person in people:
        for flag in person.get("flags") or ():
            found.setdefault(flag["code"], []).append((person, flag["words"]))
    rows = []
    for code, those in sorted(found.items(), key=lambda x: -len(x[1])):
        names = ", ".join(str(p["sample"]) for p, _ in those[:12])
        more = f" and {len(those) - 12:,} more" if len(those) > 12 else ""
        said = those[0][1]
        words = f"{those[0][0]['sample']}: {said}" if len(those) > 1 else said
        rows.append((code, len(those), names + more, words))
    return table(("flag", "people", "who", "what, and what to do"), rows) if rows else ""


def _people(people: Sequence[Person]) -> str:
    if not people:
        return ""
    shown = people[:ROWS]
    csv = '<a href="qc.tsv">qc.tsv</a> beside this page'
    if len(people) <= EMBEDDED:
        csv = f"{download(qc_frame(people), 'qc', 'all figures (CSV)')}, or {csv}"
    few = ""
    if len(people) > ROWS:
        few = f" The first {ROWS:,} of {len(people):,}, those with flags before others."
    return (
        f'<p>Beyond a threshold: <span class="bad">shaded</span>; near one: '
        f'<span class="near">underlined</span>. The pointer on a head says what is counted; '
        f"all of it stands below the table.{few} Numbers: {csv}.</p>"
        f"{people_table(shown)}{legend()}"
    )


def _charts(people: Sequence[Person]) -> str:
    plots = [
        reads_figure(people),
        insert_sizes(people),
        coverage(people),
        sexes(people),
        strip(
            people, "ti_tv", "Ti/Tv",
            "Look for people far below the others: false calls pull towards 0.5.",
        ),
        strip(
            people, "het_hom", "Het/hom",
            "Look for single people apart: contamination raises it, related parents and low "
            "coverage lower it.",
        ),
        contamination(people),
    ]  # fmt: skip
    inner = "".join(figure(f, {}, "varhouse-call") for f in plots if f)
    return f'<div class="plots">{inner}</div>' if inner else ""


def _details(run: Mapping[str, Any], people: Sequence[Person]) -> str:
    if not people:
        return ""
    facts_of = {
        (p["person"]["cohort"], p["person"]["name"]): p.get("facts") or []
        for p in run.get("people") or ()
    }
    with_cohort = len({p["cohort"] for p in people}) > 1
    parts = [
        person_details(
            p, facts_of.get((p["cohort"], p["sample"]), []), with_cohort=with_cohort
        )
        for p in people[:DETAILED]
    ]
    left = len(people) - DETAILED
    more = (
        f'<p class="soft">{left:,} people more, without details here: '
        '<a href="qc.tsv">qc.tsv</a> and the folder <code>qc</code> have them.</p>'
        if left > 0
        else ""
    )
    return "".join(parts) + more


def _programs(people: Sequence[Person]) -> str:
    """List programs with their versions; of several, how many people each one served."""
    found = Counter(
        tuple(
            str(tool.get(k) or "") for k in ("step", "name", "version", "carrier", "options")
        )
        for person in people
        for tool in {_frozen(t): t for t in person.get("tools") or ()}.values()
    )
    order = list(dict.fromkeys(step for step, *_ in found))
    rows = [
        (step, name, version, carrier, without_folders(options), n)
        for (step, name, version, carrier, options), n in sorted(
            found.items(), key=lambda item: order.index(item[0][0])
        )
    ]
    heads = ("step", "program", "version", "carried by", "arguments", "people")
    return table(heads, rows) if rows else ""


def _frozen(tool: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, str(v)) for k, v in tool.items()))


def _run(run: Mapping[str, Any]) -> str:
    reference = str(run.get("reference") or "").replace("\\", "/").rsplit("/", 1)[-1]
    contigs = run.get("contigs") or []
    bases = sum(int(length) for _, length in contigs)
    pairs = [
        ("varhouse", str(run.get("version") or "")),
        ("assembly", str(run.get("assembly") or "")),
        ("reference", reference),
        ("reference digest", str(run.get("reference_digest") or "")),
        ("called", f"{plural(len(contigs), 'contig')}, {bases:,} bases" if contigs else ""),
    ]
    settings = run.get("settings")
    if isinstance(settings, Mapping):
        pairs += [(k.replace("_", " "), _text(v)) for k, v in settings.items()]
    return facts(pairs)


def _text(value: Any) -> str:
    """Write a value of the settings; folders of paths are left out."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {t}" for k, v in value.items() if (t := _text(v)))
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else without_folders(str(value))


def _notes(run: Mapping[str, Any]) -> str:
    notes = [str(n) for n in run.get("notes") or ()]
    more = f"<li>and {len(notes) - NOTES:,} more</li>" if len(notes) > NOTES else ""
    inner = "".join(f"<li>{escape(n)}</li>" for n in notes[:NOTES])
    return f"<ul>{inner}{more}</ul>" if notes else ""


def write_batch(run: Mapping[str, Any], people: Sequence[Person], folder: Path) -> None:
    """Write what is told of all people together: `qc.tsv`, `report.html`, `multiqc/`.

    Parameters
    ----------
    run, people
        As of `write_page`.
    folder
        The folder of results; it is there.
    """
    write_qc_table(people, folder / "qc.tsv")
    write_multiqc(people, folder / "multiqc")
    write_page(run, people, folder / "report.html")
