"""Genotypes to bit planes and back: every text, and what each question is answered."""

import numpy as np
import polars as pl
import pytest

from varhouse.errors import StoreError
from varhouse.genotypes import planes
from varhouse.genotypes.calls import NO_GT, Genotypes, parse_gt
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import plane_columns
from varhouse.verify.filescan import Rows
from varhouse.verify.planes import plane_faults

USUAL = ["0/0", "0/1", "1|1", "1/2", "./.", ".", "0", "1", "./1", "0|.", "0|1"]
ODD = [
    "/0/1", "|1", "0/1|2", "01/0", "00", "0/1/2", "1|1|1|1", "/".join("0101010101010101"),
    "14/13", "0|14", ".|.|.", "3",
]  # fmt: skip


def make(calls: list[list[str]]) -> Genotypes:
    """List the genotypes of records (texts of all people), as the reader does."""
    texts = sorted({t for row in calls for t in row})
    number = {t: i for i, t in enumerate(texts)}
    default, who, what, pointer = [], [], [], [0]
    for row in calls:
        codes = np.array([number[t] for t in row])
        # The texts are sorted: of two as frequent, the first is taken.
        usual = int(np.bincount(codes).argmax())
        listed = np.flatnonzero(codes != usual)
        default.append(usual)
        who += listed.tolist()
        what += codes[listed].tolist()
        pointer.append(len(who))
    lists = np.array(pointer, np.int64), np.array(who, np.int32), np.array(what, np.int32)
    return Genotypes(texts, np.array(default, np.int32), *lists)


def spread(genotypes: Genotypes, people: int) -> list[list[str]]:
    out = []
    for k in range(genotypes.size):
        row = [genotypes.texts[genotypes.default[k]]] * people
        for i in range(genotypes.pointer[k], genotypes.pointer[k + 1]):
            row[genotypes.who[i]] = genotypes.texts[genotypes.what[i]]
        out.append(row)
    return out


def draw(n: int, people: int, seed: int) -> tuple[list[list[str]], np.ndarray]:
    """Draw texts of n records: many alike, or a mix, usual and odd, with and without GT."""
    rng = np.random.default_rng(seed)
    calls, n_alt = [], []
    for k in range(n):
        alts = int(rng.choice([0, 1, 1, 2, 14]))
        pool = USUAL if k % 3 else USUAL + ODD
        fits = [t for t in pool if max(parse_gt(t) or [0]) <= alts]
        usual = fits[int(rng.integers(len(fits)))]
        odds = float(rng.choice([1.0, 0.95, 0.3]))
        other = rng.integers(0, len(fits), people)
        same = rng.random(people) < odds
        row = [usual if s else fits[o] for s, o in zip(same, other.tolist(), strict=True)]
        calls.append([NO_GT] * people if k % 11 == 10 else row)
        n_alt.append(alts)
    return calls, np.array(n_alt, np.int64)


@pytest.fixture(params=[(1, 8192), (3, 8192), (8, 8192), (61, 8192), (61, 16), (61, 7)])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    people, block = request.param
    monkeypatch.setattr(planes, "PEOPLE", block)
    calls, n_alt = draw(120, people, seed=people + block)
    genotypes = make(calls)
    return calls, n_alt, genotypes, plane_columns(genotypes, n_alt, people)


