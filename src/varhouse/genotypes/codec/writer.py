"""Blocks of FORMAT fields out of tapes: rows of the table `fields`."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import polars as pl
import pyarrow as pa

from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.codec.cells import Cells
from varhouse.genotypes.codec.depths import GROUP
from varhouse.genotypes.codec.depths_encode import encode_depths
from varhouse.genotypes.codec.one import Coded, Gathered, encode_integers, encode_texts
from varhouse.genotypes.codec.streams import pack
from varhouse.genotypes.fields import Field, FieldTape, name_keys

PEOPLE = 1024
"""Sample columns of a block: whoever asks for a few people does not read the others."""

RECORDS, CELLS, MOST_RECORDS = 64, 64 * 1024, 4096
"""Records of a block of many people; of fewer as many as make the cells, but not more than
the most: a block of one person's gVCF must not be a hundred bytes and its own description."""

HELD_BYTES = 96 << 20
"""Bytes of values and text after which a block ends early: very wide cohorts."""

NAMED = 1 << 18
"""Fields x records of a block after which it ends early: each field is a row with a place for
each record, and a file may have other fields in every record."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "contig": pl.String,
    "pos": pl.Int32,
    "pos_end": pl.Int32,
    "first": pl.Int32,
    "people": pl.Int32,
    "records": pl.List(pl.Int64),
    "names": pl.String,
    "coding": pl.String,
    "parameters": pl.Binary,
    "ends": pl.List(pl.Int32),
    "streams": pl.Binary,
}
"""Columns of finished rows; who writes them adds cohort, file and part."""


class _Held(NamedTuple):
    """Records that wait for their block to be full."""

    tape: FieldTape
    n_alt: Int64
    records: Int64
    pos: Int32


@nb.njit(cache=True, nogil=True)
def _gather(tape, slot, width, first, people, values, cut, odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy a field (place `slot` of each layout, -1 none) of some people; odd: [m, 3].

    Without room (`values` empty) it only counts. Returns (values, odd cells).
    """
    _, source, cuts, begin, layout, odds = tape
    o = c = n_odd = 0
    w = np.int64(0)
    for r in range(layout.size):
        j, step = slot[layout[r]], width[layout[r]]
        p = begin[r] + first * step + j
        for _ in range(people):
            if cut.size:
                cut[c] = w
            if j >= 0:
                while o < odds.shape[0] and odds[o, 0] < p:
                    o += 1
                if o < odds.shape[0] and odds[o, 0] == p:
                    if cut.size:
                        odd[n_odd, 0], odd[n_odd, 1], odd[n_odd, 2] = c, odds[o, 1], odds[o, 2]
                    n_odd += 1
                for i in range(cuts[p], cuts[p + 1]):
                    if cut.size:
                        values[w] = source[i]
                    w += 1
            p += step
            c += 1
    if cut.size:
        cut[c] = w
    return w, n_odd


def gather(tape: FieldTape, slot: Int64, first: int, people: int) -> Gathered:
    """Take a field out of a tape, for the sample columns from `first` on.

    Parameters
    ----------
    slot
        int64[layouts]: place of the field in each layout, -1 where it is not.
    """
    width = np.array([len(x) for x in tape.layouts], np.int64)
    none32, none64 = np.zeros(0, np.int32), np.zeros((0, 3), np.int64)
    n, m = _gather(tape.arrays, slot, width, first, people, none32, none32, none64)
    values, cut = np.empty(n, np.int32), np.empty(tape.size * people + 1, np.int32)
    odd = np.empty((m, 3), np.int64)
    _gather(tape.arrays, slot, width, first, people, values, cut, odd)
    cells = Cells(values, cut, slot[tape.layout] >= 0)
    return Gathered(cells, odd[:, 0].copy(), odd[:, 1:].ravel())


