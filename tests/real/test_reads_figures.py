"""Figures of real reads against samtools, mosdepth and bcftools of the machine."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysam
import pytest

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.callregion import CallSettings, call_region
from varhouse.reads.finish import finish_person
from varhouse.reads.gvcf import join_regions
from varhouse.reads.metrics import person_metrics
from varhouse.reads.model import Filters, Lane, Person, Span
from varhouse.reads.sexcheck import bases_outside_par, reads_outside_par, sex_by_reads

pytestmark = pytest.mark.real


def run(*argv: str, env: Mapping[str, str] | None = None) -> str:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"needs {argv[0]}")
    own = os.environ | (env or {})
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=own).stdout


def with_htslib(folder: Path) -> dict[str, str]:
    """Give mosdepth the library by the name that it asks for, which only libhts-dev has."""
    found = sorted(Path("/usr/lib").glob("*/libhts.so*"))
    if not found:
        pytest.skip("needs mosdepth with libhts")
    (folder / "libhts.so").symlink_to(found[0])
    return {"LD_LIBRARY_PATH": str(folder)}


class Made:
    """A person's files and figures, from a real BAM."""

    def __init__(self, folder: Path, bam: Path, fasta: Path) -> None:
        self.fasta = folder / "ref.fa"
        shutil.copyfile(fasta, self.fasta)
        pysam.faidx(str(self.fasta))
        self.bam = folder / "p.bam"
        finished = finish_person([bam], self.bam, fasta=self.fasta, sample="p")
        with pysam.FastaFile(str(self.fasta)) as file:
            contigs = dict(zip(file.references, file.lengths, strict=True))
        parts = []
        for name, length in contigs.items():
            parts.append(folder / f"part{len(parts)}")
            call_region(
                self.bam, self.fasta, Span(name, 0, length), parts[-1], sample="p", copies=[],
                settings=CallSettings(), panel=None,
            )  # fmt: skip
        self.gvcf = folder / "p.g.vcf.gz"
        joined = join_regions(
            parts, self.gvcf, fasta=self.fasta, sample="p", header=[], filters=Filters()
        )
        haploid = HaploidRegions(Contigs([Contig(name) for name in contigs]), None)
        sex = sex_by_reads(
            reads_outside_par(self.bam, haploid),
            bases_outside_par(self.fasta, haploid, contigs),
            haploid,
        )
        lane = Lane("c", "p", "1", "l", "ILLUMINA", "bam", [str(bam)])
        self.found = person_metrics(
            Person("c", "p", "female", [lane]), [], finished, joined["regions"], None,
            haploid=haploid, sex=sex,
        )  # fmt: skip
        self.figures: dict[str, Any] = self.found["figures"]

    def stats(self, *options: str) -> dict[str, float]:
        lines = run("samtools", "stats", *options, str(self.bam)).splitlines()
        cells = [line.split("\t") for line in lines if line.startswith("SN\t")]
        return {c[1].rstrip(":"): float(c[2]) for c in cells}


