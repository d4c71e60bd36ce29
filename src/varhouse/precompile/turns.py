"""Two processes that compile the same functions take turns: none is compiled twice.

numba's cache of a function is an index (signature to file) and a file for each signature.
Who adds a signature reads the index, takes the next number, and writes both. Two processes
that do so at once take the same number: a signature is lost, or leads to the other's code.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock


@contextmanager
def compile_in_turns(folder: Path) -> Iterator[None]:
    """Within, a function is compiled by one process at a time; the others then load its code.

    Who waits holds locks only of functions that call the one that is waited for, so
    nobody waits for ever: numba compiles what a function calls while it compiles the function.

    Parameters
    ----------
    folder
        For the locks; the same for all processes that take turns.
    """
    from numba.core.compiler_lock import global_compiler_lock  # noqa: PLC0415
    from numba.core.dispatcher import Dispatcher  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    compile_now = Dispatcher.compile
    held: set[Any] = set()

    def compile_in_turn(self: Any, sig: Any) -> Any:
        function = self.py_func
        if not function.__module__.startswith("varhouse."):
            return compile_now(self, sig)
        # numba's own lock first, as it is held when it compiles what a function calls:
        # threads that took both in different order would wait for each other.
        with global_compiler_lock:
            if function in held:
                return compile_now(self, sig)
            with _turn(folder, function):
                held.add(function)
                try:
                    return compile_now(self, sig)
                finally:
                    held.discard(function)

    with mock.patch.object(Dispatcher, "compile", compile_in_turn):
        yield


@contextmanager
def _turn(folder: Path, function: Any) -> Iterator[None]:
    """Hold the lock of a function; where the file system has none, go on without."""
    name = f"{function.__module__}.{function.__qualname__}"
    with (folder / hashlib.sha256(name.encode()).hexdigest()[:16]).open("w") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
