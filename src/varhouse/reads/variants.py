"""Called variants as a table: the lines of a VCF of one person, split by FORMAT key.

All columns but positions and copies are text as the caller wrote it: nothing is rounded.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError
from varhouse.reads.model import Filters

RAW = "RAW"
"""INFO key by which `bcftools norm` tells of a line it changed what it was before."""

FORMAT = ("GT", "GQ", "DP", "AD", "PL", "SP", "ADF", "ADR")
"""FORMAT keys of a variant, in the order of the gVCF."""

SCHEMA: dict[str, Any] = {
    "pos": pl.Int64,
    "raw_pos": pl.Int64,
    "copies": pl.UInt8,
    "ref": pl.String,
    "alt": pl.String,
    "qual": pl.String,
    "info": pl.String,
    **dict.fromkeys(FORMAT, pl.String),
}
"""Columns of `variants.parquet`. `pos`, `raw_pos`: 1-based POS after and before
normalising."""

_LINE = ["contig", "pos", "id", "ref", "alt", "qual", "filter", "info", "format", "cells"]
_LEFT_OUT = rf"(?:^|;)(?:{RAW}|IDV|IMF)=[^;]*"
"""Of INFO. `mpileup --indels-2.0` writes IDV=0 and IMF=0 for insertions and deletions that
many reads have; AD says how many."""

_MQ = "=<ID=MQ,Number=1,Type=Float"
_LOCAL = re.compile(r"^##(?:INFO|FORMAT)=<ID=([^,>]+)")


def read_variants(text: bytes) -> tuple[pl.DataFrame, list[str]]:
    """Read what `bcftools call | norm` wrote: a VCF of one person and one contig.

    Returns
    -------
    frame
        As `SCHEMA`, in the order of the file; without column `copies`.
    header
        Lines that declare what INFO and FORMAT hold.
    """
    cut = text.find(b"#CHROM\t")
    end = text.find(b"\n", cut)
    if cut < 0 or end < 0:
        raise InputError("bcftools norm wrote no VCF", "look into the log of the step")
    declared = text[:cut].decode().split("\n")
    lines = pl.read_csv(
        text[end + 1 :],
        separator="\t",
        has_header=False,
        new_columns=_LINE,
        schema_overrides=dict.fromkeys(_LINE, pl.String),
        quote_char=None,
        raise_if_empty=False,
    )
    if not lines.height:
        lines = pl.DataFrame(schema=dict.fromkeys(_LINE, pl.String))
    # The name of a contig may hold the character that parts the four.
    raw = pl.col("info").str.extract(
        rf"(?:^|;){RAW}=[^;]*?\|(\d+)\|[A-Za-z]+\|[^|;]+(?:;|$)", 1
    )
    frame = lines.select(
        pl.col("pos").cast(pl.Int64),
        pl.coalesce(raw, "pos").cast(pl.Int64).alias("raw_pos"),
        pl.col("ref").str.to_uppercase(),
        pl.col("alt").str.to_uppercase(),
        "qual",
        pl.col("info").str.replace_all(_LEFT_OUT, "").str.strip_chars_start(";"),
        *_fields(lines),
    )
    frame = frame.with_columns(
        pl.when(pl.col("info") != "").then("info").otherwise(pl.lit("."))
    )
    # VCF 4.2, section 1.6.1, has it as a float, and bcftools warns of its own declaration.
    declared = [line.replace("=<ID=MQ,Number=1,Type=Integer", _MQ) for line in declared]
    return frame, [line for line in declared if _is_kept(line)]


def _is_kept(line: str) -> bool:
    found = _LOCAL.match(line)
    if found is None or found[1] in (RAW, "IDV", "IMF"):
        return False
    return line.startswith("##INFO") or found[1] in FORMAT


def _fields(lines: pl.DataFrame) -> list[pl.Expr]:
    """Take the FORMAT keys out of the cells; `.` where a line lacks one."""
    cells = pl.col("cells").str.split(":")
    out = []
    shapes = [s for s in lines["format"].unique().to_list() if s]
    for key in FORMAT:
        value = pl.lit(".")
        for shape in sorted(shapes):
            keys = shape.split(":")
            if key in keys:
                own = cells.list.get(keys.index(key), null_on_oob=True).fill_null(".")
                value = pl.when(pl.col("format") == shape).then(own).otherwise(value)
        out.append(value.alias(key))
    return out


def covered(frame: pl.DataFrame) -> list[tuple[int, int]]:
    """List what REF of variants covers: 0-based, half-open."""
    ends = frame["pos"] - 1 + frame["ref"].str.len_bytes().cast(pl.Int64)
    return list(zip((frame["pos"] - 1).to_list(), ends.to_list(), strict=True))


def unite_variants(parts: Sequence[Path]) -> tuple[pl.DataFrame, int]:
    """Read the variants of the parts of a contig, in the order of the gVCF.

    Two records of the pile-up may be the same variant once they are normalised, as reads were
    aligned in two ways. The one of the higher QUAL stays.

    Returns
    -------
    frame
        As `SCHEMA`, by position, REF and ALT.
    doubled
        Variants that stood there more than once.
    """
    frame = pl.concat([pl.read_parquet(part, glob=False) for part in parts])
    quality = pl.col("qual").cast(pl.Float64, strict=False).fill_null(-1.0)
    frame = frame.sort(
        "pos", "ref", "alt", quality, "raw_pos", descending=[False, False, False, True, False]
    )
    one = frame.unique(["pos", "ref", "alt"], keep="first", maintain_order=True)
    return one, frame.height - one.height


def judge(frame: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """Add what a call is worth.

    Returns
    -------
    pl.DataFrame
        With `filter` (PASS, or names of `Filters` that hold something against it, joined by
        `;`), `depths` (AD as numbers), `called` (numbers of the alleles of GT).
    """
    numbers = pl.col("AD").str.split(",").list.eval(pl.element().cast(pl.Int64, strict=False))
    alleles = pl.col("GT").str.extract_all(r"\d+").list.eval(pl.element().cast(pl.UInt32))
    frame = frame.with_columns(depths=numbers, called=alleles)
    called_alts = pl.col("called").list.eval(pl.element().filter(pl.element() > 0))
    reads = pl.col("depths").list.gather(called_alts, null_on_oob=True).list.min()
    share = reads / pl.col("depths").list.sum()
    number = {c: pl.col(c).cast(pl.Float64, strict=False) for c in ("qual", "DP", "SP")}
    against = {
        "LowQual": number["qual"] < filters.quality,
        "LowDP": number["DP"].fill_null(0) < filters.depth,
        "AlleleBalance": (pl.col("depths").list.sum() > 0) & (share < filters.balance),
        "StrandBias": number["SP"] > filters.strand,
    }
    words = [pl.when(test).then(pl.lit(name)) for name, test in against.items()]
    said = pl.concat_str(words, separator=";", ignore_nulls=True)
    frame = frame.with_columns(filter=pl.when(said == "").then(pl.lit("PASS")).otherwise(said))
    gone = pl.Series(_in_deletion(frame))
    also = pl.when(pl.col("filter") == "PASS").then(pl.lit("Deleted"))
    return frame.with_columns(
        filter=pl.when(gone)
        .then(also.otherwise(pl.col("filter") + ";Deleted"))
        .otherwise("filter")
    )


def _in_deletion(frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which variants change bases of which no copy is left.

    A deletion of all copies that passes, and that more reads have, stands over them. Reads
    that end shortly behind such a deletion are aligned into it with a few differences; of
    thousands of reads of MT these are so many that QUAL is as high as it can be.
    """
    lengths = pl.col("alt").str.split(",").list.eval(pl.element().str.len_bytes())
    ref = pl.col("ref").str.len_bytes().cast(pl.Int64)
    longest = lengths.list.gather(pl.col("called") - 1, null_on_oob=True).list.max()
    is_called = (pl.col("called").list.len() > 0) & (pl.col("called").list.min() > 0)
    own = frame.select(
        # The base before an insertion or deletion is not changed.
        start=pl.col("pos") - 1 + ((ref > 1) & (lengths.list.min() != ref)).cast(pl.Int64),
        end=pl.col("pos") - 1 + ref,
        reads=pl.col("depths").list.slice(1).list.sum().fill_null(0),
    )
    whole = frame.with_columns(own.get_columns()).filter(
        (pl.col("filter") == "PASS")
        & is_called.fill_null(False)
        & (longest < ref).fill_null(False)
    )
    first = (whole["pos"] - 1 + whole.select(longest).to_series().cast(pl.Int64)).to_numpy()
    order = np.argsort(first, kind="stable")
    first, last = first[order], whole["end"].to_numpy()[order]
    reads = whole["reads"].to_numpy()[order]
    inside = np.zeros(frame.height, bool)
    at = np.searchsorted(first, own["start"].to_numpy(), side="right") - 1
    # Deletions of all copies do not lie over each other: the one before is the one that may.
    found = at >= 0
    inside[found] = (last[at[found]] >= own["end"].to_numpy()[found]) & (
        reads[at[found]] > own["reads"].to_numpy()[found]
    )
    return inside


