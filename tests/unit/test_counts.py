"""Counts per cell and person against a slow count of each person's genotype."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from varhouse.frequencies.count import (
    KIND_INDEL,
    KIND_TRANSITION,
    SAMPLE_COUNTS,
    count_genotypes,
    count_people,
)
from varhouse.frequencies.strata import make_strata
from varhouse.genotypes.calls import Genotypes, parse_gt
from varhouse.tables.statistics import genotype_counts, of_records

TEXTS = ["0/0", "0/1", "1|1", "1/2", ".", "./1", "1", "0", "./.", "2/.", "0/1/2"]
SEXES = ["male", "female", "unknown"]


def draw(n: int, people: int, seed: int) -> tuple[Genotypes, np.ndarray, np.ndarray]:
    """Draw genotypes of records with two ALT: (lists, those of everybody, haploid)."""
    rng = np.random.default_rng(seed)
    # Some records nearly all alike, others a mix.
    odds = [0.99, 0.5, 0.02]
    calls = np.empty((n, people), np.int64)
    default = np.empty(n, np.int32)
    who, what, pointer = [], [], [0]
    for k in range(n):
        usual = int(rng.integers(len(TEXTS)))
        other = rng.integers(0, len(TEXTS), people)
        calls[k] = np.where(rng.random(people) < odds[k % 3], usual, other)
        default[k] = usual
        listed = np.flatnonzero(calls[k] != usual)
        who += listed.tolist()
        what += calls[k, listed].tolist()
        pointer.append(len(who))
    lists = (np.array(pointer, np.int64), np.array(who, np.int32), np.array(what, np.int32))
    return Genotypes(TEXTS, default, *lists), calls, rng.random(n) < 0.5


def slow(text: str, *, hemi: bool, alt: int) -> Counter:
    """Count one genotype as the glossary says."""
    alleles = parse_gt(text)
    called = [a for a in alleles if a >= 0]
    size = len(alleles)
    if hemi and size == 2 and len(called) == 1:
        size = 1
    out = Counter(an=len(called), ac=called.count(alt))
    if len(called) < size:
        out["n_missing"] = 1
        return out
    is_odd = size != 2 or hemi
    out["n_not_diploid"] = int(is_odd)
    if out["ac"]:
        kind = "n_hemi" if size == 1 else "n_hom_alt" if out["ac"] == size else "n_het"
        out[kind] = 1
        if size > 1:
            out[f"{kind}_not_diploid"] = int(is_odd)
    return out


@pytest.mark.parametrize("people", [3, 400])
def test_counts_of_cells(people: int):
    genotypes, calls, haploid = draw(30, people, seed=people)
    sexes = [SEXES[s % 3] for s in range(people)]
    groups = ["even" if s % 2 else "odd" for s in range(people)]
    strata = make_strata(pl.DataFrame({"sex": sexes, "group": groups}), ["group"])
    first_row = np.arange(0, 2 * 30 + 1, 2)
    counts = count_genotypes(genotypes, first_row, haploid, strata)
    for k in range(30):
        for cell in range(strata.size.size):
            mine = np.flatnonzero(strata.cell == cell)
            for alt in (1, 2):
                wanted = Counter()
                for s in mine.tolist():
                    hemi = bool(haploid[k]) and sexes[s] == "male"
                    wanted.update(slow(TEXTS[calls[k, s]], hemi=hemi, alt=alt))
                row = 2 * k + alt - 1
                for name in set(genotype_counts()) - of_records():
                    assert getattr(counts, name)[row, cell] == wanted[name], (k, alt, name)
                for name in set(genotype_counts()) & of_records():
                    assert getattr(counts, name)[k, cell] == wanted[name], (k, name)


@pytest.mark.parametrize("people", [3, 400])
def test_counts_of_people(people: int):
    genotypes, calls, haploid = draw(30, people, seed=people + 1)
    male = np.arange(people) % 3 == 0
    first_row = np.arange(0, 2 * 30 + 1, 2)
    kind = np.array([KIND_TRANSITION, KIND_INDEL] * 30, np.int8)
    counts = count_people(genotypes, first_row, haploid, male, kind)
    for s in range(people):
        wanted = Counter()
        for k in range(30):
            alleles = parse_gt(TEXTS[calls[k, s]])
            hemi = bool(haploid[k] and male[s])
            size = len(alleles)
            if hemi and size == 2 and sum(a >= 0 for a in alleles) == 1:
                alleles, size = [a for a in alleles if a >= 0], 1
            wanted["n_snv"] += alleles.count(1)
            wanted["n_ti"] += alleles.count(1)
            wanted["n_indel"] += alleles.count(2)
            if -1 in alleles:
                wanted["n_missing"] += 1
            elif any(alleles):
                same = len(set(alleles)) == 1
                kinds = "n_hemi" if size == 1 else "n_hom_alt" if same else "n_het"
                wanted[kinds] += 1
        for j, name in enumerate(SAMPLE_COUNTS):
            assert counts[s, j] == wanted[name], (s, name)
