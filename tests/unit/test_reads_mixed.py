"""From reads of two people in one tube to the figures of a person: every step that is ours."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from simreads import Variant, make_genome, simulate, write_fasta

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.align import AlignSettings, align_lane
from varhouse.reads.callregion import CallSettings, call_region
from varhouse.reads.finish import finish_person
from varhouse.reads.gvcf import join_regions
from varhouse.reads.index import make_index
from varhouse.reads.metrics import person_metrics
from varhouse.reads.model import Filters, Lane, LaneFacts, Person, Span
from varhouse.reads.panelfile import SCHEMA
from varhouse.reads.sexcheck import bases_outside_par, reads_outside_par, sex_by_reads

LENGTHS = {"chr1": 150_000, "chrX": 40_000, "chrY": 20_000}
EVERY = 300
"""Bases from one site of the panel to the next."""


def people(
    genome: dict[str, np.ndarray], seed: int
) -> tuple[pl.DataFrame, list[list[Variant]]]:
    """Draw a panel of chr1, and two people with genotypes by its frequencies."""
    rng = np.random.default_rng(seed)
    rows, who = [], [list[Variant](), list[Variant]()]
    for at in range(EVERY, LENGTHS["chr1"] - EVERY, EVERY):
        ref = chr(genome["chr1"][at])
        alt = str(rng.choice([b for b in "ACGT" if b != ref]))
        af = float(rng.uniform(0.1, 0.9))
        rows.append(("chr1", at + 1, ref, alt, af))
        for own in who:
            one, two = (int(x) for x in rng.random(2) < af)
            if one or two:
                own.append(Variant("chr1", at, ref, (alt,), (one, two)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row"), who


@pytest.mark.parametrize("alpha", [0.0, 0.06])
def test_a_mixture_of_two_people(tmp_path: Path, alpha: float) -> None:
    genome = make_genome(11, LENGTHS)
    panel, (own, other) = people(genome, 12)
    reference = write_fasta(tmp_path / "ref.fa", genome)
    copies = {"chrX": [(0, LENGTHS["chrX"], 1)], "chrY": [(0, LENGTHS["chrY"], 1)]}
    reads = simulate(
        genome, own, tmp_path / "reads", depth=30, seed=13, copies=copies,
        contaminant=(other, alpha) if alpha else None,
    )  # fmt: skip
    index = make_index(reference, tmp_path / "index")
    lane = Lane("c", "p", "1", "lib", "ILLUMINA", "pairs", [str(f) for f in reads.files])
    facts = LaneFacts("pairs", 2 * reads.n_pairs, reads.n_bases, 150)
    made = align_lane(lane, facts, index, tmp_path / "l.bam", settings=AlignSettings())
    bam = tmp_path / "p.bam"
    finished = finish_person([tmp_path / "l.bam"], bam, fasta=index.fasta, sample="p")
    parts = []
    for contig, length in LENGTHS.items():
        n_copies = [(0, length, 1)] if contig != "chr1" else []
        call_region(
            bam, index.fasta, Span(contig, 0, length), tmp_path / contig, sample="p",
            copies=n_copies, settings=CallSettings(), panel=panel,
        )  # fmt: skip
        parts.append(tmp_path / contig)
    joined = join_regions(
        parts, tmp_path / "p.g.vcf.gz", fasta=index.fasta, sample="p", header=[],
        filters=Filters(),
    )  # fmt: skip
    counts = pl.concat([pl.read_parquet(part / "panel.parquet") for part in parts])
    haploid = HaploidRegions(Contigs([Contig(name) for name in LENGTHS]), None)
    sex = sex_by_reads(
        reads_outside_par(bam, haploid),
        bases_outside_par(index.fasta, haploid, LENGTHS),
        haploid,
    )
    found = person_metrics(
        Person("c", "p", "female", [lane]), [{"facts": facts.as_json()} | made], finished,
        joined["regions"], counts, haploid=haploid, sex=sex,
    )  # fmt: skip
    figures = found["figures"]
    assert figures["contamination"] == pytest.approx(alpha, abs=0.013)
    assert figures["contamination_low"] <= alpha <= figures["contamination_high"]
    assert figures["contamination_sites"] > 0.95 * panel.height
    assert figures["reads"] == 2 * reads.n_pairs
    assert figures["mapped"] > 0.99
    assert figures["proper"] > 0.97
    assert figures["insert_median"] == pytest.approx(350, abs=8)
    assert figures["mean_coverage"] == pytest.approx(30 * 1.0, rel=0.15)
    assert figures["duplicates"] == pytest.approx(0.075, abs=0.03)
    assert (figures["sex_by_reads"], figures["karyotype"]) == ("male", "XY")
    codes = {flag["code"] for flag in found["flags"]}
    assert "sex_disagrees" in codes
    assert ("contaminated" in codes) == (alpha > 0)
