"""Tables of cohorts, their people and files, and of ingests."""

import polars as pl

from varhouse.tables.declaration import COHORT, FILE_NUMBER, Column, Table, words
from varhouse.tables.labels import FILE, SAMPLE
from varhouse.tables.statistics import PERSON_COUNTS

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
        # Of the bytes of its files, too: the same data may come in other bytes.
        Column(
            "fingerprint",
            pl.String,
            "digest of everything that decides its rows",
            content=False,
        ),
        Column("attributes", pl.String, "the sheet's further columns as JSON"),
        Column("ingest_id", pl.String, "the ingest that brought it", content=False),
    ),
    partition=("cohort",),
    sort=("cohort",),
    public=words(
        "cohort n_samples n_records n_alleles n_rejects assembly reference_digest "
        "project province assay platform caller ingest_id"
    ),
    # Under what terms it may be used: who asks for access is registered.
    registered=words("consent_scope data_tier"),
    # Papers of the house: who works in it asks under which of them.
    inside=words("ethics_approval permit_kind permit_number permit_valid_until"),
    # How the house works; digests by which files are told again; a sheet's further columns,
    # which may hold anything.
    controlled=words("haploid fingerprint attributes"),
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
        Column(
            "without",
            pl.String,
            "keyed hashes of the people who were taken out of it (varhouse store withdraw),"
            " sorted, comma-separated: bytes and checksums are of the file with them; null:"
            " nobody",
            nullable=True,
            content=False,
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

_INGEST = (
    Column("ingest_id", pl.String, "id of the ingest"),
    Column("release", pl.Int64, "the release it made"),
    Column("operation", pl.String, "ingest, hold back (no data went in), drop or withdraw"),
    Column("started", pl.String, "UTC time, ISO 8601"),
    Column("finished", pl.String, "UTC time, ISO 8601"),
    Column("version", pl.String, "version of varhouse"),
)

INGESTS = Table(
    "ingests",
    "controlled",
    "an ingest",
    (
        *_INGEST,
        Column("config", pl.String, "the configuration as JSON"),
        Column("summary", pl.String, "the account of the ingest as JSON"),
    ),
    sort=("ingest_id",),
    content=False,
)

ACCOUNTS = Table(
    "accounts",
    "open",
    "an ingest, as anybody may know it",
    (
        *_INGEST,
        Column("account", pl.String, "counts, codes, times and versions, as JSON"),
    ),
    sort=("ingest_id",),
    content=False,
    public=words("ingest_id release operation started finished version account"),
)
