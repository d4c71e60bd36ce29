"""Every count and statistic of an allele, and every count of a person: one entry each.

Schema, counting, adding up over files and cohorts, the overview, the VCF of a query, the
frequencies of one file, and verify read these entries; no other module lists their names.

A statistic is a *count*, which adds up over files and cohorts, is *made* of the counts of its
row by an expression, or neither: it compares a row with those of other groups (`greatest`). To
add one that is made, add its entry. A count of genotypes needs, besides its entry, its case in
the loops of `varhouse.frequencies.count`. docs/numbers.md has an example of each.
"""

from dataclasses import dataclass
from enum import Enum

import polars as pl

from varhouse.governed import PUBLIC

PolarsType = pl.DataType | type[pl.DataType]

ALLELES, PEOPLE, COHORTS, SHARE = "alleles", "people", "cohorts", "share"
"""Units."""

FREQUENCIES, TOTALS = "frequencies", "totals"
"""Tables that hold statistics: of a cohort, and of all cohorts."""

_BOTH = (FREQUENCIES, TOTALS)


ADJ_FIELDS = ("GQ", "DP", "AD")
"""FORMAT keys that say the quality of a genotype."""


@dataclass(frozen=True)
class Adjust:
    """Thresholds of a genotype of high quality (adj), gnomAD's unless said otherwise.

    Attributes
    ----------
    gq, dp, dp_haploid
        Least GQ, least DP, and least DP of a haploid genotype.
    ab
        Least share of the reads (AD / DP) of each ALT of a heterozygote.
    """

    gq: float = 20
    dp: float = 10
    dp_haploid: float = 5
    ab: float = 0.2

    @property
    def fields_asked(self) -> set[str]:
        """Those of ADJ_FIELDS without which a record says nothing of quality."""
        by_depth = self.dp > 0 or self.dp_haploid > 0 or self.ab > 0
        asked = (self.gq > 0, by_depth, self.ab > 0)
        return {name for name, is_asked in zip(ADJ_FIELDS, asked, strict=True) if is_asked}


class AtSite(Enum):
    """What those who hold only other alleles of a site add to a count.

    They were assessed there (decision 0006). NONE: they have no copy, so they add 0. Of
    their alleles of the site, which may stand in records of their own, MOST takes the
    greatest value and LEAST the least one: the record in which most were called.
    """

    NONE = "none"
    MOST = "most"
    LEAST = "least"


@dataclass(frozen=True, eq=False)
class Statistic:
    """A number of an allele in a group of people.

    Attributes
    ----------
    name, dtype, meaning
        Of its column.
    unit
        What it counts: ALLELES, PEOPLE or COHORTS; SHARE of a fraction.
    tables
        The tables that have it: FREQUENCIES, TOTALS.
    role
        The least role that sees it (see `varhouse.view`): counts are for anybody, small ones
        are masked by what makes a release (`varhouse.disclosure`).
    of_record
        It is the same for all alleles of a record.
    at_site
        Of a count that adds up: what who lacks the allele adds.
    made
        Of any other: how it follows from the counts. In TOTALS also of a count that
        FREQUENCIES lacks: what a row of a cohort adds.
    about
        Of a count that not all files can give: the count of the people that it is about.
        Where that is 0 or null both are null, for nothing is known, and nothing is added.
    greatest
        Of what is neither: the share of which the group has the greatest of its stratum.
    source
        Where the formula comes from, if it is more than a quotient.
    is_exact
        It is the same on every machine. What is made by logarithms is not to the last bit:
        the content digest leaves it out (it covers the counts that it is made of).
    """

    name: str
    dtype: PolarsType
    unit: str
    meaning: str
    role: str
    tables: tuple[str, ...] = _BOTH
    of_record: bool = False
    at_site: AtSite | None = None
    made: pl.Expr | None = None
    about: str | None = None
    greatest: str | None = None
    source: str = ""
    is_exact: bool = True

    @property
    def adds_up(self) -> bool:
        """It is a count: that of several groups is the sum."""
        return self.at_site is not None

    @property
    def is_nullable(self) -> bool:
        """Null may stand for it."""
        return self.about is not None or not self.adds_up


def _share(part: pl.Expr, whole: str) -> pl.Expr:
    """Divide; null where there is nothing to divide by."""
    return pl.when(pl.col(whole) > 0).then(part / pl.col(whole))


