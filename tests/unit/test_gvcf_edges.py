"""gVCFs that contradict themselves, or write what few do: counted right, or held back."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from inprocess import ingest_here
from slow_states import People, State
from stored_states import differences, ingest, stored_states, write_inputs
from test_states import HEAD
from verifying import verify

import varhouse
from varhouse.query.opened import OpenStore

LEN = '##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="x">\n'
CONTIGS = ("##contig=<ID=c1,length=400>", "##contig=<ID=X,length=400>")
GENOME = {"c1": "ACGT" * 100, "X": "ACGT" * 25 + "CA" * 10 + "ACGT" * 70}
BLOCK = "X 1 . A <NON_REF> . . END=10 GT:DP:GQ 0/0:30:50"
MALE = frozenset({"s0"})


def gvcf(
    rows: Sequence[str], samples: Sequence[str] = ("s0",), contigs: Sequence[str] = CONTIGS
) -> str:
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    names += ["FORMAT", *samples] if samples else []
    lines = ["\t".join(line.split()) for line in (" ".join(names), *rows)]
    return HEAD + LEN + "".join(f"{c}\n" for c in contigs) + "\n".join(lines) + "\n"


def one(tmp_path: Path, text: str, **given: object) -> OpenStore:
    store = ingest(tmp_path / "x", {"k": [text]}, GENOME, **given)  # type: ignore[arg-type]
    assert verify(store) == []
    return store


def counts(store: OpenStore, *names: str) -> list[tuple]:
    rows = store.scan("frequencies").filter(pl.col("stratum_by") == "all").collect()
    return rows.sort("pos", "alt").select("pos", *names).rows()


def test_alleles_of_a_file_of_sites_alone_are_kept(tmp_path: Path) -> None:
    """Nobody is called, for nobody is there."""
    rows = ("c1 1 . A <NON_REF> . . END=10", "c1 11 . G T,<NON_REF> . . .")
    text = gvcf(rows, ())
    store = one(tmp_path, text)
    assert counts(store, "alt", "n_samples") == [(11, "T", 0)]
    several = ingest(
        tmp_path / "y",
        {"k": [text, gvcf([*BLOCKS_OF_C1, "c1 13 . A C . . . GT 0/1"])]},
        GENOME,
    )
    assert [r[:2] for r in counts(several, "alt")] == [(11, "T"), (13, "C")]


BLOCKS_OF_C1 = ("c1 1 . A <NON_REF> . . END=10 GT:DP:GQ 0/0:30:50",)


def test_len_is_of_each_person(tmp_path: Path) -> None:
    """VCF 4.5: blocks of several people that begin together end where each one's ends."""
    rows = (
        "c1 1 . A <*> . . . GT:DP:GQ:LEN 0/0:30:50:10 0/0:30:50:20",
        "c1 11 . G T,<*> . . . GT:DP:GQ:AD:LEN 0/1:30:50:15,15,0:. .:.:.:.:.",
        "c1 21 . A <*> . . END=31 GT:DP:GQ:LEN 0/0:30:50:10 0/0:30:50:.",
        "c1 41 . A C,<*> . . . GT:DP:GQ:AD:LEN 0/1:30:50:15,15,0:30 0/0:30:50:9,0,0:30",
        "c1 42 . C <*> . . . GT:DP:GQ:LEN 0/0:30:50:29 .:.:.:.",
    )
    text = gvcf(rows, ("a", "b")).replace("VCFv4.2", "VCFv4.5")
    store = one(tmp_path, text)
    compared, wrong = differences(store, "k", text, GENOME)
    assert compared > 20
    assert wrong == []
    asked = {
        ("a", 12): None, ("b", 12): 2, ("a", 31): 2, ("b", 21): 2, ("b", 22): None,
        ("a", 42): 2, ("b", 42): 0, ("b", 70): 2, ("b", 71): None,
    }  # fmt: skip
    found = stored_states(store, "k", [(who, "c1", base) for who, base in asked])
    assert [s and s.alleles for s in found] == list(asked.values())


def test_a_block_that_names_an_alt_is_not_called(tmp_path: Path) -> None:
    """R9, as xAtlas writes it: assessed, not called."""
    rows = (
        "c1 1 . A . . . END=10 GT:DP:GQ 0/0:30:50",
        "c1 11 . G . . . END=20 GT:DP:GQ 1/1:30:50",
        "c1 21 . A T . PASS . GT:DP:GQ:AD 0/1:30:50:15,15",
    )
    text = gvcf(rows)
    store = one(tmp_path, text)
    assert differences(store, "k", text, GENOME)[1] == []
    assert stored_states(store, "k", [("s0", "c1", 15)]) == [State(1, 0, 2, False, False)]
    assert not store.scan("rejects").collect().height


def held(tmp_path: Path, text: str) -> list[str]:
    path = write_inputs(tmp_path / "x", {"k": [text]}, GENOME)
    account = ingest_here(tmp_path / "x/store", path)
    assert not varhouse.open(tmp_path / "x/store").scan("cohorts").collect().height
    return [str(account)]


