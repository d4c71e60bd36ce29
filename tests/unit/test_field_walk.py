"""FORMAT fields as the walk keeps them: every cell comes back byte for byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.genotypes.fields import INT_MISSING, Field, FieldTape, field_names
from varhouse.vcf.account.faults import Faults
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.samples import typed
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.samples.walk import walk
from varhouse.vcf.text.lines import read_batch

KEYS = {
    "GT": ("1", "String"), "DP": ("1", "Integer"), "AD": ("R", "Integer"),
    "PL": ("G", "Integer"), "XI": (".", "Integer"), "XF": ("2", "Float"),
    "XS": ("1", "String"), "XC": ("1", "Character"),
}  # fmt: skip
NUMBERS = {"DP", "AD", "PL", "XI"}
VALUES = ["", ".", "0", "7", "07", "00", "-0", "+1", "12345678", "01234567", "123456789",
          "99999999999", "-2147483648", "-2147483641", "2147483647", "1,2", "1,,2", ".,.",
          "3,.", "0,0,0", "1,02,3", "10,20,30,40,50,60", "1.5", "nan", "-1e3,2", "x", "ab c",
          "1,", "9999999", "0000000"]  # fmt: skip
GTS = ["0/1", "0|2", ".", "1", "0/1/1", "", "x", "/0/1"]


def _reader(n, names=None):
    header = Header(version=5)
    for name, (number, kind) in KEYS.items():
        header.numbers["FORMAT", name], header.types["FORMAT", name] = number, kind
    return SampleReader.of_calls(key_table(header, "FORMAT"), n, names)


def _batch(records):
    lines = (
        "\t".join(["c1", "5", ".", "A", "C,G", ".", ".", ".", form, *cells]) + "\n"
        for form, cells in records
    )
    return read_batch("".join(lines).encode(), 0, 1)


def _text(tape: FieldTape, place: int, is_number: bool) -> str | None:
    found = tape.odd[tape.odd[:, 0] == place]
    values = tape.values[tape.cut[place] : tape.cut[place + 1]].tolist()
    if len(found):
        values, is_number = found[0, 1:].tolist(), False
    if not values:
        return None
    if is_number:
        return ",".join("." if v == INT_MISSING else str(v) for v in values)
    return bytes(tape.text[values[0] : values[1]]).decode()


def _cells(tape: FieldTape, n: int) -> list[tuple[list[str], list[list[str | None]]]]:
    """Give the names of the kept fields of each record, and their texts of each sample."""
    out = []
    for r in range(tape.size):
        fields = tape.layouts[tape.layout[r]]
        at = int(tape.begin[r])
        cells = [
            [_text(tape, at + s * len(fields) + j, f.is_number) for j, f in enumerate(fields)]
            for s in range(n)
        ]
        out.append(([f.name for f in fields], cells if fields else []))
    return out


def _wanted(records, wanted):
    out = []
    for form, cells in records:
        names, own = form.split(":"), field_names(form)
        kept = [
            j for j, k in enumerate(own) if (k is not None if wanted is None else k in wanted)
        ]
        rows = []
        for cell in cells:
            parts: list[str | None] = [*cell.split(":")]
            last = len(names) - 1
            if len(parts) > len(names):
                parts[last:] = [":".join(parts[last:])]
            parts += [None] * (len(names) - len(parts))
            rows.append([parts[j] for j in kept])
        out.append(([names[j] for j in kept], rows if kept else []))
    return out


def _cell(form, draw, gts, values):
    keys = form.split(":")
    n = draw(st.integers(1, len(keys) + (draw(st.integers(0, 9)) == 0)))
    return ":".join(
        draw(gts if j < len(keys) and keys[j] == "GT" else values) for j in range(n)
    )


@st.composite
def record_lists(draw):
    n = draw(st.integers(1, 4))
    forms = st.sampled_from(
        ["GT", "GT:AD:DP:PL", "GT:DP", "DP", "DP:GT:AD", "GT:XF:XS:DP", "GT:XX:DP:XC",
         "GT:DP:DP", "XI:XF", "GT:GT:DP", ".", "GT:A,B"]
    )  # fmt: skip
    plain = draw(st.booleans())
    values = st.sampled_from(VALUES[2:4] + VALUES[8:9] if plain else VALUES)
    gts = st.sampled_from(GTS[:2] if plain else GTS)
    records = []
    for _ in range(draw(st.integers(1, 5))):
        form = draw(forms)
        records.append((form, [_cell(form, draw, gts, values) for _ in range(n)]))
    return records


@settings(max_examples=400, deadline=None)
@given(record_lists(), st.sampled_from([None, ("DP", "XF")]))
def test_every_cell_comes_back(records, wanted):
    n = len(records[0][1])
    batch = _batch(records)
    tape = _reader(n, wanted).check_calls(batch, Faults.empty())[1]
    assert tape.size == len(records)
    assert _cells(tape, n) == _wanted(records, wanted)
    for fields in tape.layouts:
        assert all(f.is_number == (f.name in NUMBERS) for f in fields)


@settings(max_examples=150, deadline=None)
@given(record_lists(), st.randoms(use_true_random=False))
def test_the_check_is_the_same_for_those_who_keep_the_fields(records, rng):
    n = len(records[0][1])
    batch = _batch(records)
    with_fields, without = Faults.empty(len(records)), Faults.empty(len(records))
    genotypes, tape = _reader(n).check_calls(batch, with_fields)
    alone, nothing = _reader(n, ()).check_calls(batch, without)
    assert nothing.cut.size == 1
    assert np.array_equal(with_fields.count, without.count)
    assert np.array_equal(with_fields.first, without.first)
    assert np.array_equal(with_fields.marks, without.marks)
    assert genotypes.texts == alone.texts
    keep = np.array([rng.random() < 0.5 for _ in records])
    whole = _cells(tape, n)
    assert _cells(tape.pick(keep), n) == [x for x, k in zip(whole, keep, strict=True) if k]
    a = rng.randint(0, len(records))
    assert _cells(tape.part(a, len(records)), n) == whole[a:]


@pytest.mark.parametrize("n", [1, 700])
def test_plain_cells_come_back(n):
    """Long lines of plain cells take the way without a question before their end."""
    cells = [f"0/1:{s % 100},{s},0:{s}:{s},{s // 3},999,0,1,2" for s in range(n)]
    records = [("GT:AD:DP:PL", cells), ("GT", ["0/0"] * n), ("GT:AD:DP:PL", cells[::-1])]
    tape = _reader(n).check_calls(_batch(records), Faults.empty())[1]
    assert _cells(tape, n) == _wanted(records, None)
    assert not tape.odd.size


def test_zeros_before_a_number_are_kept():
    cells = ["0/1:1,2,3:007:1,2,3,4,5,6", "0/1:1,02,3:7:1,2,3,4,5,6"] + ["0/1:1,2,3:7"] * 99
    tape = _reader(101).check_calls(_batch([("GT:AD:DP:PL", cells)]), Faults.empty())[1]
    assert tape.odd[:, 0].tolist() == [1, 3]
    assert _cells(tape, 101) == _wanted([("GT:AD:DP:PL", cells)], None)


def test_names_of_fields_are_their_own():
    assert field_names("GT:DP:DP:A,B") == [None, "DP", "DP:2", "A,B"]
    assert field_names("DP:GT:GT:DP") == ["DP", None, "GT", "DP:2"]
    assert field_names("") == []
    assert Field("DP", is_number=True).name == "DP"


def test_a_batch_of_very_many_fields_is_cut(monkeypatch):
    monkeypatch.setattr(typed, "FIELDS_AT_ONCE", 40)
    records = [("GT:DP:AD:PL", [".", "0/1:3"])] * 9 + [("GT", ["0/0", "."])] * 3
    batch = _batch(records)
    pieces = list(_reader(2).pieces(batch))
    assert len(pieces) > 3
    assert [a for a, _ in pieces] == [0, *(b for _, b in pieces[:-1])]
    assert pieces[-1][1] == 12
    assert list(_reader(2, ()).pieces(batch)) == [(0, 12)]


def test_empty_texts_have_room_on_the_tape(monkeypatch):
    """Two values for a byte of text: the most that a tape ever holds."""
    rooms = []

    def watched(*arguments):
        rooms.append(arguments[-1].tape.size)
        walk(*arguments)

    monkeypatch.setattr(typed, "walk", watched)
    form = ":".join(f"X{k}" for k in range(50))
    records = [(form, [":" * 49] * 400)]
    tape = _reader(400).check_calls(_batch(records), Faults.empty())[1]
    assert tape.values.size == 2 * 50 * 400
    assert tape.values.size <= rooms[0]
    assert _cells(tape, 400) == _wanted(records, None)


@pytest.mark.parametrize("length", [2_047, 2_048, 2_049, 2_100, 70_000])
def test_texts_longer_than_what_is_looked_at_at_once(length: int) -> None:
    """No delimiter in 2 KiB: the end that stood there from before was read as this one's."""
    for form, cell in (("GT:XS", "0/1:{}"), ("GT:XI:XS", "0/1:1,2:{}"), ("XF", "{}")):
        records = [(form, [cell.format("x" * length), cell.format("y"), "."])] * 2
        _, tape = _reader(3).check_calls(_batch(records), Faults.empty())
        assert _cells(tape, 3) == _wanted(records, None)
