"""Sites and frequencies of their ALT, from the forms in which a centre has them.

Text of a VCF goes through in blocks: resources of whole genomes have 80 million records.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pysam

from varhouse.errors import ConfigError, InputError, VarhouseError, nearest, not_opened, one_of
from varhouse.sheetfile import Cells, read_sheet_file
from varhouse.textfile import line_blocks, open_text

SCHEMA = {
    "contig": pl.String,
    "pos": pl.Int64,
    "ref": pl.String,
    "alt": pl.String,
    "af": pl.Float64,
}
"""A row a site; `contig` as the reference names it, `pos` 1-based, `af` of `alt`."""

COMMON = (0.05, 0.95)
"""Frequencies: at a rarer allele hardly any contaminant differs from the person."""

_NAMES = {
    "contig": ("contig", "chrom", "chr", "chromosome"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternate"),
}
_ALL = "all"
"""`stratum_by` of the rows of everybody, in tables of a release."""

_BASES = ("A", "C", "G", "T")

Site = tuple[str, int, str, str, float]
"""A row of `SCHEMA`."""


def is_common() -> pl.Expr:
    """Tell which rows are SNVs of intermediate frequency."""
    bases = pl.col("ref").is_in(_BASES) & pl.col("alt").is_in(_BASES)
    return bases & (pl.col("ref") != pl.col("alt")) & pl.col("af").is_between(*COMMON)


def read_sites(sites: Path, field: str) -> tuple[pl.DataFrame, int]:
    """Give the common SNVs of a file, and how many of its rows have a frequency."""
    if sites.is_dir() or sites.suffix == ".parquet":
        return _of_parquet(sites, field)
    try:
        with open_text(sites) as file:
            start = file.read(16)
    except OSError as error:
        raise (not_opened(error) or error) from error
    except EOFError as error:
        raise InputError(f"{sites}: cut off or damaged ({error})", "copy it again") from error
    if start.startswith(b"##fileformat=VCF"):
        return _of_vcf(sites, field)
    rows = _of_bcf(sites, field) if start.startswith(b"BCF") else _of_sheet(sites, field)
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    data = {name: list(values) for name, values in zip(SCHEMA, columns, strict=True)}
    every = pl.DataFrame(data, schema=SCHEMA)
    return every.filter(is_common()), every.height


_INFO = re.compile(rb"##INFO=<ID=([^,>]+).*?Type=(\w+)", re.DOTALL)


def _check_field(sites: Path, field: str, known: Mapping[str, str]) -> None:
    if field not in known:
        raise InputError(
            f"{sites}: no INFO field {field!r} in the header{nearest(field, known)}",
            f"set `field` to the frequency of ALT: {one_of(known)}",
        )
    if known[field] == "Flag":
        raise InputError(
            f"{sites}: INFO field {field!r} is a flag", "set `field` to the frequency of ALT"
        )


def _of_vcf(sites: Path, field: str) -> tuple[pl.DataFrame, int]:
    """Read the text of a VCF in blocks; a whole genome's has 80 million records."""
    line, n_rows, known, found = 1, 0, dict[str, str](), []
    in_header = True
    for block in line_blocks(sites):
        rest = block
        while in_header and rest:
            if not rest.startswith(b"#"):
                in_header = False
                _check_field(sites, field, known)
                break
            head, _, rest = rest.partition(b"\n")
            if info := _INFO.match(head):
                known[info[1].decode(errors="replace")] = info[2].decode()
            line += 1
        if rest.strip():
            rows = _of_records(sites, field, line, rest)
            n_rows += rows.height
            found.append(rows.filter(is_common()))
        line += rest.count(b"\n")
    if in_header:
        _check_field(sites, field, known)
    return pl.concat([pl.DataFrame(schema=SCHEMA), *found]), n_rows


def _of_records(sites: Path, field: str, line: int, text: bytes) -> pl.DataFrame:
    """Read whole lines of records; `line` is the number of the first one."""
    at = {"contig": 0, "pos": 1, "ref": 3, "alt": 4, "info": 7}
    try:
        rows = pl.read_csv(
            text,
            separator="\t",
            has_header=False,
            columns=list(at.values()),
            infer_schema=False,
            quote_char=None,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
            row_index_name="line",
            row_index_offset=line,
        )
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0][:200]
        raise InputError(
            f"{sites}: line {line:,} or after it has not the columns of a VCF ({why})",
            f"ask `varhouse validate {sites.name}`",
        ) from error
    rows.columns = ["line", *at]
    value = pl.col("info").str.extract(rf"(?:^|;){re.escape(field)}=([^;,]*)(?:;|\r|$)")
    rows = rows.with_columns(value=value).filter(
        pl.col("value").is_not_null() & ~pl.col("value").is_in(["", "."])
    )
    rows = rows.filter(~pl.col("alt").str.contains(","))
    rows = rows.with_columns(
        af=pl.col("value").cast(pl.Float64, strict=False),
        pos=pl.col("pos").cast(pl.Int64, strict=False),
    )
    wrong = rows.filter(~pl.col("af").is_between(0, 1).fill_null(value=False))
    if wrong.height:
        _frequency(sites, wrong["line"][0], field, wrong["value"][0])
    wrong = rows.filter(pl.col("pos").is_null())
    if wrong.height:
        raise InputError(f"{sites}:{wrong['line'][0]}: POS is no number", "correct it")
    return rows.select(list(SCHEMA))


