"""VCF text in, VCF text with INFO/CSQ out, block by block.

A block of lines becomes columns, its alleles are annotated as one batch, and the CSQ
strings are joined to the records and put into the INFO column, all with polars: no
object is made per record. The records themselves are not changed.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import polars as pl
import pysam

from varhouse import __version__
from varhouse.allelekey import NOTHING, Declared, add_extents
from varhouse.consequence import consequences
from varhouse.contigs import Contigs
from varhouse.csq import CSQ_HEADER, csq_entries, vep_alleles
from varhouse.errors import InputError
from varhouse.genemodel import GeneModel
from varhouse.hgvs import Describer
from varhouse.infokeys import info_key
from varhouse.schema import KEY, PolarsType
from varhouse.sources import CompiledSource, Normalise
from varhouse.sources.text import FIXED, VcfText, open_vcf_text, split_lines
from varhouse.textfile import BLOCK

_LOG = logging.getLogger("varhouse.annotate")
_BCF_LINES = 20_000


@dataclass
class Annotator:
    """What is needed to annotate alleles, and what was met on the way.

    `declared` is of the header of what is read. `withheld` are sources that may not be
    passed on: `old_keys`, what an earlier run wrote of them into the input, is left out too.
    `as_vep` gives VEP 115's terms.
    """

    model: GeneModel
    contigs: Contigs
    sources: list[CompiledSource] = field(default_factory=list)
    normalise: Normalise | None = None
    describe: Describer | None = None
    withheld: tuple[str, ...] = ()
    as_vep: bool = False
    unknown_contigs: set[str] = field(default_factory=set)
    seen_contigs: set[str] = field(default_factory=set)
    n_records: int = 0
    old_keys: list[str] = field(default_factory=list)
    declared: Declared = NOTHING

    def split(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Give one row for each ALT with its key; contig is null if it is unknown."""
        names = lines["chrom"].drop_nulls().unique().to_list()
        self.seen_contigs.update(names)
        known = {n: c for n in names if (c := self.contigs.canonical(n)) is not None}
        self.unknown_contigs.update(n for n in names if n not in known)
        self.n_records += lines.height
        alleles = (
            lines.with_row_index("record")
            .select(
                "record",
                n_original=pl.col("alt").str.count_matches(",", literal=True) + 1,
                index=pl.int_ranges(pl.col("alt").str.count_matches(",", literal=True) + 1),
                contig=pl.col("chrom").replace_strict(
                    known, default=None, return_dtype=pl.String
                ),
                pos=pl.col("pos").cast(pl.Int32, strict=False),
                ref=pl.col("ref").str.to_uppercase(),
                alt=pl.col("alt").str.split(","),
            )
            .explode("index", "alt", empty_as_null=True, keep_nulls=True)
            .with_columns(alt_index=pl.col("index") + 1)
        )
        infos = lines["info"]
        return add_extents(
            alleles, lambda rows: infos.gather(alleles["record"].gather(pl.Series(rows))),
            self.declared, self.contigs.canonical,
        ).drop("n_original", "alt_index")  # fmt: skip

    def with_sources(self, alleles: pl.DataFrame) -> pl.DataFrame:
        """Give the alleles that a source knows, with columns `source_field`.

        The alleles are normalised for the join; the key columns stay as they were. Of
        several records that a source has for one allele the first counts; of several
        intervals, genes or entries the texts are joined by `&`, and of numbers the first
        counts.
        """
        out = alleles.select(KEY).unique()
        key = self.normalise(out) if self.normalise is not None else out
        normal = {f"_{c}": key[c] for c in KEY}
        out = out.with_columns(**normal)
        genes = None
        if any(s.kind == "gene" for s in self.sources):
            genes = consequences(self.model, key.filter(pl.col("pos").is_not_null()))
        for source in self.sources:
            found = _one_each(source.join(key.select(KEY), genes), source)
            columns = {c: f"{source.name}_{c}" for c in _columns(source)}
            renamed = found.rename({**columns, **{c: f"_{c}" for c in KEY}})
            out = out.join(renamed, on=[f"_{c}" for c in KEY], how="left")
        out = out.drop([f"_{c}" for c in KEY])
        return out.filter(pl.any_horizontal(pl.all().exclude(KEY).is_not_null()))

    @property
    def source_columns(self) -> dict[str, PolarsType]:
        """Columns that the sources add, by name."""
        columns: dict[str, PolarsType] = {}
        for source in self.sources:
            columns |= {f"{source.name}_{c}": t for c, t in _columns(source).items()}
        return columns

    @property
    def info_keys(self) -> dict[str, str]:
        """INFO keys of the columns of the sources, by column."""
        taken = {"CSQ"}
        return {column: info_key(column, taken) for column in self.source_columns}


def _columns(source: CompiledSource) -> dict[str, PolarsType]:
    """Columns that a source gives an allele; an interval without fields gives itself.

    An id that nobody asked for and no allele has is no column.
    """
    if source.kind == "allele":
        asked = source.spec.fields is None or "id" in source.spec.columns
        return {**source.fields, "id": pl.String} if asked or source.has_ids else source.fields
    if source.fields:
        return source.fields
    return {"gene_key": pl.String} if source.kind == "gene" else {"interval_start": pl.Int32}


def _one_each(found: pl.DataFrame, source: CompiledSource) -> pl.DataFrame:
    """Make one row an allele of the rows of a join."""
    columns = _columns(source)
    if source.kind == "allele" and source.spec.entries is None:
        return found.unique(KEY, keep="first").select(*KEY, *columns)
    texts = [
        pl.col(n).drop_nulls().unique(maintain_order=True).alias(n)
        if t == pl.String
        else pl.col(n).drop_nulls().first().alias(n)
        for n, t in columns.items()
    ]
    joined = [
        pl.when(pl.col(n).list.len() > 0).then(pl.col(n).list.join("&")).alias(n)
        for n, t in columns.items()
        if t == pl.String
    ]
    return found.group_by(KEY, maintain_order=True).agg(texts).with_columns(joined)


def open_records(path: Path, block: int = BLOCK) -> VcfText:
    """Open a VCF (plain, gzip) or a BCF as blocks of VCF text of about `block` bytes.

    Raises
    ------
    InputError
        If the file is cut off, damaged or neither of them (also while reading).
    """
    if path.suffix != ".bcf":
        return open_vcf_text(path, block)
    with _told(path):
        file = pysam.VariantFile(str(path))
    return VcfText(str(file.header).rstrip("\n").split("\n"), _bcf_blocks(path, file))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what htslib cannot read as a mistake of the user."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: no BCF, or cut off or damaged ({error})", "copy it again"
        ) from error


def _bcf_blocks(path: Path, file: pysam.VariantFile) -> Iterator[bytes]:
    records = iter(file)
    try:
        while True:
            with _told(path):
                held = [str(record) for record in islice(records, _BCF_LINES)]
            if not held:
                return
            yield "".join(held).encode()
    finally:
        # Of a damaged file htslib complains once more when it is closed.
        with suppress(OSError):
            file.close()


def annotated_header(header: list[str], annotator: Annotator) -> bytes:
    """Write the header with the lines of CSQ and of the sources before `#CHROM`."""
    annotator.declared = Declared.of_header(header)
    new, keys = [CSQ_HEADER], annotator.info_keys
    for source in annotator.sources:
        what = f"{source.name}{f' ({source.version})' if source.version else ''}"
        what += ", frequencies without counts" if source.af_only else ""
        for name, dtype in _columns(source).items():
            kind = "Float" if dtype == pl.Float64 else "String"
            # VCF has no integers beyond 32 bits, and rs numbers are beyond.
            if dtype in (pl.Int64, pl.Int32, pl.Boolean) and name not in source.wide:
                kind = "Integer"
            new.append(
                f"##INFO=<ID={keys[f'{source.name}_{name}']},Number=A,Type={kind},"
                f'Description="{_plain(name)} of {_plain(what)}">'
            )
    new.append(f"##varhouse_annotate=version={__version__};genes={annotator.model.digest}")
    annotator.old_keys = [
        match[1]
        for name in annotator.withheld
        for line in header
        if (match := re.match(
            rf'##INFO=<ID=({name}_[^,]+),.* of {name}(?:"| \(|, frequencies)', line
        ))
    ]  # fmt: skip
    ids = tuple(line.split(",", 1)[0] + "," for line in new if line.startswith("##INFO"))
    ids += tuple(f"##INFO=<ID={key}," for key in annotator.old_keys)
    kept = [line for line in header[:-1] if not line.startswith(ids)]
    kept = [line for line in kept if not line.startswith("##varhouse_annotate=")]
    return ("\n".join([*kept, *new, header[-1]]) + "\n").encode()


