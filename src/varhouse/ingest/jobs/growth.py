"""A cohort that grows: what comes is added to what is there, and who goes is taken away.

Only the files that come are read (`setup/growing.py` finds them). The rows of the files that
stay are left in their places. What is counted over all people is made anew for the partitions
that somebody comes into or goes from:

- `callable`: rows of those who come are added, of those who go taken away (`growcallable`);
- `frequencies`: the copies of each allele are those of before, without those of who goes
  (`carried`) and with those of who comes; what is counted at its base, `callable` says.

So the result is that of one build, digest by digest (decision 0037).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.callability.build import count_runs
from varhouse.callability.tally import Groups
from varhouse.frequencies.strata import Strata, make_strata
from varhouse.ingest.jobs.carried import COUNTS
from varhouse.ingest.jobs.cohortruns import write_callable
from varhouse.ingest.jobs.compaction import Leaving, Removed, join_small, take_out
from varhouse.ingest.jobs.growcallable import add_up
from varhouse.ingest.jobs.joinfiles import FILES
from varhouse.ingest.jobs.merge import MERGE_ROWS, with_site_counts
from varhouse.ingest.jobs.tasks import file_samples
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.store.reader import Store
from varhouse.tables.consistency import check_rows
from varhouse.tables.labels import Labels
from varhouse.tables.schema import CALLABLE, FREQUENCIES, KEY, KEY_SCHEMA, RUNS, WITHIN
from varhouse.tables.shards import Shard, write_frame, write_shard
from varhouse.tables.windows import Window, cut_windows

LOST = "lost.parquet"
"""Beside the manifest of a cohort: alleles (key and part) that nobody of it has any more."""

LOST_IDS = "lost-ids.parquet"
"""Likewise: ids that only files which go gave to an allele: id, key and part."""

_STRATUM = ("stratum_by", "stratum")
_GROUP = (*KEY, *_STRATUM)
_WHOLE = (pl.col("stratum_by") == "all") & (pl.col("stratum") == "all")


@dataclass
class Grown:
    """What becomes of a cohort that grows, for its manifest.

    `counts` are those of its row (`ownrows.COUNTS`), without what comes but for `n_alleles`,
    `fingerprints` those of the files that stay, and `told` numbers of files for the account.
    """

    shards: list[Shard] = field(default_factory=list)
    replace: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    remove: Removed = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    fingerprints: list[str] = field(default_factory=list)


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
        Folder of the cohort's part; new shards and `lost.parquet` are written there.
    """
    base = run.base()
    files = base.scan("files", cohort=cohort.name).collect()
    people = base.scan("samples", cohort=cohort.name).collect()
    stay = _stay(files, people, cohort).joined(labels)
    out = Grown(
        replace=[("cohorts", {"cohort": cohort.name})],
        fingerprints=files.filter(_of(cohort.kept))["fingerprint"].to_list(),
    )
    gone = people.filter(_of(cohort.gone))
    left, out.remove = take_out(
        base,
        cohort.name,
        Leaving(cohort.gone, gone["ordinal"].to_list()),
        stay,
        directory / "left",
    )
    own = [s for s in came if s.table != FREQUENCIES.name]
    counted, lost = _count_again(run, cohort, came, gone, out, directory)
    write_frame(lost, directory / LOST)
    write_frame(_lost_ids(base, cohort), directory / LOST_IDS)
    passed = (CALLABLE.name, FREQUENCIES.name)
    shards, out.remove = join_small(
        base, cohort.name, [*own, *left], out.remove, stay, directory / "joined", passed
    )
    out.shards = [*shards, *counted]
    before = base.scan("cohorts", cohort=cohort.name).collect().row(0, named=True)
    rejects = base.scan("rejects", cohort=cohort.name).filter(_of(cohort.gone))
    out.counts["n_alleles"] += before["n_alleles"]
    out.counts |= {
        "n_samples": people.height - gone.height,
        "n_records": int(files.filter(_of(cohort.kept))["n_records"].sum()),
        "n_rejects": before["n_rejects"] - rejects.select(pl.len()).collect().item(),
    }
    again = set(gone["sample"]) & set(run.ordinals(cohort.name))
    out.told = {
        "came": len(cohort.files) - len(again),
        "replaced": len(again),
        "gone": len(cohort.gone) - len(again),
        "kept": len(cohort.kept),
    }
    return out


