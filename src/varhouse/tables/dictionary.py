"""The dictionary of columns: what is counted in, and what a null stands for.

Declarations say what a column means; a column of one name is counted in the same unit, and its
null means the same, in every table. So both are said here, once a name. `varhouse describe`,
the comments of DuckDB and `store.describe` show them.
"""

import polars as pl

from varhouse.tables.declaration import KEY, PART, Column, Table
from varhouse.tables.statistics import PERSON_COUNTS, STATISTICS

_POSITION = "base, 1-based"
_ORDINAL = "number, 0-based"
_RESIDUE = "residue, 1-based"

UNITS: dict[str, str] = {
    **{s.name: s.unit for s in STATISTICS if s.dtype != pl.Boolean},
    **dict.fromkeys(
        ("pos", "start", "end", "cds_start", "cds_end", "cdna_start", "cdna_end", "exon_start",
         "exon_end", "pos_end", "source_pos", "allele_pos"),
        _POSITION,
    ),
    **dict.fromkeys(("protein_start", "protein_end"), _RESIDUE),
    **dict.fromkeys(("ordinal", "file", "record", "records", "source_record", "first",
                     "sample", "samples"), _ORDINAL),
    **dict.fromkeys(("length", "checked_length", "distance", "hgvs_offset"), "bases"),
    "lengths": "bases",
    "n_transcripts": "transcripts", "people": "people", "n_records": "records",
    "n_alleles": "alleles", "n_rejects": "records or alleles", "bytes": "bytes",
    "mtime_ns": "ns since 1970", "ends": "bytes", "line": "line, 1-based",
    "alt_index": "ALT, 1-based", "release": "release", "ploidy": "copies", "qual": "phred",
    "odd": _ORDINAL, "tsl": "level, 1 to 5", "strand": "1 or -1", "terms": "bits",
    "planes": "bits", "missing": "bits", "absent": "bits", "flipped": "bits",
    "n_genotypes": "genotypes", "n_called": "genotypes", "n_contamination": "genotypes",
    **dict.fromkeys(("n_ti", "n_tv", "n_insertion", "n_deletion"), "copies"),
    **dict.fromkeys(("n_singleton", "n_singleton_ti", "n_singleton_tv"), "alleles"),
    **dict.fromkeys(("n_x_het", "n_x_nonref", "n_x_called", "n_y_called", "n_y", "n_sites",
                     "n_errors"), "SNVs"),
    **dict.fromkeys(("het_hom", "ti_tv", "singleton_ti_tv", "ins_del"), "ratio"),
    **dict.fromkeys(("ibs0", "error_rate", "variance", "concordance", "center",
                     "contamination"), "share"),
    "x_f": "coefficient",
    "dp_mean": "reads", "gq_mean": "phred", "roh_bases": "bases", "n_roh": "runs",
    "ordinal_1": _ORDINAL, "ordinal_2": _ORDINAL, "axis": "number, 1-based",
    "kinship": "coefficient", "degree": "degree", "scores": "of each axis",
    "loadings": "of each axis", "eigenvalue": "of the axis", "n_flagged": "samples",
}  # fmt: skip
"""What the numbers of a column count; names that are not here have no unit."""

_OF_A_PERSON = {
    c.name: "copies" if "copies" in c.meaning else "genotypes" for c in PERSON_COUNTS
}
"""What tables of samples count under names that mean people elsewhere."""

_UNITS_IN: dict[str, dict[str, str]] = {
    "samples": _OF_A_PERSON,
    "sample_qc": {n: "genotypes" for n in ("n_het", "n_hom_alt")},
    "sample_contigs": {n: "genotypes" for n in ("n_het", "n_hom_alt", "n_hemi")},
    "ancestry": {"distance": "deviations"},
    "people_made": {"n_samples": "samples"},
}
"""Units of names that count something else elsewhere, by table."""

_NO_CDS = "the transcript has no CDS, or the allele is not in it"
_NOT_SAID = "the sheet does not say"
_NO_DISTANCE = "the sheet names no population of the sample, or too few are of it"
_NO_ROH = "the cohort has too few SNVs to tell"
_NO_ADJ = "nobody has the fields that high quality needs"

