"""The table of people of the page of a batch, and what it says of each one.

A cell beyond a threshold of `reads.figures.LIMITS` is shaded, one within a tenth of it is
underlined; the length of the bar behind a number is its share of the greatest one.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from varhouse.calling.people import Person, has_several, is_flagged, name_of, value_of
from varhouse.quantities import plural
from varhouse.reads.figures import BY_NAME, FIGURES, LIMITS, Figure
from varhouse.report.tables import facts, table

COLUMNS = (
    "reads", "mapped", "proper", "duplicates", "insert_median", "error_rate",
    "mean_coverage", "at_10x", "at_20x", "contamination", "charr", "sex", "sex_by_reads",
    "snvs", "indels", "ti_tv", "het_hom", "filtered",
)  # fmt: skip
"""Figures in the table, as far as somebody has them; the details have all."""

SHORT = {
    "insert_median": "Insert", "error_rate": "Mismatch", "mean_coverage": "Coverage",
    "at_10x": "10x", "at_20x": "20x", "contamination": "Contam.", "proper": "Proper",
    "sex": "Sex", "sex_by_reads": "by reads", "filtered": "Filtered",
}  # fmt: skip
"""Labels that fit over a column."""

NEAR = 0.1
"""Within this share of a threshold a value is near it."""

ALIKE = 0.8
"""Figures whose least value is over this share of the greatest have no bars."""

CONTIGS = 30
"""Contigs in the details of a person at most."""

STYLE = """
.facts b{white-space:nowrap}
.scroll{overflow-x:auto;max-height:80vh;border:1px solid var(--rule);border-radius:8px}
table.sort{width:max-content;min-width:100%}
table.sort th,table.sort td{padding:4px 10px;white-space:nowrap}
table.sort thead th{position:sticky;top:0;background:var(--tint);z-index:1}
table.sort th:first-child,table.sort td:first-child{position:sticky;left:0;
background:var(--paper);max-width:16em;overflow:hidden;text-overflow:ellipsis}
table.sort thead th:first-child{z-index:2;background:var(--tint)}
table.sort button{all:unset;cursor:pointer;color:inherit;font:inherit}
table.sort button:focus-visible{outline:2px solid var(--link)}
th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
td.b{background:linear-gradient(90deg,var(--tint) var(--v),transparent 0)}
td.bad,span.bad{background:var(--warnbg);color:var(--warn);font-weight:600}
span.bad{padding:0 .3em;border-radius:3px}
.near{text-decoration:underline;text-decoration-color:var(--warn);text-underline-offset:3px}
#flags td{overflow-wrap:break-word}
#flags td:nth-child(3){min-width:9em}
.flagged summary{color:var(--warn)}
svg .thin{fill:none;stroke:var(--c0);stroke-width:1;opacity:.45}
svg .thin.odd{stroke:var(--warn);opacity:.9;stroke-width:1.4}
svg .band{fill:var(--c0);opacity:.22}
svg .expected{fill:none;stroke:var(--soft);stroke-dasharray:3 3}
svg .limit{stroke:var(--warn);stroke-dasharray:5 3}
svg .whisker{stroke:var(--soft);stroke-width:1.6}
@media print{.scroll{max-height:none;overflow:visible;border:0}
table.sort{width:100%}table.sort th,table.sort td{padding:2px 4px;font-size:7.5pt}}
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sort")) {
  const body = table.tBodies[0];
  const key = (row, i) => {
    const text = row.cells[i].textContent;
    const value = parseFloat(text.replaceAll(",", ""));
    return text === "-" || text === "" ? null : isNaN(value) ? text : value;
  };
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row, i), row]);
      rows.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        const order = typeof a === "number" && typeof b === "number"
          ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    };
  });
}
"""

_LIMITS = {x.figure: x for x in LIMITS}


def people_table(people: Sequence[Person]) -> str:
    """Write the table of people, in the given order."""
    names = [n for n in COLUMNS if any(value_of(p, n) is not None for p in people)]
    most = {n: _most(people, n) for n in names}
    heads = ['<th scope="col">sample</th>']
    several = has_several(people)
    if several:
        heads.append('<th scope="col">cohort</th>')
    heads.append('<th scope="col" class="n" title="What is odd; see above.">flags</th>')
    for n in names:
        shown = BY_NAME[n]
        kind = "" if shown.unit == "word" else ' class="n"'
        about = escape(f"{shown.label}. {shown.meaning}{_threshold(n)}")
        label = escape(SHORT.get(n, shown.label))
        heads.append(f'<th scope="col"{kind} title="{about}">{label}</th>')
    body = []
    for person in people:
        cells = [
            f'<td title="{escape(str(person["sample"]))}">{escape(str(person["sample"]))}</td>'
        ]
        if several:
            cells.append(f"<td>{escape(str(person['cohort']))}</td>")
        flags = person.get("flags") or ()
        told = escape("; ".join(f["code"].replace("_", " ") for f in flags))
        bad = f' bad" title="{told}' if flags else ""
        cells.append(f'<td class="n{bad}">{len(flags) or ""}</td>')
        codes = {f["code"] for f in flags}
        cells += [_cell(BY_NAME[n], value_of(person, n), most[n], codes) for n in names]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table class="sort"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _most(people: Sequence[Person], name: str) -> float:
    """Give what a full bar stands for; 0: no bars."""
    shown = BY_NAME[name]
    if shown.unit not in ("count", "x", "share"):
        return 0.0
    values = [v for p in people if (v := value_of(p, name)) is not None]
    most = float(max(values, default=0))
    # Where all are nearly alike bars say nothing.
    return 0.0 if min(values, default=0) > ALIKE * most else most


def _cell(shown: Figure, value: Any, most: float, codes: set[str]) -> str:
    text = escape(shown.text(value))
    limit = _LIMITS.get(shown.name)
    kinds = [] if shown.unit == "word" else ["n"]
    if limit is not None and limit.code in codes:
        kinds.append("bad")
    elif value is not None and limit is not None and _is_near(shown.name, value):
        text = f'<span class="near">{text}</span>'
    style = ""
    if most > 0 and value is not None and "bad" not in kinds:
        kinds.append("b")
        style = f' style="--v:{100 * value / most:.0f}%"'
    if shown.name == "sex_by_reads" and "sex_disagrees" in codes:
        kinds.append("bad")
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<td{kind}{style}>{text}</td>"


def _is_near(name: str, value: float) -> bool:
    """Tell whether a value is on the good side of a threshold, and near it.

    Of shares that ought to be near 1, what is missing to 1 is compared.
    """
    limit = _LIMITS[name]
    if limit.least is not None and value >= limit.least:
        if BY_NAME[name].unit == "share":
            return 1 - value > (1 - NEAR) * (1 - limit.least)
        return value < limit.least * (1 + NEAR)
    return limit.most is not None and limit.most * (1 - NEAR) < value <= limit.most


def _threshold(name: str) -> str:
    """Say when a figure is odd."""
    limit = _LIMITS.get(name)
    if limit is None:
        return ""
    shown = BY_NAME[name]
    ends = [f"below {shown.text(limit.least)}"] if limit.least is not None else []
    ends += [f"above {shown.text(limit.most)}"] if limit.most is not None else []
    return f" Flagged {' or '.join(ends)} ({limit.source})."


def legend() -> str:
    """Write what each figure means, and when it is flagged."""
    pairs = [(f.label, f.meaning + _threshold(f.name)) for f in FIGURES]
    return f"<details><summary>what the figures mean</summary>{facts(pairs)}</details>"


def person_details(
    person: Person, lanes: Sequence[Mapping[str, Any]], *, with_cohort: bool = False
) -> str:
    """Write all that is known of a person, folded.

    Parameters
    ----------
    lanes
        `LaneFacts` of the person's lanes as JSON, in the order of `person["lanes"]`.
    """
    flags = "".join(f"<li>{escape(f['words'])}</li>" for f in person.get("flags") or ())
    reasons = person.get("reasons") or {}
    pairs = []
    for shown in FIGURES:
        value = value_of(person, shown.name)
        if value is not None or shown.name in reasons:
            why = f"not known: {reasons.get(shown.name)}" if value is None else ""
            pairs.append((shown.label, why or shown.text(value)))
    text = f"<ul>{flags}</ul>" if flags else ""
    text += facts(pairs) + _lanes(person, lanes) + _contigs(person)
    n = len(person.get("flags") or ())
    told = f": {plural(n, 'flag')}" if n else ""
    kind = ' class="flagged"' if is_flagged(person) else ""
    name = escape(name_of(person, with_cohort=with_cohort))
    return f"<details{kind}><summary>{name}{told}</summary>{text}</details>"


def _lanes(person: Person, lanes: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for lane in person.get("lanes") or ():
        cut = lane.get("reads_trimmed")
        rows.append(
            (lane.get("lane"), lane.get("names"), lane.get("reads"), lane.get("bases"),
             lane.get("longest"), lane.get("reads_in"), lane.get("reads_out"), cut)
        )  # fmt: skip
    heads = ("lane", "names", "reads", "bases", "longest", "to trimming", "aligned", "trimmed")
    text = table(heads, rows, caption="Lanes") if rows else ""
    files = [
        (str(f.get("name", "")), f.get("n_reads"), f.get("bytes"), f.get("md5"))
        for facts_ in lanes
        for f in facts_.get("files") or ()
    ]
    if files:
        text += table(("file", "reads", "bytes", "MD5"), files, caption="Files")
    notes = [str(n) for facts_ in lanes for n in facts_.get("notes") or ()]
    inner = "".join(f"<li>{escape(n)}</li>" for n in notes[:CONTIGS])
    return text + (f"<ul>{inner}</ul>" if notes else "")


def _contigs(person: Person) -> str:
    found = person.get("contigs") or ()
    rows = [
        (str(c["contig"]), c.get("bases"), c.get("reads"), c.get("coverage"))
        for c in found[:CONTIGS]
    ]
    if not rows:
        return ""
    more = f", the first {CONTIGS} of {len(found):,}" if len(found) > CONTIGS else ""
    heads = ("contig", "bases, not N", "reads", "coverage")
    return table(heads, rows, caption=f"Contigs{more}")
