"""From which reads, reference and programs calls come: header lines of a VCF, and back.

`varhouse call` writes what it read and ran into the header of each gVCF, as meta lines of
its own. A store keeps the header of every file (table `files`), so the lineage of a call set
comes along without a column more; `read_lineage` takes it out again. Of files of other
callers it reads what these are known to write: see `lineageothers`.

The lines keep to section 1.4 of the VCF specification: a structured line has a unique ID, and
text stands in quotes, in which a quote and a backslash are escaped by a backslash. The ID is
a digest of the rest of the line, so that a merge of files of several people (htslib keeps one
line of equal key and ID) loses none, and joins what is equal. Files are named without the
folders that they lay in: those are nobody's business, and change.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from varhouse.errors import InputError
from varhouse.lineageothers import read_others

READS, REFERENCE, TOOL = "reads", "reference", "tool"
"""Kinds of entries."""

_CALL = "varhouse_call"
_LINE = re.compile(r"##(varhouse_(?:call|reads|reference|tool))=<(.*)>\s*\Z")
_PAIR = re.compile(r'([A-Za-z]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^",]*))(?:,|\Z)')
_ESCAPED = re.compile(r"\\(.)")
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends a line for some reader, the control characters that the specification disallows
in a VCF, and halves of letters, which are no UTF-8. (A tab would do; a name has none.)"""

_FOLDERS = re.compile(
    r"(?:\bfile://|(?<![\w.:/]))(?:~|\.{1,2})?/(?:[^\s/'\"=,:;<>|&()]+/)*(?=[^\s/])"
)
"""The folders of a path in a command line."""

_SKIPPED = ("##contig=", "##INFO=", "##FORMAT=", "##FILTER=", "##ALT=")


@dataclass(frozen=True)
class Entry:
    """A file of reads, a reference or a program that calls were made from or by.

    What is not said is None.

    Attributes
    ----------
    kind
        `reads`, `reference` or `tool`.
    name
        Of the file, without folders; of the program.
    step
        Of a tool: trim, align, duplicates, base_quality, call, ...
    version, carrier, options
        Of a tool: as it gives its version itself, the package that holds it, arguments.
    sample, lane, library, platform
        Whose reads.
    n_reads, bytes
        Reads in the file (a mate each), its size.
    md5, sha256
        Of the bytes of the file.
    digest
        Of the bases of the reference, as a store has it (`genome.reference`).
    """

    kind: str
    name: str
    step: str | None = None
    version: str | None = None
    carrier: str | None = None
    options: str | None = None
    sample: str | None = None
    lane: str | None = None
    library: str | None = None
    platform: str | None = None
    n_reads: int | None = None
    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None
    digest: str | None = None


def lineage_lines(
    sample: str,
    lanes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    reference: Mapping[str, Any],
    tools: Iterable[Mapping[str, Any]],
    version: str,
) -> list[str]:
    """Write the header lines that name what a person's gVCF was made from.

    Parameters
    ----------
    sample
        The person, as in the column of the gVCF.
    lanes
        A lane of the person and its facts, each as JSON (`reads.model.Lane`, `LaneFacts`).
    reference
        `name` (or a path, of which the name is taken), and of `digest`, `sha256` and `bytes`
        what is known.
    tools
        `reads.model.Tool` as JSON, in the order of the steps; equal ones are written once.
    version
        Version of varhouse.

    Returns
    -------
    list of str
        Lines `##varhouse_...=<...>` without ends of line.

    Raises
    ------
    InputError
        If a name holds what no header line can: a line break, another control character.
    """
    lines = [_line("call", {"Sample": sample, "Version": version})]
    lines += [_reads(sample, lane, file) for lane, facts in lanes for file in facts["files"]]
    pairs = {
        "Name": _name_of(reference["name"]),
        "Bytes": reference.get("bytes"),
        "SHA256": reference.get("sha256"),
        "Digest": reference.get("digest"),
    }
    lines.append(_line("reference", pairs))
    for tool in tools:
        pairs = {
            "Step": tool["step"],
            "Name": _name_of(tool["name"]),
            "Version": tool["version"],
            "Carrier": tool.get("carrier"),
            "Options": without_folders(tool.get("options") or ""),
        }
        lines.append(_line("tool", pairs))
    return list(dict.fromkeys(lines))


