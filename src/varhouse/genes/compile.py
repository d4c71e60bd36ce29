"""Compile an annotation and a reference into a gene model.

Rows of any dialect become features (`gff3.py`, `gtf.py`), features become the pieces of
transcripts (`pieces.py`), and pieces become the arrays of the model (`tables.py`).
Nothing is dropped in silence: `meta.json` counts what was left out and why.
"""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import InputError
from varhouse.genes.circular import refused_lines
from varhouse.genes.gff3 import read_gff3
from varhouse.genes.gtf import read_gtf
from varhouse.genes.mane import add_mane, read_mane
from varhouse.genes.pieces import Pieces, make_pieces
from varhouse.genes.rows import TAGS, Rows, read_rows
from varhouse.genes.tables import build_arrays
from varhouse.genome.reference import Reference
from varhouse.tables.schema import GENES
from varhouse.transcripts.genemodel import MODEL_FORMAT, GeneModel, save_model
from varhouse.transcripts.modeldigest import contig_digests

_LOG = logging.getLogger("varhouse.genes")

DEFAULT_CODE = 1
MITOCHONDRIAL_CODE = 2
_MITOCHONDRIAL_NAMES = {"MT", "chrM", "M", "chrMT", "MtDNA"}
_MITOCHONDRIAL_ACCESSIONS = ("NC_012920", "J01415")


def compile_genes(
    path: Path, reference: Reference, directory: Path, mane: Path | None = None
) -> Path:
    """Compile a GFF3 or GTF file into `directory` and return the directory.

    The folder gets one `.npy` file for each array, `transcripts.parquet`,
    `genes.parquet` and, last, `meta.json`. A model of the same annotation and reference
    that stands there already is kept.

    Parameters
    ----------
    path
        GFF3 or GTF, plain, gzip or BGZF, lines in any order.
    reference
        The opened reference; contig names are mapped through its aliases. Bases that it
        does not hold count as N.
    directory
        Folder to write; made when it is not there.
    mane
        NCBI's table of MANE pairs, for annotations that only tag their transcripts.

    Raises
    ------
    InputError
        If the file is damaged, is neither GFF3 nor GTF, names no contig of the assembly,
        or has neither a gene nor a transcript on one.
    """
    rows = read_rows(path, reference.contigs)
    pairs = read_mane(mane) if mane is not None else None
    digest = _digest(rows, reference, pairs)
    index = directory / "meta.json"
    if index.exists():
        meta = json.loads(index.read_text())
        if meta.get("digest") == digest and meta.get("format") == MODEL_FORMAT:
            return directory
    features = read_gtf(rows) if rows.is_gtf else read_gff3(rows)
    if features.transcripts.is_empty() and features.genes.is_empty():
        raise InputError(
            f"{path}: no gene and no transcript in it (no row of type gene, exon or CDS)",
            "give the GFF3 or GTF file of a gene annotation",
        )
    if pairs is not None:
        transcripts, found = add_mane(features.transcripts, pairs)
        counts = {**features.counts, **found}
        features = replace(features, transcripts=transcripts, counts=counts)
    refused = features.refused.join(features.transcripts, on=["contig", "key"])
    pieces = make_pieces(features, reference.contigs.names)
    arrays, counts = build_arrays(pieces, reference)
    codes = _genetic_codes(pieces, reference)
    counts = {**rows.counts, **features.counts, **pieces.counts, **counts}
    meta = {
        "annotation": path.name,
        "dialect": "GTF" if rows.is_gtf else "GFF3",
        "reference_digest": reference.digest,
        "counts": {k: v for k, v in counts.items() if not k.startswith("feature:")},
        "features_not_used": {
            k.removeprefix("feature:"): v
            for k, v in counts.items()
            if k.startswith("feature:")
        },
        "unknown_contigs": rows.unknown_contigs,
        "refused": refused_lines(path, refused),
    }
    model = GeneModel(
        digest=digest,
        contigs=pieces.contigs,
        meta=meta,
        transcripts=_names(pieces.transcripts),
        genes=features.genes,
        code=codes,
        **arrays,
    )
    model.meta["contig_digests"] = contig_digests(model)
    save_model(model, directory)
    _report(path, model)
    return directory


