"""Crypt4GH: files that nobody but a recipient can read (GA4GH, version 1).

Encrypted as they are written, in segments of 64 KiB under a key of their own, which the header
holds for the recipient's public key alone. Each segment is authenticated: a changed bit is
refused. Needs the package `crypt4gh`, an extra.
"""

import base64
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from varhouse.errors import InputError, UsageError, install_extra
from varhouse.files import sync_file

ENDING = ".c4gh"
_KEY_BYTES = 32


@dataclass
class Sums:
    """Size and digests of the bytes that went into something."""

    bytes: int = 0
    md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, data: Any) -> None:
        """Count bytes."""
        self.bytes += len(data)
        self.md5.update(data)
        self.sha256.update(data)

    def told(self) -> dict[str, Any]:
        """Give them for a manifest."""
        return {
            "bytes": self.bytes,
            "md5": self.md5.hexdigest(),
            "sha256": self.sha256.hexdigest(),
        }  # fmt: skip


def sums_of(file: Path) -> Sums:
    """Read a file once for its size and digests."""
    found = Sums()
    with file.open("rb") as source:
        while data := source.read(1 << 20):
            found.add(data)
    return found


def read_public_key(text: str, where: str) -> bytes:
    """Read a public key as the file of `crypt4gh-keygen` has it, or its base64 line alone.

    Raises
    ------
    InputError
        If it is none.
    """
    lines = [x.strip() for x in text.replace("\\n", "\n").splitlines()]
    body = "".join(x for x in lines if x and not x.startswith("-----"))
    body = body.replace("-----BEGIN CRYPT4GH PUBLIC KEY-----", "")
    try:
        key = base64.b64decode(body, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES or "PRIVATE" in text:
        raise InputError(
            f"{where} is no public key of Crypt4GH",
            "the file NAME.pub that crypt4gh-keygen --pk NAME.pub writes",
        )
    return key


class Sealer:
    """Encrypts files for one recipient.

    Parameters
    ----------
    key
        The recipient's public key, 32 bytes.

    Raises
    ------
    UsageError
        If the package crypt4gh is not installed.
    """

    def __init__(self, key: bytes) -> None:
        try:
            from crypt4gh.lib import encrypt  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                "--encrypt needs the package crypt4gh", install_extra("crypt4gh")
            ) from None
        self._encrypt = encrypt
        self._key = key

    def seal(self, source: BinaryIO, out: Path) -> Sums:
        """Encrypt what a stream gives; tells size and digests of what went in."""
        passed = Sums()
        # The sender is nobody in particular: his key is made for this file, and forgotten.
        keys = [(0, os.urandom(_KEY_BYTES), self._key)]
        with out.open("xb") as sink:
            self._encrypt(keys, _Counted(source, passed), sink)
        sync_file(out)
        return passed

    @contextmanager
    def pipe(self, path: Path) -> Iterator["Piped"]:
        """Give a name to write to that is a pipe: what goes in lies on no disk.

        `path` with the ending `.c4gh` is whole when the block ends without an error.
        """
        os.mkfifo(path, 0o600)
        # Both ends are open before anybody writes, so no end waits for the other to come, and
        # what is read ends where ours and all others that write are closed.
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        own = os.open(path, os.O_WRONLY)
        os.set_blocking(source, True)
        out = path.with_name(path.name + ENDING)
        made = Piped(path, out)
        thread = threading.Thread(target=self._drain, args=(source, made), daemon=True)
        thread.start()
        is_whole = False
        try:
            yield made
            is_whole = True
        finally:
            os.close(own)
            thread.join()
            path.unlink(missing_ok=True)
            if made.error is not None or not is_whole:
                out.unlink(missing_ok=True)
        if made.error is not None:
            raise made.error

    def _drain(self, handle: int, made: "Piped") -> None:
        with open(handle, "rb") as source:
            try:
                made.sums = self.seal(source, made.out)
            except BaseException as error:
                made.error = error
                # Who writes must not wait for a reader that has gone.
                while source.read(1 << 20):
                    pass


@dataclass
class Piped:
    """A pipe into an encrypted file.

    Attributes
    ----------
    path
        What to write to.
    out
        The encrypted file.
    sums
        Of what went in, once all has.
    """

    path: Path
    out: Path
    sums: Sums = field(default_factory=Sums)
    error: BaseException | None = None


class _Counted:
    """A stream whose segments are full, and counted: pipes give less than they are asked."""

    def __init__(self, source: BinaryIO, sums: Sums) -> None:
        self._source, self._sums = source, sums

    def readinto(self, segment: bytearray) -> int:
        """Fill a segment; it is short at the end of the stream alone."""
        view, filled = memoryview(segment), 0
        while filled < len(segment):
            data = self._source.read(len(segment) - filled)
            if not data:
                break
            view[filled : filled + len(data)] = data
            filled += len(data)
        self._sums.add(view[:filled])
        return filled
