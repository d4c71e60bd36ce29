"""Tapes of FORMAT fields made from text by a slow, plain parser: the judge of the codec."""

import re

import numpy as np

from varhouse.genotypes.fields import INT_MISSING, Field, FieldTape

PLAIN = re.compile(r"\.|0|-?[1-9]\d*")


def plain_numbers(text: str) -> list[int] | None:
    """Give the numbers of a text that says just these; None if it says more or less."""
    parts = text.split(",")
    if not all(PLAIN.fullmatch(p) for p in parts):
        return None
    numbers = [INT_MISSING if p == "." else int(p) for p in parts]
    return None if any(abs(x) >= 2**31 - 8 for x in numbers if x != INT_MISSING) else numbers


def tape_of(records: list[tuple[str, list[str]]], numbers: set[str]) -> FieldTape:
    """Make a tape of records, each its FORMAT and the cells of its samples.

    `numbers` are the names of Integer fields. GT is left out.
    """
    text, values, cut, begin = bytearray(), [], [0], [0]
    layout, layouts, odd = [], [], []
    for form, cells in records:
        keys = form.split(":")
        fields = tuple(Field(k, k in numbers) for k in keys if k != "GT")
        if fields not in layouts:
            layouts.append(fields)
        layout.append(layouts.index(fields))
        for cell in cells:
            parts = cell.split(":")
            assert len(parts) <= len(keys)
            for j, key in enumerate(keys):
                if key == "GT":
                    continue
                if j < len(parts):
                    span = [len(text), len(text) + len(parts[j].encode())]
                    text += parts[j].encode() + b":"
                    plain = plain_numbers(parts[j])
                    if key not in numbers:
                        values += span
                    elif plain is None:
                        odd.append([len(cut) - 1, *span])
                        values += [INT_MISSING]
                    else:
                        values += plain
                cut.append(len(values))
        begin.append(len(cut) - 1)
    return FieldTape(
        np.frombuffer(bytes(text), np.uint8),
        np.array(values, np.int32),
        np.array(cut, np.int32),
        np.array(begin, np.int64),
        np.array(layout, np.int32),
        tuple(layouts),
        np.array(odd, np.int64).reshape(-1, 3),
    )


def text_at(tape: FieldTape, place: int, is_number: bool) -> str | None:
    """Give the text of a place of a tape; None if the field was dropped."""
    found = tape.odd[tape.odd[:, 0] == place]
    values = tape.values[tape.cut[place] : tape.cut[place + 1]].tolist()
    if found.size:
        values, is_number = found[0, 1:].tolist(), False
    if not values:
        return None
    if is_number:
        return ",".join("." if v == INT_MISSING else str(v) for v in values)
    return bytes(tape.text[values[0] : values[1]]).decode()


def cells_of(tape: FieldTape, people: int) -> list[tuple[str, list[str]]]:
    """Give FORMAT without GT and the cells back."""
    out = []
    for r in range(tape.size):
        fields = tape.layouts[tape.layout[r]]
        cells = []
        for s in range(people):
            first = int(tape.begin[r]) + s * len(fields)
            texts = [text_at(tape, first + j, f.is_number) for j, f in enumerate(fields)]
            cells.append(":".join(t for t in texts if t is not None))
        out.append((":".join(f.name for f in fields), cells))
    return out
