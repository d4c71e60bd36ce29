"""Frequencies of a store, of everybody or of a group of its people, beside one's own alleles.

As with a source, an allele is looked up by its key, normalised. One that the store lacks has
no copy among the people who are assessed at its site; where nobody is, or the allele may be
at another place, it stays empty, and is never 0.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from varhouse import __version__
from varhouse.alleles.key import Declared
from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError, UsageError
from varhouse.files import new_file
from varhouse.onefile.annotate import index_vcf
from varhouse.onefile.annotate_table import iter_frame, read_alleles
from varhouse.onefile.annotate_vcf import open_records, split_records, without_keys
from varhouse.onefile.infosplice import cut_lines
from varhouse.onefile.out import TABLES, collected, is_frame, table_format, tells_paths
from varhouse.onefile.paths import is_same
from varhouse.onefile.storenumbers import StoreWork, open_normaliser, open_numbers
from varhouse.query.output import make_writer, open_output
from varhouse.query.people import People, choose_people
from varhouse.store.reader import Store, open_store
from varhouse.tables.schema import KEY, KEY_SCHEMA, SPELT

if TYPE_CHECKING:
    from varhouse.onefile.out import Alleles, Out

VCF_ENDINGS = (".vcf.gz", ".vcf")
NAMED_TABLES = "end it in " + ", ".join(TABLES)
"""What to do about another ending of a table."""

DEFAULT = ("ac", "an", "af")
TEXT = 16 << 20
"""Bytes of VCF annotated at once."""


@dataclass(frozen=True)
class StoreAnnotated:
    """What came of `annotate_frequencies`.

    Attributes
    ----------
    output
        The file that was written; None if none was asked for.
    n_records, n_alleles, n_found
        Records (rows of a table) and alleles that were read; alleles that the store has.
    unknown_contigs
        Contigs that the store does not know.
    is_indexed
        Whether a .vcf.gz has an index: it has none where the input is not sorted.
    people
        People of the group by cohort; None: everybody.
    frame
        The rows, if neither a file nor a function was to take them.
    n_indels_missed
        Insertions and deletions that were not found and, for want of `reference`, were not
        left-aligned before: the store may have them at another place. 0 with `reference`.
    """

    output: Path | None
    n_records: int
    n_alleles: int
    n_found: int
    unknown_contigs: tuple[str, ...]
    is_indexed: bool = False
    people: dict[str, int] | None = None
    frame: pl.DataFrame | None = None
    n_indels_missed: int = 0


@tells_paths
def annotate_frequencies(
    alleles: "Alleles",
    out: "Out" = None,
    *,
    store: str | Path | Store,
    people: str | People | None = None,
    samples: str | Path | Sequence[str] | None = None,
    columns: Sequence[str] = DEFAULT,
    name: str = "store",
    reference: str | Path | None = None,
    release: str | int | None = None,
    spreadsheet_safe: bool = False,
) -> StoreAnnotated:
    """Write the frequencies of a store beside alleles.

    Parameters
    ----------
    alleles
        A VCF (plain, gzip), a BCF, or a Parquet file or polars frame with the columns
        contig, pos (1-based), ref, alt, and extent for symbolic alleles.
    out
        A file, by its ending .vcf.gz, .vcf (INFO, Number=A), or of a table as
        of `annotate`; a
        function that is called with each frame; or None: the result holds one frame. A
        table has a row an allele as it was given, in its order.
    store
        Folder of the store, or an opened one.
    people, samples
        Whose frequencies, as in `group_frequencies`; by default those of everybody.
    columns
        Statistics (`varhouse.tables.statistics`).
    name
        What the numbers are called: the column `af` becomes `NAME_AF` in INFO, `NAME_af` in
        a table.
    reference
        FASTA of the assembly: alleles are left-aligned for the look-up. Without it they are
        only trimmed.
    release
        Number or tag of the release; None: the newest.
    spreadsheet_safe
        TSV and CSV: put `'` before text that a spreadsheet would take for a formula.

    Raises
    ------
    varhouse.errors.UsageError
        For an ending that says no format, an output that is the input, a statistic or
        people that are not there.
    varhouse.errors.InputError
        If the input cannot be read: nothing is written.
    """
    if not re.fullmatch("[0-9A-Za-z_.-]+", name):
        raise UsageError(
            f"{name!r} cannot begin the names of columns and keys of INFO",
            "letters, digits, `_`, `.` and `-`",
        )
    output = Path(out) if isinstance(out, (str, Path)) else None
    given = Path(alleles) if isinstance(alleles, (str, Path)) else None
    source = collected(alleles, SPELT) if is_frame(alleles) else given
    assert source is not None
    _check_paths(source, output)
    # A store that was opened before was opened for whoever asks.
    opened = (
        store
        if isinstance(store, Store)
        else open_store(Path(store), release, closed=_closed_cohorts)
    )
    chosen = people if isinstance(people, People) else None
    if chosen is None and (people is not None or samples is not None):
        assert people is None or isinstance(people, str)
        chosen = choose_people(opened, people, samples)
    numbers = open_numbers(opened, chosen, columns, name)
    with open_normaliser(reference) as normalise:
        work = StoreWork(opened, numbers, normalise, is_aligned=reference is not None)
        frame, is_indexed = _annotate(source, out, output, work, is_safe=spreadsheet_safe)
    return StoreAnnotated(
        output,
        work.n_records,
        work.n_alleles,
        work.n_found,
        tuple(sorted(work.unknown)),
        is_indexed,
        chosen.by_cohort if chosen is not None else None,
        frame,
        work.n_indels_missed if reference is None else 0,
    )


def _closed_cohorts(store: Path, role: str) -> frozenset[str]:
    """Ask the ledger of a governed store, which no other store needs."""
    from varhouse.governance.readers import closed_cohorts  # noqa: PLC0415

    return closed_cohorts(store, role)


def _check_paths(source: Path | pl.DataFrame, output: Path | None) -> None:
    if output is not None and not output.name.endswith((*VCF_ENDINGS, *TABLES)):
        raise UsageError(
            f"{output}: the ending says no format",
            f"{NAMED_TABLES}, {', '.join(VCF_ENDINGS)}",
        )
    if isinstance(source, pl.DataFrame):
        return
    if not source.exists():
        raise InputError(f"{source}: no such file", "check the path")
    if output is not None and is_same(output, source):
        raise UsageError(f"{output} is the input itself", "name another output")


def _annotate(
    source: Path | pl.DataFrame,
    out: "Out",
    output: Path | None,
    work: StoreWork,
    *,
    is_safe: bool,
) -> tuple[pl.DataFrame | None, bool]:
    if output is not None and output.name.endswith(VCF_ENDINGS):
        if isinstance(source, pl.DataFrame) or source.suffix == ".parquet":
            raise UsageError(f"{output}: alleles of a table go into a table", NAMED_TABLES)
        with new_file(output) as made:
            _write_vcf(source, made, work, compress=output.suffix == ".gz")
        return None, output.suffix == ".gz" and index_vcf(output)
    frames = _table(source, work)
    if output is not None:
        schema = _schema(work)
        form = table_format(output) or "tsv"
        with open_output(output) as stream:
            writer = make_writer(form, stream, schema, safe=is_safe)
            for frame in frames:
                writer.write(frame)
            writer.close()
        return None, False
    if callable(out):
        for frame in frames:
            out(frame)
        return None, False
    return pl.concat([pl.DataFrame(schema=_schema(work)), *frames], rechunk=True), False


def _schema(work: StoreWork) -> dict[str, pl.DataType | type[pl.DataType]]:
    own = {f"{work.numbers.name}_{n}": s.dtype for n, s in work.numbers.statistics.items()}
    return {**KEY_SCHEMA, **own}


def _table(source: Path | pl.DataFrame, work: StoreWork) -> Iterator[pl.DataFrame]:
    """Give a row an allele, as they come, with the contig's name in the store."""
    if isinstance(source, pl.DataFrame):
        frames = iter_frame(source)
    elif source.suffix == ".parquet":
        frames = read_alleles(source)
    else:
        frames = _records(source, work)
    names = {n: f"{work.numbers.name}_{n}" for n in work.numbers.statistics}
    is_text = not isinstance(source, pl.DataFrame) and source.suffix != ".parquet"
    for frame in frames:
        alleles = frame
        if not is_text:
            known = work.known(frame["contig"])
            work.n_records += frame.height
            alleles = frame.with_columns(
                contig=pl.col("contig").replace_strict(
                    known, default=None, return_dtype=pl.String
                )
            )
        found = work.with_numbers(alleles.select(KEY))
        yield found.rename(names).select(*KEY, *names.values())


