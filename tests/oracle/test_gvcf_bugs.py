"""The instructive public bugs of joining gVCFs, each as the least input that shows its trait.

What is asserted is what the people who reported them wanted; the docstrings say where our
answer is another one. Bugs that are about an operation (delete, update, read) have the nearest
operation of a store.
"""

import shutil
from pathlib import Path

import pytest
from gvcf_store import Answers, cohort, gvcf
from inprocess import ingest_here, steps_here
from verifying import verify

import varhouse
from varhouse.export import export_cohort

BLOCK = "GT:DP:GQ:MIN_DP:PL"
CALL = "GT:AD:DP:GQ:PL"
HET = "0/1:15,15,0:30:99:400,0,400,445,445,890"


def block(
    first: int, last: int, cell: str, *, contig: str = "c1", alt: str = "<NON_REF>"
) -> str:
    return f"{contig} {first} A {alt} . END={last} {BLOCK} {cell}"


def exported(answers: Answers, folder: Path) -> list[list[str]]:
    out = folder / "out.vcf"
    export_cohort(answers.store, "x", out)
    lines = out.read_text().splitlines()
    return [x.split("\t") for x in lines if not x.startswith("#")]


# --- what is called ---


def test_gatk_7792_no_reads_is_no_reference_call(tmp_path: Path) -> None:
    """0/0:0,0:0:0:0,0,0 is what the file wrote, and nobody's call."""
    answers = cohort(
        tmp_path,
        p=gvcf(
            "p", block(101, 199, "0/0:0:0:0:0,0,0"), block(200, 299, "0/0:30:60:28:0,60,900")
        ),
        q=gvcf("q", f"c1 150 A G,<NON_REF> . . {CALL} {HET}"),
    )
    assert answers.found("c1", 150, "A", "G") == (1, 2)
    at = answers.at("c1", 150, "p")
    assert (at["an"], at["an_written"], at["n_samples"], at["n_missing"]) == (0, 2, 1, 1)
    assert answers.an("c1", 199, 200) == [0, 2]


def test_deepvariant_633_glnexus_263_no_depth_is_no_reference_call(tmp_path: Path) -> None:
    """DeepVariant's blocks say it by MIN_DP alone; GLnexus gives 0/0 at DP 0."""
    rows = [
        "c1 101 A <*> . END=149 GT:GQ:MIN_DP:PL 0/0:1:0:0,3,29",
        "c1 150 A <*> . END=199 GT:GQ:MIN_DP:PL 0/0:50:21:0,63,629",
    ]
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.an("c1", 148, 151) == [0, 0, 2, 2]
    assert answers.at("c1", 148)["an_written"] == 2


def test_gatk_8208_no_call_with_likelihoods_stays_one(tmp_path: Path) -> None:
    """What ReblockGVCF leaves as ./. is not called by us either; its PL is kept.

    GenotypeGVCFs would call 0/0 by PL. A warehouse that turns likelihoods into genotypes is a
    joint caller without its model.
    """
    row = f"c1 150 A G,<NON_REF> . . {CALL} ./.:9,0,0:9:27:0,27,300,27,300,300"
    before = [
        block(101, 148, "0/0:30:60:28:0,60,900"),
        f"c1 149 C T,<NON_REF> . . {CALL} {HET}",
    ]
    answers = cohort(
        tmp_path,
        p=gvcf("p", *before, row),
        q=gvcf("q", *before, f"c1 150 A G,<NON_REF> . . {CALL} {HET}"),
    )
    assert answers.found("c1", 149, "C", "T") == (2, 4)
    assert answers.found("c1", 150, "A", "G") == (1, 2)
    at = answers.at("c1", 150, "p")
    assert (at["an"], at["an_written"], at["n_samples"], at["n_missing"]) == (0, 0, 1, 1)
    assert row.split()[-1] in [cell for x in exported(answers, tmp_path) for cell in x[9:]]


@pytest.mark.parametrize("cell", ["0/0:112,1579:1691:0", "0/0:112,1579:1691:."])
def test_gatk_7589_dragen_mitochondrial_block_without_gq(tmp_path: Path, cell: str) -> None:
    """Homozygous reference without GQ and PL is called; whether it is adj nobody knows."""
    row = f"c1 101 A <NON_REF> weak_evidence END=110 GT:AD:DP:SQ {cell}"
    answers = cohort(tmp_path, p=gvcf("p", row))
    assert answers.held_back == {}
    at = answers.at("c1", 105)
    assert (at["an"], at["an_written"], at["an_adj"], at["n_samples"]) == (2, 2, 0, 1)


