"""Pairs as rows of the table `consequences`.

Strings come from small dictionaries (transcripts, a few hundred distinct masks) by one
gather each; nothing is formatted per row in Python.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import polars as pl

from varhouse.consequence.lof import add_lof
from varhouse.consequence.pairs import Pairs
from varhouse.consequence.picks import pick_rows
from varhouse.consequence.terms import impact_of, terms_of
from varhouse.tables.schema import CONSEQUENCES, SPELT
from varhouse.transcripts.genemodel import GeneModel, Int64
from varhouse.transcripts.modeldigest import contig_digests

OUTPUT = {n: t for n, t in CONSEQUENCES.polars_schema.items() if n != "part"}
"""Column name to type of what the room gives: the table without its partition."""

_HGVS = ("hgvsc", "hgvsp", "hgvs_offset")
_TAGS = (
    "canonical", "mane_select", "mane_plus_clinical", "mane_id", "gencode_basic", "tsl",
    "appris", "flags",
)  # fmt: skip
_MOST_RANKS = 1_000
"""Exons of a transcript up to which all texts `rank/number` are kept in one table."""


def sorted_pairs(model: GeneModel, parts: list[Pairs], row: Int64) -> pl.DataFrame:
    """Join the pairs of the two paths, sorted by allele and transcript id.

    Parameters
    ----------
    row
        int64: row of the caller's frame of each packed allele.

    Returns
    -------
    pl.DataFrame
        What `Pairs.frame` gives, and `row`.
    """
    whole = Pairs.joined(parts)
    of_pair = row[whole.allele]
    order = np.argsort(of_pair * model.n_transcripts + model.name_rank[whole.tx])
    return whole.take(order).frame().with_columns(row=pl.Series(of_pair[order]))


Describe = Callable[[pl.DataFrame, Int64, Int64], tuple[pl.Series, pl.Series, pl.Series]]
"""Gives hgvsc, hgvsp and hgvs_offset of pairs from alleles (contig, pos, ref, alt), the
row of each pair's allele and its transcript."""


def render(
    model: GeneModel,
    alleles: pl.DataFrame,
    pairs: pl.DataFrame,
    describe: Describe | None = None,
) -> pl.DataFrame:
    """Write sorted pairs as rows with the columns of `OUTPUT`.

    Parameters
    ----------
    model
        The gene model.
    alleles
        contig, pos, ref, alt by the row that `pairs` name.
    pairs
        What `Pairs.frame` gives, sorted, with the column `row`.
    describe
        Writes the HGVS names; without it they are null.
    """
    tx, row = pairs["tx"], pairs["row"]
    terms = pairs["terms"].to_numpy()
    # A few hundred distinct masks: hashing finds them faster than sorting all rows.
    masks = np.sort(pairs["terms"].unique().to_numpy())
    which = np.searchsorted(masks, terms)
    text = pl.Series([terms_of(int(m)) for m in masks], dtype=pl.String)
    impact = pl.Series([impact_of(int(m)) for m in masks], dtype=pl.String)
    names = model.transcripts
    index = pl.Series(which)
    if describe is not None:
        named = describe(alleles, row.to_numpy(), tx.to_numpy())
        hgvs = dict(zip(_HGVS, named, strict=True))
    else:
        blank = pl.Series([None])
        hgvs = {c: blank.cast(OUTPUT[c]).new_from_index(0, len(tx)) for c in _HGVS}
    number = model.n_exon[tx.to_numpy()]
    pick, pick_gene = pick_rows(model, row.to_numpy(), tx.to_numpy(), terms)
    digest = alleles["contig"].replace_strict(
        contig_digests(model), default=None, return_dtype=pl.String
    )
    frame = pairs.with_columns(
        *(alleles[c].gather(row).alias(c) for c in SPELT),
        # What is annotated is written out.
        pl.lit("").alias("extent"),
        *(
            names[c].gather(tx).alias(c)
            for c in ("transcript_id", "gene_id", "gene_name", "biotype")
        ),
        *(_of_transcripts(names[c], tx) for c in _TAGS),
        strand=pl.Series(model.strand[tx.to_numpy()].astype(np.int8)),
        consequence=text.gather(index),
        impact=impact.gather(index),
        most_severe=pl.Series(_most_severe(row.to_numpy(), terms)),
        pick=pl.Series(pick),
        pick_gene=pl.Series(pick_gene),
        genes_digest=digest.gather(row),
        exon=_rank_text(pairs["exon_first"], pairs["exon_last"], number),
        intron=_rank_text(pairs["intron_first"], pairs["intron_last"], number - 1),
        protein_start=(pl.col("cds_start") - 1) // 3 + 1,
        protein_end=(pl.col("cds_end") - 1) // 3 + 1,
        **hgvs,
        **add_lof(model, pairs),
    )
    return frame.select(pl.col(n).cast(t) for n, t in OUTPUT.items())


def _of_transcripts(column: pl.Series, tx: pl.Series) -> pl.Series:
    """Give the column's values of transcripts; most annotations lack most of the tags."""
    if column.null_count() == len(column) or (column.dtype == pl.Boolean and not column.any()):
        return column.head(1).new_from_index(0, len(tx)) if len(column) else column
    return column.gather(tx)


@lru_cache(maxsize=4)
def _rank_texts(most: int) -> pl.Series:
    """`rank/number` at number * (most + 1) + rank."""
    return pl.Series([f"{r}/{n}" for n in range(most + 1) for r in range(most + 1)])


def _rank_text(first: pl.Series, last: pl.Series, number: Int64) -> pl.Series:
    """`2/10`, or `2-4/10` over several; null for none."""
    most = int(number.max(initial=0))
    if most > _MOST_RANKS:
        total = pl.Series(number)
        text = pl.select(pl.concat_str(first, pl.lit("/"), total)).to_series()
    else:
        text = _rank_texts(most).gather(first + pl.Series(number * (most + 1)))
    several = np.flatnonzero((first != last).fill_null(False).to_numpy())
    if several.size:
        long = pl.select(
            pl.concat_str(
                first.gather(several),
                pl.lit("-"),
                last.gather(several),
                pl.lit("/"),
                pl.Series(number[several]),
            )
        ).to_series()
        text = text.scatter(pl.Series(several), long)
    return text


def _most_severe(row: Int64, terms: Int64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a pair has the lowest bit of its allele's pairs; rows are sorted."""
    if not len(row):
        return np.zeros(0, bool)
    lowest = terms & -terms
    first = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    best = np.minimum.reduceat(lowest, first)
    size = np.diff(np.concatenate([first, [len(row)]]))
    return np.asarray(lowest == np.repeat(best, size))


def no_rows() -> pl.DataFrame:
    """Give a frame of the right columns without rows."""
    return pl.DataFrame(schema=OUTPUT)
