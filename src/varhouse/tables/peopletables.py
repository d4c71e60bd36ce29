"""Tables of what calls say of people: made by `varhouse.people`, replaced whole for a cohort.

They follow from the calls and the settings, so the content digest leaves them out; whatever
changes the people or the calls of a cohort makes them anew, or takes them away.
"""

import polars as pl

from varhouse.tables.declaration import COHORT, Column, Table, key_columns

_SAMPLE = Column("sample", pl.String, "sample id as in the file")
_ORDINAL = Column("ordinal", pl.Int32, "0-based number in the cohort")


def _count(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, pl.Int64, meaning, nullable=nullable)


def _share(name: str, meaning: str) -> Column:
    return Column(name, pl.Float64, meaning, nullable=True)


SAMPLE_QC = Table(
    "sample_qc",
    "controlled",
    "what the calls of a sample say of their quality",
    (
        COHORT,
        _ORDINAL,
        _SAMPLE,
        _count(
            "n_genotypes",
            "genotypes of the sample on autosomes, as all figures up to `gq_mean`: of the"
            " records of its files that have an ALT which is kept, or none; of a gVCF of the"
            " sites of the cohort",
        ),
        _count("n_called", "of these fully called"),
        _share("call_rate", "n_called / n_genotypes; a list of variants has none"),
        _count("n_het", "heterozygous genotypes"),
        _count("n_hom_alt", "homozygous non-reference genotypes"),
        _share("het_hom", "n_het / n_hom_alt"),
        _count("n_ti", "copies of transitions carried"),
        _count("n_tv", "copies of transversions carried"),
        _share("ti_tv", "n_ti / n_tv"),
        _count("n_singleton", "alleles of which this is the only copy in the cohort"),
        _count("n_singleton_ti", "of these transitions"),
        _count("n_singleton_tv", "of these transversions"),
        _share("singleton_ti_tv", "n_singleton_ti / n_singleton_tv"),
        _count("n_insertion", "copies of insertions carried, once they are normalised"),
        _count("n_deletion", "copies of deletions carried, once they are normalised"),
        _share("ins_del", "n_insertion / n_deletion"),
        _share("dp_mean", "mean DP of called genotypes that have one"),
        _share("gq_mean", "mean GQ of called genotypes that have one"),
        _count("n_x_het", "heterozygous SNVs on X outside the PAR"),
        _count("n_x_nonref", "SNVs on X outside the PAR with a copy of ALT"),
        _count("n_x_called", "SNVs called on X outside the PAR"),
        _share(
            "x_f",
            "1 - share of heterozygotes of n_x_nonref / that of n_het + n_hom_alt: about 0"
            " with two X, 1 with one",
        ),
        _count("n_y_called", "SNVs called on Y outside the PAR"),
        _count("n_y", "SNVs on Y outside the PAR"),
        Column(
            "sex_by_calls",
            pl.String,
            "XX, XY or other, by X and Y; null: too few calls on X",
            nullable=True,
        ),
        _share(
            "contamination",
            "CHARR: mean over homozygous SNVs of reads of the reference over those expected"
            " of strangers",
        ),
        _count("n_contamination", "genotypes that it is a mean of"),
        _count("roh_bases", "bases in runs of homozygosity", nullable=True),
        _count("n_roh", "runs of homozygosity", nullable=True),
        Column("flags", pl.String, "codes of thresholds passed, comma-joined; empty: none"),
        Column("flag_details", pl.String, "JSON: of each flag the value and the threshold"),
    ),
    partition=("cohort",),
    sort=("ordinal",),
    content=False,
)

SAMPLE_CONTIGS = Table(
    "sample_contigs",
    "controlled",
    "genotypes of a sample on a contig",
    (
        COHORT,
        _ORDINAL,
        Column("contig", pl.String, "canonical contig name"),
        _count("n_genotypes", "genotypes of the sample, as in sample_qc"),
        _count("n_called", "of these fully called"),
        _count("n_het", "heterozygous genotypes"),
        _count("n_hom_alt", "homozygous non-reference genotypes"),
        _count("n_hemi", "hemizygous or haploid non-reference genotypes"),
    ),
    partition=("cohort",),
    sort=("ordinal", "contig"),
    content=False,
)

RELATED = Table(
    "related",
    "controlled",
    "two samples of a cohort that are related by their calls or by the sheet",
    (
        COHORT,
        Column("ordinal_1", pl.Int32, "0-based number of the first in the cohort"),
        Column("ordinal_2", pl.Int32, "0-based number of the second, which is greater"),
        Column("sample_1", pl.String, "sample id of the first"),
        Column("sample_2", pl.String, "sample id of the second"),
        _count("n_sites", "SNVs at which both are called"),
        _share("ibs0", "share of these at which they have no allele in common"),
        _share("kinship", "KING-robust kinship coefficient"),
        Column("degree", pl.Int8, "0 duplicate or twin, 1, 2, 3; null: none", nullable=True),
        Column(
            "relation",
            pl.String,
            "duplicate_or_twin, parent_child, siblings, first_degree (too few sites to say"
            " which), second_degree, third_degree, unrelated, or untold (too few sites, or in"
            " too small a part of the genome)",
        ),
        Column("in_sheet", pl.String, "relation by the sheet", nullable=True),
        Column("agrees", pl.Boolean, "the sheet says the same; null: nothing", nullable=True),
    ),
    partition=("cohort",),
    sort=("ordinal_1", "ordinal_2"),
    content=False,
)