def filter_lines(filters: Filters) -> list[str]:
    """Write the header lines of the filters."""
    words = {
        "LowQual": f"QUAL below {filters.quality:g}",
        "LowDP": f"FORMAT/DP below {filters.depth:g}",
        "AlleleBalance": f"A called ALT allele has less than {filters.balance:g} of FORMAT/AD",
        "StrandBias": f"FORMAT/SP above {filters.strand:g}",
        "Deleted": "A call that more reads have deletes these bases from all copies",
    }
    return [f'##FILTER=<ID={k},Description="{v}">' for k, v in words.items()]


def count_variants(frame: pl.DataFrame) -> dict[str, Any]:
    """Count the variants of a contig, as `varhouse.reads.metrics` takes them.

    Returns
    -------
    dict
        `calls`: variants; `filtered`: those whose FILTER is not PASS. Of the others: `snvs`
        and `indels` (all that are no SNV); `ti` and `tv`: SNVs of one ALT that are transitions
        and transversions; `het`, `hom_alt`: genotypes where there are two copies. `charr`: the
        sums of CHARR (Lu et al. 2023) over SNVs of one ALT that are homozygous ALT: `sites`,
        reads of REF (`ref_reads`), all reads (`reads`).
    """
    alts = pl.col("alt").str.split(",").list.eval(pl.element().filter(pl.element() != "<*>"))
    is_short = (
        pl.col("alt").str.replace_all("<*>", "N", literal=True).str.contains(r"^.(,.)*$")
    )
    is_snv = (pl.col("ref").str.len_bytes() == 1) & is_short
    pair = pl.col("ref") + alts.list.first()
    is_ti = pair.is_in(["AG", "GA", "CT", "TC"])
    one = is_snv & (alts.list.len() == 1)
    is_diploid = pl.col("called").list.len() == 2
    is_het = is_diploid & (pl.col("called").list.n_unique() == 2)
    hom = is_diploid & ~is_het & (pl.col("called").list.first() > 0)
    ok = pl.col("filter") == "PASS"
    sites = ok & one & hom
    sums = {
        "filtered": ~ok,
        "snvs": ok & is_snv,
        "indels": ok & ~is_snv,
        "ti": ok & one & is_ti,
        "tv": ok & one & ~is_ti,
        "het": ok & is_het,
        "hom_alt": ok & hom,
        "sites": sites,
    }
    reads = {
        "ref_reads": pl.col("depths").list.get(0, null_on_oob=True),
        "reads": pl.col("depths").list.sum(),
    }
    row = frame.select(
        pl.len().alias("calls"),
        *(test.sum().alias(name) for name, test in sums.items()),
        *(value.filter(sites).sum().alias(name) for name, value in reads.items()),
    )
    counts: dict[str, Any] = {k: int(v or 0) for k, v in row.row(0, named=True).items()}
    counts["charr"] = {name: counts.pop(name) for name in ("sites", *reads)}
    return counts
