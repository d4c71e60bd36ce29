"""Compile all code of this version for this machine, once, whoever asks first."""

import ast
import compileall
import fcntl
import hashlib
import importlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from varhouse.compiled import record_file
from varhouse.files import read_json, write_json
from varhouse.precompile.work import do_all

LOG = logging.getLogger("varhouse.precompile")
PACKAGE = Path(__file__).parents[1]


def precompile() -> int:
    """Compile what is not compiled yet, and keep it for all later processes.

    Another process that does the same is waited for. What was compiled from other sources,
    of a module itself or of any that it imports, is removed before: numba compares only the
    file that a function stands in.

    Returns
    -------
    int
        Functions that were compiled; 0 if all of this version were there.
    """
    record = record_file()
    record.parent.mkdir(parents=True, exist_ok=True)
    with _alone(record.with_suffix(".lock")):
        modules = _modules()
        sums = {name: _digest(path) for name, path in modules.items()}
        # Two files: what a killed process has compiled is there for the next one.
        sources = record.with_suffix(".sources.json")
        known = _read(sources)
        if known == sums and record.exists():
            return 0
        LOG.info("compiling this version's code for this machine, once: a minute or two")
        if known != sums:
            record.unlink(missing_ok=True)
            _forget(modules, find_affected(modules, sums, known))
            write_json(sources, sums)
        if os.access(PACKAGE, os.W_OK):
            compileall.compile_dir(PACKAGE, quiet=2)
        compiled, failed = do_all()
        write_json(record, {"failed": failed})
        return compiled


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock; where the file system has none, go on without."""
    with path.open("w") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(record: Path) -> dict[str, Any]:
    try:
        known = read_json(record)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _modules() -> dict[str, Path]:
    """List the modules of the package with their files."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "data" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _forget(modules: dict[str, Path], changed: set[str]) -> None:
    """Remove the compiled code of some modules."""
    for name in sorted(changed & modules.keys()):
        if "njit" in modules[name].read_text():
            for folder in _cache_folders(name):
                for file in folder.glob(f"{name.rpartition('.')[2]}.*.nb[ci]"):
                    file.unlink(missing_ok=True)


def find_affected(
    modules: dict[str, Path], sums: dict[str, str], known: dict[str, str]
) -> set[str]:
    """Find modules that changed, and all that import one of these, however far away.

    Parameters
    ----------
    modules
        Name to file, of now.
    sums, known
        Name to digest of the file, of now and when the code was compiled.
    """
    changed = {n for n in sums if known.get(n) != sums[n]} | (known.keys() - sums.keys())
    imports = {n: _imported(p, modules.keys() | known.keys()) for n, p in modules.items()}
    while more := {n for n, i in imports.items() if n not in changed and i & changed}:
        changed |= more
    return changed


def _imported(path: Path, modules: Iterable[str]) -> set[str]:
    """List the modules of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    return found & set(modules)


def _cache_folders(module: str) -> set[Path]:
    """Give the folders where numba keeps the code of a module."""
    found = set()
    for value in vars(importlib.import_module(module)).values():
        path = getattr(getattr(value, "stats", None), "cache_path", None)
        if path is not None and getattr(value, "__module__", None) == module:
            found.add(Path(path))
    return found