def _plain(text: str) -> str:
    """Text as it may stand in a description."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def annotate_block(block: bytes, annotator: Annotator) -> bytes:
    """Annotate the lines of one block."""
    lines = split_lines(block)
    if lines.is_empty():
        return b""
    alleles = annotator.split(lines)
    added = _csq(alleles, annotator)
    if annotator.sources:
        columns = _source_info(alleles, annotator)
        added = added.join(columns, on="record", how="full", coalesce=True).select(
            "record", add=pl.concat_str("add", "more", separator=";", ignore_nulls=True)
        )
    with_new = (
        lines.with_row_index("record")
        .join(added, on="record", how="left", maintain_order="left")
        .with_columns(
            info=_without(block, ("CSQ", *annotator.info_keys.values(), *annotator.old_keys))
        )
        .with_columns(
            info=pl.when(pl.col("info").is_in(["", "."]))
            .then(pl.col("add").fill_null("."))
            .otherwise(pl.concat_str("info", "add", separator=";", ignore_nulls=True))
        )
    )
    text = with_new.select(
        pl.concat_str([*FIXED, "rest"], separator="\t", ignore_nulls=True)
    ).to_series()
    return (str(text.str.join("\n").item()) + "\n").encode()


def _without(block: bytes, tags: tuple[str, ...]) -> pl.Expr:
    """INFO of the lines of a block without what an earlier run wrote."""
    info = pl.col("info")
    there = [t for t in tags if t.encode() in block]
    if not there:
        return info
    old = rf"(?:^|;)(?:{'|'.join(re.escape(t) for t in there)})(?:=[^;]*)?(?:$|;)"
    # Neighbouring tags share the `;` between them: each pass takes every second one.
    without = info
    for _ in range(2):
        without = without.str.replace_all(old, ";").str.strip_chars(";")
    return pl.when(info.str.contains(old)).then(without).otherwise(info)


def _csq(alleles: pl.DataFrame, annotator: Annotator) -> pl.DataFrame:
    """`CSQ=...` of each record that has a consequence."""
    placed = alleles.filter(pl.col("contig").is_not_null(), pl.col("pos").is_not_null())
    rows = consequences(
        annotator.model,
        placed.select(KEY),
        describe=annotator.describe,
        as_vep=annotator.as_vep,
    )
    entries = rows.select(*KEY, csq=csq_entries(rows))
    return (
        vep_alleles(alleles)
        .join(entries, on=KEY, how="inner", maintain_order="left_right")
        .select("record", entry=pl.concat_str("allele", "csq", separator="|"))
        .group_by("record", maintain_order=True)
        .agg(add=pl.lit("CSQ=") + pl.col("entry").str.join(","))
    )


def _source_info(alleles: pl.DataFrame, annotator: Annotator) -> pl.DataFrame:
    """`name_field=...` of each record with an allele that a source knows."""
    placed = alleles.filter(pl.col("contig").is_not_null())
    found = annotator.with_sources(placed)
    joined = alleles.join(found, on=KEY, how="left", maintain_order="left")
    texts, keys = [], annotator.info_keys
    for name, dtype in annotator.source_columns.items():
        value = pl.col(name)
        value = value.cast(pl.Int8) if dtype == pl.Boolean else value
        text = value.cast(pl.String).str.replace_all(r"[,;=\s]", "_")
        joined_text = text.fill_null(".").str.join(",")
        texts.append(
            pl.when(value.is_not_null().any())
            .then(pl.lit(f"{keys[name]}=") + joined_text)
            .alias(name)
        )
    names = list(annotator.source_columns)
    return (
        joined.group_by("record", maintain_order=True)
        .agg(texts)
        .filter(pl.any_horizontal(pl.col(names).is_not_null()))
        .select("record", more=pl.concat_str(names, separator=";", ignore_nulls=True))
    )
