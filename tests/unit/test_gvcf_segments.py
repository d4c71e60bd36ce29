"""Copy numbers and repeats inside a gVCF: records of their own, which say nothing of bases."""

from pathlib import Path

import pytest
from stored_states import differences, ingest
from test_gvcf_dialects import as_bcf
from test_gvcf_edges import GENOME, gvcf, one

from varhouse.export.cohort import export_cohort
from varhouse.onefile.validate import validate

KEYS = "".join(
    f'##FORMAT=<ID={k},Number={n},Type={t},Description="x">\n'
    for k, n, t in (
        ("CN", 1, "Integer"), ("NP", 1, "Integer"), ("QS", 1, "Integer"), ("SM", 1, "Float"),
        ("BC", 1, "Integer"), ("SO", 1, "String"), ("REPCN", 1, "String"),
    )
) + "".join(
    f'##INFO=<ID={k},Number={n},Type={t},Description="x">\n'
    for k, n, t in (
        ("SVTYPE", 1, "String"), ("SVLEN", ".", "Integer"), ("REFLEN", 1, "Integer"),
        ("RU", 1, "String"), ("REF", 1, "Integer"), ("RL", 1, "Integer"), ("CN", 1, "Integer"),
    )
)  # fmt: skip
AROUND = (
    "c1 1 . A <NON_REF> . . END=40 GT:DP:GQ 0/0:30:50",
    "c1 41 . A C,<NON_REF> . . . GT:DP:GQ:AD 0/1:30:50:15,15,0",
    "c1 42 . C <NON_REF> . . END=200 GT:DP:GQ 0/0:30:50",
)
SEGMENTS = {
    "gCNV": "c1 60 . T . . . END=90 GT:CN:NP:QS 0:2:9:30",
    "DRAGEN": "c1 60 . T . 9 PASS SVTYPE=CNV;END=90;REFLEN=31 GT:SM:CN:BC ./.:1.0:2:4",
    "CNVnator": "c1 60 . N . . PASS END=90;SVTYPE=CNV GT:CN 0/0:2",
    "ExpansionHunter": "c1 60 . T . . PASS END=68;REF=3;RL=9;RU=ACG GT:SO:REPCN 0/0:S/S:3/3",
    "of N": "c1 60 . N . . . END=90 GT:GQ 0/0:40",
    "in INFO": "c1 60 . T . . . END=90;CN=2 GT:DP 0/0:40",
    "at a variant": "c1 41 . A . . . END=90 GT:CN 0/0:2",
}


def with_keys(rows: list[str]) -> str:
    rows = sorted(rows, key=lambda r: int(r.split()[1]))
    return gvcf(rows).replace("##contig=<ID=c1", KEYS + "##contig=<ID=c1", 1)


@pytest.mark.parametrize("tool", SEGMENTS)
def test_a_segment_says_nothing_of_bases(tmp_path: Path, tool: str) -> None:
    text = with_keys([*AROUND, SEGMENTS[tool]])
    (tmp_path / "with").mkdir()
    store = one(tmp_path / "with", text)
    without = ingest(tmp_path / "without", {"k": [with_keys([*AROUND])]}, GENOME)
    for table in ("runs", "callable", "frequencies"):
        rows = [s.scan(table).collect() for s in (store, without)]
        assert (
            rows[0].drop("record", strict=False).equals(rows[1].drop("record", strict=False))
        )
    assert differences(store, "k", text, GENOME)[1] == []
    assert store.scan("sites").collect().height == 2
    assert store.scan("blocks").collect().height == 2
    assert not store.scan("rejects").collect().height
    export_cohort(store, "k", tmp_path / "out.vcf")
    rows = (tmp_path / "out.vcf").read_text().splitlines()
    wanted = [x for x in text.splitlines() if x[0] != "#"]
    assert sorted(r for r in rows if r[0] != "#") == sorted(wanted)


@pytest.mark.parametrize("tool", SEGMENTS)
def test_what_validate_and_ingest_call_a_block(tmp_path: Path, tool: str) -> None:
    """As VCF and as BCF."""
    path = tmp_path / "x.vcf"
    path.write_text(with_keys([*AROUND, SEGMENTS[tool]]))
    for file in (path, as_bcf(path)):
        found = validate(file)
        assert found.is_gvcf
        message = found.account.first["VH-F-030"][0].message
        assert "of 4 records 2 are reference blocks, 0 others have no ALT" in message
        assert "1 are copy numbers, repeats or * alone" in message


def test_segments_alone_are_no_gvcf(tmp_path: Path) -> None:
    rows = [s for n, s in SEGMENTS.items() if n != "at a variant"]
    rows += [f"c1 {p} . A {a} . . END={p + 9};SVTYPE=CNV GT:CN 0/1:1"
             for p, a in ((101, "<DEL>"), (121, "<DUP>"), (141, "<CNV>"))]  # fmt: skip
    (tmp_path / "x.vcf").write_text(with_keys(rows))
    assert not validate(tmp_path / "x.vcf").is_gvcf


@pytest.mark.parametrize("gt", ["0|0", "0|1"])
def test_a_star_of_a_bcf_that_is_called(tmp_path: Path, gt: str) -> None:
    """`*` alone is a block where no GT names it, in a BCF too, where GT is no text."""
    rows = [*AROUND, f"c1 201 . A * . . . GT:DP:GQ {gt}:30:50"]
    path = tmp_path / "x.vcf"
    path.write_text(with_keys(rows))
    of_text, of_bcf = (validate(f).account.first["VH-F-030"][0] for f in (path, as_bcf(path)))
    assert of_text.message == of_bcf.message
    assert ("1 are copy numbers" in of_text.message) == (gt == "0|1")
