"""People are withdrawn: the store is as one build of files without them."""

from pathlib import Path

import pytest
from builders import make_fasta, make_gff, make_vcf
from gvcf_people import CONTIGS as OF_BLOCKS
from gvcf_people import People
from withdrawing import Cohorts, compare, line, random_lines, snv, vcf

import varhouse
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw

FOUR = ["S1", "S2", "S3", "S4"]
SHEET = {
    "S1": {"sex": "male", "population": "north"},
    "S2": {"sex": "female", "population": "south"},
    "S3": {"sex": "male", "population": "south", "batch": "2"},
    "S4": {"sex": "female"},
}


def several(folder: Path) -> Cohorts:
    """Make a cohort of one file with all kinds of calls."""
    made = Cohorts(folder, strata=["sex", "population", "sex+population"])
    lines = random_lines(FOUR, 1, males=["S1", "S3"])
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, SHEET, project="PRJCA000001", more="x")
    return made


def by_contig(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["population"])
    files = {f"{c}.vcf": vcf(FOUR, random_lines(FOUR, 2, [c])) for c in ("c1", "c2", "X")}
    made.add("c", files, SHEET)
    return made


def other_people(folder: Path) -> Cohorts:
    """Two files of other people, at the same sites and at their own."""
    made = Cohorts(folder)
    files = {
        "a.vcf": vcf(FOUR[:2], random_lines(FOUR[:2], 3, ["c1", "X"])),
        "b.vcf": vcf(FOUR[2:], random_lines(FOUR[2:], 3, ["c1", "X"])),
    }
    made.add("c", files, SHEET)
    return made


def adjusted(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["sex"])
    lines = random_lines(FOUR, 4, males=["S1"], form="GT:GQ:DP:AD")
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, SHEET)
    return made


def two_cohorts(folder: Path) -> Cohorts:
    made = several(folder)
    names = ["T1", "S1"]
    made.add("d", {"d.vcf": vcf(names, random_lines(names, 1))}, {n: {} for n in names})
    return made


def annotated(folder: Path) -> Cohorts:
    """Gene model and a source; a call that no record can have, so that one is rejected."""
    made = several(folder)
    gene = {"contig": "c1", "start": 101, "end": 700, "strand": "+", "id": "G1", "name": "N1",
            "exons": [(101, 700)], "cds": [(131, 370)]}  # fmt: skip
    make_gff(folder / "genes.gff3", [gene])
    rows = [f"c1 {p} . {' '.join(snv('c1', p))} . PASS SCORE={p}" for p in range(20, 880)]
    meta = ['##INFO=<ID=SCORE,Number=1,Type=Integer,Description="x">']
    make_vcf(folder / "known.vcf", rows, meta=meta)
    made.settings |= {
        "genes": str(folder / "genes.gff3"),
        "sources": [{"name": "known", "path": str(folder / "known.vcf"), "kind": "allele"}],
    }
    text = made.files["c"]["all.vcf"].split("\n")
    spoilt = line("c1", 8, 1, ["0/7", "0/1", "0/0", "1/1"])
    first = next(i for i, x in enumerate(text) if not x.startswith("#"))
    made.files["c"]["all.vcf"] = "\n".join([*text[:first], spoilt, *text[first:]])
    return made


def with_kits(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["sex"], callable={"kits": str(folder / "kits.tsv")})
    (folder / "k1.bed").write_text("c1\t0\t400\nX\t0\t450\n")
    (folder / "k2.bed").write_text("c1\t300\t800\nc2\t10\t500\n")
    (folder / "kits.tsv").write_text("kit\tbed\nk1\tk1.bed\nk2\tk2.bed\n")
    kit = {"S1": "k1", "S2": "k1", "S3": "k2", "S4": "k2"}
    sheet = {n: {**SHEET[n], "kit": kit[n]} for n in FOUR}
    lines = random_lines(FOUR, 6, ["c1", "c2", "X"], males=["S1", "S3"])
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, sheet)
    return made


def blocks_of_several(folder: Path) -> Cohorts:
    """A gVCF of four people: the cohort is made as a whole."""
    made = Cohorts(folder)
    (folder / "gvcf").mkdir()
    people = People(folder / "gvcf")
    text = (people.folder / people.write(1, names=FOUR)).read_text()
    # The contigs of these people are others.
    make_fasta(folder / "ref.fa", OF_BLOCKS)
    made.add("c", {"all.g.vcf": text}, SHEET)
    return made


def odd(folder: Path) -> Cohorts:
    """Symbolic alleles, duplicates, a spanning deletion, broken lines, nobody called."""
    made = several(folder)
    text = made.files["c"]["all.vcf"].rstrip("\n").split("\n")
    head = [x for x in text if x.startswith("#")]
    more = [
        "c1\t5\tsv1\tA\t<DEL>\t9\tPASS\tSVTYPE=DEL;END=60;SVLEN=-55\tGT\t0/1\t0/0\t0/0\t./.",
        "c1\t5\tsv2\tA\t<DEL>\t9\tq10\tSVTYPE=DEL;END=70;SVLEN=-65\tGT\t0/1\t0/1\t0/0\t./.",
        line("c1", 9, 2, ["1/2", "0/1", "0/0", "0/0"]),
        line("c1", 9, 1, ["0/1", "0/0", "0/0", "1/1"]),
        line("c1", 10, 1, ["0/1", "0/0", "0/0", "0/0"]),
        line("c1", 10, 1, ["0/0", "0/0", "0/1", "0/0"]),
        line("c1", 11, 2, ["0/0", "0/0", "./.", "0/0"]),
        line("c1", 12, 1, ["0/3", "0/3", "0/1", "0/0"]),
        "c1\t13\t.\t" + snv("c1", 13)[0] + "\t*\t9\tPASS\t.\tGT\t0/1\t0/0\t0/1\t0/0",
    ]
    more[0] = more[0].replace("\tA\t", f"\t{snv('c1', 5)[0]}\t")
    more[1] = more[1].replace("\tA\t", f"\t{snv('c1', 5)[0]}\t")
    rest = [x for x in text if not x.startswith("#")]
    made.files["c"]["all.vcf"] = "\n".join([*head, *more, *rest]) + "\n"
    return made


KINDS = [several, by_contig, other_people, adjusted, two_cohorts, annotated, with_kits, odd,
         blocks_of_several]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", [["S1"], ["S2", "S3"]], ids=["one", "two"])
def test_a_store_is_as_built_without_them(tmp_path: Path, kind, who: list[str]) -> None:
    made = kind(tmp_path / "in")
    store = tmp_path / "s"
    assert not made.ingest(store)["held_back"]
    if who == ["S1"]:
        # One file of two lies there no more: the store gives it back.
        first = min(made.files["c"])
        (made.folder / "c" / first).rename(tmp_path / first)
    receipt = withdraw(store, Asked("c", who))
    compare(store, made.build_without("built", {"c": who}))
    assert receipt.digest == varhouse.open(store).digest() != receipt.digest_before
    assert receipt.exact
    if who == ["S1"]:
        (tmp_path / first).rename(made.folder / "c" / first)
    again = made.ingest(store)
    assert again.get("up_to_date"), again
