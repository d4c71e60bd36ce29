"""The tape of FORMAT fields: what goes in comes out, also in parts."""

import numpy as np
from fieldtapes import cells_of, tape_of

from varhouse.genotypes.fields import FieldTape

NUMBERS = {"DP", "AD", "PL"}
RECORDS = [
    ("GT:DP:AD:FT", ["0/0:12:12,0:PASS", "0/1:007", "./.", "0/1:.:.:."]),
    ("GT", ["0/0", "0/0", "0/1", "."]),
    ("DP:AD:PL", ["1:-5,3:1,.,99", "x:1.5", "2", "999999999:1,2,3,4"]),
    ("GT:FT", ["0/0:a", "0/0:", "0/0:.", "0/0"]),
]
WITHOUT_GT = [
    ("DP:AD:FT", ["12:12,0:PASS", "007", "", ".:.:."]),
    ("", ["", "", "", ""]),
    ("DP:AD:PL", ["1:-5,3:1,.,99", "x:1.5", "2", "999999999:1,2,3,4"]),
    ("FT", ["a", "", ".", ""]),
]


def test_a_tape_says_what_the_cells_say() -> None:
    tape = tape_of(RECORDS, NUMBERS)
    assert tape.size == 4
    assert cells_of(tape, 4) == WITHOUT_GT
    assert [int(p) for p in tape.odd[:, 0]] == [3, 15, 16]


def test_part_of_a_tape() -> None:
    tape = tape_of(RECORDS, NUMBERS)
    for a in range(5):
        for b in range(a, 5):
            part = tape.part(a, b)
            assert cells_of(part, 4) == WITHOUT_GT[a:b]
            assert part.begin[0] == 0
            assert part.cut.size == part.begin[-1] + 1


def test_pick_of_a_tape_and_of_a_part() -> None:
    tape = tape_of(RECORDS, NUMBERS)
    for bits in range(16):
        keep = np.array([bits >> k & 1 for k in range(4)], bool)
        want = [w for w, k in zip(WITHOUT_GT, keep, strict=True) if k]
        assert cells_of(tape.pick(keep), 4) == want
        assert cells_of(tape.part(1, 4).pick(keep[1:]), 4) == want[int(keep[0]) :]


def test_some_fields_of_a_tape() -> None:
    tape = tape_of(RECORDS, NUMBERS)
    for names in ([], ["DP"], ["AD", "FT"], ["PL", "XX"], ["AD", "DP", "FT", "PL"], None):
        mine = set(names) if names is not None else {"DP", "AD", "FT", "PL"}
        want = []
        for form, cells in WITHOUT_GT:
            keys = form.split(":") if form else []
            at = [j for j, k in enumerate(keys) if k in mine]
            some = [[c.split(":")[j] for j in at if j < len(c.split(":"))] for c in cells]
            # An empty cell has dropped all that it might hold but the first.
            want.append((":".join(keys[j] for j in at), [":".join(x) for x in some]))
        assert cells_of(tape.only(names), 4) == want
        assert cells_of(tape.part(1, 4).only(names), 4) == want[1:]


def test_no_fields() -> None:
    assert cells_of(FieldTape.nothing(2), 3) == [("", [""] * 3)] * 2
    # What is compiled for a batch's text serves it.
    assert not FieldTape.nothing(2).text.flags.writeable
