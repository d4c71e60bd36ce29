"""Depth, quality and contamination of samples, from the FORMAT fields that a store keeps.

Blocks of the table `fields` are decoded once, a window of positions after another, and meet
the genotypes of the same records. What is counted are genotypes of records with an ALT. A
reference block of a gVCF is one line of any length, and counts nowhere here: its bases are
those of `varhouse query --callable`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.errors import UsageError
from varhouse.genotypes.codec.blocks import Block, decode
from varhouse.genotypes.codec.column import Column
from varhouse.genotypes.planerows import PlaneRows
from varhouse.people.depthkernel import Limits, Reads, Sums, add_block, first_values
from varhouse.people.panel import autosomes
from varhouse.query.columns import Columns, read_columns
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, WITHIN, PolarsType

LEAST_AF, MOST_AF = 0.05, 0.95
"""Between these (neither counts) the frequency of REF must lie at a site of CHARR."""

LEAST_DP, MOST_DP, LEAST_GQ = 10, 100, 20
"""DP (both count) and GQ of a genotype of CHARR."""

LEAST_PEOPLE = 20
"""People of a cohort whose own frequencies say what strangers would bring: of fewer, each
is mostly that of the person in question (hail asks for 10,000 people, or a source)."""

SCHEMA: dict[str, PolarsType] = {
    "ordinal": pl.Int32, "dp_mean": pl.Float64, "gq_mean": pl.Float64,
    "contamination": pl.Float64, "n_contamination": pl.Int64,
}  # fmt: skip
"""Columns of `read_depths`."""

_LIMITS = Limits(LEAST_DP, MOST_DP, LEAST_GQ)

_CELLS = 8_000_000
"""Cells (records x people) of a window, about: some hundred megabytes as they are stored."""

_NAMES = ("DP", "GQ", "AD")
_UNSPECIFIED = "|".join(map(re.escape, UNSPECIFIED_ALTS))
_ONE_ALT = rf"^(?:(?:{_UNSPECIFIED}),)*[^,]+(?:,(?:{_UNSPECIFIED}))*$"
"""Pattern of ALT with one allele beside those that are none."""
_PLANES = ("record", "first", "people", "ploidy", "planes", "missing", "absent")
_SITES: dict[str, PolarsType] = {
    "file": pl.Int32, "record": pl.Int64, "alt_index": pl.Int32, "ref_af": pl.Float64,
}  # fmt: skip
_ALLELES = {f"allele_{n}": n for n in WITHIN}


class _Window(NamedTuple):
    """Blocks of fields that begin at first..last (1-based), and the last base of them."""

    first: int
    last: int
    end: int


def read_depths(
    store: Store, cohort: str, reference_af: pl.DataFrame | pl.LazyFrame | None = None
) -> pl.DataFrame:
    """Give mean depth and quality, and contamination (CHARR), of everybody of a cohort.

    All of it is of autosomes, as other figures of samples are (`qc`): X and the mitochondrion
    have other depths. Means are over the fully called genotypes that have a DP (GQ); `bcftools
    stats` (PSC, average depth) takes in the DP of genotypes that are not called, and of all
    contigs.

    CHARR (Lu et al., AJHG 2023, 110:2068; hail `compute_charr`) is the mean of
    `AD_ref / (AD_ref + AD_alt) / f_ref` over homozygous non-reference diploid genotypes of
    SNVs of two alleles, with LEAST_DP <= DP <= MOST_DP, GQ >= LEAST_GQ and
    LEAST_AF < f_ref < MOST_AF: reads of the reference where the person has none, over the
    share of strangers' reads that would be such. Where FORMAT has no DP, it is the sum of AD.

    Parameters
    ----------
    reference_af
        KEY and `af` (of alt): frequencies to go by, as those of gnomAD. By default the
        cohort's own, if it has LEAST_PEOPLE people.

    Returns
    -------
    pl.DataFrame
        Columns of SCHEMA, a row a sample, by ordinal. Null: no such value is stored.
    """
    columns = read_columns(store, cohort)
    total = Sums.of(columns.size)
    for contig in autosomes(store):
        windows = list(_windows(store, cohort, contig))
        common = _frequencies(store, columns, contig, reference_af) if windows else None
        for window in windows:
            total.add(_of_window(store, columns, contig, window, common))
    return _frame(columns, total)


def source_frequencies(store: Store, field: str) -> pl.LazyFrame:
    """Give the frequencies of a source of a store, for `read_depths`.

    Parameters
    ----------
    field
        `SOURCE.FIELD`, as `gnomad.AF`.

    Raises
    ------
    UsageError
        If it is not written so, or the source has no such field of numbers.
    StoreError
        If the store has no such source.
    """
    source, _, name = field.partition(".")
    rows = store.scan(f"annotations_{source}")
    numbers = [n for n, t in rows.collect_schema().items() if t.is_float()]
    if name not in numbers:
        known = f"; of {source} there are {', '.join(numbers)}" if numbers else ""
        raise UsageError(f"{field!r} is no SOURCE.FIELD with frequencies{known}")
    return rows.select(*KEY, pl.col(name).alias("af"))


def _frame(columns: Columns, sums: Sums) -> pl.DataFrame:
    def mean(total: npt.NDArray[np.float64], n: npt.NDArray[np.int64]) -> pl.Series:
        return pl.Series(total / np.maximum(n, 1)).set(pl.Series(n == 0), None)

    return pl.DataFrame(
        {
            "ordinal": columns.ordinal,
            "dp_mean": mean(sums.dp, sums.n_dp),
            "gq_mean": mean(sums.gq, sums.n_gq),
            "contamination": mean(sums.charr, sums.n_charr),
            "n_contamination": sums.n_charr,
        },
        schema=SCHEMA,
    )


def _is_needed() -> pl.Expr:
    """Tell which rows of the table `fields` hold a field that is asked for."""
    names = pl.col("names").str.split(",").list
    return pl.any_horizontal(names.contains(n) for n in _NAMES)


def _windows(store: Store, cohort: str, contig: str) -> Iterator[_Window]:
    """Cut a contig into windows of about _CELLS cells; each block begins in one of them."""
    cells = pl.col("people").cast(pl.Int64) * pl.col("records").list.len()
    rows = (
        store.scan("fields", cohort=cohort, contig=contig)
        .filter(_is_needed())
        .select("pos", "pos_end", cells.alias("cells"))
        .group_by("pos")
        .agg(pl.col("pos_end").max(), pl.col("cells").sum())
        .sort("pos")
        .with_columns(window=(pl.col("cells").cum_sum() - pl.col("cells")) // _CELLS)
        .group_by("window", maintain_order=True)
        .agg(first=pl.col("pos").min(), last=pl.col("pos").max(), end=pl.col("pos_end").max())
        .collect()
    )
    for first, last, end in rows.select("first", "last", "end").iter_rows():
        yield _Window(first, last, end)


def _frequencies(
    store: Store,
    columns: Columns,
    contig: str,
    reference_af: pl.DataFrame | pl.LazyFrame | None,
) -> pl.DataFrame | None:
    """Give WITHIN and `ref_af` of the SNVs of a contig that are common; None: not known."""
    if reference_af is not None:
        rows = reference_af.lazy().filter(pl.col("contig") == contig)
    elif columns.size < LEAST_PEOPLE:
        return None
    else:
        rows = store.scan("frequencies", cohort=columns.cohort, contig=contig).filter(
            pl.col("stratum_by") == "all"
        )
    ref_af = 1 - pl.col("af").cast(pl.Float64)
    is_snv = pl.col("ref").str.len_bytes().eq(1) & pl.col("alt").str.contains("^[ACGT]$")
    found = rows.filter(is_snv).select(*WITHIN, ref_af=ref_af).drop_nulls().collect()
    # A source may have several records of an allele.
    one = found.unique(WITHIN, keep="first", maintain_order=True)
    common = one.filter(pl.col("ref_af").is_between(LEAST_AF, MOST_AF, closed="none"))
    return common if common.height else None


def _of_window(
    store: Store, columns: Columns, contig: str, window: _Window, common: pl.DataFrame | None
) -> Sums:
    """Add up the blocks that begin in a window."""
    sums = Sums.of(columns.size)
    where = {"cohort": columns.cohort, "contig": contig, "start": window.first}
    fields = (
        store.scan("fields", **where, end=window.last)
        .filter(_is_needed(), pl.col("pos").is_between(window.first, window.last))
        .collect()
        .sort("file", "record", "first", "names")
    )
    planes = (
        store.scan("genotypes", **where, end=window.end)
        .select("file", *_PLANES)
        .collect()
        .sort("file", "record", "first")
    )
    if fields.is_empty() or planes.is_empty():
        return sums
    sites = _charr_sites(store, columns.cohort, contig, window, common)
    rows = PlaneRows.to_count(planes.drop("file").rechunk().to_arrow())
    records = planes.select("file", "record")[rows.record[:-1]]
    known, chosen = _ByFile.of(records), _ByFile.of(sites)
    alts, ref_afs = sites["alt_index"].to_numpy(), sites["ref_af"].to_numpy()
    # A row is a group of fields of a block.
    blocks = fields.select("file", "record", "first").unique(maintain_order=True)["file"]
    places = {file: _places(columns, file) for file in blocks.unique().to_list()}
    for file, block in zip(blocks.to_list(), decode(fields, _NAMES), strict=True):
        at = known.find(file, block.records)
        if not (at >= 0).any():
            continue
        site = chosen.find(file, block.records)
        alt = np.zeros(site.size, np.int32)
        ref_af = np.zeros(site.size, np.float64)
        alt[site >= 0] = alts[site[site >= 0]]
        ref_af[site >= 0] = ref_afs[site[site >= 0]]
        values = _values(block, "DP"), _values(block, "GQ"), _reads(block)
        spots = rows.planes, rows.record, at, block.first, places[file]
        add_block(*spots, *values, (alt, ref_af), _LIMITS, sums)
    return sums


class _ByFile(NamedTuple):
    """Records of files, by file and then ascending.

    `begin` tells where those of a file begin and end; `record` int64[n].
    """

    begin: dict[int, tuple[int, int]]
    record: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Self:
        """Take sorted rows: file, record."""
        runs = rows["file"].rle().struct.unnest()
        ends = np.cumsum(runs["len"].to_numpy(), dtype=np.int64).tolist()
        spans = zip([0, *ends[:-1]], ends, strict=True) if ends else ()
        begin = dict(zip(runs["value"].to_list(), spans, strict=True))
        return cls(begin, rows["record"].to_numpy())

    def find(self, file: int, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give where each record of a file stands, -1 where it does not."""
        begin, end = self.begin.get(file, (0, 0))
        known = self.record[begin:end]
        if not known.size:
            return np.full(wanted.size, -1, np.int64)
        at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
        return np.where(known[at] == wanted, at + begin, -1)


