"""Who may see what: every way out of a store goes through one view.

A view says which tables, columns and rows a role gets. It denies what nothing allows: a
column is shown to a role only where its declaration in `schema` says so, a source is passed
on only where its configuration lets it. Readers ask the view, never the declarations.
The matrix of tables, columns and roles: docs/roles.md.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from varhouse.account import withhold
from varhouse.errors import AccessError, UsageError
from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED, ROLES
from varhouse.language import Text
from varhouse.tables.schema import ACCOUNTS, Table

log = logging.getLogger("varhouse.store")

AUDIENCES = ROLES
"""Those for whom a store is opened; each sees what those before him see."""

_FORMER = {"own": CONTROLLED}
"""What roles were called before, which programs may still say."""

_ANNOTATIONS = "annotations_"
_META = ("format", "assembly", "created", "created_by", "reference", "event", "role", "shows")
_OF_NO_COHORT = frozenset({"contigs", "genes", "transcripts"})
"""Tables without a cohort that say the same whichever cohorts there are."""

NEEDS_VIEW_STORE = Text(
    "table {table} sums over all cohorts or tells of their alleles: with cohorts left out it"
    " cannot be shown as it is stored",
    "表 {table} 由全部队列汇总而成或涉及其等位基因:隐去部分队列后,不能按存储内容直接展示",
)
NEEDS_VIEW_FIX = Text(
    "make the store of this role: varhouse share release STORE --role {role}",
    "请先生成该角色的视图库: varhouse share release STORE --role {role}",
)
NO_GRANT = Text(
    "cohort {cohort} is closed to you: it is of tier T3 or withdrawn, and the ledger has no"
    " grant for you that is valid today",
    "无权读取队列 {cohort}:该队列为 T3 级或已撤回,且台账中没有今日有效的对您的授权",
)
NO_GRANT_FIX = Text(
    "ask the keepers of the ledger for a grant (varhouse ledger), or choose other cohorts",
    "请向台账管理者申请授权(varhouse ledger),或选择其他队列",
)
LEFT_OUT = Text(
    "tables of single people: the rows of {n} cohort(s) are left out, of tier T3 or withdrawn,"
    " for which the ledger has no grant for you: {cohorts}",
    "个体级数据表:已隐去 {n} 个队列的数据行(T3 级或已撤回,台账中没有对您的授权):{cohorts}",
)
NO_VIEW = Text(
    "the store is governed, and what the role {role} may see of it has not been made yet",
    "该库受管理,角色 {role} 可见内容的视图库尚未生成",
)
NO_VIEW_FIX = Text(
    "the keepers of the store make it: varhouse share release {store} --role {role}",
    "请由库管理者生成: varhouse share release {store} --role {role}",
)
NO_VIEW_REMOTE_FIX = Text(
    "open the store of the role at its own URL; its keepers push it:"
    " varhouse store push STORE/_views/{role} URL",
    "请按其自身的 URL 打开该角色的视图库;由库管理者上传:"
    " varhouse store push STORE/_views/{role} URL",
)
NOT_SHOWN_NOW = Text(
    "what was made for the role {role} shows a cohort that it may be shown no more",
    "角色 {role} 的视图库中含有现已不得向其展示的队列",
)
MADE_FOR = Text(
    "the view store {store} was made for the role {role}, and has what the role {asked} may"
    " not see",
    "视图库 {store} 系为角色 {role} 生成,含有角色 {asked} 无权查看的内容",
)
MADE_FOR_FIX = Text(
    "open the view of the role {asked}: varhouse share release STORE --role {asked} makes it",
    "请打开角色 {asked} 的视图库,可由 varhouse share release STORE --role {asked} 生成",
)
SHOWS_SEALED = Text(
    "it shows release {release} of the governed store, which was sealed",
    "该视图展示的是受管理的库的发布版本 {release},该版本已封存",
)
SHOWS_ERRATUM = Text(
    "it shows release {release} of the governed store, which was {kind}: {reason}",
    "该视图展示的是受管理的库的发布版本 {release},该版本已标记为 {kind}:{reason}",
)


@dataclass(frozen=True)
class View:
    """What a role sees.

    Attributes
    ----------
    audience
        The role, one of `AUDIENCES`.
    withheld
        Sources that may not be passed on; left out for whoever is not inside.
    cohorts_hidden
        Cohorts that are not shown. To `controlled` their rows in tables of single people are
        not; to any other role no row of theirs is, and no table that cannot be shown without
        their part of it (`needs_view_store`).
    """

    audience: str = CONTROLLED
    withheld: tuple[str, ...] = ()
    cohorts_hidden: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.audience in _FORMER:
            now = _FORMER[self.audience]
            log.warning("the audience %r is called %r now", self.audience, now)
            object.__setattr__(self, "audience", now)
        if self.audience not in AUDIENCES:
            raise UsageError(
                f"no audience is called {self.audience!r}", f"one of {', '.join(AUDIENCES)}"
            )
        object.__setattr__(self, "cohorts_hidden", frozenset(self.cohorts_hidden))

    @property
    def is_limited(self) -> bool:
        """Tell whether it shows less than the files hold: all roles but `controlled`."""
        return self.audience != CONTROLLED

    @property
    def is_passed_on(self) -> bool:
        """Tell whether what it shows leaves the house: sources have a say then."""
        return self.audience in (PUBLIC, REGISTERED)

    def without(self, sources: Iterable[str]) -> "View":
        """Give the view that withholds further sources."""
        return replace(self, withheld=tuple(sorted({*self.withheld, *sources})))

    def lowered(self, role: str) -> "View":
        """Give the view of the lesser of its own role and another."""
        least = min(self.audience, View(role).audience, key=AUDIENCES.index)
        return self if least == self.audience else replace(self, audience=least)

    def shows_source(self, name: str) -> bool:
        """Tell whether a source of annotations is shown."""
        return not self.is_passed_on or name not in self.withheld

    def shows(self, table: Table) -> bool:
        """Tell whether anything of a table is shown."""
        if not self.is_limited:
            return True
        is_source = table.name.startswith(_ANNOTATIONS)
        if is_source and not self.shows_source(table.name.removeprefix(_ANNOTATIONS)):
            return False
        return bool(table.shown_to(self.audience)) and not self.needs_view_store(table)

    def show(self, table: Table) -> Table:
        """Give a table with the columns that are shown.

        Raises
        ------
        AccessError
            If the role does not get the table.
        """
        if not self.is_limited:
            return table
        if not self.shows(table):
            raise self.refuse(table)
        shown = table.shown_to(self.audience)
        # What declares the roles names columns, too.
        public, registered, inside, controlled = (
            tuple(n for n in getattr(table, role) if n in shown) for role in ROLES
        )
        return replace(
            table,
            columns=tuple(c for c in table.columns if c.name in shown),
            partition=tuple(n for n in table.partition if n in shown),
            sort=tuple(n for n in table.sort if n in shown),
            public=public,
            registered=registered,
            inside=inside,
            controlled=controlled,
        )

    def hides_cohorts(self, table: Table) -> bool:
        """Tell whether rows of some cohorts are left out of a table."""
        if not self.cohorts_hidden or "cohort" not in table.names:
            return False
        return self.is_limited or table.root == "controlled"

    def shows_people(self, cohort: str) -> bool:
        """Tell whether tables of single people are shown of a cohort."""
        return not self.is_limited and cohort not in self.cohorts_hidden

    def needs_view_store(self, table: Table) -> bool:
        """Tell whether a table can be shown by a view store alone, as cohorts are hidden.

        Sums over cohorts have the hidden ones in them, names and annotations are those of
        alleles that perhaps nobody else has, an account names who came in.
        """
        if not self.is_limited or not self.cohorts_hidden:
            return False
        return "cohort" not in table.names and table.name not in _OF_NO_COHORT

    def refuse(self, table: Table) -> AccessError:
        """Say that the role does not get a table."""
        name = table.name
        if not self.shows_source(name.removeprefix(_ANNOTATIONS)):
            return AccessError(
                f"table {name} may not be passed on: its source says redistribute: false",
                self._own_eyes("choose another table"),
            )
        if table.shown_to(self.audience) and self.needs_view_store(table):
            return AccessError(
                NEEDS_VIEW_STORE.say(table=name), NEEDS_VIEW_FIX.say(role=self.audience)
            )
        return AccessError(
            f"table {name} is not {self.shown}: it tells of single people, files or lines",
            self._own_eyes("choose another table"),
        )

    @property
    def shown(self) -> str:
        """What messages say something is not: public, or shown to a role."""
        return "public" if self.audience == PUBLIC else f"shown to the role {self.audience}"

    @property
    def option(self) -> str:
        """The option of a command that asks for it."""
        return "--public" if self.audience == PUBLIC else f"--audience {self.audience}"

    def _own_eyes(self, other: str) -> str:
        return f"leave out {self.option} for your own eyes, or {other}"

    def show_meta(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is shown of what a release says about itself."""
        if not self.is_limited:
            return dict(meta)
        kept = (*_META, "governance") if self.audience == INSIDE else _META
        shown = {k: meta[k] for k in kept if k in meta}
        if "event" in shown:
            # Names of files and of what was held back are inside.
            event = shown["event"].items()
            shown["event"] = {k: v for k, v in event if isinstance(v, int | float | bool)}
        versions = meta.get("annotation", {}).get("versions", {})
        named = {name: v for name, v in versions.items() if self.shows_source(name)}
        return {**shown, "annotation": {"versions": named}}

    def hidden_rows(self, name: str) -> str | None:
        """Give the condition on rows of a table that are left out; SQL, or None.

        Ids that only a withheld source knows, and what the files of a cohort call an
        allele unless it is an rs id: such an id may hold anything.
        """
        if not self.is_limited or name != "ids":
            return None
        withheld = self.withheld if self.is_passed_on else ()
        hidden = [f"{kind}:{s}" for s in withheld for kind in ("source", "merged")]
        known = f" OR source IN ({', '.join(map(quote_text, hidden))})" if hidden else ""
        return f"(kind = 'other' AND source LIKE 'cohort:%'){known}"

    def rewrites(self, name: str) -> bool:
        """Tell whether a table has rows that are shown otherwise than they are stored."""
        return self.is_passed_on and name == ACCOUNTS.name

    def show_rows(self, name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Give rows of a table as they are shown.

        An account that was written before a source was withheld names it.
        """
        if not self.rewrites(name):
            return frame
        shown = pl.col("account").map_elements(
            lambda text: withhold(text, self.withheld), return_dtype=pl.String
        )
        return frame.with_columns(shown)


def quote_text(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"
