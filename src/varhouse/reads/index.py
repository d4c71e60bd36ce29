"""A reference as aligners and callers need it: made once, in a folder of its own, and kept.

What lies in it:

FOLDER/NAME.fa          the FASTA uncompressed: a link, or a copy of a compressed one
FOLDER/NAME.fa.fai      lengths and offsets
FOLDER/NAME.dict        lengths and MD5 of each sequence, as SAM headers have them
FOLDER/index.json       which FASTA it is of; written last
FOLDER/NAME.fa.*        files of an aligner
FOLDER/NAME.fa.alt      bwa's list of ALT contigs, where one lies beside the FASTA
FOLDER/ALIGNER.json     that those are whole; written last
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from isal import igzip

from varhouse.errors import InputError, VarhouseError, install_extra
from varhouse.files import abandoned_of, new_file, read_json, unfinished_name, write_json
from varhouse.filestate import file_digest, unmoved
from varhouse.reads.alignerfiles import find_index
from varhouse.reads.bwafiles import BWA, find_alt_list, is_bwa_index, plain_name
from varhouse.reads.pipeline import Command, PipelineError, Samtools, Stage, run_pipeline
from varhouse.textfile import DAMAGED

VERSION = 1
"""Of the folder: one of another version is made anew."""

_BLOCK = 4 << 20

_SAME_FILES = {"pybwa": "bwa"}
"""Aligners whose files are those of another one."""

_BLOCK_SIZE = 100_000_000
"""Bases that bwa adds to the index at a time where it builds it in steps (`bwa index -b`;
references of 50 Mb and more): ten times its own, with fewer steps; the result is the same."""


@dataclass(frozen=True)
class Index:
    """A reference with what belongs to it.

    Attributes
    ----------
    fasta
        Uncompressed, with `.fai` beside it and `.dict` in place of its suffix.
    prefix
        To which the aligner's suffixes are added.
    name
        Of the FASTA as the user gave it, without its folder.
    sha256
        Of the bytes of the FASTA as the user gave it.
    contigs
        Names and lengths, in the order of the FASTA.
    """

    fasta: Path
    prefix: Path
    name: str
    sha256: str
    contigs: list[tuple[str, int]]

    @property
    def dictionary(self) -> Path:
        """Lengths and MD5 of the sequences as header lines of SAM."""
        return self.fasta.with_suffix(".dict")

    def header_lines(self) -> list[str]:
        """Give the @SQ lines; they name no path."""
        lines = self.dictionary.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith("@SQ\t")]


def make_index(
    reference: Path,
    folder: Path,
    *,
    aligner: str | None = "pybwa",
    build: Callable[[Path], Stage] | None = None,
    suffixes: Sequence[str] = BWA,
    log: Path | None = None,
) -> Index:
    """Make what aligners and callers need of a reference, or find it again.

    Processes that make the same one wait for each other.

    Parameters
    ----------
    reference
        FASTA, plain, gzip or bgzip.
    folder
        To make; found again by the digest of the FASTA. Where it is whole nothing is
        written, so that it may be read-only.
    aligner
        Whose files to make, too; None: none.
    build
        Gives the stage that makes an aligner's files beside a FASTA of this path; None: bwa's,
        by pybwa.
    suffixes
        Of the aligner's files.
    log
        For what the programs say.

    Raises
    ------
    InputError
        If the FASTA is none, or the folder holds the index of another one.
    """
    with unmoved(reference) as state, _locked(folder):
        known = _known(folder)
        if known is not None:
            _check_same(known, reference, folder, state)
        else:
            known = _make_base(reference, folder, state, log)
        kind = _SAME_FILES.get(aligner, aligner) if aligner is not None else None
        fasta = folder / known["fasta"]
        if kind is not None and not (folder / f"{kind}.json").exists():
            _make_files(reference, fasta, kind, build, suffixes, known["contigs"], log)
    contigs = [(str(name), int(length)) for name, length in known["contigs"]]
    return Index(fasta, fasta, reference.name, known["sha256"], contigs)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make the folder; where it is read-only none has to wait."""
    handle = -1
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
        # Some file systems know no locks: there two make it, and one takes the place.
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle >= 0:
            os.close(handle)


