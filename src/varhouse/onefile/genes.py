"""Compile a gene annotation once, for every later annotation."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import UsageError
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.contigs import read_aliases
from varhouse.genome.reference import OpenedReference
from varhouse.onefile.out import tells_paths


@dataclass(frozen=True)
class Genes:
    """A compiled gene model.

    Attributes
    ----------
    folder
        What `varhouse.annotate` takes as `genes`.
    digest
        Of the annotation and the reference, 64 hex digits.
    counts
        What was read, and what was left out and why.
    unknown_contigs
        Contigs of the annotation that the reference does not have, left out.
    refused
        Transcripts that were refused, one line each.
    """

    folder: Path
    digest: str
    counts: dict[str, int]
    unknown_contigs: tuple[str, ...]
    refused: tuple[str, ...]

    def genes(self) -> pl.DataFrame:
        """Read the genes: gene, name, span, strand, biotype."""
        return pl.read_parquet(self.folder / "genes.parquet", glob=False)

    def transcripts(self) -> pl.DataFrame:
        """Read the transcripts: transcript, gene, biotype, contig."""
        return pl.read_parquet(self.folder / "transcripts.parquet", glob=False)


@tells_paths
def genes(
    annotation: str | Path,
    out: str | Path,
    *,
    reference: str | Path,
    aliases: str | Path | None = None,
    mane: str | Path | None = None,
) -> Genes:
    """Compile a GFF3 or GTF file into a folder that `varhouse.annotate` opens at once.

    Parameters
    ----------
    annotation
        GFF3 (Ensembl, GENCODE, RefSeq, viral, bacterial) or GTF, plain or gzip, lines in any
        order.
    out
        The folder; a model of the same annotation and reference that stands there is kept.
    reference
        FASTA of the assembly, plain or gzip.
    aliases
        Table of contig names (TSV).
    mane
        NCBI's table MANE.GRCh38.v*.summary.txt.gz: the RefSeq id of each MANE transcript of
        Ensembl or GENCODE, and the other way round.

    Raises
    ------
    varhouse.errors.UsageError
        If `out` is a file.
    varhouse.errors.InputError
        If the annotation is damaged, of another format, or of another assembly.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a folder", "name another output")
    contigs = read_aliases(Path(aliases)) if aliases else None
    with OpenedReference(Path(reference), contigs) as opened:
        compile_genes(Path(annotation), opened, folder, Path(mane) if mane else None)
    model = load_genes(folder)
    meta = model.meta
    return Genes(
        folder,
        model.digest,
        dict(meta["counts"]),
        tuple(meta["unknown_contigs"]),
        tuple(meta["refused"]),
    )
