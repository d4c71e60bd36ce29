"""Base qualities: wrong ones come out as often wrong as they say, right ones stay."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from varhouse.errors import InputError
from varhouse.reads.recalibrate import HIGHEST, most_likely, recalibrate

SIZE = 60_000
LENGTH = 100
LETTERS = np.frombuffer(b"ACGT", np.uint8)
Chance = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Chance of an error, of reported quality, cycle and the two bases read last."""


def reported(quality: np.ndarray, *_: np.ndarray) -> np.ndarray:
    return 10 ** (-quality / 10)


def overstated(quality: np.ndarray, cycle: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Qualities are 4 too high, at the end of reads 4 more, and behind G by 3 more."""
    off = 4 + 4.0 * (cycle >= 80) + 3.0 * (context // 4 == 2)
    return 10 ** (-np.maximum(quality - off, 1) / 10)


class Sample:
    """A contig, known variants on it, and reads with errors that are known."""

    def __init__(
        self, folder: Path, chance: Chance, *, n: int = 60_000, seed: int = 1
    ) -> None:
        self.folder = folder
        rng = np.random.default_rng(seed)
        genome = rng.integers(0, 4, SIZE).astype(np.uint8)
        text = LETTERS[genome].tobytes().decode()
        self.fasta = folder / "ref.fa"
        lines = [text[i : i + 61] for i in range(0, SIZE, 61)]
        self.fasta.write_text(">a:1-9\nACGT\n>c1\n" + "\n".join(lines) + "\n")
        pysam.faidx(str(self.fasta))
        # Everybody differs at the variants: none of these is an error.
        person = genome.copy()
        self.sites = np.arange(100, SIZE - 200, 150)
        person[self.sites] = (person[self.sites] + 1) % 4
        self.known = self._write_known(text)
        start = np.sort(rng.integers(0, SIZE - LENGTH, n))
        self.is_reverse = rng.random(n) < 0.5
        seen = person[start[:, None] + np.arange(LENGTH)]
        seen[self.is_reverse] = 3 - seen[self.is_reverse][:, ::-1]
        quality = rng.choice(np.array([2, 12, 23, 30, 37]), (n, LENGTH))
        cycle = np.broadcast_to(np.arange(LENGTH), seen.shape)
        read = seen.copy()
        for k in range(LENGTH):
            before = read[:, k - 1] if k else np.full(n, 9)
            context = before * 4 + seen[:, k]
            wrong = rng.random(n) < chance(quality[:, k], cycle[:, k], context)
            read[wrong, k] = (read[wrong, k] + rng.integers(1, 4, wrong.sum())) % 4
        self.is_wrong = read != seen
        self.is_behind = np.zeros_like(self.is_wrong)
        self.is_behind[:, 1:] = read[:, :-1] == 2
        self.is_behind[self.is_reverse] = self.is_behind[self.is_reverse][:, ::-1]
        # As the file has them: along the contig.
        for each in (read, quality):
            each[self.is_reverse] = each[self.is_reverse][:, ::-1]
        read[self.is_reverse] = 3 - read[self.is_reverse]
        self.is_wrong[self.is_reverse] = self.is_wrong[self.is_reverse][:, ::-1]
        self.quality = quality = quality.astype(np.uint8)
        self.bam = self._write_reads(start, read, quality)

    def _write_known(self, text: str) -> Path:
        path = self.folder / "known.vcf"
        rows = "".join(f"c1\t{s + 1}\t.\t{text[s]}\tN\t.\t.\t.\n" for s in self.sites)
        head = "##fileformat=VCFv4.2\n##contig=<ID=c1>\n##contig=<ID=a:1-9>\n"
        path.write_text(head + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows)
        return Path(str(pysam.tabix_index(str(path), preset="vcf")))

    def _write_reads(self, start: np.ndarray, read: np.ndarray, quality: np.ndarray) -> Path:
        path = self.folder / "in.bam"
        header = {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "a:1-9", "LN": 4}, {"SN": "c1", "LN": SIZE}],
            "RG": [{"ID": "g1", "SM": "s"}, {"ID": "g2", "SM": "s"}],
        }
        with pysam.AlignmentFile(str(path), "wb", header=header) as out:
            for k in range(len(start)):
                one = pysam.AlignedSegment(out.header)
                one.query_name = f"r{k}"
                one.query_sequence = LETTERS[read[k]].tobytes().decode()
                one.query_qualities = pysam.qualitystring_to_array(
                    (quality[k] + 33).tobytes().decode()
                )
                one.flag = (16 if self.is_reverse[k] else 0) | (1 | 128 if k % 2 else 1 | 64)
                one.reference_id, one.reference_start = 1, int(start[k])
                one.mapping_quality = 60
                one.cigartuples = [(0, LENGTH)]
                one.set_tag("XA", "x")
                one.set_tag("RG", "g2" if k % 3 else "g1")
                out.write(one)
        return path

    def run(self, **more: Any) -> tuple[dict[str, Any], np.ndarray]:
        out = self.folder / "out.bam"
        found = recalibrate(
            self.bam, out, **{"fasta": self.fasta, "known": [self.known], **more}
        )
        with pysam.AlignmentFile(str(out)) as file:
            new = np.array([r.query_qualities for r in file.fetch(until_eof=True)], np.uint8)
        return found, new


def errors_of(said: np.ndarray, is_wrong: np.ndarray, least: int = 20_000) -> dict[int, float]:
    """Give the quality that bases have, of each quality that they are said to have."""
    found = {}
    for q in np.unique(said):
        here = said == q
        if here.sum() >= least and is_wrong[here].sum() >= 100:
            found[int(q)] = float(-10 * np.log10(is_wrong[here].mean()))
    return found


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("wrong"), overstated)


Result = tuple[dict[str, Any], np.ndarray]


@pytest.fixture(scope="module")
def result(wrong: Sample) -> Result:
    return wrong.run()


def test_wrong_qualities_are_set_right_in_each_bin(wrong: Sample, result: Result) -> None:
    before = errors_of(wrong.quality, wrong.is_wrong)
    assert all(before[q] < q - 3 for q in (12, 23, 30, 37)), "they begin wrong"
    found, new = result
    after = errors_of(new, wrong.is_wrong)
    assert len(after) > 6
    assert {q: round(e, 1) for q, e in after.items() if q > 2 and abs(e - q) > 1.5} == {}
    # Also where they were worst: at the end of reads, and of each reported quality.
    late = np.zeros_like(wrong.is_wrong)
    late[~wrong.is_reverse, 80:] = True
    late[wrong.is_reverse, :20] = True
    for of in (late, ~late, wrong.is_behind, ~wrong.is_behind, late & wrong.is_behind):
        for q in (12, 23, 30, 37):
            here = of & (wrong.quality == q)
            chance = (10 ** (-new[here].astype(float) / 10)).mean()
            assert abs(10 * np.log10(chance / wrong.is_wrong[here].mean())) < 0.5
    assert set(found["groups"]) == {"g1", "g2"}
    assert found["known"] == len(wrong.sites)
    one = found["groups"]["g2"]
    assert one["found"] < one["reported"] - 3
    assert found["tools"][0]["step"] == "base_quality"
    assert "known.vcf.gz" in found["tools"][0]["options"]


def test_reads_of_another_reference_are_refused(wrong: Sample, tmp_path: Path) -> None:
    other = Sample(tmp_path, reported, n=10, seed=3)
    wrong_fasta, wrong.fasta = wrong.fasta, other.fasta
    try:
        assert "75% of the bases differ" in refused(wrong, [wrong.known])
    finally:
        wrong.fasta = wrong_fasta


@pytest.mark.usefixtures("result")
def test_nothing_else_of_a_record_changes(wrong: Sample) -> None:
    out = wrong.folder / "out.bam"
    assert Path(f"{out}.bai").exists()
    with pysam.AlignmentFile(str(wrong.bam)) as a, pysam.AlignmentFile(str(out)) as b:
        assert b.header.to_dict()["PG"][-1]["PN"] == "varhouse"
        n = 0
        for x, y in zip(a.fetch(until_eof=True), b.fetch(until_eof=True), strict=True):
            first, second = x.to_string().split("\t"), y.to_string().split("\t")
            first[10] = second[10] = ""
            assert first == second
            n += 1
        assert n == len(wrong.quality)


def test_qualities_below_six_stay(wrong: Sample, result: Result) -> None:
    _, new = result
    assert (new[wrong.quality == 2] == 2).all()
    assert new.max() <= HIGHEST


def test_a_variant_that_is_not_known_counts_as_errors(
    wrong: Sample, result: Result, tmp_path: Path
) -> None:
    few = tmp_path / "few.vcf"
    few.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "c1\t5\t.\tA\tC\t.\t.\t.\n"
    )
    few = Path(str(pysam.tabix_index(str(few), preset="vcf")))
    found, _ = result
    other = recalibrate(wrong.bam, tmp_path / "few.bam", fasta=wrong.fasta, known=[few])
    assert other["known"] == 1
    assert other["groups"]["g1"]["found"] < found["groups"]["g1"]["found"]


def test_right_qualities_stay(tmp_path: Path) -> None:
    sample = Sample(tmp_path, reported, seed=2)
    _, new = sample.run(threads=2)
    for q in (12, 23, 30, 37):
        of = new[sample.quality == q].astype(int)
        assert abs(of.mean() - q) < 0.5
        assert np.percentile(np.abs(of - q), 95) <= 2


def test_a_cram_is_written_if_asked(wrong: Sample, result: Result) -> None:
    _, new = result
    out = wrong.folder / "out.cram"
    recalibrate(wrong.bam, out, fasta=wrong.fasta, known=[wrong.known])
    assert Path(f"{out}.crai").exists()
    with pysam.AlignmentFile(str(out), reference_filename=str(wrong.fasta)) as file:
        again = np.array([r.query_qualities for r in file.fetch(until_eof=True)], np.uint8)
    assert (again == new).all()


def test_without_bases_the_prior_is_the_answer_and_many_outweigh_it() -> None:
    counts = np.array([[0, 0], [100, 0], [10_000_000, 10_000], [1000, 10]])
    found = most_likely(counts, np.array([33.3, 30.0, 40.0, 20.0]))
    assert found[0] == 33.3
    assert 29 <= found[1] <= 31
    assert found[2] == 30.0
    assert found[3] == 20.0


def refused(sample: Sample, known: Sequence[Path], **more: Any) -> str:
    with pytest.raises(InputError) as error:
        recalibrate(
            more.pop("bam", sample.bam),
            sample.folder / "no.bam",
            fasta=sample.fasta,
            known=known,
        )
    assert not (sample.folder / "no.bam").exists()
    assert error.value.fix
    return error.value.message


def test_what_cannot_be_counted_is_refused(wrong: Sample, tmp_path: Path) -> None:
    assert "without known variants" in refused(wrong, [])
    bare = tmp_path / "bare.vcf.gz"
    bare.write_bytes(wrong.known.read_bytes())
    assert "has no index" in refused(wrong, [bare])
    other = tmp_path / "other.vcf"
    other.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "1\t5\t.\tA\tC\t.\t.\t.\n"
    )
    other = Path(str(pysam.tabix_index(str(other), preset="vcf")))
    assert "no known variant where" in refused(wrong, [other])
    bam = tmp_path / "names.bam"
    with pysam.AlignmentFile(str(wrong.bam)) as file:
        header = file.header.to_dict()
    header["HD"]["SO"] = "queryname"
    with pysam.AlignmentFile(str(bam), "wb", header=header):
        pass
    assert "not sorted by coordinate" in refused(wrong, [wrong.known], bam=bam)
