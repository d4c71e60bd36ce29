"""What is counted over all people of a cohort that grows, of one partition.

- `callable`: rows of those who come are added, of those who go taken away (`growcallable`).
- `frequencies`: the copies of each allele are those of before, without those of who goes
  (`carried`) and with those of who comes; what is counted at its base, `callable` says.
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
from varhouse.ingest.jobs.growcallable import add_up
from varhouse.ingest.jobs.joinfiles import FILES
from varhouse.ingest.jobs.merge import MERGE_ROWS, with_site_counts
from varhouse.ingest.jobs.tasks import file_samples
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.store.layout import table_folder
from varhouse.tables.consistency import check_rows
from varhouse.tables.schema import CALLABLE, FREQUENCIES, KEY, KEY_SCHEMA, RUNS, WITHIN
from varhouse.tables.shards import Shard, write_frame, write_shard
from varhouse.tables.windows import cut_windows

_STRATUM = ("stratum_by", "stratum")
_GROUP = (*KEY, *_STRATUM)
_OWN = {"sample", "sex", "population"}
_WHOLE = (pl.col("stratum_by") == "all") & (pl.col("stratum") == "all")


@dataclass
class Counted:
    """What becomes of the counts of a partition.

    Attributes
    ----------
    shards
        Of callable and frequencies; the latter replace all that there are.
    remove
        Files of callable that go: (table, file).
    lost
        Keys of the alleles that nobody has any more.
    more
        Alleles that there are more than before.
    """

    shards: list[Shard] = field(default_factory=list)
    remove: list[tuple[str, str]] = field(default_factory=list)
    lost: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=KEY_SCHEMA))
    more: int = 0


class PartCounter:
    """Counts partitions of a cohort anew.

    Parameters
    ----------
    came
        Shards of the tables runs and frequencies of the files that come in.
    gone
        Rows of the table samples of the people who go.
    """

    def __init__(
        self, run: Run, cohort: RunCohort, came: Sequence[Shard], gone: pl.DataFrame
    ) -> None:
        self._run, self._cohort, self._base = run, cohort.name, run.base()
        self._haploid = run.open_haploid()
        self._came = [s for s in came if s.table in (RUNS.name, FREQUENCIES.name)]
        ordinals = run.ordinals(cohort.name)
        people = file_samples(run, cohort.name, list(ordinals))
        self._strata = _by_ordinal(make_strata(people, run.strata), ordinals.values())
        self._gone = gone["ordinal"]
        self._gone_strata = make_strata(_as_sheet(gone, run.strata), run.strata)
        self._left = self._parts_left()
        files = self._base.scan("files", cohort=cohort.name)
        no_gvcf = pl.col("blocks_digest").is_null() & pl.col("file").is_in(cohort.kept)
        self._uncopied = files.filter(no_gvcf).select("file").collect()["file"].to_list()

    def _parts_left(self) -> set[str]:
        """Name the partitions from which somebody goes."""
        if self._gone.is_empty():
            return set()
        return set(self._gone_runs().select("part").unique().collect()["part"])

    def _gone_runs(self) -> pl.LazyFrame:
        runs = self._base.scan("runs", cohort=self._cohort)
        return runs.filter(pl.col("sample").is_in(self._gone.implode()))

    def parts(self) -> list[str]:
        """Name the partitions that somebody comes into or goes from."""
        return sorted({*(s.partition["part"] for s in self._came), *self._left})

    def count(self, part: str, work: Path) -> Counted:
        """Make callable and frequencies of a partition.

        Parameters
        ----------
        work
            Folder for the shards, of this partition alone.
        """
        work.mkdir()
        out = Counted()
        assessed = self._callable(part, out, work)
        self._frequencies(part, assessed, out, work)
        return out

    def _callable(self, part: str, out: Counted, work: Path) -> list[str]:
        """Make callable; give all its files that count now."""
        runs = [s for s in self._came if s.table == RUNS.name and s.partition["part"] == part]
        new = write_callable(
            self._cohort, runs, self._strata, self._haploid, work / "callable"
        )
        old = self._base.file_frame(CALLABLE.name, cohort=self._cohort, part=part)
        root = table_folder(self._base.path, CALLABLE)
        files = [*(str(root / p) for p in old["path"]), *(s.path for s in new)]
        if part not in self._left and len(files) <= FILES:
            out.shards += new
            return files
        minus = self._count_gone(part, work) if part in self._left else []
        partition = {"cohort": self._cohort, "part": part}
        sums = add_up(files, minus, partition, work / "sums")
        out.shards += sums
        out.remove += [(CALLABLE.name, path) for path in old["path"]]
        return [s.path for s in sums]

    def _count_gone(self, part: str, work: Path) -> list[str]:
        """Count those who go at every base, as `callable` does; give the files."""
        own = work / "runs-gone.parquet"
        runs = self._gone_runs().filter(pl.col("part") == part).drop("cohort", "part")
        write_frame(runs.collect(), own)
        strata = _by_ordinal(self._gone_strata, self._gone)
        groups = Groups.of(strata.cell, strata.member, strata.male, strata.female)
        labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
        out: list[str] = []
        for rows in count_runs([str(own)], groups, labels, self._haploid):
            out.append(str(work / f"gone-{len(out):05d}.parquet"))
            write_frame(rows, Path(out[-1]))
        return out

    def _frequencies(
        self, part: str, assessed: Sequence[str], out: Counted, work: Path
    ) -> None:
        """Make the frequencies, where `assessed` are all files of callable that count."""
        old = self._base.paths(FREQUENCIES.name, cohort=self._cohort, part=part)
        before = [str(p) for p in old]
        came = [s for s in self._came if s.table == FREQUENCIES.name]
        paths = [*before, *(s.path for s in came if s.partition["part"] == part)]
        if not paths:
            return
        rows = _scan(paths).select(*_GROUP, *COUNTS)
        gone = self._carried(part)
        for k, window in enumerate(cut_windows(rows, MERGE_ROWS)):
            terms = [f.filter(window.rows()) for f in (rows, gone) if f is not None]
            held = _sum_up(pl.concat(terms))
            nobody = self._lost(held, part, paths[len(before) :])
            held = held.join(nobody, on=KEY, how="anti")
            piece = with_site_counts(held, assessed, self._cohort)
            check_rows(FREQUENCIES.name, piece, f"cohort {self._cohort}", exactly=True)
            partition = {"cohort": self._cohort, "part": part}
            made = write_shard(piece, FREQUENCIES, work, f"frequencies-{k:05d}", partition)
            out.shards += [made] if made is not None else []
            out.lost = pl.concat([out.lost, nobody])
            out.more += piece.filter(_WHOLE).height
        if before:
            out.more -= _scan(before).filter(_WHOLE).select(pl.len()).collect().item()

    def _lost(self, held: pl.DataFrame, part: str, came: Sequence[str]) -> pl.DataFrame:
        """Find the alleles that no file has any more, if somebody goes: their keys.

        A file that is no gVCF may have alleles without being called with any copy.

        Parameters
        ----------
        held
            Rows of alleles as they are now.
        came
            Files of the frequencies of those who come, as chunks count them.
        """
        nobody = held.filter(_WHOLE & (pl.col("ac") == 0)).select(KEY)
        if part not in self._left:
            return nobody.clear()
        if nobody.is_empty() or not (self._uncopied or came):
            return nobody
        others = [_scan(came).select(KEY)] if came else []
        if self._uncopied:
            sites = self._base.scan("sites", cohort=self._cohort, part=part)
            others.append(_alleles(sites.filter(pl.col("file").is_in(self._uncopied))))
        wanted = (f.join(nobody.lazy(), on=KEY, how="semi") for f in others)
        found = pl.concat(f.collect(engine="streaming") for f in wanted)
        return nobody.join(found, on=KEY, how="anti")

    def _carried(self, part: str) -> pl.LazyFrame | None:
        """Give what those who go hold, in each of their strata, as rows to be added."""
        if part not in self._left:
            return None
        strata = self._gone_strata
        person, group = np.nonzero(strata.member[strata.cell])
        groups = pl.DataFrame(
            {
                "sample": self._gone.to_numpy()[person],
                "stratum_by": np.array(strata.by)[group],
                "stratum": np.array(strata.value)[group],
            }
        )
        rows = self._base.scan("carried", cohort=self._cohort, part=part)
        return rows.join(groups.lazy(), on="sample").select(
            *_GROUP, *(-pl.col(n).cast(pl.Int32) for n in COUNTS)
        )


def _alleles(sites: pl.LazyFrame) -> pl.LazyFrame:
    """Give the keys of the alleles that records have."""
    lists = [f"allele_{n}" for n in WITHIN]
    return (
        sites.select("contig", *lists)
        .explode(lists, empty_as_null=True)
        .filter(pl.col("allele_pos").is_not_null())
        .select("contig", *(pl.col(f"allele_{n}").alias(n) for n in WITHIN))
    )


def _scan(paths: Sequence[str]) -> pl.LazyFrame:
    return pl.scan_parquet(list(paths), glob=False, hive_partitioning=False)


def _sum_up(rows: pl.LazyFrame) -> pl.DataFrame:
    """Add copies up by allele and stratum."""
    return rows.group_by(_GROUP).agg(pl.col(COUNTS).sum()).collect(engine="streaming")


def _as_sheet(people: pl.DataFrame, strata: Sequence[str]) -> pl.DataFrame:
    """Give rows of the table samples the columns of the sheet that strata name.

    Of those the table has `_OWN` as they are; the sheet's `file` is not that of the table.
    """
    named = {c for s in strata for c in s.split("+")} - _OWN
    further = [json.loads(text) for text in people["attributes"]]
    return people.with_columns(
        pl.Series(name, [f.get(name) for f in further], dtype=pl.String)
        for name in sorted(named)
    )


def _by_ordinal(strata: Strata, ordinals: Iterable[int]) -> Strata:
    """Put the cells of people at their ordinals; nobody has the numbers between."""
    numbers = np.fromiter(ordinals, np.int64)
    cell = np.zeros(int(numbers.max(initial=-1)) + 1, np.int32)
    cell[numbers] = strata.cell
    return replace(strata, cell=cell)
