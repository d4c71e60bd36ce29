"""Plain VCFs of one person each, of their own variants only: the account warns of their AN."""

import json
from pathlib import Path

import pytest
from builders import make_fasta
from inprocess import ingest_here

PEOPLE = 6
HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=1,length=400>\n##contig=<ID=2,length=400>\n"
    '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)


def ingest(folder: Path, rows: dict[str, list[str]], told: str = "") -> list[str]:
    """Ingest files of one person each (the name up to a dot), and give the notes."""
    make_fasta(folder / "r.fa", {"1": "ACGT" * 100, "2": "ACGT" * 100})
    for name, lines in rows.items():
        columns = (
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + name.split(".")[0]
        )
        body = "\n".join("\t".join(x.split()) for x in lines)
        (folder / f"{name}.vcf").write_text(f"{HEAD}{columns}\n{body}\n")
    extra = "\tcallable\na\t*.vcf\tgenome\n" if told else "\na\t*.vcf\n"
    (folder / "cohorts.tsv").write_text("cohort\tfiles" + extra)
    config = {"assembly": {"name": "toy", "reference": "r.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (account,) = ingest_here(folder / "store", folder / "config.json")["cohorts"]
    return [n for n in account["notes"] if "hold other people each" in n]


def sites(of: range, gt: str = "0/1", contig: str = "1") -> list[str]:
    return [f"{contig} {4 * i + 1} . A C . . . GT {gt}" for i in of]


def own_variants() -> dict[str, list[str]]:
    return {f"p{k}": sites(range(5 * k, 5 * k + 5)) for k in range(PEOPLE)}


def test_files_of_own_variants_are_told(tmp_path: Path) -> None:
    (note,) = ingest(tmp_path, own_variants())
    assert note.startswith("6 files or sets of files")
    assert "5 records on average, of 30 alleles" in note
    assert "`callable` of the cohort sheet" in note


@pytest.mark.parametrize(
    "kind", ["all sites", "bed", "one person", "one set of people", "gvcf"]
)
def test_files_that_say_it_all_are_not(tmp_path: Path, kind: str) -> None:
    rows, told = own_variants(), ""
    if kind == "all sites":
        rows = {f"p{k}": sites(range(30), "0/1" if k else "0/0") for k in range(PEOPLE)}
    elif kind == "bed":
        told = "genome"
    elif kind == "one person":
        rows = {"p0": rows["p0"]}
    elif kind == "one set of people":
        rows = {"p0.1": sites(range(9)), "p0.2": sites(range(9), contig="2")}
    else:
        block = ["1 1 . A <NON_REF> . . END=400 GT 0/0"]
        rows = {
            n: block + [x.replace(" C ", " C,<NON_REF> ") for x in r] for n, r in rows.items()
        }
    assert ingest(tmp_path, rows, told) == []