def _joined(held: list[_Held]) -> _Held:
    """Put tapes one behind the other."""
    if len(held) == 1:
        return held[0]
    known: dict[tuple[Field, ...], int] = {}
    layout, cut, begin, values, odd, text = [], [], [], [], [], []
    v = places = size = 0
    for tape, *_ in held:
        numbers = np.array([known.setdefault(x, len(known)) for x in tape.layouts], np.int32)
        layout.append(numbers[tape.layout])
        a, b = int(tape.cut[0]), int(tape.cut[-1])
        moved = tape.values[a:b]
        has_text = np.array([any(not f.is_number for f in x) for x in tape.layouts])
        shift = 0
        if has_text[tape.layout].any() or tape.odd.size:
            moved, shift = _shifted(tape, a, b, size), size
            text.append(tape.text)
            size += tape.text.size
        values.append(moved)
        cut.append(tape.cut[:-1] - np.int32(a - v))
        begin.append(tape.begin[:-1] + places)
        odd.append(tape.odd + np.array([places, shift, shift]))
        v, places = v + b - a, places + int(tape.begin[-1])
    words = np.concatenate([np.zeros(0, np.uint8), *text])
    # As the text of a batch is: one compiled version serves both.
    words.flags.writeable = False
    joined = FieldTape(
        words,
        np.concatenate(values),
        np.append(np.concatenate(cut), np.int32(v)),
        np.append(np.concatenate(begin), places),
        np.concatenate(layout),
        tuple(known),
        np.concatenate(odd),
    )
    n_alt, records, pos = (np.concatenate([h[k] for h in held]) for k in (1, 2, 3))
    return _Held(joined, n_alt, records, pos)


@nb.njit(cache=True, nogil=True)
def _shift_spans(values, cut, begin, layout, is_text, width, by):  # type: ignore[no-untyped-def]  # pragma: no cover
    for r in range(layout.size):
        step = width[layout[r]]
        for j in range(step):
            if is_text[layout[r], j]:
                for p in range(begin[r] + j, begin[r + 1], step):
                    for i in range(cut[p] - cut[0], cut[p + 1] - cut[0]):
                        values[i] += by


def _shifted(tape: FieldTape, a: int, b: int, by: int) -> Int32:
    """Copy values a to b of a tape, spans moved `by` bytes."""
    values = tape.values[a:b].copy()
    width = np.array([len(x) for x in tape.layouts], np.int64)
    is_text = np.zeros((width.size, max(int(width.max(initial=0)), 1)), np.bool_)
    for k, layout in enumerate(tape.layouts):
        is_text[k, : len(layout)] = [not f.is_number for f in layout]
    _shift_spans(values, tape.cut, tape.begin, tape.layout, is_text, width, by)
    return values


def _lists(rows: list[Any], kind: type) -> pl.Series:
    """Make a column of lists of numbers; polars would look at each number."""
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    values = pa.array(np.concatenate(rows).astype(kind))
    made = pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(offsets), values))
    assert isinstance(made, pl.Series)
    return made


def _fields_of(tape: FieldTape, a: int, b: int) -> set[Field]:
    """Give the fields that records a to b have."""
    return {f for k in np.unique(tape.layout[a:b]).tolist() for f in tape.layouts[k]}


