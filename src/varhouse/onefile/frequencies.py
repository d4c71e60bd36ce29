"""Frequencies of one file without a store."""

import logging
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from varhouse.alleles.key import Declared
from varhouse.errors import ConfigError, InputError, UsageError, nearest
from varhouse.files import new_file
from varhouse.frequencies.rows import frequency_frame
from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import Contig, Contigs, read_aliases
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference, empty_reference
from varhouse.ingest.jobs.chunk import ChunkResult, read_chunk
from varhouse.ingest.jobs.filecontext import Context
from varhouse.ingest.jobs.tasks import ROWS_AT_ONCE, drop_duplicates
from varhouse.ingest.setup.known_names import open_reference, other_names
from varhouse.ingest.setup.settings import Policy
from varhouse.ingest.setup.sheets import read_samples
from varhouse.onefile.out import as_path, tells_paths
from varhouse.onefile.validate import header_of
from varhouse.tables.schema import FREQUENCIES, KEY
from varhouse.tables.statistics import ADJ_FIELDS
from varhouse.vcf.check.judged import MarkedRecords
from varhouse.vcf.check.scan import FileScan, scan_file
from varhouse.vcf.header.keys import key_table

LOG = logging.getLogger("varhouse.onefile")

if TYPE_CHECKING:
    from varhouse.onefile.out import Out

ENDINGS = (".tsv", ".tsv.gz", ".parquet")
COLUMNS = tuple(n for n in FREQUENCIES.names if n != "part")


@dataclass(frozen=True)
class Frequencies:
    """What came of `frequencies`.

    Attributes
    ----------
    output
        The file that was written; None if none was asked for.
    frame
        The rows, if neither a file nor a function was to take them: one for each allele and
        stratum, with the columns of the table `frequencies` (docs/store-format.md).
    n_records
        Records of the file.
    rejected
        Number of rejects by their reason; `varhouse.validate` says what is wrong with them.
    rejects
        The rejects, where `frame` is given: columns of the table `rejects`.
    n_without_row
        Samples that have no row in the sheet and were counted with unknown sex.
    is_gvcf
        Whether the file is a gVCF, of which records without ALT were left out; `gvcf_note`
        says what it was known by.
    known_names
        Contigs of the file that were found by another name, and that name; empty with
        `aliases`.
    """

    output: Path | None
    n_records: int
    rejected: dict[str, int]
    n_without_row: int = 0
    is_gvcf: bool = False
    gvcf_note: str = ""
    known_names: dict[str, str] = field(default_factory=dict)
    frame: pl.DataFrame | None = None
    rejects: pl.DataFrame | None = None


