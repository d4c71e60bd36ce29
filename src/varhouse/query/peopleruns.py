"""What chosen people of a cohort have at bases, by the runs of their gVCFs.

The table `runs` has the states of each person; `callability.tally` says what a state adds to
the counts at a base, as for the table `callable` of everybody (decision 0035).
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.callability.codes import LOW, unpack
from varhouse.callability.runs import take_apart
from varhouse.callability.tally import Groups, Places, Tally, tally_runs
from varhouse.frequencies.strata import make_strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.query.callablerows import COUNTS, assessed_bases, no_bases
from varhouse.query.rowgroups import Place, RowGroups
from varhouse.query.stretches import Int32, Int64, Stretches, look
from varhouse.store.reader import Store

ROWS_BYTES = 64 << 20
"""Bytes of runs that are taken apart at once, before they are decoded."""

_RUN_BYTES = 5
"""Of a run in a row group that is unpacked: its length, and the number of its state."""

POSITIONS = 50_000
"""Positions that are looked up at once."""

_COLUMNS = ("contig", "sample", "start", "end", "lengths", "states")


class _Runs(NamedTuple):
    """Runs of people: int32[n] each, `who` the ordinal of the person."""

    who: Int32
    start: Int32
    end: Int32
    code: Int32


class RunRows:
    """The rows of runs of chosen people of a cohort.

    Parameters
    ----------
    chosen
        bool[people], by ordinal.
    """

    def __init__(self, store: Store, cohort: str, chosen: npt.NDArray[np.bool_]) -> None:
        self._store = store
        self._cohort = cohort
        self._chosen = chosen
        self._opened: dict[str, RowGroups] = {}

    def _row_groups(self, contig: str) -> RowGroups:
        part = self._store.assembly_contigs.part(contig)
        if part not in self._opened:
            paths = self._store.paths("runs", cohort=self._cohort, part=part)
            self._opened[part] = RowGroups(paths, "start", "end")
        return self._opened[part]

    def size(self, place: Place) -> int:
        """Give how many runs are read for a place, about."""
        source = self._row_groups(place.contig)
        return source.bytes(source.find(place), ("lengths", "states")) // _RUN_BYTES

    def read(self, place: Place) -> Iterator[_Runs]:
        """Read the runs over a place; where only some positions are asked for, over these."""
        source = self._row_groups(place.contig)
        for rows in source.read(source.find(place), _COLUMNS, ROWS_BYTES):
            mine = rows.filter(
                pl.Series(self._chosen[rows["sample"].to_numpy()]),
                pl.col("contig") == place.contig,
                pl.col("start") <= place.high,
                pl.col("end") >= place.low,
            )
            runs = take_apart(mine)
            kept = (runs.start <= place.high) & (runs.end >= place.low)
            if place.only is not None:
                first = np.searchsorted(place.only, runs.start)
                kept &= first < np.searchsorted(place.only, runs.end, side="right")
            who = mine["sample"].to_numpy()[runs.row[kept]]
            yield _Runs(who, runs.start[kept], runs.end[kept], runs.code[kept])

    def called(self, contig: str, positions: Int64) -> npt.NDArray[np.bool_]:
        """Tell who is fully called at bases, whatever the alleles.

        Parameters
        ----------
        positions
            int64[n], ascending and distinct, 1-based.

        Returns
        -------
        bool[people, n]
            By ordinal.
        """
        steps = np.zeros((self._chosen.size, positions.size + 1), np.int8)
        place = Place(contig, int(positions[0]), int(positions[-1]), positions)
        for runs in self.read(place):
            state = unpack(runs.code)
            full = (state.level >= LOW) & (state.alleles >= state.ploidy)
            who = runs.who[full]
            # The runs of a person do not overlap.
            np.add.at(steps, (who, np.searchsorted(positions, runs.start[full])), 1)
            behind = np.searchsorted(positions, runs.end[full], side="right")
            np.add.at(steps, (who, behind), -1)
        return np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1] > 0


class PeopleRuns:
    """What chosen people of a cohort have at bases.

    Parameters
    ----------
    rows
        Their runs.
    sexes
        Column `sex`, by ordinal.
    haploid
        Where males have one copy.
    """

    def __init__(self, rows: RunRows, sexes: pl.DataFrame, haploid: HaploidRegions) -> None:
        self._rows = rows
        strata = make_strata(sexes, [])
        self._groups = Groups.of(strata.cell, strata.member, strata.male, strata.female)
        self._haploid = haploid

    def at(self, contig: str, positions: Int64) -> pl.DataFrame:
        """Count the people at some bases.

        Parameters
        ----------
        positions
            int64[n], ascending and distinct, 1-based.

        Returns
        -------
        pl.DataFrame
            `pos` and COUNTS: a row for each base at which one of them is assessed.
        """
        frames = [no_bases()]
        pieces = ceil(positions.size / POSITIONS)
        for some in np.array_split(positions, pieces) if pieces else []:
            place = Place(contig, int(some[0]), int(some[-1]), some)
            found = np.zeros((len(COUNTS), some.size), np.int32)
            for tally in self._tallies(place):
                found += look(_stretches(tally), some)
            frames.append(assessed_bases(some, found))
        return pl.concat(frames)

    def size(self, place: Place) -> int:
        """Give how many runs are read for a place, about."""
        return self._rows.size(place)

    def read(self, place: Place) -> Iterator[Stretches]:
        """Count them at all bases of a place: rows of group 0 that add up."""
        return map(_stretches, self._tallies(place))

    def _tallies(self, place: Place) -> Iterator[Tally]:
        """Count some rows of runs at a time: what each adds."""
        places = Places.of(self._haploid, place.contig)
        for who, start, end, code in self._rows.read(place):
            if who.size:
                yield tally_runs(who, start, end, code, self._groups, places)


def _stretches(tally: Tally) -> Stretches:
    group, start, end = (v.astype(np.int64) for v in (tally.group, tally.start, tally.end))
    return Stretches(group, start, end, np.ascontiguousarray(tally.counts.T))
