"""The making of a release of a view: its tables, the attacks on it, and the commit."""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.attack.assumed import Assumed
from varhouse.attack.bounds import beyond, bounds_of
from varhouse.attack.measure import measure_tables, rounded_alike
from varhouse.attack.planned import Planned
from varhouse.attack.texts import ATTACKED, ATTACKED_FIX, name_of
from varhouse.errors import AccessError, VarhouseError
from varhouse.governed import ROLES, view_folder
from varhouse.sharing.gate import Passage, way_out
from varhouse.sharing.viewaccount import (
    MADE,
    Earlier,
    account_of,
    add_rows,
    digest_json,
    people_file,
    people_of_release,
    write_account,
)
from varhouse.sharing.viewchanges import changes_to
from varhouse.sharing.vieworigin import Origin, Shown
from varhouse.sharing.viewpeople import changed_people, group_sizes, write_people
from varhouse.sharing.viewplan import VERSION, Plan
from varhouse.sharing.viewstore import open_view, prepare
from varhouse.sharing.viewtables import Made, PartTables, small_tables
from varhouse.sharing.viewtexts import ROUNDED_ALONE
from varhouse.store.commit import commit, utc_now
from varhouse.store.layout import make_folder, staging_folder
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases
from varhouse.store.viewstores import ROLE, SHOWS, shown_rounding
from varhouse.tables.schema import ACCOUNTS, TOTALS, Table
from varhouse.tables.shards import Shard, write_shard

log = logging.getLogger("varhouse.sharing")