_HET = pl.col("n_het") - pl.col("n_het_not_diploid")
_HOM = pl.col("n_hom_alt") - pl.col("n_hom_alt_not_diploid")
_DIPLOID = pl.col("n_samples") - pl.col("n_missing") - pl.col("n_not_diploid")


def _hwe(*, mid: bool) -> pl.Expr:
    def column(counts: pl.Series) -> pl.Series:
        # Compiled code is loaded where a test is asked for, not where columns are named.
        from varhouse.tables.formulas import hwe_column  # noqa: PLC0415

        return hwe_column(counts, mid=mid)

    counts = pl.struct(het=_HET, hom=_HOM, n=_DIPLOID)
    return counts.map_batches(column, pl.Float64, is_elementwise=True)


def _faf(ac: str, an: str, level: float) -> pl.Expr:
    def column(counts: pl.Series) -> pl.Series:
        from varhouse.tables.formulas import faf_column  # noqa: PLC0415

        return faf_column(counts, level)

    counts = pl.struct(ac=ac, an=an)
    return counts.map_batches(column, pl.Float64, is_elementwise=True)


def _inbreeding() -> pl.Expr:
    copies = (2 * _HOM + _HET).cast(pl.Float64)
    expected = copies * (2 * _DIPLOID - copies) / (2 * _DIPLOID)
    return pl.when((_DIPLOID > 0) & (expected > 0)).then(1 - _HET / expected)


_FAF = "Whiffin et al., Genet Med 2017, 19:1151; hail `filtering_allele_frequency`"
_GNOMAD_ADJ = "gnomAD `get_adj_expr`, thresholds of the policy `adj`"
_ADJ = "n_samples_adj"

