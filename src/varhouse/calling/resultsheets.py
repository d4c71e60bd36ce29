"""What a call leaves for the ingest, and to start again from: sheets and a configuration.

A cohort sheet and a sample sheet, united with those of the configuration if it has any; the
configuration without what only the call reads, its paths absolute; sheets of reads that start
at the alignments or the gVCFs; a row of figures for each person, and the page.
"""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from varhouse.calling.multiqc import write_multiqc
from varhouse.calling.page import write_page
from varhouse.calling.places import WRITTEN
from varhouse.calling.qctable import write_qc_table
from varhouse.calling.run import CallRun, RunPerson
from varhouse.calling.settings import OWN_KEYS
from varhouse.files import new_file, read_json, write_text
from varhouse.ingest.setup.config_form import spread_assembly
from varhouse.ingest.setup.sheets import read_cohorts, read_samples
from varhouse.reads.model import path_of

_PATHS = ("genes", "mane")
_SOURCE_PATHS = ("path", "merged")
_NIGHTLY_PATHS = ("inbox", "folder")
_SHEET_PATHS = ("chain", "source_reference")


def write_results(run: CallRun) -> None:
    """Write all that is told of all people together (`CallRun.results`)."""
    folder = Path(run.folder)
    told = [
        read_json(path_of(folder / "qc", p.person, ".json"))
        for p in run.people
        if p.start != "gvcf"
    ]
    write_sheet(folder / "cohorts.tsv", cohort_rows(run))
    write_sheet(folder / "samples.tsv", sample_rows(run))
    write_config(run)
    (folder / "restart").mkdir(exist_ok=True)
    alignments = folder / "restart" / "alignments.tsv"
    if run.settings.keep != "none":
        write_sheet(alignments, restart_rows(run, run.form))
    else:
        # What an earlier run kept may be of other reads.
        alignments.unlink(missing_ok=True)
    write_sheet(folder / "restart" / "gvcfs.tsv", restart_rows(run, "gvcf"))
    _write_page(run, told)


def gvcf_of(run: CallRun, person: RunPerson) -> Path:
    """Name the gVCF of somebody: made here, or the one that the sheet brings."""
    if person.start == "gvcf":
        return Path(os.path.normpath(person.person.lanes[0].files[0]))
    return path_of(Path(run.folder) / "gvcf", person.person, ".g.vcf.gz")


def _relative(run: CallRun, path: Path) -> str:
    """Name a path from the folder of results, so that the folder can be moved."""
    folder = Path(run.folder)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def cohort_rows(run: CallRun) -> pl.DataFrame:
    """Give the cohort sheet: who was called, with the cohorts of the configuration.

    The files of each cohort stand in a list beside the sheet: there may be thousands, and a
    comma in a name would divide it.
    """
    folder = Path(run.folder)
    lists = folder / "lists"
    lists.mkdir(exist_ok=True)
    files: dict[str, list[str]] = {}
    for p in run.people:
        path = gvcf_of(run, p)
        # Paths of a list start from its own folder.
        name = os.path.relpath(path, lists) if path.is_relative_to(folder) else str(path)
        files.setdefault(p.person.cohort, []).append(name)
    for cohort, names in files.items():
        write_text(lists / f"{cohort}.txt", "".join(f"{n}\n" for n in names))
    own = {cohort: f"@lists/{cohort}.txt" for cohort in files}
    given = _given(run, "cohorts")
    rows = [] if given is None else given.to_dicts()
    for row in rows:
        base = Path(run.base)
        row["files"] = _absolute_items(base, row["files"])
        row |= {k: str(base / row[k]) for k in _SHEET_PATHS if row.get(k)}
        if row["cohort"] in own:
            row["files"] += "," + own.pop(row["cohort"])
    rows += [{"cohort": cohort, "files": cell} for cohort, cell in own.items()]
    return pl.DataFrame(rows, infer_schema_length=None)


def _absolute_items(base: Path, cell: str) -> str:
    """Make the comma-separated paths, patterns and lists of a cell absolute."""
    items = (t.strip() for t in cell.split(","))
    return ",".join(
        f"@{base / t[1:].strip()}" if t.startswith("@") else str(base / t) for t in items if t
    )