def _of_bcf(sites: Path, field: str) -> Iterator[Site]:
    before = pysam.set_verbosity(0)
    number = 0
    try:
        with pysam.VariantFile(str(sites)) as file:
            _check_field(sites, field, {k: str(v.type) for k, v in file.header.info.items()})
            for number, record in enumerate(file, 1):
                alts, af = record.alts, record.info.get(field)
                if isinstance(af, tuple):
                    af = af[0] if len(af) == 1 else None
                if alts is None or len(alts) != 1 or af is None or record.ref is None:
                    continue
                value = _frequency(sites, number, field, af)
                yield record.chrom, record.pos, record.ref, alts[0], value
    except (OSError, ValueError) as error:
        raise InputError(
            f"{sites}: cannot be read after record {number:,} ({error})",
            f"is it cut off? ask `varhouse validate {sites.name}`",
        ) from error
    finally:
        pysam.set_verbosity(before)


def _frequency(sites: Path, line: int, field: str, text: Any) -> float:
    """Read a frequency; `line` is that of the text, of a BCF the number of the record."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise InputError(
            f"{sites}:{line}: {field} is {text!r}, no frequency from 0 to 1",
            "correct it, or set `field` to the frequency of ALT",
        )
    return value


def _found(header: Sequence[str], field: str, sites: Path) -> dict[str, str]:
    """Find the columns of a table of sites, by any of their names."""
    by_name = {h.lower(): h for h in reversed(header)}
    out = {
        own: next((by_name[n] for n in names if n in by_name), "")
        for own, names in _NAMES.items()
    }
    out["af"] = field if field in header else by_name.get(field.lower(), "")
    lacking = [field if own == "af" else own for own, name in out.items() if not name]
    if lacking:
        raise InputError(
            f"{sites}: no column {', '.join(lacking)} in the panel (found: "
            f"{', '.join(header[:12])})",
            "columns contig, pos, ref, alt and the one that `field` names",
        )
    return out


def _of_sheet(sites: Path, field: str) -> Iterator[Site]:
    def is_header(cells: Cells) -> bool:
        names = {c.lstrip("#").strip().lower() for c in cells}
        return all(names & set(own) for own in _NAMES.values())

    sheet = read_sheet_file(sites, "panel", is_header)
    if sheet.problems:
        raise ConfigError(sheet.problems, f"in {sites}")
    at = {
        own: sheet.header.index(name)
        for own, name in _found(sheet.header, field, sites).items()
    }
    columns = [sheet.columns[at[own]] for own in SCHEMA]
    for line, contig, pos, ref, alt, af in zip(sheet.lines, *columns, strict=True):
        if not (pos.isascii() and pos.isdigit()):
            raise InputError(f"{sites}:{line}: position {pos!r} is no number", "correct it")
        if af in ("", ".", "NA"):
            continue
        value = _frequency(sites, line, field, af)
        yield contig, int(pos), ref.upper(), alt.upper(), value


def _of_parquet(sites: Path, field: str) -> tuple[pl.DataFrame, int]:
    totals = sites / "totals"
    folder = totals if totals.is_dir() else sites
    files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else [folder]
    if not files:
        raise InputError(f"{sites}: no Parquet file in the folder", "give the panel's file")
    try:
        rows = pl.scan_parquet(files, hive_partitioning=False, missing_columns="insert")
        header = rows.collect_schema().names()
        own = _found(header, field, sites)
        if "stratum_by" in header:
            rows = rows.filter(pl.col("stratum_by") == _ALL)
        # Sites of several cohorts stand there once for each: together they are one population.
        counts = {"ac", "an"} <= set(header) and field.lower() == "af"
        keys = [
            pl.col(own[k]).cast(SCHEMA[k]).alias(k) for k in ("contig", "pos", "ref", "alt")
        ]
        af = pl.col("ac").sum() / pl.col("an").sum() if counts else pl.col(own["af"]).mean()
        told = rows.filter(pl.col(own["af"]).is_not_null())
        n_rows = int(told.select(pl.len()).collect().item())
        bases = pl.col(own["ref"]).is_in(_BASES) & pl.col(own["alt"]).is_in(_BASES)
        out = (
            told.filter(bases)
            .group_by(keys)
            .agg(af=af.cast(pl.Float64))
            .collect()
            .select(list(SCHEMA))
        )
    except VarhouseError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0][:200]
        raise InputError(
            f"{sites}: cannot be read as a panel ({why})", "write it anew"
        ) from error
    wrong = out.filter(~pl.col("af").is_between(0, 1))
    if wrong.height:
        contig, pos, _, _, value = wrong.row(0)
        raise InputError(
            f"{sites}: {field} is {value} at {contig}:{pos}, no frequency from 0 to 1",
            "correct it, or set `field` to the frequency of ALT",
        )
    return out.filter(is_common()), n_rows
