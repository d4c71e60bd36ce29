"""What a cohort counts without some of its people: `frequencies_once`, `callable_once`.

Those people are counted from their calls as a chosen group is (`query.kitgroup`), stratum by
stratum, and taken away from the rows of the cohort. Every allele of the cohort stays, with no
copy if they alone have it, as in a file from which sample columns are cut out; a stratum of
which nobody is left goes.

Counts of high quality (adj) of people who hold an allele are known of gVCFs of one person.
Where somebody's are not, those of the allele are null in the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.errors import StoreError
from varhouse.frequencies.strata import make_strata
from varhouse.query.callablerows import STRATUM, CallableRows
from varhouse.query.cohortbases import count_bases
from varhouse.query.cohortgroup import GROUP_COUNTS, CohortGroup
from varhouse.query.kitgroup import KitGroup, open_group
from varhouse.query.people import sheet_rows
from varhouse.query.peoplebases import PeopleBases
from varhouse.query.rowgroups import MAX_POS, Place
from varhouse.query.stretches import Stretches, add_up, concat
from varhouse.store.reader import Store
from varhouse.tables.atsites import COUNTS
from varhouse.tables.consistency import check_rows
from varhouse.tables.schema import CALLABLE, CALLABLE_ONCE, FREQUENCIES, FREQUENCIES_ONCE, KEY
from varhouse.tables.shards import Shard, write_shard
from varhouse.tables.statistics import adj_counts, counts_of, made_of, unknown_of
from varhouse.tables.windows import cut_windows

ROWS_AT_ONCE = 500_000
"""Rows of frequencies from which somebody's counts are taken away at once."""

STRETCHES_AT_ONCE = 1_000_000
"""Rows of callable that are read at once, about."""

_GROUP = [*KEY, *STRATUM]


@dataclass(frozen=True)
class _Member:
    """A stratum: who of it is left out (rows of samples), and whether anybody is not."""

    by: str
    value: str
    people: pl.DataFrame
    has_others: bool


