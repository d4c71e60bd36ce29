"""A file of JSON lines to which lines are only added, each with the digest of the one before.

A line is an object `{"n", "time", "by", "body", "previous", "digest"}`. `digest` is the
SHA-256 of the line without it, as canonical JSON (keys sorted, no blanks, UTF-8); `previous`
is the digest of the line before, 64 zeros for the first. So a line that is changed, taken out,
put in or moved breaks the chain behind it. Whoever can write the file can make a new chain:
that shows only against a digest that was kept elsewhere (an anchor: a release record, the
other chain, a receipt).

A line that was cut off by a crash has no line end; it was never acknowledged, and the next
writer takes it away. So it is with lines that were to come together: each but the last says in
its body how many are `to_follow`, and without the last none of them counts.

Who adds a line looks at the last one alone, so that a line costs the same in a long file;
who reads looks at all of them.
"""

import errno
import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from varhouse.errors import AccessError, StoreError
from varhouse.files import sync_folder
from varhouse.governance import days
from varhouse.language import Text

FIRST = "0" * 64
"""`previous` of the first line."""

LEFT = "to_follow"
"""In a body: how many lines are still to come of those that were added with it."""

_ANOTHER = Text("is not the line of digest {digest}...", "与摘要值 {digest}... 不符")
_NO_LINE = Text("is no line of a chain", "不是链式记录")
_CHANGED = Text("was changed after it was written", "写入后被改动")
_BROKEN = Text("{file}, line {n}: {why}", "{file},第 {n} 行: {why}")
_LAST_BROKEN = Text("{file}, the last line: {why}", "{file},最后一行: {why}")
_RESTORE = Text(
    "find out who changed it, and restore the file from a backup",
    "请查明改动者,并从备份恢复该文件",
)
_NO_PERMISSION = Text("{file}: no permission", "{file}: 没有权限")
_ASK = Text("ask the owner of the store", "请联系数据库的所有者")
_READ_ONLY = Text("{file}: the store lies on a read-only disk", "{file}: 数据库位于只读磁盘")
_ELSEWHERE = Text("write where the store is kept", "请在可写入的位置操作")

_TAIL = 1 << 16
_DIGEST = b',"digest":"'


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
    return hashlib.sha256(_canonical(told)).hexdigest()


