"""Digests of large files that are read once, and not again while they stay as they are.

A nightly ingest asks whether its sources and its gene model changed. Of each file the
store's cache keeps the SHA-256 beside size, times of change and inode; where all of these
are as they were, the bytes are too, and the file is not opened. A file that changed
shortly before it was read could have changed once more within the grain of the file
system's clock, and is not trusted (Git's rule for its index, racy-git).
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from varhouse.files import write_json
from varhouse.filestate import Stamp, file_digest, file_state

RACY_NS = 2_000_000_000
"""The coarsest clock of a file system in use: FAT's, 2 seconds."""

_NAME = "file-digests.json"


class KnownFiles:
    """Digests of files by their paths, kept in a folder.

    Parameters
    ----------
    cache
        The folder; what it holds may be lost, and is then made again.
    rehash
        Read every file, whatever is known of it.

    Attributes
    ----------
    told
        Path, as it was asked for, to digest.
    """

    def __init__(self, cache: Path, *, rehash: bool = False) -> None:
        self._file = cache / _NAME
        self._rehash = rehash
        self._known = _read(self._file)
        self._asked: dict[str, str] = {}
        self.told: dict[str, str] = {}

    def sha256(self, path: Path) -> str:
        """Give the SHA-256 of a file's bytes, 64 hex digits.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        key = str(path.resolve())
        if key not in self._asked:
            self._asked[key] = self._digest(key, path)
        self.told[str(path)] = self._asked[key]
        return self._asked[key]

    def _digest(self, key: str, path: Path) -> str:
        stamp = file_state(path)
        known = self._known.get(key)
        if known is not None and not self._rehash and known[0] == stamp:
            return known[1]
        began = time.time_ns()
        digest = _hash(path)
        self._known.pop(key, None)
        # Should it change meanwhile, its stamp is another one than that of before.
        if max(stamp[1:3]) < began - RACY_NS:
            self._known[key] = (stamp, digest)
        return digest

    def learn(self, path: Path, state: Stamp, sha256: str) -> None:
        """Take over what another step found of a file in a state."""
        self._known[str(path.resolve())] = (state, sha256)

    def forget(self, paths: Iterable[Path]) -> None:
        """Forget files."""
        for path in paths:
            self._known.pop(str(path.resolve()), None)

    def is_other(self, path: Path) -> bool:
        """Tell whether a file that is known is in another state now."""
        known = self._known.get(str(path.resolve()))
        return self._rehash or (known is not None and known[0] != file_state(path))

    def save(self) -> None:
        """Keep what is known of files that are there; nothing else depends on it."""
        data = {k: v for k, v in self._known.items() if k in self._asked or Path(k).exists()}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, data, indent=0)


def _hash(path: Path) -> str:
    return file_digest(path)


def _read(file: Path) -> dict[str, tuple[Stamp, str]]:
    try:
        data = json.loads(file.read_text())
        return {
            str(k): ([int(n) for n in stamp], str(sha)) for k, (stamp, sha) in data.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        # None yet, or damaged: every file is read again.
        return {}
