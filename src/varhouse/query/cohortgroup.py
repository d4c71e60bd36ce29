"""Counting a chosen group of people in one cohort, from its calls.

Which allele an ALT of a record is, and whether it was rejected, says the table sites; who has
it, the planes of genotypes; those of files with people of the group alone are read. As at an
ingest, an allele stands once in the files of the same people; where files of others assessed
its site too and lack it, their people add the calls of the site (decision 0006).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from varhouse.errors import StoreError
from varhouse.frequencies.assessed import People, Sites
from varhouse.frequencies.kits import Kits
from varhouse.frequencies.planecount import count_planes
from varhouse.frequencies.strata import UNKNOWN, Strata, make_strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.genotypes.planerows import PlaneRows
from varhouse.query.counted import COUNTS, RECORD_BITS, Counted, join_counted, record_keys
from varhouse.query.peopleruns import PeopleRuns, RunRows
from varhouse.query.rowgroups import Place, RowGroup, RowGroups
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA
from varhouse.tables.statistics import (
    FREQUENCIES,
    adding_alone,
    adj_counts,
    counts_of,
    of_records,
    site_counts,
)
from varhouse.tables.windows import Window

GROUP_COUNTS = counts_of(FREQUENCIES)
"""Counts of a group; those of high quality are of people with runs alone."""

SITE_COUNTS = site_counts()

AT_ONCE = 4 << 20
"""Bytes of planes that a thread decodes at once: a row group or two."""

SITES_AT_ONCE = 48 << 20
"""Bytes of sites that are decoded at once."""

_SITES = ("pos", "file", "record", "allele_pos", "allele_ref", "allele_alt", "allele_extent")
_GENOTYPES = (
    "contig",
    "pos",
    "file",
    "record",
    "first",
    "people",
    "ploidy",
    "planes",
    "missing",
    "absent",
)
_RECORD = ("file", "record")
_THREADS = 4


@dataclass(frozen=True)
class _File:
    """The sample columns of a file.

    `ordinals` int32[columns] in the cohort; bool[columns] who is chosen, and who is male;
    `group` the number of the people that it holds, as other files may.
    """

    ordinals: npt.NDArray[np.int32]
    chosen: npt.NDArray[np.bool_]
    male: npt.NDArray[np.bool_]
    group: int


class CohortGroup:
    """The chosen people of a cohort.

    Parameters
    ----------
    people
        Rows of People.frame of the cohort.
    """

    def __init__(self, store: Store, cohort: str, people: pl.DataFrame) -> None:
        self.cohort = cohort
        self._store = store
        rows = store.scan("cohorts", cohort=cohort).select("haploid").collect()
        self._haploid = HaploidRegions.from_json(rows["haploid"][0], store.assembly_contigs)
        self._sexes = _sexes(store, cohort)
        self._male = (self._sexes["sex"] == "male").to_numpy().astype(np.bool_)
        self._chosen = np.zeros(self._sexes.height, np.bool_)
        self._chosen[people["ordinal"].to_numpy()] = True
        self._has_runs = np.zeros(self._sexes.height, np.bool_)
        self._with_runs: list[int] = []
        self._members: list[list[int]] = []
        self._files = self._open_files()
        self._sizes = {f: int(mine.chosen.sum()) for f, mine in self._files.items()}
        self._tables: dict[tuple[str, str], RowGroups] = {}
        self._assessed: dict[str, Sites] = {}
        with_runs = self._chosen & self._has_runs
        self.runs = (
            PeopleRuns(RunRows(store, cohort, with_runs), self._sexes, self._haploid)
            if with_runs.any()
            else None
        )

    def _open_files(self) -> dict[int, _File]:
        """Say who is in the files, and which hold the same people."""
        files = self._store.scan("files", cohort=self.cohort)
        rows = files.select("file", "samples", "has_runs").collect()
        groups: dict[bytes, int] = {}
        out = {}
        for file, ordinals in rows.filter("has_runs").select("file", "samples").rows():
            self._with_runs.append(file)
            self._has_runs[ordinals] = True
        for file, ordinals, _ in rows.rows():
            columns = np.array(ordinals, np.int32)
            chosen = self._chosen[columns]
            group = groups.setdefault(np.sort(columns).tobytes(), len(groups))
            if group == len(self._members):
                # Of who has runs these say what there is at a base.
                self._members.append(columns[chosen & ~self._has_runs[columns]].tolist())
            out[file] = _File(columns, chosen, self._male[columns], group)
        return out

    @property
    def has_runs(self) -> bool:
        """Whether some of the people have runs, so that any base may be asked for."""
        return self.runs is not None

    @property
    def is_known(self) -> bool:
        """Whether all of the people have runs, which say what there is at a base."""
        return not (self._chosen & ~self._has_runs).any()

    @cached_property
    def known_adj(self) -> frozenset[str]:
        """Counts of high quality that are known of all of the people.

        Those of a base by their runs; those of who holds an allele where the table `carried`
        has them, of files of one person.
        """
        if not self.is_known:
            return frozenset()
        files = (f for n, f in self._files.items() if self._sizes[n])
        names = adding_alone(FREQUENCIES) if all(f.ordinals.size == 1 for f in files) else ()
        return frozenset(n for n in (*SITE_COUNTS, *names) if n in adj_counts())

    def count(self, place: Place) -> pl.DataFrame:
        """Count the alleles at a place.

        Returns
        -------
        pl.DataFrame
            The key and GROUP_COUNTS: a row an allele of the cohort whose site somebody of the
            group was assessed at; in no order.
        """
        alleles = self._alleles(place)
        with_chosen = [f for f, n in self._sizes.items() if n]
        rows = self._counted(alleles.filter(pl.col("file").is_in(with_chosen)), place.contig)
        pieces = [rows]
        if sum(map(bool, self._members)) and len(self._members) > 1:
            group = pl.col("file").replace_strict(
                {f: mine.group for f, mine in self._files.items()}, return_dtype=pl.Int64
            )
            held = alleles.select(*KEY, group=group).unique()
            window = Window((place.contig, place.low), (place.contig, place.high), held.height)
            others = self._sites(place.contig).others(held, window)
            pieces.append(others.select(rows.columns))
        if self.runs is not None:
            keys = alleles.select(KEY).unique()
            pieces.append(self.at_bases(keys).select(rows.columns))
            pieces.append(self._carried(keys, place).select(rows.columns))
        if len(pieces) == 1:
            return rows
        return (
            pl.concat(pieces)
            .group_by(KEY)
            .agg(pl.col(GROUP_COUNTS).sum())
            .filter(pl.col("n_samples") > 0)
        )

    def at_bases(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Count who has runs at the positions of alleles of one contig, copies of none.

        Returns
        -------
        pl.DataFrame
            The key and GROUP_COUNTS: a row an allele at whose position somebody is assessed.
        """
        schema = {**KEY_SCHEMA, **dict.fromkeys(GROUP_COUNTS, pl.Int32)}
        if self.runs is None or not keys.height:
            return pl.DataFrame(schema=schema)
        pos = keys["pos"].unique().sort().to_numpy().astype(np.int64)
        found = self.runs.at(keys["contig"][0], pos)
        none = (pl.lit(0, pl.Int32).alias(n) for n in GROUP_COUNTS if n not in found.columns)
        return keys.select(KEY).join(found.with_columns(*none), on="pos").select(*schema)

    def _carried(self, keys: pl.DataFrame, place: Place) -> pl.DataFrame:
        """Add up who holds alleles with high quality, of people of whom that is known."""
        schema = {**KEY_SCHEMA, **dict.fromkeys(GROUP_COUNTS, pl.Int32)}
        names = self.known_adj - set(SITE_COUNTS)
        if not names or not keys.height:
            return pl.DataFrame(schema=schema)
        source = self._row_groups("carried", place.contig, "pos")
        columns = [*KEY, "sample", *names]
        frames = [
            rows.filter(pl.Series(self._chosen[rows["sample"].to_numpy()]))
            for rows in source.read(source.find(place), columns, AT_ONCE)
        ]
        if not frames:
            return pl.DataFrame(schema=schema)
        sums = pl.concat(frames).group_by(KEY).agg(pl.col(*names).cast(pl.Int32).sum())
        none = (pl.lit(0, pl.Int32).alias(n) for n in GROUP_COUNTS if n not in names)
        return keys.join(sums, on=KEY).with_columns(*none).select(*schema)

    def _sites(self, contig: str) -> Sites:
        """Open what tells who was assessed without having an allele."""
        part = self._store.assembly_contigs.part(contig)
        if part not in self._assessed:
            self._assessed[part] = self._open_sites(part, make_strata(self._sexes, []))
        return self._assessed[part]

    def _open_sites(
        self,
        part: str,
        strata: Strata,
        kits: Kits | None = None,
        rejected: pl.DataFrame | None = None,
    ) -> Sites:
        where = {"cohort": self.cohort, "part": part}
        return Sites(
            [str(p) for p in self._store.paths("sites", **where)],
            [str(p) for p in self._store.paths("genotypes", **where)],
            People(
                strata,
                {f: mine.group for f, mine in self._files.items()},
                self._members,
                {f: mine.ordinals for f, mine in self._files.items()},
                self._haploid,
                kits,
            ),
            rejected,
        )

    def _row_groups(self, table: str, contig: str, column: str) -> RowGroups:
        part = self._store.assembly_contigs.part(contig)
        if (table, part) not in self._tables:
            paths = self._store.paths(table, cohort=self.cohort, part=part)
            self._tables[table, part] = RowGroups(paths, column)
        return self._tables[table, part]

    def _alleles(self, place: Place) -> pl.DataFrame:
        """Find the alleles at a place: key, own_pos, file, record, alt_index from 1."""
        groups = self._row_groups("sites", place.contig, "allele_pos")
        columns = ["contig", *_SITES]
        frames = [
            _explode(frame, place)
            for frame in groups.read(groups.find(place), columns, SITES_AT_ONCE)
        ]
        empty = pl.DataFrame(schema={**KEY_SCHEMA, "own_pos": pl.Int32, "file": pl.Int32,
                                     "record": pl.Int64, "alt_index": pl.Int32})  # fmt: skip
        return pl.concat([empty, *frames])

    def _counted(self, alleles: pl.DataFrame, contig: str) -> pl.DataFrame:
        """Count the ALTs of alleles by the records that they stand in."""
        schema = {**KEY_SCHEMA, **dict.fromkeys(GROUP_COUNTS, pl.Int32)}
        if not alleles.height:
            return pl.DataFrame(schema=schema)
        moved = self._moved_over(alleles)
        if not moved.any():
            return self._counted_at(alleles, contig, elsewhere=False)
        return pl.concat(
            [
                self._counted_at(alleles.filter(~moved), contig, elsewhere=False),
                self._counted_at(alleles.filter(moved), contig, elsewhere=True),
            ]
        )

    def _moved_over(self, alleles: pl.DataFrame) -> pl.Series:
        """Tell which alleles stand where males have other copies than at their record."""
        if alleles["contig"][0] not in self._haploid.contigs:
            return pl.repeat(value=False, n=alleles.height, eager=True)
        here, own = (
            self._haploid.contains(alleles["contig"], alleles[n]) for n in ("pos", "own_pos")
        )
        return pl.Series(here != own)

    def _counted_at(
        self, alleles: pl.DataFrame, contig: str, *, elsewhere: bool
    ) -> pl.DataFrame:
        """Count alleles where males have as many copies as at the record, or elsewhere."""
        schema = {**KEY_SCHEMA, **dict.fromkeys(GROUP_COUNTS, pl.Int32)}
        if not alleles.height:
            return pl.DataFrame(schema=schema)
        wanted = record_keys(alleles)
        counted = join_counted(self._count_records(alleles, contig, elsewhere=elsewhere))
        record = np.searchsorted(counted.keys, wanted)
        if not np.array_equal(np.append(counted.keys, -1)[record], wanted):
            raise StoreError(
                f"cohort {self.cohort}, {contig}: the tables sites and genotypes do not hold "
                "the same records",
                "varhouse store verify says what else is wrong",
            )
        alt = counted.first_row[record] + alleles["alt_index"].to_numpy() - 1
        # A record without GT has no ALT among the counts.
        there = alt < counted.first_row[record + 1]
        sizes = alleles["file"].replace_strict(self._sizes, return_dtype=pl.Int32)
        columns: dict[str, Any] = {"n_samples": sizes.to_numpy()}
        for name in COUNTS:
            at = record if name in of_records() else alt
            none = sizes.to_numpy() if name == "n_missing" else 0
            columns[name] = np.where(there, counted.counts[name][np.where(there, at, 0)], none)
        columns["an_written"] = columns["an"]
        # Where there are runs they say what a base has, records only who holds an allele.
        by_runs = alleles["file"].is_in(self._with_runs).to_numpy()
        for name in SITE_COUNTS:
            if name in columns:
                columns[name] = np.where(by_runs, 0, columns[name])
        unknown = dict.fromkeys(set(GROUP_COUNTS) - set(columns), 0)
        return (
            alleles.select(KEY)
            .with_columns(**{n: pl.Series(v) for n, v in columns.items()}, **unknown)
            .select(pl.col(n).cast(t) for n, t in schema.items())
        )

    def _count_records(
        self, alleles: pl.DataFrame, contig: str, *, elsewhere: bool
    ) -> list[Counted]:
        """Count the records of alleles, some row groups at a time."""
        pos = alleles["own_pos"].unique().sort().to_numpy().astype(np.int64)
        place = Place(contig, int(pos[0]), int(pos[-1]), pos)
        groups = self._row_groups("genotypes", contig, "pos")
        batches = list(groups.batches(groups.find(place), _GENOTYPES, AT_ONCE))

        def count(batch: list[RowGroup]) -> list[Counted]:
            return [
                counted
                for table in groups.tables(batch, _GENOTYPES)
                for counted in self._count_table(table, contig, place, elsewhere=elsewhere)
            ]

        if len(batches) == 1:
            return count(batches[0])
        with ThreadPoolExecutor(_THREADS) as pool:
            return [counted for found in pool.map(count, batches) for counted in found]

    def _count_table(
        self, table: pa.Table, contig: str, place: Place, *, elsewhere: bool
    ) -> Iterator[Counted]:
        """Count rows of a row group near a place, file by file."""
        here = pc.equal(table["contig"], contig)
        if not pc.all(here).as_py():
            table = table.filter(here).combine_chunks()
        pos = table["pos"].to_numpy()
        files = table["file"].to_numpy()
        first, last = 0, pos.size
        if (np.diff(pos) >= 0).all():
            first, last = np.searchsorted(pos, [place.low, place.high + 1])
        for file in np.unique(files[first:last]).tolist():
            if not self._sizes[file]:
                continue
            mine = table.slice(first, last - first)
            if (files[first:last] != file).any():
                mine = mine.filter(pa.array(files[first:last] == file))
            if mine.num_rows:
                yield self._count_file(mine, file, contig, elsewhere=elsewhere)

    def _count_file(
        self, table: pa.Table, file: int, contig: str, *, elsewhere: bool
    ) -> Counted:
        """Count rows of one file."""
        mine = self._files[file]
        rows = PlaneRows.to_count(table)
        start = rows.record[:-1]
        haploid = np.zeros(start.size, np.bool_)
        if contig in self._haploid.contigs:
            pos = pl.Series(table["pos"].to_numpy()[start])
            own = self._haploid.contains(pl.repeat(contig, pos.len(), eager=True), pos)
            haploid = own != elsewhere
        counts = count_planes(rows, mine.chosen[None, :], mine.male, haploid)
        record = table["record"].to_numpy()[start]
        return Counted(
            (np.int64(file) << RECORD_BITS) + record,
            rows.first_row,
            {name: getattr(counts, name)[:, 0] for name in COUNTS},
        )


