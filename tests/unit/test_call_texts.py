"""GT texts of chosen calls, from bit planes, against the lists that the planes are made of."""

import random

import numpy as np
import polars as pl
import pytest

from varhouse.genotypes import planes
from varhouse.genotypes.calls import Genotypes, parse_gt
from varhouse.genotypes.calltexts import call_texts
from varhouse.genotypes.planecarriers import find_carriers
from varhouse.genotypes.planerows import PlaneRows

TEXTS = [
    "0/0", "0|1", "1|0", "1/1", "./.", ".", "0", "1", "0/1/2", "|0/1", "/1", "0/1|2", "./1",
    "1/.", "01/0", "x", "0|0|0|1", "2/5", "0/0/0/0/0/0/0/0/0/1",
]  # fmt: skip


def made(
    rng: random.Random, people: int, texts: list[str]
) -> tuple[Genotypes, list[list[str]]]:
    """Make genotypes of some records, listed and as one text a call."""
    cells = [[rng.choice(texts) for _ in range(people)] for _ in range(9)]
    known = sorted({t for row in cells for t in row})
    default, pointer, who, what = [], [0], [], []
    for row in cells:
        usual = rng.choice(row)
        default.append(known.index(usual))
        other = [(i, known.index(t)) for i, t in enumerate(row) if t != usual]
        who += [i for i, _ in other]
        what += [c for _, c in other]
        pointer.append(len(who))
    arrays = (np.array(a, np.int32) for a in (default, who, what))
    d, w, x = arrays
    return Genotypes(known, d, np.array(pointer, np.int64), w, x), cells


@pytest.mark.parametrize("block", [3, 8, 8192])
@pytest.mark.parametrize("texts", [TEXTS[:4], TEXTS[:12], TEXTS, ["0", "1"]])
def test_texts_come_back(
    block: int, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planes, "PEOPLE", block)
    rng = random.Random(block + len(texts))
    for people in (1, 2, 7, 20):
        genotypes, cells = made(rng, people, texts)
        n_alt = np.array([rng.choice([1, 2, 5]) for _ in cells], np.int64)
        frame = planes.plane_columns(genotypes, n_alt, people)
        rows = PlaneRows.of(frame.rename({"row": "record"}))
        calls = [(k, s) for k in range(len(cells)) for s in range(people)]
        rng.shuffle(calls)
        some = calls[: rng.randrange(1, len(calls) + 1)]
        record = np.array([k for k, _ in some], np.int64)
        column = np.array([s for _, s in some], np.int32)
        got = call_texts(rows, record, column).series().to_list()
        assert got == [cells[k][s] for k, s in some]


def test_many_alleles() -> None:
    texts = ["/".join(map(str, range(i, i + 16))) for i in range(0, 1000, 40)]
    genotypes, cells = made(random.Random(4), 5, texts)
    n_alt = np.full(len(cells), 1100, np.int64)
    rows = PlaneRows.of(planes.plane_columns(genotypes, n_alt, 5).rename({"row": "record"}))
    record = np.repeat(np.arange(len(cells)), 5)
    column = np.tile(np.arange(5, dtype=np.int32), len(cells))
    got = call_texts(rows, record, column).series().to_list()
    assert got == [t for row in cells for t in row]


def test_a_record_without_gt() -> None:
    genotypes, cells = made(random.Random(5), 4, ["0/1", "1|1"])
    has = np.array([True, False] + [True] * (len(cells) - 1))
    spread = genotypes.spread(has)
    n_alt = np.ones(has.size, np.int64)
    rows = PlaneRows.of(planes.plane_columns(spread, n_alt, 4).rename({"row": "record"}))
    got = call_texts(rows, np.array([0, 1, 2]), np.array([3, 0, 1], np.int32)).series()
    assert got.equals(pl.Series("gt", [cells[0][3], None, cells[1][1]]))


@pytest.mark.parametrize("block", [3, 8192])
def test_carriers(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "PEOPLE", block)
    genotypes, cells = made(random.Random(block), 11, TEXTS[:12])
    n_alt = np.full(len(cells), 2, np.int64)
    rows = PlaneRows.of(planes.plane_columns(genotypes, n_alt, 11).rename({"row": "record"}))
    alts = [(k, a) for k in range(len(cells)) for a in (2, 1)]
    asked = np.array([0, 2, 3, 4, 7, 10], np.int32)
    found = find_carriers(
        rows,
        np.array([k for k, _ in alts], np.int64),
        np.array([a for _, a in alts], np.int32),
        asked,
    )
    got = list(zip(*(x.tolist() for x in found), strict=True))
    expected = []
    for i, (k, alt) in enumerate(alts):
        for s in asked.tolist():
            copies = (parse_gt(cells[k][s]) or []).count(alt)
            if copies:
                expected.append((i, s, copies))
    assert got == expected
