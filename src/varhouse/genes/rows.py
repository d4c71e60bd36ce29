"""Read the lines of a GFF3 or GTF file into one frame, whatever their order.

Nothing is understood here beyond the nine columns: `gff3.py` and `gtf.py` make
transcripts of them. Coordinates stay 1-based and closed as in the file.
"""

import hashlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.genes.attributes import mask_gtf
from varhouse.genes.circular import circular_lengths, number_lines, past_the_origin
from varhouse.genes.mane import MANE_ID, mane_id
from varhouse.genome.contigs import Contigs
from varhouse.textfile import LONGEST_ROW, line_blocks

_COLUMNS = ["seqid", "source", "type", "start", "end", "score", "strand", "phase", "attr"]
_MOST_BYTES = 8 << 30
_ROW = re.compile(rb"^(?!#)[^\n]*\S[^\n]*", re.MULTILINE)

UTR = "UTR"
UTRS = (
    "UTR", "five_prime_UTR", "three_prime_UTR", "five_prime_utr", "three_prime_utr", "5UTR",
    "3UTR", "5'UTR", "3'UTR",
)  # fmt: skip
"""Types of rows for untranslated regions; as parts of a transcript they are all `UTR`."""

PARTS = ("exon", "CDS", "stop_codon", UTR)
"""Types of parts that make a transcript."""

UNTRANSLATED = "untranslated_CDS"
"""Type that CDS rows of pseudogenes have as parts (`without_products`)."""

SELENOCYSTEINES = ("Selenocysteine", "stop_codon_redefined_as_selenocysteine")
"""Types of rows for single selenocysteines (GTF, GFF3)."""

TAGS = (
    "canonical", "mane_select", "mane_plus_clinical", "mane_id", "gencode_basic", "tsl",
    "appris", "ccds",
)  # fmt: skip
"""Columns that `tag_columns` makes."""

TRANSCRIPT_COLUMNS = (
    "contig", "key", "transcript_id", "version", "gene_id", "gene_name", "biotype",
    "start_unknown", "end_unknown", "code", "protein_id", *TAGS,
)  # fmt: skip
"""Columns of transcripts, whichever format they were read from."""

_ROW_TYPES = ("mRNA", "transcript", "primary_transcript")

BARE_GENE = "@"
"""First letter of the keys of transcripts that have no row: their parts hang on a gene."""


@dataclass(frozen=True)
class Rows:
    """Lines of an annotation on contigs of the assembly.

    Attributes
    ----------
    frame
        contig, type, start, end (Int64, 1-based, closed), strand, phase, source, attr
        (of GTF masked, see `attributes.py`), line (Int64: number of the line, null on
        contigs that are not circular).
    circular
        Length of each contig that the annotation calls circular, by canonical name.
    is_gtf
        Whether attributes are written as `key "value";`.
    digest
        SHA-256 of the text (decompressed).
    counts
        Lines that were left out, by reason.
    """

    frame: pl.DataFrame
    is_gtf: bool
    digest: str
    counts: dict[str, int]
    unknown_contigs: list[str]
    circular: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Features:
    """What an annotation says, in one form for all dialects.

    Attributes
    ----------
    transcripts
        contig, key, transcript_id, version, gene_id, gene_name, biotype,
        start_unknown, end_unknown, code (Int64), protein_id, and `TAGS`.
    parts
        contig, key, type (one of `PARTS`, or `UNTRANSLATED`), start, end, strand, phase.
    genes
        gene_id, gene_name, contig, start, end, strand, biotype, xrefs (List(String)).
    exceptions
        contig, key, pos (Int64, 1-based: a base of the codon), aa (three letters): codons
        not read by the genetic code. Without `pos` it is every TGA inside the CDS.
    counts
        What was left out or taken otherwise than written, by reason.
    refused
        contig, key, line of transcripts that cannot be read (`circular.py`).
    """

    transcripts: pl.DataFrame
    parts: pl.DataFrame
    genes: pl.DataFrame
    exceptions: pl.DataFrame
    counts: dict[str, int] = field(default_factory=dict)
    refused: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"contig": pl.String, "key": pl.String, "line": pl.Int64}
        )
    )


