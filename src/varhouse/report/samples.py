"""The table of samples, flagged first, which a few lines of script sort and filter.

It can be read without the script. The page holds at most ROWS rows; the data that it saves
hold more, and the table sample_qc has all.
"""

import json
from html import escape
from typing import Any

import polars as pl

from varhouse.quantities import plural
from varhouse.report.peopletables import codes, concerned
from varhouse.report.tables import Cell, download, show

ROWS = 1_000
"""Rows in the page at most, about 0.6 kB each."""

SAVED = 4_000
"""Rows in the saved data at most, about 0.3 kB each, so that a page stays below 5 MB."""

SCRIPT = """
for (const box of document.querySelectorAll(".samples")) {
  const table = box.querySelector("table");
  const body = table.tBodies[0];
  const number = (text) => text === "" ? null : Number(text.replaceAll(",", ""));
  const value = (row, i) => {
    const text = row.cells[i].textContent;
    const found = number(text);
    return text === "" ? null : isNaN(found) ? text : found;
  };
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row, i), row]);
      rows.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        const order = typeof a === "number" && typeof b === "number"
          ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    };
  });
  const form = box.querySelector(".filter");
  const [text, flag] = form.querySelectorAll("input, select");
  const told = box.querySelector("output");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let n = 0;
    for (const row of body.rows) {
      const [name, ...rest] = [...row.cells].map((c) => c.textContent.toLowerCase());
      const starts = (word) => rest.some((c) => ` ${c}`.includes(` ${word}`));
      const flags = row.dataset.flags;
      const has = flag.value === "" || (flag.value === "*" ? flags !== ""
        : flags.split(",").includes(flag.value));
      row.hidden = !(has && words.every(
        (word) => name.includes(word) || starts(word)));
      n += !row.hidden;
    }
    told.textContent = `${n.toLocaleString("en")} shown`;
  };
  text.oninput = flag.onchange = filter;
  form.hidden = false;
  filter();
}
"""

STYLE = """
.samples{overflow-x:auto;max-height:36em;overflow-y:auto;border:1px solid var(--rule);
border-radius:8px;padding:0 12px}
.samples .filter{position:sticky;left:0;display:flex;flex-wrap:wrap;gap:8px 16px;
padding:10px 0}
.samples .filter[hidden]{display:none}
.samples input,.samples select,.samples button{font:inherit;color:inherit;
background:var(--paper);border:1px solid var(--rule);border-radius:5px;padding:3px 8px;
max-width:100%}
.samples th{position:sticky;top:0;background:var(--paper);white-space:nowrap}
.samples th button{border:0;padding:0;font-weight:600;cursor:pointer;color:var(--link);
background:none}
.samples th[aria-sort=ascending] button::after{content:" ↑"}
.samples th[aria-sort=descending] button::after{content:" ↓"}
.samples td{white-space:nowrap}
.samples td.flags{white-space:normal;min-width:9em}
.samples td.bad{color:var(--warn);font-weight:600}
.paper{display:none}
@media print{.paper{display:inline}
.samples{overflow:visible;max-height:none;border:0;padding:0}
.samples .filter{display:none}.samples table{font-size:7pt}.samples td{white-space:normal}
.samples td.flags{min-width:0}
.samples th{white-space:normal;position:static}.samples th button{color:inherit}
.samples tr.more{display:none}}
"""

PRINTED = 60
"""Rows on paper, at most."""

COLUMNS: dict[str, tuple[str, str]] = {
    "sex": ("sex", "sex by the sheet"),
    "sex_by_calls": ("by calls", "sex by the calls on X and Y"),
    "population": ("population", "population by the sheet"),
    "call_rate": ("call rate", "share of genotypes called"),
    "het_hom": ("het/hom", "heterozygous genotypes for each homozygous non-reference one"),
    "ti_tv": ("Ti/Tv", "transitions for each transversion"),
    "n_singleton": ("singletons", "alleles nobody else in the cohort has"),
    "singleton_ti_tv": ("their Ti/Tv", "Ti/Tv of these alleles"),
    "ins_del": ("ins/del", "insertions for each deletion"),
    "dp_mean": ("DP", "mean depth"),
    "gq_mean": ("GQ", "mean genotype quality"),
    "charr": ("CHARR, %", "contamination by reads of the reference at homozygous sites"),
    "roh_mb": ("ROH, Mb", "runs of homozygosity, megabases"),
    "outlier": ("ancestry", "population that it is nearest to, if that is another"),
}
"""Column to its short head and what it is."""

_SHOWN = {"contamination": "charr", "roh_bases": "roh_mb"}
_PLACES = {"call_rate": 5, "charr": 3, "roh_mb": 2, "dp_mean": 1, "gq_mean": 1}


