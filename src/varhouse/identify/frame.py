"""Name the alleles of a frame: type, SPDI, VRS 2 id and HGVS genomic name.

SPDI (Holmes et al. 2020): `sequence:position:deleted:inserted`, position 0-based, over the
fully-justified interval ("contextual" form). VRS id: GA4GH VRS 2.0, `ga4gh:VA.` and the
sha512t24u digest of the allele's canonical JSON, whose location stands in it as the digest
of its own. HGVS: recommendations 21.0, DNA level: the most 3' place, `dup` before `ins`,
`delins` for the rest, no `inv`.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.key import complete_key, last_base
from varhouse.genome.reference import Reference
from varhouse.identify.kernel import (
    DELETION,
    DELINS,
    EQUAL,
    INSERTION,
    MNV,
    SNV,
    Justified,
    justify_packed,
)
from varhouse.identify.text import Sequences, hgvs, spdi
from varhouse.identify.vrs import SIZE, vrs_ids
from varhouse.tables.schema import KEY
from varhouse.tables.textcolumn import pack, strings

Ints = npt.NDArray[np.int32]

_TYPES = {SNV: "snv", MNV: "mnv", DELINS: "delins", DELETION: "deletion", EQUAL: "other",
          INSERTION: "insertion"}  # fmt: skip

_MITOCHONDRIA = ("chrM", "chrMT", "M", "MT")


def identify(frame: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Give every allele its type and names.

    Parameters
    ----------
    frame
        Columns contig (canonical name), pos (Int32, 1-based), ref, alt (String; one
        normalised ALT a row), and any others, which stay.
    reference
        The opened reference; accession and refget digest of a contig are taken from its
        aliases table. Without an accession SPDI and HGVS begin with the contig's name.

    Returns
    -------
    pl.DataFrame
        The same rows with the columns end (Int32, 1-based last base covered), type,
        spdi, vrs_id and hgvs_g (String). The last three are null for an allele that is
        no sequence, whose ref does not agree with the reference, or that may be shifted
        beyond the bases the reference holds; vrs_id also where the contig's refget
        digest is not known; spdi where it had more than 100,000 bases.
    """
    names = frame["contig"].unique(maintain_order=True).drop_nulls().to_list()
    contig = frame["contig"].replace_strict(
        names, range(len(names)), default=-1, return_dtype=pl.Int32
    )
    codes = contig.fill_null(-1).to_numpy()
    seq, starts, lengths = reference.packed(names)
    whole = np.array([reference.is_whole(c) for c in names], np.bool_)
    found = justify_packed(
        seq,
        starts,
        lengths,
        whole,
        codes,
        frame["pos"].cast(pl.Int32).to_numpy(),
        *pack(frame["ref"]),
        *pack(frame["alt"]),
    )
    work = complete_key(frame).select(KEY).with_columns(pl.Series("_kind", found.kind))
    named = work.with_columns(end=last_base().cast(pl.Int32), type=_type())
    sequences = _sequences(names, reference)
    vrs = _vrs_ids(found, codes, [reference.refget(c) for c in names])
    return frame.with_columns(
        named["end"],
        named["type"],
        spdi(found, codes, sequences),
        vrs,
        hgvs(found, codes, sequences),
    )


def _sequences(names: list[str], reference: Reference) -> Sequences:
    """Give what names say of contigs."""
    entries = [reference.contigs.by_name.get(c) for c in names]
    accession = [
        (e.accession if e else None) or c for e, c in zip(entries, names, strict=True)
    ]
    texts = [a.encode() for a in accession]
    letter = b"".join(
        b"m" if c in _MITOCHONDRIA or a.startswith("NC_012920") else b"g"
        for c, a in zip(names, accession, strict=True)
    )
    return Sequences(
        np.frombuffer(b"".join(texts), np.uint8),
        np.append(0, np.cumsum([len(t) for t in texts], dtype=np.int64)),
        np.frombuffer(letter, np.uint8),
        np.array([reference.length(c) for c in names], np.int64),
    )


def _type() -> pl.Expr:
    alt = pl.col("alt")
    return (
        pl.when(pl.col("_kind") > 0)
        .then(pl.col("_kind").replace_strict(_TYPES, default=None, return_dtype=pl.String))
        .when(alt == "*")
        .then(pl.lit("spanning_deletion"))
        .when(alt.str.contains(r"[\[\]]"))
        .then(pl.lit("breakend"))
        .when(alt.str.contains(r"<.*>$"))
        .then(pl.lit("symbolic"))
        .when(alt.str.contains(r"^(\.[A-Za-z]+|[A-Za-z]+\.)$"))
        .then(pl.lit("breakend"))
        .otherwise(pl.lit("other"))
    )


def _vrs_ids(found: Justified, codes: Ints, refgets: list[str | None]) -> pl.Series:
    """Digest the canonical JSON of every allele that has one."""
    known = np.array([r is not None for r in refgets] + [False], np.bool_)
    has = found.known & known[codes] & (found.kind != EQUAL)
    rows = np.flatnonzero(has)
    # Literal states lie end to end already; those of the rest are not read.
    sizes = np.diff(found.inserted_at)[rows]
    at = np.append(0, np.cumsum(sizes))
    bases = found.inserted
    if rows.size != has.size:
        bases = bases[np.repeat(has, np.diff(found.inserted_at))]
    texts = [(r or "").encode() for r in refgets]
    data = vrs_ids(
        codes[rows],
        np.frombuffer(b"".join(texts), np.uint8),
        np.append(0, np.cumsum([len(t) for t in texts], dtype=np.int64)),
        found.start[rows],
        found.end[rows],
        found.length[rows],
        found.subunit[rows],
        bases,
        at,
    )
    offsets = np.append(0, np.cumsum(np.where(has, SIZE, 0)))
    return strings(data, offsets, has, name="vrs_id")
