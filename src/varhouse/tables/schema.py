"""Every table of the store: columns, types, units, meaning, nullability.

Writers, readers, the documentation and the tests use these declarations; nothing else
says what a table holds. Types are those that Delta Lake knows: signed integers only,
no Categorical. Partition columns are part of a table's rows but live in the path, not
in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from varhouse.errors import SchemaError
from varhouse.tables.labels import FILE, SAMPLE
from varhouse.tables.statistics import (
    PERSON_COUNTS,
    adding_alone,
    site_counts,
    statistics_of,
)
from varhouse.tables.statistics import PolarsType as PolarsType

FORMAT_VERSION = 4
"""Raised when a store written before can no longer be read as it is."""

KEY_SCHEMA: dict[str, PolarsType] = {
    "contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String,
    "extent": pl.String,
}  # fmt: skip
"""Columns of the allele key and their types."""

KEY = tuple(KEY_SCHEMA)
"""The allele key: canonical contig, 1-based position, normalised biallelic REF and ALT, and
the extent of a symbolic ALT (`varhouse.alleles.extent`)."""

SPELT = KEY[:4]
"""What CHROM, POS, REF and ALT of a line spell: all there is where ALT is written out."""

WITHIN = KEY[1:]
"""What tells the alleles of one contig apart, in sort order."""

BOUNDED = frozenset({"contig", "pos", "extent", "start", "end", "id", "ac", "an", "record"})
"""Columns whose least and greatest value the Delta log has, where they are never null."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `content` is False for what depends on when or how data came in (ingest ids, times,
    paths), or follows from other columns up to rounding: such columns are not covered by
    the content digest. `label` says that the numbers are those of files or samples of the
    cohort, which depend on the order of arrival: the digest covers what they stand for
    (`varhouse.tables.labels`).
    """

    name: str
    dtype: PolarsType
    meaning: str
    nullable: bool = False
    content: bool = True
    label: str = ""


@dataclass(frozen=True)
class Encoding:
    """How the files of a table are written.

    Attributes
    ----------
    level
        zstd 1 takes a sixth less time to write than 3; ids, variants and frequencies are
        smaller, sites 2 to 5 % larger (decision 0023).
    row_group
        Rows of a row group: 10 kb regions of a row an allele are read in 1.1 ms with
        32,768, 16k-64k all fine (store notes).
    group_bytes
        Bytes of a row group about, however few rows that are.
    page
        Bytes of a page about, which is what a reader of some rows has to unpack; with an
        index of the pages it need not look at the others. None: as the library has it.
    plain
        Columns without a dictionary, which would only blow them up.
    packed
        Columns that are packed already, and not compressed again.
    steps
        Columns of ascending numbers, which are written as steps from one to the next.
    split
        Columns of numbers of which all first bytes stand together, then all second ones.
    """

    level: int = 1
    row_group: int = 32_768
    group_bytes: int = 1 << 28
    page: int | None = None
    plain: frozenset[str] = frozenset()
    packed: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    split: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Table:
    """One table of the store.

    `root` is `open` (aggregates) or `controlled` (anything about single people).
    `content` is False for tables that the content digest leaves out.
    `public` names the columns that may be given to anybody (see `view`), `own` the others:
    each column of an open table stands in one of them, and is not shown before it does. A
    controlled table has no public column. `encoding` says how its files are written.
    """

    name: str
    root: str
    row: str
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    content: bool = True
    public: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    encoding: Encoding = Encoding()
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(c.name for c in self.columns))

    @property
    def polars_schema(self) -> dict[str, PolarsType]:
        """Column name to polars type, partition columns included."""
        return {c.name: c.dtype for c in self.columns}

    @property
    def bounded(self) -> tuple[str, ...]:
        """Columns with statistics in the Delta log, for every file of the table.

        A column has them in all files or in none, and the table says in which: delta-rs
        makes `column >= null` of a bound that is not there, so that a filter finds nothing
        (`to_pyarrow_dataset`). Hence no column that can be null, in some file altogether;
        no boolean or list, which have no bounds; no fraction, which may be no number.
        A change of this set needs a new FORMAT_VERSION: files in place lack the bounds.
        """
        own = (c for c in self.columns if not c.nullable and c.name not in self.partition)
        return tuple(c.name for c in own if c.name in BOUNDED)

    @property
    def labelled(self) -> tuple[Column, ...]:
        """Columns that the content digest covers by what their numbers stand for."""
        return tuple(c for c in self.columns if c.label and self.content and c.content)

    @property
    def file_schema(self) -> dict[str, PolarsType]:
        """Column name to polars type of what stands in the files."""
        return {c.name: c.dtype for c in self.columns if c.name not in self.partition}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _key_columns() -> tuple[Column, ...]:
    return (
        Column("contig", pl.String, "canonical contig name"),
        Column("pos", pl.Int32, "1-based position of the first base of ref, normalised"),
        Column("ref", pl.String, "reference allele, normalised"),
        Column(
            "alt", pl.String,
            "alternate allele, normalised; of a breakend with the canonical name of the mate",
        ),
        Column(
            "extent", pl.String,
            "of a symbolic allele its length in bases (`.`: unknown), then what else tells it"
            " apart as /KEY=value; empty for any other",
        ),
    )  # fmt: skip


PART = Column(
    "part",
    pl.String,
    "partition: the contig, or `other` for the short contigs of an assembly with many",
    content=False,
)
COHORT = Column("cohort", pl.String, "data set ingested together")
FILE_NUMBER = Column("file", pl.Int32, "0-based number of the file in the cohort", label=FILE)


def _statistics(table: str) -> tuple[Column, ...]:
    """Columns of the statistics; null only where nothing is known, or divided by."""
    return tuple(
        Column(s.name, s.dtype, s.meaning, nullable=s.is_nullable, content=s.is_exact)
        for s in statistics_of(table)
    )


def _shown(table: str, *, is_public: bool) -> tuple[str, ...]:
    return tuple(s.name for s in statistics_of(table) if s.is_public is is_public)


VARIANTS = Table(
    "variants",
    "open",
    "a distinct allele",
    (
        *_key_columns(),
        Column(
            "end",
            pl.Int32,
            "1-based last base that the allele covers: of ref; of a symbolic allele of known"
            " length its END",
        ),
        Column(
            "type",
            pl.String,
            "snv, mnv, insertion, deletion, delins, symbolic, breakend, spanning_deletion"
            " or other (an allele with letters beyond ACGTN)",
        ),
        Column("ref_checked", pl.Boolean, "ref was compared with the reference and agrees"),
        Column("spdi", pl.String, "contextual SPDI (fully justified)", nullable=True),
        Column("vrs_id", pl.String, "GA4GH VRS 2 allele id", nullable=True),
        Column("hgvs_g", pl.String, "HGVS genomic name (m. for MT)", nullable=True),
        PART,
    ),
    partition=("part",),
    sort=KEY,
    public=KEY + _words("end type ref_checked spdi vrs_id hgvs_g part"),
)

IDS = Table(
    "ids",
    "open",
    "an id of an allele",
    (
        Column("id", pl.String, "the id"),
        Column("kind", pl.String, "rs, spdi, vrs or other"),
        *_key_columns(),
        Column("source", pl.String, "computed, cohort:NAME, source:NAME or merged:NAME"),
        PART,
    ),
    partition=("part",),
    sort=("id", *KEY, "source"),
    public=KEY + _words("id kind source part"),
)

GENES = Table(
    "genes",
    "open",
    "a gene of the gene model",
    (
        Column("gene_id", pl.String, "stable id without version"),
        Column("gene_name", pl.String, "symbol", nullable=True),
        Column("contig", pl.String, "canonical contig name"),
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        Column("strand", pl.Int8, "1 or -1"),
        Column("biotype", pl.String, "as in the gene model", nullable=True),
        Column("n_transcripts", pl.Int32, "transcripts of the gene"),
        Column(
            "xrefs",
            pl.List(pl.String),
            "ids in other databases that the gene model names: `HGNC:5`, `GeneID:1`",
        ),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
    ),
    sort=("contig", "start", "gene_id"),
    public=_words(
        "gene_id gene_name contig start end strand biotype n_transcripts xrefs genes_digest"
    ),
)

TRANSCRIPTS = Table(
    "transcripts",
    "open",
    "a transcript of the gene model",
    (
        Column("transcript_id", pl.String, "as in `consequences`"),
        Column("gene_id", pl.String, "stable id of the gene", nullable=True),
        Column("gene_name", pl.String, "symbol", nullable=True),
        Column("protein_id", pl.String, "id of the protein", nullable=True),
        Column("biotype", pl.String, "as in the gene model", nullable=True),
        Column("contig", pl.String, "canonical contig name"),
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        Column("strand", pl.Int8, "1 or -1"),
        Column("cds_start", pl.Int32, "1-based first base of the CDS", nullable=True),
        Column("cds_end", pl.Int32, "1-based last base of the CDS", nullable=True),
        Column("canonical", pl.Boolean, "tagged canonical by the gene model"),
        Column("exon_start", pl.List(pl.Int32), "first base of each exon, ascending"),
        Column("exon_end", pl.List(pl.Int32), "last base of each exon, ascending"),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
    ),
    sort=("transcript_id", "contig", "start"),
    public=_words(
        "transcript_id gene_id gene_name protein_id biotype contig start end "
        "strand cds_start cds_end canonical exon_start exon_end genes_digest"
    ),
)

CONTIGS = Table(
    "contigs",
    "open",
    "a contig of the assembly",
    (
        Column("contig", pl.String, "canonical contig name"),
        Column("part", pl.String, "the partition its rows are in"),
        Column("ordinal", pl.Int32, "0-based rank in the assembly"),
        Column("length", pl.Int64, "bases of the whole contig", nullable=True),
        Column("checked_length", pl.Int64, "bases that the reference holds, 0 if none"),
        Column("refget", pl.String, "refget digest SQ.... of the whole contig", nullable=True),
        Column("accession", pl.String, "versioned accession", nullable=True),
        Column("aliases", pl.List(pl.String), "other names"),
    ),
    sort=("ordinal",),
    public=_words("contig part ordinal length checked_length refget accession aliases"),
)

CONSEQUENCES = Table(
    "consequences",
    "open",
    "an allele x transcript",
    (
        *_key_columns(),
        Column("transcript_id", pl.String, "stable id, with version if the model has it"),
        Column("gene_id", pl.String, "stable id of the gene", nullable=True),
        Column("gene_name", pl.String, "symbol", nullable=True),
        Column("biotype", pl.String, "biotype of the transcript", nullable=True),
        Column("strand", pl.Int8, "1 or -1"),
        Column("consequence", pl.String, "Sequence Ontology terms, most severe first, by &"),
        Column("terms", pl.Int64, "the same as a bit mask: bit = severity rank - 1"),
        Column("impact", pl.String, "HIGH, MODERATE, LOW or MODIFIER"),
        Column("exon", pl.String, "rank / number, e.g. 2/10 or 2-4/10", nullable=True),
        Column("intron", pl.String, "rank / number", nullable=True),
        Column("cdna_start", pl.Int32, "1-based in the transcript", nullable=True),
        Column("cdna_end", pl.Int32, "1-based in the transcript", nullable=True),
        Column("cds_start", pl.Int32, "1-based in the coding sequence", nullable=True),
        Column("cds_end", pl.Int32, "1-based in the coding sequence", nullable=True),
        Column("protein_start", pl.Int32, "1-based residue", nullable=True),
        Column("protein_end", pl.Int32, "1-based residue", nullable=True),
        Column("amino_acids", pl.String, "REF/ALT, one letter if equal", nullable=True),
        Column("codons", pl.String, "REF/ALT, changed bases in capitals", nullable=True),
        Column("distance", pl.Int32, "bases to the transcript (up/downstream)", nullable=True),
        Column("hgvsc", pl.String, "HGVS name in the transcript (c. or n.)", nullable=True),
        Column("hgvsp", pl.String, "HGVS name in the protein (p.)", nullable=True),
        Column("hgvs_offset", pl.Int32, "bases shifted 3' for these names", nullable=True),
        Column("canonical", pl.Boolean, "tagged canonical by the gene model"),
        Column("mane_select", pl.Boolean, "tagged MANE Select by the gene model"),
        Column("mane_plus_clinical", pl.Boolean, "tagged MANE Plus Clinical"),
        Column("mane_id", pl.String, "RefSeq's id of it, or Ensembl's", nullable=True),
        Column("gencode_basic", pl.Boolean, "in GENCODE's basic set"),
        Column("tsl", pl.Int8, "transcript support level, 1 (best) to 5", nullable=True),
        Column("appris", pl.String, "P1 (principal) to A2 (alternative)", nullable=True),
        Column("flags", pl.String, "cds_start_NF, cds_end_NF, by &", nullable=True),
        Column("pick", pl.Boolean, "the one row of this allele by VEP's pick order"),
        Column("pick_gene", pl.Boolean, "the one row of this allele and gene"),
        Column("lof", pl.String, "HC or LC: confidence in loss of function", nullable=True),
        Column("lof_reasons", pl.String, "why it is LC, by &", nullable=True),
        Column("lof_flags", pl.String, "doubts that leave it HC, by &", nullable=True),
        Column("most_severe", pl.Boolean, "has the most severe term of this allele"),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
        PART,
    ),
    partition=("part",),
    sort=(*KEY, "transcript_id"),
    public=KEY
    + _words(
        "transcript_id gene_id gene_name biotype strand consequence terms impact "
        "exon intron cdna_start cdna_end cds_start cds_end protein_start "
        "protein_end amino_acids codons distance hgvsc hgvsp hgvs_offset "
        "canonical mane_select mane_plus_clinical mane_id gencode_basic tsl "
        "appris flags pick pick_gene lof lof_reasons lof_flags most_severe "
        "genes_digest part"
    ),
)

FREQUENCIES = Table(
    "frequencies",
    "open",
    "an allele x cohort x stratum",
    (
        *_key_columns(),
        COHORT,
        Column("stratum_by", pl.String, "`all`, a sheet column, or columns joined by +"),
        Column("stratum", pl.String, "`all`, or the value(s) joined by +"),
        *_statistics("frequencies"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=(*KEY, "stratum_by", "stratum"),
    public=KEY
    + _words("cohort stratum_by stratum part")
    + _shown("frequencies", is_public=True),
    own=_shown("frequencies", is_public=False),
)

TOTALS = Table(
    "totals",
    "open",
    "an allele x stratum over all cohorts that assessed its site",
    (
        *_key_columns(),
        Column("stratum_by", pl.String, "`all`, a sheet column, or columns joined by +"),
        Column("stratum", pl.String, "`all`, or the value(s) joined by +"),
        *_statistics("totals"),
        PART,
    ),
    partition=("part",),
    sort=(*KEY, "stratum_by", "stratum"),
    public=KEY + _words("stratum_by stratum part") + _shown("totals", is_public=True),
    own=_shown("totals", is_public=False),
)

_AT_A_BASE = tuple(
    Column(s.name, s.dtype, s.meaning) for s in statistics_of("frequencies")
    if s.name in site_counts()
)  # fmt: skip

CALLABLE = Table(
    "callable",
    "open",
    "a stretch of bases x stratum of a cohort with gVCF: what some of its people add to the"
    " counts at each of its bases; the count at a base is the sum over all rows that hold it,"
    " and where no row does nobody was assessed",
    (
        Column("contig", pl.String, "canonical contig name"),
        COHORT,
        Column("stratum_by", pl.String, "`all`, a sheet column, or columns joined by +"),
        Column("stratum", pl.String, "`all`, or the value(s) joined by +"),
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        *_AT_A_BASE,
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "stratum_by", "stratum", "start"),
    # It follows from `runs` and the sheet, however stretches are cut.
    content=False,
    public=_words("contig cohort stratum_by stratum start end part") + site_counts(),
    # A base is looked up: few rows of a row group then.
    encoding=Encoding(level=3, row_group=8_192, steps=frozenset({"start", "end"})),
)

SITES = Table(
    "sites",
    "controlled",
    "an original record of a cohort's file",
    (
        Column("contig", pl.String, "canonical contig name"),
        Column("pos", pl.Int32, "1-based POS as in the file"),
        Column("ref", pl.String, "REF as in the file"),
        Column("alt", pl.String, "ALT as in the file: comma-separated, `.` for none"),
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal of the record in the file"),
        Column("chrom", pl.String, "CHROM as in the file"),
        Column("id", pl.String, "ID; null for `.`", nullable=True),
        Column("qual", pl.Float64, "QUAL; null for `.`", nullable=True),
        Column("filter", pl.String, "FILTER as in the file"),
        Column("info", pl.String, "INFO as in the file"),
        Column("format", pl.String, "FORMAT as in the file", nullable=True),
        Column(
            "allele_pos", pl.List(pl.Int32), "normalised pos of each ALT, null if rejected"
        ),
        Column("allele_ref", pl.List(pl.String), "normalised ref of each ALT"),
        Column("allele_alt", pl.List(pl.String), "normalised alt of each ALT"),
        Column("allele_extent", pl.List(pl.String), "extent of each ALT, rejected ones too"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "pos", "file", "record"),
)

BLOCKS = Table(
    "blocks",
    "controlled",
    "a record of a gVCF that says only that there is no variant",
    (
        Column("contig", pl.String, "canonical contig name"),
        Column("pos", pl.Int32, "1-based POS as in the file, the first base"),
        Column(
            "end",
            pl.Int32,
            "1-based last base: the greatest of INFO/END, FORMAT/LEN and the last base of REF",
        ),
        Column("ref", pl.String, "REF as in the file"),
        Column("alt", pl.String, "ALT as in the file: `.`, `<*>`, `<NON_REF>`, ..."),
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal of the record in the file"),
        Column("chrom", pl.String, "CHROM as in the file"),
        Column("id", pl.String, "ID; null for `.`", nullable=True),
        Column("qual", pl.String, "QUAL as in the file; null for `.`", nullable=True),
        Column("filter", pl.String, "FILTER as in the file"),
        Column(
            "info",
            pl.String,
            "INFO as in the file; with `end_apart` the number of its first END is left out",
        ),
        Column("end_apart", pl.Boolean, "INFO has an END, and it is `end`"),
        Column("format", pl.String, "FORMAT as in the file", nullable=True),
        Column(
            "gt",
            pl.String,
            "GT of the file's sample columns, joined by tabs; null: FORMAT has none",
            nullable=True,
        ),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "pos", "file", "record"),
    encoding=Encoding(level=3, row_group=1 << 17, steps=frozenset({"record"})),
)

LIFTED = Table(
    "lifted",
    "controlled",
    "where a record of a lifted cohort comes from",
    (
        Column("contig", pl.String, "canonical contig name, as in `sites`"),
        Column("pos", pl.Int32, "1-based POS, as in `sites`"),
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal in the lifted file, as in `sites`"),
        Column("source_assembly", pl.String, "assembly of the file"),
        Column("source_record", pl.Int64, "0-based ordinal of the record in the file"),
        Column("source_contig", pl.String, "CHROM as in the file"),
        Column("source_pos", pl.Int32, "1-based POS as in the file"),
        Column("source_ref", pl.String, "REF as in the file"),
        Column("source_alt", pl.String, "ALT as in the file; one of several if taken apart"),
        Column("reverse", pl.Boolean, "the store's assembly has the other strand"),
        Column("swapped", pl.Boolean, "REF and an ALT have changed places"),
        Column("ambiguous", pl.Boolean, "the way back may lead elsewhere"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "pos", "file", "record"),
)

_BLOBS = frozenset({"planes", "missing", "absent", "flipped"})

GENOTYPES = Table(
    "genotypes",
    "controlled",
    "the GT of an original record x a block of 8,192 sample columns of its file, as bits",
    (
        Column("contig", pl.String, "canonical contig name"),
        Column("pos", pl.Int32, "1-based POS as in the file"),
        Column("ref", pl.String, "REF as in the file"),
        Column("alt", pl.String, "ALT as in the file"),
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal of the record in the file"),
        Column(
            "first",
            pl.Int32,
            "first sample column of the row: 0-based, of the file (table files, `samples`)",
        ),
        Column("people", pl.Int32, "sample columns of the row"),
        Column(
            "ploidy",
            pl.Int8,
            "slots a person: copy c of column s is slot (s - first) * ploidy + c;"
            " null: the record has no GT",
            nullable=True,
        ),
        Column(
            "separator",
            pl.String,
            "/ or |: of all genotypes of several copies but those of `flipped` and `odd`",
            nullable=True,
        ),
        Column(
            "planes",
            pl.List(pl.Binary),
            "for each ALT a bit a slot, first slot highest: 1 where this copy is that ALT",
        ),
        Column(
            "missing", pl.Binary, "a bit a slot: the copy is `.`; null: none", nullable=True
        ),
        Column(
            "absent",
            pl.Binary,
            "a bit a slot: the person has no such copy; null: none",
            nullable=True,
        ),
        Column(
            "flipped",
            pl.Binary,
            "a bit a person: written with the other separator; null: none",
            nullable=True,
        ),
        Column(
            "odd",
            pl.List(pl.Int32),
            "columns, counted from `first`, whose GT is written in no usual way",
        ),
        Column("odd_text", pl.List(pl.String), "their GT as in the file"),
        Column(
            "fields_digest",
            pl.Int64,
            "digest of the values of their other FORMAT fields; null: none stored",
            nullable=True,
        ),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "pos", "file", "record", "first"),
    # 64 KiB hold the planes of about a hundred records of 2,504 people. zstd 9 makes the
    # files 5 % smaller, in four times the time (decision 0028).
    encoding=Encoding(
        level=3, row_group=4_096, group_bytes=1 << 26, page=1 << 16, plain=_BLOBS
    ),
)

FIELDS = Table(
    "fields",
    "controlled",
    "a block of records x up to 1,024 sample columns x a group of FORMAT fields but GT",
    (
        Column("contig", pl.String, "canonical contig name"),
        Column("pos", pl.Int32, "least 1-based POS of the records"),
        Column("pos_end", pl.Int32, "greatest POS of the records"),
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal in the file of the first record"),
        Column(
            "first",
            pl.Int32,
            "first sample column of the block: 0-based, of the file (table files, `samples`)",
        ),
        Column("people", pl.Int32, "sample columns of the block"),
        Column("records", pl.List(pl.Int64), "ordinals in the file of the records, ascending"),
        Column("names", pl.String, "FORMAT keys, comma-separated; `KEY:2`: its second time"),
        Column("coding", pl.String, "how the values are coded"),
        Column("parameters", pl.Binary, "what the coding needs to know of the block"),
        Column("ends", pl.List(pl.Int32), "where each stream ends in `streams`"),
        Column("streams", pl.Binary, "the streams one after another, each packed for itself"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "pos", "file", "record", "first", "names"),
    # What the values are is covered by genotypes.fields_digest, however blocks are cut.
    content=False,
    # A block is some ten to hundred thousand bytes: a page of its own.
    encoding=Encoding(
        row_group=4_096,
        group_bytes=1 << 25,
        page=1 << 16,
        plain=frozenset({"parameters"}),
        packed=frozenset({"streams"}),
        # Thousands a row in a file of one person, where they would be half of the file.
        steps=frozenset({"records"}),
    ),
)

RUNS = Table(
    "runs",
    "controlled",
    "the stretches of one state each (`runs`) of a person that begin in one window of 65,536"
    " bases",
    (
        COHORT,
        Column("contig", pl.String, "canonical contig name"),
        Column("sample", pl.Int32, "ordinal of the person (table samples)", label=SAMPLE),
        Column("start", pl.Int32, "1-based first base of the first run"),
        Column("end", pl.Int32, "1-based last base of the last run"),
        Column("lengths", pl.List(pl.Int32), "bases of each run, one behind the other"),
        Column(
            "states",
            pl.List(pl.Int32),
            "state of each run: level << 28 | called alleles << 25 | ploidy << 22"
            " | quality unknown << 21 | span << 20 | lower bound of the band of GQ << 13 | of"
            " DP; 0: nothing covers these bases",
        ),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "sample", "start"),
    # A row has some hundred runs. zstd 9: a fifth less than 1, of what is small and kept long.
    # A group of people is looked up at a base: row groups of 1 MiB, not of a chromosome of a
    # person, make files .7 % larger.
    encoding=Encoding(
        level=9, row_group=4_096, group_bytes=1 << 20, split=frozenset({"lengths"})
    ),
)

KITS = Table(
    "kits",
    "open",
    "an interval that a capture kit of a cohort covers: its people are assessed at these bases"
    " and at no others",
    (
        Column("contig", pl.String, "canonical contig name"),
        COHORT,
        Column(
            "kit",
            pl.String,
            "as in the sample sheet; `callable`: the BED of the cohort, of people without a"
            " kit of their own",
        ),
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "kit", "start"),
    public=_words("contig cohort kit start end part"),
    encoding=Encoding(level=3, steps=frozenset({"start", "end"})),
)

CARRIED = Table(
    "carried",
    "controlled",
    "an allele x person who holds it, of people with runs whose file is of them alone: what is"
    " taken from the counts of `frequencies` when the person leaves the cohort",
    (
        *_key_columns(),
        COHORT,
        Column("sample", pl.Int32, "ordinal of the person (table samples)"),
        *(
            Column(name, pl.Int16, f"`{name}` of the person alone")
            for name in adding_alone("frequencies")
        ),
        PART,
    ),
    partition=("cohort", "part"),
    sort=(*KEY, "sample"),
    # It follows from the records and the sheet.
    content=False,
)

COHORTS = Table(
    "cohorts",
    "open",
    "a cohort",
    (
        COHORT,
        Column("n_samples", pl.Int32, "people"),
        Column("n_records", pl.Int64, "records in its files"),
        Column("n_alleles", pl.Int64, "distinct alleles stored"),
        Column("n_rejects", pl.Int64, "records or alleles held back"),
        Column("assembly", pl.String, "assembly of the store"),
        Column("reference_digest", pl.String, "digest of the reference used"),
        Column("project", pl.String, "project accession (PRJCA...)", nullable=True),
        Column("province", pl.String, "GB/T 2260 code", nullable=True),
        Column("ethics_approval", pl.String, "approval number", nullable=True),
        Column("consent_scope", pl.String, "as consented", nullable=True),
        Column("permit_kind", pl.String, "kind of permit", nullable=True),
        Column("permit_number", pl.String, "number of the permit", nullable=True),
        Column("permit_valid_until", pl.String, "ISO date", nullable=True),
        Column("data_tier", pl.String, "tier of the data", nullable=True),
        Column("assay", pl.String, "WGS, WES, array, ...", nullable=True),
        Column("platform", pl.String, "sequencing platform", nullable=True),
        Column("caller", pl.String, "variant caller and version", nullable=True),
        Column(
            "haploid",
            pl.String,
            "JSON: contigs where males have one copy, each with its pseudo-autosomal"
            " intervals as [start, end), 0-based; part of the fingerprint",
            nullable=True,
            content=False,
        ),
        Column("fingerprint", pl.String, "digest of everything that decides its rows"),
        Column("attributes", pl.String, "the sheet's further columns as JSON"),
        Column("ingest_id", pl.String, "the ingest that brought it", content=False),
    ),
    partition=("cohort",),
    sort=("cohort",),
    public=_words(
        "cohort n_samples n_records n_alleles n_rejects assembly reference_digest "
        "project province assay platform caller ingest_id"
    ),
    own=_words(
        "ethics_approval consent_scope permit_kind permit_number "
        "permit_valid_until data_tier haploid fingerprint attributes"
    ),
)

SAMPLES = Table(
    "samples",
    "controlled",
    "a sample of a cohort",
    (
        COHORT,
        Column("sample", pl.String, "sample id as in the file"),
        Column("ordinal", pl.Int32, "0-based number in the cohort", label=SAMPLE),
        Column("file", pl.Int32, "first file that holds the sample", label=FILE),
        Column("sex", pl.String, "male, female or unknown"),
        Column("population", pl.String, "ancestry label", nullable=True),
        Column("attributes", pl.String, "the sheet's further columns as JSON"),
        *(Column(c.name, pl.Int64, c.meaning) for c in PERSON_COUNTS),
    ),
    partition=("cohort",),
    sort=("ordinal",),
)

FILES = Table(
    "files",
    "controlled",
    "an input file",
    (
        COHORT,
        FILE_NUMBER,
        Column("name", pl.String, "file name"),
        Column("path", pl.String, "where it was read", content=False),
        Column("mtime_ns", pl.Int64, "modification time when read, ns", content=False),
        Column("bytes", pl.Int64, "size"),
        Column("md5", pl.String, "MD5 of the bytes"),
        Column("sha256", pl.String, "SHA-256 of the bytes"),
        Column(
            "verdict",
            pl.String,
            "valid, or mended: invalid as written; went in as `problems` tells",
        ),
        Column("n_records", pl.Int64, "data lines"),
        Column("n_samples", pl.Int32, "sample columns"),
        Column(
            "samples",
            pl.List(pl.Int32),
            "ordinal (table samples) of each column",
            label=SAMPLE,
        ),
        Column(
            "blocks_digest",
            pl.Int64,
            "digest of the values of FORMAT fields of the file's reference blocks (table"
            " blocks); null: it has none",
            nullable=True,
        ),
        Column(
            "header",
            pl.String,
            "header lines as in the file; of a lifted one with the contigs of the store",
        ),
        Column(
            "problems",
            pl.String,
            "JSON: `counts` and `effects` by code, `first` examples; effect: note (kept, or"
            " read as the specification says) or reject (see the table rejects)",
        ),
        Column("has_runs", pl.Boolean, "its people have rows in the table runs"),
        Column("fingerprint", pl.String, "digest of everything that decides its rows"),
        Column("ingest_id", pl.String, "the ingest that brought it", content=False),
    ),
    partition=("cohort",),
    sort=("file",),
)

HELD_BACK = Table(
    "held_back",
    "controlled",
    "an input file of a cohort that was held back",
    (
        COHORT,
        FILE_NUMBER,
        Column("name", pl.String, "file name"),
        Column("path", pl.String, "where it was read"),
        Column("mtime_ns", pl.Int64, "modification time when read, ns"),
        Column("bytes", pl.Int64, "size"),
        Column("md5", pl.String, "MD5 of the bytes; empty for what is no readable file"),
        Column("sha256", pl.String, "SHA-256 of the bytes; likewise"),
        Column("verdict", pl.String, "valid or invalid: one bad file holds its cohort back"),
        Column("n_records", pl.Int64, "data lines that were read"),
        Column("problems", pl.String, "counts, effects and first examples by code, as JSON"),
        Column("reasons", pl.String, "why the cohort was held back, as a JSON list"),
        Column("fingerprint", pl.String, "digest of everything that decided so"),
        Column("ingest_id", pl.String, "the ingest that held it back"),
    ),
    partition=("cohort",),
    sort=("file",),
    content=False,
)

REJECTS = Table(
    "rejects",
    "controlled",
    "a record or an allele that was held back",
    (
        COHORT,
        FILE_NUMBER,
        Column("record", pl.Int64, "0-based ordinal of the record in the file"),
        Column("line", pl.Int64, "1-based line in the file"),
        Column("contig", pl.String, "CHROM as in the file"),
        Column("pos", pl.Int32, "POS as in the file", nullable=True),
        Column("alt_index", pl.Int32, "1-based ALT; null for the whole record", nullable=True),
        Column("reason", pl.String, "reason code"),
        Column("detail", pl.String, "the offending values"),
        Column("text", pl.String, "the original line"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("file", "record", "alt_index"),
)

INGESTS = Table(
    "ingests",
    "controlled",
    "an ingest",
    (
        Column("ingest_id", pl.String, "id of the ingest"),
        Column("release", pl.Int64, "the release it made"),
        Column("operation", pl.String, "ingest, hold back (no data went in) or drop"),
        Column("started", pl.String, "UTC time, ISO 8601"),
        Column("finished", pl.String, "UTC time, ISO 8601"),
        Column("version", pl.String, "version of varhouse"),
        Column("config", pl.String, "the configuration as JSON"),
        Column("summary", pl.String, "the account of the ingest as JSON"),
    ),
    sort=("ingest_id",),
    content=False,
)

ACCOUNTS = Table(
    "accounts",
    "open",
    "an ingest, as it may be told to anybody",
    (
        Column("ingest_id", pl.String, "id of the ingest"),
        Column("release", pl.Int64, "the release it made"),
        Column("operation", pl.String, "ingest, hold back (no data went in) or drop"),
        Column("started", pl.String, "UTC time, ISO 8601"),
        Column("finished", pl.String, "UTC time, ISO 8601"),
        Column("version", pl.String, "version of varhouse"),
        Column("account", pl.String, "counts, codes, times and versions, as JSON"),
    ),
    sort=("ingest_id",),
    content=False,
    public=("ingest_id", "release", "operation", "started", "finished", "version", "account"),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        VARIANTS, IDS, GENES, TRANSCRIPTS, CONTIGS, CONSEQUENCES, FREQUENCIES, TOTALS,
        CALLABLE, SITES, BLOCKS, LIFTED, GENOTYPES, FIELDS, RUNS, CARRIED, KITS, COHORTS,
        SAMPLES, FILES, HELD_BACK, REJECTS, INGESTS, ACCOUNTS,
    )
}  # fmt: skip


def annotation_table(source: str, fields: Mapping[str, PolarsType]) -> Table:
    """Declare the table `annotations_<source>` for the typed fields of a source.

    Parameters
    ----------
    source
        Name of the source: lower-case letters, digits and `_`.
    fields
        Column name to type, as the source's header declares them.
    """
    return Table(
        f"annotations_{source}",
        "open",
        f"an allele x record of the source {source}",
        (
            *_key_columns(),
            *(
                Column(n, t, f"field {n} of {source}", nullable=True)
                for n, t in fields.items()
            ),
            Column(
                "source_version",
                pl.String,
                "version of the source in this release; in a file: as of when it was written",
                nullable=True,
                content=False,
            ),
            Column("licence", pl.String, "licence of the source", nullable=True),
            PART,
        ),
        partition=("part",),
        sort=KEY,
        # Whether the source may be passed on is said by its configuration.
        public=(*KEY, *fields, "source_version", "licence", "part"),
    )


def check_table(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Check a frame against its declaration and put the columns in order.

    Returns
    -------
    pl.DataFrame
        The same rows, columns in the declared order.

    Raises
    ------
    SchemaError
        If a column is missing, unknown, of another type, or null where it must not be.
    """
    wanted = table.polars_schema
    missing = [n for n in wanted if n not in frame.columns]
    extra = [n for n in frame.columns if n not in wanted]
    if missing or extra:
        raise SchemaError(f"table {table.name}: missing columns {missing}, unknown {extra}")
    for column in table.columns:
        found = frame.schema[column.name]
        if found != column.dtype:
            raise SchemaError(
                f"table {table.name}: column {column.name} is {found}, not {column.dtype}"
            )
        if not column.nullable and frame[column.name].null_count():
            raise SchemaError(f"table {table.name}: null in column {column.name}")
    return frame.select(table.names)
