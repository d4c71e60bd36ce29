"""Fields that name bases, in records that come to lie on the other strand.

REF and ALT are complemented, so what names bases beside them must be, too: INFO/AA (the
ancestral allele) and Strelka's counts by base (FORMAT AU, CU, GU, TU). Counts by strand of the
reads stay as the caller made them.
"""

import re
from collections import Counter

import polars as pl

_AA = re.compile(r"(^|;)AA=([^;]*)")
_BASES = re.compile(r"[ACGTNacgtn]+")
_FLIP = str.maketrans("ACGTNacgtn", "TGCANtgcan")
_OF_BASES = {"AU": "TU", "CU": "GU", "GU": "CU", "TU": "AU"}
_LOST = "INFO/AA of records on the other strand"


def flip_info(info: pl.Series, reverse: pl.Series, removed: Counter[str]) -> pl.Series:
    """Complement INFO/AA where `reverse`; a value that is no sequence of bases goes.

    `removed` counts the records that lost it.
    """
    rows = (reverse & info.str.contains(_AA.pattern)).arg_true()
    if not rows.len():
        return info
    new = [_with_flipped(text, removed) for text in info.gather(rows).to_list()]
    return info.scatter(rows, pl.Series(new, dtype=pl.String))


def _with_flipped(info: str, removed: Counter[str]) -> str:
    items = []
    for item in info.split(";"):
        value = item[3:]
        if not item.startswith("AA=") or value in ("", ".", "-"):
            items.append(item)
        elif _BASES.fullmatch(value):
            items.append("AA=" + value[::-1].translate(_FLIP))
        else:
            removed[_LOST] += 1
    return ";".join(items) or "."


def flip_format(rest: pl.Series, reverse: pl.Series) -> pl.Series:
    """Give counts by base the name of the base on the other strand, where `reverse`."""
    named = rest.str.contains(r"^(?:[^\t]*:)?[ACGT]U(?:[:\t]|$)")
    rows = (reverse & named).arg_true()
    if not rows.len():
        return rest
    new = []
    for text in rest.gather(rows).to_list():
        form, tab, cells = text.partition("\t")
        keys = [_OF_BASES.get(key, key) for key in form.split(":")]
        new.append(":".join(keys) + tab + cells)
    return rest.scatter(rows, pl.Series(new, dtype=pl.String))
