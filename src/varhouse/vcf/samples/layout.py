"""What the sub-fields of sample columns are: FORMAT texts, each understood once.

Nearly all records of a file have the same few FORMAT texts. Each distinct text is taken
apart in Python once; a record then only has the number of its layout.
"""

from collections.abc import Collection
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genotypes.fields import Field, field_names
from varhouse.vcf.account.faults import Fault
from varhouse.vcf.header.keys import NO_OTHER, KeyTable, Kind, Number, hash_name
from varhouse.vcf.text.lines import RecordBatch

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

GENOTYPE = 5
"""Kind of the field GT, beside `keys.Kind`."""

_CACHED = 4096
_LOCAL_NUMBERS = (Number.LA, Number.LR, Number.LG)
_LOCAL = {"LAA": 0, "LA": 1}
"""Keys that list a sample's own alleles, and how many of these are REF (VCF 4.5, 1.6.2)."""


class Layout(NamedTuple):
    """One FORMAT text taken apart; all arrays have one entry per field.

    Attributes
    ----------
    key
        int32: number in the key table, -1 for an unknown key.
    kind, number, fixed, also, low, high
        As in `keys.KeyArrays`; the kind of GT is GENOTYPE.
    keep
        int64: 1 when the field's values are kept, else 0.
    faults
        int64[m, 4]: fault, start and end in the FORMAT text, key.
    local
        The field with the sample's own alleles (-1: none), and how many of its values
        are REF.
    fields
        Those that are kept, in their order.
    """

    key: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    number: npt.NDArray[np.int8]
    fixed: npt.NDArray[np.int32]
    also: npt.NDArray[np.int32]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    keep: Ints
    faults: Ints
    local: tuple[int, int]
    gt_only: bool
    fields: tuple[Field, ...]


class Layouts(NamedTuple):
    """The layouts of a batch, one after another (see `Layout`).

    Fields of layout l are `begin[l]:begin[l + 1]`, its faults
    `fault_begin[l]:fault_begin[l + 1]`; `kept[l]` of its fields are kept.
    """

    begin: Ints
    key: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    number: npt.NDArray[np.int8]
    fixed: npt.NDArray[np.int32]
    also: npt.NDArray[np.int32]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    keep: Ints
    fault_begin: Ints
    faults: Ints
    local: Ints
    kept: Ints
    gt_only: npt.NDArray[np.bool_]


