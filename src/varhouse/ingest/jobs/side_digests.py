"""What the gene model and the sources say of each partition, as digests."""

from pathlib import Path
from typing import Any

from varhouse.genes import load_genes
from varhouse.genome.contigs import Contigs
from varhouse.ingest.jobs.annotate import open_source
from varhouse.ingest.jobs.sides import EVERYWHERE
from varhouse.ingest.setup.prepare import source_settings
from varhouse.ingest.setup.run import Run, annotation_of
from varhouse.ingest.setup.settings import text_digest
from varhouse.transcripts.modeldigest import contig_digests


def read_sides(run: Run) -> dict[str, Any]:
    """Digest the gene model and each source by partition.

    What is as it was in the base release is taken from its record.

    Returns
    -------
    dict
        `genes` and `sources` (name to the same): partition to digest; `versions`: name
        to the version of a source, None if nobody says it.
    """
    before = annotation_of(run.base())
    contigs = run.open_contigs()
    out: dict[str, Any] = {"genes": {}, "sources": {}, "versions": {}}
    if run.genes:
        known = before.get("genes_parts")
        if known is not None and before.get("genes") == run.genes_digest:
            out["genes"] = known
        else:
            found = contig_digests(load_genes(Path(run.genes_folder)))
            out["genes"] = by_part(found, contigs, "")
    for spec in run.sources:
        name = spec.name
        known = before.get("source_parts", {}).get(name)
        if known is not None and before["sources"].get(name) == run.source_digests[name]:
            out["sources"][name] = known
            out["versions"][name] = before.get("versions", {}).get(name)
        else:
            source = open_source(run, spec)
            settings = text_digest(
                source_settings(spec, run.inputs.__getitem__), source.fields, source.af_only
            )
            out["sources"][name] = by_part(source.digests, contigs, settings)
            out["versions"][name] = source.version
    return out


def by_part(found: dict[str, str], contigs: Contigs, common: str) -> dict[str, str]:
    """Join the digests of contigs to digests of partitions; `common` counts for each."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for contig, digest in sorted(found.items()):
        place = EVERYWHERE if contig == EVERYWHERE else contigs.part(contig)
        parts.setdefault(place, []).append((contig, digest))
    return {part: text_digest(common, rows) for part, rows in sorted(parts.items())}
