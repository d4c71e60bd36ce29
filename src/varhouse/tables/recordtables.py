"""Tables of what files say, record by record and person by person."""

import polars as pl

from varhouse.tables.declaration import (
    COHORT,
    CONTIG,
    FILE_NUMBER,
    KEY,
    PART,
    Column,
    Encoding,
    Table,
    key_columns,
)
from varhouse.tables.labels import SAMPLE
from varhouse.tables.statistics import adding_alone

_RECORD = Column("record", pl.Int64, "0-based ordinal of the record in the file")

SITES = Table(
    "sites",
    "controlled",
    "an original record of a cohort's file",
    (
        CONTIG,
        Column("pos", pl.Int32, "1-based POS as in the file"),
        Column("ref", pl.String, "REF as in the file"),
        Column("alt", pl.String, "ALT as in the file: comma-separated, `.` for none"),
        COHORT,
        FILE_NUMBER,
        _RECORD,
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
        CONTIG,
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
        _RECORD,
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
        CONTIG,
        Column("pos", pl.Int32, "1-based POS as in the file"),
        Column("ref", pl.String, "REF as in the file"),
        Column("alt", pl.String, "ALT as in the file"),
        COHORT,
        FILE_NUMBER,
        _RECORD,
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
        CONTIG,
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
        CONTIG,
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

CARRIED = Table(
    "carried",
    "controlled",
    "an allele x person who holds it, of people with runs whose file is of them alone: what is"
    " taken from the counts of `frequencies` when the person leaves the cohort",
    (
        *key_columns(),
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

REJECTS = Table(
    "rejects",
    "controlled",
    "a record or an allele that was held back",
    (
        COHORT,
        FILE_NUMBER,
        _RECORD,
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
