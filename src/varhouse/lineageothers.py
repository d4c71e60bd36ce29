"""What other callers say in a VCF's header of themselves and of their reference.

Nothing of this is in the specification but `##reference` and `##source` (section 1.2 of 4.1;
an example since): each rule names who writes so. A version that a header does not give is
None, never guessed. Nothing here decides anything; it is told.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

_COMMAND_LINE = re.compile(r"(GATK|DRAGEN|Sentieon|[A-Za-z]\w*?)CommandLine(?:\.\S+)?")
"""`##GATKCommandLine=<ID=HaplotypeCaller,CommandLine="...",Version="4.2.0.0",...>` of GATK 4,
`##GATKCommandLine.HaplotypeCaller=<ID=...,Version=3.7-0,CommandLineOptions="...">` of GATK 2
and 3; DRAGEN and Sentieon likewise."""

_OF_PART = re.compile(r"(bcftools|samtools|vcftools)_(\w+?)(Version|Command)")
"""`##bcftools_callVersion=1.20+htslib-1.20`, `##bcftools_callCommand=call -m; Date=...`."""

_OF_WHOLE = re.compile(
    r"(samtools|SnpEff|GLnexus|DeepVariant|[Cc]lair3|octopus|DRAGEN|Platypus|Sentieon|freebayes"
    r"|whatshap|minimap2|bwa)_?(Version|version|Command|Cmd)"
)
"""`##samtoolsVersion=1.9`, `##DeepVariant_version=1.6.0`, `##GLnexusVersion=v1.4.1`. A
general rule would take the versions of databases for programs."""

_OLD_GATK = re.compile(r'(\w+)="analysis_type=')
"""`##UnifiedGenotyper="analysis_type=UnifiedGenotyper ..."` of GATK 1."""

_SOURCE = re.compile(r"(?P<name>.*?\S)(?:[ _]+(?:[Vv]ersion[ _:]*|v\.?)?|,\s*)"
                     r"(?P<version>\d[\w.+~-]*)")  # fmt: skip
"""`freeBayes v1.3.6`, `Platypus_Version_0.8.1`, `DELLY 0.8.3`."""

_VALUE = re.compile(r'([A-Za-z]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^,<>"]*))')
_ESCAPED = re.compile(r"\\(.)")
_COMMANDS = ("commandline", "cmdline", "command")
"""Of freebayes, Strelka and Clair3: lines without the program's name."""


def read_others(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Read programs and references out of meta lines, in the order of the lines.

    Parameters
    ----------
    lines
        Lines that begin with `##`.

    Returns
    -------
    list of dict
        Fields of `lineage.Entry`; versions and command lines of one program are together.
    """
    tools: dict[str, dict[str, Any]] = {}
    sources: list[str] = []
    loose: dict[str, str] = {}
    references: list[str] = []
    for line in lines:
        key, equals, value = line[2:].partition("=")
        value = value.strip()
        if not equals or not value:
            continue
        if key == "reference":
            references.append(value)
        elif key == "source":
            sources.append(_unquoted(value))
        elif key == "source_version" or key.lower() in _COMMANDS:
            what = "version" if key == "source_version" else "options"
            loose.setdefault(what, _unquoted(value))
        else:
            _take_tool(line[2:], key, value, tools)
    _add_sources(sources, loose, tools)
    found = [
        {"kind": "reference", "name": _name(r)} for r in dict.fromkeys(references) if _name(r)
    ]
    return found + [{"kind": "tool", "name": name, **more} for name, more in tools.items()]


def _take_tool(line: str, key: str, value: str, tools: dict[str, dict[str, Any]]) -> None:
    """Add what a line says of a program, if it says anything."""
    if (match := _COMMAND_LINE.fullmatch(key)) and value.startswith("<"):
        pairs = {
            m[1]: m[3] if m[2] is None else _ESCAPED.sub(r"\1", m[2])
            for m in _VALUE.finditer(value)
        }
        name, package = pairs.get("ID", ""), match[1]
        same = name.lower() == package.lower()
        own = package if same or not name else f"{package} {name}"
        options = pairs.get("CommandLine") or pairs.get("CommandLineOptions")
        _put(tools, own, version=pairs.get("Version"), options=options)
    elif match := _OF_PART.fullmatch(key):
        what = "version" if match[3] == "Version" else "options"
        _put(tools, f"{match[1]} {match[2]}", **{what: _undated(value)})
    elif match := _OF_WHOLE.fullmatch(key):
        what = "version" if match[2].lower() == "version" else "options"
        if not value.startswith("<"):
            _put(tools, match[1], **{what: _undated(_unquoted(value))})
    elif match := _OLD_GATK.match(line):
        _put(tools, f"GATK {match[1]}", options=_unquoted(value))
    elif key == "VEP":
        first = re.match(r'"?v?([^"\s]+)', value)
        _put(tools, "VEP", version=first[1] if first else None)


def _put(tools: dict[str, dict[str, Any]], name: str, **said: str | None) -> None:
    """Add what is said; a program that ran twice has the version and options of its first."""
    known = tools.setdefault(name, {})
    for what, text in said.items():
        if text:
            known.setdefault(what, text)


def _add_sources(
    sources: list[str], loose: dict[str, str], tools: dict[str, dict[str, Any]]
) -> None:
    """Add the programs that `##source` alone names, with the lines that name none."""
    last = {name.split()[-1].lower() for name in tools}
    for source in dict.fromkeys(sources):
        match = _SOURCE.fullmatch(source)
        name = match["name"] if match else source
        if name.lower() in last or not name:
            continue
        _put(tools, name, **({"version": match["version"]} if match else {}))
        _put(tools, name, **loose)
        loose = {}


def _undated(command: str) -> str:
    """Leave out when a command ran, which makes equal ones differ."""
    return re.sub(r";\s*Date=.*", "", command)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _name(reference: str) -> str:
    """Give the name of a reference of which a path, a URL or a name stands there."""
    text = _unquoted(reference)
    if text.startswith("<"):
        pairs = {m[1].lower(): m[2] or m[3] or "" for m in _VALUE.finditer(text)}
        text = pairs.get("url") or pairs.get("id") or ""
    place = re.sub(r"[?#].*", "", text) if "://" in text else text
    name = re.split(r"[/\\]", place.rstrip("/\\"))[-1]
    return unquote(name) if "://" in text else name
