"""VCF text in, VCF text with INFO/CSQ out, block by block.

A block of lines becomes columns, its alleles are annotated as one batch, and the CSQ
strings are joined to the records and put into the INFO column, all with polars: no
object is made per record. The records themselves are not changed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import polars as pl
import pysam

from varhouse import __version__
from varhouse.alleles.key import NOTHING, Declared, add_extents
from varhouse.consequence import consequences
from varhouse.csq import CSQ_HEADER, csq_entries, vep_alleles
from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.hgvs import Describer
from varhouse.infokeys import info_key
from varhouse.infotext import encoded
from varhouse.sources import CompiledSource, Normalise
from varhouse.sources.text import FIXED, VcfText, open_vcf_text, split_lines
from varhouse.tables.schema import KEY, PolarsType
from varhouse.textfile import BLOCK
from varhouse.transcripts.genemodel import GeneModel
from varhouse.view import View

_BCF_LINES = 20_000
_ALT = "_ALT"
"""Ends the key that says which ALT the values of a source are of."""


@dataclass
class Annotator:
    """What is needed to annotate alleles, and what was met on the way.

    `declared` is of the header of what is read. `view` says for whom the output is: in a
    public one `old_keys`, what an earlier run wrote of withheld sources into the input, is
    left out too.
    `as_vep` gives VEP 115's terms.
    """

    model: GeneModel
    contigs: Contigs
    sources: list[CompiledSource] = field(default_factory=list)
    normalise: Normalise | None = None
    describe: Describer | None = None
    view: View = field(default_factory=View)
    as_vep: bool = False
    unknown_contigs: set[str] = field(default_factory=set)
    seen_contigs: set[str] = field(default_factory=set)
    n_records: int = 0
    samples_left_out: int = 0
    old_keys: list[str] = field(default_factory=list)
    declared: Declared = NOTHING
    cut: dict[str, int] = field(default_factory=dict)

    def split(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Give one row for each ALT with its key; contig is null if it is unknown."""
        names = lines["chrom"].drop_nulls().unique().to_list()
        self.seen_contigs.update(names)
        known = {n: c for n in names if (c := self.contigs.canonical(n)) is not None}
        self.unknown_contigs.update(n for n in names if n not in known)
        self.n_records += lines.height
        return split_records(lines, known, self.declared, self.contigs.canonical)

    def with_sources(self, alleles: pl.DataFrame) -> pl.DataFrame:
        """Give the alleles that a source knows, with columns `source_field`.

        The alleles are normalised for the join; the key columns stay as they were. Fields
        of a source that has several records of an allele are lists, with a value for each
        record. Of several intervals, genes or entries the texts are joined by `&`, and of
        numbers the first counts: `cut` counts the alleles that have others.
        """
        out = alleles.select(KEY).unique()
        key = self.normalise(out) if self.normalise is not None else out
        normal = {f"_{c}": key[c] for c in KEY}
        out = out.with_columns(**normal)
        genes = None
        if any(s.kind == "gene" for s in self.sources):
            genes = consequences(self.model, key.filter(pl.col("pos").is_not_null()))
        for source in self.sources:
            found, cut = _one_each(source.join(key.select(KEY), genes), source)
            if cut:
                self.cut[source.name] = self.cut.get(source.name, 0) + cut
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
            for name, dtype in _columns(source).items():
                own = pl.List(dtype) if _several(source) else dtype
                columns[f"{source.name}_{name}"] = own
        return columns

    @property
    def info_keys(self) -> dict[str, str]:
        """INFO keys of the columns of the sources, by column."""
        taken = {"CSQ"}
        keys = {column: info_key(column, taken) for column in self.source_columns}
        marks = [f"{s.name}{_ALT}" for s in self.sources if _several(s)]
        return keys | {mark: info_key(mark, taken) for mark in marks}


