"""Thresholds of sample QC, relatedness and ancestry, with the field's documented defaults."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Limits:
    """Thresholds past which a sample is flagged; None: not asked.

    Attributes
    ----------
    call_rate
        Least share of genotypes called. .99: gnomAD v4, there at good sites alone.
    het_hom
        Greatest ratio of heterozygous to homozygous non-reference genotypes. 10: gnomAD v4
        (`hard_filters.py` of gnomad_qc); of genomes v3 took 3.3 (`sample_qc.py`), which few
        rare variants of a small region pass.
    n_singleton
        Most singletons, of cohorts with 100 people or more. 100,000: genomes of gnomAD v3
        (`sample_qc.py`) and v5. The 5,000 of v4 are of exomes among 955,000 people: each
        genome of a cohort of some hundred has more.
    contamination
        Greatest CHARR. .015: gnomAD v4.
    mad
        Median absolute deviations within population and assay beyond which a figure stands
        out; of singletons twice as many. 4 and 8: gnomAD (`outlier_filtering.py` of v4,
        `compute_stratified_metrics_filter`).
    two_x, one_x
        `x_f` below the one is two X, above the other one X (see `people.sexcall`).
    y_called
        Least share of the sites of Y called where there is one.
    """

    call_rate: float | None = 0.99
    het_hom: float | None = 10
    n_singleton: int | None = 100_000
    contamination: float | None = 0.015
    mad: float | None = 4
    two_x: float = 0.5
    one_x: float = 0.7
    y_called: float = 0.5


@dataclass(frozen=True)
class SiteSettings:
    """Which SNVs relatedness, ancestry and sketches go by (`panel.choose_sites`).

    Attributes
    ----------
    least_af
        Least frequency of the rarer allele in the cohort.
    call_rate
        Least share of people called.
    inbreeding
        Least inbreeding coefficient, of alleles whose genotypes are no chance
        (`panel.NO_CHANCE`): below it far too many are heterozygous, as where two copies of a
        stretch were read as one. GATK's and gnomAD's limit for such sites; None: not asked.
    spacing
        One is taken of each stretch of so many bases; 0: all.
    enough
        Where fewer remain (an exome, a panel of genes, one contig), the stretches are halved
        until there are so many, down to a sixteenth.
    most
        At most this many, spread evenly over the genome; None: all.
    snv_only
        Only substitutions of one base; else any allele of a site with two.
    """

    least_af: float = 0.01
    call_rate: float = 0.95
    inbreeding: float | None = -0.3
    spacing: int = 25_000
    enough: int = 5_000
    most: int | None = 50_000
    snv_only: bool = True


@dataclass(frozen=True)
class AncestrySettings:
    """How axes of ancestry are made, and who is far from his population.

    Attributes
    ----------
    kinship
        Of people with at least this kinship one makes axes; the others are put on them. The
        bound of second-degree relatives (KING, Manichaikul et al. 2010).
    called
        Least share of the sites called in who makes axes.
    r2
        Of two near sites with more than this squared correlation the first makes axes (gnomAD
        `ld_prune`: 0.1).
    window
        Bases within which sites are near.
    long_range
        Whether sites in known regions of long-range LD make axes, too (`linkage.LONG_RANGE`).
    least
        People without whom nothing is said of a population.
    far
        Deviations from the median of the population, on any one axis, beyond which a sample
        is an outlier (EIGENSOFT `outliersigmathresh`: 6).
    error
        Greatest standard error of a place on the first axis, as a share of the spread of the
        people that the axes are made of: who or what has too few sites for it has no place.
    """

    kinship: float = 0.0884
    called: float = 0.9
    r2: float = 0.1
    window: int = 1_000_000
    long_range: bool = False
    least: int = 10
    far: float = 6
    error: float = 0.25


@dataclass(frozen=True)
class PeopleSettings:
    """All settings of the room; the key `people` of a configuration.

    Attributes
    ----------
    limits, sites
        See there.
    axes
        Axes of ancestry that are kept.
    frequencies
        `SOURCE.FIELD` of the store by which contamination is told; None: those of the cohort.
    """

    limits: Limits = field(default_factory=Limits)
    sites: SiteSettings = field(default_factory=SiteSettings)
    ancestry: AncestrySettings = field(default_factory=AncestrySettings)
    axes: int = 10
    frequencies: str | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Take the key `people` of a configuration, or `as_json` read again.

        What is not said is as documented.
        """
        kinds = {"limits": Limits, "sites": SiteSettings, "ancestry": AncestrySettings}
        own = {name: kind(**(said.get(name) or {})) for name, kind in kinds.items()}
        return cls(**{**said, **own})

    def as_json(self) -> str:
        """Give all of them as JSON; the same settings give the same text."""
        return json.dumps(asdict(self), sort_keys=True)
