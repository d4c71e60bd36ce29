"""Entries of INFO that tell what an ALT does (CSQ, ANN, ...), of records of which ALTs go.

An entry names its allele by its number, as it stands in ALT, or as VEP does
(`csq.vep_alleles`: without a base that all alleles begin with). Entries of ALTs that go are
taken out. A field in which an entry names no ALT of the record, or that names none at all
(BCSQ), goes from the record: it may tell of the ALT that went.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from varhouse.vcf.header.meta_lines import read_meta

_WITHOUT_NAMES = ("BCSQ", "EFF", "CSQ", "vep")
_ENTRY_FIELDS = 3
"""A Description that names so many fields, parted by `|`, is of entries."""


class Entries(NamedTuple):
    """Where an entry names its allele: field of its text and of its number; None: nowhere."""

    allele: int | None
    number: int | None


def find_entries(header_lines: Sequence[str]) -> dict[str, Entries]:
    """Find the INFO keys that hold entries, by their declarations and by names of tools."""
    found = {key: Entries(None, None) for key in _WITHOUT_NAMES}
    found["ANN"] = Entries(0, None)
    for line in header_lines:
        if not line.startswith("##INFO="):
            continue
        meta = read_meta(line)
        pieces = meta.get("Description", "").split("|")
        if len(pieces) < _ENTRY_FIELDS:
            continue
        first = re.search(r"[\w.-]*\s*\Z", pieces[0])
        names = [first[0] if first else "", *pieces[1:]]
        fields = [n.strip(" '\"").upper() for n in names]
        places = {name: k for k, name in enumerate(fields)}
        found[meta.get("ID", "")] = Entries(places.get("ALLELE"), places.get("ALLELE_NUM"))
    return found


def cut_entries(
    info: str, alts: Sequence[str], stays: Sequence[bool], known: Mapping[str, Entries]
) -> str:
    """Give INFO without the entries of ALTs that go.

    Parameters
    ----------
    info
        INFO of a record.
    alts, stays
        Its ALTs, and which stay.
    known
        See `find_entries`.
    """
    if not any(key in info for key in known):
        return info
    out = []
    for entry in info.split(";"):
        key, equals, value = entry.partition("=")
        if not equals or key not in known:
            out.append(entry)
        elif kept := _keep(value, alts, stays, known[key]):
            out.append(f"{key}={kept}")
    return ";".join(out) or "."


def _keep(
    value: str, alts: Sequence[str], stays: Sequence[bool], where: Entries
) -> str | None:
    """Give the entries of ALTs that stay; None if they cannot be told, or there are none."""
    names = {True: set[str](), False: set[str]()}
    for alt, keeps in zip(alts, stays, strict=True):
        names[keeps] |= {alt, alt[1:] or "-"}
    kept = []
    for entry in value.split(","):
        fields = entry.split("|")
        number = _field(fields, where.number)
        if number.isdecimal() and 0 < int(number) <= len(alts):
            k = int(number)
            if stays[k - 1]:
                fields[where.number or 0] = str(sum(stays[:k]))
                kept.append("|".join(fields))
            continue
        allele = _field(fields, where.allele)
        if allele in names[True]:
            kept.append(entry)
        elif allele not in names[False]:
            return None
    return ",".join(kept) or None


def _field(fields: Sequence[str], place: int | None) -> str:
    return fields[place] if place is not None and place < len(fields) else ""
