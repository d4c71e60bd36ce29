"""Lift-over against Picard's results, and between two references of chromosome 20."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from varhouse.cli import main
from varhouse.liftover import Lifter, read_chain
from varhouse.normalise import normalise_alleles
from varhouse.reference import OpenedReference, Reference, compile_reference

pytestmark = pytest.mark.real

RESOURCES = Path(__file__).parents[2] / "resources"
FIELDS = ("GT", "AD", "PL")


def records(path: Path) -> list[list[str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [ln.split("\t") for ln in text.splitlines() if ln and ln[0] != "#"]


def haplotypes(bases: str, record: list[str]) -> list[str]:
    """Give the contig with each allele of a record put in: spelling does not matter."""
    start = int(record[1]) - 1
    ref = record[3]
    assert bases[start : start + len(ref)] == ref
    alleles = [ref, *record[4].split(",")]
    return [bases[:start] + a + bases[start + len(ref) :] for a in alleles]


@pytest.mark.parametrize(
    ("source", "chain", "result"),
    [
        ("MismatchingSnps", "test.positive.over.chain", "vcfWithFlippedAlleles"),
        ("MismatchingSnps", "test.over.chain", "vcfWithFlippedAllelesNegativeChain"),
        ("MixedVariants", "test.over.chain", "vcfWithMixed"),
    ],
)
def test_picard(data_dir: Path, tmp_path: Path, source: str, chain: str, result: str) -> None:
    folder = data_dir / "liftover" / "picard"
    out, rejected = tmp_path / "o.vcf", tmp_path / "r.tsv"
    arguments = ["liftover", folder / f"testLiftover{source}.vcf", "-o", out, "--chain",
                 folder / chain, "--target-reference", folder / "dummy.reference.fasta",
                 "--rejects", rejected]  # fmt: skip
    assert main([str(a) for a in arguments]) == 0
    lines = (folder / "dummy.reference.fasta").read_text().splitlines()
    bases = "".join(ln for ln in lines if ln[0] != ">")

    def content(record: list[str]) -> tuple[object, ...]:
        return (haplotypes(bases, record), record[2], record[5:7], record[8:],
                "Swapped" in record[7] or "LIFT_SWAP" in record[7],
                "ReverseComp" in record[7] or "LIFT_REVERSE" in record[7])  # fmt: skip

    expected = [content(r) for r in records(folder / f"{result}.lift.vcf")]
    mine = [content(r) for r in records(out)]
    assert sorted(mine, key=str) == sorted(expected, key=str)
    refused = [r[:2] + r[3:5] for r in records(folder / f"{result}.reject.vcf")]
    table = [ln.split("\t") for ln in rejected.read_text().splitlines()[1:]]
    assert [r[1:5] for r in table] == refused
    assert {r[5] for r in table} <= {"ref_not_found"}


def test_a_contig_that_is_missing(data_dir: Path, tmp_path: Path) -> None:
    """Both ways to miss a contig: in the chain, and in the target."""
    folder = data_dir / "liftover" / "picard"
    seen = []
    for chain in ("test.over.chain", "test.over.badContig.chain"):
        arguments = ["liftover", folder / "testLiftoverUsingMissingContig.vcf", "-o",
                     tmp_path / "o.vcf", "--chain", folder / chain, "--target-reference",
                     folder / "dummy.reference.fasta",
                     "--rejects", tmp_path / "r"]  # fmt: skip
        assert main([str(a) for a in arguments]) == 0
        lines = (tmp_path / "r").read_text().splitlines()[1:]
        seen.append([(ln.split("\t")[1], ln.split("\t")[5]) for ln in lines])
    assert seen == [
        [("missingContig", "contig_not_in_chain")],
        [("chr1", "contig_not_in_chain"), ("missingContig", "contig_missing")],
    ]


def test_an_indel_beside_a_gap_of_the_chain_is_refused(data_dir: Path) -> None:
    """Picard's chain of two blocks: GGGGG stands between them in the target only."""
    folder = data_dir / "liftover" / "picard"
    chain = read_chain(folder / "test.two.block.over.chain")
    with OpenedReference(folder / "dummy.two.block.reference.fasta") as target:
        rows = {"contig": ["chr1"] * 3, "pos": [540, 541, 300], "ref": ["A", "CA", "A"],
                "alt": ["AG", "C", "T"]}  # fmt: skip
        out = Lifter(chain, target, normalise_alleles).lift(pl.DataFrame(rows))
    assert out.rejects["reason"].to_list()[0] == "indel_at_gap"
    assert out.lifted.filter(pl.col("source_pos") == 300).height == 1


