"""The audit log: who did what with a governed store, when, under which rule.

A chained file (`chain.py`) in the private folder, for its owner alone. An event is a word and
facts; people stand in it as keyed hashes (`personkey.py`), never by their ids. Each line names
the head that the ledger of permits had, and each entry of the ledger the head that the log
had: whoever makes one of the two files anew is found out by the other.

An entry of the ledger has an event `ledger` of its own. Where a crash came between the two,
the next event is that: how many entries were noted `late` stands in it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.governance.chain import FIRST, Chain, Link, refusals
from varhouse.governance.ledgerjson import as_json
from varhouse.governance.mark import Head, Mark, read_mark, write_mark
from varhouse.governance.personkey import PersonKey
from varhouse.governed import audit_file, ledger_file, private_folder
from varhouse.language import Text

LEDGER_EVENT = "ledger"
"""The event of entries of the ledger: the `first`, the last (`n`), whose digest it has."""

_HEAD = "ledger"

_CUT = Text(
    "{file}: has {n} events, and the ledger knows of {known}: it was cut off or taken away",
    "{file}: 只有 {n} 条,而台账所知为 {known} 条: 日志被截短或移走",
)
_ANOTHER = Text(
    "{file}: event {n} is not the one that the store knows: the log was cut off or made anew, "
    "or it is an older copy, or another store's",
    "{file}: 第 {n} 条与数据库所记不符: 日志被截短或重建,或为旧副本,或属于其他数据库",
)
_RESTORE = Text("restore it from a backup", "请从备份恢复")


class Audit:
    """The audit log of a store.

    Parameters
    ----------
    store
        The store's root folder.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.chain = Chain(audit_file(store), mode=0o600)
        self._key: PersonKey | None = None

    @property
    def key(self) -> PersonKey:
        """The key under which people are hashed; made with the first event."""
        if self._key is None:
            self._key = PersonKey(self.store)
        return self._key

    def hash_person(self, sample: str) -> str:
        """Give the keyed hash by which a sample id stands in the log, 64 hex digits."""
        return self.key.hash_person(sample)

    def hash_people(self, samples: Iterable[str]) -> list[str]:
        """Give the keyed hashes of sample ids, in their order."""
        return self.key.hash_people(samples)

    def note(self, event: str, **facts: Any) -> Link:
        """Write an event; it is on the disk when this returns.

        Parameters
        ----------
        event
            A word: `ledger`, `release`, `share`, ...
        facts
            What JSON can hold, days and records of the model. People by `hash_person` alone.

        Raises
        ------
        AccessError
            If there is no permission, or the disk is read-only.
        """
        entry = self.check()
        with self.chain.writing() as writer:
            known = _ledger_head(writer.last)[0]
            if event == LEDGER_EVENT:
                head = (facts["n"], facts["digest"])
                if (late := facts["first"] - 1 - known) > 0:
                    facts = {**facts, "first": known + 1, "late": late}
                return self._written(writer.append([_body(event, facts, head)]), head)
            head = (entry.n, entry.digest) if entry else (0, FIRST)
            bodies = [_body(event, facts, head)]
            if head[0] > known:
                seen = {"first": known + 1, "n": head[0], "digest": head[1]}
                late = head[0] - known
                bodies.insert(0, _body(LEDGER_EVENT, {**seen, "late": late}, head))
            return self._written(writer.append(bodies), head)

    def _written(self, links: list[Link], ledger: Head) -> Link:
        """Mark how far log and ledger are now; the log is held."""
        last = links[-1]
        write_mark(self.store, ledger, (last.n, last.digest))
        return last

    def check(self) -> Link | None:
        """Check that log and key are there, as the ledger's last entry knows them.

        Else the people who were given away would be counted anew, under another key.

        Returns
        -------
        Link, optional
            The ledger's last entry.
        """
        mark = read_mark(self.store) or Mark()
        entry = Chain(ledger_file(self.store)).last()
        n, digest = self.head()
        noted = entry.body.get("audit") if entry else None
        known = noted.get("n", 0) if isinstance(noted, dict) else 0
        if known > n:
            said = _CUT.say(file=self.chain.file, n=n, known=known)
            raise StoreError(said, _RESTORE.say())
        if mark.audit[0] > n or (mark.audit[0] == n > 0 and mark.audit[1] != digest):
            said = _ANOTHER.say(file=self.chain.file, n=mark.audit[0])
            raise StoreError(said, _RESTORE.say())
        _ = self.key  # A log without its key is one whose key was lost.
        return entry

    def events(self, anchors: Iterable[tuple[int, str]] = ()) -> list[Link]:
        """Read the log and check its chain; `link.body["event"]` is the word.

        Raises
        ------
        AccessError
            If it may not be read: it is for the owner of the store alone.
        StoreError
            If it was changed.
        """
        # A folder without permission hides that there is a log in it.
        with refusals(private_folder(self.store)):
            if private_folder(self.store).exists():
                next(private_folder(self.store).iterdir(), None)
        return self.chain.read(anchors)

    def head(self) -> tuple[int, str]:
        """Give number and digest of the last event, by a look at that alone."""
        return self.chain.head()

    def ledger_head(self) -> tuple[int, str]:
        """Give the head of the ledger that the last event names; (0, zeros) without one."""
        return _ledger_head(self.chain.last())


def _body(event: str, facts: dict[str, Any], head: tuple[int, str]) -> dict[str, Any]:
    return {"event": event, **as_json(facts), _HEAD: {"n": head[0], "digest": head[1]}}


def _ledger_head(link: Link | None) -> tuple[int, str]:
    """Give the head of the ledger that an event names; (0, zeros) without one."""
    found = link.body.get(_HEAD) if link else None
    return (int(found["n"]), str(found["digest"])) if found else (0, FIRST)
