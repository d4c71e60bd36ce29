"""A toy world for the tests that run the real workflow."""

import json
import random

import pytest

GENES = """##gff-version 3
c1\tt\tgene\t101\t400\t.\t+\t.\tID=gene:G1;Name=TOY1;biotype=protein_coding
c1\tt\tmRNA\t101\t400\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
c1\tt\texon\t101\t400\t.\t+\t.\tParent=transcript:T1
c1\tt\tCDS\t131\t370\t.\t+\t0\tParent=transcript:T1
"""


def write_vcf(path, cohort, contigs, samples, seed):
    rng = random.Random(seed)
    lines = [
        "##fileformat=VCFv4.3",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
        ),
    ]
    for name, bases in contigs.items():
        for pos in sorted(rng.sample(range(1, len(bases)), 200)):
            ref = bases[pos - 1]
            alt = rng.choice([b for b in "ACGT" if b != ref])
            gts = rng.choices(["0|0", "0|1", "1|1", ".|."], [8, 3, 1, 1], k=len(samples))
            lines.append(f"{name}\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t" + "\t".join(gts))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def fx_toy(tmp_path):
    """Two cohorts on two contigs, a gene, a config; gives the folder."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    rng = random.Random(3)
    contigs = {c: "".join(rng.choices("ACGT", k=2000)) for c in ("c1", "c2")}
    (folder / "ref.fa").write_text("".join(f">{c}\n{b}\n" for c, b in contigs.items()))
    (folder / "genes.gff3").write_text(GENES)
    rows = ["cohort\tsample\tsex\tpopulation"]
    for k, cohort in enumerate(("north", "south")):
        samples = [f"{cohort}{i}" for i in range(5)]
        write_vcf(folder / f"{cohort}.vcf", cohort, contigs, samples, k)
        rows += [f"{cohort}\t{s}\tfemale\tP" for s in samples]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    (folder / "cohorts.tsv").write_text("cohort\tfiles\nnorth\tnorth.vcf\nsouth\tsouth.vcf\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"}, "genes": "genes.gff3",
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", "strata": ["population"],
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder
