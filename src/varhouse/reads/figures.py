"""The figures of a person's reads and calls, what each means, and when it is odd.

One table for all who show them: `qc.tsv`, the page of a batch, the files for MultiQC and
docs/reads-qc.md. A figure is null where it cannot be known, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["count", "bases", "share", "x", "phred", "ratio", "word"]
"""`share` lies between 0 and 1; `x` is reads over a base; `bases` also of lengths."""

Value = float | int | str | None


@dataclass(frozen=True)
class Figure:
    """A number of a person.

    Attributes
    ----------
    name, label
        As a key and column; for people.
    digits
        After the decimal point, as people see it; files have all.
    meaning
        What is counted, over what, and what it leaves out.
    """

    name: str
    label: str
    unit: Unit
    digits: int
    meaning: str

    def text(self, value: Value) -> str:
        """Write a value for people: shares in percent, `-` for what is not known."""
        if value is None:
            return "-"
        if isinstance(value, str):
            return value
        if self.unit == "share":
            return f"{100 * value:.{max(self.digits - 2, 0)}f} %"
        ending = "x" if self.unit == "x" else ""
        return f"{value:,.{self.digits}f}{ending}"


FIGURES: tuple[Figure, ...] = (
    Figure("reads", "Reads", "count", 0,
           "Reads, both mates, that went into the alignment, after trimming."),
    Figure("bases", "Bases", "bases", 0, "Bases of these reads."),
    Figure("reads_trimmed", "Trimmed reads", "share", 4,
           "Reads from which adapter sequence was cut, of those read from FASTQ."),
    Figure("mapped", "Mapped", "share", 4, "Reads with a place on the reference."),
    Figure("proper", "Proper pairs", "share", 4,
           "Reads of pairs that the aligner calls proper (direction, distance), of paired "
           "reads. Null for single reads."),
    Figure("duplicates", "Duplicates", "share", 4,
           "Reads marked as duplicates, of mapped reads."),
    Figure("optical", "Optical duplicates", "share", 4,
           "Duplicates near each other on the flow cell, of mapped reads. Null where the "
           "names of reads have no place."),
    Figure("library_size", "Library size", "count", 0,
           "Molecules of the library, estimated from duplicates of pairs (Lander-Waterman)."),
    Figure("insert_median", "Insert size, median", "bases", 0,
           "Length of fragments of proper pairs, outer ends."),
    Figure("insert_mad", "Insert size, MAD", "bases", 1,
           "Median of distances from the median of insert sizes."),
    Figure("insert_mean", "Insert size, mean", "bases", 1,
           "Mean of the core: insert sizes within 10 MAD of the median."),
    Figure("insert_sd", "Insert size, SD", "bases", 1, "Standard deviation of the core."),
    Figure("error_rate", "Mismatch rate", "share", 5,
           "Mismatches and inserted or deleted bases (NM) of aligned bases: errors of "
           "sequencing and variants of the person."),
    Figure("mean_quality", "Mean base quality", "phred", 1,
           "Mean Phred quality of all bases of the reads."),
    Figure("mean_coverage", "Coverage, mean", "x", 2,
           "Mean depth over the bases of the called autosomes that are not N. Duplicates, "
           "reads with mapping quality 0 and second copies of overlapping mates left out."),
    Figure("median_coverage", "Coverage, median", "x", 0, "Median of the same depths."),
    Figure("mad_coverage", "Coverage, MAD", "x", 0,
           "Median of distances from the median of depths: how even coverage is."),
    Figure("at_1x", "Bases at 1x", "share", 4, "Share of these bases with depth 1 or more."),
    Figure("at_10x", "Bases at 10x", "share", 4, "Share with depth 10 or more."),
    Figure("at_15x", "Bases at 15x", "share", 4, "Share with depth 15 or more."),
    Figure("at_20x", "Bases at 20x", "share", 4, "Share with depth 20 or more."),
    Figure("at_30x", "Bases at 30x", "share", 4, "Share with depth 30 or more."),
    Figure("x_ratio", "X / autosomes", "ratio", 3,
           "Reads a base on X outside the pseudo-autosomal regions over those on "
           "autosomes: about 1 in females, 0.5 in males."),
    Figure("y_ratio", "Y / autosomes", "ratio", 3,
           "The same of Y: about 0 in females, 0.5 in males."),
    Figure("mt_ratio", "MT / autosomes", "ratio", 1,
           "The same of the mitochondrion: hundreds to thousands in blood."),
    Figure("snvs", "SNVs", "count", 0,
           "Calls with FILTER PASS that change one base."),
    Figure("indels", "Indels", "count", 0,
           "All other calls with FILTER PASS."),
    Figure("ti_tv", "Ti/Tv", "ratio", 3,
           "Transitions over transversions among SNVs with FILTER PASS and one ALT."),
    Figure("het_hom", "Het/hom", "ratio", 3,
           "Heterozygous over homozygous ALT calls with FILTER PASS where the person has "
           "two copies. Null without a homozygous one."),
    Figure("filtered", "Filtered calls", "share", 4, "Calls with a FILTER other than PASS."),
    Figure("contamination", "Contamination", "share", 4,
           "Share of reads from somebody else, by maximum likelihood at sites of a panel. "
           "Null without a panel, or with too few sites of it."),
    Figure("contamination_low", "Contamination, from", "share", 4,
           "Lower end of its 95 % confidence interval."),
    Figure("contamination_high", "Contamination, to", "share", 4, "Upper end."),
    Figure("contamination_sites", "Contamination, sites", "count", 0,
           "Sites of the panel that the estimate rests on."),
    Figure("charr", "CHARR", "share", 4,
           "Contamination from reference reads at homozygous ALT calls (Lu et al. 2023); "
           "needs no panel, reads too low above 5 %."),
    Figure("sex", "Sex, sheet", "word", 0, "As the sheet has it: male, female, unknown."),
    Figure("sex_by_reads", "Sex, reads", "word", 0,
           "By coverage of X and Y: male, female, or unclear."),
    Figure("karyotype", "Sex chromosomes", "word", 0,
           "The sex chromosomes that the coverage of X and Y fits: XX, XY, X0, XXY, ..."),
)  # fmt: skip
"""In the order of columns."""

BY_NAME = {f.name: f for f in FIGURES}


@dataclass(frozen=True)
class Limit:
    """When a figure is odd, and what to do then.

    Attributes
    ----------
    code
        Of the flag; for ever.
    figure
        Whose value is compared.
    least, most
        Below, or above, it is odd; None: there is no such end.
    source
        Where the threshold comes from.
    fix
        What to do.
    needs, enough
        A count (of `FIGURES`) below which nothing is said: chance alone would do it.
    """

    code: str
    figure: str
    least: float | None
    most: float | None
    source: str
    fix: str
    needs: str = ""
    enough: float = 0

    def words(self, value: float) -> str:
        """Say what is odd, and what to do."""
        shown = BY_NAME[self.figure]
        if self.least is not None and value < self.least:
            how = f"below {shown.text(self.least)}"
        else:
            assert self.most is not None
            how = f"above {shown.text(self.most)}"
        return f"{shown.label} {shown.text(value)}, {how}: {self.fix}"


_GNOMAD = "gnomAD v3 sample filters (Chen et al. 2024, gnomad_qc)"
_OWN = "no published cut; well outside of what whole genomes of blood show"

LIMITS: tuple[Limit, ...] = (
    Limit("few_reads", "reads", 10_000, None, _OWN,
          "hardly anything can be called; is a file missing?"),
    Limit("low_mapping", "mapped", 0.9, None, _OWN,
          "is it the right species and reference? bacteria or adapters left?"),
    Limit("few_proper", "proper", 0.85, None, _OWN,
          "mates of other lanes or libraries in a file, or fragments much too short or long?",
          "reads", 1000),
    Limit("high_duplicates", "duplicates", None, 0.3, _GNOMAD,
          "a third of the reads says nothing new; too little DNA, or sequenced deeper than "
          "the library is large"),
    Limit("short_fragments", "insert_median", 250, None, _GNOMAD,
          "mates overlap, so coverage is less than bases say; degraded DNA?"),
    Limit("many_errors", "error_rate", None, 0.02, _OWN,
          "a bad run, another species, or the wrong reference?"),
    Limit("low_coverage", "mean_coverage", 15, None, _GNOMAD,
          "heterozygotes are missed; sequence more, or take no frequencies from it"),
    Limit("odd_ti_tv", "ti_tv", 1.8, 3.5,
          "2.0-2.1 over genomes, 3.0-3.3 over exomes (DePristo et al. 2011)",
          "false calls (0.5 by chance alone), or a selection of sites", "snvs", 1000),
    Limit("odd_het_hom", "het_hom", 1.0, 3.3,
          f"above: {_GNOMAD}; below: 1.4-2.0 by ancestry (Wang et al. 2015)",
          "too high: contamination; too low: related parents, low coverage, or large "
          "losses of heterozygosity", "snvs", 1000),
    Limit("contaminated", "contamination", None, 0.02,
          "Genomics England's newborn pipeline looks from 0.015, gnomAD leaves out above 0.05",
          "look for a swap or spill in the laboratory; above 5 % leave the person out"),
    Limit("charr_high", "charr", None, 0.02,
          "as contamination, and 0.005 for what errors of sequencing add",
          "likely contaminated; give a panel (calling: contamination) for an estimate",
          "snvs", 1000),
)  # fmt: skip
"""In the order in which flags are shown."""


def find_flags(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Say which figures are odd: a dict of `code` and `words` each, in the order of LIMITS.

    What is null, or rests on too little, is not flagged.
    """
    out = []
    for limit in LIMITS:
        value = figures.get(limit.figure)
        if value is None or (limit.needs and (figures.get(limit.needs) or 0) < limit.enough):
            continue
        too_low = limit.least is not None and value < limit.least
        if too_low or (limit.most is not None and value > limit.most):
            out.append({"code": limit.code, "words": limit.words(value)})
    return out
