"""`varhouse normalise` against `bcftools norm -m- -c x -f` 1.24 (in pysam).

VARHOUSE_NORMALISE_RECORDS sets the number of random records (20,000 unless set). Letters
of alleles are compared without case: bcftools copies the case of the FASTA.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.cli import normalise
from varhouse.tables.schema import SPELT

_BCFTOOLS = """
import sys, pysam.bcftools as b
getattr(b, sys.argv[1])('-o', sys.argv[2], *sys.argv[3:], catch_stdout=False)
"""


def bcftools(command: str, out: Path, *args: str) -> list[str]:
    """Run a bcftools command in a process of its own; give its data lines."""
    done = subprocess.run(
        [sys.executable, "-c", _BCFTOOLS, command, str(out), *args],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [line for line in out.read_text().split("\n") if line and line[0] != "#"]


def run(vcf: Path, fasta: Path, out: Path, *options: str) -> None:
    parser = argparse.ArgumentParser()
    normalise.add_parser(parser.add_subparsers())
    args = parser.parse_args(
        [
            "normalise",
            str(vcf),
            "-o",
            str(out),
            "--reference",
            str(fasta),
            "--rejects",
            str(out.parent / "rejects.tsv"),
            *options,
        ]
    )
    assert args.run(args) == 0


def without_case(lines: list[str]) -> Counter[str]:
    out: Counter[str] = Counter()
    for line in lines:
        cells = line.split("\t")
        cells[3:5] = cells[3].upper(), cells[4].upper()
        out["\t".join(cells)] += 1
    return out


def assert_equal(
    vcf: Path, fasta: Path, tmp_path: Path, *, multi: str = "0", options: tuple[str, ...] = ()
) -> int:
    """Compare all columns, as htslib writes the values of both; give the lines."""
    out = tmp_path / "ours.vcf.gz"
    run(vcf, fasta, out, "--multi-overlaps", multi)
    # Values are compared as htslib writes them: 0.10 and 0.1 are the same number.
    ours = bcftools("view", tmp_path / "ours.txt", str(out))
    theirs = bcftools(
        "norm",
        tmp_path / "theirs.txt",
        "-m-",
        "--multi-overlaps",
        multi,
        "-c",
        "x",
        "-f",
        str(fasta),
        *options,
        str(vcf),
    )
    a, b = without_case(ours), without_case(theirs)
    assert sorted((a - b).elements())[:5] == sorted((b - a).elements())[:5] == []
    places = [(line.split("\t")[0], int(line.split("\t")[1])) for line in ours]
    ranks = {c: i for i, c in enumerate(dict.fromkeys(c for c, _ in places))}
    assert places == sorted(places, key=lambda p: (ranks[p[0]], p[1]))
    return len(ours)


# Random records --------------------------------------------------------------------------

_NUMBERS = {"A": 0, "R": 1}


def toy_genome(rnd: random.Random, size_of_first: int) -> dict[str, str]:
    """Contigs of tandem repeats, homopolymers, runs of N, ambiguity codes, lower case."""
    contigs = {}
    for name, size in (("chr1", size_of_first), ("chr2", 900), ("tiny", 40)):
        bases = ""
        while len(bases) < size:
            kind = rnd.random()
            if kind < 0.35:
                bases += "".join(rnd.choices("ACGT", k=rnd.randint(1, 15)))
            elif kind < 0.6:
                bases += rnd.choice("ACGT") * rnd.randint(3, 30)
            elif kind < 0.65:
                bases += "N" * rnd.randint(1, 9)
            elif kind < 0.68:
                bases += rnd.choice("RYSWKMBDHV")
            else:
                unit = "".join(rnd.choices("ACGT", k=rnd.randint(2, 7)))
                bases += unit * rnd.randint(2, 40 if rnd.random() < 0.05 else 6)
        bases = bases[:size]
        half = rnd.randrange(size)
        contigs[name] = (
            bases[:half] + bases[half : half + size // 4].lower() + bases[half + size // 4 :]
        )
    return contigs


def concrete(bases: str) -> str:
    return bases.upper().translate(str.maketrans("RYSWKMBDHV", "ACCAGACAAA"))


def random_alleles(rnd: random.Random, sequence: str) -> tuple[int, str, list[str]]:
    """Draw a 0-based place, REF and ALTs, padded at will on both sides."""
    n = len(sequence)
    at = (
        rnd.choice([0, 0, 1, 2, n - 1, n - 2, n - 3])
        if rnd.random() < 0.05
        else rnd.randrange(n)
    )
    size = min(rnd.choice([1, 1, 1, 2, 3, 4, 6, 8, 12, 20]), n - at)
    ref = concrete(sequence[at : at + size])
    alts: list[str] = []
    for _ in range(rnd.choice([1, 1, 1, 1, 2, 3, 4 if rnd.random() < 0.9 else 11])):
        kind = rnd.random()
        i, j = sorted((rnd.randrange(size + 1), rnd.randrange(size + 1)))
        if kind < 0.3:
            alt = ref[:i] + ref[j:]
        elif kind < 0.6:
            m = rnd.choice([1, 2, 3, 4, 6, 7])
            near = max(0, at + i - m * rnd.randint(0, 2))
            alt = ref[:i] + concrete(sequence[near : near + m]) * rnd.randint(1, 3) + ref[i:]
        elif kind < 0.8:
            alt = ref[:i] + rnd.choice("ACGT") + ref[i + 1 :]
        elif kind < 0.9:
            alt = ref[:i] + "".join(rnd.choices("ACGTN", k=rnd.randint(0, 4))) + ref[j:]
        else:
            alt = rnd.choice(["*", "<INS>", "<*>", f"{ref[0]}[chr2:17["])
        if alt and alt.upper() != ref and alt not in alts:
            alts.append(alt)
    if not alts:
        alts = ["*"]
    kind = rnd.random()
    if kind < 0.02:
        ref = "".join(rnd.choices("ACGTNRK", k=size))
        alts = [a for a in alts if a != ref] or ["*"]
    elif kind < 0.1:
        ref = ref.lower()
        alts = [a if set(a) - set("ACGTN") else a.lower() for a in alts]
    return at, ref, alts


def value(rnd: random.Random, kind: str) -> str:
    if rnd.random() < 0.1 and kind != "String":
        return "."
    if kind == "Integer":
        return str(rnd.randint(-5, 70_000))
    if kind == "Float":
        return rnd.choice(["0.5", "1e-5", "0.250", "12.125", "3"])
    return rnd.choice(["a", "bc", "d_e"])


def count(number: str, n_alt: int, ploidy: int = 2) -> int:
    if number == "G":
        return n_alt + 1 if ploidy == 1 else (n_alt + 1) * (n_alt + 2) // 2
    return n_alt + _NUMBERS[number]


def random_genotype(rnd: random.Random, n_alt: int) -> str:
    ploidy = rnd.choice([2, 2, 2, 2, 1, 3])
    alleles = [rnd.choice([".", *map(str, range(n_alt + 1))]) for _ in range(ploidy)]
    return rnd.choice("/|").join(alleles)


def write_random(folder: Path, records: int, seed: int) -> tuple[Path, Path]:
    """Write a FASTA and a VCF with INFO and FORMAT fields of every Number and Type."""
    rnd = random.Random(seed)
    # bcftools takes a time that grows with the square of the records at one place.
    genome = toy_genome(rnd, max(6000, records // 4))
    fasta, vcf = folder / "ref.fa", folder / "in.vcf"
    with fasta.open("w") as f:
        for name, bases in genome.items():
            f.write(f">{name}\n")
            f.writelines(bases[i : i + 60] + "\n" for i in range(0, len(bases), 60))
    fields = [(n + t[0], n, t) for n in "ARG" for t in ("Integer", "Float", "String")]
    rows = []
    for _ in range(records):
        contig = rnd.choices(list(genome), weights=[len(genome["chr1"]), 900, 400])[0]
        at, ref, alts = random_alleles(rnd, genome[contig])
        n_alt = len(alts)
        info = [
            f"{name}=" + ",".join(value(rnd, t) for _ in range(count(n, n_alt)))
            for name, n, t in rnd.sample(fields, 3)
        ]
        info.append(rnd.choice(["FL", "N1=3", "NX=1,2,3", f"END={at + len(ref)}"]))
        keys = rnd.sample(fields, 2)
        samples = []
        for _ in range(3):
            cells = [random_genotype(rnd, n_alt)]
            for _name, n, t in keys:
                # bcftools damages a Number=G text that is haploid among diploid ones, and
                # drops the field when the first sample has none: not drawn.
                ploidy = 1 if rnd.random() < 0.1 and t != "String" else 2
                whole = ",".join(value(rnd, t) for _ in range(count(n, n_alt, ploidy)))
                gone = rnd.random() < 0.1 and (n, t) != ("G", "String")
                cells.append("." if gone else whole)
            samples.append(":".join(cells))
        form = ":".join(["GT", *(k[0] for k in keys)])
        rows.append(
            (
                contig,
                at + 1,
                f"r{len(rows)}",
                ref,
                ",".join(alts),
                rnd.choice([".", "30.5"]),
                rnd.choice([".", "PASS", "q10;s5"]),
                ";".join(info),
                form,
                *samples,
            )
        )
    order = list(genome)
    rows.sort(key=lambda r: (order.index(r[0]), r[1]))
    with vcf.open("w") as f:
        f.write("##fileformat=VCFv4.3\n")
        for name, bases in genome.items():
            f.write(f"##contig=<ID={name},length={len(bases)}>\n")
        for x in ("q10", "s5"):
            f.write(f'##FILTER=<ID={x},Description="x">\n')
        extra = [("GT", "1", "String"), ("FL", "0", "Flag"), ("N1", "1", "Integer"),
                 ("NX", ".", "Integer"), ("END", "1", "Integer")]  # fmt: skip
        for name, n, t in (*fields, *extra):
            for where in ("FORMAT",) if name == "GT" else ("INFO", "FORMAT"):
                if not (where == "FORMAT" and t == "Flag"):
                    f.write(f'##{where}=<ID={name},Number={n},Type={t},Description="x">\n')
        f.write('##ALT=<ID=INS,Description="x">\n')
        f.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\ts3\n")
        f.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    return fasta, vcf


@pytest.mark.parametrize("multi", ["0", "."])
def test_random_records_equal_bcftools(tmp_path: Path, multi: str) -> None:
    records = int(os.environ.get("VARHOUSE_NORMALISE_RECORDS", "20000"))
    # Half of the records for the second setting: the alleles are the same.
    fasta, vcf = write_random(tmp_path, records // (1 if multi == "0" else 4), seed=7)
    assert assert_equal(vcf, fasta, tmp_path, multi=multi) > records / 5


# Cases of others -------------------------------------------------------------------------


def reference_of(vcf: Path, fasta: Path) -> None:
    """Write a FASTA that agrees with the records of a case that has none of its own."""
    rnd = random.Random(5)
    contigs: dict[str, list[tuple[int, str]]] = {}
    for line in vcf.read_text().splitlines():
        if line and line[0] != "#":
            cells = line.split("\t")
            contigs.setdefault(cells[0], []).append((int(cells[1]), cells[3]))
    with fasta.open("w") as out:
        for name, records in contigs.items():
            size = max(p + len(r) for p, r in records) + 50
            # A tenth of the bases is drawn: some cases lie at 20 Mb.
            text = bytearray("".join(rnd.choices("ACGT", k=size // 10 + 1)) * 10, "ascii")
            for pos, ref in records:
                text[pos - 1 : pos - 1 + len(ref)] = ref.encode()
            out.write(f">{name}\n{text[:size].decode()}\n")


@pytest.mark.real
@pytest.mark.parametrize("multi", ["0", "."])
def test_vt_decompose(data_dir: Path, tmp_path: Path, multi: str) -> None:
    folder = data_dir / "normalise" / "vt" / "decompose"
    vcf, fasta = folder / "01_IN_multi.vcf", tmp_path / "ref.fa"
    reference_of(vcf, fasta)
    assert assert_equal(vcf, fasta, tmp_path, multi=multi) == 2
    ours = alleles(tmp_path / "ours.txt")
    # vt's own alleles are split only.
    assert_equal(folder / "01_OUT_multi.vcf", fasta, tmp_path, multi=multi)
    assert alleles(tmp_path / "ours.txt") == ours


@pytest.mark.real
def test_vt_normalize_where_a_reference_is_here(data_dir: Path, tmp_path: Path) -> None:
    """4 of the 194 records lie in the stretch of chr20 that the shared data has."""
    folder = data_dir / "normalise" / "vt" / "normalize"
    stretch = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb" / "z.fa"
    bases = "".join(stretch.read_text().splitlines()[1:])
    fasta, few = tmp_path / "ref.fa", tmp_path / "few.vcf"
    fasta.write_text(">20\n" + "N" * 1_000_000 + bases + "\n")

    def inside(path: Path) -> list[str]:
        lines = path.read_text().splitlines(keepends=True)
        return [x for x in lines if x[0] == "#" or 1_000_000 < int(x.split("\t")[1]) < 2e6]

    few.write_text("".join(inside(folder / "01_IN.vcf")))
    assert assert_equal(few, fasta, tmp_path) == 4
    few.write_text("".join(inside(folder / "01_OUT.vcf")))
    assert alleles(tmp_path / "ours.txt") == alleles(few)


@pytest.mark.real
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("biallelic", "biallelic_bcftoolsnormalized"),
        ("biallelic", "biallelic_vtdecompose_bcftoolsnormalized"),
        ("biallelic_vtdecompose", "biallelic_vtdecompose_bcftoolsnormalized"),
        ("multiallelic", "multiallelic_vtdecompose_bcftoolsnormalized"),
        ("multiallelic_vtdecompose", "multiallelic_vtdecompose_bcftoolsnormalized"),
        ("multiallelic", "multiallelic_vtdecompose"),
    ],
)
def test_glow_pairs(data_dir: Path, tmp_path: Path, given: str, expected: str) -> None:
    folder = data_dir / "normalise" / "glow"
    fasta = tmp_path / "ref.fa"
    fasta.write_bytes((folder / "20_altered.fasta").read_bytes())
    vcf = folder / f"01_IN_altered_{given}.vcf"
    assert assert_equal(vcf, fasta, tmp_path) > 0
    wanted = folder / f"01_IN_altered_{expected}.vcf"
    if expected.endswith("bcftoolsnormalized"):
        assert alleles(tmp_path / "ours.txt") == alleles(wanted)
        # Where vt has not split first, OLD_MULTIALLELIC and GT are of vt.
        if given.endswith("vtdecompose") or "vtdecompose" not in expected:
            theirs = bcftools("view", tmp_path / "wanted.txt", str(wanted))
            ours = (tmp_path / "ours.txt").read_text().split("\n")
            assert without_case([x for x in ours if x and x[0] != "#"]) == without_case(theirs)
    else:
        # Decomposed only: the same alleles after our normalisation.
        first = alleles(tmp_path / "ours.txt")
        assert_equal(wanted, fasta, tmp_path)
        assert alleles(tmp_path / "ours.txt") == first


def alleles(vcf: Path) -> list[tuple[str, ...]]:
    lines = [x for x in vcf.read_text().split("\n") if x and x[0] != "#"]
    return sorted(tuple(line.split("\t")[i] for i in (0, 1, 3, 4)) for line in lines)


@pytest.mark.real
def test_a_cohort_of_1000_genomes(data_dir: Path, tmp_path: Path) -> None:
    """28,998 records of GRCh37 chr20, 24 of them symbolic."""
    folder = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb"
    fasta = tmp_path / "ref.fa"
    fasta.write_bytes((folder / "z.fa").read_bytes())
    assert assert_equal(folder / "z.vcf.gz", fasta, tmp_path) == 29_144


# Local alleles ---------------------------------------------------------------------------

# Symbolic deletions and duplications -------------------------------------------------------


_OTHER = ("DEL:ME:ALU", "DUP:TANDEM", "INS", "CNV", "INV")


def write_symbolic(folder: Path, records: int, seed: int) -> tuple[Path, Path]:
    """Write a VCF of `<DEL>`, `<DUP>` and others in repeats, with END, SVLEN or neither."""
    rnd = random.Random(seed)
    genome = toy_genome(rnd, 3000)
    fasta, vcf = folder / "ref.fa", folder / "in.vcf"
    fasta.write_text("".join(f">{c}\n{b}\n" for c, b in genome.items()))
    rows = []
    for i in range(records):
        contig = rnd.choice(list(genome))
        bases = concrete(genome[contig])
        size = rnd.choice([1, 2, 3, 4, 6, 12, 30])
        at = rnd.randrange(len(bases) - 1)
        size = min(size, len(bases) - at - 1)
        kind = rnd.choice(["DEL", "DEL", "DUP", *_OTHER])
        # bcftools puts a <DUP> with several bases of REF at the start of the contig.
        most = 1 if kind.startswith("DUP") else size + 1
        ref = bases[at : at + rnd.choice([1, 1, 1, most])]
        length = -size if kind.startswith("DEL") else size
        end, given = f"END={at + 1 + size}", f"SVLEN={length}"
        # A <DEL> of unknown length goes to the start of the contig in bcftools as well.
        lone = kind.startswith("DEL") and len(ref) == 1
        # A <DUP> with END alone stays in bcftools.
        only_end = f"{end};{given}" if kind.startswith("DUP") else end
        info = rnd.choice([only_end, given, f"{end};{given}", end if lone else "SVTYPE=x"])
        alts = f"<{kind}>"
        if rnd.random() < 0.2 and len(ref) > 1:
            alts += f",{ref[0]}"
            info = info.replace(given, f"{given},.")
        if i % 3 == 0:
            ref, alts, info = _several(rnd, bases, at)
        rows.append((contig, at + 1, f"s{i}", ref, alts, ".", ".", f"NS=1;{info}"))
    order = list(genome)
    rows.sort(key=lambda r: (order.index(r[0]), r[1]))
    with vcf.open("w") as f:
        f.write("##fileformat=VCFv4.3\n")
        for name, bases in genome.items():
            f.write(f"##contig=<ID={name},length={len(bases)}>\n")
        for name, number in (("END", 1), ("SVLEN", "A"), ("NS", 1)):
            f.write(f'##INFO=<ID={name},Number={number},Type=Integer,Description="x">\n')
        f.write('##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">\n')
        for name in ("DEL", "DUP", *_OTHER):
            f.write(f'##ALT=<ID={name},Description="x">\n')
        f.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        f.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    return fasta, vcf


def _several(rnd: random.Random, bases: str, at: int) -> tuple[str, str, str]:
    """Make a record of two or three ALTs, each with its own SVLEN."""
    sizes = [min(rnd.choice([1, 2, 3, 6, 30]), len(bases) - at - 1) for _ in range(3)]
    # By an END beyond an ALT's own SVLEN bcftools moves that ALT too far.
    end = at + 1 + max(0, min(sizes) - rnd.choice([0, 0, 40]))
    has_end = rnd.random() < 0.5
    base = "C" if bases[at] in "Aa" else "A"
    alts, lengths = [], []
    for size in sizes[: rnd.choice([2, 3])]:
        kind = rnd.choice(["<DEL>", "<DUP>", "<INS>", base])
        alts.append(kind)
        length = str(-size if kind == "<DEL>" or rnd.random() < 0.2 else size)
        # bcftools moves one of unknown length to the start of the contig.
        free = kind in ("<INS>", base) or (has_end and end > at + 1)
        lengths.append("." if free and rnd.random() < 0.5 else length)
    info = f"END={end};" if has_end else ""
    return bases[at], ",".join(alts), f"{info}SVLEN={','.join(lengths)}"


def test_symbolic_alleles_equal_bcftools(tmp_path: Path) -> None:
    fasta, vcf = write_symbolic(tmp_path, 1500, seed=11)
    assert assert_equal(vcf, fasta, tmp_path) > 1000


def test_a_store_has_the_same_symbolic_alleles(tmp_path: Path) -> None:
    fasta, vcf = write_symbolic(tmp_path, 800, seed=12)
    # One cohort has records of several ALTs, the other one record for each.
    bcftools("norm", tmp_path / "split.vcf", "-m-", str(vcf))
    (tmp_path / "cohorts.tsv").write_text(f"cohort\tfiles\na\t{vcf.name}\nb\tsplit.vcf\n")
    assembly = {"name": "toy", "reference": fasta.name}
    (tmp_path / "config.json").write_text(
        json.dumps({"assembly": assembly, "cohorts": "cohorts.tsv"})
    )
    ingest_here(tmp_path / "store", tmp_path / "config.json", chunk_records=100)
    stored = varhouse.open(tmp_path / "store").scan("variants").select(SPELT).collect().rows()
    given = bcftools("view", tmp_path / "given.txt", str(vcf))
    made = bcftools(
        "norm", tmp_path / "made.txt", "-m-", "-c", "x", "-f", str(fasta), str(vcf)
    )

    def keys(lines: list[str]) -> set[tuple[str, int, str, str]]:
        cells = [line.split("\t") for line in lines]
        alts = [c[4] if "<" in c[4] else c[4].upper() for c in cells]
        return {
            (c[0], int(c[1]), c[3].upper(), alt) for c, alt in zip(cells, alts, strict=True)
        }

    assert set(stored) == keys(made) != keys(given)
    table = tmp_path / "frequencies.parquet"
    varhouse.frequencies(vcf, table, reference=fasta)
    assert set(pl.read_parquet(table).select(SPELT).rows()) == keys(made)
