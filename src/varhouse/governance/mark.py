"""The mark: how far ledger and audit log had come, kept beside the folder of both.

Both lie in `_store/governance/`. Whoever takes that folder away, or puts an older copy or that
of another store in its place, would have a store that nobody governs, that has given nothing
away yet, or that lives by other permits; each chain by itself, and the two together, would be
whole. So `_store/governed.json` says the last line of each, number and digest. It is written
after every event, under the lock of the audit log, and is never ahead of the two: a crash
leaves it a line behind.

It tells of accidents and of the simple ways. Who can write to the store can write it, too:
`varhouse audit verify` with heads that are kept elsewhere tells of that.
"""

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

from varhouse.errors import StoreError
from varhouse.files import read_json, write_text
from varhouse.governed import mark_file
from varhouse.language import Text

log = logging.getLogger("varhouse.governance")

Head = tuple[int, str]
"""Number and digest of a line."""

_DAMAGED = Text("{file} is damaged", "{file} 已损坏")
_RESTORE = Text("restore it from a backup", "请从备份恢复")
_NOT_WRITTEN = Text(
    "{file} could not be written ({error}): it is a line behind",
    "{file} 未能写入 ({error}): 内容落后一条",
)


class Mark(NamedTuple):
    """Last lines of the ledger and of the audit log; `(0, "")` where there was none."""

    ledger: Head = (0, "")
    audit: Head = (0, "")


def read_mark(store: Path) -> Mark | None:
    """Read the mark of a store; None: it has none.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    file = mark_file(store)
    try:
        told: Any = read_json(file, _RESTORE.say())
        heads = [(int(told[name]["n"]), str(told[name]["digest"])) for name in Mark._fields]
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError):
        raise StoreError(_DAMAGED.say(file=file), _RESTORE.say()) from None
    return Mark(*heads)


def write_mark(store: Path, ledger: Head, audit: Head) -> None:
    """Write how far both have come; the caller holds the audit log.

    What it marks is on the disk by then, and stays so: a full disk is no reason to fail.
    """
    before = read_mark(store) or Mark()
    told = {
        name: {"n": n, "digest": digest}
        for name, (n, digest) in zip(
            Mark._fields, (max(ledger, before.ledger), max(audit, before.audit)), strict=True
        )
    }
    file = mark_file(store)
    try:
        write_text(file, json.dumps(told, indent=1) + "\n", flush=True)
    except OSError as error:
        log.warning("%s", _NOT_WRITTEN.say(file=file, error=error))
