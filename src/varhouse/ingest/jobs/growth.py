"""A cohort that grows: what comes is added to what is there, and who goes is taken away.

Only the files that come are read (`setup/growing.py` finds them). The rows of the files that
stay are left in their places (`compaction`), and what is counted over all people is made anew
for the partitions that somebody comes into or goes from (`growcounts`). Where the sheet says
something else of who stays, the rows of the samples are written again. The result is that of
one build, digest by digest (decision 0037).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.ingest.jobs.compaction import Leaving, Removed, join_small, take_out
from varhouse.ingest.jobs.growcounts import PartCounter
from varhouse.ingest.jobs.ownrows import said_of
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.store.reader import Store
from varhouse.tables.labels import Labels
from varhouse.tables.schema import (
    CALLABLE,
    FREQUENCIES,
    KEY_SCHEMA,
    PEOPLE_TABLES,
    SAMPLES,
    WITHIN,
)
from varhouse.tables.shards import Shard, write_frame, write_shard

LOST = "lost.parquet"
"""Beside the manifest of a cohort: alleles (key and part) that nobody of it has any more."""

LOST_IDS = "lost-ids.parquet"
"""Likewise: ids that only files which go gave to an allele: id, key and part."""


@dataclass
class Grown:
    """What becomes of a cohort, for its manifest.

    `counts` are those of its row (`ownrows.COUNTS`), without what comes but for `n_alleles`,
    `fingerprints` those of the files that stay, `people` the names of their samples, and
    `told` numbers of files for the account: a cohort that grows has them.
    """

    shards: list[Shard] = field(default_factory=list)
    replace: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    remove: Removed = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    fingerprints: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)


def grow(
    run: Run, cohort: RunCohort, came: Sequence[Shard], labels: Labels, directory: Path
) -> Grown:
    """Work out what a cohort becomes.

    Parameters
    ----------
    came
        Shards of all tables of the files that come in; their frequencies as chunks count them.
    labels
        Of these files and their samples.
    directory
        Folder of the cohort's part; new shards, `LOST` and `LOST_IDS` are written there.
    """
    base, name = run.base(), cohort.name
    columns = ("file", "name", "samples", "n_records", "fingerprint")
    files = base.scan("files", cohort=name).select(columns).collect()
    people = base.scan("samples", cohort=name).collect()
    gone = people.filter(_of(cohort.gone))
    files, people = (f.filter(_of(cohort.kept)) for f in (files, people))
    stay = Labels.of_tables(files, people).joined(labels)
    leaving = Leaving(cohort.gone, gone["ordinal"].to_list())
    said = _said_anew(run, name, people, stay, directory)
    apart = [CALLABLE.name, FREQUENCIES.name, *(s.table for s in said)]
    # They are replaced, or taken away (`flagged`).
    apart += [t.name for t in PEOPLE_TABLES]
    left, removed = take_out(base, name, leaving, stay, directory / "left", apart)
    new = [*(s for s in came if s.table != FREQUENCIES.name), *said, *left]
    shards, removed = join_small(base, name, new, removed, stay, directory / "joined", apart)
    replaced = ["cohorts", *(s.table for s in said)]
    out = Grown(shards, [(table, {"cohort": name}) for table in replaced], removed)
    out.fingerprints = files["fingerprint"].to_list()
    out.people = people["sample"].to_list()
    out.counts = {
        "n_samples": people.height,
        "n_records": int(files["n_records"].sum()),
        **_counts_left(base, cohort),
    }
    _count(PartCounter(run, cohort, came, gone), name, out, directory)
    write_frame(_lost_ids(base, cohort), directory / LOST_IDS)
    before = set(gone["sample"])
    renewed = sum(not before.isdisjoint(names) for names in run.sample_lists(name))
    out.told = {
        "came": len(cohort.files) - renewed,
        "replaced": renewed,
        # A file that goes is of one person.
        "gone": len(before - set(run.ordinals(name))),
        "kept": len(cohort.kept),
    }
    return out


def _said_anew(
    run: Run, cohort: str, people: pl.DataFrame, labels: Labels, directory: Path
) -> list[Shard]:
    """Write the rows of who stays again, if the sheet says something else of somebody.

    By what people are counted is as it was: it stands in the fingerprint of their files.
    """
    said = people.with_columns(said_of(run, cohort, people["sample"].to_list()))
    if said.equals(people):
        return []
    made = write_shard(said, SAMPLES, directory, "said", {"cohort": cohort}, labels)
    return [made] if made is not None else []


def _of(files: Iterable[int]) -> pl.Expr:
    return pl.col("file").is_in(list(files))


def _counts_left(base: Store, cohort: RunCohort) -> dict[str, int]:
    """Give the alleles of a cohort, and its rejects without those of files that go."""
    row = base.scan("cohorts", cohort=cohort.name).collect().row(0, named=True)
    less = 0
    if cohort.gone:
        rejects = base.scan("rejects", cohort=cohort.name).filter(_of(cohort.gone))
        less = rejects.select(pl.len()).collect().item()
    return {"n_alleles": row["n_alleles"], "n_rejects": row["n_rejects"] - less}


def _count(counter: PartCounter, cohort: str, out: Grown, directory: Path) -> None:
    """Count the partitions that change anew, and write which alleles are lost."""
    lost = [pl.DataFrame(schema={**KEY_SCHEMA, "part": pl.String})]
    # Folders are numbered: names made of contigs could be the same for two of them.
    for number, part in enumerate(counter.parts()):
        found = counter.count(part, directory / f"grown-{number:05d}")
        out.shards += found.shards
        out.remove += found.remove
        out.replace.append((FREQUENCIES.name, {"cohort": cohort, "part": part}))
        out.counts["n_alleles"] += found.more
        lost.append(found.lost.with_columns(pl.lit(part).alias("part")))
    write_frame(pl.concat(lost), directory / LOST)


def _lost_ids(base: Store, cohort: RunCohort) -> pl.DataFrame:
    """Find ids of the store that only records of the files that go gave to an allele.

    What comes in gives its ids anew in any case.
    """
    sites = base.scan("sites", cohort=cohort.name)
    if not cohort.gone:
        sites = sites.clear()
    gone = _given(sites.filter(_of(cohort.gone))).collect()
    if gone.is_empty():
        return gone
    # Of what stays no more is kept than is asked for.
    stay = _given(sites.filter(_of(cohort.kept))).join(
        gone.lazy(), on=gone.columns, how="semi"
    )
    return gone.join(stay.collect(engine="streaming"), on=gone.columns, how="anti")


def _given(sites: pl.LazyFrame) -> pl.LazyFrame:
    """Give the ids that records give to alleles: id, key, part."""
    lists = [f"allele_{n}" for n in WITHIN]
    return (
        sites.filter(pl.col("id").is_not_null())
        .select("contig", pl.col("id").str.split(";"), *lists, "part")
        .explode(lists, empty_as_null=True)
        .filter(pl.col("allele_pos").is_not_null())
        .explode("id", empty_as_null=True)
        .select("id", "contig", *(pl.col(f"allele_{n}").alias(n) for n in WITHIN), "part")
        .unique()
    )