def test_texts_come_back(case) -> None:
    calls, n_alt, genotypes, frame = case
    rows = PlaneRows.of(frame)
    back = rows.genotypes()
    assert spread(back, len(calls[0])) == calls

    # As the reader lists them: the same default, the same people.
    def named(g: Genotypes):
        texts = np.array(g.texts)
        return (
            texts[g.default].tolist(),
            g.pointer.tolist(),
            g.who.tolist(),
            texts[g.what].tolist(),
        )

    assert named(back) == named(genotypes)
    assert rows.size == len(calls)
    assert frame.height == len(calls) * -(-len(calls[0]) // planes.PEOPLE)
    with_gt = [NO_GT not in row for row in calls]
    assert np.diff(rows.first_row).tolist() == (n_alt * with_gt).tolist()


def test_alleles_and_dosage(case) -> None:
    calls, n_alt, _, frame = case
    people = len(calls[0])
    rows = PlaneRows.of(frame)
    alleles, dosage = rows.alleles(), rows.dosage()
    some = np.random.default_rng(1).permutation(people)[: max(people // 10, 1)]
    assert np.array_equal(rows.alleles(some), alleles[:, some])
    assert np.array_equal(rows.dosage(some), dosage[:, some])
    assert np.array_equal(rows.of_person(people - 1), alleles[:, people - 1])
    for k, row in enumerate(calls):
        for s, text in enumerate(row):
            said = parse_gt(text) or []
            wanted = said + [-2] * (alleles.shape[2] - len(said))
            assert alleles[k, s].tolist() == wanted, (text, alleles[k, s])
            for a in range(n_alt[k] if text != NO_GT else 0):
                full = said and -1 not in said
                copies = said.count(a + 1) if full else -1
                assert dosage[rows.first_row[k] + a, s] == copies, text


def test_carriers(case) -> None:
    calls, n_alt, _, frame = case
    rows = PlaneRows.of(frame)
    for k, row in enumerate(calls):
        if row[0] == NO_GT:
            continue
        for alt in range(1, n_alt[k] + 1):
            wanted = [s for s, text in enumerate(row) if alt in (parse_gt(text) or [])]
            assert rows.carriers(k, alt).tolist() == wanted
        with pytest.raises(IndexError, match="no ALT"):
            rows.carriers(k, int(n_alt[k]) + 1)


def test_what_a_row_holds() -> None:
    calls = [["0|0", "0|1", "1/0", ".", "/1/1"]]
    frame = plane_columns(make(calls), np.array([1]), 5)
    assert frame.drop("planes", "missing", "absent", "flipped").rows(named=True) == [
        {
            "row": 0, "first": 0, "people": 5, "ploidy": 2, "separator": "|",
            "odd": [4], "odd_text": ["/1/1"],
        }
    ]  # fmt: skip
    assert frame["planes"].to_list() == [[bytes([0b00_01_10_00, 0b11_000000])]]
    assert frame["missing"].item() == bytes([0b00_00_00_10, 0])
    assert frame["absent"].item() == bytes([0b00_00_00_01, 0])
    assert frame["flipped"].item() == bytes([0b00100000])


def test_what_is_not_there_is_null() -> None:
    calls = [["0/0", "0/1"], ["0", "1"], [NO_GT, NO_GT]]
    frame = plane_columns(make(calls), np.array([1, 1, 1]), 2)
    assert frame["ploidy"].to_list() == [2, 1, None]
    assert frame["separator"].to_list() == ["/", None, None]
    for name in ("missing", "absent", "flipped"):
        assert frame[name].to_list() == [None] * 3
    assert frame["planes"].to_list() == [[b"\x10"], [b"\x40"], []]
    assert frame["odd"].to_list() == [[], [], []]


def test_a_text_that_is_no_genotype_is_kept() -> None:
    calls = [["0/1", "x", "0/2"], ["y", "y", "y"]]
    frame = plane_columns(make(calls), np.array([1, 1]), 3)
    rows = PlaneRows.of(frame)
    assert spread(rows.genotypes(), 3) == calls
    assert rows.alleles()[0].tolist() == [[0, 1], [-2, -2], [-2, -2]]
    assert frame["ploidy"].to_list() == [2, 1]


def test_nobody_and_nothing() -> None:
    assert plane_columns(Genotypes.nobody(3), np.ones(3, np.int64), 0).height == 0
    none = plane_columns(Genotypes.nobody(0), np.zeros(0, np.int64), 4)
    rows = PlaneRows.of(none)
    assert rows.size == 0
    assert rows.genotypes().size == 0
    assert rows.alleles().shape[0] == 0
    assert rows.dosage().shape[0] == 0


def test_wide_file_is_cut_into_blocks() -> None:
    people = planes.PEOPLE + 5
    calls = [["0/0"] * people, ["0|0"] * people]
    calls[0][planes.PEOPLE + 1] = "0|1"
    calls[1][3] = "1/1/1"
    genotypes = make(calls)
    frame = plane_columns(genotypes, np.array([1, 1]), people)
    assert frame["first"].to_list() == [0, planes.PEOPLE] * 2
    assert frame["people"].to_list() == [planes.PEOPLE, 5] * 2
    assert frame["ploidy"].to_list() == [2, 2, 3, 2]
    rows = PlaneRows.of(frame)
    assert spread(rows.genotypes(), people) == calls
    assert rows.carriers(0, 1).tolist() == [planes.PEOPLE + 1]
    # Rows of the second block alone are those of its people.
    tail = PlaneRows.of(frame.filter(pl.col("first") > 0))
    assert tail.columns.tolist() == list(range(planes.PEOPLE, people))
    assert tail.size == 2
    assert tail.of_person(planes.PEOPLE + 1).tolist() == [[0, 1], [0, 0]]
    with pytest.raises(IndexError, match="sample column 3"):
        tail.of_person(3)


def test_many_different_texts() -> None:
    texts = [f"{a}/{b}" for a in range(60) for b in range(60)]
    rows = PlaneRows.of(plane_columns(make([texts]), np.array([59]), len(texts)))
    assert spread(rows.genotypes(), len(texts)) == [texts]


def test_cut_short_frames(case) -> None:
    """Slices of a frame, whose buffers begin elsewhere, give the same."""
    calls, _, _, frame = case
    blocks = frame.height // len(calls)
    part = frame[5 * blocks : 40 * blocks]
    assert spread(PlaneRows.of(part).genotypes(), len(calls[0])) == calls[5:40]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("planes", [b"\x00\x00"], "planes number 0 has 2 bytes, not 1"),
        ("planes", [None], "planes number 0|null"),
        ("missing", b"", "missing number 0 has 0 bytes, not 1"),
        ("flipped", b"abc", "flipped number 0 has 3 bytes"),
        ("odd", [7], "do not belong together"),
    ],
)
def test_damaged_rows_are_refused(column: str, value: object, message: str) -> None:
    frame = plane_columns(make([["0/1", "./1"]]), np.array([1]), 2)
    bad = frame.with_columns(pl.Series(column, [value], dtype=frame.schema[column]))
    with pytest.raises(StoreError, match=message):
        PlaneRows.of(bad)


@pytest.mark.parametrize(
    ("column", "value"),
    [("ploidy", 100), ("ploidy", 0), ("ploidy", -1), ("first", -5), ("people", 0)],
)
def test_numbers_that_no_row_has_are_refused(column: str, value: int) -> None:
    """Planes of the right length would lead loops out of their arrays."""
    frame = plane_columns(make([["0/1", "1/1"]]), np.array([1]), 2)
    bad = frame.with_columns(
        pl.lit(value, frame.schema[column]).alias(column),
        pl.Series("planes", [[b"\xff" * 25 if value == 100 else b""]]),
    )
    with pytest.raises(StoreError, match="none that it can have"):
        PlaneRows.of(bad)


def test_records_without_all_people_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "PEOPLE", 2)
    calls = [["0/1", "1/1", "0/0", "1|0"]] * 2
    frame = plane_columns(make(calls), np.array([1, 1]), 4).with_columns(record="row")
    uneven = frame.with_columns(
        pl.Series("planes", [[b"\x40"], [], [b"\x40"], []], pl.List(pl.Binary))
    )
    for bad in (frame[[0, 1, 2]], frame[[0, 1, 1, 2, 3]], uneven):
        rows = PlaneRows.of(bad)
        for asked in (rows.genotypes, rows.alleles, rows.dosage):
            with pytest.raises(StoreError, match="all its people"):
                asked()
    assert PlaneRows.of(frame).genotypes().size == 2


