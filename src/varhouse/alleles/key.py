"""The allele key in frames: who makes it, how it is written, how far an allele reaches."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from varhouse.alleles.extent import (
    UNKNOWN,
    Alt,
    Canonical,
    canonical_breakend,
    is_open,
    read_extent,
)
from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.tables.schema import KEY, SPELT

if TYPE_CHECKING:
    # Readers of a store have no other need of numpy, and wait for its import.
    import numpy as np
    import numpy.typing as npt

    Longs = npt.NDArray[np.int64]

_MOST = 2**31 - 1
_SYMBOL = r"^<[^<>]+>$"
_NO_BASES = r"[<\[\].]"
_PER_ALT = re.compile(r"##INFO=<(?=.*[<,]Number=A[,>]).*?(?<=[<,])ID=(SVLEN|CN)[,>]")
_LENGTH = r"^(\d+)"
_SPAN = r"/SPAN=(\d+)"
# Nothing of the reference lies between POS and the end of these.
_NO_REACH = r"^<(?:INS|TRA|BND|CTX)"


@dataclass(frozen=True)
class Declared:
    """Which INFO keys the header of a file gives to each ALT (Number=A)."""

    svlen: bool = False
    cn: bool = False

    @classmethod
    def of_header(cls, lines: Iterable[str]) -> "Declared":
        """Read the meta lines of a header."""
        found = {match[1] for line in lines if (match := _PER_ALT.match(line))}
        return cls("SVLEN" in found, "CN" in found)


NOTHING = Declared()


def add_extents(
    alleles: pl.DataFrame,
    infos: "Callable[[Longs], pl.Series]",
    declared: Declared,
    canonical: Canonical,
) -> pl.DataFrame:
    """Complete the key of alleles as they stand in a file.

    Parameters
    ----------
    alleles
        contig (canonical; null where it is unknown), pos (1-based), ref, alt, one ALT a
        row, and alt_index (1-based) and n_original (ALTs of the record); others stay.
    infos
        Gives the texts of INFO of some rows.
    declared
        What the header says.
    canonical
        Finds the contig of a mate.

    Returns
    -------
    pl.DataFrame
        The same rows with the column extent, and breakends with canonical mates.
    """
    out = alleles.with_columns(extent=pl.lit(""))
    is_meant = pl.col("alt").str.contains(_NO_BASES)
    rows = alleles.select(is_meant.arg_true().cast(pl.Int64)).to_series()
    if rows.is_empty():
        return out
    some = alleles[rows].select(*SPELT, "alt_index", "n_original")
    open_ = pl.Series([is_open(alt or "") for alt in some["alt"]], dtype=pl.Boolean)
    if not open_.all():
        mates = [canonical_breakend(alt or "", canonical) for alt in some["alt"]]
        out = out.with_columns(out["alt"].scatter(rows, pl.Series(mates, dtype=pl.String)))
    if not open_.any():
        return out
    rows, some = rows.filter(open_), some.filter(open_)
    texts = [
        read_extent(
            alt,
            (info or "").encode(),
            (contig or "", pos or 0, len(ref or "")),
            Alt(index, count, declared.svlen, declared.cn),
            canonical,
        )
        for (contig, pos, ref, alt, index, count), info in zip(
            some.iter_rows(), infos(rows.to_numpy()), strict=True
        )
    ]
    return out.with_columns(out["extent"].scatter(rows, pl.Series(texts, dtype=pl.String)))


def complete_key(frame: pl.DataFrame) -> pl.DataFrame:
    """Give alleles that come without an extent the one they have then.

    It is empty, and unknown (`.`) for symbolic alleles.
    """
    if "extent" in frame.columns:
        return frame
    is_symbol = pl.col("alt").str.contains(_SYMBOL) & ~pl.col("alt").is_in(UNSPECIFIED_ALTS)
    return frame.with_columns(
        extent=pl.when(is_symbol).then(pl.lit(UNKNOWN)).otherwise(pl.lit(""))
    )


def last_of_ref() -> pl.Expr:
    """Make the 1-based position of the last base of ref (Int64)."""
    return pl.col("pos").cast(pl.Int64) + pl.col("ref").str.len_bytes().cast(pl.Int64) - 1


def last_base() -> pl.Expr:
    """Make the 1-based position of the last base that an allele covers (Int64).

    That is the last base of ref, and of a symbolic allele of known length the END of its
    record. An insertion covers no base behind, nor does a breakend.
    """
    extent, pos = pl.col("extent"), pl.col("pos").cast(pl.Int64)
    spelt = last_of_ref()
    size = pl.coalesce(extent.str.extract(_SPAN), extent.str.extract(_LENGTH))
    reach = pos + size.cast(pl.Int64, strict=False)
    far = pl.max_horizontal(spelt, reach).clip(upper_bound=_MOST)
    is_open_ = (extent != "") & ~pl.col("alt").str.contains(_NO_REACH)
    return pl.when(is_open_).then(far).otherwise(spelt)


def key_text() -> pl.Expr:
    """Make the key as text: `chr1-12345-A-T`, `chr1-1303-G-<DEL>-40`."""
    spelt = pl.concat_str([pl.col(c).cast(pl.String) for c in SPELT], separator="-")
    has = pl.col("extent") != ""
    return pl.when(has).then(pl.concat_str(spelt, "extent", separator="-")).otherwise(spelt)


def write_key(frame: pl.DataFrame) -> str:
    """Write the key of the first row of a frame as text."""
    return str(frame.head(1).select(KEY).select(key_text()).item())