class Making:
    """Makes the release that is planned; the caller holds the lock of the governed store."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @contextmanager
    def passage(self) -> Iterator[Passage]:
        """Go through the egress gate: it notes who is told of, and what came of it."""
        decision = self._plan.decision
        assert decision is not None
        facts = {"role": self._plan.role, "view": self._plan.account.ingest_id}
        with way_out(decision.request, decision=decision, facts=facts) as passed:
            yield passed

    def make(self) -> int:
        """Make the release, and give its number."""
        for line in prepare(self._plan.view_path, self._plan.store, self._plan.role):
            log.info("%s", line)
        with store_lock(self._plan.view_path, self._plan.wanted.wait) as holder:
            clear(self._plan.view_path, keep=self._plan.account.ingest_id)
            work = staging_folder(self._plan.view_path, self._plan.account.ingest_id)
            shutil.rmtree(work, ignore_errors=True)
            make_folder(work, self._plan.view_path)
            try:
                number = self._make_in(work, holder.token)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        return number

    def _make_in(self, work: Path, token: str) -> int:
        """Make the release in a work folder."""
        numbers = list_releases(self._plan.view_path)
        view = open_view(self._plan.view_path) if numbers else None
        shards, untouched = self._write(work, view)
        self._attack(Planned(shards, work, view, untouched), self._shown_before)
        manifest = changes_to(view, shards, untouched)
        manifest.shards.extend(self._accounts_shard(view, work))
        if view is not None:
            manifest.replace.append((ACCOUNTS.name, {}))
        write_account(self._plan.path, self._plan.account)
        write_people(
            people_file(self._plan.path, self._plan.role, self._plan.account.ingest_id),
            self._plan.people,
        )
        return commit(
            self._plan.view_path,
            [manifest],
            ingest_id=self._plan.account.ingest_id,
            operation=MADE,
            base_release=numbers[-1] if numbers else 0,
            meta=self._meta(),
            token=token,
        )

    def _write(self, work: Path, view: Store | None) -> tuple[list[Shard], list[str]]:
        """Write all tables; give the shards, and the partitions that stay as they are."""
        origin = self._origin(self._plan.store, self._plan.cohorts)
        earlier = self._shown_before
        protection, sizes = self._plan.protection, group_sizes(self._plan.people)
        before = self._before(view)
        shards: list[Shard] = []
        untouched: list[str] = []
        alleles: dict[str, int] = {}
        for i, part in enumerate(origin.parts()):
            key = digest_json([self._decides, origin.key_of(part)])
            known = before.get(part)
            if known is not None and known["key"] == key:
                untouched.append(part)
                made = Made([], known["alleles"], known["rows"])
            else:
                folder = work / f"{i:05d}"
                tables = PartTables(origin, part, folder, protection, sizes, earlier)
                made = tables.make()
                shards += made.shards
            said = {"key": key, "alleles": made.alleles, "rows": made.rows}
            self._plan.account.parts[part] = said
            add_rows(self._plan.account.rows, made.rows)
            add_rows({"": alleles}, {"": made.alleles})
        shards += small_tables(origin, alleles, self._plan.account.ingest_id, work)
        return shards, untouched

    def _origin(self, store: Store, cohorts: Mapping[str, Store]) -> Origin:
        shown = partial(_shown, self._plan.role)
        return Origin(store, cohorts, self._plan.withheld, shown)

    def _attack(self, planned: Planned, earlier: Sequence[Shown]) -> None:
        """Attack what would be shown, before anybody sees it.

        Raises
        ------
        AccessError
            If an attack gets further than the policy of small counts lets it.
        """
        policy, role = self._plan.protection.policy, ROLES.index(self._plan.role)
        bound = bounds_of(policy.attack)
        assumed = Assumed(
            k=policy.k if policy.protects else 0,
            rounding=policy.rounding,
            apart=int(bound.pop("apart", 0)),
        )
        before: list[Store] = []
        more_open: list[Store] = []
        for store in rounded_alike([e.store for e in earlier], policy.rounding):
            of = str(store.meta.get(ROLE))
            if of == self._plan.role:
                before.append(store)
            elif ROLES.index(of) < role:
                more_open.append(store)
        measured = measure_tables(planned, assumed, before, more_open)
        self._plan.account.attack = measured
        if above := beyond(measured, bound):
            cells = [name_of(cell) for cell in measured["examples"][:3]]
            raise AccessError(
                ATTACKED.say(role=self._plan.role, what="; ".join([*above, *cells])),
                ATTACKED_FIX.say(role=self._plan.role),
            )

    @cached_property
    def _decides(self) -> list[Any]:
        """What decides the rows of every partition beside its own files."""
        sizes = group_sizes(self._plan.people).sort(pl.all()).rows()
        return [
            VERSION,
            self._plan.role,
            sorted(self._plan.withheld),
            self._plan.protection.digest,
            sizes,
        ]

    def _before(self, view: Store | None) -> Mapping[str, Any]:
        """Give what the newest release of the view is made of, by partition."""
        if view is None:
            return {}
        return account_of(self._plan.path, self._plan.role, view.record).parts

    @cached_property
    def _shown_before(self) -> list[Shown]:
        """Open all releases of views that are not sealed, with who changed since."""
        return [self._shown_in(e) for e in self._plan.earlier if not e.is_sealed]

    def _shown_in(self, earlier: Earlier) -> Shown:
        path = self._plan.path
        view = open_view(view_folder(path, earlier.role), earlier.release)
        changed = changed_people(self._plan.people, people_of_release(path, earlier))
        origin = None
        if shown_rounding(view.meta) > 1:
            numbers = earlier.account.cohorts
            try:
                cohorts = {c: open_store(path, n) for c, n in numbers.items()}
                origin = self._origin(open_store(path, earlier.account.store_release), cohorts)
            except VarhouseError:
                said = ROUNDED_ALONE.say(role=earlier.role, number=earlier.release)
                log.warning("%s", said)
        parts = earlier.account.parts.items()
        hid = {p for p, said in parts if said["rows"].get(TOTALS.name, {}).get("hidden")}
        is_same = earlier.role == self._plan.role
        return Shown(view, changed, is_same, origin, frozenset(hid))

    def _accounts_shard(self, view: Store | None, work: Path) -> list[Shard]:
        now = utc_now()
        told = {"operation": MADE, **self._plan.account.public()}
        row = pl.DataFrame(
            {
                "ingest_id": [self._plan.account.ingest_id],
                "release": [view.release + 1 if view else 1],
                "operation": [MADE],
                "started": [now],
                "finished": [now],
                "version": [__version__],
                "account": [json.dumps(told, ensure_ascii=False)],
            },
            schema=ACCOUNTS.polars_schema,
        )
        old = [view.scan(ACCOUNTS.name).collect()] if view is not None else []
        shard = write_shard(pl.concat([*old, row]), ACCOUNTS, work, ACCOUNTS.name, {})
        return [shard] if shard else []

    def _meta(self) -> dict[str, Any]:
        meta = self._plan.store.record.meta
        versions = meta.get("annotation", {}).get("versions", {})
        kept = {n: v for n, v in versions.items() if n not in self._plan.withheld}
        return {
            "assembly": self._plan.store.assembly,
            **{k: meta[k] for k in ("reference",) if k in meta},
            "annotation": {"versions": kept},
            ROLE: self._plan.role,
            SHOWS: {"release": self._plan.store.release, **self._plan.account.public()},
        }


def _shown(role: str, table: Table) -> frozenset[str]:
    """Name the columns of a table that a role sees."""
    return frozenset(table.shown_to(role))
