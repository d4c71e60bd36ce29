"""A cohort as VCF or BCF: header, records in contig order, genotypes.

Memory holds one window of records, not the cohort. VCF is written by a compiled pass;
BCF goes through the bcftools that pysam carries, in a process of its own.
"""

import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple, cast

import polars as pl

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError, StoreError, UsageError, nearest
from varhouse.export.header import (
    declare_contig,
    declare_filter,
    declare_format,
    declare_info,
    merge_headers,
)
from varhouse.export.lines import iter_lines
from varhouse.export.records import Layout, Span, iter_contigs, iter_windows, make_layout
from varhouse.export.recount import HEADER as RECOUNTED
from varhouse.files import new_file
from varhouse.genome.regions import parse_region
from varhouse.store.history import errata_lines
from varhouse.store.reader import Store

log = logging.getLogger("varhouse.export")

Buffer = bytes | memoryview

_ENDINGS = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf")
_REASON = re.compile(r"(\[[^\n]*?)(?:\\n|'?$)", re.MULTILINE)
_TO_BCF = (
    "import sys, pysam.bcftools as b;"
    "b.view('--no-version', '-Ob', '-o', sys.argv[1], '-', catch_stdout=False)"
)


def export_cohort(
    store: Store,
    cohort: str,
    out: str | Path,
    progress: Callable[[str, int], None] | None = None,
    *,
    samples: Sequence[str] | None = None,
    region: str | None = None,
    recounts: bool = False,
) -> int:
    """Write a cohort as one file: the records as they came, with all FORMAT fields.

    Parameters
    ----------
    store
        The opened store.
    cohort
        Name of the cohort.
    out
        The file to write, by its ending `.vcf`, `.vcf.gz` or `.bcf`; it appears when it
        is whole.
    progress
        Called with each contig and the records written so far.
    samples
        The samples to write, in the order of their columns; None: all. Of several files
        only those with one of them are written.
    region
        `CONTIG` or `CONTIG:START-END` (1-based, closed): only records that overlap it.
    recounts
        Write AC, AN and AF of INFO anew, of the samples that are written.

    Returns
    -------
    int
        Records written.

    Raises
    ------
    StoreError
        If the store has no such cohort, or its tables contradict each other.
    UsageError
        If the name of the file ends otherwise, or its folder does not exist; if there is
        no such sample or contig.
    InputError
        If the BCF could not be made.
    """
    out = Path(out)
    if not out.name.endswith(_ENDINGS):
        raise UsageError(f"{out}: the name must end with .vcf, .vcf.gz or .bcf")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}", f"mkdir -p {out.parent}")
    chosen = choose(store, cohort, samples, region)
    names = chosen.names
    # BCF holds numbers of header lines, so everything must be declared there.
    needed = _declare_all(store, cohort, names) if out.name.endswith(".bcf") else []
    layout = replace(chosen.layout, recounts=recounts and bool(chosen.layout.samples))
    said = [f"##varhouse_erratum={line}" for line in errata_lines(store)]
    needed = [*said, *(RECOUNTED if layout.recounts else ()), *needed]
    header = merge_headers(chosen.headers, layout.samples, needed)
    with _open(out) as write:
        write(header.encode())
        return _write_records(
            store, cohort, layout, chosen.written, chosen.span, write, progress
        )


class Chosen(NamedTuple):
    """What of a cohort is exported.

    Attributes
    ----------
    layout
        Whose columns.
    headers
        Of its files.
    names
        The contigs of the cohort and what its files call them.
    written, span
        Those of them that are written, and which bases.
    """

    layout: Layout
    headers: list[str]
    names: dict[str, str]
    written: dict[str, str]
    span: Span


def choose(
    store: Store,
    cohort: str,
    samples: Sequence[str] | None,
    region: str | None,
    *,
    has_blocks: bool = True,
) -> Chosen:
    """Work out what of a cohort is exported, see `export_cohort`.

    Reference blocks of gVCF files are only if `has_blocks`.
    """
    _check_cohort(store, cohort)
    files = store.scan("files", cohort=cohort).sort("file").collect()
    people = store.scan("samples", cohort=cohort).collect()
    has_fields = store.file_frame("fields", cohort=cohort).height > 0
    has_blocks = has_blocks and store.file_frame("blocks", cohort=cohort).height > 0
    layout = make_layout(files, people, samples, has_fields=has_fields, has_blocks=has_blocks)
    names = _contig_names(store, cohort)
    written, span = names, cast("Span", (None, None))
    if region is not None:
        found = parse_region(region, store.assembly_contigs)
        span = found.start if found.start > 1 else None, found.end
        # The header names all contigs that the cohort has, as that of an indexed file.
        written = {c: n for c, n in names.items() if c == found.contig}
    return Chosen(layout, files["header"].to_list(), names, written, span)


