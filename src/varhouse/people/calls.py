"""The calls of a cohort, some rows of the table genotypes at a time, and what their ALTs are.

What each ALT of a record became says the table sites: an allele that was rejected, or is none
(`<NON_REF>`), counts nowhere. Rows of any number of files, and of any number of people, come
together; their bits are not copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.errors import StoreError
from varhouse.genome.haploid import HaploidRegions
from varhouse.genotypes.planekernel import Planes
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import NO_PLOIDY
from varhouse.people.panel import autosomes
from varhouse.query.columns import Columns, read_columns
from varhouse.query.counted import RECORD_BITS
from varhouse.query.rowgroups import MAX_POS, Place, RowGroups
from varhouse.query.select import Piece, find_pieces, scan_piece
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY

Bools = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int8]

NO_KIND, OTHER, TRANSITION, TRANSVERSION, INSERTION, DELETION = -1, 0, 1, 2, 3, 4
"""Kinds of an ALT as it is normalised; NO_KIND: it was rejected, or is no allele.

An insertion or deletion is only that: beside the base before it nothing changes. Of other
lengths and more bases, and symbols, is OTHER.
"""

AUTOSOME, PAR, X, Y, MT, ELSEWHERE = range(6)
"""Where a record lies by its POS: PAR is that of X or Y; X and Y are outside of it. ELSEWHERE
are contigs far shorter than a chromosome: unplaced, alternative, decoys."""

AT_ONCE = 8 << 20
"""Bytes of planes that are unpacked at once, about: a row group or two."""

ROWS = 32_768
"""Rows that come together, at most; a row group has fewer."""

_GENOTYPES = (
    "contig", "pos", "file", "record", "first", "people", "ploidy", "planes", "missing",
    "absent",
)  # fmt: skip
_LISTS = ("allele_pos", "allele_ref", "allele_alt", "allele_extent")
_RECORD = ("file", "record")


@dataclass(frozen=True)
class Sites:
    """Records of a stretch of a contig.

    Attributes
    ----------
    key
        int64[n]: file << RECORD_BITS | record, ascending.
    pos
        int64[n]: POS as in the file.
    first_alt
        int64[n + 1]: ALTs of record k are first_alt[k] to first_alt[k + 1].
    kind
        int8[ALTs]: NO_KIND ... DELETION.
    single
        bool[ALTs]: the cohort has one copy of the allele, in all its files.
    is_kept
        bool[n]: not all ALTs were rejected; what has none to reject (`.`) is kept.
    has_allele
        bool[n]: it has an ALT that is stored.
    is_snv
        bool[n]: its stored ALTs are all transitions or transversions.
    region
        int8[n]: AUTOSOME ... ELSEWHERE.
    """

    key: Int64
    pos: Int64
    first_alt: Int64
    kind: Kinds
    single: Bools
    is_kept: Bools
    has_allele: Bools
    is_snv: Bools
    region: Kinds


@dataclass(frozen=True)
class Rows:
    """Rows of the table genotypes.

    Attributes
    ----------
    planes
        Their bits, r rows.
    file
        int64[r].
    site
        int64[r]: the record's number in Sites.
    """

    planes: Planes
    file: Int64
    site: Int64


class CohortCalls:
    """The calls of a cohort.

    Attributes
    ----------
    columns
        Who stands where in the files.
    haploid
        Where males have one copy, by which half-missing calls are read.
    """

    def __init__(self, store: Store, cohort: str) -> None:
        self._store = store
        self.cohort = cohort
        self.columns: Columns = read_columns(store, cohort)
        text = store.scan("cohorts", cohort=cohort).select("haploid").collect()["haploid"][0]
        self.haploid = HaploidRegions.from_json(text, store.assembly_contigs)
        self._named = HaploidRegions(store.assembly_contigs, None)
        self._autosomes = frozenset(autosomes(store))
        self._opened: dict[str, RowGroups] = {}

    @cached_property
    def people(self) -> int:
        """One more than the greatest ordinal: people who left leave their numbers."""
        files = [int(c.max(initial=-1)) for c in self.columns.files.values()]
        return max([int(self.columns.ordinal.max(initial=-1)), *files]) + 1

    def pieces(self) -> Iterator[Piece]:
        """Give stretches that hold all records, some hundred thousand each, in order."""
        files = self._store.file_frame("genotypes", cohort=self.cohort)
        if not files.height:
            return
        parts = set(files["partition.part"])
        for piece in find_pieces(self._store, Selection(), "sites"):
            if self._store.assembly_contigs.part(piece.contig) in parts:
                yield piece

    def sites(self, piece: Piece) -> Sites:
        """Read the records of a piece."""
        rows = (
            scan_piece(self._store, "sites", piece, cohort=self.cohort)
            .select("contig", "pos", *_RECORD, *_LISTS)
            .collect()
        )
        key = (rows["file"].to_numpy().astype(np.int64) << RECORD_BITS) + rows["record"]
        if (np.diff(key) < 0).any():
            order = np.argsort(key)
            rows, key = rows[order], key[order]
        n_alt = rows["allele_pos"].list.len().to_numpy().astype(np.int64)
        first_alt = np.append(0, np.cumsum(n_alt))
        alleles = self._alleles(rows)
        kind = alleles["kind"].to_numpy()
        snv = (kind == TRANSITION) | (kind == TRANSVERSION)
        stored = _count(kind != NO_KIND, first_alt)
        return Sites(
            key=key,
            pos=rows["pos"].to_numpy().astype(np.int64),
            first_alt=first_alt,
            kind=kind,
            single=alleles["single"].to_numpy(),
            is_kept=(_count(alleles["rejected"].to_numpy(), first_alt) < n_alt) | (n_alt == 0),
            has_allele=stored > 0,
            is_snv=(stored > 0) & (_count(snv, first_alt) == stored),
            region=self._regions(rows),
        )

    def _alleles(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give each ALT of records its kind, whether it was rejected, and is a singleton."""
        named = [pl.col(n).alias(n.removeprefix("allele_")) for n in _LISTS]
        alleles = (
            rows.filter(pl.col("allele_pos").list.len() > 0)
            .select("contig", *named)
            .explode(*(n.removeprefix("allele_") for n in _LISTS), empty_as_null=True)
        )
        is_none = pl.col("alt").is_in([*UNSPECIFIED_ALTS, "."])
        alleles = alleles.with_columns(
            kind=pl.when(pl.col("pos").is_null() | is_none)
            .then(pl.lit(NO_KIND, pl.Int8))
            .otherwise(kind_of()),
            rejected=pl.col("pos").is_null() & ~is_none.fill_null(value=False),
        )
        low, high = alleles["pos"].min(), alleles["pos"].max()
        if low is None:
            return alleles.with_columns(single=pl.lit(value=False))
        return alleles.join(
            self._singles(str(rows["contig"][0]), int(low), int(high)),  # type: ignore[arg-type]
            on=KEY,
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("single").fill_null(value=False))

    def _singles(self, contig: str, low: int, high: int) -> pl.DataFrame:
        """Give the alleles that the cohort has one copy of, by their positions."""
        rows = self._store.scan(
            "frequencies", cohort=self.cohort, contig=contig, start=low, end=high
        )
        of_all = pl.col("stratum_by") == "all"
        return (
            rows.filter(of_all, pl.col("ac") == 1)
            .select(*KEY, single=pl.lit(value=True))
            .collect()
        )

    def _regions(self, rows: pl.DataFrame) -> Kinds:
        """Tell where records of one contig lie."""
        out = np.full(rows.height, AUTOSOME, np.int8)
        if not rows.height:
            return out
        contig = rows["contig"][0]
        if contig in self._named.on_mt:
            out[:] = MT
        elif contig in self._named.contigs:
            # Without a file of pseudo-autosomal regions all of X and Y is outside.
            known = self.haploid if contig in self.haploid.contigs else self._named
            outside = known.contains(rows["contig"], rows["pos"])
            out[:] = np.where(outside, Y if contig in self._named.on_y else X, PAR)
        elif contig not in self._autosomes:
            out[:] = ELSEWHERE
        return out

    def rows(self, piece: Piece, sites: Sites) -> Iterator[Rows]:
        """Read the genotypes of the records of a piece, in no certain order.

        Raises
        ------
        StoreError
            If a record is not in `sites`, or has other numbers of ALTs there.
        """
        part = self._store.assembly_contigs.part(piece.contig)
        if part not in self._opened:
            paths = self._store.paths("genotypes", cohort=self.cohort, part=part)
            self._opened[part] = RowGroups(paths, "pos")
        groups = self._opened[part]
        low = (piece.start or 1) if piece.after is None else piece.after + 1
        high = MAX_POS if piece.end is None else piece.end
        found = groups.find(Place(piece.contig, low, high))
        for batch in groups.batches(found, _GENOTYPES, AT_ONCE):
            for table in groups.tables(batch, _GENOTYPES):
                mine = _between(table, piece.contig, low, high)
                for first in range(0, mine.num_rows, ROWS):
                    yield self._place(mine.slice(first, ROWS), sites)

    def _place(self, table: pa.Table, sites: Sites) -> Rows:
        """Find the records of rows."""
        planes = PlaneRows.to_count(table).planes
        file = table["file"].to_numpy().astype(np.int64)
        key = (file << RECORD_BITS) + table["record"].to_numpy()
        site = np.searchsorted(sites.key, key)
        same = np.append(sites.key, -1)[site] == key
        if same.all():
            n_alt = np.diff(sites.first_alt)[site]
            same = (n_alt == np.diff(planes.plane)) | (planes.ploidy == NO_PLOIDY)
        if not same.all():
            raise StoreError(
                f"cohort {self.cohort}: the tables sites and genotypes do not hold the same "
                "records and ALTs",
                "varhouse store verify says what else is wrong",
            )
        return Rows(planes, file, site)


