"""What of counts a view shows: the rule of small counts of a role, put to rows of tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from varhouse.governance.ledger import Ledger
from varhouse.sharing.viewaccount import digest_json
from varhouse.sharing.viewtables import Rows
from varhouse.store.reader import Store
from varhouse.tables.schema import FREQUENCIES, KEY, TOTALS, Table
from varhouse.tables.statistics import statistics_of

_CARRIERS = ("n_het", "n_hom_alt", "n_hemi")


@dataclass(frozen=True)
class Protection:
    """The rule of small counts of a role.

    Attributes
    ----------
    k
        Least number of people that is shown.
    name
        What it is called.
    """

    k: int = 5
    name: str = "uk_biobank"

    @property
    def digest(self) -> str:
        """Digest of all that it says."""
        return digest_json([self.k, self.name])

    def rows(self, own: pl.DataFrame, totals: pl.DataFrame, earlier: Sequence[Rows]) -> Rows:
        """Give what may be shown of rows of frequencies and totals."""
        del earlier
        whole = totals.filter(pl.col("stratum_by") == "all")
        keys = whole.filter(pl.sum_horizontal(_CARRIERS) >= self.k).select(KEY)
        return (
            self._mask(own.join(keys, on=KEY, how="semi"), FREQUENCIES),
            self._mask(totals.join(keys, on=KEY, how="semi"), TOTALS),
        )

    def _mask(self, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
        few = pl.sum_horizontal(_CARRIERS).is_between(1, self.k - 1)
        kept = {"an", "n_samples", "an_written", "n_cohorts"}
        names = [s.name for s in statistics_of(table.name) if s.name not in kept]
        return rows.with_columns(pl.when(~few).then(pl.col(n)).alias(n) for n in names)


def protection_of(store: Store, ledger: Ledger, role: str) -> Protection:
    """Give the rule of small counts of a role."""
    del store, ledger, role
    return Protection()
