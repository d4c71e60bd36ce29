"""The SNVs by which people are compared, and the calls at these as bits.

A thin set of common SNVs of the autosomes is chosen from the frequencies of a cohort, and the
calls are read at these alone. Of a person three bits a site stay.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genome.haploid import HaploidRegions
from varhouse.people.settings import SiteSettings
from varhouse.query.columns import read_columns
from varhouse.query.matrix import dosage_matrix
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, WITHIN

Words = npt.NDArray[np.uint64]


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
        uint64[people, words]: heterozygous, homozygous for alt, fully called.
    """

    cohort: str
    ordinal: npt.NDArray[np.int32]
    samples: list[str]
    sites: pl.DataFrame
    het: Words
    hom: Words
    called: Words


def choose_sites(store: Store, cohort: str, settings: SiteSettings) -> pl.DataFrame:
    """Choose the sites to compare people of a cohort by, from its frequencies.

    Returns
    -------
    pl.DataFrame
        KEY and `af`: alleles of autosomes that stand alone at their site, common and well
        called, thinned; in genome order. The same store and settings give the same sites.
    """
    known = store.assembly_contigs
    special = HaploidRegions(known, None)
    autosomes = [c for c in known.names if c not in special.contigs | special.on_mt]
    common = pl.col("af").is_between(settings.least_af, 1 - settings.least_af)
    is_snv = pl.col("ref").str.len_bytes().eq(1) & pl.col("alt").str.contains("^[ACGT]$")
    rows = (
        store.scan("frequencies", cohort=cohort)
        .filter(pl.col("stratum_by") == "all", pl.col("contig").is_in(autosomes))
        .filter(pl.len().over("contig", "pos") == 1)
        .filter(common, pl.col("call_rate") >= settings.call_rate)
        .filter(is_snv if settings.snv_only else pl.lit(value=True))
        .select(*KEY, "af")
        .collect(engine="streaming")
    )
    rank = {c: i for i, c in enumerate(known.names)}
    order = pl.col("contig").replace_strict(rank, return_dtype=pl.Int64)
    rows = rows.sort(order, *WITHIN)
    if settings.spacing > 1:
        # The first of each stretch of `spacing` bases: at least half of it lies between most.
        stretch = pl.col("pos") // settings.spacing
        rows = rows.unique(["contig", stretch], keep="first", maintain_order=True)
    if settings.most is not None and rows.height > settings.most:
        rows = rows[np.linspace(0, rows.height - 1, settings.most).round().astype(np.int64)]
    return rows


def read_packed(store: Store, cohort: str, sites: pl.DataFrame) -> PackedCalls:
    """Read the calls of everybody of a cohort at some sites (columns KEY, `af`).

    Alleles that the cohort does not hold are called nowhere, but where a gVCF says so.
    """
    columns = read_columns(store, cohort)
    found = dosage_matrix(store, columns, Selection(keys=sites.select(KEY)))
    place = sites.select(KEY).join(
        found.alleles.with_row_index("at"), on=KEY, how="left", maintain_order="left"
    )["at"]
    dosage = np.full((columns.size, sites.height), -1, np.int8)
    held = place.is_not_null().to_numpy()
    dosage[:, held] = found.dosage[:, place.drop_nulls().to_numpy()]
    return pack(cohort, columns.ordinal, list(columns.samples), sites, dosage)


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
