"""Where compiled code is kept between runs, and who sees to it that it is there."""

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

COMPILING = "compiling this command's code for this machine, once: up to half a minute"
FIRST_USE = (
    "first use on this machine: compiling all code, a minute or two "
    "(`varhouse precompile` does it beforehand)"
)
SWITCH = "VARHOUSE_PRECOMPILE"
"""`no` in the environment: functions are compiled as they are called."""

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
    # Few come so far, and all commands would pay for the import.
    import tempfile  # noqa: PLC0415

    folder = Path(tempfile.gettempdir()) / f"varhouse-compiled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Code is loaded from there: it must be nobody else's.
    return folder if folder.stat().st_uid == os.getuid() else Path(tempfile.mkdtemp())


def cache_folder() -> Path:
    """Give the folder of what is noted about compiled code: where numba keeps the code."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"])
    package = Path(__file__).parent
    if os.access(package, os.W_OK):
        return package / "__pycache__"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"


def record_file() -> Path:
    """Name the file that says that all code of this version is compiled for this machine.

    Code serves one kind of processor, one Python and one numba: nodes that share a home
    have a file each where they differ.
    """
    from importlib.metadata import version  # noqa: PLC0415 - takes 50 ms

    from llvmlite import binding  # noqa: PLC0415 - only who compiles has loaded it
    from numba.core import config as numba_config  # noqa: PLC0415

    config: Any = numba_config

    kind = (
        version("varhouse"),
        version("numba"),
        str(sys.implementation.cache_tag),
        config.CPU_NAME or binding.get_host_cpu_name(),
        config.CPU_FEATURES or binding.get_host_cpu_features().flatten(),
    )
    name = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]
    return cache_folder() / f"varhouse-{name}.json"


_SAID: set[str] = set()


def say_compiling(log: logging.Logger, text: str = COMPILING) -> None:
    """Say once in this process that code is compiled, and tell the command that started it."""
    if COMPILING not in _SAID:
        log.info(text)
        _SAID.add(COMPILING)
        if marker := os.environ.get(MARKER):
            Path(marker).write_text(text)


def compile_at_first_use(log: logging.Logger) -> None:
    """Let a process of its own compile all code if no process has done so on this machine.

    Commands and jobs that start at once wait for the same one: nothing is compiled twice.
    A process that is stopped or fails leaves the rest to those who need it. In a checkout
    scripts/setup compiles: there an edit must not cost the next command a minute.
    """
    if os.environ.get(SWITCH) == "no" or (Path(__file__).parents[2] / ".git").exists():
        return
    with suppress(OSError, RuntimeError):
        if record_file().exists():
            return
        import subprocess  # noqa: PLC0415 - once on a machine

        say_compiling(log, FIRST_USE)
        quiet = [] if log.isEnabledFor(logging.INFO) else ["-q"]
        subprocess.run(
            [sys.executable, "-m", "varhouse", *quiet, "precompile"],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            env={**os.environ, SWITCH: "no"},
        )


class _Watch:
    """Hears of the import of numba's dispatcher, and then of what it compiles.

    numba is imported by the modules that need it, late or never, and costs a third of a
    second: nothing is imported here before it is.
    """

    def __init__(self, tell: Callable[[], None], before: Callable[[], None] | None) -> None:
        self._tell: Callable[[], None] | None = tell
        self._before = before

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find no module; begin to listen when numba is about to import its dispatcher."""
        if name == "numba.core.dispatcher":
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
            if self._before is not None:
                self._before()
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


def count_compiled() -> Callable[[], int]:
    """Count from now on; what is given tells how many of our functions were compiled."""
    from numba.core import event  # noqa: PLC0415

    with event.install_recorder("numba:compile") as recorder:
        pass
    event.register("numba:compile", recorder)  # type: ignore[no-untyped-call]

    def count() -> int:
        return sum(
            e.is_start and e.data["dispatcher"].py_func.__module__.startswith("varhouse.")
            for _, e in recorder.buffer
        )

    return count


def tell_compiling(tell: Callable[[], None], before: Callable[[], None] | None = None) -> None:
    """Call `tell` once, when the first of our functions is compiled in this process.

    That is at the first use on a machine, or after a change of the code or of numba; code
    that is loaded from the cache does not count. `before` is called when numba is loaded.
    """
    watch = _Watch(tell, before)
    if "numba.core.dispatcher" in sys.modules:
        watch.listen()
    else:
        sys.meta_path.insert(0, watch)
