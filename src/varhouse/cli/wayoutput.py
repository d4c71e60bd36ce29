"""Whether a command's output leaves, and the digest of what it wrote."""

import glob
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def leaves_here(out: Path | None) -> bool:
    """Tell whether an output leaves: to a file, or to a stdout that is no terminal."""
    return out is not None or not sys.stdout.isatty()


def digest_output(out: Path | None) -> dict[str, Any]:
    """Give name, bytes and SHA-256 of a file, or of all files of a folder as one.

    The digest of a folder is that of the lines `SHA256  NAME` of its files, sorted by name.
    """
    if out is None or not out.exists() or not (out.is_file() or out.is_dir()):
        return {}
    if out.is_file():
        return {"name": out.name, "bytes": out.stat().st_size, "sha256": file_digest(out)}
    files = sorted(Path(folder) / name for folder, _, names in os.walk(out) for name in names)
    lines = [f"{file_digest(f)}  {f.relative_to(out)}\n" for f in files]
    return {
        "name": out.name,
        "files": len(files),
        "bytes": sum(f.stat().st_size for f in files),
        "sha256": hashlib.sha256("".join(sorted(lines)).encode()).hexdigest(),
    }


def state_of(out: Path | None) -> list[tuple[str, int, int]]:
    """Give what tells whether an output, or a file that goes with it, was made anew."""
    if out is None:
        return []
    if out.exists() and not (out.is_file() or out.is_dir()):
        # A pipe or a device: what went there shows nowhere.
        return [(out.name, 0, time.monotonic_ns())]
    family = out.parent.glob(f"{glob.escape(out.stem)}*") if out.parent.is_dir() else ()
    # Of its folder, too: a file that was begun beside it can be read while it is there.
    places = [*family, *([out.parent] if out.parent.is_dir() else [])]
    return sorted((p.name, s.st_ino, s.st_mtime_ns) for p in places for s in [p.lstat()])


def file_digest(file: Path) -> str:
    """Give the SHA-256 of a file, hex."""
    found = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
