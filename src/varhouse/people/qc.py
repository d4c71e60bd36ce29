"""Figures of each sample of a cohort: its tables sample_qc and sample_contigs.

Figures of a sample are of the autosomes alone, as gnomAD's are (gnomad_qc v4
`hard_filters.py`: `keep_autosomes`): on X a man has no heterozygotes, and on Y a woman has no
calls. Those of each contig, X and Y too, stand in sample_contigs.

Called at which sites? In a file of several people, or one that has reference genotypes, at its
records, as `plink2 --missing` counts. In a gVCF at the sites of all records of the cohort that
have an allele, by its runs: its own records say nothing of what it lacks. A file of one person
that lists only variants tells of no other site, so it has no call rate.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.people.calls import AUTOSOME, Bools, CohortCalls, Int64, Sites, X, Y
from varhouse.people.counts import COUNTS, Int32, count_rows
from varhouse.people.depths import read_depths, source_frequencies
from varhouse.people.flags import flag
from varhouse.people.listed import LISTED, without_listed
from varhouse.people.panel import PackedCalls, choose_sites, read_packed
from varhouse.people.roh import find_roh
from varhouse.people.runcalls import RunCalls
from varhouse.people.settings import PeopleSettings
from varhouse.people.sexcall import call_sex
from varhouse.query.people import sheet_rows
from varhouse.query.select import Piece
from varhouse.store.reader import Store
from varhouse.tables.peopletables import SAMPLE_CONTIGS, SAMPLE_QC

OF_CONTIG = COUNTS[:5]
"""Counts of a contig."""

_MISSING = COUNTS.index("n_missing")


@dataclass(frozen=True)
class Qc:
    """The tables of a cohort, without the column `cohort`.

    Attributes
    ----------
    samples
        Rows of sample_qc.
    contigs
        Rows of sample_contigs: of contigs with genotypes of the sample.
    """

    samples: pl.DataFrame
    contigs: pl.DataFrame


@dataclass(frozen=True)
class CohortCounts:
    """What people of a cohort have, by ordinal.

    Attributes
    ----------
    autosomes
        int64[people, COUNTS]: all records of autosomes.
    x, y
        int64[people, COUNTS]: SNVs of X and Y outside of the pseudo-autosomal regions.
    contigs
        int64[people, OF_CONTIG]: all records of each contig that has some.
    by_runs
        int32[k]: who has a gVCF.
    """

    autosomes: Int64
    x: Int64
    y: Int64
    contigs: dict[str, Int64]
    by_runs: Int32


def sample_qc(
    store: Store,
    cohort: str,
    settings: PeopleSettings | None = None,
    packed: PackedCalls | None = None,
) -> Qc:
    """Make the figures of each sample of a cohort, and flag samples.

    Parameters
    ----------
    packed
        Calls of the cohort at common SNVs, by which runs of homozygosity are found; read where
        they are not given.
    """
    settings = settings or PeopleSettings()
    calls = CohortCalls(store, cohort)
    counts = count_cohort(store, calls)
    sheet = _sheet(store, cohort)
    rows = _figures(calls, counts, sheet)
    rows = call_sex(rows, settings.limits)
    if packed is None:
        packed = read_packed(store, cohort, choose_sites(store, cohort, settings.sites))
    source = settings.frequencies
    known = source_frequencies(store, source) if source is not None else None
    for frame in (read_depths(store, cohort, known), find_roh(without_listed(store, packed))):
        rows = rows.join(frame, on="ordinal", how="left", maintain_order="left")
    rows = flag(_with_schema(rows), sheet, settings.limits)
    return Qc(rows, _contigs(calls, counts, sheet["ordinal"]))


def count_cohort(store: Store, calls: CohortCalls) -> CohortCounts:
    """Count what each person of a cohort has, in one pass over its genotypes."""
    male = np.zeros(calls.people, np.bool_)
    sexes = store.scan("samples", cohort=calls.cohort).select("ordinal", "sex").collect()
    male[sexes["ordinal"].to_numpy()] = (sexes["sex"] == "male").to_numpy()
    runs = RunCalls(store, calls)
    zeros = np.zeros((3, calls.people, len(COUNTS)), np.int64)
    out = CohortCounts(zeros[0], zeros[1], zeros[2], {}, runs.ordinal)
    for piece in calls.pieces():
        sites = calls.sites(piece)
        if sites.is_kept.any():
            _count_piece(calls, piece, sites, male, runs, out)
    return out


def _count_piece(
    calls: CohortCalls,
    piece: Piece,
    sites: Sites,
    male: Bools,
    runs: RunCalls,
    out: CohortCounts,
) -> None:
    """Add what people have in a piece of a contig."""
    every = np.zeros_like(out.autosomes)
    wanted = [(sites.is_kept, every)]
    for region, counts in ((X, out.x), (Y, out.y)):
        which = sites.is_snv & (sites.region == region)
        if which.any():
            wanted.append((which, counts))
    before = [counts[runs.ordinal, : _MISSING + 1] for _, counts in wanted]
    haploid = calls.haploid.contains(
        pl.repeat(piece.contig, sites.pos.size, eager=True), pl.Series(sites.pos)
    )
    for rows in calls.rows(piece, sites):
        for which, counts in wanted:
            count_rows(rows, sites, which, haploid, calls.columns.files, male, counts)
    by_runs = runs.count(piece.contig, sites, [which for which, _ in wanted])
    for (_, counts), held, (n, called) in zip(wanted, before, by_runs, strict=True):
        # Runs say of a gVCF who is called, in place of its own records.
        own = np.stack([np.full(runs.ordinal.size, n), n - called[runs.ordinal]], 1)
        counts[runs.ordinal, : _MISSING + 1] = held + own
    if sites.region[0] == AUTOSOME:
        out.autosomes[:] += every
    mine = every[:, : len(OF_CONTIG)]
    out.contigs[piece.contig] = mine + out.contigs.get(piece.contig, 0)


def _sheet(store: Store, cohort: str) -> pl.DataFrame:
    """Give what the sheet says of people: ordinal, sample, sex, population, assay."""
    ordinal = store.scan("samples", cohort=cohort).select("ordinal").collect()["ordinal"]
    rows = sheet_rows(store, cohort).with_columns(ordinal=ordinal.sort())
    if "assay" not in rows.columns:
        known = store.scan("cohorts", cohort=cohort).select("assay").collect()["assay"]
        rows = rows.with_columns(assay=pl.lit(known[0] if known.len() else None, pl.String))
    return rows.select("ordinal", "sample", "sex", "population", "assay")


def _ratio(above: str, below: str) -> pl.Expr:
    return pl.when(pl.col(below) > 0).then(pl.col(above) / pl.col(below))


def _figures(calls: CohortCalls, counts: CohortCounts, sheet: pl.DataFrame) -> pl.DataFrame:
    """Make the columns that follow from counts, and `is_full` (see `call_sex`)."""
    at = sheet["ordinal"].to_numpy()
    own = pl.DataFrame(counts.autosomes[at], schema=list(COUNTS))
    on_x, on_y = (
        pl.DataFrame(c[at], schema=[f"{letter}_{n}" for n in COUNTS])
        for letter, c in (("x", counts.x), ("y", counts.y))
    )
    rows = pl.concat([sheet.select("ordinal", "sample"), own, on_x, on_y], how="horizontal")
    called = pl.col("n_genotypes") - pl.col("n_missing")
    is_full = pl.Series(_is_full(calls, counts)[at])
    return rows.with_columns(
        n_called=called,
        n_x_het=pl.col("x_n_het"),
        n_x_nonref=pl.col("x_n_het") + pl.col("x_n_hom_alt") + pl.col("x_n_hemi"),
        n_x_called=pl.col("x_n_genotypes") - pl.col("x_n_missing"),
        n_y_called=pl.col("y_n_genotypes") - pl.col("y_n_missing"),
        n_y=pl.col("y_n_genotypes"),
        is_full=is_full,
        call_rate=pl.when(is_full & (pl.col("n_genotypes") > 0)).then(
            called / pl.col("n_genotypes")
        ),
        het_hom=_ratio("n_het", "n_hom_alt"),
        ti_tv=_ratio("n_ti", "n_tv"),
        singleton_ti_tv=_ratio("n_singleton_ti", "n_singleton_tv"),
        ins_del=_ratio("n_insertion", "n_deletion"),
    )


def _is_full(calls: CohortCalls, counts: CohortCounts) -> Bools:
    """Tell of whom the files say where they have no variant: bool[people]."""
    genotypes, missing, *with_alt = sum(
        counts.contigs.values(), np.zeros((calls.people, len(OF_CONTIG)), np.int64)
    ).T
    called = genotypes - missing
    out: Bools = called - sum(with_alt) >= LISTED * called
    for ordinals in calls.columns.files.values():
        if ordinals.size > 1:
            out[ordinals] = True
    out[counts.by_runs] = True
    return out


def _with_schema(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the columns of sample_qc but `cohort`, those that nothing is known of as nulls."""
    columns = [
        (pl.col(c.name) if c.name in rows.columns else pl.lit(None))
        .cast(c.dtype)
        .alias(c.name)
        for c in SAMPLE_QC.columns
        if c.name != "cohort"
    ]
    return rows.select(columns).sort("ordinal")


def _contigs(calls: CohortCalls, counts: CohortCounts, ordinal: pl.Series) -> pl.DataFrame:
    """Make the rows of sample_contigs."""
    at = ordinal.to_numpy()
    schema = {c.name: c.dtype for c in SAMPLE_CONTIGS.columns if c.name != "cohort"}
    frames = [
        pl.DataFrame(own[at], schema=list(OF_CONTIG))
        .with_columns(
            ordinal=ordinal.cast(pl.Int32),
            contig=pl.lit(contig),
            n_called=pl.col("n_genotypes") - pl.col("n_missing"),
        )
        .select(*schema)
        for contig, own in counts.contigs.items()
    ]
    every = pl.concat([pl.DataFrame(schema=schema), *frames])
    return every.filter(pl.col("n_genotypes") > 0).sort("ordinal", "contig")
