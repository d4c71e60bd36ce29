"""Counts of groups of people from planes are those that genotypes as lists give."""

import random
from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from varhouse.errors import StoreError
from varhouse.frequencies.count import Counts, count_genotypes
from varhouse.frequencies.planecount import count_planes
from varhouse.frequencies.strata import make_strata
from varhouse.genotypes import planes
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import plane_columns

NAMES = [f.name for f in fields(Counts)]


def _genotypes(rows):
    """Make listed genotypes of texts, a list of people a record; the default is the first."""
    texts = sorted({t for row in rows for t in row})
    code = {t: i for i, t in enumerate(texts)}
    who, what, pointer = [], [], [0]
    for row in rows:
        for s, t in enumerate(row):
            if t != row[0]:
                who.append(s)
                what.append(code[t])
        pointer.append(len(who))
    return Genotypes(
        texts,
        np.array([code[row[0]] for row in rows], np.int32),
        np.array(pointer, np.int64),
        np.array(who, np.int32),
        np.array(what, np.int32),
    )


def _text(rng, n_alt, ploidy):
    alleles = [str(rng.choice([0, 0, 0, ".", *range(n_alt + 1)])) for _ in range(ploidy)]
    if rng.random() < 0.05:
        return "x"
    text = rng.choice("/|").join(alleles)
    return rng.choice(["/", "|", "", "", ""]) + text if ploidy > 1 else text


def _random(seed, people, n_records):
    """Records of one kind each: diploid, haploid males, haploid, any ploidy."""
    rng = random.Random(seed)
    male = [rng.random() < 0.5 for _ in range(people)]
    rows, n_alts = [], []
    for _ in range(n_records):
        n_alt, kind = rng.choice([0, 1, 1, 2, 14]), rng.randrange(4)
        ploidies = [
            (2, 1 if male[s] else 2, 1, rng.choice([1, 2, 3, 5]))[kind] for s in range(people)
        ]
        rows.append([_text(rng, n_alt, p) for p in ploidies])
        n_alts.append(n_alt)
    haploid = np.array([rng.random() < 0.5 for _ in rows])
    return _genotypes(rows), np.array(n_alts, np.int64), np.array(male), haploid


def _slow(genotypes, n_alt, male, haploid, members):
    """Count each group by the lists: strata of who is in it."""
    first_row = np.concatenate([[0], np.cumsum(n_alt)]).astype(np.int64)
    out = {name: [] for name in NAMES}
    for mine in members:
        sheet = pl.DataFrame(
            {
                "sex": ["male" if m else "female" for m in male],
                "group": ["in" if m else "out" for m in mine],
            }
        )
        strata = make_strata(sheet, ["group"])
        counts = count_genotypes(genotypes, first_row, haploid, strata)
        for name in NAMES:
            sums = strata.sums(getattr(counts, name))
            at = strata.value.index("in") if "in" in strata.value else None
            out[name].append(sums[:, at] if at is not None else np.zeros(len(sums), np.int32))
    return {name: np.stack(columns, axis=1) for name, columns in out.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("people", [1, 5, 32, 33, 97])
def test_the_same_as_by_lists(monkeypatch, seed, people):
    # Blocks of 40 people, so that records have several.
    monkeypatch.setattr(planes, "PEOPLE", 40)
    genotypes, n_alt, male, haploid = _random(seed, people, 30)
    rng = np.random.default_rng(seed)
    members = rng.random((3, people)) < [[0.2], [0.9], [0.5]]
    members[2] = False
    members[2, 0] = True
    rows = PlaneRows.of(plane_columns(genotypes, n_alt, people))
    found = count_planes(rows, members, male, haploid)
    right = _slow(genotypes, n_alt, male, haploid, members)
    for name in NAMES:
        assert np.array_equal(getattr(found, name), right[name]), name


def test_without_gt_everybody_is_missing():
    genotypes = Genotypes.nobody(1).spread(np.array([True, False])).part(1, 2)
    rows = PlaneRows.of(plane_columns(genotypes, np.array([2], np.int64), 3))
    counts = count_planes(
        rows, np.array([[True, True, False]]), np.zeros(3, np.bool_), np.zeros(1, np.bool_)
    )
    assert counts.n_missing.tolist() == [[2]]
    assert counts.an.tolist() == [[0]]


def test_blocks_of_one_record_have_the_same_alts(monkeypatch):
    monkeypatch.setattr(planes, "PEOPLE", 8)
    genotypes, n_alt, male, haploid = _random(1, 12, 4)
    frame = plane_columns(genotypes, n_alt, 12)
    row = int(np.flatnonzero(n_alt[frame["row"].to_numpy()] > 0)[0])
    broken = frame.with_row_index("i").with_columns(
        planes=pl.when(pl.col("i") == row)
        .then(pl.col("planes").list.head(0))
        .otherwise("planes")
    )
    with pytest.raises(StoreError, match="number of planes"):
        count_planes(PlaneRows.of(broken), np.ones((1, 12), np.bool_), male, haploid)
