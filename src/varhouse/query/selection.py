"""What a user asks for: regions, genes and ids, and what their names stand for."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from varhouse.alleles.key import write_key
from varhouse.errors import StoreError, UsageError, nearest, one_of
from varhouse.genome.regions import read_lists
from varhouse.query.missing import explain_missing, other_base
from varhouse.query.names import Change, match_change, match_written, parse_name, read_names
from varhouse.query.transcript_names import find_transcript_name
from varhouse.query.warm import WarmStore, placed_rows
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA

LOG = logging.getLogger("varhouse.query")

_LOOSE_RS = re.compile(r"^[Rr][Ss]\d+\Z")
_VERSION = re.compile(r"^(ens[a-z]*\d+)\.\d+")
_VRS = re.compile(r"^(ga4gh:)?VA\.(?P<digest>[\w-]+)\Z")
_HGVS = re.compile(r"^(?P<contig>.+):(?P<name>[gm]\.\d.*)\Z")
_ONE_ID = re.compile(
    r"^([Rr][Ss]\d+|(ga4gh:)?VA\.[\w-]+|[\w.*()-]+:[^:]+(:[^:]*:[^:]*)?|.+-\d+-[^-]+-.+)\Z"
)
"""What looks like an id of an allele by itself."""


@dataclass(frozen=True)
class Selection:
    """What the user asked for; empty lists ask for everything.

    Several regions, genes or ids widen the answer; one kind narrows another. Of genes and ids
    `A,B` are two, and `@FILE` a list, a line each (regions: `genome.regions`). `keys` (columns
    KEY) are alleles that were found already.
    """

    regions: Sequence[str] = field(default_factory=tuple)
    genes: Sequence[str] = field(default_factory=tuple)
    ids: Sequence[str] = field(default_factory=tuple)
    keys: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", read_lists(self.genes, split=_split_genes))
        object.__setattr__(self, "ids", read_lists(self.ids, split=_split_ids))

    def __bool__(self) -> bool:
        return bool(self.regions or self.genes or self.ids or self.keys is not None)


def _split_genes(text: str) -> list[str]:
    return [name for n in text.split(",") if (name := n.strip())] or [text]


def _split_ids(text: str) -> list[str]:
    """Split ids at commas, which some hold: only where an id stands on both sides."""
    pieces = [piece for p in text.split(",") if (piece := p.strip())]
    return pieces if len(pieces) > 1 and all(map(_ONE_ID.match, pieces)) else [text]


def find_genes(store: Store, names: Sequence[str]) -> pl.DataFrame:
    """Find genes by symbol or id, in any case.

    A version behind an Ensembl id counts for nothing, whoever has it: `ENSG00000141510.9`
    and `ENSG00000141510` are one gene. So does the last part of other ids that the gene
    model has (`CHS.7.2`), if the question leaves it out and one gene alone has the rest.

    Returns
    -------
    pl.DataFrame
        Rows of the table genes.

    Raises
    ------
    StoreError
        If the store knows no such gene; the nearest are named.
    """
    if isinstance(store, WarmStore) and store.is_warm:
        genes = store.kept(read_genes)
    else:
        genes = read_genes(store)
    found = []
    for name in names:
        rows = _named(genes, name.strip().lower())
        if not rows.height:
            if not genes.height:
                raise StoreError(
                    f"{store.name} knows no genes",
                    "add `genes` to the configuration and ingest",
                )
            known = [*genes["gene_name"].drop_nulls(), *genes["gene_id"]]
            raise StoreError(f"no gene {name!r} in the gene model{nearest(name, known)}")
        found.append(rows)
    rows = found[0] if len(found) == 1 else pl.concat(found).unique(maintain_order=True)
    return rows.drop("low_name", "low_id")


def read_genes(store: Store) -> pl.DataFrame:
    """Read the table genes, with `low_name` and `low_id`: symbol and id in lower case."""
    low = [pl.col(f"gene_{n}").str.to_lowercase().alias(f"low_{n}") for n in ("name", "id")]
    return store.scan("genes").collect().with_columns(low)


def _named(genes: pl.DataFrame, low: str) -> pl.DataFrame:
    """Rows of the genes that a name in lower case stands for."""
    own_id = pl.col("low_id")
    rows = genes.filter((pl.col("low_name") == low) | (own_id == low))
    if rows.height:
        return rows
    plain = _VERSION.sub(r"\1", low)
    xref = re.sub(r"^(hgnc|mgi):(?:hgnc|mgi):", r"\1:", low)
    xref = re.sub(r"^(?:(?:entrez|ncbi|geneid|ncbigene):)?(\d+)\Z", r"geneid:\1", xref)
    shorter = own_id.str.replace(r"\.\d+$", "")
    tests = (
        own_id == plain,
        pl.col("xrefs").list.eval(pl.element().str.to_lowercase()).list.contains(xref),
        (shorter == plain) & (pl.col("gene_id").n_unique().over(shorter) == 1),
    )
    for test in tests:
        rows = genes.filter(test)
        if rows.height:
            LOG.info(
                "%s is taken for gene %s", low, ", ".join(rows["gene_id"].unique().sort())
            )
            break
    return rows


def find_keys(store: Store, text: str) -> pl.DataFrame:
    """Find the alleles that an id stands for.

    Parameters
    ----------
    store
        The store.
    text
        An rs id, SPDI, VRS id, HGVS g., c., n. or p. name, a cohort's own id, or
        `contig-pos-ref-alt`, whose contig may go by any of its names, with the extent of a
        symbolic allele behind it, or without for all extents; any spelling of
        the same change finds it (`names.py`, `transcript_names.py`).

    Returns
    -------
    pl.DataFrame
        The keys, none for an unknown id; the log says why.

    Raises
    ------
    UsageError
        If the contig or the transcript of a name is unknown, or it has another base than
        the reference beside its change.
    """
    text = text.strip()
    if _LOOSE_RS.match(text):
        text = text.lower()
    placed = placed_rows(store)
    known = placed.ids.find(text) if placed is not None else None
    if known is None:
        known = store.scan("ids", id=text).select(KEY).unique().collect()
    if known.height:
        return known
    in_transcript = find_transcript_name(store, text)
    if in_transcript is not None:
        return in_transcript
    found = _find_name(store, text)
    if not found.height:
        LOG.warning("%s", explain_missing(store, text))
    return found


def _find_name(store: Store, text: str) -> pl.DataFrame:
    if match := _VRS.match(text):
        return _by_vrs(store, match["digest"])
    written = match_written(store, text)
    if written is not None and written.height:
        return written
    readings = parse_name(text, store.assembly_contigs)
    wrong = ""
    for change, whole in zip(readings, read_names(text, store.assembly_contigs), strict=True):
        known = match_change(store, change)
        if not known.height:
            continue
        # The bases beside the change say where it is: others are of another place.
        if other := other_base(store, whole, change):
            wrong = wrong or other
            continue
        _say(text, change, known, several=len(readings) > 1)
        return known
    if wrong:
        raise UsageError(f"{text}: {wrong}", "check the assembly and position of the name")
    if match := _HGVS.match(text):
        return _by_hgvs(store, match["contig"], match["name"])
    return pl.DataFrame(schema=KEY_SCHEMA)


def _say(text: str, change: Change, keys: pl.DataFrame, *, several: bool) -> None:
    """Tell which allele another spelling was taken for."""
    own = write_key(keys)
    how = f", read as {change.spelling}" if several else ""
    LOG.info("%s is %s here%s", text, own, how)


def _by_vrs(store: Store, digest: str) -> pl.DataFrame:
    full = f"ga4gh:VA.{digest}"
    found = store.scan("ids", id=full).select(KEY).unique().collect()
    files = store.file_frame("ids")
    # A file holds ids of one kind: one that begins with VRS ids lists all of its alleles.
    listed = "min.id" in files.columns and files["min.id"].str.starts_with("ga4gh:VA.").any()
    if found.height or listed:
        return found
    return store.scan("variants").filter(pl.col("vrs_id") == full).select(KEY).collect()


def _by_hgvs(store: Store, prefix: str, name: str) -> pl.DataFrame:
    """Find alleles whose shift is too wide for a SPDI by their name as it is."""
    contig = store.assembly_contigs.canonical(prefix)
    if contig is None:
        known = store.assembly_contigs
        raise UsageError(known.unknown(prefix), one_of(known.names))
    wanted = pl.col("spdi").is_null() & pl.col("hgvs_g").str.ends_with(f":{name}")
    return store.scan("variants", contig=contig).filter(wanted).select(KEY).collect()
