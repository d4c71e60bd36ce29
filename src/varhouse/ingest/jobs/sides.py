"""Side tables: what of them another gene model or another release of a source changes.

Consequences and annotations stand beside the calls. Only the partitions are made anew of
which the gene model or the source says something else than the one before; digests of
what they say (`side_digests.py`) are kept in the release record.
"""

from collections.abc import Iterable
from typing import Any

from varhouse.ingest.setup.run import Run, annotation_of

GENE_MODEL = "gene model"
"""The gene model among the names of sources, none of which can hold a space."""

EVERYWHERE = "*"
"""The partition of what is said of no contig in particular, such as of a gene."""


def changed_parts(
    run: Run, sides: dict[str, Any], parts: Iterable[str]
) -> dict[str, list[str]]:
    """Find what has to be made anew in which of some partitions of the base release.

    Returns
    -------
    dict
        Partition to names of sources, `GENE_MODEL` among them; partitions where nothing
        changes are left out.
    """
    before = annotation_of(run.base())
    out: dict[str, list[str]] = {}

    def compare(name: str, old: dict[str, str] | None, new: dict[str, str]) -> None:
        for part in parts:
            if name not in out.get(part, ()) and (
                old is None or _of(old, part) != _of(new, part)
            ):
                out.setdefault(part, []).append(name)

    parts = sorted(parts)
    by_gene = [s.name for s in run.sources if s.kind == "gene"]
    if run.annotate_all and run.genes:
        # A release of an older version holds no digests: then all is made anew.
        compare(
            GENE_MODEL,
            before.get("genes_parts") if before.get("genes") else {},
            sides["genes"],
        )
    # What is joined by gene follows the gene model.
    by_gene = [s.name for s in run.sources if s.kind == "gene"]
    for names in out.values():
        names += by_gene
    for name in run.annotate_sources:
        there = name in before.get("sources", {})
        old = before.get("source_parts", {}).get(name) if there else {}
        compare(name, old, sides["sources"][name])
    for names in out.values():
        # Which gene an allele concerns is what the gene model says.
        if GENE_MODEL in names:
            names += [n for n in by_gene if n not in names]
    return out


def _of(digests: dict[str, str], part: str) -> str | None:
    return digests.get(part, digests.get(EVERYWHERE))


def merge_annotation(run: Run, sides: dict[str, Any]) -> dict[str, Any]:
    """Give what a release record says of the gene model and the sources."""
    return {
        "genes": run.genes_digest,
        "sources": run.source_digests,
        "genes_parts": sides["genes"],
        "source_parts": sides["sources"],
        "versions": sides["versions"],
    }
