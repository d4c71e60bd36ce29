"""Relations of the people of a cohort: by their calls, by the sheet, and whether both agree.

**Degree** by the kinship coefficient, at the middle (geometric) between the expected ones
(KING; Manichaikul et al. 2010): above 2 ** -1.5 = 0.354 a duplicate or twin, above 0.177 first
degree, above 0.0884 second, above 0.0442 third.

**Parent and child, or siblings**: a child has an allele of each parent, so it has none in
common with the parent (IBS0) by error alone. Siblings have none from a parent in common on a
quarter of the genome, where they have it as strangers: of sites of frequency p and 1 - p the
share p^2 (1 - p)^2 / 2. A pair of first degree that has less than a third of what siblings are
expected to have is parent and child. So the limit is not a fixed one (gnomAD's 5.2e-5 of IBS0
holds for all SNVs of a genome): it goes with the sites, and allows for genotyping errors of a
percent. Where siblings are expected at fewer than SIBLING_SITES sites the relation is
`first_degree`.

**Chance**: few sites, or sites in linkage, give strangers a kinship of a distant relative by
chance. The standard error of a pair's coefficient is worked out from its own sites, and made
greater by as much as neighbouring sites tell the same (`_inflation`). A pair is only told if
chance would give less than one such among all pairs of strangers; so of a small panel of genes
duplicates may be all that can be seen.

**Where sites lie**: strangers may have a stretch of a chromosome in common, all of it,
whatever the number of sites in it. So degrees are told from DEGREE_STRETCHES stretches on,
one person from `panel.LEAST_STRETCHES` on, and of fewer (a panel of genes, a part of a
chromosome) nothing: a pair of the sheet is `untold` then, unless it is parent and child by the
sheet and has nothing in common: a child has of its parent some of each stretch. Nor is anybody
whose file lists only variants compared (`listed`).

**Sheet**: a pair that is related by the sheet is told whatever the calls say. Relations agree
if they are the same, or both more distant than first degree and one degree apart at most: real
relatives vary about the expectation. Where the calls cannot tell such a relation from none,
nothing is said of that. People who both have a father and a mother in the sheet
have no other first-degree relatives by it: if calls show one, the sheet says `unrelated`.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.king import LEAST, count_pairs, kinship_pairs
from varhouse.people.listed import without_listed
from varhouse.people.mendel import count_errors
from varhouse.people.panel import LEAST_STRETCHES, PackedCalls, count_stretches
from varhouse.people.pedigree import Pedigree, read_pedigree, sheet_pairs
from varhouse.people.settings import PeopleSettings
from varhouse.store.reader import Store
from varhouse.tables.peopletables import RELATED, TRIOS

SIBLING_SITES = 10
"""IBS0 sites that siblings must be expected to have, at least, to be told from a parent."""

SIBLING_SHARE = 1 / 3
"""Of the IBS0 sites expected of siblings, those that a parent and child may have by error."""

LEAST_DEVIATIONS = 3
"""Standard errors above 0 of a relative's kinship, at least. Of a pair of the sheet enough."""

DEGREE_STRETCHES = 10
"""Stretches with sites (`panel.STRETCH`) by which relatives are told from strangers who have a
chromosome in common, at least."""

DEGREES = ("duplicate_or_twin", "first_degree", "second_degree", "third_degree")
LIMITS = (2**-1.5, 2**-2.5, 2**-3.5, LEAST)
"""Least kinship of each degree."""

_STRETCHES = 10
"""Stretches of sites, at least, whose sums are compared."""

_SAMPLED = 256
"""Pairs from which it is seen how much neighbouring sites tell the same."""

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


