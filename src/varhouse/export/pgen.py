"""A cohort as PLINK 2 files: `.pgen` with the genotypes, `.pvar` and `.psam` beside it.

A `.pgen` holds two copies of everybody, each an allele or both missing, and which
heterozygous calls are phased. What VCF says beyond that is not altered in silence: it is
written as PLINK 2 itself would read it, counted, and told.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import UsageError, install_extra
from varhouse.export.cohort import choose
from varhouse.export.header import merge_headers
from varhouse.export.joined import merge_records
from varhouse.export.records import Layout, Window, iter_windows, measure
from varhouse.genotypes.calls import parse_gt
from varhouse.store.reader import Store

MOST_ALLELES = 255
"""REF and ALTs of a variant in a `.pgen`."""

BATCH_CALLS = 4_000_000
"""Calls handed to pgenlib at once, about."""

_FIXED = "\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"))
_MISSING = -9
_LACKING = -2
"""In place of a call, while records are written: the person's file does not hold it."""
_PLAIN, _HAPLOID, _HALF, _POLYPLOID, _ODD = range(5)


@dataclass
class Told:
    """What a `.pgen` does not hold, in calls: how it was written instead.

    Attributes
    ----------
    haploid
        One copy: written as two of the same, as PLINK 2 has them on X, Y and MT.
    half
        One copy of two is missing: written as missing.
    polyploid
        More than two copies: written as missing.
    odd
        No genotype of two copies (`/0/1` is): written as missing.
    phased
        Phased calls of two equal alleles: phase is kept of heterozygous calls only.
    lacking
        No call: the person's file does not hold the record. Written as missing.
    """

    haploid: int = 0
    half: int = 0
    polyploid: int = 0
    odd: int = 0
    phased: int = 0
    lacking: int = 0

    def lines(self) -> list[str]:
        """Say what there was of it."""
        how = {
            "haploid": "of one copy are written as two of the same",
            "half": "with one of two copies missing are written as missing",
            "polyploid": "of more than two copies are written as missing",
            "odd": "that are no genotypes are written as missing",
            "phased": "of two equal alleles lose their |: phase is kept of heterozygous ones",
            "lacking": "of people whose file does not hold the record are written as missing",
        }
        return [
            _told(getattr(self, f.name), how[f.name])
            for f in fields(self)
            if getattr(self, f.name)
        ]


def _told(number: int, how: str) -> str:
    return f"{number:,} call{'' if number == 1 else 's'} {how}"


class _Texts(NamedTuple):
    """What each distinct GT text is in a `.pgen`."""

    pair: npt.NDArray[np.int32]
    phased: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.int8]
    silent: npt.NDArray[np.bool_]


def _read_texts(texts: list[str]) -> _Texts:
    n = len(texts)
    out = _Texts(
        np.full((n, 2), _MISSING, np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int8),
        np.zeros(n, np.bool_),
    )
    for k, text in enumerate(texts):
        alleles = parse_gt(text) if text else [-1, -1]
        if alleles is None:
            out.kind[k] = _ODD
        elif len(alleles) > 2:
            out.kind[k] = _POLYPLOID if max(alleles) >= 0 else _PLAIN
        elif -1 in alleles:
            out.kind[k] = _HALF if max(alleles) >= 0 else _PLAIN
        else:
            out.pair[k] = alleles[0], alleles[-1]
            out.kind[k] = _HAPLOID if len(alleles) == 1 else _PLAIN
            is_phased = len(alleles) == 2 and "|" in text.lstrip("|/")
            out.phased[k] = is_phased and alleles[0] != alleles[1]
            out.silent[k] = is_phased and alleles[0] == alleles[1]
    return out


