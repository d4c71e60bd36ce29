"""What each release changed: people and alleles of its cohorts, gene model and sources.

A commit records the people and counts of the cohorts that it touches (`record_changes`), in
`meta.event` of the release: the record stays when the data of a release are deleted. What
the records of two releases tell by themselves (alleles, sources, sizes) is not written twice:
it is compared when somebody asks.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from varhouse.errors import StoreError
from varhouse.masking import mask_text
from varhouse.store.errata import read_errata, sealed
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.store.releases import Release, read_release
from varhouse.tables.schema import COHORTS, SAMPLES, TABLES, Table, annotation_table
from varhouse.view import View

if TYPE_CHECKING:
    # It brings what writes along, which a reader of the history does not need.
    from varhouse.store.changes import TableChange

CHANGED = "changed"
"""The key of `meta.event` that `record_changes` writes: cohort to what became of it."""

BROUGHT = "brought"
"""The key of `meta.event` with what a commit wrote: bytes by root, and files."""

_COUNTS = {"people": "n_samples", "records": "n_records", "alleles": "n_alleles"}
_Rows = Callable[[Table, bool], pl.LazyFrame]


def record_changes(path: Path, plans: "Sequence[TableChange]") -> dict[str, Any]:
    """Tell what a commit changes, for `meta.event` of its release.

    Parameters
    ----------
    path
        The store's root folder.
    plans
        What happens to each table. Of the tables cohorts and samples the files that go and
        come are read, of cohorts with new rows all names of people.

    Returns
    -------
    dict
        `CHANGED`, see `cohort_changes`, and `BROUGHT`: `open` and `controlled` bytes, and
        `files`, with what a commit writes beside them.
    """
    planned = {plan.table.name: plan for plan in plans}
    # The record and the catalogue; of a table its files, and a version of its log.
    brought = {"open": 0, "controlled": 0, "files": 2}
    for plan in plans:
        brought[plan.table.root] += sum(s.bytes for s in plan.new.values())
        brought["files"] += len(plan.new) + 1 if plan.new else 0

    def rows(table: Table, after: bool) -> pl.LazyFrame:
        plan = planned.get(table.name)
        if plan is None:
            return pl.LazyFrame(schema=table.polars_schema)
        folder = table_folder(path, table)
        files = [(str(folder / f), _cohort_of(f)) for f in (*plan.kept, *plan.gone)]
        if after:
            files = [(str(folder / f), _cohort_of(f)) for f in plan.kept]
            files += [(s.path, s.partition["cohort"]) for s in plan.new.values()]
        if table is SAMPLES:
            # Of thousands of cohorts only those are read that something happens to.
            touched = {_cohort_of(f) for f in (*plan.gone, *plan.new)}
            files = [f for f in files if f[1] in touched]
        else:
            kept = {str(folder / f) for f in plan.kept}
            files = [f for f in files if f[0] not in kept]
        return _scan(table, files)

    return {CHANGED: cohort_changes(rows), BROUGHT: brought}


def _cohort_of(file: str) -> str:
    return unquote(file.split("/", 1)[0].removeprefix("cohort="))


def _scan(table: Table, files: Iterable[tuple[str, str]]) -> pl.LazyFrame:
    frames = [
        pl.scan_parquet(p, glob=False, hive_partitioning=False).with_columns(
            pl.lit(cohort, pl.String).alias("cohort")
        )
        for p, cohort in files
    ]
    empty = pl.LazyFrame(schema=table.polars_schema)
    return pl.concat([empty, *frames], how="diagonal") if frames else empty


def cohort_changes(rows: _Rows) -> dict[str, dict[str, Any]]:
    """Compare the rows of cohorts, and their people, before and after.

    Parameters
    ----------
    rows
        Gives rows of the table cohorts or samples, before (False) and after (True); those that
        are the same may be left out, of samples all of a cohort.

    Returns
    -------
    dict
        Cohort to `people`, `records` and `alleles`, each [before, after] (0 where it is
        not there), and `came` and `left`, people by their names; those that do not differ at
        all are left out.
    """
    sides = [
        {
            r[0]: r[1:]
            for r in rows(COHORTS, after).select("cohort", *_COUNTS.values()).collect().rows()
        }
        for after in (False, True)
    ]
    names = [_names(rows(SAMPLES, after)) for after in (False, True)]
    out: dict[str, dict[str, Any]] = {}
    for cohort in sorted({*sides[0], *sides[1]}):
        old, new = (side.get(cohort, (0, 0, 0)) for side in sides)
        held = [n.get(cohort, set()) for n in names]
        came, left = len(held[1] - held[0]), len(held[0] - held[1])
        if old != new or came or left or (cohort in sides[0]) != (cohort in sides[1]):
            counts = {n: [o, k] for n, o, k in zip(_COUNTS, old, new, strict=True)}
            out[cohort] = {**counts, "came": came, "left": left}
    return out


def _names(samples: pl.LazyFrame) -> dict[str, set[str]]:
    found = samples.select("cohort", "sample").collect()
    return {str(c): set(f["sample"]) for (c,), f in found.group_by("cohort")}


def changes_of(path: Path, number: int, view: View | None = None) -> dict[str, Any]:
    """Tell what a release changed against the one before.

    Parameters
    ----------
    path
        Root folder of the store.
    view
        Of whoever is told, with the sources that it withholds (`Store.view_of_all`); None: all
        is told.

    Returns
    -------
    dict
        `release`, `parent`, `operation`, `event` (without what follows); `cohorts` (see
        `cohort_changes`), None where the record does not tell and the data are gone or not to
        be read; `tables`: name to rows, [before, after], where they differ; `genes`: whether
        the gene model is another one; `sources`: name to [version before, after], None where
        it is not there.
    """
    view = view or View()
    release = read_release(path, number)
    before = None if release.parent is None else read_release(path, release.parent)
    event = shown_event(release, view)
    cohorts = event.pop(CHANGED, None)
    if cohorts is None:
        cohorts = _worked_out(path, release, before)
    return {
        "release": number,
        "parent": release.parent,
        "operation": release.operation,
        "event": event,
        "cohorts": cohorts,
        "tables": _rows(before, release, view),
        **_annotation(before, release, view),
    }


def shown_event(release: Release, view: View) -> dict[str, Any]:
    """Give what a release says of how it was made: all, or numbers and what became of cohorts.

    Names of files, sources and of what was held back are for who is controlled.
    """
    event: dict[str, Any] = release.meta.get("event", {})
    shown: dict[str, Any] = view.show_meta({"event": event})["event"]
    if CHANGED in event:
        shown = {**shown, CHANGED: event[CHANGED]}
    return {k: v for k, v in shown.items() if k != BROUGHT}


def _worked_out(
    path: Path, release: Release, before: Release | None
) -> dict[str, dict[str, Any]] | None:
    """Compare cohorts and people of two releases, of which the record says nothing."""
    if sealed(path, release.number) or (before and sealed(path, before.number)):
        return None
    opened = [None if r is None else Store(path, {}, r) for r in (before, release)]

    def rows(table: Table, after: bool) -> pl.LazyFrame:
        store = opened[int(after)]
        if store is None or table.name not in store.tables:
            return pl.LazyFrame(schema=table.polars_schema)
        return store.scan(table.name)

    try:
        return cohort_changes(rows)
    except (StoreError, OSError):
        # Who may not read controlled/ learns from the record, or not at all.
        return None


def _rows(before: Release | None, release: Release, view: View) -> dict[str, list[int]]:
    held = before.tables if before else {}
    out = {}
    for name in sorted({*held, *release.tables}):
        counts = [t[name].rows if name in t else 0 for t in (held, release.tables)]
        if counts[0] != counts[1] and view.shows(_declared(name)):
            out[name] = counts
    return out


def _declared(name: str) -> Table:
    return TABLES.get(name) or annotation_table(name.removeprefix("annotations_"), {})


def errata_lines(store: Store) -> list[str]:
    """Write what was said of a release later, a line each, for what is made of it.

    No line has a letter that would end it.
    """
    return [
        mask_text(f"release {store.release} was {e.kind} on {e.time}: {e.reason}")
        for e in read_errata(store.path, store.release)
    ]


def _annotation(before: Release | None, release: Release, view: View) -> dict[str, Any]:
    held = [{} if r is None else r.meta.get("annotation", {}) for r in (before, release)]
    versions = [h.get("versions", {}) for h in held]
    digests = [h.get("sources", {}) for h in held]
    sources = {
        name: [v.get(name) for v in versions]
        for name in sorted({*digests[0], *digests[1]})
        if view.shows_source(name)
        and (
            digests[0].get(name) != digests[1].get(name)
            or versions[0].get(name) != versions[1].get(name)
        )
    }
    return {"genes": held[0].get("genes") != held[1].get("genes"), "sources": sources}


def describe_cohorts(cohorts: dict[str, dict[str, Any]]) -> list[str]:
    """Write what became of each cohort, see `cohort_changes`, a text each."""
    lines = []
    for cohort, c in cohorts.items():
        (old, new), (old_a, new_a) = c["people"], c["alleles"]
        if not old and not old_a:
            lines.append(f"{cohort} came: {new:,} people, {new_a:,} alleles")
        elif not new and not new_a:
            lines.append(f"{cohort} went: {old:,} people, {old_a:,} alleles")
        else:
            moved = f" (+{c['came']:,} -{c['left']:,})" if c["came"] or c["left"] else ""
            people = f"{old:,} -> {new:,}" if old != new else f"{new:,}"
            lines.append(f"{cohort}: people {people}{moved}, alleles {old_a:,} -> {new_a:,}")
    return lines


def describe_changes(found: dict[str, Any]) -> list[str]:
    """Write what a release changed (`changes_of`): cohorts, alleles, gene model, sources."""
    lines = describe_cohorts(found["cohorts"] or {})
    if found["cohorts"] is None:
        lines.append("cohorts: not known, as the data are sealed or may not be read")
    if "variants" in found["tables"]:
        old, new = found["tables"]["variants"]
        lines.append(f"alleles of the store {old:,} -> {new:,}")
    if found["genes"]:
        name = found["event"].get("genes")
        lines.append("gene model renewed" + (f": {name}" if name else ""))
    for name, (old, new) in found["sources"].items():
        lines.append(f"source {name}: version {old or '-'} -> {new or '-'}")
    return lines
