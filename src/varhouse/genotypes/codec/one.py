"""The codings of one field: `integers`, `decimals` and `texts`.

All three write numbers by `cells`; decimals add how they are written, texts a dictionary.
Cells that the numbers do not say byte for byte follow as odd texts.
"""

from typing import NamedTuple

import numpy as np

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Int64
from varhouse.genotypes.codec import cells as coding
from varhouse.genotypes.codec.cells import Cells, Plan
from varhouse.genotypes.codec.column import Column, Odd
from varhouse.genotypes.codec.decimals import (
    MOST_DIGITS,
    WHOLE,
    Scale,
    find_scale,
    parse_decimals,
)
from varhouse.genotypes.codec.dictionary import (
    Texts,
    gather_texts,
    number_texts,
    numbers_of,
    text_streams,
    texts_from,
    varints_of,
)
from varhouse.genotypes.codec.streams import Streams
from varhouse.genotypes.fields import Bytes, Field

CODINGS = ("integers", "decimals", "texts")

LARGEST_FIELD = 1 << 27
"""Values of a field in a block; who claims more is damaged."""

_PLACES, _LENGTHS, _TEXTS = range(coding.STREAMS, coding.STREAMS + 3)
_STREAMS = coding.STREAMS + 3


class Coded(NamedTuple):
    """A group of fields as it is stored: what a reader must know, and streams."""

    coding: str
    parameters: list[int]
    streams: list[Bytes]


class Gathered(NamedTuple):
    """A field out of a tape: numbers, or spans, in `cells` (see `FieldTape`)."""

    cells: Cells
    odd_cells: Int64
    odd_spans: Int64


def odd_streams(odd: Odd) -> list[Bytes]:
    """Write odd cells as three streams: steps from cell to cell, lengths, texts."""
    if not odd.cells.size:
        return [np.zeros(0, np.uint8)] * 3
    return [varints_of(np.diff(odd.cells, prepend=0)), *text_streams(odd.texts)]


def odd_from(places: Bytes, lengths: Bytes, data: Bytes, n_cells: int) -> Odd:
    """Undo `odd_streams`.

    Raises
    ------
    StoreError
        Places that are not in the block, or not as many as texts.
    """
    steps, texts = numbers_of(places), texts_from(lengths, data)
    cells = np.cumsum(steps)
    beyond = steps.max(initial=0) >= n_cells or (cells.size and cells[-1] >= n_cells)
    if cells.size != texts.cut.size - 1 or beyond:
        raise StoreError("a block of FORMAT fields is damaged: odd texts without a cell")
    return Odd(cells, texts)


def _stored(name: str, cells: Cells, people: int, scale: Scale, more: list[Bytes]) -> Coded:
    plan, streams = coding.encode_cells(cells, people)
    chosen = [*plan.predict.tolist(), *plan.wide.tolist(), plan.total, plan.ragged]
    parameters = [int(cells.values.size), *chosen, *scale]
    return Coded(name, parameters, streams + more)


def encode_integers(text: Bytes, field: Gathered, people: int) -> Coded:
    """Code an Integer field."""
    which = np.arange(field.odd_cells.size)
    odd = Odd(field.odd_cells, gather_texts(text, field.odd_spans, which))
    return _stored("integers", field.cells, people, WHOLE, odd_streams(odd))


def encode_texts(text: Bytes, field: Gathered, people: int) -> Coded:
    """Code a field of texts: as decimals where most cells are some, else by a dictionary."""
    spans, cut, has = field.cells
    given = np.diff(cut) > 0
    scale = find_scale(text, spans)
    if scale is None:
        codes, texts = number_texts(text, spans)
        cells = Cells(codes, cut // 2, has)
        more = [np.zeros(0, np.uint8), *text_streams(texts)]
        return _stored("texts", cells, people, WHOLE, more)
    values, ends, odd_at = parse_decimals(text, spans, scale)
    full = ends[np.concatenate([[0], np.cumsum(given)])].astype(np.int32)
    odd = Odd(np.flatnonzero(given)[odd_at], gather_texts(text, spans, odd_at))
    return _stored("decimals", Cells(values, full, has), people, scale, odd_streams(odd))


def decode_one(
    name: str, field: Field, parameters: list[int], streams: Streams, n: int, people: int
) -> Column:
    """Undo `encode_integers` or `encode_texts` for a block of n records.

    Raises
    ------
    StoreError
        The bytes are not those of such a field.
    """
    chosen = 2 * coding.CLASSES
    if len(parameters) != chosen + 5 or streams.at.size != _STREAMS + 1:
        raise StoreError(
            f"a block of the FORMAT field {field.name} is damaged: its parameters"
        )
    n_values, total, ragged, digits, trimmed = parameters[0], *parameters[1 + chosen :]
    classes = np.array(parameters[1 : 1 + chosen], np.int64)
    plan = Plan(classes[: coding.CLASSES], classes[coding.CLASSES :], total, ragged)
    if not 0 <= n_values <= LARGEST_FIELD or not 0 <= digits <= MOST_DIGITS:
        raise StoreError(f"a block of the FORMAT field {field.name} claims {n_values} values")
    cells = coding.decode_cells(streams, plan, n, people, n_values)
    places, lengths, data = (
        streams.data[streams.at[k] : streams.at[k + 1]] for k in (_PLACES, _LENGTHS, _TEXTS)
    )
    if name != "texts":
        odd = odd_from(places, lengths, data, n * people)
        return Column(field, people, cells, odd, Scale(digits, trimmed))
    texts = texts_from(lengths, data)
    check_codes(cells, texts)
    return Column(field, people, cells, dictionary=texts)


def check_codes(cells: Cells, texts: Texts) -> None:
    """Refuse cells that are not one text of the dictionary each, or none.

    Raises
    ------
    StoreError
        So it is.
    """
    known = texts.cut.size - 1
    if (np.diff(cells.cut) > 1).any() or (
        cells.values.size and not 0 <= cells.values.min() <= cells.values.max() < known
    ):
        raise StoreError("a block of FORMAT fields is damaged: texts that it does not have")
