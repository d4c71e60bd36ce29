"""The runs of a cohort's people, and what they count at every base: the table `callable`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.callability.build import count_runs
from varhouse.callability.lay import BLOCK, lay
from varhouse.callability.runs import run_rows, take_apart
from varhouse.callability.tally import Groups
from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.labels import Labels
from varhouse.tables.schema import CALLABLE, RUNS
from varhouse.tables.shards import Shard, write_shard

_PERSON = ("contig", "sample")
_HIGHEST = np.int32(2**31 - 1)


def write_callable(
    cohort: str,
    runs: Sequence[Shard],
    strata: Strata,
    haploid: HaploidRegions,
    directory: Path,
) -> list[Shard]:
    """Count the people of files with runs at every base.

    Parameters
    ----------
    runs
        Shards of the table runs.
    strata
        Of the people of the cohort, by ordinal.
    haploid
        Where males have one copy.
    directory
        Folder for the shards of callable.
    """
    groups = Groups.of(strata.cell, strata.member, strata.male, strata.female)
    labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    by_part: dict[str, list[str]] = {}
    for shard in runs:
        by_part.setdefault(shard.partition["part"], []).append(shard.path)
    out: list[Shard] = []
    for n, (part, paths) in enumerate(by_part.items()):
        where = {"cohort": cohort, "part": part}
        for k, rows in enumerate(count_runs(paths, groups, labels, haploid)):
            made = write_shard(rows, CALLABLE, directory, f"callable-{n:05d}-{k:05d}", where)
            out += [made] if made is not None else []
    return out


def once_each(runs: list[Shard], labels: Labels, directory: Path) -> list[Shard]:
    """Let one run alone be over each base of a person whose files overlap.

    Files of the same people may do so where they meet: a deletion or a block at the end of one
    reaches into the next one. The better state holds (decision 0034, R8).

    Parameters
    ----------
    runs
        Shards of the table runs, of all files of some people.
    labels
        Of the cohort's samples.
    directory
        Folder for shards in place of those with runs over each other.
    """
    by_part: dict[str, list[Shard]] = {}
    for shard in runs:
        by_part.setdefault(shard.partition["part"], []).append(shard)
    out: list[Shard] = []
    for n, mine in enumerate(by_part.values()):
        double = _overlapping([s.path for s in mine])
        if double.is_empty():
            out += mine
            continue
        rows = pl.scan_parquet([s.path for s in mine], glob=False, hive_partitioning=False)
        laid = [
            _lay_again(rows.filter(contig=contig, sample=sample).collect())
            for contig, sample in double.rows()
        ]
        for k, shard in enumerate(mine):
            frame = pl.read_parquet(shard.path, glob=False, hive_partitioning=False)
            rest = frame.join(double, on=_PERSON, how="anti")
            name, where = f"runs-{n:05d}-{k:05d}", shard.partition
            # What is laid again stands in the last one.
            frames = [rest, *(laid if k + 1 == len(mine) else [])]
            new = write_shard(pl.concat(frames), RUNS, directory, name, where, labels)
            out += [new] if new is not None else []
    return out


def _overlapping(paths: list[str]) -> pl.DataFrame:
    """Find people with rows over each other: contig, sample."""
    rows = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
    before = pl.col("end").cum_max().shift().over(_PERSON)
    return (
        rows.select(*_PERSON, "start", "end")
        .sort(*_PERSON, "start")
        .filter(pl.col("start") <= before)
        .select(_PERSON)
        .unique()
        .sort(_PERSON)
        .collect(engine="streaming")
    )


def _lay_again(rows: pl.DataFrame) -> pl.DataFrame:
    """Lay the runs of one person on one contig over each other, the better one on top."""
    runs = take_apart(rows)
    order = np.argsort(runs.start, kind="stable")
    start, end = (x[order].astype(np.int64) for x in (runs.start, runs.end))
    # Of two blocks the weaker holds, and a weaker state is a smaller code.
    kind = np.full(start.size, BLOCK, np.uint8)
    turned = lay(start, end, _HIGHEST - runs.code[order], kind, int(end.max()) + 1)
    sample = np.full(turned.start.size, rows["sample"][0], np.int32)
    return run_rows(
        rows["contig"][0], sample, turned.start, turned.end, _HIGHEST - turned.code
    )