def related(
    store: Store, cohort: str, packed: PackedCalls, settings: PeopleSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find who is related to whom in a cohort.

    Parameters
    ----------
    packed
        Calls of everybody of the cohort.
    settings
        Not looked at yet: the limits are the field's.

    Returns
    -------
    (pl.DataFrame, pl.DataFrame)
        Rows of the tables `related` (pairs by calls or by the sheet) and `trios` (children of
        the sheet with a parent in the cohort).
    """
    pedigree = read_pedigree(store, cohort)
    packed = without_listed(store, packed)
    return find_related(packed, pedigree), find_trios(packed, pedigree)


def find_related(packed: PackedCalls, pedigree: Pedigree) -> pl.DataFrame:
    """Give the rows of the table `related`, sorted."""
    sheet = sheet_pairs(pedigree)
    noise = _noise(packed)
    stretches = count_stretches(packed.sites)
    least = noise.least if stretches >= DEGREE_STRETCHES else LIMITS[0]
    near = kinship_pairs(packed, least)
    if stretches < LEAST_STRETCHES:
        near = near.clear()
    by_calls = pl.DataFrame(
        {
            "first": np.searchsorted(packed.ordinal, near["ordinal_1"].to_numpy()),
            "second": np.searchsorted(packed.ordinal, near["ordinal_2"].to_numpy()),
        }
    )
    pairs = pl.concat([by_calls, sheet.select("first", "second")]).unique()
    pairs = pairs.join(sheet, on=["first", "second"], how="left").sort("first", "second")
    first, second = (pairs[n].to_numpy().astype(np.int64) for n in ("first", "second"))
    found = pl.concat([count_pairs(packed, first, second), pairs], how="horizontal")
    close = (found["kinship"] > LIMITS[1]).fill_null(value=False).to_numpy()
    opposite = np.zeros(first.size)
    opposite[close] = _expected_ibs0(packed, first[close], second[close])
    found = found.with_columns(
        pl.Series("siblings_ibs0", opposite),
        pl.Series("error", _standard_errors(packed, first, second, noise.inflation)),
    )
    found = found.with_columns(_relation(noise.deviations, stretches), in_sheet=_in_sheet())
    in_full = (pedigree.people.father >= 0) & (pedigree.people.mother >= 0)
    says = pl.Series((in_full[first] & in_full[second]).tolist(), dtype=pl.Boolean)
    first_degree = pl.col("relation").is_in(_FIRST)
    found = found.with_columns(
        in_sheet=pl.coalesce(
            "in_sheet", pl.when(says & first_degree).then(pl.lit("unrelated"))
        )
    )
    is_none = pl.col("relation").is_in(["unrelated", "untold"])
    found = found.filter(~is_none | pl.col("in_sheet").is_not_null())
    names = pl.Series(packed.samples, dtype=pl.String)
    found = found.with_columns(
        names.gather(found["first"]).alias("sample_1"),
        names.gather(found["second"]).alias("sample_2"),
        degree=pl.col("relation").replace_strict(_DEGREE_OF, return_dtype=pl.Int8),
        agrees=_agrees(),
    )
    return found.select(n for n in RELATED.names if n != "cohort")


_FIRST = ("parent_child", "siblings", "first_degree")
_DEGREE_OF = {
    "duplicate_or_twin": 0, "parent_child": 1, "siblings": 1, "first_degree": 1,
    "second_degree": 2, "third_degree": 3, "unrelated": None,
    "untold": None,
}  # fmt: skip


def _relation(deviations: float, stretches: int) -> pl.Expr:
    """Name the relation by calls: of kinship, n_sites, ibs0, siblings_ibs0 and error.

    A pair of the sheet that few sites, or few stretches, cannot tell from strangers is untold.
    """
    kinship = pl.col("kinship")
    # What calls do not show of a pair by the sheet, which they could not show if it were so.
    is_untold = kinship.is_null() | (
        LEAST_DEVIATIONS * pl.col("error") > pl.col("expected").fill_null(0)
    )
    too_few = pl.lit(value=stretches < LEAST_STRETCHES)
    no_degrees = pl.lit(value=stretches < DEGREE_STRETCHES) & (kinship <= LIMITS[0])
    # A pair of the sheet is not one of many.
    of_sheet = pl.col("expected").is_not_null()
    limit = pl.when(of_sheet).then(LEAST_DEVIATIONS).otherwise(deviations)
    is_chance = kinship < limit * pl.col("error")
    is_no_parent = is_chance & ~is_untold & (pl.col("kind") == "parent_child")
    expected = pl.col("siblings_ibs0")
    opposite = pl.col("ibs0") * pl.col("n_sites")
    first = (
        pl.when(expected < SIBLING_SITES)
        .then(pl.lit("first_degree"))
        .when(opposite < SIBLING_SHARE * expected)
        .then(pl.lit("parent_child"))
        .otherwise(pl.lit("siblings"))
    )
    return (
        pl.when(is_no_parent)
        .then(pl.lit("unrelated"))
        .when(too_few | no_degrees | ((kinship.is_null() | is_chance) & is_untold))
        .then(pl.lit("untold"))
        .when(is_chance)
        .then(pl.lit("unrelated"))
        .when(kinship > LIMITS[0])
        .then(pl.lit("duplicate_or_twin"))
        .when(kinship > LIMITS[1])
        .then(first)
        .when(kinship > LIMITS[2])
        .then(pl.lit("second_degree"))
        .when(kinship > LIMITS[3])
        .then(pl.lit("third_degree"))
        .otherwise(pl.lit("unrelated"))
        .alias("relation")
    )


def _in_sheet() -> pl.Expr:
    """Name the relation by the sheet, of `kind` and `expected`; distant ones: null."""
    expected = pl.col("expected")
    return (
        pl.when(pl.col("kind").is_not_null())
        .then("kind")
        .when(expected > LIMITS[1])
        .then(pl.lit("first_degree"))
        .when(expected > LIMITS[2])
        .then(pl.lit("second_degree"))
        .when(expected > LIMITS[3])
        .then(pl.lit("third_degree"))
    )


def _agrees() -> pl.Expr:
    by_calls, by_sheet = pl.col("relation"), pl.col("in_sheet")
    # Calls, or the sheet, may not tell which first-degree relation it is.
    open_ = (by_calls == "first_degree") & by_sheet.is_in(_FIRST)
    open_ |= (by_sheet == "first_degree") & by_calls.is_in(_FIRST)
    step = {"second_degree": 2, "third_degree": 3, "unrelated": 4}
    rank = [c.replace_strict(step, default=None, return_dtype=pl.Int8) for c in
            (by_calls, by_sheet)]  # fmt: skip
    near = ((rank[0] - rank[1]).abs() <= 1).fill_null(value=False)
    same = by_calls.eq(by_sheet) | open_ | near
    return pl.when(by_sheet.is_not_null() & (by_calls != "untold")).then(same)


def _expected_ibs0(
    packed: PackedCalls, first: Int64, second: Int64
) -> npt.NDArray[np.float64]:
    """Give the IBS0 sites expected of a pair if they are siblings: float64[pairs].

    By the frequencies of the cohort. In a mixed one they are a bound from below, nearly: the
    mean of p^2 q^2 of populations is more than that of their mean, but at very common alleles.
    """
    af = packed.sites["af"].to_numpy()
    of_site = np.zeros(64 * packed.called.shape[1])
    of_site[: af.size] = (af * (1 - af)) ** 2 / 2
    out = np.zeros(first.size)
    # A row of bits a pair: some pairs at a time.
    step = max((1 << 24) // max(of_site.size, 1), 1)
    for begin in range(0, first.size, step):
        part = slice(begin, begin + step)
        both = packed.called[first[part]] & packed.called[second[part]]
        bits = np.unpackbits(both.view(np.uint8), axis=1, bitorder="little")
        out[part] = bits @ of_site
    return out


def _words(packed: PackedCalls, first: Int64, second: Int64) -> tuple[Int64, ...]:
    """Give O, D1, D2, H and the sites of both, by word: int64[pairs, words] each."""
    one, other = packed.het[first], packed.het[second]
    both = packed.called[first] & packed.called[second]
    opposite = (packed.hom[first] ^ packed.hom[second]) & ~(one | other) & both
    words = (opposite, one & ~other & both, other & ~one & both, one & other, both)
    return tuple(np.bitwise_count(w).astype(np.int64) for w in words)


def _standard_errors(
    packed: PackedCalls, first: Int64, second: Int64, inflation: float
) -> Float64:
    """Give the standard error of the kinship of pairs if they are strangers.

    With M = H + min(D1, D2), the coefficient is 1/2 less the ratio of two sums over sites,
    (4 O + D1 + D2) / 4 M, which is 1/2 for strangers. So a site adds to the error
    (x - 2 m) / 4 M, where x is 4, 1 or 0 and m tells that the one with fewer heterozygous
    sites is heterozygous there (delta method): squared, 16 at O, 4 at H, 1 at D1 and D2.

    Returns
    -------
    float64[pairs]
        inf where no site tells.
    """
    out = np.full(first.size, np.inf)
    step = max((1 << 21) // max(packed.het.shape[1], 1), 1)
    for begin in range(0, first.size, step):
        part = slice(begin, begin + step)
        o, d1, d2, h, _ = (v.sum(axis=1) for v in _words(packed, first[part], second[part]))
        fewer = h + np.minimum(d1, d2)
        good = fewer > 0
        square = (16 * o + 4 * h + d1 + d2)[good]
        own = out[part]
        own[good] = np.sqrt(square * inflation) / (4 * fewer[good])
    return out


@dataclass(frozen=True)
class _Noise:
    """What chance does to the kinship of strangers.

    Attributes
    ----------
    inflation
        How many times more a sum over sites varies than if each were its own chance.
    deviations
        Standard errors above which chance puts less than one of all pairs.
    least
        Kinship below which a pair is chance, whichever it is.
    """

    inflation: float
    deviations: float
    least: float


def _noise(packed: PackedCalls) -> _Noise:
    """See what chance does, from pairs that are spread over the cohort."""
    people = packed.het.shape[0]
    if people < 2 or not packed.het.shape[1]:
        return _Noise(1.0, LEAST_DEVIATIONS, LEAST)
    first = np.unique(np.linspace(0, people - 1, min(people, _SAMPLED)).astype(np.int64))
    second = (first + max(people // 2 + 1, 1)) % people
    first, second = first[first != second], second[first != second]
    inflation = _inflation(packed, first, second)
    pairs = people * (people - 1) // 2
    deviations = max(NormalDist().inv_cdf(1 - 1 / (pairs + 1)), LEAST_DEVIATIONS)
    errors = _standard_errors(packed, first, second, inflation)
    # The pairs of the fewest errors; relatives have yet fewer, as their sites differ less.
    low = float(np.quantile(errors, 0.05, method="lower")) if errors.size else 0.0
    least = min(max(LEAST, deviations * low / 2), LIMITS[0])
    return _Noise(inflation, deviations, least)


def _inflation(packed: PackedCalls, first: Int64, second: Int64) -> float:
    """Tell how many times more the sum over sites varies than if each were its own chance.

    Sums of stretches of sites are compared with what the same sites make on their own; of
    several lengths of a stretch the worst counts. At least 1.
    """
    words = packed.het.shape[1]
    o, d1, d2, h, n = _words(packed, first, second)
    own = np.where(d1.sum(axis=1, keepdims=True) <= d2.sum(axis=1, keepdims=True), d1, d2)
    value, square = 4 * o + d1 + d2 - 2 * (h + own), 16 * o + 4 * h + d1 + d2
    total = np.maximum(n.sum(axis=1, keepdims=True), 1)
    mean = value.sum(axis=1, keepdims=True) / total
    each = np.maximum(square.sum(axis=1, keepdims=True) / total - mean**2, 1e-9)
    worst, size = 1.0, 1
    while words // size >= _STRETCHES:
        cut = np.arange(0, words - words % size, size)
        sums, sites = (np.add.reduceat(v, cut, axis=1) for v in (value, n))
        off = (sums - mean * sites) ** 2
        expected = float((each * sites).sum())
        if expected > 0:
            worst = max(worst, float(off.sum()) / expected)
        size *= 2
    return worst


def find_trios(packed: PackedCalls, pedigree: Pedigree) -> pl.DataFrame:
    """Give the rows of the table `trios`, sorted."""
    trios = pedigree.trios()
    names = pl.Series(packed.samples, dtype=pl.String)
    child, father, mother = (pl.Series(rows) for rows in trios.T)
    frame = pl.DataFrame(
        {
            "ordinal": pl.Series(packed.ordinal).gather(child),
            "child": names.gather(child),
            "father": names.gather(father.set(father < 0, None)),
            "mother": names.gather(mother.set(mother < 0, None)),
        }
    )
    found = pl.concat([frame, count_errors(packed, trios)], how="horizontal")
    return found.select(n for n in TRIOS.names if n != "cohort")
