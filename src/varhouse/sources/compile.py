"""Compile a source once: normalised, sorted, in Parquet, with an index of row groups.

Whatever the file, the folder holds `rows-N.parquet`, an index of the positions in their
pieces, and `source.json`, which is written last and makes
the folder count. Memory is bounded by the windows of `inorder.py` and `spill.py`, not by the
source.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import polars as pl

from varhouse.alleles.key import complete_key
from varhouse.cache import fill_folder
from varhouse.errors import InputError
from varhouse.infotext import is_encoded
from varhouse.sources.content import EVERYWHERE, ContentSums
from varhouse.sources.entries import entry_fields, entry_rows
from varhouse.sources.fields import choose_fields, header_version
from varhouse.sources.files import Files, beyond_32_bits, packed, says_twice, unpacked
from varhouse.sources.inorder import SLACK, InOrder, NotInOrderError
from varhouse.sources.keys import allele_keys
from varhouse.sources.lines import ReadLines
from varhouse.sources.merged import old_ids, read_merges
from varhouse.sources.origin import RefCheck, Target, check_header, check_known, check_said
from varhouse.sources.spec import SourceSpec, check_names
from varhouse.sources.spill import Spill
from varhouse.sources.tables import SourceTable
from varhouse.sources.vcf import map_contigs, open_vcf, vcf_alleles
from varhouse.tables.schema import KEY, PolarsType

Normalise = Callable[[pl.DataFrame], pl.DataFrame]
"""Takes contig, pos, ref, alt and gives the same rows in the same order, normalised; pos
is null where an allele cannot be."""

COMPILER = 5
"""Raised when a compiled source of before is no longer what would be compiled now."""

_COUNTS = ("records", "unknown_contig", "not_an_allele", "not_an_interval", "ref_mismatch",
           "not_normalised", "unreadable")  # fmt: skip
_BASES = r"^[ACGTNacgtn]+$"
_AF = re.compile(r"(?i)^(?:.*_)?AF(?:_.*)?\Z")
_COUNT = re.compile(r"(?i)^(?:.*_)?(?:AC|AN)(?:_.*)?\Z")


def compile_source(
    spec: SourceSpec,
    target: Target,
    folder: Path,
    normalise: Normalise | None = None,
    recorded: Mapping[str, str] | None = None,
    read_lines: ReadLines | None = None,
) -> None:
    """Compile a source into `folder`; one that is compiled already is left as it is.

    Two processes may do so at the same time: the folder appears as a whole.

    Parameters
    ----------
    target
        The contigs, the reference and the assembly of the alleles that it will be joined to.
    normalise
        Normalises the alleles (rooms do not import each other); None if they are.
    recorded
        Path to the SHA-256 that the source's files had when they were checked.
    read_lines
        Makes what reads lines of a VCF (`varhouse.vcf.fields.info_spans.InfoSpans`);
        without it that takes eight times as long.

    Raises
    ------
    InputError
        If the file cannot be read as what it should be, is of another assembly, or is no
        longer what was recorded.
    UsageError
        If a field or a column is asked for that the file does not have.
    """
    fill_folder(
        folder,
        "source.json",
        lambda own: _Compiler(spec, target, normalise, read_lines, own).run(),
        source_files(spec),
        recorded,
    )


def source_files(spec: SourceSpec) -> list[Path]:
    """List the files that a source is compiled from."""
    return [Path(f) for f in (spec.path, spec.merged) if f]


class _Compiler:
    """One compilation: what is read, where it goes, what is counted."""

    def __init__(
        self,
        spec: SourceSpec,
        target: Target,
        normalise: Normalise | None,
        read_lines: ReadLines | None,
        folder: Path,
    ) -> None:
        self._spec, self._target, self._normalise = spec, target, normalise
        self._read_lines = read_lines
        self._folder, self._path = folder, Path(spec.path)
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._fields: dict[str, PolarsType] = {}
        self._version: str | None = None
        self._all_names: list[str] = []
        self._unknown: set[str] = set()
        self._row_bytes = 1
        self._wide: list[str] = []
        self._several = False
        self._sums = ContentSums()
        self._refs = RefCheck(self._path, target, [])

    def run(self) -> None:
        check_said(self._path, self._spec.assembly, self._target)
        source = {"allele": self._alleles, "overlap": self._intervals, "gene": self._genes}
        frames = source[self._spec.kind]()
        if self._spec.kind == "gene":
            # One row a gene and record: small, whatever the source.
            every = [f for f in frames if f.height]
            empty = pl.DataFrame(schema={"gene": pl.String, **self._fields})
            table = pl.concat(every) if every else empty
            self._wide = beyond_32_bits(table)
            self._sums.add(EVERYWHERE, table)
            table.write_parquet(self._folder / "rows-0.parquet")
            rows = table.height
        else:
            rows = self._sorted(frames)
            check_known(self._path, self._counts, self._target, sorted(self._unknown))
        self._refs.decide()
        if self._spec.merged:
            merges = read_merges(Path(self._spec.merged))
            current = pl.Series((f"rs{n}" for n in merges["new"].unique()), dtype=pl.String)
            old_ids(merges, current).write_parquet(self._folder / "merged.parquet")
        self._finish(rows)

    def _finish(self, rows: int) -> None:
        numbers = {n for n in self._all_names if _COUNT.match(n)}
        af_only = any(_AF.match(n) for n in self._fields) and not numbers
        facts = {
            "compiler": COMPILER,
            "name": self._spec.name,
            "kind": self._spec.kind,
            "fields": {n: str(t) for n, t in self._fields.items()},
            "version": self._version,
            "af_only": self._spec.kind == "allele" and af_only,
            "wide": self._wide,
            "rows": rows,
            "row_bytes": self._row_bytes,
            "several": self._several,
            "digests": self._sums.digests(),
            "counts": self._counts,
        }
        (self._folder / "source.json").write_text(json.dumps(facts, indent=1))

    # What each kind reads.

    def _alleles(self) -> Iterator[pl.DataFrame]:
        frames = self._vcf() if self._spec.format == "vcf" else self._table_alleles()
        for frame in frames:
            rows = complete_key(frame)
            if self._target.reference is not None:
                agrees = self._refs.agrees(rows)
                self._counts["ref_mismatch"] += rows.height - int(agrees.sum())
                rows = rows.filter(agrees)
            if self._normalise is not None and rows.height:
                key = self._normalise(rows.select(KEY)).select(KEY)
                good = key["pos"].is_not_null()
                self._counts["not_normalised"] += rows.height - int(good.sum())
                rows = rows.with_columns(key.get_columns()).filter(good)
            rows = rows.select(*KEY, *self._fields, "id")
            yield rows.with_columns(pl.Series("key", allele_keys(rows), pl.Int64))

    def _vcf(self) -> Iterator[pl.DataFrame]:
        text = open_vcf(self._path)
        check_header(self._path, text.header, self._target)
        self._refs = RefCheck(self._path, self._target, text.header)
        self._version = header_version(text.header)
        declared = choose_fields(self._path, text.header, None)
        self._all_names = [f.key for f in declared]
        wanted, entries = self._spec.fields, None
        if self._spec.entries:
            entries = entry_fields(self._path, text.header, self._spec.entries, wanted)
            wanted = []
        fields = choose_fields(self._path, text.header, wanted)
        self._fields = {f.column: f.dtype for f in fields}
        if entries is not None:
            self._fields = entries.columns
        check_names(self._path, self._fields)
        plain = None
        if self._read_lines is not None and entries is None:
            # Compiled code; joining with a compiled source must not wait for it.
            from varhouse.sources.plain import PlainReader  # noqa: PLC0415

            plain = PlainReader(
                self._read_lines,
                declared,
                fields,
                self._target.contigs,
                escapes=is_encoded(text.header),
            )
        frames = vcf_alleles(
            self._spec, text, fields, self._target.contigs, self._counts, self._unknown, plain
        )
        for frame in frames:
            yield frame if entries is None else entry_rows(frame, entries, self._counts)

    def _table(self) -> Iterator[pl.DataFrame]:
        """Yield a table's frames with canonical contigs; other contigs are counted."""
        table = SourceTable(self._spec)
        self._fields = table.fields
        check_names(self._path, self._fields)
        self._all_names = [*table.fields, *(f.key for f in self._spec.fields or ())]
        self._all_names += table.names
        for frame in table.frames(self._counts):
            placed = frame.with_columns(
                contig=map_contigs(frame["chrom"], self._target.contigs)
            )
            unknown = placed.filter(pl.col("contig").is_null())
            self._counts["unknown_contig"] += unknown.height
            if unknown.height and len(self._unknown) < 10:
                self._unknown |= set(unknown["chrom"].drop_nulls().head(10).cast(pl.String))
            yield placed.filter(pl.col("contig").is_not_null()).drop("chrom")

    def _table_alleles(self) -> Iterator[pl.DataFrame]:
        for frame in self._table():
            rows = frame.with_columns(
                pl.col("ref").cast(pl.String).str.to_uppercase(),
                pl.col("alt").cast(pl.String).str.to_uppercase().str.split(","),
                *([] if "id" in frame.columns else [pl.lit(None, pl.String).alias("id")]),
            ).explode("alt", empty_as_null=True, keep_nulls=True)
            good = rows.filter(
                pl.col("ref").str.contains(_BASES),
                pl.col("alt").str.contains(_BASES),
                pl.col("pos").is_between(1, 2**31 - 1),
            )
            self._counts["not_an_allele"] += rows.height - good.height
            yield good.with_columns(pl.col("pos").cast(pl.Int32), pl.col("id").cast(pl.String))

    def _intervals(self) -> Iterator[pl.DataFrame]:
        """Yield contig, start, end (1-based, closed) and the fields."""
        lengths = {c.name: c.length for c in self._target.contigs.contigs}
        for frame in self._table():
            rows = frame.with_columns(pl.col("start") + int(self._spec.zero_based))
            good = rows.filter(
                pl.col("start") >= 1,
                pl.col("start") <= pl.col("end"),
                pl.col("end") < 2**31,
            )
            self._counts["not_an_interval"] += rows.height - good.height
            length = pl.col("contig").replace_strict(lengths, return_dtype=pl.Int64)
            past = good.filter(pl.col("end") > length)
            if past.height and not self._target.partial:
                contig, end = past.select("contig", "end").row(0)
                raise InputError(
                    f"{self._path}: an interval on {contig} ends at {end:,}, the contig of "
                    f"{self._target.name} has {lengths[contig]:,} bases",
                    "use the source's release for this assembly, or mend the interval",
                )
            yield good.with_columns(pl.col("start", "end").cast(pl.Int32)).select(
                "contig", "start", "end", *self._fields
            )

    def _genes(self) -> Iterator[pl.DataFrame]:
        table = SourceTable(self._spec)
        self._fields = table.fields
        check_names(self._path, self._fields)
        for frame in table.frames(self._counts):
            named = frame.with_columns(pl.col("gene").cast(pl.String).str.strip_chars())
            yield named.filter(pl.col("gene").is_not_null()).select("gene", *self._fields)

    # Where it goes.

    def _sorted(self, frames: Iterator[pl.DataFrame]) -> int:
        """Sort the rows into files of bounded size, and index pieces of them."""
        alleles = self._spec.kind == "allele"
        place, last = ("pos", "pos") if alleles else ("start", "end")
        order = ["key"] if alleles else ["start", "end"]
        files = Files(self._folder, place, last)
        ready = InOrder(place, order, SLACK if alleles else 0)
        try:
            for frame in frames:
                for some in ready.add(frame):
                    self._write(files, some)
            for some in ready.rest():
                self._write(files, some)
        except NotInOrderError:
            # What was read stays read: it is taken back from the files.
            parts = {c: self._target.contigs.part(c) for c in self._target.contigs.names}
            runs = self._folder / "runs"
            runs.mkdir()
            spill = Spill(runs, place, order, parts)
            schema = ready.held[-1].schema
            for frame in files.take_back():
                spill.add(unpacked(frame, schema))
            # A tuple of both would hold the rest of the source.
            for frame in chain(ready.held, frames):
                spill.add(frame)
            ready.held.clear()
            files = Files(self._folder, place, last)
            for _, windows in spill.windows():
                for some in windows:
                    self._write(files, some)
            shutil.rmtree(runs)
        files.close()
        self._row_bytes, self._sums = files.row_bytes, files.sums
        self._wide = sorted(files.wide & set(self._fields))
        return files.rows

    def _write(self, files: Files, rows: pl.DataFrame) -> None:
        if self._spec.kind == "allele":
            self._several = self._several or says_twice(rows)
            rows = packed(rows)
        files.add(rows)
