"""What must hold of the counts and figures of one row, from docs/numbers.md.

Shares are worked out again by their formulas, Hardy-Weinberg tests from the middle of their
distribution (Wigginton et al., Am J Hum Genet 2005, 76:887), and of a filtering frequency it
is asked whether so many copies or more have the probability that its level says (Whiffin et
al., Genet Med 2017, 19:1151).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST = ("an", "n_samples", "n_not_diploid", "an_written", "n_samples_adj", "an_adj")
"""Counts of the people of a site: who lacks an allele adds the most that he has at another."""

LEAST = ("n_missing", "n_missing_adj")
"""Likewise, the least."""

ALONE = (
    "ac", "n_het", "n_hom_alt", "n_hemi", "n_het_not_diploid", "n_hom_alt_not_diploid",
    "ac_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj",
)  # fmt: skip
"""Counts of carriers, to which who lacks an allele adds nothing."""

COUNTS = (*ALONE, *MOST, *LEAST)
SITE_COUNTS = (*MOST, *LEAST)
ADJ = tuple(n for n in COUNTS if n.endswith("_adj"))
"""Counts that are null where nobody has the fields of quality."""

LEVELS = {"faf95": 0.05, "faf99": 0.01, "faf95_adj": 0.05, "faf99_adj": 0.01}
_CLOSE = 1e-9
_KNOWN = 1 << 16
_TESTED = (np.full((_KNOWN, 3), -1, np.int64), np.empty((_KNOWN, 2)))
"""Hardy-Weinberg tests that were made, 2.5 MB: totals ask again what frequencies asked."""


@nb.njit(cache=True, nogil=True)
def _hwe(het, hom, n, plain, mid, known, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Test rows; `known` int64[slots, 3] and `found` float64[slots, 2] are of earlier ones."""
    most = 0
    for i in range(n.size):
        most = max(most, n[i])
    chance = np.zeros(2 * most + 2)
    for i in range(n.size):
        plain[i] = mid[i] = np.nan
        if n[i] <= 0 or het[i] < 0 or hom[i] < 0 or het[i] + hom[i] > n[i]:
            continue
        slot = (het[i] * 40503 + hom[i] * 9973 + n[i] * 31) % known.shape[0]
        if known[slot, 0] == het[i] and known[slot, 1] == hom[i] and known[slot, 2] == n[i]:
            plain[i], mid[i] = found[slot]
            continue
        copies = 2 * hom[i] + het[i]
        rare = min(copies, 2 * n[i] - copies)
        middle = np.int64(rare * (2 * n[i] - rare) / (2.0 * n[i]))
        middle += (middle ^ rare) & 1
        middle = min(middle, rare)
        chance[: rare + 1] = 0.0
        chance[middle] = 1.0
        total = 1.0
        h, r = middle, (rare - middle) // 2
        c = n[i] - h - r
        while h > 1:
            chance[h - 2] = chance[h] * h * (h - 1.0) / (4.0 * (r + 1.0) * (c + 1.0))
            total += chance[h - 2]
            h, r, c = h - 2, r + 1, c + 1
        h, r = middle, (rare - middle) // 2
        c = n[i] - h - r
        while h <= rare - 2:
            chance[h + 2] = chance[h] * 4.0 * r * c / ((h + 2.0) * (h + 1.0))
            total += chance[h + 2]
            h, r, c = h + 2, r - 1, c - 1
        seen = chance[het[i]]
        tail = half = 0.0
        for k in range(rare & 1, rare + 1, 2):
            if chance[k] <= seen * (1 + 1e-11):
                tail += chance[k]
                if chance[k] >= seen * (1 - 1e-11):
                    half += chance[k]
        plain[i] = min(tail / total, 1.0)
        mid[i] = (tail - 0.5 * half) / total
        known[slot] = het[i], hom[i], n[i]
        found[slot] = plain[i], mid[i]


@nb.njit(cache=True, nogil=True)
def _tails(ac, an, faf, level, wrong):  # type: ignore[no-untyped-def]  # pragma: no cover
    known_mean = np.zeros(_KNOWN)
    known_off = np.zeros(_KNOWN)
    for i in range(ac.size):
        if ac[i] <= 1 or an[i] <= 0:
            wrong[i] = faf[i] != 0.0
            continue
        mean = faf[i] * an[i]
        if not mean > 0.0:
            wrong[i] = True
            continue
        slot = ac[i] % _KNOWN
        off = known_off[slot]
        if not abs(known_mean[slot] - mean) <= 1e-14 * mean or ac[i] >= _KNOWN:
            # P(at least ac) of a Poisson distribution: its first term times a series.
            term = total = 1.0
            k = float(ac[i])
            while term > 1e-17 * total:
                k += 1.0
                term *= mean / k
                total += term
            tail = ac[i] * math.log(mean) - mean - math.lgamma(ac[i] + 1.0) + math.log(total)
            # By how much the mean would have to change, relative to it.
            off = (tail - math.log(level)) * total / ac[i]
            known_mean[slot], known_off[slot] = mean, off
        wrong[i] = abs(off) > 1e-9


