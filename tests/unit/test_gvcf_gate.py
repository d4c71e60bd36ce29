"""Of a gVCF an ingest rejects what validate counts as rejected, and takes the rest in."""

import random
from collections import Counter
from pathlib import Path

import pytest
from inprocess import ingest_here
from stored_states import write_inputs
from test_gvcf_dialects import as_bcf
from test_gvcf_edges import GENOME, gvcf

import varhouse
from varhouse.onefile.validate import Validation, validate
from varhouse.query.opened import OpenStore
from varhouse.vcf.account.document import REASONS

CODE = {r.word: r.code for r in REASONS}


def some_rows(rng: random.Random, *, is_gvcf: bool) -> list[str]:
    """Make records of two people; in some a GT names an ALT that is not there."""
    bases, rows, pos = GENOME["c1"], [], 1
    while pos < 380:
        gt = [rng.choice(["0/0", "0/0", "0/1", "1/1", "0/2", "3", "./.", "./1"]) for _ in "ab"]
        length = rng.choice([1, 4, 9])
        end = pos + length - 1
        alt, info = rng.choice(
            [("<NON_REF>", f"END={end}"), (".", f"END={end}"), (".", "."), ("*", f"END={end}"),
             ("T" if bases[pos - 1] != "T" else "G", "."), (".", f"END={end};CN=2"),
             ("<NON_REF>", f"END={end};SVTYPE=CNV"), (f"{bases[pos - 1]}A,<NON_REF>", ".")]
            if is_gvcf
            else [(".", "."), ("T" if bases[pos - 1] != "T" else "G", ".")]
        )  # fmt: skip
        keys, more = rng.choice([("GT", ""), ("GT:DP:GQ", ":30:50")])
        cells = " ".join(g + more for g in gt)
        rows.append(f"c1 {pos} . {bases[pos - 1]} {alt} . . {info} {keys} {cells}")
        pos = end + 1
    return rows


def rejected(found: Validation) -> dict[str, int]:
    effects = found.account.effects
    return {c: n for c, n in found.counts.items() if effects[c] == "reject"}


def ingested(folder: Path, text: str) -> OpenStore:
    path = write_inputs(folder, {"k": [text]}, GENOME)
    ingest_here(folder / "store", path)
    return varhouse.open(folder / "store")


@pytest.mark.parametrize("is_gvcf", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_gate_and_ingest_agree(tmp_path: Path, seed: int, is_gvcf: bool) -> None:
    rng = random.Random(seed)
    rows = some_rows(rng, is_gvcf=is_gvcf)
    text = gvcf(rows, ("a", "b")).replace(
        "##contig=<ID=c1", '##INFO=<ID=CN,Number=1,Type=Integer,Description="x">\n'
        '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">\n##contig=<ID=c1', 1
    )  # fmt: skip
    (tmp_path / "x.vcf").write_text(text)
    found = validate(tmp_path / "x.vcf")
    assert found.is_gvcf == is_gvcf
    store = ingested(tmp_path / "x", text)
    rejects = store.scan("rejects").collect()
    reasons = Counter(CODE[r] for r in rejects["reason"])
    counted = rejected(found)
    assert set(reasons) == set(counted)
    assert sum(reasons.values()) > 3
    assert ("VH-G-005" in found.counts) == is_gvcf
    n_people = {"VH-G-002": 0, "VH-G-003": 0, "VH-G-005": 0}
    lines = {k: x for k, x in enumerate(rows)}
    for k in rejects["record"]:
        lines.pop(k)
    for code, of in (("VH-G-005", lines.values()), ("", rejects["text"])):
        for line in of:
            n_alt = 0 if line.split()[4] == "." else line.split()[4].count(",") + 1
            for cell in line.split()[9:]:
                top = max([int(x) for x in cell.split(":")[0].split("/") if x != "."] or [0])
                if top > n_alt:
                    mine = "VH-G-003" if n_alt == 0 and top == 1 else "VH-G-002"
                    n_people[code or mine] += 1
    for told in (found, validate(as_bcf(tmp_path / "x.vcf")) if is_gvcf else found):
        for code, n in n_people.items():
            # People with the same GT, where FORMAT has nothing else, are one problem.
            assert n / 2 <= told.counts.get(code, 0) <= n
    shown = [p.line for p in found.account.first["VH-G-002"]]
    assert shown == sorted(shown)
    assert len(shown) == min(5, found.counts["VH-G-002"])


def test_a_block_that_names_an_alt_is_noted(tmp_path: Path) -> None:
    rows = ["c1 1 . A . . . END=10 GT 0/1", "c1 11 . G <NON_REF> . . END=20 GT 0/2",
            "c1 21 . A T . . . GT 0/1"]  # fmt: skip
    (tmp_path / "x.vcf").write_text(gvcf(rows))
    found = validate(tmp_path / "x.vcf")
    assert found.counts["VH-G-005"] == 2
    assert not rejected(found)
    problems = {p.line: p for p in found.problems if p.code == "VH-G-005"}
    assert [p.severity for _, p in sorted(problems.items())] == ["warning", "error"]
    assert all("nobody is called with it" in p.message for p in problems.values())
    policy = {"record_fault": "refuse", "unchecked_ref": "store"}
    path = write_inputs(tmp_path / "x", {"k": [gvcf(rows)]}, GENOME, policy=policy)
    ingest_here(tmp_path / "x/store", path)
    assert varhouse.open(tmp_path / "x/store").scan("cohorts").collect().height == 1
