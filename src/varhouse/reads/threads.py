"""Reading ahead and writing behind what is computed, each in a thread of its own.

While bwa aligns a batch with all threads, the next one is unpacked, and the one before goes
into the pipe: else the cores wait for both.
"""

import threading
from collections.abc import Callable
from queue import Empty, Queue
from typing import Any, BinaryIO

_BLOCK = 4 << 20
_AHEAD = 8
"""Blocks of 4 MiB that are read before they are asked for: the text of a batch and a half."""
_BEHIND = 2
"""Batches of records (40 MB each) that wait for the pipe."""


class Ahead:
    """Bytes of a source, read by a thread before they are asked for.

    Parameters
    ----------
    read
        Gives up to so many bytes; none at the end. What it raises is raised by `read`.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._source = read
        self._blocks: Queue[bytes | BaseException] = Queue(_AHEAD)
        self._is_over = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            while block := self._source(_BLOCK):
                self._blocks.put(block)
            self._blocks.put(b"")
        except BaseException as error:
            # Raised again where the bytes are asked for.
            self._blocks.put(error)

    def read(self, _size: int) -> bytes:
        """Give the next block, of 4 MiB at most; none at the end."""
        if self._is_over:
            return b""
        block = self._blocks.get()
        if isinstance(block, BaseException):
            raise block
        self._is_over = not block
        return block


class Behind:
    """A sink that is written to by a thread; to be left as a context, which waits for the end.

    An error of the sink is raised at the next `write`, or at the end.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._blocks: Queue[Any] = Queue(_BEHIND)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            if self._error is None:
                try:
                    self._sink.write(block)
                except BaseException as error:
                    # What comes after it is taken and goes nowhere.
                    self._error = error

    def write(self, block: Any) -> None:
        """Have a block of bytes written; it must not change afterwards."""
        if self._error is not None:
            raise self._error
        self._blocks.put(block)

    def __enter__(self) -> "Behind":
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if kind is not None:
            # What waits is of no use any more.
            while True:
                try:
                    self._blocks.get_nowait()
                except Empty:
                    break
        self._blocks.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error
