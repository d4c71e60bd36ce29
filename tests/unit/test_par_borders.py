"""Alleles that normalising carries over the end of a PAR are counted where each stands."""

from itertools import product
from pathlib import Path

import polars as pl
import pytest
from slow_states import People, genotype, moved_to, state_of
from stored_states import differences, ingest
from test_states import HEAD
from verifying import verify

# A run of CA at 101 to 120: a deletion there moves to 100, an SNV stays.
BASES = "ACGT" * 25 + "CA" * 10 + "TTTTTTTTTT" + "ACGT" * 42 + "GG"
GENOME = {"X": BASES, "Y": BASES}
CALLS = ("2/2", "1/1", "1/2", "0|1", "0/2", "1/.", "./2", "1", "2", "./.", "0/1/2")
KEYS = ["GT", "GQ", "DP", "AD"]
KINDS = {
    "deletion": (117, "CAC", ["C", "CAT"]),
    "later": (117, "CAC", ["CAT", "C"]),
    "insertion": (119, "C", ["CAC", "G"]),
    "both": (118, "AC", ["A", "ACAC"]),
}
BORDERS = {"PAR before": [(0, 110)], "PAR behind": [(110, 300)]}
MALES = frozenset({"m"})
COUNTS = ("ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_not_diploid")


def text_of(contig: str, kind: str, call: str, *, gvcf: bool) -> str:
    pos, ref, alts = KINDS[kind]
    alts = [*alts, "<NON_REF>"] if gvcf else alts
    reads = ",".join(["30" if "/" not in call and "|" not in call else "15"] * (len(alts) + 1))
    fixed = [contig, str(pos), ".", ref, ",".join(alts), ".", ".", ".", ":".join(KEYS)]
    rows = [[*fixed, *[f"{call}:50:30:{reads}"] * 2]]
    if gvcf:
        block = [contig, "1", ".", "A", "<NON_REF>", ".", ".", "END=90", "GT:GQ:DP"]
        rows.insert(0, [*block, "0/0:50:30", "0/0:50:30"])
    head = [*HEAD.splitlines(), *(f"##contig=<ID={c},length={len(BASES)}>" for c in GENOME)]
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "m", "f"]
    return "\n".join([*head, *("\t".join(r) for r in (names, *rows))]) + "\n"


def is_haploid(border: str, pos: int) -> bool:
    return not any(a < pos <= b for a, b in BORDERS[border])


def wanted(contig: str, kind: str, call: str, border: str, *, gvcf: bool) -> dict:
    """Count a man and a woman at each allele, by what holds where it stands."""
    pos, ref, alts = KINDS[kind]
    gt = genotype(call)
    out = {}
    for number, alt in enumerate(alts, 1):
        at = moved_to(BASES, pos, ref, alt)
        counts = dict.fromkeys((*COUNTS, "ac_adj", "n_hemi_adj"), 0)
        for sex in "mf":
            one = sex == "m" and is_haploid(border, at)
            copies = 1 if one and len(gt.alleles) == 2 and len(gt.called) == 1 else None
            copies = copies or len(gt.alleles)
            counts["an"] += len(gt.called)
            counts["ac"] += gt.called.count(number)
            is_full = len(gt.called) == copies
            counts["n_missing"] += not is_full
            counts["n_not_diploid"] += is_full and (copies != 2 or one)
            if is_full and number in gt.called:
                same = set(gt.called) == {number}
                name = "n_hemi" if copies == 1 else "n_hom_alt" if same else "n_het"
                counts[name] += 1
            cell = dict(zip(KEYS, [call, "50", "30", ",".join(["15"] * 4)], strict=True))
            state = state_of(KEYS, cell, ".", 3, one)
            asked = sex == "m" or contig == "X" or not is_haploid(border, at)
            if state.level == 4 and asked:
                single = one or len(gt.alleles) == 1
                counts["ac_adj"] += min(gt.called.count(number), 1 if single else 9)
                counts["n_hemi_adj"] += single and number in gt.called
        if counts["ac"] or not gvcf:
            out[at, alt if at == pos else None, number] = counts
    return out


@pytest.mark.parametrize(
    ("border", "contig"), [("PAR before", "X"), ("PAR behind", "X"), ("PAR before", "Y")]
)
def test_counts_where_an_allele_stands(tmp_path: Path, border: str, contig: str) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    lines = [f"{c}\t{a}\t{b}\n" for c in GENOME for a, b in BORDERS[border]]
    (folder / "par.bed").write_text("".join(lines))
    cases = list(product(KINDS, CALLS, (True, False)))
    texts = {f"k{n}": text_of(contig, k, c, gvcf=g) for n, (k, c, g) in enumerate(cases)}
    store = ingest(
        folder, {c: [t] for c, t in texts.items()}, GENOME, males=MALES,
        assembly={"name": "toy", "reference": "ref.fa", "par": "par.bed"},
    )  # fmt: skip
    assert store.scan("cohorts").collect().height == len(cases)
    assert verify(store) == []
    rows = store.scan("frequencies").filter(pl.col("stratum_by") == "all").collect()
    groups = store.group_frequencies(
        'sex == "male" or sex == "female"', columns=list(COUNTS), by_cohort=True
    )
    n_over = 0
    for n, (kind, call, gvcf) in enumerate(cases):
        want = wanted(contig, kind, call, border, gvcf=gvcf)
        mine = rows.filter(pl.col("cohort") == f"k{n}").sort("pos", "alt")
        of_group = groups.filter(pl.col("cohort") == f"k{n}").sort("pos", "alt")
        assert mine["pos"].to_list() == sorted(at for at, *_ in want), cases[n]
        assert mine.select("pos", *COUNTS).equals(of_group.select("pos", *COUNTS)), cases[n]
        names = ("n_hemi_adj", "ac_adj", *COUNTS) if gvcf else COUNTS
        found = sorted(mine.select("pos", *names).rows())
        assert found == sorted(
            (at, *(c[name] for name in names)) for (at, *_), c in want.items()
        ), cases[n]
        n_over += len({is_haploid(border, at) for at, *_ in want}) > 1
        if gvcf:
            people = People(MALES, lambda _, pos: is_haploid(border, pos))
            assert differences(store, f"k{n}", texts[f"k{n}"], GENOME, people)[1] == []
    assert n_over > 5
