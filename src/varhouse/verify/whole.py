"""All tables of a release, each file read once from its first byte to its last."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from varhouse.errors import AccessError, StoreError
from varhouse.verify.bases import CallableAt
from varhouse.verify.figures import ALONE
from varhouse.verify.filescan import Rows
from varhouse.verify.madeofpeople import check_people
from varhouse.verify.merge import AlleleMerge, Source, stratum_hash
from varhouse.verify.once import BASES, TABLE, Once, left_out
from varhouse.verify.people import Cohort, OneCopy
from varhouse.verify.persons import PersonCounts, is_alone, weigh_rows
from varhouse.verify.pinned import PinnedFile, compare_sums, read_tables
from varhouse.verify.problems import Problem
from varhouse.verify.reading import Reading, first_line, how_to_read
from varhouse.verify.records import RecordChecks
from varhouse.verify.rowhash import Words, table_digest
from varhouse.verify.steps import StepSums
from varhouse.verify.words import KEY

_EARLIER = (
    "file(s) have the content and the digest that an earlier version gave them, in which "
    "source_version counted: a store that is built anew has today's"
)


def verify(
    path: Path, release: int | str | None = None, *, quick: bool = False
) -> list[Problem]:
    """Check a release of a store; a list of notes alone means that nothing is wrong.

    Parameters
    ----------
    path
        The store.
    release
        Number or tag; None: the newest.
    quick
        Look at records, logs, catalogues and sizes, and read no table.

    Raises
    ------
    StoreError
        If there is no such release, or it was sealed.
    AccessError
        If the file system does not let us read all of it.
    """
    return Verification(Path(path), release).run(quick=quick)


def recompute_digests(
    path: Path, release: int | str | None = None, tables: Collection[str] | None = None
) -> dict[str, str]:
    """Work out the content digest of each table from its rows.

    Parameters
    ----------
    tables
        Names of those to read; None: all.

    Returns
    -------
    dict
        Table name to 64 hex digits; tables without rows are left out.

    Raises
    ------
    StoreError
        A file cannot be read.
    """
    work = Verification(Path(path), release)
    work.tables = read_tables(work.ledger, work.problems)
    work.read_people()
    digests = {}
    for name, pinned in work.tables.items():
        if not pinned.table.content or (tables is not None and name not in tables):
            continue
        work.read_table(name)
        if rows := work.rows.get(name, 0):
            digests[name] = table_digest(name, rows, work.sums[name])
    lost = [p for p in work.problems if p.file and "content is not" not in p.what]
    if lost:
        raise StoreError(str(lost[0]), how_to_read(Path(path)))
    return digests


class Verification(Reading):
    """One verification of a release: what is known of it, and what was found.

    Parameters
    ----------
    path, release
        See `verify`.
    """

    def run(self, *, quick: bool = False) -> list[Problem]:
        """Check everything, and give what was found."""
        self.tables = read_tables(self.ledger, self.problems)
        if quick:
            self.problems += self._sizes()
            return self.problems
        try:
            self.read_people()
        except (
            StoreError,
            OSError,
            pa.ArrowException,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            if isinstance(error, AccessError):
                raise
            self.problems.append(Problem("samples", "", first_line(error)))
        for step in (self._alleles, self._cohorts, self._people):
            try:
                step()
            except (StoreError, KeyError, TypeError, ValueError) as error:
                if isinstance(error, AccessError):
                    raise
                # A text that is not what its column holds, as JSON, ends what reads it.
                what = (
                    f"tables cannot be compared: {type(error).__name__}: {first_line(error)}"
                )
                self.problems.append(Problem("release", "", what))
        for name in self.tables:
            self._plain(name)
        self._finish()
        return self.problems

    # -- tables of alleles -------------------------------------------------------------

    def _alleles(self) -> None:
        try:
            rank = self._rank()
        except (StoreError, OSError, pa.ArrowException) as error:
            self.problems.append(Problem("contigs", "", first_line(error)))
            return
        numbers = {c: n for n, c in enumerate(sorted(self.cohorts))}
        names = ["variants", "totals"]
        parts = {p[0] for p in self._partitions(*names)}
        parts |= {p[1] for p in self._partitions("frequencies", "callable")}
        parts |= {p[1] for p in self._partitions("carried")}
        counted: dict[str, int] = {}
        beside = [n for n in self.tables if n in ("ids", "consequences")]
        beside += [n for n in self.tables if n.startswith("annotations_")]
        parts |= {p[0] for p in self._partitions(*beside)}
        without = left_out(self.small("same_people", ["not_in"]))
        self._check_once(without)
        for part in sorted(parts):
            bases = self._callable(part, rank, numbers)
            keys: list[Words] = []
            once = self._once(part, rank, numbers, without.get(part, set()))
            merge = AlleleMerge(rank, bases, is_view=self.ledger.is_view, once=once)
            merge.alone = {
                numbers[n]
                for n, c in self.cohorts.items()
                if "carried" in self.tables
                and c.files
                and all(map(is_alone, c.files.values()))
            }
            sources = [
                self._source(n, f, rank, -1, keys)
                for n in names
                for f in self._files(n, part=part)
            ]
            for cohort, number in numbers.items():
                for file in self._files("frequencies", cohort=cohort, part=part):
                    sources.append(self._source("frequencies", file, rank, number, keys))
                for file in self._files(TABLE, cohort=cohort, part=part):
                    if number in once.cohorts:
                        sources.append(self._source(TABLE, file, rank, number, keys))
            self.between_tables += [Problem(t, "", what) for t, what in merge.run(sources)]
            for cohort, number in numbers.items():
                self._add_carried(cohort, part, merge.carriers.get(number, {}))
                counted[cohort] = counted.get(cohort, 0) + merge.n_alleles.get(number, 0)
            known = np.sort(np.concatenate(keys)) if keys else np.zeros(0, np.uint64)
            for name in beside:
                self._members(name, part, known)
        for cohort, found in counted.items():
            self.cohorts[cohort].n_alleles = found

    def _add_carried(self, name: str, part: str, counted: dict[int, Words]) -> None:
        """Read what people carry in a part, and compare it with what is counted of them.

        Parameters
        ----------
        counted
            Stratum to the sums of its rows of frequencies, each times the hash of its allele.
        """
        cohort, files = self.cohorts[name], self._files("carried", cohort=name, part=part)
        if "carried" not in self.tables or not any(map(is_alone, cohort.files.values())):
            return
        sums = np.zeros((max(cohort.samples, default=-1) + 1, len(ALONE)), np.uint64)
        for file in files:
            for rows in self._scan("carried", file):
                if not weigh_rows(rows, ALONE, sums):
                    what = f"cohort {name}: rows of nobody in part {part}"
                    self.between_tables.append(Problem("carried", "", what))
        known = self._carried.setdefault(name, np.zeros_like(sums))
        known += sums
        if not all(map(is_alone, cohort.files.values())):
            return
        groups = cohort.groups(self._kinds(name))
        for number, names in enumerate(groups.names):
            of = (groups.of == number).any(axis=1)
            off = sums[of].sum(axis=0) != counted.get(stratum_hash(*names), 0)
            if off.any():
                what = (
                    f"cohort {name}, part {part}: {ALONE[int(off.argmax())]} of "
                    f"{'='.join(names)} do not add up to those of frequencies"
                )
                self.between_tables.append(Problem("carried", "", what))
                return

    def _source(
        self, name: str, file: PinnedFile, rank: dict[str, int], cohort: int, keys: list[Words]
    ) -> Source:
        def batches() -> Iterator[Rows]:
            for rows in self._scan(name, file):
                if name == "variants":
                    keys.append(rows.key(KEY))
                yield rows

        # Only to know when to open it: the scan compares the bounds with the rows.
        low = file.log.stats.get("minValues", {})
        least = (rank.get(low.get("contig", ""), 0) << 32) + int(low.get("pos") or 0)
        return Source(name, cohort, batches(), least)

    def _members(self, name: str, part: str, known: Words) -> None:
        """Ask of rows about alleles whether these are in variants."""
        number, first = 0, ""
        for file in self._files(name, part=part):
            for rows in self._scan(name, file):
                keys = rows.key(KEY)
                # Rows of an allele stand together as a rule.
                new = np.ones(keys.size, np.bool_)
                new[1:] = keys[1:] != keys[:-1]
                at = np.flatnonzero(new)
                place = np.minimum(np.searchsorted(known, keys[at]), max(known.size - 1, 0))
                lost = at[known[place] != keys[at]] if known.size else at
                number += lost.size
                if lost.size and not first:
                    first = "-".join(k for k in rows.place(int(lost[0]), KEY).split(", ") if k)
        if number:
            what = f"{number} alleles are not in variants, the first: {first}"
            self.between_tables.append(Problem(name, "", what))
        self._check_unique(name)

    def _callable(
        self, part: str, rank: dict[str, int], numbers: dict[str, int]
    ) -> CallableAt | None:
        """Read the table callable of a partition, and runs, which it has to agree with."""
        cohorts = [
            c
            for c in self.cohorts
            if self._files("callable", cohort=c, part=part)
            or self._files("runs", cohort=c, part=part)
        ]
        if not cohorts:
            return None
        bases = CallableAt(self._places(part, rank), rank)
        kits = {p[0] for p in self._partitions("kits")}
        for name in sorted(cohorts):
            cohort = self.cohorts[name]
            groups, one_copy = cohort.groups(self._kinds(name)), self._one_copy(cohort)
            sums = StepSums(groups, cohort.sexes(), one_copy)
            runs, stored = (
                self._files(t, cohort=name, part=part) for t in ("runs", "callable")
            )
            for file in stored:
                for rows in self._scan("callable", file):
                    bases.add(numbers[name], rows, by_runs_alone=cohort.by_runs_alone)
                    if name not in kits:
                        sums.add_rows(rows)
            for file in runs:
                for rows in self._scan("runs", file):
                    if name not in kits and self._are_known(cohort, rows):
                        sums.add_runs(rows)
            self.between_tables += [
                Problem("callable", "", f"cohort {name}: {w}")
                for w in sorted(set(sums.unknown))
            ]
            # With capture kits people are assessed who have no runs: `--source` counts them.
            if name not in kits and (off := sums.differing()) is not None:
                first = sums.first_base(off, self._again(runs), self._again(stored))
                what = f"cohort {name} counts something else than its runs, first at {first}"
                self.between_tables.append(Problem("callable", "", what))
        bases.finish()
        return bases

    def _once(
        self, part: str, rank: dict[str, int], numbers: dict[str, int], cohorts: set[str]
    ) -> Once:
        """Read what cohorts count in a partition without people who count elsewhere."""
        out = Once({numbers[c] for c in cohorts if c in numbers})
        if out.cohorts and any(self._files(BASES, cohort=c, part=part) for c in cohorts):
            out.bases = CallableAt(self._places(part, rank), rank)
            for name in sorted(cohorts & numbers.keys()):
                alone = self.cohorts[name].by_runs_alone
                for file in self._files(BASES, cohort=name, part=part):
                    for rows in self._scan(BASES, file):
                        out.bases.add(numbers[name], rows, by_runs_alone=alone)
            out.bases.finish()
        return out

    def _check_once(self, without: dict[str, set[str]]) -> None:
        """Ask whether counts without somebody are there where same_people says so."""
        wanted = {(c, part) for part, cohorts in without.items() for c in cohorts}
        there = set(self._partitions(TABLE))
        counted = set(self._partitions("frequencies"))
        for cohort, part in sorted((wanted & counted) ^ there):
            what = "no rows, but same_people says that some count elsewhere"
            if (cohort, part) in there:
                what = "rows, of which same_people says nothing"
            place = f"cohort {cohort}, part {part}"
            self.between_tables.append(Problem(TABLE, "", f"{place}: {what}"))

    def _one_copy(self, cohort: Cohort) -> OneCopy:
        if not self._aliases:
            rows = self.small("contigs", ["contig", "aliases"])
            self._aliases = {str(r["contig"]): list(r["aliases"] or []) for r in rows}
        return OneCopy(cohort.row.get("haploid"), self._aliases)

    @staticmethod
    def _are_known(cohort: Cohort, rows: Rows) -> bool:
        numbers = rows.numbers("sample")
        most = max(cohort.samples, default=-1)
        return not len(rows) or (int(numbers.min()) >= 0 and int(numbers.max()) <= most)

    # -- tables of cohorts -------------------------------------------------------------

    def _cohorts(self) -> None:
        of_records = ("rejects", "sites", "blocks", "lifted", "genotypes", "fields")
        for name in sorted(self.cohorts):
            cohort = self.cohorts[name]
            carried = self._carried.get(name)
            one_copy = self._one_copy(cohort)
            persons = PersonCounts(cohort, one_copy, with_carried=carried is not None)
            checks = RecordChecks(cohort, persons, carried)
            hooks: dict[str, Callable[[Rows], None]] = {
                "sites": checks.sites, "blocks": checks.blocks, "lifted": checks.lifted,
                "genotypes": checks.genotypes, "fields": checks.fields,
                "rejects": checks.rejects,
            }  # fmt: skip
            parts = {p[1] for p in self._partitions(*of_records) if p[0] == name}
            for part in sorted(parts):
                for table in of_records:
                    for file in self._files(table, cohort=name, part=part):
                        for rows in self._scan(table, file):
                            try:
                                hooks[table](rows)
                            except StoreError as error:
                                self.between_tables.append(
                                    Problem(table, file.log.path, first_line(error))
                                )
                self.between_tables += checks.end_of_part(part)
            self.between_tables += checks.end()
        for table in of_records:
            if table in self.tables:
                self._check_unique(table)

    # -- the rest ----------------------------------------------------------------------

    def _people(self) -> None:
        self.between_tables += check_people(self.cohorts, self.small)

    def _plain(self, name: str) -> None:
        """Read a table that nothing else has read."""
        if name in self.rows or name in _DONE or name.startswith("annotations_"):
            self._check_unique(name)
            return
        self.read_table(name)
        self._check_unique(name)

    def _finish(self) -> None:
        for name, pinned in self.tables.items():
            if (number := self._earlier.get(name)) is not None:
                self.problems.append(Problem(name, "", f"{number} {_EARLIER}", is_note=True))
            is_bad = not pinned.is_sound or any(
                p.table == name and p.file and not p.is_note for p in self.problems
            )
            if not is_bad:
                sums = self.sums.get(name, (0, 0))
                self.problems += compare_sums(pinned, self.rows.get(name, 0), sums)
        # What was compared between tables says nothing while files are damaged.
        if all(p.is_note for p in self.problems):
            self.problems += dict.fromkeys(self.between_tables)


_DONE = frozenset(
    {"variants", "frequencies", "totals", "callable", "runs", "sites", "blocks", "lifted",
     "genotypes", "fields", "rejects", "carried", "ids", "consequences"}
)  # fmt: skip
"""Tables that are read with what they are compared with."""
