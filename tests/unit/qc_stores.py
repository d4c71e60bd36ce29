"""Cohorts with calls of every kind, generated, and stores of them."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from builders import make_fasta
from inprocess import ingest_here
from slow_qc import File

_rng = random.Random(17)
GENOME = {
    name: "".join(_rng.choices("ACGT", k=size))
    for name, size in (
        ("chr1", 900), ("chr2", 700), ("chrX", 900), ("chrY", 500), ("chrM", 200)
    )
}  # fmt: skip
PAR = {"chrX": (0, 150), "chrY": (0, 100)}
HEAD = "##fileformat=VCFv4.3\n" + "".join(
    f"##contig=<ID={c},length={len(b)}>\n" for c, b in GENOME.items()
)
FORMATS = '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
FORMATS += '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n'


def alts_at(contig: str, pos: int, rng: random.Random) -> tuple[str, list[str]]:
    """Make up REF and one to three ALTs at a base."""
    bases = GENOME[contig]
    ref = bases[pos - 1 : pos - 1 + rng.choice([1, 1, 1, 2, 3])]
    made: list[str] = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        alt = rng.choice(
            [
                *[b + ref[1:] for b in "ACGT" if b != ref[0]],
                ref + rng.choice(["A", "CG", ref]),
                ref[0],
                "*",
                "".join(rng.choices("ACGT", k=len(ref))),
            ]
        )
        if alt != ref and alt not in made:
            made.append(alt)
    return ref, made or ["ACGT".replace(ref[0], "")[0] + ref[1:]]


def genotype(n_alt: int, contig: str, male: bool, rng: random.Random, rare: float) -> str:
    """Make up a genotype, of every form that callers write."""

    def allele() -> str:
        return str(rng.randint(1, n_alt)) if rng.random() < rare else "0"

    roll = rng.random()
    bar = rng.choice("/|")
    if contig == "chrM" or (male and contig in ("chrX", "chrY") and roll < 0.6):
        return rng.choice([allele(), allele(), allele(), "."])
    if contig == "chrY" and not male:
        return rng.choice([".", "./.", "./.", f"0/{allele()}"])
    if roll < 0.85:
        return f"{allele()}{bar}{allele()}"
    if roll < 0.9:
        return f"./{allele()}"
    if roll < 0.93:
        return f"{allele()}{bar}."
    if roll < 0.97:
        return "./."
    return rng.choice([f"{allele()}/{allele()}/{allele()}", allele(), ".", "././."])


def make_lines(
    people: Sequence[str],
    males: set[str],
    contigs: Sequence[str],
    rng: random.Random,
    records: int = 40,
) -> list[str]:
    """Make up the lines of a file, some of them twice."""
    lines = []
    for contig in contigs:
        size = len(GENOME[contig])
        for pos in sorted(rng.choices(range(5, size - 5), k=records)):
            ref, alts = alts_at(contig, pos, rng)
            if rng.random() < 0.04:
                alts = ["."]
            rare = rng.choice([0.02, 0.02, 0.3, 0.7])
            n = 0 if alts == ["."] else len(alts)
            gts = [genotype(n, contig, p in males, rng, rare if n else 0) for p in people]
            form = "GT"
            if rng.random() < 0.05:
                form, gts = "DP", ["3"] * len(people)
            elif rng.random() < 0.2:
                form, gts = "GT:DP", [f"{g}:7" for g in gts]
            row = [contig, str(pos), ".", ref, ",".join(alts), ".", ".", ".", form, *gts]
            lines.append("\t".join(row))
    return lines


def make_qc_store(
    folder: Path,
    files: Sequence[File],
    males: set[str],
    sheet: Mapping[str, str] | None = None,
    assay: str = "WGS",
) -> Path:
    """Ingest the files of a cohort `c`; `sheet` gives the population of people."""
    names = []
    for number, (people, lines) in enumerate(files):
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        head = "\t".join([*columns, *people] if people else columns[:-1])
        text = HEAD + FORMATS + "\n".join([head, *lines]) + "\n"
        (folder / f"f{number}.vcf").write_text(text)
        names.append(f"f{number}.vcf")
    make_fasta(folder / "ref.fa", GENOME)
    (folder / "par.bed").write_text("".join(f"{c}\t{a}\t{b}\n" for c, (a, b) in PAR.items()))
    (folder / "list.txt").write_text("\n".join(names) + "\n")
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\tassay\nc\t@list.txt\t{assay}\n")
    everybody = list(dict.fromkeys(p for people, _ in files for p in people))
    rows = ["cohort\tsample\tsex\tpopulation"]
    for person in everybody:
        sex = "male" if person in males else "female"
        rows.append(f"c\t{person}\t{sex}\t{(sheet or {}).get(person, '')}")
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa", "par": "par.bed"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }
    (folder / "c.json").write_text(json.dumps(config))
    account = ingest_here(folder / "store", folder / "c.json", chunk_records=70)
    assert not account.get("held_back"), account
    return folder / "store"
