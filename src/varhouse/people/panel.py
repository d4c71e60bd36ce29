"""The SNVs by which people are compared, and the calls at these as bits.

A thin set of common SNVs of the autosomes is chosen from the frequencies of a cohort, and the
calls are read at these alone. Of a person three bits a site stay: 50,000 sites of 100,000
people are 1.9 GB, which may lie in files (`read_packed`). What is read at once is bounded by
SITE_BYTES and ROWS, whatever the cohort.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import StoreError
from varhouse.genome.haploid import HaploidRegions
from varhouse.genotypes.planerows import PlaneRows
from varhouse.people.packkernel import pack_rows
from varhouse.people.settings import SiteSettings
from varhouse.query.columns import Columns, read_columns
from varhouse.query.peopleruns import RunRows
from varhouse.query.records import RECORD
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, WITHIN

Words = npt.NDArray[np.uint64]

STRETCH = 5_000_000
"""Bases of a stretch of the genome that strangers may have in common by descent."""

LEAST_STRETCHES = 6
"""Stretches with sites by which one person is told from relatives, at least: siblings have all
of one stretch in common one time in four."""
Int64 = npt.NDArray[np.int64]

NO_CHANCE = 1e-4
"""P of Hardy-Weinberg's law below which an inbreeding coefficient is not taken for chance."""

LEAST_LENGTH = 20
"""Contigs shorter than the longest one over this are no chromosomes: alternative and unplaced
ones hold copies of what is elsewhere."""

SITE_BYTES = 1 << 26
"""Bytes of the bits of some sites while they are read, and of the calls read at once."""

ROWS = 1 << 20
"""Rows of the table `genotypes` read at once, about, where each file has few people."""

_LEVELS = 16
"""Stretches of the least spacing in one of the greatest."""

_COLUMNS = ("first", "people", "ploidy", "planes", "missing", "absent")
_ALLELES = {n: f"allele_{n}" for n in WITHIN}
_BASE = "^[ACGT]$"


@dataclass(frozen=True)
class PackedCalls:
    """Diploid calls of people at sites of two alleles, as bits.

    Bit i of word w (the bit of value 2**i) is site 64 * w + i; bits past the last site are 0.

    Attributes
    ----------
    cohort
        Their cohort.
    ordinal
        int32[people]: of the table samples, ascending.
    samples
        Sample ids, likewise.
    sites
        A row a site: the columns KEY and `af` (of alt, in the cohort), in genome order.
    het, hom, called
        uint64[people, words]: heterozygous, homozygous for alt, fully called. A genotype of
        other than two copies, or with an allele besides ref and alt, is not called here.
    """

    cohort: str
    ordinal: npt.NDArray[np.int32]
    samples: list[str]
    sites: pl.DataFrame
    het: Words
    hom: Words
    called: Words


