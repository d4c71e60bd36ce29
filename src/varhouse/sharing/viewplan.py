"""What the next release of a view will be: cohorts, people, and whether it may be made."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from varhouse.errors import AccessError, UsageError
from varhouse.governance.budget import parse_allowance
from varhouse.governance.ledger import Ledger
from varhouse.governance.personkey import PersonKey
from varhouse.governed import INSIDE, view_folder
from varhouse.sharing.gate import Decision
from varhouse.sharing.viewaccount import (
    Account,
    Earlier,
    digest_json,
    earlier_releases,
    people_of_release,
)
from varhouse.sharing.viewcohorts import RECIPIENTS, Choice, choose_cohorts, without_denied
from varhouse.sharing.viewoverlap import Overlap, counted_again, find_overlaps, tell_apart
from varhouse.sharing.viewpeople import (
    Difference,
    counts_of_people,
    gone_from,
    people_of,
    too_few,
    with_level,
)
from varhouse.sharing.viewprotect import Protection, protection_of
from varhouse.sharing.viewtexts import (
    HOLD_LEFT,
    HOLD_LEFT_FIX,
    HOLD_NEVER,
    LEFT_SINCE,
    NO_RECIPIENT_FIX,
    NOBODY,
    NOBODY_FIX,
    OVERLAP,
    OVERLAP_FIX,
    REFUSED,
    REFUSED_FIX,
    REFUSED_LEFT_FIX,
    command_of,
)
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases, read_release, resolve_release
from varhouse.store.sources import known_sources

VERSION = 3
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
        The day for which permits and embargoes are asked; None: today. What is made shows
        nothing that is closed today, and has to pass the gate by those of today, too.
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


class Plan:
    """What the next release of a view will be; the caller holds the lock of the whole store.

    Attributes
    ----------
    store
        The release of the governed store that is shown.
    choice, decision
        Cohorts, and what the gate says of them; None: none is left.
    people
        Who is in it, of `viewpeople.PEOPLE`.
    earlier
        Releases of all views before it.
    account
        All that is known of it before it is made.
    """

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
        more = self.protection.policy.fewest, self.wanted.leave_out
        choice = choose_cohorts(dict(rows), self.role, self.ledger, self.on, *more)
        if not self.wanted.dry_run:
            # The gate asks for today, but lets `inside` have what is under embargo.
            today = self.ledger.today()
            choice = choice.and_by(
                choose_cohorts(dict(rows), self.role, self.ledger, today, *more)
            )
        recipient = RECIPIENTS[self.role]
        return without_denied(
            choice, self.path, self.store.release, self.role, recipient, self.on
        )

    @cached_property
    def own(self) -> list[Earlier]:
        """Earlier releases of this role's view that are open, oldest first."""
        return [e for e in self.earlier if e.role == self.role and not e.is_sealed]

    def _held(self) -> dict[str, Store]:
        """Open the releases that held cohorts are taken from."""
        found = {}
        for cohort in self.wanted.hold:
            last = self.own[-1] if self.own else None
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
        frames = [people_of(self.store, [], self.key)]
        for store in {s.release: s for s in self.cohorts.values()}.values():
            cohorts = [c for c, s in self.cohorts.items() if s.release == store.release]
            frames.append(people_of(store, cohorts, self.key))
            self._check_left(store.release, frames[-1], cohorts)
        return pl.concat(frames)

    def _check_left(self, release: int, people: pl.DataFrame, cohorts: Sequence[str]) -> None:
        """Check that nobody has left since a release of the store that is shown.

        Raises
        ------
        UsageError
            If somebody has: he was withdrawn, or his cohort was dropped.
        """
        number = list_releases(self.path)[-1]
        if release == number:
            return
        newest = open_store(self.path, number)
        there = newest.cohort_names()
        now = people_of(newest, [c for c in cohorts if c in there], self.key)
        for cohort, n in gone_from(now, people, cohorts).items():
            text = HOLD_LEFT if cohort in self.held else LEFT_SINCE
            raise UsageError(
                text.say(cohort=cohort, n=n, release=release), HOLD_LEFT_FIX.say(cohort=cohort)
            )

    def _account(self) -> Account:
        cohorts = {c: s.release for c, s in self.cohorts.items()}
        reasons = self.choice.reasons("en")
        rules = self.decision.rules if self.decision else None
        made_of = {
            "version": VERSION,
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
            left_out=sorted(self.wanted.leave_out),
            people=dict(counts_of_people(self.people)),
            again=[*counted_again(self.same, self.choice.shown)],
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
        if shared := self.overlaps():
            raise self._refusal_of_overlaps(shared)
        if found := self.differences():
            raise self._refusal(found)

    def differences(self, without: Collection[str] = ()) -> list[Difference]:
        """List what differs from earlier releases by too few people.

        Parameters
        ----------
        without
            Cohorts that would not be shown.
        """
        people = self.people.filter(~pl.col("cohort").is_in(list(without)))
        found: list[Difference] = []
        for earlier in reversed(self.earlier):
            then = people_of_release(self.path, earlier)
            k = self.protection.k_against(earlier.role)
            found += too_few(people, then, k, earlier.role, earlier.release)
        return found

    def overlaps(self, without: Collection[str] = ()) -> list[Overlap]:
        """List groups that share people with other cohorts and have too few of their own.

        With the cohorts that are shown now, and with those that views have shown, as whoever
        has these releases can subtract, too; not what these told by themselves.

        Parameters
        ----------
        without
            Cohorts that would not be shown.
        """
        if not any(counted_again(self.same)):
            return []
        k = self.protection.k
        mine = self.people.filter(~pl.col("cohort").is_in(list(without)))
        found = find_overlaps(mine, self.same, k)
        past = self._people_before
        told = {o.group for o in [*found, *find_overlaps(past, self.same, k)]}
        both = find_overlaps(pl.concat([mine, past]).unique(), self.same, k)
        return found + [o for o in both if o.group not in told]

    def to_leave_out(self) -> list[str]:
        """Choose cohorts without which those that are left do not overlap.

        Those after which least is refused; then those of fewest people.
        """
        sizes = counts_of_people(self.people)
        out: list[str] = []
        while found := self.overlaps(out):
            named = dict.fromkeys((found[0].cohort, *found[0].others))
            left = [c for c in named if c in self.choice.shown and c not in out]
            out.append(min(left, key=lambda c: (self._refusals([*out, c]), sizes[c], c)))
        return out

    def _refusals(self, without: Collection[str]) -> tuple[int, int]:
        return len(self.overlaps(without)), len(self.differences(without))

    @cached_property
    def same(self) -> pl.DataFrame:
        """Samples that are one person, of `viewoverlap.tell_apart`."""
        stores = {**dict.fromkeys(self._before, self.store), **self.cohorts}
        known = self.ledger.cohorts(self.on)
        links = {n: r.same_people_as for n, r in known.items() if r.same_people_as}
        return tell_apart(stores, self.key, links)

    @cached_property
    def _before(self) -> list[str]:
        """Cohorts of the store that releases of views have shown."""
        there = self.store.scan("cohorts").select("cohort").collect()["cohort"]
        return sorted({c for e in self.earlier for c in e.account.cohorts} & set(there))

    @cached_property
    def _people_before(self) -> pl.DataFrame:
        """Who was in them then, by the groups that they stood in, of all releases of views."""
        past = self.people.clear()
        for earlier in self.earlier:
            then = people_of_release(self.path, earlier)
            mine = then.filter(pl.col("cohort").is_in(self._before)).select(past.columns)
            past = pl.concat([past, mine]).unique()
        return past

    def _refusal_of_overlaps(self, found: Sequence[Overlap]) -> AccessError:
        out = {*self.wanted.leave_out, *self.to_leave_out()}
        command = command_of(
            self.path, self.role, out, hold=[c for c in self.wanted.hold if c not in out],
            release=self.wanted.release, on=self.wanted.on,
        )  # fmt: skip
        what = "; ".join(o.say() for o in found[:3])
        return AccessError(
            OVERLAP.say(role=self.role, what=what), OVERLAP_FIX.say(command=command)
        )

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
        if not self.own or self.own[-1].account.key != self.account.key:
            return None
        last = self.own[-1]
        if last.release != list_releases(self.view_path)[-1]:
            return None
        self.account = last.account
        return last.release

    def _budget(self) -> float | None:
        """Read the budget of rare alleles that the role has."""
        allowance = parse_allowance(self.protection.policy.budget or None)
        return allowance.chance if allowance else None