def split_records(
    lines: pl.DataFrame,
    known: Mapping[str, str],
    declared: Declared,
    canonical: Callable[[str], str | None],
) -> pl.DataFrame:
    """Make one row for each ALT of lines with its key, as it stands.

    Parameters
    ----------
    lines
        As `split_lines` gives them.
    known
        Names of contigs to those of the key; the contig of any other is null.
    declared, canonical
        For the extent of symbolic alleles, see `add_extents`.

    Returns
    -------
    pl.DataFrame
        record (row of `lines`), index of the ALT from 0, and the key.
    """
    alleles = (
        lines.with_row_index("record")
        .select(
            "record",
            n_original=pl.col("alt").str.count_matches(",", literal=True) + 1,
            index=pl.int_ranges(pl.col("alt").str.count_matches(",", literal=True) + 1),
            contig=pl.col("chrom").replace_strict(known, default=None, return_dtype=pl.String),
            pos=pl.col("pos").cast(pl.Int32, strict=False),
            ref=pl.col("ref").str.to_uppercase(),
            alt=pl.col("alt").str.split(","),
        )
        .explode("index", "alt", empty_as_null=True, keep_nulls=True)
        .with_columns(alt_index=pl.col("index") + 1)
    )
    infos = lines["info"]
    return add_extents(
        alleles,
        lambda rows: infos.gather(alleles["record"].gather(pl.Series(rows))),
        declared,
        canonical,
    ).drop("n_original", "alt_index")


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


def _several(source: CompiledSource) -> bool:
    """Whether the fields of a source are lists, with a value for each record."""
    return source.several and source.spec.entries is None


def _one_each(found: pl.DataFrame, source: CompiledSource) -> tuple[pl.DataFrame, int]:
    """Make one row an allele of the rows of a join.

    Returns
    -------
    rows, cut
        contig, pos, ref, alt and the columns of the source; alleles of which a number is
        the first of different ones.
    """
    columns = _columns(source)
    if _several(source):
        rows = found.select(*KEY, *columns).unique(maintain_order=True)
        return rows.group_by(KEY, maintain_order=True).agg(*columns), 0
    if source.kind == "allele" and source.spec.entries is None:
        # What is there twice says the same.
        return found.unique(KEY, keep="first").select(*KEY, *columns), 0
    texts = [
        pl.col(n).drop_nulls().unique(maintain_order=True).alias(n)
        if t == pl.String
        else pl.col(n).drop_nulls().first().alias(n)
        for n, t in columns.items()
    ]
    others = [
        pl.col(n).drop_nulls().n_unique() > 1 for n, t in columns.items() if t != pl.String
    ]
    joined = [
        pl.when(pl.col(n).list.len() > 0).then(pl.col(n).list.join("&")).alias(n)
        for n, t in columns.items()
        if t == pl.String
    ]
    cut = pl.any_horizontal(pl.lit(value=False), *others).alias("\tcut")
    rows = found.group_by(KEY, maintain_order=True).agg(*texts, cut).with_columns(joined)
    return rows.drop("\tcut"), int(rows["\tcut"].sum())


def open_records(path: Path, block: int = BLOCK) -> VcfText:
    """Open a VCF (plain, gzip) or a BCF as blocks of VCF text of about `block` bytes.

    Raises
    ------
    InputError
        If the file is cut off, damaged or neither of them (also while reading).
    """
    if path.suffix != ".bcf":
        return open_vcf_text(path, block)
    with _as_input_error(path):
        file = pysam.VariantFile(str(path))
    return VcfText(str(file.header).rstrip("\n").split("\n"), _bcf_blocks(path, file))


@contextmanager
def _as_input_error(path: Path) -> Iterator[None]:
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
            with _as_input_error(path):
                lines = [str(record) for record in islice(records, _BCF_LINES)]
            if not lines:
                return
            yield "".join(lines).encode()
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
            number = "." if _several(source) else "A"
            new.append(
                f"##INFO=<ID={keys[f'{source.name}_{name}']},Number={number},Type={kind},"
                f'Description="{plain_text(name)} of {plain_text(what)}">'
            )
        if _several(source):
            new.append(
                f"##INFO=<ID={keys[source.name + _ALT]},Number=.,Type=Integer,Description="
                f'"ALT, from 1, that each value is of, where there are several, '
                f'of {plain_text(what)}">'
            )
    new.append(f"##varhouse_annotate=version={__version__};genes={annotator.model.digest}")
    annotator.old_keys = [
        match[1]
        for name in annotator.view.withheld
        if not annotator.view.shows_source(name)
        for line in header
        if (
            match := re.match(
                rf'##INFO=<ID=({name}_[^,]+),.* of {name}(?:"| \(|, frequencies)', line
            )
        )
    ]
    ids = tuple(line.split(",", 1)[0] + "," for line in new if line.startswith("##INFO"))
    ids += tuple(f"##INFO=<ID={key}," for key in annotator.old_keys)
    kept = [line for line in header[:-1] if not line.startswith(ids)]
    kept = [line for line in kept if not line.startswith("##varhouse_annotate=")]
    columns = header[-1]
    if annotator.view.is_limited:
        kept, columns = _public_lines(kept), "\t".join(columns.split("\t")[:8])
        annotator.samples_left_out = max(len(header[-1].split("\t")) - 9, 0)
    return ("\n".join([*kept, *new, columns]) + "\n").encode()


