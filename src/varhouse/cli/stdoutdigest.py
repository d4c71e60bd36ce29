"""stdout while something leaves by it: hashed on its way."""

import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Bytes(io.RawIOBase):
    """Passes bytes on, and hashes them."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        self._sink.write(data)
        self.hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand on what waits."""
        self._sink.flush()


class HashedStdout(io.TextIOBase):
    """Stands in for stdout, text and `buffer`."""

    def __init__(self, own: Any) -> None:
        self._own = own
        buffer = getattr(own, "buffer", None)
        self._bytes = _Bytes(_Encoded(own) if buffer is None else buffer)

    @property
    def buffer(self) -> Any:
        """Where bytes go."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As stdout has it."""
        return getattr(self._own, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """As stdout has it."""
        return getattr(self._own, "errors", None) or "strict"

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Write text."""
        self._bytes.write(text.encode(self.encoding, self.errors))
        return len(text)

    def flush(self) -> None:
        """Hand on what waits."""
        self._bytes.flush()

    def isatty(self) -> bool:
        """Tell that it is no terminal: what it takes leaves."""
        return False

    def fileno(self) -> int:
        """Give the number of stdout itself."""
        return int(self._own.fileno())

    def has_bytes(self) -> bool:
        """Tell whether anything was written."""
        return self._bytes.size > 0

    def told(self) -> dict[str, Any]:
        """Give size and SHA-256 of what was written, if anything was."""
        if not self._bytes.size:
            return {}
        return {"stdout": {"bytes": self._bytes.size, "sha256": self._bytes.hash.hexdigest()}}


class _Encoded:
    """Takes bytes for a stdout that has no place for them."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def write(self, data: bytes) -> None:
        self._own.write(bytes(data).decode(errors="surrogateescape"))

    def flush(self) -> None:
        self._own.flush()


@contextmanager
def hashing_stdout() -> Iterator[HashedStdout]:
    """Put a stand-in in place of stdout."""
    own = sys.stdout
    own.flush()
    stand_in = HashedStdout(own)
    sys.stdout = stand_in
    try:
        yield stand_in
        stand_in.flush()
    finally:
        sys.stdout = own
