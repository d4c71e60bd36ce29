"""The reference: bases of a FASTA as memory-mapped arrays, and its digests.

A FASTA (plain, gzip or BGZF, with or without an index) is compiled once into one flat
file of upper-case bases and a small JSON, which every job maps into memory: a whole
human genome is then shared by all processes of a node and costs each only the pages
it touches. Positions in arrays are 0-based.
"""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from isal import igzip

from varhouse.cache import VARIABLE, file_stamp, state_key
from varhouse.errors import AssemblyError, InputError
from varhouse.files import read_json, unfinished_name, write_json
from varhouse.filestate import file_state, is_recorded, read_as_recorded
from varhouse.genome.contigs import Contig, Contigs
from varhouse.textfile import DAMAGED

Bases = npt.NDArray[np.uint8]

_BLOCK = 1 << 20
_LONGEST_HEAD = 2 << 20
"""Bytes of a FASTA that are read at once: its copies stay in the cache of the processor."""
_GZIP_MAGIC = b"\x1f\x8b"

COMPLEMENT: Bases = np.frombuffer(
    bytes.maketrans(b"ACGTUNRYKMSWBDHVacgtunrykmswbdhv", b"TGCAANYRMKSWVHDBtgcaanyrmkswvhdb"),
    np.uint8,
)
"""Complement of each byte, IUPAC codes included; other bytes stay as they are."""

CONCRETE: Bases = np.frombuffer(
    bytes(range(256)).translate(bytes.maketrans(b"RYSWKMBDHV", b"ACCAGACAAA")), np.uint8
)
"""The base that an ambiguity code of the reference stands for: the first of its bases in the
alphabet (VCF 4.3, section 1.6.1; bcftools norm does the same)."""

_UPPER = bytes(range(256)).upper()
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BLANKS = b"\r\n \t"


def refget_digest(bases: Bases) -> str:
    """Give the GA4GH refget id of a sequence: `SQ.` + base64url(SHA-512, 24 bytes).

    GA4GH refget v2 / `sha512t24u`, over the upper-case sequence.
    """
    raw = hashlib.sha512(np.ascontiguousarray(bases).data).digest()[:24]
    return "SQ." + base64.urlsafe_b64encode(raw).decode()


@dataclass
class _Entry:
    name: str
    offset: int
    length: int