def flag_words(code: str) -> str:
    """Write a flag for people."""
    column = code.removeprefix("outlier_")
    if column != code:
        shown = _SHOWN.get(column, column)
        return f"{COLUMNS.get(shown, (shown.replace('_', ' '),))[0]} stands out"
    return code.replace("_", " ")


def sample_table(samples: pl.DataFrame, ancestry: pl.DataFrame, prefix: str) -> str:
    """Write the table of samples with its filter and the data to save.

    Parameters
    ----------
    samples, ancestry
        Of `peopletables.People`.
    prefix
        Begins the name of the data file.
    """
    far = ancestry.select(
        "cohort", "ordinal",
        outlier=pl.when("outlier").then(pl.col("nearest").fill_null("none near")),
    )  # fmt: skip
    frame = (
        samples.join(far, on=["cohort", "ordinal"], how="left")
        .with_columns(roh_mb=pl.col("roh_bases") / 1e6, charr=100 * pl.col("contamination"))
        .with_columns(
            n_flags=pl.col("flags").str.split(",").list.len() * (pl.col("flags") != "")
        )
        .sort("n_flags", "cohort", "ordinal", descending=[True, False, False])
    )
    shown = [c for c in COLUMNS if frame[c].null_count() < frame.height]
    has_cohorts = frame["cohort"].n_unique() > 1
    heads = ["sample", *(["cohort"] if has_cohorts else []), "flags"]
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    for c in shown:
        short, meaning = COLUMNS[c]
        kind = ' class="n"' if frame.schema[c].is_numeric() else ""
        head += f'<th scope="col"{kind} title="{escape(meaning)}">{escape(short)}</th>'
    body = "".join(
        _row(row, shown, has_cohorts=has_cohorts, printed=i < PRINTED)
        for i, row in enumerate(frame.head(ROWS).iter_rows(named=True))
    )
    found = {c for text in samples["flags"].unique() for c in codes(text)}
    options = "".join(
        f'<option value="{escape(c)}">{escape(flag_words(c))}</option>' for c in sorted(found)
    )
    return (
        f"{_about(frame, prefix)}"
        '<div class="samples" tabindex="0" role="region" aria-label="samples">'
        '<div class="filter" hidden>'
        '<label>with <input type="search" placeholder="any words"></label>'
        '<label>flags <select><option value="">any or none</option>'
        '<option value="*">any</option>'
        f"{options}</select></label><output></output></div>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _about(frame: pl.DataFrame, prefix: str) -> str:
    left_out = frame.height - ROWS
    more = f" The first {ROWS:,} of {frame.height:,} are shown." if left_out > 0 else ""
    paper = ""
    if frame.height > PRINTED:
        paper = f'<span class="paper"> On paper the first {PRINTED:,} are.</span>'
    saved = (
        frame.head(SAVED)
        .drop("group", "outlier", "roh_mb", "charr", "n_flags")
        .with_columns(pl.selectors.float().round(6))
    )
    if frame.height > SAVED:
        more += f" The saved data hold the first {SAVED:,}; the table sample_qc has all."
    return (
        f"<p>{plural(frame.height, 'sample')}, those with flags first; rest the pointer on "
        f"a value that stands out to see its threshold.{more}{paper} "
        f'<span id="samples-data">{download(saved, f"{prefix}-samples")}</span></p>'
    )


def _row(row: dict[str, Any], shown: list[str], *, has_cohorts: bool, printed: bool) -> str:
    found = codes(row["flags"])
    details = json.loads(row["flag_details"] or "{}") if found else {}
    told = {_SHOWN.get(concerned(c), concerned(c)): _detail(c, details.get(c)) for c in found}
    cells = [f"<td>{escape(row['sample'])}</td>"]
    if has_cohorts:
        cells.append(f"<td>{escape(row['cohort'])}</td>")
    words = escape(", ".join(flag_words(c) for c in found))
    cells.append(f'<td class="flags{" bad" if found else ""}">{words}</td>')
    for c in shown:
        value: Cell = row[c]
        if isinstance(value, float):
            value = f"{value:,.{_PLACES.get(c, 3)}f}"
        kinds = [
            k for k, yes in (("n", not isinstance(row[c], str)), ("bad", c in told)) if yes
        ]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        tip = f' title="{escape(told[c])}"' if c in told else ""
        cells.append(f"<td{kind}{tip}>{escape(show(value))}</td>")
    more = "" if printed else ' class="more"'
    return f'<tr data-flags="{escape(row["flags"])}"{more}>{"".join(cells)}</tr>'


def _detail(code: str, told: Any) -> str:
    text = flag_words(code)
    if isinstance(told, dict):
        parts = [
            f"{k.replace('_', ' ')} {_plain(v)}" for k, v in told.items() if v is not None
        ]
        text += f": {', '.join(parts)}" if parts else ""
    return text


def _plain(value: Any) -> str:
    return show(value) if isinstance(value, str | int | float) else str(value)