@nb.njit(cache=True, nogil=True)
def distinct_texts(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give each text its number among the distinct ones, and their spans."""
    n = start.size
    size = 16
    while size < 2 * n:
        size *= 2
    slot = np.full(size, -1, np.int32)
    number = np.zeros(n, np.int32)
    span = np.empty((n, 2), np.int64)
    d = 0
    last = -1
    for k in range(n):
        a, b = start[k], end[k]
        c = last
        if not _same(text, a, b, span, c):
            h = np.int64(hash_name(text, a, b) & np.uint64(size - 1))
            while slot[h] >= 0 and not _same(text, a, b, span, slot[h]):
                h = (h + 1) & (size - 1)
            c = slot[h]
            if c < 0:
                c = d
                slot[h] = d
                span[d, 0] = a
                span[d, 1] = b
                d += 1
        number[k] = c
        last = c
    return number, span[:d]


@nb.njit(cache=True, nogil=True)
def _same(text, a, b, span, c):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if c < 0 or b - a != span[c, 1] - span[c, 0]:
        return False
    at = span[c, 0]
    same = True
    for j in range(b - a):
        same = same and text[a + j] == text[at + j]
    return same


class FormatReader:
    """Takes FORMAT texts apart.

    Parameters
    ----------
    table
        The keys (of `keys.key_table(header, "FORMAT", names)`).
    names
        Keys whose values are kept; None for every field but GT, a key's second one too.
    """

    def __init__(self, table: KeyTable, names: Collection[str] | None) -> None:
        self.table, self.names = table, None if names is None else frozenset(names)
        self._known: dict[bytes, Layout] = {}

    def read(
        self, batch: RecordBatch, rows: Ints
    ) -> tuple[npt.NDArray[np.int32], list[Layout]]:
        """Give the number of each record's layout, and the layouts.

        A record without FORMAT has the layout of an empty text, without fields.
        """
        start = batch.start[rows, 8]
        end = np.maximum(np.minimum(batch.start[rows, 9] - 1, batch.end[rows]), start)
        end = np.minimum(end, batch.text.size)
        start = np.minimum(start, end)
        number, spans = distinct_texts(batch.text, start, end)
        if len(self._known) > _CACHED:
            self._known.clear()
        layouts = []
        for a, b in spans.tolist():
            layouts.append(self.layout(batch.text[a:b].tobytes()))
        return number, layouts

    def layout(self, text: bytes) -> Layout:
        """Take a FORMAT text apart, or give what is known of it."""
        layout = self._known.get(text)
        if layout is None:
            layout = self._known[text] = self._take_apart(text)
        return layout

    def _take_apart(self, text: bytes) -> Layout:
        arrays = self.table.arrays
        names = text.decode("utf-8", "surrogateescape").split(":") if text else []
        n = len(names)
        key = np.array([self.table.number_of(name) for name in names], np.int32)
        known = key >= 0
        kind = np.full(n, Kind.STRING, np.int8)
        number = np.full(n, Number.ANY, np.int8)
        fixed, also = np.zeros(n, np.int32), np.full(n, NO_OTHER, np.int32)
        low, high = np.full(n, -np.inf), np.full(n, np.inf)
        for column, of_table in (
            (kind, arrays.kind),
            (number, arrays.number),
            (fixed, arrays.fixed),
            (also, arrays.also),
            (low, arrays.low),
            (high, arrays.high),
        ):
            column[known] = of_table[key[known]]
        # A Flag means nothing in FORMAT; what stands there is text.
        flags = kind == Kind.FLAG
        kind[flags], number[flags] = Kind.STRING, Number.ANY
        gt = np.array([name == "GT" for name in names], np.bool_)
        kind[gt], number[gt] = GENOTYPE, Number.ANY
        keep = np.zeros(n, np.int64)
        local = (-1, 0)
        for k, name in enumerate(field_names(":".join(names))):
            key_of = "GT" if name is None else name
            keep[k] = name is not None if self.names is None else key_of in self.names
            if key_of in _LOCAL and local[0] < 0:
                local = k, _LOCAL[key_of]
        fields = tuple(
            Field(_whole_text(names[k]), bool(kind[k] == Kind.INTEGER))
            for k in np.flatnonzero(keep).tolist()
        )
        return Layout(
            key,
            kind,
            number,
            fixed,
            also,
            low,
            high,
            keep,
            self._faults(names, key),
            local,
            names == ["GT"],
            fields,
        )

    def _faults(self, names: list[str], key: npt.NDArray[np.int32]) -> Ints:
        found: list[tuple[int, int, int, int]] = []
        arrays = self.table.arrays
        seen: set[str] = set()
        late, modified = self._out_of_place(names, key)
        at = 0
        for k, name in enumerate(names):
            end = at + len(name.encode("utf-8", "surrogateescape"))
            number = int(key[k])
            faults = []
            if not name:
                faults.append(Fault.FORMAT_EMPTY)
            elif names == ["."]:
                # No fields at all: zero-length columns are not allowed (VCF 4.5 section 1).
                continue
            elif number < 0:
                legal = self.table.is_legal(name)
                faults.append(Fault.FORMAT_UNDECLARED if legal else Fault.FORMAT_KEY)
            else:
                if not arrays.legal[number]:
                    faults.append(Fault.FORMAT_KEY)
                if not arrays.declared[number]:
                    faults.append(Fault.FORMAT_UNDECLARED)
            if name and name in seen:
                faults.append(Fault.FORMAT_TWICE)
            if name == "GT" and k and "GT" not in seen:
                faults.append(Fault.FORMAT_GT_LATE)
            if k == late:
                faults.append(Fault.FORMAT_LAA)
            if k == modified:
                faults.append(Fault.FORMAT_NO_GT)
            seen.add(name)
            found += [(int(f), at, end, number) for f in faults]
            at = end + 1
        if not names:
            found = [(int(Fault.FORMAT_EMPTY), 0, 0, -1)]
        return np.array(found, np.int64).reshape(-1, 4)

    def _out_of_place(self, names: list[str], key: npt.NDArray[np.int32]) -> tuple[int, int]:
        """Find the first field that lacks another (VCF 4.5, 1.4.4 and 1.6.2), -1 for none.

        Returns (field of local alleles without LAA before all fields but GT, base
        modification without GT).
        """
        numbers = [int(self.table.arrays.number[k]) if k >= 0 else -1 for k in key.tolist()]
        laa_first = names[names[:1] == ["GT"] :][:1] == ["LAA"]
        local = [k for k, n in enumerate(numbers) if n in _LOCAL_NUMBERS and not laa_first]
        modified = [k for k, n in enumerate(numbers) if n == Number.M and "GT" not in names]
        return (local or [-1])[0], (modified or [-1])[0]


def _whole_text(name: str) -> str:
    """Give a name as columns of text have it: with a mark for bytes that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def pack_layouts(layouts: list[Layout]) -> Layouts:
    """Put layouts one after another for kernels."""

    def joined(name: str, kind: npt.DTypeLike) -> npt.NDArray[np.generic]:
        return np.concatenate([np.zeros(0, kind), *(getattr(x, name) for x in layouts)])

    def starts(name: str) -> Ints:
        out = np.zeros(len(layouts) + 1, np.int64)
        out[1:] = np.cumsum([len(getattr(x, name)) for x in layouts])
        return out

    return Layouts(
        starts("key"),
        joined("key", np.int32),  # type: ignore[arg-type]
        joined("kind", np.int8),  # type: ignore[arg-type]
        joined("number", np.int8),  # type: ignore[arg-type]
        joined("fixed", np.int32),  # type: ignore[arg-type]
        joined("also", np.int32),  # type: ignore[arg-type]
        joined("low", np.float64),  # type: ignore[arg-type]
        joined("high", np.float64),  # type: ignore[arg-type]
        joined("keep", np.int64),  # type: ignore[arg-type]
        starts("faults"),
        np.concatenate([np.zeros((0, 4), np.int64), *(x.faults for x in layouts)]),
        np.array([x.local for x in layouts], np.int64).reshape(-1, 2),
        np.array([x.keep.sum() for x in layouts], np.int64),
        np.array([x.gt_only for x in layouts], np.bool_),
    )