_PUBLIC_LINE = re.compile(
    r'(##fileformat=VCFv4\.\d|##contig=<ID=[^,<>"]+(?:,length=\d+)?'
    r'|##(?:FILTER|ALT)=<ID=[^,<>"]+,Description="(?:[^"\\]|\\.)*"'
    r'|##INFO=<ID=[^,<>"]+,Number=[^,<>"]+,Type=\w+,Description="(?:[^"\\]|\\.)*")'
)
"""What of a header line may be given to anybody: other lines and keys hold commands, paths,
samples and pedigrees."""


def _public_lines(header: list[str]) -> list[str]:
    found = (_PUBLIC_LINE.match(line) for line in header)
    return [m[0] + (">" if "=<" in m[0] else "") for m in found if m]


def plain_text(text: str) -> str:
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
            info=without_keys(
                lines["info"], ("CSQ", *annotator.info_keys.values(), *annotator.old_keys)
            )
        )
        .with_columns(
            info=pl.when(pl.col("info").is_in(["", "."]))
            .then(pl.col("add").fill_null("."))
            .otherwise(pl.concat_str("info", "add", separator=";", ignore_nulls=True))
        )
    )
    # The rest of a line is FORMAT and the samples.
    shown = FIXED if annotator.view.is_limited else (*FIXED, "rest")
    text = with_new.select(pl.concat_str(shown, separator="\t", ignore_nulls=True)).to_series()
    return (str(text.str.join("\n").item()) + "\n").encode()


def without_keys(infos: pl.Series, tags: tuple[str, ...]) -> pl.Series:
    """Give INFO of records without what an earlier run wrote."""
    there = [t for t in tags if infos.str.contains(t, literal=True).any()]
    if not there:
        return infos
    # A run of such tags at once, as neighbours share the `;` between them.
    tag = "|".join(re.escape(t) for t in there)
    old = rf"(?:^|;)(?:(?:{tag})(?:=[^;]*)?(?:;|$))+"
    without = infos.str.replace_all(old, ";").str.strip_chars(";")
    return without.zip_with(infos.str.contains(old).fill_null(value=False), infos)


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
    """`name_field=...` of each record with an allele that a source knows.

    Values stand in the order of the ALTs. Of a source with several records of an allele
    there is one for each record, and `name_ALT` says which ALT each is of.
    """
    placed = alleles.filter(pl.col("contig").is_not_null())
    found = annotator.with_sources(placed)
    joined = alleles.join(found, on=KEY, how="left", maintain_order="left")
    keys = annotator.info_keys
    texts = [
        _values(name, dtype, keys[name]) for name, dtype in annotator.source_columns.items()
    ]
    for source in annotator.sources:
        if _several(source):
            size = pl.col(f"{source.name}_{next(iter(_columns(source)))}").list.len()
            number = (pl.col("index") + 1).cast(pl.String).repeat_by(size.fill_null(0))
            name = source.name + _ALT
            text = number.list.join(",").filter(size > 0).str.join(",")
            some = (pl.len() > 1) & (size > 0).any()
            texts.append(pl.when(some).then(pl.lit(f"{keys[name]}=") + text).alias(name))
    return (
        joined.group_by("record", maintain_order=True)
        .agg(texts)
        .filter(pl.any_horizontal(pl.col(list(keys)).is_not_null()))
        .select("record", more=pl.concat_str(list(keys), separator=";", ignore_nulls=True))
    )


def _values(name: str, dtype: PolarsType, key: str) -> pl.Expr:
    """`key=...` of the alleles of a record; null where no allele has a value."""
    value = pl.col(name)
    if not isinstance(dtype, pl.List):
        joined = _text(value, dtype).fill_null(".").str.join(",")
        return pl.when(value.is_not_null().any()).then(pl.lit(f"{key}=") + joined).alias(name)
    inner: PolarsType = dtype.inner  # type: ignore[assignment]
    each = value.list.eval(_text(pl.element(), inner).fill_null("."))
    there = value.list.drop_nulls().list.len() > 0
    joined = each.list.join(",").drop_nulls().str.join(",")
    return pl.when(there.any()).then(pl.lit(f"{key}=") + joined).alias(name)


def _text(value: pl.Expr, dtype: PolarsType) -> pl.Expr:
    if dtype == pl.String:
        return encoded(value)
    return (value.cast(pl.Int8) if dtype == pl.Boolean else value).cast(pl.String)