class Reference:
    """A compiled reference, opened for reading.

    `contigs` are the assembly's (canonical names, aliases). A contig may be absent
    from the FASTA, or only its first bases may be there.
    """

    def __init__(self, directory: Path, contigs: Contigs | None = None) -> None:
        meta = read_json(directory / "reference.json", "delete it: it is compiled again")
        self.directory = directory
        self.digest: str = meta["digest"]
        self.fasta_name: str = meta["fasta"]
        own = Contigs(
            Contig(e["name"], [], None, e["length"], e["refget"]) for e in meta["contigs"]
        )
        self.has_aliases = contigs is not None
        self.contigs = contigs if contigs is not None else own
        size = sum(e["length"] for e in meta["contigs"])
        self._all: Bases = (
            _map_bases(directory / meta.get("bases", "reference.bases"), size)
            if size
            else np.zeros(0, np.uint8)
        )
        self._entries: dict[str, _Entry] = {}
        self._refget: dict[str, str] = {}
        self._md5: dict[str, str] = {}
        self.unnamed: list[str] = []
        offset = 0
        for e in meta["contigs"]:
            name = self.contigs.canonical(e["name"])
            if name is None:
                self.unnamed.append(e["name"])
            elif name in self._entries:
                raise AssemblyError(
                    f"{self.fasta_name}: {e['name']} and {self._entries[name].name} are "
                    f"both contig {name}",
                    "keep one of them in the FASTA, or correct the aliases table",
                )
            else:
                self._entries[name] = _Entry(e["name"], offset, e["length"])
                self._refget[name] = e["refget"]
            offset += e["length"]

    def length(self, contig: str) -> int:
        """Bases of the contig that the FASTA holds; 0 if it is not there."""
        entry = self._entries.get(contig)
        return entry.length if entry else 0

    def sequence(self, contig: str) -> Bases:
        """Give the contig's upper-case ASCII bases, uint8[length]; empty if not there."""
        entry = self._entries.get(contig)
        if entry is None:
            return np.zeros(0, np.uint8)
        return self._all[entry.offset : entry.offset + entry.length]

    def packed(
        self, contigs: Sequence[str]
    ) -> tuple[Bases, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Give all bases end to end, and the first base (0-based) and length of contigs.

        For compiled passes over rows of many contigs; a contig not there has length 0.
        """
        found = [self._entries.get(c) for c in contigs]
        starts = np.array([e.offset if e else 0 for e in found], np.int64)
        lengths = np.array([e.length if e else 0 for e in found], np.int64)
        return self._all, starts, lengths

    def is_whole(self, contig: str) -> bool:
        """Tell whether the FASTA holds the contig from its first to its last base."""
        entry = self._entries.get(contig)
        if entry is None:
            return False
        length = self.contigs.by_name[contig].length
        return length is None or length == entry.length

    def partial(self) -> list[str]:
        """Contigs of which the FASTA holds only a piece."""
        return [c for c in self._entries if not self.is_whole(c)]

    def refget(self, contig: str) -> str | None:
        """Refget id of the whole contig: the aliases table's, or a whole sequence's.

        Never that of a piece.
        """
        known = self.contigs.by_name[contig].refget if contig in self.contigs.by_name else None
        if known:
            return known if known.startswith("SQ.") else f"SQ.{known}"
        return self._refget[contig] if self.is_whole(contig) else None

    def md5(self, contig: str) -> str:
        """MD5 of the upper-case bases that the FASTA holds of a contig, as SAM's M5 is."""
        if contig not in self._md5:
            digest = hashlib.md5(self.sequence(contig).data, usedforsecurity=False)
            self._md5[contig] = digest.hexdigest()
        return self._md5[contig]

    def check(self, partial_reference: bool) -> list[str]:
        """List what in the FASTA contradicts the aliases table, one line each."""
        problems = []
        for name in self._entries:
            c = self.contigs.by_name[name]
            held = self._entries[name].length
            if c.length is not None and held > c.length:
                problems.append(
                    f"{self.fasta_name}: contig {name} has {held:,} bases, "
                    f"the aliases table says {c.length:,}: another assembly?"
                )
            elif not self.is_whole(name) and not partial_reference:
                problems.append(
                    f"{self.fasta_name}: contig {name} has {held:,} of {c.length:,} bases; "
                    "fix: policy.partial_reference: true if only a piece is meant"
                )
            elif (
                self.is_whole(name)
                and c.refget
                and self.refget(name) != ("SQ." + self._refget[name].removeprefix("SQ."))
            ):
                problems.append(
                    f"{self.fasta_name}: contig {name} is another sequence (refget "
                    f"{self._refget[name]}) than in the aliases table ({c.refget})"
                )
        return problems


def _map_bases(file: Path, size: int) -> Bases:
    held = file.stat().st_size if file.exists() else 0
    if held != size:
        raise InputError(
            f"{file}: {held:,} bytes, its reference.json says {size:,}: damaged",
            "delete the folder: it is compiled again",
        )
    return np.memmap(file, np.uint8, "r", shape=(size,))


def _chunks(path: Path) -> "igzip.IGzipFile | object":
    with path.open("rb") as f:
        magic = f.read(2)
    if magic != _GZIP_MAGIC:
        return path.open("rb")
    return igzip.open(path, "rb")  # type: ignore[no-untyped-call, no-any-return]


def compile_reference(
    fasta: Path, directory: Path, recorded: Mapping[str, str] | None = None
) -> Path:
    """Compile a FASTA into `directory`: `reference.bases` and `reference.json`.

    Parameters
    ----------
    recorded
        Path to the SHA-256 that the FASTA had when it was checked.

    Returns
    -------
    Path
        The directory. A compiled reference of the same bytes is kept as it is.

    Raises
    ------
    InputError
        If the file is not FASTA, is cut off, names a contig twice, changes while it is
        read, or is no longer what was recorded.
    """
    index = directory / "reference.json"
    if _is_compiled(fasta, directory, recorded):
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    state = file_state(fasta)
    with ExitStack() as stack:
        # Jobs that compile the same file at the same time write the same, each its own file.
        own = unfinished_name(directory / "reference.bases")
        stack.callback(own.unlink, missing_ok=True)
        with read_as_recorded([fasta], recorded) as digests:
            entries = _compile(fasta, own)
        text = json.dumps([[e["name"], e["refget"]] for e in entries])
        digest = hashlib.sha256(text.encode()).hexdigest()
        # Another process may map the bases of other bytes under the old name.
        bases = "reference.bases" if not index.exists() else f"reference-{digest[:16]}.bases"
        meta = {
            "fasta": fasta.name,
            "stamp": file_stamp(fasta),
            "state": state,
            "sha256": digests[str(fasta)],
            "digest": digest,
            "contigs": entries,
            "bases": bases,
        }
        own.rename(directory / bases)
        write_json(index, meta, indent=None)
    return directory


def _is_compiled(fasta: Path, directory: Path, recorded: Mapping[str, str] | None) -> bool:
    try:
        meta = json.loads((directory / "reference.json").read_text())
        wanted = (recorded or {}).get(str(fasta), meta["sha256"])
        return bool(
            meta["stamp"] == file_stamp(fasta)
            and meta["sha256"] == wanted
            and is_recorded(fasta, meta["state"], meta["sha256"])
        )
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        # Not there, of an earlier version, or damaged: it is compiled anew.
        return False


def cached_reference(
    fasta: Path, cache: Path, recorded: Mapping[str, str] | None = None
) -> Path:
    """Compile a FASTA into a folder of `cache` that is of this state of the file alone.

    Returns
    -------
    Path
        `CACHE/reference-KEY`; found again as long as the file's path, size and time of
        change stay.

    Raises
    ------
    InputError
        As `compile_reference`.
    """
    return compile_reference(fasta, cache / f"reference-{state_key([fasta])}", recorded)


def _compile(fasta: Path, output: Path) -> list[dict[str, object]]:
    """Write the bases; gives name, length and refget digest of each contig."""
    entries: dict[str, dict[str, object]] = {}
    with output.open("wb") as out:
        for name, bases in _iter_fasta(fasta):
            if name in entries:
                raise InputError(f"{fasta}: contig {name} stands twice in the FASTA")
            out.write(bases)
            entries[name] = {
                "name": name,
                "length": int(bases.size),
                "refget": refget_digest(bases),
            }
    if not entries:
        raise InputError(f"{fasta}: no sequence in it", "give a FASTA file")
    return list(entries.values())


def _iter_fasta(fasta: Path):  # type: ignore[no-untyped-def]
    """Yield (name, upper-case bases) of each sequence, one at a time in memory."""
    name: str | None = None
    pieces: list[Bases] = []
    rest, line_starts = b"", True
    try:
        with _chunks(fasta) as f:  # type: ignore[attr-defined]
            while True:
                block = f.read(_BLOCK)
                data, rest = rest + block, b""
                # Without a header all is sequence, wherever its lines end (if they do).
                if block and b">" in data:
                    cut = data.rfind(b"\n") + 1
                    data, rest = data[:cut], data[cut:]
                    if len(rest) > _LONGEST_HEAD:
                        raise InputError(
                            f"{fasta}: a line of more than 2 MiB with > in it",
                            "is this a FASTA? mend the line",
                        )
                # A header line cuts the block; everything between is sequence.
                lines = b"\n" + data if line_starts else data
                line_starts = lines.endswith(b"\n")
                for i, piece in enumerate(lines.split(b"\n>")):
                    if i:
                        head, _, piece = piece.partition(b"\n")
                        if name is not None:
                            yield name, _join(pieces)
                        words = head.split()
                        if not words:
                            raise InputError(f"{fasta}: a sequence has no name")
                        name, pieces = words[0].decode(errors="replace"), []
                    if piece.strip():
                        if name is None:
                            raise InputError(f"{fasta}: not FASTA (first byte is not >)")
                        pieces.append(_clean(piece, fasta, name))
                if not block:
                    break
    except DAMAGED as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"{fasta}: cut off or damaged ({error})", "copy it again") from error
    if name is not None:
        yield name, _join(pieces)


