"""One record of a source against the same record of a store: sites, calls, FORMAT fields.

The source is what htslib makes of the line (cyvcf2). It reads numbers where the store keeps
text, so that floats are compared as 32 bits have them, and `.` is what a dropped value is.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from varhouse.verify.storedrecords import Calls, FieldValues, Row

END = -(2**31) + 1
"""What htslib has behind the last value of a cell."""
MISSING = -(2**31)

Wrong = Iterator[str]


def _list(text: str | None, separator: str) -> list[str]:
    return [] if text in (None, ".", "") else str(text).split(separator)


def _float(text: str) -> np.float32:
    try:
        return np.float32(text)
    except ValueError:
        return np.float32("nan")


def _is_same(value: Any, text: str) -> bool:
    """Tell whether a text says a value as cyvcf2 gives it."""
    if value is None:
        return text in (".", "") or set(text) <= {".", ","}
    if isinstance(value, bool):
        return bool(text == "" and value)
    if isinstance(value, tuple | list):
        texts = text.split(",")
        return len(texts) == len(value) and all(
            _is_same(v, t) for v, t in zip(value, texts, strict=True)
        )
    if isinstance(value, int):
        return text.lstrip("+-").isdigit() and int(text) == value
    if isinstance(value, float):
        a, b = np.float32(value), _float(text)
        return bool(a == b or (np.isnan(a) and np.isnan(b)))
    return str(value) == text


def compare_info(variant: Any, info: str) -> Wrong:
    """Compare INFO, key by key; of a key that stands twice htslib has the first."""
    stored: dict[str, str] = {}
    for entry in _list(info, ";"):
        key, _, text = entry.partition("=")
        stored.setdefault(key, text)
    found = dict(variant.INFO)
    for key in sorted(stored.keys() | found.keys()):
        if key not in stored or key not in found:
            # htslib gives nothing for a key whose value is `.`
            if key in stored and set(stored[key]) <= {".", ","}:
                continue
            yield f"INFO/{key} is only in the {'store' if key in stored else 'source'}"
        elif not _is_same(found[key], stored[key]):
            yield f"INFO/{key} is {found[key]!r} in the source, {stored[key]!r} in the store"


def compare_site(variant: Any, row: Row, *, with_info: bool) -> Wrong:
    """Compare CHROM to INFO of a record."""
    qual = row["qual"]
    if isinstance(qual, str):
        qual = float(_float(qual))
    pairs: list[tuple[str, Any, Any]] = [
        ("CHROM", variant.CHROM, row["chrom"]),
        ("POS", variant.POS, row["pos"]),
        ("ID", variant.ID, row["id"]),
        ("REF", variant.REF, row["ref"]),
        ("ALT", list(variant.ALT), _list(row["alt"], ",")),
        ("FILTER", list(variant.FILTERS), _list(row["filter"], ";")),
    ]
    for name, found, stored in pairs:
        if found != stored:
            yield f"{name} is {found!r} in the source, {stored!r} in the store"
    if (variant.QUAL is None) != (qual is None) or (
        qual is not None and np.float32(variant.QUAL) != np.float32(qual)
    ):
        yield f"QUAL is {variant.QUAL} in the source, {qual} in the store"
    if with_info:
        info = row["info"]
        if row.get("end_apart"):
            # Of a reference block the number of its first END stands in a column.
            info = ";".join(
                f"END={row['end']}" if e in ("END", "END=") else e for e in info.split(";")
            )
        yield from compare_info(variant, info)


def source_calls(variant: Any) -> Calls | None:
    """Give the genotypes of a record of a source; None: FORMAT has no GT."""
    if "GT" not in (variant.FORMAT or ()):
        return None
    array = variant.genotype.array()
    alleles = np.ascontiguousarray(array[:, :-1], np.int16)
    phased = array[:, -1].astype(np.int8)
    phased[(alleles > -2).sum(axis=1) < 2] = -1
    return Calls(alleles, phased, np.zeros(len(alleles), np.bool_))


def compare_calls(found: Calls | None, stored: Calls | None, names: list[str]) -> Wrong:
    """Compare the genotypes of a record; `names` of the sample columns."""
    if found is None or stored is None:
        if (found is None) != (stored is None):
            yield f"GT is only in the {'store' if found is None else 'source'}"
        return
    if len(found.alleles) != len(stored.alleles):
        yield f"{len(found.alleles)} people in the source, {len(stored.alleles)} in the store"
        return
    width = max(found.alleles.shape[1], stored.alleles.shape[1])
    a, b = (_widened(c.alleles, width) for c in (found, stored))
    off = (a != b).any(axis=1)
    off |= (found.phased != stored.phased) & ~stored.is_odd
    # An allele that the record does not have stands in the odd text alone.
    off &= ~(stored.is_odd & (a != b).any(axis=1))
    bad = np.flatnonzero(off)
    if bad.size:
        who = int(bad[0])
        yield (
            f"GT of {bad.size} people differs, the first {names[who]}: "
            f"{_spell(found, who)} in the source, {_spell(stored, who)} in the store"
        )


def _widened(alleles: npt.NDArray[np.int16], width: int) -> npt.NDArray[np.int16]:
    if alleles.shape[1] == width:
        return alleles
    out = np.full((len(alleles), width), -2, np.int16)
    out[:, : alleles.shape[1]] = alleles
    return out


def _spell(calls: Calls, who: int) -> str:
    separator = "|" if calls.phased[who] == 1 else "/"
    return separator.join("." if a < 0 else str(a) for a in calls.alleles[who] if a > -2)


def compare_field(
    variant: Any, key: str, values: FieldValues | None, names: list[str]
) -> Wrong:
    """Compare the values of a FORMAT field."""
    try:
        found = variant.format(key)
    except (KeyError, ValueError):
        found = None
    if found is None or values is None:
        has_some = found is not None and found.dtype.kind == "i" and (found > END).any()
        has_some |= found is not None and found.dtype.kind == "f" and not np.isnan(found).all()
        if values is None and has_some:
            yield f"FORMAT/{key} is only in the source"
        return
    for first, people, cells in values.pieces:
        own = found[first : first + people]
        if cells.is_number and found.dtype.kind == "i":
            wanted = _matrix(cells.values, cells.cut, own.shape[1])
            if wanted is None:
                bad = np.ones(people, np.bool_)
            else:
                bad = (wanted != _plain(own)).any(axis=1)
            bad &= cells.begin < 0
        else:
            bad = np.zeros(people, np.bool_)
        slow = np.flatnonzero(
            (cells.begin >= 0) | (not cells.is_number) | (found.dtype.kind != "i")
        )
        for c in slow.tolist():
            bad[c] = not _cell_says(own[c], values.text(first + c))
        if bad.any():
            who = int(np.argmax(bad))
            yield (
                f"FORMAT/{key} of {int(bad.sum())} people differs, the first "
                f"{names[first + who]}: {own[who]} in the source, "
                f"{values.text(first + who)} in the store"
            )
            return


def _plain(found: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Write a cell without a value as htslib does one that is `.`."""
    out = np.array(found, np.int64)
    none = (out <= END).all(axis=1)
    out[none] = END
    out[none, 0] = MISSING
    return out


