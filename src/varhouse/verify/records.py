"""The tables of records of a cohort against each other, part by part.

`sites`, `genotypes` and `fields` are about the same records of the same files. What is kept of
a part is a number of 64 bits for each row of genotypes.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from varhouse.verify.blockdigest import block_digests, weigh
from varhouse.verify.filescan import Rows
from varhouse.verify.people import Cohort
from varhouse.verify.persons import OF_PERSON, OF_PLANES, PersonCounts
from varhouse.verify.planes import PEOPLE, n_alts, plane_faults
from varhouse.verify.problems import Problem
from varhouse.verify.rowhash import ends_of, numbers_of

_MOST = 1 << 34
"""A record's place is file x 2**34 + ordinal: no VCF has as many lines."""

_BLOCKS = 1 << 9
"""Rows of a record's people: more than 4 million people are in no file."""

Places = npt.NDArray[np.int64]


class RecordChecks:
    """Checks of one cohort; `end_of_part` after each part, `end` after all.

    Parameters
    ----------
    cohort
        Its files and people.
    persons
        What its genotypes say of each of them.
    carried
        What the table carried says (`persons.weigh_rows`); None: nothing was read of it.
    """

    def __init__(
        self, cohort: Cohort, persons: PersonCounts, carried: npt.NDArray[np.uint64] | None
    ) -> None:
        self._cohort, self._persons, self._carried = cohort, persons, carried
        self._rejects = 0
        self._blocks: dict[int, int] = {}
        self._found: list[Problem] = []
        self._clear()

    def _clear(self) -> None:
        self._sites: list[tuple[Places, npt.NDArray[np.uint64]]] = []
        self._rows: list[tuple[Places, npt.NDArray[np.uint64]]] = []
        self._first: list[Places] = []
        self._digest: list[npt.NDArray[np.int64]] = []
        self._people: list[npt.NDArray[np.int64]] = []
        self._fields: list[tuple[Places, Places, npt.NDArray[np.int64]]] = []
        self._lifted: list[Places] = []
        self._pos: list[tuple[Places, npt.NDArray[np.int64]]] = []
        self._at: tuple[Places, npt.NDArray[np.int64]] | None = None

    def _place(self, rows: Rows) -> Places:
        place = (rows.numbers("file").astype(np.int64) * _MOST) + rows.numbers("record")
        return np.asarray(place)

    def sites(self, rows: Rows) -> None:
        """Take rows of the table sites."""
        place = self._place(rows)
        self._within(place, "sites")
        self._sites.append((place, rows.key(("contig", "pos", "ref", "alt"))))
        wanted = n_alts(rows.batch.column("alt"))
        for name in ("allele_pos", "allele_ref", "allele_alt", "allele_extent"):
            sizes = np.asarray(rows.batch.column(name).value_lengths())
            off = np.flatnonzero(sizes != wanted)
            if off.size:
                self._say("sites", f"{name} has not a value for each ALT", place[off])
        self._persons.sites(place, wanted, rows)
        self._pos.append((place, rows.numbers("pos").astype(np.int64)))

    def blocks(self, rows: Rows) -> None:
        """Take rows of the table blocks."""
        place = self._place(rows)
        self._within(place, "blocks")
        self._pos.append((place, rows.numbers("pos").astype(np.int64)))

    def lifted(self, rows: Rows) -> None:
        """Take rows of the table lifted."""
        self._lifted.append(self._place(rows))

    def rejects(self, rows: Rows) -> None:
        """Take rows of the table rejects."""
        self._rejects += len(rows)
        self._persons.rejects(self._place(rows), rows)

    def genotypes(self, rows: Rows) -> None:
        """Take rows of the table genotypes."""
        place = self._place(rows)
        faults = list(plane_faults(rows))
        self._found += [Problem("genotypes", "", what) for what in faults]
        if faults:
            self._persons.is_whole = False
        else:
            self._persons.genotypes(place, rows.numbers("file").astype(np.int64), rows)
        self._rows.append((place, rows.key(("contig", "pos", "ref", "alt"))))
        self._first.append(rows.numbers("first").astype(np.int64))
        self._digest.append(rows.numbers("fields_digest").astype(np.int64))
        self._people.append(rows.numbers("people").astype(np.int64))

    def fields(self, rows: Rows) -> None:
        """Take rows of the table fields."""
        files = rows.numbers("file").astype(np.int64)
        self._compare_reach(files, rows)
        for row, record, digest in block_digests(rows):
            first = int(rows.numbers("first")[row]) // PEOPLE * PEOPLE
            place = files[row] * _MOST + record
            self._fields.append((place, np.full(record.size, first, np.int64), digest))

    def _compare_reach(self, files: Places, rows: Rows) -> None:
        """Compare by what blocks of fields are found with the records in them."""
        if self._pos and self._at is None:
            place, pos = (np.concatenate(c) for c in zip(*self._pos, strict=True))
            order = np.argsort(place, kind="stable")
            self._at = place[order], pos[order]
        lists = rows.batch.column("records")
        ends = ends_of(lists)
        size = np.diff(ends)
        if self._at is None or not size.all() or not size.size:
            return
        record = numbers_of(lists.values)[ends[0] : ends[-1]]
        wanted = np.repeat(files, size) * _MOST + record
        known, pos = self._at
        at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
        begin = ends[:-1] - ends[0]
        # Records that are in neither table are found by their digests.
        is_known = np.logical_and.reduceat(known[at] == wanted, begin)
        found = {
            "pos": np.minimum.reduceat(pos[at], begin),
            "pos_end": np.maximum.reduceat(pos[at], begin),
            "record": record[begin],
        }
        for name, values in found.items():
            off = is_known & (rows.numbers(name) != values)
            if off.any():
                self._say("fields", f"{name} is not that of its records", wanted[begin[off]])

    def _within(self, place: Places, table: str) -> None:
        for file in np.unique(place // _MOST).tolist():
            known = self._cohort.files.get(file)
            record = place[place // _MOST == file] % _MOST
            if known is None:
                self._say(table, "file of which files says nothing", place)
            elif not self._lifted_cohort and int(record.max()) >= int(known["n_records"]):
                self._say(table, "records beyond those of the file", place)

    @property
    def _lifted_cohort(self) -> bool:
        return bool(self._cohort.row.get("is_lifted"))

    def _say(self, table: str, what: str, place: Places) -> None:
        first = int(place[0])
        where = f"file {first // _MOST}, record {first % _MOST}"
        told = f"cohort {self._cohort.name}: {what}, the first of {place.size}: {where}"
        problem = Problem(table, "", told)
        if not any(p.table == table and what in p.what for p in self._found):
            self._found.append(problem)

    # -- parts -------------------------------------------------------------------------

    def end_of_part(self, part: str) -> Iterator[Problem]:
        """Compare what was taken of a part."""
        sites, keys = _joined(self._sites)
        rows, row_keys = _joined(self._rows)
        first = np.concatenate([np.zeros(0, np.int64), *self._first])
        self._compare_rows(sites, keys, rows, row_keys, first)
        lifted = np.concatenate([np.zeros(0, np.int64), *self._lifted])
        lost = np.setdiff1d(lifted, sites)
        if lost.size:
            self._say("lifted", "records that are not in sites", lost)
        yield from self._compare_fields(part, rows, first)
        self._persons.end_of_part()
        self._clear()

    def _compare_rows(
        self,
        sites: Places,
        keys: npt.NDArray[np.uint64],
        rows: Places,
        row_keys: npt.NDArray[np.uint64],
        first: Places,
    ) -> None:
        """Check that each record has rows of genotypes for all columns of its file."""
        if not sites.size and not rows.size:
            return
        people = {f: int(r["n_samples"]) for f, r in self._cohort.files.items()}
        number = _look_up(people, sites // _MOST)
        blocks = -(-number // PEOPLE)
        distinct, counts = np.unique(rows, return_counts=True)
        at = np.searchsorted(distinct, sites)
        at = np.minimum(at, max(distinct.size - 1, 0))
        has = (distinct[at] == sites) if distinct.size else np.zeros(sites.size, np.bool_)
        held = (
            np.where(has, counts[at], 0) if distinct.size else np.zeros(sites.size, np.int64)
        )
        if (held != blocks).any():
            self._say(
                "genotypes", "records without the rows of their people", sites[held != blocks]
            )
        order = np.argsort(sites, kind="stable")
        where = np.searchsorted(sites[order], rows)
        where = np.minimum(where, max(sites.size - 1, 0))
        found = sites[order][where] == rows if sites.size else np.zeros(rows.size, np.bool_)
        if not found.all():
            self._say("genotypes", "rows of records that are not in sites", rows[~found])
            return
        other = keys[order][where] != row_keys
        if other.any():
            self._say("genotypes", "another CHROM, POS, REF or ALT than in sites", rows[other])
        width = np.concatenate([np.zeros(0, np.int64), *self._people])
        total = _look_up(people, rows // _MOST)
        off = width != np.minimum(total - first, PEOPLE)
        if off.any():
            self._say("genotypes", "other people than the file has", rows[off])

    def _compare_fields(self, part: str, rows: Places, first: Places) -> Iterator[Problem]:
        digest = np.concatenate([np.zeros(0, np.int64), *self._digest])
        place = np.concatenate([np.zeros(0, np.int64), *(f[0] for f in self._fields)])
        begin = np.concatenate([np.zeros(0, np.int64), *(f[1] for f in self._fields)])
        value = np.concatenate([np.zeros(0, np.int64), *(f[2] for f in self._fields)])
        if not rows.size and not place.size:
            return
        # One number for both, so that sums of parts of a row come together.
        known, found = (p * _BLOCKS + f // PEOPLE for p, f in ((rows, first), (place, begin)))
        order = np.argsort(known, kind="stable")
        known, digest = known[order], digest[order]
        sums = np.zeros(known.size, np.int64)
        at = np.minimum(np.searchsorted(known, found), max(known.size - 1, 0))
        mine = known[at] == found if known.size else np.zeros(found.size, np.bool_)
        np.add.at(sums, at[mine], value[mine])
        for file in np.unique(place[~mine] // _MOST).tolist():
            own = ~mine & (place // _MOST == file)
            total = weigh(place[own] % _MOST, value[own])
            self._blocks[file] = (self._blocks.get(file, 0) + total) & ((1 << 64) - 1)
        wrong = sums != digest
        if wrong.any():
            at_place, start = divmod(int(known[wrong][0]), _BLOCKS)
            yield Problem(
                "fields",
                "",
                f"cohort {self._cohort.name}, part {part}: of {int(wrong.sum())} rows of "
                "genotypes the other FORMAT fields are not those that were committed, the "
                f"first: file {at_place // _MOST}, record {at_place % _MOST}, sample columns "
                f"from {start * PEOPLE} on",
            )

    # -- the cohort --------------------------------------------------------------------

    def end(self) -> Iterator[Problem]:
        """Compare what rows of all parts say of the cohort and its files."""
        yield from self._found
        cohort = self._cohort
        for file in sorted(cohort.files.keys() | self._blocks.keys()):
            said = cohort.files.get(file, {}).get("blocks_digest") or 0
            if said & ((1 << 64) - 1) != self._blocks.get(file, 0):
                yield Problem(
                    "fields",
                    "",
                    f"cohort {cohort.name}, file {file}: the FORMAT fields of its reference "
                    "blocks, or of records that are none of it, are not those that were "
                    "committed",
                )
        for ordinal, row in sorted(cohort.samples.items()):
            if row["file"] not in cohort.files:
                what = (
                    f"cohort {cohort.name}: sample {ordinal} is of file {row['file']}, of none"
                )
                yield Problem("samples", "", what)
        for file, row in sorted(cohort.files.items()):
            columns = row["samples"] or []
            if len(columns) != row["n_samples"]:
                what = f"cohort {cohort.name}: file {file} has {len(columns)} of its samples"
                yield Problem("files", "", what)
            lacking = [s for s in columns if s not in cohort.samples]
            if lacking:
                what = f"cohort {cohort.name}: file {file} has sample {lacking[0]}, of nobody"
                yield Problem("files", "", what)
        if cohort.row and cohort.samples:
            yield from self._compare_numbers()
        if self._persons.is_whole:
            yield from self._compare_people()

    def _compare_people(self) -> Iterator[Problem]:
        """Compare counts of samples, and the rows of carried, with genotypes."""
        cohort, wrong = self._cohort, []
        self._persons.end()
        for ordinal, row in sorted(cohort.samples.items()):
            found = self._persons.counts[ordinal].tolist()
            wrong += [
                f"{name} of sample {ordinal} is {row[name]}, by its genotypes {n}"
                for name, n in zip(OF_PERSON, found, strict=True)
                if row[name] != n
            ][:1]
        if wrong:
            what = (
                f"cohort {cohort.name}: counts of {len(wrong)} people, the first: {wrong[0]}"
            )
            yield Problem("samples", "", what)
        if self._carried is None:
            return
        off = self._carried[:, : len(OF_PLANES)] != self._persons.held
        if off.any():
            ordinal, column = np.argwhere(off)[0].tolist()
            what = (
                f"cohort {cohort.name}: rows of {int(off.any(axis=1).sum())} people are not "
                f"what their genotypes say, the first: {OF_PLANES[column]} of sample {ordinal}"
            )
            yield Problem("carried", "", what)

    def _compare_numbers(self) -> Iterator[Problem]:
        cohort = self._cohort
        found = {
            "n_samples": len(cohort.samples),
            "n_records": sum(int(r["n_records"]) for r in cohort.files.values()),
            "n_rejects": self._rejects,
            "n_alleles": cohort.n_alleles,
        }
        for name, number in found.items():
            if number is not None and cohort.row.get(name) != number:
                what = f"cohort {cohort.name}: {name} is {cohort.row.get(name)}, not {number}"
                yield Problem("cohorts", "", what)


def _look_up(known: dict[int, int], numbers: Places) -> Places:
    """Give what is known of each number; 0 of others."""
    distinct, at = np.unique(numbers, return_inverse=True)
    return np.array([known.get(n, 0) for n in distinct.tolist()], np.int64)[at]


def _joined(
    pairs: list[tuple[Places, npt.NDArray[np.uint64]]],
) -> tuple[Places, npt.NDArray[np.uint64]]:
    return (
        np.concatenate([np.zeros(0, np.int64), *(p for p, _ in pairs)]),
        np.concatenate([np.zeros(0, np.uint64), *(k for _, k in pairs)]),
    )