def count_stretches(sites: pl.DataFrame, bases: int = STRETCH) -> int:
    """Count the stretches of so many bases of a contig in which sites (contig, pos) lie."""
    return sites.select("contig", pl.col("pos") // bases).unique().height


def choose_sites(store: Store, cohort: str, settings: SiteSettings) -> pl.DataFrame:
    """Choose the sites to compare people of a cohort by, from its frequencies.

    Of each stretch of the genome the allele is taken that is nearest to one half, as it tells
    most; of equal ones the first. Sites in linkage may remain where stretches are short:
    kinship is right with them but less exact than their number says.

    Returns
    -------
    pl.DataFrame
        KEY and `af`: alleles of autosomes that stand alone at their site, common and well
        called, thinned; in genome order. The same store and settings give the same sites.
    """
    frames = []
    people = store.scan("samples", cohort=cohort).select(pl.len()).collect().item()
    for contig in autosomes(store):
        found = _common(store, cohort, contig, settings, people)
        if settings.spacing:
            found = _best(found, _LEVELS, settings.spacing)
        frames.append(found)
    schema = store.scan("frequencies").select(*KEY, "af").collect_schema()
    rows = pl.concat([pl.DataFrame(schema=schema), *frames])
    if settings.spacing:
        for level in (1, 2, 4, 8, _LEVELS):
            thin = _best(rows, level, settings.spacing)
            if thin.height >= settings.enough or thin.height == rows.height:
                break
        rows = thin
    if settings.most is not None and rows.height > settings.most:
        rows = rows[np.linspace(0, rows.height - 1, settings.most).round().astype(np.int64)]
    return rows


def autosomes(store: Store) -> list[str]:
    """Give the autosomes of the assembly."""
    known = store.assembly_contigs
    special = HaploidRegions(known, None)
    longest = max((c.length or 0 for c in known.contigs), default=0)
    short = {c.name for c in known.contigs if (c.length or longest) * LEAST_LENGTH < longest}
    left = special.contigs | special.on_mt | short
    return [c for c in known.names if c not in left]


def _common(
    store: Store, cohort: str, contig: str, settings: SiteSettings, people: int
) -> pl.DataFrame:
    """Give the alleles of a contig that fit, by position.

    Called must be a share of all `people`: `call_rate` of the table is one of those whose
    files hold the allele, which of files of single people may be its carriers alone.
    """
    rows = store.scan("frequencies", cohort=cohort, contig=contig).filter(
        pl.col("stratum_by") == "all"
    )
    fits = pl.col("af").is_between(settings.least_af, 1 - settings.least_af)
    called = pl.col("n_samples") - pl.col("n_missing")
    fits &= called / max(people, 1) >= settings.call_rate
    if settings.snv_only:
        fits &= pl.col("ref").str.contains(_BASE) & pl.col("alt").str.contains(_BASE)
    if settings.inbreeding is not None:
        excess = (pl.col("inbreeding") < settings.inbreeding) & (pl.col("hwe_p") < NO_CHANCE)
        fits &= ~excess.fill_null(value=False)
    found = rows.filter(fits).select(*KEY, "af").collect(engine="streaming").sort(WITHIN)
    alone = rows.select("pos").collect(engine="streaming")["pos"].sort().rle().struct.unnest()
    several = alone.filter(pl.col("len") > 1)["value"]
    return found.filter(~pl.col("pos").is_in(several.implode()))


def _best(rows: pl.DataFrame, level: int, spacing: int) -> pl.DataFrame:
    """Take the allele nearest to one half of each stretch of spacing / level bases."""
    stretch = pl.col("pos").cast(pl.Int64) * level // spacing
    far = (pl.col("af") - 0.5).abs()
    best = pl.struct(far, *WITHIN).rank("ordinal").over("contig", stretch) == 1
    return rows.filter(best)


def read_packed(
    store: Store, cohort: str, sites: pl.DataFrame, folder: Path | None = None
) -> PackedCalls:
    """Read the calls of everybody of a cohort at some sites.

    Alleles that the cohort does not hold are called nowhere, but where the runs of a gVCF say
    so; so is a person at an allele that his own file does not hold.

    Parameters
    ----------
    sites
        KEY and `af`, in genome order; no allele twice.
    folder
        Where the bits are put, in files that are mapped into memory; None: in memory.

    Raises
    ------
    StoreError
        If a record has not the rows of all its people.
    """
    columns = read_columns(store, cohort)
    n_words = -(-sites.height // 64)
    shape = (columns.size, n_words)
    planes = [_new_plane(shape, folder, name) for name in ("het", "hom", "called")]
    reader = _Reader.of(store, columns)
    step = max(SITE_BYTES // (4 * 8 * max(columns.size, 1)), 1)
    for first in range(0, n_words, step):
        part = slice(first, min(first + step, n_words))
        own = sites[64 * part.start : 64 * part.stop]
        read = reader.read(own, part.stop - part.start)
        for plane, words in zip(planes, read, strict=True):
            plane[:, part] = words.T
    return PackedCalls(cohort, columns.ordinal, list(columns.samples), sites, *planes)


def _new_plane(shape: tuple[int, int], folder: Path | None, name: str) -> Words:
    if folder is None or not shape[0] * shape[1]:
        return np.zeros(shape, np.uint64)
    # The view is a plain array: compiled code takes no other.
    return np.asarray(np.memmap(folder / f"{name}.bits", np.uint64, "w+", shape=shape))


@dataclass(frozen=True)
class _Reader:
    """Reads the calls of a cohort at sites.

    Attributes
    ----------
    place
        int32[columns of all files]: the row of each column among the people, -1 nobody's.
    base, width
        Of each file: where its columns begin in `place`, and how many they are.
    runs
        The runs of the cohort's gVCFs, if it has some.
    """

    store: Store
    columns: Columns
    place: npt.NDArray[np.int32]
    base: Int64
    width: Int64
    runs: RunRows | None

    @classmethod
    def of(cls, store: Store, columns: Columns) -> "_Reader":
        n_files = max(columns.files, default=-1) + 1
        width = np.zeros(n_files, np.int64)
        for file, ordinals in columns.files.items():
            width[file] = ordinals.size
        base = np.cumsum(width) - width
        most = max([int(o.max(initial=-1)) for o in columns.files.values()], default=-1)
        row = np.full(max(most, int(columns.ordinal.max(initial=-1))) + 1, -1, np.int32)
        row[columns.ordinal] = np.arange(columns.size, dtype=np.int32)
        own = [row[columns.files[f]] for f in sorted(columns.files)]
        place = np.concatenate([np.zeros(0, np.int32), *own])
        runs = None
        if columns.size and store.file_frame("runs", cohort=columns.cohort).height:
            chosen = np.zeros(int(columns.ordinal.max()) + 1, np.bool_)
            chosen[columns.ordinal] = True
            runs = RunRows(store, columns.cohort, chosen)
        return cls(store, columns, place, base, width, runs)

    def read(self, sites: pl.DataFrame, n_words: int) -> tuple[Words, Words, Words]:
        """Give het, hom and called (uint64[n_words, people]) of some sites."""
        out = tuple(np.zeros((n_words, self.columns.size), np.uint64) for _ in range(4))
        het, hom, called, seen = out
        rows = sites.select(*KEY).with_columns(site=pl.int_range(pl.len(), dtype=pl.Int64))
        record = int((-(-self.width * 2 // 8)).sum()) + 1
        files = max(int((self.width > 0).sum()), 1)
        step = max(min(SITE_BYTES // record, ROWS // files), 1)
        for (contig,), mine in rows.group_by("contig", maintain_order=True):
            for some in mine.iter_slices(step):
                self._read_contig(str(contig), some, out)
            if self.runs is not None:
                self._add_runs(str(contig), mine, called, seen)
        return het, hom, called

    def _read_contig(self, contig: str, sites: pl.DataFrame, out: tuple[Words, ...]) -> None:
        """Put the calls at sites of a contig (WITHIN, site) into the bits."""
        alleles = self._find_records(contig, sites)
        if not alleles.height:
            return
        pos = alleles["record_pos"].unique().sort()
        rows = self.store.scan(
            "genotypes", cohort=self.columns.cohort, contig=contig, start=pos[0], end=pos[-1]
        )
        found = (
            rows.filter(pl.col("pos").is_in(pos.implode()))
            .select(*RECORD, "pos", *_COLUMNS)
            .collect(engine="streaming")
            .join(alleles.select(RECORD).unique(), on=RECORD, how="semi")
            .sort("pos", *RECORD, "first")
        )
        if not found.height:
            return
        table = found.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        plane_rows = PlaneRows.to_count(table)
        start = plane_rows.record[:-1]
        records = (
            found[start]
            .select(RECORD)
            .with_columns(
                first_row=pl.Series(start), last_row=pl.Series(plane_rows.record[1:])
            )
        )
        self._check_whole(plane_rows, records["file"].to_numpy())
        # By site: the people of one after another are written side by side.
        matches = records.join(alleles, on=RECORD).sort("site", "first_row")
        columns = matches.select("first_row", "last_row", "alt", "site", "file").to_numpy()
        numbers = np.ascontiguousarray(columns.astype(np.int64).T)
        numbers[4] = self.base[numbers[4]]
        pack_rows(plane_rows.planes, tuple(numbers), self.place, out)

    def _check_whole(self, rows: PlaneRows, file: npt.NDArray[np.int32]) -> None:
        people = np.add.reduceat(rows.planes.people.astype(np.int64), rows.record[:-1])
        if (people != self.width[file]).any():
            raise StoreError(
                f"cohort {self.columns.cohort}: a record of the table genotypes has not the "
                "rows of all its people",
                "run `varhouse store verify`",
            )

    def _find_records(self, contig: str, sites: pl.DataFrame) -> pl.DataFrame:
        """Find who holds alleles: file, record, record_pos, alt (0-based number), site."""
        low, high = int(sites["pos"][0]), int(sites["pos"][-1])
        bases = pl.col("ref").str.contains(_BASE) & pl.col("alt").str.contains(_BASE)
        where = {"cohort": self.columns.cohort, "contig": contig}
        if sites.select(bases.all()).item():
            # A SNV stands in a record that begins there, or in one with a longer REF.
            rows = self.store.scan("sites", **where, start=low, end=high).filter(
                pl.col("pos").is_in(sites["pos"].implode())
                | (pl.col("ref").str.len_bytes() > 1)
            )
        else:
            # Others may be written anywhere to the right, as far as the bases repeat.
            rows = self.store.scan("sites", **where, start=low)
        lists = list(_ALLELES.values())
        alts = pl.int_ranges(0, pl.col(lists[0]).list.len(), dtype=pl.Int64).alias("alt_index")
        wanted = sites.rename(_ALLELES).lazy()
        return (
            rows.select(*RECORD, pl.col("pos").alias("record_pos"), *lists, alts)
            .explode(*lists, "alt_index", empty_as_null=True)
            .join(wanted, on=lists)
            .select(*RECORD, "record_pos", pl.col("alt_index").alias("alt"), "site")
            .collect(engine="streaming")
        )

    def _add_runs(self, contig: str, sites: pl.DataFrame, called: Words, seen: Words) -> None:
        """Call those who have no record of a site, but runs that say that they are called."""
        assert self.runs is not None
        pos = sites["pos"].to_numpy().astype(np.int64)
        positions, at = np.unique(pos, return_inverse=True)
        known = self.runs.called(contig, positions)[self.columns.ordinal]
        first, last = int(sites["site"][0]), int(sites["site"][-1])
        bits = np.zeros((self.columns.size, 64 * called.shape[0]), np.bool_)
        bits[:, first : last + 1] = known[:, at]
        called |= _bits(bits).T & ~seen


def pack(
    cohort: str,
    ordinal: npt.NDArray[np.int32],
    samples: list[str],
    sites: pl.DataFrame,
    dosage: npt.NDArray[np.int8],
) -> PackedCalls:
    """Pack copies of alt (int8[people, sites], -1: not called) into bits."""
    bits = (_bits(dosage == 1), _bits(dosage == 2), _bits(dosage >= 0))
    return PackedCalls(cohort, ordinal, samples, sites, *bits)


def _bits(values: npt.NDArray[np.bool_]) -> Words:
    packed = np.packbits(values, axis=1, bitorder="little")
    words = -(-values.shape[1] // 64)
    out = np.zeros((values.shape[0], 8 * words), np.uint8)
    out[:, : packed.shape[1]] = packed
    return out.view("<u8")