def _places(columns: Columns, file: int) -> npt.NDArray[np.int32]:
    """Give whose sums each sample column of a file adds to; -1: nobody's."""
    place = np.full(columns.files[file].size, -1, np.int32)
    own, spot = columns.of_file(file)
    place[own] = spot
    return place


def _charr_sites(
    store: Store, cohort: str, contig: str, window: _Window, common: pl.DataFrame | None
) -> pl.DataFrame:
    """Find records of two alleles whose ALT is one of the common SNVs.

    Columns file, record, alt_index (1-based, among all of ALT) and ref_af. `<NON_REF>` and
    its like are no allele.
    """
    if common is None:
        return pl.DataFrame(schema=_SITES)
    where = {"cohort": cohort, "contig": contig, "start": window.first, "end": window.end}
    lists = list(_ALLELES)
    written = pl.col("alt").str.split(",").list.get(pl.col("alt_index") - 1, null_on_oob=True)
    alleles = (
        store.scan("sites", **where)
        .filter(pl.col("alt").str.contains(_ONE_ALT))
        .select("file", "record", "alt", *lists)
        .with_columns(alt_index=pl.int_ranges(1, pl.col(lists[0]).list.len() + 1))
        .explode(*lists, "alt_index", empty_as_null=True)
        .filter(~written.is_in(UNSPECIFIED_ALTS))
        .drop("alt")
        .rename(_ALLELES)
    )
    return (
        alleles.join(common.lazy(), on=WITHIN, how="inner")
        .select("file", "record", pl.col("alt_index").cast(pl.Int32), "ref_af")
        .collect()
        .sort("file", "record")
    )