def _check_cohort(store: Store, cohort: str) -> None:
    known = store.scan("cohorts").select("cohort").collect()["cohort"].sort().to_list()
    if cohort not in known:
        raise StoreError(
            f"{store.name} release {store.release} has no cohort {cohort!r}"
            f"{nearest(cohort, known) or '; it has ' + (', '.join(known[:10]) or 'none')}"
        )
    if not store.file_frame("files", cohort=cohort).height:
        raise StoreError(
            f"the store keeps no files of cohort {cohort!r}, only its frequencies",
            "export needs the tables under controlled/",
        )


def _contig_names(store: Store, cohort: str) -> dict[str, str]:
    """Name each contig as the cohort's first file with it does, in the assembly's order."""
    rows = _scan_records(store, cohort, "contig", "chrom", "file")
    first = rows.unique().collect(engine="streaming").sort("contig", "file", "chrom")
    found = dict(first.unique("contig", keep="first").select("contig", "chrom").rows())
    return {c: found[c] for c in iter_contigs(store, cohort)}


def _scan_records(store: Store, cohort: str, *columns: str) -> pl.LazyFrame:
    """Scan columns of all records of a cohort, reference blocks too."""
    tables = [store.scan(t, cohort=cohort).select(columns) for t in ("sites", "blocks")]
    return pl.concat(tables)


def _declare_all(store: Store, cohort: str, names: dict[str, str]) -> list[str]:
    """Make a header line for each contig, FILTER, INFO and FORMAT key of the records."""
    lengths = {c.name: c.length for c in store.assembly_contigs.contigs}

    def distinct(column: str) -> pl.LazyFrame:
        entries = pl.col(column).str.split(";")
        return (
            _scan_records(store, cohort, column)
            .select(entries.explode(empty_as_null=True))
            .drop_nulls()
        )

    filters = distinct("filter").unique().collect(engine="streaming")["filter"].sort()
    key = pl.col("info").str.split("=").list.first()
    flag = ~pl.col("info").str.contains("=", literal=True)
    infos = (
        distinct("info")
        .select(key.alias("key"), flag.alias("flag"))
        .group_by("key")
        .agg(pl.col("flag").all())
        .collect(engine="streaming")
        .sort("key")
    )
    forms = _scan_records(store, cohort, "format").drop_nulls().unique()
    texts = forms.collect(engine="streaming")["format"]
    formats = {key: None for text in sorted(texts) for key in text.split(":")}
    return [
        *(declare_contig(name, lengths[c]) for c, name in names.items()),
        *(declare_filter(f) for f in filters if f not in (".", "PASS")),
        *(declare_info(k, flag=f) for k, f in infos.rows() if k not in (".", "")),
        *(declare_format(k) for k in formats if k not in (".", "", "GT")),
    ]


def _write_records(
    store: Store,
    cohort: str,
    layout: Layout,
    names: dict[str, str],
    wanted: Span,
    write: Callable[[Buffer], object],
    progress: Callable[[str, int], None] | None,
) -> int:
    done = 0
    for contig, name in names.items():
        for window in iter_windows(store, cohort, contig, layout, wanted):
            # One name for a contig, or the header would not fit.
            sites = window.sites.with_columns(pl.lit(name).alias("chrom"))
            for lines, records in iter_lines(window._replace(sites=sites), layout):
                done += records
                write(lines.data)
            if progress is not None:
                progress(contig, done)
    return done


@contextmanager
def _open(out: Path) -> Iterator[Callable[[Buffer], object]]:
    """Open the file to write; it has its name when all went well."""
    with new_file(out) as own:
        if out.name.endswith(".bcf"):
            with _bcf(own, out) as pipe:
                yield pipe.write
        else:
            with own.open("wb") as file:
                if out.name.endswith(".vcf"):
                    yield file.write
                else:
                    packed = BgzfStream(file)
                    yield packed.write
                    packed.finish()


@contextmanager
def _bcf(temporary: Path, out: Path) -> Iterator[IO[bytes]]:
    # A pipe for the warnings would fill up: bcftools has one for each odd record.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _TO_BCF, str(temporary)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        assert process.stdin is not None
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            # bcftools has given up: what it says is the reason.
            log.debug("bcftools closed its input")
        except BaseException:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):
                process.stdin.close()
            raise
        if process.wait() != 0:
            said.seek(0)
            reason = _REASON.findall(said.read().decode(errors="replace"))
            raise InputError(
                f"{out}: bcftools refused the records: {reason[-1] if reason else 'unknown'}",
                "export as .vcf.gz and look at what is wrong there",
            )