NULLS: dict[str, str] = {
    "spdi": "it has none: a symbolic allele, or one that shifts too far",
    "vrs_id": "it has none: a symbolic allele, or a contig without refget digest",
    "hgvs_g": "it has none: a symbolic allele",
    "gene_name": "the gene model gives no symbol",
    "gene_id": "the gene model gives no gene",
    "biotype": "the gene model does not say",
    "protein_id": "the transcript has no protein, or none is named",
    "length": "not known", "refget": "not known", "accession": "not known",
    "exon": "not in an exon", "intron": "not in an intron",
    "cdna_start": "not in an exon", "cdna_end": "not in an exon",
    **dict.fromkeys(
        ("cds_start", "cds_end", "protein_start", "protein_end", "amino_acids", "codons"),
        _NO_CDS,
    ),
    "distance": "within the transcript",
    "hgvsc": "it has no such name", "hgvsp": "it has no such name",
    "hgvs_offset": "not shifted",
    "mane_id": "not a MANE transcript", "tsl": "the gene model does not say",
    "appris": "the gene model does not say", "flags": "none",
    "lof": "no loss of function", "lof_reasons": "no reason against it",
    "lof_flags": "no doubt",
    "af": "an is 0: nobody was called", "call_rate": "n_samples is 0: nobody was assessed",
    "hwe_p": "no diploid person was called", "hwe_midp": "no diploid person was called",
    "inbreeding": "nobody was called, or all alleles are equal",
    "faf95": "an is 0: nobody was called", "faf99": "an is 0: nobody was called",
    **{s.name: _NO_ADJ for s in STATISTICS if s.is_nullable and s.name.endswith("_adj")},
    "is_grpmax": "the row is of `all`, which is no group",
    "is_grpmax_adj": f"the row is of `all`, or {_NO_ADJ}",
    "id": "`.` in the file", "qual": "`.` in the file", "format": "the file has no samples",
    "gt": "FORMAT has no GT", "ploidy": "the record has no GT",
    "separator": "no genotype has several copies", "missing": "no copy is missing",
    "absent": "everybody has all copies", "flipped": "all are written alike",
    "fields_digest": "no field is stored", "blocks_digest": "the file has no blocks",
    "without": "nobody was taken out of it",
    **dict.fromkeys(
        ("project", "province", "ethics_approval", "consent_scope", "permit_kind",
         "permit_number", "permit_valid_until", "data_tier", "assay", "platform", "caller",
         "population"),
        _NOT_SAID,
    ),
    "haploid": "the assembly has no X or Y",
    "pos": "the line has none", "alt_index": "the whole record",
    "source_version": "the source has no version", "licence": "the source names none",
    **dict.fromkeys(("het_hom", "ti_tv", "singleton_ti_tv", "ins_del", "error_rate", "ibs0",
                     "kinship", "concordance"), "it would be a share of nothing"),
    "dp_mean": "no genotype has DP", "gq_mean": "no genotype has GQ",
    "sex_by_calls": "too few calls on X", "x_f": "too few calls on X",
    "contamination": "no genotype has what it needs: AD, at a homozygous common SNV",
    "roh_bases": _NO_ROH, "n_roh": _NO_ROH,
    "degree": "not related", "in_sheet": _NOT_SAID, "agrees": _NOT_SAID,
    "father": _NOT_SAID, "mother": _NOT_SAID,
    "outlier": _NO_DISTANCE, "nearest": "no population has enough people",
}  # fmt: skip
"""What a null stands for, of columns that have some."""

_NULLS_IN: dict[str, dict[str, str]] = {
    "sample_qc": {"call_rate": "n_genotypes is 0, or the file lists only variants"},
    "ancestry": {"distance": _NO_DISTANCE},
}
"""What nulls stand for under names whose null means something else elsewhere, by table."""

NEVER = "never null"
MASKED = "masked, as it would tell of few people; or nothing is known"
"""What a null of a number stands for in the store of a role's view."""

_OF_SOURCE = "the source does not say"

_FIXED = frozenset({*KEY, "source_version", "licence", PART.name})
"""Columns of every source; others are its fields."""

SCHEMA = {n: pl.String for n in ("column", "type", "unit", "null_means", "meaning")}
"""Columns of a dictionary."""


def null_means(column: Column, table: str = "") -> str:
    """Say what a null in a column of a table stands for; that it has none, if so."""
    if column.is_masked:
        return MASKED
    known = NULLS | _NULLS_IN.get(table, {})
    return known.get(column.name, _OF_SOURCE) if column.nullable else NEVER


def _unit(column: Column, table: str) -> str:
    """Say what the numbers of a column of a table count; empty: nothing is counted."""
    if column.name == "sample" and column.dtype == pl.String:
        return ""
    return (UNITS | _UNITS_IN.get(table, {})).get(column.name, "")


def describe_table(table: Table) -> pl.DataFrame:
    """Give the dictionary of a table: a row a column, in order.

    Returns
    -------
    pl.DataFrame
        Columns of `SCHEMA`; `unit` is empty where nothing is counted.
    """
    fields = frozenset(table.names) - _FIXED if table.name.startswith("annotations_") else ()
    rows = [
        (c.name, str(c.dtype), "", _OF_SOURCE, c.meaning)
        # Called as the source calls it, whatever the name means here.
        if c.name in fields
        else (c.name, str(c.dtype), _unit(c, table.name), null_means(c, table.name), c.meaning)
        for c in table.columns
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def comments(table: Table) -> dict[str, str]:
    """Give what is known of each column of a table in one line: column to text."""
    texts = {}
    for name, _, unit, null, meaning in describe_table(table).rows():
        more = [t for t in (unit, "" if null == NEVER else f"null: {null}") if t]
        texts[name] = f"{meaning} [{'; '.join(more)}]" if more else meaning
    return texts
