"""Numbers of persons by assay, as the rules ask for them."""

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from varhouse.governance.model import SEQUENCED, Assay


@dataclass(frozen=True)
class Count:
    """Distinct persons.

    Attributes
    ----------
    total
        All of them.
    by_assay
        Those of each assay; somebody of two assays counts in both.
    sequenced
        Those with genome or exome sequence.
    unknown
        Those of whom no assay is known that the rules know: they count in each of the others.
    """

    total: int
    by_assay: dict[str, int]
    sequenced: int
    unknown: int

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)

    def facts(self) -> dict[str, int]:
        """Give the facts `people.*` of the rules."""
        return {
            "people.total": self.total,
            "people.sequenced": self.sequenced,
            **{f"people.{a}": n for a, n in self.by_assay.items()},
        }


_KNOWN = {a.value.lower(): a.value for a in Assay}


def known_assay(word: str | None) -> str | None:
    """Give an assay as the rules write it; None for what they do not know."""
    return _KNOWN.get((word or "").strip().lower())


def count(people: pl.DataFrame) -> Count:
    """Count the distinct persons of rows of `person` and `assay`."""
    rows = people.select("person", "assay").unique()
    named = {w: known_assay(w) for w in rows["assay"].unique().to_list()}
    kinds = rows.with_columns(
        pl.col("assay").map_elements(named.get, return_dtype=pl.String, skip_nulls=False)
    ).unique()
    per = kinds.group_by("person").agg(pl.col("assay"))
    unknown = pl.col("assay").list.eval(pl.element().is_null()).list.any()

    def with_any(assays: tuple[str, ...]) -> int:
        found = unknown
        for name in assays:
            found = found | pl.col("assay").list.contains(name).fill_null(value=False)
        return per.filter(found).height

    return Count(
        total=per.height,
        by_assay={a.value: with_any((a.value,)) for a in Assay},
        sequenced=with_any(tuple(a.value for a in SEQUENCED)),
        unknown=per.filter(unknown).height,
    )