def kind_of() -> pl.Expr:
    """Make the kind of normalised alleles in the columns `ref` and `alt`: int8."""
    bases = ["A", "C", "G", "T"]
    r, a = pl.col("ref"), pl.col("alt")
    purine = r.is_in(["A", "G"]) == a.is_in(["A", "G"])
    longer = a.str.len_bytes() > r.str.len_bytes()
    of_bases = a.str.contains("^[ACGTN]+$")
    return (
        pl.when(r.is_in(bases) & a.is_in(bases))
        .then(pl.when(purine).then(TRANSITION).otherwise(TRANSVERSION))
        .when(of_bases & longer & (r.str.len_bytes() == 1) & a.str.starts_with(r))
        .then(INSERTION)
        .when(of_bases & ~longer & (a.str.len_bytes() == 1) & (r != a) & r.str.starts_with(a))
        .then(DELETION)
        .otherwise(OTHER)
        .cast(pl.Int8)
    )


def _count(values: Bools, first: Int64) -> Int64:
    """Count what is true of each piece first[k] to first[k + 1]."""
    sums = np.append(0, np.cumsum(values, dtype=np.int64))
    out: Int64 = sums[first[1:]] - sums[first[:-1]]
    return out


def _between(table: pa.Table, contig: str, low: int, high: int) -> pa.Table:
    """Keep the rows of a contig from one POS to another."""
    wanted = pc.and_(
        pc.equal(table["contig"], contig),
        pc.and_(pc.greater_equal(table["pos"], low), pc.less_equal(table["pos"], high)),
    )
    if pc.all(wanted).as_py():
        return table
    return table.filter(wanted).combine_chunks()
