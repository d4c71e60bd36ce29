"""Alleles in, one typed row per allele x transcript out, in batches.

Sorted input, and nearly all input is, is annotated as it comes: memory does not grow with
the file. Input in another order is read once more and its alleles are held.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.alleles.key import Declared, complete_key
from varhouse.bgzf import BgzfStream
from varhouse.consequence import consequences
from varhouse.consequence.render import OUTPUT
from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.onefile.annotate_vcf import Annotator, open_records
from varhouse.query.output import make_writer
from varhouse.sources.sites import split_alleles
from varhouse.sources.text import VcfText, split_lines
from varhouse.tables.schema import KEY, KEY_SCHEMA, SPELT, WITHIN

BATCH = 100_000
"""Alleles annotated at once; those of one place are never parted."""

TEXT = 4 << 20
"""Bytes of text read at once: more must be asked of the system anew each time."""


_NO_BASES = (b"\t<", b",<", b"[", b"]")
"""Marks of blocks that may hold alleles that are not written out."""


class NotInOrderError(Exception):
    """The alleles are not sorted by contig and position."""


def write_table(
    source: Path | pl.DataFrame,
    output: Path,
    annotator: Annotator,
    form: str = "parquet",
    *,
    is_packed: bool = False,
    is_safe: bool = False,
) -> None:
    """Write consequences and source fields, sorted by allele and transcript.

    Alleles that a source knows and that are near no transcript have one row without
    transcript.

    Parameters
    ----------
    source
        A VCF, a BCF, a Parquet file or a frame with the columns contig, pos, ref, alt and,
        for symbolic alleles, extent.
    form
        parquet, tsv, csv or xlsx.
    is_packed
        Pack text by BGZF.
    is_safe
        Defuse formulas in TSV and CSV.

    Raises
    ------
    InputError
        If the input cannot be read.
    UsageError
        If a workbook cannot hold the rows.
    """
    write = _write if form == "parquet" else partial(_write_text, form, is_packed, is_safe)
    with suppress(NotInOrderError):
        write(iter_table(source, annotator), output, annotator)
        return
    write(iter_table(source, annotator, in_memory=True), output, annotator)


def collect_table(source: Path | pl.DataFrame, annotator: Annotator) -> pl.DataFrame:
    """Give the rows of `write_table` in one frame."""
    empty = pl.DataFrame(schema=table_schema(annotator))
    try:
        rows = list(iter_table(source, annotator))
    except NotInOrderError:
        rows = list(iter_table(source, annotator, in_memory=True))
    return pl.concat([empty, *rows], rechunk=True)


def table_schema(annotator: Annotator) -> pl.Schema:
    """Give the columns of the rows and their types."""
    return pl.Schema({**OUTPUT, **annotator.source_columns})


def iter_table(
    source: Path | pl.DataFrame, annotator: Annotator, *, in_memory: bool = False
) -> Iterator[pl.DataFrame]:
    """Give the rows of `write_table` in frames.

    Parameters
    ----------
    in_memory
        Hold all alleles and sort them first; otherwise memory does not grow with the file.

    Raises
    ------
    NotInOrderError
        If the alleles are not sorted, and not in memory.
    """
    annotator.n_records = 0
    if isinstance(source, pl.DataFrame):
        found = _known_alleles(iter_frame(source), annotator)
    elif source.suffix == ".parquet":
        found = _known_alleles(read_alleles(source), annotator)
    else:
        found = _vcf_alleles(source, annotator)
    alleles = _placed(found)
    if in_memory:
        alleles = iter([pl.concat(list(alleles), rechunk=True)])
    else:
        alleles = in_order(alleles, annotator.contigs.names)
    schema = table_schema(annotator)
    for batch in alleles:
        yield from _annotated(batch, annotator, schema)


def _write(rows: Iterator[pl.DataFrame], output: Path, annotator: Annotator) -> None:
    schema = table_schema(annotator)
    # Without the Arrow schema in the file, dictionaries are read back as strings.
    empty = _arrow_table(pl.DataFrame(schema=schema))
    unique = ("pos", "hgvsc", "hgvsp")
    with pq.ParquetWriter(
        output,
        empty.schema,
        compression="zstd",
        store_schema=False,
        use_dictionary=[c for c in schema.names() if c not in unique],
        write_statistics=["contig", "pos"],
    ) as writer:
        for frame in rows:
            writer.write_table(_arrow_table(frame))


def _write_text(
    form: str,
    is_packed: bool,
    is_safe: bool,
    rows: Iterator[pl.DataFrame],
    output: Path,
    annotator: Annotator,
) -> None:
    """Write rows as TSV, CSV or a workbook, as answers of a store are."""
    with output.open("wb") as file:
        packed = BgzfStream(file) if is_packed else None
        writer = make_writer(form, packed or file, table_schema(annotator), safe=is_safe)
        for frame in rows:
            writer.write(frame)
        writer.close()
        if packed is not None:
            packed.finish()


def _annotated(
    alleles: pl.DataFrame, annotator: Annotator, schema: pl.Schema
) -> Iterator[pl.DataFrame]:
    """Annotate alleles of whole places in slices."""
    model, describe = annotator.model, annotator.describe
    if not annotator.sources:
        rows = consequences(model, alleles, BATCH, describe, annotator.as_vep)
        if rows.height:
            yield rows
        return
    found = annotator.with_sources(alleles)
    rows = consequences(model, alleles, BATCH, describe, annotator.as_vep)
    far = found.join(rows, on=KEY, how="anti").select(KEY)
    rows = pl.concat([rows, far], how="diagonal").join(
        found, on=KEY, how="left", maintain_order="left"
    )
    if far.height:
        order = pl.Enum(annotator.contigs.names)
        rows = rows.sort(pl.col("contig").cast(order), *WITHIN, maintain_order=True)
    if rows.height:
        yield rows.select(schema.names())


def in_order(frames: Iterator[pl.DataFrame], contigs: list[str]) -> Iterator[pl.DataFrame]:
    """Give sorted alleles in batches that hold all alleles of each of their places.

    Parameters
    ----------
    frames
        contig, pos, ref, alt; no nulls.
    contigs
        The order of the contigs.
    """
    order = pl.Enum(contigs)
    waiting: list[pl.DataFrame] = []
    last, rows = -1, 0
    for frame in frames:
        if frame.is_empty():
            continue
        place = _places(frame, order)
        if place[0] < last or (np.diff(place) < 0).any():
            raise NotInOrderError
        last = int(place[-1])
        waiting.append(frame)
        rows += frame.height
        if rows >= BATCH:
            whole = pl.concat(waiting, rechunk=True)
            cut = int(np.searchsorted(_places(whole, order), last))
            if cut:
                yield whole.slice(0, cut)
            waiting, rows = [whole.slice(cut)], whole.height - cut
    if rows:
        yield pl.concat(waiting, rechunk=True)


def _places(frame: pl.DataFrame, order: pl.Enum) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ordinal = frame["contig"].cast(order).to_physical().cast(pl.Int64)
    return (ordinal * 2**32 + frame["pos"].cast(pl.Int64)).to_numpy()


def _placed(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Leave out alleles on unknown contigs, and those without a position."""
    for frame in frames:
        yield frame.filter(pl.col("contig").is_not_null(), pl.col("pos").is_not_null())