def _apart(found: Floats, wanted: Floats) -> Bools:
    off = np.abs(found - wanted) > _CLOSE * np.abs(wanted)
    return np.asarray(off | (np.isnan(found) != np.isnan(wanted)))


def _share(part: Ints | Floats, whole: Ints | Floats, known: Bools) -> Floats:
    out = np.full(part.size, np.nan)
    np.divide(part, whole, out=out, where=known & (whole > 0))
    return out


def shares(
    counts: Mapping[str, Ints], known: Bools, names: Iterator[str]
) -> dict[str, Floats]:
    """Work the figures out again that follow from the counts of their row.

    Parameters
    ----------
    counts
        int64[rows] each; 0 for null.
    known
        bool[rows]: whether counts of high quality are known.
    names
        The columns that there are.

    Returns
    -------
    dict
        float64[rows] each, NaN for null.
    """
    n = {k: counts[k] for k in COUNTS}
    always = np.ones(known.size, np.bool_)
    het = n["n_het"] - n["n_het_not_diploid"]
    hom = n["n_hom_alt"] - n["n_hom_alt_not_diploid"]
    diploid = n["n_samples"] - n["n_missing"] - n["n_not_diploid"]
    plain, mid = np.empty(known.size), np.empty(known.size)
    _hwe(het, hom, diploid, plain, mid, *_TESTED)
    copies = (2 * hom + het).astype(np.float64)
    expected = _share(copies * (2 * diploid - copies), 2 * diploid, always)
    all_ = {
        "af": _share(n["ac"], n["an"], always),
        "af_adj": _share(n["ac_adj"], n["an_adj"], known),
        "call_rate": _share(n["n_samples"] - n["n_missing"], n["n_samples"], always),
        "call_rate_adj": _share(
            n["n_samples_adj"] - n["n_missing_adj"], n["n_samples_adj"], known
        ),
        "hwe_p": plain,
        "hwe_midp": mid,
        "inbreeding": 1 - _share(het, expected, expected > 0),
    }
    return {k: all_[k] for k in names if k in all_}


def wrong_figures(
    counts: Mapping[str, Ints], known: Bools, figures: Mapping[str, Floats]
) -> Iterator[tuple[str, Bools]]:
    """Find rows of which a figure is not what follows from the counts.

    Yields
    ------
    tuple
        The column, and bool[rows].
    """
    for name, wanted in shares(counts, known, iter(figures)).items():
        yield name, _apart(figures[name], wanted)
    for name, level in LEVELS.items():
        if name not in figures:
            continue
        end = "_adj" if name.endswith("_adj") else ""
        ok = known if end else np.ones(known.size, np.bool_)
        wrong = np.zeros(known.size, np.bool_)
        found = figures[name]
        _tails(counts[f"ac{end}"], counts[f"an{end}"], np.nan_to_num(found), level, wrong)
        yield name, np.where(ok, wrong | np.isnan(found), ~np.isnan(found))


def _rules() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    rules: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("ac",), ("an",)), (("ac",), ("an_written",)), (("ac_adj",), ("an_adj",)),
        (("n_missing_adj",), ("n_samples_adj",)),
        (("n_het_not_diploid",), ("n_het",)), (("n_hom_alt_not_diploid",), ("n_hom_alt",)),
        (("n_hom_alt_adj", "n_hemi_adj"), ("n_hom_alt", "n_hemi")),
        (("n_het", "n_hom_alt", "n_hemi", "n_missing"), ("n_samples",)),
        (("n_not_diploid", "n_missing"), ("n_samples",)),
        (("n_het_adj", "n_hom_alt_adj", "n_hemi_adj", "n_missing_adj"), ("n_samples_adj",)),
    ]  # fmt: skip
    # A man's homozygote on X is hemizygous by quality; who passes may be missing in more.
    rules += [
        ((n,), (n.removesuffix("_adj"),))
        for n in ADJ
        if n not in ("n_missing_adj", "n_hemi_adj")
    ]
    return rules


RULES = _rules()
"""Counts of which the sum is no more than that of others."""


def impossible(counts: Mapping[str, Ints]) -> Iterator[tuple[str, Bools]]:
    """Find rows whose counts cannot be: each rule that is broken, and bool[rows]."""
    for name in COUNTS:
        bad = counts[name] < 0
        if bad.any():
            yield f"{name} >= 0", bad
    for part, whole in RULES:
        some, most = (np.sum([counts[n] for n in names], axis=0) for names in (part, whole))
        if (some > most).any():
            yield f"{' + '.join(part)} <= {' + '.join(whole)}", some > most


def as_floats(array: Any) -> Floats:
    """Give a column of floats with NaN for null."""
    return np.asarray(array.fill_null(np.nan) if array.null_count else array, np.float64)
