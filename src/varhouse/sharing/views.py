"""Releases of the view of a role: a store of its own below a governed one, made of it.

`_views/ROLE` is a store as any other and holds nothing that the role may not see, so that no
question can tell more. Each release is made of a release of the governed store under its
lock, committed as an ingest is (whole or not at all), and has an account in the private folder
of the governance.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.attack.assumed import Assumed
from varhouse.attack.bounds import beyond, bounds_of
from varhouse.attack.measure import measure_tables
from varhouse.attack.planned import Planned
from varhouse.attack.texts import ATTACKED, ATTACKED_FIX, name_of
from varhouse.disclosure.policy import ROUND
from varhouse.errors import AccessError, UsageError
from varhouse.governance.budget import parse_allowance
from varhouse.governance.ledger import Ledger
from varhouse.governance.personkey import PersonKey
from varhouse.governed import INSIDE, ROLES, is_governed, view_folder
from varhouse.sharing.gate import Decision, Passage, way_out
from varhouse.sharing.viewaccount import (
    MADE,
    VIEW_ROLES,
    Account,
    Earlier,
    account_of,
    add_rows,
    digest_json,
    earlier_releases,
    people_file,
    people_of_release,
    write_account,
)
from varhouse.sharing.viewcohorts import RECIPIENTS, Choice, choose_cohorts, without_denied
from varhouse.sharing.viewpeople import (
    Difference,
    changed_people,
    counts_of_people,
    gone_from,
    group_sizes,
    people_of,
    too_few,
    with_level,
    write_people,
)
from varhouse.sharing.viewprotect import Protection, protection_of
from varhouse.sharing.viewstore import open_view, prepare
from varhouse.sharing.viewtables import (
    Made,
    Origin,
    PartTables,
    Shown,
    changes_to,
    small_tables,
)
from varhouse.sharing.viewtexts import (
    HOLD_LEFT,
    HOLD_LEFT_FIX,
    HOLD_NEVER,
    NO_RECIPIENT_FIX,
    NOBODY,
    NOBODY_FIX,
    NOT_GOVERNED,
    REFUSED,
    REFUSED_FIX,
    REFUSED_LEFT_FIX,
)
from varhouse.store.commit import commit, utc_now
from varhouse.store.layout import make_folder, read_store_file, staging_folder
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases, read_release, resolve_release
from varhouse.store.sources import known_sources
from varhouse.store.viewstores import ROLE, SHOWS
from varhouse.tables.schema import ACCOUNTS, Table
from varhouse.tables.shards import Shard, write_shard

log = logging.getLogger("varhouse.sharing")

_VERSION = 2
"""Raised when a view of the same rows would be made otherwise."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes
    ----------
    store
        Root folder of the governed store.
    role
        public, registered or inside.
    release
        The release of the store to show; None: the newest.
    hold
        Cohorts that are shown as the view shows them now.
    leave_out
        Cohorts that are not shown.
    on
        The day for which permits and embargoes are asked; None: today. What is made has to
        pass the gate by those of today, too.
    dry_run
        Only say what would be done.
    wait
        Seconds to wait for another writer.
    """

    store: Path
    role: str
    release: str | int | None = None
    hold: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    on: date | None = None
    dry_run: bool = False
    wait: float = 60.0


@dataclass
class Released:
    """What came of it.

    Attributes
    ----------
    release
        Number of the view's release; None: it was a dry run, and nothing is there yet.
    is_new
        Whether it was made now.
    account
        All that is known of it.
    reasons
        Cohorts that are not in it, and why, in the language of the reader.
    """

    release: int | None
    is_new: bool
    account: Account
    reasons: dict[str, str] = field(default_factory=dict)


def release_view(wanted: Wanted) -> Released:
    """Make the next release of the view of a role.

    The same command again finds that nothing has changed, and makes none.

    Raises
    ------
    UsageError
        If the store is not governed, there is no such role or cohort, or a cohort cannot be
        held.
    AccessError
        If the rules do not let it go, nothing may be shown, or too few people explain what
        differs from earlier releases.
    StoreError
        If somebody else is writing, or something is damaged.
    """
    path = wanted.store.absolute()
    read_store_file(path)
    if wanted.role not in VIEW_ROLES:
        raise UsageError(
            f"no view is of the role {wanted.role!r}", f"one of {', '.join(VIEW_ROLES)}"
        )
    if not is_governed(path):
        raise UsageError(
            NOT_GOVERNED.say(store=path), "varhouse ledger --help: how it gets one"
        )
    with store_lock(path, wanted.wait):
        making = _Making(replace(wanted, store=path))
        making.check()
        known = making.unchanged()
        if known is not None or wanted.dry_run:
            return Released(known, False, making.account, making.reasons)
        with making.passage() as passage:
            number = making.make()
            made = read_release(making.view_path, number)
            passage.output |= {"name": f"view release {number}", "digest": made.digest}
        return Released(number, True, making.account, making.reasons)


class _Making:
    """The making of one release; the caller holds the lock of the governed store."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.path, self.role = wanted, wanted.store, wanted.role
        self.view_path = view_folder(self.path, self.role)
        number = resolve_release(self.path, wanted.release)
        self.store = open_store(self.path, number)
        self.ledger = Ledger.open(self.path)
        self.on = wanted.on or self.ledger.today()
        self.protection: Protection = protection_of(self.store, self.ledger, self.role)
        self.key = PersonKey(self.path)
        self.earlier = earlier_releases(self.path)
        self.choice, self.decision = self._choose()
        self.reasons = self.choice.reasons()
        self.held = self._held()
        self.people = self._people()
        self.account = self._account()

    def _choose(self) -> tuple[Choice, Decision | None]:
        rows = self.store.scan("cohorts").select("cohort", "n_samples").collect().rows()
        choice = choose_cohorts(
            dict(rows), self.role, self.ledger, self.on, self.protection.policy.fewest,
            self.wanted.leave_out,
        )  # fmt: skip
        recipient = RECIPIENTS[self.role]
        return without_denied(
            choice, self.path, self.store.release, self.role, recipient, self.on
        )

    @cached_property
    def _own(self) -> list[Earlier]:
        """Earlier releases of this role's view that are open, oldest first."""
        return [e for e in self.earlier if e.role == self.role and not e.is_sealed]

    def _held(self) -> dict[str, Store]:
        """Open the releases that held cohorts are taken from."""
        found = {}
        for cohort in self.wanted.hold:
            last = self._own[-1] if self._own else None
            number = last.account.cohorts.get(cohort) if last else None
            if number is None or cohort not in self.choice.shown:
                why = self.reasons.get(cohort)
                raise UsageError(
                    why or HOLD_NEVER.say(cohort=cohort, role=self.role), "leave out --hold"
                )
            found[cohort] = open_store(self.path, number)
        return found

    @property
    def cohorts(self) -> dict[str, Store]:
        """Cohorts that are shown, with the release that their rows are taken from."""
        return {c: self.held.get(c, self.store) for c in self.choice.shown}

    def _people(self) -> pl.DataFrame:
        """List who is in the release, by the groups that it shows."""
        levels = self.protection.levels
        people = self._people_of_cohorts()
        return with_level(people, levels.column, levels.level, levels.above)

    def _people_of_cohorts(self) -> pl.DataFrame:
        plain = [c for c in self.choice.shown if c not in self.held]
        frames = [people_of(self.store, plain, self.key)]
        for cohort, store in self.held.items():
            then = people_of(store, [cohort], self.key)
            now = people_of(self.store, [cohort], self.key)
            if left := gone_from(now, then, [cohort]).get(cohort):
                raise UsageError(
                    HOLD_LEFT.say(cohort=cohort, n=left), HOLD_LEFT_FIX.say(cohort=cohort)
                )
            frames.append(then)
        return pl.concat(frames)

    def _account(self) -> Account:
        cohorts = {c: s.release for c, s in self.cohorts.items()}
        reasons = self.choice.reasons("en")
        rules = self.decision.rules if self.decision else None
        made_of = {
            "version": _VERSION,
            "role": self.role,
            "store": self.store.digest(),
            "held": {c: s.digest() for c, s in self.held.items()},
            "cohorts": sorted(cohorts),
            "withheld": sorted(self.withheld),
            "policy": self.protection.digest,
        }
        key = digest_json(made_of)
        number = (list_releases(self.view_path) or [0])[-1] + 1
        return Account(
            role=self.role,
            ingest_id=f"view-{number:08d}-{key[:12]}",
            key=key,
            store_release=self.store.release,
            store_digest=self.store.digest(),
            on=self.on.isoformat(),
            cohorts=cohorts,
            out=reasons,
            people=dict(counts_of_people(self.people)),
            k=self.protection.k,
            policy=self.protection.name,
            budget=self._budget(),
            rules=str((rules or {}).get("digest", "")),
            ledger=self.ledger.anchor,
        )

    @cached_property
    def withheld(self) -> frozenset[str]:
        """Sources that the role does not get."""
        if self.role == INSIDE:
            return frozenset()
        newest = list_releases(self.path)[-1]
        known = known_sources(self.path, read_release(self.path, newest))
        later = {n for n, k in known.items() if k.last_restricted >= self.store.release}
        return frozenset({*self.store.restricted, *later})

    def check(self) -> None:
        """Check that something may be shown, and that enough people explain what differs.

        Raises
        ------
        AccessError
            If not.
        """
        if self.decision is None:
            why = "; ".join(f"{c}: {r}" for c, r in sorted(self.reasons.items()))
            fix = NOBODY_FIX.say()
            if self.ledger.recipient(RECIPIENTS[self.role]) is None:
                fix = NO_RECIPIENT_FIX.say(name=RECIPIENTS[self.role])
            raise AccessError(NOBODY.say(store=self.path, role=self.role, why=why or "-"), fix)
        if not self.decision.is_allowed:
            raise self.decision.refusal()
        found: list[Difference] = []
        for earlier in reversed(self.earlier):
            then = people_of_release(self.path, earlier)
            k = self.protection.k_against(earlier.role)
            found += too_few(self.people, then, k, earlier.role, earlier.release)
        if found:
            raise self._refusal(found)

    def _refusal(self, found: Sequence[Difference]) -> AccessError:
        what = "; ".join(d.say() for d in found[:3])
        first = next((d for d in found if d.cohort), found[0])
        fix = REFUSED_LEFT_FIX if first.left else REFUSED_FIX
        return AccessError(
            REFUSED.say(role=self.role, k=first.k, what=what),
            fix.say(cohort=first.cohort or "COHORT", k=first.k),
        )

    def unchanged(self) -> int | None:
        """Give the newest release of the view, if it is what would be made."""
        if not self._own or self._own[-1].account.key != self.account.key:
            return None
        last = self._own[-1]
        if last.release != list_releases(self.view_path)[-1]:
            return None
        self.account = last.account
        return last.release

    @contextmanager
    def passage(self) -> Iterator[Passage]:
        """Go through the egress gate: it notes who is told of, and what came of it."""
        decision = self.decision
        assert decision is not None
        facts = {"role": self.role, "view": self.account.ingest_id}
        with way_out(decision.request, decision=decision, facts=facts) as passed:
            yield passed

    def make(self) -> int:
        """Make the release, and give its number."""
        for line in prepare(self.view_path, self.store, self.role):
            log.info("%s", line)
        with store_lock(self.view_path, self.wanted.wait) as holder:
            clear(self.view_path, keep=self.account.ingest_id)
            work = staging_folder(self.view_path, self.account.ingest_id)
            shutil.rmtree(work, ignore_errors=True)
            make_folder(work, self.view_path)
            try:
                number = self._make_in(work, holder.token)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        return number

    def _make_in(self, work: Path, token: str) -> int:
        """Make the release in a work folder."""
        numbers = list_releases(self.view_path)
        view = open_view(self.view_path) if numbers else None
        shards, untouched = self._write(work, view)
        self._attack(Planned(shards, work, view, untouched), self._shown_before)
        manifest = changes_to(view, shards, untouched)
        manifest.shards.extend(self._accounts_shard(view, work))
        if view is not None:
            manifest.replace.append((ACCOUNTS.name, {}))
        write_account(self.path, self.account)
        write_people(people_file(self.path, self.role, self.account.ingest_id), self.people)
        return commit(
            self.view_path,
            [manifest],
            ingest_id=self.account.ingest_id,
            operation=MADE,
            base_release=numbers[-1] if numbers else 0,
            meta=self._meta(),
            token=token,
        )

    def _write(self, work: Path, view: Store | None) -> tuple[list[Shard], list[str]]:
        """Write all tables; give the shards, and the partitions that stay as they are."""
        origin = Origin(self.store, self.cohorts, self.withheld, partial(_shown, self.role))
        earlier = self._shown_before
        protect = partial(self.protection.rows, sizes=group_sizes(self.people))
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
                made = PartTables(origin, part, folder, protect, earlier).make()
                shards += made.shards
            said = {"key": key, "alleles": made.alleles, "rows": made.rows}
            self.account.parts[part] = said
            add_rows(self.account.rows, made.rows)
            add_rows({"": alleles}, {"": made.alleles})
        shards += small_tables(origin, alleles, self.account.ingest_id, work)
        return shards, untouched

    def _budget(self) -> float | None:
        """Read the budget of rare alleles that the role has."""
        allowance = parse_allowance(self.protection.policy.budget or None)
        return allowance.chance if allowance else None

    def _attack(self, planned: Planned, earlier: Sequence[Shown]) -> None:
        """Attack what would be shown, before anybody sees it.

        Raises
        ------
        AccessError
            If an attack gets further than the policy of small counts lets it.
        """
        policy, role = self.protection.policy, ROLES.index(self.role)
        bound = bounds_of(policy.attack)
        assumed = Assumed(
            k=policy.k if policy.protects else 0,
            rounding=policy.base if policy.masking == ROUND else 0,
            apart=int(bound.pop("apart", 0)),
        )
        before: list[Store] = []
        more_open: list[Store] = []
        for shown in earlier:
            of = str(shown.store.meta.get(ROLE))
            if of == self.role:
                before.append(shown.store)
            elif ROLES.index(of) < role:
                more_open.append(shown.store)
        measured = measure_tables(planned, assumed, before, more_open)
        self.account.attack = measured
        if above := beyond(measured, bound):
            cells = [name_of(cell) for cell in measured["examples"][:3]]
            raise AccessError(
                ATTACKED.say(role=self.role, what="; ".join([*above, *cells])),
                ATTACKED_FIX.say(role=self.role),
            )

    @cached_property
    def _decides(self) -> list[Any]:
        """What decides the rows of every partition beside its own files."""
        sizes = group_sizes(self.people).sort(pl.all()).rows()
        return [_VERSION, self.role, sorted(self.withheld), self.protection.digest, sizes]

    def _before(self, view: Store | None) -> Mapping[str, Any]:
        """Give what the newest release of the view is made of, by partition."""
        if view is None:
            return {}
        return account_of(self.path, self.role, view.record).parts

    @cached_property
    def _shown_before(self) -> list[Shown]:
        """Open all releases of views that are not sealed, with who changed since."""
        return [
            Shown(
                open_view(view_folder(self.path, e.role), e.release),
                changed_people(self.people, people_of_release(self.path, e)),
                e.role == self.role,
            )
            for e in self.earlier
            if not e.is_sealed
        ]

    def _accounts_shard(self, view: Store | None, work: Path) -> list[Shard]:
        now = utc_now()
        told = {"operation": MADE, **self.account.public()}
        row = pl.DataFrame(
            {
                "ingest_id": [self.account.ingest_id],
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
        meta = self.store.record.meta
        versions = meta.get("annotation", {}).get("versions", {})
        kept = {n: v for n, v in versions.items() if n not in self.withheld}
        return {
            "assembly": self.store.assembly,
            **{k: meta[k] for k in ("reference",) if k in meta},
            "annotation": {"versions": kept},
            ROLE: self.role,
            SHOWS: {"release": self.store.release, **self.account.public()},
        }


def _shown(role: str, table: Table) -> frozenset[str]:
    """Name the columns of a table that a role sees."""
    return frozenset(table.shown_to(role))
