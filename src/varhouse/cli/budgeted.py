"""Answers of a role that has a budget of rare alleles: what it may still be told.

The policy of small counts (`policy.small_counts.roles.ROLE.budget`) stands in the releases of
the role's view. Each allele of an answer is paid for (`governance.budget`); one that is not is
left out, as if it was not there. Where there is a budget `varhouse query` alone answers about
alleles: SQL, published folders and annotated files would tell of all at once.
"""

import argparse
import logging
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.errors import AccessError
from varhouse.governed import CONTROLLED, governed_store_of, view_folder
from varhouse.language import Text

if TYPE_CHECKING:
    import polars as pl

    from varhouse.governance.budget import Budget
    from varhouse.store.reader import Store

ALL_AT_ONCE = ("sql", "publish", "annotate", "store diff", "store files", "store push")
"""Commands that tell of alleles, and cannot be asked allele by allele."""

REFUSED = Text(
    "{what} tells of all alleles at once, and the role {role} has a budget of rare ones",
    "{what} 会一次给出全部等位基因,而角色 {role} 的罕见等位基因查询受预算限制",
)
REFUSED_FIX = Text(
    "varhouse query STORE --audience {role}, allele by allele",
    "请用 varhouse query STORE --audience {role} 逐个查询",
)


def check_all_at_once(args: argparse.Namespace, store: Path, role: str) -> None:
    """Refuse what tells of all alleles to a role that has a budget.

    Raises
    ------
    AccessError
        If it does.
    """
    if role == CONTROLLED or args.way not in ALL_AT_ONCE:
        return
    from varhouse.store.releases import list_releases

    view = view_folder(store, role)
    numbers = list_releases(view)
    if numbers and _chance(view, numbers[-1]) is not None:
        raise AccessError(
            REFUSED.say(what=f"varhouse {args.way}", role=role), REFUSED_FIX.say(role=role)
        )


def _chance(view: Path, release: int) -> float | None:
    """Give the budget that a release of a view names."""
    from varhouse.store.releases import read_release

    shows = read_release(view, release).meta.get("shows")
    found = shows.get("budget") if isinstance(shows, dict) else None
    return float(found["chance"]) if found else None


def budget_of(store: "Store") -> "Budget | None":
    """Give the budget that answers of an opened store are paid from; None: there is none.

    The newest release of the view says it, whichever is read.

    Raises
    ------
    AccessError
        If there is one, and it cannot be written to.
    """
    whole = governed_store_of(store.path)
    if whole is None or whole.resolve() == store.path.resolve():
        return None
    from varhouse.store.releases import list_releases

    chance = _chance(store.path, list_releases(store.path)[-1])
    if chance is None:
        return None
    from varhouse.governance.budget import Allowance, Budget

    return Budget(whole, store.path.resolve().name, Allowance(chance))


def paid(
    store: "Store", budget: "Budget", frames: "Iterable[pl.DataFrame]", wanted: list[str]
) -> "Iterator[pl.DataFrame]":
    """Give the rows of alleles that are paid for, with the columns that are wanted.

    Parameters
    ----------
    frames
        Rows with the columns of the key, if the table has them.
    """
    from varhouse.tables.schema import KEY

    is_short = False
    for frame in frames:
        if not set(KEY) <= set(frame.columns):
            yield frame.select(wanted)
            continue
        left = _left(store, budget, frame)
        is_short |= left.height < frame.height
        if left.height:
            yield left.select(wanted)
    if is_short:
        logging.getLogger("varhouse.query").warning("%s", budget.say())


def _left(store: "Store", budget: "Budget", frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    from varhouse.governance.budget import cost_of
    from varhouse.tables.schema import KEY

    key = list(KEY)
    alleles = frame.select(key).unique(maintain_order=True)
    found = [alleles.lazy().with_columns(ac=None, an=None)]
    for name, of in alleles.partition_by("contig", as_dict=True).items():
        region = {"contig": name[0], "start": of["pos"].min(), "end": of["pos"].max()}
        for table in ("totals", "frequencies"):
            rows = store.scan(table, **region).filter(pl.col("stratum_by") == "all")
            found.append(rows.select(*key, "ac", "an"))
    told = pl.concat(found, how="diagonal_relaxed").collect()
    ac, an = (told[n].cast(pl.Float64).fill_null(math.nan).to_numpy() for n in ("ac", "an"))
    costs = told.with_columns(cost=pl.Series(cost_of(ac, an)))
    dearest = costs.group_by(key).agg(pl.col("cost").max())
    asked = alleles.join(dearest, on=key, how="left", maintain_order="left")
    names = asked.select(pl.concat_str(key, separator="-")).to_series().to_list()
    allowed = budget.spend(names, asked["cost"].to_numpy())
    return frame.join(
        alleles.filter(pl.Series(allowed)), on=key, how="semi", maintain_order="left"
    )
