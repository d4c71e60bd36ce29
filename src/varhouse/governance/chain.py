"""A file of JSON lines to which lines are only added, each with the digest of the one before.

A line is an object `{"n", "time", "by", "body", "previous", "digest"}`. `digest` is the
SHA-256 of the line without it, as canonical JSON (keys sorted, no blanks, UTF-8); `previous`
is the digest of the line before, 64 zeros for the first. So a line that is changed, taken out,
put in or moved breaks the chain behind it. Whoever can write the file can make a new chain:
that shows only against a digest that was kept elsewhere (an anchor: a release record, the
other chain, a receipt).

A line that was cut off by a crash has no line end; it was never acknowledged, and the next
writer takes it away.
"""

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError
from varhouse.files import sync_folder

FIRST = "0" * 64
"""`previous` of the first line."""


@dataclass(frozen=True)
class Link:
    """A line of a chain.

    Attributes
    ----------
    n
        1-based number.
    time
        UTC, ISO 8601.
    by
        Who wrote it: the name of the user of the system.
    body
        What it says.
    previous, digest
        SHA-256, hex.
    """

    n: int
    time: str
    by: str
    body: dict[str, Any]
    previous: str
    digest: str


def digest_of(line: dict[str, Any]) -> str:
    """Give the SHA-256 of a line without its own digest, as canonical JSON."""
    told = {k: v for k, v in line.items() if k != "digest"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def this_user() -> str:
    """Name the user of the system; by its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"


class Chain:
    """A chained file.

    Parameters
    ----------
    file
        Where it lies; it need not be there yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self, anchors: Iterable[tuple[int, str]] = ()) -> list[Link]:
        """Read all lines and check the chain.

        Parameters
        ----------
        anchors
            Numbers and digests of lines that are known from elsewhere.

        Raises
        ------
        AccessError
            If there is no permission to read it.
        StoreError
            If a line was changed, or one that an anchor knows is not there as it was.
        """
        try:
            raw = self.file.read_bytes()
        except FileNotFoundError:
            raw = b""
        except PermissionError:
            raise AccessError(
                f"{self.file}: no permission", "ask the owner of the store"
            ) from None
        links = list(self._links(raw[: raw.rfind(b"\n") + 1]))
        for n, digest in anchors:
            if n and (n > len(links) or links[n - 1].digest != digest):
                raise self._broken(n, f"is not the line of digest {digest[:12]}...")
        return links

    def append(self, body: dict[str, Any], by: str | None = None) -> Link:
        """Add a line; it is on the disk when this returns.

        Writers wait for one another.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        with os.fdopen(handle, "r+b") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            whole = out.read()
            kept = whole.rfind(b"\n") + 1
            links = list(self._links(whole[:kept]))
            link = self._next(links[-1] if links else None, body, by)
            if kept < len(whole):
                out.truncate(kept)
            line = json.dumps(asdict(link), ensure_ascii=False, sort_keys=True)
            out.write(line.encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self.file.parent)
        return link

    @staticmethod
    def _next(last: Link | None, body: dict[str, Any], by: str | None) -> Link:
        line: dict[str, Any] = {
            "n": last.n + 1 if last else 1,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": by or this_user(),
            "body": body,
            "previous": last.digest if last else FIRST,
        }
        return Link(**line, digest=digest_of(line))

    def _links(self, raw: bytes) -> Iterable[Link]:
        previous = FIRST
        for n, text in enumerate(raw.splitlines(), 1):
            try:
                line = json.loads(text)
                link = Link(**line)
            except (ValueError, TypeError):
                raise self._broken(n, "is no line of a chain") from None
            if (link.n, link.previous) != (n, previous) or digest_of(line) != link.digest:
                raise self._broken(n, "was changed after it was written")
            previous = link.digest
            yield link

    def _broken(self, n: int, why: str) -> StoreError:
        return StoreError(
            f"{self.file}, line {n}: {why}",
            "find out who changed it, and restore the file from a backup",
        )