def _of(files: Iterable[int]) -> pl.Expr:
    return pl.col("file").is_in(list(files))


def _stay(files: pl.DataFrame, people: pl.DataFrame, cohort: RunCohort) -> Labels:
    kept = _of(cohort.kept)
    return Labels.of_tables(files.filter(kept), people.filter(kept))


def _count_again(
    run: Run,
    cohort: RunCohort,
    came: Sequence[Shard],
    gone: pl.DataFrame,
    out: Grown,
    directory: Path,
) -> tuple[list[Shard], pl.DataFrame]:
    """Write callable and frequencies of the partitions that change; give the alleles lost."""
    base = run.base()
    runs = base.scan("runs", cohort=cohort.name).filter(
        pl.col("sample").is_in(gone["ordinal"].to_list())
    )
    left_parts = set(runs.select("part").unique().collect()["part"]) if gone.height else set()
    parts = {s.partition["part"] for s in came if s.table in (RUNS.name, FREQUENCIES.name)}
    shards: list[Shard] = []
    lost = [pl.DataFrame(schema={**KEY_SCHEMA, "part": pl.String})]
    out.counts["n_alleles"] = 0
    for number, part in enumerate(sorted(parts | left_parts)):
        work = directory / f"grown-{number:05d}"
        work.mkdir()
        mine = [s for s in came if s.partition.get("part") == part]
        partition = {"cohort": cohort.name, "part": part}
        gone_runs = runs.filter(pl.col("part") == part) if part in left_parts else None
        assessed, new, removed = _callable(run, cohort, mine, (gone, gone_runs), part, work)
        out.remove += removed
        made, missed, more = _frequencies(run, cohort, mine, gone, assessed, partition, work)
        out.replace.append((FREQUENCIES.name, partition))
        out.counts["n_alleles"] += more
        shards += [*new, *made]
        lost.append(missed.with_columns(pl.lit(part).alias("part")))
    return shards, pl.concat(lost)


def _callable(
    run: Run,
    cohort: RunCohort,
    came: Sequence[Shard],
    gone: tuple[pl.DataFrame, pl.LazyFrame | None],
    part: str,
    work: Path,
) -> tuple[list[str], list[Shard], Removed]:
    """Say what a partition's people count at every base.

    Parameters
    ----------
    gone
        Samples that go, and their rows of the table runs; None: nobody goes from here.

    Returns
    -------
    tuple
        All files of `callable` that count now; those that are new; and which go.
    """
    base, haploid = run.base(), run.open_haploid()
    names = list(run.ordinals(cohort.name))
    people = file_samples(run, cohort.name, names)
    strata = _by_ordinal(people, run, run.ordinals(cohort.name).values())
    runs = [s for s in came if s.table == RUNS.name]
    new = write_callable(cohort.name, runs, strata, haploid, work / "callable")
    old = base.file_frame(CALLABLE.name, cohort=cohort.name, part=part)["path"].to_list()
    folder = base.path / CALLABLE.root / CALLABLE.name
    held = [str(folder / path) for path in old]
    files = [*held, *(s.path for s in new)]
    if gone[1] is None and len(files) <= FILES:
        return files, new, []
    minus = [] if gone[1] is None else _count_gone(run, gone[0], gone[1], work)
    partition = {"cohort": cohort.name, "part": part}
    sums = add_up(files, minus, partition, work / "sums")
    return [s.path for s in sums], sums, [(CALLABLE.name, path) for path in old]


def _count_gone(run: Run, people: pl.DataFrame, runs: pl.LazyFrame, work: Path) -> list[str]:
    """Count those who go at every base, as `callable` does; give the files."""
    own = work / "runs-gone.parquet"
    write_frame(runs.drop("cohort", "part").collect(), own)
    strata = _by_ordinal(_as_sheet(people), run, people["ordinal"])
    groups = Groups.of(strata.cell, strata.member, strata.male, strata.female)
    labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    out: list[str] = []
    for rows in count_runs([str(own)], groups, labels, run.open_haploid()):
        out.append(str(work / f"gone-{len(out):05d}.parquet"))
        write_frame(rows, Path(out[-1]))
    return out


def _as_sheet(people: pl.DataFrame) -> pl.DataFrame:
    """Give rows of the table samples the columns that the sheet had."""
    further = [json.loads(text) for text in people["attributes"]]
    columns = {
        name: [str(f[name]) for f in further] for name in (further[0] if further else ())
    }
    return people.select("sample", "sex", "population").with_columns(
        pl.Series(name, values, dtype=pl.String) for name, values in columns.items()
    )


