"""`varhouse store verify --source`: the store against the files that it was made of.

Each file of a cohort that lies where it was read, with the bytes that it had, is read with
cyvcf2 and compared record by record: sites, genotypes, FORMAT values; then the counts of its
alleles are made of its genotypes and compared with the table frequencies. With a sample it
is some stretches of bases, for every file of their cohort.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varhouse.errors import StoreError
from varhouse.verify.normal import Reference, normal
from varhouse.verify.people import Cohort, OneCopy
from varhouse.verify.problems import Problem
from varhouse.verify.sourcecounts import CohortCounts, Columns, Graded, Key
from varhouse.verify.sourcefile import Seen, SourceFile
from varhouse.verify.sourcerecord import (
    compare_calls,
    compare_field,
    compare_site,
    source_calls,
)
from varhouse.verify.storedrecords import (
    BLOCKS,
    REJECTS,
    SITES,
    Row,
    StoredFields,
    StoredRows,
    Where,
    decode_calls,
)
from varhouse.verify.whole import Verification

STRETCH = 10_000
"""Bases of a stretch of a sample."""

_MOST_TOLD = 20
"""Differences that are told of a file; all are counted."""

_LIMITS = {"gq": 20.0, "dp": 10.0, "dp_haploid": 5.0, "ab": 0.2}


@dataclass
class Compared:
    """What was compared: files, records, calls; and what was found."""

    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    records: int = 0
    calls: int = 0
    alleles: int = 0
    seed: int | None = None


class SourceComparison:
    """Compares a release with the sources of its cohorts.

    Parameters
    ----------
    work
        The release, with its tables opened and its people read.
    """

    def __init__(self, work: Verification) -> None:
        self._work = work
        self._rows = StoredRows(work.tables)
        self._contigs = list(work.small("contigs", ["contig", "part", "ordinal", "aliases"]))
        self._part = {r["contig"]: r["part"] for r in self._contigs}
        self._name = {
            n: r["contig"] for r in self._contigs for n in (*(r["aliases"] or ()), r["contig"])
        }
        self._aliases = {r["contig"]: list(r["aliases"] or ()) for r in self._contigs}
        self._config = self._read_config()
        self._reference = Reference.of_config(self._config, self._aliases)
        self._unread: set[str] = set()
        self.told = Compared()

    def _read_config(self) -> dict[str, Any]:
        rows = [*self._work.small("ingests", ["ingest_id", "config"])]
        config = json.loads(rows[-1]["config"] or "{}") if rows else {}
        return config if isinstance(config, dict) else {}

    def run(self, *, sample: int | None = None, seed: int | None = None) -> Compared:
        """Compare everything, or so many stretches that are drawn at random."""
        places = None
        if sample is not None:
            self.told.seed = (
                seed if seed is not None else random.SystemRandom().randrange(10**9)
            )
            places = self._draw(sample, random.Random(self.told.seed))
        for name in sorted(self._work.cohorts):
            cohort = self._work.cohorts[name]
            mine = None if places is None else [p for p in places if p.cohort == name]
            if mine == [] or not cohort.files:
                continue
            self._compare_cohort(cohort, mine)
        return self.told

    def _draw(self, number: int, rng: random.Random) -> list[Where]:
        """Draw stretches that begin at records, all alike."""
        files = [
            f
            for t in (SITES, BLOCKS)
            if t in self._work.tables
            for f in self._work.tables[t].files
            if f.entry["rows"]
        ]
        if not files:
            return []
        drawn = rng.choices(files, [f.entry["rows"] for f in files], k=number)
        out = []
        for file in drawn:
            at = rng.randrange(file.entry["rows"])
            with pq.ParquetFile(file.path) as source:
                group = 0
                while at >= source.metadata.row_group(group).num_rows:
                    at -= source.metadata.row_group(group).num_rows
                    group += 1
                row = source.read_row_group(group, columns=["contig", "pos"]).slice(at, 1)
            contig, low = row["contig"][0].as_py(), row["pos"][0].as_py()
            partition = file.log.partition
            where = Where(partition["cohort"], partition["part"], -1, contig, low)
            where.high = low + STRETCH - 1
            out.append(where)
        return out

    # -- a cohort ----------------------------------------------------------------------

    def _note(self, table: str, file: str, what: str) -> None:
        self.told.problems.append(Problem(table, file, what, is_note=True))

    def _compare_cohort(self, cohort: Cohort, places: list[Where] | None) -> None:
        if any(f.log.partition["cohort"] == cohort.name for f in self._files("lifted")):
            self._note(
                "files", cohort.name, "lifted from another assembly: no source compared"
            )
            return
        kits = any(f.log.partition["cohort"] == cohort.name for f in self._files("kits"))
        kinds = cohort.strata
        if kinds is None or not cohort.has_columns(kinds):
            kinds = []
        sources = []
        for number, row in sorted(cohort.files.items()):
            source = SourceFile.find(row, self._key(), is_sample=places is not None)
            if isinstance(source, str):
                self._note("files", f"{cohort.name} {row['name']}", source)
                continue
            source.number = number
            sources.append(source)
        if kits:
            self._note("frequencies", cohort.name, "has capture kits: no source counted")
        counts = CohortCounts(OneCopy(cohort.row.get("haploid"), self._aliases))
        columns: dict[int, Columns] = {}
        for source in sources:
            ordinals = np.array(cohort.files[source.number]["samples"] or [], np.int64)
            stored = [str(cohort.samples[o]["sample"]) for o in ordinals.tolist()]
            if stored != source.names:
                what = f"cohort {cohort.name}: {source.path.name} is of other people"
                self.told.problems.append(Problem("samples", "", what))
                continue
            columns[source.number] = Columns(cohort, ordinals, kinds)
            self.told.files += 1
            self._compare_file(cohort, source, columns[source.number], counts, places)
        # Without all files counts are of other people than the store's.
        is_whole = len(columns) == len(cohort.files) and cohort.name not in self._unread
        if columns and not kits and is_whole:
            self._compare_counts(cohort, counts, next(iter(columns.values())).names)

    def _files(self, table: str) -> list[Any]:
        return self._work.tables[table].files if table in self._work.tables else []

    def _key(self) -> bytes | None:
        file = self._work.ledger.path / "_store" / "ledger" / "key"
        return file.read_bytes() if file.exists() else None

    def _places_of(self, cohort: Cohort, number: int) -> Iterator[Where]:
        """Give the contigs on which a file has records."""
        parts = {
            f.log.partition["part"]
            for t in (SITES, BLOCKS, REJECTS)
            for f in self._files(t)
            if f.log.partition["cohort"] == cohort.name
        }
        for row in sorted(self._contigs, key=lambda r: r["ordinal"]):
            if row["part"] in parts:
                yield Where(cohort.name, row["part"], number, row["contig"])

    def _compare_file(
        self,
        cohort: Cohort,
        source: SourceFile,
        columns: Columns,
        counts: CohortCounts,
        places: list[Where] | None,
    ) -> None:
        told: list[str] = []
        number = 0
        if places is None:
            wanted = list(self._places_of(cohort, source.number))
        else:
            wanted = [
                Where(p.cohort, p.part, source.number, p.contig, p.low, p.high) for p in places
            ]
        try:
            for where in wanted:
                for what in self._compare_place(source, where, columns, counts):
                    number += 1
                    if number <= _MOST_TOLD:
                        told.append(what)
        except OSError as error:
            self._note("files", f"{cohort.name} {source.path.name}", str(error))
            self._unread.add(cohort.name)
        except (ValueError, StoreError) as error:
            number += 1
            told.append(f"cannot be compared: {error}".partition("\n")[0])
        problems = [
            Problem(SITES, f"cohort {cohort.name}, {source.path.name}", what) for what in told
        ]
        if number > _MOST_TOLD:
            more = f"{number - _MOST_TOLD:,} differences more"
            problems.append(Problem(SITES, f"cohort {cohort.name}, {source.path.name}", more))
        self.told.problems += problems

    def _compare_place(
        self, source: SourceFile, where: Where, columns: Columns, counts: CohortCounts
    ) -> Iterator[str]:
        names = [n for n, c in self._name.items() if c == where.contig]
        chroms = source.chroms(names)
        if not chroms and next(self._rows.records(where, ""), None) is not None:
            yield f"{where.contig}: the store has records, and the source has none"
        for chrom in chroms:
            yield from self._compare_records(source, where, chrom, columns, counts)

    def _compare_records(
        self,
        source: SourceFile,
        where: Where,
        chrom: str,
        columns: Columns,
        counts: CohortCounts,
    ) -> Iterator[str]:
        """Go along source and store side by side."""
        stored = self._rows.records(where, chrom)
        calls = self._rows.rows("genotypes", where)
        fields = StoredFields(self._rows.batches("fields", where))
        held: list[Row] = []
        ahead = next(calls, None)
        for seen in source.records(chrom, where.low, where.high):
            found = next(stored, None)
            if found is None:
                yield f"{chrom}:{seen.variant.POS}: in the source, and not in the store"
                return
            record, table, row = found
            self.told.records += 1
            if table == REJECTS:
                if row["pos"] not in (None, seen.variant.POS):
                    yield f"record {record}: rejected at {row['pos']}, not {seen.variant.POS}"
                continue
            at = f"{chrom}:{row['pos']}, record {record}: "
            wrong = [*compare_site(seen, row, with_info=not seen.is_cut)]
            if any(w.startswith(("POS", "REF", "ALT")) for w in wrong):
                yield at + wrong[0]
                return
            held = []
            while ahead is not None and ahead["record"] <= record:
                if ahead["record"] == record:
                    held.append(ahead)
                ahead = next(calls, None)
            own = source_calls(seen)
            if table == SITES:
                wrong += compare_calls(own, decode_calls(held), source.names)
                if own is not None:
                    self.told.calls += len(source.names)
                    keys = self._keys(row)
                    wrong += self._compare_alleles(row, keys)
                    counts.add(keys, own, columns, self._graded(seen))
            elif own is not None:
                wrong += _compare_texts(own, row)
            wrong += self._compare_fields(seen, row, fields.of(record), source.names)
            for what in wrong:
                yield at + what
        if next(stored, None) is not None:
            yield f"{chrom}: the store has more records than the source"

    def _compare_fields(
        self, seen: Seen, row: Row, values: dict[str, Any], names: list[str]
    ) -> Iterator[str]:
        kept = self._config.get("genotype_fields")
        own, told = set(seen.FORMAT or ()), set((row["format"] or "").split(":")) - {""}
        if own and told and not seen.is_cut and own != told:
            yield (
                f"FORMAT has {':'.join(sorted(told - own))} where the source has "
                f"{':'.join(sorted(own - told))}"
            )
        for key in dict.fromkeys((row["format"] or "").split(":")):
            if key in ("GT", "") or (isinstance(kept, list) and key not in kept):
                continue
            if not values and kept is not None:
                continue
            if seen.is_cut:
                # Fields of each ALT or genotype were cut with the ALT.
                continue
            yield from compare_field(seen, key, values.get(key), names)

    def _graded(self, seen: Seen) -> Graded:
        policy = self._config.get("policy") or {}
        limits = {**_LIMITS, **(policy.get("adj") or {})}
        has = seen.FORMAT or ()
        gq, dp, ad = (seen.format(k) if k in has else None for k in ("GQ", "DP", "AD"))
        return Graded(gq, dp, ad, limits)

    @staticmethod
    def _keys(row: Row) -> list[Key | None]:
        parts = [row[f"allele_{n}"] for n in ("pos", "ref", "alt", "extent")]
        return [
            None if pos is None else (row["contig"], pos, ref, alt, extent)
            for pos, ref, alt, extent in zip(*parts, strict=True)
        ]

    def _compare_alleles(self, row: Row, keys: list[Key | None]) -> Iterator[str]:
        """Normalise alleles that are written out once more, if the reference is there."""
        if self._reference is None or row["alt"] == ".":
            return
        for alt, key in zip(row["alt"].split(","), keys, strict=True):
            ref = row["ref"].upper()
            if key is None or not set(alt.upper()) | set(ref) <= set("ACGTN"):
                continue
            bases = self._reference.of(row["contig"])
            if bases is None:
                return
            wanted = normal(bases, row["pos"], ref, alt.upper())
            if wanted != key[1:4]:
                yield f"ALT {alt} is {key[1:4]} in the store, normalised it is {wanted}"

    # -- counts ------------------------------------------------------------------------

    def _compare_counts(
        self, cohort: Cohort, counts: CohortCounts, names: list[tuple[str, str]]
    ) -> None:
        self.told.alleles += len(counts.counts)
        runs = any(bool(r["has_runs"]) for r in cohort.files.values())
        groups = len({tuple(sorted(r["samples"] or ())) for r in cohort.files.values()})
        rows = self._frequencies(cohort, {(k[0], k[1]) for k in counts.counts})
        number = 0
        for what in counts.compare(rows, names, groups, runs=runs):
            number += 1
            if number <= _MOST_TOLD:
                where = f"cohort {cohort.name}"
                self.told.problems.append(Problem("frequencies", where, what))
        if number > _MOST_TOLD:
            more = f"{number - _MOST_TOLD:,} differences more"
            self.told.problems.append(Problem("frequencies", f"cohort {cohort.name}", more))

    def _frequencies(self, cohort: Cohort, places: set[tuple[str, int]]) -> Any:
        """Give rows of the cohort at some places."""
        if not places:
            return
        low, high = min(p for _, p in places), max(p for _, p in places)
        parts = {self._part.get(c) for c, _ in places}
        for file in self._files("frequencies"):
            if (
                file.log.partition["cohort"] != cohort.name
                or file.log.partition["part"] not in parts
            ):
                continue
            with pq.ParquetFile(file.path) as source:
                for batch in source.iter_batches(1 << 14):
                    keep = pc.and_(
                        pc.greater_equal(batch.column("pos"), low),
                        pc.less_equal(batch.column("pos"), high),
                    )
                    yield from batch.filter(keep).to_pylist()


def _compare_texts(calls: Any, row: Row) -> Iterator[str]:
    """Compare the GT of a reference block, which is stored as text."""
    texts = (row["gt"] or "").split("\t")
    if len(texts) != len(calls.alleles):
        yield f"{len(texts)} people in the store, {len(calls.alleles)} in the source"
        return
    for who, text in enumerate(texts):
        found = [int(a) for a in calls.alleles[who].tolist() if a > -2]
        cells = text.replace("|", "/").strip("/").split("/")
        if [-1 if c == "." else int(c) for c in cells] != found:
            yield f"GT {text} in the store, {found} in the source"
            return


def compare_sources(
    path: Path,
    release: int | str | None = None,
    *,
    sample: int | None = None,
    seed: int | None = None,
) -> Compared:
    """Compare a release of a store with the files that it was made of.

    Parameters
    ----------
    sample
        So many stretches of `STRETCH` bases that are drawn at random; None: everything.
    seed
        Of the drawing; None: another one each time.

    Raises
    ------
    StoreError
        The store cannot be read.
    """
    work = Verification(Path(path), release).opened()
    try:
        return SourceComparison(work).run(sample=sample, seed=seed)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path}: not compared with its sources: {error!r}") from error
