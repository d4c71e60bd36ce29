"""People in logs: keyed hashes of their ids, so that the same person is known again.

The private folder of a store's governance holds a `key` of 32 random bytes. A person is
HMAC-SHA256 (RFC 2104) of the sample id under it. Who has a log and not the key can neither
read the ids nor test guesses of them; who has the key can test guesses, and the ids of a study
are few. So the key belongs to no copy of a store that others get.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.files import sync_folder, unfinished_name
from varhouse.governance.chain import refusals
from varhouse.governed import audit_file, private_folder
from varhouse.language import Text

KEY_BYTES = 32
KEY = "key"

_NO_KEY = Text(
    "{file} is no key: nobody can tell who is meant in the logs",
    "{file} 不是有效密钥: 无法得知日志所指何人",
)
_LOST = Text(
    "{file} is missing: nobody can tell who is meant in {log}",
    "{file} 缺失: 无法得知 {log} 所指何人",
)
_GONE = Text("{file} is gone again", "{file} 刚刚生成又消失")
_RESTORE = Text("restore it from a backup", "请从备份恢复")


def make_private_folder(store: Path) -> Path:
    """Give the private folder of a store's governance; made for its owner alone."""
    folder = private_folder(store)
    with refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


class PersonKey:
    """The key under which people of a store are hashed.

    Parameters
    ----------
    store
        The store's root folder. The key is made when it is first needed.

    Raises
    ------
    AccessError
        If the key may not be read, or not be made.
    StoreError
        If it is damaged, or lost while there is a log that was written with it.
    """

    def __init__(self, store: Path) -> None:
        self.file = private_folder(store) / KEY
        self._key = _read(self.file) or _make(store, self.file)

    def hash_person(self, sample: str) -> str:
        """Give the keyed hash of a sample id, 64 hex digits."""
        return hmac.digest(self._key, sample.encode(), "sha256").hex()

    def hash_people(self, samples: Iterable[str]) -> list[str]:
        """Give the keyed hashes of sample ids, in their order."""
        begun = hmac.new(self._key, digestmod=hashlib.sha256)
        out = []
        for sample in samples:
            one = begun.copy()
            one.update(sample.encode())
            out.append(one.hexdigest())
        return out


def _read(file: Path) -> bytes | None:
    with refusals(file):
        try:
            key = file.read_bytes()
        except FileNotFoundError:
            return None
    if len(key) != KEY_BYTES:
        raise StoreError(_NO_KEY.say(file=file), _RESTORE.say())
    return key


def _make(store: Path, file: Path) -> bytes:
    log = audit_file(store)
    if log.exists() and log.stat().st_size:
        if (made := _read(file)) is not None:
            # By somebody else, just now.
            return made
        raise StoreError(_LOST.say(file=file, log=log.name), _RESTORE.say())
    folder = make_private_folder(store)
    own = unfinished_name(file)
    with refusals(file):
        try:
            handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(secrets.token_bytes(KEY_BYTES))
                out.flush()
                os.fsync(out.fileno())
            # A link never replaces: two that make it at once go on with one key.
            with suppress(FileExistsError):
                os.link(own, file)
        finally:
            own.unlink(missing_ok=True)
        sync_folder(folder)
    kept = _read(file)
    if kept is None:
        raise StoreError(_GONE.say(file=file), _RESTORE.say())
    return kept
