"""What of counts a view shows: the rule of small counts of a role, put to rows of tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from varhouse.disclosure.coarsen import Hierarchy, add_levels
from varhouse.disclosure.earlier import Earlier
from varhouse.disclosure.policy import DEFAULT_PRESET, SmallCounts, parse
from varhouse.disclosure.protect import Protected, lay, protect_tables
from varhouse.disclosure.rounding import unrounded
from varhouse.errors import UsageError
from varhouse.governance.codes import hierarchy, provinces
from varhouse.governance.ledger import Ledger
from varhouse.governed import ROLES
from varhouse.sharing.viewaccount import digest_json
from varhouse.store.reader import Store

Rows = tuple[pl.DataFrame, pl.DataFrame]
"""Rows of frequencies and of totals, of the same alleles."""

_COLUMN = "province"
"""Stratum whose values are summed up to regions, unless the policy names another column."""


@dataclass(frozen=True)
class Protection:
    """The rule of small counts of a role, as the store has it.

    Attributes
    ----------
    role
        Whose view is made.
    by_role
        The rules of all roles.
    preset
        The policy that they were made from.
    """

    role: str
    by_role: Mapping[str, SmallCounts]
    preset: str
    levels: Hierarchy = field(default_factory=Hierarchy)

    @property
    def policy(self) -> SmallCounts:
        """The rule of the role."""
        return self.by_role[self.role]

    @property
    def k(self) -> int:
        """Least number of people that is shown, other than 0."""
        return self.policy.k

    def k_against(self, role: str) -> int:
        """Give the least number of people by which this view may differ from that of a role.

        Who sees both is of the role that sees more: its rule counts.
        """
        return self.by_role[max(role, self.role, key=ROLES.index)].k

    @property
    def name(self) -> str:
        """What the rule is called in an account."""
        return self.policy.name or self.preset

    @property
    def digest(self) -> str:
        """Digest of all that it says."""
        levels = [self.levels.column, self.levels.level, dict(self.levels.above)]
        return digest_json([self.policy.as_dict(), levels])

    def rows(
        self,
        own: pl.DataFrame,
        totals: pl.DataFrame,
        earlier: Sequence[Earlier],
        sizes: pl.DataFrame,
        changed: Sequence[pl.DataFrame],
    ) -> Protected:
        """Give what may be shown of rows of counts.

        `sizes`: people of all groups; `changed`: those who changed since each earlier release,
        also since one that showed nothing of the place, for sizes are the same everywhere.
        """
        return protect_tables(own, totals, self.policy, self.levels, earlier, sizes, changed)

    def unrounded(self, shown: Rows, exact: Rows) -> Rows:
        """Give rows of an earlier release with the counts that were rounded in it.

        `exact`: rows that it was made of. What is not among these is taken as masked.
        """
        rows, _ = add_levels(lay(*exact), self.levels)
        found = unrounded(lay(*shown), rows)
        is_total = pl.col("cohort").is_null()
        own, totals = shown
        return (
            found.filter(~is_total).select(own.columns),
            found.filter(is_total).select(totals.columns),
        )


def protection_of(store: Store, ledger: Ledger, role: str) -> Protection:
    """Give the rule of small counts of a role.

    The ledger names a preset; else the configuration of the newest ingest says it
    (`policy.small_counts`); else it is the default one.

    Raises
    ------
    ConfigError
        If it is not understood.
    """
    said = _settings(store, ledger)
    by_role = parse(said)
    preset = said if isinstance(said, str) else (said or {}).get("preset", DEFAULT_PRESET)
    return Protection(role, by_role, str(preset), _levels(store, by_role[role]))


def _settings(store: Store, ledger: Ledger) -> Mapping[str, Any] | str | None:
    config = _of_newest_ingest(store)
    said = ledger.small_counts() or {}
    if not said.get("preset"):
        return config
    # What was configured beyond the name counts where it is about the same preset.
    own = config.get("preset", DEFAULT_PRESET) if isinstance(config, Mapping) else config
    return config if own == said["preset"] else str(said["preset"])


def _of_newest_ingest(store: Store) -> Mapping[str, Any] | str | None:
    rows = store.scan("ingests").select("release", "config").collect().sort("release")
    for text in reversed(rows["config"].to_list()):
        try:
            policy = json.loads(text).get("policy") or {}
        except (ValueError, AttributeError):
            continue
        if policy:
            said: Mapping[str, Any] | str | None = policy.get("small_counts")
            return said
    return None


def _levels(store: Store, policy: SmallCounts) -> Hierarchy:
    """Give the levels above a column: regions of provinces."""
    column = policy.hierarchy or _COLUMN
    try:
        values = store.values("frequencies", "stratum_by", column)
    except UsageError:
        return Hierarchy()
    if column not in values:
        return Hierarchy()
    level = Hierarchy().level
    if level in store.values("frequencies", "stratum_by", level):
        # Strata of the store that are called so: rows and people of ours would mix with them.
        return Hierarchy()
    above = hierarchy()
    known = provinces()
    strata = store.scan("frequencies").filter(pl.col("stratum_by") == column)
    named = strata.select(pl.col("stratum").unique()).collect()["stratum"].sort().to_list()
    found = {v: above[code] for v in named if (code := known.find(v)) in above}
    return Hierarchy(column, level, found) if found else Hierarchy()
