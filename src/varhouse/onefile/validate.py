"""Checks of single files outside an ingest: `varhouse validate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from varhouse.genome.contigs import AnyContigs, Contigs, read_aliases
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.known_names import open_reference
from varhouse.ingest.setup.sample_names import check_samples_of_file
from varhouse.normalise import normalise_packed
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.scan import FileScan, scan_file
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.peek import peek_header
from varhouse.vcf.repair.run import Repair, repair_file
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.stale_index import check_index

_UNREAD = {"VH-F-001", "VH-F-002", "VH-F-003", "VH-F-010", "VH-F-011", "VH-F-012",
           "VH-F-013", "VH-F-014", "VH-F-015", "VH-B-001"}  # fmt: skip
"""Codes with which the records of a file are not all counted."""


@contextmanager
def open_assembly(
    fasta: Path | None, aliases: Path | None
) -> Iterator[tuple[Contigs, Reference | None]]:
    """Open what is known of the assembly: the aliases table, else the reference.

    Contigs of a FASTA without an aliases table have the names of known assemblies too.
    """
    if fasta is None:
        yield read_aliases(aliases) if aliases else AnyContigs(), None
        return
    with open_reference(fasta, aliases) as reference:
        yield reference.contigs, reference


def check_file(
    path: Path, contigs: Contigs, reference: Reference | None, sheet: pl.DataFrame | None,
    limits: Limits = DEFAULTS,
) -> FileScan:  # fmt: skip
    """Check one file; with a sample sheet also its samples.

    What is wrong is in the `account` of the scan; nothing is written beside the file.
    """
    scan = scan_file(
        path, contigs, reference, hashes=False, normalise=normalise_packed, limits=limits
    )
    if not scan.account.counts.keys() & _UNREAD:
        check_index(path, scan.kind, scan.contigs, scan.account)
    _note_aliases(scan, contigs)
    if sheet is not None and scan.samples:
        check_samples_of_file(scan.account, scan.samples, sheet)
    return scan


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
            name="CHROM", value=others[0].split(" = ")[0],
        )  # fmt: skip


def header_of(path: Path) -> Header:
    """Read the header of a file, whatever is wrong with it."""
    return read_header(peek_header(path), Account(path.name))


def fix_file(
    path: Path, output: Path, contigs: Contigs, reference: Reference | None,
    limits: Limits = DEFAULTS, *, swap: bool,
) -> Repair:  # fmt: skip
    """Write a repaired copy of a file (see `varhouse.vcf.repair.run`).

    Raises
    ------
    InputError
        If the file cannot be mended without a guess; nothing is written.
    """
    return repair_file(path, output, contigs, reference, swap=swap, limits=limits)
