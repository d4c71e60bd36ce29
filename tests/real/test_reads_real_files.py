"""Checks of reads and counts for base qualities on real files, against pysam read by read."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from varhouse.reads import recalibrate as module
from varhouse.reads.fastqcheck import check_fastq
from varhouse.reads.recalibratescan import LEAST_QUALITY, MOST_CYCLES, new_counts

pytestmark = pytest.mark.real

TINY = "reads/freebayes-tiny/tiny"
LANES = "reads/sarek-tiny/tiny/normal"
PAIR = str.maketrans("ACGT", "TGCA")


def slow_counts(bam: Path, reference: str, known: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """Count mismatches read by read, as the words of the method say it."""
    cycles, contexts = new_counts(1)
    with pysam.AlignmentFile(str(bam)) as file:
        for read in file.fetch(until_eof=True):
            if read.flag & 0xF04 or read.mapping_quality == 0:
                continue
            bases, qualities = read.query_sequence, read.query_qualities
            assert bases is not None
            assert qualities is not None
            n = len(bases)
            for k, p in read.get_aligned_pairs(matches_only=True):
                q, base = qualities[k], bases[k]
                ref = reference[p].upper()
                if q < LEAST_QUALITY or base == "N" or ref == "N" or p in known:
                    continue
                if read.is_reverse:
                    cycle, pair = n - 1 - k, bases[k : k + 2].translate(PAIR)[::-1]
                else:
                    cycle, pair = k, bases[max(0, k - 1) : k + 1]
                cycle += MOST_CYCLES if read.is_read2 else 0
                whole = len(pair) == 2 and "N" not in pair
                context = "ACGT".index(pair[0]) * 4 + "ACGT".index(pair[1]) if whole else 16
                for counts, place in ((cycles, cycle), (contexts, context)):
                    counts[0, q, place, 0] += 1
                    counts[0, q, place, 1] += base != ref
    return cycles, contexts


def test_mismatches_are_counted_as_read_by_read(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_dir / TINY
    fasta, known = tmp_path / "q.fa", tmp_path / "known.vcf"
    fasta.write_bytes((folder / "q.fa").read_bytes())
    pysam.faidx(str(fasta))
    lines = (folder / "NA12878.chr22.tiny.giab.vcf").read_text().splitlines()
    rows = [ln.split("\t") for ln in lines if not ln.startswith("#")]
    rows.sort(key=lambda r: int(r[1]))
    head = [ln for ln in lines if ln.startswith("#")]
    known.write_text("\n".join([*head, *("\t".join(r) for r in rows), ""]))
    sites = Path(str(pysam.tabix_index(str(known), preset="vcf")))
    masked = {int(r[1]) - 1 + i for r in rows for i in range(len(r[3]))}
    counted = []
    make = module.make_model
    monkeypatch.setattr(
        module, "make_model", lambda c, x: counted.append((c, x)) or make(c, x)
    )
    bam = folder / "NA12878.chr22.tiny.bam"
    found = module.recalibrate(bam, tmp_path / "out.bam", fasta=fasta, known=[sites])
    with pysam.FastaFile(str(fasta)) as file:
        cycles, contexts = slow_counts(bam, file.fetch("q"), masked)
    assert (counted[0][0] == cycles).all()
    assert (counted[0][1] == contexts).all()
    assert found["known"] == len(rows)


def test_lanes_of_a_real_run(data_dir: Path) -> None:
    for lane in ("L001", "L002"):
        files = [data_dir / LANES / f"tiny_n_{lane}_R{m}_xxx.fastq.gz" for m in (1, 2)]
        facts = check_fastq(files)
        with pysam.FastxFile(str(files[0])) as one, pysam.FastxFile(str(files[1])) as two:
            lengths = [len(r.sequence or "") for file in (one, two) for r in file]
        assert facts.problems == []
        assert (facts.n_reads, facts.n_bases) == (len(lengths), sum(lengths))
        assert (facts.names, facts.quality_base) == ("illumina-old", 33)
    one, two = (data_dir / LANES / f"tiny_n_L00{n}_R{n}_xxx.fastq.gz" for n in (1, 2))
    told = check_fastq([one, two]).problems
    assert "no mates, of C09DFACXX111207:1 and C09DFACXX111207:2" in told[0]