def _reads(sample: str, lane: Mapping[str, Any], file: Mapping[str, Any]) -> str:
    """Write the line of a file of reads."""
    pairs = {
        "Sample": sample,
        "Lane": lane["lane"],
        "Library": lane["library"],
        "Platform": lane["platform"],
        "Name": _name_of(file["name"]),
        "Reads": file.get("n_reads"),
        "Bytes": file.get("bytes"),
        "MD5": file.get("md5"),
        "SHA256": file.get("sha256"),
    }
    return _line("reads", pairs)


def without_folders(command: str) -> str:
    """Leave the folders of paths out of a command line: `-f /home/x/ref.fa` is `-f ref.fa`."""
    return _FOLDERS.sub("", command)


def _name_of(path: str) -> str:
    return PurePath(path).name or path


def _line(kind: str, pairs: Mapping[str, Any]) -> str:
    """Write a line; keys without a value are left out, numbers stand without quotes."""
    written = []
    for key, value in pairs.items():
        if value is None or value == "":
            continue
        text = str(value)
        if _REFUSED.search(text):
            raise InputError(
                f"{key.lower()} {text!r} cannot stand in the header of a VCF: "
                "it holds a control character",
                "rename it",
            )
        if isinstance(value, int):
            written.append(f"{key}={text}")
        else:
            escaped = text.replace("\\", r"\\").replace('"', r"\"")
            written.append(f'{key}="{escaped}"')
    body = ",".join(written)
    digest = hashlib.sha256(f"{kind},{body}".encode()).hexdigest()[:16]
    return f"##varhouse_{kind}=<ID={digest},{body}>"


def read_lineage(header: str) -> list[Entry]:
    """Read what a header says of the reads, the reference and the programs behind its calls.

    Parameters
    ----------
    header
        Header lines as in the file, of any caller; other lines are passed over.

    Returns
    -------
    list of Entry
        In the order of the header; what other programs than `varhouse call` wrote is last.
    """
    meta = [
        line.removesuffix("\r")
        for line in header.split("\n")
        if line.startswith("##") and not line.startswith(_SKIPPED)
    ]
    own = [(m[1], _pairs(m[2])) for line in meta if (m := _LINE.match(line))]
    entries = [_entry(kind, pairs) for kind, pairs in own]
    others = [Entry(**found) for found in read_others(meta)]
    if any(kind == _CALL for kind, _ in own):
        others = [e for e in others if not e.name.startswith("varhouse ")]
    seen_reference = any(e.kind == REFERENCE for e in entries)
    return entries + [e for e in others if not (e.kind == REFERENCE and seen_reference)]


def is_called_here(entries: Iterable[Entry]) -> bool:
    """Tell whether the calls are of `varhouse call`."""
    return any(e.kind == TOOL and e.name == "varhouse" for e in entries)


def _pairs(inside: str) -> dict[str, str]:
    """Read `key=value,...`, up to where it cannot be read; of a key twice the first holds."""
    found: dict[str, str] = {}
    at = 0
    while match := _PAIR.match(inside, at):
        value = match[3] if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        found.setdefault(match[1], value)
        at = match.end()
    return found


def _entry(kind: str, pairs: Mapping[str, str]) -> Entry:
    get = pairs.get
    if kind == _CALL:
        return Entry(
            TOOL, "varhouse", "workflow", get("Version"), sample=get("Sample"),
        )  # fmt: skip
    if kind == "varhouse_tool":
        return Entry(
            TOOL, get("Name", ""), get("Step"), get("Version"), get("Carrier"), get("Options")
        )
    return Entry(
        kind.removeprefix("varhouse_"),
        get("Name", ""),
        sample=get("Sample"),
        lane=get("Lane"),
        library=get("Library"),
        platform=get("Platform"),
        n_reads=_number(get("Reads")),
        bytes=_number(get("Bytes")),
        md5=get("MD5"),
        sha256=get("SHA256"),
        digest=get("Digest"),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text, re.ASCII) else None
