"""What of a header can be mended without a guess, and how.

Only what follows from the specification, from the reference or from the file itself:
the version line in its place and spelling, contigs under the reference's names and with
its lengths, reserved keys declared as the specification defines them, lines that stand
twice.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from varhouse.genome.reference import Reference
from varhouse.vcf.header.deviations import differences
from varhouse.vcf.header.header import FIXED
from varhouse.vcf.header.meta_lines import is_filter, legal_contig, read_meta, set_value
from varhouse.vcf.header.reserved import ANY, reserved

_VERSION = re.compile(r"##\s*fileformat\s*=\s*VCF\s*v?\s*(4\.[1-5])\s*", re.IGNORECASE)
_EMPTY_COLUMNS = re.compile(r"(?:\t *)+\Z")

DESCRIPTION = "Reserved by the VCF specification"


@dataclass(frozen=True)
class Change:
    """A row of the table of changes; `count` lines were changed in this way.

    `line` is the first of them, 1-based in the input; None for a line that was added.
    """

    line: int | None
    contig: str | None
    pos: int | None
    field: str
    before: str
    after: str
    code: str
    why: str
    count: int = 1


@dataclass
class BodyNames:
    """Names that the records use, in the order of their first appearance."""

    contigs: list[str] = field(default_factory=list)
    info: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)


@dataclass
class HeaderRepair:
    """A header as it shall be, and what was changed in it."""

    lines: list[str]
    changes: list[Change] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    version: int | None = None
    contigs: list[str] = field(default_factory=list)
    """Contigs in the order in which records shall stand."""

    wanted: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Keys that are declared anew: (`INFO` or `FORMAT`, key) to (Number, Type)."""


def repair_header(
    lines: list[str],
    numbers: list[int],
    used: BodyNames,
    canonical: Callable[[str], str | None],
    reference: Reference | None,
    unfit: Collection[tuple[str, str]] = (),
) -> HeaderRepair:
    """Mend a header.

    Parameters
    ----------
    lines, numbers
        Header lines, the last is #CHROM, and their 1-based numbers in the file.
    used
        Names that the records use.
    canonical
        Gives the reference's name of a contig, or None.
    reference
        Gives the lengths of contigs that are not declared; None: no lengths.
    unfit
        Keys that are not declared anew, because values of theirs would not fit.
    """
    out = HeaderRepair([])
    rows = list(zip(lines, numbers, strict=True))
    columns, number = rows.pop()
    rows = _version_first(rows, out)
    rows = _without_repeats(rows, out)
    rows = [(_mend_declared(line, n, out, unfit), n) for line, n in rows]
    rows = _rename_contigs(rows, canonical, out)
    meta = [line for line, _ in rows]
    meta = _add_contigs(meta, used.contigs, canonical, reference, out)
    meta += _missing_filters(meta, _split(used.filters, ";"), out)
    meta += _missing(meta, "INFO", used.info, out, unfit)
    meta += _missing(meta, "FORMAT", _split(used.formats, ":"), out, unfit)
    out.lines = [*meta, _mend_columns(columns, number, out)]
    return out


def _split(texts: Iterable[str], separator: str) -> list[str]:
    return list(dict.fromkeys(name for text in texts for name in text.split(separator)))


def _version_first(rows: list[tuple[str, int]], out: HeaderRepair) -> list[tuple[str, int]]:
    """Put one well-written ##fileformat first, if the header has just one."""
    found = [(i, m) for i, (line, _) in enumerate(rows) if (m := _VERSION.fullmatch(line))]
    if len({m[1] for _, m in found}) != 1:
        why = "no ##fileformat" if not found else "several versions in ##fileformat"
        out.left.append(f"VH-H-001: {why}: which version of VCF it is would be a guess")
        return rows
    i, match = found[0]
    out.version = int(match[1][2:])
    line, number = rows[i]
    wanted = f"##fileformat=VCFv{match[1]}"
    if i or line != wanted:
        why = "the version stands first" if i else "as the specification writes it"
        out.changes.append(
            Change(number, None, None, "fileformat", line, wanted, "VH-H-001", why)
        )
    return [(wanted, number), *rows[:i], *rows[i + 1 :]]


def _without_repeats(rows: list[tuple[str, int]], out: HeaderRepair) -> list[tuple[str, int]]:
    """Remove declarations that repeat an earlier line letter by letter."""
    seen: dict[str, int] = {}
    kept = []
    for line, number in rows:
        declares = line.startswith(
            ("##fileformat=", "##contig=<", "##INFO=<", "##FORMAT=<", "##FILTER=<", "##ALT=<")
        )
        if declares and line in seen:
            out.changes.append(
                Change(
                    number,
                    None,
                    None,
                    "header",
                    line,
                    "",
                    "VH-H-021",
                    f"the same as line {seen[line]}",
                )
            )
            continue
        seen.setdefault(line, number)
        kept.append((line, number))
    return kept


def _mend_declared(
    line: str, number: int, out: HeaderRepair, unfit: Collection[tuple[str, str]]
) -> str:
    """Declare a reserved INFO or FORMAT key as the specification defines it."""
    kind = line[2:].partition("=")[0]
    if kind not in ("INFO", "FORMAT"):
        return line
    meta = read_meta(line)
    name = meta.get("ID", "")
    wanted = reserved(kind, name, out.version)
    if wanted is None:
        return line
    others = differences(kind, name, meta.get("Number", ""), meta.get("Type", ""), out.version)
    if not others:
        return line
    if (kind, name) in unfit:
        out.left.append(
            f"{others[0].code}: {kind}/{name} is reserved as Number={wanted.number}, "
            f"Type={wanted.type}, and has values that do not fit: which is wrong is a guess"
        )
        return line
    out.wanted[kind, name] = (wanted.number, wanted.type)
    for d in others:
        line = set_value(line, d.key, d.wanted)
        out.changes.append(
            Change(
                number,
                None,
                None,
                f"{kind}/{name}",
                f"{d.key}={d.found}",
                f"{d.key}={d.wanted}",
                d.code,
                f"VCF specification, section {d.section}",
            )
        )
    return line