def _canonical(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _fits(text: bytes, line: dict[str, Any], digest: str) -> bool:
    """Tell whether the digest of a line is that of its other values.

    A line is written in canonical form: then its bytes without the digest are what was
    hashed, and need not be made again. That is half of the time that reading takes.
    """
    at = text.rfind(_DIGEST)
    end = at + len(_DIGEST) + 65
    if at > 0 and hashlib.sha256(text[:at] + text[end:]).hexdigest() == digest:
        return True
    return digest_of(line) == digest


def this_user() -> str:
    """Name the user of the system; by its number where it has no name.

    Not by LOGNAME or USER, as `getpass.getuser` does: whoever may set these could be anybody.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid:{os.getuid()}"


class Chain:
    """A chained file.

    Parameters
    ----------
    file
        Where it lies; it need not be there yet.
    mode
        Permissions of the file, when it is made.
    """

    def __init__(self, file: Path, mode: int = 0o640) -> None:
        self.file, self.mode = file, mode

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
        with refusals(self.file):
            try:
                raw = self.file.read_bytes()
            except FileNotFoundError:
                raw = b""
        links = _whole(list(self._links(raw[: raw.rfind(b"\n") + 1])))
        for n, digest in anchors:
            if n and (n > len(links) or links[n - 1].digest != digest):
                raise self._broken(n, _ANOTHER.say(digest=digest[:12]))
        return links

    def last(self) -> Link | None:
        """Give the last line, by a look at that alone; None without one."""
        with refusals(self.file):
            try:
                with self.file.open("rb") as file:
                    return self._last(file)[0]
            except FileNotFoundError:
                return None

    def head(self) -> tuple[int, str]:
        """Give number and digest of the last line, by a look at that alone; (0, FIRST)."""
        last = self.last()
        return (last.n, last.digest) if last else (0, FIRST)

    def append(self, body: dict[str, Any], by: str | None = None) -> Link:
        """Add a line; it is on the disk when this returns.

        Writers wait for one another.
        """
        with self.writing() as writer:
            return writer.append([body], by)[0]

    @contextmanager
    def writing(self) -> "Iterator[Writer]":
        """Hold the file alone, to look at what is there and add lines.

        Raises
        ------
        AccessError
            If it may not be written, or its disk is read-only.
        """
        with refusals(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(self.file, flags, self.mode)
        # Without a buffer, which would be written once more when the file is closed.
        with os.fdopen(handle, "r+b", buffering=0) as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            last, end = self._last(out)
            yield Writer(self, out, last, end)

    def _last(self, file: BinaryIO) -> tuple[Link | None, int]:
        """Give the last line that counts, and where it ends."""
        size = file.seek(0, os.SEEK_END)
        step = _TAIL
        while True:
            start = max(0, size - step)
            file.seek(start)
            raw = file.read(size - start)
            end = raw.rfind(b"\n")
            begin = raw.rfind(b"\n", 0, end) if end > 0 else -1
            if begin >= 0 or start == 0:
                break
            step *= 4
        if end < 0:
            return None, 0
        line = self._link(raw[begin + 1 : end], None)
        if not line.body.get(LEFT):
            return line, start + end + 1
        file.seek(0)
        raw = file.read(start + end + 1)
        links = _whole(list(self._links(raw)))
        whole = raw.splitlines(keepends=True)
        return (links[-1] if links else None), sum(map(len, whole[: len(links)]))

    def _links(self, raw: bytes) -> Iterator[Link]:
        previous = FIRST
        for n, text in enumerate(raw.split(b"\n")[:-1], 1):
            link = self._link(text, n)
            if link.previous != previous:
                raise self._broken(n, _CHANGED.say())
            previous = link.digest
            yield link

    def _link(self, text: bytes, n: int | None) -> Link:
        """Read a line; `n` is the number that it must have, where that is known."""
        try:
            line = json.loads(text)
            link = Link(**line)
            is_whole = (
                isinstance(link.body, dict)
                and isinstance(link.n, int)
                and isinstance(link.digest, str)
            )
        except (ValueError, TypeError):
            is_whole = False
        if not is_whole:
            raise self._broken(n, _NO_LINE.say())
        if (n is not None and link.n != n) or not _fits(text, line, link.digest):
            raise self._broken(n, _CHANGED.say())
        return link

    def _broken(self, n: int | None, why: str) -> StoreError:
        if n is None:
            return StoreError(_LAST_BROKEN.say(file=self.file, why=why), _RESTORE.say())
        return StoreError(_BROKEN.say(file=self.file, n=n, why=why), _RESTORE.say())


class Writer:
    """Adds lines to a chain that is held.

    Attributes
    ----------
    last
        The last line that counts; None: there is none.
    """

    def __init__(self, chain: Chain, file: BinaryIO, last: Link | None, end: int) -> None:
        self.chain, self.last, self._file, self._end = chain, last, file, end

    @property
    def head(self) -> tuple[int, str]:
        """Number and digest of the last line."""
        return (self.last.n, self.last.digest) if self.last else (0, FIRST)

    def append(self, bodies: Sequence[dict[str, Any]], by: str | None = None) -> list[Link]:
        """Add lines that count together or not at all; they are on the disk afterwards."""
        if not bodies:
            return []
        links: list[Link] = []
        for i, body in enumerate(bodies, 1):
            left = {LEFT: len(bodies) - i} if i < len(bodies) else {}
            before = links[-1] if links else self.last
            links.append(_next(before, {**body, **left}, by))
        text = b"".join(_canonical(vars(link)) + b"\n" for link in links)
        with refusals(self.chain.file):
            self._file.truncate(self._end)
            try:
                rest = memoryview(text)
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fsync(self._file.fileno())
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(self._file.fileno(), self._end)
                raise
            sync_folder(self.chain.file.parent)
        self.last, self._end = links[-1], self._end + len(text)
        return links


@contextmanager
def refusals(file: Path) -> Iterator[None]:
    """Say what a file system refuses: permission, or to write at all."""
    try:
        yield
    except PermissionError:
        raise AccessError(_NO_PERMISSION.say(file=file), _ASK.say()) from None
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise AccessError(_READ_ONLY.say(file=file), _ELSEWHERE.say()) from None


def _whole(links: list[Link]) -> list[Link]:
    """Leave out lines at the end that were to come with others which are not there."""
    if not links or not links[-1].body.get(LEFT):
        return links
    kept = len(links)
    while kept and links[kept - 1].body.get(LEFT):
        kept -= 1
    return links[:kept]


def _next(last: Link | None, body: dict[str, Any], by: str | None) -> Link:
    line: dict[str, Any] = {
        "n": last.n + 1 if last else 1,
        "time": days.now().isoformat(timespec="seconds"),
        "by": by or this_user(),
        "body": body,
        "previous": last.digest if last else FIRST,
    }
    return Link(**line, digest=digest_of(line))