@pytest.fixture(scope="module", params=["variantworks", "freebayes"])
def made(
    request: pytest.FixtureRequest,
    data_dir: Path,
    oracles_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    tiny = data_dir / "reads/freebayes-tiny/tiny"
    works = oracles_dir / "reads-truth/variantworks"
    places = {
        "variantworks": (
            works / "tests/data/some_indels.bam",
            works / "GRCh37.1.10106632-10212461.from-MD.fa",
        ),
        "freebayes": (tiny / "NA12878.chr22.tiny.bam", tiny / "q.fa"),
    }
    bam, fasta = places[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    if not fasta.exists():
        pytest.skip(f"needs {fasta.name}")
    return Made(folder, fit(bam, fasta, folder), fasta)


def fit(bam: Path, fasta: Path, folder: Path) -> Path:
    """Give the BAM with positions on a FASTA that is a stretch of its contig."""
    with pysam.FastaFile(str(copied(fasta, folder))) as reference:
        (name,), (length,) = reference.references, reference.lengths
    with pysam.AlignmentFile(str(bam)) as file:
        if (name, length) in zip(file.references, file.lengths, strict=True):
            return bam
        offset = int(fasta.name.split(".")[2].split("-")[0]) - 1
        out = folder / "moved.bam"
        groups = file.header.to_dict().get("RG", [])
        header = {"HD": {"SO": "coordinate"}, "SQ": [{"SN": name, "LN": length}], "RG": groups}
        with pysam.AlignmentFile(str(out), "wb", header=header) as moved:
            for read in file.fetch(until_eof=True):
                moved.write(shifted(read, moved.header, offset, length))
    return out


def copied(fasta: Path, folder: Path) -> Path:
    out = folder / "source.fa"
    shutil.copyfile(fasta, out)
    pysam.faidx(str(out))
    return out


def shifted(
    read: pysam.AlignedSegment, header: pysam.AlignmentHeader, offset: int, length: int
) -> pysam.AlignedSegment:
    data = read.to_dict()
    name = header.references[0]
    data["ref_name"] = name if data["ref_name"] != "*" else "*"
    data["ref_pos"] = str(max(int(data["ref_pos"]) - offset, 0))
    if data["next_ref_name"] not in ("*", "="):
        data["next_ref_name"] = name
    data["next_ref_pos"] = str(min(max(int(data["next_ref_pos"]) - offset, 0), length))
    return pysam.AlignedSegment.from_dict(data, header)


def test_reads_are_those_of_samtools(made: Made) -> None:
    sn, own = made.stats(), made.figures
    assert own["reads"] == sn["raw total sequences"]
    assert own["bases"] == sn["total length"]
    assert own["mapped"] == pytest.approx(sn["reads mapped"] / sn["raw total sequences"])
    share = sn["reads properly paired"] / sn["reads paired"]
    assert own["proper"] == pytest.approx(share)
    # Of mapped reads: samtools stats counts their unmapped mates, too.
    n = int(run("samtools", "view", "-c", "-f", "0x400", "-F", "0x904", str(made.bam)))
    assert own["duplicates"] == pytest.approx(n / sn["reads mapped"])
    assert own["mean_quality"] == pytest.approx(sn["average quality"], abs=0.03)
    assert own["error_rate"] == pytest.approx(sn["error rate"], rel=1e-4)


def test_insert_sizes_are_near_those_of_samtools(made: Made) -> None:
    # samtools leaves out the longest percent, and counts duplicates and pairs of any kind.
    sn, own = made.stats("-F", "0x400", "-f", "2"), made.figures
    assert own["insert_mean"] == pytest.approx(sn["insert size average"], rel=0.02)
    assert own["insert_median"] == pytest.approx(sn["insert size average"], rel=0.06)
    assert own["insert_sd"] == pytest.approx(sn["insert size standard deviation"], rel=0.25)


def test_coverage_is_near_that_of_mosdepth(made: Made, tmp_path: Path) -> None:
    prefix = str(tmp_path / "d")
    # Mapping quality 1, as calls; flags of mosdepth's own default are left out, too.
    run("mosdepth", "-Q", "1", prefix, str(made.bam), env=with_htslib(tmp_path))
    depths: dict[int, int] = {}
    with gzip.open(f"{prefix}.per-base.bed.gz", "rt") as file:
        for line in file:
            _, start, end, depth = line.split("\t")
            depths[int(depth)] = depths.get(int(depth), 0) + int(end) - int(start)
    total = sum(depths.values())
    mean = sum(d * n for d, n in depths.items()) / total
    # mpileup leaves out reads without a proper mate and bases of quality 0, mosdepth does not.
    own = made.figures
    assert 0.96 * mean < own["mean_coverage"] <= mean * 1.001
    for depth in (1, 10, 20):
        share = sum(n for d, n in depths.items() if d >= depth) / total
        assert own[f"at_{depth}x"] == pytest.approx(share, abs=0.03)


def test_calls_are_counted_as_bcftools_counts_them(made: Made) -> None:
    view = [
        "bcftools",
        "view",
        "-f",
        "PASS",
        "-e",
        'N_ALT=1 && ALT="<*>"',
        "-Ov",
        str(made.gvcf),
    ]
    text = run(*view)
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    ti = tv = het = hom = snvs = indels = 0
    for cells in lines:
        alts = [a for a in cells[4].split(",") if a != "<*>"]
        genotype = cells[9].split(":")[0].replace("|", "/").split("/")
        is_snv = len(cells[3]) == 1 and all(len(a) == 1 for a in alts)
        snvs += is_snv
        indels += not is_snv
        if is_snv and len(alts) == 1:
            is_ti = {cells[3], alts[0]} in ({"A", "G"}, {"C", "T"})
            ti += is_ti
            tv += not is_ti
        het += len(set(genotype)) == 2
        hom += len(set(genotype)) == 1 and genotype[0] not in ("0", ".")
    own = made.figures
    assert (own["snvs"], own["indels"]) == (snvs, indels)
    assert own["ti_tv"] == pytest.approx(ti / tv)
    assert own["het_hom"] == (pytest.approx(het / hom) if hom else None)


def test_sex_of_a_stretch_of_an_autosome_is_not_told(made: Made) -> None:
    assert made.figures["sex_by_reads"] is None
    assert made.figures["karyotype"] is None
    assert made.figures["contamination"] is None
    assert made.found["reasons"]["sex_by_reads"]