def test_more_alleles_than_a_state_tells_are_held_back(tmp_path: Path) -> None:
    rows = (*BLOCKS_OF_C1, f"c1 11 . G T,<NON_REF> . . . GT {'/'.join('11111111')}")
    reason = held(tmp_path, gvcf(rows))[0]
    assert "in 1 record(s), the first: " in reason
    assert f"k0.vcf: line {gvcf(rows).count(chr(10))}, c1:11: states" in reason
    assert "policy.gvcf: variants, which takes up to 16" in reason
    rows = (*BLOCKS_OF_C1, f"c1 11 . G T,<NON_REF> . . . GT {'/'.join('1111111')}")
    (tmp_path / "seven").mkdir()
    store = one(tmp_path / "seven", gvcf(rows))
    assert counts(store, "ac", "an") == [(11, 7, 7)]


@pytest.mark.parametrize("end", [99_999_999_999, 2**31 + 5])
def test_an_end_beyond_any_contig_is_held_back(tmp_path: Path, end: int) -> None:
    """Whether a length of the contig is known or not."""
    row = BLOCKS_OF_C1[0].replace("END=10", f"END={end}")
    for k, contigs in enumerate((("##contig=<ID=c1>",), CONTIGS)):
        folder = tmp_path / str(k)
        folder.mkdir()
        text = gvcf((row, "c1 11 . T C,<NON_REF> . . . GT 1/1"), contigs=contigs)
        assert "beyond the end of its contig" in held(folder, text)[0]


@pytest.mark.parametrize("gt", ["1/1", "1/.", "1", "0/1"])
@pytest.mark.parametrize("par", ["X\t110\t200\n", "X\t0\t110\n"])
def test_alleles_that_move_over_the_end_of_a_par(tmp_path: Path, gt: str, par: str) -> None:
    """What is called of a male is asked for where the allele stands once it is normalised."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x/par.bed").write_text(par)
    row = f"X 117 . CAC C,<NON_REF> . . . GT:DP:GQ:AD {gt}:30:50:2,28,0"
    row = row.replace("2,28", "15,15") if gt == "0/1" else row
    assembly = {"name": "toy", "reference": "ref.fa", "par": "par.bed"}
    store = one(tmp_path, gvcf((BLOCK, row)), males=MALE, assembly=assembly)
    one_copy = par.startswith("X\t110")
    found = counts(store, "ac", "n_hemi", "n_not_diploid", "ac_adj", "an_adj")
    wanted = {
        "1/1": (2, 0, 1, 1, 1) if one_copy else (2, 0, 0, 2, 2),
        "1/.": (1, 1, 1, 1, 1) if one_copy else (1, 0, 0, 0, 0),
        "1": (1, 1, 1, 1, 1),
        "0/1": (1, 0, 1, 0, 0) if one_copy else (1, 0, 0, 1, 2),
    }[gt]
    assert found == [(100, *wanted)]


def test_half_a_call_of_a_male_beside_one_of_three_alleles(tmp_path: Path) -> None:
    rows = (
        BLOCK,
        "X 11 . G T,<NON_REF> . . . GT:DP:GQ:AD 1/.:30:50:0,30,0",
        "X 11 . G A,<NON_REF> . . . GT:DP:GQ:AD ././.:30:50:0,30,0",
    )
    text = gvcf(rows)
    store = one(tmp_path, text, males=MALE)
    assert counts(store, "ac", "an", "n_hemi", "n_missing") == [(11, 1, 1, 1, 0)]
    people = People(MALE, lambda contig, pos: contig == "X")
    assert differences(store, "k", text, GENOME, people)[1] == []


FILTERED = (
    "c1 1 . A <NON_REF> . LowGQX END=10 GT:DP:GQ 0/0:30:50",
    "c1 11 . G <NON_REF> . PASS END=20 GT:DP:GQ 0/0:30:50",
    "c1 21 . A <NON_REF> . LowGQX;RefCall END=30 GT:DP:GQ ./0:30:50",
    "c1 31 . G T,<*> . RefCall . GT:DP:GQ:AD 0/0:30:50:30,0,0",
    "c1 32 . T G,<*> . PASS . GT:DP:GQ:AD 0/1:30:50:15,15,0",
    "c1 33 . A G,<*> . LowGQX . GT:DP:GQ:AD 0/1:30:50:15,15,0",
    "c1 34 . C <NON_REF> . LowGQX END=40 GT:DP:GQ 0:30:50",
)


def test_blocks_that_fail_are_not_called_if_only_pass_counts(tmp_path: Path) -> None:
    """They are assessed, kept, and no rejects; RefCall holds nothing against a call."""
    text = gvcf(FILTERED)
    policy = {"unchecked_ref": "store", "pass_only": True}
    store = one(tmp_path, text, policy=policy)
    rejects = store.scan("rejects").select("pos", "reason").collect()
    assert rejects.rows() == [(33, "not_pass")]
    assert store.scan("blocks").collect().height == 4
    assert counts(store, "alt", "ac") == [(32, "G", 1)]
    # What fails says what it would say if nobody were called.
    changed = text.replace("0/0:30:50\nc1\t11", "./.:30:50\nc1\t11")
    changed = changed.replace("./0:", "./.:").replace("\t0:30:50", "\t.:30:50")
    assert changed.count("./.") == 2
    compared, wrong = differences(store, "k", changed, GENOME)
    assert compared > 15
    assert wrong == []
    (tmp_path / "all").mkdir()
    store = one(tmp_path / "all", text)
    assert differences(store, "k", text, GENOME)[1] == []
    assert not store.scan("rejects").collect().height
