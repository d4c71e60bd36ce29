"""Sample columns of any FORMAT, against a parser that is too simple to be wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.vcf.account.faults import Fault, Faults
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.samples.cells import FLOAT_END, INT_END
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.decimals import FLOAT_MISSING, INT_MISSING
from varhouse.vcf.text.lines import read_batch

KEYS = {
    "GT": ("1", "String"), "DP": ("1", "Integer"), "AD": ("R", "Integer"),
    "PL": ("G", "Integer"), "XI": (".", "Integer"), "XA": ("A", "Float"),
    "XF": ("2", "Float"), "XS": ("1", "String"), "XC": ("1", "Character"),
    "XT": (".", "String"),
}  # fmt: skip


def _table(keys=None, version=5):
    header = Header(version=version)
    for name, (number, kind) in (keys or KEYS).items():
        header.numbers["FORMAT", name], header.types["FORMAT", name] = number, kind
    return key_table(header, "FORMAT")


def _line(form, *cells, alt="C,G"):
    return "\t".join(["c1", "5", ".", "A", alt, ".", ".", ".", form, *cells]) + "\n"


def _check(form, *cells, alt="C,G", keys=None, n=None):
    """Give the faults of one record: (name, value, sample)."""
    batch = read_batch(_line(form, *cells, alt=alt).encode(), 0, 1)
    faults = Faults.empty()
    SampleReader(_table(keys), len(cells) if n is None else n).check(batch, faults)
    out = []
    for fault in np.flatnonzero(faults.count).tolist():
        for _, a, b, _, s in faults.first[fault, : faults.count[fault]].tolist():
            out.append((Fault(fault).name, batch.text[a:b].tobytes().decode(), s))
    return out


@pytest.mark.parametrize(
    ("form", "cells", "found"),
    [
        ("GT:DP", ["0/1:3", ".|2:."], []),
        ("GT:DP", ["0/1", "."], []),
        ("GT:DP:AD", ["0/1:3:1,2,0", "0/0:.:."], []),
        ("GT:DP", ["0/1:3:4", "0/0:3"], [("SAMPLE_FIELDS", "0/1:3:4", 0)]),
        ("GT", ["0/1:3", "0/0"], [("SAMPLE_FIELDS", "0/1:3", 0)]),
        ("GT:DP", ["0/1:x", "0/0:3"], [("SAMPLE_TYPE", "x", 0)]),
        ("GT:DP", ["0/1:1.5", "0/0:3e1"],
         [("SAMPLE_TYPE", "1.5", 0), ("SAMPLE_TYPE", "3e1", 1)]),
        ("GT:DP", ["0/1:99999999999", "0/0:3"], [("SAMPLE_TYPE", "99999999999", 0)]),
        ("GT:DP", ["0/1:-2", "0/0:+3"], [("SAMPLE_RANGE", "-2", 0)]),
        ("GT:DP", ["0/1:", "0/0:3"], [("SAMPLE_EMPTY", "", 0)]),
        ("GT:DP", ["0/1:3", "0/0: 3"], [("SAMPLE_SPACE", " 3", 1)]),
        ("GT:XS", ["0/1:a b", "0/0:ab"], [("SAMPLE_SPACE", "a b", 0)]),
        ("GT:DP", ["0/1:1,2", "0/0:3"], [("SAMPLE_NUMBER", "1,2", 0)]),
        ("GT:AD", ["0/1:1,2,3", "0/0:1,2"], [("SAMPLE_NUMBER", "1,2", 1)]),
        ("GT:PL", ["0/1:1,2,3,4,5,6", "0:1,2,3"], []),
        ("GT:PL", ["0/1/2:1,2,3,4,5,6,7,8,9,10", ".:1,2,3"], []),
        ("GT:PL", ["0:1,2,3,4,5,6", "1/2:1,2,3"],
         [("SAMPLE_NUMBER", "1,2,3,4,5,6", 0), ("SAMPLE_NUMBER", "1,2,3", 1)]),
        ("GT:XC", ["0/1:é", "0/0:ab"], [("SAMPLE_TYPE", "ab", 1)]),
        ("GT:XF", ["0/1:1e3,-inf", "0/0:.5,1.e2"], []),
        ("GT:XF", ["0/1:1e,nan", "0/0:1"],
         [("SAMPLE_NUMBER", "1", 1), ("SAMPLE_TYPE", "1e", 0)]),
        ("GT", ["0/3", "0/1"], [("GT_ALLELE", "0/3", 0)]),
        ("GT:DP", ["0/3:1", "0/1:1"], [("GT_ALLELE", "0/3", 0)]),
        ("GT", ["0/x", "0|"], [("GT_SYNTAX", "0/x", 0), ("GT_SYNTAX", "0|", 1)]),
        ("GT:DP", ["0/x:1", "0|:1"], [("GT_SYNTAX", "0/x", 0), ("GT_SYNTAX", "0|", 1)]),
        ("GT:DP", ["0,1:1", "0|1:1"], [("GT_SYNTAX", "0,1", 0)]),
        ("GT", ["", "0|1"], [("SAMPLE_EMPTY", "", 0)]),
        ("GT:DP", ["", "0|1:3"], [("SAMPLE_EMPTY", "", 0)]),
        ("DP:GT", ["3:0/1", "2:0/0"], [("FORMAT_GT_LATE", "GT", -1)]),
        ("GT:DP:DP", ["0/1:1:2", "0/0"], [("FORMAT_TWICE", "DP", -1)]),
        ("GT:ZZ", ["0/1:1", "0/0"], [("FORMAT_UNDECLARED", "ZZ", -1)]),
        ("GT:Z-", ["0/1:1", "0/0"], [("FORMAT_KEY", "Z-", -1)]),
        ("GT::DP", ["0/1:1:1", "0/0"], [("FORMAT_EMPTY", "", -1)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(form, cells, found):
    assert sorted(_check(form, *cells)) == sorted(found)


def test_columns_that_lack_or_exceed():
    for form in ("GT", "GT:DP"):
        assert [f for f, _, _ in _check(form, "0/1", n=2)] == ["LINE_COLUMNS"]
        assert [f for f, _, _ in _check(form, "0/1", "0/1", "0/1", n=2)] == ["LINE_COLUMNS"]


LOCAL = {
    "GT": ("1", "String"), "LAA": (".", "Integer"), "LAD": ("LR", "Integer"),
    "LPL": ("LG", "Integer"), "LEC": ("LA", "Integer"), "PSO": ("P", "Integer"),
    "LEN": ("1", "Integer"), "LGT": ("1", "String"), "MM": ("M", "Integer"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "cell", "bad"),
    [
        ("GT:LAA:LAD:LPL", "0/2:2:5,6:0,1,2", None),
        ("GT:LAD:LPL:LAA", "0/2:5,6:0,1,2:2", None),
        ("GT:LAA:LAD:LPL", "1/2:1,2:5,6,7:0,1,2,3,4,5", None),
        ("GT:LAA:LAD", "0/0:.:5", None),
        ("GT:LAA:LAD", "0/2:2:5,6,7", "5,6,7"),
        ("GT:LAA:LPL", "0/2:2:5,6", "5,6"),
        ("GT:LAA:LPL", "2:2:5,6", None),
        ("GT:LAA:LEC", "0/2:2:5,6", "5,6"),
        ("GT:PSO", "0/2:1,2", None),
        ("GT:PSO", "0/1/2:1,2", "1,2"),
        ("GT:LEN:MM", "0/1:10:1,2,3,4", None),
        ("GT:LGT:LAA", "0/2:0/1:2", None),
    ],
)
def test_local_alleles_and_ploidy_decide_numbers(form, cell, bad):
    found = _check(form, cell, alt="C,G,<*>", keys=LOCAL)
    found = [fault for fault in found if fault[0] != "FORMAT_LAA"]
    assert found == ([] if bad is None else [("SAMPLE_NUMBER", bad, 0)])


# --- values -----------------------------------------------------------------------------

WHOLE = st.one_of(
    st.integers(0, 99), st.integers(-(2**31) + 8, 2**31 - 1), st.just(100_000_000)
).map(str)
REAL = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-1000, 1000, places=3).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: f"{x:.17e}"),
    st.sampled_from(["inf", "-INF", "0", "-0", "1e-46", "123456789012345678", "+1.5"]),
)
WORD = st.text("abXé%3/|;=_", min_size=1, max_size=9)
GT = st.sampled_from(
    ["0/0", "0|1", "1/2", "./.", ".", "0", "2", "0/1|2", ".|1", "|0|1", "10/3"]
)
BY_NAME = {
    "GT": GT, "XS": WORD, "XT": st.lists(WORD | st.just("."), min_size=1, max_size=3).map(
        ",".join), "XC": st.sampled_from("aZ9é"),
}  # fmt: skip


def _field(name):
    if name in BY_NAME:
        return st.one_of(BY_NAME[name], st.just("."))
    value = REAL if KEYS[name][1] == "Float" else WHOLE
    return st.lists(value | st.just("."), min_size=1, max_size=5).map(",".join)


@st.composite
def _records(draw):
    n_samples = draw(st.integers(1, 5))
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        form = draw(st.lists(st.sampled_from(list(KEYS)), min_size=1, unique=True))
        cells = []
        for _ in range(n_samples):
            n = draw(st.integers(1, len(form)))
            cells.append([draw(_field(name)) for name in form[:n]])
        lines.append((form, cells))
    return n_samples, lines


def _int(text):
    return INT_MISSING if text == "." else int(text)


def _bits(text):
    if text == ".":
        return int(FLOAT_MISSING)
    with np.errstate(over="ignore"):
        return int(np.float32(float(text)).view(np.int32))


def _gt(text):
    out, phase = [], 0
    if text[0] in "/|":
        phase, text = int(text[0] == "|"), text[1:]
    for piece in text.replace("|", " | ").replace("/", " / ").split():
        if piece in "/|":
            phase = int(piece == "|")
        else:
            out.append(((0 if piece == "." else int(piece) + 1) << 1) | phase)
    return out


def _naive(name, text):
    """Give a field's values as the tape holds them."""
    if text is None:
        return (
            [0]
            if name == "GT"
            else [FLOAT_MISSING if KEYS[name][1] == "Float" else INT_MISSING]
        )
    if name == "GT":
        return _gt(text)
    return [(_bits if KEYS[name][1] == "Float" else _int)(x) for x in text.split(",")]


