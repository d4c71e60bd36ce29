"""Do each kind of work once, in two processes where there are two cores."""

import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.compiled import count_compiled
from varhouse.precompile.turns import compile_in_turns
from varhouse.store.lock import TOKEN

LOG = logging.getLogger("varhouse.precompile")


@dataclass
class Done:
    """What one process did.

    Attributes
    ----------
    kinds
        Name of each kind of work, functions compiled, seconds on the clock.
    failed
        Name and error of the kinds of work that stopped.
    """

    kinds: list[tuple[str, int, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def do_all() -> tuple[int, list[str]]:
    """Do each kind of work; give the functions compiled, and what failed."""
    # A job's permission to write is for its own store.
    os.environ.pop(TOKEN, None)
    folder = Path(tempfile.mkdtemp(prefix="varhouse-precompile-"))
    try:
        parts = _in_two(folder) if _cores() > 1 else [do_part(folder, "all")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, functions, seconds in (kind for part in parts for kind in part.kinds):
        LOG.info("%-17s  %3d functions, %.0f s", name, functions, seconds)
    failed = [text for part in parts for text in part.failed]
    for text in failed:
        # Compiling is no more than a help: the work itself says what is wrong.
        LOG.warning("not all is compiled: %s", text)
    return sum(kind[1] for part in parts for kind in part.kinds), failed


def do_part(folder: Path, part: str) -> Done:
    """Do the kinds of work of a part.

    Parameters
    ----------
    folder
        The same for all parts; a part writes into a folder of its own in there.
    part
        As `list_calls` takes it.
    """
    from varhouse.precompile.calls import list_calls  # noqa: PLC0415 - imports all there is

    done = Done()
    counted = count_compiled()
    everything = logging.getLogger("varhouse")
    level = everything.level
    everything.setLevel(logging.ERROR)
    own = folder / part
    own.mkdir(parents=True)
    try:
        with compile_in_turns(folder / "turns"):
            for name, call in list_calls(own, part):
                began, had = time.monotonic(), counted()
                try:
                    call()
                except Exception as error:
                    done.failed.append(f"{name}: {error}")
                done.kinds.append((name, counted() - had, time.monotonic() - began))
    finally:
        everything.setLevel(level)
    return done


def _in_two(folder: Path) -> list[Done]:
    """Do what becomes of calls here, and the rest in a process beside this one."""
    # Threads that polars has started do not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        beside = pool.submit(do_part, folder, "files")
        here = do_part(folder, "calls")
        try:
            return [here, beside.result()]
        except BrokenProcessPool:
            # Stopped from outside. What it had compiled is kept.
            shutil.rmtree(folder / "files", ignore_errors=True)
            return [here, do_part(folder, "files")]


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
