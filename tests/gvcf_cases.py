"""What other programs make of gVCFs: their published test cases, read without varhouse.

A case is some files of people and the file that another program makes of them.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import NamedTuple

import yaml

NO_SEQUENCE = re.compile(r"[<*\[\].]")
UNSPECIFIED = re.compile(r"<NON_REF>|<\*>|\*")
LETTERS = "ACGTNacgtn"


class Wanted(NamedTuple):
    """What a case expects of one person at one allele (1-based, minimal, left-aligned).

    Without `alt` the record holds no allele: `called` alleles are reference. `reason` is the
    other program's own word for what it did not call (GLnexus' RNC).
    """

    contig: str
    pos: int
    ref: str
    alt: str
    person: str
    copies: int
    called: int
    reason: str


@dataclass(frozen=True)
class Case:
    """Input files by name (text of VCF) and the text that another program makes of them.

    Cases with the same files are of one `cohort`: it has the name of the first.
    """

    name: str
    files: dict[str, str]
    golden: str
    cohort: str = ""


def rows_of(text: str) -> list[list[str]]:
    """Give the records of a VCF, cut at tabulators."""
    lines = (x.rstrip("\r") for x in text.split("\n"))
    return [x.split("\t") for x in lines if x and x[0] != "#"]


def samples_of(text: str) -> list[str]:
    """Give the sample names of a VCF."""
    line = next(x for x in text.split("\n") if x.startswith("#CHROM"))
    return line.rstrip("\r").split("\t")[9:]


# --- the published cases ---


def glnexus_cases(oracles: Path) -> list[Case]:
    """Give the joint calling cases of GLnexus: their YAML files that expect a VCF.

    Two of them have meta lines without `>` and records with an empty column too many, which
    htslib lets pass: these are mended here.
    """
    folder = oracles / "gvcf-joining/glnexus/data/gvcf_test_cases"
    cases = []
    for path in sorted(folder.glob("*.yml")):
        case = yaml.safe_load(path.read_text())
        if "truth_output_vcf" not in case:
            continue
        header = "\n".join(
            f"{line}>" if line.startswith("##") and "=<" in line and line[-1] != ">" else line
            for line in map(str.strip, case["input"]["header"].strip().split("\n"))
        )
        files = {}
        for entry in case["input"]["body"]:
            ((name, body),) = entry.items()
            names, _, rows = body.partition("\n")
            rows = re.sub(r"\t+$", "", rows, flags=re.MULTILINE)
            files[name.partition(".")[0]] = f"{header}\t{names.strip()}\n{rows}"
        (golden,) = case["truth_output_vcf"][0].values()
        cases.append(Case(path.stem, files, golden))
    return cases


def bcftools_cases(oracles: Path) -> list[Case]:
    """Give the `bcftools merge` commands of CASES.txt on whole files, and `--gvcf2vcf`.

    Samples of one name in several files (`--force-samples`) are told apart as bcftools does
    it, by the number of the file. Of commands that give the same genotypes of the same files
    (they are about other fields) the first is taken.
    """
    folder = oracles / "gvcf-joining/bcftools-merge"
    converted = ((folder / f"convert.gvcf.{x}").read_text() for x in ("vcf", "out"))
    cases = [Case("convert.gvcf", {"convert.gvcf": next(converted)}, next(converted))]
    taken = set()
    for line in (folder / "CASES.txt").read_text().split("\n"):
        found = re.search(r"&test_vcf_merge,\$opts,in=>\[(.*?)\],out=>'(.*?)\.out'", line)
        if not found or ":#" in line or re.search(r"-r \d+:", line):
            continue
        names = re.findall(r"'(.*?)'", found.group(1))
        golden = (folder / f"{found.group(2)}.out").read_text()
        files, seen = {}, set()
        for number, name in enumerate(names, 1):
            text = (folder / f"{name}.vcf").read_text()
            own = [f"{number}:{x}" if x in seen else x for x in samples_of(text)]
            seen.update(own)
            files[name] = _renamed(text, own)
        if seen != set(samples_of(golden)):
            continue
        key = *files.values(), *_genotypes(golden)
        if key not in taken:
            taken.add(key)
            cases.append(Case(found.group(2), files, golden))
    return cases


def _genotypes(text: str) -> Iterator[tuple[str, ...]]:
    """Give place, alleles and GT (the first field, VCF 1.6.2) of each record."""
    for row in rows_of(text):
        yield *row[:2], *row[3:5], *(x.partition(":")[0] for x in row[8:])


def gatk_cases(oracles: Path, tool: str) -> list[Case]:
    """Give the pairs of the integration test of a GATK tool of which all files are here."""
    top = oracles / "gvcf-joining/gatk"
    listed = (top / f"{tool}IntegrationTest.cases.txt").read_text()
    source = " ".join(
        x for x in re.sub(r"^\d+:", "", listed, flags=re.MULTILINE).split("\n")
        if not x.strip().startswith("//")
    )  # fmt: skip
    file = r'getTestFile\(\s*"([^"]*?)\s*"\s*\)'
    cases = {}
    for found in re.finditer(
        rf"\{{(?:new File\[\]\{{((?:{file}[,\s]*)+)\}}|({file})),\s*{file}", source
    ):
        *given, golden = (top / tool / x for x in re.findall(file, found.group()))
        if all(p.is_file() for p in (*given, golden)):
            files = {p.name.partition(".vcf")[0]: p.read_text() for p in given}
            cases.setdefault(golden.stem, Case(golden.stem, files, golden.read_text()))
    return list(cases.values())


def gnarly_case(oracles: Path) -> Case:
    """Give the five reblocked gVCFs of GATK's GnarlyGenotyper and their joint calls."""
    folder = oracles / "gvcf-joining/gatk/GnarlyGenotyper"
    files = {f"sample{i}": (folder / f"sample{i}.vcf").read_text() for i in range(1, 6)}
    return Case("fiveSampleTest", files, (folder / "fiveSampleTest.vcf").read_text())