class Without:
    """A cohort without some of its people.

    Parameters
    ----------
    ordinals
        Numbers of the people who are left out, of the table samples.
    """

    def __init__(self, store: Store, cohort: str, ordinals: Sequence[int]) -> None:
        self._store, self._cohort = store, cohort
        self._ordinals = sorted(ordinals)

    @cached_property
    def _members(self) -> list[_Member]:
        """The strata of the cohort that some of the people are in; all of them first."""
        return [m for m in self._strata if m.people.height]

    @cached_property
    def _strata(self) -> list[_Member]:
        """All strata of the cohort."""
        samples = self._store.scan("samples", cohort=self._cohort).sort("ordinal")
        people = samples.select("cohort", "ordinal", "sample", "sex").collect()
        sheet = sheet_rows(self._store, self._cohort).with_columns(people["sex"])
        strata = make_strata(sheet, self._kinds)
        chosen = people["ordinal"].is_in(self._ordinals).to_numpy()
        out = []
        for k, (by, value) in enumerate(zip(strata.by, strata.value, strict=True)):
            mine = strata.member[strata.cell, k] > 0
            left_out = people.filter(pl.Series(chosen & mine))
            out.append(_Member(by, value, left_out, bool((mine & ~chosen).any())))
        return out

    @cached_property
    def _kinds(self) -> list[str]:
        """The strata by which the cohort was counted, without all."""
        rows = [
            self._store.scan(t.name, cohort=self._cohort).select("stratum_by").unique()
            for t in (FREQUENCIES, CALLABLE)
        ]
        found = pl.concat(rows).unique().collect()["stratum_by"]
        return sorted(set(found.to_list()) - {"all"})

    @cached_property
    def _groups(self) -> dict[tuple[int, ...], CohortGroup | KitGroup]:
        """Groups to count; strata with the same people are counted once."""
        return {
            key: open_group(self._store, self._cohort, m.people)
            for m in self._members
            if (key := _key(m)) is not None
        }

    # -- frequencies -------------------------------------------------------------------

    def frequencies(self, part: str, directory: Path) -> list[Shard]:
        """Write the rows of a partition of `frequencies_once`.

        Raises
        ------
        StoreError
            If the people count what the cohort does not.
        """
        partition = {"cohort": self._cohort, "part": part}
        paths = [str(p) for p in self._store.paths(FREQUENCIES.name, **partition)]
        if not paths:
            return []
        rows = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        shards: list[Shard | None] = []
        for k, window in enumerate(cut_windows(rows, ROWS_AT_ONCE)):
            piece = rows.filter(window.rows()).collect(engine="streaming")
            left = self._taken_from(piece)
            what = f"cohort {self._cohort} without people who count elsewhere"
            check_rows(FREQUENCIES.name, left, what, exactly=True)
            name = f"frequencies-{k:05d}"
            shards.append(write_shard(left, FREQUENCIES_ONCE, directory, name, partition))
        return [s for s in shards if s is not None]

    def _taken_from(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Take the people away from all rows of some positions."""
        counted = pl.concat([self._count(c) for c in rows.partition_by("contig")])
        both = rows.select(*_GROUP, *GROUP_COUNTS).join(
            counted, on=_GROUP, how="left", suffix="_of", maintain_order="left"
        )
        found = counted.join(rows, on=_GROUP, how="semi").height
        if found != counted.height:
            raise StoreError(
                f"cohort {self._cohort}: people hold alleles that are not in frequencies",
                "varhouse store verify says what else is wrong",
            )
        # Of an allele of which somebody's quality is not known that of nobody is told, in no
        # stratum, so that strata add up.
        unknown = both.filter(pl.col("adj_known").eq(other=False)).select(KEY).unique()
        doubtful = both.select(KEY).join(
            unknown.with_columns(doubtful=pl.lit(value=True)),
            on=KEY, how="left", maintain_order="left",
        )["doubtful"].fill_null(value=False)  # fmt: skip
        made = both.with_columns(
            pl.col(n) - pl.col(f"{n}_of").fill_null(0) for n in GROUP_COUNTS
        ).with_columns(
            pl.when(doubtful).then(None).otherwise(pl.col(n)).alias(n) for n in adj_counts()
        )
        others = pl.DataFrame(
            [(m.by, m.value) for m in self._strata if m.has_others or m.by == "all"],
            schema=dict.fromkeys(STRATUM, pl.String), orient="row",
        )  # fmt: skip
        # Where nobody was assessed before, as beside a capture kit, a row says so.
        stays = (
            (pl.col("stratum_by") == "all")
            | (pl.col("n_samples") > 0)
            | pl.Series(both["n_samples"] == 0)
        )
        return (
            made.select(*_GROUP, *counts_of(FREQUENCIES.name))
            .filter(stays)
            .join(others, on=STRATUM, how="semi", maintain_order="left")
            .with_columns(**unknown_of(FREQUENCIES.name))
            .with_columns(**made_of(FREQUENCIES.name), cohort=pl.lit(self._cohort))
        )

    def _count(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Count the people at the alleles of one contig: a row an allele and stratum."""
        pos = rows["pos"].unique().sort().to_numpy().astype(np.int64)
        place = Place(rows["contig"][0], int(pos[0]), int(pos[-1]), pos)
        by_key = {key: group.count(place) for key, group in self._groups.items()}
        # Counts of high quality are known of all of a group, or of none that holds an allele.
        adj = frozenset(n for n in GROUP_COUNTS if n in adj_counts())
        out = []
        for m in self._members:
            known = adj <= self._groups[_key(m)].known_adj
            label = {"stratum_by": pl.lit(m.by), "stratum": pl.lit(m.value)}
            out.append(by_key[_key(m)].with_columns(**label, adj_known=pl.lit(known)))
        counts = pl.concat(out).select(*_GROUP, *GROUP_COUNTS, "adj_known")
        keys = rows.select(KEY).unique()
        return counts.join(keys, on=KEY, how="semi")

    # -- callable ----------------------------------------------------------------------

    def callable(self, part: str, directory: Path) -> list[Shard]:
        """Write the rows of a partition of `callable_once`."""
        partition = {"cohort": self._cohort, "part": part}
        if not self._store.file_frame(CALLABLE.name, **partition).height:
            return []
        scan = self._store.scan(CALLABLE.name, **partition)
        labels = scan.select(STRATUM).unique().collect().sort(STRATUM).with_row_index("group")
        rows = CallableRows(self._store, self._cohort, labels)
        contigs = set(scan.select("contig").unique().collect()["contig"])
        shards: list[Shard | None] = []
        for contig in (c for c in self._store.assembly_contigs.contigs if c.name in contigs):
            for place in _pieces(rows, contig.name, contig.length or MAX_POS - 1):
                left = self._stretches_left(rows, labels, place)
                name = f"callable-{len(shards):05d}"
                shards.append(write_shard(left, CALLABLE_ONCE, directory, name, partition))
        return [s for s in shards if s is not None]

    def _stretches_left(
        self, rows: CallableRows, labels: pl.DataFrame, place: Place
    ) -> pl.DataFrame:
        """Take the people away from the rows of a place."""
        groups = labels["group"].to_numpy().astype(np.int64)
        # A last count tells where any of the people are.
        pieces = [_marked(rows.read(place, groups), 1, 0)]
        number = {(b, v): g for g, b, v in labels.select("group", *STRATUM).rows()}
        for m in self._members:
            group = number.get((m.by, m.value))
            if group is None:
                continue
            mine = np.array([group], np.int64)
            bases = PeopleBases(self._store, self._cohort, m.people, group)
            found = (
                count_bases(bases, place, mine)
                if self._has_kits
                else bases.covered(place, mine)
            )
            pieces.append(_marked(found, -1, 1))
        left = add_up(concat(pieces, len(COUNTS) + 1), place.low, place.high, groups)
        if self._has_kits:
            # What records beside a kit say of quality is not known of single people.
            adj = [k for k, n in enumerate(COUNTS) if n in adj_counts()]
            left.counts[np.ix_(adj, left.counts[-1] > 0)] = 0
        left = left._replace(counts=left.counts[:-1])
        return _as_rows(left.take((left.counts != 0).any(axis=0)), labels, place.contig)

    @cached_property
    def _has_kits(self) -> bool:
        return self._store.file_frame("kits", cohort=self._cohort).height > 0


def _marked(rows: Stretches, sign: int, mark: int) -> Stretches:
    """Give counts a sign, and one more: `mark` in every row."""
    marks = np.full((1, rows.start.size), mark, np.int32)
    return rows._replace(counts=np.concatenate([sign * rows.counts, marks]))


def _key(member: _Member) -> tuple[int, ...]:
    return tuple(member.people["ordinal"].to_list())


def _pieces(rows: CallableRows, contig: str, length: int) -> Iterator[Place]:
    """Cut a contig into places of so many rows about."""
    last = length + 1
    pieces = max(ceil(rows.size(Place(contig, 0, last)) / STRETCHES_AT_ONCE), 1)
    step = ceil((last + 1) / pieces)
    for low in range(0, last + 1, step):
        yield Place(contig, low, min(low + step - 1, last))


def _as_rows(found: Stretches, labels: pl.DataFrame, contig: str) -> pl.DataFrame:
    """Make rows of the table callable of stretches."""
    names = labels.select(pl.col("group").cast(pl.Int64), *STRATUM)
    frame = pl.DataFrame(
        {"group": found.group, "start": found.start, "end": found.end},
        schema={"group": pl.Int64, "start": pl.Int64, "end": pl.Int64},
    ).with_columns(pl.Series(n, found.counts[k], pl.Int32) for k, n in enumerate(COUNTS))
    return (
        frame.join(names, on="group", maintain_order="left")
        .with_columns(pl.lit(contig).alias("contig"), pl.col("start", "end").cast(pl.Int32))
        .select("contig", *STRATUM, "start", "end", *COUNTS)
        .sort(*CALLABLE.sort)
    )