def _matrix(
    values: npt.NDArray[np.int64], cut: npt.NDArray[np.int64], width: int
) -> npt.NDArray[np.int64] | None:
    """Lay cells of numbers side by side as htslib does; None: one has more values."""
    size = np.diff(cut)
    if size.size and int(size.max()) > width:
        return None
    out = np.full((size.size, width), END, np.int64)
    if (size == width).all():
        out[:] = values[cut[0] : cut[-1]].reshape(size.size, width)
    else:
        row = np.repeat(np.arange(size.size), size)
        column = np.arange(row.size) - np.repeat(cut[:-1] - cut[0], size)
        out[row, column] = values[cut[0] : cut[-1]]
    return _plain(out)


def _cell_says(found: Any, text: str | None) -> bool:
    """Tell whether the text of a cell says what htslib made of it."""
    if isinstance(found, str):
        return found == text or (text in (None, ".", "") and found in (".", ""))
    known = np.atleast_1d(found)
    texts = _list(text, ",")
    if known.dtype.kind == "i":
        values = [None if v == MISSING else int(v) for v in known.tolist() if v != END]
        if not any(v is not None for v in values) and set(texts) <= {"."}:
            return True
        try:
            return values == [None if t == "." else int(float(t)) for t in texts]
        except ValueError:
            # htslib has no number for what is none.
            return True
    if not texts:
        return bool(np.isnan(known).all())
    padded = [*(_float(t) for t in texts), *[np.float32("nan")] * (known.size - len(texts))]
    if len(padded) != known.size:
        return False
    return bool(
        np.array_equal(np.array(padded, np.float32), known.astype(np.float32), equal_nan=True)
    )
