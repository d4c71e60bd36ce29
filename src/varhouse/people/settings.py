"""Thresholds of sample QC, relatedness and ancestry, with the field's documented defaults."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Limits:
    """Thresholds past which a sample is flagged; None: not asked.

    Defaults are gnomAD's hard filters of genomes (v3, v4: `hard_filters.py` of
    gnomad_qc@48de9bdb), which are meant for whole genomes.

    Attributes
    ----------
    call_rate
        Least share of genotypes called.
    het_hom
        Greatest ratio of heterozygous to homozygous non-reference genotypes.
    n_singleton
        Most singletons; asked of cohorts with assay WGS alone, unless configured.
    contamination
        Greatest CHARR.
    mad
        Median absolute deviations within population and assay beyond which a figure stands
        out (gnomAD `compute_stratified_metrics_filter`: 4).
    """

    call_rate: float | None = 0.99
    het_hom: float | None = 10
    n_singleton: int | None = 5_000
    contamination: float | None = 0.015
    mad: float | None = 4


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
class PeopleSettings:
    """All settings of the room; the key `people` of a configuration."""

    limits: Limits = field(default_factory=Limits)
    sites: SiteSettings = field(default_factory=SiteSettings)
    axes: int = 10

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Take the key `people` of a configuration, or `as_json` read again.

        What is not said is as documented.
        """
        rest = {k: v for k, v in said.items() if k not in ("limits", "sites")}
        limits, sites = said.get("limits") or {}, said.get("sites") or {}
        return cls(limits=Limits(**limits), sites=SiteSettings(**sites), **rest)

    def as_json(self) -> str:
        """Give all of them as JSON; the same settings give the same text."""
        return json.dumps(asdict(self), sort_keys=True)