def test_gatk_6421_common_insertion_is_there(tmp_path: Path) -> None:
    """An insertion that most people have, where the others have blocks or another allele."""
    insertion = "GGTTGTGAGGTAACCC"
    carriers = {
        f"p{i}": gvcf(f"p{i}", f"c1 150 G {insertion},<NON_REF> . . {CALL} {HET}")
        for i in range(8)
    }
    others = {
        "q": gvcf("q", block(101, 149, "0/0:30:60:28:0,60,900"),
                  f"c1 150 G <NON_REF> . END=180 {BLOCK} 0/0:30:60:28:0,60,900"),
        "r": gvcf("r", f"c1 150 G T,<NON_REF> . . {CALL} {HET}"),
        "s": gvcf("s", f"c1 150 GA G,<NON_REF> . . {CALL} {HET}"),
    }  # fmt: skip
    answers = cohort(tmp_path, **carriers, **others)
    assert answers.found("c1", 150, "G", insertion) == (8, 22)
    assert answers.found("c1", 150, "G", "T") == (1, 22)
    assert answers.found("c1", 150, "GA", "G") == (1, 22)


def test_gatk_5163_bands_of_any_width_say_the_same(tmp_path: Path) -> None:
    """Bands of one GQ, of twenty, or one of all: who is called is the same."""
    fine = [block(101 + i, 101 + i, f"0/0:30:{20 + i % 40}:30:0,60,900") for i in range(120)]
    wide = [
        block(101, 140, "0/0:30:20:30:0,60,900"),
        block(141, 220, "0/0:30:40:30:0,60,900"),
    ]
    whole = [block(101, 220, "0/0:30:20:30:0,60,900")]
    answers = cohort(
        tmp_path,
        **{n: gvcf(n, *rows) for n, rows in (("p", fine), ("q", wide), ("r", whole))},
    )
    assert answers.an("c1", 101, 220) == [6] * 120
    assert answers.an("c1", 100) + answers.an("c1", 221) == [0, 0]
    assert {answers.at("c1", p)["an_adj"] for p in range(101, 221)} == {6}


def test_gatk_6275_mixed_ploidy(tmp_path: Path) -> None:
    """One, two and four alleles at one base add up to seven."""
    four = "0/0/0/1:30,10,0:40:99:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14"
    answers = cohort(
        tmp_path,
        p=gvcf("p", block(101, 199, "0:30:60:28:0,900")),
        q=gvcf("q", block(101, 199, "0/0:30:60:28:0,60,900")),
        r=gvcf("r", f"c1 150 A G,<NON_REF> . . {CALL} {four}"),
    )
    assert answers.held_back == {}
    assert answers.found("c1", 150, "A", "G") == (1, 7)
    assert [answers.at("c1", 150, p)["an"] for p in "pqr"] == [1, 2, 4]


def test_hail_14560_haploid_blocks_stay_haploid(tmp_path: Path) -> None:
    rows = [
        block(101, 199, "0:11:40:9:0,40"),
        "c1 200 A G,<NON_REF> . . GT:AD:DP:GQ:PL 1:0,12,0:12:99:400,0,445",
        block(201, 299, "0:4:40:3:0,40"),
    ]
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.an("c1", 199, 201) == [1, 1, 1]
    assert [answers.at("c1", p)["an_adj"] for p in (199, 200, 201)] == [1, 1, 0]
    assert answers.found("c1", 200, "A", "G") == (1, 1)


def test_glnexus_162_star_and_haploid_of_dragen(tmp_path: Path) -> None:
    """`*` is called, and an allele of its own; a haploid call is one."""
    rows = [
        f"c1 150 ATTT A,<NON_REF> . . {CALL} {HET}",
        f"c1 152 T *,<NON_REF> . . {CALL} {HET}",
        "c1 160 A G,*,<NON_REF> . . GT:AD:DP:GQ 1/2:10,10,10,0:30:99",
        "c1 170 A <NON_REF> . END=180 GT:DP:GQ 0:20:60",
        "c1 181 A C,<NON_REF> . . GT:AD:DP:GQ 1:0,20,0:20:99",
    ]
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.held_back == {}
    assert answers.found("c1", 150, "ATTT", "A") == (1, 2)
    assert answers.found("c1", 160, "A", "G") == (1, 2)
    assert answers.an("c1", 152) == [2]
    assert answers.an("c1", 180, 181) == [1, 1]
    assert answers.found("c1", 181, "A", "C") == (1, 1)
    alts = answers.store.scan("frequencies").select("alt").collect()["alt"]
    assert set(alts) == {"A", "G", "C", "*"}


