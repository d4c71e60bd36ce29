"""Where a call writes: never over what belongs to somebody else.

Results have fixed names (`config.yaml`, `samples.tsv`, ...), and the folder of an index is
cleared when it is made anew. So both are folders of their own, which is seen before any work.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from varhouse.reads.bwafiles import plain_name

WORK = "_work"
"""Folder of the results in which the jobs work; what it remembers saves work later."""

BEGAN = "began"
"""File in the work folder: the folder around it was made by a call."""

WRITTEN = "# Written by varhouse call."
"""How the configuration among the results begins."""

_SHOWN = 3


def index_folder(said: Path | None, reference: Path, results: Path) -> Path:
    """Say where the aligner's index is: where it was said, or beside the FASTA, or here."""
    if said is not None:
        return said
    fasta = reference.resolve()
    beside = fasta.with_name(f"{fasta.name}.varhouse-index")
    if beside.is_dir() or os.access(fasta.parent, os.W_OK):
        return beside
    return results / "index"


def place_problems(
    folder: Path, index: Path, reference: Path, inputs: Mapping[str, Sequence[Path]]
) -> list[str]:
    """Find why results or the index cannot be written where they were said to go.

    Parameters
    ----------
    folder, index
        Of results, and of the index; absolute, without symbolic links.
    reference
        The FASTA.
    inputs
        What a call reads, by what it is: the configuration, sheets, files of reads.
    """
    of_results, of_index = f"calling.folder: {folder}", f"calling.index: {index}"
    problems = _unusable(of_results, folder) or _strange(of_results, folder)
    problems += _unusable(of_index, index) or _strange_index(of_index, index, reference)
    if index == folder or index in folder.parents:
        problems.append(f"{of_index} holds the folder of results; fix: name another folder")
    for text, place, more in ((of_results, folder, {}), (of_index, index, _fasta(reference))):
        for what, files in {**inputs, **more}.items():
            # A link from elsewhere into the folder leads to what would be written over.
            within = [f for f in files if {place} & {*_real(f).parents, *f.resolve().parents}]
            if within:
                problems.append(
                    f"{text} is made by the call, and holds {_listed(within)} ({what}); fix: "
                    "name another folder"
                )
    return problems


def _fasta(reference: Path) -> dict[str, list[Path]]:
    return {"the reference": [reference]}


def _real(file: Path) -> Path:
    """Name where a file lies; a link to it from elsewhere is no file there."""
    return file.parent.resolve() / file.name


def _listed(files: Sequence[Path]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(f.name for f in files[:_SHOWN]) + more


def _unusable(text: str, folder: Path) -> list[str]:
    """Say why there is, or can be, no folder to write into."""
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        which = "a file" if there == folder else f"below {there}, which is a file"
        return [f"{text} is {which}; fix: name a folder"]
    is_whole = there == folder and not text.startswith("calling.folder")
    if not is_whole and not os.access(there, os.W_OK | os.X_OK):
        return [f"{text}: no permission to write in {there}; fix: name another folder"]
    return []


def _strange(text: str, folder: Path) -> list[str]:
    """Say what is in a folder that no call has made."""
    if not folder.is_dir() or (folder / WORK / BEGAN).exists():
        return []
    with suppress(OSError), (folder / "config.yaml").open(encoding="utf-8") as file:
        if file.readline().startswith(WRITTEN):
            return []
    found = sorted(f for f in folder.iterdir() if f.name != WORK and f.name[0] != ".")
    return [_others(text, found)] if found else []


def _strange_index(text: str, folder: Path, reference: Path) -> list[str]:
    """Say what is in a folder that holds no index, nor the beginning of one."""
    if not folder.is_dir():
        return []
    with suppress(OSError, UnicodeDecodeError):
        if '"sha256"' in (folder / "index.json").read_text(encoding="utf-8"):
            return []
    own = Path(plain_name(reference.name)).stem
    found = sorted(f for f in folder.iterdir() if not f.name.startswith((".", own)))
    return [_others(text, found)] if found else []


def _others(text: str, found: Sequence[Path]) -> str:
    return (
        f"{text} holds other files ({_listed(found)}), over which might be written; fix: name "
        "an empty folder, or one that is not there yet"
    )