@nb.njit(cache=True, nogil=True)
def _fill(block_at, file, rows, calls, texts, column_at, columns, codes, phase, tally):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the codes of records: int32[n, 2 * people], uint8[n, people]; count oddities."""
    default, begin, end, who, what = calls
    pair, phased, kind, silent = texts
    mine = np.empty(phase.shape[1], np.int64)
    for k in range(codes.shape[0]):
        mine[:] = _LACKING
        for b in range(block_at[k], block_at[k + 1]):
            r, f = rows[b], file[b]
            for c in range(column_at[f], column_at[f + 1]):
                if columns[c] >= 0:
                    mine[columns[c]] = default[r]
            for i in range(begin[r], end[r]):
                if who[i] >= 0:
                    mine[who[i]] = what[i]
        for c in range(mine.size):
            t = mine[c]
            if t < 0:
                tally[6] += t == _LACKING
                codes[k, 2 * c] = -9
                codes[k, 2 * c + 1] = -9
                phase[k, c] = 0
                continue
            codes[k, 2 * c] = pair[t, 0]
            codes[k, 2 * c + 1] = pair[t, 1]
            phase[k, c] = phased[t]
            tally[kind[t]] += 1
            tally[5] += silent[t]


def export_pgen(
    store: Store,
    cohort: str,
    out: str | Path,
    progress: Callable[[str, int], None] | None = None,
    *,
    samples: Sequence[str] | None = None,
    region: str | None = None,
) -> tuple[int, Told]:
    """Write a cohort as `NAME.pgen`, `NAME.pvar` and `NAME.psam`.

    Parameters
    ----------
    out
        `NAME.pgen`; the three files appear when they are whole.
    store, cohort, progress, samples, region
        As of `export_cohort`.

    Returns
    -------
    (int, Told)
        Records written, and what was written otherwise than VCF has it.

    Raises
    ------
    StoreError
        If the store has no such cohort, or its tables contradict each other.
    UsageError
        If pgenlib is not installed, a name is wrong, nobody has a column, or a record has
        more alleles than a `.pgen` holds.
    """
    out = Path(out)
    if not out.name.endswith(".pgen"):
        raise UsageError(f"{out}: the name must end with .pgen")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}", f"mkdir -p {out.parent}")
    chosen = choose(store, cohort, samples, region, has_blocks=False)
    layout, span = chosen.layout, chosen.span
    sizes = [measure(store, cohort, contig, layout, span) for contig in chosen.written]
    variants = sum(n for n, _ in sizes)
    if not variants:
        raise UsageError("no record is chosen: a .pgen has at least one")
    people = store.scan("samples", cohort=cohort).select("sample", "sex").collect()
    text = merge_headers(chosen.headers, chosen.layout.samples).split("\n")
    meta = [ln for ln in text if ln.startswith("##") and not ln.startswith("##FORMAT=")]
    name = out.name.removesuffix(".pgen")
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".pgen-") as folder:
        own = Path(folder)
        writer = _Writer(own, layout, variants, max(alleles for _, alleles in sizes))
        done = 0
        with (own / "pvar").open("wb") as pvar:
            pvar.write("\n".join([*meta, _FIXED, ""]).encode())
            for contig, spelt in chosen.written.items():
                for window in iter_windows(store, cohort, contig, layout, span):
                    records = writer.add(window)
                    # One name for a contig, as its files may have several.
                    records = records.with_columns(pl.lit(spelt).alias("chrom"))
                    pvar.write(_variant_lines(records))
                    done += records.height
                    if progress is not None:
                        progress(contig, done)
        writer.close()
        sexes = dict(people.rows())
        (own / "psam").write_text(_sample_lines(chosen.layout.samples, sexes), "utf-8")
        for kind in ("psam", "pvar", "pgen"):
            (own / kind).replace(out.with_name(f"{name}.{kind}"))
    return done, writer.told


class _Writer:
    """Writes genotypes of records of a cohort to a `.pgen`."""

    def __init__(self, folder: Path, layout: Layout, variants: int, alleles: int) -> None:
        try:
            import pgenlib  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise UsageError(
                "PLINK 2 files need pgenlib, which is not installed",
                install_extra("pgen"),
            ) from None
        if not layout.samples:
            raise UsageError("nobody has a sample column: there is nothing for a .pgen")
        if alleles > MOST_ALLELES:
            raise UsageError(
                f"a record has {alleles:,} alleles; a .pgen holds {MOST_ALLELES} at most",
                "export as .vcf.gz",
            )
        self.told = Told()
        self._layout = layout
        self._pgen: Any = pgenlib.PgenWriter(
            str(folder / "pgen").encode(),
            len(layout.samples),
            nonref_flags=False,
            allele_ct_limit=max(alleles, 2),
            hardcall_phase_present=True,
            variant_ct=variants,
        )

    def add(self, window: Window) -> pl.DataFrame:
        """Write the genotypes of a window; give its records, equal ones joined."""
        layout, sites, calls = self._layout, window.sites, window.calls
        records, group = sites, np.arange(sites.height)
        if layout.merged:
            records, place = merge_records(sites)
            group = place.to_numpy()
        rows = np.argsort(group, kind="stable")
        block_at = np.zeros(records.height + 1, np.int64)
        block_at[1:] = np.cumsum(np.bincount(group, minlength=records.height))
        file = sites["file"].to_numpy()[rows]
        texts = _read_texts(calls.texts)
        listed = (calls.default, calls.begin, calls.end, calls.who, calls.what)
        counts = records["alt"].str.count_matches(",").to_numpy() + 2
        people = len(layout.samples)
        step = max(BATCH_CALLS // people, 1)
        tally = np.zeros(7, np.int64)
        at, columns = layout.column_at, layout.columns
        for a in range(0, records.height, step):
            b = min(a + step, records.height)
            codes = np.empty((b - a, 2 * people), np.int32)
            phase = np.empty((b - a, people), np.uint8)
            where = (block_at[a : b + 1], file, rows)
            _fill(*where, listed, texts, at, columns, codes, phase, tally)
            self._pgen.append_partially_phased_batch(codes, phase, counts[a:b].tolist())
        self._count(tally)
        return records

    def _count(self, tally: npt.NDArray[np.int64]) -> None:
        told = self.told
        told.haploid += int(tally[_HAPLOID])
        told.half += int(tally[_HALF])
        told.polyploid += int(tally[_POLYPLOID])
        told.odd += int(tally[_ODD])
        told.phased += int(tally[5])
        told.lacking += int(tally[6])

    def close(self) -> None:
        """Complete the file."""
        self._pgen.close()


def _variant_lines(records: pl.DataFrame) -> bytes:
    cells = [
        pl.col("chrom"), pl.col("pos").cast(pl.String), pl.col("id").fill_null("."),
        pl.col("ref"), pl.col("alt"), pl.col("qual").fill_null("."), pl.col("filter"),
        pl.col("info"),
    ]  # fmt: skip
    lines = records.select(pl.concat_str(cells, separator="\t"))
    text = lines.write_csv(include_header=False, quote_style="never")
    return text.encode()


def _sample_lines(samples: Sequence[str], sex: dict[str, str]) -> str:
    """Make the text of a `.psam`."""
    code = {"male": "1", "female": "2"}
    rows = [f"{name}\t{code.get(sex.get(name, ''), 'NA')}" for name in samples]
    return "\n".join(["#IID\tSEX", *rows, ""])
