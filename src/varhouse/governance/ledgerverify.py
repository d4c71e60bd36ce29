"""Whether ledger and audit log are as they were written.

Each is a chain, so one line that was changed, taken out, put in or moved is found in itself.
A chain that was cut off at its end, or made anew, is found by heads that stand elsewhere: in
the other of the two files, in release records, in what somebody wrote down.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import AccessError, StoreError
from varhouse.governance.audit import LEDGER_EVENT, Audit
from varhouse.governance.chain import Chain, Link
from varhouse.governance.ledger import AUDIT_HEAD
from varhouse.governance.ledgerstate import sum_up
from varhouse.governance.mark import read_mark
from varhouse.governed import ledger_file, mark_file
from varhouse.language import Text

Anchor = tuple[str, int, str]
"""Where it is from, number and digest of an entry."""

_NOT_AS_KNOWN = Text(
    "{file}: entry {n} is not the one that {where} names ({digest}...): the file was cut off "
    "or made anew; fix: restore it from a backup, and find out who did it",
    "{file}: 第 {n} 条与{where}所记 ({digest}...) 不符,"
    "文件被截短或重建;请从备份恢复并查明原因",
)
_UNNOTED = Text(
    "entries {first} to {last} of the ledger are not in the audit log: a command was killed, "
    "or they were not made by varhouse; the next entry notes them as late; fix: look at them "
    "with varhouse ledger log",
    "台账第 {first} 至 {last} 条未记入审计日志: 命令曾被中断,或并非由 varhouse 写入;"
    "下一条记录会补记;请用 varhouse ledger log 查看",
)
_LATE = Text(
    "audit event {n}: {late} entries of the ledger were noted late ({first} to {last})",
    "审计日志第 {n} 条: 台账有 {late} 条记录系事后补记 (第 {first} 至 {last} 条)",
)
_UNREADABLE = Text(
    "the audit log may not be read by you: the ledger was compared with the other heads alone",
    "您无权读取审计日志,仅用其他摘要核对了台账",
)
_UNKNOWN = Text(
    "an entry of the ledger is of a kind that this varhouse does not know: {what}",
    "台账中有此版本 varhouse 不认识的记录类型: {what}",
)
_WHERE = {
    "audit": Text("the audit log", "审计日志"),
    "ledger": Text("the ledger", "台账"),
}


LEAST_DIGITS = 8
"""Digits of a digest that tell a line from one that was made in its place."""


@dataclass
class Verified:
    """What was found.

    Attributes
    ----------
    entries, events
        Lines of the ledger and of the audit log.
    head, audit_head
        Number and digest of the last line of each; keep them elsewhere.
    anchors
        How many heads the two were compared with.
    problems
        What is not as it was written.
    notes
        What else to know.
    """

    entries: int = 0
    events: int = 0
    head: tuple[int, str] = (0, "")
    audit_head: tuple[int, str] = (0, "")
    anchors: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(
    store: Path,
    anchors: Iterable[Anchor] = (),
    audit_anchors: Iterable[Anchor] = (),
    *,
    needs_log: bool = False,
) -> Verified:
    """Compare the ledger and the audit log of a store with each other, and with anchors.

    Parameters
    ----------
    anchors, audit_anchors
        Heads of the ledger and of the audit log that are known from elsewhere; the mark of
        the store is one.
    needs_log
        Whether who may not read the audit log is refused; else the ledger is compared alone.

    Raises
    ------
    AccessError
        If the ledger may not be read, or the log that is needed.
    """
    found = Verified()
    chain, audit = Chain(ledger_file(store)), Audit(store)
    known, of_audit = list(anchors), list(audit_anchors)
    # First the mark, then the log: what these know is there by then, whoever writes meanwhile.
    if (mark := read_mark(store)) is not None:
        name = mark_file(store).name
        known.append((name, *mark.ledger))
        of_audit.append((name, *mark.audit))
    events = _events(audit, found, needs_log=needs_log)
    heads = _heads(events or (), "ledger")
    known += [(_WHERE["audit"].say(), n, d) for n, d in heads]
    links = _read(chain.read, found)
    if links is not None:
        found.entries, found.head = len(links), _head(links)
        try:
            sum_up(links)
        except KeyError as error:
            found.problems.append(_UNKNOWN.say(what=error))
        of_audit += [(_WHERE["ledger"].say(), n, d) for n, d in _heads(links, AUDIT_HEAD)]
        _compare(chain.file, links, known, found)
    if events is not None and max(heads, default=(0, ""))[0] < len(links or ()):
        # An entry that was made meanwhile names a head that the log did not have then.
        events = _read(audit.events, found)
    if events is not None:
        found.events, found.audit_head = len(events), _head(events)
        _compare(audit.chain.file, events, of_audit, found)
        if links is not None:
            _both(links, events, found)
    return found


def _events(audit: Audit, found: Verified, *, needs_log: bool) -> list[Link] | None:
    """Read the audit log; None: it may not be read, or is not whole."""
    try:
        return _read(audit.events, found)
    except AccessError:
        if needs_log:
            raise
    found.notes.append(_UNREADABLE.say())
    return None


def _head(links: Sequence[Link]) -> tuple[int, str]:
    return (links[-1].n, links[-1].digest) if links else (0, "")


def _read(read: Callable[[], list[Link]], found: Verified) -> list[Link] | None:
    try:
        return read()
    except AccessError:
        raise
    except StoreError as error:
        found.problems.append(str(error))
        return None


def _heads(links: Sequence[Link], name: str) -> list[tuple[int, str]]:
    heads = (x.body.get(name) for x in links)
    return [(h["n"], h["digest"]) for h in heads if isinstance(h, dict) and h.get("n")]


def _compare(
    file: Path, links: Sequence[Link], known: Iterable[Anchor], found: Verified
) -> None:
    """Compare a chain with heads of it; of many that do not fit, the first of each source."""
    said = set()
    for where, n, digest in known:
        if not n:
            # Nothing was written by then.
            continue
        found.anchors += 1
        is_enough = len(digest) >= LEAST_DIGITS
        fits = is_enough and 0 < n <= len(links) and links[n - 1].digest.startswith(digest)
        if not fits and where not in said:
            said.add(where)
            short = digest[:12]
            text = _NOT_AS_KNOWN.say(file=file, n=n, where=where, digest=short)
            found.problems.append(text)


def _both(links: Sequence[Link], events: Sequence[Link], found: Verified) -> None:
    """Say which entries of the ledger the audit log did not note, or late."""
    noted = 0
    for event in events:
        if event.body.get("event") != LEDGER_EVENT:
            continue
        noted = max(noted, int(event.body["n"]))
        if late := event.body.get("late"):
            first = int(event.body["first"])
            text = {"n": event.n, "late": late, "first": first, "last": first + late - 1}
            found.notes.append(_LATE.say(**text))
    if noted < len(links):
        found.problems.append(_UNNOTED.say(first=noted + 1, last=len(links)))
