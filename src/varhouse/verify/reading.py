"""A release that is read a second time: its tables opened, its files passed over once.

`whole.Verification` says what its tables have to agree in.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import AccessError, StoreError
from varhouse.verify.filescan import FileScan, Rows
from varhouse.verify.ledger import Ledger
from varhouse.verify.people import Cohort
from varhouse.verify.persons import OF_PERSON
from varhouse.verify.pinned import PinnedFile, PinnedTable, read_tables
from varhouse.verify.problems import Problem
from varhouse.verify.rowhash import Labels, Sums, Words, add_sums


class Reading:
    """A release that is read: what is known of it, and what is wrong with single files.

    Parameters
    ----------
    path
        The store.
    release
        Number or tag; None: the newest.
    """

    def __init__(self, path: Path, release: int | str | None) -> None:
        self.ledger = Ledger(path, release)
        self.problems: list[Problem] = []
        self.rows: dict[str, int] = {}
        self.sums: dict[str, Sums] = {}
        self._earlier: dict[str, int] = {}
        self.between_tables: list[Problem] = []
        self.tables: dict[str, PinnedTable] = {}
        self.cohorts: dict[str, Cohort] = {}
        self._labels: dict[str, Labels] = {}
        self._hashes: dict[tuple[str, tuple[str, ...]], list[Words]] = {}
        self._carried: dict[str, Words] = {}
        self._aliases: dict[str, list[str]] = {}

    def _sizes(self) -> Iterator[Problem]:
        for name, pinned in self.tables.items():
            rows = 0
            for file in pinned.files:
                size = file.path.stat().st_size
                rows += file.entry["rows"]
                for what in _size_faults(file, size):
                    yield Problem(name, file.log.path, what)
            if pinned.is_sound and rows != pinned.pin["rows"]:
                what = f"{rows:,} rows, the release says {pinned.pin['rows']:,}"
                yield Problem(name, "", what)

    def opened(self) -> Self:
        """Open the tables and read the people, and nothing else; gives itself.

        Raises
        ------
        StoreError
            A table cannot be opened.
        """
        self.tables = read_tables(self.ledger, self.problems)
        wrong = [p for p in self.problems if not p.is_note]
        if wrong:
            raise StoreError(str(wrong[0]), how_to_read(self.ledger.path))
        self.read_people()
        return self

    def small(self, name: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Read some columns of a small table whole."""
        for file in self.tables[name].files if name in self.tables else ():
            with pq.ParquetFile(file.path) as source:
                known = [c for c in columns if c in source.schema_arrow.names]
                for row in source.read(columns=known).to_pylist():
                    yield {**row, **file.log.partition}

    def read_people(self) -> None:
        """Read what the tables of cohorts, samples and files say of people."""
        told = {}
        for row in self.small("accounts", ["ingest_id", "account"]):
            import json  # noqa: PLC0415

            account = json.loads(row["account"] or "{}")
            if isinstance(account, dict) and "strata" in account:
                told[row["ingest_id"]] = list(account["strata"])
        names = ["n_samples", "n_records", "n_alleles", "n_rejects", "haploid", "ingest_id",
                 "fingerprint"]  # fmt: skip
        for row in self.small("cohorts", names):
            cohort = Cohort(row["cohort"], row)
            cohort.strata = told.get(row["ingest_id"])
            self.cohorts[row["cohort"]] = cohort
        people = ["ordinal", "sample", "file", "sex", "population", "attributes", *OF_PERSON]
        for row in self.small("samples", people):
            self._cohort(row["cohort"]).samples[row["ordinal"]] = row
        of_file = ["file", "name", "samples", "n_samples", "n_records", "has_runs",
                   "blocks_digest", "path", "sha256", "bytes", "without",
                   "mtime_ns"]  # fmt: skip
        for row in self.small("files", of_file):
            self._cohort(row["cohort"]).files[row["file"]] = row

    def _cohort(self, name: str) -> Cohort:
        return self.cohorts.setdefault(name, Cohort(name, {}))

    def _scan(self, name: str, file: PinnedFile) -> Iterator[Rows]:
        """Read a file; what is wrong with it is noted as soon as it was read."""
        table = self.tables[name].table
        partition = file.log.partition
        scan = FileScan(file.path, table, partition, self._label(name, partition))
        key = table.unique
        # What the order of rows shows in one file is asked of hashes where there are more.
        in_order = set(table.sort) == set(key) - ({"cohort", "part"} & set(table.partition))
        beside = [f for f in self.tables[name].files if f.log.partition == partition]
        is_hashed = bool(key) and (not in_order or len(beside) > 1)
        place = (name, file.partition_of(table))
        try:
            for rows in scan.batches():
                if is_hashed:
                    self._hashes.setdefault(place, []).append(rows.key(key))
                yield rows
            scan.compare(file.log.size, file.log.stats, file.entry)
        except AccessError:
            raise
        except (StoreError, OSError, UnicodeDecodeError, pa.ArrowException) as error:
            self.problems.append(Problem(name, file.log.path, first_line(error)))
            return
        self._close(name, file, scan)

    def _close(self, name: str, file: PinnedFile, scan: FileScan) -> None:
        path = file.log.path
        self.problems += [Problem(name, path, w) for w in sorted(set(scan.wrong))]
        sums = scan.sums
        if sums != file.sums:
            if name.startswith("annotations_") and scan.sums_before == file.sums:
                self._earlier[name] = self._earlier.get(name, 0) + 1
                sums = file.sums
            else:
                self.problems.append(Problem(name, path, "content is not what was committed"))
        self.rows[name] = self.rows.get(name, 0) + scan.rows
        self.sums[name] = add_sums(self.sums.get(name, (0, 0)), sums)
        if scan.twice:
            self._note_twice(name, len(scan.twice), min(scan.twice))

    def _note_twice(self, name: str, number: int, first: str) -> None:
        what = f"{number} keys stand twice, the first: {first}"
        problem = Problem(name, "", what)
        if problem not in self.between_tables:
            self.between_tables.append(problem)

    def _label(self, name: str, partition: dict[str, str]) -> Labels | None:
        table = self.tables[name].table
        if not table.content or not any(c.label for c in table.columns):
            return None
        cohort = partition["cohort"]
        if cohort not in self._labels:
            self._labels[cohort] = self._cohort(cohort).labels()
        return self._labels[cohort]

    def _files(self, name: str, **partition: str) -> list[PinnedFile]:
        """List the files of a table in a partition, in the order of their first rows."""
        if name not in self.tables:
            return []
        found = [
            f
            for f in self.tables[name].files
            if all(f.log.partition.get(k) == v for k, v in partition.items())
        ]
        return sorted(found, key=lambda f: f.log.path)

    def _partitions(self, *names: str) -> list[tuple[str, ...]]:
        tables = (self.tables[n] for n in names if n in self.tables)
        return sorted({f.partition_of(t.table) for t in tables for f in t.files})

    def _check_unique(self, name: str) -> None:
        """Look for keys that stand in several files, or in rows that lie apart."""
        for place in [p for p in self._hashes if p[0] == name]:
            hashes = np.concatenate(self._hashes.pop(place))
            hashes.sort()
            double = hashes[1:][hashes[1:] == hashes[:-1]]
            if not double.size:
                continue
            wanted = np.unique(double)
            table = self.tables[name].table
            found: list[tuple[Any, ...]] = []
            for file in self.tables[name].files:
                if file.partition_of(table) != place[1]:
                    continue
                for rows in FileScan(file.path, table, file.log.partition, None).batches():
                    hit = np.flatnonzero(np.isin(rows.key(table.unique), wanted))
                    found += [
                        tuple(
                            file.log.partition[n]
                            if n in file.log.partition
                            else rows.batch.column(n)[int(k)].as_py()
                            for n in table.unique
                        )
                        for k in hit[:1000]
                    ]
            first = min(found, key=lambda t: tuple((v is not None, v) for v in t))
            self.between_tables = [
                p
                for p in self.between_tables
                if not (p.table == name and "stand twice" in p.what)
            ]
            self._note_twice(name, wanted.size, ", ".join(str(v) for v in first))

    def _rank(self) -> dict[str, int]:
        names = sorted(str(r["contig"]) for r in self.small("contigs", ["contig"]))
        return {c: n for n, c in enumerate(names, 1)}

    def _kinds(self, cohort: str) -> list[str]:
        """Name the strata of a cohort: as its ingest says, or as its rows have them."""
        told = self.cohorts[cohort].strata
        if told is not None and self.cohorts[cohort].has_columns(told):
            return told
        kinds: dict[str, None] = {}
        for table in ("callable", "frequencies"):
            for file in self._files(table, cohort=cohort):
                with pq.ParquetFile(file.path) as source:
                    for batch in source.iter_batches(columns=["stratum_by"]):
                        kinds |= dict.fromkeys(batch.column(0).unique().to_pylist())
        return list(kinds)

    def _again(self, files: list[PinnedFile]) -> Iterator[Rows]:
        for file in files:
            name = file.path.relative_to(self.ledger.path).parts[1]
            table = self.tables[name].table
            yield from FileScan(file.path, table, file.log.partition, None).batches()

    def _places(self, part: str, rank: dict[str, int]) -> Any:
        """Give the places of all alleles of a partition: two columns, read beforehand."""
        found = [np.zeros(0, np.int64)]
        for file in self._files("variants", part=part):
            with pq.ParquetFile(file.path) as source:
                for batch in source.iter_batches(columns=["contig", "pos"]):
                    ranks = [rank.get(c, 0) << 32 for c in batch.column(0).to_pylist()]
                    found.append(np.array(ranks, np.int64) + np.asarray(batch.column(1)))
        return np.unique(np.concatenate(found))

    def read_table(self, name: str) -> None:
        """Read all files of a table, for what is asked of each alone."""
        for file in self.tables[name].files:
            for _ in self._scan(name, file):
                pass


def _size_faults(file: PinnedFile, size: int) -> Iterator[str]:
    if size != file.entry["bytes"]:
        yield f"{size:,} bytes, {file.entry['bytes']:,} recorded"
    if file.log.size != file.entry["bytes"]:
        yield f"the Delta log says {file.log.size:,} bytes, {file.entry['bytes']:,} recorded"
    if file.log.stats != file.entry.get("stats"):
        yield "the Delta log and the catalogue have other bounds of it"
    with file.path.open("rb") as data:
        head = data.read(4)
        data.seek(max(size - 4, 0))
        if head != b"PAR1" or data.read(4) != b"PAR1":
            yield "not a parquet file"


def first_line(error: Exception) -> str:
    """Give the first line of what an error says."""
    return str(error).partition("\n")[0]


def how_to_read(path: Path) -> str:
    """Give the command that says what is wrong with a store."""
    return f"varhouse store verify {shlex.quote(str(path))}"
