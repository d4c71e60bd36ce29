"""What the lifted copy of a file says of itself: where its records come from."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.infotext import decoded
from varhouse.vcf.stream import open_records
from varhouse.vcf.text.lines import RecordBatch

if TYPE_CHECKING:
    from varhouse.ingest.setup.run import Run

PLACEHOLDER = "<UNLIFTED>"
"""Stands in ALT for an allele that was not lifted."""

# Of keys that the file had before, the last is ours.
_RECORD = r"^(?:.*;)?LIFT_RECORD=(\d+)"
_OF = r"^(?:.*;)?LIFT_OF=(\d+)/(\d+)"
_FROM = r"^(?:.*;)?LIFTED_FROM=([^;]*):(\d+):([^;:]*):([^;:]*)"
_OWN = r"(?:^|;)LIFT_(?:RECORD|OF)=[^;]*"


def lifted_columns(records: pl.DataFrame, info: pl.Series) -> pl.DataFrame:
    """Read where the records of a lifted copy come from.

    Returns
    -------
    pl.DataFrame
        The records with `info` without what only the copy needs, `alt` with a
        `PLACEHOLDER` for each ALT that was not lifted, and source_record, source_contig,
        source_pos, source_ref, source_alt, reverse, swapped, ambiguous.
    """
    i = info.alias("info")
    came = i.str.extract_groups(_FROM)
    of = i.str.extract_groups(_OF)
    frame = records.with_columns(
        i.str.replace_all(_OWN, "").str.strip_chars_start(";").alias("info"),
        i.str.extract(_RECORD).cast(pl.Int64).alias("source_record"),
        came.struct[0].alias("source_contig"),
        came.struct[1].cast(pl.Int32).alias("source_pos"),
        came.struct[2].alias("source_ref"),
        came.struct[3].str.replace_all("/", ",", literal=True).alias("source_alt"),
        *(
            i.str.contains(f"(^|;){flag}(;|$)").alias(name)
            for name, flag in (
                ("reverse", "LIFT_REVERSE"),
                ("swapped", "LIFT_SWAP"),
                ("ambiguous", "LIFT_AMBIGUOUS"),
            )
        ),
        of.struct[0].cast(pl.Int64).alias("_i"),
        of.struct[1].cast(pl.Int64).alias("_n"),
    ).with_columns(decoded(pl.col("source_contig", "source_alt")))
    before = pl.lit(f"{PLACEHOLDER},").repeat_by(pl.col("_i") - 1).list.join("")
    after = pl.lit(f",{PLACEHOLDER}").repeat_by(pl.col("_n") - pl.col("_i")).list.join("")
    return frame.with_columns(
        pl.when(pl.col("_i").is_not_null())
        .then(pl.concat_str(before, "alt", after))
        .otherwise("alt")
        .alias("alt")
    ).drop("_i", "_n")


def source_record(text: str) -> pl.Expr:
    """Read the ordinal of the source record from a line of a lifted copy."""
    info = pl.col(text).str.splitn("\t", 9).struct[7]
    return info.str.extract(_RECORD).cast(pl.Int64)


def source_lines(path: Path, run: "Run", records: pl.Series) -> pl.DataFrame:
    """Read lines of a file again by their ordinals: (record, line, contig, pos, text)."""
    wanted = np.unique(records.to_numpy().astype(np.int64))
    _, batches = open_records(path, run.limits)
    return pl.concat([_empty_lines(), *_pick(batches, wanted)])


def _empty_lines() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "record": pl.Int64,
            "line": pl.Int64,
            "contig": pl.String,
            "pos": pl.Int32,
            "text": pl.String,
        }
    )


def _pick(
    batches: Iterator[RecordBatch], wanted: npt.NDArray[np.int64]
) -> Iterator[pl.DataFrame]:
    for batch in batches:
        mine = wanted[(wanted >= batch.record) & (wanted < batch.record + batch.size)]
        k = mine - batch.record
        pos = pl.Series(batch.pos[k], dtype=pl.Int64)
        yield pl.DataFrame(
            {
                "record": mine,
                "line": k + batch.line,
                "contig": batch.column("chrom", k),
                "pos": pl.select(pl.when(pos >= 0).then(pos).cast(pl.Int32)).to_series(),
                "text": batch.lines(k),
            }
        )
