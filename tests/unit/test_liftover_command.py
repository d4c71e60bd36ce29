"""`varhouse liftover`: whole files, the fields of swapped records, rejects, mistakes."""

import gzip
import math
import random
import time
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from varhouse.alleles.swap import Swapper, allele_order, genotype_order
from varhouse.cli import main
from varhouse.liftover import Reason
from varhouse.liftover.join import join_alleles
from varhouse.liftover.lines import SortedLines, sort_keys
from varhouse.onefile.liftover_run import REJECT_COLUMNS

SOURCE = ">1\nACGTACGGTTTTACACACGATCGATCGG\n>2\nACGTACGTAC\n"
# 1[0:20] with C>T at 6 (1-based), behind GG; 1[20:28] reversed on chrB.
TARGET = ">chrB\nCCGATCGAAAAA\n>chrA\nGGACGTATGGTTTTACACACGA\n"
CHAIN = """chain 9 1 28 + 0 20 chrA 22 + 2 22 1
20

chain 9 1 28 + 20 28 chrB 12 - 4 12 2
8

"""
HEADER = """##fileformat=VCFv4.3
##reference=old.fa
##contig=<ID=1,length=28>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=AN,Number=1,Type=Integer,Description="x">
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=MLEAC,Number=A,Type=Integer,Description="x">
##INFO=<ID=NS,Number=1,Type=Integer,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.fa").write_text(SOURCE)
    (tmp_path / "b.fa").write_text(TARGET)
    (tmp_path / "c.chain").write_text(CHAIN)
    return tmp_path


def lift(folder: Path, rows: list[str], *options: str, out: str = "o.vcf") -> Path:
    """Lift a VCF of two samples; blanks in rows stand for tabs."""
    text = HEADER + "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT s1 s2\n".replace(" ", "\t")
    text += "".join(r.replace(" ", "\t") + "\n" for r in rows)
    (folder / "in.vcf").write_text(text)
    arguments = [
        "liftover",
        folder / "in.vcf",
        "-o",
        folder / out,
        "--chain",
        folder / "c.chain",
        "--target-reference",
        folder / "b.fa",
        "--rejects",
        folder / "r.tsv",
        *options,
    ]
    assert main([str(a) for a in arguments]) == 0
    return folder / out


def body(path: Path) -> list[str]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [ln.replace("\t", " ") for ln in text.splitlines() if ln[0] != "#"]


def rejects(folder: Path) -> list[list[str]]:
    lines = (folder / "r.tsv").read_text().splitlines()
    assert lines[0].split("\t") == list(REJECT_COLUMNS)
    return [ln.split("\t") for ln in lines[1:]]


def test_bcf_holds_the_same_records(folder: Path) -> None:
    rows = ["1 1 . A C 9 PASS AC=1;AN=4 GT:AD 0/1:5,6 0|0:7,0", "1 24 r1 A C . . . GT 0/1 1|1"]
    text = body(lift(folder, rows))
    out = lift(folder, rows, out="o.bcf")
    assert gzip.decompress(out.read_bytes())[:4] == b"BCF\x02"
    with pysam.VariantFile(str(out)) as bcf:
        assert [str(r).rstrip("\n").replace("\t", " ") for r in bcf] == text


def test_records_are_sorted_by_the_target_and_keep_their_fields(folder: Path) -> None:
    rows = [
        "1 1 . A C 9 PASS AC=1;AN=4;END=1 GT:AD 0/1:5,6 0|0:7,0",
        "1 24 r1 A C . q10 . GT 0/1 1|1",
        "1 21 . T G 1.50 PASS NS=2 GT . 0",
    ]
    out = lift(folder, rows, "--source-reference", str(folder / "a.fa"), out="o.vcf.gz")
    assert body(out) == [
        "chrB 5 r1 T G . q10 LIFTED_FROM=1:24:A:C;LIFT_REVERSE GT 0/1 1|1",
        "chrB 8 . A C 1.50 PASS NS=2;LIFTED_FROM=1:21:T:G;LIFT_REVERSE GT . 0",
        "chrA 3 . A C 9 PASS AC=1;AN=4;END=3;LIFTED_FROM=1:1:A:C GT:AD 0/1:5,6 0|0:7,0",
    ]
    with pysam.VariantFile(str(out)) as file:
        assert list(file.header.contigs) == ["chrB", "chrA"]
        assert file.header.contigs["chrA"].length == 22
        assert len(list(file)) == 3
        assert "old.fa" not in str(file.header)


def test_ref_and_alt_change_places_with_all_that_depends_on_them(folder: Path) -> None:
    rows = [
        "1 6 . C T 9 . AC=1;AN=4;AF=0.2503;EAS_AF=1e-4;MLEAC=1;MAX_AF=0.9;DP=7 "
        "GT:AD:PL:DP 0|1:5,6:10,0,20:3 ./.:.:.:4"
    ]
    out = lift(folder, rows)
    assert body(out) == [
        "chrA 8 . T C 9 . AC=3;AN=4;AF=0.7497;EAS_AF=0.9999;DP=7;LIFTED_FROM=1:6:C:T;"
        "LIFT_SWAP GT:AD:PL:DP 1|0:6,5:20,0,10:3 ./.:.:.:4"
    ]
    lift(folder, rows, "--no-swap")
    assert [r[5] for r in rejects(folder)] == ["swap_off"]


def test_several_alts_are_one_record_when_they_share_the_outcome(folder: Path) -> None:
    rows = [
        "1 1 . A C,G 9 . AC=1,2;AN=4 GT 1/2 0/2",
        # The target's reference is the second ALT.
        "1 6 . C G,T 9 . AC=1,2;AN=4 GT:AD:PL 1|2:1,2,3:1,2,3,4,5,6 0/2:.:.",
        # All rejected: one reject.
        "1 8 . A C,T 9 . . GT 1/2 0/2",
        # One is symbolic: split.
        "1 4 . T C,<DEL> 9 . AC=1,2;AN=4 GT:AD 1/2:1,2,3 0/1:4,5,6",
        # Split, and the target's reference is one of them.
        "1 6 . C T,<DEL> 9 . AC=1,2;AN=4 GT 1/2 0/1",
        "1 23 . GAT G,GATAT 9 . . GT 1/2 0/2",
    ]
    out = lift(folder, rows)
    assert body(out) == [
        "chrB 3 . GAT G,GATAT 9 . LIFTED_FROM=1:23:GAT:G/GATAT;LIFT_REVERSE GT 1/2 0/2",
        "chrA 3 . A C,G 9 . AC=1,2;AN=4;LIFTED_FROM=1:1:A:C/G GT 1/2 0/2",
        "chrA 6 . T C 9 . AC=1;AN=4;LIFTED_FROM=1:4:T:C GT:AD 1/.:1,2 0/1:4,5",
        "chrA 8 . T G,C 9 . AC=1,1;AN=4;LIFTED_FROM=1:6:C:G/T;LIFT_SWAP "
        "GT:AD:PL 1|0:3,2,1:6,5,3,4,2,1 0/2:.:.",
    ]
    found = [r[:6] for r in rejects(folder)]
    assert found == [
        ["16", "1", "8", "A", "C,T", "ref_not_found"],
        ["17", "1", "4", "T", "<DEL>", "symbolic"],
        ["18", "1", "6", "C", "T", "swap_of_split"],
        ["18", "1", "6", "C", "<DEL>", "symbolic"],
    ]


def test_lines_that_are_no_records_are_rejects(folder: Path) -> None:
    rows = ["1 x . A C 9 . . GT 0 1", "1 1 . A", "9 1 . A C 9 . . GT 0 1", "",
            "1 1 . A C 9 . . GT 0 1"]  # fmt: skip
    out = lift(folder, rows)
    assert len(body(out)) == 1
    found = rejects(folder)
    assert [(r[0], r[5]) for r in found] == [
        ("14", "line_invalid"),
        ("15", "line_invalid"),
        ("16", "contig_not_in_chain"),
    ]
    assert found[2][7] == r"9\t1\t.\tA\tC\t9\t.\t.\tGT\t0\t1"


def test_parquet_has_the_alleles_of_both_sides(folder: Path) -> None:
    rows = ["1 24 . A C,T . . . GT 0 1", "1 6 rs1 C T . . . GT 0 1", "1 1 . G C . . . GT 0 1"]
    table = pl.read_parquet(lift(folder, rows, out="o.parquet"))
    assert table.select(
        "contig",
        "ref",
        "alt",
        "source_pos",
        "source_ref",
        "source_alt",
        "reverse",
        "swapped",
        "id",
        "record",
        "alt_index",
    ).rows() == [
        ("chrB", "T", "A", 24, "A", "T", True, False, None, 0, 2),
        ("chrB", "T", "G", 24, "A", "C", True, False, None, 0, 1),
        ("chrA", "T", "C", 6, "C", "T", False, True, "rs1", 1, 1),
    ]
    assert table.schema["pos"] == pl.Int32
    assert [r[5] for r in rejects(folder)] == ["ref_not_found"]


@pytest.mark.parametrize("out", ["in.vcf", "o.txt"])
def test_mistakes_of_use(folder: Path, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in.vcf").write_text(HEADER)
    arguments = [
        "liftover",
        folder / "in.vcf",
        "-o",
        folder / out,
        "--chain",
        folder / "c.chain",
        "--target-reference",
        folder / "b.fa",
    ]
    code = main([str(a) for a in arguments])
    assert code == 2
    assert "error:" in capsys.readouterr().err


def test_a_bad_chain_leaves_no_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "c.chain").write_text("chain 1\n")
    with pytest.raises(AssertionError):
        lift(folder, [])
    assert "c.chain: line 1" in capsys.readouterr().err
    assert not (folder / "o.vcf").exists()


def test_a_file_without_records_gives_a_header(folder: Path) -> None:
    out = lift(folder, [])
    assert body(out) == []
    assert "##contig=<ID=chrA,length=22>" in out.read_text()


def test_rejects_are_the_same_beside_a_table(folder: Path) -> None:
    rows = ["1 3 . C A 9 . . GT 0 1", "1 8 x A C,<DEL> 9 . NS=1 GT 0 1", "1 x . A C . . . . ."]
    lift(folder, rows)
    of_text = rejects(folder)
    lift(folder, rows, out="o.parquet")
    of_table = rejects(folder)
    key = slice(0, 6)
    assert sorted(r[key] for r in of_table) == sorted(r[key] for r in of_text)
    assert {r[0]: r[7] for r in of_table} == {
        str(14 + i): row.replace(" ", r"\t") for i, row in enumerate(rows)
    }
    assert all(r[6] for r in of_table)


def test_bases_are_named_by_the_strand_of_the_target(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        "1 24 a A C . . AA=c;DP=3 DP:AU:CU:GU:TU 9:1,1:2,2:3,3:4,4 .",
        "1 24 b A C . . AA=C|||;DP=3 GT 0/1 .",
        "1 24 c A C . . AA=.;DP=3 GT 0/1 .",
        "1 1 d A C . . AA=c;DP=3 AU 5 .",
    ]
    assert body(lift(folder, rows)) == [
        "chrB 5 a T G . . AA=g;DP=3;LIFTED_FROM=1:24:A:C;LIFT_REVERSE "
        "DP:TU:GU:CU:AU 9:1,1:2,2:3,3:4,4 .",
        "chrB 5 b T G . . DP=3;LIFTED_FROM=1:24:A:C;LIFT_REVERSE GT 0/1 .",
        "chrB 5 c T G . . AA=.;DP=3;LIFTED_FROM=1:24:A:C;LIFT_REVERSE GT 0/1 .",
        "chrA 3 d A C . . AA=c;DP=3;LIFTED_FROM=1:1:A:C AU 5 .",
    ]
    assert "INFO/AA of records on the other strand left out of 1 " in capsys.readouterr().err


def test_counts_by_strand_change_places_on_the_other_strand(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        "1 24 a A C . . CSQ=C|x;DP4=1,2,3,4;AC=1;AN=2 GT:SB:ADF:ADR 0/1:1,2,3,4:5,6:7,8 .",
        "1 1 b A C . . CSQ=C|x;DP4=1,2,3,4;AC=1;AN=2 GT:SB 0/1:1,2,3,4 .",
    ]
    assert body(lift(folder, rows)) == [
        "chrB 5 a T G . . DP4=2,1,4,3;AC=1;AN=2;LIFTED_FROM=1:24:A:C;LIFT_REVERSE "
        "GT:SB:ADR:ADF 0/1:2,1,4,3:5,6:7,8 .",
        "chrA 3 b A C . . CSQ=C|x;DP4=1,2,3,4;AC=1;AN=2;LIFTED_FROM=1:1:A:C "
        "GT:SB 0/1:1,2,3,4 .",
    ]
    said = capsys.readouterr().err
    assert "INFO/CSQ of records on the other strand left out of 1 records" in said


def test_a_file_without_records_gives_a_table(folder: Path) -> None:
    none = pl.read_parquet(lift(folder, [], out="none.parquet"))
    some = pl.read_parquet(lift(folder, ["1 1 . A C 9 . . GT 0 1"], out="o.parquet"))
    assert (none.height, some.height) == (0, 1)
    assert none.schema == some.schema


def told(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    lift(folder, ["1 1 . A C 9 . . GT 0 1"], *options)
    return capsys.readouterr().err


def test_a_chain_of_other_assemblies_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, source = folder / "c.chain", ["--source-reference", str(folder / "a.fa")]
    assert "bases there" not in told(folder, capsys, *source)
    chain.write_text(CHAIN.replace("chrA 22", "chrA 21").replace(" 2 22 ", " 1 21 "))
    assert "c.chain: chrA has 21 bases there and 22 in the assembly" in told(folder, capsys)
    chain.write_text(CHAIN.replace("chrA 22", "chrA 2200"))
    assert "chrA has 2,200 bases there and 22 in the assembly" in told(folder, capsys)
    # A FASTA may hold a part of the contig, if a table says how long that is.
    table = folder / "t.tsv"
    table.write_text("contig\talias\tlength\nchrA\t\t2200\nchrB\t\t12\n")
    assert "bases there" not in told(folder, capsys, "--aliases", str(table))
    table.write_text("contig\talias\tlength\nchrA\t\t2201\nchrB\t\t12\n")
    says = told(folder, capsys, "--aliases", str(table))
    assert "chrA has 2,200 bases there and 2,201 in the assembly" in says
    chain.write_text(CHAIN.replace("chrA", "chrZ"))
    assert "c.chain leads to chrZ, chrB, b.fa has chrB, chrA" in told(folder, capsys)
    chain.write_text(CHAIN.replace("chrA", "A"))
    assert "as there is no --aliases: A = chrA" in told(folder, capsys)


def test_a_ref_that_is_not_checked_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["--source-reference", str(folder / "a.fa")]
    assert "without a check" not in told(folder, capsys, *source)
    (folder / "a.fa").write_text(SOURCE.replace(">1", ">one"))
    assert "1 alleles lifted without a check of REF: a.fa" in told(folder, capsys, *source)


@pytest.mark.parametrize("ploidy", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_genotypes_are_reordered_for_any_ploidy(ploidy: int, n: int) -> None:
    def place(genotype: tuple[int, ...]) -> int:
        # VCF 4.5, section 1.6.2: the index of a sorted genotype.
        return sum(math.comb(a + m, m + 1) for m, a in enumerate(sorted(genotype)))

    for k in range(1, n):
        size = math.comb(n + ploidy - 1, ploidy)
        order = genotype_order(size, allele_order(n - 1, k))
        assert order is not None
        for genotype in combinations_with_replacement(range(n), ploidy):
            other = tuple({0: k, k: 0}.get(a, a) for a in genotype)
            assert order[place(genotype)] == place(other)
    assert genotype_order(5, allele_order(2, 1)) is None


def test_fields_that_cannot_follow_are_left_out_and_counted() -> None:
    swapper = Swapper({("FORMAT", "X"): "A", ("INFO", "R"): "R", ("INFO", "Y"): "A"})
    assert swapper.info(b"AC=1;AF=2.0;R=1,2,3;Y=5;AC_x=1;AN_x=4;FLAG", 1, 1) == (
        b"AC_x=3;AN_x=4;FLAG"
    )
    assert swapper.removed == {"INFO/AC": 1, "INFO/AF": 1, "INFO/R": 1, "INFO/Y": 1}
    cells = b"GT:X:DS:AF\t0|1:7:0.25:0.1\t1:7:1"
    assert swapper.samples(cells, 1, 1) == b"GT:DS:AF\t1|0:1.75:0.9\t0:0"
    assert swapper.samples(b"GT\t10/0\t9|10", 10, 10) == b"GT\t0/10\t9|0"
    assert swapper.samples(b"X\t1", 1, 1) == b".\t."
    swapper.removed.clear()
    assert swapper.samples(b"GT:AD\t0/1:1,2\t0/1:3\t0/0:4", 1, 1) == (
        b"GT:AD\t0/1:2,1\t0/1:.\t1/1:."
    )
    assert swapper.removed == {"FORMAT/AD of some samples": 1}


def test_marks_of_an_earlier_lift_are_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = "LIFTED_FROM=9:1:A:C;LIFT_REVERSE;LIFT_SWAP;LIFT_AMBIGUOUS"
    rows = [
        f"1 1 . A C 9 . {marks} GT 0 1",
        f"1 2 . C A 9 . {marks};NS=3 GT 0 1",
        f"1 3 . G A 9 . NS=3;{marks};LIFT_SWAPS=1 GT 0 1",
        "1 4 . T A 9 . NS=3;LIFT_SWAPS=2 GT 0 1",
    ]
    assert [r.split(" ")[7] for r in body(lift(folder, rows))] == [
        "LIFTED_FROM=1:1:A:C",
        "NS=3;LIFTED_FROM=1:2:C:A",
        "NS=3;LIFT_SWAPS=1;LIFTED_FROM=1:3:G:A",
        "NS=3;LIFT_SWAPS=2;LIFTED_FROM=1:4:T:A",
    ]
    assert "3 records had been lifted before" in capsys.readouterr().err


def test_what_a_split_record_loses_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lift(folder, ["1 4 . T C,<DEL> 9 . AC=1;AN=4 GT:AD 1/2:1,2,3 0/1:4,5"])
    told = [x for x in capsys.readouterr().err.splitlines() if "split records" in x]
    assert told == [
        "FORMAT/AD of 1 split records: some lists have a wrong number of values; read from "
        "the left as in bcftools",
        "INFO/AC of 1 split records: left out, the number of values is wrong",
    ]


def test_alleles_of_one_record_are_aligned_together() -> None:
    bases = np.frombuffer(b"GCACACACT", np.uint8)
    assert join_alleles(bases, 5, ["CAC", "C"]) == (0, ["GCA", "G"])
    assert join_alleles(bases, 1, ["CA", "CT", "CG"]) == (2, ["A", "T", "G"])
    assert join_alleles(bases, 2, ["A", "TA", "*"]) == (1, ["C", "CT", "*"])
    assert join_alleles(bases, 0, ["G", "TG"]) == (0, ["G", "TG"])
    assert join_alleles(bases, 8, ["T", "TT", "TTT"]) == (7, ["C", "CT", "CTT"])
    # A letter of the reference that stands for several bases is its first one.
    assert join_alleles(np.frombuffer(b"ARTT", np.uint8), 3, ["T", "TT"]) == (1, ["A", "AT"])


def slowly_joined(bases: str, place: int, texts: list[str]) -> tuple[int, list[str]]:
    """The rule of Tan and others, letter by letter."""
    while len({t[-1] for t in texts}) == 1 and (place or min(map(len, texts)) > 1):
        texts = [t[:-1] for t in texts]
        if not all(texts):
            texts = [bases[place - 1] + t for t in texts]
            place -= 1
    while min(map(len, texts)) > 1 and len({t[0] for t in texts}) == 1:
        texts = [t[1:] for t in texts]
        place += 1
    return place, texts


def test_alleles_are_aligned_together_as_by_hand() -> None:
    rnd = random.Random(2)
    for _ in range(2000):
        unit = "".join(rnd.choices("ACG", k=rnd.randint(1, 3)))
        bases = (unit * 8)[: rnd.randint(4, 20)]
        place = rnd.randrange(len(bases))
        ref = bases[place : place + rnd.randint(1, 4)]
        alts = [ref[0], ref + unit, ref + unit * 2, unit, "".join(rnd.choices("ACG", k=3))]
        alleles = list(dict.fromkeys([ref, *rnd.sample(alts, rnd.randint(1, 4))]))
        if len(alleles) < 2:
            continue
        found = join_alleles(np.frombuffer(bases.encode(), np.uint8), place, alleles)
        assert found == slowly_joined(bases, place, alleles)


def test_a_megabase_in_a_homopolymer_is_aligned_at_once() -> None:
    bases = np.frombuffer(b"A" * 3_000_000, np.uint8)
    join_alleles(bases, 0, ["A", "AA"])
    start = time.process_time()
    assert join_alleles(bases, 2_000_000, ["A", "A" * 1_000_001, "AA"])[0] == 0
    assert time.process_time() - start < 2


def test_lines_come_back_sorted_and_stable(tmp_path: Path) -> None:
    with SortedLines(tmp_path / "x") as lines:
        for keys, texts in (([3, 1], ["c", "aa"]), ([1, 2], ["ab", "b"])):
            at = np.cumsum([0, *map(len, texts)])
            data = np.frombuffer("".join(texts).encode(), np.uint8)
            lines.add(sort_keys(np.zeros(2, np.int64), np.array(keys)), at, data)
        assert b"".join(lines.pieces()) == b"aaabbc"


def test_the_help_names_every_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["liftover", "--help"])
    text = capsys.readouterr().out
    assert all(f"  {r.code:<20} {r.says}\n" in text for r in Reason if r)


def test_blocks_of_a_gvcf_are_not_lifted(folder: Path) -> None:
    rows = ["1 3 . G . . . END=12 GT:AD:PL 0/0:9:0 0/0:9:0",
            "1 4 . T . . . END=4 GT:AD:PL 0/0:9:0 0/0:9:0",
            "1 5 . A G,<NON_REF> . . . GT:AD:PL 0/2:3,4,5:0,1,2,3,4,5 0/1:3,4,5:0,1,2,3,4,5",
            "1 7 . G <NON_REF> . . END=9 GT:AD:PL 0/0:9:0 0/0:9:0"]  # fmt: skip
    out = lift(folder, rows)
    lines = [ln.split("\t") for ln in out.read_text().splitlines() if ln[0] != "#"]
    assert [(c[3], c[4], c[7].split(";")[0]) for c in lines] == [
        ("T", ".", "END=6"),
        ("A", "G", "LIFTED_FROM=1:5:A:G"),
    ]
    # What is called and is no known allele is neither REF nor missing: the split says `.`.
    assert [c.split(":")[0] for c in lines[1][9:]] == ["0/.", "0/1"]
    reasons = [ln.split("\t")[5] for ln in (folder / "r.tsv").read_text().splitlines()[1:]]
    assert reasons == ["symbolic"] * 3