def _sexes(store: Store, cohort: str) -> pl.DataFrame:
    """Give the sex of each person by ordinal; nobody has some numbers, if people left."""
    samples = store.scan("samples", cohort=cohort).select("ordinal", "sex").collect()
    sexes = np.full(int(samples["ordinal"].to_numpy().max(initial=-1)) + 1, UNKNOWN, object)
    sexes[samples["ordinal"].to_numpy()] = samples["sex"].to_numpy()
    return pl.DataFrame({"sex": sexes.tolist()}, schema={"sex": pl.String})


def _explode(frame: pl.DataFrame, place: Place) -> pl.DataFrame:
    """Make a row of each allele that stands at a place."""
    pos = pl.col("pos")
    wanted = pos.is_between(place.low, place.high)
    if place.only is not None:
        wanted &= pos.is_in(pl.Series(place.only, dtype=pl.Int32).implode())
    return (
        frame.filter(pl.col("contig") == place.contig)
        .select(
            "contig",
            pl.col("allele_pos").alias("pos"),
            pl.col("allele_ref").alias("ref"),
            pl.col("allele_alt").alias("alt"),
            pl.col("allele_extent").alias("extent"),
            pl.col("pos").alias("own_pos"),
            *_RECORD,
            alt_index=pl.int_ranges(1, pl.col("allele_pos").list.len() + 1, dtype=pl.Int32),
        )
        .explode("pos", "ref", "alt", "extent", "alt_index", empty_as_null=True)
        .filter(wanted)
    )
