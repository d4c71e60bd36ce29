"""Rows of counts as numbers to decide by: what is part of what, and what must not be small.

A *cell* is a row: an allele in a group of people. Groups nest: everybody (totals, `all`), a
cohort, a stratum of a cohort; and strata of everybody. Of each cell we keep what somebody
could count in it: copies of alt and of others, people of each kind of genotype.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.tables.schema import KEY

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ALL = "all"
ROOT, COHORT, STRATUM, COHORT_STRATUM = 0, 1, 2, 3
"""Kinds of cells: everybody, a cohort, a stratum of everybody, a stratum of a cohort."""

INDEPENDENT = frozenset({"sex"})
"""Kinds of strata of which no group lies in one of another kind."""

CELL = (*KEY, "cohort", "stratum_by", "stratum")
"""What names a row; `cohort` is null in rows of totals."""

_SOURCES = (
    "ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples", "n_not_diploid",
    "n_het_not_diploid", "n_hom_alt_not_diploid",
)  # fmt: skip
_ADJ_SOURCES = (
    "ac_adj", "an_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj", "n_missing_adj",
    "n_samples_adj",
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Numbers of cells that must each be 0 or large, and of sums of cells as well.

    Attributes
    ----------
    values
        int64[cells, numbers].
    least
        int64[numbers]: the least value, other than 0, that may be shown.
    of_alt
        bool[numbers]: it counts those who have the allele.
    carried
        Number of the column that counts who has the allele, of each cell at least 1 if it is
        there at all.
    """

    values: Ints
    least: Ints
    of_alt: Bools
    carried: int = 0

    def are_safe(self, values: Ints, more: Ints | None = None) -> Bools:
        """Tell of rows of numbers whether all are 0 or large; `more`: than this for `carried`.

        A number below 0, which counts that contradict each other give, counts by its size.
        """
        size = np.abs(values)
        safe: Bools = ((size == 0) | (size >= self.least)).all(axis=1)
        if more is not None:
            carried = size[:, self.carried]
            safe &= (carried == 0) | (carried >= self.least[self.carried] + more)
        return safe

    def beside(self, other: "Counts") -> "Counts":
        """Put further numbers beside these."""
        return Counts(
            np.hstack([self.values, other.values]),
            np.concatenate([self.least, other.least]),
            np.concatenate([self.of_alt, other.of_alt]),
            self.carried,
        )


@dataclass(frozen=True)
class Cells:
    """Rows in the order of their alleles, numbered.

    Attributes
    ----------
    rows
        The rows, with `row` (their number), `allele`, `site` and `kind`.
    allele, site, kind
        int64[cells].
    parent
        int64[cells]: the cell that it is part of; -1: none.
    family
        int64[cells]: cells of one number add up to their parent.
    block
        int64[cells]: cells of strata of one scope and allele of kinds that may cross.
    is_head
        bool[cells]: of its block these strata are shown first.
    an
        int64[cells]: called alleles, by which siblings are ordered.
    group
        int64[cells]: cells of one allele and stratum, of cohorts and of everybody.
    """

    rows: pl.DataFrame
    allele: Ints
    site: Ints
    kind: Ints
    parent: Ints
    family: Ints
    block: Ints
    is_head: Bools
    an: Ints
    group: Ints
    order: Ints = field(init=False)

    def __post_init__(self) -> None:
        # By family, the cell with most called alleles first; names decide between equals.
        object.__setattr__(
            self, "order", np.lexsort((np.arange(self.an.size), -self.an, self.family))
        )

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self.an.size