def test_glnexus_276_each_base_without_min_dp(tmp_path: Path) -> None:
    """BP_RESOLUTION has DP and no MIN_DP: its reference calls are adj all the same."""
    rows = [f"c1 {p} A <NON_REF> . . GT:AD:DP:GQ:PL 0/0:30,0:30:60:0,60,900"
            for p in range(101, 121)]  # fmt: skip
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.held_back == {}
    assert answers.an("c1", 100, 121) == [0] + [2] * 20 + [0]
    assert {answers.at("c1", p)["an_adj"] for p in range(101, 121)} == {2}


def test_glnexus_317_a_call_beside_a_refcall_without_genotype(tmp_path: Path) -> None:
    """RefCall ./. inside an own deletion, or at the POS of an own call, takes no call away."""
    call = "GT:GQ:DP:AD:PL"
    rows = [
        f"c1 150 TAC T,<*> PASS . {call} 1/1:20:18:3,15,0:26,21,0,990,990,990",
        f"c1 152 C T,<*> RefCall . {call} ./.:15:3:1,2,0:0,14,31,990,990,990",
        f"c1 160 A G,<*> PASS . {call} 0/1:40:30:15,15,0:40,0,50,990,990,990",
        f"c1 160 AT A,<*> RefCall . {call} ./.:3:30:28,2,0:0,2,30,990,990,990",
    ]
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.found("c1", 150, "TAC", "T") == (2, 2)
    assert answers.found("c1", 160, "A", "G") == (1, 2)
    keys = answers.store.scan("frequencies").select("pos", "alt").unique().collect()
    assert sorted(keys.rows()) == [(150, "T"), (160, "G")]


# --- where a file says something ---


def test_bcftools_1127_no_reference_between_blocks(tmp_path: Path) -> None:
    answers = cohort(
        tmp_path,
        p=gvcf("p", "c1 110 C . . END=112 GT 0/0", "c1 115 T . . END=120 GT 0/0"),
    )
    assert answers.an("c1", 109, 116) == [0, 2, 2, 2, 0, 0, 2, 2]
    assert [answers.at("c1", p)["n_samples"] for p in (112, 113, 114, 115)] == [1, 0, 0, 1]


def test_bcftools_1910_last_base_of_a_block(tmp_path: Path) -> None:
    """Blocks that end apart: each is called at its own last base, and not behind it."""
    ends = {"p": 836, "q": 837, "r": 950}
    answers = cohort(
        tmp_path,
        **{n: gvcf(n, block(835, end, "0/0:30:60:28:0,60,900")) for n, end in ends.items()},
    )
    assert answers.an("c1", 834, 838) == [0, 6, 6, 4, 2]
    assert answers.an("c1", 950, 951) == [2, 0]


def test_bcftools_2510_star_alone_is_a_block(tmp_path: Path) -> None:
    """Octopus writes `<*>` blocks, and some as `*`: nobody is called with a deletion there."""
    answers = cohort(
        tmp_path,
        p=gvcf(
            "p",
            "c1 101 A * . END=120 GT:DP:GQ 0|0:30:60",
            "c1 121 A <*> . END=149 GT:DP:GQ 0|0:30:60",
            "c1 150 A G PASS . GT:DP:GQ 0|1:30:60",
        ),
    )
    assert answers.an("c1", 101, 150) == [2] * 50
    alts = answers.store.scan("frequencies").select("alt").collect()["alt"]
    assert set(alts) == {"G"}


def test_tol_88_deepvariant_leaves_gaps(tmp_path: Path) -> None:
    """A base that no record of the file covers is not assessed, whatever lies beside it."""
    form = "GT:GQ:MIN_DP:PL 0/0:50:21:0,63,629"
    answers = cohort(
        tmp_path,
        p=gvcf("p", f"c1 101 A <*> . END=120 {form}", f"c1 131 A <*> . END=140 {form}"),
        q=gvcf("q", f"c1 101 A <*> . END=140 {form}"),
        r=gvcf("r", "c1 125 A T,<*> PASS . GT:GQ:DP:AD 0/1:40:30:15,15,0"),
    )
    assert answers.found("c1", 125, "A", "T") == (1, 4)
    assert answers.at("c1", 125)["n_samples"] == 2
    assert answers.at("c1", 125, "p")["n_samples"] == 0