def _values(block: Block, name: str) -> npt.NDArray[np.float64]:
    """Give the one number of each cell: float64[n, people], NaN where there is none."""
    column = block.columns.get(name)
    if column is None:
        return np.full((block.records.size, block.people), np.nan)
    out = np.empty(block.records.size * block.people, np.float64)
    first_values(column.cells.values, column.cells.cut, out)
    if column.dictionary is not None:
        data, cut = column.dictionary
        raw = data.tobytes()
        texts = [raw[a:b] for a, b in zip(cut[:-1].tolist(), cut[1:].tolist(), strict=True)]
        number = np.array([*(_number(text) for text in texts), np.nan])
        out = number[np.where(np.isnan(out), len(texts), out).astype(np.int64)]
    elif column.scale.digits:
        out /= 10.0**column.scale.digits
    data, cut = column.odd.texts
    for k, cell in enumerate(column.odd.cells.tolist()):
        out[cell] = _number(data[cut[k] : cut[k + 1]].tobytes())
    return out.reshape(block.records.size, block.people)


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _reads(block: Block) -> Reads:
    """Give AD of the cells; as text, against the VCF's own definition, it is none."""
    column: Column | None = block.columns.get("AD")
    if column is None or not column.field.is_number:
        none = np.zeros(0, np.int32)
        cells = block.records.size * block.people
        return Reads(none, np.zeros(cells + 1, np.int32), np.zeros(0, np.int64), _has(block))
    return Reads(column.cells.values, column.cells.cut, column.odd.cells, _has(block))


def _has(block: Block) -> npt.NDArray[np.bool_]:
    """Tell which records' FORMAT names DP: bool[n]."""
    column = block.columns.get("DP")
    return np.zeros(block.records.size, np.bool_) if column is None else column.cells.has
