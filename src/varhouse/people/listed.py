"""People whose files list only variants: of no other site do these tell.

A VCF of one person without reference genotypes has no record where he is as the reference.
Two such people are called together where both have an allele, so strangers look like close
relatives: nobody of them is homozygous for REF anywhere. Kinship, axes of ancestry and runs of
homozygosity take such a person as called nowhere. Whether two samples are one person can be
told by what both have, and a sketch as well: these see the calls (`same`, `sketch`).
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.panel import PackedCalls
from varhouse.query.columns import read_columns
from varhouse.store.reader import Store

LISTED = 0.1
"""Less than this share of reference among the calls of a file of one person: of a list of
variants."""

IS_GVCF = pl.col("has_runs") & pl.col("blocks_digest").is_not_null()
"""Which rows of the table files are gVCFs whose runs are stored: a VCF of variants may have
runs as well (decision 0039), but these are of its own records."""

_ALT = ("n_het", "n_hom_alt", "n_hemi")


def find_listed(store: Store, cohort: str) -> npt.NDArray[np.bool_]:
    """Tell whose files list only variants: bool[people], in the order of the ordinals."""
    columns = read_columns(store, cohort)
    size = max([int(columns.ordinal.max(initial=-1)), *map(_most, columns.files.values())]) + 1
    records, is_told = np.zeros(size, np.int64), np.zeros(size, np.bool_)
    files = store.scan("files", cohort=cohort).select("file", "n_records", is_gvcf=IS_GVCF)
    for file, n_records, is_gvcf in files.collect().iter_rows():
        ordinals = columns.files.get(file, np.zeros(0, np.int32))
        records[ordinals] += n_records
        if ordinals.size > 1 or is_gvcf:
            is_told[ordinals] = True
    rows = store.scan("samples", cohort=cohort).select("ordinal", "n_missing", *_ALT)
    counts = rows.collect().sort("ordinal")
    called = records[columns.ordinal] - counts["n_missing"].to_numpy()
    reference = called - counts.select(pl.sum_horizontal(*_ALT)).to_series().to_numpy()
    out: npt.NDArray[np.bool_] = reference < LISTED * called
    return out & ~is_told[columns.ordinal]


def _most(ordinals: npt.NDArray[np.int32]) -> int:
    return int(ordinals.max(initial=-1))


def without_listed(store: Store, packed: PackedCalls) -> PackedCalls:
    """Give packed calls of a whole cohort in which who has only a list is called nowhere."""
    listed = find_listed(store, packed.cohort)
    if not listed.any() or not packed.called.size:
        return packed
    keep = np.where(listed, np.uint64(0), ~np.uint64(0))[:, None]
    planes = {n: getattr(packed, n) & keep for n in ("het", "hom", "called")}
    return replace(packed, **planes)