def _text(lines):
    return "".join(
        _line(":".join(form), *[":".join(c) for c in cells]) for form, cells in lines
    ).encode()


@given(_records())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_every_value_comes_back(records):
    n_samples, lines = records
    batch = read_batch(_text(lines), 0, 1)
    columns = SampleReader(_table(), n_samples, list(KEYS)).read(batch, Faults.empty())
    for name in KEYS:
        mine = [(k, form.index(name)) for k, (form, _) in enumerate(lines) if name in form]
        wanted = [
            [cell[f] if f < len(cell) else None for cell in lines[k][1]] for k, f in mine
        ]
        rows, array = columns.arrow(name, lists=True)
        assert rows.tolist() == [k for k, _ in mine]
        if KEYS[name][1] in ("String", "Character") and name != "GT":
            lists = [
                [
                    None
                    if t in (None, ".")
                    else [None if x == "." else x for x in t.split(",")]
                    for t in row
                ]
                for row in wanted
            ]
            assert array.to_pylist() == lists
            continue
        rows, dense = columns.dense(name)
        end = FLOAT_END if KEYS[name][1] == "Float" else INT_END
        for row, held in zip(wanted, dense.view(np.int32), strict=True):
            for text, values in zip(row, held.tolist(), strict=True):
                naive = [int(x) for x in _naive(name, text)]
                assert values == naive + [int(end)] * (len(values) - len(naive))
        for row, held in zip(wanted, array.to_pylist(), strict=True):
            for text, values in zip(row, held, strict=True):
                assert (values is None) == (
                    (text in (None, ".") and name != "GT") or text is None
                )


@given(_records())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_batches_do_not_matter(records):
    """However the records are cut, and whatever is read, values and faults are the same."""
    n_samples, lines = records
    names = ["DP", "XF", "GT"]
    whole, pieces = Faults.empty(), Faults.empty()
    batch = read_batch(_text(lines), 0, 1)
    together = SampleReader(_table(), n_samples, names).read(batch, whole)
    reader = SampleReader(_table(), n_samples, names)
    alone = [reader.read(read_batch(_text([x]), 0, 1), pieces) for x in lines]
    for name in names:
        one = together.arrow(name)[1].to_pylist()
        two = [row for c in alone for row in c.arrow(name)[1].to_pylist()]
        assert repr(one) == repr(two)
    assert whole.count.tolist() == pieces.count.tolist()
    # A check that keeps nothing finds the same.
    checked = Faults.empty()
    SampleReader(_table(), n_samples).check(batch, checked)
    assert checked.count.tolist() == whole.count.tolist()
    assert checked.first.tolist() == whole.first.tolist()
