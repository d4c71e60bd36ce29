"""Fields of records that come to lie on the other strand.

REF and ALT are complemented, so what names bases or strands beside them must follow: counts of
forward and reverse reads change places, INFO/AA is complemented. What cannot follow is left
out and counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from varhouse.alleles.swaprules import OTHER_STRAND, StrandRule, strand_rule_of

_BASES = re.compile(r"[ACGTNacgtn]+")
_FLIP = str.maketrans("ACGTNacgtn", "TGCANtgcan")
_N_QUALITIES = 16
"""Values of samtools' I16."""


@dataclass(frozen=True)
class Alleles:
    """Alleles of a record before and after, the same one at the same place."""

    old: Sequence[str]
    new: Sequence[str]

    def follow(self, bases: str) -> str | None:
        """Give bases that stand for the whole place (INFO/AA); None: they cannot follow.

        Left-aligning may give an indel another anchor base and place: then only the bases of
        an allele are known.
        """
        flipped = bases[::-1].translate(_FLIP)
        if self.new[0] == self.old[0].upper()[::-1].translate(_FLIP):
            return flipped
        for old, new in zip(self.old, self.new, strict=True):
            if bases.upper() == old.upper():
                return new if bases.isupper() else new.lower()
        return None


def turn_info(info: pl.Series, alleles: Iterable[Alleles], removed: Counter[str]) -> pl.Series:
    """Turn INFO of records to the other strand; `removed` counts what they lost."""
    texts = zip(info.to_list(), alleles, strict=True)
    return pl.Series([_info(t, a, removed) for t, a in texts], dtype=pl.String)


def turn_samples(rest: pl.Series, removed: Counter[str]) -> pl.Series:
    """Turn FORMAT and the cells of samples (tab-separated) to the other strand."""
    return pl.Series([_samples(text, removed) for text in rest.to_list()], dtype=pl.String)


def _info(info: str, alleles: Alleles, removed: Counter[str]) -> str:
    items = [item.partition("=") for item in info.split(";")]
    values = {key: value for key, _, value in items}
    out = []
    for key, equals, value in items:
        rule = strand_rule_of("INFO", key)
        new = value if value == "." else _turn(rule, key, value, values, alleles)
        if new is None:
            _count(removed, f"INFO/{key}")
        else:
            out.append(key + equals + new)
    return ";".join(out) or "."


def _samples(rest: str, removed: Counter[str]) -> str:
    form, tab, text = rest.partition("\t")
    names = form.split(":")
    rules = [strand_rule_of("FORMAT", name) for name in names]
    if all(rule is StrandRule.KEEP for rule in rules):
        return rest
    kept = []
    for i, (name, rule) in enumerate(zip(names, rules, strict=True)):
        alone = rule is StrandRule.OTHER_KEY and OTHER_STRAND[name] not in names
        if alone or rule is StrandRule.LOST:
            _count(removed, f"FORMAT/{name}")
        else:
            kept.append(i)
    # Keys of a pair change their names, so that cells stay as they are.
    other = [OTHER_STRAND.get(names[i], names[i]) for i in kept]
    lost: set[str] = set()
    cells = []
    for cell in text.split("\t") if tab else []:
        values = cell.split(":")
        new = []
        for i in kept:
            if i >= len(values):
                break  # the fields at the end of a cell may be left out
            found: str | None = values[i]
            if rules[i] is not StrandRule.OTHER_KEY and values[i].strip(".,"):
                found = _turn(rules[i], names[i], values[i], {}, None)
            if found is None:
                lost.add(names[i])
            new.append("." if found is None else found)
        cells.append(":".join(new) or ".")
    for name in lost:
        _count(removed, f"FORMAT/{name} of some samples")
    return "\t".join([":".join(other) or ".", *cells])


def _turn(
    rule: StrandRule,
    key: str,
    value: str,
    values: Mapping[str, str],
    alleles: Alleles | None,
) -> str | None:
    """Give a value on the other strand; None: it cannot follow."""
    if rule is StrandRule.KEEP:
        return value
    if rule is StrandRule.LOST:
        return None
    if rule is StrandRule.OTHER_KEY:
        return values.get(OTHER_STRAND[key])
    if rule is StrandRule.BASES:
        if alleles is None or value in ("", "-"):
            return value
        return alleles.follow(value) if _BASES.fullmatch(value) else None
    if rule is StrandRule.PIPES:
        parts = [_twos(part.split(",")) for part in value.split("|")]
        return None if None in parts else "|".join(p for p in parts if p is not None)
    listed = value.split(",")
    if rule is StrandRule.BY_BASE:
        return ",".join(listed[::-1]) if len(listed) == len("ACGT") else None
    if rule is StrandRule.FIRST_FOUR:
        if len(listed) != _N_QUALITIES:
            return None
        return ",".join([listed[1], listed[0], listed[3], listed[2], *listed[4:]])
    # One number alone (SB of older tools) is a test of both directions.
    return value if len(listed) == 1 else _twos(listed)


def _twos(values: Sequence[str]) -> str | None:
    """Exchange the values of each two; None if one is left over."""
    if len(values) % 2:
        return None
    return ",".join(values[i ^ 1] for i in range(len(values)))


def _count(removed: Counter[str], what: str) -> None:
    removed[f"{what} of records on the other strand"] += 1