class HailRow(NamedTuple):
    """A row of hail's call statistics: alleles and their copies, the reference first."""

    pos: int
    alleles: list[str]
    ac: list[int]
    an: int


def hail_rows(oracles: Path, name: str) -> list[HailRow]:
    """Give rows of `sites.AC_AN.tsv` or `sites.adj.AC_AN.tsv` (chr22)."""
    with (oracles / "gvcf-joining/hail-vds-38" / name).open() as lines:
        return [
            HailRow(
                int(row["pos"]),
                row["alleles"].split(","),
                [int(x) for x in row["AC"].split(",")],
                int(row["AN"]),
            )
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def _renamed(text: str, samples: Sequence[str]) -> str:
    head, line, rows = text.partition("#CHROM")
    columns, _, records = rows.partition("\n")
    return "\n".join([head + line + "\t".join([*columns.split("\t")[:9], *samples]), records])


# --- what a case expects ---


def wanted(case: Case, genome: dict[str, str], *, likeliest: bool = False) -> Iterator[Wanted]:
    """Give what the golden says of each person at each allele, or at a record without one.

    Alleles without a sequence (`*`, `<NON_REF>`, other symbols) are called, and of no row.
    With `likeliest`, a genotype that is missing beside its likelihoods (GATK's CombineGVCFs)
    is the likeliest, if one is.
    """
    people = samples_of(case.golden)
    for contig, pos, _, ref, alts, _, _, _, *cells in rows_of(case.golden):
        if not cells or contig not in genome:
            continue
        keys = cells[0].split(":")
        if "GT" not in keys:
            continue
        alleles = [] if alts == "." else alts.split(",")
        if alleles and not any(UNSPECIFIED.fullmatch(a) or a[0] in LETTERS for a in alleles):
            continue  # nothing but structural variants
        numbered = [
            (i, normal(genome[contig], int(pos), ref, a))
            for i, a in enumerate(alleles, 1)
            if not NO_SEQUENCE.search(a)
        ] or [(0, (int(pos), ref, ""))]
        for person, cell in zip(people, cells[1:], strict=True):
            values = dict(zip(keys, cell.split(":"), strict=False))
            gt = re.split(r"[/|]", values["GT"])
            called = [x for x in gt if x != "."]
            if likeliest and not called:
                called = _likeliest(values.get("PL", ""), len(alleles) + 1, len(gt))
            for i, (at, a, b) in numbered:
                yield Wanted(
                    contig, at, a, b, person,
                    called.count(str(i)) if i else 0, len(called), values.get("RNC", ""),
                )  # fmt: skip


def _likeliest(likelihoods: str, n_alleles: int, ploidy: int) -> list[str]:
    """Give the alleles of the genotype with the least PL; none where several have it."""
    every = combinations_with_replacement(range(n_alleles), ploidy)
    order = sorted(every, key=lambda gt: gt[::-1])  # VCF 4.5, 1.6.2: genotype ordering
    values = likelihoods.split(",")
    if len(values) != len(order) or "." in values:
        return []
    numbers = [int(x) for x in values]
    least = min(numbers)
    if numbers.count(least) > 1:
        return []
    return [str(a) for a in order[numbers.index(least)]]


def normal(bases: str, pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Give an allele minimal and as far to the left as the known bases allow (1-based)."""
    ref, alt = ref.upper(), alt.upper()
    while ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
        if len(ref) > 1 and len(alt) > 1:
            ref, alt = ref[:-1], alt[:-1]
        elif pos > 1:
            before = bases[pos - 2]
            pos, ref, alt = pos - 1, before + ref[:-1], before + alt[:-1]
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt
