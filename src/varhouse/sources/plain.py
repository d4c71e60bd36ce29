"""Rows of the VCF lines that most files are made of, without a text for each number.

A block is plain if every line has its columns and a position, alleles are bases (or `.` and
`*`, which are no alleles), all is ASCII, and no INFO key is written oddly. Any other block
goes through `varhouse.sources.vcf`, which gives the same rows of a plain one, only slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from varhouse.genome.contigs import Contigs
from varhouse.infotext import decoded
from varhouse.sources.fields import SINGLE, Field
from varhouse.sources.lines import Bytes, Cut, LineReader, Longs, ReadLines, Sizes
from varhouse.sources.presets import STARS
from varhouse.tables.textcolumn import numbers
from varhouse.tables.textviews import MAX_TEXT, span_column

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGTNacgtn", np.uint8))
_PLACES = {"qual": 5, "filter": 6}


@dataclass
class _Rows:
    """The alleles of a block: `record` and 0-based `index` of their ALT, int64[rows]."""

    text: Bytes
    record: Longs
    index: Longs
    alt_at: Longs
    alt_size: Sizes
    n_alt: Longs  # of each row's record
    every: bool  # each record has its one row

    def of_record(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Give each row the value of its record."""
        return values if self.every else values[self.record]


class PlainReader:
    """Reads plain blocks of a VCF.

    Parameters
    ----------
    read_lines
        Makes what cuts lines (see `varhouse.sources.lines`).
    declared
        All INFO fields of the header.
    fields
        The wanted ones.
    escapes
        The text of INFO is percent-encoded.
    """

    def __init__(
        self,
        read_lines: ReadLines,
        declared: Sequence[Field],
        fields: Sequence[Field],
        contigs: Contigs,
        *,
        escapes: bool,
    ) -> None:
        self._fields, self._contigs, self._escapes = list(fields), contigs, escapes
        # Other columns than INFO have no flags, and G needs all of a record's ALTs.
        self._can = not any(
            f.number == "G" or (f.place != "info" and f.dtype == pl.Boolean) for f in fields
        )
        keys = {f.key: f.dtype == pl.Boolean for f in declared}
        mine = [f for f in fields if f.place == "info"]
        keys |= {f.key: f.dtype == pl.Boolean for f in mine}
        names = list(dict.fromkeys(f.key for f in mine))
        self._texts = [n for n in names if not keys[n]]
        self._flags = [n for n in names if keys[n]]
        # A key that one field takes for a flag and another for a text is read by polars.
        self._can &= all(keys[f.key] == (f.dtype == pl.Boolean) for f in mine)
        self._read: LineReader = read_lines(keys, names)

    def alleles(self, block: bytes, counts: dict[str, int]) -> pl.DataFrame | None:
        """Give the alleles of a block as `vcf_alleles` does; None if it is not plain."""
        if not self._can or not block.isascii() or b"\x1f" in block or len(block) >= MAX_TEXT:
            return None
        cut = self._read(block if block.endswith(b"\n") else block + b"\n")
        batch = cut.batch
        n = batch.end.size
        if not n or not cut.plain or (batch.tabs < 7).any() or (batch.pos < 0).any():
            return None
        run, n_alt = np.empty(n, np.int64), np.empty(n, np.int64)
        good = batch.pos > 0
        names = np.empty((n, 2), np.int64)
        n_names, rows, is_odd, is_low = _measure(
            batch.text, batch.start, _IS_BASE, run, names, n_alt, good
        )
        contigs = [
            self._contigs.canonical(block[a:b].decode("ascii")) for a, b in names[:n_names]
        ]
        if is_odd or None in contigs:
            return None
        text = batch.text
        if is_low:
            text = text.copy()
            _raise(text, batch.start, _UPPER)
            text.flags.writeable = False
        record, index, alt_at, alt_size = _split(
            text, batch.start, _IS_BASE, n_alt, good, rows
        )
        every = rows == n and record.size == n
        mine = _Rows(text, record, index, alt_at, alt_size, n_alt[record], every)
        counts["records"] += n
        counts["not_an_allele"] += rows - record.size
        return self._frame(cut, mine, contigs, run, counts)

    def _frame(
        self,
        cut: Cut,
        rows: _Rows,
        contigs: list[str | None],
        run: Longs,
        counts: dict[str, int],
    ) -> pl.DataFrame:
        start = cut.batch.start
        height = rows.record.size

        def column(k: int) -> tuple[Longs, Sizes]:
            at = rows.of_record(start[:, k])
            size = rows.of_record(start[:, k + 1]) - at - 1  # type: ignore[operator]
            return np.ascontiguousarray(at, np.int64), size.astype(np.int32)

        names = pl.Series(contigs, dtype=pl.String)
        contig = (
            pl.repeat(contigs[0], height, dtype=pl.String, eager=True)
            if len(contigs) == 1
            else names.gather(pl.Series(rows.of_record(run)))
        )
        pos = rows.of_record(cut.batch.pos).astype(np.int32)
        out = [
            contig.alias("contig"),
            pl.Series("pos", pos),
            span_column("ref", rows.text, *column(3)),
            span_column("alt", rows.text, rows.alt_at, rows.alt_size),
            pl.repeat("", height, dtype=pl.String, eager=True).alias("extent"),
        ]
        for field in self._fields:
            if field.place == "info" and field.dtype == pl.Boolean:
                flags = rows.of_record(cut.flags[self._flags.index(field.key)])
                out.append(pl.Series(field.column, flags))
                continue
            if field.place == "info":
                k = self._texts.index(field.key)
                at, size = rows.of_record(cut.at[k]), rows.of_record(cut.size[k])
            else:
                at, size = column(_PLACES[field.place])
                size = _without_dots(rows.text, at, size)
            value, lost = self._value(field, rows, at, size)  # type: ignore[arg-type]
            counts["unreadable"] += lost
            out.append(value.alias(field.column))
        at, size = column(2)
        out.append(span_column("id", rows.text, at, _without_dots(rows.text, at, size)))
        return pl.DataFrame(out)

    def _value(self, f: Field, rows: _Rows, at: Longs, size: Sizes) -> tuple[pl.Series, int]:
        """Type the values of a field for the alleles; and count those that were lost."""
        text = rows.text
        if f.stars:
            whole = span_column("", text, at, size)
            value = whole.replace_strict(STARS, default=None, return_dtype=pl.Int64)
            return value, value.null_count() - whole.null_count()
        lost = 0
        is_list = f.number in ("A", "R")
        if is_list and not (rows.every and f.dtype != pl.String and f.number == "A"):
            at, size, lost = _pick(
                text, at, size, rows.index, rows.n_alt, int(f.number == "R")
            )
            is_list = False
        if f.dtype == pl.String:
            value = span_column("", text, at, size)
            if self._escapes and f.place == "info":
                is_whole = f.number in SINGLE
                value = (
                    value.to_frame().select(decoded(pl.first(), whole=is_whole)).to_series()
                )
            return value, lost
        read = self._read.wholes if f.dtype == pl.Int64 else self._read.reals
        values, state = read(text, at, size)
        value = numbers(values, state > 0)
        odd = np.flatnonzero(state < 0)
        if odd.size:
            at, size = at[odd], size[odd]
            if is_list:
                # Where records have one ALT only a list of another length holds a comma.
                at, size, lost = _pick(text, at, size, rows.index[odd], rows.n_alt[odd], 0)
            texts = span_column("", text, at, size)
            some = texts.cast(f.dtype, strict=False)
            lost += some.null_count() - texts.null_count()
            value = value.scatter(odd, some)
            # What is no number is no value: comparisons would take NaN for the greatest.
            value = value.fill_nan(None) if f.dtype == pl.Float64 else value
        return value, lost


def _without_dots(text: Bytes, at: Longs, size: Sizes) -> Sizes:
    """Give the sizes of cells, -1 for those that are `.`."""
    return np.where((size == 1) & (text[at] == ord(".")), np.int32(-1), size)


@njit(cache=True, nogil=True)
def _measure(text, start, is_base, run, names, n_alt, good):  # type: ignore[no-untyped-def]
    """Find runs of one CHROM, count ALTs, and look at the alleles.

    Fills for each line its run, its number of ALTs and whether it has a REF of bases (and
    was good before), and for each run its name's span. Gives the number of runs, of ALTs,
    whether an ALT is neither bases nor `.` nor `*`, and whether a base is in lower case.
    """
    runs, rows = 0, 0
    is_odd, is_low = False, False
    for k in range(n_alt.size):
        a, b = start[k, 0], start[k, 1] - 1
        same = k > 0 and b - a == names[runs - 1, 1] - names[runs - 1, 0]
        if same:
            first = names[runs - 1, 0]
            for j in range(b - a):
                same = same and text[a + j] == text[first + j]
        if not same:
            names[runs, 0], names[runs, 1] = a, b
            runs += 1
        run[k] = runs - 1
        a, b = start[k, 3], start[k, 4] - 1
        good[k] &= b > a
        for j in range(a, b):
            good[k] &= is_base[text[j]]
            is_low |= text[j] > 96
        several = 1
        a = b + 1
        b = start[k, 5] - 1
        for j in range(a, b):
            c = text[j]
            if c == 44:
                several += 1
                continue
            is_low |= c > 96
            if not is_base[c]:
                alone = (j == a or text[j - 1] == 44) and (j + 1 == b or text[j + 1] == 44)
                is_odd |= not (alone and (c == 46 or c == 42))
        n_alt[k] = several
        rows += several
    return runs, rows, is_odd, is_low


@njit(cache=True, nogil=True)
def _raise(text, start, upper):  # type: ignore[no-untyped-def]
    """Write REF and ALT in capitals."""
    for k in range(start.shape[0]):
        for j in range(start[k, 3], start[k, 5] - 1):
            text[j] = upper[text[j]]


@njit(cache=True, nogil=True)
def _split(text, start, is_base, n_alt, good, rows):  # type: ignore[no-untyped-def]
    """List the alleles of the good lines: record, index and span of each ALT of bases."""
    record, index = np.empty(rows, np.int64), np.empty(rows, np.int64)
    at, size = np.empty(rows, np.int64), np.empty(rows, np.int32)
    n = 0
    for k in range(n_alt.size):
        if not good[k]:
            continue
        a, b = start[k, 4], start[k, 5] - 1
        for i in range(n_alt[k]):
            j = a
            while j < b and text[j] != 44:
                j += 1
            if j > a and is_base[text[a]]:
                record[n], index[n], at[n], size[n] = k, i, a, j - a
                n += 1
            a = j + 1
    return record[:n], index[:n], at[:n], size[:n]


@njit(cache=True, nogil=True)
def _pick(text, at, size, index, n_alt, shift):  # type: ignore[no-untyped-def]
    """Find the value of each row's ALT in a list with one for each (`shift` before them).

    Gives spans, -1 bytes for a value that is empty or `.`, and counts the lists of another
    length, which have no value for anyone.
    """
    one_at, one_size = np.empty(at.size, np.int64), np.empty(at.size, np.int32)
    lost = 0
    for k in range(at.size):
        one_at[k], one_size[k] = at[k], -1
        if size[k] < 0:
            continue
        a, end = at[k], at[k] + size[k]
        count, wanted = 0, index[k] + shift
        found, until = a, a
        j = a
        while True:
            if j == end or text[j] == 44:
                if count == wanted:
                    found, until = a, j
                count += 1
                a = j + 1
                if j == end:
                    break
            j += 1
        if count != n_alt[k] + shift:
            lost += 1
        elif until > found and not (until - found == 1 and text[found] == 46):
            one_at[k], one_size[k] = found, until - found
    return one_at, one_size, lost