def _given(run: CallRun, key: str) -> pl.DataFrame | None:
    """Read a sheet that the configuration names; None without one."""
    if not run.raw.get(key):
        return None
    reader = read_cohorts if key == "cohorts" else read_samples
    return reader(Path(run.base) / run.raw[key]).frame.drop("line", strict=False)


def sample_rows(run: CallRun) -> pl.DataFrame:
    """Give the sample sheet: everybody's sex, and what the configuration's sheet says.

    Where both sheets say something of a column, the reads sheet counts. (The sex is the same
    in both, `settings.unite_sexes`.)
    """
    rows = {(row["cohort"], row["sample"]): dict(row) for row in run.carried}
    given = _given(run, "samples")
    if given is None:
        return pl.DataFrame(list(rows.values()), infer_schema_length=None)
    out = []
    for row in given.to_dicts():
        own = rows.pop((row["cohort"], row["sample"]), {})
        if own.get("sex") == "unknown":
            own.pop("sex")
        # An empty cell says nothing, and takes nothing away.
        out.append(row | {k: v for k, v in own.items() if v is not None or k not in row})
    return pl.DataFrame(out + list(rows.values()), infer_schema_length=None)


def restart_rows(run: CallRun, kind: str) -> pl.DataFrame:
    """Give a reads sheet that starts at the alignments (bam, cram) or at the gVCFs.

    What the reads sheet says of people besides stands in it again.
    """
    carried = {(row["cohort"], row["sample"]): row for row in run.carried}
    rows = []
    for p in run.people:
        who = p.person
        if kind == "gvcf" or p.start == "gvcf":
            file, column = gvcf_of(run, p), "gvcf"
        else:
            file, column = path_of(Path(run.folder) / kind, who, f".{kind}"), kind
        name = os.path.relpath(file, Path(run.folder) / "restart")
        if not file.is_relative_to(run.folder):
            name = str(file)
        own = {"cohort": who.cohort, "sample": who.name, "sex": who.sex}
        more = carried.get((who.cohort, who.name), {})
        said = {k: v for k, v in more.items() if v is not None}
        rows.append({**own, **said, **own, column: name})
    return pl.DataFrame(rows, infer_schema_length=None)


def write_sheet(path: Path, rows: pl.DataFrame) -> None:
    """Write a sheet as TSV; null is an empty cell."""
    with new_file(path) as made:
        rows.write_csv(made, separator="\t", quote_style="necessary")


def write_config(run: CallRun) -> None:
    """Write the configuration by which the ingest takes the results."""
    said = config_for_ingest(run)
    text = f"{WRITTEN} Use: varhouse ingest STORE --config this file\n" + yaml.safe_dump(
        said, sort_keys=False, allow_unicode=True
    )
    write_text(Path(run.folder) / "config.yaml", text)


def config_for_ingest(run: CallRun) -> dict[str, Any]:
    """Give the keys of the configuration that the ingest reads, with absolute paths."""
    base = Path(run.base)
    raw, _ = spread_assembly({k: v for k, v in run.raw.items() if k not in OWN_KEYS})
    said = {k: v for k, v in raw.items() if k not in ("cohorts", "samples")}

    def whole(holder: Any, keys: tuple[str, ...]) -> Any:
        if not isinstance(holder, dict):
            return holder
        return {k: str(base / v) if k in keys and v else v for k, v in holder.items()}

    said = whole(said, (*_PATHS, "store"))
    said["assembly"] = whole(said["assembly"], ("reference", "par", "aliases"))
    said["assembly"].setdefault("name", run.assembly)
    if "callable" in said:
        said["callable"] = whole(said["callable"], ("kits",))
    if "nightly" in said:
        said["nightly"] = whole(said["nightly"], _NIGHTLY_PATHS)
    if "sources" in said:
        said["sources"] = [whole(s, _SOURCE_PATHS) for s in said["sources"]]
    return {**said, "cohorts": "cohorts.tsv", "samples": "samples.tsv"}


def _write_page(run: CallRun, told: list[dict[str, Any]]) -> None:
    """Write the page of the batch, the table of figures, and what MultiQC reads."""
    folder = Path(run.folder)
    write_qc_table(told, folder / "qc.tsv")
    write_multiqc(told, folder / "multiqc")
    write_page(asdict(run), told, folder / "report.html")