STATISTICS: tuple[Statistic, ...] = (
    Statistic(
        "ac", pl.Int32, ALLELES, "called copies of alt", role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "an", pl.Int32, ALLELES, "called alleles, from the original genotypes",
        role=PUBLIC, of_record=True, at_site=AtSite.MOST,
    ),
    Statistic(
        "af", pl.Float64, SHARE, "ac / an; null when an is 0", role=PUBLIC,
        made=_share(pl.col("ac"), "an"),
    ),
    Statistic(
        "n_het", pl.Int32, PEOPLE, "people with alt and another called allele",
        role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "n_hom_alt", pl.Int32, PEOPLE, "people with two or more alleles, all alt",
        role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "n_hemi", pl.Int32, PEOPLE, "people with one allele only, which is alt",
        role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "n_missing", pl.Int32, PEOPLE, "people whose genotype is not fully called",
        role=PUBLIC, of_record=True, at_site=AtSite.LEAST,
    ),
    Statistic(
        "n_samples", pl.Int32, PEOPLE,
        "people of the stratum in files that assessed the site",
        role=PUBLIC, of_record=True, at_site=AtSite.MOST,
    ),
    Statistic(
        "call_rate", pl.Float64, SHARE, "(n_samples - n_missing) / n_samples",
        role=PUBLIC, tables=(FREQUENCIES,), of_record=True,
        made=_share(pl.col("n_samples") - pl.col("n_missing"), "n_samples"),
    ),
    Statistic(
        "n_not_diploid", pl.Int32, PEOPLE,
        "people fully called with other than two alleles, or male where males have one copy",
        role=PUBLIC, of_record=True, at_site=AtSite.MOST,
    ),
    Statistic(
        "n_het_not_diploid", pl.Int32, PEOPLE, "people of n_het who are not diploid",
        role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "n_hom_alt_not_diploid", pl.Int32, PEOPLE, "people of n_hom_alt who are not diploid",
        role=PUBLIC, at_site=AtSite.NONE,
    ),
    Statistic(
        "an_written", pl.Int32, ALLELES,
        "called alleles as the files write them: of a gVCF also 0/0 without reads or quality,"
        " but not bases that only the person's own deletion reaches over; else an",
        role=PUBLIC, of_record=True, at_site=AtSite.MOST,
        source="hail `call_stats`, `variant_qc`; bcftools AN",
    ),
    Statistic(
        "hwe_p", pl.Float64, SHARE,
        "exact two-sided test of Hardy-Weinberg proportions of the diploid people; null if"
        " there are none",
        role=PUBLIC, made=_hwe(mid=False),
        source="Wigginton et al., Am J Hum Genet 2005, 76:887",
    ),
    Statistic(
        "hwe_midp", pl.Float64, SHARE,
        "the same with half the probability of tables as likely as the observed one",
        role=PUBLIC, made=_hwe(mid=True),
        source="Graffelman and Moreno, Stat Appl Genet Mol Biol 2013, 12:433",
    ),
    Statistic(
        "inbreeding", pl.Float64, SHARE,
        "inbreeding coefficient 1 - n_het / (2 p q n) of the n diploid people; null if all"
        " their alleles are equal",
        role=PUBLIC, made=_inbreeding(), source="GATK and gnomAD `InbreedingCoeff`",
    ),
    Statistic(
        "faf95", pl.Float64, SHARE,
        "filtering allele frequency: least af to be expected with 95 % confidence; 0 for"
        " ac up to 1",
        role=PUBLIC, made=_faf("ac", "an", 0.95), source=_FAF, is_exact=False,
    ),
    Statistic(
        "faf99", pl.Float64, SHARE, "the same with 99 % confidence",
        role=PUBLIC, made=_faf("ac", "an", 0.99), source=_FAF, is_exact=False,
    ),
    Statistic(
        "n_samples_adj", pl.Int32, PEOPLE,
        "people of n_samples with a record that has the fields for adj; not women on Y"
        " outside the pseudo-autosomal regions; null: nobody has them",
        role=PUBLIC, of_record=True, at_site=AtSite.MOST, about=_ADJ, source=_GNOMAD_ADJ,
    ),
    *(
        Statistic(
            f"{name}_adj", pl.Int32, unit, f"{name} of genotypes of high quality (adj)",
            role=PUBLIC, of_record=of_record, at_site=at_site, about=_ADJ,
            source=_GNOMAD_ADJ,
        )
        for name, unit, of_record, at_site in (
            ("ac", ALLELES, False, AtSite.NONE),
            ("an", ALLELES, True, AtSite.MOST),
            ("n_het", PEOPLE, False, AtSite.NONE),
            ("n_hom_alt", PEOPLE, False, AtSite.NONE),
            ("n_hemi", PEOPLE, False, AtSite.NONE),
        )
    ),
    Statistic(
        "n_missing_adj", pl.Int32, PEOPLE,
        "people of n_samples_adj without a fully called genotype of high quality",
        role=PUBLIC, of_record=True, at_site=AtSite.LEAST, about=_ADJ, source=_GNOMAD_ADJ,
    ),
    Statistic(
        "af_adj", pl.Float64, SHARE, "ac_adj / an_adj; null when an_adj is 0 or null",
        role=PUBLIC, made=_share(pl.col("ac_adj"), "an_adj"),
    ),
    Statistic(
        "call_rate_adj", pl.Float64, SHARE,
        "(n_samples_adj - n_missing_adj) / n_samples_adj",
        role=PUBLIC, tables=(FREQUENCIES,), of_record=True,
        made=_share(pl.col(_ADJ) - pl.col("n_missing_adj"), _ADJ),
    ),
    Statistic(
        "faf95_adj", pl.Float64, SHARE, "faf95 of ac_adj and an_adj", role=PUBLIC,
        made=_faf("ac_adj", "an_adj", 0.95), source=_FAF, is_exact=False,
    ),
    Statistic(
        "faf99_adj", pl.Float64, SHARE, "faf99 of ac_adj and an_adj", role=PUBLIC,
        made=_faf("ac_adj", "an_adj", 0.99), source=_FAF, is_exact=False,
    ),
    *(
        Statistic(
            f"is_grpmax{end}", pl.Boolean, SHARE,
            f"the group has the greatest af{end} of those of its stratum, and copies; of equal"
            f" ones the most called alleles, then the first name; null for `all`{unknown}",
            role=PUBLIC, tables=(TOTALS,), greatest=f"af{end}",
            source="gnomAD grpmax (of adj), popmax before",
        )
        for end, unknown in (("", ""), ("_adj", " and where nobody has the fields"))
    ),
    Statistic(
        "n_cohorts", pl.Int32, COHORTS, "cohorts that hold an allele of the site",
        role=PUBLIC, tables=(TOTALS,), of_record=True, at_site=AtSite.MOST,
        made=(pl.col("n_samples") > 0).cast(pl.Int32),
    ),
)  # fmt: skip
"""In the order of the columns."""


@dataclass(frozen=True)
class PersonCount:
    """A count of a person's genotypes, or of the alleles that they hold."""

    name: str
    meaning: str


