"""Coding terms of random alleles in transcripts without UTRs against `bcftools csq -l`.

csq is asked once, in a process of its own. What it means otherwise is taken out by named
rules: it calls every indel in the start codon start_lost, an insertion of a stop codon right
before the last one stop_gained, a stop codon that comes residues earlier or later retained,
and it reads the genome on behind the transcript.
"""

import random
import subprocess
import sys
from pathlib import Path

import polars as pl

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference

CALL = """
import sys, pysam
from pysam import bcftools
pysam.faidx(sys.argv[1])
sys.stdout.write(bcftools.csq("-l", "-p", "a", "-f", sys.argv[1], "-g", *sys.argv[2:]))
"""
NAMES = {
    "missense": "missense_variant",
    "synonymous": "synonymous_variant",
    "stop_gained": "stop_gained",
    "stop_lost": "stop_lost",
    "stop_retained": "stop_retained_variant",
    "start_lost": "start_lost",
    "frameshift": "frameshift_variant",
    "inframe_insertion": "inframe_insertion",
    "inframe_deletion": "inframe_deletion",
}
STOPS = ("TAA", "TAG", "TGA")
GENES, ALLELES, FLANK = 40, 60, 30
TURN = str.maketrans("ACGT", "TGCA")
Place = tuple[str, int, str, str]


def _genes(rng: random.Random) -> tuple[dict[str, str], dict[str, tuple[str, int]], str]:
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    sense = [c for c in codons if c not in STOPS]
    genomes, genes, lines = {}, {}, ["##gff-version 3"]
    for i in range(GENES):
        name, strand = f"c{i}", "+-"[i % 2]
        cds = "".join(["ATG", *rng.choices(sense, k=rng.randint(8, 20)), rng.choice(STOPS)])
        sides = ["".join(rng.choices("ACGT", k=FLANK)) for _ in range(2)]
        held = cds if strand == "+" else cds[::-1].translate(TURN)
        genomes[name] = sides[0] + held + sides[1]
        genes[name] = strand, len(cds)
        first, last = FLANK + 1, FLANK + len(cds)
        for kind, phase, text in (
            ("gene", ".", f"ID=gene:G{i};biotype=protein_coding;Name=G{i}"),
            ("mRNA", ".", f"ID=transcript:T{i};Parent=gene:G{i};biotype=protein_coding"),
            ("exon", ".", f"Parent=transcript:T{i}"),
            ("CDS", "0", f"ID=CDS:P{i};Parent=transcript:T{i}"),
        ):
            fields = [name, "ensembl", kind, str(first), str(last), ".", strand, phase, text]
            lines.append("\t".join(fields))
    return genomes, genes, "\n".join(lines) + "\n"


def _alleles(
    rng: random.Random, genomes: dict[str, str], genes: dict[str, tuple[str, int]]
) -> dict[Place, tuple[int, int, int]]:
    """Give alleles with their place in the CDS (first and last base, 0-based) and gain."""
    found: dict[Place, tuple[int, int, int]] = {}
    for name, genome in genomes.items():
        strand, n = genes[name]
        for _ in range(ALLELES):
            kind = rng.choice(["snv", "del", "ins"])
            at = FLANK + rng.choice(
                [rng.randrange(n), rng.randrange(4), n - 1 - rng.randrange(4)]
            )
            old, new = genome[at], "".join(rng.choices("ACGT", k=rng.choice([1, 2, 3, 3, 6])))
            size = 1 if kind == "snv" else rng.choice([1, 2, 3, 3, 6])
            if kind == "snv":
                new = rng.choice([b for b in "ACGT" if b != old])
                key, low, high = (name, at + 1, old, new), at, at
            elif kind == "del":
                gone = genome[at : at + size]
                # Alleles that can be shifted mean another place to csq.
                if genome[at - 1] == gone[-1] or genome[at + size] == gone[0]:
                    continue
                key = (name, at, genome[at - 1] + gone, genome[at - 1])
                low, high = at, at + size - 1
            else:
                if genome[at - 1] == new[-1] or genome[at] == new[0]:
                    continue
                key, low, high = (name, at, genome[at - 1], genome[at - 1] + new), at, at - 1
            first, last = low - FLANK, high - FLANK
            if strand == "-":
                first, last = n - 1 - last, n - 1 - first
            if first < 0 or last >= n or (kind == "ins" and not 0 < first < n):
                continue
            found[key] = first, last, len(key[3]) - len(key[2])
    return found


def test_coding_terms(tmp_path: Path) -> None:
    rng = random.Random(5)
    genomes, genes, gff = _genes(rng)
    wanted = _alleles(rng, genomes, genes)
    (tmp_path / "r.fa").write_text("".join(f">{n}\n{g}\n" for n, g in genomes.items()))
    (tmp_path / "g.gff3").write_text(gff)
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={n},length={len(g)}>" for n, g in genomes.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    order = {n: i for i, n in enumerate(genomes)}
    for c, p, r, a in sorted(wanted, key=lambda k: (order[k[0]], *k[1:])):
        lines.append(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t.")
    (tmp_path / "in.vcf").write_text("\n".join(lines) + "\n")
    files = [str(tmp_path / f) for f in ("r.fa", "g.gff3", "in.vcf")]
    said = subprocess.run(
        [sys.executable, "-c", CALL, *files], capture_output=True, text=True, check=True
    ).stdout
    theirs = {}
    for line in said.splitlines():
        f = line.split("\t")
        if line[0] != "#" and "BCSQ=" in f[7]:
            names = f[7].split("BCSQ=")[1].split("|")[0].split("&")
            theirs[f[0], int(f[1]), f[3], f[4]] = {NAMES.get(n, n) for n in names}
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    with OpenedReference(tmp_path / "r.fa") as reference:
        model = load_genes(compile_genes(tmp_path / "g.gff3", reference, tmp_path / "m"))
        rows = consequences(model, pl.DataFrame(list(wanted), schema=schema, orient="row"))
    compared = 0
    for row in rows.to_dicts():
        key = row["contig"], row["pos"], row["ref"], row["alt"]
        if key not in theirs:
            continue
        first, last, gain = wanted[key]
        n, csq = genes[key[0]][1], theirs[key]
        ours = set(row["consequence"].split("&"))
        at_start, at_stop = first < 3, max(first, last) >= n - 3
        if gain == 0:
            assert ours == csq, (key, row["amino_acids"])
        elif at_start:
            # Whatever csq adds; where the start codon is read again we say so.
            assert "start_lost" in csq, key
            assert ours & {"start_lost", "start_retained_variant"}, key
        elif at_stop:
            if "stop_retained_variant" in csq:
                # The base behind the transcript makes another, or the codon moves.
                lost = {"stop_lost", "stop_retained_variant", "inframe_deletion"}
                assert ours & (lost | {"inframe_insertion"}), (key, ours)
                continue
            assert ("stop_lost" in ours) <= ("stop_lost" in csq), (key, ours, csq)
            assert not ("stop_lost" in csq and "stop_retained_variant" in ours), (key, csq)
        else:
            for term in ("inframe_deletion", "frameshift_variant"):
                assert (term in ours) >= (term in csq) or "protein_altering_variant" in ours
            if gain % 3 == 0:
                assert ("stop_gained" in ours) == ("stop_gained" in csq), (key, ours, csq)
        compared += 1
    assert compared > 1_000
