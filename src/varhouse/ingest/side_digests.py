"""What the gene model and the sources say of each partition, as digests."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import polars as pl

from varhouse.contigs import Contigs
from varhouse.genes import load_genes
from varhouse.ingest.run import Run, annotation_of, source_settings
from varhouse.ingest.settings import SourceConfig, text_digest
from varhouse.ingest.sides import EVERYWHERE
from varhouse.modeldigest import contig_digests
from varhouse.source.scan import hash_file
from varhouse.sources import header_version
from varhouse.sources.text import line_blocks

LOG = logging.getLogger("varhouse.ingest")

_CONTIG_COLUMNS = ("contig", "chrom", "chr", "#chrom", "chromosome", "seqname")
_LONGEST_NAMES = 1 << 16
_LINE_END, _TAB, _SPACE, _HASH = b"\n"[0], b"\t"[0], b" "[0], b"#"[0]


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
            out["genes"] = _by_part(found, contigs, "")
    for source in run.sources:
        name = source.name
        known = before.get("source_parts", {}).get(name)
        if known is not None and before["sources"].get(name) == run.source_digests[name]:
            out["sources"][name] = known
            out["versions"][name] = before.get("versions", {}).get(name)
        else:
            parts, version = source_parts(source, contigs)
            out["sources"][name] = parts
            out["versions"][name] = source.version or version
    return out


def _by_part(found: dict[str, str], contigs: Contigs, common: str) -> dict[str, str]:
    """Join the digests of contigs to digests of partitions; `common` counts for each."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for contig, digest in sorted(found.items()):
        place = EVERYWHERE if contig == EVERYWHERE else contigs.part(contig)
        parts.setdefault(place, []).append((contig, digest))
    return {part: text_digest(common, rows) for part, rows in sorted(parts.items())}


def source_parts(source: SourceConfig, contigs: Contigs) -> tuple[dict[str, str], str | None]:
    """Digest what a source's file says of each partition.

    Lines count under the contig that their first column names. Of a VCF header counts what
    declares fields, not when or by whom the file was made.

    Returns
    -------
    tuple
        Partition to digest (`*`: of every other one), and the version that the file's
        header names, if any.
    """
    path = Path(source.path)
    settings = source_settings(source)
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if source.kind == "gene":
        return {EVERYWHERE: text_digest(settings, hash_file(path)[1])}, None
    if is_parquet:
        return _by_part(_parquet_digests(path, contigs), contigs, settings), None
    header, found, other = _text_digests(path, contigs)
    is_vcf = bool(header) and header[0].startswith("##fileformat=VCF")
    version = header_version(header) if is_vcf else None
    declared = [ln for ln in header if ln.startswith("##INFO=")] if is_vcf else header
    if not is_vcf and other is not None:
        # Rows of no contig: it is not the first column that names them.
        found[EVERYWHERE] = other
        declared.append(other)
    return _by_part(found, contigs, text_digest(settings, declared)), version


def _parquet_digests(path: Path, contigs: Contigs) -> dict[str, str]:
    """Digest the rows of each contig of a Parquet file, in whatever order."""
    frame = pl.scan_parquet(path, glob=False)
    names = frame.collect_schema().names()
    column = next((n for n in names if n.lower() in _CONTIG_COLUMNS), None)
    if column is None:
        return {EVERYWHERE: hash_file(path)[1]}
    out: dict[str, list[tuple[str, int, int, int]]] = {}
    for value in frame.select(pl.col(column).unique()).collect()[column].drop_nulls():
        contig = contigs.canonical(str(value))
        if contig is None:
            continue
        rows = frame.filter(pl.col(column) == value).collect()
        sums = [int(rows.hash_rows(seed).sum()) for seed in (1, 2)]
        out.setdefault(contig, []).append((str(value), rows.height, sums[0], sums[1]))
    return {c: text_digest(sorted(rows)) for c, rows in out.items()}


def _text_digests(
    path: Path, contigs: Contigs
) -> tuple[list[str], dict[str, str], str | None]:
    """Digest the lines of each contig.

    Returns
    -------
    tuple
        The header (lines before the first without `#`, those of the column names among
        them), contig to digest, and the digest of the lines that name no contig of the
        assembly (None without).
    """
    header: list[str] = []
    known: dict[bytes, Any] = {}
    found: dict[str, Any] = {}
    other = hashlib.sha256()
    n_other, first = 0, True
    for block, starts in _runs_of(path):
        for i, begin in enumerate(starts):
            run = block[begin : starts[i + 1] if i + 1 < len(starts) else len(block)]
            if run[:1] == b"#":
                header += run.decode("utf-8", "replace").splitlines()
                continue
            name = run[:256].split(b"\n", 1)[0].split(b"\t", 1)[0].split(b" ", 1)[0].strip()
            if name not in known:
                contig = contigs.canonical(name.decode("utf-8", "replace"))
                place = found.setdefault(contig, hashlib.sha256()) if contig else None
                known[name] = place
            if known[name] is not None:
                known[name].update(run)
            elif first and len(run) < _LONGEST_NAMES:
                # Column names without a `#`.
                header.append(run.decode("utf-8", "replace"))
            else:
                other.update(run)
                n_other += 1
            first = False
    digests = {c: h.hexdigest() for c, h in found.items()}
    return header, digests, other.hexdigest() if n_other else None


def _runs_of(path: Path) -> Iterator[tuple[bytes, list[int]]]:
    """Yield blocks of whole lines, and where in each runs of one first column begin."""
    for block in line_blocks(path, 16 << 20):
        data = np.frombuffer(block, np.uint8)
        starts = np.empty(block.count(b"\n") + 1, np.int64)
        n = _find_runs(data, starts)
        yield block, starts[:n].tolist()


@numba.njit(nogil=True, cache=True)
def _find_runs(data, starts):  # type: ignore[no-untyped-def]
    """Find where lines begin whose first column is not that of the line before.

    Lines with `#` at their beginning are alike.
    """
    n, at, size = 0, 0, data.size
    key, length = -1, 0
    while at < size:
        end = at
        if data[at] == _HASH:
            end = at + 1
        else:
            while end < size and data[end] not in (_LINE_END, _TAB, _SPACE):
                end += 1
        same = key >= 0 and end - at == length
        i = 0
        while same and i < length:
            same = data[key + i] == data[at + i]
            i += 1
        if not same:
            starts[n] = at
            n += 1
            key, length = at, end - at
        while end < size and data[end] != _LINE_END:
            end += 1
        at = end + 1
    return n
