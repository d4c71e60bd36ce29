"""What was shown before: a difference between two releases is a count of people, too."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from varhouse.disclosure.cells import CELL, Cells, Counts


@dataclass(frozen=True)
class Earlier:
    """An earlier release, or that of a more open role, as it was shown.

    Attributes
    ----------
    frequencies, totals
        Its rows: of these alleles at least.
    changed
        cohort (null: all cohorts), stratum_by, stratum, people: how many people are in one of
        the two releases and not in the other. None: not known; changes of counts are judged
        by their size alone.
    """

    frequencies: pl.DataFrame
    totals: pl.DataFrame
    changed: pl.DataFrame | None = None


@dataclass(frozen=True)
class Changes:
    """Changes of counts since earlier releases, by what they are changes of."""

    copies: list[Counts] = field(default_factory=list)
    genotypes: list[Counts] = field(default_factory=list)
    quality: list[Counts] = field(default_factory=list)


_COPIES = ("ac",)
_GENOTYPES = (
    "n_het", "n_hom_alt", "n_hemi", "n_het_not_diploid", "n_hom_alt_not_diploid",
)  # fmt: skip
_QUALITY = ("ac_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj")


def changes(cells: Cells, earlier: Sequence[Earlier], k: int) -> Changes:
    """Give how counts changed since earlier releases; 0 where the earlier one is not known."""
    out = Changes()
    for release in earlier:
        then = _then(cells, release)
        out.copies.append(_differences(cells, then, _COPIES, 2 * k - 1, with_rest=True))
        out.genotypes.append(_differences(cells, then, _GENOTYPES, k))
        out.quality.append(_differences(cells, then, _QUALITY, k))
    return out


def _then(cells: Cells, release: Earlier) -> pl.DataFrame:
    """Find the earlier row of each cell: columns of an earlier release, null: not shown."""
    rows = pl.concat([release.frequencies, release.totals], how="diagonal_relaxed")
    names = ("an", *_COPIES, *_GENOTYPES, *_QUALITY)
    known = [n for n in names if n in rows.columns]
    return cells.rows.select(CELL).join(
        rows.select(*CELL, *known), on=list(CELL), how="left", nulls_equal=True,
        maintain_order="left",
    )  # fmt: skip


def _differences(
    cells: Cells,
    then: pl.DataFrame,
    names: Sequence[str],
    least: int,
    *,
    with_rest: bool = False,
) -> Counts:
    found = []
    for name in names:
        now = cells.rows[name].cast(pl.Int64)
        found.append((now - then[name].cast(pl.Int64)).fill_null(0).to_numpy())
    of_alt = [True] * len(found)
    if with_rest:
        rest = (cells.rows["an"] - cells.rows["ac"]).cast(pl.Int64)
        before = (then["an"] - then["ac"]).cast(pl.Int64)
        found.append((rest - before).fill_null(0).to_numpy())
        of_alt.append(False)
    return Counts(
        np.column_stack(found),
        np.full(len(found), least, np.int64),
        np.array(of_alt, np.bool_),
    )


def too_few_explain(cells: Cells, earlier: Sequence[Earlier], k: int) -> list[Counts]:
    """Mark cells of which counts changed though fewer than k people did.

    Returns
    -------
    list[Counts]
        A number for each cell that is 0, or 1 where it may not be shown.
    """
    out = []
    group = ["cohort", "stratum_by", "stratum"]
    for release in earlier:
        if release.changed is None:
            continue
        people = cells.rows.select(group).join(
            release.changed.select(*group, "people"), on=group, how="left", nulls_equal=True,
            maintain_order="left",
        )["people"]  # fmt: skip
        then = _then(cells, release)
        differs = np.zeros(cells.size, np.bool_)
        for name in (*_COPIES, *_GENOTYPES, *_QUALITY, "an"):
            if name in then.columns:
                differs |= (cells.rows[name] != then[name]).fill_null(value=False).to_numpy()
        few = (people < k).fill_null(value=False).to_numpy()
        marks = (differs & few).astype(np.int64)
        out.append(Counts(marks[:, None], np.array([1 << 40]), np.array([False])))
    return out