ALTS = {0: ".", 1: "C", 2: "C,G", 14: ",".join("CGT" * 4 + "AC")}


def find_faults(frame: pl.DataFrame) -> list[str]:
    (batch,) = (
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks().to_batches()
    )
    return list(plane_faults(Rows(batch, {})))


def test_nothing_is_wrong_with_what_was_made(case) -> None:
    _, n_alt, _, frame = case
    alt = [ALTS[n] for n in n_alt[frame["row"].to_numpy()]]
    assert alt[0].count(",") == max(n_alt[0] - 1, 0)
    found = find_faults(frame.with_columns(alt=pl.Series(alt)))
    # Blocks of a size that is made up for the test are none of a file.
    assert found == [] or (planes.PEOPLE != 8192 and len(found) == 1 and "people" in found[0])


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("planes", [b"\x50", b"\x40"], "a copy is set in two planes"),
        ("missing", b"\x50", "a copy is set in two planes"),
        ("planes", [b"\x51", b"\x00"], "a bit is set behind the last person"),
        ("flipped", b"\x10", "a bit is set behind the last person"),
        ("missing", b"\x02", "a bit is set behind the last person"),
        ("missing", b"\x00", "neither null nor has a bit set"),
        ("flipped", b"\x00", "neither null nor has a bit set"),
        ("absent", b"\x20", "a copy behind one that is absent"),
        ("planes", [b"\x50"], "not a plane for each ALT"),
        ("ploidy", None, "not the bytes"),
        ("first", 5, "not those of a block"),
        ("planes", [b"\x50", b""], "not the bytes"),
    ],
)
def test_what_bits_can_get_wrong_is_found(column: str, value: object, fault: str) -> None:
    calls = [["0/1", "0/1", "0|0"]]
    frame = plane_columns(make(calls), np.array([2]), 3).with_columns(alt=pl.lit("C,G"))
    assert find_faults(frame) == []
    bad = frame.with_columns(pl.Series(column, [value], dtype=frame.schema[column]))
    found = find_faults(bad)
    assert any(fault in text for text in found), found
