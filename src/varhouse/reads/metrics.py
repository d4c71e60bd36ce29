"""A person's figures, from what the steps from reads to calls have left.

Nothing is read here but the dicts of the steps: `check_lane` and `align_lane` of each lane,
`finish_person`, `join_regions`, and the panel's counts of reads of each region. What a
step could not tell is missing or null in its dict, and null here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.contamination import estimate
from varhouse.reads.figures import BY_NAME, FIGURES, LIMITS, Figure, Limit, Value, find_flags
from varhouse.reads.model import Person
from varhouse.reads.sexcheck import SexByReads, sex_flag

__all__ = ["FIGURES", "LIMITS", "Figure", "Limit", "person_metrics"]

Ints = npt.NDArray[np.int64]

VERSION = 1
"""Of the form of a person's JSON."""

CORE = 10
"""Insert sizes within as many MAD of the median are the core, as CollectInsertSizeMetrics of
Picard has it: chimeras, and mates on two sides of a structural variant, would decide mean and
SD."""

REF_AT_HOM_ALT = 1 / 3
"""Mean frequency of the reference allele over the sites at which somebody is homozygous ALT.

Under neutrality ALT frequencies f of sites where a reference genome differs have a density as
1/f, and f^2 of people are homozygous there: the mean of 1 - f over a density as f is 1/3.
CHARR (Lu et al. 2023) takes the frequency of each site from a reference data set; what needs
no panel takes this mean."""

FEWEST_HOM_ALT = 50
"""Homozygous ALT SNVs, below which CHARR is not given."""

CUMULATIVE_TO = 250
"""Depth to which the share of bases at least as deep is written, for charts."""


