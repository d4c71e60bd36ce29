"""Files of different people in one cohort, against `bcftools merge -m all` of them.

bcftools joins records that stand at one POS and calls a file without a record there `./.`,
as our rule has it; it pairs the records of a site one by one, so files here have one record
a site.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pysam
import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse

_BCFTOOLS = """
import sys, pysam.bcftools as b
getattr(b, sys.argv[1])(*sys.argv[2:], catch_stdout=False)
"""


def bcftools(command, *arguments):
    """Run bcftools in a process of its own: it keeps state."""
    subprocess.run(
        [sys.executable, "-c", _BCFTOOLS, command, *map(str, arguments)],
        check=True,
        capture_output=True,
    )


def _merged(folder, files, reference):
    """Count (ac, an) of every allele of some files, merged, split and normalised."""
    for f in files:
        if not Path(f"{f}.csi").exists():
            bcftools("index", "-f", f)
    bcftools("merge", "-m", "all", "-Ob", "-o", folder / "merged.bcf", *files)
    counts = {}
    head = pysam.VariantHeader()
    with pysam.VariantFile(str(folder / "merged.bcf")) as merged:
        for record in merged.header.records:
            if record.type == "CONTIG":
                head.add_record(record)
        head.info.add("AC", "A", "Integer", "x")
        head.info.add("AN", "1", "Integer", "x")
        with pysam.VariantFile(str(folder / "counted.vcf"), "w", header=head) as out:
            for record in merged:
                if not record.alts:
                    continue
                alleles = [
                    a for s in record.samples.values() for a in s["GT"] if a is not None
                ]
                n = Counter(alleles)
                new = out.new_record(
                    contig=record.chrom, start=record.start, alleles=record.alleles
                )
                new.info["AN"] = len(alleles)
                new.info["AC"] = [n[i] for i in range(1, len(record.alts) + 1)]
                out.write(new)
    bcftools(
        "norm",
        "-m",
        "-any",
        "-f",
        reference,
        "-o",
        folder / "normal.vcf",
        folder / "counted.vcf",
    )
    with pysam.VariantFile(str(folder / "normal.vcf")) as normal:
        for r in normal:
            if r.alts and r.alts[0] != "*":
                counts[r.chrom, r.pos, r.ref, r.alts[0]] = (r.info["AC"][0], r.info["AN"])
    return counts


def _stored(folder, files, reference, samples):
    rows = ["cohort\tsample\tsex", *(f"c\t{s}\tunknown" for s in samples)]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nc\t{','.join(map(str, files))}\n")
    config = {"assembly": {"name": "toy", "reference": str(reference)},
              "cohorts": "cohorts.tsv", "samples": "samples.tsv",
              "policy": {"unchecked_ref": "store"}}  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    ingest_here(folder / "store", folder / "config.yaml")
    rows = (
        varhouse.open(folder / "store")
        .scan("frequencies")
        .select("contig", "pos", "ref", "alt", "ac", "an")
    )
    return {r[:4]: r[4:] for r in rows.collect().rows() if r[3] != "*"}


def _one_sample_file(rng, folder, name, genome):
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID=c1,length={len(genome)}>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}",
    ]
    for pos in range(2, len(genome) - 4):
        if rng.random() < 0.2:
            continue
        ref = genome[pos - 1]
        snvs = [b for b in "ACGT" if b != ref]
        following = genome[pos]
        if following in (ref, genome[pos + 1]):  # would move to the left, or further on
            pool = [[rng.choice(snvs)], rng.sample(snvs, 2), ["."], ["*"]]
        else:
            ref = rng.choice([ref, ref + following])
            pool = [[rng.choice(snvs) + ref[1:]], [ref[0]], rng.sample(snvs, 2), ["."]]
        alts = rng.choice(pool)
        alts = ["."] if alts == [ref] else alts
        n = 0 if alts == ["."] else len(alts)
        ref = ref if n and len(alts[0]) + len(ref) > 2 and n == 1 else ref[0]
        gt = rng.choice(["/", "|"]).join(
            rng.choice([*map(str, range(n + 1)), "0", rng.choice("0.")]) for _ in "12"
        )
        lines.append(f"c1\t{pos}\t.\t{ref}\t{','.join(alts)}\t.\t.\t.\tGT\t{gt}")
    path = folder / f"{name}.vcf.gz"
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(("\n".join(lines) + "\n").encode())
    return path


@pytest.mark.parametrize("seed", range(3))
def test_generated_files(tmp_path, seed):
    rng = random.Random(seed)
    genome = "".join(rng.choices("ACGT", k=300))
    reference = make_fasta(tmp_path / "ref.fa", {"c1": genome})
    names = ["p", "q", "r", "s"]
    files = [_one_sample_file(rng, tmp_path, n, genome) for n in names]
    right = _merged(tmp_path, files, reference)
    assert sum(an == 8 for _, an in right.values()) > 20
    assert _stored(tmp_path, files, reference, names) == right
