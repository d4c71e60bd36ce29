"""Totals that count a person once (`policy.same_person: once`): what a change needs made anew.

Whatever changes a store (an ingest, a withdrawal, a drop) first makes what the cohorts become;
then `recount` looks who is one person there, makes the counts of cohorts without people who
count elsewhere where these are other ones than before, and names the partitions of which the
totals change. The totals themselves are made by who makes the change, of `counted_files` of
the store that `recount` gives.

What is made follows from the state of the store alone, not from how it came about: pairs of
two cohorts follow from these two, so those of cohorts that did not change are kept.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.people.oncecounts import Without
from varhouse.people.same import same_people
from varhouse.people.samepairs import (
    PAIR_SCHEMA,
    UNTOLD_SCHEMA,
    Pairs,
    SameSettings,
    find_pairs,
)
from varhouse.people.staged import StagedStore
from varhouse.store.reader import Store
from varhouse.store.retract import counted_files, counts_once
from varhouse.tables.peopletables import SAME_PEOPLE
from varhouse.tables.schema import CALLABLE_ONCE, FREQUENCIES_ONCE
from varhouse.tables.shards import Manifest, Shard, write_shard
from varhouse.tables.totals import write_totals

Place = tuple[str, str]
"""Cohort and partition."""


@dataclass(frozen=True)
class Recounted:
    """What changes because of who is one person.

    Attributes
    ----------
    manifest
        Rows of same_people, frequencies_once and callable_once.
    parts
        Partitions of which the totals change.
    store
        The store as it will be, for who makes the totals.
    told
        For the account.
    """

    manifest: Manifest
    parts: list[str]
    store: Store
    told: dict[str, object] = field(default_factory=dict)


def recount(
    base: Store,
    coming: Sequence[Manifest],
    changed: Collection[str],
    directory: Path,
    *,
    once: bool,
    settings: SameSettings | None = None,
) -> Recounted:
    """Work out what a change of cohorts does to counts of people who stand in several.

    Parameters
    ----------
    coming
        What the change makes of the cohorts; no totals.
    changed
        Cohorts that are new or other ones.
    directory
        Folder for the shards, and for links that make up the store as it will be.
    once
        Whether totals count a person once from now on.
    """
    after = StagedStore(base, coming, directory / "before")
    rows, pairs = _rows(base, after, changed, once=once, settings=settings)
    was, now = _left_out(base.scan(SAME_PEOPLE.name).collect()), _left_out(rows)
    shards = _write_rows(rows, directory)
    replace: list[tuple[str, dict[str, str]]] = [(SAME_PEOPLE.name, {})]
    parts: set[str] = set()
    for number, (cohort, part) in enumerate(sorted({*was, *now})):
        mine, before = now.get((cohort, part)), was.get((cohort, part))
        if mine == before and cohort not in changed:
            continue
        parts.add(part)
        where = {"cohort": cohort, "part": part}
        if before is not None:
            replace += [(t.name, where) for t in (FREQUENCIES_ONCE, CALLABLE_ONCE)]
        if mine is not None:
            own, folder = Without(after, cohort, mine), directory / f"left-{number:05d}"
            folder.mkdir()
            shards += [*own.frequencies(part, folder), *own.callable(part, folder)]
    manifest = Manifest(shards, replace)
    store = StagedStore(base, [*coming, manifest], directory / "after")
    return Recounted(manifest, sorted(parts), store, _told(rows, pairs))


def _write_rows(rows: pl.DataFrame, directory: Path) -> list[Shard]:
    made = (
        write_shard(
            rows.filter(pl.col("cohort") == cohort).drop("cohort"),
            SAME_PEOPLE,
            directory,
            f"same-{number:05d}",
            {"cohort": cohort},
        )
        for number, cohort in enumerate(rows["cohort"].unique().sort())
    )
    return [shard for shard in made if shard is not None]


def remake(
    base: Store,
    coming: Sequence[Manifest],
    changed: Collection[str],
    parts: Collection[str],
    directory: Path,
    *,
    once: bool,
) -> tuple[Manifest, dict[str, object]]:
    """Make all that a change of cohorts does to counts: `recount`, and totals.

    Parameters
    ----------
    parts
        Partitions whose totals change in any case.

    Returns
    -------
    tuple
        What to commit with what the change makes of the cohorts, and `Recounted.told`.
    """
    found = recount(base, coming, changed, directory, once=once)
    shards, replace = list(found.manifest.shards), list(found.manifest.replace)
    for k, part in enumerate(sorted({*parts, *found.parts})):
        files, assessed = counted_files(found.store, part)
        shards += write_totals(part, files, directory / "totals", f"totals-{k:05d}", assessed)
        replace.append(("totals", {"part": part}))
    for links in ("before", "after"):
        shutil.rmtree(directory / links, ignore_errors=True)
    return Manifest(shards, replace), found.told


def recount_without(
    base: Store, coming: Sequence[Manifest], directory: Path
) -> tuple[Manifest, list[str], Store]:
    """Recount where cohorts go and none comes: manifest, parts and store of `recount`.

    A person who counted in a cohort that goes counts in the next one that has him.
    """
    directory.mkdir(parents=True)
    found = recount(base, coming, (), directory, once=counts_once(base))
    return found.manifest, found.parts, found.store


def _rows(
    base: Store,
    after: Store,
    changed: Collection[str],
    *,
    once: bool,
    settings: SameSettings | None,
) -> tuple[pl.DataFrame, Pairs]:
    """Say who is one person; pairs of cohorts that did not change are those of before."""
    none = Pairs(pl.DataFrame(schema=PAIR_SCHEMA), pl.DataFrame(schema=UNTOLD_SCHEMA))
    if not once:
        return pl.DataFrame(schema=SAME_PEOPLE.polars_schema), none
    known = none.same
    wanted: list[str] | None = None
    if counts_once(base):
        wanted = sorted(changed)
        there = after.scan("cohorts").select("cohort").collect()["cohort"].to_list()
        known = _pairs_of(base.scan(SAME_PEOPLE.name).collect()).filter(
            *(
                pl.col(n).is_in(there) & ~pl.col(n).is_in(wanted)
                for n in ("cohort_1", "cohort_2")
            )
        )
    found = find_pairs(after, wanted, settings)
    pairs = Pairs(pl.concat([known, found.same]), found.untold)
    return same_people(after, pairs, once=True), pairs


def _pairs_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the pairs that rows of same_people were made of."""
    names = {"cohort": "cohort_2", "sample": "sample_2", "with_cohort": "cohort_1",
             "with_sample": "sample_1"}  # fmt: skip
    return rows.rename(names).select(list(PAIR_SCHEMA))


def _left_out(rows: pl.DataFrame) -> dict[Place, list[int]]:
    """Say of cohorts and partitions who is not counted there: ordinals."""
    found = (
        rows.select("cohort", "ordinal", "not_in")
        .unique(["cohort", "ordinal"])
        .explode("not_in", empty_as_null=True)
        .drop_nulls()
        .group_by("cohort", "not_in")
        .agg(pl.col("ordinal").sort())
    )
    return {(cohort, part): ordinals for cohort, part, ordinals in found.rows()}


def _told(rows: pl.DataFrame, pairs: Pairs) -> dict[str, object]:
    """Count for the account what was found."""
    samples = rows.unique(["cohort", "sample"])
    left_out = samples.filter(~pl.col("counted"))
    by = (
        left_out.group_by("cohort", "first_cohort")
        .agg(pl.len())
        .sort("cohort", "first_cohort")
    )
    return {
        "not_counted": left_out.height,
        "by_cohorts": [{"cohort": c, "first": f, "n": n} for c, f, n in by.rows()],
        "untold": pairs.untold.rows(named=True),
    }