def test_glnexus_292_266_variants_of_exomes(tmp_path: Path) -> None:
    """A variant at the edge of a target, without a block beside it, in a few of many files."""
    call = "c1 432 G C,<*> PASS . GT:GQ:DP:AD:PL 0/1:49:118:61,57,0:54,0,51,990,990,990"
    target = "c1 401 A <*> . END=431 GT:GQ:MIN_DP:PL 0/0:50:60:0,150,1490"
    files = {f"p{i}": gvcf(f"p{i}", target, call) for i in range(3)}
    files |= {f"q{i}": gvcf(f"q{i}", target) for i in range(9)}
    answers = cohort(tmp_path, **files)
    assert answers.found("c1", 432, "G", "C") == (3, 6)
    assert answers.at("c1", 432)["n_samples"] == 3
    assert answers.an("c1", 431) == [24]


def test_hail_13183_a_block_ends_with_its_contig(tmp_path: Path) -> None:
    """The last block of a contig says nothing of the next one, even past the contig's end."""
    good = "0/0:30:60:28:0,60,900"
    answers = cohort(
        tmp_path,
        p=gvcf("p", block(901, 1000, good), block(21, 30, good, contig="c2")),
        q=gvcf("q", block(901, 1010, good), block(31, 40, good, contig="c2")),
    )
    assert "q.vcf" not in " ".join(answers.held_back.values())
    assert answers.an("c1", 900, 1000) == [0] + [4] * 100
    assert answers.an("c2", 1, 20) == [0] * 20
    assert answers.an("c2", 30, 31) == [2, 2]
    last = answers.store.scan("callable").select("contig", "end").collect()
    assert max(end for contig, end in last.rows() if contig == "c1") == 1000


def test_gatk_5113_3429_no_variant_of_deepvariant_is_lost(tmp_path: Path) -> None:
    """Every record of the file is a variant, a block, or a reject, and every call is counted.

    The reporter's files name no allele `<NON_REF>` as GATK does, and what was not understood
    went without a word.
    """
    call = "GT:GQ:DP:AD:VAF:PL"
    variants = [
        f"c1 {p} A {alt} PASS . {call} {gt}:46:92:0,92,0:1,0:48,50,0,990,990,990"
        for p, alt, gt in (
            (120, "G,<*>", "1/1"), (140, "G,<NON_REF>", "0/1"), (160, "AT,<*>", "1/1"),
            (180, "G", "0/1"), (200, "<*>,G", "0/2"),
        )
    ]  # fmt: skip
    calls = [v.replace(":0,92,0:1,0:48,50,0,990,990,990", ":0,92:1:48,50,0")
             if v.split()[3] == "G" else v for v in variants]  # fmt: skip
    blocks = [
        f"c1 {p + 1} A <*> . END={p + 19} GT:GQ:MIN_DP:PL 0/0:50:21:0,63,629"
        for p in range(100, 200, 20)
    ]
    rows = sorted(blocks + calls, key=lambda r: int(r.split()[1]))
    answers = cohort(tmp_path, p=gvcf("p", *rows))
    assert answers.held_back == {}
    (told,) = answers.account["cohorts"]
    assert told["n_records"] == len(rows)
    assert told["n_rejects"] == 0
    copies = {
        key: answers.found("c1", *key)[0]
        for key in ((120, "A", "G"), (140, "A", "G"), (160, "A", "AT"), (180, "A", "G"),
                    (200, "A", "G"))
    }  # fmt: skip
    assert list(copies.values()) == [2, 1, 2, 1, 1]
    assert answers.an("c1", 101, 200) == [2] * 100
    assert len(exported(answers, tmp_path)) == len(rows)


# --- operations ---


def people(*names: str) -> dict[str, str]:
    """Give files of some people, all different."""
    return {
        name: gvcf(
            name,
            block(101, 149, "0/0:30:60:28:0,60,900"),
            f"c1 150 A G,<NON_REF> . . {CALL} {HET}",
            f"c1 {160 + 2 * ord(name) % 40} A C,<NON_REF> . . {CALL} {HET}",
        )
        for name in names
    }


def ingest_again(folder: Path, *names: str) -> dict:
    """Ingest the cohort with the files of these people alone."""
    listed = ",".join(f"x/{n}.vcf" for n in names)
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nx\t{listed}\n")
    rows = "".join(f"x\t{n}\t{n}\n" for n in names)
    (folder / "samples.tsv").write_text(f"cohort\tsample\tperson\n{rows}")
    account: dict = ingest_here(folder / "store", folder / "config.json")
    return account