def _rename_contigs(
    rows: list[tuple[str, int]], canonical: Callable[[str], str | None], out: HeaderRepair
) -> list[tuple[str, int]]:
    kept = []
    seen: set[str] = set()
    for line, number in rows:
        if not line.startswith("##contig=<"):
            kept.append((line, number))
            continue
        name = read_meta(line).get("ID", "")
        wanted = canonical(name) or name
        if wanted in seen and wanted != name:
            out.changes.append(
                Change(
                    number,
                    name,
                    None,
                    "contig",
                    line,
                    "",
                    "VH-R-011",
                    f"{wanted} is declared already",
                )
            )
            continue
        seen.add(wanted)
        if wanted != name:
            line = set_value(line, "ID", wanted)
            out.changes.append(
                Change(
                    number,
                    name,
                    None,
                    "contig",
                    name,
                    wanted,
                    "VH-R-011",
                    "the reference's name",
                )
            )
        kept.append((line, number))
    return kept


def _add_contigs(
    meta: list[str],
    used: list[str],
    canonical: Callable[[str], str | None],
    reference: Reference | None,
    out: HeaderRepair,
) -> list[str]:
    """Declare the contigs that records use; then all stand in the reference's order."""
    declared = [
        read_meta(line).get("ID", "") for line in meta if line.startswith("##contig=<")
    ]
    absent = [c for c in dict.fromkeys(canonical(c) or c for c in used) if c not in declared]
    missing = [c for c in absent if legal_contig(c, 3)]
    # `<1>` is a sequence of an ##assembly file; other odd names cannot be declared.
    out.contigs = [*dict.fromkeys(declared), *absent]
    if not missing:
        return meta
    lines: dict[str, str] = {}
    for name in missing:
        length = _length(name, reference)
        lines[name] = f"##contig=<ID={name}" + (f",length={length}>" if length else ">")
        why = "length of the reference" if length else "used by records"
        out.changes.append(
            Change(None, name, None, "contig", "", lines[name], "VH-B-016", why)
        )
    for line in meta:
        if line.startswith("##contig=<"):
            lines[read_meta(line).get("ID", "")] = line
    order = reference.contigs.ordinal if reference is not None else {}
    first = {c: i for i, c in enumerate([*declared, *missing])}
    ranked = sorted(lines, key=lambda c: (order.get(c, len(order)), first[c]))
    out.contigs = [*ranked, *(c for c in absent if c not in lines)]
    others = [line for line in meta if not line.startswith("##contig=<")]
    return [*others, *(lines[c] for c in ranked)]


def _length(name: str, reference: Reference | None) -> int | None:
    """Give the length of a whole contig, never that of a piece."""
    if reference is None or name not in reference.contigs.by_name:
        return None
    known = reference.contigs.by_name[name].length
    return known or (reference.length(name) if reference.is_whole(name) else None) or None


def _declared(meta: list[str], kind: str) -> set[str]:
    start = f"##{kind}=<"
    return {read_meta(line).get("ID", "") for line in meta if line.startswith(start)}


def _missing_filters(meta: list[str], used: list[str], out: HeaderRepair) -> list[str]:
    declared = _declared(meta, "FILTER")
    lines = []
    for name in used:
        if name in declared or name == "PASS" or not is_filter(name):
            continue
        line = f'##FILTER=<ID={name},Description="Not described in the input">'
        out.changes.append(
            Change(None, None, None, f"FILTER/{name}", "", line, "VH-B-015", "used by records")
        )
        lines.append(line)
    return lines


def _missing(
    meta: list[str],
    kind: str,
    used: list[str],
    out: HeaderRepair,
    unfit: Collection[tuple[str, str]],
) -> list[str]:
    """Declare reserved keys that records use and the header does not."""
    declared = _declared(meta, kind)
    lines = []
    for name in used:
        if name in declared or name in ("", "."):
            continue
        found = reserved(kind, name, out.version)
        if found is None or found.type == ANY:
            out.left.append(f"{kind}/{name} is not declared, and is no reserved key")
            continue
        if (kind, name) in unfit:
            out.left.append(
                f"{kind}/{name} is not declared, and has values that are not those of the "
                "reserved key"
            )
            continue
        out.wanted[kind, name] = (found.number, found.type)
        line = (
            f"##{kind}=<ID={name},Number={found.number},Type={found.type},"
            f'Description="{DESCRIPTION}">'
        )
        code = "VH-I-004" if kind == "INFO" else "VH-M-004"
        out.changes.append(
            Change(
                None,
                None,
                None,
                f"{kind}/{name}",
                "",
                line,
                code,
                f"VCF specification, section {found.section}",
            )
        )
        lines.append(line)
    return lines


def without_empty_columns(line: str) -> str:
    """Give a #CHROM line without empty columns at its end; names keep their spaces."""
    return _EMPTY_COLUMNS.sub("", line)


def _mend_columns(line: str, number: int, out: HeaderRepair) -> str:
    """Remove tabs at the end of the #CHROM line; records decide whether they fit."""
    bare = without_empty_columns(line)
    if bare != line and tuple(bare.split("\t")[:8]) == FIXED:
        out.changes.append(
            Change(
                number,
                None,
                None,
                "#CHROM",
                line[-20:],
                bare[-20:],
                "VH-H-003",
                "no sample stands there",
            )
        )
        return bare
    return line
