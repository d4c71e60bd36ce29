"""Sex by coverage of X and Y outside pseudo-autosomal regions."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.shipped import FOLDER
from varhouse.reads.sexcheck import (
    SexByReads,
    bases_outside_par,
    reads_outside_par,
    sex_by_reads,
    sex_flag,
    sex_to_call,
)

NAMES = [Contig("chr1"), Contig("chr2"), Contig("chrX", ["X"]), Contig("chrY"), Contig("chrM")]
CONTIGS = Contigs(NAMES)
HAPLOID = HaploidRegions(CONTIGS, FOLDER / "GRCh38.par.bed")
BASES = {"chr1": 230_000_000, "chr2": 240_000_000, "chrX": 152_000_000, "chrY": 24_000_000}
MT = {"chrM": 16_569}


def told(x: float, y: float, *, rate: float = 0.2, trisomy: float = 1.0) -> SexByReads:
    """Ask of somebody with these reads a base on X and Y, of those on autosomes."""
    shares = {"chr1": 1.0, "chr2": trisomy, "chrX": x, "chrY": y, "chrM": 500.0}
    reads = {c: round(rate * n * shares[c]) for c, n in (BASES | MT).items()}
    return sex_by_reads(reads, BASES | MT, HAPLOID)


@pytest.mark.parametrize(
    ("x", "y", "sex", "karyotype"),
    [
        (1.0, 0.0, "female", "XX"),
        (0.97, 0.12, "female", "XX"),
        (0.5, 0.45, "male", "XY"),
        (0.52, 0.33, "male", "XY"),
        (0.5, 0.02, "unclear", "X0"),
        (1.0, 0.5, "unclear", "XXY"),
        (0.5, 1.0, "unclear", "XYY"),
        (1.5, 0.0, "unclear", "XXX"),
        (1.5, 0.5, "unclear", "XXXY"),
        # A male who has lost Y in half of his blood; X0 and XX cells; a mixture of people.
        (0.5, 0.25, "unclear", "unclear"),
        (0.75, 0.0, "unclear", "unclear"),
        (0.75, 0.25, "unclear", "unclear"),
    ],
)
def test_karyotypes(x: float, y: float, sex: str, karyotype: str) -> None:
    found = told(x, y)
    assert (found.sex, found.karyotype) == (sex, karyotype)
    assert found.x_ratio == pytest.approx(x, abs=0.001)
    assert found.y_ratio == pytest.approx(y, abs=0.001)
    assert found.mt_ratio == pytest.approx(500, rel=0.01)
    assert f"X {x:.2f}, Y {y:.2f}" in found.why


def test_a_trisomy_of_the_shorter_does_not_move_it() -> None:
    assert told(1.0, 0.0, trisomy=1.0).sex == "female"
    reads = {"chr1": 46_000_000, "chr2": 48_000_000, "chr3": 60_000_000, "chrX": 15_200_000}
    found = sex_by_reads(reads | {"chrY": 2_400_000}, BASES | {"chr3": 198_000_000}, HAPLOID)
    assert found.karyotype == "XY"


def test_sex_is_not_told_where_nothing_is_known() -> None:
    no_x = sex_by_reads({"chr1": 5000}, {"chr1": 10**6, "chr2": 10**5}, HAPLOID)
    assert (no_x.sex, no_x.x_ratio, no_x.karyotype) == (None, None, None)
    assert "no contig X" in no_x.why
    few = told(1.0, 0.0, rate=1e-6)
    assert few.sex is None
    assert "100 reads" in few.why
    chosen = told(0.05, 0.0)
    assert chosen.sex is None
    assert "hardly covered" in chosen.why
    nothing = sex_by_reads({}, BASES, HAPLOID)
    assert (nothing.sex, nothing.why) == (None, "no reads on half of the autosomes")
    plants = HaploidRegions(Contigs([Contig("Chr1")]), None)
    assert sex_by_reads({"Chr1": 1000}, {"Chr1": 10**6}, plants).sex is None


def test_a_reference_without_y() -> None:
    bases = {c: n for c, n in BASES.items() if c != "chrY"}
    reads = {"chr1": 46_000_000, "chr2": 48_000_000, "chrX": 15_300_000}
    found = sex_by_reads(reads, bases, HAPLOID)
    assert (found.sex, found.karyotype, found.y_ratio) == ("male", None, None)
    assert sex_by_reads(reads | {"chrX": 30_400_000}, bases, HAPLOID).sex == "female"
    assert sex_by_reads(reads | {"chrX": 23_000_000}, bases, HAPLOID).sex == "unclear"


def test_only_what_is_called_is_compared_with() -> None:
    bases = BASES | {"chrUn": 10**9}
    reads = {"chr1": 46_000_000, "chr2": 48_000_000, "chrX": 30_400_000, "chrUn": 10}
    assert sex_by_reads(reads, bases, HAPLOID).sex is None
    found = sex_by_reads(reads, bases, HAPLOID, autosomes=["chr1", "chr2"])
    assert found.sex == "female"


def test_the_sheet_decides_and_is_doubted() -> None:
    male, female, klinefelter = told(0.5, 0.5), told(1.0, 0.0), told(1.0, 0.5)
    assert sex_to_call("female", male) == "female"
    assert sex_to_call("unknown", male) == "male"
    assert sex_to_call("unknown", female) == "female"
    assert sex_to_call("unknown", klinefelter) == "unknown"
    assert sex_to_call("unknown", None) == "unknown"
    flag = sex_flag("female", male)
    assert flag is not None
    assert flag["code"] == "sex_disagrees"
    assert "X 0.50, Y 0.50" in flag["words"]
    assert sex_flag("male", male) is None
    assert sex_flag("unknown", male) is None
    assert sex_flag("male", None) is None
    assert (sex_flag("male", klinefelter) or {})["code"] == "sex_unclear"


PAR = "chrX\t0\t2000\nchrX\t1500\t3000\nchrY\t100\t3000\n"


@pytest.fixture
def mini(tmp_path: Path) -> tuple[Path, Path, HaploidRegions]:
    """A mini genome with N in it, and a BAM with a read of 50 bases at every tenth base."""
    rng = np.random.default_rng(1)
    sequence = {"chr1": 20_000, "chrX": 10_000, "chrY": 8000}
    text = {c: "".join(rng.choice(list("ACGTacgt"), n)) for c, n in sequence.items()}
    text["chrX"] = "N" * 500 + text["chrX"][500:5000] + "n" * 100 + text["chrX"][5100:]
    text["chrY"] = "N" * 3000 + text["chrY"][3000:]
    fasta = tmp_path / "mini.fa"
    fasta.write_text("".join(f">{c}\n{s}\n" for c, s in text.items()))
    pysam.faidx(str(fasta))
    (tmp_path / "par.bed").write_text(PAR)
    bam = tmp_path / "mini.bam"
    header = {
        "SQ": [{"SN": c, "LN": n} for c, n in sequence.items()],
        "HD": {"SO": "coordinate"},
    }
    with pysam.AlignmentFile(str(bam), "wb", header=header) as out:
        for i, (_, n) in enumerate(sequence.items()):
            for at in range(0, n - 50, 10):
                read = pysam.AlignedSegment(out.header)
                read.query_name, read.reference_id, read.reference_start = f"r{i}.{at}", i, at
                read.query_sequence, read.cigarstring, read.flag = "A" * 50, "50M", 0
                out.write(read)
    pysam.index(str(bam))
    return fasta, bam, HaploidRegions(CONTIGS, tmp_path / "par.bed")


def test_bases_and_reads_outside_par(mini: tuple[Path, Path, HaploidRegions]) -> None:
    fasta, bam, haploid = mini
    bases = bases_outside_par(fasta, haploid, ["chr1", "chrX", "chrY", "chrM"])
    # X: 7,000 behind its PAR without 100 n; Y: its PAR and 100 bases before are N.
    assert bases == {"chr1": 20_000, "chrX": 6900, "chrY": 5000}
    reads = reads_outside_par(bam, haploid)
    # Of 300 reads that begin in [0, 3000) of X all touch the PAR; none that begins behind.
    assert reads == {"chr1": 1995, "chrX": 995 - 300, "chrY": 795 - 300 + 6}
    given = reads_outside_par(bam, haploid, reads={"chrX": 5000, "chrY": 100})
    assert given == {"chrX": 4700, "chrY": 0}


def test_alignments_without_counts_are_refused(
    mini: tuple[Path, Path, HaploidRegions],
) -> None:
    fasta, bam, haploid = mini
    cram = bam.with_suffix(".cram")
    with (
        pysam.AlignmentFile(str(bam)) as file,
        pysam.AlignmentFile(
            str(cram), "wc", template=file, reference_filename=str(fasta)
        ) as out,
    ):
        for read in file:
            out.write(read)
    with pytest.raises(InputError, match="no index"):
        reads_outside_par(cram, haploid, fasta=fasta)
    pysam.index(str(cram))
    with pytest.raises(InputError, match="no counts"):
        reads_outside_par(cram, haploid, fasta=fasta)
    counts = {"chr1": 1995, "chrX": 995, "chrY": 795}
    assert reads_outside_par(cram, haploid, fasta=fasta, reads=counts) == reads_outside_par(
        bam, haploid
    )