TRIOS = Table(
    "trios",
    "controlled",
    "a child of the sheet with one or both parents",
    (
        COHORT,
        Column("ordinal", pl.Int32, "0-based number of the child in the cohort"),
        Column("child", pl.String, "sample id of the child"),
        Column("father", pl.String, "sample id of the father", nullable=True),
        Column("mother", pl.String, "sample id of the mother", nullable=True),
        _count("n_sites", "SNVs at which all of them are called"),
        _count("n_errors", "of these with genotypes that cannot be inherited so"),
        _share("error_rate", "n_errors / n_sites"),
    ),
    partition=("cohort",),
    sort=("ordinal",),
    content=False,
)

ANCESTRY = Table(
    "ancestry",
    "controlled",
    "a sample on axes of ancestry",
    (
        COHORT,
        _ORDINAL,
        _SAMPLE,
        Column("axes", pl.String, "cohort whose axes these are"),
        Column("made_axes", pl.Boolean, "the axes are made of this sample, too"),
        Column("scores", pl.List(pl.Float64), "place on each axis"),
        Column("population", pl.String, "population by the sheet", nullable=True),
        _share("distance", "distance from the median of the population, in deviations"),
        Column("outlier", pl.Boolean, "it is far from its population", nullable=True),
        Column("nearest", pl.String, "population whose median is nearest", nullable=True),
    ),
    partition=("cohort",),
    sort=("ordinal",),
    content=False,
)

ANCESTRY_AXES = Table(
    "ancestry_axes",
    "controlled",
    "an axis of ancestry of a cohort",
    (
        COHORT,
        Column("axis", pl.Int32, "number of the axis, 1-based"),
        Column("eigenvalue", pl.Float64, "eigenvalue of the relationship matrix"),
        Column("variance", pl.Float64, "share of the variance along it"),
        Column("significant", pl.Boolean, "it is more than chance makes (Tracy-Widom, 1 %)"),
    ),
    partition=("cohort",),
    sort=("axis",),
    content=False,
)

ANCESTRY_LOADINGS = Table(
    "ancestry_loadings",
    "controlled",
    "a SNV by which samples are put on axes of ancestry",
    (
        *key_columns(),
        COHORT,
        Column("center", pl.Float64, "frequency of alt in those who made the axes"),
        Column("loadings", pl.List(pl.Float64), "weight on each axis"),
    ),
    partition=("cohort",),
    sort=("contig", "pos", "ref", "alt", "extent"),
    content=False,
)

SAME_PEOPLE = Table(
    "same_people",
    "controlled",
    "two samples of the store that are one person, or twins of one zygote, by their calls",
    (
        COHORT,
        _ORDINAL,
        _SAMPLE,
        Column("with_cohort", pl.String, "cohort of the other, which goes before this one"),
        Column("with_sample", pl.String, "id of the other"),
        _count("n_sites", "SNVs at which both are called"),
        _share("concordance", "share of these at which their genotypes are equal"),
        _share("kinship", "KING-robust kinship coefficient"),
        Column(
            "twins", pl.Boolean, "the sheet says that they are twins, which are two people"
        ),
        Column("first_cohort", pl.String, "cohort of the first sample of the person"),
        Column("first_sample", pl.String, "id of that sample"),
        Column("counted", pl.Boolean, "the sample counts in totals of all its partitions"),
        Column(
            "not_in",
            pl.List(pl.String),
            "partitions in whose totals the person counts as another sample, not as this one",
        ),
    ),
    partition=("cohort",),
    sort=("ordinal", "with_cohort", "with_sample"),
    content=False,
)

PEOPLE_MADE = Table(
    "people_made",
    "controlled",
    "a cohort of which the tables of people are made, and what they are made from",
    (
        COHORT,
        Column("made_from", pl.String, "digest of the cohort's rows that they follow from"),
        Column("settings", pl.String, "the settings as JSON, thresholds and all"),
        Column("version", pl.String, "version of varhouse"),
        _count("n_samples", "samples of the cohort"),
        _count("n_flagged", "of these with flags"),
        _count("n_sites", "SNVs that relatedness and ancestry go by"),
        Column("notes", pl.String, "what could not be said, and why, as a JSON list"),
    ),
    partition=("cohort",),
    sort=("cohort",),
    content=False,
)

PEOPLE_TABLES = (
    SAMPLE_QC, SAMPLE_CONTIGS, RELATED, TRIOS, ANCESTRY, ANCESTRY_AXES, ANCESTRY_LOADINGS,
    SAME_PEOPLE, PEOPLE_MADE,
)  # fmt: skip
"""Tables of this module."""