class BlockWriter:
    """Collects records of a chunk, and makes rows of each full block.

    Parameters
    ----------
    n_people
        Sample columns of the file.
    """

    def __init__(self, n_people: int) -> None:
        self._people = n_people
        self._full = min(max(RECORDS, CELLS // max(n_people, 1)), MOST_RECORDS)
        self._contig = ""
        self._held: list[_Held] = []
        self._texts: set[int] = set()
        self._fields: set[Field] = set()
        self._records = self._bytes = 0

    def take(
        self, tape: FieldTape, n_alt: Int64, records: Int64, contig: str, pos: Int32
    ) -> list[pl.DataFrame]:
        """Take records; gives the rows of blocks that are full.

        Parameters
        ----------
        n_alt, records, pos
            [n]: ALT alleles of each record, its ordinal in the file, its place.

        Returns
        -------
        list of DataFrame
            Rows as `SCHEMA` has them.
        """
        done: list[pl.DataFrame] = []
        if contig != self._contig:
            done += self.finish()
            self._contig = contig
        sizes = np.array([len(x) for x in tape.layouts], np.int64)
        keep = sizes[tape.layout] > 0
        if not keep.all():
            tape, n_alt, records, pos = tape.pick(keep), n_alt[keep], records[keep], pos[keep]
        a = 0
        while a < tape.size:
            b = self._until(tape, a)
            fields = self._fields | _fields_of(tape, a, b)
            if self._held and len(fields) * (self._records + b - a) > NAMED:
                done += self.finish()
                continue
            self._fields = fields
            part = tape.part(a, b)
            self._held.append(_Held(part, n_alt[a:b], records[a:b], pos[a:b]))
            self._records += b - a
            self._bytes += 4 * int(part.cut[-1] - part.cut[0] + part.cut.size)
            if id(tape.text) not in self._texts:
                self._texts.add(id(tape.text))
                self._bytes += tape.text.size
            if self._records >= self._full or self._bytes >= HELD_BYTES:
                done += self.finish()
            a = b
        return done

    def _until(self, tape: FieldTape, a: int) -> int:
        """Tell up to which record a tape still fits into the block; one at least does."""
        most = min(tape.size, a + self._full - self._records)
        first, last = tape.cut[tape.begin[a]], tape.cut[tape.begin[a + 1 : most + 1]]
        places = tape.begin[a + 1 : most + 1] - tape.begin[a]
        room = max(HELD_BYTES - self._bytes, 0) // 4
        b = a + max(1, int(np.searchsorted(last - first + places, room)))
        while b - a > 1 and len(_fields_of(tape, a, b)) * (b - a) > NAMED:
            b = a + (b - a) // 2
        return b

    def finish(self) -> list[pl.DataFrame]:
        """Give the rows of what has come since the last full block."""
        if not self._held:
            return []
        held = _joined(self._held)
        self._held, self._records, self._bytes = [], 0, 0
        self._texts, self._fields = set(), set()
        rows = [
            row
            for first in range(0, self._people, PEOPLE)
            for row in self._rows(held, first, min(PEOPLE, self._people - first))
        ]
        if not rows:
            return []
        columns: dict[str, Any] = dict(
            zip(SCHEMA, map(list, zip(*rows, strict=True)), strict=True)
        )
        for name, kind in (("records", np.int64), ("ends", np.int32)):
            columns[name] = _lists(columns[name], kind)
        return [pl.DataFrame(columns, schema=SCHEMA)]

    def _rows(self, held: _Held, first: int, people: int) -> Iterator[tuple[object, ...]]:
        pos = held.pos
        for names, coded in encode_block(held.tape, held.n_alt, first, people):
            packed = pack(coded.streams)
            numbers = [len(packed.sizes), *packed.sizes, *coded.parameters]
            yield (
                self._contig,
                int(pos.min()),
                int(pos.max()),
                first,
                people,
                held.records,
                names,
                coded.coding,
                np.array(numbers, np.int32).tobytes(),
                packed.ends,
                packed.data,
            )


def encode_block(
    tape: FieldTape, n_alt: Int64, first: int, people: int
) -> Iterator[tuple[str, Coded]]:
    """Code the fields of a block: names of a group of fields, and their bytes."""
    names = [name_keys([field.name for field in x]) for x in tape.layouts]
    slots: dict[tuple[str, bool], Int64] = {}
    used = np.unique(tape.layout)
    for k in used:
        for j, (name, field) in enumerate(zip(names[k], tape.layouts[k], strict=True)):
            none = np.full(len(names), -1, np.int64)
            slots.setdefault((name, field.is_number), none)[k] = j
    depths = {n: slots[n, True] for n in GROUP if (n, True) in slots}
    if ("PL" in depths or {"AD", "DP"} <= depths.keys()) and not any(
        (n, False) in slots for n in GROUP
    ):
        yield ",".join(depths), encode_depths(tape, depths, n_alt, first, people)
        slots = {key: slot for key, slot in slots.items() if key[0] not in depths}
    for (name, is_number), slot in sorted(slots.items(), key=lambda item: item[0]):
        field = gather(tape, slot, first, people)
        if is_number:
            yield name, encode_integers(tape.text, field, people)
        else:
            yield name, encode_texts(tape.text, field, people)