def _heads(names: Sequence[str], finer: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """Sort kinds of strata into blocks: kind to block, and the heads of blocks.

    Groups of two kinds may lie in each other (a city in a province), so that masked ones
    follow from shown ones of the other kind. All kinds are one block but INDEPENDENT ones,
    unless these are crossed with others (`sex+province`). The head of a block is the kind
    with coarser levels, and these; else the first single one by name.
    """
    block = {n: n for n in names}

    def find(name: str) -> str:
        while block[name] != name:
            name = block[name]
        return name

    related = [n for n in names if n not in INDEPENDENT]
    ties = [(related[0], n) for n in related]
    ties += [(n, p) for n in names if "+" in n for p in n.split("+") if p in block]
    for one, other in ties:
        low, high = sorted((find(one), find(other)))
        block[high] = low
    heads: set[str] = set()
    for found in {find(n) for n in names}:
        members = {n for n in names if find(n) == found}
        levels = members & {*finer, *finer.values()}
        singles = sorted(n for n in members if "+" not in n)
        heads |= levels or set(singles[:1])
    return {n: find(n) for n in names}, heads


def number_cells(
    rows: pl.DataFrame, finer: dict[str, str], region_of: dict[str, dict[str, str]]
) -> Cells:
    """Give rows numbers, and find out what each is part of.

    Parameters
    ----------
    rows
        Rows of frequencies, and of totals with null as `cohort`.
    finer
        Kind of strata to the kind of its coarser level, of which rows are among these.
    region_of
        Kind of strata to: stratum to the stratum of the coarser level that it is part of.
    """
    alleles = rows.select(KEY).unique().sort(KEY).with_row_index("allele")
    sites = alleles.select("contig", "pos").unique().sort("contig", "pos")
    alleles = alleles.join(sites.with_row_index("site"), on=["contig", "pos"])
    is_all = pl.col("stratum_by") == ALL
    is_total = pl.col("cohort").is_null()
    kind = (
        pl.when(is_total & is_all).then(ROOT)
        .when(is_all).then(COHORT)
        .when(is_total).then(STRATUM)
        .otherwise(COHORT_STRATUM)
    )  # fmt: skip
    numbered = (
        rows.with_row_index("row")
        .join(alleles, on=list(KEY), how="left", maintain_order="left")
        .with_columns(kind=kind)
        .sort("allele", "kind", "cohort", "stratum_by", "stratum", nulls_last=True)
        .with_row_index("cell")
    )
    numbered = _with_parents(numbered, finer, region_of)
    kinds = sorted(set(numbered["stratum_by"].unique()) - {ALL})
    blocks, heads = _heads(kinds, finer)
    by = pl.col("stratum_by")
    numbered = numbered.with_columns(
        block_name=by.replace_strict(blocks, default=None, return_dtype=pl.String),
        is_head=is_all | by.is_in(sorted(heads)),
    ).with_columns(
        family=pl.struct("allele", "parent", "above_scope", "stratum_by").rank("dense"),
        block=pl.struct("allele", "scope", "block_name").rank("dense"),
        group=pl.struct("allele", "stratum_by", "stratum").rank("dense"),
    )
    columns = {
        name: numbered[name].cast(pl.Int64).fill_null(-1).to_numpy()
        for name in ("allele", "site", "kind", "parent", "family", "block", "an", "group")
    }
    flags = {name: numbered[name].to_numpy() for name in ("is_head",)}
    columns["family"] = columns["family"] - 1
    columns["block"] = columns["block"] - 1
    columns["group"] = columns["group"] - 1
    return Cells(numbered, **columns, **flags)


def _with_parents(
    cells: pl.DataFrame, finer: dict[str, str], region_of: dict[str, dict[str, str]]
) -> pl.DataFrame:
    """Say of each cell which one it is part of: `parent`, and its cohort's number: `scope`."""
    by, value = pl.col("stratum_by"), pl.col("stratum")
    above_by, above = pl.lit(ALL), pl.lit(ALL)
    for kind, coarser in finer.items():
        of = value.replace(region_of.get(kind, {}))
        above_by = pl.when(by == kind).then(pl.lit(coarser)).otherwise(above_by)
        above = pl.when(by == kind).then(of).otherwise(above)
    own_all = pl.col("kind").is_in([ROOT, COHORT])
    scope = pl.col("cohort").rank("dense").cast(pl.Int64).fill_null(0)
    cells = cells.with_columns(scope=scope).with_columns(
        above_scope=pl.when(own_all).then(0).otherwise(pl.col("scope")),
        above_by=above_by,
        above=above,
    )
    key = ["allele", "scope", "stratum_by", "stratum"]
    named = cells.select(*key, pl.col("cell").cast(pl.Int64).alias("parent"))
    found = cells.join(
        named, left_on=["allele", "above_scope", "above_by", "above"], right_on=key,
        how="left", maintain_order="left",
    )  # fmt: skip
    return found.with_columns(
        parent=pl.when(pl.col("kind") != ROOT).then(pl.col("parent")).fill_null(-1)
    )


def _columns(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, Ints]:
    """Take counts as numbers; what is not known adds nothing."""
    return {n: rows[n].cast(pl.Int64).fill_null(0).to_numpy() for n in names}


def _of(parts: Sequence[tuple[Ints, int, bool]], carried: int = 0) -> Counts:
    return Counts(
        np.column_stack([v for v, _, _ in parts]),
        np.array([least for _, least, _ in parts], np.int64),
        np.array([alt for _, _, alt in parts], np.bool_),
        carried,
    )


def copies(rows: pl.DataFrame, k: int) -> Counts:
    """Give what copies alone tell: of alt, of other alleles, and how many people there are.

    2 k - 1 copies are k people at least, whatever their genotypes. So whether a cell is safe
    follows from numbers that are shown, and tells nothing of those that are not.
    """
    n = _columns(rows, ("ac", "an", "n_samples"))
    least = 2 * k - 1
    return _of(
        [
            (n["ac"], least, True),
            (n["an"] - n["ac"], least, False),
            (n["n_samples"], k, False),
        ]
    )


def genotypes(rows: pl.DataFrame, k: int) -> Counts:
    """Give all that genotype counts tell: people of each genotype, diploid and other."""
    n = _columns(rows, _SOURCES)
    het, hom = n["n_het_not_diploid"], n["n_hom_alt_not_diploid"]
    diploid = n["n_samples"] - n["n_missing"] - n["n_not_diploid"]
    het2, hom2 = n["n_het"] - het, n["n_hom_alt"] - hom
    carriers = n["n_het"] + n["n_hom_alt"] + n["n_hemi"]
    # Copies of those who are not fully called, and further ones of more than two.
    others = n["ac"] - n["n_het"] - 2 * n["n_hom_alt"] - n["n_hemi"]
    return _of(
        [
            (carriers, k, True),
            (n["ac"], k, True),
            (het2, k, True),
            (hom2, k, True),
            (het, k, True),
            (hom, k, True),
            (n["n_hemi"], k, True),
            (others, k, True),
            (n["an"] - n["ac"], k, False),
            (diploid - het2 - hom2, k, False),
            (n["n_not_diploid"] - n["n_hemi"] - het - hom, k, False),
            (n["n_samples"], k, False),
        ]
    )


def carriers_and_others(rows: pl.DataFrame) -> Ints:
    """Give people who carry the allele, and people fully called who do not."""
    n = _columns(rows, ("n_het", "n_hom_alt", "n_hemi", "n_samples", "n_missing"))
    carriers = n["n_het"] + n["n_hom_alt"] + n["n_hemi"]
    return np.column_stack([carriers, n["n_samples"] - n["n_missing"] - carriers])


def quality(rows: pl.DataFrame, k: int) -> Counts:
    """Give what counts of high quality tell, by themselves and beside all counts."""
    n = _columns(rows, (*_SOURCES, *_ADJ_SOURCES))
    parts = []
    for name in ("ac", "n_het", "n_hom_alt", "n_hemi"):
        good = n[f"{name}_adj"]
        parts += [(good, k, True), (n[name] - good, k, True)]
    carriers = n["n_het_adj"] + n["n_hom_alt_adj"] + n["n_hemi_adj"]
    rest = n["n_samples_adj"] - n["n_missing_adj"] - carriers
    refs, good_refs = n["an"] - n["ac"], n["an_adj"] - n["ac_adj"]
    return _of([*parts, (rest, k, False), (good_refs, k, False), (refs - good_refs, k, False)])


def held_by_cohorts(cells: Cells, counts: Counts) -> Counts:
    """Give of each stratum of everybody what the cohorts with rows of the allele add up to.

    Of other cohorts one knows that nobody carries it. So what is left of the stratum without
    these follows, and must not be small either.
    """
    of_cohorts = cells.kind == COHORT_STRATUM
    keys = cells.group
    sums = np.zeros((int(keys.max()) + 1, counts.least.size), np.int64)
    np.add.at(sums, keys[of_cohorts], counts.values[of_cohorts])
    of_all = (cells.kind == STRATUM)[:, None]
    return Counts(np.where(of_all, sums[keys], 0), counts.least, counts.of_alt & False)


def people(rows: pl.DataFrame, k: int) -> Counts:
    """Give how many people there are, and how many of another number of copies."""
    n = _columns(rows, ("n_samples", "n_not_diploid"))
    other = n["n_not_diploid"]
    return _of(
        [
            (n["n_samples"], k, False),
            (other, k, False),
            (n["n_samples"] - other, k, False),
        ]
    )
