"""Inputs of an ingest with every kind of cohort, small: for kills of the whole workflow.

A cohort of gVCFs that grows, joint VCFs (one of them BGZF), one-sample VCFs, a cohort of an
older assembly, one with capture kits and one that is held back; genes, a source by allele and
one by interval.
"""

import json
import random
from pathlib import Path

from builders import make_gff, make_vcf
from gvcf_people import BATCHES, CONTIGS, POPULATIONS, People

OLD = CONTIGS["c1"][100:600]
"""Contig `1` of the older assembly: a piece of c1."""
LENGTHS = {c: len(b) for c, b in CONTIGS.items()}
GVCFS = 5
JOINT = {"joint": 30, "packed": 24, "old": 12, "exomes": 14, "cut": 10}
"""Cohort to its records; each has two people."""


def _snvs(bases: str, contig: str, number: int, rng: random.Random) -> list[str]:
    rows = []
    for pos in sorted(rng.sample(range(20, len(bases) - 20), number)):
        ref = bases[pos - 1]
        alt = rng.choice([b for b in "ACGT" if b != ref])
        cells = " ".join(rng.choice(["0/1", "1/1", "0/0", "./."]) for _ in range(2))
        rows.append(f"{contig} {pos} . {ref} {alt} . PASS . GT {cells}")
    return rows


def write_files(folder: Path) -> None:
    """Write every file that a configuration of `configure` may name."""
    people = People(folder, plain={4})
    for k in range(GVCFS):
        people.write(k)
    rng = random.Random(12)
    for cohort, number in JOINT.items():
        names = [f"{cohort}{i}" for i in (1, 2)]
        if cohort == "old":
            (folder / "old.fa").write_text(f">1\n{OLD}\n")
            rows = _snvs(OLD, "1", number, rng)
            make_vcf(folder / "old.vcf", rows, names, {"1": len(OLD)})
            continue
        rows = [r for c in CONTIGS for r in _snvs(CONTIGS[c], c, number // 3, rng)]
        suffix = ".vcf.gz" if cohort in ("packed", "cut") else ".vcf"
        make_vcf(folder / f"{cohort}{suffix}", rows, names, LENGTHS)
    # Without the end of its last block: a transfer that broke off.
    whole = (folder / "cut.vcf.gz").read_bytes()
    (folder / "cut.vcf.gz").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "old.chain").write_text(
        f"chain 500 1 {len(OLD)} + 0 {len(OLD)} c1 {LENGTHS['c1']} + 100 600 1\n{len(OLD)}\n\n"
    )
    gene = {"contig": "c1", "start": 101, "end": 600, "strand": "+", "id": "G1", "name": "N1",
            "exons": [(101, 600)], "cds": [(131, 370)]}  # fmt: skip
    make_gff(folder / "genes.gff3", [gene])
    make_vcf(
        folder / "known.vcf",
        [f"{r.split(' GT')[0][:-1]}SCORE={k}"
         for k, r in enumerate(_snvs(CONTIGS["c1"], "c1", 300, rng))],
        meta=['##INFO=<ID=SCORE,Number=1,Type=Integer,Description="x">'],
    )  # fmt: skip
    (folder / "regions.bed").write_text("c1\t100\t300\tfirst\nX\t50\t500\tsecond\n")
    (folder / "kit.bed").write_text("c1\t50\t400\nX\t0\t350\n")
    (folder / "kits.tsv").write_text("kit\tbed\nE\tkit.bed\n")


def configure(folder: Path, cohorts: list[str], gvcfs: list[int]) -> None:
    """Write `config.json` and the sheets: some joint cohorts, and gVCFs of some people."""
    (folder / "list.txt").write_text("".join(f"p{k}.g.vcf\n" for k in gvcfs))
    sheet = ["cohort\tfiles\tassembly\tchain\tsource_reference\tcallable"]
    sheet.append("grows\t@list.txt\t\t\t\t")
    for cohort in cohorts:
        lift = "older\told.chain\told.fa" if cohort == "old" else "\t\t"
        suffix = ".vcf.gz" if cohort in ("packed", "cut") else ".vcf"
        sheet.append(f"{cohort}\t{cohort}{suffix}\t{lift}\t")
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    rows = ["cohort\tsample\tsex\tpopulation\tbatch\tkit"]
    for k in gvcfs:
        sex = ("female", "male")[k % 2]
        rows.append(f"grows\tP{k}\t{sex}\t{POPULATIONS[k % 3]}\t{BATCHES[k % 4]}\t")
    for cohort in cohorts:
        kit = "E" if cohort == "exomes" else ""
        rows += [
            f"{cohort}\t{cohort}{i}\t{sex}\tnorth\t1\t{kit}"
            for i, sex in ((1, "female"), (2, "male"))
        ]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", "genes": "genes.gff3",
        "strata": ["sex", "population"], "callable": {"kits": "kits.tsv"},
        "sources": [
            {"name": "known", "path": "known.vcf", "kind": "allele"},
            {"name": "regions", "path": "regions.bed", "kind": "overlap"},
        ],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def first_inputs(folder: Path) -> None:
    """All cohorts, for a store that is not there."""
    write_files(folder)
    configure(folder, list(JOINT), [0, 1, 2, 4])


def further_inputs(folder: Path, ingest) -> None:
    """A store of some cohorts; then people come and go, cohorts come, one is called anew."""
    write_files(folder)
    configure(folder, ["joint", "old"], [0, 1, 4])
    ingest(folder)
    People(folder, plain={4}).write(1, seed=1)
    text = (folder / "joint.vcf").read_text().splitlines(keepends=True)
    (folder / "joint.vcf").write_text("".join(text[:-3]))
    known = (folder / "known.vcf").read_text()
    (folder / "known.vcf").write_text(known.replace("SCORE=7\n", "SCORE=8\n"))
    genes = (folder / "genes.gff3").read_text()
    (folder / "genes.gff3").write_text(genes.replace("Name=N1", "Name=N2"))
    configure(folder, list(JOINT), [1, 2, 3, 4])
