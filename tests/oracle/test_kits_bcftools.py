"""One-sample files of people with capture kits, against bcftools.

`bcftools merge -0` takes whoever has no record for reference, which is what a kit's BED says
inside of its intervals; `bcftools view -s -T` gives the people of a kit there.
"""

import random
from collections import Counter
from pathlib import Path

import pysam
from builders import make_fasta, make_vcf
from inprocess import ingest_here
from test_merge_bcftools import bcftools

import varhouse

LENGTH = 3_000


def _records(rng: random.Random, genome: str) -> list[str]:
    """Make records of one person, of SNVs and of indels that cannot be shifted."""
    out = []
    for pos in sorted(rng.sample(range(2, LENGTH - 5), 150)):
        ref, after = genome[pos - 1], genome[pos]
        new = next(b for b in "ACGT" if b not in (ref, after))
        other = next(b for b in "ACGT" if b not in (ref, new))
        alt = rng.choice([new, new, ref + new, f"{new},{other}"])
        gt = rng.choice(["0/1", "1/1", "0/0", "./.", "0|1", "1/2" if "," in alt else "0/1"])
        out.append(f"c1 {pos} . {ref} {alt} . PASS . GT {gt}")
    return out


def test_counts_by_kit(tmp_path: Path) -> None:
    rng = random.Random(6)
    genome = "".join(rng.choices("ACGT", k=LENGTH))
    make_fasta(tmp_path / "ref.fa", {"c1": genome})
    kit = {f"s{i}": "AB"[i % 3 == 0] for i in range(9)}
    files = []
    for sample in kit:
        files.append(tmp_path / f"{sample}.vcf.gz")
        make_vcf(files[-1], _records(rng, genome), [sample], {"c1": LENGTH})
        bcftools("index", "-f", files[-1])
    for name, spans in {
        "A": [(100, 900), (1500, 1501), (2000, 2800)],
        "B": [(700, 2200)],
    }.items():
        text = "".join(f"c1\t{a}\t{b}\n" for a, b in spans)
        (tmp_path / f"{name}.bed").write_text(text)
    bcftools("merge", "-0", "-m", "all", "-Oz", "-o", tmp_path / "merged.vcf.gz", *files)
    bcftools("norm", "-m", "-any", "-f", tmp_path / "ref.fa", "-Oz", "-o",
             tmp_path / "normal.vcf.gz", tmp_path / "merged.vcf.gz")  # fmt: skip
    bcftools("index", "-f", tmp_path / "normal.vcf.gz")
    ac, an = Counter(), Counter()
    for name in "AB":
        people = ",".join(s for s, k in kit.items() if k == name)
        own = tmp_path / f"{name}.vcf"
        bcftools("view", "-s", people, "-T", tmp_path / f"{name}.bed", "-o", own,
                 tmp_path / "normal.vcf.gz")  # fmt: skip
        with pysam.VariantFile(str(own)) as rows:
            for r in rows:
                key = (r.pos, r.ref, r.alts[0])
                ac[key] += r.info["AC"][0]
                an[key] += r.info["AN"]
    rows = ["cohort\tsample\tsex\tkit", *(f"c\t{s}\tfemale\t{k}" for s, k in kit.items())]
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\nc\ts*.vcf.gz\n")
    (tmp_path / "kits.tsv").write_text("kit\tbed\nA\tA.bed\nB\tB.bed\n")
    (tmp_path / "config.yaml").write_text(
        "assembly: {name: toy, reference: ref.fa}\ncohorts: cohorts.tsv\n"
        "samples: samples.tsv\ncallable: {kits: kits.tsv}\n"
    )
    ingest_here(tmp_path / "store", tmp_path / "config.yaml")
    found = varhouse.open(tmp_path / "store").scan("frequencies").collect()
    counts = {r[:3]: r[3:] for r in found.select("pos", "ref", "alt", "ac", "an").rows()}
    assert len(counts) > 1_000
    assert {k: (ac[k], an[k]) for k in counts} == counts
    assert sum(an.values()) == sum(v[1] for v in counts.values())