def _digest(rows: Rows, reference: Reference, pairs: pl.DataFrame | None) -> str:
    """SHA-256 over the annotation's text, the reference, contig names and MANE pairs."""
    names = rows.frame["contig"].unique().sort().to_list()
    said = [MODEL_FORMAT, rows.digest, reference.digest, names]
    if pairs is not None:
        said.append(pairs.sort("transcript_id").rows())
    text = json.dumps(said)
    return hashlib.sha256(text.encode()).hexdigest()


def _names(transcripts: pl.DataFrame) -> pl.DataFrame:
    return transcripts.select(
        "transcript_id",
        "version",
        "gene_id",
        "gene_name",
        "biotype",
        "contig",
        "protein_id",
        *(t for t in TAGS if t != "ccds"),
        flags=pl.concat_str(
            pl.when("start_unknown").then(pl.lit("cds_start_NF")),
            pl.when("end_unknown").then(pl.lit("cds_end_NF")),
            separator="&",
            ignore_nulls=True,
        ).replace("", None),
    )


def _genetic_codes(pieces: Pieces, reference: Reference) -> Any:
    """NCBI number of each transcript's genetic code: `transl_table`, else by contig."""
    mitochondrial = []
    for name in pieces.contigs:
        contig = reference.contigs.by_name[name]
        names = {name, *contig.aliases, contig.accession or ""}
        by_accession = any(n.startswith(_MITOCHONDRIAL_ACCESSIONS) for n in names)
        if by_accession or name in _MITOCHONDRIAL_NAMES or names & {"MT", "chrM"}:
            mitochondrial.append(name)
    return (
        pieces.transcripts.select(
            pl.coalesce(
                "code",
                pl.when(pl.col("contig").is_in(mitochondrial))
                .then(pl.lit(MITOCHONDRIAL_CODE))
                .otherwise(pl.lit(DEFAULT_CODE)),
            ).cast(pl.Int64)
        )
        .to_series()
        .to_numpy()
        .copy()
    )


def _report(path: Path, model: GeneModel) -> None:
    counts = {k: v for k, v in model.meta["counts"].items() if v}
    _LOG.info(
        "%s: %d transcripts of %d genes on %d contigs",
        path.name,
        model.n_transcripts,
        model.genes.select("contig", "gene_id").n_unique(),
        len(model.contigs),
    )
    if model.meta["unknown_contigs"]:
        names = model.meta["unknown_contigs"]
        _LOG.warning(
            "%s: %d contig(s) are not in the assembly and were left out: %s",
            path.name,
            len(names),
            ", ".join(names[:5]) + (", ..." if len(names) > 5 else ""),
        )
    for line in model.meta["refused"]:
        _LOG.warning("%s", line)
    for name, number in counts.items():
        _LOG.info("%s: %s: %d", path.name, name.replace("_", " "), number)


def genes_frame(model: GeneModel) -> pl.DataFrame:
    """Give the rows of the table `genes` (1-based, closed coordinates).

    Returns
    -------
    pl.DataFrame
        Columns of `schema.GENES`, sorted by contig, start and gene_id.
    """
    counts = model.transcripts.group_by("contig", "gene_id").agg(n_transcripts=pl.len())
    return (
        model.genes.join(counts, on=["contig", "gene_id"], how="left")
        .unique(["contig", "gene_id", "start"], keep="first", maintain_order=True)
        .select(
            "gene_id",
            "gene_name",
            "contig",
            pl.col("start", "end").cast(pl.Int32),
            pl.when(pl.col("strand") == "-")
            .then(-1)
            .otherwise(1)
            .cast(pl.Int8)
            .alias("strand"),
            "biotype",
            pl.col("n_transcripts").fill_null(0).cast(pl.Int32),
            "xrefs",
            pl.col("contig")
            .replace_strict(contig_digests(model), default=None, return_dtype=pl.String)
            .alias("genes_digest"),
        )
        .select(GENES.names)
        .sort("contig", "start", "gene_id")
    )