def read_rows(path: Path, contigs: Contigs) -> Rows:
    """Read an annotation (plain, gzip or BGZF) and map its contig names.

    Raises
    ------
    InputError
        If the file is damaged, is not GFF3 or GTF, or has no contig of the assembly.
    """
    data = _text(path)
    digest = hashlib.sha256(data).hexdigest()
    cut = data.find(b"\n##FASTA")
    if cut >= 0:
        data = data[: cut + 1]
    _check_width(path, data)
    try:
        frame = pl.read_csv(
            data,
            separator="\t",
            comment_prefix="#",
            has_header=False,
            quote_char=None,
            # Columns behind the ninth, of which a line of hostile text may have millions,
            # are not made.
            schema=dict.fromkeys(_COLUMNS, pl.String),
            extra_columns="ignore",
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: no line of GFF3 or GTF in it ({error})") from error
    n_lines = frame.height
    circles = circular_lengths(frame)
    frame = number_lines(frame, data, list(circles)).with_columns(
        pl.col("start", "end").cast(pl.Int64, strict=False),
        attr=pl.col("attr").str.strip_chars(" \r"),
        phase=pl.col("phase").cast(pl.Int64, strict=False),
    )
    frame = past_the_origin(frame, circles).filter(
        pl.col("attr").is_not_null(), pl.col("start") >= 1, pl.col("end") >= pl.col("start")
    )
    names = frame["seqid"].unique(maintain_order=True).to_list()
    known = {n: c for n in names if (c := contigs.canonical(n)) is not None}
    unknown = [n for n in names if n not in known]
    if not known:
        raise InputError(
            f"{path}: none of its contigs ({', '.join(names[:3])}, ...) is in the assembly "
            f"({', '.join(contigs.names[:3])}, ...)",
            "name the gene model of this assembly, or a table of contig names "
            "(assembly.aliases of a configuration, --aliases of a command)",
        )
    counts = {"lines_malformed": n_lines - frame.height}
    placed = frame.with_columns(
        contig=pl.col("seqid").replace_strict(known, default=None, return_dtype=pl.String)
    ).filter(pl.col("contig").is_not_null())
    counts["lines_on_unknown_contigs"] = frame.height - placed.height
    quoted = placed["attr"].head(200).str.contains(r'^\s*[\w.]+ +"?').mean()
    is_gtf = float(str(quoted or 0.0)) > 0.5
    if is_gtf:
        masked, counts["rows_with_odd_quotes"] = mask_gtf(placed["attr"])
        placed = placed.with_columns(masked.alias("attr"))
    lengths = {known[n]: length for n, length in circles.items() if n in known}
    return Rows(placed, is_gtf, digest, counts, unknown, lengths)


def _check_width(path: Path, data: bytes) -> None:
    first = _ROW.search(data)
    if first is None:
        raise InputError(f"{path}: no line of GFF3 or GTF in it")
    if (width := first[0].count(b"\t") + 1) < len(_COLUMNS):
        raise InputError(
            f"{path}: {width} columns separated by tabs, GFF3 and GTF have 9",
            "give a GFF3 or GTF file",
        )


def _text(path: Path) -> bytes:
    """Read a whole annotation, in which no line is longer than `LONGEST_ROW`."""
    whole = io.BytesIO()
    for block in line_blocks(path, longest=LONGEST_ROW):
        if whole.tell() + len(block) > _MOST_BYTES:
            raise InputError(f"{path}: more than {_MOST_BYTES >> 30} GiB of text")
        whole.write(block)
    return whole.getvalue()


def without_version(column: pl.Expr) -> pl.Expr:
    """Take the version off Ensembl ids: `ENSG00000182378.14_PAR_Y` loses the `.14`."""
    return column.str.replace(r"^(ENS[A-Z]*\d+)\.\d+", "$1")


# INSDC's qualifiers of a feature that is not translated: `/pseudo`, and `/pseudogene` with
# one of five words (https://www.insdc.org/submitting-standards/feature-table). NCBI writes
# `pseudo=true` in GFF3 and `pseudo "true"` in GTF.
_NO_PRODUCT = (
    r'(?i)(?:^|;)\s*(?:pseudo[= ]"?true|pseudogene[= ]'
    r'"?(?:processed|unprocessed|unitary|allelic|unknown))"?\s*(?:;|$)'
)


def no_product() -> pl.Expr:
    """Whether the attributes of a row (of GTF masked) say that it is of a pseudogene."""
    return pl.col("attr").str.contains(_NO_PRODUCT).fill_null(False)


def without_products(parts: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Take the CDS of pseudogenes, which have no protein, for rows of their exons alone.

    Parameters
    ----------
    parts
        contig, key, type, and `pseudo`: whether the row is of a pseudogene. NCBI gives such
        genes CDS rows, for what they were like.

    Returns
    -------
    parts, counts
        The same rows, in which a CDS of a transcript with a part that is `pseudo` is
        `UNTRANSLATED`, and `pseudo` is true for those; the number of such transcripts.
    """
    pseudo = pl.col("pseudo").any().over("contig", "key") & (pl.col("type") == "CDS")
    parts = parts.with_columns(pseudo=pseudo).with_columns(
        type=pl.when("pseudo").then(pl.lit(UNTRANSLATED)).otherwise("type")
    )
    return parts, {"pseudogenes_with_cds_not_translated": pseudogenes(parts).height}


def pseudogenes(parts: pl.DataFrame) -> pl.DataFrame:
    """Give contig, key and `pseudo` (true) of the transcripts that `without_products` met."""
    return parts.filter("pseudo").select("contig", "key", "pseudo").unique()


def biotype_of(
    stated: pl.Expr,
    kind: pl.Expr,
    coding: pl.Expr,
    of_gene: pl.Expr,
    fallback: pl.Expr,
    pseudo: pl.Expr,
) -> pl.Expr:
    """Give the biotype of a transcript in the words of Ensembl, whatever the dialect.

    RefSeq writes the type of the transcript's row (`mRNA`, `lnc_RNA`) for its biotype: in
    GFF3 as that type, in GTF as `transcript_biotype`. One that has a CDS is protein coding,
    unless its gene is a pseudogene.

    Parameters
    ----------
    stated, kind
        Biotype that the transcript has, and type of its row (null without a row).
    coding
        Whether it has a CDS.
    of_gene
        Biotype or type of the gene.
    fallback
        What it is when neither says more than that it is a transcript.
    pseudo
        Whether it has a CDS that is not translated (`without_products`).
    """
    said = pl.coalesce(pl.when(~stated.is_in(_ROW_TYPES)).then(stated), kind, stated)
    of_pseudogene = _is_pseudogene(of_gene)
    loose = said.is_in(_ROW_TYPES).fill_null(True)
    return (
        pl.when(pseudo & _is_pseudogene(stated))
        .then(stated)
        .when(pseudo & of_pseudogene)
        .then(of_gene)
        .when(pseudo)
        .then(pl.lit("pseudogene"))
        .when(coding & loose & of_pseudogene)
        .then(of_gene)
        .when(coding & loose)
        .then(pl.lit("protein_coding"))
        .when(said.is_in(["transcript", "primary_transcript"]).fill_null(True))
        .then(fallback)
        .otherwise(said)
    )


def _is_pseudogene(biotype: pl.Expr) -> pl.Expr:
    return biotype.str.to_lowercase().str.contains("pseudogene", literal=True).fill_null(False)


def made_genes(parts: pl.DataFrame, xrefs: pl.Expr) -> pl.DataFrame:
    """Make rows of genes that have none, from the parts of their transcripts.

    Parameters
    ----------
    parts
        contig, start, end, strand, gene_id, gene_name, biotype.
    xrefs
        Their cross-references, List(String).
    """
    return (
        parts.group_by("contig", "gene_id", maintain_order=True)
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("strand", "gene_name", "biotype").first(),
        )
        .with_columns(xrefs=xrefs)
    )


def gene_xrefs(*lists: pl.Expr) -> pl.Expr:
    """Make one sorted list of cross-references `HGNC:5`, `GeneID:79501` of some lists.

    RefSeq writes `HGNC:HGNC:5`: a prefix that stands twice is taken once.
    """
    none = pl.lit([], pl.List(pl.String))
    one = (
        pl.element().str.strip_chars(' "').str.replace(r"(?i)^(HGNC|MGI):(?:HGNC|MGI):", "$1:")
    )
    return (
        pl.concat_list(*(x.fill_null(none) for x in lists))
        .list.eval(one.filter(one.str.contains(r"^[^:]+:\S+$")))
        .list.unique()
        .list.sort()
    )


def tag_columns(
    tags: pl.Expr, tsl: pl.Expr, ccds: pl.Expr, attributes: pl.Expr
) -> dict[str, pl.Expr]:
    """Make typed columns of what an annotation says of the rank of a transcript.

    Parameters
    ----------
    tags
        Tags joined by commas. Ensembl and GENCODE write `MANE_Select`, RefSeq `MANE Select`;
        RefSeq's own choice (`RefSeq Select`, or MANE Select) counts as canonical.
    tsl
        Transcript support level, `1 (assigned to previous version 5)` or `NA`.
    ccds
        Id of the consensus CDS, null for none.
    attributes
        All attributes, for the cross-references.

    Returns
    -------
    dict
        `TAGS`: Boolean; mane_id String; tsl Int8; appris as VEP shortens it (`P1`, `A2`).
    """
    lower = tags.str.to_lowercase().str.replace_all(" ", "_").fill_null("")

    def has(*names: str) -> pl.Expr:
        return lower.str.contains(rf"(?:^|,)(?:{'|'.join(names)})(?:,|$)")

    appris = lower.str.extract_groups(r"(?:^|,)appris_(?<kind>[pa])[a-z]+_?(?<grade>\d?)")
    return {
        "canonical": has("ensembl_canonical", "refseq_select", "mane_select"),
        "mane_select": has("mane_select"),
        "mane_plus_clinical": has("mane_plus_clinical"),
        MANE_ID: mane_id(attributes, has("mane_select", "mane_plus_clinical")),
        "gencode_basic": has("basic", "gencode_basic"),
        "tsl": tsl.str.extract(r"^([1-5])").cast(pl.Int8),
        "appris": pl.concat_str(
            appris.struct["kind"].str.to_uppercase(), appris.struct["grade"]
        ),
        "ccds": ccds.is_not_null() | has("ccds"),
    }


def translation_exceptions(
    transcripts: pl.DataFrame, cds: pl.DataFrame, rows: pl.DataFrame, tag: str
) -> pl.DataFrame:
    """Find the codons that an annotation says are read otherwise.

    Parameters
    ----------
    transcripts
        contig, key, attr.
    cds
        contig, key, attr of CDS rows: `transl_except=(pos:..,aa:..)` of NCBI's files.
    rows
        contig, key, pos: rows of GENCODE and Ensembl for single selenocysteines.
    tag
        Pattern of the attributes of a transcript that has selenocysteines, for
        transcripts without either.

    Returns
    -------
    pl.DataFrame
        `Features.exceptions`.
    """
    columns = ["contig", "key", "pos", "aa"]
    written = (
        cds.filter(pl.col("attr").str.contains("transl_except", literal=True))
        .select("contig", "key", one=pl.col("attr").str.extract_all(r"\(pos:[^:]*aa:\w+\)"))
        .explode("one", empty_as_null=False, keep_nulls=False)
        .select(
            "contig",
            "key",
            pos=pl.col("one").str.extract(r"(\d+)").cast(pl.Int64),
            aa=pl.col("one").str.extract(r"aa:(\w+)"),
        )
    )
    by_row = rows.select("contig", "key", pl.col("pos").cast(pl.Int64), aa=pl.lit("Sec"))
    placed = pl.concat([written.select(columns), by_row.select(columns)])
    tagged = (
        transcripts.filter(pl.col("attr").str.contains(tag))
        .join(placed, on=["contig", "key"], how="anti")
        .select("contig", "key", pos=pl.lit(None, pl.Int64), aa=pl.lit("Sec"))
    )
    return pl.concat([placed, tagged]).unique(maintain_order=True)


def unused_types(frame: pl.DataFrame, used: pl.Expr) -> dict[str, int]:
    """Count the rows of each type that `used` does not hold for."""
    left = frame.filter(~used).group_by("type").len().sort("type")
    return dict(zip(left["type"].to_list(), left["len"].to_list(), strict=True))
