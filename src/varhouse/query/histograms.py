"""Histograms of quality and age of the carriers of each allele, from the calls of a store.

Bins are gnomAD's. Nothing is kept for them: calls and fields are decoded for the records of
the question, which takes about a second for ten million calls.
"""

import json
from collections.abc import Iterator

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genotypes.codec.blocks import Block, decode
from varhouse.genotypes.fields import INT_END, INT_MISSING
from varhouse.genotypes.planerows import PlaneRows
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA

QUALITY_BINS, QUALITY_TOP = 20, 100
"""GQ and DP: bins of 5 up to 100, then one for what is larger."""

AGE_BINS, AGE_FIRST, AGE_STEP = 10, 30, 5
"""Age: one bin for the younger, ten of 5 years from 30 to 80, one for the older."""

_RECORDS = 256
"""Records whose calls are unpacked at once."""

_SIZES = {
    "gq_all": QUALITY_BINS + 1, "gq_alt": QUALITY_BINS + 1, "dp_all": QUALITY_BINS + 1,
    "dp_alt": QUALITY_BINS + 1, "ab_het": QUALITY_BINS, "age_het": AGE_BINS + 2,
    "age_hom": AGE_BINS + 2,
}  # fmt: skip
COLUMNS = tuple(_SIZES)
"""The histograms: `_all` of everybody, `_alt` of carriers, `_het` and `_hom` of those."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _quality_bin(value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the bin of a GQ or DP; -1 for none."""
    if not value >= 0.0:
        return -1
    if value > QUALITY_TOP:
        return QUALITY_BINS
    return min(int(value * QUALITY_BINS / QUALITY_TOP), QUALITY_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _age_bin(age):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    top = AGE_FIRST + AGE_BINS * AGE_STEP
    if age < AGE_FIRST:
        return 0
    if age > top:
        return AGE_BINS + 1
    return 1 + min(int((age - AGE_FIRST) / AGE_STEP), AGE_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _reads_bin(depths, allele):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the bin of an allele's share of all reads; -1 where it is not known."""
    total = 0.0
    for value in depths:
        if value == INT_END:
            break
        if value >= 0:
            total += value
    if allele >= depths.size or depths[allele] < 0 or total == 0.0:
        return -1
    return min(int(depths[allele] / total * QUALITY_BINS), QUALITY_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _add(alleles, rows, first_row, values, depths, age, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the people of a block; `rows` are its records' places among `first_row`."""
    gq, dp = values
    gq_all, gq_alt, dp_all, dp_alt, ab_het, age_het, age_hom = out
    for i in range(rows.size):
        begin, end = first_row[rows[i]], first_row[rows[i] + 1]
        for s in range(alleles.shape[1]):
            called, missing, same = 0, False, True
            for j in range(alleles.shape[2]):
                a = alleles[i, s, j]
                missing |= a == -1
                if a >= 0:
                    same &= called == 0 or a == alleles[i, s, 0]
                    called += 1
            if missing or called == 0:
                continue
            g, d = _quality_bin(gq[i, s]), _quality_bin(dp[i, s])
            for row in range(begin, end):
                allele = row - begin + 1
                if g >= 0:
                    gq_all[row, g] += 1
                if d >= 0:
                    dp_all[row, d] += 1
                copies = 0
                for j in range(alleles.shape[2]):
                    copies += alleles[i, s, j] == allele
                if copies == 0:
                    continue
                if g >= 0:
                    gq_alt[row, g] += 1
                if d >= 0:
                    dp_alt[row, d] += 1
                if not same:
                    b = _reads_bin(depths[i, s], allele)
                    if b >= 0:
                        ab_het[row, b] += 1
                if age[s] >= 0.0:
                    if same:
                        age_hom[row, _age_bin(age[s])] += 1
                    else:
                        age_het[row, _age_bin(age[s])] += 1


def histograms(
    store: Store, region: str, *, cohort: str | list[str] | None = None
) -> pl.DataFrame:
    """Count GQ, DP, allele balance and age of people by allele, in bins.

    Parameters
    ----------
    store
        An opened store.
    region
        `chr1:48,000-49,000` (1-based, closed): records that begin there.
    cohort
        One or several; None: all that may be read.

    Returns
    -------
    pl.DataFrame
        A row an allele and cohort, sorted: the key, `cohort`, and a list of Int64 for each of
        COLUMNS: of GQ and DP 20 bins from 0 to 100 and one for larger ones, of fully called
        genotypes (`_all`) and of those with the allele (`_alt`); of AD / sum of AD 20 bins
        from 0 to 1, of heterozygotes; of age one bin for less than 30, 10 to 80, one for more,
        from the sheet's column `age`. What is missing is in no bin. Of a cohort with several
        files those are added up that hold the allele.
    """
    rows = store.table("genotypes", region, cohort=cohort).sort(
        "cohort", "file", "contig", "pos", "record", "first"
    )
    genotypes = rows.collect()
    pieces = [
        _of_file(store, of_file, *key)
        for key, of_file in genotypes.group_by("cohort", "file", maintain_order=True)
    ]
    lists = dict.fromkeys(COLUMNS, pl.List(pl.Int64))
    schema = pl.Schema({**KEY_SCHEMA, "cohort": pl.String, **lists})
    if not pieces:
        return pl.DataFrame(schema=schema)
    return _added(pl.concat(pieces)).cast(schema).sort(*KEY, "cohort")


def _added(rows: pl.DataFrame) -> pl.DataFrame:
    """Add up the rows of an allele and cohort, of different files."""
    own = rows.select(*KEY, "cohort")
    index = own.unique(maintain_order=True).with_row_index("at")
    at = own.join(index, on=own.columns, maintain_order="left")["at"].to_numpy()
    out = index.drop("at")
    for name, size in _SIZES.items():
        sums = np.zeros((index.height, size), np.int64)
        np.add.at(sums, at, rows[name].to_numpy())
        out = out.with_columns(pl.Series(name, sums))
    return out


def _of_file(store: Store, genotypes: pl.DataFrame, cohort: str, file: int) -> pl.DataFrame:
    """Count for the records of one file; `genotypes` are their rows."""
    contig, records = genotypes["contig"][0], genotypes["record"].unique(maintain_order=True)
    low, high = genotypes.select(pl.col("pos").min(), pl.col("pos").max().alias("b")).row(0)
    near = pl.col("pos").is_between(low, high) & (pl.col("file") == file)
    sites = (
        store.scan("sites", cohort=cohort, contig=contig)
        .filter(near)
        .select("record", "allele_pos", "allele_ref", "allele_alt", "allele_extent")
        .collect()
    )
    sites = records.to_frame().join(sites, on="record", how="left", maintain_order="left")
    n_alt = sites["allele_pos"].list.len().fill_null(0).to_numpy().astype(np.int64)
    first_row = np.concatenate([[0], np.cumsum(n_alt)]).astype(np.int64)
    out = {n: np.zeros((int(first_row[-1]), size), np.int64) for n, size in _SIZES.items()}
    ages = _ages(store, cohort, file)
    place = {r: k for k, r in enumerate(records.to_list())}
    parts = genotypes.with_columns(
        (pl.col("record").replace_strict(place, return_dtype=pl.Int64) // _RECORDS).alias("at")
    ).partition_by("at", as_dict=True)
    has_fields = np.zeros(records.len(), np.bool_)
    calls: dict[int, npt.NDArray[np.int16]] = {}
    for block in _blocks(store, cohort, file, contig, (low, high)):
        mine = np.array([place.get(r, -1) for r in block.records.tolist()], np.int64)
        rows = np.flatnonzero(mine >= 0)
        has_fields[mine[rows]] = True
        columns = slice(block.first, block.first + block.people)
        gq, dp = _values(block, "GQ"), _values(block, "DP")
        depths = _depths(block)
        for at in sorted({int(k) // _RECORDS for k in mine[rows]}):
            if at not in calls:
                # Blocks come in the order of records: the one before is not asked for again.
                calls = {at: PlaneRows.of(parts[(at,)].drop("at")).alleles()}
            some = rows[mine[rows] // _RECORDS == at]
            _add(
                np.ascontiguousarray(calls[at][mine[some] % _RECORDS, columns]),
                mine[some],
                first_row,
                (gq[some], dp[some]),
                depths[some],
                ages[columns],
                tuple(out.values()),
            )
    # Without fields the age is known all the same.
    for k in np.flatnonzero(~has_fields & (n_alt > 0)).tolist():
        at = k // _RECORDS
        if at not in calls:
            calls = {at: PlaneRows.of(parts[(at,)].drop("at")).alleles()}
        one = calls[at][k % _RECORDS : k % _RECORDS + 1]
        none = np.full(one.shape[:2], np.nan)
        depths = np.full((*one.shape[:2], 1), INT_MISSING, np.int32)
        row = np.array([k], np.int64)
        _add(one, row, first_row, (none, none), depths, ages, tuple(out.values()))
    lists = [f"allele_{n}" for n in ("pos", "ref", "alt", "extent")]
    keys = sites.filter(pl.col("allele_pos").list.len() > 0).select(lists).explode(lists)
    return (
        keys.rename({f"allele_{n}": n for n in ("pos", "ref", "alt", "extent")})
        .with_columns(pl.lit(contig).alias("contig"), pl.lit(cohort).alias("cohort"))
        .with_columns(pl.Series(n, v) for n, v in out.items())
        # Of an allele that was rejected nothing is told.
        .filter(pl.col("pos").is_not_null())
        .select(*KEY, "cohort", *COLUMNS)
    )


def _blocks(
    store: Store, cohort: str, file: int, contig: str, span: tuple[int, int]
) -> Iterator[Block]:
    overlaps = (pl.col("pos") <= span[1]) & (pl.col("pos_end") >= span[0])
    names = pl.col("names").str.split(",").list
    has = pl.any_horizontal(names.contains(n) for n in ("GQ", "DP", "AD"))
    rows = (
        store.scan("fields", cohort=cohort, contig=contig)
        .filter(overlaps & (pl.col("file") == file) & has)
        .sort("pos", "record", "first", "names")
        .collect()
    )
    return decode(rows, ["GQ", "DP", "AD"])


def _values(block: Block, name: str) -> Floats:
    """Give the first value of each cell: float64[n, people], NaN where there is none."""
    column = block.columns.get(name)
    if column is not None and not column.field.is_number:
        codes, texts = block.texts(name)
        known = np.array([*(_number(t) for t in texts), np.nan])
        return known[np.where(codes < 0, len(texts), codes)]
    numbers, given = block.numbers(name)
    if not numbers.shape[2]:
        return np.full(given.shape, np.nan)
    out = numbers[:, :, 0].astype(np.float64)
    out[(given <= 0) | (numbers[:, :, 0] <= INT_END)] = np.nan
    for k, s, text in block.odd(name):
        out[k, s] = _number(text)
    return out


def _depths(block: Block) -> npt.NDArray[np.int32]:
    column = block.columns.get("AD")
    shape = (block.records.size, block.people)
    if column is None or not column.field.is_number:
        return np.full((*shape, 1), INT_MISSING, np.int32)
    numbers = block.numbers("AD")[0]
    for k, s, _ in block.odd("AD"):
        numbers[k, s] = INT_MISSING
    return numbers if numbers.shape[2] else np.full((*shape, 1), INT_MISSING, np.int32)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _ages(store: Store, cohort: str, file: int) -> Floats:
    """Give the age of the person of each sample column, NaN where the sheet has none."""
    own = store.scan("files", cohort=cohort).filter(pl.col("file") == file)
    ordinals = own.select("samples").collect()["samples"][0].to_numpy()
    people = store.scan("samples", cohort=cohort).select("ordinal", "attributes").collect()
    age = {
        n: _number(str(json.loads(text or "{}").get("age"))) for n, text in people.iter_rows()
    }
    return np.array([age.get(n, np.nan) for n in ordinals.tolist()], np.float64)
