"""Normalised alleles as tables: Parquet, one frame, or frames for a function."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from varhouse.alleles.key import Declared, add_extents, complete_key
from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.errors import UsageError
from varhouse.files import new_file
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.known_names import open_reference, other_names
from varhouse.normalise import Status, move_symbolic, normalise_alleles
from varhouse.normalise.vcf import Reject
from varhouse.onefile.normalise_run import (
    REJECT_COLUMNS,
    Normalised,
    Piece,
    Work,
    reject_cells,
)
from varhouse.onefile.out import collected
from varhouse.onefile.paths import keep_inputs, output_ending
from varhouse.tables.schema import KEY, KEY_SCHEMA, SPELT

if TYPE_CHECKING:
    from varhouse.onefile.out import Alleles, Out

_TEXT_COLUMNS = (
    "contig", "pos", "id", "ref", "alt", "qual", "filter", "info", "record", "alt_index",
)  # fmt: skip
_COLUMNS = [*KEY, "id", "qual", "filter", "info", "record", "alt_index"]
_OLDEST = pl.CompatLevel.oldest()


def frames(work: Work) -> Iterator[pl.DataFrame]:
    """Give the first eight columns, the record's ordinal and the number of the ALT.

    The unspecified allele has no row: a table of alleles would make one of it. The first
    frame is empty: a table without rows has its columns all the same.
    """
    numbers = work.normaliser.splitter.numbers
    declared = Declared(*(numbers.get(("INFO", k)) == "A" for k in ("SVLEN", "CN")))
    yield _frame(b"", work, declared)
    for piece in work.pieces():
        yield _frame(piece, work, declared)


def _frame(piece: Piece, work: Work, declared: Declared) -> pl.DataFrame:
    canonical, counts = work.normaliser.reference.contigs.canonical, work.normaliser.counts
    types: dict[str, type[pl.DataType]] = dict.fromkeys(_TEXT_COLUMNS, pl.String)
    types |= {"pos": pl.Int32, "record": pl.Int64, "alt_index": pl.Int32}
    frame = pl.read_csv(
        bytes(piece),
        separator="\t",
        has_header=False,
        schema=types,
        quote_char=None,
        encoding="utf8-lossy",
    ).with_columns(pl.col("contig").fill_null(""))
    height = frame.height
    frame = frame.filter(~pl.col("alt").is_in(UNSPECIFIED_ALTS))
    counts["unspecified"] += height - frame.height
    number = pl.col("qual").cast(pl.Float64, strict=False)
    bad = frame.select((number.is_null() & (pl.col("qual") != ".")).sum()).item()
    counts["qual_invalid"] += bad
    names = {c: canonical(c) or c for c in frame["contig"].unique()}
    # Each ALT has a record of its own by now.
    split = frame.with_columns(
        pl.col("contig").replace(names), alt_index=pl.lit(1), n_original=pl.lit(1)
    )
    keys = add_extents(split, lambda rows: frame["info"].gather(rows), declared, canonical)
    named = pl.when(pl.col("id") != pl.lit(".")).then("id").alias("id")
    return frame.with_columns(keys.select(KEY)).with_columns(named, number).select(_COLUMNS)


def _in_order(frame: pl.DataFrame, work: Work) -> pl.DataFrame:
    """Sort by contig, as they first came in the file, and position."""
    canonical = work.normaliser.reference.contigs.canonical
    ranks = {canonical(c) or c: i for i, c in enumerate(work.normaliser.contigs)}
    key = pl.col("contig").replace_strict(ranks, return_dtype=pl.Int32)
    return frame.sort(key, "pos", maintain_order=True)


def write_parquet(out: Path, work: Work) -> None:
    """Write the alleles as Parquet."""
    pieces = frames(work)
    empty = next(pieces).to_arrow(compat_level=_OLDEST)
    with pq.ParquetWriter(out, empty.schema, compression="zstd") as writer:
        for frame in pieces:
            writer.write_table(frame.to_arrow(compat_level=_OLDEST))
    if work.window.late:
        frame = pl.read_parquet(out, memory_map=False, glob=False)
        _in_order(frame, work).write_parquet(out, compression="zstd")


def collect(work: Work) -> pl.DataFrame:
    """Give all alleles in one frame."""
    frame = pl.concat(list(frames(work)), rechunk=True)
    return _in_order(frame, work) if work.window.late else frame


def hand_out(take: Callable[[pl.DataFrame], object], work: Work) -> None:
    """Hand the alleles to a function, frame by frame."""
    for frame in frames(work):
        if frame.height:
            take(frame)


def rejects_frame(rejects: list[Reject], *, numbered: bool) -> pl.DataFrame:
    """Give rejects as a frame with the columns of the TSV."""
    schema = {n: pl.Int64 if n in ("line", "pos") else pl.String for n in REJECT_COLUMNS}
    return pl.DataFrame(
        [reject_cells(r, numbered=numbered) for r in rejects], schema=schema, orient="row"
    )


def normalise_frame(
    alleles: "Alleles",
    out: "Out",
    fasta: Path,
    aliases: Path | None,
    listed: Path | None,
    region: str | None,
    *,
    keep: bool,
) -> Normalised:
    """Normalise the alleles of a frame; see `varhouse.normalise`.

    Raises
    ------
    UsageError
        For what only a file has: a region, a TSV of rejects, VCF output.
    """
    if region is not None or listed is not None:
        raise UsageError(
            "region and rejects are for files", "filter the frame; result.rejects has them"
        )
    output = Path(out) if isinstance(out, (str, Path)) else None
    if output is not None:
        output_ending(output, (".parquet",))
        keep_inputs([output], [fasta, aliases])
    assert not isinstance(alleles, (str, Path))
    with open_reference(fasta, aliases) as reference:
        given = collected(alleles, SPELT)
        (done, status), names = _normalised(given, reference), given["contig"].drop_nulls()
        known = other_names(sorted(names.unique().to_list()), reference)
    bad = status >= int(Status.REF_MISMATCH)
    if not keep:
        bad |= status == int(Status.REF_UNCHECKED)
    codes = {int(s): s.code for s in Status}
    reason = status.filter(bad).replace_strict(codes, return_dtype=pl.String)
    rejects = given.filter(bad).with_columns(reason.alias("reason"))
    counts = {
        "records": given.height,
        "changed": int((status == int(Status.CHANGED)).sum()),
        "kept": int((status == int(Status.KEPT)).sum()),
    }
    frame = done.filter(~bad)
    if output is not None:
        with new_file(output) as made:
            frame.write_parquet(made, compression="zstd")
    elif callable(out):
        out(frame)
    return Normalised(
        output,
        counts,
        dict(rejects["reason"].value_counts().sort("reason").iter_rows()),
        known_names=known,
        frame=frame if out is None else None,
        rejects=rejects,
    )


def _normalised(given: pl.DataFrame, reference: Reference) -> tuple[pl.DataFrame, pl.Series]:
    """Give the frame with normalised alleles, and the `Status` of each; other columns stay."""
    names = {n: reference.contigs.canonical(n) or n for n in given["contig"].unique() if n}
    alleles = given.select(c for c in KEY if c in given.columns)
    alleles = alleles.with_columns(pl.col("contig").replace(names))
    # A symbolic allele is moved by its length, which stands in `extent`.
    keyed = complete_key(alleles.cast({c: KEY_SCHEMA[c] for c in alleles.columns}))
    done = move_symbolic(normalise_alleles(keyed, reference), reference)
    return given.with_columns(done.select(KEY).get_columns()), done["status"]
