"""Checks of single files outside an ingest: `varhouse validate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from varhouse.contigs import Contig, Contigs, read_aliases
from varhouse.errors import nearest
from varhouse.reference import OpenedReference, Reference
from varhouse.source.header import Header, read_header
from varhouse.source.peek import peek_header
from varhouse.source.problems import Account
from varhouse.source.scan import scan_file


class AnyContigs(Contigs):
    """Takes every contig name as it is, for checks without an assembly."""

    def __init__(self) -> None:
        super().__init__([])

    def canonical(self, name: str) -> str | None:
        """Give the name itself."""
        if name not in self.by_name:
            self.by_name[name] = Contig(name)
        return name


@contextmanager
def open_assembly(
    fasta: Path | None, aliases: Path | None
) -> Iterator[tuple[Contigs, Reference | None]]:
    """Open what is known of the assembly: the aliases table, else the reference."""
    contigs = read_aliases(aliases) if aliases else None
    if fasta is None:
        yield contigs or AnyContigs(), None
        return
    with OpenedReference(fasta, contigs) as reference:
        yield contigs or reference.contigs, reference


def check_file(
    path: Path, contigs: Contigs, reference: Reference | None, sheet: pl.DataFrame | None
) -> Account:
    """Check one file; with a sample sheet also its samples.

    Rows of the sheet count for the file when their cohort has a sample of it.
    """
    scan = scan_file(path, contigs, reference, hashes=False)
    account = scan.account
    if sheet is None or not scan.samples:
        return account
    names = set(scan.samples)
    mine = sheet.filter(pl.col("sample").is_in(scan.samples))["cohort"].unique()
    listed = sheet.filter(pl.col("cohort").is_in(mine.to_list()))
    for sample, line in listed.select("sample", "line").rows():
        if sample not in names:
            account.add(
                "VH-S-001",
                f"in the sheet (line {line}) but not in the file{nearest(sample, names)}",
                name="sample", value=sample,
            )  # fmt: skip
    known = set(listed["sample"].to_list())
    for sample in scan.samples:
        if sample not in known:
            account.add("VH-S-002", "in the file but not in the sheet", name="sample",
                        value=sample)  # fmt: skip
    return account


def header_of(path: Path) -> Header:
    """Read the header of a file, whatever is wrong with it."""
    return read_header(peek_header(path), Account(path.name))