def _vcf_alleles(path: Path, annotator: Annotator) -> Iterator[pl.DataFrame]:
    def canonical(name: str) -> str | None:
        known = annotator.contigs.canonical(name)
        annotator.seen_contigs.add(name)
        if known is None:
            annotator.unknown_contigs.add(name)
        return known

    text = open_records(path, TEXT)
    annotator.declared = Declared.of_header(text.header)
    for block in text.blocks:
        if any(mark in block for mark in _NO_BASES):
            # What INFO says of symbolic alleles belongs to their key.
            written = pl.col("alt").str.contains("^[A-Za-z]+$")
            alleles = annotator.split(split_lines(block)).with_columns(
                alt=pl.when(written).then(pl.col("alt").str.to_uppercase()).otherwise("alt")
            )
            yield alleles.select(KEY)
            continue
        alleles, lines = split_alleles(block, canonical)
        annotator.n_records += lines
        yield alleles.with_columns(extent=pl.lit(""))


def _known_alleles(
    frames: Iterator[pl.DataFrame], annotator: Annotator
) -> Iterator[pl.DataFrame]:
    """Give the contigs of a table's alleles their canonical names."""
    for frame in frames:
        annotator.n_records += frame.height
        known = _canonical(frame["contig"], annotator.contigs)
        annotator.seen_contigs |= known.keys()
        annotator.unknown_contigs |= {n for n, c in known.items() if c is None}
        yield frame.with_columns(
            contig=pl.col("contig").replace_strict(known, default=None, return_dtype=pl.String)
        )


def _canonical(names: pl.Series, contigs: Contigs) -> dict[str, str | None]:
    return {n: contigs.canonical(n) for n in names.drop_nulls().unique().to_list()}


def read_alleles(path: Path) -> Iterator[pl.DataFrame]:
    """Read contig, pos, ref, alt and, where it is there, extent of a Parquet file.

    Raises
    ------
    InputError
        If it is no Parquet file, or a column is missing.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{path}: no Parquet file ({error})", "give Parquet or VCF"
        ) from error
    with file:
        missing = [c for c in SPELT if c not in file.schema_arrow.names]
        if missing:
            raise InputError(
                f"{path}: no column {', '.join(missing)}",
                "name the columns contig pos ref alt",
            )
        present = [c for c in KEY if c in file.schema_arrow.names]
        for batch in file.iter_batches(BATCH, columns=present):
            yield _as_key(pl.DataFrame(pl.from_arrow(batch)))


def iter_frame(alleles: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give a frame in the form of `read_alleles`."""
    present = [c for c in KEY if c in alleles.columns]
    for first in range(0, alleles.height, BATCH):
        yield _as_key(alleles.slice(first, BATCH).select(present))


def _as_key(frame: pl.DataFrame) -> pl.DataFrame:
    written = pl.col("alt").str.contains("^[A-Za-z]+$")
    typed = frame.cast({c: KEY_SCHEMA[c] for c in frame.columns})
    return complete_key(typed).select(
        "contig",
        "pos",
        pl.col("ref").str.to_uppercase(),
        pl.when(written).then(pl.col("alt").str.to_uppercase()).otherwise("alt"),
        pl.col("extent").fill_null(""),
    )


def sites_of(source: Path | pl.DataFrame) -> VcfText:
    """Give the alleles of a Parquet file or a frame as VCF text without samples.

    Rows that lack one of the four values cannot be a line, and are left out.
    """

    def alleles() -> Iterator[pl.DataFrame]:
        return iter_frame(source) if isinstance(source, pl.DataFrame) else read_alleles(source)

    names: dict[str, None] = {}
    for frame in alleles():
        named = frame["contig"].drop_nulls().unique(maintain_order=True)
        names |= dict.fromkeys(named.to_list())
    header = ["##fileformat=VCFv4.2", *(f"##contig=<ID={n}>" for n in names)]
    header.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    return VcfText(header, (_lines(frame) for frame in alleles()))


def _lines(frame: pl.DataFrame) -> bytes:
    dot = pl.lit(".")
    text = (
        frame.drop_nulls()
        .select(
            pl.concat_str("contig", "pos", dot, "ref", "alt", dot, dot, dot, separator="\t")
        )
        .to_series()
    )
    return ("\n".join(text.to_list()) + "\n").encode()


def _arrow_table(frame: pl.DataFrame) -> pa.Table:
    """Convert rows; the digests, 64 letters and one a contig, become a dictionary."""
    name = "genes_digest"
    known = frame[name].drop_nulls().unique().sort()
    index = frame[name].cast(pl.Enum(known)).to_physical().cast(pl.Int32)
    held = pa.DictionaryArray.from_arrays(
        index.to_arrow(), known.to_arrow(compat_level=pl.CompatLevel.oldest())
    )
    table = frame.drop(name).to_arrow(compat_level=pl.CompatLevel.newest())
    return table.add_column(frame.get_column_index(name), name, held)