@tells_paths
def frequencies(
    path: str | Path,
    out: "Out" = None,
    *,
    samples: str | Path | None = None,
    strata: Sequence[str] = (),
    par: str | Path | None = None,
    cohort: str | None = None,
    reference: str | Path | None = None,
    aliases: str | Path | None = None,
) -> Frequencies:
    """Count alleles and carriers of a VCF or BCF, by strata of the sample sheet.

    Alleles are split and trimmed; with a reference they are checked and left-aligned.
    Counts are those of the original genotypes (1/2 is one heterozygote for each ALT).

    Parameters
    ----------
    path
        The VCF or BCF.
    out
        A file to write, by its ending .tsv, .tsv.gz or .parquet; a function that is called
        with each frame, so that memory does not grow with the file; or None: the result
        holds one frame.
    samples
        Sample sheet (TSV: cohort, sample, sex and more); without it nobody's sex is known.
    strata
        Columns of the sheet to count by, or several joined: `population+sex`.
    par
        BED of the pseudo-autosomal regions; without it all of X and Y lies outside.
    cohort
        Cohort of the sheet; None: the only one with samples of the file.
    reference
        FASTA of the assembly; None: alleles are not checked and not left-aligned.
    aliases
        Table of contig names (TSV); without it well-known names are found (1 = chr1).

    Returns
    -------
    Frequencies
        Counts, and the frame if there is no `out`.

    Raises
    ------
    varhouse.errors.UsageError
        For an ending that says no format, an unknown cohort or stratum.
    varhouse.errors.ConfigError
        For mistakes in the sheet, all at once.
    varhouse.errors.InputError
        If the file is no valid VCF: nothing is written.
    """
    given, fasta, table = Path(path), as_path(reference), as_path(aliases)
    output = Path(out) if isinstance(out, (str, Path)) else None
    if output is not None and not output.name.endswith(ENDINGS):
        ending = "".join(output.suffixes[-2:]) if output.suffix == ".gz" else output.suffix
        raise UsageError(
            f"{output}: cannot write {ending!r}", "end it in .tsv, .tsv.gz or .parquet"
        )
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder", "make it first")
    header = header_of(given)
    people, cohort, unknown = _people(header.samples, as_path(samples), cohort, given)
    with tempfile.TemporaryDirectory(prefix="varhouse-frequencies-") as tmp:
        work = Path(tmp)
        run = _Run(given, people, cohort, list(strata), as_path(par), work)
        if fasta is not None:
            with open_reference(fasta, table) as opened:
                return run.count(opened.contigs, opened, out, output, unknown)
        declared = (Contig(n, [], None, size) for n, size in header.contigs.items())
        contigs = read_aliases(table) if table else Contigs(declared)
        return run.count(
            contigs, empty_reference(work / "none", contigs), out, output, unknown
        )


def _people(
    names: list[str], sheet: Path | None, cohort: str | None, path: Path
) -> tuple[pl.DataFrame, str, int]:
    """Give the samples with their rows of the sheet, the cohort, how many have no row."""
    frame = pl.DataFrame({"sample": names}, schema={"sample": pl.String})
    if sheet is None:
        return frame.with_columns(pl.lit("unknown").alias("sex")), cohort or _stem(path), 0
    read = read_samples(sheet)
    if read.problems:
        raise ConfigError(read.problems + read.notes)
    for note in read.notes:
        LOG.warning("note  %s", note)
    rows = read.frame
    with_sample = rows.filter(pl.col("sample").is_in(names))
    cohorts = sorted(with_sample["cohort"].unique().to_list())
    if cohort is None:
        if len(cohorts) > 1:
            raise UsageError(
                f"{sheet.name}: the samples of {path.name} stand in the cohorts "
                f"{', '.join(cohorts)}",
                "say which with --cohort",
            )
        cohort = cohorts[0] if cohorts else _stem(path)
    elif cohort not in (known := rows["cohort"].unique().sort().to_list()):
        raise UsageError(f"{sheet.name}: no cohort {cohort!r} in it{nearest(cohort, known)}")
    of_cohort = rows.filter(pl.col("cohort") == cohort).drop("cohort", "line")
    lost = of_cohort.filter(~pl.col("sample").is_in(names))
    if lost.height:
        raise ConfigError(
            [
                f"sample {s!r} is in the sheet but not in {path.name}"
                for s in lost["sample"][:10]
            ]
        )
    missing = frame.filter(~pl.col("sample").is_in(of_cohort["sample"].to_list()))
    out = frame.join(of_cohort, on="sample", how="left", maintain_order="left")
    return out.with_columns(pl.col("sex").fill_null("unknown")), cohort, missing.height


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


