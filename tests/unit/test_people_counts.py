"""What people have is counted as a slow reader of the text counts it."""

import random

import numpy as np
import pytest
import slow_qc
from qc_stores import GENOME, PAR, make_lines, make_qc_store

from varhouse.people.calls import CohortCalls
from varhouse.people.counts import COUNTS
from varhouse.people.qc import OF_CONTIG, count_cohort
from varhouse.store.reader import open_store

CONTIGS = list(GENOME)


def people(n: int, letter: str = "P") -> list[str]:
    return [f"{letter}{i:03}" for i in range(n)]


def males_of(names: list[str]) -> set[str]:
    return set(names[::2])


def one_file(n: int, seed: int):
    rng = random.Random(seed)
    names = people(n)
    return [(names, make_lines(names, males_of(names), CONTIGS, rng))]


def by_contig(n: int, seed: int):
    """The same people in a file a contig, with their columns in another order."""
    rng = random.Random(seed)
    names = people(n)
    files = []
    for contig in CONTIGS:
        own = rng.sample(names, len(names))
        files.append((own, make_lines(own, males_of(names), [contig], rng)))
    return files


def batches(seed: int):
    """Files of other people, who share sites and alleles."""
    rng = random.Random(seed)
    files = []
    for letter, n in (("P", 33), ("Q", 5), ("R", 1)):
        names = people(n, letter)
        rng = random.Random(seed)
        files.append((names, make_lines(names, males_of(names), CONTIGS, rng)))
    return files


CASES = {
    "one file": one_file(40, 1),
    "a word and a bit": one_file(33, 2),
    "one person": one_file(1, 3),
    "two people": one_file(2, 4),
    "by contig": by_contig(35, 5),
    "batches": batches(6),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def counted(request, tmp_path_factory):
    files = CASES[request.param]
    names = list(dict.fromkeys(p for own, _ in files for p in own))
    males = {p for own, _ in files for p in males_of(sorted(own))}
    store = open_store(make_qc_store(tmp_path_factory.mktemp("qc"), files, males))
    calls = CohortCalls(store, "c")
    return names, slow_qc.count(files, GENOME, males, PAR), calls, count_cohort(store, calls)


def expected(names, slow, group, columns):
    return np.array([[slow[p, group][n] for n in columns] for p in names], np.int64)


def test_as_a_slow_reader_counts(counted) -> None:
    names, slow, calls, found = counted
    place = dict(zip(calls.columns.samples, calls.columns.ordinal.tolist(), strict=True))
    at = [place[p] for p in names]
    for group, own in (("autosomes", found.autosomes), ("x", found.x), ("y", found.y)):
        want = expected(names, slow, group, COUNTS)
        for i, name in enumerate(COUNTS):
            np.testing.assert_array_equal(own[at][:, i], want[:, i], f"{group} {name}")
        if len(names) > 2:
            assert (want.sum(0) > 0)[:5].any()
    for contig in CONTIGS:
        want = expected(names, slow, contig, OF_CONTIG)
        got = found.contigs.get(contig, np.zeros((calls.people, len(OF_CONTIG))))[at]
        np.testing.assert_array_equal(got, want, contig)