def person_metrics(
    person: Person,
    lanes: Sequence[Mapping[str, Any]],
    finished: Mapping[str, Any],
    regions: Sequence[Mapping[str, Any]],
    panel: pl.DataFrame | None,
    *,
    haploid: HaploidRegions,
    sex: SexByReads | None,
    autosomes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Give all figures of a person, flags of those that are odd, and what charts need.

    Parameters
    ----------
    lanes
        Of each lane `lane` (its name), `facts` (`LaneFacts`), and what `align_lane` gave, as
        far as it was aligned here: `reads_in`, `reads_trimmed`, `adapters`.
    finished
        What `finish_person` gave. Needed: `reads`, `mapped`, `duplicates`, `contigs`. Others
        (`paired`, `proper`, `optical`, `library_size`, `insert_sizes`, `bases`,
        `mapped_bases`, `mismatches`, `quality_sum`, `tools`) may be missing or null.
    regions
        `regions` of `join_regions`: needed `contig`, `depths` (bases of the reference that are
        not N by depth: a list from depth 0 on, or a dict by depth); and the counts of
        `variants.count_variants`, of which `charr` counts on autosomes.
    panel
        Counts of reads at sites of a panel (`contamination.estimate`); None: no panel.
    haploid
        Contigs that are X, Y and MT.
    sex
        What `sexcheck.sex_by_reads` found; None: it was not asked.
    autosomes
        Called contigs of which everybody has two copies; None: all of `regions` but X, Y, MT.

    Returns
    -------
    dict
        `figures`: a value, or null, for each of `FIGURES`; `reasons`: why some are null;
        `flags`; `contigs`: coverage of each called contig; `coverage`: share of autosomal
        bases at least as deep as 0, 1, 2, ...; `insert_sizes`; `lanes`; `tools`.

    Raises
    ------
    InputError
        If a needed key is missing.
    """
    own = set(haploid.contigs) | set(haploid.on_mt)
    wanted = None if autosomes is None else set(autosomes)
    by_contig = _depths_by_contig(regions, person)
    depths = _added(
        d for c, d in by_contig.items() if (c not in own if wanted is None else c in wanted)
    )
    figures: dict[str, Value] = dict.fromkeys(BY_NAME)
    reasons: dict[str, str] = {}
    figures |= _of_reads(person, lanes, finished)
    figures |= _of_inserts(finished.get("insert_sizes") or {})
    figures |= _of_depths(depths)
    figures |= _of_calls(regions, own)
    figures |= _of_panel(panel, haploid, reasons)
    figures |= {"sex": person.sex}
    if sex is not None:
        figures |= {"sex_by_reads": sex.sex, "karyotype": sex.karyotype}
        figures |= {n: getattr(sex, n) for n in ("x_ratio", "y_ratio", "mt_ratio")}
        if sex.sex is None:
            reasons["sex_by_reads"] = sex.why
    flags = find_flags(figures)
    if (odd := sex_flag(person.sex, sex)) is not None:
        flags.insert(0, odd)
    return {
        "version": VERSION,
        "cohort": person.cohort,
        "sample": person.name,
        "figures": figures,
        "reasons": reasons,
        "flags": flags,
        "contigs": _of_contigs(by_contig, finished),
        "coverage": _cumulative(depths),
        "insert_sizes": _sorted_counts(finished.get("insert_sizes") or {}),
        "lanes": [_of_lane(lane) for lane in lanes],
        "tools": finished.get("tools") or [],
    }


def _needed(data: Mapping[str, Any], key: str, what: str) -> Any:
    if key not in data:
        raise InputError(
            f"`{key}` is missing in what {what} left", "delete it and run it again"
        )
    return data[key]


def _ratio(part: float | None, whole: float | None) -> float | None:
    """Divide; null where one is not known, or there is nothing to divide by."""
    return None if part is None or not whole else part / whole


def _of_reads(
    person: Person, lanes: Sequence[Mapping[str, Any]], finished: Mapping[str, Any]
) -> dict[str, Value]:
    what = f"the alignment of {person.name}"
    reads, mapped = (_needed(finished, key, what) for key in ("reads", "mapped"))
    paired = finished.get("paired")
    if paired is None and any(lane.form in ("pairs", "interleaved") for lane in person.lanes):
        paired = reads
    cut = [n for lane in lanes if (n := lane.get("reads_trimmed")) is not None]
    seen = [lane["reads_in"] for lane in lanes if lane.get("reads_trimmed") is not None]
    duplicates = _needed(finished, "duplicates", what)
    steps = {tool.get("step") for tool in finished.get("tools") or []}
    if duplicates == 0 and "duplicates" not in steps:
        # Of a file that was taken as it is: none were marked, not none found.
        duplicates = None
    return {
        "reads": reads,
        "bases": finished.get("bases"),
        "reads_trimmed": _ratio(sum(cut), sum(seen)),
        "mapped": _ratio(mapped, reads),
        "proper": _ratio(finished.get("proper"), paired),
        "duplicates": _ratio(duplicates, mapped),
        "optical": _ratio(finished.get("optical"), mapped),
        # samtools gives 0 where no pair was a duplicate: the library has no end in sight.
        "library_size": finished.get("library_size") or None,
        "error_rate": _ratio(finished.get("mismatches"), finished.get("mapped_bases")),
        "mean_quality": _ratio(finished.get("quality_sum"), finished.get("bases")),
    }


def _sorted_counts(counts: Mapping[Any, int]) -> dict[str, int]:
    """Give a histogram as JSON has it: keys as text, by number."""
    return {str(k): int(n) for k, n in sorted((int(k), n) for k, n in counts.items()) if n}


def _of_inserts(counts: Mapping[Any, int]) -> dict[str, Value]:
    ranked = _sorted_counts(counts)
    if not ranked:
        return {}
    size = np.array([int(k) for k in ranked], np.int64)
    n = np.array(list(ranked.values()), np.int64)
    median = _median(size, n)
    mad = _spread(size, n, median)
    core = np.abs(size - median) <= CORE * max(mad, 1.0)
    total = n[core].sum()
    mean = float((size[core] * n[core]).sum() / total)
    square = float((n[core] * (size[core] - mean) ** 2).sum() / total)
    return {
        "insert_median": median,
        "insert_mad": mad,
        "insert_mean": mean,
        "insert_sd": float(np.sqrt(square)),
    }


def _median(values: npt.NDArray[Any], n: Ints) -> float:
    """Give the median of sorted values, each `n` times; of an even number the mean of two."""
    ends = np.cumsum(n)
    total = int(ends[-1])
    low, high = np.searchsorted(ends, [(total - 1) // 2, total // 2], side="right")
    return float(values[low] + values[high]) / 2


def _spread(values: npt.NDArray[Any], n: Ints, median: float) -> float:
    """Give the median of distances from the median (MAD)."""
    off = np.abs(values - median)
    order = np.argsort(off, kind="stable")
    return _median(off[order], n[order])


def _depths_by_contig(regions: Sequence[Mapping[str, Any]], person: Person) -> dict[str, Ints]:
    """Give bases of each contig by depth, in the order of the regions."""
    what = f"the calling of {person.name}"
    out: dict[str, list[Ints]] = {}
    for region in regions:
        depths = _needed(region, "depths", what)
        if isinstance(depths, Mapping):
            dense = np.zeros(max((int(d) for d in depths), default=-1) + 1, np.int64)
            for depth, n in depths.items():
                dense[int(depth)] = n
        else:
            dense = np.asarray(depths, np.int64)
        out.setdefault(_needed(region, "contig", what), []).append(dense)
    return {contig: _added(parts) for contig, parts in out.items()}


def _added(parts: Iterable[Ints]) -> Ints:
    every = list(parts)
    out = np.zeros(max((len(p) for p in every), default=0), np.int64)
    for part in every:
        out[: len(part)] += part
    return out


def _of_depths(depths: Ints) -> dict[str, Value]:
    total = int(depths.sum())
    if not total:
        return {}
    depth = np.arange(len(depths))
    median = _median(depth, depths)
    out: dict[str, Value] = {
        "mean_coverage": float((depth * depths).sum() / total),
        "median_coverage": median,
        "mad_coverage": _spread(depth, depths, median),
    }
    return out | {f"at_{d}x": float(depths[d:].sum() / total) for d in (1, 10, 15, 20, 30)}


def _cumulative(depths: Ints) -> list[float]:
    """Give the share of bases at least as deep as 0, 1, 2, ... up to `CUMULATIVE_TO`."""
    total = int(depths.sum())
    if not total:
        return []
    least = np.cumsum(depths[::-1])[::-1][: CUMULATIVE_TO + 1]
    return [round(float(n / total), 6) for n in least if n]


def _of_calls(regions: Sequence[Mapping[str, Any]], own: set[str]) -> dict[str, Value]:
    def total(key: str) -> int | None:
        own = [region.get(key) for region in regions]
        return None if not own or None in own else sum(own)  # type: ignore[arg-type]

    charr = [r["charr"] for r in regions if r.get("charr") and r["contig"] not in own]
    sites, ref, reads = (sum(c[k] for c in charr) for k in ("sites", "ref_reads", "reads"))
    enough = sites >= FEWEST_HOM_ALT
    return {
        "snvs": total("snvs"),
        "indels": total("indels"),
        "ti_tv": _ratio(total("ti"), total("tv")),
        "het_hom": _ratio(total("het"), total("hom_alt")),
        "filtered": _ratio(total("filtered"), total("calls")),
        "charr": min(ref / reads / REF_AT_HOM_ALT, 1.0) if enough and reads else None,
    }


def _of_panel(
    panel: pl.DataFrame | None, haploid: HaploidRegions, reasons: dict[str, str]
) -> dict[str, Value]:
    if panel is None:
        reasons["contamination"] = "no panel of sites (calling: contamination)"
        return {}
    if "contig" in panel.columns:
        odd = sorted(haploid.contigs | haploid.on_mt)
        panel = panel.filter(~pl.col("contig").is_in(odd))
    found = estimate(panel)
    if found.why:
        reasons["contamination"] = found.why
    return {
        "contamination": found.alpha,
        "contamination_low": found.low,
        "contamination_high": found.high,
        "contamination_sites": found.sites,
    }


def _of_contigs(
    by_contig: Mapping[str, Ints], finished: Mapping[str, Any]
) -> list[dict[str, Any]]:
    reads = finished.get("contigs") or {}
    return [
        {
            "contig": contig,
            "bases": int(depths.sum()),
            "reads": reads.get(contig),
            "coverage": _ratio(float((np.arange(len(depths)) * depths).sum()), depths.sum()),
        }
        for contig, depths in by_contig.items()
    ]


def _of_lane(lane: Mapping[str, Any]) -> dict[str, Any]:
    facts = lane.get("facts") or {}
    return {
        "lane": lane.get("lane"),
        "reads": facts.get("n_reads"),
        "bases": facts.get("n_bases"),
        "longest": facts.get("longest"),
        "names": facts.get("names"),
        "reads_in": lane.get("reads_in"),
        "reads_out": lane.get("reads_out"),
        "reads_trimmed": lane.get("reads_trimmed"),
        "adapters": lane.get("adapters"),
    }