def _by_ordinal(people: pl.DataFrame, run: Run, ordinals: Iterable[int]) -> Strata:
    """Sort people into groups, cells by ordinals; nobody has the numbers between."""
    strata = make_strata(people, run.strata)
    numbers = np.fromiter(ordinals, np.int64)
    cell = np.zeros(int(numbers.max(initial=-1)) + 1, np.int32)
    cell[numbers] = strata.cell
    return replace(strata, cell=cell)


def _frequencies(
    run: Run,
    cohort: RunCohort,
    came: Sequence[Shard],
    gone: pl.DataFrame,
    assessed: Sequence[str],
    partition: dict[str, str],
    work: Path,
) -> tuple[list[Shard], pl.DataFrame, int]:
    """Make the frequencies of a partition.

    Parameters
    ----------
    came
        Shards of the partition of those who come.
    gone
        Samples that go.
    assessed
        Files of callable of all people who are in the cohort now.

    Returns
    -------
    tuple
        The shards, the alleles that nobody has any more, and how many alleles more there are.
    """
    base, part = run.base(), partition["part"]
    old = [str(p) for p in base.paths(FREQUENCIES.name, cohort=cohort.name, part=part)]
    paths = [*old, *(s.path for s in came if s.table == FREQUENCIES.name)]
    lost = [pl.DataFrame(schema=KEY_SCHEMA)]
    if not paths:
        return [], lost[0], 0
    rows = pl.scan_parquet(paths, glob=False, hive_partitioning=False).select(*_GROUP, *COUNTS)
    carried = _carried(run, cohort.name, gone, part)
    shards: list[Shard] = []
    n = 0
    for k, window in enumerate(cut_windows(rows, MERGE_ROWS)):
        alone = _alone(rows, carried, window)
        held, missed = _held(alone)
        lost.append(missed)
        piece = with_site_counts(held, assessed, cohort.name)
        check_rows(FREQUENCIES.name, piece, f"cohort {cohort.name}", exactly=True)
        n += piece.filter(_WHOLE).height
        made = write_shard(piece, FREQUENCIES, work, f"frequencies-{k:05d}", partition)
        shards += [made] if made is not None else []
    before = pl.scan_parquet(old, glob=False, hive_partitioning=False) if old else None
    n -= 0 if before is None else before.filter(_WHOLE).select(pl.len()).collect().item()
    return shards, pl.concat(lost), n


def _lost_ids(base: Store, cohort: RunCohort) -> pl.DataFrame:
    """Find ids of the store that only records of the files that go gave to an allele.

    What comes in gives its ids anew in any case.
    """
    sites = base.scan("sites", cohort=cohort.name)
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


def _carried(run: Run, cohort: str, gone: pl.DataFrame, part: str) -> pl.LazyFrame | None:
    """Give what those who go held, in each of their strata: as rows that are taken away."""
    if not gone.height:
        return None
    strata = make_strata(_as_sheet(gone), run.strata)
    person, group = np.nonzero(strata.member[strata.cell])
    groups = pl.DataFrame(
        {
            "sample": gone["ordinal"].to_numpy()[person],
            "stratum_by": np.array(strata.by)[group],
            "stratum": np.array(strata.value)[group],
        }
    )
    rows = run.base().scan("carried", cohort=cohort, part=part)
    return rows.join(groups.lazy(), on="sample").select(
        *_GROUP, *(-pl.col(n).cast(pl.Int32) for n in COUNTS)
    )


def _alone(rows: pl.LazyFrame, carried: pl.LazyFrame | None, window: Window) -> pl.DataFrame:
    """Add up what is counted of each allele and stratum of a window, but for its base."""
    terms = [rows.filter(window.rows())]
    terms += [carried.filter(window.rows())] if carried is not None else []
    return (
        pl.concat(terms).group_by(_GROUP).agg(pl.col(COUNTS).sum()).collect(engine="streaming")
    )


def _held(alone: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tell alleles that somebody holds from those that nobody does any more (keys)."""
    nobody = alone.filter(_WHOLE & (pl.col("ac") == 0)).select(KEY)
    if nobody.is_empty():
        return alone, nobody
    return alone.join(nobody, on=KEY, how="anti"), nobody
