"""Answers as a sites-only VCF 4.3 that bcftools reads.

INFO holds END and SVLEN of symbolic alleles and what else tells them apart, AC, AN and AF
over all cohorts and of each cohort, the type, genes and genomic name of the allele, each
field of each source as `SOURCE_FIELD`, and CSQ of the most severe transcript in the layout
of VEP, for `bcftools +split-vep`; or only the columns that were asked for. An allele that
was not assessed has no AN; one that nobody was called for has AN=0 and no AF. What is
missing has no key. Letters that mean something in INFO are percent-encoded
(`varhouse.infotext`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from varhouse import __version__
from varhouse.alleles.extent import INFO_KEYS
from varhouse.csq import CSQ_COLUMNS, CSQ_FIELDS, csq_entries
from varhouse.infokeys import info_key
from varhouse.infotext import encoded
from varhouse.query.cells import Sink
from varhouse.query.openinfo import OPEN_LINES, open_info
from varhouse.query.overview import Overview
from varhouse.store.history import errata_lines
from varhouse.tables.schema import KEY, PolarsType
from varhouse.tables.statistics import of_records

_FIXED = (*KEY, "id")
_COUNTS = ("ac", "an", "af")
_OF_ALLELE = ("type", "gene", "hgvs_g")
_JOINED = {"gene"}
"""Columns whose texts are several, joined by `;`."""

_PER_RECORD = re.compile(rf"^(?:{'|'.join(map(re.escape, sorted(of_records())))})(?:_|\Z)")
_MARKS = {"source_version", "licence", "redistribute", "af_only"}
"""Columns of a source that say the same of every allele."""

_PLACES = {"interval_start", "interval_end", "gene_key"}
"""Columns that say by what an allele was joined: told of sources that have no field."""

_MOST = 2**31 - 1


@dataclass(frozen=True)
class _Info:
    """An INFO key: the column it is of, its Number and Type, and what it means."""

    key: str
    column: str
    number: str
    type: str
    meaning: str

    @property
    def line(self) -> str:
        return (
            f"##INFO=<ID={self.key},Number={self.number},Type={self.type},"
            f"Description={_quoted(self.meaning)}>"
        )

    def text(self, dtype: PolarsType) -> pl.Expr:
        """Give `KEY=value`, null where there is none."""
        value = pl.col(self.column)
        if isinstance(dtype, pl.List):
            texts = value.cast(pl.List(pl.String)).list.eval(
                encoded(pl.element()).fill_null(".")
            )
            text = pl.when(value.list.len() > 0).then(texts.list.join(","))
        elif dtype == pl.String and self.column in _JOINED:
            parts = value.str.split(";").list.eval(encoded(pl.element()))
            text = pl.when(value != "").then(parts.list.join(","))
        elif dtype == pl.String:
            text = pl.when(value != "").then(encoded(value))
        elif dtype == pl.Boolean:
            text = pl.when(value.is_not_null()).then(value.cast(pl.Int8).cast(pl.String))
        else:
            text = pl.when(value.is_not_null()).then(value.cast(pl.String))
        return pl.lit(f"{self.key}=") + text


class VcfWriter:
    """Writes the overview as VCF.

    Parameters
    ----------
    asked
        Columns of the overview that become INFO; empty: the default ones and CSQ.

    Attributes
    ----------
    columns
        What the frames must have.
    """

    def __init__(self, stream: Sink, overview: Overview, asked: Sequence[str] = ()) -> None:
        self._stream = stream
        self._schema = overview.schema
        self._infos = _infos(overview, asked)
        self._with_csq = not asked
        store = overview.store
        lines = [
            "##fileformat=VCFv4.3",
            f"##source=varhouse {__version__} release {store.release}",
            *(f"##varhouse_erratum={line}" for line in errata_lines(store)),
        ]
        for c in store.assembly_contigs.contigs:
            length = f",length={c.length}" if c.length else ""
            lines.append(f'##contig=<ID={c.name}{length},assembly="{store.assembly}">')
        lines += OPEN_LINES if store.may_be_open(store.file_frame("variants")) else []
        lines += [i.line for i in self._infos]
        if self._with_csq:
            lines.append(
                '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence on the most '
                f'severe transcript of each allele. Format: {"|".join(CSQ_FIELDS)}">'
            )
        lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
        stream.write(("\n".join(lines) + "\n").encode())
        csq = CSQ_COLUMNS if self._with_csq else ()
        self.columns = list(dict.fromkeys([*_FIXED, *(i.column for i in self._infos), *csq]))

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        if not frame.height:
            return
        infos = [open_info(frame), *(i.text(self._schema[i.column]) for i in self._infos)]
        if self._with_csq:
            infos.append(_csq(frame))
        info = pl.concat_str(
            [*infos, pl.lit(None, pl.String)], separator=";", ignore_nulls=True
        )
        lines = frame.select(
            "contig",
            "pos",
            pl.col("id").fill_null("."),
            "ref",
            "alt",
            pl.lit(".").alias("qual"),
            pl.lit(".").alias("filter"),
            pl.when(info == "").then(pl.lit(".")).otherwise(info).alias("info"),
        )
        text = lines.write_csv(include_header=False, separator="\t", quote_style="never")
        self._stream.write(text.encode())

    def close(self) -> None:
        """Do nothing: there is no end mark."""


def _infos(overview: Overview, asked: Sequence[str]) -> list[_Info]:
    """Choose the INFO keys: of the columns asked for, or of the default ones."""
    columns = [c for c in asked if c not in _FIXED]
    if not asked:
        of_cohorts = [f"{n}_{c}" for c in overview.cohorts for n in _COUNTS]
        columns = [*_COUNTS, *of_cohorts, *_OF_ALLELE, *_source_columns(overview)]
    keys: set[str] = {"CSQ", *INFO_KEYS}
    return [_info(overview, column, keys) for column in columns]


def _source_columns(overview: Overview) -> list[str]:
    """Name what the sources say of each allele."""
    by_source: dict[str, list[str]] = {}
    for name in overview.schema:
        source, dot, field = name.partition(".")
        if dot and field not in _MARKS and not overview.is_count_of_records(name):
            by_source.setdefault(source, []).append(name)
    chosen = []
    for source, names in by_source.items():
        fields = [n for n in names if n.removeprefix(f"{source}.") not in _PLACES]
        chosen += fields or names
    return chosen


def _info(overview: Overview, column: str, keys: set[str]) -> _Info:
    """Declare the INFO key of a column; `keys` are those that are taken."""
    source, dot, field = column.partition(".")
    cohort = next((c for c in overview.cohorts if column.endswith(f"_{c}") and not dot), None)
    counted = column if cohort is None else column.removesuffix(f"_{cohort}")
    name, meaning = column, overview.meaning(column)
    if dot:
        name, meaning = f"{source}_{field}", f"{field} of {overview.source_text(source)}"
    elif counted in _COUNTS:
        what = "Called copies of the allele", "Called alleles", "AC / AN"
        who = "all cohorts" if cohort is None else f"cohort {cohort}"
        name = f"{counted.upper()}{column[2:]}"
        meaning = f"{what[_COUNTS.index(counted)]}, {who}"
    dtype = overview.schema[column]
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    kind = "String"
    if inner == pl.Boolean:
        kind = "Integer"
    elif inner.is_float():
        kind = "Float"
    elif inner.is_integer() and (inner != pl.Int64 or overview.greatest(column) <= _MOST):
        # VCF has no integers beyond 32 bits.
        kind = "Integer"
    several = isinstance(dtype, pl.List) or column in _JOINED
    number = "." if several else "1" if _PER_RECORD.match(column) else "A"
    return _Info(info_key(name, keys), column, number, kind, meaning)


def _quoted(text: str) -> str:
    plain = re.sub(r"\s+", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _csq(frame: pl.DataFrame) -> pl.Expr:
    """`CSQ=...` with the allele as VEP names that of a record with one ALT."""
    ref, alt = pl.col("ref"), pl.col("alt")
    rest = alt.str.slice(1)
    cut = (ref.str.len_bytes() != alt.str.len_bytes()) & (ref.str.head(1) == alt.str.head(1))
    allele = pl.when(cut & (rest == "")).then(pl.lit("-")).when(cut).then(rest).otherwise(alt)
    entry = pl.format("CSQ={}|{}", allele, csq_entries(frame))
    return pl.when(pl.col("consequence").is_not_null()).then(entry)