def _known(folder: Path) -> dict[str, Any] | None:
    try:
        known = read_json(folder / "index.json", f"remove {folder}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if known.get("version") != VERSION:
        return None
    fasta = folder / known["fasta"]
    whole = all(p.exists() for p in (fasta, Path(f"{fasta}.fai"), fasta.with_suffix(".dict")))
    return dict(known) if whole else None


def _check_same(
    known: dict[str, Any], reference: Path, folder: Path, state: Sequence[int]
) -> None:
    """Refuse a folder of another FASTA; what only moved is remembered in its new state."""
    if known["state"] == list(state):
        return
    digest = file_digest(reference)
    if digest != known["sha256"]:
        raise InputError(
            f"{folder} is the index of another FASTA ({known['name']}, SHA-256 "
            f"{known['sha256'][:12]}...) than {reference} ({digest[:12]}...)",
            "name another folder (calling: index), or remove that one",
        )
    known["state"] = list(state)
    with suppress(OSError):
        fasta = folder / known["fasta"]
        if fasta.is_symlink() and fasta.resolve() != reference.resolve():
            _link(reference, fasta)
        write_json(folder / "index.json", known)


def _link(reference: Path, fasta: Path) -> None:
    with new_file(fasta) as own:
        own.symlink_to(reference.resolve())


def _make_base(
    reference: Path, folder: Path, state: Sequence[int], log: Path | None
) -> dict[str, Any]:
    """Make all but an aligner's files."""
    fasta = folder / plain_name(reference.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in [*folder.glob(".*.tmp"), *abandoned_of(fasta)]:
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        _uncompress(reference, fasta)
    except PermissionError as error:
        raise InputError(
            f"{error.filename}: no permission to make the index of {reference.name} there",
            "name another folder (calling: index)",
        ) from None
    with new_file(Path(f"{fasta}.fai")) as own:
        try:
            run_pipeline([Samtools(["faidx", "--fai-idx", str(own), str(fasta)])], log=log)
        except PipelineError as error:
            if "Format error" not in str(error) and "line length" not in str(error):
                raise
            told = str(error).splitlines()[0].partition("] ")[2]
            raise InputError(
                f"{reference}: a FASTA that cannot be indexed: {told}",
                "fold the lines of each sequence to one length (seqkit seq -w 60 does)",
            ) from None
    with new_file(fasta.with_suffix(".dict")) as own:
        run_pipeline([Samtools(["dict", "-o", str(own), str(fasta)])], log=log)
        text = own.read_text(encoding="utf-8")
        # The path of the FASTA (UR) is nobody's business in files that go to others.
        lines = [line.split("\t") for line in text.splitlines()]
        _check_names([line[1][3:] for line in lines if line[0] == "@SQ"], reference)
        kept = ("\t".join(t for t in line if not t.startswith("UR:")) for line in lines)
        own.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    known = {
        "version": VERSION,
        "name": reference.name,
        "fasta": fasta.name,
        "state": list(state),
        "sha256": file_digest(reference),
        "contigs": _read_lengths(Path(f"{fasta}.fai"), reference),
    }
    # Files of aligners are of the FASTA that was here before.
    for done in folder.glob("*.json"):
        done.unlink()
    write_json(folder / "index.json", known)
    return known


def _uncompress(reference: Path, fasta: Path) -> None:
    with reference.open("rb") as file:
        start = file.read(2)
        if start != b"\x1f\x8b":
            if start[:1] != b">":
                raise InputError(f"{reference}: not FASTA (the first byte is not >)")
            _link(reference, fasta)
            return
        file.seek(0)
        with new_file(fasta) as own, own.open("wb") as out:
            for block in _unpacked(reference, file):
                if not out.tell() and block[:1] != b">":
                    raise InputError(
                        f"{reference}: not FASTA (the first byte of its text is not >)"
                    )
                out.write(block)


def _unpacked(reference: Path, file: IO[bytes]) -> Iterator[bytes]:
    """Unpack a gzip; faults of writing, where its bytes go, are not taken for its own."""
    with igzip.open(file, "rb") as text:  # type: ignore[no-untyped-call]
        while True:
            try:
                block = bytes(text.read(_BLOCK))
            except DAMAGED as error:
                raise InputError(
                    f"{reference}: cut off or damaged ({error})", "copy it again"
                ) from None
            if not block:
                return
            yield block


def _check_names(names: Sequence[str], reference: Path) -> None:
    """Refuse a FASTA in which a name stands twice: samtools reads the first of them alone."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"{reference}: contig {name} stands twice in the FASTA", "take one of them out"
            )
        seen.add(name)


def _read_lengths(fai: Path, reference: Path) -> list[tuple[str, int]]:
    lines = [line.split("\t") for line in fai.read_text(encoding="utf-8").splitlines()]
    contigs = [(line[0], int(line[1])) for line in lines]
    if not contigs:
        raise InputError(f"{reference}: no sequence in it", "give a FASTA file")
    return contigs


def _make_files(
    reference: Path,
    fasta: Path,
    kind: str,
    build: Callable[[Path], Stage] | None,
    suffixes: Sequence[str],
    contigs: Sequence[Sequence[Any]],
    log: Path | None,
) -> None:
    """Make an aligner's files, or link to those that lie beside the FASTA already."""
    whole = [(str(name), int(length)) for name, length in contigs]
    found = find_index(kind, reference, fasta, whole)
    work = unfinished_name(fasta.with_name(kind))
    work.mkdir()
    try:
        own = work / fasta.name
        if found is not None:
            for suffix in suffixes:
                Path(f"{own}{suffix}").symlink_to(f"{found}{suffix}")
        else:
            own.symlink_to(fasta.resolve())
            run_pipeline([build(own) if build is not None else _bwa_index(own)], log=log)
        for suffix in suffixes:
            Path(f"{own}{suffix}").rename(f"{fasta}{suffix}")
        alt = find_alt_list(reference) if kind in ("bwa", "bwa-mem2") else None
        if alt is not None:
            with new_file(Path(f"{fasta}.alt")) as linked:
                linked.symlink_to(alt.resolve())
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if kind == "bwa" and not is_bwa_index(fasta, whole):
        raise VarhouseError(f"{fasta}: bwa's index is not whole", "is the disk full?")
    write_json(fasta.with_name(f"{kind}.json"), {"version": VERSION})


def _bwa_index(fasta: Path) -> Command:
    """Give the process in which bwa makes an index: it takes memory, and speaks on stderr."""
    missing = f"pybwa is missing: {install_extra('reads')}"
    code = (
        "import sys\n"
        "from varhouse.reads.tool import end_with_parent\n"
        "end_with_parent()\n"
        "try:\n    from pybwa import BwaIndex\n"
        f"except ImportError:\n    sys.exit({missing!r})\n"
        f"BwaIndex.index(sys.argv[1], block_size={_BLOCK_SIZE})\n"
    )
    return Command([sys.executable, "-c", code, str(fasta)], "bwa index")
