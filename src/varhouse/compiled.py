"""Where compiled code is kept between runs."""

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMPILING = "compiling this command's code for this machine, once: up to half a minute"
MARKER = "VARHOUSE_COMPILING"
"""Names the file by which a step of an ingest tells the command that it compiles."""


def find_cache() -> Path | None:
    """Find a folder for compiled code where numba would find none.

    numba keeps it beside the package, else in the user's cache folder, and fails where
    neither can be written to: an installation of others, on a node without a home.

    Returns
    -------
    Path or None
        A folder of the user's own under the temporary folder; None where numba needs no
        help, or `NUMBA_CACHE_DIR` says where.
    """
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parent, os.W_OK):
        return None
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        (cache / "numba").mkdir(parents=True, exist_ok=True)
        if os.access(cache / "numba", os.W_OK):
            return None
    except (OSError, RuntimeError):
        pass  # no home, or one that is not there
    folder = Path(tempfile.gettempdir()) / f"varhouse-compiled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Code is loaded from there: it must be nobody else's.
    return folder if folder.stat().st_uid == os.getuid() else Path(tempfile.mkdtemp())


_SAID: set[str] = set()


def say_compiling(log: logging.Logger) -> None:
    """Say once in this process that code is compiled, and tell the command that started it."""
    if COMPILING not in _SAID:
        log.info(COMPILING)
        _SAID.add(COMPILING)
        if marker := os.environ.get(MARKER):
            Path(marker).touch()


class _Watch:
    """Hears of the import of numba's dispatcher, and then of what it compiles.

    numba is imported by the modules that need it, late or never, and costs a third of a
    second: nothing is imported here before it is.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find no module; begin to listen when numba is about to import its dispatcher."""
        if name == "numba.core.dispatcher":
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
            self.listen()

    def listen(self) -> None:
        """Listen to numba's compiler; an event is raised only where no cache has the code."""
        from numba.core import event  # noqa: PLC0415

        watch = self

        class Listener(event.Listener):
            def on_start(self, event: Any) -> None:
                function = event.data["dispatcher"].py_func
                if watch._tell and function.__module__.startswith("varhouse."):
                    watch._tell()
                    watch._tell = None

            def on_end(self, event: Any) -> None:
                pass

        event.register("numba:compile", Listener())  # type: ignore[no-untyped-call]


def tell_compiling(tell: Callable[[], None]) -> None:
    """Call `tell` once, when the first of our functions is compiled in this process.

    That is at the first use on a machine, or after a change of the code or of numba; code
    that is loaded from the cache does not count.
    """
    watch = _Watch(tell)
    if "numba.core.dispatcher" in sys.modules:
        watch.listen()
    else:
        sys.meta_path.insert(0, watch)
