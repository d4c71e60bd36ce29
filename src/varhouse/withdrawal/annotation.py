"""Annotation of alleles that a withdrawal lets in: seldom any.

A record may have been rejected because of a call of somebody who goes, and then comes in
without him. Its alleles are annotated with the gene model and the sources that the base
release has, or nothing is done: a withdrawal never changes what the store is annotated with.
"""

import json
import shlex
from pathlib import Path

import polars as pl

from varhouse.errors import ConfigError, StoreError, VarhouseError
from varhouse.ingest.jobs.annotate import compile_model
from varhouse.ingest.setup.config import Config, check_config
from varhouse.ingest.setup.fromfiles import recorded_settings
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.prepare import genes_digest, source_digests
from varhouse.ingest.setup.run import FOLDER, Run, annotation_of
from varhouse.store.reader import Store
from varhouse.withdrawal.remembered import Remembered

_NO_SHEETS = ("cohorts", "samples", "strata", "store", "reads", FOLDER)


def add_annotation(run: Run, base: Store, remembered: Remembered, n_new: int) -> None:
    """Give a run the gene model and the sources of its base release.

    Parameters
    ----------
    n_new
        Alleles that the store does not have, for messages.

    Raises
    ------
    StoreError
        If their files are gone or others.
    """
    wanted = annotation_of(base)
    if not wanted.get("genes") and not wanted.get("sources"):
        return
    try:
        config = _config(base, remembered)
        known = KnownFiles(base.path / "_cache")
        genes = genes_digest(config, known, run.reference_digest)
        sources = source_digests(config, known)
    except (VarhouseError, OSError) as error:
        raise _refusal(base, n_new, str(error)) from None
    if (genes, sources) != (wanted.get("genes"), wanted.get("sources", {})):
        raise _refusal(base, n_new, "gene model or sources are other files by now")
    run.genes = str(config.genes) if config.genes else None
    run.mane = str(config.mane) if config.mane else None
    run.genes_digest, run.sources, run.source_digests = genes, config.sources, sources
    run.inputs |= known.told
    if run.genes is not None:
        compile_model(run)


def _config(base: Store, remembered: Remembered) -> Config:
    """Read the gene model and sources of the newest ingest that annotated."""
    rows = base.scan("ingests").filter(pl.col("operation") == "ingest").collect()
    if rows.is_empty():
        raise ConfigError(["no ingest tells of gene model and sources"])
    said = recorded_settings(base, rows.sort("release")["config"][-1], _NO_SHEETS)
    kept = json.loads(
        json.dumps({k: said[k] for k in said if k in ("genes", "mane", "sources")})
    )
    kept["assembly"] = {"reference": str(remembered.config.reference)}
    people = remembered.config.samples
    return check_config(kept, Path("/"), cohorts=[], people=people)


def _refusal(base: Store, n_new: int, why: str) -> StoreError:
    return StoreError(
        f"{n_new:,} allele(s) of records that were rejected because of them would be new to "
        f"the store, and cannot be annotated as it is: {why}; nothing was changed",
        f"varhouse ingest {shlex.quote(str(base.path))} --config FILE with the gene model and "
        "sources that are wanted, then again",
    )