def target_of(data_dir: Path) -> Path:
    return data_dir / "reference" / "GRCh38-chr20-first-3Mb" / "example" / "chr20_2Mb.hg38.fa"


@pytest.mark.parametrize(
    "chain", ["hg19ToHg38.over.chain.gz", "human/GRCh37_to_GRCh38.chain.gz"]
)
def test_chr20_with_genotypes(data_dir: Path, tmp_path: Path, chain: str) -> None:
    source = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    fasta = data_dir / "reference" / "GRCh37-chr20-first-252kb" / "chr20.250k.fa.gz"
    arguments = ["liftover", source, "-o", tmp_path / "o.vcf.gz", "--chain",
                 data_dir / "liftover" / "chains" / chain, "--source-reference", fasta,
                 "--target-reference", target_of(data_dir), "--aliases",
                 RESOURCES / "GRCh38.tsv", "--source-aliases", RESOURCES / "GRCh37.tsv",
                 "--rejects", tmp_path / "r.tsv"]  # fmt: skip
    assert main([str(a) for a in arguments]) == 0
    assert len((tmp_path / "r.tsv").read_text().splitlines()) == 1
    before, after = records(source), records(tmp_path / "o.vcf.gz")
    assert len(after) == 298
    by_id = {(r[2], r[1]): r for r in before}
    swapped = 0
    for r in after:
        info = dict(item.partition("=")[::2] for item in r[7].split(";"))
        contig, pos, ref, alt = info["LIFTED_FROM"].split(":")
        old = by_id[r[2], pos]
        assert (old[0], old[3], old[4]) == (contig, ref, alt.replace("/", ","))
        if "LIFT_SWAP" not in info:
            assert r[3:5] == old[3:5]
            assert r[9:] == old[9:]
            continue
        swapped += 1
        assert (pos, r[1], ref, alt, *r[3:5]) == ("61795", "81154", "G", "T", "T", "G")
        assert r[9:] == [g.translate(str.maketrans("01", "10")) for g in old[9:]]
        ac = sum(g.count("1") for g in r[9:])
        assert int(info["AC"]) == ac
        assert float(info["AF"]) == pytest.approx(ac / int(info["AN"]), abs=1e-6)
    assert swapped == 1


@pytest.fixture(scope="module")
def megabase(data_dir: Path) -> pl.DataFrame:
    """The records of GRCh37 chr20:1,000,001-2,000,000, whose file counts from 1."""
    path = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb" / "z.vcf.gz"
    rows = records(path)
    return pl.DataFrame(
        {
            "contig": ["20"] * len(rows),
            "pos": [int(r[1]) + 1_000_000 for r in rows],
            "ref": [r[3] for r in rows],
            "alt": [r[4].split(",") for r in rows],
            "record": range(len(rows)),
        },
        schema_overrides={"pos": pl.Int32},
    )


def test_a_megabase_of_chr20(data_dir: Path, tmp_path: Path, megabase: pl.DataFrame) -> None:
    """28,998 records: first bases land all, 5 of them with REF and ALT swapped."""
    chain = read_chain(data_dir / "liftover" / "chains" / "hg19ToHg38.over.chain.gz")
    back = read_chain(data_dir / "liftover" / "chains" / "hg38ToHg19.over.chain.gz")
    z = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb" / "z.fa"
    bases = "".join(z.read_text().splitlines()[1:])
    shifted = tmp_path / "20.fa"
    shifted.write_text(">20\n" + "N" * 1_000_000 + bases + "\n")
    source = Reference(compile_reference(shifted, tmp_path / "20"))
    alleles = megabase.explode("alt")
    assert (megabase.height, alleles.height) == (28_998, 29_144)
    with OpenedReference(target_of(data_dir)) as target:
        out = Lifter(chain, target, normalise_alleles, source=source).lift(alleles)
        assert out.lifted["swapped"].sum() == 5
        assert dict(out.rejects["reason"].value_counts().iter_rows()) == REJECTED
        sure = out.lifted.filter(~pl.col("ambiguous"))
        assert out.lifted.height - sure.height == 0
        home = Lifter(back, source, normalise_alleles, source=target).lift(
            sure.select("contig", "pos", "ref", "alt")
        )
    old = alleles.join(out.rejects, on=["record", "alt"], how="anti")
    expected = normalise_alleles(old, source)
    assert home.rejects.rows() == []
    key = ["contig", "pos", "ref", "alt"]
    assert home.lifted.select(key).rows() == expected.select(key).rows()


REJECTED = {"symbolic": 24, "spans_gap": 1}