def _records(path: Path, work: StoreWork) -> Iterator[pl.DataFrame]:
    """Give the alleles of a VCF, block by block."""
    text = open_records(path, TEXT)
    work.declared = Declared.of_header(text.header)
    for block in text.blocks:
        lines = cut_lines(block).fixed()
        if lines.height:
            yield _split(lines, work)


def _split(lines: pl.DataFrame, work: StoreWork) -> pl.DataFrame:
    work.n_records += lines.height
    known = work.known(lines["chrom"])
    canonical = work.store.assembly_contigs.canonical
    return split_records(lines, known, work.declared, canonical)


def _write_vcf(source: Path, made: Path, work: StoreWork, *, compress: bool) -> None:
    """Stream the input's lines with the numbers in INFO."""
    text = open_records(source, TEXT)
    work.declared = Declared.of_header(text.header)
    with made.open("wb") as file:
        packed = BgzfStream(file) if compress else None
        sink = packed or file
        sink.write(_header(text.header, work))
        # Unpacking what comes next and packing what is done run beside the look-up.
        with ThreadPoolExecutor(2) as pool:
            written: Future[object] | None = None
            ahead = pool.submit(next, text.blocks, None)
            while (block := ahead.result()) is not None:
                ahead = pool.submit(next, text.blocks, None)
                lines = _annotated_lines(block, work)
                if written is not None:
                    written.result()
                written = pool.submit(sink.write, lines)
            if written is not None:
                written.result()
        if packed is not None:
            packed.finish()


def _header(header: list[str], work: StoreWork) -> bytes:
    """Write the header with the new lines before `#CHROM`, in place of older ones."""
    new = work.numbers.header()
    new.append(
        f"##varhouse_frequencies=version={__version__};name={work.numbers.name};"
        f"release={work.store.release};digest={work.store.digest()}"
    )
    ids = tuple(line.split(",", 1)[0] + "," for line in new if line.startswith("##INFO"))
    kept = [line for line in header[:-1] if not line.startswith(ids)]
    mine = f";name={work.numbers.name};"
    kept = [
        line
        for line in kept
        if not (line.startswith("##varhouse_frequencies=") and mine in line)
    ]
    return ("\n".join([*kept, *new, header[-1]]) + "\n").encode()


def _annotated_lines(block: bytes, work: StoreWork) -> bytes | memoryview:
    lines = cut_lines(block)
    if not lines.rows.size:
        return block
    fixed = lines.fixed()
    keys = work.numbers.keys
    found = work.with_numbers(_split(fixed, work))
    added = (
        found.group_by("record", maintain_order=True)
        .agg(_values(n, key) for n, key in keys.items())
        .select("record", add=pl.concat_str(list(keys), separator=";", ignore_nulls=True))
    )
    info = (
        fixed.with_row_index("record")
        .with_columns(info=without_keys(fixed["info"], tuple(keys.values())))
        .join(added, on="record", how="left", maintain_order="left")
        .select(
            pl.when(pl.col("add").fill_null("") == "")
            .then(pl.when(pl.col("info") == "").then(pl.lit(".")).otherwise("info"))
            .when(pl.col("info").is_in(["", "."]))
            .then("add")
            .otherwise(pl.concat_str("info", "add", separator=";"))
        )
        .to_series()
    )
    return lines.with_info(info)


def _values(name: str, key: str) -> pl.Expr:
    """`key=...` of the ALTs of a record; null where no ALT has a number."""
    value = pl.col(name)
    joined = value.cast(pl.String).fill_null(".").str.join(",")
    return pl.when(value.is_not_null().any()).then(pl.lit(f"{key}=") + joined).alias(name)