def build(folder: Path, *names: str) -> Answers:
    """Ingest people into a new store; the reference is the same whoever they are."""
    folder.mkdir()
    everybody = people("p", "q", "r").values()
    return cohort(folder, bases_of=everybody, **people(*names))


def test_gatk_8114_a_person_is_taken_out(tmp_path: Path) -> None:
    build(tmp_path / "store", "p", "q", "r")
    account = ingest_again(tmp_path / "store", "p", "r")
    assert account["held_back"] == []
    store = varhouse.open(tmp_path / "store/store")
    assert not verify(store)
    assert store.scan("samples").collect()["sample"].sort().to_list() == ["p", "r"]
    assert store.digest() == build(tmp_path / "fresh", "p", "r").store.digest()


def test_gatk_8114_a_wrong_file_is_replaced(tmp_path: Path) -> None:
    """The reporter's second question: a right file under the name of the wrong one."""
    folder = tmp_path / "store"
    build(folder, "p", "q")
    right = (folder / "x/q.vcf").read_text()
    (folder / "x/q.vcf").write_text(right.replace("0/1:15,15,0", "1/1:0,30,0"))
    ingest_again(folder, "p", "q")
    assert (
        varhouse.open(folder / "store").digest()
        != build(tmp_path / "fresh", "p", "q").store.digest()
    )
    (folder / "x/q.vcf").write_text(right)
    ingest_again(folder, "p", "q")
    assert (
        varhouse.open(folder / "store").digest()
        == varhouse.open(tmp_path / "fresh/store").digest()
    )


def test_gatk_6558_an_update_that_stops_leaves_the_store(tmp_path: Path) -> None:
    """Before the commit the store answers as it did; the same command goes on to the end."""
    folder = tmp_path / "store"
    before = build(folder, "p", "q").store.digest()
    more = people("p", "q", "r")
    (folder / "x/r.vcf").write_text(more["r"])
    listed = "x/p.vcf,x/q.vcf,x/r.vcf"
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nx\t{listed}\n")
    (folder / "samples.tsv").write_text(
        "cohort\tsample\tperson\n" + "".join(f"x\t{n}\t{n}\n" for n in "pqr")
    )
    steps_here(folder / "store", folder / "config.json")
    store = varhouse.open(folder / "store")
    assert store.digest() == before
    assert not verify(store)
    for part in (folder / "store/_staging").glob("*/cohort/x/grown-*"):
        shutil.rmtree(part)  # a command makes each part in a new folder
    ingest_again(folder, "p", "q", "r")
    store = varhouse.open(folder / "store")
    assert not verify(store)
    assert store.digest() == build(tmp_path / "fresh", "p", "q", "r").store.digest()


def test_gatk_7797_a_broken_file_is_no_success(tmp_path: Path) -> None:
    """A file that breaks off takes its cohort out, is named, and goes in when it is whole."""
    files = people("p", "q")
    broken = files | {"q": files["q"][: files["q"].rindex("\t") + 3]}
    answers = cohort(tmp_path, **broken)
    assert "q.vcf" in answers.held_back["x"]
    assert answers.store.scan("frequencies").collect().is_empty()
    (tmp_path / "x/q.vcf").write_text(files["q"])
    account = ingest_here(tmp_path / "store", tmp_path / "config.json")
    assert account["held_back"] == []
    assert varhouse.open(tmp_path / "store").scan("frequencies").collect().height


def test_gatk_7968_a_long_block_costs_what_a_short_one_does(tmp_path: Path) -> None:
    """Neither tables nor the work of an ingest grow with the bases that a block covers."""
    sizes = {}
    for length in (1_000, 1_000_000):
        folder = tmp_path / str(length)
        folder.mkdir()
        contigs = {"c1": length}
        text = gvcf("p", block(1, length, "0/0:30:60:28:0,60,900"), contigs=contigs)
        cohort(folder, contigs, p=text)
        shutil.rmtree(folder / "store")
        steps_here(folder / "store", folder / "config.json")
        staged = [p for p in (folder / "store/_staging").rglob("*.parquet") if p.is_file()]
        assert staged
        sizes[length] = sum(p.stat().st_size for p in staged)
    assert sizes[1_000_000] < 1.1 * sizes[1_000] + 2_000


def test_hail_13409_a_damaged_table_is_named(tmp_path: Path) -> None:
    answers = build(tmp_path / "x", "p", "q")
    path = answers.store.paths("runs")[0]
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    path.chmod(0o600)
    path.write_bytes(damaged)
    problems = verify(varhouse.open(tmp_path / "x/store"))
    assert any("runs" in str(p) for p in problems), problems
