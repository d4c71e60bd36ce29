"""The panel of sites for contamination: common SNVs of autosomes with their frequencies.

A VCF or BCF, a sheet (TSV, CSV, workbook) or Parquet will do: a public resource, or what a
centre has counted itself (`varhouse query STORE ... -o panel.tsv`, a published release).
Alleles are SNVs with one ALT of intermediate frequency, thinned so that neighbours are not
read by the same molecules and linked less, and so few that the estimate takes a second.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pysam

from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference
from varhouse.reads.panelfile import COMMON, SCHEMA, read_sites

SPACING = 1000
"""Bases between sites at least: more than a fragment is long."""

MOST_SITES = 10_000
"""As many as verifyBamID2's small panel; more narrow the interval no further than linkage
lets them."""

FEW_SITES = 1000
"""Fewer give a wide interval: said in a warning."""

MOST_WRONG = 0.02
"""Share of REF that may differ from the reference: masked bases, patches. More is another
assembly, or another strand."""


def read_panel(
    sites: Path,
    field: str,
    contigs: Contigs,
    *,
    fasta: Path | None = None,
    reference: Reference | None = None,
    haploid: HaploidRegions | None = None,
    most: int = MOST_SITES,
    notes: list[str] | None = None,
) -> pl.DataFrame:
    """Read a panel of sites (`SCHEMA`), sorted, thinned to `SPACING` bases and `most` sites.

    Parameters
    ----------
    sites
        VCF or BCF (plain, gzip), a sheet with a row a site, a Parquet file or a folder of such
        (of a published release: its folder, or `totals` in it).
    field
        INFO key, or column, of the frequency of ALT.
    contigs
        All names of contigs; of others nothing is taken.
    fasta
        Reference with `.fai`: REF is compared with it, and contigs are named as it names them.
        None: canonical names, nothing compared.
    reference
        The same, compiled, with the names of the FASTA; in place of `fasta`.
    haploid
        X, Y and MT, of which nothing is taken.
    notes
        What was left out, for people, is added to it.

    Raises
    ------
    InputError
        If the file cannot be read, lacks the field, has a frequency that is none (with its
        line), no site that can be used, or REF of another assembly.
    """
    said = notes if notes is not None else []
    found, n_rows = read_sites(sites, field)
    found = _one_each(found)
    n_common = found.height
    canonical = {name: contigs.canonical(name) for name in found["contig"].unique().to_list()}
    unknown = sorted(name for name, own in canonical.items() if own is None)
    left = (haploid.contigs | haploid.on_mt) if haploid is not None else set()
    found = found.with_columns(
        contig=pl.col("contig").replace_strict(canonical, return_dtype=pl.String)
    ).filter(pl.col("contig").is_not_null() & ~pl.col("contig").is_in(sorted(left)))
    if found.is_empty():
        raise InputError(
            f"{sites}: none of its {n_rows:,} rows is a SNV with one ALT, a frequency from "
            f"{COMMON[0]} to {COMMON[1]} and on an autosome of this assembly"
            + (f" (unknown contigs: {', '.join(unknown[:5])})" if unknown else ""),
            "give a panel of common SNVs of the assembly of the reference, and in `field` "
            "where its frequencies stand",
        )
    if unknown:
        said.append(f"{sites.name}: contigs unknown here left out: {', '.join(unknown[:5])}")
    order = contigs.ordinal
    rank = found["contig"].replace_strict(order, default=len(order), return_dtype=pl.Int64)
    found = found.with_columns(rank=rank).sort("rank", "pos", "alt").drop("rank")
    if reference is not None:
        compiled = reference
        names = [c.name for c in compiled.contigs.contigs]

        def bases(name: str, at: npt.NDArray[np.int64]) -> list[str]:
            return _bases_of(compiled.sequence(name), at)

        found = _compared(sites, found, contigs, names, bases, compiled.fasta_name, said)
    elif fasta is not None:
        with pysam.FastaFile(str(fasta)) as file:
            bases = partial(_bases_at, file)
            found = _compared(sites, found, contigs, file.references, bases, fasta.name, said)
    found = _thinned(found, most)
    if found.height < FEW_SITES:
        said.append(
            f"{sites.name}: {found.height:,} sites of {n_common:,} common SNVs can be used: "
            f"fewer than {FEW_SITES:,} give a wide interval of contamination"
        )
    return found.select(list(SCHEMA))


def _one_each(found: pl.DataFrame) -> pl.DataFrame:
    """Leave out sites that stand there with two ALT, or twice."""
    return found.filter(pl.len().over("contig", "pos") == 1)


def _thinned(found: pl.DataFrame, most: int) -> pl.DataFrame:
    """Keep sites that are `SPACING` apart, and of these as many as asked, evenly."""
    contig, pos = found["contig"].to_list(), found["pos"].to_list()
    keep: list[int] = []
    last, at = "", -SPACING
    for i, (name, here) in enumerate(zip(contig, pos, strict=True)):
        if name != last or here - at >= SPACING:
            keep.append(i)
            last, at = name, here
    rows = np.array(keep, np.int64)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return found[rows]


def _compared(
    sites: Path,
    found: pl.DataFrame,
    contigs: Contigs,
    names: Iterable[str],
    bases_at: Callable[[str, npt.NDArray[np.int64]], list[str]],
    fasta: str,
    said: list[str],
) -> pl.DataFrame:
    """Name contigs as the FASTA does, and leave out sites of which REF is not its base."""
    own = {contigs.canonical(name): name for name in names}
    found = found.filter(pl.col("contig").is_in([c for c in own if c is not None]))
    base: list[str] = []
    for (name,), rows in found.group_by("contig", maintain_order=True):
        base.extend(bases_at(own[str(name)], rows["pos"].to_numpy() - 1))
    found = found.with_columns(base=pl.Series(base, dtype=pl.String))
    wrong = found.filter(pl.col("ref") != pl.col("base"))
    if found.is_empty() or wrong.height > max(MOST_WRONG * found.height, 1):
        first = wrong.row(0, named=True) if wrong.height else None
        where = (
            f", first at {first['contig']}:{first['pos']}: {first['ref']} for {first['base']}"
            if first
            else ""
        )
        raise InputError(
            f"{sites}: REF is not the reference's base at {wrong.height:,} of "
            f"{found.height:,} sites{where}",
            f"give a panel of the assembly of {fasta}",
        )
    if wrong.height:
        said.append(
            f"{sites.name}: {wrong.height:,} sites left out, REF is not the reference's"
        )
    known = {c: name for c, name in own.items() if c is not None}
    return found.filter(pl.col("ref") == pl.col("base")).with_columns(
        contig=pl.col("contig").replace_strict(known, return_dtype=pl.String)
    )


_PIECE = 4 << 20
"""Bases of a contig in memory at once."""


def _bases_at(file: pysam.FastaFile, name: str, at: npt.NDArray[np.int64]) -> list[str]:
    """Give the upper-case bases at ascending 0-based positions; N beyond the end."""
    out = np.full(len(at), ord("N"), np.uint8)
    for piece in np.unique(at // _PIECE):
        low, high = np.searchsorted(at, [piece * _PIECE, (piece + 1) * _PIECE])
        start = int(piece) * _PIECE
        text = file.fetch(name, start, int(at[high - 1]) + 1).upper().encode()
        held = np.frombuffer(text, np.uint8)
        offset = at[low:high] - start
        inside = offset < len(held)
        out[low:high][inside] = held[offset[inside]]
    return [chr(b) for b in out]


def _bases_of(bases: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]) -> list[str]:
    """Give the bases at 0-based positions; N beyond the end."""
    inside = at < len(bases)
    out = np.full(len(at), ord("N"), np.uint8)
    out[inside] = bases[at[inside]]
    return [chr(b) for b in out]