@dataclass
class _Run:
    """One run over a file, and what was seen on the way."""

    path: Path
    people: pl.DataFrame
    cohort: str
    strata: list[str]
    par: Path | None
    work: Path
    rejected: Counter[str] = field(default_factory=Counter)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    marked: MarkedRecords = field(default_factory=MarkedRecords)

    def count(
        self,
        contigs: Contigs,
        reference: Reference,
        out: "Out",
        output: Path | None,
        n_without_row: int,
    ) -> Frequencies:
        """Count, and write or give the rows."""
        scan = self._scan(contigs, reference)
        rows = self._rows(scan, contigs, reference, keep_rejects=out is None)
        frame = None
        if output is not None:
            _write(rows, output, self.work / "pieces")
        elif callable(out):
            for piece in rows:
                out(piece)
        else:
            frame = pl.concat([pl.DataFrame(schema=_TYPES), *rows], rechunk=True)
        note = scan.account.first["VH-F-030"][0].message if scan.gvcf else ""
        return Frequencies(
            output,
            scan.n_records,
            dict(sorted(self.rejected.items())),
            n_without_row,
            scan.gvcf,
            note,
            other_names(scan.contigs, reference),
            frame,
            pl.concat(self.rejects) if self.rejects else None,
        )

    def _scan(self, contigs: Contigs, reference: Reference) -> FileScan:
        scan = scan_file(
            self.path,
            contigs,
            reference,
            copy=self.work / "copy.vcf.gz",
            max_ref_mismatch_rate=1.0,
            hashes=False,
            taker=self.marked,
        )
        if scan.account.errors_in_file():
            first = scan.account.reasons_to_hold(refuse_records=False)
            raise InputError(
                first[0] if first else f"{self.path}: not a valid VCF",
                f"varhouse validate {shlex.quote(str(self.path))}",
            )
        return scan

    def _rows(
        self, scan: FileScan, contigs: Contigs, reference: Reference, *, keep_rejects: bool
    ) -> Iterator[pl.DataFrame]:
        """Give rows of the chunks, sorted inside each chunk."""
        people = self.people
        self.marked.close()
        context = Context(
            self.cohort,
            0,
            contigs,
            reference,
            Policy(unchecked_ref="store", partial_reference=True, gvcf="variants"),
            HaploidRegions(contigs, self.par),
            make_strata(people, self.strata),
            np.arange(people.height, dtype=np.int32),
            (people["sex"] == "male").to_numpy().astype(np.bool_),
            declared=Declared.of_header(scan.header.split("\n")),
            gvcf=scan.gvcf,
            keys=key_table(header_of(self.path), "FORMAT"),
            fields=ADJ_FIELDS,
        )
        for chunk in scan.chunks:
            result = read_chunk(
                Path(scan.data),
                chunk.begin,
                chunk.end,
                chunk.record,
                chunk.line,
                context,
                self.marked,
            )
            drop_duplicates(result, context)
            self.rejected.update(result.rejects["reason"].to_list())
            if keep_rejects:
                self.rejects.append(result.rejects)
            yield from _pieces(result, context)


_TYPES = {n: t for n, t in FREQUENCIES.polars_schema.items() if n in COLUMNS}


def _pieces(result: ChunkResult, context: Context) -> Iterator[pl.DataFrame]:
    if result.alleles.is_empty():
        return
    rows = result.alleles.select(pl.arg_sort_by(KEY)).to_series().to_numpy()
    step = max(1, ROWS_AT_ONCE // len(context.strata.by))
    for first in range(0, rows.size, step):
        some = rows[first : first + step]
        counts = {name: values[some] for name, values in result.counts.items()}
        frame = frequency_frame(result.alleles[some], counts, context.strata)
        yield frame.with_columns(pl.lit(context.cohort).alias("cohort")).select(COLUMNS)


def _write(rows: Iterator[pl.DataFrame], output: Path, pieces: Path) -> None:
    """Write rows piece by piece, and the pieces as one file."""
    pieces.mkdir()
    files = []
    for number, piece in enumerate(rows):
        files.append(pieces / f"{number:06d}.parquet")
        piece.write_parquet(files[-1])
    empty = pl.LazyFrame(schema=_TYPES)
    frame = pl.scan_parquet(files, glob=False) if files else empty
    with new_file(output) as made:
        if output.suffix == ".parquet":
            frame.sink_parquet(made, compression="zstd")
        else:
            frame.sink_csv(
                made,
                separator="\t",
                check_extension=False,
                compression="gzip" if output.suffix == ".gz" else "uncompressed",
            )
