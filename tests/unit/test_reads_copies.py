"""How many copies of X, Y and MT people have, base by base."""

import numpy as np
import pytest

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.copies import copies_at, copies_of_person

NAMES = {"chr1": "1", "chrX": "X", "chrY": "Y", "chrM": "MT"}
CONTIGS = Contigs([Contig(n, [a], None, 1000, None) for n, a in NAMES.items()])


@pytest.fixture
def haploid(tmp_path):
    par = tmp_path / "par.bed"
    par.write_text("chrX\t100\t200\nchrX\t900\t1000\nchrY\t50\t150\nX\t150\t220\n")
    return HaploidRegions(CONTIGS, par)


@pytest.mark.parametrize(
    ("sex", "contig", "runs"),
    [
        ("male", "chr1", [(1000, 2)]),
        ("male", "chrX", [(100, 1), (120, 2), (680, 1), (100, 2)]),
        ("male", "chrY", [(50, 1), (100, 0), (850, 1)]),
        ("male", "chrM", [(1000, 1)]),
        ("female", "chrX", [(1000, 2)]),
        ("female", "chrY", [(1000, 0)]),
        ("female", "chrM", [(1000, 1)]),
        ("unknown", "chrX", [(1000, 2)]),
        ("unknown", "chrY", [(1000, 0)]),
    ],
)
def test_copies_at_each_base(haploid, sex, contig, runs):
    copies = copies_of_person(sex, haploid, contig, 1000)
    assert copies == sorted(copies)
    expected = np.concatenate([np.full(n, k) for n, k in runs])
    assert copies_at(copies, 0, 1000).tolist() == expected.tolist()
    # Of a stretch the same as of the whole.
    for start, end in ((0, 1), (99, 101), (150, 950), (999, 1000)):
        assert copies_at(copies, start, end).tolist() == expected[start:end].tolist()


def test_without_par_all_of_x_has_one_copy():
    haploid = HaploidRegions(CONTIGS, None)
    assert copies_of_person("male", haploid, "chrX", 1000) == [(0, 1000, 1)]


def test_a_par_that_is_longer_than_the_contig_is_cut(haploid):
    assert copies_of_person("male", haploid, "chrX", 150) == [(0, 100, 1)]


def test_three_copies_are_refused():
    with pytest.raises(InputError, match=r"3 copies at bases 11-20"):
        copies_at([(10, 20, 3)], 0, 5)