def _join(pieces: list[Bases]) -> Bases:
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)


def _clean(piece: bytes, fasta: Path, name: str) -> Bases:
    bases = piece.translate(_UPPER, _BLANKS)
    if bad := bases.translate(None, _LETTERS + b"*-"):
        raise InputError(f"{fasta}: {chr(bad[0])!r} in the sequence of {name}: not FASTA")
    return np.frombuffer(bases, np.uint8)


class OpenedReference:
    """A reference for one command.

    A folder that is compiled already is used as it is. A FASTA is compiled: into the folder
    `$VARHOUSE_CACHE`, where later commands find it, else into a temporary one that is
    removed at the end.
    """

    def __init__(self, path: Path, contigs: Contigs | None = None) -> None:
        self._path, self._contigs = path, contigs
        self._tmp: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Reference:
        if (self._path / "reference.json").exists():
            return Reference(self._path, self._contigs)
        if cache := os.environ.get(VARIABLE):
            return Reference(cached_reference(self._path, Path(cache)), self._contigs)
        self._tmp = tempfile.TemporaryDirectory(prefix="varhouse-reference-")
        try:
            folder = compile_reference(self._path, Path(self._tmp.name))
            return Reference(folder, self._contigs)
        except BaseException:
            # Without it no `__exit__` follows.
            self._tmp.cleanup()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tmp is not None:
            self._tmp.cleanup()


def empty_reference(directory: Path, contigs: Contigs) -> Reference:
    """Make a reference that holds no bases: everything is then unchecked.

    For commands that can work without a FASTA. The contigs count as pieces.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "reference.bases").touch()
    meta = {"fasta": "none", "stamp": {}, "digest": "", "contigs": []}
    (directory / "reference.json").write_text(json.dumps(meta))
    return Reference(directory, contigs)
