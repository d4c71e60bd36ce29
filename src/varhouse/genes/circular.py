"""Circular contigs: which features run over the origin, and which transcripts that refuses.

GFF3: a landmark with `Is_circular=true` is circular, and a feature that crosses its origin
has the end start + length - 1 or more, which lies beyond the landmark. Some write it in two
rows instead, up to the last base and from the first, or with an end before the start. The
kernels read a transcript along a line, so a transcript over the origin is refused by name,
and nothing is said of it; its gene is listed on both sides of the origin.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

_CIRCULAR = r"(?i)(?:^|;)\s*Is_circular=true\s*(?:;|$)"
_NAMED = 20
"""Refused transcripts that are named one by one."""


def circular_lengths(frame: pl.DataFrame) -> dict[str, int]:
    """Give the lengths of the circular landmarks: seqid to bases.

    Parameters
    ----------
    frame
        seqid, start, end, attr, all String as in the file.
    """
    # A pattern over every row of a large file costs more than the rest: few begin at 1.
    first = frame.filter(pl.col("start") == "1")
    rows = first.filter(pl.col("attr").str.contains(_CIRCULAR))
    ends = rows.select("seqid", pl.col("end").cast(pl.Int64, strict=False)).drop_nulls()
    return dict(ends.group_by("seqid").agg(pl.col("end").max()).rows())


def number_lines(frame: pl.DataFrame, data: bytes, seqids: Sequence[str]) -> pl.DataFrame:
    """Add `line`, the 1-based number of the line, to the rows of some contigs.

    The reader of the rows skips comments, hence the second look at the text; it costs
    nothing where no contig is asked for.
    """
    number = pl.lit(None, pl.Int64).alias("line")
    if not seqids:
        return frame.with_columns(number)
    heads = tuple(f"{name}\t".encode() for name in seqids)
    lines = [i for i, row in enumerate(data.split(b"\n"), 1) if row.startswith(heads)]
    own = frame.with_row_index("row").filter(pl.col("seqid").is_in(seqids))
    if own.height != len(lines):
        return frame.with_columns(number)
    return (
        frame.with_row_index("row")
        .join(own.select("row", line=pl.Series(lines, dtype=pl.Int64)), on="row", how="left")
        .sort("row")
        .drop("row")
    )


def past_the_origin(frame: pl.DataFrame, lengths: dict[str, int]) -> pl.DataFrame:
    """Write rows of circular contigs that end before they start as GFF3 wants them.

    Parameters
    ----------
    frame
        seqid, start, end (Int64).
    """
    if not lengths:
        return frame
    length = pl.col("seqid").replace_strict(lengths, default=None, return_dtype=pl.Int64)
    over = (pl.col("end") < pl.col("start")) & (pl.col("start") <= length)
    return frame.with_columns(end=pl.when(over).then(pl.col("end") + length).otherwise("end"))


def _length(circular: dict[str, int]) -> pl.Expr:
    return pl.col("contig").replace_strict(circular, default=None, return_dtype=pl.Int64)


def split_genes(genes: pl.DataFrame, circular: dict[str, int]) -> pl.DataFrame:
    """List a gene that runs over the origin on both sides of it."""
    if not circular:
        return genes
    over = pl.col("end") > _length(circular)
    head = genes.filter(over).with_columns(end=_length(circular))
    tail = genes.filter(over).with_columns(
        start=pl.lit(1, pl.Int64), end=pl.col("end") - _length(circular)
    )
    return pl.concat([genes.filter(over.not_().fill_null(True)), head, tail])


def over_the_origin(parts: pl.DataFrame, circular: dict[str, int]) -> pl.DataFrame:
    """Find the transcripts that run over the origin of a circular contig.

    Parameters
    ----------
    parts
        contig, key, start, end, line of the rows and parts of transcripts.

    Returns
    -------
    pl.DataFrame
        contig, key, line (of the first part that crosses or touches the end).
    """
    own = parts.filter(pl.col("contig").is_in(list(circular)))
    length = _length(circular)
    at_end = (pl.col("end") >= length) & (pl.col("start") > 1)
    from_first = (pl.col("start") == 1) & (pl.col("end") < length)
    return (
        own.group_by("contig", "key", maintain_order=True)
        .agg(
            over=(pl.col("end") > length).any(),
            # In two rows: a part up to the last base, another from the first on.
            both=at_end.any() & from_first.any(),
            line=pl.col("line").filter(at_end).first(),
        )
        .filter(pl.col("over") | pl.col("both"))
        .select("contig", "key", "line")
    )


def refused_lines(path: Path, refused: pl.DataFrame) -> list[str]:
    """Name the refused transcripts and their lines, one by one up to some number.

    Parameters
    ----------
    path
        The annotation.
    refused
        transcript_id, contig, line.
    """
    said = []
    rows = refused.select("transcript_id", "contig", "line").head(_NAMED).rows()
    for name, contig, line in rows:
        where = f"line {line}: " if line is not None else ""
        said.append(
            f"{path.name}: {where}transcript {name} runs over the origin of the circular "
            f"contig {contig}: it is left out, alleles in it have no consequence on it "
            "(rotate the contig's sequence and annotation so that no gene crosses its ends)"
        )
    if refused.height > _NAMED:
        said.append(f"{path.name}: and {refused.height - _NAMED} transcripts more")
    return said
