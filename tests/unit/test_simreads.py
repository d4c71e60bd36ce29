"""Made reads are what they are said to be: errors, names, copies, depth."""

from pathlib import Path

import dnaio
import numpy as np
import pytest
from simreads import (
    CALIBRATED,
    CONTEXT,
    Variant,
    bases,
    female,
    make_genome,
    make_truth,
    male,
    simulate,
)

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def pairs_of(files: list[Path]) -> list[tuple[dnaio.SequenceRecord, dnaio.SequenceRecord]]:
    if len(files) == 1:
        with dnaio.open(files[0], interleaved=True) as reads:
            return list(reads)
    with dnaio.open(*files) as reads:
        return list(reads)


def placed(read: str, text: str, places: dict[str, int]) -> np.ndarray | None:
    """Tell which bases of a read differ, if one of its 20-mers is in the text once."""
    for sequence in (read, read[::-1].translate(COMPLEMENT)):
        for at in range(0, len(read) - 20, 10):
            start = places.get(sequence[at : at + 20], -1) - at
            if 0 <= start <= len(text) - len(read):
                differ = bases(sequence) != bases(text[start : start + len(read)])
                return differ if sequence is read else differ[::-1]
    return None


@pytest.mark.parametrize("platform", ["hiseq", "mgi", "element"])
def test_a_base_is_wrong_as_often_as_its_quality_says(platform: str, tmp_path):
    genome = make_genome(3, {"chr1": 20_000}, repeats=0, tandem=0)
    # No fragment is shorter than a read: else it would go on with the adapter.
    reads = simulate(
        genome, [], tmp_path, depth=60, platform=platform, seed=2, fragment=(350, 30)
    )
    text = genome["chr1"].tobytes().decode()
    places = {text[i : i + 20]: i for i in range(len(text) - 20)}
    wrong = expected = bases_seen = 0.0
    for pair in pairs_of(reads.files):
        for read in pair:
            quality = bases(read.qualities) - 33.0
            differ = placed(read.sequence, text, places)
            assert differ is not None
            wrong += differ.sum()
            bases_seen += len(differ)
            expected += np.where(quality <= 2, 0.12, 10 ** (-quality / 10.0)).sum()
    assert bases_seen == reads.n_bases
    assert bases_seen / len(text) == pytest.approx(60, rel=0.06)
    assert wrong == pytest.approx(expected, rel=0.08)


def test_errors_by_context_come_back_at_the_same_places(tmp_path):
    genome = make_genome(3, {"chr1": 20_000}, repeats=0, tandem=0)
    text = genome["chr1"].tobytes().decode()
    places = {text[i : i + 20]: i for i in range(len(text) - 20)}
    most = {}
    for name, errors in (("kind", CALIBRATED), ("hard", CONTEXT)):
        reads = simulate(genome, [], tmp_path / name, depth=100, seed=2, errors=errors)
        counts = np.zeros(len(text))
        for pair in pairs_of(reads.files):
            for read in pair:
                for sequence in (read.sequence, read.sequence[::-1].translate(COMPLEMENT)):
                    start = places.get(sequence[60:80], -1) - 60
                    if 0 <= start <= len(text) - 150:
                        part = slice(start, start + 150)
                        counts[part] += bases(sequence) != bases(text[part])
        most[name] = np.sort(counts)[-5:]
    assert most["kind"].max() <= 8
    assert most["hard"].max() >= 9 or most["hard"].sum() > most["kind"].sum() + 10


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ("illumina", "A00007:12:H7VTYDSX2:2:1101:10000:10000 1:N:0:ACGTACGT+TGCATGCA"),
        ("mgi", "V350000007L2C001R0010000000/1"),
        ("sra", "SRR0000007.10000000 10000000 length=100"),
        ("sra_mates", "SRR0000007.10000000.1 10000000 length=100"),
        ("element", "AV000007:FC-18:2140948596:2:10102:0000:0000 1:N:0:ACGT"),
    ],
)
def test_names_and_forms(names: str, first: str, tmp_path):
    genome = make_genome(1, {"chr1": 8_000})
    plain = simulate(
        genome, [], tmp_path, depth=10, names=names, seed=7, lane=2, read_length=100,
        quality_base=64, interleaved=True, ending=".fastq",
    )  # fmt: skip
    pairs = pairs_of(plain.files)
    assert len(pairs) == plain.n_pairs > 300
    assert pairs[0][0].name == first
    assert len({p[0].name for p in pairs}) == len(pairs)
    lowest = min(min(p[0].qualities) for p in pairs)
    assert 64 <= ord(lowest) < 80
    again = simulate(
        genome, [], tmp_path / "again", depth=10, names=names, seed=7, lane=2, read_length=100,
        quality_base=64, interleaved=True, ending=".fastq",
    )  # fmt: skip
    assert plain.files[0].read_bytes() == again.files[0].read_bytes()


def test_copies_and_variants_are_read(tmp_path):
    """Reads of X, Y and MT by copies; both alleles where there are two."""
    genome = make_genome(4, {"chr1": 20_000, "chrX": 20_000, "chrY": 20_000}, par=4_000)
    marks = {name: "".join(np.random.default_rng(i).choice(list("ACGT"), 40))
             for i, name in enumerate(genome)}  # fmt: skip
    truth = []
    for name, codes in genome.items():
        base = chr(codes[10_000])
        truth.append(Variant(name, 10_000, base, (base + marks[name],), (1, 0)))
    seen = {}
    for sex, copies in (("male", male(genome, 4_000)), ("female", female(genome))):
        own = [v for v in truth if sex == "male" or v.contig != "chrY"]
        reads = simulate(genome, own, tmp_path / sex, depth=60, copies=copies, seed=1)
        texts = [r.sequence for p in pairs_of(reads.files) for r in p]
        texts += [t[::-1].translate(COMPLEMENT) for t in texts]
        seen[sex] = {n: sum(m[5:35] in t for t in texts) for n, m in marks.items()}
    assert seen["female"]["chrY"] == 0
    assert all(10 < n < 40 for n in seen["male"].values()), seen
    assert 10 < seen["female"]["chrX"] < 40


def test_people_fit_their_genome(tmp_path):
    genome = make_genome(9, {"chr1": 100_000, "chrX": 50_000, "chrY": 30_000}, par=5_000)
    copies = male(genome, 5_000)
    truth = make_truth(np.random.default_rng(1), genome, copies=copies)
    assert len(truth) > 100
    for v in truth:
        assert genome[v.contig][v.start : v.end].tobytes().decode() == v.ref
        alone = v.contig == "chrY" or (v.contig == "chrX" and v.start >= 5_000)
        assert len(v.genotype) == (1 if alone else 2)
        assert any(v.genotype)
    assert {len(v.ref) - len(v.alts[0]) for v in truth} >= {-1, 0, 1}