PERSON_COUNTS: tuple[PersonCount, ...] = (
    PersonCount("n_missing", "genotypes not fully called"),
    PersonCount("n_het", "heterozygous genotypes"),
    PersonCount("n_hom_alt", "homozygous non-reference genotypes"),
    PersonCount("n_hemi", "hemizygous or haploid non-reference genotypes"),
    PersonCount("n_snv", "copies of SNV alleles carried"),
    PersonCount("n_indel", "copies of other short alleles carried"),
    PersonCount("n_ti", "copies of transitions carried"),
    PersonCount("n_tv", "copies of transversions carried"),
)
"""In the order of the columns, and of the loops of `varhouse.frequencies.count`."""


def statistics_of(table: str) -> list[Statistic]:
    """List the statistics of a table, in the order of its columns."""
    return [s for s in STATISTICS if table in s.tables]


def counts_of(table: str) -> tuple[str, ...]:
    """Name the counts of a table, which add up over files and cohorts."""
    return tuple(s.name for s in statistics_of(table) if s.adds_up)


def adding_alone(table: str) -> tuple[str, ...]:
    """Name the counts of a table to which who lacks an allele adds 0."""
    return tuple(s.name for s in statistics_of(table) if s.at_site is AtSite.NONE)


def genotype_counts() -> tuple[str, ...]:
    """Name the counts that genotypes give.

    `n_samples` is known without any, and `an_written` differs from `an` only where a gVCF
    says more of a base than its genotypes (decision 0035).
    """
    return tuple(
        s.name
        for s in statistics_of(FREQUENCIES)
        if s.adds_up and s.about is None and s.name not in {"n_samples", "an_written"}
    )


def adj_counts() -> tuple[str, ...]:
    """Name the counts that genotypes give together with their quality fields."""
    return tuple(s.name for s in statistics_of(FREQUENCIES) if s.about == _ADJ)


def greatest_of(table: str) -> dict[str, tuple[str, str, str]]:
    """Name what compares groups: column to the share, its counts of copies and alleles."""
    return {
        s.name: (
            s.greatest,
            s.greatest.replace("af", "ac", 1),
            s.greatest.replace("af", "an", 1),
        )
        for s in statistics_of(table)
        if s.greatest is not None
    }


def unknown_of(table: str) -> dict[str, pl.Expr]:
    """Put null where a count is about nobody, after counts were added up: name to expression.

    Nulls add 0 to a sum, so that a sum is of those who know.
    """
    return {
        s.name: pl.when(pl.col(s.about) > 0).then(pl.col(s.name))
        for s in statistics_of(table)
        if s.about is not None
    }


def taken_by_columns() -> frozenset[str]:
    """Give what no cohort may be called, for its `NAME_COHORT` is a column of all cohorts."""
    names = [s.name for s in STATISTICS]
    return frozenset(
        a.removeprefix(f"{b}_") for a in names for b in names if a.startswith(f"{b}_")
    )


def of_records() -> frozenset[str]:
    """Name the statistics that are the same for all alleles of a record."""
    return frozenset(s.name for s in STATISTICS if s.of_record)


def made_of(table: str) -> dict[str, pl.Expr]:
    """Give the statistics of a table that follow from its counts: name to expression."""
    return {
        s.name: s.made.cast(s.dtype)
        for s in statistics_of(table)
        if s.made is not None and not s.adds_up
    }


def counts_of_a_cohort() -> dict[str, pl.Expr]:
    """Say what a row of FREQUENCIES adds to the counts of TOTALS: name to expression."""
    return {
        s.name: pl.col(s.name) if s.made is None else s.made
        for s in statistics_of(TOTALS) if s.adds_up
    }  # fmt: skip


def site_counts() -> tuple[str, ...]:
    """Name the counts that are about a base and not about an allele: those of `callable`."""
    return tuple(
        s.name
        for s in statistics_of(FREQUENCIES)
        if s.adds_up and s.at_site is not AtSite.NONE
    )


def counts_at_site(table: str) -> dict[str, pl.Expr]:
    """Say what who lacks an allele adds, from his alleles of the site: name to aggregate."""
    return {s.name: _at_site(s) for s in statistics_of(table) if s.adds_up}


def _at_site(statistic: Statistic) -> pl.Expr:
    column = pl.col(statistic.name)
    if statistic.at_site is AtSite.MOST:
        return column.max()
    if statistic.at_site is AtSite.LEAST:
        return column.min()
    return pl.lit(0, statistic.dtype)
