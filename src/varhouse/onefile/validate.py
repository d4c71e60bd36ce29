"""Checks of single files outside an ingest, and repair of what needs no guess."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from varhouse.errors import ConfigError, UsageError, nearest
from varhouse.genome.contigs import AnyContigs, Contigs, read_aliases
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.known_names import open_reference
from varhouse.ingest.setup.sample_names import check_samples_of_file
from varhouse.ingest.setup.sheets import read_samples
from varhouse.normalise import normalise_packed
from varhouse.onefile.out import as_path, tells_paths
from varhouse.onefile.paths import is_same
from varhouse.vcf.account.problems import Account, Problem
from varhouse.vcf.check.scan import FileScan, scan_file
from varhouse.vcf.gvcf.recognition import Dialect
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.peek import peek_header
from varhouse.vcf.repair.run import Repair, repair_file
from varhouse.vcf.text.limits import BOUNDS, DEFAULTS, Limits
from varhouse.vcf.text.stale_index import check_index

LOG = logging.getLogger("varhouse.onefile")

_UNREAD = {"VH-F-001", "VH-F-002", "VH-F-003", "VH-F-010", "VH-F-011", "VH-F-012",
           "VH-F-013", "VH-F-014", "VH-F-015", "VH-F-017", "VH-B-001"}  # fmt: skip
"""Codes with which the records of a file are not all counted."""


class Assembly(NamedTuple):
    """An opened assembly, to check several files against: see `open_assembly`."""

    contigs: Contigs
    reference: Reference | None


@dataclass(frozen=True)
class Validation:
    """What `validate` says of a file.

    Attributes
    ----------
    path
        The file.
    verdict
        `valid` or `invalid`; a file with warnings only is valid.
    errors, warnings
        Number of problems.
    counts
        Number of problems by their code (docs/problem-codes.md).
    problems
        The first five of each code: file, line (1-based), contig, pos (1-based), code,
        severity, field, value, message, fix.
    version
        x of VCF 4.x; None if the file does not say.
    kind
        `text`, `gzip`, `bgzf`, `bzip2`, `bcf`, or `none` if it cannot be opened.
    samples
        Names of the samples.
    n_records
        Records that were read.
    contigs
        Number of records by the contig names of the file.
    n_ref_checked
        Alleles whose REF was compared with the reference.
    is_gvcf
        Whether it is a gVCF, by its records (VH-F-030).
    gvcf_dialect
        How a gVCF is written: tool, ALT and extent of its blocks, number of samples.
    account
        All of it as the check keeps it.
    """

    path: Path
    verdict: str
    errors: int
    warnings: int
    counts: dict[str, int]
    problems: tuple[Problem, ...]
    version: int | None
    kind: str
    samples: tuple[str, ...]
    n_records: int
    contigs: dict[str, int]
    n_ref_checked: int
    is_gvcf: bool
    gvcf_dialect: Dialect | None
    account: Account

    @property
    def is_valid(self) -> bool:
        """Tell whether there is no error."""
        return self.verdict == "valid"

    def frame(self) -> pl.DataFrame:
        """Give the problems as a frame, a row each."""
        kinds = {n: pl.Int64 if n in ("line", "pos") else pl.String for n in _PROBLEM}
        rows = [[getattr(p, n) for n in _PROBLEM] for p in self.problems]
        return pl.DataFrame(rows, schema=kinds, orient="row")


_PROBLEM = ("file", "line", "contig", "pos", "code", "severity", "field", "value", "message",
            "fix")  # fmt: skip


@tells_paths
def validate(
    path: str | Path,
    *,
    reference: str | Path | Assembly | None = None,
    aliases: str | Path | None = None,
    samples: str | Path | pl.DataFrame | None = None,
    limits: Mapping[str, int] | None = None,
) -> Validation:
    """Find everything that is wrong with a VCF (4.1 to 4.5) or BCF, in one pass.

    Nothing is raised for what is wrong inside the file: it is in the result.

    Parameters
    ----------
    path
        VCF (plain, gzip, BGZF, bzip2) or BCF.
    reference
        FASTA that REF is compared with, or what `open_assembly` gives, so that several files
        share the work of opening it.
    aliases
        Table of contig names (TSV); without it well-known names are found (1 = chr1).
    samples
        Sample sheet that the file's samples are compared with: TSV, or a frame of
        `read_sample_sheet`. Rows of other files do no harm.
    limits
        Bounds of what a file may hold, by name (config/README.md, `limits`).

    Raises
    ------
    varhouse.errors.ConfigError
        For mistakes in the sheet, all at once.
    varhouse.errors.UsageError
        For a limit that does not exist, or is out of bounds.
    """
    bounds = make_limits(limits or {})
    if isinstance(samples, (str, Path)):
        samples = read_sample_sheet(samples)
    with _opened(reference, aliases) as assembly:
        return check_file(Path(path), *assembly, samples, bounds)


@tells_paths
def repair(
    path: str | Path,
    out: str | Path,
    *,
    reference: str | Path | Assembly | None = None,
    aliases: str | Path | None = None,
    swap_ref_alt: bool = False,
    limits: Mapping[str, int] | None = None,
) -> Repair:
    """Write a repaired copy of a file: only what needs no guess.

    That is order, contig names, line ends, identical lines, and header lines that follow
    from the specification, the reference or the records. Genotypes stay as they are.

    Parameters
    ----------
    path
        The VCF or BCF.
    out
        The copy: BGZF with an index, or plain text if it ends in .vcf; with
        `out.changes.tsv`, every change.
    reference, aliases, limits
        As for `validate`.
    swap_ref_alt
        Also swap REF and ALT, and GT with them, where ALT is what the reference holds.

    Returns
    -------
    varhouse.vcf.repair.run.Repair
        Files written, changes by code, what was left and why.

    Raises
    ------
    varhouse.errors.UsageError
        If `out` is no name of a VCF, or is the file itself.
    varhouse.errors.InputError
        If the file cannot be mended without a guess; nothing is written.
    """
    given, output = Path(path), Path(out)
    if output.suffix not in (".gz", ".bgz", ".vcf"):
        raise UsageError(f"{output}: the copy is a VCF", "name it ...vcf.gz")
    if is_same(output, given):
        raise UsageError(f"{output}: would overwrite an input", "give another name")
    if swap_ref_alt and reference is None:
        raise UsageError("swap_ref_alt without a reference", "give the FASTA")
    bounds = make_limits(limits or {})
    with _opened(reference, aliases) as assembly:
        return repair_file(
            given,
            output,
            assembly.contigs,
            assembly.reference,
            swap=swap_ref_alt,
            limits=bounds,
        )


@contextmanager
def _opened(
    reference: str | Path | Assembly | None, aliases: str | Path | None
) -> Iterator[Assembly]:
    if isinstance(reference, Assembly):
        yield reference
        return
    with open_assembly(reference, aliases) as assembly:
        yield assembly


@contextmanager
def open_assembly(
    reference: str | Path | None, aliases: str | Path | None = None
) -> Iterator[Assembly]:
    """Open what is known of an assembly: the aliases table, else the reference.

    Contigs of a FASTA without an aliases table have the names of known assemblies too.
    """
    fasta, table = as_path(reference), as_path(aliases)
    if fasta is None:
        yield Assembly(read_aliases(table) if table else AnyContigs(), None)
        return
    with open_reference(fasta, table) as opened:
        yield Assembly(opened.contigs, opened)


def read_sample_sheet(path: str | Path) -> pl.DataFrame:
    """Read a sample sheet.

    Raises
    ------
    varhouse.errors.ConfigError
        For mistakes in it, all at once.
    """
    sheet = read_samples(Path(path))
    if sheet.problems:
        raise ConfigError(sheet.problems + sheet.notes)
    for note in sheet.notes:
        LOG.warning("note  %s", note)
    return sheet.frame


def make_limits(chosen: Mapping[str, int], name: str = "limits") -> Limits:
    """Give the limits of a file, with some of them chosen.

    Parameters
    ----------
    name
        What a message calls the choice.

    Raises
    ------
    varhouse.errors.UsageError
        For a limit that does not exist, or is out of bounds.
    """
    for key, number in chosen.items():
        if key not in Limits.__dataclass_fields__:
            known = nearest(key, Limits.__dataclass_fields__)
            raise UsageError(f"{name}: no limit {key!r}{known}")
        low, high = BOUNDS.get(key, (1, None))
        if number < low or (high is not None and number > high):
            most = "" if high is None else f", at most {high:,}"
            raise UsageError(f"{name}: at least {low:,}{most}")
    return replace(DEFAULTS, **chosen)


def check_file(
    path: Path,
    contigs: Contigs,
    reference: Reference | None,
    sheet: pl.DataFrame | None,
    limits: Limits = DEFAULTS,
) -> Validation:
    """Check one file; with a sample sheet also its samples.

    Nothing is written beside the file.
    """
    scan = scan_file(
        path, contigs, reference, hashes=False, normalise=normalise_packed, limits=limits
    )
    if not scan.account.counts.keys() & _UNREAD:
        check_index(path, scan.kind, scan.contigs, scan.account)
    _note_aliases(scan, contigs)
    if sheet is not None and scan.samples:
        check_samples_of_file(scan.account, scan.samples, sheet)
    account, checked = scan.account, scan.ref_checked
    return Validation(
        path,
        account.verdict,
        account.errors,
        account.warnings,
        dict(sorted(account.counts.items())),
        tuple(account.problems()),
        scan.version,
        scan.kind,
        tuple(scan.samples),
        scan.n_records,
        dict(scan.contigs),
        checked.get("agrees", 0) + checked.get("differs", 0),
        scan.gvcf,
        scan.dialect,
        account,
    )


def _note_aliases(scan: FileScan, contigs: Contigs) -> None:
    others = [
        f"{name} = {wanted}"
        for name in scan.contigs
        if (wanted := contigs.canonical(name)) is not None and wanted != name
    ]
    if others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        scan.account.add(
            "VH-R-011",
            f"{len(others):,} contig(s) have other names than the reference's: "
            f"{', '.join(others[:3])}{more}",
            name="CHROM",
            value=others[0].split(" = ")[0],
        )


def header_of(path: Path) -> Header:
    """Read the header of a file, whatever is wrong with it."""
    return read_header(peek_header(path), Account(path.name))
