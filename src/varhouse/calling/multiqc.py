"""Files that MultiQC reads by itself, for a centre whose other tools end there too.

`multiqc FOLDER` finds them by their names (`*_mqc.json`, custom content; MultiQC 1.35) and
needs nothing of ours: labels, meanings and thresholds stand in the files. The configuration
beside them keeps MultiQC from cutting names of people that look like names of files:
`multiqc FOLDER -c FOLDER/multiqc_config.yaml`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from varhouse.calling.curves import coverage_curves, insert_curves
from varhouse.calling.pagecharts import parts_of
from varhouse.calling.people import Person, has_several, value_of
from varhouse.files import whole_folder
from varhouse.reads.figures import FIGURES, LIMITS, Figure

SHOWN = frozenset({
    "reads", "mapped", "duplicates", "insert_median", "mean_coverage", "at_20x",
    "contamination", "ti_tv", "het_hom",
})  # fmt: skip
"""Figures in the first table as it opens; the others are there and hidden."""

_MILLION = 1e6
_PARENT = {
    "parent_id": "varhouse_call",
    "parent_name": "varhouse call",
    "parent_description": "From reads to calls: each person's reads, alignments and calls.",
}


def write_multiqc(people: Sequence[Person], folder: Path) -> None:
    """Write a folder for MultiQC, in one step; what was there goes.

    Parameters
    ----------
    people
        The JSON of `reads.metrics.person_metrics` of each person.
    """
    names = _names(people)
    made: dict[str, dict[str, Any] | None] = {
        "general": general_statistics(people, names),
        "reads": _reads(people, names),
        "inserts": _lines(
            "inserts", "Insert sizes", insert_curves(people), names,
            "insert size, bases", "% of pairs a base",
        ),
        "coverage": _lines(
            "coverage", "Coverage", coverage_curves(people), names,
            "depth", "% of bases at least so deep",
        ),
        "sexes": _sexes(people, names),
    }  # fmt: skip
    with whole_folder(folder) as own:
        for name, content in made.items():
            if content is not None and content["data"]:
                text = json.dumps(content, ensure_ascii=False, allow_nan=False)
                (own / f"varhouse_{name}_mqc.json").write_text(text, encoding="utf-8")
        for name, said in (
            ("varhouse_mqc_versions.yml", versions(people)),
            ("multiqc_config.yaml", _CONFIG),
        ):
            text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
            (own / name).write_text(text, encoding="utf-8")


_CONFIG: dict[str, Any] = {
    "title": "varhouse call",
    # Names are those of people, not of files.
    "fn_clean_sample_names": False,
    "custom_content": {"order": ["varhouse_call"]},
}


def _names(people: Sequence[Person]) -> list[str]:
    """Name people for MultiQC, which takes what stands before a slash for a folder."""
    plural = has_several(people)
    return [f"{p['cohort']} {p['sample']}" if plural else str(p["sample"]) for p in people]


def general_statistics(people: Sequence[Person], names: Sequence[str]) -> dict[str, Any]:
    """Give the table of all figures: `names` are those of the people."""
    kept = [f for f in FIGURES if any(value_of(p, f.name) is not None for p in people)]
    return {
        "id": "varhouse_general",
        "plot_type": "generalstats",
        "namespace": "varhouse",
        "headers": [{f"varhouse_{f.name}": _header(f)} for f in kept],
        "data": {
            name: {
                f"varhouse_{f.name}": _scaled(f, value)
                for f in kept
                if (value := value_of(person, f.name)) is not None
            }
            for name, person in zip(names, people, strict=True)
        },
    }


def _header(shown: Figure) -> dict[str, Any]:
    """Say of a column what it is, how it is written, and when it is odd."""
    header: dict[str, Any] = {
        "title": shown.label, "description": shown.meaning, "hidden": shown.name not in SHOWN,
    }  # fmt: skip
    if shown.unit == "word":
        return header | {"scale": False}
    header["scale"] = "Blues"
    if shown.unit == "share":
        places = max(shown.digits - 2, 0)
        header |= {"suffix": "%", "min": 0, "max": 100, "format": f"{{:,.{places}f}}"}
    elif shown.unit in ("count", "bases") and _is_large(shown):
        header |= {"suffix": " M", "min": 0, "format": "{:,.2f}"}
    else:
        suffix = {"x": "x", "bases": " bp"}.get(shown.unit, "")
        header |= {"suffix": suffix, "min": 0, "format": f"{{:,.{shown.digits}f}}"}
    limit = next((x for x in LIMITS if x.figure == shown.name), None)
    if limit is not None:
        ends = [{"lt": _scaled(shown, limit.least)}] if limit.least is not None else []
        ends += [{"gt": _scaled(shown, limit.most)}] if limit.most is not None else []
        header["cond_formatting_rules"] = {"fail": ends}
    return header


def _is_large(shown: Figure) -> bool:
    """Tell whether a count is of millions."""
    return shown.name in ("reads", "bases", "library_size", "snvs", "indels")


def _scaled(shown: Figure, value: Any) -> Any:
    """Give a value in the unit of its column: shares in per cent, large counts in millions."""
    if shown.unit == "word":
        return value
    if shown.unit == "share":
        return 100 * value
    return value / _MILLION if _is_large(shown) else value


def _section(name: str, title: str, plot_type: str, about: str) -> dict[str, Any]:
    return {
        "id": f"varhouse_{name}", "section_name": title, "description": about,
        "plot_type": plot_type, **_PARENT,
    }  # fmt: skip


def _reads(people: Sequence[Person], names: Sequence[str]) -> dict[str, Any]:
    labels = ("Mapped", "Duplicates", "Not mapped")
    data = {
        name: dict(zip(labels, map(round, parts), strict=True))
        for name, person in zip(names, people, strict=True)
        if (parts := parts_of(person)) is not None
    }
    about = "Reads, both mates: mapped and no duplicate, duplicates, not mapped."
    return {
        **_section("reads", "Reads", "bargraph", about),
        "pconfig": {"id": "varhouse_reads_plot", "title": "varhouse: Reads", "ylab": "reads"},
        "data": data,
    }


def _lines(
    name: str,
    title: str,
    curves: tuple[Any, Sequence[tuple[int, Any]]],
    names: Sequence[str],
    x_label: str,
    y_label: str,
) -> dict[str, Any] | None:
    """Give curves as lines: places, and of each person who has one the number and values."""
    places, found = curves
    # Pairs: keys of an object are texts, which MultiQC would put in the order of texts.
    data = {
        names[number]: [
            [int(x), round(float(y), 4)] for x, y in zip(places, values, strict=True)
        ]
        for number, values in found
    }
    return {
        **_section(name, title, "linegraph", f"{title}: {y_label} by {x_label}."),
        "pconfig": {
            "id": f"varhouse_{name}_plot", "title": f"varhouse: {title}",
            "xlab": x_label, "ylab": y_label, "ymin": 0,
        },
        "data": data,
    }  # fmt: skip


def _sexes(people: Sequence[Person], names: Sequence[str]) -> dict[str, Any]:
    colours = {"female": "#0072b2", "male": "#d55e00"}
    data = {
        name: {
            "x": value_of(person, "x_ratio"),
            "y": value_of(person, "y_ratio"),
            "color": colours.get(value_of(person, "sex"), "#777777"),
        }
        for name, person in zip(names, people, strict=True)
        if value_of(person, "x_ratio") is not None and value_of(person, "y_ratio") is not None
    }
    about = "Coverage of X and Y over that of autosomes; blue: female by the sheet, red: male."
    return {
        **_section("sexes", "X and Y", "scatter", about),
        "pconfig": {
            "id": "varhouse_sexes_plot", "title": "varhouse: X and Y",
            "xlab": "X over autosomes", "ylab": "Y over autosomes",
        },
        "data": data,
    }  # fmt: skip


def versions(people: Sequence[Person]) -> dict[str, Any]:
    """Name the programs with their versions; several of one program stand together."""
    found: dict[str, list[str]] = {}
    for person in people:
        for tool in person.get("tools") or ():
            known = found.setdefault(str(tool["name"]), [])
            if tool["version"] not in known:
                known.append(str(tool["version"]))
    return {name: ", ".join(every) for name, every in found.items()}
